//! The board: every service with what is live, and what goes on.

use super::{NotNow, rollback::RollbackLine};
use crate::{
    App,
    commands::board::{Live, age},
    config::Service,
    export::stats::ServiceStats,
    messages::{readable, stamp},
    store::{rollbacks, rosters, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    identity::ServiceKey,
    incident::{Incident, IncidentState},
    release::Survey,
    rollback::Rollback,
};
use rollback_http::cut;
use serde::Serialize;

/// How many services one page has.
const SERVICES_AT_MOST: usize = 40;
/// How many of the last rollbacks and incidents are listed.
const RECENT_AT_MOST: i64 = 12;
/// How much of a name and of a reason is shown, in characters.
const NAME_AT_MOST: usize = 60;
const REASON_AT_MOST: usize = 200;

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    services: Vec<ServiceLine>,
    /// The number of the first service of the next page; `None`: these are the last ones.
    next: Option<usize>,
    groups: Vec<GroupLine>,
    rollbacks: Vec<RollbackLine>,
    incidents: Vec<IncidentLine>,
}

/// A service.
#[derive(Debug, Serialize)]
struct ServiceLine {
    name: String,
    environment: String,
    /// Where its users find it.
    url: Option<String>,
    /// What is live; `None`: that is not known.
    live: Option<LiveLine>,
    /// How long ago it was read; `None`: it was not read yet.
    age: Option<String>,
    open: Option<RollbackLine>,
    /// Who asked that it is not rolled back, and why.
    hold: Option<String>,
    /// How long its rollbacks took lately; `None`: none served.
    stats: Option<String>,
}

/// What is live.
#[derive(Debug, Serialize)]
struct LiveLine {
    release: String,
    /// Since when, and by which rollback; on how many surfaces; what was not looked at.
    notes: Vec<String>,
    before: Option<String>,
    is_pinned: bool,
}

/// Services that are rolled back together.
#[derive(Debug, Serialize)]
struct GroupLine {
    name: String,
    environment: String,
    stages: String,
    open: Option<RollbackLine>,
}

/// An incident on one line, without what was said in it.
#[derive(Debug, Serialize)]
struct IncidentLine {
    id: String,
    status: String,
    opened: String,
}

/// Reads the board, from the service with this number on, from 0.
pub async fn read(app: &App, first: usize) -> Result<View, NotNow> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let snapshots = rollbacks::snapshots(db).await?;
    let open = rollbacks::open(db).await?;
    let frozen = rosters::frozen(db).await?;
    let within = &app.config.incidents.rules.mitigate_within;
    let stats = app.stats.read(db, now, within).await?;
    let open_of = |key: &ServiceKey| {
        let mut open = open.iter();
        open.find(|open| open.service == *key).map(RollbackLine::of)
    };
    let configured = &app.config.services;
    let mut services = vec![];
    for service in configured.iter().skip(first).take(SERVICES_AT_MOST) {
        let snapshot = snapshots.iter().find(|(key, ..)| *key == service.key);
        let live = match snapshot {
            Some((_, survey, _)) => live(app, service, survey, now).await?,
            None => None,
        };
        let mut frozen = frozen.iter();
        let hold = frozen.find(|(key, _)| *key == service.key);
        let mut stats = stats.services.iter();
        let stats = stats.find(|stats| stats.service == service.key);
        services.push(ServiceLine {
            stats: stats.and_then(ServiceStats::in_short),
            name: short(&service.key.name),
            environment: short(&service.key.environment),
            url: service.url.as_ref().map(ToString::to_string),
            live,
            age: snapshot.map(|(.., read_at)| age(*read_at, now)),
            open: open_of(&service.key),
            hold: hold.map(|(_, freeze)| {
                let because = readable(&cut(&freeze.because, REASON_AT_MOST));
                format!("@{}: {because}", short(&freeze.by.name))
            }),
        });
    }
    let groups = app.config.groups.iter().map(|group| GroupLine {
        name: short(&group.key.name),
        environment: short(&group.key.environment),
        stages: readable(&cut(&group.stages(), REASON_AT_MOST)),
        open: open_of(&group.key),
    });
    let next = first + services.len();
    let recent: Vec<Rollback> = rollbacks::recent(db, RECENT_AT_MOST).await?;
    let incidents = timelines::recent(db, RECENT_AT_MOST).await?;
    Ok(View {
        services,
        next: (next < configured.len()).then_some(next),
        groups: groups.take(SERVICES_AT_MOST).collect(),
        rollbacks: recent.iter().map(RollbackLine::of).collect(),
        incidents: incidents.iter().map(|one| incident(one, now)).collect(),
    })
}

async fn live(
    app: &App,
    service: &Service,
    survey: &Survey,
    now: Timestamp,
) -> sqlx::Result<Option<LiveLine>> {
    let history = rollbacks::history(&app.engine.db, &service.key).await?;
    let Some(live) = Live::of(survey, &history, now) else {
        return Ok(None);
    };
    let on = live.on.map(|(n, m)| format!("on {n} of {m} surfaces"));
    let since = live.since.as_ref().map(|run| {
        let by = run.by.as_ref().map(|by| format!(" by {}", by.rollback));
        format!("since {}{}", stamp(run.since), by.unwrap_or_default())
    });
    let others = [live.unseen, live.in_flight].into_iter().flatten();
    let others = others.map(|note| readable(&cut(&note, REASON_AT_MOST)));
    Ok(Some(LiveLine {
        release: short(&live.label),
        notes: on.into_iter().chain(since).chain(others).collect(),
        before: live.before.as_deref().map(short),
        is_pinned: live.is_pinned,
    }))
}

fn incident(incident: &Incident, now: Timestamp) -> IncidentLine {
    let status = incident.course.status.to_string();
    IncidentLine {
        id: incident.id.to_string(),
        status: match incident.state(now) {
            IncidentState::Open | IncidentState::Resolved => status,
            IncidentState::Silent => format!("{status}, over"),
        },
        opened: stamp(incident.opened_at),
    }
}

fn short(name: &str) -> String {
    readable(&cut(name, NAME_AT_MOST))
}
