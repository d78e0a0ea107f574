//! How rollbacks went in the last ninety days, service by service, as far as the record tells.

use super::NotNow;
use crate::{
    App,
    messages::readable,
    store::{overview, overview::EmergencyRuns, rollbacks},
};
use rollback_domain::{
    identity::ServiceKey,
    proof::{Verdict, spell},
    release::Pin,
    rollback::{Rollback, State},
};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// How far back it looks.
const DAYS: u64 = 90;
/// How many rollbacks it reads, the latest ones.
const ROLLBACKS_AT_MOST: i64 = 1_000;
/// How many services it lists, those with the most rollbacks.
const SERVICES_AT_MOST: usize = 60;

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    days: u64,
    /// How many rollbacks were read at most, where there were more; `None`: there were not.
    only: Option<i64>,
    services: Vec<ServiceStats>,
    /// How many services are not listed.
    unlisted: usize,
    /// The services whose automatic deploys are held off, as last read.
    pinned: Vec<String>,
    emergencies: i64,
    emergencies_before: i64,
    open_reviews: i64,
}

/// How the rollbacks of a service went.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct ServiceStats {
    service: String,
    /// How many were asked for, and how many of them their platform was asked for.
    requested: usize,
    run: usize,
    verified: usize,
    /// It serves what it should, and nothing proves that it works.
    unproven: usize,
    /// It went wrong: refused, partial, still failing, drifted away.
    failed: usize,
    /// How many were run without an approval.
    emergencies: usize,
    /// From the command to serving: half of them took longer; the longest of them. Empty where none
    /// served.
    median: String,
    worst: String,
    /// The part of it in which people were waited for: half of them waited longer.
    waited: String,
}

/// Reads the statistics.
pub async fn read(app: &App) -> Result<View, NotNow> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let since = now
        .checked_sub(Duration::from_secs(DAYS * 86_400))
        .unwrap_or(now);
    let found = rollbacks::requested_since(db, since, ROLLBACKS_AT_MOST).await?;
    let is_all = i64::try_from(found.len()).is_ok_and(|count| count < ROLLBACKS_AT_MOST);
    let mut by_service: BTreeMap<&ServiceKey, Vec<&Rollback>> = BTreeMap::new();
    for rollback in &found {
        // What takes several services back is counted with each of them.
        if rollback.group().is_none() {
            by_service
                .entry(&rollback.service)
                .or_default()
                .push(rollback);
        }
    }
    let mut services: Vec<ServiceStats> = by_service
        .iter()
        .map(|(service, rollbacks)| stats(service, rollbacks))
        .collect();
    services.sort_by_key(|one| std::cmp::Reverse(one.requested));
    let unlisted = services.len().saturating_sub(SERVICES_AT_MOST);
    services.truncate(SERVICES_AT_MOST);
    let snapshots = rollbacks::snapshots(db).await?;
    let pinned = snapshots.iter().filter(|(service, survey, _)| {
        survey.pin == Pin::On && app.config.service(service).is_some()
    });
    let EmergencyRuns {
        last_30_days,
        previous_30_days,
        open_reviews,
    } = overview::emergency_runs(db, now).await?;
    Ok(View {
        days: DAYS,
        only: (!is_all).then_some(ROLLBACKS_AT_MOST),
        services,
        unlisted,
        pinned: pinned
            .take(SERVICES_AT_MOST)
            .map(|(service, ..)| readable(&service.to_string()))
            .collect(),
        emergencies: last_30_days,
        emergencies_before: previous_30_days,
        open_reviews,
    })
}

fn stats(service: &ServiceKey, rollbacks: &[&Rollback]) -> ServiceStats {
    let count = |is: &dyn Fn(&Rollback) -> bool| rollbacks.iter().filter(|one| is(one)).count();
    let times = |of: &dyn Fn(&Rollback) -> Option<Duration>| {
        let mut times: Vec<Duration> = rollbacks.iter().filter_map(|one| of(one)).collect();
        times.sort();
        times
    };
    let took = times(&|one| one.times.to_serving()?.try_into().ok());
    // Where nobody approved, nobody was waited for either.
    let waited = times(&|one| match one.approvals.is_empty() {
        true => None,
        false => one.times.waiting()?.try_into().ok(),
    });
    ServiceStats {
        service: readable(&service.to_string()),
        requested: rollbacks.len(),
        run: count(&|one| one.times.asked.is_some()),
        verified: count(&|one| ended(one) == Some(Ended::Verified)),
        unproven: count(&|one| ended(one) == Some(Ended::Unproven)),
        failed: count(&|one| ended(one) == Some(Ended::Failed)),
        emergencies: count(&|one| {
            let run = one.break_glass.as_ref();
            run.is_some_and(|run| run.spent.is_none())
        }),
        median: median(&took),
        worst: took.last().copied().map(spell).unwrap_or_default(),
        waited: median(&waited),
    }
}

/// The one in the middle, the later one of two; empty where there are none.
fn median(sorted: &[Duration]) -> String {
    let middle = sorted.get(sorted.len() / 2);
    middle.copied().map(spell).unwrap_or_default()
}

/// How a rollback ended that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Verified,
    Unproven,
    Failed,
}

/// `None`: it goes on, nothing was run, or people ended it.
fn ended(rollback: &Rollback) -> Option<Ended> {
    match &rollback.state {
        State::Watching { .. } | State::Closed if rollback.proof.drifted.is_some() => {
            Some(Ended::Failed)
        }
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            Some(Verdict::Verified) => Some(Ended::Verified),
            Some(Verdict::Unproven) | None => Some(Ended::Unproven),
            Some(Verdict::StillFailing | Verdict::WrongVersion) => Some(Ended::Failed),
        },
        State::Failed { .. } | State::Partial { .. } => Some(Ended::Failed),
        State::Planning
        | State::Blocked { .. }
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Accepted { .. }
        | State::Serving { .. }
        | State::Unknown { .. }
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_them_took_longer() {
        let seconds = |all: &[u64]| -> Vec<Duration> {
            all.iter().copied().map(Duration::from_secs).collect()
        };
        assert_eq!(median(&[]), "");
        assert_eq!(median(&seconds(&[5])), "5 s");
        assert_eq!(median(&seconds(&[5, 7, 60])), "7 s");
        assert_eq!(median(&seconds(&[5, 7, 9, 60])), "9 s");
    }
}
