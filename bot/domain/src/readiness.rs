//! Whether a service could be rolled back now: what was read, and what that means.
//!
//! [`ServiceFacts`] are what was read, as it was read, and stored so. [`ServiceFacts::lines`] draws
//! the lines that people see, for the moment at which they look: a token that was good when it was
//! tried may have expired since.

#[cfg(test)]
mod tests;

use crate::{
    authority::Source,
    identity::{RollbackId, ServiceKey},
    platform::{Holds, ProviderError},
    procedure::ReviewDate,
    proof::{Importance, spell},
    refusal::{list, sentence},
    release::{Kept, Pin},
    risk::Risk,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// How long before a token expires it asks for attention.
const TOKEN_ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long before a platform removes the target it asks for attention.
const TARGET_ENDS_SOON: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How far the clock of the machine may be from the database's.
const CLOCK_MAY_BE_OFF: SignedDuration = SignedDuration::from_secs(5);
/// How many of the last rollbacks are named with the time that they took.
const TIMES_NAMED: usize = 3;

/// How ready something is, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It was read, and nothing speaks against a rollback.
    Ready,
    /// A rollback could be done, and something should be looked after.
    Attention,
    /// It could not be read.
    NotKnown,
    /// A rollback could not be done, or not be proven.
    NotReady,
}

impl Level {
    /// As the API and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Ready => "ready",
            Level::Attention => "attention",
            Level::NotKnown => "not_known",
            Level::NotReady => "not_ready",
        }
    }

    /// The level of a service that has these lines: the worst. How long a rollback takes is no
    /// reason against one while it is not known.
    pub fn of(lines: &[Line]) -> Level {
        let counts = |line: &&Line| line.subject != Subject::Time || line.level != Level::NotKnown;
        let levels = lines.iter().filter(counts).map(|line| line.level);
        levels.max().unwrap_or(Level::NotKnown)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Ready => "ready",
            Level::Attention => "attention",
            Level::NotKnown => "not known",
            Level::NotReady => "not ready",
        })
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The token, and whatever else the platform is asked with.
    Credentials,
    /// The release that a rollback would go to.
    Target,
    /// How long going there takes.
    Time,
    /// Whether automatic deploys can be held off.
    Pin,
    /// The people who may approve.
    Approvers,
    /// What is looked at from outside.
    Proofs,
    /// When it was practised last.
    Drill,
    /// When somebody last looked whether what is configured of it still holds.
    Review,
    /// The places outside of Slack in which updates are published.
    Notices,
    /// The record of the bot.
    Database,
    /// The clock of the machine.
    Clock,
}

impl Subject {
    /// As the API and metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Credentials => "credentials",
            Subject::Target => "target",
            Subject::Time => "time",
            Subject::Pin => "pin",
            Subject::Approvers => "approvers",
            Subject::Proofs => "proofs",
            Subject::Drill => "drill",
            Subject::Review => "review",
            Subject::Notices => "notices",
            Subject::Database => "database",
            Subject::Clock => "clock",
        }
    }

    /// Whether people are reminded of it already, so that nobody else tells it a second time.
    pub fn has_reminders(self) -> bool {
        match self {
            Subject::Drill | Subject::Review => true,
            Subject::Credentials
            | Subject::Target
            | Subject::Time
            | Subject::Pin
            | Subject::Approvers
            | Subject::Proofs
            | Subject::Notices
            | Subject::Database
            | Subject::Clock => false,
        }
    }
}

/// One answer of several to the question whether a service could be rolled back now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub subject: Subject,
    /// How ready that is.
    pub level: Level,
    /// What was found, as a sentence.
    pub sentence: String,
    /// What to do about it, as a sentence; `None`: nothing.
    pub next: Option<String>,
    /// When it was read.
    pub read_at: Timestamp,
    /// Whether it says that production does not work right now.
    pub affects_production: bool,
}

/// What came of reading something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked<T> {
    /// It was read.
    Works(T),
    /// The answer was no, and would be no again: a sentence.
    Refused(String),
    /// There was no answer that could be used: a sentence.
    Silent(String),
}

