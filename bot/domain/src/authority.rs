//! Who may say yes, and why: people, roles, rule and plan in, a verdict with its reasons out.
//!
//! Nothing is asked here. What Slack, PagerDuty and the configuration say comes in as a
//! [`Roster`] and a [`Membership`], each fact with where it came from and how old it is. What is not
//! known is neither yes nor no ([`Truth`]): it never lets anybody approve.
//!
//! The card's *Needs* line, `who`, `why` and every refusal about authority are printed from here.

use crate::{
    identity::RollbackId,
    people::{Membership, Person},
    policy::{Policy, Rule},
    proof::spell,
    refusal::{Refusal, Tone, list, list_few},
    risk::Risk,
    rollback::Approval,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, time::Duration};

/// What is known of something: yes, no, or not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is its name")]
pub enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    fn of(yes: bool) -> Truth {
        match yes {
            true => Truth::Yes,
            false => Truth::No,
        }
    }

    /// No if one is no, yes if all are yes, otherwise not known.
    fn all(parts: &[Reason]) -> Truth {
        let any = |truth| parts.iter().any(|part| part.truth == truth);
        match (any(Truth::No), any(Truth::Unknown)) {
            (true, _) => Truth::No,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::Yes,
        }
    }

    /// Yes if one is yes, no if all are no, otherwise not known.
    fn any(parts: &[Reason]) -> Truth {
        let any = |truth| parts.iter().any(|part| part.truth == truth);
        match (any(Truth::Yes), any(Truth::Unknown)) {
            (true, _) => Truth::Yes,
            (false, true) => Truth::Unknown,
            (false, false) => Truth::No,
        }
    }
}

/// Where the members of a role come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "from", content = "id", rename_all = "snake_case")]
pub enum Source {
    /// Listed in the configuration.
    Listed,
    /// A Slack user group.
    SlackGroup(String),
    /// The people on call in a PagerDuty schedule.
    PagerDutySchedule(String),
    /// The people on call at the first level of a PagerDuty escalation policy.
    PagerDutyPolicy(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Listed => f.write_str("configuration"),
            Source::SlackGroup(id) => write!(f, "Slack group {id}"),
            Source::PagerDutySchedule(id) => write!(f, "PagerDuty schedule {id}"),
            Source::PagerDutyPolicy(id) => write!(f, "PagerDuty escalation policy {id}"),
        }
    }
}

/// What a source said when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Found {
    /// These people, by Slack id.
    People {
        /// Their ids.
        ids: Vec<String>,
        /// People it named who are nobody in Slack, as it names them.
        unmatched: Vec<String>,
        /// When it was read; `None`: it is the configuration itself.
        read_at: Option<Timestamp>,
    },
    /// Nothing that can be used, and why.
    Nothing {
        /// Why, as a clause.
        why: String,
        /// When it was asked; `None`: it never was.
        read_at: Option<Timestamp>,
        /// Whether the source answered with an error; otherwise it did not answer at all.
        #[serde(default)]
        answered: bool,
    },
}

/// What a service asks for, and what the record knows of its roles.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What it asks for.
    pub policy: Policy,
    /// Who is in its roles, as last read.
    pub roster: Roster,
}

/// The members of every role, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster(pub BTreeMap<String, Vec<(Source, Found)>>);

impl Roster {
    /// The people who are known to be in a role, each once, in the order of the sources.
    pub fn members(&self, role: &str) -> Vec<&str> {
        let mut members: Vec<&str> = vec![];
        for (_, found) in self.0.get(role).into_iter().flatten() {
            if let Found::People { ids, .. } = found {
                for id in ids {
                    if !members.contains(&id.as_str()) {
                        members.push(id);
                    }
                }
            }
        }
        members
    }

