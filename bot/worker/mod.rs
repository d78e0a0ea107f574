//! The one place that touches the world: lease a job, do it, complete it.
//!
//! Many short ticks, never one long job. A tick reads the row, holds no transaction while it
//! talks to the world, and ends in one transaction that stores what came of it and completes the
//! job, or in nothing when another worker has it by now.

mod act;
mod backfill;
mod break_glass;
mod drive;
mod export;
mod last_known;
mod modal;
mod page;
mod say;
mod show;
mod take_pin_back;

use crate::{
    App,
    engine::{Error, SideEffects},
    slack::Failure,
    store::{
        jobs::{self, Lease, Next},
        within,
    },
    telemetry,
};
use jiff::Timestamp;
use rollback_domain::{
    job::Job,
    people::{Membership, Person},
};
use std::{collections::HashMap, convert::Infallible, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, timeout_at},
};

/// How many jobs are done at once.
const AT_ONCE: usize = 16;
/// How long it waits when nobody rings: the net under the bell, and other replicas' work.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often something that may pass is tried before a person who waits is told.
const PATIENCE: i64 = 4;
/// How long a call waits for its turn among our own at most. Longer waits are Slack's wish, and what
/// waits for them was tried in vain.
const OWN_PACE: Duration = Duration::from_secs(5);
/// How long what was begun may take when the process is told to end.
const ENDS_WITHIN: Duration = Duration::from_secs(8);
/// How often the platforms are read for the board.
const SURVEY_EVERY: Duration = Duration::from_secs(300);

/// Does what is due until told to stop, then ends what it has begun.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut busy = JoinSet::new();
    let mut held = HashMap::new();
    let hearing = jobs::hear(&app.engine.db, &app.engine.bell);
    tokio::pin!(hearing);
    loop {
        if *stop.borrow() {
            break;
        }
        let room = AT_ONCE - busy.len().min(AT_ONCE);
        let claimed = match room {
            0 => vec![],
            room => claim(&app, room).await,
        };
        let found = !claimed.is_empty();
        for lease in claimed {
            let task = busy.spawn(ticking(app.clone(), lease.clone()));
            held.insert(task.id(), lease);
        }
        if found && busy.len() < AT_ONCE {
            continue;
        }
        tokio::select! {
            () = app.engine.bell.notified() => {}
            () = &mut hearing => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(done) = busy.join_next_with_id() => {
                let task = done.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
                held.remove(&task);
                if let Err(panic) = done {
                    tracing::error!(%panic, "a job panicked; it is done again when its lease ends");
                }
            }
            changed = stop.changed() => {
                // Nobody is left who could say stop.
                if changed.is_err() {
                    break;
                }
            }
        }
    }
    // What was begun is ended; what was not stays a row for the next process.
    let deadline = Instant::now() + ENDS_WITHIN;
    while let Ok(Some(done)) = timeout_at(deadline, busy.join_next_with_id()).await {
        held.remove(&done.map_or_else(|panic| panic.id(), |(id, ())| id));
    }
    // Nobody is at these any more: they are free at once, and not when their leases end.
    busy.shutdown().await;
    for lease in held.values() {
        if let Err(error) = jobs::release(&app.engine.db, lease).await {
            tracing::warn!(%error, "a lease could not be given back; it will end");
        }
    }
}

/// Does everything that is due now, once each, and gives how much that was.
pub async fn run_due(app: &App) -> usize {
    let claimed = claim(app, 50).await;
    let n = claimed.len();
    let mut busy = JoinSet::new();
    for lease in claimed {
        let app = app.clone();
        busy.spawn(ticking(app, lease));
    }
    while busy.join_next().await.is_some() {}
    n
}

/// Does the job of this kind and key if it is due and nobody else is at it, and gives whether it
/// did; for a process that is there for one rollback only.
pub async fn run_one(app: &App, kind: &str, key: &str) -> bool {
    let now = app.engine.clock.now();
    match jobs::claim_one(&app.engine.db, kind, key, now).await {
        Ok(Some(lease)) => {
            tick(app, lease).await;
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::error!(%error, "a job could not be claimed");
            tokio::time::sleep(LOOK_EVERY).await;
            false
        }
    }
}

async fn claim(app: &App, room: usize) -> Vec<Lease> {
    let now = app.engine.clock.now();
    let room = i64::try_from(room).unwrap_or(1);
    match within(jobs::claim(&app.engine.db, now, room)).await {
        Ok(leases) => {
            if !leases.is_empty() {
                app.engine.health.worked();
            }
            leases
        }
        Err(error) => {
            app.engine.health.failed(&error);
            app.metrics.failed(&Error::Database(error));
            tokio::time::sleep(LOOK_EVERY).await;
            vec![]
        }
    }
}

/// One job, in the span that says which.
fn ticking(app: App, lease: Lease) -> impl Future<Output = ()> + Send + 'static {
    let span = telemetry::job(&lease);
    telemetry::within(span, async move { tick(&app, lease).await })
}

/// Renews a lease three times while it lasts, again and again.
async fn keep(app: &App, lease: &Lease) -> Infallible {
    loop {
        tokio::time::sleep(jobs::lasts() / 3).await;
        // The work is not broken off: what is under way to the world gets there all the same, and
        // whoever sent it knows that. Nothing new is begun, nothing of it is stored.
        if let Ok(false) = within(jobs::renew(&app.engine.db, lease)).await {
            app.metrics.lease_lost(lease.job.kind());
            tracing::warn!("lost the lease while working");
        }
    }
}

