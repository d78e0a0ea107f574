//! Reminds the owner of an action before it is due, and after. Each reminder is a post with a key of
//! its own, so that a repetition posts nothing.

use crate::{
    App,
    engine::{Ended, Error},
    slack::blocks::cut,
    store::actions,
};
use rollback_domain::{
    action::ActionItem,
    job::{Job, Post, WhenRefused},
    people::Addressee,
    rollback::Message,
};

pub(super) async fn run(app: &App, number: i64, reminder: u32) -> Result<Ended, Error> {
    let Some(action) = actions::get(&app.engine.db, number).await? else {
        return Ok(Ended::done());
    };
    if action.done.is_some() {
        return Ok(Ended::done());
    }
    let now = app.engine.clock.now();
    let ended = Ended::done().then(Job::Post(post(&action, reminder, now)), now);
    Ok(match action.reminder_after(now) {
        Some((reminder, at)) => {
            let next = Job::RemindAction {
                action: number,
                reminder,
            };
            ended.then(next, at)
        }
        None => ended,
    })
}

fn post(action: &ActionItem, reminder: u32, now: jiff::Timestamp) -> Post {
    let (number, owner) = (action.number, action.owner.iter());
    let people: Vec<String> = owner.cloned().collect();
    let whom = match people.is_empty() {
        true => "Nobody owns this action".to_owned(),
        false => format!("{} owns this action", Message::whom(0)),
    };
    let text = Message::quoted(&cut(&action.text, 300));
    let sentence = format!(
        "{whom}, which {}: {text}. It is from {}. `/rollback action done {number}` when it is done.",
        action.due_clause(now),
        action.incident
    );
    Post {
        channel: action.channel.clone(),
        thread: None,
        under: None,
        message: Message::Naming(sentence, people.clone()),
        when_refused: WhenRefused::TellAlone {
            rollback: None,
            people: people
                .into_iter()
                .map(|person| Addressee {
                    person,
                    reply_to: None,
                })
                .collect(),
        },
        id: format!("action:{number}:{reminder}"),
    }
}
