//! What drills do in the record: each has one of its own, and a drill is in no rollback's way.

use super::{Error, batch::Changes, complete::jobs_of};
use crate::store::{Tx, rollbacks, timelines};
use jiff::Timestamp;
use rollback_domain::{
    decide::give_way,
    identity::{IncidentId, RollbackId},
    incident::Incident,
    rollback::{Decision, Rollback},
};
use std::pin::Pin;

/// The counter that numbers drills.
const NUMBERS: &str = "drill";

/// What is awaited seldom, kept off the stack of those who await it.
type Seldom<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The next number for a drill, and the record that it begins.
pub(super) fn begin<'a>(
    tx: &'a mut Tx,
    channel: &'a str,
    now: Timestamp,
) -> Seldom<'a, sqlx::Result<(RollbackId, IncidentId)>> {
    Box::pin(numbered(tx, channel, now))
}

async fn numbered(
    tx: &mut Tx,
    channel: &str,
    now: Timestamp,
) -> sqlx::Result<(RollbackId, IncidentId)> {
    // All numbers at once: everybody locks in one order.
    rollbacks::hold_numbers(tx).await?;
    rollbacks::hold_drills(tx).await?;
    let number = rollbacks::next_id(tx, NUMBERS).await?;
    let id = RollbackId::drill(number.cast_unsigned());
    let record = IncidentId::new(id.number());
    let (incident, event) = Incident::open(record, channel, now);
    timelines::open(tx, &incident).await?;
    timelines::append(tx, &[(record, event)], now).await?;
    Ok((id, record))
}

/// Ends a drill that is open where a rollback was asked for; `false`: its platform was asked
/// already, so it stays.
pub(super) fn make_way<'a>(
    tx: &'a mut Tx,
    drill: RollbackId,
    to: RollbackId,
    changes: &'a mut Changes,
    now: Timestamp,
) -> Seldom<'a, Result<bool, Error>> {
    Box::pin(end(tx, drill, to, changes, now))
}

/// The same, with all that follows stored.
pub(super) fn make_way_at_once<'a>(
    tx: &'a mut Tx,
    drill: RollbackId,
    to: RollbackId,
    now: Timestamp,
) -> Seldom<'a, Result<bool, Error>> {
    Box::pin(async move {
        let mut changes = Changes::default();
        let is_ended = end(tx, drill, to, &mut changes, now).await?;
        changes.write(tx, now).await?;
        Ok(is_ended)
    })
}

async fn end(
    tx: &mut Tx,
    drill: RollbackId,
    to: RollbackId,
    changes: &mut Changes,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(drill) = rollbacks::lock(tx, drill).await? else {
        return Ok(changes.give_way(drill, to, now));
    };
    let Ok(decision) = give_way(&drill, to, now) else {
        return Ok(false);
    };
    if !rollbacks::save(tx, &decision.rollback).await? {
        return Err(Error::Raced);
    }
    changes.add_ending(&drill, decision, now);
    Ok(true)
}

impl Changes {
    /// Adds how a drill has ended.
    fn add_ending(&mut self, drill: &Rollback, decision: Decision, now: Timestamp) {
        let events = decision.events.into_iter();
        self.events
            .extend(events.map(|event| (drill.incident, event)));
        for (n, notice) in decision.notices.into_iter().enumerate() {
            self.jobs
                .extend(jobs_of(notice, &decision.rollback, n, now));
        }
    }

    /// Ends a drill that these very changes open, if it is among them.
    fn give_way(&mut self, drill: RollbackId, to: RollbackId, now: Timestamp) -> bool {
        let mut opened = self.opened.iter_mut();
        let Some(opened) = opened.find(|opened| opened.id == drill) else {
            return false;
        };
        let Ok(decision) = give_way(opened, to, now) else {
            return false;
        };
        *opened = decision.rollback.clone();
        let drill = decision.rollback.clone();
        self.add_ending(&drill, decision, now);
        true
    }
}
