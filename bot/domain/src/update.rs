//! Updates: what the team, other teams and customers are told of an incident.
//!
//! An update is drafted from the record, edited by a person, and published by somebody who may. A
//! draft never changes: the person who edits it makes another one. What was published is corrected by
//! another update, which takes its place wherever it was published.

use crate::{
    identity::IncidentId,
    people::Person,
    proof::Verdict,
    refusal::Refusal,
    rollback::{Rollback, State},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};
use strum::VariantArray;

/// The most characters that the title of an update may have.
pub const TITLE_AT_MOST: usize = 120;
/// The most characters that the text of an update may have.
pub const TEXT_AT_MOST: usize = 2_900;
/// What begins where the record does not know something that an update should say.
pub const GAP: &str = "[not recorded: ";
/// How soon the next update may be promised, and how late.
const NEXT_WITHIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(24 * 3_600);

/// What an update says of an incident, and to whom.
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
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum UpdateKind {
    /// To the team: a rollback was begun.
    Initiated,
    /// To the team: it goes on.
    InProgress,
    /// To the team: it is done.
    Executed,
    /// To the team: it did not work.
    Failed,
    /// To customers: the cause is not known.
    Investigating,
    /// To customers: the cause is known.
    Identified,
    /// To customers: something was done about it, and it is watched whether that holds.
    Monitoring,
    /// To customers: it is over.
    Resolved,
}

impl UpdateKind {
    /// Every kind: first those for the team.
    pub const ALL: &'static [UpdateKind] = <UpdateKind as VariantArray>::VARIANTS;

    /// What people call it in a command.
    pub fn name(self) -> &'static str {
        match self {
            UpdateKind::Initiated => "initiated",
            UpdateKind::InProgress => "in-progress",
            UpdateKind::Executed => "executed",
            UpdateKind::Failed => "failed",
            UpdateKind::Investigating => "investigating",
            UpdateKind::Identified => "identified",
            UpdateKind::Monitoring => "monitoring",
            UpdateKind::Resolved => "resolved",
        }
    }

    /// The kind that is called so, in any case.
    pub fn named(word: &str) -> Option<UpdateKind> {
        let word = word.to_ascii_lowercase().replace('_', "-");
        let kinds = UpdateKind::ALL.iter().copied();
        kinds.into_iter().find(|kind| kind.name() == word)
    }

    /// Whether it is for customers.
    pub fn is_external(self) -> bool {
        match self {
            UpdateKind::Initiated
            | UpdateKind::InProgress
            | UpdateKind::Executed
            | UpdateKind::Failed => false,
            UpdateKind::Investigating
            | UpdateKind::Identified
            | UpdateKind::Monitoring
            | UpdateKind::Resolved => true,
        }
    }

    /// The kind for the team that fits the latest of an incident's rollbacks.
    pub fn fitting(rollbacks: &[Rollback]) -> UpdateKind {
        let Some(latest) = rollbacks.iter().max_by_key(|rollback| rollback.id) else {
            return UpdateKind::InProgress;
        };
        match &latest.state {
            State::Planning | State::Proposed { .. } => UpdateKind::Initiated,
            State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. } => UpdateKind::InProgress,
            State::Resolved { done: true, .. } => UpdateKind::Executed,
            State::Watching { .. } | State::Closed => match latest.proof.verdict {
                Some(Verdict::Verified | Verdict::Unproven) | None => UpdateKind::Executed,
                Some(Verdict::StillFailing | Verdict::WrongVersion) => UpdateKind::Failed,
            },
            State::Failed { .. } | State::Partial { .. } | State::Resolved { done: false, .. } => {
                UpdateKind::Failed
            }
            State::Blocked { .. }
            | State::Rehearsed
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => UpdateKind::InProgress,
        }
    }
}

impl fmt::Display for UpdateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('-', " "))
    }
}

