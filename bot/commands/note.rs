//! `note -5m paged the team`, `note edit it was 6 %`: writes into the timeline of the channel.

use super::{
    Answer, Context, Result, gate,
    zone::{self, WallClock},
};
use crate::{
    App,
    engine::{NewNote, Outcome, Submission, noted},
    slack::{
        Words,
        blocks::{escape, inline},
    },
};
use rollback_domain::{
    drill::watermarked,
    grammar::{Request, When, verbs::Note},
};

pub(super) async fn run(app: &App, context: &Context, request: Note) -> Result {
    let is_by_the_wall = request.at.as_ref().is_some_and(When::is_by_the_wall);
    let zone = match WallClock::of(app, context, is_by_the_wall).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => return gate::read_first(app, context, &Request::Note(request)).await,
    };
    let Note {
        at,
        text,
        is_correction,
    } = request;
    let now = app.engine.clock.now();
    let at = at.map_or(now, |at| at.resolve(now, zone::offset(zone.as_ref())));
    if at > now {
        return Ok(Answer::private(
            "A note is about something that happened; that time is still to come. Nothing was noted.",
        ));
    }
    // Everybody sees the answer to a command. Where the input cannot be answered in the channel at
    // once, a job echoes the note.
    let answers_in_channel = context.answers_in_channel();
    let submission = Submission::Note(NewNote {
        channel: context.channel.clone(),
        by: context.person.clone(),
        source: context.source,
        at,
        zone: zone.clone(),
        text: text.clone(),
        is_correction,
        echo: (!answers_in_channel).then(|| context.thread.clone()),
    });
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Noted {
            at,
            recorded_at,
            corrects,
            drill,
        } if answers_in_channel => {
            let name = format!("@{}", context.person.name);
            let echo = noted(at, recorded_at, zone.as_ref(), corrects, &name);
            let echo = format!("{} \"{}\"", escape(&echo), inline(&text, 500));
            Answer::Public(Words::plain(match drill {
                Some(drill) => watermarked(drill, &echo).into_owned(),
                None => echo,
            }))
        }
        Outcome::Noted { .. } => Answer::Received,
        outcome => Answer::from(outcome),
    })
}
