//! Alerts of one service that fire in one incident: what is known of them, and what is news.
//!
//! Programs send the same alert again and again, late, in another order, and ten thousand at once.
//! A group keeps the first of them, counts the rest, and tells each thing once.

use crate::{
    identity::{IncidentId, ServiceKey},
    incident::{AlertFact, Severity},
    matrix::{Advice, Symptoms},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many alerts of a group are told apart. The others are counted.
pub const TRACKED_AT_MOST: usize = 200;
/// How many alerts of a group are recorded one by one.
const RECORDED_AT_MOST: usize = 5;
/// How often it is recorded that a group fires again.
const AGAIN_AT_MOST: u32 = 3;
/// The longest title and the longest description, in characters.
const TEXT_AT_MOST: usize = 300;
/// The longest address.
const LINK_AT_MOST: usize = 1_000;

/// Whether an alert fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It does.
    #[default]
    Firing,
    /// It does not any more.
    Resolved,
}

/// An alert that came in, with the name of what sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedAlert {
    /// The sender, as the configuration calls it.
    pub source: String,
    /// What tells it from the others, as a digest.
    pub key: String,
    /// Whether it fires.
    pub state: AlertState,
    /// When it began; `None`: the sender does not say.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None`: it has not, or the sender does not say.
    pub ended_at: Option<Timestamp>,
    /// What it is called.
    pub title: String,
    /// What it says besides; `None`: nothing.
    pub description: Option<String>,
    /// An address where more is to be seen; `None`: there is none.
    pub link: Option<String>,
}

impl ReceivedAlert {
    /// The same with every text at a length that is stored.
    #[must_use]
    pub fn bounded(self) -> Self {
        let cut = |text: String| text.chars().take(TEXT_AT_MOST).collect::<String>();
        ReceivedAlert {
            title: cut(self.title),
            description: self.description.map(cut),
            link: self.link.filter(|link| link.len() <= LINK_AT_MOST),
            ..self
        }
    }

    /// When it began, as far as that can be: a sender's clock may be ahead.
    fn began(&self, now: Timestamp) -> Timestamp {
        self.started_at.map_or(now, |began| began.min(now))
    }
}

/// What the rule of an alert wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertWishes {
    /// How severe an incident with such an alert is; `None`: the rule does not say.
    pub severity: Option<Severity>,
    /// What such an alert says for the decision matrix.
    pub symptoms: Symptoms,
    /// The agent that proposes going back because of it; `None`: nobody does by themselves.
    pub proposed_by: Option<String>,
}

/// An alert that is told apart from the others of its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedAlert {
    /// The sender, as the configuration calls it.
    pub source: String,
    /// What tells it from the others, as a digest.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// What it says besides; `None`: nothing.
    pub description: Option<String>,
    /// An address where more is to be seen; `None`: there is none.
    pub link: Option<String>,
    /// When it began, as the sender says; `None`: the sender does not say.
    pub started_at: Option<Timestamp>,
    /// When it first came in here, the last time it began.
    pub received_at: Timestamp,
    /// When it ended; `None`: it fires.
    pub resolved_at: Option<Timestamp>,
}

/// What was live of a service when its alerts began to fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRelease {
    /// How people recognise it; `None`: the platform does not say what is live.
    pub label: Option<String>,
    /// When it went live; `None`: the platform does not say.
    pub since: Option<Timestamp>,
    /// Why the platform could not be read, as a clause; `None`: it could.
    pub unread: Option<String>,
}

/// What the decision matrix says of a service whose alerts fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertAdvice {
    /// What it advises; `None`: no row fits, or too little is known.
    pub advice: Option<Advice>,
    /// The same as a sentence, with the row that says it.
    pub sentence: String,
    /// What was measured for it, a clause each; empty: nothing.
    pub measured: Vec<String>,
    /// What speaks against going back, a clause each; empty: nothing that is known.
    pub against: Vec<String>,
}

/// The alerts of one service that fire in one incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertGroup {
    /// Its number.
    pub id: i64,
    /// The service; `None`: no rule says which.
    pub service: Option<ServiceKey>,
    /// The incident.
    pub incident: IncidentId,
    /// The channel, by id, into which the configuration has its alerts go.
    pub channel: String,
    /// The alerts that are told apart, in the order in which they came.
    pub alerts: Vec<TrackedAlert>,
    /// How many more came in that are not told apart.
    pub untracked: u64,
    /// How often anything about it came in.
    pub received: u64,
    /// When the first of them began.
    pub began_at: Timestamp,
    /// When the last of them ended; `None`: some fire.
    pub resolved_at: Option<Timestamp>,
    /// What the decision matrix says; `None`: it was not read yet, or there is none.
    pub advice: Option<AlertAdvice>,
    /// How often it began to fire again.
    pub again: u32,
    /// What the rules of its alerts want.
    pub wishes: AlertWishes,
    /// What was live when it began to fire; `None`: the platform was not read yet.
    pub live: Option<LiveRelease>,
    /// What came of proposing by itself, as a sentence; `None`: nothing was proposed.
    pub proposal: Option<String>,
}

