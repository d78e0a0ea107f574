//! Whom to believe while Slack is silent: what was last read of whoever acts with a token, for a
//! while. For everything that comes by Slack nothing is believed.

use super::{SURVEY_EVERY, asked, later, membership};
use crate::{
    App,
    engine::{Error, SideEffects},
    roster,
    slack::Failure,
    store::{
        jobs::{Lease, Next},
        memberships, tokens,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    people::{Membership, Person},
    proof::spell,
    refusal::Source,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long Slack may take where what was last read counts instead. People wait for it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Somebody, and since when that is what Slack said of them, if it was not read just now.
type Known = (Membership, Person, Option<Timestamp>);

/// What a person is to Slack: read now, or, for what came with a token while Slack does not
/// answer, as last read, if that is not too long ago.
pub(super) async fn membership_by(
    app: &App,
    person: &Person,
    source: Source,
) -> Result<Result<Known, Failure>, Error> {
    let just_now = |(membership, person)| (membership, person, None);
    if source != Source::OutOfBand {
        return Ok(membership(app, person).await.map(just_now));
    }
    let silent = match timeout(ANSWERS_WITHIN, asked(app, person)).await {
        Ok(Ok((membership, person))) => {
            remember(app, &person, &membership).await;
            return Ok(Ok(just_now((membership, person))));
        }
        // That is an answer; or Slack was not asked, which is none of its silence.
        Ok(Err(failure @ (Failure::Never(_) | Failure::TooSoon { .. }))) => {
            return Ok(Err(failure));
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Lost(format!("no answer within {} s", ANSWERS_WITHIN.as_secs())),
    };
    let last = memberships::last_known(&app.engine.db, &person.id).await?;
    Ok(match last {
        Some((membership, person, at)) if at >= since(app) => Ok((membership, person, Some(at))),
        Some((.., at)) => {
            let age = Duration::try_from(app.engine.clock.now().duration_since(at));
            Err(Failure::Lost(format!(
                "{silent}, and what it last said is {} old, which is more than {}",
                spell(age.unwrap_or_default()),
                spell(app.config.api.believe_for)
            )))
        }
        None => Err(silent),
    })
}

/// The same for roles: also gives, as clauses, what of it was believed of this person. Only where
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

/// What the record says of what was believed; `None`: everything was read just now.
pub(super) fn clause(last_read: Option<Timestamp>, named: &[String]) -> Option<String> {
    let member = format!(
        "a full member when last read at {}",
        last_read?.strftime("%H:%M UTC")
    );
    let last_known: Vec<String> = [member].into_iter().chain(named.iter().cloned()).collect();
    Some(format!("Slack did not answer; {}", last_known.join(", ")))
}

/// What was read before that is not believed any more.
fn since(app: &App) -> Timestamp {
    let now = app.engine.clock.now();
    now.checked_sub(app.config.api.believe_for).unwrap_or(now)
}

/// Remembers what Slack says of somebody, if they have a token. That it could not be remembered
/// is no reason not to go on.
pub(super) async fn remember(app: &App, person: &Person, membership: &Membership) {
    let engine = &app.engine;
    let now = engine.clock.now();
    let stored = async {
        if !tokens::owns(&engine.db, &person.id, now).await? {
            return Ok(());
        }
        let mut tx = engine.db.begin().await?;
        memberships::record(&mut tx, person, membership, now).await?;
        tx.commit().await
    };
    let stored: sqlx::Result<()> = stored.await;
    if let Err(error) = stored {
        tracing::warn!(person = person.id, %error, "what Slack said of somebody could not be remembered");
    }
}

/// Reads, again and again, what those are to Slack who have a token, so that it is known when
/// Slack is silent.
pub(super) async fn memberships(app: &App, lease: &Lease) -> Result<(), Error> {
    let next = Next::At(later(app, SURVEY_EVERY));
    if !app.config.api.enabled {
        return app.engine.end(lease, next, SideEffects::default()).await;
    }
    for owner in tokens::owners(&app.engine.db, app.engine.clock.now()).await? {
        // Each reading is remembered where it is read.
        match timeout(ANSWERS_WITHIN, membership(app, &owner)).await {
            Ok(Ok(_)) => {}
            Ok(Err(Failure::Never(code))) => {
                tracing::warn!(
                    person = owner.id,
                    code,
                    "Slack does not say what the owner of a token is"
                );
            }
            // The others would not be told either.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    app.engine.end(lease, next, SideEffects::default()).await
}
