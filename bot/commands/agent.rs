//! Agents at the door: for whom they act now, and what is done about one that tries what only people
//! may do.

use super::{Context, queue, record_refusal};
use crate::{App, engine::Error, store::memberships};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Verb,
    job::{Job, Post, WhenRefused},
    people::{Membership, Person},
    refusal::{Refusal, Source},
    rollback::Message,
};

/// How long the person who is responsible for an agent is told only once that it tries what it may
/// not, in seconds.
const TOLD_EVERY: i64 = 3_600;

/// The person of a token, or the agent with the person who is responsible for it now; otherwise why
/// its token does not count. Nothing that an agent asks for is done while that person is not known
/// to be a full member.
pub async fn owner(app: &App, person: &Person) -> sqlx::Result<Result<Person, Refusal>> {
    let Some(name) = person.agent.as_deref() else {
        return Ok(Ok(person.clone()));
    };
    let refused = |why: String| Ok(Err(Refusal::TokenRefused { why }));
    let Some(agent) = app.config.agents.get(name) else {
        return refused(format!(
            "it is of the agent {name}, and the configuration has no [agents.{name}]"
        ));
    };
    let id = &agent.responsible;
    let Some((membership, person, _)) = memberships::last_known(&app.engine.db, id).await? else {
        return refused(format!(
            "Slack has not said yet whether {id}, who is responsible for the agent {name}, is a full member; that is read every five minutes"
        ));
    };
    match membership {
        Membership::Member => Ok(Ok(person.responsible_for(name))),
        Membership::Outsider(_) | Membership::Unreadable(_) => refused(format!(
            "@{}, who is responsible for the agent {name}, is no full member any more, as Slack last answered; name somebody else in [agents.{name}]",
            person.name
        )),
    }
}

/// Has it recorded that an agent tried what only people may do, and tells the person who is
/// responsible for it, once for a row of attempts.
pub async fn record_attempt(
    app: &App,
    agent: &Person,
    channel: Option<&str>,
    verb: Verb,
    refusal: &Refusal,
    now: Timestamp,
) -> Result<(), Error> {
    let name = agent.agent.as_deref().unwrap_or_default();
    if let Some(channel) = channel {
        let key = format!("agent:{name}:{channel}:{verb}:{}", now.as_microsecond());
        let context = Context::new(key, agent.clone(), channel.into(), Source::OutOfBand);
        record_refusal(app, &context, verb, refusal).await;
    }
    let id = format!("agent-refused:{name}:{}", now.as_second() / TOLD_EVERY);
    let text = format!(
        "The agent {} tried `{}` and was refused: agents propose, and people approve. You are responsible for it. Nothing was run. If it goes on, you are not told again within the hour, and the timeline of an open incident has every attempt. To stop it: `rollback-bot token list` and `rollback-bot token revoke`, where the bot runs.",
        name, verb
    );
    let post = Post {
        // A message to a person is one to the channel of that person and the bot.
        channel: agent.id.clone(),
        thread: None,
        under: None,
        message: Message::Text(text),
        button: None,
        when_refused: WhenRefused::Log,
        id: id.clone(),
    };
    queue::enqueue(app, &id, Job::Post(post)).await
}
