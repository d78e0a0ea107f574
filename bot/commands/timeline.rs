//! `timeline`, `timeline all`: the last entries of the timeline of the channel, in the order in which
//! it happened.

use super::{
    Answer, Context, Result, find,
    reads::{Read, share},
};
use crate::{
    App,
    slack::{
        Words,
        blocks::{Mrkdwn, context, fit_text, header, inline, inline_mrkdwn, section},
        card::listed,
    },
    store::timelines,
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{Request, verbs::Timeline},
    identity::IncidentId,
    incident::Entry,
};

/// How many entries a message shows; the export has all.
const ENTRIES: usize = 15;
/// Among how many entries that were recorded last these are looked for.
const RECENT: i64 = 200;

pub(super) async fn run(app: &App, context: &Context, request: Timeline) -> Result {
    let channel = context.channel.clone();
    let all = request.all;
    let read = Read::in_channel(Request::Timeline(request), &channel);
    Ok(share(app, read, move |app| latest(app, channel.clone(), all)).await)
}

async fn latest(app: App, channel: String, all: bool) -> Result {
    let now = app.engine.clock.now();
    let mut page = page(&app, &channel, |count| count - RECENT, RECENT).await?;
    let recent = page.entries.len();
    page.entries
        .retain(|entry| all || !entry.event.fact.is_routine());
    let hidden = recent - page.entries.len();
    page.entries
        .sort_by_key(|entry| (entry.event.at, entry.seq));
    let shown = page.entries.len().saturating_sub(ENTRIES);
    let shown = &page.entries[shown..];
    let lines: Vec<String> = shown.iter().map(|entry| line(entry, now)).collect();
    let title = format!(
        "{}: last {} of {} entries",
        page.incident.titled(),
        lines.len(),
        page.count
    );
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(5).map(|lines| section(&lines.join("\n"))));
    let more = match hidden {
        0 => "`/rollback export` puts all of it into a file.",
        _ => {
            "`/rollback timeline all` also shows what is routine, such as refusals; `/rollback export` puts all of it into a file."
        }
    };
    blocks.push(context(more));
    Ok(Answer::Private(Words {
        text: fit_text(&format!("{title}\n{}", lines.join("\n"))),
        blocks,
    }))
}

fn line(entry: &Entry, now: Timestamp) -> String {
    let event = &entry.event;
    let rollback = event.rollback.map(|id| format!("{id} "));
    format!(
        "{} {}{} {}: {}",
        listed(event.at, now),
        rollback.unwrap_or_default(),
        inline(&event.who.to_string(), 80),
        event.kind(),
        inline_mrkdwn(&event.clause(&Mrkdwn), 300)
    )
}

/// A part of the timeline of the latest incident of a channel.
#[derive(Debug)]
pub struct Page {
    /// The number of the incident.
    pub incident: IncidentId,
    /// How many entries the incident has.
    pub count: i64,
    /// The entries of the part, in the order of their recording.
    pub entries: Vec<Entry>,
}

/// Reads `at_most` entries after the place that `after` gives for the number of all entries.
pub async fn page(
    app: &App,
    channel: &str,
    after: impl FnOnce(i64) -> i64,
    at_most: i64,
) -> Result<Page> {
    let db = &app.engine.db;
    let incident = find::incident(app, channel, None).await?;
    let count = timelines::end(db, incident).await?.entries;
    let entries = timelines::entries(db, incident, after(count), at_most).await?;
    Ok(Page {
        incident,
        count,
        entries,
    })
}
