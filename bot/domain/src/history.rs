//! What was done to a service before: which releases were left behind, and how often the
//! direction was changed.

use crate::{
    identity::RollbackId,
    release::{Release, Way},
    rollback::{Rollback, State},
};
use jiff::Timestamp;
use std::time::Duration;

/// Changes of direction this close together ask for a reason.
pub const FLAPPING_WITHIN: Duration = Duration::from_secs(30 * 60);

/// An earlier rollback of the same service that its platform was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its number.
    pub id: RollbackId,
    /// Which way it went.
    pub way: Way,
    /// The id of the release it left.
    pub left: Option<String>,
    /// The id of the release it went to.
    pub to: String,
    /// When the platform was asked.
    pub at: Timestamp,
}

impl Past {
    /// What counts of `rollback`, if its platform was asked.
    pub fn of(rollback: &Rollback) -> Option<Past> {
        let plan = rollback.plan.as_ref()?;
        Some(Past {
            id: rollback.id,
            way: plan.way,
            // What failed left nothing behind.
            left: match rollback.state {
                State::Failed { .. } | State::Resolved { done: false, .. } => None,
                State::Planning
                | State::Blocked { .. }
                | State::Proposed { .. }
                | State::Approved { .. }
                | State::Executing { .. }
                | State::WaitingForPeople { .. }
                | State::Accepted { .. }
                | State::Serving { .. }
                | State::Unknown { .. }
                | State::Watching { .. }
                | State::Closed
                | State::Partial { .. }
                | State::Resolved { done: true, .. }
                | State::Denied { .. }
                | State::Cancelled { .. }
                | State::Expired { .. }
                | State::Superseded { .. } => plan.from.as_ref().map(|from| from.id.clone()),
            },
            to: plan.to.id.clone(),
            at: rollback.times.asked?,
        })
    }
}

/// The earlier rollbacks of a service, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub Vec<Past>);

impl History {
    /// The latest rollback that left this release behind, if any did.
    pub fn left(&self, release: &str) -> Option<&Past> {
        self.0
            .iter()
            .find(|past| past.way == Way::Back && past.left.as_deref() == Some(release))
    }

    /// The id of the release that the latest rollback to `live` has left behind, if that is the
    /// rollback after which it is live.
    pub fn left_for(&self, live: &Release) -> Option<&str> {
        let latest = self.0.first().filter(|past| past.way == Way::Back)?;
        latest.left.as_deref().filter(|_| live.is(&latest.to))
    }

    /// The recent rollbacks, oldest first, if going `way` now would be a second change of
    /// direction within [`FLAPPING_WITHIN`].
    pub fn flapping(&self, way: Way, now: Timestamp) -> Option<Vec<&Past>> {
        let recent: Vec<&Past> = self
            .0
            .iter()
            .rev()
            .filter(|past| {
                Duration::try_from(now.duration_since(past.at)).unwrap_or_default()
                    <= FLAPPING_WITHIN
            })
            .collect();
        let ways: Vec<Way> = recent.iter().map(|past| past.way).chain([way]).collect();
        let turns = ways.windows(2).filter(|pair| pair[0] != pair[1]).count();
        (turns >= 2).then_some(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(id: u64, way: Way, minute: i64) -> Past {
        Past {
            id: RollbackId::new(id),
            way,
            left: Some(format!("v{id}")),
            to: "v1".into(),
            at: Timestamp::from_second(minute * 60).unwrap_or_default(),
        }
    }

    #[test]
    fn the_second_change_of_direction_within_half_an_hour_is_flapping() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap_or_default();
        let once = History(vec![past(1, Way::Back, 0)]);
        assert_eq!(once.flapping(Way::Forward, at(5)), None, "one change");
        let twice = History(vec![past(2, Way::Forward, 5), past(1, Way::Back, 0)]);
        assert_eq!(twice.flapping(Way::Forward, at(10)), None, "one change");
        let ids = |found: Option<Vec<&Past>>| -> Vec<u64> {
            found
                .into_iter()
                .flatten()
                .map(|past| past.id.number())
                .collect()
        };
        assert_eq!(ids(twice.flapping(Way::Back, at(10))), [1, 2]);
        assert_eq!(
            ids(twice.flapping(Way::Back, at(30))),
            [1, 2],
            "on the edge"
        );
        assert_eq!(twice.flapping(Way::Back, at(31)), None, "too long ago");
    }

    #[test]
    fn what_a_rollback_left_is_bad_and_what_an_undo_left_is_not() {
        let history = History(vec![past(2, Way::Forward, 5), past(1, Way::Back, 0)]);
        assert_eq!(history.left("v1").map(|past| past.id.number()), Some(1));
        assert_eq!(history.left("v2"), None);
    }
}
