//! The one gate that every input passes, whatever door it comes by: the workspace it comes from,
//! the membership of its person, who may read, and the message it belongs to.
//!
//! The gate calls nobody. What the record does not know of a person is read by a job, which then
//! runs the request (`bot/worker/jobs/request.rs`).

use super::{Answer, Context, Failure, queue};
use crate::{
    App,
    config::Readers,
    engine::{Error, Outcome, Submission},
    roster,
    store::{memberships, messages},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    grammar::{Request, Verb},
    identity::RollbackId,
    people::Membership,
    refusal::{Refusal, Source},
};
use std::time::Duration;

/// How long a full member is let through on what was last read of them. The person who acts on production
/// is read again by the job that does it.
const MEMBER_FOR: Duration = Duration::from_secs(24 * 3_600);
/// After what time it is read again meanwhile.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(10 * 60);
/// How many people are named who may see something that somebody may not.
const PEOPLE_AT_MOST: usize = 5;
/// How long somebody is refused on what was last read of them.
const OUTSIDER_FOR: Duration = Duration::from_secs(5 * 60);

/// Where an input comes from, as the payload says that Slack signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The workspace, `T…`; `None` where the app is installed for a whole organisation.
    pub team: Option<String>,
    /// The organisation, `E…`; `None` outside of one.
    pub enterprise: Option<String>,
    /// The workspace of the author, where Slack names it beside the first.
    pub author_team: Option<String>,
}

impl Origin {
    /// Why it can be about nothing here, as a clause; `None`: it comes from here, as far as the
    /// payload says. Within one organisation the membership decides.
    pub fn why_elsewhere(&self, app: &App) -> Option<String> {
        let ours = app.known_enterprise();
        if let (Some(ours), Some(theirs)) = (ours, self.enterprise.as_deref()) {
            return (theirs != ours).then(|| format!("it comes from the organisation {theirs}"));
        }
        let ours = app.known_team()?;
        let teams = [self.team.as_deref(), self.author_team.as_deref()];
        let elsewhere = teams.into_iter().flatten().find(|team| *team != ours)?;
        Some(format!("it comes from the workspace {elsewhere}"))
    }
}

/// Whether a request may be run now.
pub(super) enum Passage {
    /// It may.
    Open,
    /// Who the person is has to be read first.
    Unread,
}

/// Lets a request through, or says why not.
pub(super) async fn admit(app: &App, context: &Context, verb: Verb) -> Result<Passage, Failure> {
    if context.origin.why_elsewhere(app).is_some() {
        let what = "from another workspace";
        return Err(Refusal::NotAMember { what }.into());
    }
    // It says how to write a command, and nothing of anybody's services.
    if verb == Verb::Help {
        return Ok(Passage::Open);
    }
    let person = &context.person;
    // A connection that is cut while it is read from turns nobody away: once more, on another one.
    // Where there was none to be had, there is no time left to wait for one again.
    let known = match memberships::last_known(&app.engine.db, &person.id).await {
        Err(error) if !matches!(error, sqlx::Error::PoolTimedOut) => {
            memberships::last_known(&app.engine.db, &person.id).await?
        }
        known => known?,
    };
    let now = app.engine.clock.now();
    let is_within = |at: Timestamp, time: Duration| {
        Duration::try_from(now.duration_since(at)).unwrap_or_default() <= time
    };
    let has_token = context.source == Source::OutOfBand;
    match known {
        // The person who has a token was read when it was made, and is read again by the job.
        None if has_token => {}
        Some((membership, ..)) if has_token => membership.admit()?,
        Some((membership @ Membership::Outsider(_), _, at)) if is_within(at, OUTSIDER_FOR) => {
            membership.admit()?;
        }
        Some((Membership::Member, _, at)) if is_within(at, MEMBER_FOR) => {
            if !is_within(at, READ_AGAIN_AFTER) {
                queue::membership(app, person).await?;
            }
        }
        Some(_) | None => return Ok(Passage::Unread),
    }
    if app.config.policy.read == Readers::Members || !is_reading(verb) {
        return Ok(Passage::Open);
    }
    let roles = app.config.every_role();
    let roster = roster::last_known(app, &roles).await?;
    match (may_read(app, verb, &person.id, &roster), has_token) {
        (Ok(()), _) => Ok(Passage::Open),
        (Err(refusal), true) => Err(refusal.into()),
        // They may have got a role since.
        (Err(_), false) => Ok(Passage::Unread),
    }
}

