//! `timeline`: the last entries of the timeline of the channel.

use super::{
    Answer, Context, Result,
    reads::{Read, share},
};
use crate::{
    App,
    slack::{
        Words,
        blocks::{Mrkdwn, context, fit_text, header, inline, inline_mrkdwn, section},
        card::time,
    },
    store::timelines,
};
use rollback_domain::{
    grammar::{Request, verbs::Timeline},
    identity::IncidentId,
    incident::Entry,
    refusal::Refusal,
};

/// How many entries a message shows; the export has all.
const ENTRIES: i64 = 15;

pub(super) async fn run(app: &App, context: &Context, request: Timeline) -> Result {
    let channel = context.channel.clone();
    let read = Read::in_channel(Request::Timeline(request), &channel);
    Ok(share(app, read, move |app| latest(app, channel.clone())).await)
}

async fn latest(app: App, channel: String) -> Result {
    let page = page(&app, &channel, |count| count - ENTRIES, ENTRIES).await?;
    let lines: Vec<String> = page.entries.iter().map(line).collect();
    let title = format!(
        "{}: last {} of {} entries",
        page.incident,
        lines.len(),
        page.count
    );
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(5).map(|lines| section(&lines.join("\n"))));
    blocks.push(context("`/rollback export` puts all of it into a file."));
    Ok(Answer::Private(Words {
        text: fit_text(&format!("{title}\n{}", lines.join("\n"))),
        blocks,
    }))
}

fn line(entry: &Entry) -> String {
    let event = &entry.event;
    let rollback = event.rollback.map(|id| format!("{id} "));
    format!(
        "{} {}{} {}: {}",
        time(event.at),
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
    let Some(incident) = timelines::latest(db, channel).await? else {
        return Err(Refusal::NoIncident.into());
    };
    let count = timelines::end(db, incident.id).await?.entries;
    let entries = timelines::entries(db, incident.id, after(count), at_most).await?;
    Ok(Page {
        incident: incident.id,
        count,
        entries,
    })
}