impl<T> Checked<T> {
    /// The same with what was read changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Checked<U> {
        match self {
            Checked::Works(read) => Checked::Works(change(read)),
            Checked::Refused(why) => Checked::Refused(why),
            Checked::Silent(why) => Checked::Silent(why),
        }
    }
}

impl<T> From<Result<T, ProviderError>> for Checked<T> {
    fn from(result: Result<T, ProviderError>) -> Self {
        match result {
            Ok(read) => Checked::Works(read),
            Err(ProviderError::Refused(why)) => Checked::Refused(why),
            Err(ProviderError::Busy { why, .. } | ProviderError::Unanswered(why)) => {
                Checked::Silent(why)
            }
        }
    }
}

/// What was read of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// The service.
    pub service: ServiceKey,
    /// When it was read.
    pub read_at: Timestamp,
    /// What trying the credentials and settings gave.
    pub credentials: Checked<Credentials>,
    /// The release that a rollback would go to now.
    pub target: Checked<TargetFacts>,
    /// Whether automatic deploys are held off.
    pub pin: Checked<Pin>,
    /// How they are held off.
    pub holds: Holds,
    /// The last rollbacks that served, newest first.
    pub times: Vec<TimedRollback>,
    /// How fast a rollback should be; `None`: no goal is set.
    pub target_time: Option<Duration>,
    /// The people who may approve.
    pub approvers: ApproverFacts,
    /// What was seen from outside.
    pub proofs: Vec<ProofFacts>,
    /// When it was drilled; `None`: that was not looked up, as by versions before.
    #[serde(default)]
    pub drills: Option<DrilledFacts>,
    /// When it was reviewed; `None`: that was not looked up, or no review is ever due.
    #[serde(default)]
    pub review: Option<ReviewDate>,
}

/// When a service was drilled, in any of its environments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrilledFacts {
    /// The last drill that was held; `None`: none ever was.
    pub last: Option<HeldDrill>,
    /// When the next one is; `None`: no day is set.
    pub next: Option<Timestamp>,
    /// The last day that was set and on which none was held.
    pub missed: Option<Timestamp>,
}

/// A drill that was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldDrill {
    /// Its number.
    pub id: RollbackId,
    /// The environment in which it was held.
    pub environment: String,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Credentials that work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// What works, as a clause.
    pub works: String,
    /// When they stop working; `None`: that is not told.
    pub until: Option<Timestamp>,
}

/// The release that a rollback would go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetFacts {
    /// What people call it.
    pub label: String,
    /// What serves now; `None`: not known.
    pub live: Option<String>,
    /// How long the platform keeps it.
    pub kept: Kept,
    /// The class of the plan.
    pub class: Risk,
}

/// A rollback that served, and how long that took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedRollback {
    /// Its number.
    pub id: RollbackId,
    /// From asking the platform to serving.
    pub took: Duration,
}

/// Who could approve now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApproverFacts {
    /// For each class that a plan of the service can get.
    pub classes: Vec<ClassApprovers>,
    /// The sources of roles that could not be read.
    pub silent: Vec<SilentSource>,
    /// People who have a role and may not act.
    pub gone: Vec<Gone>,
}

/// Who could approve a plan of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassApprovers {
    /// The class.
    pub class: Risk,
    /// How many approvals it needs.
    pub needed: usize,
    /// How many people have the role and are full members.
    pub could: usize,
    /// How many more have the role, and what they are to Slack could not be read.
    pub unread: usize,
    /// How many of them were active in Slack when it was read; `None`: that was not told.
    #[serde(default)]
    pub active: Option<usize>,
}

/// A source of roles that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentSource {
    /// The source.
    pub source: Source,
    /// Why not, as a clause.
    pub why: String,
}

/// Somebody who has a role and may not act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// What they are called.
    pub name: String,
    /// The role they have.
    pub role: String,
    /// What they are: "deactivated".
    pub what: String,
}

/// What was seen of one check, or of the fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofFacts {
    /// What people call it.
    pub name: String,
    /// How much depends on it.
    pub importance: Importance,
    /// What was seen.
    pub seen: Seen,
}

