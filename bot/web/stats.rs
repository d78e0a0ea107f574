//! How rollbacks went in the last ninety days, as a page.

use super::NotNow;
use crate::{
    App,
    export::stats,
    messages::{ServiceStatsView, readable},
    store::{overview, overview::EmergencyRuns, rollbacks},
};
use rollback_domain::{identity::ServiceKey, release::Pin};
use serde::Serialize;

/// How many services it lists, those with the most rollbacks, and of how many it draws pictures: a
/// page has 50 KB at most.
const SERVICES_AT_MOST: usize = 24;
const DRAWN_AT_MOST: usize = 6;

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    days: u64,
    /// How many rollbacks were read at most, where there were more; `None`: there were not.
    only: Option<i64>,
    services: Vec<ServiceStatsView>,
    /// How many services are not listed.
    unlisted: usize,
    /// The services whose automatic deploys are held off, as last read.
    pinned: Vec<String>,
    emergencies: i64,
    emergencies_before: i64,
    open_reviews: i64,
}

/// Reads the statistics.
pub async fn read(app: &App) -> Result<View, NotNow> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let within = &app.config.incidents.rules.mitigate_within;
    let stats = stats::read(db, now, within).await?;
    let snapshots = rollbacks::snapshots(db).await?;
    let pinned = snapshots.iter().filter(|(service, survey, _)| {
        survey.pin == Pin::On && app.config.service(service).is_some()
    });
    let pinned: Vec<&ServiceKey> = pinned.map(|(service, ..)| service).collect();
    let listed = stats.services.iter().take(SERVICES_AT_MOST);
    let listed = listed.enumerate().map(|(place, one)| {
        let view = one.view(pinned.contains(&&one.service));
        match place < DRAWN_AT_MOST {
            true => view,
            false => ServiceStatsView {
                picture: None,
                parts: vec![],
                ..view
            },
        }
    });
    let EmergencyRuns {
        last_30_days,
        previous_30_days,
        open_reviews,
    } = overview::emergency_runs(db, now).await?;
    Ok(View {
        days: stats::DAYS,
        only: stats.only,
        services: listed.collect(),
        unlisted: stats.services.len().saturating_sub(SERVICES_AT_MOST),
        pinned: pinned
            .iter()
            .take(SERVICES_AT_MOST)
            .map(|service| readable(&service.to_string()))
            .collect(),
        emergencies: last_30_days,
        emergencies_before: previous_30_days,
        open_reviews,
    })
}
