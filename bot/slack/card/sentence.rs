//! Where a rollback stands, in a sentence that is true now.

use super::{capital, time};
use crate::slack::blocks::inline;
use jiff::Timestamp;
use rollback_domain::{
    refusal::list,
    rollback::{Rollback, State},
};
use std::fmt::Write;

/// The sentence; empty where the steps say it.
pub(super) fn sentence(rollback: &Rollback) -> String {
    let platform = platform(rollback);
    match &rollback.state {
        State::Planning => format!("Reading {platform}."),
        State::Proposed { .. } => String::new(),
        State::Approved { .. } => match &rollback.said {
            Some(answer) => format!("Not done yet: {}. Trying again.", clause(answer)),
            None => format!("Reading {platform} once more before anything is done."),
        },
        State::Executing { step, .. } => executing(rollback, *step),
        State::WaitingForPeople { .. } => waiting_for_people(rollback),
        State::Accepted { .. } => {
            format!(
                "{platform} accepted it. Waiting for {} to go live.",
                inline(rollback.to_label(), 60)
            )
        }
        State::Serving { n, m } if n == m => format!(
            "{platform} says {} is live. Checking it from outside.",
            inline(rollback.to_label(), 60)
        ),
        State::Serving { .. } => String::new(),
        State::Unknown { why, .. } => format!(
            "{}. Don't retry. If you can see the result, run `/rollback resolve {id} done because …` (or `not-done`).",
            capital(&clause(why)),
            id = rollback.id
        ),
        State::Watching { .. } | State::Closed => concluded(rollback),
        State::Failed { why, .. } => failed(rollback, why),
        State::Partial { n, m, failed } => partial(rollback, *n, *m, failed),
        State::Blocked { why } => inline(why, 600),
        State::Rehearsed => format!(
            "{platform} would have been asked for {} → {} now. Nothing was asked, and nothing has changed. What was learned: `/rollback drill note …`.",
            inline(rollback.from_label(), 60),
            inline(rollback.to_label(), 60)
        ),
        State::Resolved { done, by, because } => {
            let outcome = if *done { "done" } else { "not done" };
            format!(
                "@{} says that it is {outcome}: \"{}\". {platform} has not confirmed it; nothing more is checked.",
                inline(&by.name, 80),
                inline(because, 300)
            )
        }
        State::Denied { by, because } => format!(
            "Denied by @{}{}. Nothing changed.",
            inline(&by.name, 80),
            reason(because.as_deref())
        ),
        State::Cancelled { by, because } => format!(
            "Cancelled by @{}{}. Nothing changed.",
            inline(&by.name, 80),
            reason(because.as_deref())
        ),
        State::Expired { at } => expired(rollback, *at),
        State::Superseded { why } => format!(
            "{} If there is a fresh plan, its card takes this one's place.",
            dotted(&inline(why, 400))
        ),
    }
}

fn platform(rollback: &Rollback) -> &str {
    let plan = rollback.plan.as_ref();
    plan.map_or("the platform", |plan| plan.effects.platform.as_str())
}

/// Somebody else's words as a part of a sentence.
fn clause(text: &str) -> String {
    inline(text, 300).trim_end_matches('.').to_owned()
}

fn reason(because: Option<&str>) -> String {
    because.map_or_else(String::new, |because| {
        format!(": \"{}\"", inline(because, 300))
    })
}

/// What people have to do before it goes on, with the command that says so.
fn waiting_for_people(rollback: &Rollback) -> String {
    let answer = rollback.said.as_deref();
    let answer = answer.unwrap_or("it cannot go on by itself");
    let mut sentence = format!("Waiting for people: {}.", clause(answer));
    let open = rollback.tasks.iter().filter(|task| !task.is_done());
    for task in open.take(5) {
        let _ = write!(
            sentence,
            "\n• {} Then: `/rollback signoff {} {} done`.",
            dotted(&inline(&task.text, 200)),
            rollback.id,
            task.id
        );
    }
    sentence
}

fn executing(rollback: &Rollback, step: u32) -> String {
    let platform = platform(rollback);
    match rollback.plan.as_ref() {
        Some(plan) if plan.steps.len() > 1 => {
            let name = plan.steps.get(step as usize);
            let name = name.map_or("back to what it was", String::as_str);
            let label = rollback.step_label(step, name);
            format!("Asking {platform} for {}.", inline(&label, 200))
        }
        Some(_) | None => format!("Checked again, nothing has changed. Asking {platform}."),
    }
}

/// What the proof says, and what was seen last if that is something else.
fn concluded(rollback: &Rollback) -> String {
    let mut sentence = inline(&rollback.conclusion(), 500);
    let proof = &rollback.proof;
    if let Some(last) = proof.seen_since() {
        let _ = write!(sentence, " The last look differs: {}.", inline(&last, 300));
        if matches!(rollback.state, State::Watching { .. }) {
            sentence.push_str(" Checking again.");
        }
    }
    sentence
}

fn failed(rollback: &Rollback, why: &str) -> String {
    let why = capital(&dotted(&inline(why, 600)));
    match rollback.asks > 1 {
        true => format!("{why} {}", rollback.what_failure_left()),
        false => format!(
            "{why} Production serves {}, as last read.",
            inline(&rollback.serves(|id| rollback.label_of(id)), 200)
        ),
    }
}

fn partial(rollback: &Rollback, n: usize, m: usize, failed: &[String]) -> String {
    let names: Vec<String> = failed
        .iter()
        .take(5)
        .map(|name| inline(name, 200))
        .collect();
    format!(
        "{n} of {m} serve {to}. Not moved: {}. Traffic may be split between {} and {to}. Propose again to move the rest.",
        list(&names, "and"),
        inline(rollback.from_label(), 60),
        to = inline(rollback.to_label(), 60)
    )
}

fn expired(rollback: &Rollback, at: Timestamp) -> String {
    let at = time(at);
    let why = if rollback.times.approved.is_some() {
        format!("Approved, but it could not run before {at}.")
    } else if !rollback.approvals.is_empty() {
        format!("Approvals were still missing at {at}.")
    } else {
        format!("Nobody approved it by {at}.")
    };
    format!(
        "{why} Nothing changed. To propose it again: `{}`.",
        inline(&rollback.command_again(), 200)
    )
}

fn dotted(text: &str) -> String {
    match text.ends_with(['.', '!', '?']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}
