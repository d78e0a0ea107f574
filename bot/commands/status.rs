//! `status`, `status RB-41`, `status frontend`: where things stand, by what is recorded.

use super::{
    Answer, Context, Result, board, find,
    reads::{Read, share},
};
use crate::{
    App,
    config::Service,
    permalinks,
    slack::{
        Words,
        alerts::counted_briefly,
        blocks::{context, cut, inline, section},
        card,
    },
    store::{
        alerts,
        overview::{self, EmergencyRuns},
        rollbacks,
    },
};
use rollback_domain::{
    alert::beside_proof,
    grammar::{About, Request, verbs::Status},
    rollback::Rollback,
};
use slack_morphism::prelude::SlackBlock;

pub(super) async fn run(app: &App, context: &Context, request: Status) -> Result {
    let about = request.about.clone();
    let channel = context.channel.clone();
    let request = Request::Status(request);
    let read = match about {
        None => Read::everywhere(request),
        Some(_) => Read::in_channel(request, &channel),
    };
    let perform = move |app| status(app, channel.clone(), about.clone());
    Ok(share(app, read, perform).await)
}

async fn status(app: App, channel: String, about: Option<About>) -> Result {
    Ok(match lookup(&app, about.as_ref()).await? {
        Found::Open(open) => Answer::private(open_words(&app, &open).await?),
        // Reasons given in another channel, perhaps a private one, stay there.
        Found::Rollback(found) if found.channel != channel => {
            Answer::private(permalinks::linked(&app, &card::line(&found)).await?)
        }
        Found::Rollback(found) => {
            let mut words = card_without_buttons(&app, &found).await?;
            // What was asked for is not what is live: much may have happened since.
            if let Some(About::Service(_)) = about
                && let Some(live) = board::live_now(&app, &found.service).await?
            {
                words.blocks.push(section(&live));
                words.text = cut(&format!("{live} {}", words.text), 3900);
            }
            Answer::Private(words)
        }
        Found::NeverRolledBack(service) => Answer::private(format!(
            "{} was never rolled back from here. `/rollback list {}` shows its releases.",
            inline(&service.key.to_string(), 160),
            inline(&service.key.typed(), 160)
        )),
    })
}

/// How many services with alerts are shown.
const FIRING_AT_MOST: usize = 10;

/// What is open, and how many emergency runs there were lately.
async fn open_words(app: &App, open: &[Rollback]) -> Result<String> {
    let mut lines: Vec<String> = open.iter().map(card::line).collect();
    if lines.is_empty() {
        lines.push("No rollback is open. `/rollback` shows the services.".into());
    }
    let now = app.engine.clock.now();
    let firing = alerts::firing(&app.engine.db).await?;
    lines.extend(firing.iter().take(FIRING_AT_MOST).map(|group| {
        let place = match &group.service {
            Some(service) => service.to_string(),
            None => "no known service".to_owned(),
        };
        format!(
            "🔴 {} of {} firing since {}",
            counted_briefly(group),
            inline(&place, 160),
            card::moment(group.began_at, now)
        )
    }));
    let runs = overview::emergency_runs(&app.engine.db, now).await?;
    if runs != EmergencyRuns::default() {
        let open = match runs.open_reviews {
            0 => String::new(),
            1 => ", 1 review is still to be answered".into(),
            n => format!(", {n} reviews are still to be answered"),
        };
        lines.push(format!(
            "Emergency runs: {} in the last 30 days, {} in the 30 before{open}.",
            runs.last_30_days, runs.previous_30_days
        ));
    }
    Ok(permalinks::linked(app, &lines.join("\n")).await?)
}

/// What a question about a status is about.
#[derive(Debug)]
pub enum Found<'a> {
    /// Everything that is open.
    Open(Vec<Rollback>),
    /// The rollback, or the last one of the service.
    Rollback(Box<Rollback>),
    /// A service that was never rolled back.
    NeverRolledBack(&'a Service),
}

/// Finds the rollback, or the last one of the service, or everything that is open.
pub async fn lookup<'a>(app: &'a App, about: Option<&About>) -> Result<Found<'a>> {
    match about {
        None => Ok(Found::Open(rollbacks::open(&app.engine.db).await?)),
        Some(About::Rollback(id)) => {
            let found = find::rollback(app, *id).await?;
            Ok(Found::Rollback(Box::new(found)))
        }
        Some(About::Service(name)) => {
            let service = find::service(app, name)?;
            let last = rollbacks::latest_of(&app.engine.db, &service.key).await?;
            Ok(match last {
                Some(last) => Found::Rollback(Box::new(last)),
                None => Found::NeverRolledBack(service),
            })
        }
    }
}

/// The card of a rollback, for one person to read.
pub(super) async fn card_without_buttons(app: &App, rollback: &Rollback) -> Result<Words> {
    let authority = app.authority(rollback).await?;
    let mut words = card::card(rollback, authority.as_ref(), app.engine.clock.now());
    let is_row = |block: &SlackBlock| matches!(block, SlackBlock::Actions(_));
    words.blocks.retain(|block| !is_row(block));
    let groups = alerts::of_service(&app.engine.db, rollback.incident, &rollback.service).await?;
    let served = rollback.times.serving;
    words.blocks.extend(groups.iter().map(|group| {
        let stands = beside_proof(group, served);
        context(&format!("*Alerts*: {}.", inline(&stands, 400)))
    }));
    let line = permalinks::linked(app, &card::line(rollback)).await?;
    words.blocks.push(context(&line));
    Ok(words)
}
