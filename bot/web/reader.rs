//! Who reads a page, and what they may read: read again at each page, so that nobody goes on reading
//! who has left. What cannot be read now lets nobody in.
//!
//! The rules are those of every door: full members of the workspace, or people with a role where
//! `policy.read` says so, and what was said in a private channel stays with those who are in it.

use super::{NotNow, names};
use crate::{
    App,
    commands::gate,
    config::Readers,
    messages::Named,
    roster,
    slack::{Failure, SlackUser},
    store::sessions,
};
use rollback_domain::{
    grammar::Verb,
    people::{Membership, Person},
    refusal::Refusal,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long Slack may take to say one thing. People wait for it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Somebody who may read, as far as was read just now.
#[derive(Clone, Debug)]
pub struct Reader {
    person: Person,
}

/// The person whose session this is, if they may still read. `None` of a cookie is nobody.
pub async fn admit(app: &App, session: Option<&str>) -> Result<Reader, NotNow> {
    let session = session.ok_or(NotNow::SignedOut)?;
    let now = app.engine.clock.now();
    let found = sessions::find(&app.engine.db, session, now).await?;
    let person = found.ok_or(NotNow::SignedOut)?;
    if let Err(over) = app.limits.admit_look(&person.id, now) {
        app.metrics.too_much(over.whose());
        return Err(NotNow::TooMuch);
    }
    let person = admit_person(app, &person).await?;
    Ok(Reader { person })
}

/// The person with the name that Slack has for them, if they may read now. Somebody who is no full
/// member any more is signed out everywhere.
pub(super) async fn admit_person(app: &App, person: &Person) -> Result<Person, NotNow> {
    let team = app
        .team()
        .await
        .map_err(|failure| NotNow::slack(&failure))?;
    let read = app.slack.membership(&person.id, team.as_deref());
    let SlackUser {
        membership, name, ..
    } = in_time(read).await?;
    if let Some(name) = &name {
        app.names.learn(&person.id, name);
    }
    if let Err(refusal) = membership.admit() {
        if matches!(membership, Membership::Outsider(_)) {
            sessions::end_all(&app.engine.db, &person.id).await?;
        }
        return Err(refused(app, &refusal).await?);
    }
    if app.config.policy.read == Readers::Roles {
        let roles = app.config.every_role();
        let roster = roster::read(app, &roles).await.roster;
        if let Err(refusal) = gate::may_read(app, Verb::Board, &person.id, &roster) {
            return Err(refused(app, &refusal).await?);
        }
    }
    let name = name.unwrap_or_else(|| person.name.clone());
    Ok(Person::new(person.id.clone(), name))
}

/// A refusal, with names in place of ids.
async fn refused(app: &App, refusal: &Refusal) -> sqlx::Result<NotNow> {
    let names = names(app, &[]).await?;
    Ok(NotNow::Refused(refusal.draw(&Named(&names))))
}

impl Reader {
    /// What they are called.
    pub fn name(&self) -> &str {
        &self.person.name
    }

    /// Whether they can read a channel in Slack: everybody can read a public one, and those who are
    /// in it a private one.
    pub async fn can_read(&self, app: &App, channel: &str) -> Result<bool, NotNow> {
        Ok(in_time(app.slack.is_readable_by(channel, &self.person.id)).await?)
    }
}

/// Why Slack did not say something.
enum Unread {
    /// It does not know what was asked about, or does not tell this bot.
    Unknown,
    /// It does not answer now.
    Silent(NotNow),
}

impl From<Unread> for NotNow {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Unknown => NotNow::Busy(
                "Slack does not say who you are to this workspace, so nothing is shown.".into(),
            ),
            Unread::Silent(why) => why,
        }
    }
}

/// What Slack says, in time.
async fn in_time<T>(asked: impl Future<Output = Result<T, Failure>>) -> Result<T, Unread> {
    match timeout(ANSWERS_WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Failure::Never(_))) => Err(Unread::Unknown),
        Ok(Err(failure)) => Err(Unread::Silent(NotNow::slack(&failure))),
        Err(_) => {
            let why = format!("no answer within {} s", ANSWERS_WITHIN.as_secs());
            Err(Unread::Silent(NotNow::slack(&Failure::Lost(why))))
        }
    }
}
