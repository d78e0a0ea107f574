//! The card: one message per rollback, edited in place as it goes.

use super::{
    Words,
    action::{self, Action, PlanRef},
    blocks::{Mrkdwn, actions, confirm, context, cut, header, inline, mention, section},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Authority,
    job::Form,
    plan::{Plan, Unships},
    platform::Holds,
    policy::Confirm,
    proof::{Verdict, spell},
    refusal::list,
    release::{Pin, Release, Way},
    rollback::{Rollback, State},
};
use slack_morphism::prelude::{SlackBlock, SlackBlockButtonStyle};
use std::{fmt::Write, time::Duration};

/// The card of `rollback` as it stands at `now`.
pub fn card(rollback: &Rollback, authority: Option<&Authority>, now: Timestamp) -> Words {
    if let (State::Proposed { expires_at }, Some(plan)) = (&rollback.state, &rollback.plan) {
        proposed(rollback, plan, *expires_at, authority, now)
    } else {
        running(rollback)
    }
}

fn proposed(
    rollback: &Rollback,
    plan: &Plan,
    expires_at: Timestamp,
    authority: Option<&Authority>,
    now: Timestamp,
) -> Words {
    let id = rollback.id;
    let asked = rollback.times.commanded.unwrap_or(now);
    let because = rollback.because.as_deref();
    let mut asked_line = format!(
        "Requested by @{}{} at {}",
        inline(&rollback.requester.name, 80),
        asked_by_band(rollback),
        time(asked)
    );
    if let Some(because) = because {
        let _ = write!(asked_line, " · \"{}\"", inline(because, 300));
    }
    let _ = write!(asked_line, " · expires {}", time(expires_at));
    if let Some(replaced) = rollback.replaces {
        let _ = write!(asked_line, " · replaces RB-{replaced}");
    }
    let hash = rollback.hash.as_ref();
    let plan_ref = || PlanRef::of(rollback);
    let question = format!(
        "{} v {}",
        plan.from.as_ref().map_or("unknown", Release::label),
        plan.to.label()
    );
    let unships = match &plan.unships {
        Unships::Known(releases) if releases.is_empty() => "Removes nothing.".into(),
        Unships::Known(releases) => format!("Removes {}.", releases_count(releases.len())),
        Unships::After(moment) => {
            format!(
                "It removes what was written after {}.",
                moment.strftime("%H:%M:%S UTC")
            )
        }
        Unships::Unknown(_) => "What it removes is not known.".into(),
    };
    let deed = deed(rollback);
    let case = authority.map(|authority| rollback.case(&authority.policy, &authority.roster));
    let missing = case.as_ref().map_or(0, |case| case.missing().people);
    let ask = confirm(
        &format!("{deed} {}?", cut(&rollback.service, 60)),
        &format!(
            "{} {}. {unships}{} Plan {}.",
            rollback.environment,
            question.replace(" v ", " → "),
            plan.effects
                .after
                .as_ref()
                .map(|after| format!(" {}.", capital(after)))
                .unwrap_or_default(),
            hash.map(ToString::to_string).unwrap_or_default()
        ),
        match missing {
            0 | 1 => now_label(plan.way),
            // Somebody else has to say yes after this one.
            _ => "Approve",
        },
        "Go back",
    );
    let needs = match &case {
        Some(case) => case.needs(&Mrkdwn, now),
        None => "somebody with authority; this service is not in the configuration any more".into(),
    };
    let by_form = case.as_ref().is_some_and(|case| match case.rule.confirm {
        Confirm::Click => false,
        // A form without anything to tick cannot be sent.
        Confirm::Tick => !plan.cautions.is_empty(),
        Confirm::Type => true,
    });
    let label = match plan.way {
        Way::Back => "Approve & roll back…",
        Way::Forward => "Approve & undo…",
    };
    let approve = match by_form {
        true => Action::Open(Form::Approve, plan_ref()).button(label),
        false => Action::Approve(plan_ref())
            .button(label)
            .with_confirm(ask.with_style("primary".into())),
    };
    let mut menu = vec![("Object…", Action::Open(Form::Object, plan_ref()))];
    if case.as_ref().is_some_and(|case| case.rule.break_glass) {
        let open = Action::Open(Form::BreakGlass, plan_ref());
        menu.push(("Break glass…", open));
    }
    if !rollback.approvals.is_empty() {
        menu.push(("Withdraw my approval", Action::Withdraw(plan_ref())));
    }
    menu.push(("Who can approve", Action::Who(plan_ref())));
    menu.push(("May I approve?", Action::Why(plan_ref())));
    let mut said = vec![format!("*Needs*  {needs}")];
    said.push(format!(
        "*Risk*  {}{} · plan `{}`",
        plan.risk,
        cautions(plan),
        hash.map(ToString::to_string).unwrap_or_default()
    ));
    said.extend(warnings(rollback));
    said.extend(waiting(rollback));
    let blocks = vec![
        header(&format!(
            "{deed} {} ({})?  RB-{id}",
            rollback.service, rollback.environment
        )),
        context(&asked_line),
        section(&facts(plan, now)),
        section(&said.join("\n")),
        action::row_with_menu(
            &format!("RB-{id}:{}", rollback.revision),
            vec![
                Action::Open(Form::Target, plan_ref()).button("Change target…"),
                approve.with_style(SlackBlockButtonStyle::Primary),
                Action::Stop(plan_ref()).button("Cancel"),
            ],
            &menu,
        ),
    ];
    let text = format!(
        "RB-{id} proposed: {}{} {} ({}) from {} to {}{}. Needs {needs}. Expires {}.",
        deed[..1].to_lowercase(),
        &deed[1..],
        rollback.service,
        rollback.environment,
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

/// What follows the requester's name when they did not ask in Slack.
fn asked_by_band(rollback: &Rollback) -> &'static str {
    match rollback.out_of_band {
        true => " (from the CLI / API)",
        false => "",
    }
}

/// A rollback on one line, without its reasons.
pub fn line(rollback: &Rollback) -> String {
    let times = &rollback.times;
    let last = times
        .ended
        .or(times.proven)
        .or(times.serving)
        .or(times.accepted)
        .or(times.asked)
        .or(times.approved)
        .or(times.proposed)
        .or(times.commanded);
    format!(
        "RB-{} {} · {} ({}) · {} → {}{}",
        rollback.id,
        rollback.word(),
        inline(&rollback.service, 80),
        inline(&rollback.environment, 80),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60),
        last.map(|at| format!(" · last change {}", time(at)))
            .unwrap_or_default()
    )
}