/// What an alert changes in its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertNews {
    /// What is recorded.
    pub facts: Vec<AlertFact>,
    /// Whether the group began to fire: then it is assessed.
    pub fires: bool,
    /// Whether the last one that fired has ended.
    pub resolved: bool,
    /// Whether what people see is different from before.
    pub changed: bool,
}

impl AlertGroup {
    /// A group in which nothing fires yet.
    pub fn begin(
        id: i64,
        service: Option<ServiceKey>,
        incident: IncidentId,
        channel: String,
        now: Timestamp,
    ) -> Self {
        AlertGroup {
            id,
            service,
            incident,
            channel,
            alerts: vec![],
            untracked: 0,
            received: 0,
            began_at: now,
            resolved_at: None,
            again: 0,
            wishes: AlertWishes::default(),
            live: None,
            advice: None,
            proposal: None,
        }
    }

    /// How many of those that are told apart fire.
    pub fn firing(&self) -> usize {
        let firing = self.alerts.iter().filter(|one| one.resolved_at.is_none());
        firing.count()
    }

    /// Whether an alert that fires is one that is known to have ended since: it came late, or again.
    pub fn is_over(&self, alert: &ReceivedAlert) -> bool {
        let known = self.tracked(alert).map(|at| &self.alerts[at]);
        known.is_some_and(|known| {
            known.resolved_at.is_some()
                && alert.started_at.is_some()
                && known.started_at >= alert.started_at
        })
    }

    /// Whether it is one of those that are told apart.
    pub fn knows(&self, alert: &ReceivedAlert) -> bool {
        self.tracked(alert).is_some()
    }

    fn tracked(&self, alert: &ReceivedAlert) -> Option<usize> {
        let is_it = |one: &TrackedAlert| one.key == alert.key && one.source == alert.source;
        self.alerts.iter().position(is_it)
    }

    /// Takes an alert in.
    pub fn take(
        &mut self,
        alert: &ReceivedAlert,
        wishes: &AlertWishes,
        now: Timestamp,
    ) -> AlertNews {
        self.received += 1;
        match alert.state {
            AlertState::Firing => self.fire(alert, wishes, now),
            AlertState::Resolved => self.resolve(alert, now),
        }
    }

    fn fire(&mut self, alert: &ReceivedAlert, wishes: &AlertWishes, now: Timestamp) -> AlertNews {
        if self.is_over(alert) {
            return AlertNews::default();
        }
        let was_resolved = self.resolved_at.is_some();
        let is_first = self.alerts.is_empty();
        let mut news = AlertNews {
            changed: true,
            ..AlertNews::default()
        };
        match self.tracked(alert) {
            Some(at) if self.alerts[at].resolved_at.is_none() => {
                return AlertNews::default();
            }
            Some(at) => {
                let known = &mut self.alerts[at];
                known.resolved_at = None;
                known.started_at = alert.started_at;
                known.received_at = now;
            }
            None if self.alerts.len() < TRACKED_AT_MOST => {
                self.alerts.push(TrackedAlert {
                    source: alert.source.clone(),
                    key: alert.key.clone(),
                    title: alert.title.clone(),
                    description: alert.description.clone(),
                    link: alert.link.clone(),
                    started_at: alert.started_at,
                    received_at: now,
                    resolved_at: None,
                });
                news.facts.extend(self.recorded(alert));
            }
            None => self.untracked += 1,
        }
        self.want(wishes);
        if is_first {
            self.began_at = alert.began(now);
            news.fires = true;
        }
        if was_resolved {
            self.resolved_at = None;
            self.began_at = alert.began(now);
            self.again += 1;
            // What was said of the time before is not said of this one.
            self.live = None;
            self.advice = None;
            news.fires = true;
            if self.again <= AGAIN_AT_MOST {
                news.facts.push(AlertFact::AlertsFireAgain {
                    service: self.service.clone(),
                    title: alert.title.clone(),
                    times: self.again,
                });
            }
        }
        news
    }

    /// What is recorded of an alert that has just become the last of the list.
    fn recorded(&self, alert: &ReceivedAlert) -> Option<AlertFact> {
        match self.alerts.len() {
            ..=RECORDED_AT_MOST => Some(AlertFact::AlertFired {
                service: self.service.clone(),
                from: alert.source.clone(),
                title: alert.title.clone(),
                description: alert.description.clone(),
                since: alert.started_at,
            }),
            n if n == RECORDED_AT_MOST + 1 => Some(AlertFact::AlertsCounted {
                service: self.service.clone(),
                recorded: RECORDED_AT_MOST,
            }),
            _ => None,
        }
    }

