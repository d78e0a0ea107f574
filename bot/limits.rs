//! How much one person and one channel may send: a flood degrades only its sender.
//!
//! Each has a budget that fills up evenly (GCRA). All that is remembered of somebody is one
//! moment, when their budget is full again; whose is full is not remembered at all.

use crate::config::Limits as Settings;
use jiff::Timestamp;
use rollback_domain::refusal::{Flood, Refusal};
use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How often somebody may look with a token for each time they may send: a client that waits for a
/// rollback looks twice a second.
const LOOKS: u32 = 10;
/// How many people, and how many channels, are remembered at most.
pub const KEYS_AT_MOST: usize = 10_000;
const MINUTE: i64 = 60_000_000;
/// How far a clock may go back without being set, in microseconds.
const CLOCK_DRIFTS_BY: i64 = 10_000_000;

/// The budgets of everybody who sent something lately.
#[derive(Debug)]
pub struct Limits {
    people: Budgets,
    channels: Budgets,
    looks: Budgets,
    notices: Budgets,
}

/// Refuses somebody who sends too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    whose: Flood,
    per_minute: u32,
    wait: Duration,
    /// Whether it is the first refusal within a minute; the others are not worth a message.
    pub first_in_a_minute: bool,
}

impl TooMuch {
    /// The refusal, with how long to wait.
    pub fn refusal(&self) -> Refusal {
        Refusal::TooMuch {
            whose: self.whose,
            per_minute: self.per_minute,
            // Rounded up, so that a request after that wait is accepted.
            wait: self.wait.as_micros().div_ceil(1_000_000) as u64,
        }
    }

    /// Whose budget is used up, for counting: `person` or `channel`.
    pub fn whose(&self) -> &'static str {
        self.whose.into()
    }
}

impl Limits {
    /// Full budgets for everybody.
    pub fn new(settings: &Settings) -> Self {
        Self {
            people: Budgets::new(settings.person_per_minute),
            channels: Budgets::new(settings.channel_per_minute),
            looks: Budgets::new(settings.person_per_minute.saturating_mul(LOOKS)),
            notices: Budgets::new(1),
        }
    }

    /// Admits a command or a mention within the budgets of its person and of its channel. One that
    /// the person may not send is not the channel's either: they cannot use it up for others.
    pub fn admit_message(
        &self,
        person: &str,
        channel: &str,
        now: Timestamp,
    ) -> Result<(), TooMuch> {
        self.admit_click(person, now)?;
        self.channels.take(channel, now).map_err(|over| TooMuch {
            whose: Flood::Channel,
            per_minute: self.channels.per_minute,
            wait: over.wait,
            first_in_a_minute: over.first_in_a_minute,
        })
    }

    /// Admits a look with a token within the budget of its person.
    pub fn admit_look(&self, person: &str, now: Timestamp) -> Result<(), TooMuch> {
        self.looks.take(person, now).map_err(|over| TooMuch {
            whose: Flood::Person,
            per_minute: self.looks.per_minute,
            wait: over.wait,
            first_in_a_minute: over.first_in_a_minute,
        })
    }

    /// Admits a click within the budget of its person. A channel's budget does not count: nobody is
    /// kept from approving by what others write there.
    pub fn admit_click(&self, person: &str, now: Timestamp) -> Result<(), TooMuch> {
        self.people.take(person, now).map_err(|over| TooMuch {
            whose: Flood::Person,
            per_minute: self.people.per_minute,
            wait: over.wait,
            first_in_a_minute: over.first_in_a_minute,
        })
    }
}

impl Limits {
    /// Whether something that others can bring about at will is worth a line in the log: once a
    /// minute for each `about`.
    pub fn is_worth_a_line(&self, about: &str, now: Timestamp) -> bool {
        self.notices.take(about, now).is_ok()
    }
}

/// One kind of budget.
struct Budgets {
    per_minute: u32,
    /// How long one takes to be there again, in microseconds.
    every: i64,
    /// How long a whole burst takes to be there again.
    burst: i64,
    budgets: Mutex<HashMap<String, Budget>>,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets")
            .field("per_minute", &self.per_minute)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
struct Budget {
    /// When it is full again, in microseconds.
    full_at: i64,
    /// When a refusal was last worth a message, in microseconds; `None` if none ever was.
    notified_at: Option<i64>,
}

#[derive(Debug, PartialEq)]
struct Over {
    wait: Duration,
    first_in_a_minute: bool,
}

impl Budgets {
    /// Budgets of `per_minute` requests a minute, of which a third may come at once.
    fn new(per_minute: u32) -> Self {
        let every = MINUTE / i64::from(per_minute.max(1));
        Self {
            per_minute,
            every,
            burst: every * i64::from((per_minute / 3).max(1)),
            budgets: Mutex::default(),
        }
    }

    fn take(&self, key: &str, now: Timestamp) -> Result<(), Over> {
        let now = now.as_microsecond();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get_mut(key) {
            // Nobody's is further ahead than a whole burst, but by a clock that was set back.
            if budget.full_at > now + self.burst + CLOCK_DRIFTS_BY {
                budget.full_at = now;
            }
            let full_at = budget.full_at.max(now) + self.every;
            let over = full_at - now - self.burst;
            if over <= 0 {
                budget.full_at = full_at;
                return Ok(());
            }
            let first_in_a_minute = budget
                .notified_at
                .is_none_or(|notified_at| (now - notified_at).abs() >= MINUTE);
            if first_in_a_minute {
                budget.notified_at = Some(now);
            }
            return Err(Over {
                wait: Duration::from_micros(over.unsigned_abs()),
                first_in_a_minute,
            });
        }
        if budgets.len() >= KEYS_AT_MOST {
            forget(&mut budgets, now);
        }
        let budget = Budget {
            full_at: now + self.every,
            notified_at: None,
        };
        budgets.insert(key.to_owned(), budget);
        Ok(())
    }
}

/// Makes room: who has a full budget needs no remembering, and if that are too few, who sent
/// little is forgotten before who sent much.
fn forget(budgets: &mut HashMap<String, Budget>, now: i64) {
    budgets.retain(|_, budget| budget.full_at > now);
    let room = KEYS_AT_MOST / 2;
    if budgets.len() > room {
        let mut moments: Vec<i64> = budgets.values().map(|budget| budget.full_at).collect();
        let surplus = moments.len() - room;
        let (_, last_forgotten, _) = moments.select_nth_unstable(surplus - 1);
        let last_forgotten = *last_forgotten;
        budgets.retain(|_, budget| budget.full_at > last_forgotten);
    }
}

#[cfg(test)]
mod tests;
