//! The card while its plan waits for approvals.

use super::{
    capital, moment, now_label, release, releases_count, requested_outside_slack, short_hash, time,
    warnings,
};
use crate::slack::{
    Words,
    action::{self, Action, PlanRef},
    blocks::{Mrkdwn, confirm, context, cut, header, inline, mention, section},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Authority, Case},
    job::Form,
    plan::{Plan, Unships},
    policy::Confirm,
    release::{Release, Way},
    rollback::Rollback,
};
use slack_morphism::prelude::{SlackBlockButtonElement, SlackBlockButtonStyle};
use std::fmt::Write;

/// The card of a proposal.
pub(super) fn card(
    rollback: &Rollback,
    plan: &Plan,
    expires_at: Timestamp,
    authority: Option<&Authority>,
    now: Timestamp,
) -> Words {
    let id = rollback.id;
    let case = authority.map(|authority| rollback.case(&authority.policy, &authority.roster));
    let needs = match &case {
        Some(case) => case.needs(&Mrkdwn, now),
        None => "somebody with authority; this service is not in the configuration any more".into(),
    };
    let mut decision = vec![format!("*Needs*  {needs}")];
    decision.push(format!(
        "*Risk*  {}{} · plan `{}`",
        plan.risk,
        cautions(plan),
        short_hash(rollback)
    ));
    decision.extend(warnings(rollback));
    decision.extend(waiting(rollback));
    let deed = deed(rollback);
    let service = &rollback.service;
    let blocks = vec![
        header(&format!("{deed} {service}?  {id}")),
        context(&requested_line(rollback, expires_at, now)),
        section(&facts(plan, now)),
        section(&decision.join("\n")),
        action::row_with_menu(
            &format!("{id}:{}", rollback.revision),
            vec![
                Action::Open(Form::Target, PlanRef::of(rollback)).button("Change target…"),
                approve_button(rollback, plan, case.as_ref())
                    .with_style(SlackBlockButtonStyle::Primary),
                Action::Stop(PlanRef::of(rollback)).button("Cancel"),
            ],
            &menu(rollback, case.as_ref()),
        ),
    ];
    let because = rollback.because.as_deref();
    let text = format!(
        "{id} proposed: {}{} {service} from {} to {}{}. Needs {needs}. Expires {}.",
        deed[..1].to_lowercase(),
        &deed[1..],
        inline(rollback.from_label(), 80),
        inline(rollback.to_label(), 80),
        because
            .map(|because| format!(", because {}", inline(because, 300)))
            .unwrap_or_default(),
        time(expires_at)
    );
    Words {
        text: cut(&text, 3900),
        blocks,
    }
}

/// Who requested it, when and why, and until when it is open.
fn requested_line(rollback: &Rollback, expires_at: Timestamp, now: Timestamp) -> String {
    let mut line = format!(
        "Requested by @{}{} at {}",
        inline(&rollback.requester.name, 80),
        requested_outside_slack(rollback),
        time(rollback.times.commanded.unwrap_or(now))
    );
    if let Some(because) = &rollback.because {
        let _ = write!(line, " · \"{}\"", inline(because, 300));
    }
    let _ = write!(line, " · expires {}", time(expires_at));
    if let Some(replaced) = rollback.replaces {
        let _ = write!(line, " · replaces {replaced}");
    }
    line
}

/// What is done to its service, as a question or a command begins.
fn deed(rollback: &Rollback) -> String {
    match rollback.aim.undoes {
        Some(undone) => format!("Undo {undone} on"),
        None => "Roll back".into(),
    }
}

/// The button that approves the plan: by a click with Slack's question, or by a form where the rule
/// wants more.
fn approve_button(
    rollback: &Rollback,
    plan: &Plan,
    case: Option<&Case>,
) -> SlackBlockButtonElement {
    let label = match plan.way {
        Way::Back => "Approve & roll back…",
        Way::Forward => "Approve & undo…",
    };
    let by_form = case.is_some_and(|case| match case.rule.confirm {
        Confirm::Click => false,
        // A form without anything to tick cannot be sent.
        Confirm::Tick => !plan.cautions.is_empty(),
        Confirm::Type => true,
    });
    let plan_ref = PlanRef::of(rollback);
    if by_form {
        return Action::Open(Form::Approve, plan_ref).button(label);
    }
    let yes = match case.map_or(0, |case| case.missing().people) {
        0 | 1 => now_label(plan.way),
        // Somebody else has to say yes after this one.
        _ => "Approve",
    };
    let service = cut(&rollback.service.name, 60);
    let question = confirm(
        &format!("{} {service}?", deed(rollback)),
        &question(rollback, plan),
        yes,
        "Go back",
    );
    Action::Approve(plan_ref)
        .button(label)
        .with_confirm(question.with_style("primary".into()))
}

