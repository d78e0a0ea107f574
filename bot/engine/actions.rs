//! What becomes of action items and promises, each with its entry in the timeline.

use crate::store::{Tx, actions};
use jiff::Timestamp;
use rollback_domain::{
    action::{ActionItem, Done, KeptBy, PromiseRule},
    identity::IncidentId,
    incident::{ActionFact, Actor, Incident, IncidentRole, NamedAction, TimelineEvent},
    job::Job,
    people::Person,
    refusal::Source,
};

/// An action item as it is now, and what has to be stored with it.
#[derive(Debug)]
pub(super) struct ChangedAction {
    pub(super) action: ActionItem,
    /// The entry that says so, in which incident; `None`: nothing was changed.
    pub(super) event: Option<(IncidentId, TimelineEvent)>,
    pub(super) jobs: Vec<(Job, Timestamp)>,
}

impl ChangedAction {
    fn by(
        action: ActionItem,
        who: Actor,
        source: Source,
        now: Timestamp,
        fact: ActionFact,
    ) -> Self {
        let event = TimelineEvent::new(now, who, source, None, fact);
        ChangedAction {
            event: Some((action.incident, event)),
            action,
            jobs: vec![],
        }
    }
}

/// The post-mortem of an incident was drafted with its root cause.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPromise {
    /// The incident.
    pub incident: IncidentId,
    /// Who asked for the draft.
    pub by: Person,
    /// The name of the file.
    pub file: String,
}

/// Adds an action item with the next number, and has its owner reminded.
pub(super) async fn add(
    tx: &mut Tx,
    action: ActionItem,
    source: Source,
    now: Timestamp,
) -> sqlx::Result<ChangedAction> {
    let number = actions::next_number(tx).await?;
    let action = ActionItem { number, ..action };
    actions::insert(tx, &action).await?;
    let reminder = action.reminder_after(now).map(|(reminder, at)| {
        let job = Job::RemindAction {
            action: number,
            reminder,
        };
        (job, at)
    });
    let (named, due) = (NamedAction::of(&action), action.due);
    let (who, fact) = match action.promise {
        Some(_) => (Actor::Bot, ActionFact::PromiseMade { action: named, due }),
        None => {
            let by = Actor::Person(action.added_by.clone());
            (by, ActionFact::ActionAdded { action: named, due })
        }
    };
    Ok(ChangedAction {
        jobs: reminder.into_iter().collect(),
        ..ChangedAction::by(action, who, source, now, fact)
    })
}

/// Says that an action item of a channel is done; `None`: the channel has none with this number.
pub(super) async fn finish(
    tx: &mut Tx,
    number: i64,
    channel: &str,
    by: &Person,
    source: Source,
    now: Timestamp,
) -> sqlx::Result<Option<ChangedAction>> {
    let found = actions::lock(tx, number).await?;
    let Some(action) = found.filter(|action| action.channel == channel) else {
        return Ok(None);
    };
    if !action.is_open() {
        return Ok(Some(ChangedAction {
            action,
            event: None,
            jobs: vec![],
        }));
    }
    let done = done(tx, action, by, source, None, now).await?;
    Ok(Some(done))
}

async fn done(
    tx: &mut Tx,
    mut action: ActionItem,
    by: &Person,
    source: Source,
    file: Option<String>,
    now: Timestamp,
) -> sqlx::Result<ChangedAction> {
    action.done = Some(Done {
        by: by.clone(),
        at: now,
    });
    actions::save(tx, &action).await?;
    let fact = ActionFact::ActionDone {
        action: NamedAction::of(&action),
        file,
    };
    let who = Actor::Person(by.clone());
    Ok(ChangedAction::by(action, who, source, now, fact))
}

/// Makes the promises of an incident that was resolved, to be kept by its lead, or else by the person who
/// resolved it.
pub(super) async fn promise(
    tx: &mut Tx,
    incident: &Incident,
    promises: &[PromiseRule],
    by: &Person,
    now: Timestamp,
) -> sqlx::Result<Vec<ChangedAction>> {
    let lead = incident.course.roles.get(&IncidentRole::Lead);
    let owner = &lead.unwrap_or(by).id;
    let mut made = vec![];
    for rule in promises {
        let promise = rule.make(incident.id, &incident.channel, owner, by, now);
        made.push(add(tx, promise, Source::Bot, now).await?);
    }
    Ok(made)
}

/// Goes on in another channel with what is to be done after an incident.
pub(super) async fn move_to(tx: &mut Tx, incident: IncidentId, to: &str) -> sqlx::Result<()> {
    for mut action in actions::lock_open_of(tx, incident).await? {
        to.clone_into(&mut action.channel);
        actions::save(tx, &action).await?;
    }
    Ok(())
}

/// Lets the open promises of an incident go that was reopened: they are made anew when it is
/// resolved.
pub(super) async fn drop_promises(
    tx: &mut Tx,
    incident: IncidentId,
    by: &Person,
    source: Source,
    now: Timestamp,
) -> sqlx::Result<Vec<ChangedAction>> {
    let mut dropped = vec![];
    for mut action in actions::lock_open_of(tx, incident).await? {
        let Some(promise) = &mut action.promise else {
            continue;
        };
        promise.dropped_at = Some(now);
        actions::save(tx, &action).await?;
        let fact = ActionFact::PromiseDropped {
            action: NamedAction::of(&action),
        };
        let who = Actor::Person(by.clone());
        dropped.push(ChangedAction::by(action, who, source, now, fact));
    }
    Ok(dropped)
}

/// Keeps the promises that the draft of a post-mortem keeps. Gives their entries.
pub(super) async fn keep(
    tx: &mut Tx,
    kept: &KeptPromise,
    now: Timestamp,
) -> sqlx::Result<Vec<(IncidentId, TimelineEvent)>> {
    let mut events = vec![];
    for action in actions::lock_open_of(tx, kept.incident).await? {
        let kept_by = action.promise.as_ref().map(|promise| promise.kept_by);
        match kept_by {
            Some(KeptBy::PostMortem) => {
                let file = Some(kept.file.clone());
                let changed = done(tx, action, &kept.by, Source::Bot, file, now).await?;
                events.extend(changed.event);
            }
            Some(KeptBy::Person) | None => {}
        }
    }
    Ok(events)
}
