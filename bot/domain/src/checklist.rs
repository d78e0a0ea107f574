//! A checklist: what is looked at before, during and after a rollback.
//!
//! The bot ticks what its own record shows, with the evidence; people tick the rest. Nothing waits
//! for it.

use crate::{
    identity::{IncidentId, RollbackId},
    people::Person,
    proof::Verdict,
    refusal::list,
    rollback::Rollback,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{Display, VariantArray};

/// When an item of a checklist is looked at.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before production is changed.
    Before,
    /// While it is.
    During,
    /// Afterwards.
    After,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: &'static [Phase] = Self::VARIANTS;
}

/// What ticks an item by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Display, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TickedBy {
    /// There is a plan, with its target and its steps.
    Planned,
    /// The card is in the channel.
    Told,
    /// Those who had to approve did, or it runs as an emergency.
    Approved,
    /// Every surface serves the target.
    Executed,
    /// It was verified from outside.
    Verified,
    /// The timeline was uploaded as a file.
    Exported,
    /// The post-mortem was drafted.
    Drafted,
}

impl TickedBy {
    /// Everything that ticks an item by itself.
    pub const ALL: &'static [TickedBy] = Self::VARIANTS;
}

/// An item as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRule {
    /// When it is looked at.
    pub phase: Phase,
    /// What is to be true.
    pub text: String,
    /// What ticks it by itself; `None`: people do.
    pub ticked_by: Option<TickedBy>,
}

/// The checklist of one rollback, as it was configured when the card was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    /// The rollback.
    pub rollback: RollbackId,
    /// Its incident.
    pub incident: IncidentId,
    /// The Slack channel of its card.
    pub channel: String,
    /// Its items, in order; they are numbered from 1.
    pub items: Vec<Item>,
}

/// An item of a checklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// When it is looked at.
    pub phase: Phase,
    /// What is to be true.
    pub text: String,
    /// What ticks it by itself; `None`: people do.
    pub ticked_by: Option<TickedBy>,
    /// How it was ticked; `None`: it is open.
    pub tick: Option<Tick>,
}

/// How an item was ticked, or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Who did; `None`: the bot, by its own record.
    pub by: Option<Person>,
    /// When.
    pub at: Timestamp,
    /// What shows it, or why it is left out; `None`: they gave nothing.
    pub because: Option<String>,
    /// Whether it is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
}

impl Checklist {
    /// The checklist of a rollback that has a plan.
    pub fn of(rollback: &Rollback, rules: &[ItemRule]) -> Self {
        let items = rules.iter().map(|rule| Item {
            phase: rule.phase,
            text: rule.text.clone(),
            ticked_by: rule.ticked_by,
            tick: None,
        });
        Checklist {
            rollback: rollback.id,
            incident: rollback.incident,
            channel: rollback.channel.clone(),
            items: items.collect(),
        }
    }

    /// Its items with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Item)> {
        (1..).zip(&self.items)
    }

    /// How many items are ticked or left out.
    pub fn settled(&self) -> usize {
        self.items.iter().filter(|item| item.tick.is_some()).count()
    }

    /// How many items are open.
    pub fn open(&self) -> usize {
        self.items.len() - self.settled()
    }

    /// Whether the bot could tick something by that.
    pub fn waits_for(&self, event: TickedBy) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.ticked_by == Some(event) && item.tick.is_none())
    }

    /// Ticks every open item that the bot ticks by that. Gives whether there was one.
    pub fn tick_for(&mut self, event: TickedBy, evidence: &str, at: Timestamp) -> bool {
        let mut ticked = false;
        for item in &mut self.items {
            if item.ticked_by == Some(event) && item.tick.is_none() {
                item.tick = Some(Tick {
                    by: None,
                    at,
                    because: Some(evidence.to_owned()),
                    skipped: false,
                });
                ticked = true;
            }
        }
        ticked
    }

    /// Ticks what the rollback shows, and opens again what it does not show any more. Gives whether
    /// anything was changed.
    pub fn follow(&mut self, rollback: &Rollback, at: Timestamp) -> bool {
        let mut changed = false;
        for event in TickedBy::ALL {
            match evidence(*event, rollback) {
                Some(evidence) => changed |= self.tick_for(*event, &evidence, at),
                // A verdict can change while it is watched.
                None if *event == TickedBy::Verified => changed |= self.reopen(*event),
                None => {}
            }
        }
        changed
    }

    /// Opens again what the bot had ticked by that.
    fn reopen(&mut self, event: TickedBy) -> bool {
        let mut reopened = false;
        for item in &mut self.items {
            let by_the_bot = item.tick.as_ref().is_some_and(|tick| tick.by.is_none());
            if item.ticked_by == Some(event) && by_the_bot {
                item.tick = None;
                reopened = true;
            }
        }
        reopened
    }
}

