//! Who has which e-mail address in the workspace, remembered for a while: a schedule names the same
//! people all day long.

use crate::clock::Clock;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long it is remembered whose an address is. Whether that person may act is read for each act.
const KEPT_FOR: Duration = Duration::from_secs(3_600);
/// How long it is remembered that an address is nobody's: they may be invited meanwhile.
const NOBODY_KEPT_FOR: Duration = Duration::from_secs(60);
/// How many addresses are remembered at most.
const AT_MOST: usize = 10_000;

/// The addresses that were looked up lately. Clones share it.
#[derive(Clone)]
pub(super) struct Directory {
    clock: Clock,
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

struct Entry {
    /// Whose it is; `None`: nobody's.
    person: Option<String>,
    /// When it was looked up, by the time that passes.
    read_at: Duration,
}

impl Directory {
    /// An empty one.
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            entries: Arc::default(),
        }
    }

    /// Whose an address is: a person, or nobody; `None`: it is not remembered.
    pub(super) fn owner(&self, email: &str) -> Option<Option<String>> {
        let now = self.clock.passed();
        let entries = self.inside();
        let entry = entries.get(&email.to_lowercase())?;
        entry.is_fresh(now).then(|| entry.person.clone())
    }

    /// Remembers whose an address is.
    pub(super) fn remember(&self, email: &str, person: Option<&str>) {
        let now = self.clock.passed();
        let mut entries = self.inside();
        if entries.len() >= AT_MOST {
            entries.retain(|_, entry| entry.is_fresh(now));
        }
        if entries.len() >= AT_MOST {
            entries.clear();
        }
        let entry = Entry {
            person: person.map(str::to_owned),
            read_at: now,
        };
        entries.insert(email.to_lowercase(), entry);
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn is_fresh(&self, now: Duration) -> bool {
        let kept_for = match self.person {
            Some(_) => KEPT_FOR,
            None => NOBODY_KEPT_FOR,
        };
        now.saturating_sub(self.read_at) < kept_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_remembered_for_an_hour_and_that_it_is_nobodys_for_a_minute() {
        let clock = Clock::fixed("2026-03-14T03:12:00Z".parse().unwrap());
        let directory = Directory::new(clock.clone());
        assert_eq!(directory.owner("sam@acme.example"), None);
        directory.remember("Sam@acme.example", Some("U0SAM"));
        directory.remember("ann@acme.example", None);
        let sam = Some(Some("U0SAM".to_owned()));
        assert_eq!(directory.owner("sam@ACME.example"), sam);
        assert_eq!(directory.owner("ann@acme.example"), Some(None));
        clock.advance(Duration::from_secs(60));
        assert_eq!(directory.owner("sam@acme.example"), sam);
        assert_eq!(directory.owner("ann@acme.example"), None);
        clock.advance(Duration::from_secs(3_540));
        assert_eq!(directory.owner("sam@acme.example"), None);
    }
}
