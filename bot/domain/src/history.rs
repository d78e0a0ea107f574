//! What was live when, by the platform and by our own rollbacks; which releases a rollback left
//! as bad; and how often the direction was changed.

use crate::{
    identity::RollbackId,
    proof::Verdict,
    release::{Release, Survey, Way},
    rollback::{Rollback, State},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Changes of direction this close together ask for a reason.
pub const FLAPPING_WITHIN: Duration = Duration::from_secs(30 * 60);
/// How far a platform's clock may be from ours when both tell of one and the same move.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

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
    /// When most of production served the target; `None`: it is not known to have served it.
    pub served: Option<Timestamp>,
    /// The names of those who approved it, or of who started the emergency run.
    pub let_run_by: Vec<String>,
    /// Whether the target was verified from outside and stayed.
    pub is_verified: bool,
    /// Whether it ended with some surfaces not moved.
    pub is_partial: bool,
    /// Since when releases had been live, as the platform said it before it was asked. Platforms
    /// forget that when they go back.
    pub before: Vec<(String, Timestamp)>,
}

impl Past {
    /// A rollback that was asked for and of which nothing more is known.
    pub fn asked(
        id: RollbackId,
        way: Way,
        left: Option<String>,
        to: String,
        at: Timestamp,
    ) -> Past {
        Past {
            id,
            way,
            left,
            to,
            at,
            served: None,
            let_run_by: vec![],
            is_verified: false,
            is_partial: false,
            before: vec![],
        }
    }

    /// What counts of `rollback`, if its platform was asked.
    pub fn of(rollback: &Rollback) -> Option<Past> {
        let plan = rollback.plan.as_ref()?;
        let times = &rollback.times;
        let asked = times.asked?;
        let most = |n: usize, m: usize| n > 0 && n * 2 >= m;
        let accepted = times.accepted.unwrap_or(asked);
        let (has_left, served) = match &rollback.state {
            // What failed left nothing behind.
            State::Failed { .. } | State::Resolved { done: false, .. } => (false, None),
            State::Watching { .. } | State::Closed => (true, times.serving.or(Some(accepted))),
            State::Serving { n, m } if n == m => (true, times.serving.or(Some(accepted))),
            State::Serving { n, m } | State::Partial { n, m, .. } => {
                (true, most(*n, *m).then_some(accepted))
            }
            State::Resolved { done: true, .. } => (true, Some(accepted)),
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Unknown { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => (true, None),
        };
        let left = plan.from.as_ref().map(|from| from.id.clone());
        let emergency = rollback.break_glass.as_ref();
        let emergency = emergency.filter(|run| run.spent.is_none());
        let approvers = rollback.approvals.iter().map(|approval| &approval.by);
        let proof = &rollback.proof;
        Some(Past {
            served,
            let_run_by: approvers
                .chain(emergency.map(|run| &run.by))
                .map(|person| person.name.clone())
                .collect(),
            is_verified: proof.verdict == Some(Verdict::Verified) && proof.drifted.is_none(),
            is_partial: matches!(rollback.state, State::Partial { .. }),
            before: plan
                .from
                .iter()
                .chain([&plan.to])
                .filter_map(|release| Some((release.id.clone(), release.live_since?)))
                .collect(),
            ..Past::asked(
                rollback.id,
                plan.way,
                left.filter(|_| has_left),
                plan.to.id.clone(),
                asked,
            )
        })
    }
}

/// What is known of a release before production is taken to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackRecord<'a> {
    /// A rollback left it as bad, and nobody has taken production to it since.
    Bad(&'a Past),
    /// This rollback took production to it, and it was verified from outside.
    Verified(RollbackId),
    /// It served production before; whether it was good was not looked at.
    Ran,
    /// It is not known to have served production.
    Unknown,
}

impl TrackRecord<'_> {
    /// As a clause that follows the name of the release; `None`: there is nothing to say.
    pub fn clause(&self) -> Option<String> {
        match self {
            TrackRecord::Bad(past) => Some(format!("left as bad by {}", past.id)),
            TrackRecord::Verified(id) => Some(format!("verified by {id}")),
            TrackRecord::Ran => Some("ran before".into()),
            TrackRecord::Unknown => None,
        }
    }
}

