//! An incident: where it stands, its rollbacks on one axis, what was published, and its timeline.

use super::{
    NotNow, Reader,
    blocks::{self, Block},
    entries::{ENTRIES_AT_MOST, Entries},
    names,
    rollback::RollbackLine,
    room::Room,
};
use crate::{
    App,
    commands::{self, Failure},
    engine::Error,
    export,
    messages::Strip,
    slack::update,
    store::{rollbacks, timelines, updates},
};
use rollback_domain::{identity::IncidentId, incident::Incident};
use serde::Serialize;

/// How much of the page the summary and the updates may take, in bytes.
const MESSAGES_ROOM: usize = 12_000;
/// How many rollbacks are listed, the latest ones.
const ROLLBACKS_AT_MOST: usize = 15;
/// How many updates are shown, the latest ones.
const UPDATES_AT_MOST: usize = 5;

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    incident: String,
    /// The Slack channel, by id.
    channel: String,
    /// Where it stands, as `/rollback incident` shows it.
    summary: Vec<Block>,
    strip: Option<Strip>,
    rollbacks: Vec<RollbackLine>,
    /// How many more rollbacks it has.
    unlisted: usize,
    /// What was published, each as it is in Slack, the latest first.
    updates: Vec<Vec<Block>>,
    entries: Entries,
}

/// Reads an incident for somebody; `None`: there is none of this number, or none that they can read.
/// `before`: only entries before this one.
pub async fn read(
    app: &App,
    reader: &Reader,
    id: IncidentId,
    before: i64,
) -> Result<Option<View>, NotNow> {
    let Some(incident) = timelines::find(&app.engine.db, id).await? else {
        return Ok(None);
    };
    // What was said in a private channel stays there, and so does that it was said.
    match reader.can_read(app, &incident.channel).await? {
        true => Ok(Some(view(app, &incident, before).await?)),
        false => Ok(None),
    }
}

async fn view(app: &App, incident: &Incident, before: i64) -> Result<View, NotNow> {
    let (db, now) = (&app.engine.db, app.engine.clock.now());
    let entries = timelines::latest_entries(db, incident.id, before, ENTRIES_AT_MOST + 1).await?;
    let names = names(app, &entries).await?;
    let summary = match commands::incident::summary(app, incident).await {
        Ok(summary) => summary,
        Err(Failure::Refused(refusal)) => return Err(NotNow::Refused(refusal.to_string())),
        Err(Failure::Engine(error)) => return Err(silent(&error)),
    };
    let mut room = Room::new(MESSAGES_ROOM);
    let summary = blocks::of_message(&names, &summary, &mut room);
    let published = updates::published(db, incident.id).await?;
    let published = published.iter().take(UPDATES_AT_MOST);
    let updates = published
        .map(|published| blocks::of_message(&names, &update::message(published), &mut room));
    let mut found = rollbacks::of_incident(db, incident.id).await?;
    let strip = export::strip(&found, incident.opened_at, incident.last_at, now);
    found.reverse();
    Ok(View {
        incident: incident.id.to_string(),
        channel: incident.channel.clone(),
        summary,
        strip,
        unlisted: found.len().saturating_sub(ROLLBACKS_AT_MOST),
        rollbacks: found
            .iter()
            .take(ROLLBACKS_AT_MOST)
            .map(RollbackLine::of)
            .collect(),
        updates: updates.collect(),
        entries: Entries::of(&entries, &names),
    })
}

fn silent(error: &Error) -> NotNow {
    tracing::error!(%error, "a page could not be read from the record");
    NotNow::record_is_silent()
}
