//! Where time and ids come from. Everything else takes them from here, and clippy says so.

use jiff::{Timestamp, Unit};
use std::sync::{Arc, Mutex};

/// The bot's clock: the machine's, or one that a story moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is moved.
    pub fn fixed(at: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(at))))
    }

    /// The time, in whole microseconds, as it is stored.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            None => Timestamp::now(),
            Some(fixed) => *fixed.lock().unwrap_or_else(|held| held.into_inner()),
        };
        now.round(Unit::Microsecond).unwrap_or(now)
    }

    /// Moves a standing clock. A real one goes its own way.
    pub fn advance(&self, by: std::time::Duration) {
        if let Some(fixed) = &self.0 {
            let mut at = fixed.lock().unwrap_or_else(|held| held.into_inner());
            *at = at.checked_add(by).unwrap_or(*at);
        }
    }
}
