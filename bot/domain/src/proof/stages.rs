//! Looking again long after a rollback was verified: when, and what came of it.

use super::spell;
use crate::identity::RollbackId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One later look, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRule {
    /// How long after it was verified.
    pub after: Duration,
    /// Where people are told that it is stable.
    pub tell: StageTold,
    /// What they are told besides; `None`: nothing.
    pub note: Option<String>,
}

/// Where people are told that a rollback is stable. That it is not is told in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageTold {
    /// On the card.
    Card,
    /// On the card and in its thread.
    Thread,
    /// On the card and in the channel.
    Channel,
}

/// The later looks at a rollback that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// When it was verified.
    pub since: Timestamp,
    /// How long after that it is looked at, in seconds, the earliest first.
    pub after_seconds: Vec<u64>,
    /// What came of those that are over, in the same order.
    #[serde(default)]
    pub results: Vec<StageResult>,
    /// Since when the next one is looked at; `None`: its time has not come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looking_since: Option<Timestamp>,
    /// Why no more follow; `None`: some do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<StagesEnd>,
}

/// What came of one later look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageResult {
    /// The target answers and passes its checks.
    Stable,
    /// It does not.
    Failed,
    /// That could not be told.
    Unproven,
}

/// Why no later looks follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StagesEnd {
    /// All of them are over.
    Done,
    /// A later rollback of the service was asked for.
    RolledBack(RollbackId),
    /// Production serves another release, as people recognise it.
    Deployed(String),
    /// Production was moved away while it was watched.
    Drifted,
    /// The service, or the stage, is not in the configuration any more.
    Unconfigured,
}

impl StagesEnd {
    /// As a clause.
    pub fn clause(&self) -> String {
        match self {
            StagesEnd::Done => "all of them are over".into(),
            StagesEnd::RolledBack(id) => format!("{id} has taken over"),
            StagesEnd::Deployed(release) => format!("{release} was deployed meanwhile"),
            StagesEnd::Drifted => "production was moved away".into(),
            StagesEnd::Unconfigured => "they are not in the configuration any more".into(),
        }
    }
}

impl Stages {
    /// Those of a rollback that is verified now; `None`: it is not looked at again.
    pub fn begin(since: Timestamp, rules: &[StageRule]) -> Option<Self> {
        (!rules.is_empty()).then(|| Self {
            since,
            after_seconds: rules.iter().map(|rule| rule.after.as_secs()).collect(),
            results: vec![],
            looking_since: None,
            ended: None,
        })
    }

    /// How long after it was verified the next look is; `None`: none follows.
    pub fn next(&self) -> Option<Duration> {
        let is_going_on = self.ended.is_none();
        let next = self.after_seconds.get(self.results.len());
        next.filter(|_| is_going_on)
            .map(|seconds| Duration::from_secs(*seconds))
    }

    /// When the next look is; `None`: none follows.
    pub fn due(&self) -> Option<Timestamp> {
        let due = self.since.checked_add(self.next()?);
        Some(due.unwrap_or(Timestamp::MAX))
    }

    /// Whether the last look showed that it fails.
    pub fn has_failed(&self) -> bool {
        self.results.last() == Some(&StageResult::Failed)
    }

    /// How long it was seen to be stable; `None`: the last look did not show it.
    pub fn stable_for(&self) -> Option<Duration> {
        match self.results.last()? {
            StageResult::Stable => self.last_after(),
            StageResult::Failed | StageResult::Unproven => None,
        }
    }

    /// How long after it was verified it was looked at last.
    pub fn last_after(&self) -> Option<Duration> {
        let last = self.results.len().checked_sub(1)?;
        let seconds = self.after_seconds.get(last)?;
        Some(Duration::from_secs(*seconds))
    }

    /// How it stands at `now`, as a clause: `stable for 30 m, next look in 90 m`.
    pub fn clause(&self, now: Timestamp) -> String {
        let last = match (self.results.last(), self.last_after()) {
            (Some(StageResult::Stable), Some(after)) => format!("stable for {}", spell(after)),
            (Some(StageResult::Failed), Some(after)) => {
                format!("failed {} after it was verified", spell(after))
            }
            (Some(StageResult::Unproven), Some(after)) => {
                format!("not proven {} after it was verified", spell(after))
            }
            (Some(_) | None, _) => String::new(),
        };
        let next = match (&self.ended, self.due()) {
            (Some(StagesEnd::Done) | None, None) => String::new(),
            (Some(end), None) => format!("no more looks: {}", end.clause()),
            (_, Some(due)) => {
                let left = Duration::try_from(due.duration_since(now)).unwrap_or_default();
                // In whole minutes, as the card is not drawn every second.
                let minutes = left.as_secs().div_ceil(60);
                match minutes {
                    0 => "looking again now".into(),
                    1..=120 => format!("next look in {minutes} m"),
                    _ => format!("next look in {}", spell(Duration::from_secs(minutes * 60))),
                }
            }
        };
        let parts = [last, next].into_iter();
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn how_it_stands_is_told_with_the_time_that_is_left() {
        let rules = [5, 30, 120, 24 * 60].map(|minutes| StageRule {
            after: minutes * MINUTE,
            tell: StageTold::Card,
            note: None,
        });
        let since = Timestamp::UNIX_EPOCH;
        let at = |minutes: u32| since.checked_add(minutes * MINUTE).unwrap_or(since);
        let mut stages = Stages::begin(since, &rules).expect("there are some");
        let mut told = vec![stages.clause(at(0)), stages.clause(at(6))];
        for (minutes, result) in [
            (5, StageResult::Stable),
            (30, StageResult::Stable),
            (120, StageResult::Unproven),
        ] {
            stages.results.push(result);
            told.push(stages.clause(at(minutes)));
        }
        let mut overtaken = stages.clone();
        overtaken.ended = Some(StagesEnd::Deployed("v215".into()));
        told.push(overtaken.clause(at(130)));
        stages.results.push(StageResult::Failed);
        stages.ended = Some(StagesEnd::Done);
        told.push(stages.clause(at(24 * 60)));
        insta::assert_snapshot!(told.join("\n"), @"
        next look in 5 m
        looking again now
        stable for 5 m, next look in 25 m
        stable for 30 m, next look in 90 m
        not proven 2 h after it was verified, next look in 22 h
        not proven 2 h after it was verified, no more looks: v215 was deployed meanwhile
        failed 24 h after it was verified
        ");
        assert_eq!(Stages::begin(since, &[]), None);
    }
}