    /// Whether somebody is in a role, and what each source says.
    fn holds(&self, role: &str, id: &str) -> Reason {
        let sources: Vec<Reason> = self
            .0
            .get(role)
            .into_iter()
            .flatten()
            .map(|(source, found)| match found {
                Found::People {
                    ids,
                    unmatched,
                    read_at,
                } => {
                    let strangers = match unmatched.is_empty() {
                        true => String::new(),
                        false => format!(
                            "; not in Slack: {}",
                            unmatched.join(", ").replace(PEOPLE, "")
                        ),
                    };
                    let nobody = if ids.is_empty() { "nobody" } else { "" };
                    Reason {
                        truth: Truth::of(ids.iter().any(|member| member == id)),
                        rule: role.to_owned(),
                        found: format!("{nobody}{PEOPLE}{strangers}"),
                        people: ids.clone(),
                        origin: Some(Origin {
                            from: source.to_string(),
                            read_at: *read_at,
                        }),
                        parts: vec![],
                    }
                }
                Found::Nothing { why, read_at, .. } => Reason {
                    truth: Truth::Unknown,
                    rule: role.to_owned(),
                    found: why.replace(PEOPLE, ""),
                    people: vec![],
                    origin: Some(Origin {
                        from: source.to_string(),
                        read_at: *read_at,
                    }),
                    parts: vec![],
                },
            })
            .collect();
        let truth = Truth::any(&sources);
        match <[Reason; 1]>::try_from(sources) {
            Ok([only]) => only,
            Err(parts) => Reason {
                truth,
                rule: role.to_owned(),
                found: match (parts.is_empty(), truth) {
                    (true, _) => "there is no such role in the configuration".into(),
                    (_, Truth::Yes) => "one of its sources names them".into(),
                    (_, Truth::No) => "none of its sources names them".into(),
                    (_, Truth::Unknown) => "not all of its sources answer".into(),
                },
                people: vec![],
                origin: None,
                parts,
            },
        }
    }
}

/// Where a fact came from, and how old it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who said so.
    pub from: String,
    /// When it was read; `None`: it is as configured, or was never read.
    pub read_at: Option<Timestamp>,
}

/// The placeholder for people in a text; their names replace it. No source can contain it.
pub const PEOPLE: &str = "\u{1}";

/// One reason: what was wanted, what was found, and the reasons for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Whether it holds.
    pub truth: Truth,
    /// What was wanted, as a clause.
    pub rule: String,
    /// What was found, as a clause; [`PEOPLE`] stands for [`Reason::people`].
    pub found: String,
    /// The Slack ids of the people that were found.
    pub people: Vec<String>,
    /// Where that is known from.
    pub origin: Option<Origin>,
    /// Why.
    pub parts: Vec<Reason>,
}

impl Reason {
    fn new(truth: Truth, rule: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            truth,
            rule: rule.into(),
            found: found.into(),
            people: vec![],
            origin: None,
            parts: vec![],
        }
    }

    /// One line for each reason, each below the one it belongs to.
    pub fn tree(&self, tone: &dyn Tone, now: Timestamp) -> String {
        let mut lines = vec![];
        self.write(&mut lines, 0, tone, now);
        lines.join("\n")
    }

    fn write(&self, lines: &mut Vec<String>, depth: usize, tone: &dyn Tone, now: Timestamp) {
        let word = match self.truth {
            Truth::Yes => "yes",
            Truth::No => "no",
            Truth::Unknown => "unknown",
        };
        let people: Vec<String> = self.people.iter().map(|id| tone.person(id)).collect();
        let pieces = self.found.split(PEOPLE).map(|piece| tone.text(piece));
        let found = pieces.collect::<Vec<_>>().join(&list_few(&people, "and"));
        let origin = match &self.origin {
            None => String::new(),
            Some(Origin {
                from,
                read_at: None,
            }) => format!(" ({})", tone.text(from)),
            Some(Origin {
                from,
                read_at: Some(at),
            }) => {
                // What did not answer was asked, and not read.
                let done = match self.truth {
                    Truth::Unknown => "asked",
                    Truth::Yes | Truth::No => "read",
                };
                format!(" ({}, {done} {})", tone.text(from), ago(*at, now))
            }
        };
        let found = match found.is_empty() {
            true => String::new(),
            false => format!(": {found}"),
        };
        lines.push(format!(
            "{}{word} · {}{found}{origin}",
            "    ".repeat(depth),
            tone.text(&self.rule),
        ));
        for part in &self.parts {
            part.write(lines, depth + 1, tone, now);
        }
    }

    /// The first reason without further reasons that has this truth.
    fn first(&self, truth: Truth) -> Option<&Reason> {
        if self.truth != truth {
            return None;
        }
        self.parts
            .iter()
            .find_map(|part| part.first(truth))
            .or(Some(self))
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(now.duration_since(at)).unwrap_or_default() {
        age if age < Duration::from_secs(2) => "just now".into(),
        age => format!("{} ago", spell(age)),
    }
}

