//! The card: one message per rollback, edited in place as it goes.

mod advice;
mod group;
mod progress;
mod proposal;
mod sentence;

pub use advice::advice;
pub use group::next as next_of_group;
pub use proposal::{change, facts};

use super::{
    Words,
    blocks::{inline, link},
};

use jiff::Timestamp;
use rollback_domain::{
    authority::Authority,
    changes::LostChanges,
    drill::{Drill, watermarked},
    history::{Ran, Run},
    plan::Unships,
    proof::spell,
    refusal::list,
    release::{Release, Way},
    rollback::{Rollback, State},
};
use std::{fmt::Write, time::Duration};

/// The card of `rollback` as it stands at `now`.
pub fn card(rollback: &Rollback, authority: Option<&Authority>, now: Timestamp) -> Words {
    let words = match (&rollback.state, &rollback.plan) {
        (State::Proposed { expires_at }, Some(plan)) => {
            proposal::card(rollback, plan, *expires_at, authority, now)
        }
        _ => progress::card(rollback, now),
    };
    words.about(rollback.id)
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
    let stages = rollback
        .stages
        .as_ref()
        .filter(|_| rollback.state.is_ended());
    let since = stages.and_then(|stages| {
        let stable = stages.stable_for()?;
        let next = stages.due().map(|due| format!(", next look {}", time(due)));
        Some(format!(
            " · stable for {}{}",
            spell(stable),
            next.unwrap_or_default()
        ))
    });
    let line = format!(
        "{} {} · {} · {} → {}{}{}{}",
        rollback.id,
        rollback.word(),
        inline(&rollback.service.to_string(), 160),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60),
        by_agent(rollback),
        last.map(|at| format!(" · last change {}", time(at)))
            .unwrap_or_default(),
        since.unwrap_or_default()
    );
    watermarked(rollback.id, &line).into_owned()
}

/// What a rollback would do, in a sentence for a form.
pub fn summary(rollback: &Rollback) -> String {
    let plan = rollback.plan.as_ref();
    let changes = plan.and_then(|plan| plan.lost_changes.as_ref());
    let unships = match (changes, plan.map(|plan| &plan.unships)) {
        (Some(LostChanges::Known(lost)), _) if lost.count > 0 => {
            format!(" You lose {}{}.", lost.counted(), lost.fixes_clause())
        }
        (_, Some(Unships::Known(releases))) if !releases.is_empty() => {
            format!(" You lose {}.", proposal::changes_count(releases.len()))
        }
        (_, Some(Unships::Known(_) | Unships::After(_) | Unships::Unknown(_)) | None) => {
            String::new()
        }
    };
    let summary = format!(
        "*{}*  {} {} → {}.{unships} Plan `{}`.",
        rollback.id,
        inline(&rollback.service.to_string(), 160),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60),
        short_hash(rollback)
    );
    watermarked(rollback.id, &summary).into_owned()
}

/// The hash of the plan as people see it; empty without one.
fn short_hash(rollback: &Rollback) -> String {
    let hash = rollback.hash.as_ref();
    hash.map(ToString::to_string).unwrap_or_default()
}

/// What a button says that lets a plan of this way run at once.
pub fn now_label(way: Way) -> &'static str {
    match way {
        Way::Back => "Roll back now",
        Way::Forward => "Undo now",
    }
}

/// What follows a rollback that an agent asked for; empty where a person did.
pub fn by_agent(rollback: &Rollback) -> String {
    match rollback.requester.agent {
        Some(_) => format!(" · by {}", requester(rollback)),
        None => String::new(),
    }
}

/// Who asked: a person, or an agent with the person who is responsible for it.
fn requester(rollback: &Rollback) -> String {
    let person = format!("@{}", inline(&rollback.requester.name, 80));
    rollback.requester.with_agent(person)
}

/// Who asked, and whether they did so outside of Slack.
fn requested_by(rollback: &Rollback) -> String {
    let door = match rollback.out_of_band {
        true => " (from the CLI / API)",
        false => "",
    };
    format!("{}{door}", requester(rollback))
}

/// What the requester points to, as links; `None`: nothing.
fn evidence(rollback: &Rollback) -> Option<String> {
    let links: Vec<String> = rollback.evidence.iter().map(|url| link(url)).collect();
    (!links.is_empty()).then(|| format!("*Evidence*  {}", links.join(" · ")))
}