/// An update of an incident, as a draft or as it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusUpdate {
    /// Its number, by which it is shown again: 7.
    pub number: i64,
    /// The incident.
    pub incident: IncidentId,
    /// The Slack channel of the incident.
    pub channel: String,
    /// What it says, and to whom.
    pub kind: UpdateKind,
    /// What it is about, in a few words, as [`plain_line`] makes it.
    pub title: String,
    /// What it says, as [`plain_lines`] makes it.
    pub text: String,
    /// Until when the next one is promised; `None`: none is.
    pub next_at: Option<Timestamp>,
    /// Why it says *resolved* although a rollback is not verified; `None`: nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The number of the first one that it takes the place of; `None`: it is a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<i64>,
    /// Who drafted it.
    pub drafted_by: Person,
    /// When they did.
    pub drafted_at: Timestamp,
    /// Who published it, and when; `None`: it is a draft.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Published>,
    /// The places outside of Slack that get it, by the name that the configuration has for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outside: BTreeMap<String, Delivery>,
}

/// Whether an update has arrived at a place outside of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It is to be sent.
    Waiting,
    /// It is to be sent, and begins anew there: what those before it made is gone.
    WaitingAnew,
    /// It is there.
    Taken(NoticePlace),
    /// It is not taken.
    Refused {
        /// What happened and what to do.
        why: String,
        /// Whether what the updates before made of it is not there any more.
        is_gone: bool,
    },
}

impl Delivery {
    /// What becomes of it when it is sent again: what is there stays there.
    pub fn again(&self) -> Delivery {
        match self {
            Delivery::Refused { is_gone: true, .. } => Delivery::WaitingAnew,
            Delivery::Refused { is_gone: false, .. } => Delivery::Waiting,
            Delivery::Waiting | Delivery::WaitingAnew | Delivery::Taken(_) => self.clone(),
        }
    }

    /// Whether it is to be sent.
    pub fn is_waiting(&self) -> bool {
        match self {
            Delivery::Waiting | Delivery::WaitingAnew => true,
            Delivery::Taken(_) | Delivery::Refused { .. } => false,
        }
    }
}

/// Where an update is, at a place outside of Slack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticePlace {
    /// The id of the incident there.
    pub incident: String,
    /// The id of the update there; `None`: it has none.
    pub update: Option<String>,
    /// The address for people; `None`: there is none.
    pub link: Option<String>,
}

/// That an update was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Who said so.
    pub by: Person,
    /// When they did.
    pub at: Timestamp,
    /// The Slack channels, by id, that get it.
    pub channels: Vec<String>,
}

impl StatusUpdate {
    /// The number under which it is known wherever it was published: its own, or that of the one
    /// that it takes the place of.
    pub fn root(&self) -> i64 {
        self.corrects.unwrap_or(self.number)
    }

    /// What is published: the text, and when the next update is promised.
    pub fn body(&self) -> String {
        match self.next_at {
            Some(at) => format!(
                "{}\n\nNext update by {}.",
                self.text,
                at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            None => self.text.clone(),
        }
    }

    /// How many things it leaves open that the record did not know.
    pub fn gaps(&self) -> usize {
        self.text.matches(GAP).count() + self.title.matches(GAP).count()
    }

    /// Why it may not say what it says, as the rollbacks of its incident stand; `None`: it may.
    pub fn why_not(&self, rollbacks: &[Rollback]) -> Option<Refusal> {
        let is_too_early = self.kind == UpdateKind::Resolved && self.because.is_none();
        is_too_early.then(|| why_not_resolved(rollbacks)).flatten()
    }

    /// What else people may want to look at before they publish it to customers, as clauses.
    pub fn cautions(&self, now: Timestamp) -> Vec<String> {
        let mut cautions = vec![];
        if self.next_at.is_some_and(|at| at <= now) {
            cautions.push("it promises the next update for a time that is over".to_owned());
        }
        match self.gaps() {
            0 => {}
            1 => cautions.push("it has a gap that would be published as it stands".to_owned()),
            gaps => cautions.push(format!(
                "it has {gaps} gaps that would be published as they stand"
            )),
        }
        if self.kind.is_external() {
            let text = format!("{} {}", self.title, self.text);
            let words = || text.split_whitespace().map(bare);
            if let Some(name) = words().find(|word| word.len() > 1 && word.starts_with('@')) {
                cautions.push(format!("it names {name}"));
            }
            if let Some(host) = words().find(|word| is_internal(word)) {
                cautions.push(format!("it names {host}, which customers cannot reach"));
            }
        }
        cautions
    }
}

/// The update that is to be sent to a place next, with where those before it are; `None`: none is.
/// They are sent in the order in which they were published, and one that was refused keeps none
/// behind it.
pub fn next_for<'a>(
    name: &str,
    published: &'a [StatusUpdate],
) -> Option<(&'a StatusUpdate, Option<&'a NoticePlace>)> {
    let mut in_order: Vec<&StatusUpdate> = published.iter().collect();
    in_order.sort_by_key(|update| {
        let at = update.published.as_ref().map(|published| published.at);
        (at, update.number)
    });
    let mut place = None;
    for update in in_order {
        match update.outside.get(name) {
            Some(Delivery::Waiting) => return Some((update, place)),
            Some(Delivery::WaitingAnew) => return Some((update, None)),
            Some(Delivery::Taken(there)) => place = Some(there),
            Some(Delivery::Refused { is_gone: true, .. }) => place = None,
            Some(Delivery::Refused { is_gone: false, .. }) | None => {}
        }
    }
    None
}

