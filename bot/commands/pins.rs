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
        let by = match rollbacks::latest_asked(db, &service).await? {
            Some(last) if last.pin == Pin::On => pinned_by(&last),
            _ => "(not by one of my rollbacks)".to_owned(),
        };
        lines.push(format!(
            "*{}* ({})  automatic deploys OFF {by} · read {} ago",
            inline(&service.name, 80),
            inline(&service.environment, 80),
            board::age(read_at, now)
        ));
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
