//! The decision matrix: what a team has agreed to do in an incident, row by row.
//!
//! The first row whose conditions are all met decides, so that a row can take for granted that
//! those before it did not fit. What nobody has said or measured is never taken as *no*: a row that
//! could fit if something more were known is shown together with the question.

mod against;
mod assessed;
mod band;
mod measured;
mod symptoms;

pub use against::against;
pub use assessed::Assessed;
pub use band::Band;
pub use measured::{Measure, Measurement, Sample, add_measured, failed_before};
pub use symptoms::{Percent, Symptom, Symptoms};

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use strum::{Display, VariantArray};

use crate::{incident::Severity, proof::spell, refusal::list};

/// What a row advises.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Advice {
    /// Go back at once.
    RollBackNow,
    /// Look first, and go back if what is seen speaks for it.
    AssessFirst,
    /// Switch the feature off, which is quicker and loses less.
    DisableFlag,
    /// Repair it with another release.
    Hotfix,
    /// Watch, and decide again.
    Wait,
    /// Leave it as it is.
    DoNotRollBack,
}

impl Advice {
    /// Every advice, the most urgent first.
    pub const ALL: &'static [Advice] = Self::VARIANTS;

    /// What to do, as people read it.
    pub fn sentence(self) -> &'static str {
        match self {
            Advice::RollBackNow => "Roll back now",
            Advice::AssessFirst => "Assess first, then roll back",
            Advice::DisableFlag => "Disable the flag instead",
            Advice::Hotfix => "A hotfix is better",
            Advice::Wait => "Wait and watch",
            Advice::DoNotRollBack => "Do not roll back",
        }
    }
}

/// When a row fits. Every condition that is there must be met; one without any always fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The severities of which the incident has one; empty: any.
    pub severity: Vec<Severity>,
    /// The symptoms of which there is one; empty: any.
    pub broken: BTreeSet<Symptom>,
    /// The share of requests that fail.
    pub error_rate: Option<Band<Percent>>,
    /// The share of users who are affected.
    pub users: Option<Band<Percent>>,
    /// By how much answers are slower than before.
    pub slower: Option<Band<Percent>>,
    /// How long ago what is live was deployed.
    pub since_deploy: Option<Band<Age>>,
    /// Whether there is a workaround.
    pub workaround: Option<bool>,
}

/// How long ago something was, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(pub u64);

impl FromStr for Age {
    type Err = ();

    /// Reads a whole number with `s`, `m`, `h` or `d` behind it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, unit) = text
            .split_at_checked(text.len().saturating_sub(1))
            .ok_or(())?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(()),
        };
        let number: u32 = number.parse().map_err(|_| ())?;
        Ok(Age(u64::from(number) * seconds))
    }
}

/// One line of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What people call it: *People cannot pay*.
    pub name: String,
    /// When it fits.
    pub when: Conditions,
    /// What it advises.
    pub advice: Advice,
    /// Within which time; `None`: the row names none.
    pub within: Option<Duration>,
    /// The severity that such an incident has; `None`: the row names none.
    pub severity: Option<Severity>,
    /// What else is to be known; `None`: nothing.
    pub note: Option<String>,
    /// The services it is about, by name; empty: all.
    pub services: Vec<String>,
}

/// What is known of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What people have said.
    pub symptoms: Symptoms,
    /// How long ago what is live was deployed; `None`: the platform does not say.
    pub since_deploy: Option<Age>,
}

/// What would have to be known for a row to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// How severe it is.
    Severity,
    /// What is broken.
    Broken,
    /// The share of requests that fail.
    ErrorRate,
    /// The share of users who are affected.
    Users,
    /// By how much answers are slower.
    Slower,
    /// How long ago it was deployed.
    SinceDeploy,
    /// Whether there is a workaround.
    Workaround,
}

impl Question {
    /// How people say it in the command; `None`: only the platform can.
    pub fn example(self) -> Option<&'static str> {
        match self {
            Question::Severity => Some("P1"),
            Question::Broken => Some("payments"),
            Question::ErrorRate => Some("errors 6%"),
            Question::Users => Some("users 20%"),
            Question::Slower => Some("slower 50%"),
            Question::Workaround => Some("workaround"),
            Question::SinceDeploy => None,
        }
    }
}