/// Freezes, changes of direction and objections: shown, and in nobody's way.
fn warnings(rollback: &Rollback) -> Vec<String> {
    let mut lines = vec![];
    lines.extend(
        rollback
            .drill
            .as_ref()
            .map(|drill| practised(rollback, drill)),
    );
    if let Some(frozen) = &rollback.frozen {
        lines.push(format!(
            "⚠️ *Hold requested* by @{}, {}: \"{}\". Approvers can still approve.",
            inline(&frozen.by.name, 80),
            time(frozen.at),
            inline(&frozen.because, 200)
        ));
    }
    if !rollback.turns.is_empty() {
        lines.push(format!(
            "⚠️ *Switched before* within 30 minutes: {}",
            inline(&list(&rollback.turns, "and"), 200)
        ));
    }
    for objection in rollback.objections.iter().rev().take(3).rev() {
        let made_to = objection
            .made_to
            .map(|id| format!(" to {id}, the same change"));
        lines.push(format!(
            "⚠️ *Objection* by @{}, {}{}: \"{}\"",
            inline(&objection.by.name, 80),
            time(objection.at),
            made_to.unwrap_or_default(),
            inline(&objection.because, 200)
        ));
    }
    if rollback.objections.len() > 3 {
        lines.push(format!(
            "⚠️ *{} objections* in all; `/rollback timeline` has every one",
            rollback.objections.len()
        ));
    }
    lines
}

/// What a drill does, and what it does not.
fn practised(rollback: &Rollback, drill: &Drill) -> String {
    let service = inline(&rollback.service.to_string(), 160);
    let fault = match &drill.fault {
        Some(fault) if fault.ended.is_some() => {
            format!(
                " It was broken for it with `{}`.",
                inline(&fault.program, 80)
            )
        }
        Some(_) | None => String::new(),
    };
    match drill.acts {
        true => format!("*A drill that acts*: {service} really goes to the target.{fault}"),
        false => format!(
            "*A drill that does not act*: it ends before the platform is asked, and nothing of {service} changes."
        ),
    }
}

/// A release on one line: its name, who made it, and when production served it.
pub fn release(release: &Release, ran: &Ran, now: Timestamp) -> String {
    let mut line = format!("`{}`", inline(release.label(), 80));
    if let (Some(sha), Some(_)) = (&release.sha, &release.version) {
        let _ = write!(line, "  {}", inline(sha.get(..7).unwrap_or(sha), 12));
    }
    if let Some(by) = &release.by {
        let _ = write!(line, "  by {}", inline(by, 60));
    }
    if let Some(served) = served(release, ran, now) {
        let _ = write!(line, "  {served}");
    }
    if let Some(message) = &release.message {
        let _ = write!(line, "  \"{}\"", inline(message, 120));
    }
    line
}

/// When production served a release; `None`: nothing is known of it.
fn served(release: &Release, ran: &Ran, now: Timestamp) -> Option<String> {
    Some(match ran {
        Ran::LiveSince(run) => {
            let ago = spell(between(run.since, now));
            format!(
                "live since {}{} ({ago} ago)",
                moment(run.since, now),
                run_by(run)
            )
        }
        Ran::Live => "live, since when is not known".into(),
        Ran::Before(run) => match run.until {
            Some(until) => format!(
                "ran {} until {}",
                spell(between(run.since, until)),
                moment(until, now)
            ),
            None => format!(
                "live from {}, until when is not known",
                moment(run.since, now)
            ),
        },
        Ran::Never => {
            let made = release.created_at?;
            format!("made {}, never seen live", moment(made, now))
        }
    })
}

/// What follows the moment in which a release went live by one of our rollbacks.
pub fn run_by(run: &Run) -> String {
    let Some(by) = &run.by else {
        return String::new();
    };
    match by.let_run_by.is_empty() {
        true => format!(" by {}", by.rollback),
        false => {
            let names: Vec<String> = by
                .let_run_by
                .iter()
                .map(|name| format!("@{name}"))
                .collect();
            format!(
                " by {} ({})",
                by.rollback,
                inline(&list(&names, "and"), 120)
            )
        }
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
        false => dated(at),
    }
}

/// The same, with the date unless it is now's: for what stands in a list with others.
pub fn listed(at: Timestamp, now: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%F").to_string();
    match date(at) == date(now) {
        true => time(at),
        false => dated(at),
    }
}

fn dated(at: Timestamp) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
        at.as_second(),
        at.strftime("%Y-%m-%d %H:%M UTC")
    )
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
