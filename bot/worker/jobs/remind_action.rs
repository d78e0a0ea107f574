//! Reminds the owner of an action before it is due, and after. Each reminder is a post with a key of
//! its own, so that a repetition posts nothing.

use crate::{
    App,
    engine::{Ended, Error, RecordedEvent},
    slack::blocks::cut,
    store::actions,
};
use rollback_domain::{
    action::{ActionItem, Deadline, KeptBy},
    incident::{ActionFact, Actor, NamedAction, TimelineEvent},
    job::{Job, Post, WhenRefused},
    people::Addressee,
    refusal::Source,
    rollback::Message,
};

pub(super) async fn run(app: &App, number: i64, reminder: u32) -> Result<Ended, Error> {
    let Some(action) = actions::get(&app.engine.db, number).await? else {
        return Ok(Ended::done());
    };
    if !action.is_open() {
        return Ok(Ended::done());
    }
    let now = app.engine.clock.now();
    // A start and a clock that was set have everything looked at that waits for long.
    if let Some(at) = action.reminder(reminder)
        && at > now
    {
        return Ok(Ended::wait(at));
    }
    let fact = ActionFact::ActionReminded {
        action: NamedAction::of(&action),
        due: action.due,
        overdue: action
            .due
            .and_then(Deadline::end)
            .is_some_and(|end| end <= now),
    };
    let incident = action.incident;
    let event = TimelineEvent::new(now, Actor::Bot, Source::Bot, None, fact);
    let ended = Ended::done()
        .with(RecordedEvent::Incident { incident, event })
        .then(Job::Post(post(&action, reminder, now)), now);
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
        true => "Nobody owns".to_owned(),
        false => format!("{} owns", Message::whom(0)),
    };
    let (kind, next) = match action.promise.as_ref().map(|promise| promise.kept_by) {
        None => (
            "action",
            format!("`/rollback action done {number}` when it is done."),
        ),
        Some(KeptBy::Person) => (
            "promise",
            format!("`/rollback action done {number}` when it is kept."),
        ),
        Some(KeptBy::PostMortem) => (
            "promise",
            format!(
                "`/rollback postmortem {0}` drafts it; the draft that has a root cause (`/rollback postmortem {0} root cause: …`) keeps it, and so does `/rollback action done {number}`.",
                action.incident
            ),
        ),
    };
    let text = Message::quoted(&cut(&action.text, 300));
    let sentence = format!(
        "{whom} this {kind}, which {}: {text}. It is from {}. {next}",
        action.due_clause(now),
        action.incident
    );
    Post {
        channel: action.channel.clone(),
        thread: None,
        under: None,
        message: Message::Naming(sentence, people.clone()),
        button: None,
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
