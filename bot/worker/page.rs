//! PagerDuty: somebody is needed, or nobody is needed any more.

use super::{backoff, later, say::LATE_AFTER, tried_for};
use crate::{
    App,
    crash::{self, Point},
    engine::{Error, SideEffects},
    pagerduty::PagerDutyError,
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
};
use rollback_domain::{
    incident::{Actor, Kind, TimelineEvent},
    job::Job,
    refusal::Source,
    rollback::{Message, Page, Rollback},
};
use serde_json::json;
use std::time::Duration;

/// How long it may take until the channel was told who is asked.
const SAID_BY: Duration = Duration::from_secs(5);

/// Pages somebody, or takes a page back. The key makes it one page however often it is sent.
pub(super) async fn page(app: &App, lease: &Lease, id: u64, page: &Page) -> Result<(), Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let here = app.config.server.public_url.host_str().unwrap_or("here");
    let named = |key: &str| format!("rollback-bot:{here}:{key}");
    let Some(pagerduty) = &app.pagerduty else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    // PagerDuty shows when it was told, not when somebody was needed.
    let since = lease.wanted_at.strftime("%H:%M UTC");
    let late = (lease.failed && tried_for(app, lease) > LATE_AFTER)
        .then(|| format!("LATE, PagerDuty could not be told since {since}"));
    crash::point(Point::PageUnsent);
    let sent = match page {
        // By now it may not be needed any more: the page that takes it back may be out already.
        Page::Trigger { key, .. } if !is_wanted(&rollback, key) => {
            return app
                .engine
                .end(lease, Next::Done, SideEffects::default())
                .await;
        }
        Page::Trigger { key, summary } => {
            let details = json!({
                "rollback": format!("RB-{id}"),
                "service": rollback.service,
                "environment": rollback.environment,
                "from": rollback.from_label(),
                "to": rollback.to_label(),
                "requested_by": rollback.requester.name,
                "because": rollback.because,
                "channel": rollback.channel,
            });
            let summary = match &late {
                Some(late) => format!("{late}: {summary}"),
                None => summary.clone(),
            };
            pagerduty
                .trigger(&named(key), &summary, details, None)
                .await
        }
        // By now somebody is needed again, and it is the same page.
        Page::Resolve { key } if is_wanted(&rollback, key) => {
            return app
                .engine
                .end(lease, Next::Done, SideEffects::default())
                .await;
        }
        Page::Resolve { key } => pagerduty.resolve(&named(key)).await,
    };
    crash::point(Point::PageSent);
    app.metrics.paged(sent.is_ok());
    let now = app.engine.clock.now();
    match sent {
        Ok(()) => {
            let mut effects = SideEffects::default();
            if let (Page::Trigger { .. }, Some(_)) = (page, &late) {
                let event = TimelineEvent {
                    at: now,
                    who: Actor::Bot,
                    source: Source::Bot,
                    kind: Kind::Paged,
                    text: format!("PagerDuty took the page that was to be sent at {since}"),
                    rollback: Some(id),
                };
                effects.event = Some((rollback.incident, event));
            }
            // Decided while it was being sent: what takes it back may have been there first.
            let by_now = rollbacks::get(&app.engine.db, id).await?;
            if let Page::Trigger { key, .. } = page
                && !by_now.is_some_and(|rollback| is_wanted(&rollback, key))
            {
                let page = Page::Resolve { key: key.clone() };
                effects.jobs.push((Job::Page { rollback: id, page }, now));
            }
            app.engine.end(lease, Next::Done, effects).await?;
            crash::point(Point::PageStored);
            Ok(())
        }
        Err(PagerDutyError::Never(why)) => {
            tracing::error!(id, why, "PagerDuty will not take this page");
            let (text, message) = match page {
                Page::Trigger { key, .. } => {
                    let text = format!("PagerDuty could not be told, nobody was paged: {why}");
                    let post = Job::Post {
                        channel: rollback.channel.clone(),
                        thread: None,
                        under: None,
                        message: Message::Text(format!(
                            "PagerDuty could not be told of RB-{id}, so nobody was paged: {why}. `/rollback contacts` says who can help."
                        )),
                        id: format!("{key}:refused"),
                    };
                    (text, Some(post))
                }
                Page::Resolve { .. } => (format!("the page could not be taken back: {why}"), None),
            };
            let event = TimelineEvent {
                at: now,
                who: Actor::Bot,
                source: Source::Bot,
                kind: Kind::Paged,
                text,
                rollback: Some(id),
            };
            let effects = SideEffects {
                event: Some((rollback.incident, event)),
                // Not before the words that say whom it asks.
                jobs: message
                    .map(|post| (post, later(app, SAID_BY)))
                    .into_iter()
                    .collect(),
                ..SideEffects::default()
            };
            app.engine.end(lease, Next::Done, effects).await
        }
        Err(PagerDutyError::Later { why, after }) => {
            let at = after.map_or_else(|| backoff(app, lease.attempt), |after| later(app, after));
            app.engine
                .end(lease, Next::Retry(at, why), SideEffects::default())
                .await
        }
    }
}

/// Whether somebody is still needed for what a page is about.
fn is_wanted(rollback: &Rollback, key: &str) -> bool {
    match key.ends_with(":approval") {
        true => rollback.waiting.paged,
        false => rollback
            .break_glass
            .as_ref()
            .is_some_and(|break_glass| break_glass.paged),
    }
}
