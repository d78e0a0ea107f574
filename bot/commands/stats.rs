//! `stats`, `stats frontend`: how rollbacks went in the last ninety days, and where the time went.

use super::{
    Answer, Context, Result, find,
    reads::{Read, share},
};
use crate::{
    App,
    export::stats::{self, ServiceStats},
    slack::{
        Words,
        blocks::{context, fit_text, header, inline, section},
    },
    store::{overview, rollbacks},
};
use rollback_domain::{
    grammar::{Request, verbs::Stats},
    identity::ServiceKey,
    proof::spell,
    release::Pin,
};

/// How many services it shows, those with the most rollbacks.
const SERVICES_AT_MOST: usize = 20;

pub(super) async fn run(app: &App, _: &Context, request: Stats) -> Result {
    let service = match &request.service {
        Some(service) => Some(find::service(app, service)?.key.clone()),
        None => None,
    };
    let read = Read::everywhere(Request::Stats(request));
    Ok(share(app, read, move |app| show(app, service.clone())).await)
}

async fn show(app: App, only: Option<ServiceKey>) -> Result {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let within = &app.config.incidents.rules.mitigate_within;
    let stats = stats::read(db, now, within).await?;
    let snapshots = rollbacks::snapshots(db).await?;
    let is_pinned = |service: &ServiceKey| {
        let mut snapshots = snapshots.iter();
        snapshots.any(|(key, survey, _)| key == service && survey.pin == Pin::On)
    };
    let services: Vec<&ServiceStats> = stats
        .services
        .iter()
        .filter(|one| only.as_ref().is_none_or(|only| one.service == *only))
        .collect();
    if services.is_empty() {
        let days = stats::DAYS;
        return Ok(Answer::private(match only {
            Some(only) => format!(
                "{} was not rolled back in the last {days} days.",
                inline(&only.to_string(), 160)
            ),
            None => format!("Nothing was rolled back in the last {days} days."),
        }));
    }
    let shown = services.iter().take(SERVICES_AT_MOST);
    let mut lines: Vec<String> = shown
        .map(|one| lines_of(one, is_pinned(&one.service)))
        .collect();
    let more = services.len().saturating_sub(SERVICES_AT_MOST);
    if more > 0 {
        lines.push(format!("and {more} services with fewer rollbacks"));
    }
    let runs = overview::emergency_runs(db, now).await?;
    let pins = snapshots.iter().filter(|(service, survey, _)| {
        survey.pin == Pin::On && app.config.service(service).is_some()
    });
    let title = format!("Rollbacks of the last {} days", stats::DAYS);
    let foot = format!(
        "Times are from the command to live. Automatic deploys are OFF for {} · {} emergency runs in 30 days, {} in the 30 before · drills do not count.",
        match pins.count() {
            0 => "no service".to_owned(),
            1 => "1 service (`/rollback pins`)".to_owned(),
            n => format!("{n} services (`/rollback pins`)"),
        },
        runs.last_30_days,
        runs.previous_30_days
    );
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(5).map(|lines| section(&lines.join("\n"))));
    blocks.push(context(&foot));
    Ok(Answer::Private(Words {
        text: fit_text(&format!("{title}\n{}\n{foot}", lines.join("\n"))),
        blocks,
    }))
}

/// How one service was rolled back, on two lines.
fn lines_of(stats: &ServiceStats, is_pinned: bool) -> String {
    let name = inline(&stats.service.to_string(), 160);
    let mut told = vec![match (stats.median(), stats.worst()) {
        (Some(median), Some(worst)) => {
            format!("median {}, worst {}", spell(median), spell(worst))
        }
        (None, _) | (_, None) => "none went live".to_owned(),
    }];
    told.extend(stats.met().map(|met| format!("{met} met the goal")));
    let in_time = stats.in_time();
    told.extend(in_time.map(|count| format!("{count} in the time of the severity")));
    told.push(format!(
        "{} asked for, {} run, {} verified, {} failed",
        stats.requested, stats.run, stats.verified, stats.failed
    ));
    if stats.emergencies > 0 {
        told.push(format!("{} as an emergency", stats.emergencies));
    }
    if is_pinned {
        told.push("automatic deploys OFF".to_owned());
    }
    let mut line = format!("*{name}*  {}", told.join(" · "));
    let parts: Vec<String> = stats
        .parts()
        .into_iter()
        .map(|(part, took)| format!("{} {}", part.name(), spell(took)))
        .collect();
    if !parts.is_empty() {
        line.push_str(&format!("\n      medians: {}", parts.join(" · ")));
    }
    line
}
