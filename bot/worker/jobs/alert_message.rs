//! Brings the message about the alerts of a service to the present state: posts it once, then edits
//! it, and only if it says something else. A post whose answer was lost is looked for by its
//! metadata. That alerts fire again, and that they have ended beside a rollback, is told once each,
//! by posts of fixed keys.

use super::Begun;
use crate::{
    App,
    config::WebPage,
    engine::{Ended, Error, SentMessage},
    permalinks,
    slack::{Failure, Words, alerts, content::is_about_content},
    store::{
        alerts as groups,
        jobs::{Lease, Next},
        messages::{self, Sent},
        rollbacks, timelines,
    },
    worker::{
        plainer::{acceptable, try_plainer},
        retry::{after_slack, later},
        rollback_message::{EDIT_EVERY, Posted, ensure_held, post_once},
    },
};
use rollback_domain::{
    alert::{AlertGroup, beside_proof},
    incident::{Incident, ordinal},
    job::{Job, Post, WhenRefused},
    rollback::{Message, Rollback},
};
use sha2::{Digest, Sha256};

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, group: i64) -> Begun<'a> {
    Box::pin(perform(app, lease, group))
}

async fn perform(app: &App, lease: &Lease, id: i64) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(group) = groups::get(db, id).await? else {
        return Ok(Ended::done());
    };
    let Some(incident) = timelines::find(db, group.incident).await? else {
        return Ok(Ended::done());
    };
    let key = format!("alert:{id}");
    let sent = messages::get(db, &key).await?;
    let now = app.engine.clock.now();
    let soonest = sent.at.checked_add(EDIT_EVERY).unwrap_or(now);
    if sent.ts.is_some() && now < soonest {
        return Ok(Ended::wait(soonest));
    }
    let rollbacks = of_service(app, &group).await?;
    let words = alerts::message(&group, &rollbacks, now);
    let words = permalinks::with_page(app, words, WebPage::Incident(incident.id));
    let revision = revision(&words);
    // What is told besides needs the message only to stand above it.
    let told = |ended: Ended| {
        let posts = posts(&group, &incident, rollbacks.last()).into_iter();
        posts.fold(ended, |ended, post| ended.then(Job::Post(post), now))
    };
    if sent.revision == revision {
        return Ok(told(Ended::done()));
    }
    // The incident may have moved since it was posted.
    let place = messages::position(db, &key).await?;
    let channel = place.map_or(incident.channel.clone(), |(channel, _)| channel);
    let acceptable = acceptable(app, lease, &key, &words).await?;
    let posted = match &sent.ts {
        Some(ts) => match ensure_held(lease) {
            Ok(()) => {
                let edited = app.slack.update(&channel, ts, &acceptable).await;
                edited.map(|()| Posted::Now(ts.clone()))
            }
            Err(failure) => Err(failure),
        },
        None => post_once(app, lease, &channel, None, &acceptable, &key).await,
    };
    Ok(match posted {
        Ok(posted) => {
            // What an earlier attempt posted shows what was true then.
            let (ts, revision, ended) = match posted {
                Posted::Now(ts) => (ts, revision, told(Ended::done())),
                Posted::Before(ts) | Posted::Again { ts, .. } => {
                    (ts, 0, Ended::from(Next::At(later(app, EDIT_EVERY))))
                }
            };
            let sent = Sent {
                ts: Some(ts),
                revision,
                at: now,
            };
            ended.with(SentMessage { key, channel, sent })
        }
        Err(Failure::Never(code)) if is_about_content(&code) && acceptable == words => {
            try_plainer(app, &channel, &key, code)
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(
                key,
                channel,
                code,
                "Slack will not take the message about alerts"
            );
            Ended::done()
        }
        Err(failure) => after_slack(app, lease, &failure).into(),
    })
}

/// The rollbacks of the service of a group in its incident, the latest last.
async fn of_service(app: &App, group: &AlertGroup) -> Result<Vec<Rollback>, Error> {
    let Some(service) = &group.service else {
        return Ok(vec![]);
    };
    let mut rollbacks = rollbacks::of_incident(&app.engine.db, group.incident).await?;
    rollbacks.retain(|rollback| rollback.service == *service && !rollback.id.is_drill());
    rollbacks.sort_by_key(|rollback| rollback.id);
    Ok(rollbacks)
}

/// A number for what a message says: the same for the same, and never 0.
fn revision(words: &Words) -> i64 {
    let said = format!("{words:?}");
    let digest = Sha256::digest(said.as_bytes());
    let start = digest.iter().take(7);
    let number = start.fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
    number.max(1)
}

/// What is told besides, once each.
fn posts(group: &AlertGroup, incident: &Incident, rollback: Option<&Rollback>) -> Vec<Post> {
    let mut posts = vec![];
    let post = |message, id| Post {
        channel: incident.channel.clone(),
        thread: None,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::Log,
        id,
    };
    let place = group.service.as_ref().map(ToString::to_string);
    let place = place.unwrap_or_else(|| "a service that no rule names".to_owned());
    let again = group.again;
    if again > 0 && group.resolved_at.is_none() && group.is_news() {
        let text = format!(
            "The alerts of {place} fire again ({} time): {}. Their message is above.",
            ordinal(again + 1),
            group.titles()
        );
        posts.push(post(
            Message::Text(text),
            format!("alert:{}:again:{again}", group.id),
        ));
    }
    if let (Some(rollback), Some(ended)) = (rollback, group.resolved_at)
        && let Some(served) = rollback.times.serving
        && ended >= served
        && group.is_news()
    {
        let text = format!(
            "{} was live at {}. Alerts of {place}: {}.",
            rollback.to_label(),
            served.strftime("%H:%M:%S UTC"),
            beside_proof(group, Some(served))
        );
        posts.push(Post {
            under: Some(rollback.id),
            ..post(
                Message::Text(text),
                format!("alert:{}:ended:{}:{again}", group.id, rollback.id),
            )
        });
    }
    posts
}
