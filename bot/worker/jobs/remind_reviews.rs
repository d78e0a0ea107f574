//! Tells owners what they have to review, once a month. Each post has a key with the month in it, so
//! that a repetition posts nothing.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error},
    store::{messages, reviews},
};
use jiff::Timestamp;
use rollback_domain::{
    job::{Job, Post, WhenRefused},
    procedure::{Procedure, ReviewDate},
    rollback::Message,
};
use std::collections::BTreeMap;

/// How many things one message names.
const NAMED_AT_MOST: usize = 20;

pub(super) fn run(app: &App) -> Begun<'_> {
    Box::pin(perform(app))
}

async fn perform(app: &App) -> Result<Ended, Error> {
    let config = &app.config;
    if config.reviews.every.is_none() {
        return Ok(Ended::done());
    }
    let now = app.engine.clock.now();
    let schedule = &config.canary.schedule;
    let mut ended = Ended::at(schedule.tells_at(now));
    // It is nobody's emergency.
    if !schedule.may_tell(now) {
        return Ok(ended);
    }
    let Some(channel) = config.upkeep_channel() else {
        tracing::warn!("there is no channel in which anybody is told what to review");
        return Ok(ended);
    };
    let month = schedule.zone.to_datetime(now).strftime("%Y-%m").to_string();
    for (owner, due) in due(app, now).await? {
        let id = format!("reviews:{}:{month}", owner.unwrap_or("nobody"));
        if messages::get(&app.engine.db, &id).await?.ts.is_some() {
            continue;
        }
        let post = Job::Post(Post {
            channel: channel.to_owned(),
            thread: None,
            under: None,
            message: message(owner, &due, now),
            button: None,
            when_refused: WhenRefused::Log,
            id,
        });
        ended = ended.then(post, now);
    }
    Ok(ended)
}

/// What is to be reviewed, by who sees to it.
async fn due(
    app: &App,
    now: Timestamp,
) -> Result<BTreeMap<Option<&str>, Vec<(Procedure, ReviewDate)>>, Error> {
    let config = &app.config;
    let last = reviews::all(&app.engine.db).await?;
    let mut due: BTreeMap<Option<&str>, Vec<(Procedure, ReviewDate)>> = BTreeMap::new();
    for procedure in config.procedures() {
        let date = config.review_date(&procedure, &last);
        if let Some(date) = date.filter(|date| date.is_due(now)) {
            let owner = config.owner_of(&procedure);
            due.entry(owner).or_default().push((procedure, date));
        }
    }
    Ok(due)
}

fn message(owner: Option<&str>, due: &[(Procedure, ReviewDate)], now: Timestamp) -> Message {
    Message::naming(|tone| {
        let mut lines = vec![match owner {
            Some(owner) => format!(
                "{}, please look whether what is configured still holds, and say so with the command beside it:",
                tone.person(owner)
            ),
            None => "Somebody has to look whether what is configured still holds. Nobody owns these by name:".into(),
        }];
        for (procedure, date) in due.iter().take(NAMED_AT_MOST) {
            let sentence = format!("{procedure}: {}.", date.clause(now));
            lines.push(format!(
                "• {} `/rollback reviewed {}`",
                tone.text(&sentence),
                tone.text(&procedure.typed())
            ));
        }
        if due.len() > NAMED_AT_MOST {
            let more = due.len() - NAMED_AT_MOST;
            lines.push(format!("and {more} more: `/rollback reviewed` lists them."));
        }
        lines.join("\n")
    })
}