/// The earlier rollbacks of a service, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(pub Vec<Past>);

impl History {
    /// The rollback that left this release as bad, as long as nobody has said otherwise by taking
    /// production to it again.
    pub fn bad(&self, release: &Release) -> Option<&Past> {
        let says = self.0.iter().find_map(|past| {
            if release.is(&past.to) {
                return past.served.is_some().then_some(None);
            }
            let left = past.left.as_deref().filter(|left| release.is(left));
            (past.way == Way::Back && left.is_some()).then_some(Some(past))
        });
        says.flatten()
    }

    /// What is known of a release.
    pub fn track_record(&self, release: &Release) -> TrackRecord<'_> {
        if let Some(past) = self.bad(release) {
            return TrackRecord::Bad(past);
        }
        let latest = self
            .0
            .iter()
            .find(|past| release.is(&past.to) && past.served.is_some());
        match latest {
            Some(past) if past.is_verified => TrackRecord::Verified(past.id),
            Some(_) => TrackRecord::Ran,
            None if release.served() => TrackRecord::Ran,
            None => TrackRecord::Unknown,
        }
    }

    /// The latest rollback, if it ended with some surfaces not moved.
    pub fn unfinished(&self) -> Option<&Past> {
        self.0.first().filter(|past| past.is_partial)
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

/// A time in which production served a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it went live.
    pub since: Timestamp,
    /// When another release took its place; `None`: none is known to have.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// The rollback of ours that put it live; `None`: a deploy did, or somebody on the platform.
    #[serde(default)]
    pub by: Option<RunBy>,
}

/// The rollback of ours that put a release live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunBy {
    /// Its number.
    pub rollback: RollbackId,
    /// The names of those who approved it, or of who started the emergency run.
    pub let_run_by: Vec<String>,
}

/// When production served a release, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ran {
    /// It is live, and went live then.
    LiveSince(Run),
    /// It is live; since when is not known.
    Live,
    /// It is not live; this was the last time.
    Before(Run),
    /// It is not known to have served.
    #[default]
    Never,
}

impl Ran {
    /// The last time it served; `None`: it is not known to have.
    pub fn run(&self) -> Option<&Run> {
        match self {
            Ran::LiveSince(run) | Ran::Before(run) => Some(run),
            Ran::Live | Ran::Never => None,
        }
    }
}

/// What production served when, oldest first: what the platform says and what our rollbacks did,
/// as one history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    runs: Vec<(String, Run)>,
    /// The release that is live.
    live: Option<Release>,
}

impl Runs {
    /// Puts together what `survey` and `history` tell, as of `now`.
    pub fn of(survey: &Survey, history: &History, now: Timestamp) -> Runs {
        // Candidates are newest first: of two from the same moment the older one comes first.
        let by_platform = survey.candidates.iter().rev().filter_map(|candidate| {
            let release = &candidate.release;
            Some((release.id.clone(), release.live_since?))
        });
        let by_platform = by_platform.filter(|(id, at)| !explained(&history.0, id, *at));
        // What the platform said before a rollback can be explained by older ones only.
        let pasts = history.0.iter().enumerate().rev();
        let earlier = pasts.flat_map(|(at, past)| {
            let older = &history.0[at + 1..];
            let before = past.before.iter().cloned();
            before.filter(|(id, at)| !explained(older, id, *at))
        });
        let name = |id: &str| survey.release(id).id;
        let mut moves: Vec<(String, Run)> = by_platform
            .chain(earlier)
            .map(|(id, since)| {
                let run = Run {
                    since,
                    until: None,
                    by: None,
                };
                (name(&id), run)
            })
            .collect();
        moves.extend(history.0.iter().rev().filter_map(|past| {
            let by = Some(RunBy {
                rollback: past.id,
                let_run_by: past.let_run_by.clone(),
            });
            let since = past.served?;
            Some((
                name(&past.to),
                Run {
                    since,
                    until: None,
                    by,
                },
            ))
        }));
        moves.retain(|(_, run)| run.since <= now);
        moves.sort_by_key(|(_, run)| run.since);
        let mut runs: Vec<(String, Run)> = vec![];
        for (id, run) in moves {
            match runs.last_mut() {
                // Told twice: it went on serving.
                Some((last, _)) if *last == id => {}
                Some((_, last)) => {
                    last.until = Some(run.since);
                    runs.push((id, run));
                }
                None => runs.push((id, run)),
            }
        }
        Runs {
            runs,
            live: survey.live(),
        }
    }