/// What is done to its service, as a question or a command begins.
fn deed(rollback: &Rollback) -> String {
    match rollback.aim.undoes {
        Some(undone) => format!("Undo RB-{undone} on"),
        None => "Roll back".into(),
    }
}

/// What a button says that lets a plan of this way run at once.
pub fn now_label(way: Way) -> &'static str {
    match way {
        Way::Back => "Roll back now",
        Way::Forward => "Undo now",
    }
}

/// What is unusual about a plan, after its class.
fn cautions(plan: &Plan) -> String {
    let named: Vec<String> = plan
        .cautions
        .iter()
        .map(|caution| inline(&caution.say(plan.to.label(), plan.read_at), 200))
        .collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(": {}", named.join("; ")),
    }
}

/// Freezes, changes of direction and objections: shown, and in nobody's way.
fn warnings(rollback: &Rollback) -> Vec<String> {
    let mut lines = vec![];
    if let Some(frozen) = &rollback.frozen {
        lines.push(format!(
            "*Frozen*  by @{} since {}: \"{}\"",
            inline(&frozen.by.name, 80),
            time(frozen.at),
            inline(&frozen.because, 200)
        ));
    }
    if !rollback.turns.is_empty() {
        lines.push(format!(
            "*Careful*  not the first change of direction within 30 minutes: {}",
            inline(&list(&rollback.turns, "and"), 200)
        ));
    }
    for objection in rollback.objections.iter().rev().take(3).rev() {
        lines.push(format!(
            "*Objection*  @{} at {}: \"{}\"",
            inline(&objection.by.name, 80),
            time(objection.at),
            inline(&objection.because, 200)
        ));
    }
    if rollback.objections.len() > 3 {
        lines.push(format!(
            "*Objections*  {} in all; the timeline has every one",
            rollback.objections.len()
        ));
    }
    lines
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

/// What a rollback would do, in a sentence for a form.
pub fn summary(rollback: &Rollback) -> String {
    let unships = match rollback.plan.as_ref().map(|plan| &plan.unships) {
        Some(Unships::Known(releases)) if !releases.is_empty() => {
            format!(" Removes {}.", releases_count(releases.len()))
        }
        Some(Unships::Known(_) | Unships::After(_) | Unships::Unknown(_)) | None => String::new(),
    };
    format!(
        "*RB-{}*  {} ({}) {} → {}.{unships} Plan `{}`.",
        rollback.id,
        inline(&rollback.service, 80),
        inline(&rollback.environment, 80),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60),
        rollback
            .hash
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    )
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

/// The five facts of a plan, one line each; also what `/rollback plan` shows.
pub fn facts(plan: &Plan, now: Timestamp) -> String {
    let mut lines = vec![];
    lines.push(match &plan.from {
        Some(from) => format!("*Now*  {}", release(from, now)),
        None => "*Now*  unknown: the platform does not say what is live".into(),
    });
    let served = match (plan.to.live_since, plan.served_until) {
        (Some(since), Some(until)) if until > since => {
            format!(
                " · served {} until {}",
                spell(between(since, until)),
                moment(until, now)
            )
        }
        _ => String::new(),
    };
    lines.push(format!(
        "*Target*  {}{served} · {}",
        release(&plan.to, now),
        inline(&plan.chosen, 100)
    ));
    lines.push(match &plan.unships {
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
    });
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
    if plan.surfaces.len() > 1 {
        let live = plan.from.as_ref().map(|from| from.id.as_str());
        let same = plan
            .surfaces
            .iter()
            .filter(|surface| surface.live.as_deref() == live)
            .count();
        lines.push(format!(
            "*Where*  {}: {same}/{} serve {}",
            things(plan),
            plan.surfaces.len(),
            inline(plan.from.as_ref().map_or("unknown", Release::label), 60)
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

fn things(plan: &Plan) -> String {
    format!("{} surfaces", plan.surfaces.len())
}

/// The card once nobody is asked any more.
fn running(rollback: &Rollback) -> Words {
    let id = rollback.id;
    let word = rollback.word();
    let way = format!("{} → {}", rollback.from_label(), rollback.to_label());
    let head = format!(
        "RB-{id} {word}  {} ({})",
        rollback.service, rollback.environment
    );
    let mut lines = vec![];
    if rollback.plan.is_some() {
        let mut first = format!("*{}*", inline(&way, 200));
        let _ = write!(
            first,
            " · asked for by @{}{}",
            inline(&rollback.requester.name, 80),
            asked_by_band(rollback)
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
    let said = say(rollback);
    if !said.is_empty() {
        lines.push(said.clone());
    }
    let mut blocks: Vec<SlackBlock> = vec![header(&head)];
    blocks.extend(lines.iter().map(|line| section(line)));
    if let Some(times) = times(rollback) {
        blocks.push(context(&times));
    }
    let before_asking =
        rollback.times.asked.is_none() && rollback.state.holds() && rollback.is_let_run();
    if rollback.hash.is_some() {
        let mut buttons = vec![];
        if before_asking {
            buttons.push(Action::Stop(PlanRef::of(rollback)).button("Stop"));
        }
        if rollback.why_not_undone().is_none() {
            let undo = Action::Undo(PlanRef::of(rollback));
            buttons.push(undo.button("Undo…").with_confirm(confirm(
                &format!("Propose to undo RB-{id}?"),
                &format!(
                    "Proposes to take {} ({}) forward again, to {}. It needs an approval like any other.",
                    rollback.service,
                    rollback.environment,
                    rollback.from_label()
                ),
                "Propose",
                "Go back",
            )));
        }
        if !buttons.is_empty() {
            blocks.push(actions(&format!("RB-{id}:{}", rollback.revision), buttons));
        }
    }
    let text = format!("{head}, {}. {}", inline(&way, 200), said);
    Words {
        text: cut(text.trim(), 3900),
        blocks,
    }
}

/// What has been reached and what has not, with its moment.
fn steps(rollback: &Rollback) -> Vec<String> {
    let times = &rollback.times;
    if !rollback.is_let_run() {
        return vec![];
    }
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
    lines.extend(warnings(rollback));
    if let Some(at) = times.accepted {
        let platform = rollback
            .plan
            .as_ref()
            .map_or("the platform", |plan| plan.effects.platform.as_str());
        let said = rollback.said.as_deref().unwrap_or("accepted");
        lines.push(format!(
            "`[x]` {} accepted   {platform} says: {}",
            time(at),
            inline(said, 120)
        ));
    }
    let pins = rollback
        .plan
        .as_ref()
        .is_some_and(|plan| plan.effects.holds != Holds::Not);
    if pins && times.accepted.is_some() {
        lines.push(match rollback.pin {
            Pin::On => "`[x]` pinned   automatic deploys are off (read back)".into(),
            Pin::NotNeeded => "`[x]` pinned   nothing to hold off".into(),
            Pin::Off if times.serving.is_none() => "`[~]` pinned   checking".into(),
            Pin::Off => "`[ ]` pinned   automatic deploys are ON".into(),
            Pin::Unknown => "`[ ]` pinned   the platform does not say".into(),
        });
    }
    let (n, m) = rollback.served();
    let to = inline(rollback.to_label(), 60);
    match (times.serving, times.accepted) {
        (Some(at), _) if n < m => {
            lines.push(format!(
                "`[!]` {} serving   by now {n}/{m} on {to}",
                time(at)
            ));
        }
        (Some(at), _) => lines.push(format!("`[x]` {} serving   {n}/{m} on {to}", time(at))),
        (None, Some(_)) if !rollback.state.is_ended() => {
            let waiting: Vec<String> = rollback
                .waiting_for()
                .iter()
                .take(3)
                .map(|name| inline(name, 80))
                .collect();
            lines.push(format!(
                "`[~]` serving   {n}/{m} on {to}, waiting for {}",
                list(&waiting, "and")
            ));
        }
        _ => {}
    }
    if times.serving.is_some() {
        let last = rollback.proof.last.as_ref().map(|last| last.text());
        let evidence = rollback
            .proof
            .evidence
            .clone()
            .or(last)
            .map(|text| inline(&text, 300));
        lines.push(match (times.proven, rollback.proof.verdict) {
            (Some(at), Some(Verdict::Verified)) => {
                format!(
                    "`[x]` {} verified   {}",
                    time(at),
                    evidence.unwrap_or_default()
                )
            }
            (Some(at), _) => format!(
                "`[!]` {} not verified   {}",
                time(at),
                evidence.unwrap_or_default()
            ),
            (None, _) => format!(
                "`[~]` verified   {}",
                evidence.unwrap_or_else(|| "looking from outside".into())
            ),
        });
    }
    lines
}

/// Where it stands, in a sentence that is true now.
fn say(rollback: &Rollback) -> String {
    let platform = rollback
        .plan
        .as_ref()
        .map_or("the platform", |plan| plan.effects.platform.as_str());
    let to = inline(rollback.to_label(), 60);
    let reason = |because: &Option<String>| match because {
        Some(because) => format!(": \"{}\"", inline(because, 300)),
        None => String::new(),
    };
    match &rollback.state {
        State::Planning => format!("Reading {platform}."),
        State::Proposed { .. } => String::new(),
        State::Approved { .. } => match &rollback.said {
            Some(said) => format!(
                "Not done yet: {}. Trying again.",
                inline(said, 300).trim_end_matches('.')
            ),
            None => format!("Reading {platform} again before anything is done."),
        },
        State::Executing { step, .. } => match rollback.plan.as_ref() {
            Some(plan) if plan.steps.len() > 1 => {
                let name = plan.steps.get(*step as usize);
                let name = name.map_or("back to what it was", String::as_str);
                format!(
                    "Asking {platform} for {}.",
                    inline(&rollback.step_label(*step, name), 200)
                )
            }
            Some(_) | None => format!("Plan re-checked, unchanged. Asking {platform}."),
        },
        State::WaitingForPeople { .. } => {
            let said = rollback
                .said
                .as_deref()
                .unwrap_or("it cannot go on by itself");
            format!(
                "Waiting for people: {}.",
                inline(said, 300).trim_end_matches('.')
            )
        }
        State::Accepted { .. } => {
            format!("{platform} accepted the request. That does not mean it is live: checking.")
        }
        State::Serving { n, m } if n == m => {
            format!("{platform} says {to} is live. Proving it from outside.")
        }
        State::Serving { .. } => String::new(),
        State::Unknown { why, .. } => format!(
            "{}. Do not run it again: I keep checking until I know what happened. If you know for certain, say so with `/rollback resolve RB-{}`.",
            capital(inline(why, 300).trim_end_matches('.')),
            rollback.id
        ),
        State::Watching { .. } | State::Closed => {
            let mut said = inline(&rollback.conclusion(), 500);
            let last = rollback.proof.last.as_ref().map(|last| last.text());
            if last.is_some()
                && rollback.proof.evidence.is_some()
                && last != rollback.proof.evidence
            {
                let _ = write!(
                    said,
                    " Last look: {}.",
                    inline(&last.unwrap_or_default(), 300)
                );
            }
            said
        }
        State::Failed { why, .. } if rollback.asks > 1 => format!(
            "{} {}",
            capital(&dotted(&inline(why, 600))),
            rollback.what_failure_left()
        ),
        State::Failed { why, .. } => format!(
            "{} As last read, production serves {}.",
            capital(&dotted(&inline(why, 600))),
            inline(&serves(rollback), 100)
        ),
        State::Partial { n, m, failed } => {
            let names: Vec<String> = failed
                .iter()
                .take(5)
                .map(|name| inline(name, 200))
                .collect();
            format!(
                "{n} of {m} serve {to}. {platform} could not move {}. Traffic may be split between {} and {to}. Nothing else was changed; propose again to retry.",
                list(&names, "and"),
                inline(rollback.from_label(), 60)
            )
        }
        State::Blocked { why } => inline(why, 600),
        State::Resolved { done, by, because } => {
            let outcome = if *done { "done" } else { "not done" };
            format!(
                "@{} says that it is {outcome}: \"{}\". {platform} has not confirmed it; nothing more is checked.",
                inline(&by.name, 80),
                inline(because, 300)
            )
        }
        State::Denied { by, because } => format!(
            "Denied by @{}{}. Nothing was run.",
            inline(&by.name, 80),
            reason(because)
        ),
        State::Cancelled { by, because } => format!(
            "Cancelled by @{}{}. Nothing was run.",
            inline(&by.name, 80),
            reason(because)
        ),
        State::Expired { at } if rollback.times.approved.is_some() => format!(
            "It could not be run before the plan expired at {}. Nothing was run. Propose again for a fresh plan.",
            time(*at)
        ),
        State::Expired { at } if !rollback.approvals.is_empty() => format!(
            "Not everybody who is needed approved it by {}. Nothing was run. Propose again for a fresh plan.",
            time(*at)
        ),
        State::Expired { at } => format!(
            "Nobody approved it by {}. Nothing was run. Propose again for a fresh plan.",
            time(*at)
        ),
        State::Superseded { why } => format!(
            "{} A fresh plan takes its place.",
            dotted(&inline(why, 400))
        ),
    }
}

fn serves(rollback: &Rollback) -> String {
    let from = rollback.plan.as_ref().and_then(|plan| plan.from.as_ref());
    let on = |id: &str| {
        rollback
            .surfaces
            .iter()
            .filter(|surface| surface.live.as_deref() == Some(id))
            .count()
    };
    let (n, m) = rollback.served();
    match (from.map_or(0, |from| on(&from.id)), n) {
        (all, 0) if all == m => rollback.from_label().to_owned(),
        (_, 0) => "something else than before".into(),
        (_, n) => format!("{} on {n}/{m}", rollback.to_label()),
    }
}

/// How long it took, judged against the goal, and how much of it was waiting for people.
pub fn times(rollback: &Rollback) -> Option<String> {
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

/// A release on one line: its name, where it came from, how old it is.
pub fn release(release: &Release, now: Timestamp) -> String {
    let mut line = format!("`{}`", inline(release.label(), 80));
    if let (Some(sha), Some(_)) = (&release.sha, &release.version) {
        let _ = write!(line, "  {}", inline(sha.get(..7).unwrap_or(sha), 12));
    }
    if let Some(began) = release.began() {
        let _ = write!(line, "  live since {}", moment(began, now));
        if let Some(by) = &release.by {
            let _ = write!(line, " by {}", inline(by, 60));
        }
        let _ = write!(line, " ({} ago)", spell(between(began, now)));
    }
    if let Some(message) = &release.message {
        let _ = write!(line, "  \"{}\"", inline(message, 120));
    }
    line
}

fn releases_count(n: usize) -> String {
    match n {
        1 => "1 release".into(),
        n => format!("{n} releases"),
    }
}

/// A time of day, in the reader's own zone.
pub fn time(at: Timestamp) -> String {
    format!(
        "<!date^{}^{{time_secs}}|{}>",
        at.as_second(),
        at.strftime("%H:%M:%S UTC")
    )
}

/// A time of day, with the date when it is not today's.
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    match between(at, now) < Duration::from_secs(18 * 3_600) {
        true => time(at),
        false => format!(
            "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
            at.as_second(),
            at.strftime("%Y-%m-%d %H:%M UTC")
        ),
    }
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

fn dotted(text: &str) -> String {
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