/// One job, with its lease renewed while it goes on.
async fn tick(app: &App, lease: Lease) {
    let kind = lease.job.kind();
    // Beside each other: an answer that came in time is not to wait for a slow database.
    let done = tokio::select! {
        done = perform(app, &lease) => done,
        never = keep(app, &lease) => match never {},
    };
    app.metrics.job(kind, &done);
    match done {
        Ok(()) => {
            app.engine.health.worked();
            tracing::debug!("done");
        }
        // Another worker has it: what was done here changed nothing.
        Err(Error::Fenced) => tracing::warn!("fenced"),
        Err(error) => {
            tracing::warn!(%error, "job failed");
            app.engine.could_not(&error);
            let again = Next::Retry(backoff(app, lease.attempt), error.to_string());
            if let Err(error) = app.engine.end(&lease, again, SideEffects::default()).await {
                tracing::warn!(%error, "and could not be put back; its lease will end");
            }
        }
    }
}

/// One `match`, one function each.
async fn perform(app: &App, lease: &Lease) -> Result<(), Error> {
    match &lease.job {
        Job::Advance { rollback } => drive::drive(app, lease, *rollback).await,
        Job::Act { .. } => act::act(app, lease).await,
        Job::RejectForged { .. } => act::forged(app, lease).await,
        Job::ServiceAction { .. } => act::service_action(app, lease).await,
        Job::BreakGlassMessage { rollback } => break_glass::message(app, lease, *rollback).await,
        Job::RequestReview { rollback } => break_glass::review(app, lease, *rollback).await,
        Job::TakePinBack { rollback } => take_pin_back::take_pin_back(app, lease, *rollback).await,
        Job::Page { rollback, page } => page::page(app, lease, *rollback, page).await,
        Job::RefreshRoster { source } => show::roster(app, lease, source).await,
        Job::Card { rollback } => say::card(app, lease, *rollback).await,
        Job::AnnounceOutcome { rollback } => say::outcome(app, lease, *rollback).await,
        Job::Notify { .. } => say::tell(app, lease).await,
        Job::Post { .. } => say::post(app, lease).await,
        Job::Backfill { channel } => Box::pin(backfill::backfill(app, lease, channel)).await,
        Job::Export { .. } => say::export(app, lease).await,
        Job::Modal { .. } => modal::open(app, lease).await,
        Job::Query { .. } => show::query(app, lease).await,
        Job::Survey {
            service,
            environment,
        } => show::survey(app, lease, service, environment).await,
        Job::RefreshMemberships => last_known::memberships(app, lease).await,
    }
}

/// Has every platform read for the board, and every source of roles for the cards, from now on.
pub async fn survey_all(app: &App) -> Result<(), Error> {
    let platforms = app.config.services.iter().map(|service| Job::Survey {
        service: service.name.clone(),
        environment: service.environment.clone(),
    });
    let sources = app
        .config
        .sources()
        .into_iter()
        .map(|source| Job::RefreshRoster {
            source: source.clone(),
        });
    let jobs: Vec<Job> = platforms
        .chain(sources)
        .chain([Job::RefreshMemberships])
        .collect();
    app.engine.enqueue(&jobs).await
}

/// When to try again after so many attempts: 0.5 s, doubled, at most a minute.
fn backoff(app: &App, attempt: i64) -> Timestamp {
    let wait =
        Duration::from_millis(500) * 2_u32.pow(u32::try_from(attempt.clamp(0, 7)).unwrap_or(7));
    later(app, wait.min(Duration::from_secs(60)))
}

fn later(app: &App, wait: Duration) -> Timestamp {
    let now = app.engine.clock.now();
    now.checked_add(wait).unwrap_or(now)
}

/// When to call Slack again after a failure that may pass.
fn after_failure(app: &App, lease: &Lease, failure: &Failure) -> Next {
    let at = match failure {
        Failure::TooSoon { wait, .. } if *wait <= OWN_PACE => return Next::Wait(later(app, *wait)),
        Failure::TooSoon { wait, .. } => later(app, *wait),
        Failure::Later {
            after: Some(after), ..
        } => later(app, (*after).max(Duration::from_millis(100))),
        _ => backoff(app, lease.attempt),
    };
    Next::Retry(at, failure.to_string())
}

/// How long a job has been tried without getting anywhere.
fn tried_for(app: &App, lease: &Lease) -> Duration {
    let since = app.engine.clock.now().duration_since(lease.wanted_at);
    Duration::try_from(since).unwrap_or_default()
}

/// What a person is to Slack, read now, and the person with the name Slack has for them.
async fn membership(app: &App, person: &Person) -> Result<(Membership, Person), Failure> {
    let (membership, person) = asked(app, person).await?;
    last_known::remember(app, &person, &membership).await;
    Ok((membership, person))
}

/// The same, not remembered.
async fn asked(app: &App, person: &Person) -> Result<(Membership, Person), Failure> {
    let team = app.team().await?;
    let (membership, name) = app.slack.membership(&person.id, team.as_deref()).await?;
    let name = name.unwrap_or_else(|| person.name.clone());
    Ok((membership, Person::new(person.id.clone(), name)))
}