/// What came of weighing one person against one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The reasons, the question on top.
    pub reason: Reason,
    /// The roles of the rule that they are known to have.
    pub roles: Vec<String>,
    /// What they are told if it is not a yes.
    pub refusal: Option<Refusal>,
    /// What would have to change, as a sentence; empty when nothing has to.
    pub otherwise: Otherwise,
}

/// What would change a verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Otherwise {
    /// A sentence, if there is something to say besides who could.
    pub sentence: String,
    /// Who could say yes now, by Slack id.
    pub people: Vec<String>,
}

impl Verdict {
    /// Yes, with the roles that count; anything else is the refusal.
    pub fn admit(self) -> Result<Vec<String>, Refusal> {
        match self.refusal {
            None => Ok(self.roles),
            Some(refusal) => Err(refusal),
        }
    }
}

/// A rollback that somebody may or may not say yes to.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Which rollback; `None`: there is none yet, and only the roles count.
    pub rollback: Option<RollbackId>,
    /// The class of its plan.
    pub risk: Risk,
    /// What that class needs.
    pub rule: &'a Rule,
    /// Who asked; `None`: nobody yet.
    pub requester: Option<&'a Person>,
    /// Who said yes already.
    pub approvals: &'a [Approval],
    /// What is known of the roles.
    pub roster: &'a Roster,
}

/// What is still missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// So many more people.
    pub people: usize,
    /// Whether one of them must come from [`Rule::one_of`].
    pub one_of: bool,
}

