//! The card once nobody is asked to approve any more: how far it is, and how it ended.

use super::{requested_outside_slack, sentence::sentence, time, warnings};
use crate::slack::{
    Words,
    action::{Action, PlanRef},
    blocks::{actions, confirm, context, cut, header, inline, section},
};
use rollback_domain::{
    platform::Holds,
    proof::{Verdict, spell},
    refusal::list,
    release::Pin,
    rollback::Rollback,
};
use slack_morphism::prelude::{SlackBlock, SlackBlockButtonElement};
use std::{fmt::Write, time::Duration};

/// The card of a rollback that nobody is asked to approve any more.
pub(super) fn card(rollback: &Rollback) -> Words {
    let id = rollback.id;
    let word = rollback.word();
    let way = format!("{} → {}", rollback.from_label(), rollback.to_label());
    let head = format!("{id} {word}  {}", rollback.service);
    let mut lines = vec![];
    if rollback.plan.is_some() {
        let mut first = format!("*{}*", inline(&way, 200));
        let _ = write!(
            first,
            " · asked for by @{}{}",
            inline(&rollback.requester.name, 80),
            requested_outside_slack(rollback)
        );
        if let Some(because) = &rollback.because {
            let _ = write!(first, " · \"{}\"", inline(because, 300));
        }
        lines.push(first);
    }
    let steps = steps(rollback);
    if !steps.is_empty() {
        lines.push(steps.join("\n"));
    }
    let sentence = sentence(rollback);
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
        text: cut(text.trim(), 3900),
        blocks,
    }
}

/// What can still be done: stop it before its platform is asked, or undo it.
fn buttons(rollback: &Rollback) -> Vec<SlackBlockButtonElement> {
    let mut buttons = vec![];
    if rollback.hash.is_none() {
        return buttons;
    }
    let before_asking =
        rollback.times.asked.is_none() && rollback.state.holds() && rollback.is_let_run();
    if before_asking {
        buttons.push(Action::Stop(PlanRef::of(rollback)).button("Stop"));
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
    buttons
}

/// What has been reached and what has not, with its moment.
fn steps(rollback: &Rollback) -> Vec<String> {
    if !rollback.is_let_run() {
        return vec![];
    }
    let mut lines = let_run_by(rollback);
    lines.extend(warnings(rollback));
    lines.extend(accepted(rollback));
    lines.extend(pinned(rollback));
    lines.extend(serving(rollback));
    lines.extend(verified(rollback));
    lines
}

/// Who let it run: the approvals, or an emergency run.
fn let_run_by(rollback: &Rollback) -> Vec<String> {
    let mut lines: Vec<String> = rollback
        .approvals
        .iter()
        .map(|approval| {
            let how = match approval.unopposed {
                true => ", nobody objected",
                false if approval.out_of_band => ", from the CLI / API",
                false => "",
            };
            format!(
                "`[x]` {} approved   @{} as {}{how}",
                time(approval.at),
                inline(&approval.by.name, 80),
                inline(&list(&approval.roles, "and"), 80)
            )
        })
        .collect();
    if let Some(break_glass) = &rollback.break_glass
        && break_glass.spent.is_none()
    {
        lines.push(format!(
            "`[!]` {} BREAK GLASS   @{}, without an approval: \"{}\"{}",
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
        "`[x]` {} accepted   {platform} says: {}",
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
    Some(match rollback.pin {
        Pin::On => "`[x]` pinned   automatic deploys are off (read back)".into(),
        Pin::NotNeeded => "`[x]` pinned   nothing to hold off".into(),
        Pin::Off if times.serving.is_none() => "`[~]` pinned   checking".into(),
        Pin::Off => "`[ ]` pinned   automatic deploys are ON".into(),
        Pin::Unknown => "`[ ]` pinned   the platform does not say".into(),
    })
}

fn serving(rollback: &Rollback) -> Option<String> {
    let (n, m) = rollback.served();
    let to = inline(rollback.to_label(), 60);
    if let Some(at) = rollback.times.serving {
        let at = time(at);
        return Some(match n < m {
            true => format!("`[!]` {at} serving   by now {n}/{m} on {to}"),
            false => format!("`[x]` {at} serving   {n}/{m} on {to}"),
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
        "`[~]` serving   {n}/{m} on {to}, waiting for {}",
        list(&waiting, "and")
    ))
}

fn verified(rollback: &Rollback) -> Option<String> {
    rollback.times.serving?;
    let proof = &rollback.proof;
    let last = || proof.last.as_ref().map(|last| last.text());
    let evidence = proof.evidence.clone().or_else(last);
    let evidence = evidence.map(|text| inline(&text, 300));
    Some(match (rollback.times.proven, proof.verdict) {
        (Some(at), Some(Verdict::Verified)) => format!(
            "`[x]` {} verified   {}",
            time(at),
            evidence.unwrap_or_default()
        ),
        (Some(at), _) => format!(
            "`[!]` {} not verified   {}",
            time(at),
            evidence.unwrap_or_default()
        ),
        (None, _) => format!(
            "`[~]` verified   {}",
            evidence.unwrap_or_else(|| "looking from outside".into())
        ),
    })
}

/// How long it took, judged against the goal, and how much of it was waiting for people.
fn times(rollback: &Rollback) -> Option<String> {
    let took = Duration::try_from(rollback.times.to_serving()?).ok()?;
    let mut line = format!("Command → serving {}", spell(took));
    if let Some(goal) = rollback.target_time {
        let judged = match took <= goal {
            true => "met",
            false => "missed",
        };
        let _ = write!(line, " (target {}: {judged})", spell(goal));
    }
    if let Some(waiting) = rollback
        .times
        .waiting()
        .and_then(|waiting| Duration::try_from(waiting).ok())
    {
        let _ = write!(line, " · of which waiting for approval {}", spell(waiting));
    }
    if rollback.pin == Pin::On {
        line.push_str(" · automatic deploys stay OFF");
    }
    Some(line)
}
