//! The card once nobody is asked to approve any more: how far it is, and how it ended.

use super::{evidence, group, requested_by, sentence::sentence, time, warnings};
use crate::slack::{
    Words,
    action::{Action, PlanRef},
    blocks::{actions, confirm, context, fit_text, header, inline, section},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{ServiceRef, Target, verbs::Propose},
    platform::Holds,
    proof::{StageResult, Stages, StagesEnd, Verdict, spell},
    refusal::list,
    release::{Pin, Way},
    rollback::{Rollback, State},
};
use slack_morphism::prelude::{SlackBlock, SlackBlockButtonElement};
use std::{fmt::Write, time::Duration};

/// The card of a rollback that nobody is asked to approve any more.
pub(super) fn card(rollback: &Rollback, now: Timestamp) -> Words {
    let id = rollback.id;
    let word = rollback.word();
    let way = format!("{} → {}", rollback.from_label(), rollback.to_label());
    let head = format!("{}{id} {word}  {}", icon(rollback), rollback.service);
    let mut lines = vec![];
    let group = rollback.group();
    if rollback.plan.is_some() {
        let mut first = match group {
            Some(group) => format!("*{}*", group::services(group)),
            None => format!("*{}*", inline(&way, 200)),
        };
        let _ = write!(first, " · {}", requested_by(rollback));
        if let Some(because) = &rollback.because {
            let _ = write!(first, " · \"{}\"", inline(because, 300));
        }
        lines.push(first);
        lines.extend(evidence(rollback));
    }
    let steps = steps(rollback, now);
    if !steps.is_empty() {
        lines.push(steps.join("\n"));
    }
    if let Some(group) = group {
        lines.push(group::progress(rollback, group, now).join("\n"));
    }
    let sentence = group::sentence(rollback).unwrap_or_else(|| sentence(rollback));
    if !sentence.is_empty() {
        lines.push(sentence.clone());
    }
    let mut blocks: Vec<SlackBlock> = vec![header(&head)];
    blocks.extend(lines.iter().map(|line| section(line)));
    if let Some(times) = times(rollback) {
        blocks.push(context(&times));
    }
    let buttons = buttons(rollback);
    if !buttons.is_empty() {
        blocks.push(actions(&format!("{id}:{}", rollback.revision), buttons));
    }
    let text = format!("{head}, {}. {}", inline(&way, 200), sentence);
    Words {
        text: fit_text(text.trim()),
        blocks,
    }
}

/// How it stands at a glance, with a space behind it; the word beside it says the same.
fn icon(rollback: &Rollback) -> &'static str {
    match &rollback.state {
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            _ if rollback.proof.drifted.is_some() => "⚠️ ",
            Some(Verdict::Verified) if rollback.proof.seen_since().is_none() => "✅ ",
            Some(Verdict::Verified)
            | Some(Verdict::Unproven | Verdict::StillFailing | Verdict::WrongVersion)
            | None => "⚠️ ",
        },
        // Somebody says so, and the platform has not confirmed it.
        State::Rehearsed => "✅ ",
        State::Resolved { done: true, .. } => "",
        State::Resolved { done: false, .. }
        | State::WaitingForPeople { .. }
        | State::Unknown { .. }
        | State::Failed { .. }
        | State::Partial { .. }
        | State::Blocked { .. } => "⚠️ ",
        State::Planning
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::Accepted { .. }
        | State::Serving { .. } => "⏳ ",
        State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => "",
    }
}

/// What can still be done: stop it before its platform is asked, or the next stage of a group
/// begins, or undo it.
fn buttons(rollback: &Rollback) -> Vec<SlackBlockButtonElement> {
    let mut buttons = vec![];
    if rollback.hash.is_none() {
        return buttons;
    }
    let before_asking =
        rollback.times.asked.is_none() && rollback.state.holds() && rollback.is_let_run();
    if before_asking || !rollback.members_to_come().is_empty() {
        buttons.push(Action::Stop(PlanRef::of(rollback)).button("Stop"));
    }
    // A drill is repeated by its command: a button would propose a rollback.
    if rollback.drill.is_none() {
        buttons.extend(once_more(rollback));
    }
    if rollback.why_not_undone().is_none() {
        let question = confirm(
            &format!("Propose to undo {}?", rollback.id),
            &format!(
                "Proposes to take {} forward again, to {}. It needs an approval like any other.",
                rollback.service,
                rollback.from_label()
            ),
            "Propose",
            "Go back",
        );
        let undo = Action::Undo(PlanRef::of(rollback)).button("Undo…");
        buttons.push(undo.with_confirm(question));
    }
    if rollback.state.is_ended() && rollback.times.asked.is_some() {
        buttons.push(Action::PostMortem(PlanRef::of(rollback)).button("Post-mortem"));
    }
    buttons
}

