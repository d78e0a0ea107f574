//! Brings the checklist of a rollback to the present state: posts it once below the card, then edits
//! it. A post whose answer was lost is looked for by its metadata, and an edit may be repeated.
//! Where Slack does not take it, nothing waits for it and nobody is told.

use crate::{
    App,
    engine::{Ended, Error, RecordedTick, SentMessage},
    slack::{Failure, checklist},
    store::{
        checklists,
        jobs::Lease,
        messages::{self, Sent},
    },
    worker::{
        retry::{after_slack, later},
        rollback_message::{
            CARD_EVERY, CARD_TRIES, EDIT_EVERY, Posted, card_ts, ensure_held, post_once,
        },
    },
};
use rollback_domain::{checklist::TickedBy, identity::RollbackId};

pub(super) async fn run(app: &App, lease: &Lease, rollback: RollbackId) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(stored) = checklists::get(db, rollback).await? else {
        return Ok(Ended::done());
    };
    let list = &stored.checklist;
    let Some(card) = card_ts(app, rollback).await? else {
        return Ok(match lease.attempt < CARD_TRIES {
            true => Ended::retry(later(app, CARD_EVERY), "the card is not posted yet"),
            false => Ended::done(),
        });
    };
    if list.waits_for(TickedBy::Told) {
        // This leaves the job behind once more, for what the checklist shows then.
        return Ok(Ended::done().with(RecordedTick {
            incident: list.incident,
            rollback: Some(rollback),
            event: TickedBy::Told,
            evidence: "the card is in this channel".to_owned(),
        }));
    }
    let key = format!("{rollback}:checklist");
    let sent = messages::get(db, &key).await?;
    let now = app.engine.clock.now();
    let soonest = sent.at.checked_add(EDIT_EVERY).unwrap_or(now);
    if sent.revision >= stored.revision {
        return Ok(Ended::done());
    }
    if sent.ts.is_some() && now < soonest {
        return Ok(Ended::wait(soonest));
    }
    let words = checklist::checklist(list, stored.revision, true, now).about(rollback);
    let posted = match &sent.ts {
        Some(ts) => match ensure_held(lease) {
            Ok(()) => {
                let edited = app.slack.update(&list.channel, ts, &words).await;
                edited.map(|()| Posted::Now(ts.clone()))
            }
            Err(failure) => Err(failure),
        },
        None => post_once(app, lease, &list.channel, Some(&card), &words, &key).await,
    };
    Ok(match posted {
        Ok(posted) => {
            // What an earlier attempt posted shows what was true then.
            let (ts, revision, ended) = match posted {
                Posted::Now(ts) => (ts, stored.revision, Ended::done()),
                Posted::Before(ts) | Posted::Again { ts, .. } => {
                    (ts, 0, Ended::at(later(app, EDIT_EVERY)))
                }
            };
            ended.with(SentMessage {
                key,
                channel: list.channel.clone(),
                sent: Sent {
                    ts: Some(ts),
                    revision,
                    at: now,
                },
            })
        }
        Err(Failure::Never(code)) => {
            tracing::warn!(key, code, "Slack will not take the checklist");
            Ended::done()
        }
        Err(failure) => after_slack(app, lease, &failure).into(),
    })
}
