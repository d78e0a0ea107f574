//! PagerDuty: somebody is needed, or nobody is needed any more.

use crate::{
    App,
    crash::{self, Point},
    engine::{Ended, Error, RecordedEvent},
    pagerduty::PagerDutyError,
    permalinks,
    store::{jobs::Lease, rollbacks},
    worker::retry::{after_page, is_late, later},
};
use jiff::Timestamp;
use rollback_domain::{
    identity::RollbackId,
    incident::IncidentFact,
    job::{Job, Post, WhenRefused},
    rollback::{Message, Page, Rollback},
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long it may take until the channel was told who is asked.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// Pages somebody, or takes a page back. The key makes it one page however often it is sent.
pub(super) async fn run(
    app: &App,
    lease: &Lease,
    id: RollbackId,
    page: &Page,
) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let host = app.config.instance();
    let named = |key: &str| format!("rollback-bot:{host}:{key}");
    let Some(pagerduty) = &app.pagerduty else {
        return Ok(Ended::done());
    };
    // PagerDuty shows when it was told, not when somebody was needed.
    let late_since = is_late(app, lease).then_some(lease.wanted_at);
    crash::point(Point::PageUnsent);
    let sent = match page {
        // By now it may not be needed any more: the page that takes it back may be out already.
        Page::Trigger { key, .. } if !is_wanted(&rollback, key) => return Ok(Ended::done()),
        // By now somebody is needed again, and it is the same page.
        Page::Resolve { key } if is_wanted(&rollback, key) => return Ok(Ended::done()),
        Page::Trigger { key, summary } => {
            let summary = match &late_since {
                Some(since) => format!(
                    "LATE, PagerDuty could not be told since {}: {summary}",
                    since.strftime("%H:%M UTC")
                ),
                None => summary.clone(),
            };
            let details = details(&rollback);
            let card = permalinks::of_card(app, id).await?;
            let link = card.as_deref().map(|card| (card, "The card in Slack"));
            pagerduty
                .trigger(&named(key), &summary, details, link)
                .await
        }
        Page::Resolve { key } => pagerduty.resolve(&named(key)).await,
    };
    crash::point(Point::PageSent);
    app.metrics.paged(sent.is_ok());
    match sent {
        Ok(()) => paged(app, &rollback, page, late_since).await,
        Err(PagerDutyError::Never(why)) => Ok(refused(app, &rollback, page, why)),
        Err(PagerDutyError::Later { why, after }) => {
            Ok(Ended::retry(after_page(app, lease, after), why))
        }
    }
}

/// What PagerDuty shows of a rollback.
fn details(rollback: &Rollback) -> Value {
    json!({
        "rollback": rollback.id.to_string(),
        "service": rollback.service.name,
        "environment": rollback.service.environment,
        "from": rollback.from_label(),
        "to": rollback.to_label(),
        "requested_by": rollback.requester.with_agent(rollback.requester.name.clone()),
        "because": rollback.because,
        "channel": rollback.channel,
    })
}

/// How the job ends when PagerDuty has taken the page.
async fn paged(
    app: &App,
    rollback: &Rollback,
    page: &Page,
    late_since: Option<Timestamp>,
) -> Result<Ended, Error> {
    let ended = Ended::done().stored_at(Point::PageStored);
    let Page::Trigger { key, .. } = page else {
        return Ok(ended);
    };
    let ended = match late_since {
        Some(due) => {
            let fact = IncidentFact::PageTaken { due };
            ended.with(RecordedEvent::of(rollback, app.engine.clock.now(), fact))
        }
        None => ended,
    };
    // Decided while it was being sent: what takes it back may have been there first.
    let by_now = rollbacks::get(&app.engine.db, rollback.id).await?;
    if by_now.is_some_and(|rollback| is_wanted(&rollback, key)) {
        return Ok(ended);
    }
    let take_back = Job::Page {
        rollback: rollback.id,
        page: Page::Resolve { key: key.clone() },
    };
    Ok(ended.then(take_back, app.engine.clock.now()))
}

/// How the job ends when PagerDuty will never take the page.
fn refused(app: &App, rollback: &Rollback, page: &Page, why: String) -> Ended {
    let id = rollback.id;
    let now = app.engine.clock.now();
    tracing::error!(%id, why, "PagerDuty will not take this page");
    match page {
        Page::Trigger { key, .. } => {
            let post = Job::Post(Post {
                channel: rollback.channel.clone(),
                thread: None,
                under: None,
                message: Message::Text(format!(
                    "PagerDuty could not be told of {}, so nobody was paged: {why}. `/rollback who {id}` says who can approve it, `/rollback contacts` who can help.",
                    format_args!(
                        "{id} ({}, {} → {})",
                        rollback.service,
                        rollback.from_label(),
                        rollback.to_label()
                    )
                )),
                button: None,
                when_refused: WhenRefused::Log,
                id: format!("{key}:refused"),
            });
            // Not before the words that say whom it asks.
            let fact = IncidentFact::PageRefused { why };
            Ended::done()
                .with(RecordedEvent::of(rollback, now, fact))
                .then(post, later(app, TOLD_WITHIN))
        }
        Page::Resolve { .. } => {
            let fact = IncidentFact::PageNotResolved { why };
            Ended::done().with(RecordedEvent::of(rollback, now, fact))
        }
    }
}

/// Whether somebody is still needed for what a page is about.
fn is_wanted(rollback: &Rollback, key: &str) -> bool {
    let about = key.rsplit(':').next();
    match about {
        Some("approval") => rollback.waiting.paged,
        // Nothing takes it back but the person who is paged.
        Some("unreached") => true,
        Some(_) | None => rollback
            .break_glass
            .as_ref()
            .is_some_and(|break_glass| break_glass.paged),
    }
}
