//! Which drills were held, which are due, and who has never drilled.

use super::{Calendar, Quarter};
use crate::{
    identity::RollbackId,
    people::Person,
    risk::Risk,
    rollback::{Rollback, State},
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long before a drill it is reminded of first, and how long before it counts as that one.
pub const A_WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long before a drill it is reminded of again, and how long after it one is missed.
pub const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// When a service was drilled, and when it is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrillSchedule {
    /// The last drill that was held, and when; `None`: none ever was.
    pub last: Option<(RollbackId, Timestamp)>,
    /// When the next one is; `None`: no day is set.
    pub next: Option<Timestamp>,
    /// The last day that was set and on which none was held.
    pub missed: Option<Timestamp>,
}

impl DrillSchedule {
    /// The schedule as it is at `now`. `drills` are those of the service, newest first; `is_known` says
    /// whether people were reminded of the drill of that moment: what was due before anybody set a
    /// day was not missed.
    pub fn of(
        calendar: Option<&Calendar>,
        drills: &[Rollback],
        is_known: impl Fn(Timestamp) -> bool,
        now: Timestamp,
    ) -> DrillSchedule {
        let held = |drill: &&Rollback| drill.was_practised();
        let asked = |drill: &Rollback| Some((drill.id, drill.times.commanded?));
        let last = drills.iter().find(held).and_then(asked);
        let due = calendar.and_then(|calendar| calendar.last(now.checked_sub(A_DAY).ok()?));
        let missed = due.filter(|due| {
            let counts = due.checked_sub(A_WEEK).unwrap_or(*due);
            last.is_none_or(|(_, at)| at < counts) && is_known(*due)
        });
        DrillSchedule {
            last,
            next: calendar.and_then(|calendar| calendar.next(now)),
            missed,
        }
    }
}

impl Rollback {
    /// Whether it is a drill that came to an end which somebody can learn from.
    pub fn was_practised(&self) -> bool {
        self.drill.is_some()
            && match &self.state {
                State::Rehearsed
                | State::Watching { .. }
                | State::Closed
                | State::Failed { .. }
                | State::Partial { .. }
                | State::Resolved { .. } => true,
                State::Planning
                | State::Blocked { .. }
                | State::Proposed { .. }
                | State::Approved { .. }
                | State::Executing { .. }
                | State::WaitingForPeople { .. }
                | State::Accepted { .. }
                | State::Serving { .. }
                | State::Unknown { .. }
                | State::Denied { .. }
                | State::Cancelled { .. }
                | State::Expired { .. }
                | State::Superseded { .. } => false,
            }
    }

    /// Those who took part: who asked, who approved, who ran it as an emergency.
    pub fn took_part(&self) -> Vec<&Person> {
        let approvers = self.approvals.iter().map(|approval| &approval.by);
        let emergency = self.break_glass.as_ref().map(|run| &run.by);
        let mut people: Vec<&Person> = vec![&self.requester];
        for person in approvers.chain(emergency) {
            if !people.iter().any(|listed| listed.id == person.id) {
                people.push(person);
            }
        }
        people
    }

    /// How long each part of it took, as far as it came.
    pub fn parts(&self) -> Parts {
        let times = &self.times;
        let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
            Duration::try_from(to?.duration_since(from?)).ok()
        };
        let fault = self.drill.as_ref().and_then(|drill| drill.fault.as_ref());
        let begins = fault.and_then(|fault| fault.ended).or(times.commanded);
        let is_rehearsed = self.state == State::Rehearsed;
        let reached = if is_rehearsed {
            times.ended
        } else {
            times.serving
        };
        Parts {
            deciding: between(begins, times.proposed),
            people: between(times.proposed, times.approved),
            platform: between(times.asked, times.serving),
            proof: between(times.serving, times.proven),
            whole: between(begins, reached),
        }
    }

    /// How fast it should be: what the service wants, or what runbooks want of its class.
    pub fn goal(&self) -> Duration {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        self.target_time.unwrap_or(match self.risk() {
            Risk::Toggle => minutes(2),
            Risk::Code => minutes(5),
            Risk::Caution => minutes(10),
            Risk::Data => minutes(30),
        })
    }
}

/// How long each part of a drill took; `None`: it did not come to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Until there was a plan on a card.
    pub deciding: Option<Duration>,
    /// Until it was approved.
    pub people: Option<Duration>,
    /// From asking the platform until it served.
    pub platform: Option<Duration>,
    /// Until it was proven.
    pub proof: Option<Duration>,
    /// From the command, or the fault, until it served; where nothing is asked, until that was said.
    pub whole: Option<Duration>,
}

impl Quarter {
    /// Whether a drill was asked for in it.
    pub fn has(self, drill: &Rollback) -> bool {
        let at = drill.times.commanded;
        at.is_some_and(|at| (self.begins()..self.ends()).contains(&at))
    }
}
