//! A rollback: its card as people see it, where its time went, and its part of the timeline.

use super::{
    NotNow, Reader,
    blocks::{self, Block},
    entries::{ENTRIES_AT_MOST, Entries},
    names,
    room::Room,
};
use crate::{
    App, export,
    messages::{Lane, readable, stamp},
    permalinks,
    slack::card,
    store::{rollbacks, timelines},
};
use rollback_domain::{identity::RollbackId, rollback::Rollback};
use serde::Serialize;

/// How much of the page the card may take, in bytes.
const CARD_ROOM: usize = 14_000;

/// A rollback on one line, without its reasons.
#[derive(Debug, Serialize)]
pub(super) struct RollbackLine {
    id: String,
    service: String,
    from: String,
    to: String,
    /// Where it stands, in the words of its card.
    status: String,
    /// How it ended, as a colour.
    tone: &'static str,
    /// When it was asked for; empty where that is not known.
    at: String,
}

impl RollbackLine {
    pub(super) fn of(rollback: &Rollback) -> Self {
        RollbackLine {
            id: rollback.id.to_string(),
            service: readable(&rollback.service.to_string()),
            from: readable(rollback.from_label()),
            to: readable(rollback.to_label()),
            status: rollback.word(),
            tone: export::tone(rollback),
            at: rollback.times.commanded.map(stamp).unwrap_or_default(),
        }
    }
}

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    rollback: RollbackLine,
    /// The rest; `None`: it was asked for in a channel that the reader cannot read.
    story: Option<Story>,
}

/// What is only for those who can read its channel.
#[derive(Debug, Serialize)]
struct Story {
    incident: String,
    /// Its card in Slack; `None`: it is not posted, or the workspace's address is not known yet.
    card_link: Option<String>,
    card: Vec<Block>,
    lane: Lane,
    entries: Entries,
}

/// Reads a rollback for somebody; `None`: there is none of this number. `before`: only entries before
/// this one.
pub async fn read(
    app: &App,
    reader: &Reader,
    id: RollbackId,
    before: i64,
) -> Result<Option<View>, NotNow> {
    let Some(found) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(None);
    };
    // Reasons given in a private channel stay there.
    let story = match reader.can_read(app, &found.channel).await? {
        true => Some(story(app, &found, before).await?),
        false => None,
    };
    Ok(Some(View {
        rollback: RollbackLine::of(&found),
        story,
    }))
}

async fn story(app: &App, rollback: &Rollback, before: i64) -> sqlx::Result<Story> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let limit = ENTRIES_AT_MOST + 1;
    let entries =
        timelines::latest_of_rollback(db, rollback.incident, rollback.id, before, limit).await?;
    let names = names(app, &entries).await?;
    let authority = app.authority(rollback).await?;
    let words = card::card(rollback, authority.as_ref(), now);
    Ok(Story {
        incident: rollback.incident.to_string(),
        card_link: permalinks::of_card(app, rollback.id).await?,
        card: blocks::of_message(&names, &words, &mut Room::new(CARD_ROOM)),
        lane: export::lane(rollback, now),
        entries: Entries::of(&entries, &names),
    })
}