/// What looking at a check has shown, with a clause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It answers as it must.
    Works(String),
    /// It does not pass right now.
    Fails(String),
    /// It cannot be told.
    NotKnown(String),
    /// It was not looked at, because that could change something.
    Untried,
    /// It can never work as it is configured.
    Wrong(String),
}

/// What was read of what every rollback needs, whatever it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct BotFacts {
    /// When it was read.
    pub read_at: Timestamp,
    /// What trying each place outside of Slack gave, by the name that the configuration has for it.
    pub notices: Vec<(String, Checked<String>)>,
    /// Whether the record takes what is written; otherwise why not, as a clause.
    pub database: Result<(), String>,
    /// How far the clock of the machine is from the database's; `None`: the database has none of
    /// its own.
    pub clock_is_off: Option<SignedDuration>,
}

impl BotFacts {
    /// What the facts mean.
    pub fn lines(&self) -> Vec<Line> {
        let line = |subject, level, sentence: String, next: Option<&str>| Line {
            subject,
            level,
            sentence,
            next: next.map(str::to_owned),
            read_at: self.read_at,
            affects_production: false,
        };
        let mut problems = vec![];
        let mut level = Level::Ready;
        for (name, checked) in &self.notices {
            let (problem, of_this) = match checked {
                Checked::Works(_) => continue,
                Checked::Refused(why) => (why, Level::NotReady),
                Checked::Silent(why) => (why, Level::NotKnown),
            };
            problems.push(format!("{name}: {}", problem.trim_end_matches('.')));
            level = level.max(of_this);
        }
        let notices = match problems.is_empty() {
            true => line(
                Subject::Notices,
                level,
                "Every place outside of Slack takes updates.".into(),
                None,
            ),
            false => line(
                Subject::Notices,
                level,
                format!("{}.", problems.join("; ")),
                Some("`rollback-bot check --online` tries it again."),
            ),
        };
        let database = match &self.database {
            Ok(()) => line(
                Subject::Database,
                Level::Ready,
                "The database takes what is written.".into(),
                None,
            ),
            Err(why) => line(
                Subject::Database,
                Level::NotReady,
                format!("The database does not take what is written: {why}."),
                Some("Look at its disk and its log."),
            ),
        };
        let off = self.clock_is_off.unwrap_or_default().abs();
        let clock = match off <= CLOCK_MAY_BE_OFF {
            true => line(
                Subject::Clock,
                Level::Ready,
                "The clock of the machine is right.".into(),
                None,
            ),
            false => line(
                Subject::Clock,
                Level::Attention,
                format!(
                    "The clock of the machine is {} away from the database's.",
                    span(off)
                ),
                Some("Have the machine set its clock by NTP."),
            ),
        };
        vec![notices, database, clock]
    }
}

impl ServiceFacts {
    /// What the facts mean at this moment, in the order in which people read it.
    pub fn lines(&self, now: Timestamp) -> Vec<Line> {
        let mut lines = vec![
            self.credentials_line(now),
            self.target_line(now),
            self.time_line(),
            self.pin_line(),
            self.approvers_line(),
            self.proofs_line(),
        ];
        lines.extend(self.drills.as_ref().map(|drills| self.drill_line(drills)));
        lines.extend(self.review.as_ref().map(|date| self.review_line(date, now)));
        lines
    }

    fn line(
        &self,
        subject: Subject,
        level: Level,
        sentence: impl Into<String>,
        next: Option<String>,
    ) -> Line {
        Line {
            subject,
            level,
            sentence: sentence.into(),
            next,
            read_at: self.read_at,
            affects_production: false,
        }
    }

