//! What becomes of the checklists of rollbacks.

use crate::store::{Tx, checklists};
use jiff::Timestamp;
use rollback_domain::{
    checklist::{Checklist, Tick, TickedBy},
    identity::{IncidentId, RollbackId},
    incident::{Actor, ChecklistFact, TimelineEvent},
    job::Job,
    people::Person,
    policy::Policy,
    refusal::Source,
    rollback::{Rollback, State},
};

/// Something that was done and ticks items by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTick {
    /// The incident.
    pub incident: IncidentId,
    /// The rollback; `None`: it ticks items of every rollback of the incident.
    pub rollback: Option<RollbackId>,
    /// What was done.
    pub event: TickedBy,
    /// What shows it, as a clause.
    pub evidence: String,
}

/// How somebody ticks an item.
#[derive(Clone, Debug, PartialEq)]
pub struct TickByHand {
    /// The rollback.
    pub rollback: RollbackId,
    /// The number of the item, from 1.
    pub item: usize,
    /// Who ticks it.
    pub by: Person,
    /// Where it came from.
    pub source: Source,
    /// What shows it, or why it is left out; `None`: they gave nothing.
    pub because: Option<String>,
    /// Whether it is left out.
    pub skipped: bool,
}

/// What an item that somebody ticked came to.
#[derive(Debug)]
pub(super) struct TickedItem {
    pub(super) checklist: Checklist,
    /// What is to be stored with it; `None`: it was ticked already.
    pub(super) change: Option<(IncidentId, TimelineEvent)>,
}

/// Ticks what a rollback shows in its state, on the checklist that is made with its first plan.
/// Gives the job that shows it, if anything was changed.
pub(super) async fn follow(
    tx: &mut Tx,
    rollback: &Rollback,
    policy: &Policy,
    now: Timestamp,
) -> sqlx::Result<Option<Job>> {
    if policy.checklist.is_empty() || rollback.plan.is_none() {
        return Ok(None);
    }
    let changed = match checklists::lock(tx, rollback.id).await? {
        Some(stored) => {
            let mut checklist = stored.checklist;
            let changed = checklist.follow(rollback, now);
            if changed {
                checklists::save(tx, &checklist).await?;
            }
            changed
        }
        None if matches!(rollback.state, State::Proposed { .. }) => {
            let mut checklist = Checklist::of(rollback, &policy.checklist);
            checklist.follow(rollback, now);
            checklists::insert(tx, &checklist).await?;
            true
        }
        None => false,
    };
    let rollback = rollback.id;
    Ok(changed.then_some(Job::Checklist { rollback }))
}

/// Ticks what was done besides the change of a rollback. Gives the jobs that show it.
pub(super) async fn tick(
    tx: &mut Tx,
    tick: &RecordedTick,
    now: Timestamp,
) -> sqlx::Result<Vec<Job>> {
    let rollbacks = match tick.rollback {
        Some(rollback) => vec![rollback],
        None => checklists::rollbacks_of(tx, tick.incident).await?,
    };
    let mut jobs = vec![];
    for rollback in rollbacks {
        let Some(stored) = checklists::lock(tx, rollback).await? else {
            continue;
        };
        let mut checklist = stored.checklist;
        if checklist.tick_for(tick.event, &tick.evidence, now) {
            checklists::save(tx, &checklist).await?;
            jobs.push(Job::Checklist { rollback });
        }
    }
    Ok(jobs)
}

/// Ticks an item for somebody; `None`: there is no such item.
pub(super) async fn tick_by_hand(
    tx: &mut Tx,
    tick: &TickByHand,
    now: Timestamp,
) -> sqlx::Result<Option<TickedItem>> {
    let Some(stored) = checklists::lock(tx, tick.rollback).await? else {
        return Ok(None);
    };
    let mut checklist = stored.checklist;
    let Some(item) = checklist.items.get_mut(tick.item.saturating_sub(1)) else {
        return Ok(None);
    };
    if item.tick.is_some() {
        return Ok(Some(TickedItem {
            checklist,
            change: None,
        }));
    }
    item.tick = Some(Tick {
        by: Some(tick.by.clone()),
        at: now,
        because: tick.because.clone(),
        skipped: tick.skipped,
    });
    let (number, text) = (tick.item, item.text.clone());
    let because = tick.because.clone();
    let fact = match tick.skipped {
        true => ChecklistFact::ItemSkipped {
            item: number,
            text,
            because,
        },
        false => ChecklistFact::ItemTicked {
            item: number,
            text,
            because,
        },
    };
    checklists::save(tx, &checklist).await?;
    let who = Actor::Person(tick.by.clone());
    let event = TimelineEvent::new(now, who, tick.source, Some(tick.rollback), fact);
    Ok(Some(TickedItem {
        change: Some((checklist.incident, event)),
        checklist,
    }))
}
