//! The card while its plan waits for approvals.

use super::{
    advice, between, capital, evidence, group, moment, now_label, requested_by, run_by, served,
    short_hash, time, warnings,
};
use crate::slack::{
    Words,
    action::{self, Action, PlanRef},
    blocks::{
        Mrkdwn, actions, confirm, context, cut, fields, fit_text, header, inline, mention, section,
        section_with,
    },
    home::WaitingPlan,
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Authority, Case},
    changes::{LostChanges, reads_like_a_fix},
    drill::watermarked,
    history::Ran,
    job::Form,
    plan::{Plan, Unships},
    policy::Confirm,
    proof::spell,
    release::{Release, Way},
    rollback::{Rollback, State},
};
use slack_morphism::prelude::{SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle};
use std::fmt::Write;

/// The card of a proposal: what is asked and why, what changes, what is unusual, and then the
/// buttons. Who has to answer stands small below them: whoever it is was mentioned already.
pub(super) fn card(
    rollback: &Rollback,
    plan: &Plan,
    expires_at: Timestamp,
    authority: Option<&Authority>,
    now: Timestamp,
) -> Words {
    let case = authority.map(|authority| rollback.case(&authority.policy, &authority.roster));
    let needs = match &case {
        Some(case) => case.needs(&Mrkdwn, now),
        None => "somebody with authority; this service is not in the configuration any more".into(),
    };
    let mut blocks = vec![
        header(&title(rollback, plan)),
        section(&requested(rollback, now)),
    ];
    blocks.extend(change(plan, &warnings(rollback), now));
    blocks.extend(advised(rollback, plan));
    blocks.extend(waiting(rollback).map(|line| section(&line)));
    let mut buttons = vec![
        approve_button(rollback, plan, case.as_ref()).with_style(SlackBlockButtonStyle::Primary),
        Action::Open(Form::Deny, PlanRef::of(rollback)).button("Deny…"),
    ];
    // Each member of a group has versions of its own.
    if plan.group.is_none() {
        let open = Action::Open(Form::Target, PlanRef::of(rollback));
        buttons.push(open.button("Change version…"));
    }
    blocks.push(action::row_with_menu(
        &format!("{}:{}", rollback.id, rollback.revision),
        buttons,
        &menu(rollback, case.as_ref()),
    ));
    let needed = match rollback.waiting.window_ends {
        Some(_) => "To start it sooner",
        None => "Needs",
    };
    blocks.push(context(&format!(
        "*{needed}*  {needs} · expires {} · {}{} · {} · {} · plan `{}`",
        time(expires_at),
        rollback.id,
        rollback
            .replaces
            .map_or_else(String::new, |replaced| format!(" (replaces {replaced})")),
        inline(&rollback.service.environment, 80),
        plan.risk,
        short_hash(rollback),
    )));
    Words {
        text: fit_text(&in_words(rollback, &needs, expires_at)),
        blocks,
    }
}

/// The plan in the Home of somebody who can approve it: what is asked and why, what speaks against
/// it, and two buttons.
pub fn waiting_plan(rollback: &Rollback, case: &Case, now: Timestamp) -> Option<WaitingPlan> {
    let (State::Proposed { expires_at }, Some(plan)) = (&rollback.state, &rollback.plan) else {
        return None;
    };
    let mut lines = vec![
        format!("*{}*", inline(&title(rollback, plan), 200)),
        requested(rollback, now),
    ];
    lines.extend(warnings(rollback));
    lines.extend(cautions(plan));
    if plan.group.is_none() {
        lines.push(lost(plan));
    }
    let still = match case.missing().people {
        0 | 1 => String::new(),
        people => format!(" · needs {people} more approvals"),
    };
    lines.push(format!(
        "{} · {} · {}{still} · expires {} · plan `{}`",
        rollback.id,
        inline(&rollback.service.environment, 80),
        plan.risk,
        time(*expires_at),
        short_hash(rollback),
    ));
    let approve = approve_button(rollback, plan, Some(case));
    let deny = Action::Open(Form::Deny, PlanRef::of(rollback));
    Some(WaitingPlan {
        text: watermarked(rollback.id, &lines.join("\n")).into_owned(),
        buttons: Some(actions(
            &format!("home:{}", rollback.id),
            vec![
                approve.with_style(SlackBlockButtonStyle::Primary),
                deny.button("Deny…"),
            ],
        )),
    })
}