    fn credentials_line(&self, now: Timestamp) -> Line {
        let line =
            |level, sentence: String, next| self.line(Subject::Credentials, level, sentence, next);
        let replace = || {
            Some("Make a new token, put it where the configuration reads it, and start the bot again.".to_owned())
        };
        match &self.credentials {
            Checked::Refused(why) => line(
                Level::NotReady,
                why.clone(),
                Some("`rollback-bot check --online` tries it again.".into()),
            ),
            Checked::Silent(why) => line(
                Level::NotKnown,
                why.clone(),
                Some("It is read again; if that lasts, look at the platform's status.".into()),
            ),
            Checked::Works(Credentials { works, until }) => match until {
                None => line(
                    Level::Ready,
                    format!("The token works: {works}. When it expires is not told."),
                    None,
                ),
                Some(until) if *until <= now => line(
                    Level::NotReady,
                    format!("The token expired at {}.", stamp(*until)),
                    replace(),
                ),
                Some(until) if until.duration_since(now) <= TOKEN_ENDS_SOON => line(
                    Level::Attention,
                    format!(
                        "The token works, and expires at {}, in {}.",
                        stamp(*until),
                        span(until.duration_since(now))
                    ),
                    replace(),
                ),
                Some(until) => line(
                    Level::Ready,
                    format!("The token works until {}: {works}.", stamp(*until)),
                    None,
                ),
            },
        }
    }

    fn target_line(&self, now: Timestamp) -> Line {
        let line =
            |level, sentence: String, next| self.line(Subject::Target, level, sentence, next);
        let other = || {
            Some("Deploy once more while it is there, or have the platform keep releases for longer.".to_owned())
        };
        let target = match &self.target {
            Checked::Refused(why) => {
                let next = format!(
                    "`/rollback list {}` shows every release, and why it may not be gone back to.",
                    self.service.typed()
                );
                return line(Level::NotReady, why.clone(), Some(next));
            }
            Checked::Silent(why) => {
                let next = "It is read again; if that lasts, look at the platform's status.";
                return line(Level::NotKnown, why.clone(), Some(next.into()));
            }
            Checked::Works(target) => target,
        };
        let TargetFacts {
            label, live, class, ..
        } = target;
        let from = live
            .as_ref()
            .map_or_else(String::new, |live| format!(" from {live}"));
        let could = format!("It could go back{from} to {label} ({class})");
        match &target.kept {
            Kept::Unknown => line(Level::Ready, format!("{could}."), None),
            Kept::Gone(why) => line(
                Level::NotReady,
                format!("{label} cannot be gone back to: {why}."),
                other(),
            ),
            Kept::Until(until) if *until <= now => line(
                Level::NotReady,
                format!("{label} was kept until {}.", stamp(*until)),
                other(),
            ),
            Kept::Until(until) if until.duration_since(now) <= TARGET_ENDS_SOON => line(
                Level::Attention,
                format!(
                    "{could}, which is kept until {}, for {} more.",
                    stamp(*until),
                    span(until.duration_since(now))
                ),
                other(),
            ),
            Kept::Until(until) => line(
                Level::Ready,
                format!("{could}, which is kept until {}.", stamp(*until)),
                None,
            ),
        }
    }

    fn time_line(&self) -> Line {
        let line = |level, sentence: String, next| self.line(Subject::Time, level, sentence, next);
        let Some(last) = self.times.first() else {
            let sentence =
                "How long a rollback takes is not known: none of it has served from here yet.";
            return line(Level::NotKnown, sentence.into(), None);
        };
        let times: Vec<String> = self
            .times
            .iter()
            .take(TIMES_NAMED)
            .map(|one| format!("{} ({})", spell(one.took), one.id))
            .collect();
        let took = format!("Going back took {}", list(&times, "and"));
        match self.target_time {
            Some(goal) if last.took > goal => line(
                Level::Attention,
                format!("{took}; the goal is {}.", spell(goal)),
                Some("Find out what took so long, or set another `target_time`.".into()),
            ),
            Some(goal) => line(
                Level::Ready,
                format!("{took}; the goal is {}.", spell(goal)),
                None,
            ),
            None => line(Level::Ready, format!("{took}."), None),
        }
    }

