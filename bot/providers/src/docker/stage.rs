//! Where a recreation stands, from nothing but what the engine shows: the container that has the
//! name, the old one and the new one. Whoever looks after a crash comes to the same as whoever
//! asked.

use super::{
    container::{Container, is_same_policy, short},
    steps::{Steps, Wanted},
};
use jiff::{SignedDuration, Timestamp};
use rollback_domain::platform::Production;
use std::time::Duration;

/// How often a container may end and be started again by the engine before it counts as failed.
const RESTARTS_AT_MOST: i64 = 3;

/// What the engine shows of a recreation.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    /// What has the name now.
    pub(super) named: Option<Container>,
    /// The container that was there before the rollback, whatever it is called now.
    pub(super) old: Option<Container>,
    /// The container that this rollback has made.
    pub(super) new: Option<Container>,
    /// What the new one has lost of the old one, each by its name. Only looked at while both are
    /// beside each other.
    pub(super) lost: Vec<String>,
}

/// Where a recreation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was done: the old container is as it was, and there is no new one.
    Untouched,
    /// There is a new one, and it is not all of what it has to be.
    Incomplete(String),
    /// The new one is beside the old one, which is as it was.
    Created,
    /// The old one is stopped, the new one does not have the name yet.
    Stopped,
    /// The new one has the name and was not started.
    Renamed,
    /// The new one was started; as a clause, what is waited for.
    Starting(String),
    /// The new one is up.
    Serving,
    /// It cannot go on, as a clause why: the old one has to be put back.
    Broken(String),
    /// The old one is as it was before, and the new one is gone.
    PutBack,
    /// What is there is not what this rollback left there, or too little of it: nothing is safe.
    Lost {
        /// As a clause.
        why: String,
        production: Production,
    },
}

/// How long a container has to have run, and what the engine's clock shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settle {
    pub(super) needed: Duration,
    /// `None`: the engine does not say what time it is.
    pub(super) now: Option<Timestamp>,
}

impl Scene {
    /// Where the recreation stands of which `step` was asked for last.
    pub(super) fn stage(&self, wanted: &Wanted, steps: &Steps, step: u32, settle: Settle) -> Stage {
        let is_ours = |named: &Container| {
            let ids = [&self.old, &self.new];
            ids.into_iter().flatten().any(|one| one.id() == named.id())
        };
        if let Some(other) = self.named.as_ref().filter(|named| !is_ours(named)) {
            return Stage::Lost {
                why: format!(
                    "{} is another container by now ({}), which this rollback did not make",
                    wanted.name,
                    short(other.id())
                ),
                production: Production::Changed,
            };
        }
        let is_putting_back = step >= steps.count();
        match (&self.old, &self.new) {
            (None, None) => Stage::Lost {
                why: format!(
                    "the container {} is gone, and so is the new one",
                    wanted.name
                ),
                production: Production::Changed,
            },
            (Some(old), None) => without_new(old, wanted, steps, step),
            (_, Some(_)) if is_putting_back && self.old.is_some() => {
                Stage::Broken("the new container is still there".into())
            }
            (old, Some(new)) if new.name() == wanted.name => named_new(old.as_ref(), new, settle),
            (None, Some(_)) => Stage::Stopped,
            (Some(old), Some(new)) => self.beside(old, new, wanted),
        }
    }

    /// The new container is there and does not have the name.
    fn beside(&self, old: &Container, new: &Container, wanted: &Wanted) -> Stage {
        let has_name = old.name() == wanted.name;
        if new.is_up() {
            return Stage::Broken(format!(
                "somebody has started {} beside {}",
                new.name(),
                old.name()
            ));
        }
        if !has_name && old.is_up() {
            return Stage::Broken(format!(
                "somebody has renamed {} to {}",
                wanted.name,
                old.name()
            ));
        }
        if !self.lost.is_empty() {
            return Stage::Incomplete(self.lost.join(", "));
        }
        match has_name && old.is_up() {
            true => Stage::Created,
            false => Stage::Stopped,
        }
    }
}

/// There is no new container.
fn without_new(old: &Container, wanted: &Wanted, steps: &Steps, step: u32) -> Stage {
    let is_as_before = old.name() == wanted.name
        && is_same_policy(old.restart_policy(), &wanted.restart)
        && (old.is_up() || !wanted.was_up);
    match (is_as_before, step <= steps.create()) {
        (true, true) => Stage::Untouched,
        (true, false) => Stage::PutBack,
        (false, true) if old.name() != wanted.name => Stage::Lost {
            why: format!("somebody has renamed {} to {}", wanted.name, old.name()),
            production: Production::Unknown,
        },
        (false, _) => Stage::Broken(format!(
            "{} is {}, and the new container is gone",
            old.name(),
            old.state()
        )),
    }
}

/// The new container has the name.
fn named_new(old: Option<&Container>, new: &Container, settle: Settle) -> Stage {
    if let Some(old) = old.filter(|old| old.is_up()) {
        return Stage::Broken(format!("somebody has started {} again", old.name()));
    }
    let failed = |why: String| match old {
        Some(_) => Stage::Broken(why),
        None => Stage::Lost {
            why: format!("{why}, and the old one is gone"),
            production: Production::Changed,
        },
    };
    match new.status() {
        // A start that failed leaves its reason.
        "created" if new.error().is_some() || new.exit_code() != 0 => failed(format!(
            "the new container could not be started: {}",
            new.state()
        )),
        "created" => Stage::Renamed,
        "exited" | "dead" | "removing" => failed(format!("the new container is {}", new.state())),
        _ if new.restarts() >= RESTARTS_AT_MOST && new.health() != Some("healthy") => {
            failed(format!(
                "the new container has ended {} times, the last time with {}",
                new.restarts(),
                new.exit_code()
            ))
        }
        "running" => match new.health() {
            Some("healthy") => Stage::Serving,
            Some("unhealthy") => {
                failed("the new container is up, and its health check says unhealthy".into())
            }
            Some(_) => Stage::Starting("its health check has not passed yet".into()),
            None => settled(new, settle),
        },
        _ => Stage::Starting(format!("it is {}", new.state())),
    }
}

/// Whether a container without a health check has run for long enough.
fn settled(new: &Container, settle: Settle) -> Stage {
    let (Some(now), Some(started)) = (settle.now, new.started_at()) else {
        return Stage::Serving;
    };
    let needed = SignedDuration::try_from(settle.needed).unwrap_or(SignedDuration::MAX);
    match now.duration_since(started) >= needed {
        true => Stage::Serving,
        false => Stage::Starting(format!(
            "it has to run for {} s first",
            settle.needed.as_secs_f32()
        )),
    }
}

#[cfg(test)]
mod tests;
