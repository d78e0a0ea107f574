//! Tells what happened to production after a rollback was closed, as it was last read. What was told
//! is stored with the rollback, so that a repetition tells nothing.

use crate::{
    App,
    engine::{Ended, Error},
    roster,
    store::rollbacks,
};
use rollback_domain::{
    aftermath,
    authority::Roster,
    identity::{RollbackId, ServiceKey},
    job::Job,
    release::Survey,
    rollback::{Command, Rollback},
};

pub(super) async fn run(app: &App, id: RollbackId) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let Some(rollback) = rollbacks::get(db, id).await? else {
        return Ok(Ended::done());
    };
    let Some(service) = app.config.service(&rollback.service) else {
        return Ok(Ended::done());
    };
    let Some((survey, _)) = rollbacks::snapshot(db, &rollback.service).await? else {
        return Ok(Ended::done());
    };
    match news_of(app, &rollback, &survey).await? {
        Some(bad) => {
            let policy = app.policy(service);
            let roles = policy.rules.of(service.platform.class()).eligible();
            let roster = roster::last_known(app, &roles).await?;
            let command = Command::LookedAfter {
                survey: Box::new(survey),
                bad,
                unpinners: members(&roster, &roles),
            };
            Ok(Ended::decide(id, command, policy))
        }
        None => Ok(Ended::done()),
    }
}

/// Everybody who has one of these roles, once.
fn members(roster: &Roster, roles: &[&str]) -> Vec<String> {
    let mut members: Vec<String> = vec![];
    for id in roles.iter().flat_map(|role| roster.members(role)) {
        if !members.iter().any(|listed| listed == id) {
            members.push(id.to_owned());
        }
    }
    members
}

/// The job that tells what happened to production, if there is something to tell: `survey` is what
/// was just read.
pub(super) async fn wanted(
    app: &App,
    service: &ServiceKey,
    survey: &Survey,
) -> Result<Option<Job>, Error> {
    let db = &app.engine.db;
    let Some(latest) = rollbacks::latest_asked(db, service).await? else {
        return Ok(None);
    };
    let news = news_of(app, &latest, survey).await?;
    Ok(news.map(|_| Job::LookAfter {
        rollback: latest.id,
    }))
}

/// Whether something has changed since a rollback was closed; then with why what is live is known
/// to be bad. A rollback that is open tells for itself.
async fn news_of(
    app: &App,
    rollback: &Rollback,
    survey: &Survey,
) -> Result<Option<Option<String>>, Error> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let history = rollbacks::history(db, &rollback.service).await?;
    let live = survey.live();
    let bad = live.and_then(|live| Some(history.bad(&live)?.clause()));
    let has_changed = aftermath::look(rollback, survey, bad.as_deref(), now).is_some();
    let open = rollbacks::open_for(db, &rollback.service).await?;
    Ok((has_changed && open.is_none()).then_some(bad))
}
