//! The one place that touches the world: lease a job, do it, complete it.
//!
//! Many short ticks, never one long job. A tick reads the row, holds no transaction while it
//! talks to the world, and ends in one transaction that stores what came of it and completes the
//! job, or in nothing when another worker has it by now. A job says how it ends by what it
//! returns; `tick` is where it is completed.

mod acting;
mod assessing;
mod audience;
mod destinations;
mod jobs;
mod last_known;
mod plainer;
mod planning;
mod readiness;
mod recipient;
mod retry;
mod rollback_message;
mod undelivered;
mod ways_round;

use crate::{
    App, CurrentApp,
    engine::{Ended, Error},
    store::{
        self,
        jobs::{Claim, Lease},
        within,
    },
    telemetry,
};
use retry::backoff;
use std::{collections::HashMap, convert::Infallible, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{Instant, timeout_at},
};

/// How many jobs are done at once.
const AT_ONCE: usize = 16;
/// How many of these are never jobs that only read.
const KEPT_FREE: usize = 4;
/// How often it looks for jobs by itself: for wake-ups that were lost, and other replicas' jobs.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long what was begun may take when the process is told to end.
const ENDS_WITHIN: Duration = Duration::from_secs(8);
/// How often the platforms and the people are read for the board.
const SURVEY_EVERY: Duration = Duration::from_secs(300);

/// Does what is due until told to stop, then ends what it has begun.
/// Each job takes the app that is current when it begins.
pub async fn run(current: CurrentApp, mut stop: watch::Receiver<bool>) {
    let mut busy = JoinSet::new();
    let mut held = HashMap::new();
    // The record and its clock are the same for every configuration.
    let app = current.app();
    let hearing = store::jobs::hear(&app.engine.db, &app.engine.bell);
    let following = app.follow_database_clock();
    tokio::pin!(hearing, following);
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
            let task = busy.spawn(ticking(current.app(), lease.clone()));
            held.insert(task.id(), lease);
        }
        if found && busy.len() < AT_ONCE {
            continue;
        }
        tokio::select! {
            () = app.engine.bell.notified() => {}
            () = &mut hearing => {}
            never = &mut following => match never {},
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
        if let Err(error) = store::jobs::release(&app.engine.db, lease).await {
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
    match store::jobs::claim_one(&app.engine.db, kind, key, now).await {
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

/// Leases what is due: first what changes something or tells somebody, then what only reads, as long
/// as that leaves room. However many want to read something, the person who decides does not wait for them.
async fn claim(app: &App, room: usize) -> Vec<Lease> {
    app.look_again_after_a_jump().await;
    let mut claimed = claim_some(app, room, Claim::WithoutReading).await;
    let left = room.saturating_sub(claimed.len() + KEPT_FREE);
    if left > 0 {
        claimed.extend(claim_some(app, left, Claim::Everything).await);
    }
    claimed
}

async fn claim_some(app: &App, room: usize, which: Claim) -> Vec<Lease> {
    let now = app.engine.clock.now();
    let room = i64::try_from(room).unwrap_or(1);
    match within(store::jobs::claim(&app.engine.db, now, room, which)).await {
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
    let span = telemetry::job(&lease.job, lease.attempt);
    telemetry::within(span, async move { tick(&app, lease).await })
}

/// Renews a lease three times while it lasts, again and again.
async fn keep(app: &App, lease: &Lease) -> Infallible {
    loop {
        tokio::time::sleep(store::jobs::lasts() / 3).await;
        // The work is not broken off: what is under way to the world gets there all the same, and
        // its sender knows that. Nothing new is begun, nothing of it is stored.
        if let Ok(false) = within(store::jobs::renew(&app.engine.db, lease)).await {
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
            let again = Ended::retry(backoff(app, lease.attempt), error.to_string());
            if let Err(error) = app.engine.complete(&lease, again).await {
                tracing::warn!(%error, "and could not be put back; its lease will end");
            }
        }
    }
}

/// Does a job and completes it as it says.
async fn perform(app: &App, lease: &Lease) -> Result<(), Error> {
    let ended = jobs::perform(app, lease).await?;
    // Large, and for every job: kept off the stack.
    Box::pin(app.engine.complete(lease, ended)).await
}
