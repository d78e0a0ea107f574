//! The card of a group: a line for each member, with its stage, its own plan and what became of it.

use super::{capital, moment, proposal, served};
use crate::slack::blocks::{inline, section};
use jiff::Timestamp;
use rollback_domain::{
    group::{GroupPlan, Member, MemberPlan, Standing},
    plan::{Plan, Unships},
    platform::Production,
    refusal::list,
    release::Release,
    rollback::{Rollback, State},
};
use slack_morphism::prelude::SlackBlock;

/// How many lines stand in one block: each is well within the length that Slack takes.
const LINES_AT_ONCE: usize = 8;

/// What a group's plan changes, a line for each member; what is unusual; and what stays.
/// `warnings`: what is unusual about the rollback.
pub(super) fn change(
    plan: &Plan,
    group: &GroupPlan,
    warnings: &[String],
    now: Timestamp,
) -> Vec<SlackBlock> {
    let members = members(group, now);
    let mut blocks: Vec<SlackBlock> = members
        .chunks(LINES_AT_ONCE)
        .map(|lines| section(&lines.join("\n")))
        .collect();
    let mut unusual = warnings.to_vec();
    unusual.extend(proposal::cautions(plan));
    if !unusual.is_empty() {
        blocks.push(section(&unusual.join("\n")));
    }
    blocks.push(section(&consequences(plan, group)));
    blocks
}

/// The same in lines, for terminals and machines.
pub(super) fn facts(plan: &Plan, group: &GroupPlan, now: Timestamp) -> String {
    let mut lines = members(group, now);
    lines.push(consequences(plan, group));
    lines.join("\n")
}

/// What would be done to each member, in the order of the stages, and who is left out.
fn members(group: &GroupPlan, now: Timestamp) -> Vec<String> {
    let stages = group.stages();
    let planned = group.planned().map(|(member, plan)| {
        let stage = stages.iter().position(|stage| *stage == member.stage);
        planned(stage.unwrap_or_default() + 1, member, plan, now)
    });
    let left_out = group.left_out().map(|(service, why)| {
        format!(
            "–  *{}*  left out: {}",
            inline(&service.name, 80),
            inline(why, 120)
        )
    });
    planned.chain(left_out).collect()
}

/// What would be done to one member, on a line.
fn planned(stage: usize, member: &MemberPlan, plan: &Plan, now: Timestamp) -> String {
    let ran = served(&plan.to, &plan.to_ran, now).map(|ran| format!(", {ran}"));
    format!(
        "{stage}.  *{}*  `{}` → `{}`{} · {} · {}",
        inline(&member.service.name, 80),
        inline(plan.from.as_ref().map_or("unknown", Release::label), 40),
        inline(plan.to.label(), 40),
        ran.unwrap_or_default(),
        lost(&plan.unships),
        plan.risk
    )
}

/// What a member loses, in few words.
fn lost(unships: &Unships) -> String {
    match unships {
        Unships::Known(releases) if releases.is_empty() => "loses nothing".into(),
        Unships::Known(releases) => format!("loses {}", proposal::changes_count(releases.len())),
        Unships::After(at) => format!("loses what was written after {}", at.strftime("%H:%M UTC")),
        Unships::Unknown(_) => "what it loses is not known".into(),
    }
}

/// How many services are changed, as a phrase.
pub(super) fn services(group: &GroupPlan) -> String {
    match group.count() {
        1 => "1 service".into(),
        n => format!("{n} services"),
    }
}

/// In which order it goes, what comes back and what stays.
fn consequences(plan: &Plan, group: &GroupPlan) -> String {
    let mut lines: Vec<String> = order(group).into_iter().collect();
    lines.push(format!(
        "*Changes*  {}",
        inline(&plan.effects.restores.join(", "), 300)
    ));
    lines.push(format!(
        "*Stays*  {}",
        inline(&plan.effects.leaves.join(" · "), 300)
    ));
    if let Some(outage) = &plan.effects.outage {
        lines.push(format!("*Outage*  expected: {}", inline(outage, 200)));
    }
    lines.join("\n")
}

/// In which order it goes; `None`: there is one service.
fn order(group: &GroupPlan) -> Option<String> {
    let order = match (group.stages().len(), group.count(), group.goes_on) {
        (_, 0 | 1, _) => return None,
        (1, ..) => "all at the same time",
        (.., false) => "by these numbers, each when the one before works; stops if one fails",
        (.., true) => "by these numbers, each when the one before has ended; goes on if one fails",
    };
    Some(format!("*Order*  {order}"))
}