/// The next proposal after one that did not help: the same once more, or the release before.
fn once_more(rollback: &Rollback) -> Option<SlackBlockButtonElement> {
    let plan = rollback
        .plan
        .as_ref()
        .filter(|plan| plan.way == Way::Back)?;
    // Of a group, the members that were taken back would go back once more.
    if plan.group.is_some() {
        return None;
    }
    let (label, target) = match &rollback.state {
        State::Expired { .. } | State::Failed { .. } | State::Partial { .. } => {
            ("Propose again", Target::Named(plan.to.id.clone()))
        }
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            _ if rollback.proof.drifted.is_some() => {
                ("Propose again", Target::Named(plan.to.id.clone()))
            }
            Some(Verdict::StillFailing) => ("Propose the one before", Target::Previous),
            Some(Verdict::Verified | Verdict::Unproven | Verdict::WrongVersion) | None => {
                return None;
            }
        },
        State::Planning
        | State::Blocked { .. }
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Accepted { .. }
        | State::Serving { .. }
        | State::Unknown { .. }
        | State::Rehearsed
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Superseded { .. } => return None,
    };
    let proposal = Propose {
        service: ServiceRef {
            service: rollback.service.name.clone(),
            environment: Some(rollback.service.environment.clone()),
        },
        target,
        because: rollback.because.clone(),
    };
    Some(Action::Propose(proposal).button(label))
}

/// What has been reached and what has not, with its moment.
fn steps(rollback: &Rollback, now: Timestamp) -> Vec<String> {
    if !rollback.is_let_run() {
        return vec![];
    }
    let mut lines = let_run_by(rollback);
    lines.extend(warnings(rollback));
    if rollback.group().is_some() {
        return lines;
    }
    lines.extend(accepted(rollback));
    lines.extend(pinned(rollback));
    lines.extend(serving(rollback));
    lines.extend(verified(rollback));
    lines.extend(stages(rollback, now));
    lines
}

/// Who let it run: the approvals, or an emergency run.
fn let_run_by(rollback: &Rollback) -> Vec<String> {
    let mut lines: Vec<String> = rollback
        .approvals
        .iter()
        .map(|approval| {
            let at = time(approval.at);
            let by = inline(&approval.by.name, 80);
            let roles = inline(&list(&approval.roles, "and"), 80);
            match approval.unopposed {
                true => format!(
                    "✅ *Started by itself* {at}, nobody objected (requested by @{by}, {roles})"
                ),
                false if approval.out_of_band => {
                    format!("✅ *Approved* {at} by @{by} ({roles}), from the CLI / API")
                }
                false => format!("✅ *Approved* {at} by @{by} ({roles})"),
            }
        })
        .collect();
    if let Some(break_glass) = &rollback.break_glass
        && break_glass.spent.is_none()
    {
        lines.push(format!(
            "⚠️ *Emergency run* {} by @{}, without approval: \"{}\"{}",
            time(break_glass.at),
            inline(&break_glass.by.name, 80),
            inline(&break_glass.because, 200),
            match &break_glass.review {
                Some(review) => format!(
                    " · reviewed by @{}: {}",
                    inline(&review.by.name, 80),
                    review.answer
                ),
                None => " · to be reviewed".into(),
            }
        ));
    }
    lines
}

fn accepted(rollback: &Rollback) -> Option<String> {
    let at = rollback.times.accepted?;
    let plan = rollback.plan.as_ref();
    let platform = plan.map_or("the platform", |plan| plan.effects.platform.as_str());
    let answer = rollback.said.as_deref().unwrap_or("accepted");
    Some(format!(
        "✅ *Accepted* {} by {platform}: {}",
        time(at),
        inline(answer, 120)
    ))
}

