//! What becomes of alerts: which incident and group they belong to, and what follows from them.

use super::incidents;
use crate::store::{Tx, alerts, messages, rollbacks, timelines};
use jiff::Timestamp;
use rollback_domain::{
    alert::{
        AlertAdvice, AlertGroup, AlertNews, AlertState, AlertWishes, LiveRelease, ReceivedAlert,
        is_severe,
    },
    identity::{IncidentId, ServiceKey},
    incident::{Actor, IncidentState, Severity, TimelineEvent},
    job::Job,
    refusal::Source,
};
use std::time::Duration;

/// The counter that numbers groups of alerts.
const NUMBERS: &str = "alert";

/// Alerts of one service that came together.
#[derive(Clone, Debug)]
pub struct NewAlerts {
    /// The channel, by id, into which the configuration has them go.
    pub channel: String,
    /// The service; `None`: no rule says which.
    pub service: Option<ServiceKey>,
    /// The alerts, each with what its rule wants.
    pub alerts: Vec<(ReceivedAlert, AlertWishes)>,
    /// After what time a severe incident is told that it began right after a deploy; `None`: never.
    pub nudge_after: Option<Duration>,
}

/// What alerts lead to.
#[derive(Debug, Default)]
pub(super) struct TakenAlerts {
    pub(super) events: Vec<(IncidentId, TimelineEvent)>,
    pub(super) jobs: Vec<(Job, Timestamp)>,
}

/// What was read of the service of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertReading {
    /// The number of the group.
    pub group: i64,
    /// What is live.
    pub live: LiveRelease,
    /// What the decision matrix says; `None`: there is none.
    pub advice: Option<AlertAdvice>,
    /// What came of proposing by itself, as a sentence; `None`: nothing was proposed now.
    pub proposal: Option<String>,
}

/// Takes alerts of one service in: the first that fires opens the incident of the channel, or joins
/// the one that goes on.
pub(super) async fn take(
    tx: &mut Tx,
    new: &NewAlerts,
    now: Timestamp,
) -> sqlx::Result<TakenAlerts> {
    // The counter before the group and the incident: two replicas that take alerts of one service at
    // once wait for each other here, and only here.
    rollbacks::hold_numbers(tx).await?;
    let service = new.service.as_ref();
    let mut latest = alerts::lock_latest(tx, &new.channel, service).await?;
    let ended = ended_before(tx, &new.alerts).await?;
    let mut is_joinable = match &latest {
        Some(group) => {
            let incident = timelines::lock(tx, group.incident).await?;
            incident.state(now) == IncidentState::Open
        }
        None => false,
    };
    let (mut taken, mut news, mut is_new) = (TakenAlerts::default(), AlertNews::default(), false);
    let mut came_early = vec![];
    for (alert, wishes) in &new.alerts {
        match alert.state {
            AlertState::Resolved => match &mut latest {
                Some(group) if group.knows(alert) => {
                    let (who, change) = (&alert.source, group.take(alert, wishes, now));
                    add(&mut taken, &mut news, group.incident, who, change, now);
                }
                Some(_) | None => came_early.extend(ended_key(alert)),
            },
            AlertState::Firing => {
                let is_over = latest.as_ref().is_some_and(|group| group.is_over(alert));
                if is_over || ended_key(alert).is_some_and(|key| ended.contains(&key)) {
                    continue;
                }
                if !is_joinable {
                    if let Some(group) = latest.take()
                        && news.changed
                    {
                        alerts::save(tx, &group).await?;
                        let group = group.id;
                        taken.jobs.push((Job::AlertMessage { group }, now));
                    }
                    news = AlertNews::default();
                    latest = Some(begin(tx, new, now).await?);
                    (is_joinable, is_new) = (true, true);
                }
                if let Some(group) = &mut latest {
                    let (who, change) = (&alert.source, group.take(alert, wishes, now));
                    add(&mut taken, &mut news, group.incident, who, change, now);
                }
            }
        }
    }
    remember_ended(tx, &came_early, &ended, now).await?;
    if let Some(group) = &latest {
        match is_new {
            true => alerts::insert(tx, group).await?,
            false => alerts::save(tx, group).await?,
        }
        if news.changed {
            taken
                .jobs
                .push((Job::AlertMessage { group: group.id }, now));
        }
        if news.fires && group.service.is_some() {
            taken
                .jobs
                .push((Job::AssessAlerts { group: group.id }, now));
            let severity = group.wishes.severity;
            let nudge = severity.and_then(|one| nudge(group.incident, one, new.nudge_after, now));
            taken.jobs.extend(nudge);
        }
    }
    Ok(taken)
}

