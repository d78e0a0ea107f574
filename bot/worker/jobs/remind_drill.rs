//! Reminds people of a drill, a week and a day before it, and says when one was missed. Each reminder
//! is a post with a key of its own, so that a repetition posts nothing.

use super::Begun;
use crate::{
    App,
    commands::drill::{Reminder, never_drilled, reminder_key, schedule},
    engine::{Ended, Error},
    store::messages,
};
use jiff::Timestamp;
use rollback_domain::{
    drill::{A_DAY, A_WEEK, Calendar, DrillSchedule},
    identity::ServiceKey,
    job::{Job, Post, WhenRefused},
    people::Person,
    rollback::Message,
};

/// How many people a reminder names.
const NAMED_AT_MOST: usize = 5;

pub(super) fn run<'a>(app: &'a App, service: &'a ServiceKey) -> Begun<'a> {
    Box::pin(perform(app, service))
}

async fn perform(app: &App, key: &ServiceKey) -> Result<Ended, Error> {
    let service = app.config.service(key);
    let Some((service, calendar)) =
        service.and_then(|service| Some((service, service.drills.calendar.as_ref()?)))
    else {
        return Ok(Ended::done());
    };
    let now = app.engine.clock.now();
    let schedule = schedule(app, service).await?;
    let mut ended = match next_look(calendar, now) {
        Some(at) => Ended::at(at),
        None => Ended::done(),
    };
    let Some(channel) = app.config.drill_channel(service) else {
        tracing::warn!(service = %key, "there is no channel in which anybody is reminded of a drill");
        return Ok(ended);
    };
    let due: Vec<(Reminder, Timestamp)> = due(calendar, &schedule, now).collect();
    for (reminder, at) in due {
        let id = reminder_key(key, at, reminder);
        if messages::get(&app.engine.db, &id).await?.ts.is_some() {
            continue;
        }
        let people = never_drilled(app, &[service]).await?;
        let post = Job::Post(Post {
            channel: channel.to_owned(),
            thread: None,
            under: None,
            message: message(key, calendar, reminder, at, people),
            button: None,
            when_refused: WhenRefused::Log,
            id,
        });
        ended = ended.then(post, now);
    }
    Ok(ended)
}

/// What is to be told now. After an outage only what is still to come is told, and what was missed.
fn due(
    calendar: &Calendar,
    schedule: &DrillSchedule,
    now: Timestamp,
) -> impl Iterator<Item = (Reminder, Timestamp)> {
    let next = calendar.next(now);
    let within = |span| next.filter(|at| at.checked_sub(span).is_ok_and(|from| from <= now));
    let coming = match within(A_DAY) {
        Some(at) => Some((Reminder::DayBefore, at)),
        None => within(A_WEEK).map(|at| (Reminder::WeekBefore, at)),
    };
    let missed = schedule.missed.map(|at| (Reminder::Missed, at));
    [coming, missed].into_iter().flatten()
}

/// When something is to be told next.
fn next_look(calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    let next = calendar.next(now)?;
    let last = calendar.last(now);
    let looks = [
        last.and_then(|at| at.checked_add(A_DAY).ok()),
        next.checked_sub(A_WEEK).ok(),
        next.checked_sub(A_DAY).ok(),
        next.checked_add(A_DAY).ok(),
    ];
    looks.into_iter().flatten().filter(|at| *at > now).min()
}

fn message(
    service: &ServiceKey,
    calendar: &Calendar,
    reminder: Reminder,
    at: Timestamp,
    never: Vec<Person>,
) -> Message {
    let when = calendar.show(at);
    Message::naming(|tone| {
        let people: Vec<String> = never
            .iter()
            .take(NAMED_AT_MOST)
            .map(|person| tone.person(&person.id))
            .collect();
        let never = match people.is_empty() {
            true => String::new(),
            false => format!(
                " Never drilled so far: {}.",
                rollback_domain::refusal::list(&people, "and")
            ),
        };
        let what = match reminder {
            Reminder::WeekBefore => format!("the drill of {service} is in a week, {when}."),
            Reminder::DayBefore => format!("the drill of {service} is at {when}."),
            Reminder::Missed => format!("the drill of {service} at {when} was not held."),
        };
        format!(
            "DRILL · {} It begins with `/rollback drill {}`.{never}",
            tone.text(&what),
            service.typed()
        )
    })
}
