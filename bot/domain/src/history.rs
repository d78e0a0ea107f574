//! What was live when, by the platform and by our own rollbacks; which releases are bad, because a
//! rollback left them or somebody marked them; and how often the direction was changed.

use crate::{
    identity::RollbackId,
    people::Person,
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
            State::Failed { .. } | State::Resolved { done: false, .. } | State::Rehearsed => {
                (false, None)
            }
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

/// What a person has decided of a release: that it is bad, or that it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The id of the release.
    pub release: String,
    /// Whether it is bad; `false`: whatever made it bad before does not count any more.
    pub is_bad: bool,
    /// Who decided.
    pub by: Person,
    /// Why, in their words; `None`: they gave no reason.
    pub because: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Why a release is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad<'a> {
    /// A rollback left it, and nobody has taken production to it since.
    Left(&'a Past),
    /// Somebody marked it, and nobody has taken production to it since.
    Marked(&'a Mark),
}

impl Bad<'_> {
    /// As a clause that follows the name of the release: "left as bad by RB-41".
    pub fn clause(&self) -> String {
        match self {
            Bad::Left(past) => format!("left as bad by {}", past.id),
            Bad::Marked(mark) => {
                let because = mark.because.as_deref();
                let because = because.map_or_else(String::new, |why| format!(": \"{why}\""));
                format!("marked bad by {}{because}", mark.by.name)
            }
        }
    }
}

/// What is known of a release before production is taken to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackRecord<'a> {
    /// It is bad.
    Bad(Bad<'a>),
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
            TrackRecord::Bad(bad) => Some(bad.clause()),
            TrackRecord::Verified(id) => Some(format!("verified by {id}")),
            TrackRecord::Ran => Some("ran before".into()),
            TrackRecord::Unknown => None,
        }
    }
}

/// What was done to a service before, and what people have decided of its releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Its earlier rollbacks, newest first.
    pub rollbacks: Vec<Past>,
    /// The latest decision about each release that somebody has marked, in any order.
    pub marks: Vec<Mark>,
}

impl From<Vec<Past>> for History {
    fn from(rollbacks: Vec<Past>) -> Self {
        History {
            rollbacks,
            marks: vec![],
        }
    }
}

impl History {
    /// Why a release is bad; `None`: it is not, as far as anybody knows. What happened last counts:
    /// a rollback that left it, production that was taken to it, or what a person decided.
    pub fn bad(&self, release: &Release) -> Option<Bad<'_>> {
        let by_rollback = self.rollbacks.iter().find_map(|past| {
            if release.is(&past.to) {
                return Some((past.served?, None));
            }
            let left = past.left.as_deref().filter(|left| release.is(left));
            let has_left = past.way == Way::Back && left.is_some();
            has_left.then_some((past.at, Some(Bad::Left(past))))
        });
        let marks = self.marks.iter();
        let mark = marks
            .filter(|mark| release.is(&mark.release))
            .max_by_key(|mark| mark.at);
        match (by_rollback, mark) {
            (Some((at, bad)), Some(mark)) if mark.at < at => bad,
            (_, Some(mark)) => mark.is_bad.then_some(Bad::Marked(mark)),
            (Some((_, bad)), None) => bad,
            (None, None) => None,
        }
    }

    /// What is known of a release.
    pub fn track_record(&self, release: &Release) -> TrackRecord<'_> {
        if let Some(bad) = self.bad(release) {
            return TrackRecord::Bad(bad);
        }
        let latest = self
            .rollbacks
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
        self.rollbacks.first().filter(|past| past.is_partial)
    }

    /// The recent rollbacks, oldest first, if going `way` now would be a second change of
    /// direction within [`FLAPPING_WITHIN`].
    pub fn flapping(&self, way: Way, now: Timestamp) -> Option<Vec<&Past>> {
        let recent: Vec<&Past> = self
            .rollbacks
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
        let by_platform = by_platform.filter(|(id, at)| !explained(&history.rollbacks, id, *at));
        // What the platform said before a rollback can be explained by older ones only.
        let pasts = history.rollbacks.iter().enumerate().rev();
        let earlier = pasts.flat_map(|(at, past)| {
            let older = &history.rollbacks[at + 1..];
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
        moves.extend(history.rollbacks.iter().rev().filter_map(|past| {
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
        let once = History::from(vec![past(1, Way::Back, 0)]);
        assert_eq!(once.flapping(Way::Forward, minute(5)), None, "one change");
        let twice = History::from(vec![past(2, Way::Forward, 5), past(1, Way::Back, 0)]);
        assert_eq!(twice.flapping(Way::Forward, minute(10)), None, "one change");
        let ids = |found: Option<Vec<&Past>>| -> Vec<i64> {
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
            let history = History::from(history.to_vec());
            match history.bad(&called(id)) {
                Some(Bad::Left(past)) => Some(past.id.number()),
                Some(Bad::Marked(_)) | None => None,
            }
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
    fn of_a_mark_and_a_rollback_the_later_one_counts() {
        let mark = |release: &str, is_bad, at| Mark {
            release: release.into(),
            is_bad,
            by: Person::new("U0MAYA", "maya"),
            because: Some("it loses carts".into()),
            at: minute(at),
        };
        let why_bad = |rollbacks: &[Past], marks: &[Mark], id: &str| {
            let history = History {
                rollbacks: rollbacks.to_vec(),
                marks: marks.to_vec(),
            };
            history.bad(&called(id)).map(|bad| bad.clause())
        };
        let by_maya = "marked bad by maya: \"it loses carts\"".to_owned();
        let v2 = |rollbacks: &[Past], marks: &[Mark]| why_bad(rollbacks, marks, "v2");
        assert_eq!(v2(&[], &[mark("v2", true, 5)]), Some(by_maya.clone()));
        assert_eq!(v2(&[], &[mark("v1", true, 5)]), None);
        let left = moved(1, Way::Back, "v2", "v1", 10);
        let left = std::slice::from_ref(&left);
        let by_rollback = Some("left as bad by RB-1".to_owned());
        assert_eq!(v2(left, &[mark("v2", false, 5)]), by_rollback);
        assert_eq!(v2(left, &[mark("v2", false, 15)]), None);
        assert_eq!(v2(left, &[mark("v2", true, 15)]), Some(by_maya.clone()));
        // RB-1 took production to v1 after somebody had marked that.
        assert_eq!(why_bad(left, &[mark("v1", true, 5)], "v1"), None);
        assert_eq!(why_bad(left, &[mark("v1", true, 15)], "v1"), Some(by_maya));
    }

    #[test]
    fn good_is_only_what_was_verified_and_not_left() {
        let history = History::from(vec![
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
        let runs = Runs::of(&survey, &History::from(vec![back]), minute(60));
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