/// Whether the conditions of a row are met.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Met {
    Yes,
    No,
    /// Nothing speaks against it, and these would have to be known.
    Open(Vec<Question>),
}

impl Conditions {
    fn met(&self, facts: &Facts) -> Met {
        let Facts {
            symptoms,
            since_deploy,
        } = facts;
        let band = |band: &Option<Band<Percent>>, percent: Option<Percent>| {
            band.map(|band| percent.map(|percent| band.holds(percent)))
        };
        let one_of = |wanted: &BTreeSet<Symptom>| {
            let broken = symptoms.broken.as_ref();
            (!wanted.is_empty()).then(|| broken.map(|broken| !broken.is_disjoint(wanted)))
        };
        let severity = (!self.severity.is_empty()).then(|| {
            let severity = symptoms.severity;
            severity.map(|severity| self.severity.contains(&severity))
        });
        let workaround = self
            .workaround
            .map(|wanted| symptoms.workaround.map(|there_is| there_is == wanted));
        let age = self
            .since_deploy
            .map(|band| since_deploy.map(|age| band.holds(age)));
        // Each: `None` where the row does not care, then whether it is met, as far as is known.
        let each = [
            (Question::Severity, severity),
            (Question::Broken, one_of(&self.broken)),
            (
                Question::ErrorRate,
                band(&self.error_rate, symptoms.error_rate),
            ),
            (Question::Users, band(&self.users, symptoms.users)),
            (Question::Slower, band(&self.slower, symptoms.slower)),
            (Question::SinceDeploy, age),
            (Question::Workaround, workaround),
        ];
        let mut open = vec![];
        for (question, met) in each {
            match met {
                None | Some(Some(true)) => {}
                Some(Some(false)) => return Met::No,
                Some(None) => open.push(question),
            }
        }
        match open.is_empty() {
            true => Met::Yes,
            false => Met::Open(open),
        }
    }

    /// Whether these are met whenever `other` are.
    fn covers(&self, other: &Conditions) -> bool {
        fn all_of<T: Ord>(mine: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
            mine.is_empty() || (!other.is_empty() && other.is_subset(mine))
        }
        fn band<N: Copy + Ord>(mine: Option<Band<N>>, other: Option<Band<N>>) -> bool {
            mine.is_none_or(|mine| other.is_some_and(|other| mine.covers(&other)))
        }
        let set = |severities: &[Severity]| severities.iter().copied().collect::<BTreeSet<_>>();
        all_of(&set(&self.severity), &set(&other.severity))
            && all_of(&self.broken, &other.broken)
            && band(self.error_rate, other.error_rate)
            && band(self.users, other.users)
            && band(self.slower, other.slower)
            && band(self.since_deploy, other.since_deploy)
            && (self.workaround.is_none() || self.workaround == other.workaround)
    }

    /// What must be the case, as one clause: *people cannot sign in, and more than 50 % of users
    /// are affected*; `None`: it always fits.
    pub fn clause(&self) -> Option<String> {
        let mut clauses = vec![];
        if !self.severity.is_empty() {
            let names: Vec<String> = self.severity.iter().map(Severity::to_string).collect();
            clauses.push(format!("the incident is {}", list(&names, "or")));
        }
        if !self.broken.is_empty() {
            let symptoms: Vec<String> = self
                .broken
                .iter()
                .map(|one| one.clause().to_owned())
                .collect();
            clauses.push(list(&symptoms, "or"));
        }
        clauses.extend(
            self.error_rate
                .map(|rate| format!("{rate} of requests fail")),
        );
        clauses.extend(
            self.users
                .map(|users| format!("{users} of users are affected")),
        );
        clauses.extend(
            self.slower
                .map(|slower| format!("answers are {slower} slower than before")),
        );
        clauses.extend(self.since_deploy.map(|age| {
            let mut clause = String::new();
            // Writing to a text cannot fail.
            let _ = age.write(&mut clause, |Age(seconds)| {
                spell(Duration::from_secs(seconds))
            });
            format!("it was deployed {clause} ago")
        }));
        clauses.extend(self.workaround.map(|there_is| match there_is {
            true => "there is a workaround".to_owned(),
            false => "there is no workaround".to_owned(),
        }));
        match clauses.len() {
            0 => None,
            _ => Some(clauses.join(", and ")),
        }
    }
}