/// What the decision matrix advises, with the button that asks for what it wants to know. What the
/// card warns of already stands above it.
fn advised(rollback: &Rollback, plan: &Plan) -> Option<SlackBlock> {
    let mut assessed = rollback.assessed.clone()?;
    let cautions = plan.cautions.iter();
    let warned: Vec<String> = cautions
        .map(|caution| caution.draw(plan.to.label(), plan.read_at))
        .collect();
    assessed.against.retain(|one| !warned.contains(one));
    let line = advice(&assessed);
    Some(match assessed.is_open {
        true => {
            let button = Action::Assess(PlanRef::of(rollback)).button("Say what you see…");
            section_with(&line, button)
        }
        false => section(&line),
    })
}

/// What is asked, as a question.
fn title(rollback: &Rollback, plan: &Plan) -> String {
    match &plan.group {
        Some(group) => format!("{} ({})?", deed(rollback), group::services(group)),
        None => format!("{} to {}?", deed(rollback), rollback.to_label()),
    }
}

/// The proposal in a sentence, for notifications and screen readers.
fn in_words(rollback: &Rollback, needs: &str, expires_at: Timestamp) -> String {
    let because = rollback.because.as_deref();
    format!(
        "{} ({}) from {} to {}?{} {}. Needs {needs}. Expires {}.",
        deed(rollback),
        inline(&rollback.service.environment, 80),
        inline(rollback.from_label(), 80),
        inline(rollback.to_label(), 80),
        because
            .map(|because| format!(" Because {}.", inline(because, 300)))
            .unwrap_or_default(),
        rollback.id,
        time(expires_at)
    )
}