    fn pin_line(&self) -> Line {
        let line = |level, sentence: &str, next: Option<&str>| {
            self.line(Subject::Pin, level, sentence, next.map(str::to_owned))
        };
        let unpin = format!(
            "`/rollback unpin {}` lets them go live again.",
            self.service.typed()
        );
        let unread = "Automatic deploys may bring the bad release back: after a rollback, hold them off on the platform by hand.";
        match (&self.pin, self.holds) {
            (Checked::Works(Pin::NotNeeded), _) | (_, Holds::Not) => line(
                Level::Ready,
                "There are no automatic deploys that could be held off from here.",
                None,
            ),
            (Checked::Works(Pin::On), _) => line(
                Level::Ready,
                "Automatic deploys can be read: they are held off now.",
                Some(&unpin),
            ),
            (Checked::Works(Pin::Off), _) => line(
                Level::Ready,
                "Automatic deploys can be read; a rollback holds them off.",
                None,
            ),
            (Checked::Works(Pin::Unknown), _) => line(
                Level::Attention,
                "The platform does not say whether automatic deploys are held off.",
                Some(unread),
            ),
            (Checked::Refused(_) | Checked::Silent(_), _) => line(
                Level::NotKnown,
                "Whether automatic deploys are held off could not be read.",
                Some("See the lines about the token and the target."),
            ),
        }
    }

    fn approvers_line(&self) -> Line {
        let ApproverFacts {
            classes,
            silent,
            gone,
        } = &self.approvers;
        let silent: Vec<String> = silent
            .iter()
            .map(|one| format!("{} cannot be read ({})", one.source, one.why))
            .collect();
        let gone: Vec<String> = gone
            .iter()
            .map(|one| format!("{} has the role {} and is {}", one.name, one.role, one.what))
            .collect();
        let level = match () {
            () if classes
                .iter()
                .any(|one| one.could + one.unread < one.needed) =>
            {
                match silent.is_empty() {
                    true => Level::NotReady,
                    false => Level::NotKnown,
                }
            }
            () if classes.iter().any(|one| one.could < one.needed) => Level::NotKnown,
            () if !silent.is_empty() || !gone.is_empty() => Level::Attention,
            () => Level::Ready,
        };
        let mut counts: Vec<String> = classes.iter().map(ClassApprovers::clause).collect();
        counts.extend(silent.iter().cloned());
        counts.extend(gone.iter().cloned());
        let who = format!("`/rollback who {}`", self.service.typed());
        let next = match level {
            Level::Ready => None,
            Level::NotKnown => Some(format!("It is read again; {who} shows each source.")),
            Level::Attention | Level::NotReady if gone.is_empty() => Some(format!(
                "Put somebody into the roles that may approve; {who} shows who is in them."
            )),
            Level::Attention | Level::NotReady => Some(format!(
                "Take those who have left out of the role, and put others into it; {who} shows who is in it."
            )),
        };
        let sentence = format!("{}.", counts.join("; "));
        self.line(Subject::Approvers, level, sentence, next)
    }

    fn proofs_line(&self) -> Line {
        if self.proofs.is_empty() {
            return self.line(
                Subject::Proofs,
                Level::Attention,
                "Nothing is looked at from outside, so a rollback of it is never called VERIFIED.",
                Some("Add a fingerprint and a check (`verify`) to the service.".into()),
            );
        }
        let level = self.proofs.iter().map(ProofFacts::level).max();
        let level = level.unwrap_or(Level::Ready);
        let wrong = self.proofs.iter().filter_map(ProofFacts::problem);
        let wrong: Vec<String> = wrong.collect();
        let sentence = match wrong.is_empty() {
            true => {
                let works = self.proofs.iter().filter_map(ProofFacts::works);
                format!("{}.", works.collect::<Vec<_>>().join("; "))
            }
            false => format!("{}.", wrong.join("; ")),
        };
        let fails = |one: &ProofFacts| {
            one.importance == Importance::Must && matches!(one.seen, Seen::Fails(_))
        };
        let affects_production = self.proofs.iter().any(fails);
        let next = match level {
            Level::Ready => None,
            Level::NotReady if affects_production => Some(
                "Look at the service: it does not answer as it must right now, and a rollback could not be proven.",
            ),
            Level::Attention | Level::NotKnown | Level::NotReady => {
                Some("`rollback-bot check --online` tries every check, and says what is wrong.")
            }
        };
        Line {
            affects_production,
            ..self.line(Subject::Proofs, level, sentence, next.map(str::to_owned))
        }
    }
}