/// What a rollback itself shows of that; `None`: nothing, or not yet.
fn evidence(event: TickedBy, rollback: &Rollback) -> Option<String> {
    let at = |at: Timestamp| at.strftime("%H:%M:%S UTC").to_string();
    match event {
        TickedBy::Planned => {
            let hash = rollback.hash.as_ref()?;
            let (from, to) = (rollback.from_label(), rollback.to_label());
            Some(format!("{from} → {to}, plan {hash}"))
        }
        TickedBy::Approved => {
            let approved = rollback.times.approved?;
            let by: Vec<String> = rollback
                .approvals
                .iter()
                .map(|approval| format!("@{}", approval.by.name))
                .collect();
            Some(match by.is_empty() {
                true => format!("emergency run, {}", at(approved)),
                false => format!("{}, {}", list(&by, "and"), at(approved)),
            })
        }
        TickedBy::Executed => {
            let serving = rollback.times.serving?;
            Some(format!("{} live at {}", rollback.to_label(), at(serving)))
        }
        TickedBy::Verified => {
            let is_verified = rollback.proof.verdict == Some(Verdict::Verified)
                && rollback.proof.drifted.is_none();
            is_verified
                .then(|| rollback.proof.evidence.clone())
                .flatten()
        }
        TickedBy::Told | TickedBy::Exported | TickedBy::Drafted => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_773_457_920 + seconds).unwrap_or_default()
    }

    fn item(text: &str, ticked_by: Option<TickedBy>) -> Item {
        Item {
            phase: Phase::Before,
            text: text.into(),
            ticked_by,
            tick: None,
        }
    }

    fn checklist() -> Checklist {
        Checklist {
            rollback: RollbackId::new(1),
            incident: IncidentId::new(1),
            channel: "C1".into(),
            items: vec![
                item("told", Some(TickedBy::Told)),
                item("watched", None),
                item("verified", Some(TickedBy::Verified)),
            ],
        }
    }

    #[test]
    fn the_bot_ticks_once_and_only_what_it_sees() {
        let mut list = checklist();
        assert!(list.waits_for(TickedBy::Told) && !list.waits_for(TickedBy::Exported));
        assert!(list.tick_for(TickedBy::Told, "the card", at(0)));
        assert!(!list.tick_for(TickedBy::Told, "another card", at(9)));
        assert!(!list.tick_for(TickedBy::Exported, "a file", at(9)));
        assert_eq!((list.settled(), list.open()), (1, 2));
        let tick = list.items[0].tick.as_ref();
        assert_eq!(
            tick.and_then(|tick| tick.because.as_deref()),
            Some("the card")
        );
        assert_eq!(tick.map(|tick| tick.at), Some(at(0)));
    }

    #[test]
    fn what_does_not_hold_any_more_is_open_again_unless_a_person_ticked_it() {
        let mut list = checklist();
        assert!(list.tick_for(TickedBy::Verified, "3 of 3 checks pass", at(0)));
        assert!(list.reopen(TickedBy::Verified));
        assert!(!list.reopen(TickedBy::Verified));
        list.items[2].tick = Some(Tick {
            by: Some(Person::new("U1", "sam")),
            at: at(1),
            because: None,
            skipped: false,
        });
        assert!(!list.reopen(TickedBy::Verified));
    }
}