impl Row {
    /// Whether it is about a service, by its name.
    fn is_about(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name == service)
    }

    /// Whether it decides before `later` in all that `later` is about.
    fn hides(&self, later: &Row) -> bool {
        let services = self.services.is_empty()
            || (!later.services.is_empty()
                && later
                    .services
                    .iter()
                    .all(|name| self.services.contains(name)));
        services && self.when.covers(&later.when)
    }

    /// What it advises, with the time it leaves: *Roll back now, within 15m.*
    pub fn sentence(&self) -> String {
        match self.within {
            None => format!("{}.", self.advice.sentence()),
            Some(within) => format!("{}, within {}.", self.advice.sentence(), spell(within)),
        }
    }
}

/// What a matrix says of what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// The row that decides, as far as is known; `None`: no row fits.
    pub decided: Option<&'a Row>,
    /// Further rows that fit, in order.
    pub also: Vec<&'a Row>,
    /// Rows that would decide instead if the answers to their questions were known and fitted, in
    /// order.
    pub open: Vec<(&'a Row, Vec<Question>)>,
}

impl<'a> Assessment<'a> {
    /// Whether nothing that is not known could make it more urgent.
    pub fn is_settled(&self) -> bool {
        let advice = self.decided.map(|row| row.advice);
        !self
            .open
            .iter()
            .any(|(row, _)| advice.is_none_or(|advice| row.advice < advice))
    }

    /// The row whose advice counts: the one that decides, unless something more urgent is open.
    pub fn advice(&self) -> Option<&'a Row> {
        self.decided.filter(|_| self.is_settled())
    }

    /// What would have to be known, once each.
    pub fn questions(&self) -> BTreeSet<Question> {
        let questions = self.open.iter().flat_map(|(_, questions)| questions);
        questions.copied().collect()
    }
}

/// Reads the matrix for one service.
pub fn assess<'a>(rows: &'a [Row], service: &str, facts: &Facts) -> Assessment<'a> {
    let mut assessment = Assessment {
        decided: None,
        also: vec![],
        open: vec![],
    };
    for row in rows.iter().filter(|row| row.is_about(service)) {
        match (row.when.met(facts), assessment.decided) {
            (Met::Yes, None) => assessment.decided = Some(row),
            (Met::Yes, Some(_)) => assessment.also.push(row),
            (Met::Open(questions), None) => assessment.open.push((row, questions)),
            (Met::Open(_), Some(_)) | (Met::No, _) => {}
        }
    }
    assessment
}

/// A row that can never decide, because one before it always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden<'a> {
    /// The row that never decides.
    pub row: &'a Row,
    /// The one that decides in its place.
    pub by: &'a Row,
}

impl Hidden<'_> {
    /// Whether the two say different things of the same case.
    pub fn contradicts(&self) -> bool {
        self.row.advice != self.by.advice && self.row.hides(self.by)
    }
}