    fn resolve(&mut self, alert: &ReceivedAlert, now: Timestamp) -> AlertNews {
        let Some(at) = self.tracked(alert) else {
            return AlertNews::default();
        };
        let known = &mut self.alerts[at];
        // One that is about an earlier time came late.
        let is_earlier = alert.ended_at.is_some() && alert.ended_at < known.started_at;
        if known.resolved_at.is_some() || is_earlier {
            return AlertNews::default();
        }
        let ended = alert.ended_at.map_or(now, |ended| ended.min(now));
        known.resolved_at = Some(ended);
        let mut news = AlertNews {
            changed: true,
            ..AlertNews::default()
        };
        if self.firing() == 0 {
            self.resolved_at = Some(ended);
            news.resolved = true;
            if self.again <= AGAIN_AT_MOST {
                news.facts.push(AlertFact::AlertsResolved {
                    service: self.service.clone(),
                    title: alert.title.clone(),
                    alerts: self.alerts.len(),
                    untracked: self.untracked,
                    began: self.began_at,
                    ended,
                });
            }
        }
        news
    }

    /// Whether it is told in a message of its own that it fires again or has ended: what does so
    /// over and over is only shown.
    pub fn is_news(&self) -> bool {
        self.again <= AGAIN_AT_MOST
    }

    /// Adds what another rule wants: of two severities the worse one.
    fn want(&mut self, wishes: &AlertWishes) {
        let own = &mut self.wishes;
        own.severity = match (own.severity, wishes.severity) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if own.proposed_by.is_none() {
            own.proposed_by.clone_from(&wishes.proposed_by);
        }
        let Symptoms {
            severity,
            broken,
            error_rate,
            users,
            slower,
            workaround,
        } = &wishes.symptoms;
        let symptoms = &mut own.symptoms;
        symptoms.severity = symptoms.severity.or(*severity);
        if let Some(broken) = broken {
            symptoms
                .broken
                .get_or_insert_default()
                .extend(broken.iter().copied());
        }
        symptoms.error_rate = symptoms.error_rate.max(*error_rate);
        symptoms.users = symptoms.users.max(*users);
        symptoms.slower = symptoms.slower.max(*slower);
        symptoms.workaround = symptoms.workaround.or(*workaround);
    }
}

/// What is told beside the proof of a rollback: how the alerts of its service stand.
pub fn beside_proof(group: &AlertGroup, served_at: Option<Timestamp>) -> String {
    let names = group.titles();
    match (group.resolved_at, served_at) {
        (None, _) => format!("{names} still fires"),
        (Some(ended), Some(served)) if ended >= served => {
            let after = crate::proof::spell(ended.duration_since(served).unsigned_abs());
            format!(
                "{names} ended at {}, {after} after it was live",
                clock(ended)
            )
        }
        (Some(ended), _) => format!("{names} ended at {}", clock(ended)),
    }
}

/// A time of day in UTC.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

impl AlertGroup {
    /// What it is called: its first alert, and how many there are besides.
    pub fn titles(&self) -> String {
        let first = self.alerts.first().map_or("", |first| first.title.as_str());
        let more = self.alerts.len().saturating_sub(1);
        match (more, self.untracked) {
            (0, 0) => first.to_owned(),
            (1, 0) => format!("{first} and 1 more alert"),
            (more, 0) => format!("{first} and {more} more alerts"),
            (more, untracked) => {
                let untracked = usize::try_from(untracked).unwrap_or(usize::MAX);
                let more = more.saturating_add(untracked);
                format!("{first} and about {more} more alerts")
            }
        }
    }

    /// The agent that proposes going back because of it now; `None`: nobody does by themselves. It is
    /// proposed once, and where there is a matrix only if that says to do so at once.
    pub fn proposer(&self, has_matrix: bool) -> Option<&str> {
        let advice = self.advice.as_ref().and_then(|advice| advice.advice);
        let is_advised = !has_matrix || advice == Some(Advice::RollBackNow);
        let is_due = self.resolved_at.is_none() && self.proposal.is_none() && is_advised;
        self.wishes.proposed_by.as_deref().filter(|_| is_due)
    }

    /// The reason that a proposal because of it begins with.
    pub fn because(&self) -> String {
        let titles = self.titles();
        format!("alert: {titles}, since {}", clock(self.began_at))
    }
}

/// Whether an incident of this severity is one in which minutes count.
pub fn is_severe(severity: Severity) -> bool {
    match severity {
        Severity::P1 | Severity::P2 => true,
        Severity::P3 | Severity::P4 => false,
    }
}

/// How long after a deploy an incident begins that it is likely the cause of, in seconds.
const NEIGHBOUR: i64 = 2 * 3_600;

/// Whether something that began then may come of a release that is live since then.
pub fn is_neighbour(live_since: Timestamp, began: Timestamp) -> bool {
    let after = began.duration_since(live_since).as_secs();
    (0..=NEIGHBOUR).contains(&after)
}