fn pinned(rollback: &Rollback) -> Option<String> {
    let times = &rollback.times;
    let plan = rollback.plan.as_ref()?;
    if plan.effects.holds == Holds::Not || times.accepted.is_none() {
        return None;
    }
    if rollback.gives_hold_back() {
        return Some(
            "*Deploys* being set back to what they were, because nothing was changed".into(),
        );
    }
    Some(match rollback.pin {
        Pin::On => "✅ *Deploys held* automatic deploys are off".into(),
        Pin::NotNeeded => "✅ *Deploys held* there is nothing to hold off".into(),
        Pin::Off | Pin::Unknown if rollback.state.is_ended() && times.serving.is_none() => {
            "⚠️ *Deploys* I could not read whether automatic deploys are off".into()
        }
        Pin::Off if times.serving.is_none() => {
            "⏳ *Holding deploys* checking that automatic deploys are off".into()
        }
        Pin::Off => "⚠️ *Deploys not held* automatic deploys are ON".into(),
        Pin::Unknown => {
            "⚠️ *Deploys not held* the platform does not say whether automatic deploys are off"
                .into()
        }
    })
}

fn serving(rollback: &Rollback) -> Option<String> {
    let (n, m) = rollback.served();
    let to = inline(rollback.to_label(), 60);
    if let Some(at) = rollback.times.serving {
        let at = time(at);
        return Some(match n < m {
            true => format!("⚠️ *Was live* {at}, now {n}/{m} on {to}"),
            false => format!("✅ *Live* {at} {n}/{m} on {to}"),
        });
    }
    if rollback.times.accepted.is_none() || rollback.state.is_ended() {
        return None;
    }
    let surfaces = rollback.waiting_for();
    let waiting: Vec<String> = surfaces
        .iter()
        .take(3)
        .map(|name| inline(name, 80))
        .collect();
    Some(format!(
        "⏳ *Going live* {n}/{m} on {to}, waiting for {}",
        list(&waiting, "and")
    ))
}

fn verified(rollback: &Rollback) -> Option<String> {
    rollback.times.serving?;
    let proof = &rollback.proof;
    let last = || proof.last.as_ref().map(|last| last.text());
    let evidence = proof.evidence.clone().or_else(last);
    let evidence = evidence.map(|text| inline(&text, 300));
    let failed_later = rollback.stages.as_ref().is_some_and(Stages::has_failed);
    Some(match (rollback.times.proven, proof.verdict) {
        // What it fails at by now stands below.
        (Some(at), _) if failed_later => format!("✅ *Verified* {}", time(at)),
        (Some(at), Some(Verdict::Verified)) => format!(
            "✅ *Verified* {} {}",
            time(at),
            evidence.unwrap_or_default()
        ),
        (Some(at), _) => format!(
            "⚠️ *Not verified* {} {}",
            time(at),
            evidence.unwrap_or_default()
        ),
        (None, _) => format!(
            "⏳ *Checking* {}",
            evidence.unwrap_or_else(|| "from outside".into())
        ),
    })
}

/// How it was found when it was looked at later, and when it is looked at next.
fn stages(rollback: &Rollback, now: Timestamp) -> Option<String> {
    let stages = rollback.stages.as_ref()?;
    let at = stages.due().map(|due| format!(" ({})", time(due)));
    let (icon, evidence) = match stages.results.last() {
        Some(StageResult::Stable) => ("✅ ", None),
        Some(StageResult::Failed | StageResult::Unproven) => {
            let last = rollback.proof.last.as_ref();
            // What has taken its place says more than what was seen before.
            let last = last.filter(|_| matches!(stages.ended, Some(StagesEnd::Done) | None));
            ("⚠️ ", last.map(|last| inline(&last.text(), 300)))
        }
        None => ("", None),
    };
    let evidence = evidence.map(|evidence| format!(": {evidence}"));
    Some(format!(
        "{icon}*Since then* {}{}{}",
        inline(&stages.clause(now), 200),
        at.unwrap_or_default(),
        evidence.unwrap_or_default()
    ))
}

/// How long it took, judged against the goal, and how much of it was waiting for people.
fn times(rollback: &Rollback) -> Option<String> {
    let took = Duration::try_from(rollback.times.to_serving()?).ok()?;
    let mut line = format!("Command to live: {}", spell(took));
    if let Some(goal) = rollback.target_time {
        let judged = match took <= goal {
            true => "met",
            false => "missed",
        };
        let _ = write!(line, " (goal {}: {judged})", spell(goal));
    }
    if let Some(waiting) = rollback
        .times
        .waiting()
        .and_then(|waiting| Duration::try_from(waiting).ok())
        .filter(|_| !rollback.approvals.is_empty())
    {
        let for_what = match rollback.approvals.iter().any(|one| one.unopposed) {
            true => "objections",
            false => "approval",
        };
        let _ = write!(line, ", of which {} waiting for {for_what}", spell(waiting));
    }
    Some(line)
}