    /// When production served this release.
    pub fn ran(&self, release: &Release) -> Ran {
        let last = self.runs.iter().rev().find(|(id, _)| release.is(id));
        let last = last.map(|(_, run)| run.clone());
        let is_live = self.live.as_ref().is_some_and(|live| live.id == release.id);
        match (is_live, last) {
            // Another one was the last that is known to have gone live: when this one came back
            // was not told.
            (true, Some(run)) if run.until.is_none() => Ran::LiveSince(run),
            (true, _) => Ran::Live,
            (false, Some(run)) => Ran::Before(run),
            (false, None) => Ran::Never,
        }
    }

    /// The id of the release that was live then; `None`: that is not known.
    pub fn at(&self, then: Timestamp) -> Option<&str> {
        let (id, run) = self.runs.iter().rev().find(|(_, run)| run.since <= then)?;
        let is_live = |live: &Release| live.is(id);
        // After the last move that was told, something else moved production.
        let is_told = run.until.is_some() || self.live.as_ref().is_some_and(is_live);
        is_told.then_some(id.as_str())
    }
}

/// Whether what a platform says went live then is what one of these rollbacks did.
fn explained(pasts: &[Past], id: &str, at: Timestamp) -> bool {
    pasts.iter().any(|past| {
        let Some(served) = past.served else {
            return false;
        };
        let began = past.at.checked_sub(SKEW).unwrap_or(Timestamp::MIN);
        let ended = served.checked_add(SKEW).unwrap_or(Timestamp::MAX);
        past.to == id && began <= at && at <= ended
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{Candidate, Surface};

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap_or_default()
    }

    fn past(id: u64, way: Way, at: i64) -> Past {
        Past::asked(
            RollbackId::new(id),
            way,
            Some(format!("v{id}")),
            "v1".into(),
            minute(at),
        )
    }

    /// A rollback that left `left` for `to` and was verified a minute later.
    fn moved(id: u64, way: Way, left: &str, to: &str, at: i64) -> Past {
        Past {
            served: Some(minute(at + 1)),
            is_verified: true,
            let_run_by: vec!["sam".into()],
            left: Some(left.into()),
            to: to.into(),
            ..past(id, way, at)
        }
    }

    fn called(id: &str) -> Release {
        Release::unknown(id)
    }

    /// These releases, newest first, with the minute in which each went live; `live` is.
    fn survey(releases: &[(&str, Option<i64>)], live: &str) -> Survey {
        let candidate = |(id, since): &(&str, Option<i64>)| Candidate {
            release: Release {
                live_since: since.map(minute),
                ..called(id)
            },
            barred: None,
            barred_forward: None,
        };
        Survey {
            candidates: releases.iter().map(candidate).collect(),
            surfaces: vec![Surface {
                name: "shop".into(),
                live: Some(live.into()),
            }],
            ..Survey::default()
        }
    }

    #[test]
    fn the_second_change_of_direction_within_half_an_hour_is_flapping() {
        let once = History(vec![past(1, Way::Back, 0)]);
        assert_eq!(once.flapping(Way::Forward, minute(5)), None, "one change");
        let twice = History(vec![past(2, Way::Forward, 5), past(1, Way::Back, 0)]);
        assert_eq!(twice.flapping(Way::Forward, minute(10)), None, "one change");
        let ids = |found: Option<Vec<&Past>>| -> Vec<u64> {
            found
                .into_iter()
                .flatten()
                .map(|past| past.id.number())
                .collect()
        };
        assert_eq!(ids(twice.flapping(Way::Back, minute(10))), [1, 2]);
        assert_eq!(
            ids(twice.flapping(Way::Back, minute(30))),
            [1, 2],
            "on the edge"
        );
        assert_eq!(twice.flapping(Way::Back, minute(31)), None, "too long ago");
    }

    #[test]
    fn what_a_rollback_left_is_bad_until_production_is_taken_to_it_again() {
        let back = moved(1, Way::Back, "v2", "v1", 0);
        let is_bad = |history: &[Past], id: &str| {
            let history = History(history.to_vec());
            history.bad(&called(id)).map(|past| past.id.number())
        };
        assert_eq!(is_bad(std::slice::from_ref(&back), "v2"), Some(1));
        assert_eq!(is_bad(std::slice::from_ref(&back), "v1"), None);
        let undo = moved(2, Way::Forward, "v1", "v2", 5);
        assert_eq!(is_bad(&[undo.clone(), back.clone()], "v2"), None);
        assert_eq!(
            is_bad(&[undo.clone(), back.clone()], "v1"),
            None,
            "an undo leaves nothing bad"
        );
        let asked_only = Past {
            served: None,
            ..undo.clone()
        };
        assert_eq!(is_bad(&[asked_only, back.clone()], "v2"), Some(1));
        let again = moved(3, Way::Back, "v2", "v1", 9);
        assert_eq!(is_bad(&[again, undo, back], "v2"), Some(3));
    }

    #[test]
    fn good_is_only_what_was_verified_and_not_left() {
        let history = History(vec![
            moved(2, Way::Back, "v2", "v1", 9),
            moved(1, Way::Back, "v3", "v2", 0),
        ]);
        let record = |release: Release| history.track_record(&release).clause();
        assert_eq!(record(called("v1")).as_deref(), Some("verified by RB-2"));
        assert_eq!(record(called("v2")).as_deref(), Some("left as bad by RB-2"));
        let ran = Release {
            live_since: Some(minute(0)),
            ..called("v0")
        };
        assert_eq!(record(ran).as_deref(), Some("ran before"));
        assert_eq!(record(called("v9")), None);
    }

    #[test]
    fn the_platform_and_our_rollbacks_tell_one_history() {
        // v1 and v2 were deployed, RB-1 went back to v1, and the platform forgot the first time.
        let survey = survey(&[("v2", Some(20)), ("v1", Some(30))], "v1");
        let back = Past {
            before: vec![("v2".into(), minute(20)), ("v1".into(), minute(10))],
            ..moved(1, Way::Back, "v2", "v1", 30)
        };
        let runs = Runs::of(&survey, &History(vec![back]), minute(60));
        let at = |then| runs.at(minute(then));
        assert_eq!(at(5), None);
        assert_eq!(at(15), Some("v1"));
        assert_eq!(at(25), Some("v2"));
        assert_eq!(at(45), Some("v1"));
        let Ran::LiveSince(run) = runs.ran(&called("v1")) else {
            panic!("it is live: {runs:?}");
        };
        let by = run.by.map(|by| (by.rollback.number(), by.let_run_by));
        assert_eq!(run.since, minute(31));
        assert_eq!(by, Some((1, vec!["sam".to_owned()])));
        let Ran::Before(run) = runs.ran(&called("v2")) else {
            panic!("it ran before: {runs:?}");
        };
        assert_eq!((run.since, run.until), (minute(20), Some(minute(31))));
    }

    #[test]
    fn what_nobody_told_is_not_known() {
        // Somebody moved production back to v1 by hand, and nothing says when.
        let survey = survey(&[("v3", None), ("v2", Some(20)), ("v1", Some(10))], "v1");
        let runs = Runs::of(&survey, &History::default(), minute(60));
        assert_eq!(runs.ran(&called("v1")), Ran::Live);
        assert_eq!(runs.ran(&called("v3")), Ran::Never);
        assert_eq!(runs.at(minute(15)), Some("v1"));
        assert_eq!(runs.at(minute(25)), None, "v2 or v1: nothing says which");
        let Ran::Before(run) = runs.ran(&called("v2")) else {
            panic!("it ran before: {runs:?}");
        };
        assert_eq!(run.until, None);
    }
}
