//! Where time and ids come from. Everything else takes them from here, and clippy says so.
//!
//! A machine's clock may be wrong and may be set while the bot runs. What [`Clock::now`] gives goes
//! on evenly with the time that really passes, and follows the machine only where the two agree, or
//! where the machine has insisted on another time for `INSISTS_FOR`: a clock that is a day ahead
//! for a few seconds changes nothing. With a database that replicas share, the database's clock
//! takes the machine's place, so that all of them have one time.

use jiff::{SignedDuration, Timestamp, Unit};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How far the machine's clock may be off before that counts as a jump: more than clocks are
/// corrected by without being set.
const DRIFTS_AT_MOST: SignedDuration = SignedDuration::from_secs(1);
/// How long the machine's clock has to insist on another time until it is followed.
const INSISTS_FOR: Duration = Duration::from_secs(30);

/// The bot's clock: the machine's, or one that a story moves. Clones share it.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    machine: Machine,
    steady: Mutex<Steady>,
}

/// What is read.
enum Machine {
    Real {
        began: Instant,
        /// What the shared database's clock showed at a moment; `None`: the machine's own counts.
        database: Mutex<Option<(Timestamp, Instant)>>,
    },
    Story {
        world: Arc<Mutex<StoryTime>>,
        /// How far the machine's clock is off; `None`: the shared database's clock counts.
        off_by: Mutex<Option<SignedDuration>>,
    },
}

/// The time in a story.
struct StoryTime {
    now: Timestamp,
    passed: Duration,
}