/// The job that tells an incident of this severity that it began right after a deploy, and when;
/// `None`: that is not told.
pub(super) fn nudge(
    incident: IncidentId,
    severity: Severity,
    after: Option<Duration>,
    now: Timestamp,
) -> Option<(Job, Timestamp)> {
    let after = after.filter(|_| is_severe(severity))?;
    let due = now.checked_add(after).ok()?;
    Some((Job::NudgeDeploy { incident }, due))
}

/// A group in the incident of the channel, which is opened if none goes on.
async fn begin(tx: &mut Tx, new: &NewAlerts, now: Timestamp) -> sqlx::Result<AlertGroup> {
    let incident = incidents::opened(tx, &new.channel, now).await?;
    let id = rollbacks::next_id(tx, NUMBERS).await?;
    let (service, channel) = (new.service.clone(), new.channel.clone());
    Ok(AlertGroup::begin(id, service, incident.id, channel, now))
}

/// Adds what one alert came to.
fn add(
    taken: &mut TakenAlerts,
    news: &mut AlertNews,
    incident: IncidentId,
    from: &str,
    change: AlertNews,
    now: Timestamp,
) {
    let who = Actor::Platform(from.to_owned());
    let events = change.facts.into_iter().map(|fact| {
        let event = TimelineEvent::new(now, who.clone(), Source::Platform, None, fact);
        (incident, event)
    });
    taken.events.extend(events);
    news.fires |= change.fires;
    news.resolved |= change.resolved;
    news.changed |= change.changed;
}

/// The key under which it is remembered that an alert has ended which was not known here: that it
/// fires may come later. `None`: the sender does not say which time it is about.
fn ended_key(alert: &ReceivedAlert) -> Option<String> {
    let began = alert.started_at?.as_microsecond();
    Some(format!(
        "alert-ended:{}:{}:{began}",
        alert.source, alert.key
    ))
}

/// Which of these are remembered to have ended.
async fn ended_before(
    tx: &mut Tx,
    alerts: &[(ReceivedAlert, AlertWishes)],
) -> sqlx::Result<Vec<String>> {
    let keys: Vec<String> = alerts
        .iter()
        .filter_map(|(one, _)| ended_key(one))
        .collect();
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let known = messages::answers(tx, &keys).await?;
    Ok(known.into_keys().collect())
}

async fn remember_ended(
    tx: &mut Tx,
    came_early: &[String],
    known: &[String],
    now: Timestamp,
) -> sqlx::Result<()> {
    let mut keys: Vec<&String> = came_early.iter().collect();
    keys.sort_unstable();
    keys.dedup();
    let unknown = keys.into_iter().filter(|key| !known.contains(key));
    let rows: Vec<(String, String)> = unknown.map(|key| (key.clone(), "null".into())).collect();
    messages::take(tx, &rows, now).await
}

/// Stores what was read of the service of a group. Gives the job that shows it.
pub(super) async fn read(tx: &mut Tx, reading: &AlertReading) -> sqlx::Result<Option<Job>> {
    let Some(mut group) = alerts::lock(tx, reading.group).await? else {
        return Ok(None);
    };
    group.live = Some(reading.live.clone());
    group.advice.clone_from(&reading.advice);
    if reading.proposal.is_some() {
        group.proposal.clone_from(&reading.proposal);
    }
    alerts::save(tx, &group).await?;
    Ok(Some(Job::AlertMessage { group: group.id }))
}