/// Lets somebody with a token look, by what the record knows.
pub async fn look(app: &App, context: &Context, verb: Verb) -> Result<(), Failure> {
    admit(app, context, verb).await.map(drop)
}

/// Binds a key of the caller's own to what came with it first, by its digest; `false`: something
/// else came with it before.
pub async fn bind(app: &App, key: &str, digest: String) -> Result<bool, Error> {
    let submission = Submission::Bind {
        digest: digest.clone(),
    };
    let bound = app.engine.take(key, submission).await?;
    Ok(bound == Outcome::Bound { digest })
}

/// Leaves a request to a job that reads who its person is, then runs it and gives its answer.
pub(super) async fn read_first(
    app: &App,
    context: &Context,
    request: &Request,
) -> Result<Answer, Failure> {
    queue::request(app, context, request).await?;
    Ok(Answer::Received)
}

/// Refuses somebody who may not read, by what is known of the roles.
pub fn may_read(app: &App, verb: Verb, person: &str, roster: &Roster) -> Result<(), Refusal> {
    let is_in = |role: &&str| roster.members(role).contains(&person);
    let roles = app.config.every_role();
    if !is_reading(verb) || app.config.policy.read == Readers::Members || roles.iter().any(is_in) {
        return Ok(());
    }
    let mut people: Vec<String> = vec![];
    for id in roles.iter().flat_map(|role| roster.members(role)) {
        if people.len() < PEOPLE_AT_MOST && !people.iter().any(|listed| listed == id) {
            people.push(id.to_owned());
        }
    }
    Err(Refusal::NotAuthorised {
        roles: roles.into_iter().map(str::to_owned).collect(),
        people,
    })
}

/// Whether a verb only shows what is recorded or read.
fn is_reading(verb: Verb) -> bool {
    match verb {
        Verb::Board
        | Verb::Status
        | Verb::Pins
        | Verb::Contacts
        | Verb::Timeline
        | Verb::CatchUp
        | Verb::Who
        | Verb::Why
        | Verb::List
        | Verb::Ready
        | Verb::Plan
        | Verb::Assess
        | Verb::Export
        | Verb::PostMortem
        | Verb::DraftUpdate
        | Verb::Doctor => true,
        Verb::Propose
        | Verb::Approve
        | Verb::Withdraw
        | Verb::Object
        | Verb::Deny
        | Verb::Stop
        | Verb::Undo
        | Verb::BreakGlass
        | Verb::Review
        | Verb::Resolve
        | Verb::SignOff
        | Verb::Freeze
        | Verb::Unfreeze
        | Verb::MarkBad
        | Verb::MarkGood
        | Verb::Unpin
        | Verb::ManageIncident
        | Verb::Note
        | Verb::Action
        | Verb::Checklist
        | Verb::RecordReview
        | Verb::Drill
        | Verb::Help => false,
    }
}

/// Whether the message that was clicked is one of this rollback's. While its place is not stored
/// yet, a click cannot be held against anybody.
pub async fn is_own_message(
    app: &App,
    rollback: RollbackId,
    channel: &str,
    ts: &str,
) -> sqlx::Result<bool> {
    let own = format!("{rollback}:");
    let place = messages::place(&app.engine.db, rollback, channel, ts).await?;
    Ok(match place.key {
        Some(key) => key.starts_with(&own),
        None => place.is_being_posted,
    })
}