/// What has become of each member, a line each.
pub(super) fn progress(rollback: &Rollback, group: &GroupPlan, now: Timestamp) -> Vec<String> {
    let has_ended = rollback.state.is_ended();
    let mut lines: Vec<String> = group
        .planned()
        .map(|(planned, plan)| {
            let change = format!(
                "`{}` → `{}`",
                inline(plan.from.as_ref().map_or("unknown", Release::label), 40),
                inline(plan.to.label(), 40)
            );
            let name = inline(&planned.service.name, 80);
            match rollback.member(&planned.service) {
                Some(member) => begun(member, &name, &change),
                None if has_ended || rollback.halted.is_some() => {
                    format!("–  *{name}*  {change} · not run")
                }
                None => format!("·  *{name}*  {change} · waits"),
            }
        })
        .collect();
    lines.extend(group.left_out().map(|(service, why)| {
        format!(
            "–  *{}*  left out: {}",
            inline(&service.name, 80),
            inline(why, 120)
        )
    }));
    if let Some(halted) = &rollback.halted {
        let at = moment(halted.at, now);
        let by = inline(&halted.by.name, 80);
        lines.insert(
            0,
            format!("*Stopped* {at} by @{by}: no further stage begins"),
        );
    }
    if let Some(at) = rollback.times.asked {
        lines.insert(0, format!("*Begun* {}", moment(at, now)));
    }
    lines
}

/// A member whose stage has begun.
fn begun(member: &Member, name: &str, change: &str) -> String {
    let icon = match member.standing {
        Standing::Running => "⏳",
        Standing::Verified => "✅",
        Standing::Unproven | Standing::Failed(_) => "⚠️",
    };
    let id = member.rollback.map(|id| format!("{id} "));
    let note = member.note.as_deref();
    let note = note.map(|note| format!(": {}", inline(note, 160)));
    let left = match member.standing {
        Standing::Failed(Production::AsBefore) => " · production as before",
        Standing::Failed(Production::Unknown) => " · how production is, is not known",
        Standing::Failed(Production::Changed)
        | Standing::Running
        | Standing::Verified
        | Standing::Unproven => "",
    };
    format!(
        "{icon}  *{name}*  {change} · {}{}{}{left}",
        id.unwrap_or_default(),
        inline(&member.word, 40),
        note.unwrap_or_default()
    )
}

/// Where a group stands once it runs, in a sentence; `None`: as for any other rollback.
pub(super) fn sentence(rollback: &Rollback) -> Option<String> {
    let group = rollback.group()?;
    Some(match &rollback.state {
        State::Accepted { .. } | State::Serving { .. } => {
            let stages = group.stages();
            let at = stages.iter().position(|stage| *stage == rollback.step);
            let running: Vec<String> = rollback
                .members
                .iter()
                .filter(|member| member.standing == Standing::Running)
                .map(|member| inline(&member.service.name, 80))
                .collect();
            let running = match running.is_empty() {
                true => "going on".into(),
                false => list(&running, "and"),
            };
            let stage = at.unwrap_or_default() + 1;
            format!("Stage {stage} of {}: {running}.", stages.len())
        }
        State::Watching { .. } | State::Closed | State::Partial { .. } | State::Failed { .. } => {
            let next = next(rollback);
            let counted = capital(&inline(&rollback.members_counted(), 600));
            match next.is_empty() {
                true => format!("{counted}."),
                false => format!("{counted}. {next}"),
            }
        }
        State::Approved { .. } => "Reading all platforms once more before anything is done.".into(),
        State::Planning
        | State::Proposed { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Unknown { .. }
        | State::Blocked { .. }
        | State::Rehearsed
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => return None,
    })
}

/// What to do about members that are not where they should be; empty where all are.
pub fn next(rollback: &Rollback) -> String {
    let Some(group) = rollback.group() else {
        return String::new();
    };
    let (done, all) = rollback.members_done();
    if done == all {
        return String::new();
    }
    let unrun: Vec<String> = group
        .planned()
        .filter(|(planned, _)| {
            let member = rollback.member(&planned.service);
            member.is_none_or(|member| !member.standing.is_done())
        })
        .take(3)
        .map(|(planned, _)| format!("`/rollback {} because …`", planned.service.typed()))
        .collect();
    let mut next = format!("To go on by hand: {}.", list(&unrun, "and"));
    if rollback.why_not_undone().is_none() {
        next.push_str(&format!(
            " To return to what was live before: `/rollback undo {}`, in the reverse order.",
            rollback.id
        ));
    }
    next
}