/// What a click approves, in Slack's own question.
fn question(rollback: &Rollback, plan: &Plan) -> String {
    let removed = match &plan.unships {
        Unships::Known(releases) if releases.is_empty() => "Removes nothing.".into(),
        Unships::Known(releases) => format!("Removes {}.", releases_count(releases.len())),
        Unships::After(moment) => {
            let moment = moment.strftime("%H:%M:%S UTC");
            format!("It removes what was written after {moment}.")
        }
        Unships::Unknown(_) => "What it removes is not known.".into(),
    };
    let after = plan.effects.after.as_ref();
    format!(
        "{} {} → {}. {removed}{} Plan {}.",
        rollback.service.environment,
        plan.from.as_ref().map_or("unknown", Release::label),
        plan.to.label(),
        after
            .map(|after| format!(" {}.", capital(after)))
            .unwrap_or_default(),
        short_hash(rollback)
    )
}

/// What else is possible with a proposal.
fn menu(rollback: &Rollback, case: Option<&Case>) -> Vec<(&'static str, Action)> {
    let plan_ref = || PlanRef::of(rollback);
    let mut menu = vec![("Object…", Action::Open(Form::Object, plan_ref()))];
    if case.is_some_and(|case| case.rule.break_glass) {
        let open = Action::Open(Form::BreakGlass, plan_ref());
        menu.push(("Break glass…", open));
    }
    if !rollback.approvals.is_empty() {
        menu.push(("Withdraw my approval", Action::Withdraw(plan_ref())));
    }
    menu.push(("Who can approve", Action::Who(plan_ref())));
    menu.push(("May I approve?", Action::Why(plan_ref())));
    menu
}

/// What is unusual about a plan, after its class.
fn cautions(plan: &Plan) -> String {
    let named: Vec<String> = plan
        .cautions
        .iter()
        .map(|caution| inline(&caution.draw(plan.to.label(), plan.read_at), 200))
        .collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(": {}", named.join("; ")),
    }
}

/// Since when an approval is waited for, and who was asked; or when it starts by itself.
fn waiting(rollback: &Rollback) -> Option<String> {
    let waiting = &rollback.waiting;
    if let Some(ends) = waiting.window_ends {
        return Some(format!(
            "*Starts*  by itself at {}, unless somebody objects",
            time(ends)
        ));
    }
    let last = waiting.asked.last()?;
    let mut asked: Vec<String> = vec![];
    for one in &waiting.asked {
        let people = one.people.iter().map(|id| mention(id));
        for whom in people.chain(one.else_.as_deref().map(|other| inline(other, 80))) {
            if !asked.contains(&whom) {
                asked.push(whom);
            }
        }
    }
    let more = match asked.len() {
        n if n > 6 => format!(" and {} more", n - 6),
        _ => String::new(),
    };
    Some(format!(
        "*Waits*  since {}; asked {}{more}, last at {}",
        time(waiting.since.unwrap_or(last.at)),
        asked.iter().take(6).cloned().collect::<Vec<_>>().join(", "),
        time(last.at)
    ))
}