/// Every row that can never decide.
pub fn hidden(rows: &[Row]) -> Vec<Hidden<'_>> {
    let by = |index: usize, row: &Row| rows[..index].iter().find(|before| before.hides(row));
    let rows = rows.iter().enumerate();
    rows.filter_map(|(index, row)| by(index, row).map(|by| Hidden { row, by }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, when: Conditions, advice: Advice) -> Row {
        Row {
            name: name.into(),
            when,
            advice,
            within: None,
            severity: None,
            note: None,
            services: vec![],
        }
    }

    fn broken(symptom: Symptom) -> Conditions {
        Conditions {
            broken: [symptom].into(),
            ..Conditions::default()
        }
    }

    fn errors(band: &str) -> Conditions {
        Conditions {
            error_rate: Some(band.parse().expect(band)),
            ..Conditions::default()
        }
    }

    fn matrix() -> Vec<Row> {
        vec![
            row("pay", broken(Symptom::Payments), Advice::RollBackNow),
            row("errors", errors("> 10"), Advice::AssessFirst),
            row("some errors", errors("> 1"), Advice::Wait),
            row("else", Conditions::default(), Advice::Hotfix),
        ]
    }

    fn facts(broken: Option<&[Symptom]>, error_rate: Option<&str>) -> Facts {
        Facts {
            symptoms: Symptoms {
                broken: broken.map(|broken| broken.iter().copied().collect()),
                error_rate: error_rate.map(|rate| rate.parse().expect(rate)),
                ..Symptoms::default()
            },
            since_deploy: None,
        }
    }

    fn names<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<&'a str> {
        rows.into_iter().map(|row| row.name.as_str()).collect()
    }

    #[test]
    fn the_first_row_that_fits_decides() {
        let matrix = matrix();
        let both = facts(Some(&[Symptom::Payments]), Some("12"));
        let said = assess(&matrix, "frontend", &both);
        assert_eq!(names(said.decided), ["pay"]);
        assert_eq!(names(said.also), ["errors", "some errors", "else"]);
        assert!(said.open.is_empty());

        let slow = facts(Some(&[Symptom::Slow]), Some("10"));
        let said = assess(&matrix, "frontend", &slow);
        assert_eq!(names(said.decided), ["some errors"]);
    }

    #[test]
    fn what_is_not_known_is_asked_for_and_never_taken_as_no() {
        let matrix = matrix();
        let nothing = Facts::default();
        let said = assess(&matrix, "frontend", &nothing);
        assert_eq!(names(said.decided), ["else"]);
        assert!(!said.is_settled());
        assert_eq!(
            said.questions(),
            [Question::Broken, Question::ErrorRate].into()
        );
        let open: Vec<_> = said
            .open
            .iter()
            .map(|(row, questions)| (row.name.as_str(), questions.as_slice()))
            .collect();
        assert_eq!(
            open,
            [
                ("pay", &[Question::Broken][..]),
                ("errors", &[Question::ErrorRate]),
                ("some errors", &[Question::ErrorRate]),
            ]
        );
        // What is known to be broken settles what is not.
        let slow = facts(Some(&[Symptom::Slow]), None);
        let said = assess(&matrix, "frontend", &slow);
        assert_eq!(
            names(said.open.iter().map(|(row, _)| *row)),
            ["errors", "some errors"]
        );
    }

    #[test]
    fn rows_of_other_services_say_nothing() {
        let mut matrix = matrix();
        matrix[0].services = vec!["shop".into()];
        let broken = facts(Some(&[Symptom::Payments]), Some("0"));
        assert_eq!(
            names(assess(&matrix, "frontend", &broken).decided),
            ["else"]
        );
        assert_eq!(names(assess(&matrix, "shop", &broken).decided), ["pay"]);
    }

    #[test]
    fn rows_that_never_decide_are_found() {
        let mut matrix = matrix();
        assert!(hidden(&matrix).is_empty());
        matrix.swap(1, 2);
        let found = hidden(&matrix);
        assert_eq!(names(found.iter().map(|hidden| hidden.row)), ["errors"]);
        assert!(!found[0].contradicts());
        matrix.push(row("pay too", broken(Symptom::Payments), Advice::Wait));
        let found = hidden(&matrix);
        let last = found.last().expect("the new row");
        assert_eq!(
            (last.row.name.as_str(), last.by.name.as_str()),
            ("pay too", "pay")
        );
        assert!(last.contradicts());
        // A row for one service does not hide one for all.
        matrix[0].services = vec!["shop".into()];
        assert_eq!(
            hidden(&matrix).last().map(|hidden| hidden.by.name.as_str()),
            Some("else")
        );
    }

    #[test]
    fn conditions_are_said_in_one_clause() {
        let when = Conditions {
            severity: vec![Severity::P1, Severity::P2],
            users: Some("> 50".parse().expect("a range")),
            since_deploy: Some("< 10m".parse().expect("a range")),
            workaround: Some(false),
            ..broken(Symptom::Login)
        };
        assert_eq!(
            when.clause().as_deref(),
            Some(
                "the incident is P1 or P2, and people cannot sign in, and more than 50 % of users \
                 are affected, and it was deployed less than 10 m ago, and there is no workaround"
            )
        );
        assert_eq!(Conditions::default().clause(), None);
    }
}
