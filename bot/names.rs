//! What people are called, as far as it was seen lately: a text names them by their ids.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many names are remembered at most.
const AT_MOST: usize = 10_000;

/// Names by Slack id.
#[derive(Debug, Default)]
pub struct Names(Mutex<HashMap<String, String>>);

impl Names {
    /// Remembers what somebody is called. An id instead of a name is none.
    pub fn learn(&self, id: &str, name: &str) {
        if name.is_empty() || name == id {
            return;
        }
        let mut names = self.inside();
        if names.len() >= AT_MOST && !names.contains_key(id) {
            names.clear();
        }
        names.insert(id.to_owned(), name.to_owned());
    }

    /// What somebody is called; `None`: it was not seen.
    pub fn of(&self, id: &str) -> Option<String> {
        self.inside().get(id).cloned()
    }

    /// What everybody is called who was seen, by their id.
    pub fn all(&self) -> HashMap<String, String> {
        self.inside().clone()
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
