//! A rollback as programs find it in an export.

use jiff::Timestamp;
use rollback_domain::{
    identity::RollbackId,
    people::Person,
    plan::Unships,
    proof::Verdict,
    rollback::{Asked, Rollback},
};
use serde::Serialize;

/// A rollback, as far as others need it. What is not known is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Summary<'a> {
    id: String,
    service: &'a str,
    environment: &'a str,
    /// The name of its state, and the words of its card.
    state: &'static str,
    status: String,
    verdict: Option<Verdict>,
    requester: &'a Person,
    because: Option<&'a str>,
    /// What the requester points to.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    evidence: &'a [String],
    undoes: Option<String>,
    replaces: Option<String>,
    /// The rollback of the group that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    part_of: Option<String>,
    platform: Option<&'a str>,
    risk: Option<&'static str>,
    plan: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
    /// The releases that production loses; `None`: not known.
    removes: Option<Vec<&'a str>>,
    approvals: Vec<Approval<'a>>,
    emergency: Option<Emergency<'a>>,
    /// Who was asked for an approval, and when.
    asked: Vec<AskedView<'a>>,
    times: Times,
    /// The goal from the command to serving, in seconds.
    goal_seconds: Option<u64>,
    surfaces_on_target: usize,
    surfaces: usize,
}

#[derive(Debug, Serialize)]
struct Approval<'a> {
    by: &'a Person,
    roles: &'a [String],
    at: Timestamp,
    unopposed: bool,
    out_of_band: bool,
}

#[derive(Debug, Serialize)]
struct Emergency<'a> {
    by: &'a Person,
    because: &'a str,
    at: Timestamp,
    /// What somebody thinks of it: `justified` and the like; `None`: nobody has said.
    review: Option<String>,
}

#[derive(Debug, Serialize)]
struct AskedView<'a> {
    at: Timestamp,
    people: &'a [String],
    other: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Times {
    commanded: Option<Timestamp>,
    proposed: Option<Timestamp>,
    approved: Option<Timestamp>,
    asked: Option<Timestamp>,
    accepted: Option<Timestamp>,
    serving: Option<Timestamp>,
    proven: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl<'a> Summary<'a> {
    pub(super) fn of(rollback: &'a Rollback) -> Self {
        let plan = rollback.plan.as_ref();
        let number = |id: RollbackId| id.to_string();
        let (on_target, surfaces) = rollback.served();
        Summary {
            id: rollback.id.to_string(),
            service: &rollback.service.name,
            environment: &rollback.service.environment,
            state: rollback.state.name(),
            status: rollback.word(),
            verdict: rollback.proof.verdict,
            requester: &rollback.requester,
            because: rollback.because.as_deref(),
            evidence: &rollback.evidence,
            undoes: rollback.aim.undoes.map(number),
            replaces: rollback.replaces.map(number),
            part_of: rollback
                .part_of
                .as_ref()
                .map(|group| number(group.rollback)),
            platform: plan.map(|plan| plan.effects.platform.as_str()),
            risk: plan.map(|plan| plan.risk.name()),
            plan: rollback.hash.as_ref().map(|hash| hash.0.as_str()),
            from: plan.and_then(|plan| Some(plan.from.as_ref()?.label())),
            to: plan.map(|plan| plan.to.label()),
            removes: plan.and_then(|plan| match &plan.unships {
                Unships::Known(releases) => Some(releases.iter().map(|one| one.label()).collect()),
                Unships::After(_) | Unships::Unknown(_) => None,
            }),
            approvals: approvals(rollback),
            emergency: emergency(rollback),
            asked: rollback.waiting.asked.iter().map(asked).collect(),
            times: times(rollback),
            goal_seconds: rollback.target_time.map(|goal| goal.as_secs()),
            surfaces_on_target: on_target,
            surfaces,
        }
    }
}

fn approvals(rollback: &Rollback) -> Vec<Approval<'_>> {
    let approvals = rollback.approvals.iter();
    approvals
        .map(|approval| Approval {
            by: &approval.by,
            roles: &approval.roles,
            at: approval.at,
            unopposed: approval.unopposed,
            out_of_band: approval.out_of_band,
        })
        .collect()
}

fn emergency(rollback: &Rollback) -> Option<Emergency<'_>> {
    let run = rollback.break_glass.as_ref()?;
    Some(Emergency {
        by: &run.by,
        because: &run.because,
        at: run.at,
        review: run.review.as_ref().map(|review| review.answer.to_string()),
    })
}

fn asked(asked: &Asked) -> AskedView<'_> {
    AskedView {
        at: asked.at,
        people: &asked.people,
        other: asked.else_.as_deref(),
    }
}

fn times(rollback: &Rollback) -> Times {
    let times = &rollback.times;
    Times {
        commanded: times.commanded,
        proposed: times.proposed,
        approved: times.approved,
        asked: times.asked,
        accepted: times.accepted,
        serving: times.serving,
        proven: times.proven,
        ended: times.ended,
    }
}