/// Why an incident cannot be called resolved yet; `None`: each service's last rollback that was
/// begun is verified, or there is none.
pub fn why_not_resolved(rollbacks: &[Rollback]) -> Option<Refusal> {
    let mut latest = BTreeMap::new();
    for rollback in rollbacks {
        let did_nothing = rollback.state.is_ended() && rollback.times.asked.is_none();
        if !did_nothing {
            latest.insert(&rollback.service, rollback);
        }
    }
    let unverified = latest.into_values().find(|rollback| {
        let is_over = rollback.state.is_ended() || matches!(rollback.state, State::Watching { .. });
        let is_verified = rollback.proof.verdict == Some(Verdict::Verified)
            && rollback.proof.drifted.is_none()
            && is_over;
        !is_verified
    })?;
    Some(Refusal::ResolvedTooEarly {
        id: unverified.id,
        word: unverified.word(),
    })
}

/// When the next update is due that is promised in so long, as people write it: `30m`, `2h`, `90`
/// minutes; `None`: that is no such time, or not between a minute and a day.
pub fn next_within(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let number: u64 = digits.trim().parse().ok()?;
    let seconds = match text[digits.len()..].trim() {
        "" | "m" | "min" | "minutes" | "minute" => number.checked_mul(60)?,
        "h" | "hour" | "hours" => number.checked_mul(3_600)?,
        _ => return None,
    };
    let within = Duration::from_secs(seconds);
    NEXT_WITHIN.contains(&within).then_some(within)
}

/// Text on one line that means the same wherever it is published: without control characters and
/// without what a page could take for an element.
pub fn plain_line(text: &str) -> String {
    let line = plain_lines(text);
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same for text of several lines.
pub fn plain_lines(text: &str) -> String {
    let letters = text.chars().filter_map(|letter| match letter {
        '<' => Some('‹'),
        '>' => Some('›'),
        '\n' => Some(letter),
        letter if letter.is_control() => Some(' '),
        // They turn the order of what others show, or show nothing.
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => None,
        letter => Some(letter),
    });
    letters.collect::<String>().trim().to_owned()
}

/// A word without what stands around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| {
        matches!(
            letter,
            '"' | '\'' | '(' | ')' | ',' | ';' | ':' | '!' | '?' | '.'
        )
    })
}

