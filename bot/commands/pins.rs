//! `pins`: where automatic deploys are held off: by whom, since when, and what they hold back.

use super::{
    Answer, Context, Result, board, find, queue,
    reads::{Read, share},
};
use crate::{
    App,
    slack::{blocks::inline, card::time},
    store::rollbacks,
};
use rollback_domain::{
    grammar::{Request, verbs::Pins},
    identity::ServiceKey,
    job::ServiceAction,
    release::Pin,
    rollback::Rollback,
};

pub(super) async fn run(app: &App, context: &Context, request: Pins) -> Result {
    match request {
        Pins::List => Ok(share(app, Read::everywhere(Request::Pins(Pins::List)), pins).await),
        Pins::Snooze { service, hours } => {
            let service = find::service(app, &service)?;
            queue::service_action(app, context, service, ServiceAction::SnoozePin { hours }).await
        }
    }
}

async fn pins(app: App) -> Result {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let mut first = None;
    let mut lines = vec![];
    for (service, survey, read_at) in rollbacks::snapshots(db).await? {
        if survey.pin != Pin::On || app.config.service(&service).is_none() {
            continue;
        }
        let last = rollbacks::latest_asked(db, &service).await?;
        let line = line_of(&service, last.filter(|last| last.pin == Pin::On).as_ref());
        lines.push(format!("{line} · read {} ago", board::age(read_at, now)));
        first.get_or_insert_with(|| service.typed());
    }
    Ok(Answer::private(match first {
        None => "Automatic deploys are on everywhere, as of the last check.".to_owned(),
        Some(first) => {
            lines.push(format!(
                "`/rollback unpin {}` turns them on again.",
                inline(&first, 160)
            ));
            lines.join("\n")
        }
    }))
}

/// A service whose automatic deploys are held off, in one line; `last`: the rollback that did it, if
/// it was one of ours.
pub fn line_of(service: &ServiceKey, last: Option<&Rollback>) -> String {
    let by = last.map_or("(not by one of my rollbacks)".to_owned(), pinned_by);
    format!(
        "*{}* ({})  automatic deploys OFF {by}",
        inline(&service.name, 80),
        inline(&service.environment, 80)
    )
}

fn pinned_by(rollback: &Rollback) -> String {
    let times = &rollback.times;
    let since = times.accepted.or(times.asked);
    let approver = rollback.approvals.last().map(|approval| &approval.by);
    let by = approver
        .or(rollback.break_glass.as_ref().map(|run| &run.by))
        .map_or_else(String::new, |by| format!(" by @{}", inline(&by.name, 80)));
    format!(
        "since {}{by} with {}; it holds `{}` back",
        since.map_or_else(String::new, time),
        rollback.id,
        inline(rollback.from_label(), 60)
    )
}
