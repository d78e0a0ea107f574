//! `note -5m paged the team`: writes into the timeline of the channel.

use super::{Answer, Context, Result};
use crate::{
    App,
    engine::{Outcome, Submission, noted},
    slack::{
        Words,
        blocks::{escape, inline},
    },
};
use rollback_domain::grammar::verbs::Note;

pub(super) async fn run(app: &App, context: &Context, request: Note) -> Result {
    let Note { at, text } = request;
    let now = app.engine.clock.now();
    let at = at.map_or(now, |at| at.resolve(now, 0));
    if at > now {
        return Ok(Answer::private(
            "A note is about something that happened; that time is still to come. Nothing was noted.",
        ));
    }
    // Everybody sees the answer to a command. Where the input cannot be answered in the channel at
    // once, a job echoes the note.
    let answers_in_channel = context.answers_in_channel();
    let submission = Submission::Note {
        channel: context.channel.clone(),
        by: context.person.clone(),
        source: context.source,
        at,
        text: text.clone(),
        echo: (!answers_in_channel).then(|| context.thread.clone()),
    };
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Noted { at, recorded_at } if answers_in_channel => {
            let echo = noted(at, recorded_at, &context.person.name);
            let echo = format!("{} \"{}\"", escape(&echo), inline(&text, 500));
            Answer::Public(Words::plain(echo))
        }
        Outcome::Noted { .. } => Answer::Received,
        outcome => Answer::from(outcome),
    })
}