impl ServiceFacts {
    fn drill_line(&self, drills: &DrilledFacts) -> Line {
        let last = match &drills.last {
            None => "It was never drilled".to_owned(),
            Some(HeldDrill {
                id,
                environment,
                at,
            }) => format!("The last drill was {id} ({environment}), {}", stamp(*at)),
        };
        let next = match drills.next {
            None => "no day is set for one".to_owned(),
            Some(next) => format!("the next one is {}", stamp(next)),
        };
        let begin = format!("`/rollback drill {}` begins one.", self.service.name);
        let (level, sentence, step) = match (drills.missed, &drills.last) {
            (Some(missed), _) => (
                Level::Attention,
                format!(
                    "The drill of {} was not held. {last}; {next}.",
                    stamp(missed)
                ),
                Some(begin),
            ),
            (None, None) => (Level::Ready, format!("{last}, and {next}."), Some(begin)),
            (None, Some(_)) => (Level::Ready, format!("{last}; {next}."), None),
        };
        self.line(Subject::Drill, level, sentence, step)
    }

    fn review_line(&self, date: &ReviewDate, now: Timestamp) -> Line {
        let (level, step) = match date.is_due(now) {
            false => (Level::Ready, None),
            true => (
                Level::Attention,
                Some(format!(
                    "Look whether its section in the configuration still holds, then `/rollback reviewed {}`.",
                    self.service.typed()
                )),
            ),
        };
        self.line(Subject::Review, level, sentence(&date.clause(now)), step)
    }
}

impl ClassApprovers {
    /// As a clause: "code needs 1 approval, and 2 people could give one".
    fn clause(&self) -> String {
        let ClassApprovers {
            class,
            needed,
            could,
            unread,
            active,
        } = self;
        let approvals = match needed {
            1 => "1 approval".to_owned(),
            n => format!("{n} approvals"),
        };
        let people = match could {
            0 => "nobody".to_owned(),
            1 => "1 person".to_owned(),
            n => format!("{n} people"),
        };
        let unread = match unread {
            0 => String::new(),
            n => format!(" ({n} more could not be looked up in Slack)"),
        };
        let active = match active {
            Some(active) if *could > 0 => format!(", {active} of them active in Slack"),
            Some(_) | None => String::new(),
        };
        format!("{class} needs {approvals}, and {people} could give one{active}{unread}")
    }
}

impl ProofFacts {
    fn level(&self) -> Level {
        match (&self.seen, self.importance) {
            (Seen::Works(_) | Seen::Untried, _) => Level::Ready,
            (Seen::NotKnown(_), Importance::Must | Importance::Should) => Level::NotKnown,
            (Seen::Fails(_) | Seen::Wrong(_), Importance::Must) => Level::NotReady,
            (Seen::NotKnown(_), Importance::Watch)
            | (Seen::Fails(_) | Seen::Wrong(_), Importance::Should | Importance::Watch) => {
                Level::Attention
            }
        }
    }

    /// What is wrong, as a clause; `None`: nothing is.
    fn problem(&self) -> Option<String> {
        match &self.seen {
            Seen::Works(_) | Seen::Untried => None,
            Seen::Fails(why) | Seen::NotKnown(why) | Seen::Wrong(why) => {
                Some(match why.contains(&self.name) {
                    true => why.clone(),
                    false => format!("{}: {why}", self.name),
                })
            }
        }
    }

    /// What works, as a clause; `None`: that was not seen.
    fn works(&self) -> Option<String> {
        match &self.seen {
            Seen::Works(works) => Some(format!("{} {works}", self.name)),
            Seen::Untried => Some(format!(
                "{} is not tried, as it could change something",
                self.name
            )),
            Seen::Fails(_) | Seen::NotKnown(_) | Seen::Wrong(_) => None,
        }
    }
}

/// A moment as it stands in a sentence.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something still lasts, in words.
fn span(left: SignedDuration) -> String {
    spell(Duration::try_from(left).unwrap_or_default())
}
