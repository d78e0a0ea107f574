//! Tells those whose changes a rollback took out of production, in the thread of its card.
//!
//! Whatever is done twice here ends in the same post, which is made once.

use crate::{
    App,
    engine::{Ended, Error},
    store::{jobs::Lease, rollbacks},
    worker::retry::later,
};
use rollback_domain::{
    changes::{Author, LostChanges},
    identity::RollbackId,
    job::{Job, Post, WhenRefused},
    rollback::{Message, Rollback},
};
use std::time::Duration;

/// How often it is tried to learn from Slack whose the e-mail addresses are, and after what time.
const TRIES: i64 = 5;
const EVERY: Duration = Duration::from_secs(30);

pub(super) async fn run(app: &App, lease: &Lease, id: RollbackId) -> Result<Ended, Error> {
    let Some(rollback) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Ended::done());
    };
    let plan = rollback.plan.as_ref();
    let Some(LostChanges::Known(lost)) = plan.and_then(|plan| plan.lost_changes.as_ref()) else {
        return Ok(Ended::done());
    };
    let authors = lost.authors();
    let Some(people) = people(app, &authors).await.or_else(|| {
        // They are named all the same when Slack does not say who they are there.
        (lease.attempt >= TRIES).then(|| listed(app, &authors))
    }) else {
        let why = "Slack does not say whose the e-mail addresses of authors are";
        return Ok(Ended::retry(later(app, EVERY), why));
    };
    let post = Job::Post(Post {
        channel: rollback.channel.clone(),
        thread: None,
        under: Some(id),
        button: None,
        when_refused: WhenRefused::Log,
        message: message(&rollback, &authors, &people),
        id: format!("{id}:authors"),
    });
    Ok(Ended::done().then(post, app.engine.clock.now()))
}

/// Who each author is in Slack, as far as the configuration says.
fn listed(app: &App, authors: &[Author]) -> Vec<Option<String>> {
    let of = |author: &Author| app.config.authors.get(&author.name.to_lowercase()).cloned();
    authors.iter().map(of).collect()
}

/// Who each author is in Slack, by the configuration or by their e-mail address; `None`: Slack does
/// not say.
async fn people(app: &App, authors: &[Author]) -> Option<Vec<Option<String>>> {
    let mut people = listed(app, authors);
    let unlisted = authors.iter().zip(&mut people);
    let unlisted = unlisted.filter(|(_, person)| person.is_none());
    let (emails, places): (Vec<&str>, Vec<&mut Option<String>>) = unlisted
        .filter_map(|(author, person)| Some((author.email.as_deref()?, person)))
        .unzip();
    let owners = app.slack.by_emails(&emails).await;
    for (place, owner) in places.into_iter().zip(owners) {
        *place = owner.ok()?;
    }
    Some(people)
}

fn message(rollback: &Rollback, authors: &[Author], people: &[Option<String>]) -> Message {
    Message::naming(|tone| {
        let mut lines = vec![format!(
            "{} took these changes out of {}:",
            rollback.id,
            tone.text(&rollback.service.to_string())
        )];
        for (author, person) in authors.iter().zip(people) {
            let name = match person {
                Some(person) => tone.person(person),
                None => tone.text(&author.name),
            };
            lines.push(format!(
                "• {name}: {}",
                tone.text(&author.changes.join(", "))
            ));
        }
        lines.push(
            "Don't deploy them again before the cause is known to be another one, or is fixed."
                .into(),
        );
        lines.join("\n")
    })
}