/// The time that goes on evenly.
#[derive(Default)]
struct Steady {
    /// What was read last, and how much time had passed then; `None`: nothing was read yet.
    last: Option<(Timestamp, Duration)>,
    /// By how much the machine has been off, and since when.
    off: Option<(SignedDuration, Duration)>,
    /// By how much the time was set since somebody last looked.
    jumped: Option<SignedDuration>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::real()
    }
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self::of(Machine::Real {
            began: Instant::now(),
            database: Mutex::new(None),
        })
    }

    /// A clock that stands still until it is moved.
    pub fn fixed(at: Timestamp) -> Self {
        let world = Arc::new(Mutex::new(StoryTime {
            now: at,
            passed: Duration::ZERO,
        }));
        Self::of_story(world)
    }

    /// The clock of another machine in the same story: time passes for both.
    pub fn another(&self) -> Self {
        match &self.0.machine {
            Machine::Real { .. } => Clock::real(),
            Machine::Story { world, .. } => Self::of_story(world.clone()),
        }
    }

    fn of_story(world: Arc<Mutex<StoryTime>>) -> Self {
        Self::of(Machine::Story {
            world,
            off_by: Mutex::new(Some(SignedDuration::ZERO)),
        })
    }

    fn of(machine: Machine) -> Self {
        Self(Arc::new(Inner {
            machine,
            steady: Mutex::default(),
        }))
    }

    /// The time, in whole microseconds, as it is stored.
    pub fn now(&self) -> Timestamp {
        let mut steady = inside(&self.0.steady);
        // Under the lock: two threads must not read in one order and compare in another.
        let now = steady.follow(self.read(), self.passed());
        now.round(Unit::Microsecond).unwrap_or(now)
    }

    /// The time that has passed since the clock was made, whatever the machine's clock shows.
    pub fn passed(&self) -> Duration {
        match &self.0.machine {
            Machine::Real { began, .. } => began.elapsed(),
            Machine::Story { world, .. } => inside(world).passed,
        }
    }

    /// By how much the time was set since this was last called, if it was.
    pub fn jumped(&self) -> Option<SignedDuration> {
        inside(&self.0.steady).jumped.take()
    }

    /// Remembers that the time was set, until that is read.
    pub fn jumped_by(&self, by: SignedDuration) {
        let mut steady = inside(&self.0.steady);
        steady.jumped = Some(steady.jumped.unwrap_or_default().saturating_add(by));
    }

    /// From now on the clock of the database that replicas share counts: it showed this at that
    /// moment.
    pub fn follow_database(&self, time: Timestamp, at: Instant) {
        let mut steady = inside(&self.0.steady);
        let followed_before = match &self.0.machine {
            Machine::Real { database, .. } => inside(database).replace((time, at)).is_some(),
            Machine::Story { off_by, .. } => inside(off_by).take().is_none(),
        };
        // Another clock than before: that it shows another time is no jump.
        if !followed_before {
            *steady = Steady::default();
        }
    }

    /// Lets time pass in a story. A real clock goes its own way.
    pub fn advance(&self, by: Duration) {
        if let Machine::Story { world, .. } = &self.0.machine {
            let mut world = inside(world);
            world.now = world.now.checked_add(by).unwrap_or(world.now);
            world.passed += by;
        }
    }

    /// Sets the machine's clock in a story: no time passes by it.
    pub fn set_by(&self, by: SignedDuration) {
        if let Machine::Story { off_by, .. } = &self.0.machine
            && let Some(off_by) = inside(off_by).as_mut()
        {
            *off_by = off_by.saturating_add(by);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn read(&self) -> Timestamp {
        match &self.0.machine {
            Machine::Real { database, .. } => match *inside(database) {
                Some((time, at)) => time.checked_add(at.elapsed()).unwrap_or(time),
                None => Timestamp::now(),
            },
            Machine::Story { world, off_by } => {
                let now = inside(world).now;
                let off_by = inside(off_by).unwrap_or_default();
                now.checked_add(off_by).unwrap_or(now)
            }
        }
    }
}

impl Steady {
    /// The time, when the machine shows `read` after so much time has `passed`.
    fn follow(&mut self, read: Timestamp, passed: Duration) -> Timestamp {
        let Some((last, at)) = self.last else {
            self.last = Some((read, passed));
            return read;
        };
        let expected = last.checked_add(passed.saturating_sub(at)).unwrap_or(last);
        let off = read.duration_since(expected);
        if off.abs() <= DRIFTS_AT_MOST {
            self.off = None;
            self.last = Some((read, passed));
            return read;
        }
        match self.off {
            // The same as before, give or take what clocks drift.
            Some((before, since)) if (off - before).abs() <= DRIFTS_AT_MOST => {
                if passed.saturating_sub(since) < INSISTS_FOR {
                    return expected;
                }
                tracing::error!(
                    seconds = off.as_secs(),
                    "the clock was set; everything that waits is looked at again"
                );
                self.off = None;
                self.last = Some((read, passed));
                self.jumped = Some(self.jumped.unwrap_or_default().saturating_add(off));
                read
            }
            Some(_) | None => {
                tracing::error!(
                    seconds = off.as_secs(),
                    "the clock jumped; it is followed if it stays there"
                );
                self.off = Some((off, passed));
                expected
            }
        }
    }
}

fn inside<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dawn() -> Timestamp {
        "2026-03-14T03:12:00Z".parse().unwrap()
    }

    fn after(seconds: i64) -> Timestamp {
        dawn()
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap()
    }

    #[test]
    fn a_clock_that_jumps_and_comes_back_changes_nothing() {
        for jump in [86_400, -86_400, 120, -120] {
            let clock = Clock::fixed(dawn());
            assert_eq!(clock.now(), dawn());
            clock.set_by(SignedDuration::from_secs(jump));
            for second in 1..20 {
                clock.advance(Duration::from_secs(1));
                assert_eq!(clock.now(), after(second), "{jump}");
            }
            clock.set_by(SignedDuration::from_secs(-jump));
            clock.advance(Duration::from_secs(40));
            assert_eq!(clock.now(), after(59), "{jump}");
            assert_eq!(clock.jumped(), None, "{jump}");
        }
    }

    #[test]
    fn a_clock_that_insists_is_followed_within_a_minute_and_that_is_known() {
        let clock = Clock::fixed(dawn());
        assert_eq!(clock.now(), dawn());
        clock.set_by(SignedDuration::from_secs(-3_600));
        let mut seconds = 0;
        while clock.now() >= dawn() {
            clock.advance(Duration::from_secs(1));
            seconds += 1;
        }
        assert_eq!(seconds, 30);
        assert_eq!(clock.now(), after(30 - 3_600));
        assert_eq!(clock.jumped(), Some(SignedDuration::from_secs(-3_600)));
        assert_eq!(clock.jumped(), None);
        assert_eq!(clock.passed(), Duration::from_secs(30));
    }

    #[test]
    fn small_corrections_are_followed_at_once() {
        let clock = Clock::fixed(dawn());
        assert_eq!(clock.now(), dawn());
        clock.set_by(SignedDuration::from_millis(-900));
        assert_eq!(clock.now(), dawn() - SignedDuration::from_millis(900));
        assert_eq!(clock.jumped(), None);
    }

    #[test]
    fn with_a_shared_database_the_machine_does_not_count() {
        let clock = Clock::fixed(dawn());
        clock.set_by(SignedDuration::from_secs(240));
        assert_eq!(clock.now(), after(240));
        clock.follow_database(dawn(), Instant::now());
        assert_eq!(clock.now(), dawn());
        assert_eq!(clock.jumped(), None);
        clock.set_by(SignedDuration::from_secs(86_400));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), after(60));
    }
}