/// Why, who asked, and when; below it what they point to.
fn requested(rollback: &Rollback, now: Timestamp) -> String {
    let lines = [Some(requested_line(rollback, now)), evidence(rollback)];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Why, who asked, and when.
fn requested_line(rollback: &Rollback, now: Timestamp) -> String {
    let because = match &rollback.because {
        Some(because) => format!("*{}*", inline(because, 300)),
        None => "No reason given".to_owned(),
    };
    format!(
        "{because} · {}, {}",
        requested_by(rollback),
        time(rollback.times.commanded.unwrap_or(now))
    )
}

/// What is done to its service, as a question or a command begins.
fn deed(rollback: &Rollback) -> String {
    let service = &rollback.service.name;
    match rollback.aim.undoes {
        Some(undone) if rollback.group().is_some() => {
            format!("Undo {undone}: take {service} forward again")
        }
        Some(undone) => format!("Undo {undone}: take {service}"),
        None => format!("Roll back {service}"),
    }
}

/// The button that approves the plan: by a click with Slack's question, or by a form where the rule
/// wants more.
fn approve_button(
    rollback: &Rollback,
    plan: &Plan,
    case: Option<&Case>,
) -> SlackBlockButtonElement {
    let by_form = case.is_some_and(|case| match case.rule.confirm {
        Confirm::Click => false,
        // A form without anything to tick cannot be sent.
        Confirm::Tick => !plan.cautions.is_empty(),
        Confirm::Type => true,
    });
    let plan_ref = PlanRef::of(rollback);
    if by_form {
        return Action::Open(Form::Approve, plan_ref).button("Approve…");
    }
    let yes = match case.map_or(0, |case| case.missing().people) {
        0 | 1 => now_label(plan.way),
        // Somebody else has to say yes after this one.
        _ => "Approve",
    };
    let question = confirm(
        &match &plan.group {
            Some(_) => title(rollback, plan),
            None => format!(
                "{} to {}?",
                cut(&deed(rollback), 60),
                cut(rollback.to_label(), 30)
            ),
        },
        &question(rollback, plan),
        yes,
        "Go back",
    );
    Action::Approve(plan_ref)
        .button("Approve…")
        .with_confirm(question.with_style("primary".into()))
}

/// What a click approves, in Slack's own question: what is unusual first, then what changes.
fn question(rollback: &Rollback, plan: &Plan) -> String {
    let lost = match (&plan.lost_changes, &plan.unships) {
        (Some(LostChanges::Known(lost)), _) if lost.count > 0 => {
            format!("You lose {}{}.", lost.counted(), lost.fixes_clause())
        }
        (_, Unships::Known(releases)) if releases.is_empty() => "Nothing is lost.".into(),
        (_, Unships::Known(releases)) => format!("You lose {}.", changes_count(releases.len())),
        (_, Unships::After(moment)) => {
            let moment = moment.strftime("%H:%M:%S UTC");
            format!("You lose what was written after {moment}.")
        }
        (_, Unships::Unknown(_)) => "What you lose is not known.".into(),
    };
    let after = plan.effects.after.as_ref();
    let what = format!(
        "{} {} → {}. {lost}{} Plan {}.",
        rollback.service.environment,
        plan.from.as_ref().map_or("unknown", Release::label),
        plan.to.label(),
        after
            .map(|after| format!(" {}.", capital(after)))
            .unwrap_or_default(),
        short_hash(rollback)
    );
    match in_short(rollback, plan) {
        warnings if warnings.is_empty() => what,
        warnings => format!("Careful: {}. {what}", cut(&warnings.join("; "), 160)),
    }
}

/// What the card warns of, a few words each, as plain text.
fn in_short(rollback: &Rollback, plan: &Plan) -> Vec<String> {
    let held = rollback.frozen.as_ref();
    let held = held.map(|frozen| format!("@{} asked to hold changes", frozen.by.name));
    let turned = !rollback.turns.is_empty();
    let turned = turned.then(|| "switched twice in 30 minutes".to_owned());
    let objected = match rollback.objections.as_slice() {
        [] => None,
        [only] => Some(format!("@{} objected", only.by.name)),
        several => Some(format!("{} objections", several.len())),
    };
    let cautions = plan.cautions.iter();
    let cautions = cautions.map(|caution| caution.draw(plan.to.label(), plan.read_at));
    let under_way = plan.in_flight.clone();
    let under_way = under_way.map(|what| format!("under way now: {what}"));
    let known = [held, turned, objected, under_way].into_iter().flatten();
    known.chain(cautions).collect()
}

/// How many entries Slack shows in a menu.
const MENU_AT_MOST: usize = 5;

/// What else is possible with a proposal.
fn menu(rollback: &Rollback, case: Option<&Case>) -> Vec<(&'static str, Action)> {
    let plan_ref = || PlanRef::of(rollback);
    let mut menu = vec![
        ("Cancel this request", Action::Stop(plan_ref())),
        ("Object…", Action::Open(Form::Object, plan_ref())),
    ];
    if case.is_some_and(|case| case.rule.break_glass) {
        let open = Action::Open(Form::BreakGlass, plan_ref());
        menu.push(("Emergency run…", open));
    }
    if !rollback.approvals.is_empty() {
        menu.push(("Withdraw my approval", Action::Withdraw(plan_ref())));
    }
    menu.push(("Who can approve", Action::Who(plan_ref())));
    // Somebody who has approved knows; Slack shows no more than five.
    if menu.len() < MENU_AT_MOST {
        menu.push(("May I approve?", Action::Why(plan_ref())));
    }
    menu
}

/// Since when an approval is waited for, and who was asked; or when it starts by itself.
fn waiting(rollback: &Rollback) -> Option<String> {
    let waiting = &rollback.waiting;
    if let Some(ends) = waiting.window_ends {
        return Some(format!(
            "⏳ *Starts by itself* at {}, unless somebody objects",
            time(ends)
        ));
    }
    let last = waiting.asked.last()?;
    let mut asked: Vec<String> = vec![];
    for one in &waiting.asked {
        let people = one.people.iter().map(|id| mention(id));
        // Whether it took the page is another thing.
        let paged = one.else_.as_deref();
        for whom in people.chain(paged.map(|other| format!("paging {}", inline(other, 80)))) {
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
        "⏳ *Waiting* since {}; asked {}{more}, last at {}",
        time(waiting.since.unwrap_or(last.at)),
        asked.iter().take(6).cloned().collect::<Vec<_>>().join(", "),
        time(last.at)
    ))
}

/// What a plan changes: what is live and what would be, what is unusual, what is lost and what
/// stays. Also what `/rollback plan` shows. `warnings`: what is unusual about the rollback.
pub fn change(plan: &Plan, warnings: &[String], now: Timestamp) -> Vec<SlackBlock> {
    if let Some(group) = &plan.group {
        return group::change(plan, group, warnings, now);
    }
    let mut blocks = vec![fields(&[live_now(plan, now), goes_back_to(plan, now)])];
    let mut unusual = warnings.to_vec();
    unusual.extend(cautions(plan));
    if !unusual.is_empty() {
        blocks.push(section(&unusual.join("\n")));
    }
    blocks.push(section(&consequences(plan, now)));
    blocks
}

/// The same without what is unusual, in lines; for terminals and machines.
pub fn facts(plan: &Plan, now: Timestamp) -> String {
    if let Some(group) = &plan.group {
        return group::facts(plan, group, now);
    }
    let one_line = |field: String| field.replacen('\n', "  ", 1).replace('\n', " · ");
    [
        one_line(live_now(plan, now)),
        one_line(goes_back_to(plan, now)),
        consequences(plan, now),
    ]
    .join("\n")
}

/// The release that is live, as a field.
fn live_now(plan: &Plan, now: Timestamp) -> String {
    let Some(from) = &plan.from else {
        return "*Live now*\nunknown: the platform does not say".into();
    };
    let mut field = format!("*Live now*\n{}", label(from));
    match &plan.from_ran {
        Ran::LiveSince(run) => {
            let age = spell(between(run.since, now));
            let since = moment(run.since, now);
            let _ = write!(field, ", since {since}{} ({age})", run_by(run));
        }
        Ran::Live => field.push_str(", since when is not known"),
        // The platform serves it, and its record says something else.
        Ran::Before(_) | Ran::Never => {}
    }
    field.push_str(&authored(from));
    let (all, live) = (plan.surfaces.len(), Some(from.id.as_str()));
    let serves = plan.surfaces.iter();
    let serves = serves.filter(|surface| surface.live.as_deref() == live);
    if all > 1 {
        let _ = write!(field, "\non {}/{all} surfaces", serves.count());
    }
    field
}

/// The release that would be live, as a field.
fn goes_back_to(plan: &Plan, now: Timestamp) -> String {
    let title = match plan.way {
        Way::Back => "Go back to",
        Way::Forward => "Return to",
    };
    let mut field = format!("*{title}*\n{}", label(&plan.to));
    if let Some(served) = served(&plan.to, &plan.to_ran, now) {
        let _ = write!(field, ", {served}");
    }
    let _ = write!(field, " · {}", inline(&plan.chosen, 100));
    field.push_str(&authored(&plan.to));
    field
}

/// The name of a release, with its commit where that is not the name.
fn label(release: &Release) -> String {
    match (&release.sha, &release.version) {
        (Some(sha), Some(_)) => format!(
            "`{}` {}",
            inline(release.label(), 80),
            inline(sha.get(..7).unwrap_or(sha), 12)
        ),
        _ => format!("`{}`", inline(release.label(), 80)),
    }
}

/// Who made a release and what it says of itself, on a line of its own; empty if neither is known.
fn authored(release: &Release) -> String {
    let by = release.by.as_deref().map(|by| inline(by, 60));
    let message = release.message.as_deref();
    let message = message.map(|message| inline(message, 120));
    match (by, message) {
        (Some(by), Some(message)) => format!("\n{by}: {message}"),
        (Some(one), None) | (None, Some(one)) => format!("\n{one}"),
        (None, None) => String::new(),
    }
}

/// What is unusual about a plan, a line each.
pub(super) fn cautions(plan: &Plan) -> Vec<String> {
    let mut lines = vec![];
    if let Some(in_flight) = &plan.in_flight {
        lines.push(format!("⚠️ *Under way now*  {}", inline(in_flight, 200)));
    }
    if let Some(unseen) = &plan.unseen {
        lines.push(format!(
            "⚠️ *Not checked*  {}",
            inline(&unseen.clause(), 300)
        ));
    }
    let cautions = plan.cautions.iter();
    lines.extend(cautions.map(|caution| {
        let text = caution.draw(plan.to.label(), plan.read_at);
        format!("⚠️ *{}*  {}", capital(plan.risk.name()), inline(&text, 200))
    }));
    lines
}

/// What production loses, what comes back with the target, what stays, and what follows.
fn consequences(plan: &Plan, now: Timestamp) -> String {
    let mut lines = vec![lost(plan)];
    lines.push(format!(
        "*Changes*  {}",
        inline(&plan.effects.restores.join(", "), 300)
    ));
    lines.push(format!(
        "*Stays*  {}",
        inline(&plan.effects.leaves.join(" · "), 300)
    ));
    lines.extend(of_this_target(plan, now));
    if let Some(after) = &plan.effects.after {
        lines.push(format!("*After*  {}", inline(after, 200)));
    }
    lines.join("\n")
}

/// What production loses, on one line: in changes where the repository tells them, else in
/// releases.
fn lost(plan: &Plan) -> String {
    match &plan.lost_changes {
        None => lost_releases(plan),
        Some(LostChanges::Known(lost)) if lost.count == 0 => lost_releases(plan),
        Some(LostChanges::Known(lost)) => {
            let named: Vec<String> = lost
                .listed
                .iter()
                .take(3)
                .map(|change| format!("{} \"{}\"", change.label(), inline(&change.title, 80)))
                .collect();
            let more = match lost.count - named.len() {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!(
                "*You lose*  {}: {}{more}{}",
                lost.counted(),
                named.join(", "),
                lost.fixes_clause()
            )
        }
        Some(LostChanges::Unknown(why)) => format!(
            "{}; the changes in it are not known: {}",
            lost_releases(plan),
            inline(why, 200)
        ),
    }
}

/// The releases that production loses, on one line.
fn lost_releases(plan: &Plan) -> String {
    match &plan.unships {
        Unships::Known(releases) if releases.is_empty() && plan.way == Way::Forward => {
            "*You lose*  nothing: it goes forward".into()
        }
        Unships::Known(releases) if releases.is_empty() => "*You lose*  nothing that ran".into(),
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
            let fixes = match releases.iter().filter(|one| looks_like_a_fix(one)).count() {
                0 => String::new(),
                1 if releases.len() == 1 => "; it looks like a fix".into(),
                1 => "; one looks like a fix".into(),
                n => format!("; {n} look like fixes"),
            };
            format!(
                "*You lose*  {}: {}{more}{fixes}",
                changes_count(releases.len()),
                named.join(", ")
            )
        }
        Unships::After(moment) => {
            format!(
                "*You lose*  everything that was written after {}",
                time(*moment)
            )
        }
        Unships::Unknown(why) => format!("*You lose*  not known: {}", inline(why, 200)),
    }
}

/// Whether losing it may bring something back that was mended, by what it says of itself.
fn looks_like_a_fix(release: &Release) -> bool {
    release.message.as_deref().is_some_and(reads_like_a_fix)
}

pub(super) fn changes_count(n: usize) -> String {
    match n {
        1 => "1 change".into(),
        n => format!("{n} changes"),
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
