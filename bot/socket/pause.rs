//! How long it is waited before another connection is opened.

use std::time::Duration;

/// The shortest pause: whoever types something meanwhile is told that it did not work.
const FLOOR: Duration = Duration::from_millis(250);
/// The longest pause.
const CEILING: Duration = Duration::from_secs(60);

/// The pause after so many failures in a row. It differs by chance, so that replicas whose
/// connections broke at the same moment do not come back at the same moment.
pub(super) fn before(failures: u32) -> Duration {
    // Without chance they come back together, which is no reason not to come back.
    let chance = getrandom::u32().unwrap_or(u32::MAX / 2);
    drawn(failures, f64::from(chance) / f64::from(u32::MAX))
}

/// The same for a chance from 0 to 1: from half of the longest that it may be to all of it.
fn drawn(failures: u32, chance: f64) -> Duration {
    let longest = FLOOR * 2 * 2_u32.pow(failures.min(10));
    longest.min(CEILING).mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_the_floor_to_the_ceiling() {
        let range = |failures| (drawn(failures, 0.0), drawn(failures, 1.0));
        let seconds = Duration::from_secs_f64;
        assert_eq!(range(0), (FLOOR, seconds(0.5)));
        assert_eq!(range(1), (seconds(0.5), seconds(1.0)));
        assert_eq!(range(2), (seconds(1.0), seconds(2.0)));
        assert_eq!(range(6), (seconds(16.0), seconds(32.0)));
        assert_eq!(range(7), (seconds(30.0), CEILING));
        assert_eq!(range(u32::MAX), (seconds(30.0), CEILING));
    }

    #[test]
    fn pauses_differ_by_chance() {
        let pauses: std::collections::BTreeSet<_> = (0..20).map(|_| before(7)).collect();
        assert!(pauses.len() > 1, "{pauses:?}");
    }
}