/// The five facts of a plan, one line each; also what `/rollback plan` shows.
pub fn facts(plan: &Plan, now: Timestamp) -> String {
    let mut lines = vec![];
    lines.push(match &plan.from {
        Some(from) => format!("*Now*  {}", release(from, &plan.from_ran, now)),
        None => "*Now*  unknown: the platform does not say what is live".into(),
    });
    lines.push(format!(
        "*Target*  {} · {}",
        release(&plan.to, &plan.to_ran, now),
        inline(&plan.chosen, 100)
    ));
    lines.push(removed(plan));
    lines.push(format!(
        "*Restores*  {}",
        inline(&plan.effects.restores.join(", "), 300)
    ));
    lines.push(format!(
        "*Leaves*  {}",
        inline(&plan.effects.leaves.join(" · "), 300)
    ));
    lines.extend(of_this_target(plan, now));
    if let Some(after) = &plan.effects.after {
        lines.push(format!("*After*  {}", inline(after, 200)));
    }
    if plan.surfaces.len() > 1 || plan.unseen.is_some() {
        let live = plan.from.as_ref().map(|from| from.id.as_str());
        let same = plan
            .surfaces
            .iter()
            .filter(|surface| surface.live.as_deref() == live)
            .count();
        let all = plan.surfaces.len();
        let unseen = plan.unseen.as_ref();
        lines.push(format!(
            "*Where*  {}: {same}/{all} serve {}{}",
            surfaces_count(all),
            inline(plan.from.as_ref().map_or("unknown", Release::label), 60),
            unseen.map_or_else(String::new, |unseen| {
                format!(" · {}", inline(&unseen.clause(), 300))
            })
        ));
    }
    if let Some(in_flight) = &plan.in_flight {
        lines.push(format!(
            "*Careful*  under way right now: {}",
            inline(in_flight, 200)
        ));
    }
    lines.join("\n")
}

fn surfaces_count(n: usize) -> String {
    match n {
        1 => "1 surface".into(),
        n => format!("{n} surfaces"),
    }
}

/// What production loses, on one line.
fn removed(plan: &Plan) -> String {
    match &plan.unships {
        Unships::Known(releases) if releases.is_empty() && plan.way == Way::Forward => {
            "*Removes*  nothing: it goes forward".into()
        }
        Unships::Known(releases) if releases.is_empty() => "*Removes*  nothing that served".into(),
        Unships::Known(releases) => {
            let named: Vec<String> = releases
                .iter()
                .take(5)
                .map(|release| match &release.message {
                    Some(message) => format!(
                        "{} \"{}\"",
                        inline(release.label(), 60),
                        inline(message, 80)
                    ),
                    None => inline(release.label(), 60),
                })
                .collect();
            let more = match releases.len() {
                n if n > 5 => format!(" and {} more", n - 5),
                _ => String::new(),
            };
            format!(
                "*Removes*  {}: {}{more} (the commits between are unknown)",
                releases_count(releases.len()),
                named.join(", ")
            )
        }
        Unships::After(moment) => {
            format!(
                "*Removes*  everything that was written after {}",
                time(*moment)
            )
        }
        Unships::Unknown(why) => format!("*Removes*  unknown: {}", inline(why, 200)),
    }
}

/// What was said of this very target: an outage, details, steps, manual tasks, what there is to go
/// back to.
fn of_this_target(plan: &Plan, now: Timestamp) -> Vec<String> {
    let mut lines = vec![];
    if let Some(outage) = &plan.effects.outage {
        lines.push(format!("*Outage*  expected: {}", inline(outage, 200)));
    }
    if !plan.details.is_empty() {
        lines.push(format!(
            "*Details*  {}",
            inline(&plan.details.join(" · "), 300)
        ));
    }
    let steps: Vec<String> = plan
        .steps
        .iter()
        .take(10)
        .enumerate()
        .map(|(n, step)| format!("{}. {}", n + 1, inline(step, 80)))
        .collect();
    if !steps.is_empty() {
        let more = match plan.steps.len() {
            n if n > 10 => format!(" and {} more", n - 10),
            _ => String::new(),
        };
        lines.push(format!("*Steps*  {}{more}", steps.join(" · ")));
    }
    if !plan.tasks.is_empty() {
        let tasks: Vec<String> = plan
            .tasks
            .iter()
            .map(|task| {
                let role = task.role.as_deref().unwrap_or("an approver");
                format!("{} ({})", inline(&task.text, 120), inline(role, 40))
            })
            .collect();
        lines.push(format!("*By hand*  {}", tasks.join(" · ")));
    }
    if let Some(point) = &plan.restore_point {
        lines.push(format!(
            "*Restore point*  {}, made {}",
            inline(&point.what, 120),
            moment(point.made_at, now)
        ));
    }
    lines
}