/// Whether a word is the name or address of a machine that only the team knows.
fn is_internal(word: &str) -> bool {
    let host = word.split_once("://").map_or(word, |(_, host)| host);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let of_team = [".internal", ".local", ".svc", ".lan", ".corp"];
    host == "localhost"
        || host.parse::<std::net::Ipv4Addr>().is_ok()
        || of_team.iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(kind: UpdateKind, text: &str) -> StatusUpdate {
        StatusUpdate {
            number: 7,
            incident: IncidentId::new(1),
            channel: "C1".into(),
            kind,
            title: "Checkout".into(),
            text: text.into(),
            next_at: None,
            because: None,
            corrects: None,
            drafted_by: Person::new("U1", "sam"),
            drafted_at: Timestamp::UNIX_EPOCH,
            published: None,
            outside: BTreeMap::new(),
        }
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in UpdateKind::ALL {
            assert_eq!(UpdateKind::named(&kind.name().to_uppercase()), Some(*kind));
        }
        assert_eq!(
            UpdateKind::named("In_Progress"),
            Some(UpdateKind::InProgress)
        );
        assert_eq!(UpdateKind::named("done"), None);
    }

    #[test]
    fn the_next_update_is_due_within_a_day() {
        let minutes = |text| next_within(text).map(|within| within.as_secs() / 60);
        assert_eq!(minutes("30m"), Some(30));
        assert_eq!(minutes(" 45 min "), Some(45));
        assert_eq!(minutes("90"), Some(90));
        assert_eq!(minutes("2h"), Some(120));
        for text in [
            "",
            "0",
            "25h",
            "soon",
            "-5m",
            "1.5h",
            "m",
            "99999999999999999999h",
        ] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }

    #[test]
    fn a_promise_stands_below_the_text() {
        let mut update = update(UpdateKind::Identified, "We know why.");
        assert_eq!(update.body(), "We know why.");
        update.next_at = "2026-03-14T03:42:00Z".parse().ok();
        assert_eq!(
            update.body(),
            "We know why.\n\nNext update by 2026-03-14 03:42 UTC."
        );
        let late = update.next_at.unwrap_or_default();
        assert_eq!(
            update.cautions(late),
            ["it promises the next update for a time that is over"]
        );
    }

    #[test]
    fn what_a_page_could_take_for_an_element_is_text() {
        assert_eq!(
            plain_lines(" <script>x</script>\r\n\u{1b}[31mred\u{202e}der & more\n"),
            "‹script›x‹/script› \n [31mredder & more"
        );
        assert_eq!(plain_line("a\n b"), "a b");
    }

    #[test]
    fn what_customers_should_not_read_is_pointed_out() {
        let cautions = |kind, text| update(kind, text).cautions(Timestamp::UNIX_EPOCH);
        assert_eq!(cautions(UpdateKind::Monitoring, "It works again."), [""; 0]);
        assert_eq!(
            cautions(
                UpdateKind::Monitoring,
                "[not recorded: since when], says @kim, see http://db-1.internal:80/x."
            ),
            [
                "it has a gap that would be published as it stands",
                "it names @kim",
                "it names http://db-1.internal:80/x, which customers cannot reach",
            ]
        );
        assert_eq!(
            cautions(UpdateKind::Executed, "10.0.0.1 is back, says @kim"),
            [""; 0]
        );
    }

    #[test]
    fn updates_are_sent_in_the_order_in_which_they_were_published() {
        let published = |number, at, delivery| StatusUpdate {
            number,
            published: Some(Published {
                by: Person::new("U1", "sam"),
                at: Timestamp::from_second(at).unwrap_or_default(),
                channels: vec![],
            }),
            outside: BTreeMap::from([("page".to_owned(), delivery)]),
            ..update(UpdateKind::Monitoring, "")
        };
        let place = NoticePlace {
            incident: "abc".into(),
            ..NoticePlace::default()
        };
        let refused = |is_gone| Delivery::Refused {
            why: "422".into(),
            is_gone,
        };
        let next = |updates: &[StatusUpdate]| {
            let next = next_for("page", updates);
            next.map(|(update, place)| (update.number, place.cloned()))
        };
        let taken = published(1, 10, Delivery::Taken(place.clone()));
        // It was drafted before the first one that waits, and published after it.
        let late = published(2, 40, Delivery::Waiting);
        let waiting = published(4, 30, Delivery::Waiting);
        let skipped = published(3, 20, refused(false));
        assert_eq!(
            next(&[
                late.clone(),
                waiting.clone(),
                skipped.clone(),
                taken.clone()
            ]),
            Some((4, Some(place)))
        );
        assert_eq!(
            next(&[taken.clone(), published(3, 20, refused(true)), waiting]),
            Some((4, None))
        );
        let again = published(3, 20, refused(true).again());
        assert_eq!(next(&[taken.clone(), again]), Some((3, None)));
        assert_eq!(next(&[taken, skipped]), None);
        assert_eq!(next_for("another", &[late]), None);
    }
}