impl Case<'_> {
    /// What the rollback is called in a sentence.
    fn name(&self) -> String {
        self.rollback.map_or("it".to_owned(), |id| id.to_string())
    }

    fn is_requester(&self, person: &Person) -> bool {
        self.requester.is_some_and(|asked| asked.id == person.id)
    }

    /// What is still missing.
    pub fn missing(&self) -> Missing {
        let has = |approval: &Approval| {
            approval
                .roles
                .iter()
                .any(|role| self.rule.one_of.contains(role))
        };
        let one_of = !self.rule.one_of.is_empty() && !self.approvals.iter().any(has);
        let people = self.rule.approvals.saturating_sub(self.approvals.len());
        Missing {
            people: people.max(usize::from(one_of)),
            one_of,
        }
    }

    /// Every condition of the rule, weighed for one person.
    fn reasons(&self, person: &Person, membership: &Membership, now: Timestamp) -> Vec<Reason> {
        let given = self.given(person);
        let own = self.is_requester(person);
        let role = match self.narrowed() {
            true => self.role(
                &self.rule.one_of,
                person,
                "has the role that is still missing: ",
            ),
            false => self.role(&self.wanted(), person, "has the role "),
        };
        let requester = Reason {
            people: self
                .requester
                .iter()
                .map(|asked| asked.id.clone())
                .collect(),
            ..Reason::new(
                Truth::of(!own || self.rule.requester_counts),
                match self.rule.requester_counts {
                    true => "the requester may approve it too",
                    false => "someone other than the requester",
                },
                match self.requester.and_then(|asked| asked.agent.as_ref()) {
                    Some(agent) => {
                        format!("the agent {agent} asked, for which {PEOPLE} is responsible")
                    }
                    None => format!("{PEOPLE} asked"),
                },
            )
        };
        vec![
            member(membership, now),
            Reason::new(
                Truth::of(given.is_none()),
                "has not approved it yet",
                match given {
                    Some(approval) => format!("did at {}", approval.at.strftime("%H:%M:%S UTC")),
                    None => String::new(),
                },
            ),
            role,
            requester,
        ]
    }

    fn given(&self, person: &Person) -> Option<&Approval> {
        self.approvals
            .iter()
            .find(|approval| approval.by.id == person.id)
    }

    /// Whether the last yes has to come from a certain role, so that no other one helps.
    fn narrowed(&self) -> bool {
        let missing = self.missing();
        missing.one_of && missing.people == 1
    }

    /// May this person approve it?
    pub fn may_approve(&self, person: &Person, membership: &Membership, now: Timestamp) -> Verdict {
        let parts = self.reasons(person, membership, now);
        let reason = Reason {
            people: vec![person.id.clone()],
            parts: parts.clone(),
            ..Reason::new(
                Truth::all(&parts),
                format!(
                    "may approve {} ({}, {})",
                    self.name(),
                    self.risk,
                    count(self.rule.approvals)
                ),
                PEOPLE,
            )
        };
        let others = self.others(person, now);
        let refusal = match (reason.truth, membership.admit()) {
            (Truth::Yes, _) => None,
            (Truth::No | Truth::Unknown, Err(refusal)) => Some(refusal),
            (Truth::No | Truth::Unknown, Ok(())) => Some(self.why_not(person, &parts[2], &others)),
        };
        let otherwise = Otherwise {
            sentence: match &refusal {
                None => String::new(),
                Some(Refusal::NotAMember { .. }) => {
                    "Only full members of this workspace ever can.".into()
                }
                Some(Refusal::NotAuthorised { roles, .. }) => format!(
                    "Having the role {}: {}.",
                    list(roles, "or"),
                    self.sources(roles).join("; ")
                ),
                Some(Refusal::OwnRequest { .. }) => {
                    "Somebody else's yes, or `requester_may_approve` in the configuration.".into()
                }
                Some(Refusal::AuthorityUnreadable { what, .. }) => {
                    format!("An answer from {what}.")
                }
                Some(_) => "A yes by somebody else.".into(),
            },
            people: others,
        };
        Verdict {
            roles: self.roles_of(&person.id),
            reason,
            refusal,
            otherwise,
        }
    }

    /// Why a member of the workspace may not approve it. `role`: whether they have a role that may;
    /// `others`: the people who could.
    fn why_not(&self, person: &Person, role: &Reason, others: &[String]) -> Refusal {
        let people = others.to_vec();
        if self.given(person).is_some() {
            return Refusal::AlreadySo {
                what: format!(
                    "You already approved {}. It still needs {}, from somebody else.",
                    self.name(),
                    self.still(),
                ),
            };
        }
        if role.truth == Truth::No {
            let roles = self.wanted();
            return Refusal::NotAuthorised { roles, people };
        }
        if self.is_requester(person) && !self.rule.requester_counts {
            return Refusal::OwnRequest {
                risk: Some(self.risk),
                agent: self
                    .requester
                    .and_then(|asked| asked.agent.as_deref())
                    .map(str::to_owned),
                people,
            };
        }
        self.unreadable(role, others, self.rule.break_glass)
    }

    /// Has this person authority over it: to deny it, to take it back, to review it?
    pub fn has_authority(
        &self,
        person: &Person,
        membership: &Membership,
        now: Timestamp,
    ) -> Verdict {
        let eligible: Vec<String> = self
            .rule
            .eligible()
            .iter()
            .map(ToString::to_string)
            .collect();
        let parts = vec![
            member(membership, now),
            self.role(&eligible, person, "has the role "),
        ];
        let reason = Reason {
            people: vec![person.id.clone()],
            parts: parts.clone(),
            ..Reason::new(
                Truth::all(&parts),
                format!("has authority over {}", self.name()),
                PEOPLE,
            )
        };
        let people = self.holders(&person.id);
        let refusal = match (reason.truth, membership.admit()) {
            (Truth::Yes, _) => None,
            (_, Err(refusal)) => Some(refusal),
            (Truth::No, _) => Some(Refusal::NotAuthorised {
                roles: eligible,
                people: people.clone(),
            }),
            (Truth::Unknown, _) => Some(self.unreadable(&parts[1], &people, false)),
        };
        Verdict {
            roles: self.roles_of(&person.id),
            reason,
            refusal,
            otherwise: Otherwise {
                sentence: String::new(),
                people,
            },
        }
    }

    /// Whether an approval that was given still counts by what is known now. What is not known
    /// does not take it back: it was read when it was given.
    pub fn still_counts(&self, approval: &Approval) -> bool {
        let own = self.is_requester(&approval.by);
        let eligible = self.rule.eligible();
        let held = self
            .still_held(approval)
            .iter()
            .any(|role| eligible.contains(&role.as_str()));
        // Silence is an approval of one's own.
        held && (!own || self.rule.requester_counts || approval.unopposed)
    }

    /// The roles of an approval that its giver is not known to have lost.
    pub fn still_held(&self, approval: &Approval) -> Vec<String> {
        let held = |role: &&String| self.roster.holds(role, &approval.by.id).truth != Truth::No;
        approval.roles.iter().filter(held).cloned().collect()
    }

    /// Everybody who is known to be able to say yes now, with the role, in the order of the rule;
    /// as long as one of certain roles is missing, those who have it first.
    pub fn could_approve(&self, now: Timestamp) -> Vec<(String, String)> {
        let mut people: Vec<(String, String)> = vec![];
        let mut roles = self.rule.eligible();
        if self.missing().one_of {
            roles.sort_by_key(|role| !self.rule.one_of.iter().any(|wanted| wanted == role));
        }
        for role in roles {
            for id in self.roster.members(role) {
                if people.iter().any(|(listed, _)| listed == id) {
                    continue;
                }
                let parts = self.reasons(&Person::new(id, id), &Membership::Member, now);
                if Truth::all(&parts) == Truth::Yes {
                    people.push((id.to_owned(), role.to_owned()));
                }
            }
        }
        people
    }

    /// What it needs, in one line: how many, who could, and who has.
    pub fn needs(&self, tone: &dyn Tone, now: Timestamp) -> String {
        let missing = self.missing();
        let rule = self.rule;
        let mut line = match rule.one_of.is_empty() {
            true => count(rule.approvals),
            false => format!(
                "{}, one of them from {}",
                count(rule.approvals),
                list(&rule.one_of, "or")
            ),
        };
        let given: Vec<String> = self
            .approvals
            .iter()
            .map(|approval| {
                format!(
                    "{} ({})",
                    tone.person(&approval.by.id),
                    tone.text(&list(&approval.roles, "and"))
                )
            })
            .collect();
        if !given.is_empty() {
            line.push_str(&format!("; has {}", list(&given, "and")));
        }
        if missing.people == 0 {
            return line;
        }
        if !given.is_empty() {
            line.push_str(&format!("; still needs {}", self.still()));
        }
        let people = self.could_approve(now);
        let named: Vec<String> = people
            .iter()
            .take(3)
            .map(|(id, role)| format!("{} ({})", tone.person(id), tone.text(role)))
            .collect();
        let joint = match people.len() < missing.people {
            true => "and",
            false => "or",
        };
        line.push_str(": ");
        line.push_str(&match people.len() {
            0 => "nobody is known who could give it".to_owned(),
            4 => format!("{} {joint} one more", named.join(", ")),
            n if n > 4 => format!("{} {joint} {} more", named.join(", "), n - 3),
            _ => list(&named, joint),
        });
        if let Some(asked) = self.requester.filter(|_| !rule.requester_counts) {
            let requester = tone.person(&asked.id);
            if !people.is_empty() {
                line.push_str(&format!(", not {requester}"));
            } else if !self.roles_of(&asked.id).is_empty() {
                line.push_str(&format!(" besides {requester}, who asked"));
            }
        }
        let has_it = |(_, role): &(String, String)| rule.one_of.contains(role);
        if missing.one_of && !people.is_empty() && !people.iter().any(has_it) {
            line.push_str(&format!(
                "; nobody is known from {}",
                list(&rule.one_of, "or")
            ));
        } else if !people.is_empty() && people.len() < missing.people {
            line.push_str("; nobody else is known");
        }
        let silent = self.silent();
        if !silent.is_empty() {
            line.push_str(&format!(
                " (could not be read now: {}; others may be able to)",
                tone.text(&list(&silent, "and"))
            ));
        }
        line
    }

    /// What is still missing, as a phrase: "one more, from data_owner".
    fn still(&self) -> String {
        let missing = self.missing();
        let more = match missing.people {
            0 => "nothing".to_owned(),
            1 => "one more".to_owned(),
            n => format!("{n} more"),
        };
        let one_of = list(&self.rule.one_of, "or");
        match (missing.one_of, missing.people) {
            (false, _) => more,
            (true, 1) => format!("{more}, from {one_of}"),
            (true, _) => format!("{more}, one of them from {one_of}"),
        }
    }

    /// The sources of the rule's roles that did not answer.
    fn silent(&self) -> Vec<String> {
        let mut silent: Vec<String> = vec![];
        for role in self.rule.eligible() {
            for (source, found) in self.roster.0.get(role).into_iter().flatten() {
                let name = source.to_string();
                if matches!(found, Found::Nothing { .. }) && !silent.contains(&name) {
                    silent.push(name);
                }
            }
        }
        silent
    }

    fn others(&self, person: &Person, now: Timestamp) -> Vec<String> {
        self.could_approve(now)
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| *id != person.id)
            .collect()
    }

    /// Everybody with authority but this one.
    fn holders(&self, but: &str) -> Vec<String> {
        let mut people: Vec<String> = vec![];
        for role in self.rule.eligible() {
            for id in self.roster.members(role) {
                if id != but && !people.iter().any(|listed| listed == id) {
                    people.push(id.to_owned());
                }
            }
        }
        people
    }

    /// The roles that would help.
    fn wanted(&self) -> Vec<String> {
        match self.narrowed() {
            true => self.rule.one_of.clone(),
            false => self
                .rule
                .eligible()
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }

    fn sources(&self, roles: &[String]) -> Vec<String> {
        roles
            .iter()
            .map(|role| {
                let sources: Vec<String> = self
                    .roster
                    .0
                    .get(role)
                    .into_iter()
                    .flatten()
                    .map(|(source, _)| match source {
                        Source::Listed => "the configuration".to_owned(),
                        source => source.to_string(),
                    })
                    .collect();
                match sources.is_empty() {
                    true => format!("{role} is not in the configuration"),
                    false => format!("{role} comes from {}", list(&sources, "and")),
                }
            })
            .collect()
    }

    fn roles_of(&self, id: &str) -> Vec<String> {
        self.rule
            .eligible()
            .into_iter()
            .filter(|role| self.roster.holds(role, id).truth == Truth::Yes)
            .map(str::to_owned)
            .collect()
    }

    fn role(&self, roles: &[String], person: &Person, wanted: &str) -> Reason {
        let parts: Vec<Reason> = roles
            .iter()
            .map(|role| self.roster.holds(role, &person.id))
            .collect();
        let truth = Truth::any(&parts);
        Reason {
            parts,
            ..Reason::new(truth, format!("{wanted}{}", list(roles, "or")), "")
        }
    }

    fn unreadable(&self, role: &Reason, people: &[String], break_glass: bool) -> Refusal {
        let silent = role.first(Truth::Unknown);
        let what = silent
            .and_then(|reason| reason.origin.as_ref())
            .map_or_else(
                || "the source of a role".to_owned(),
                |origin| origin.from.clone(),
            );
        Refusal::AuthorityUnreadable {
            what,
            why: silent
                .map(|reason| reason.found.clone())
                .unwrap_or_default(),
            people: people.to_vec(),
            break_glass,
        }
    }
}

fn member(membership: &Membership, now: Timestamp) -> Reason {
    let (truth, found) = match membership {
        Membership::Member => (Truth::Yes, "is one".to_owned()),
        Membership::Outsider(what) => (Truth::No, format!("is {what}")),
        Membership::Unreadable(why) => (Truth::Unknown, why.clone()),
    };
    Reason {
        origin: Some(Origin {
            from: "Slack".into(),
            read_at: Some(now),
        }),
        ..Reason::new(truth, "a full member of this workspace", found)
    }
}

fn count(approvals: usize) -> String {
    match approvals {
        1 => "one approval".into(),
        n => format!("{n} approvals"),
    }
}

#[cfg(test)]
mod tests;
