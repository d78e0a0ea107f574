//! Moments from the record: a clock that was wrong may have stored them.
//!
//! A moment that lies further ahead than its kind can is treated as now. That ends what has an end,
//! and counts a wait from now on; nothing waits for a day that a clock has made up.

use crate::{
    policy::Policy,
    rollback::{Rollback, State},
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How far a moment may lie ahead besides: what two readings of good clocks differ by.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(10);

/// Whether a stored moment lies further ahead of now than `ahead`, the most that its kind allows.
/// What has happened is not ahead at all.
pub fn is_impossible(moment: Timestamp, now: Timestamp, ahead: Duration) -> bool {
    let ahead = SignedDuration::try_from(ahead).unwrap_or(SignedDuration::MAX);
    moment.duration_since(now) > ahead.saturating_add(CLOCKS_DIFFER_BY)
}

/// Treats an impossible moment as now, and gives whether it was one.
fn correct(moment: &mut Timestamp, now: Timestamp, ahead: Duration) -> bool {
    let impossible = is_impossible(*moment, now, ahead);
    if impossible {
        *moment = now;
    }
    impossible
}

impl Rollback {
    /// Treats its impossible moments as now, and gives whether there were any.
    pub fn correct_moments(&mut self, now: Timestamp, policy: &Policy) -> bool {
        let mut corrected = self.correct_state(now, policy);
        let happened = [
            &mut self.waiting.since,
            &mut self.asked_last,
            &mut self.times.commanded,
            &mut self.times.proposed,
            &mut self.times.approved,
            &mut self.times.asked,
            &mut self.times.accepted,
            &mut self.times.serving,
            &mut self.times.proven,
        ];
        for moment in happened.into_iter().flatten() {
            corrected |= correct(moment, now, Duration::ZERO);
        }
        if let Some(until) = &mut self.plan_until {
            corrected |= correct(until, now, policy.plan_ttl);
        }
        // Silence proves nothing while the clock was wrong: the window begins anew.
        let window = policy.objection_window.unwrap_or_default();
        if let Some(ends) = &mut self.waiting.window_ends
            && is_impossible(*ends, now, window)
        {
            *ends = now.checked_add(window).unwrap_or(now);
            corrected = true;
        }
        if let Some(break_glass) = &mut self.break_glass {
            corrected |= correct(&mut break_glass.at, now, Duration::ZERO);
            corrected |= correct(&mut break_glass.due, now, policy.review_within);
        }
        corrected
    }

    fn correct_state(&mut self, now: Timestamp, policy: &Policy) -> bool {
        match &mut self.state {
            State::Proposed { expires_at } | State::Approved { expires_at } => {
                correct(expires_at, now, policy.plan_ttl)
            }
            State::Watching { until } => correct(until, now, policy.watch),
            State::Executing { asked_at: at, .. }
            | State::WaitingForPeople { since: at }
            | State::Accepted { at }
            | State::Unknown { since: at, .. } => correct(at, now, Duration::ZERO),
            State::Planning
            | State::Serving { .. }
            | State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => false,
        }
    }
}
