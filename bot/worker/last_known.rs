//! Reads what a person is to Slack, and what they were last known to be, which counts for a while
//! when Slack does not answer. One rule for clicks that Slack has signed and for tokens: of each it
//! is certain who sends it, and what is not known is whether they are still a member and in the
//! role.

use crate::{
    App,
    engine::Error,
    roster,
    slack::{Failure, Slack, SlackUser},
    store::{jobs::Lease, memberships},
    worker::retry::{OWN_PACE, tried_for},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    job::Job,
    moment::is_impossible,
    people::{Membership, Person, Zone},
    proof::spell,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long Slack may take where what was last read counts instead. People wait for it.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Somebody, and since when that is what Slack said of them, if it was not read just now.
type Known = (Membership, Person, Option<Timestamp>);

/// What a person is to Slack, read now, and the person with the name Slack has for them.
pub(super) async fn membership(
    app: &App,
    person: &Person,
) -> Result<(Membership, Person), Failure> {
    let (membership, person, zone) = asked(app, &app.slack, person).await?;
    remember(app, &person, &membership, zone.as_ref()).await;
    Ok((membership, person))
}

/// The same, not remembered.
async fn asked(
    app: &App,
    slack: &Slack,
    person: &Person,
) -> Result<(Membership, Person, Option<Zone>), Failure> {
    let team = app.team().await?;
    let SlackUser {
        membership,
        name,
        zone,
    } = slack.membership(&person.id, team.as_deref()).await?;
    if let Some(name) = &name {
        app.names.learn(&person.id, name);
    }
    let name = name.unwrap_or_else(|| person.name.clone());
    let person = Person {
        name,
        ..person.clone()
    };
    Ok((membership, person, zone))
}

/// What a person is to Slack: read now, or, while Slack does not answer, as last read, if that is
/// not too long ago.
pub(super) async fn membership_by(
    app: &App,
    lease: &Lease,
    person: &Person,
) -> Result<Result<Known, Failure>, Error> {
    let slack = match matches!(lease.job, Job::Act(_)) {
        true => app.slack.going_first(),
        false => app.slack.clone(),
    };
    let silent = match timeout(ANSWERS_WITHIN, asked(app, &slack, person)).await {
        Ok(Ok((membership, person, zone))) => {
            remember(app, &person, &membership, zone.as_ref()).await;
            return Ok(Ok((membership, person, None)));
        }
        // That is an answer.
        Ok(Err(failure @ Failure::Never(_))) => return Ok(Err(failure)),
        // A turn among our own calls is waited for. Where it does not come, or where Slack has
        // asked for a longer pause, that counts as silence: on the worst day Slack must not close
        // the way that is there for it.
        Ok(Err(failure)) if is_our_turn_soon(app, lease, &failure) => return Ok(Err(failure)),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Lost(format!("no answer within {} s", ANSWERS_WITHIN.as_secs())),
    };
    let last = memberships::last_known(&app.engine.db, &person.id).await?;
    Ok(match last {
        // What a clock that was ahead has stored is of no known age.
        Some((membership, known, at))
            if at >= since(app) && !is_impossible(at, app.engine.clock.now(), Duration::ZERO) =>
        {
            let person = Person {
                name: known.name,
                ..person.clone()
            };
            Ok((membership, person, Some(at)))
        }
        // A pause that Slack has named is waited for where nothing else counts.
        Some((.., at)) if silent.wait().is_none() => {
            let age = Duration::try_from(app.engine.clock.now().duration_since(at));
            Err(Failure::Lost(format!(
                "{silent}, and what it last said is {} old, which is more than {}",
                spell(age.unwrap_or_default()),
                spell(app.config.api.believe_for)
            )))
        }
        Some(_) | None => Err(silent),
    })
}

/// Whether a call was put off for a moment among our own calls.
fn is_our_turn_soon(app: &App, lease: &Lease, failure: &Failure) -> bool {
    matches!(failure, Failure::TooSoon { wait, .. } if *wait <= OWN_PACE)
        && tried_for(app, lease) <= OWN_PACE
}

/// The same for roles: also gives, as clauses, which last known roles count for this person. Only where
/// Slack was silent when it was asked who they are: a token is no way around a source of roles
/// that alone does not answer.
pub(super) async fn roster(
    app: &App,
    roster: Roster,
    person: &Person,
    last_read: Option<Timestamp>,
) -> Result<(Roster, Vec<String>), Error> {
    match last_read {
        Some(_) => Ok(roster::with_last_known(app, roster, &person.id, since(app)).await?),
        None => Ok((roster, vec![])),
    }
}

/// What the record says of last known facts; `None`: everything was read just now.
pub(super) fn clause(last_read: Option<Timestamp>, named: &[String]) -> Option<String> {
    let member = format!(
        "a full member when last read at {}",
        last_read?.strftime("%H:%M UTC")
    );
    let last_known: Vec<String> = [member].into_iter().chain(named.iter().cloned()).collect();
    Some(format!("Slack did not answer; {}", last_known.join(", ")))
}

/// A last known fact that is too old to count.
fn since(app: &App) -> Timestamp {
    let now = app.engine.clock.now();
    now.checked_sub(app.config.api.believe_for).unwrap_or(now)
}

/// Remembers what Slack says of somebody. That it could not be remembered is no reason not to go
/// on.
async fn remember(app: &App, person: &Person, membership: &Membership, zone: Option<&Zone>) {
    let engine = &app.engine;
    let now = engine.clock.now();
    let stored = async {
        let mut tx = engine.db.begin().await?;
        memberships::record(&mut tx, person, membership, zone, now).await?;
        tx.commit().await
    };
    let stored: sqlx::Result<()> = stored.await;
    if let Err(error) = stored {
        tracing::warn!(person = person.id, %error, "what Slack said of somebody could not be remembered");
    }
}
