//! The forms: another target, and everything that takes more than a click.

use super::{
    blocks::{self, cut, inline, plain, section, text_input},
    card::{now_label, release, summary},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::ReviewAnswer,
    history::{History, Ran, Runs, TrackRecord},
    identity::RollbackId,
    job::Form,
    plan::{Plan, PlanHash},
    policy::{Confirm, Rule},
    proof::spell,
    release::{Release, Survey},
    rollback::Rollback,
};
use slack_morphism::prelude::*;
use std::time::Duration;

/// How long the value of an option may be to Slack, in characters.
const OPTION_AT_MOST: usize = 150;

/// What Slack calls a form of ours when it is saved.
pub const CALLBACK: &str = "form";
/// The input for another target.
pub const TARGET: &str = "target";
/// The input in which cautions are ticked.
pub const TICKS: &str = "ticks";
/// The input in which the exact target is typed.
pub const TYPED: &str = "typed";
/// The input in which somebody says why.
pub const BECAUSE: &str = "because";
/// The input in which somebody promises to explain it.
pub const PROMISE: &str = "promise";

/// What a form is about: which rollback, which plan, where people talk about it, and for whom it
/// was opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct About {
    /// What it asks.
    pub form: Form,
    /// The only person who can send it.
    pub person: String,
    /// Where they are told alone what comes of it.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// The rollback.
    pub rollback: RollbackId,
    /// The plan it would replace.
    pub hash: PlanHash,
    /// The channel of its card.
    pub channel: String,
}

/// Shown at once, while the platform is read.
pub fn loading(about: &About, external_id: &str) -> SlackView {
    view(
        about,
        external_id,
        vec![section("Reading the platform…")],
        false,
    )
}

/// Shown when the platform could not be read.
pub fn failed(about: &About, external_id: &str, why: &str) -> SlackView {
    view(about, external_id, vec![section(&inline(why, 1000))], false)
}

/// The releases to choose from. Those that are not eligible are listed with the reason.
pub fn choices(
    about: &About,
    external_id: &str,
    rollback: &Rollback,
    survey: &Survey,
    history: &History,
    now: Timestamp,
) -> SlackView {
    let runs = Runs::of(survey, history, now);
    let mut options = vec![];
    let mut barred = vec![];
    let why_not = Plan::why_not_back(survey, history, now);
    for (candidate, why) in survey.candidates.iter().zip(why_not).take(25) {
        let candidate = &candidate.release;
        let ran = runs.ran(candidate);
        // A part of an id could be the id of something else.
        let too_long = candidate.id.chars().count() > OPTION_AT_MOST;
        let why =
            why.or_else(|| too_long.then(|| "its name is too long for a form, type it".into()));
        match why {
            Some(why) => barred.push(format!(
                "• {}: {}",
                release(candidate, &ran, now),
                inline(&why, 150)
            )),
            None => {
                let record = match history.track_record(candidate) {
                    record @ (TrackRecord::Bad(_) | TrackRecord::Verified(_)) => record.clause(),
                    // The line says when it ran.
                    TrackRecord::Ran | TrackRecord::Unknown => None,
                };
                options.push(SlackBlockChoiceItem::new(
                    plain(&option_text(candidate, &ran, record, now), 75),
                    candidate.id.clone(),
                ));
            }
        }
    }
    let mut blocks = vec![];
    let can_save = !options.is_empty();
    if can_save {
        let mut select = SlackBlockStaticSelectElement::new()
            .with_action_id(TARGET.into())
            .with_placeholder(plain("Choose a release", 150));
        let chosen = rollback.plan.as_ref().map(|plan| plan.to.id.as_str());
        if let Some(initial) = options
            .iter()
            .find(|option| Some(option.value.as_str()) == chosen)
        {
            select = select.with_initial_option(initial.clone());
        }
        select = select.with_options(options);
        blocks.push(
            SlackInputBlock::new(
                plain("Go back to", 2000),
                SlackInputBlockElement::StaticSelect(select),
            )
            .with_block_id(TARGET.into())
            .with_hint(plain("Saving replaces the card. Nothing is run.", 2000))
            .into(),
        );
    } else {
        blocks.push(section("No release is eligible."));
    }
    if !barred.is_empty() {
        blocks.push(section(&format!("*Not eligible*\n{}", barred.join("\n"))));
    }
    view(about, external_id, blocks, can_save)
}

/// A release on the line of a menu: its name, when it served last or was made, who made it, and
/// what is known of it.
fn option_text(release: &Release, ran: &Ran, record: Option<String>, now: Timestamp) -> String {
    let run = ran.run();
    let last = run.map(|run| run.until.unwrap_or(run.since));
    let age = last
        .or(release.created_at)
        .and_then(|last| Duration::try_from(now.duration_since(last)).ok())
        .map(|age| match run {
            Some(_) => format!(" · ran until {} ago", spell(age)),
            None => format!(" · made {} ago", spell(age)),
        });
    let by = release.by.as_ref().map(|by| format!(" · {by}"));
    let record = record.map(|record| format!(" · {record}"));
    format!(
        "{}{}{}{}",
        release.label(),
        age.unwrap_or_default(),
        by.unwrap_or_default(),
        record.unwrap_or_default()
    )
}

/// An approval that takes more than a click: the named cautions are ticked, or the target is typed.
pub fn approve(about: &About, external_id: &str, rollback: &Rollback, rule: &Rule) -> SlackView {
    let mut blocks = vec![section(&summary(rollback))];
    let plan = rollback.plan.as_ref();
    match (rule.confirm, plan) {
        (Confirm::Tick, Some(plan)) if !plan.cautions.is_empty() => {
            let options = plan
                .cautions
                .iter()
                .map(|caution| {
                    let said = caution.draw(plan.to.label(), plan.read_at);
                    SlackBlockChoiceItem::new(plain_text(&said, 75), caution.name().to_owned())
                })
                .collect();
            let label = "I have seen, and accept";
            let boxes = SlackBlockCheckboxesElement::new(options).with_action_id(TICKS.into());
            let input = SlackInputBlockElement::Checkboxes(boxes);
            blocks.push(
                SlackInputBlock::new(plain(label, 2000), input)
                    .with_block_id(TICKS.into())
                    .into(),
            );
        }
        (Confirm::Type, Some(plan)) => {
            let label = format!("Type the exact target: {}", plan.to.label());
            let hint = "Going forward again may not bring back what this changes.";
            blocks.push(line(TYPED, &label, Some(hint), None, false));
        }
        (Confirm::Click | Confirm::Tick, _) | (_, None) => {}
    }
    let title = format!("Approve {}", rollback.id);
    let submit = match plan.map(|plan| plan.way) {
        // Somebody else has to say yes after this one.
        _ if rollback.approvals.len() + 1 < rule.approvals => "Approve",
        way => now_label(way.unwrap_or_default()),
    };
    asking(about, external_id, &title, submit, blocks)
}

/// A no, with a reason from which the requester can go on.
pub fn deny(about: &About, external_id: &str, rollback: &Rollback) -> SlackView {
    let blocks = vec![
        section(&summary(rollback)),
        line(
            BECAUSE,
            "Why not?",
            Some("Whoever asked reads it, and it goes into the timeline. Nothing is run."),
            None,
            true,
        ),
    ];
    let title = format!("Deny {}", rollback.id);
    asking(about, external_id, &title, "Deny", blocks)
}

/// An objection.
pub fn object(about: &About, external_id: &str, rollback: &Rollback) -> SlackView {
    let blocks = vec![
        section(&summary(rollback)),
        line(
            BECAUSE,
            "What speaks against it?",
            Some("The card shows it to everybody. Approvers can still approve."),
            None,
            true,
        ),
    ];
    let title = format!("Object to {}", rollback.id);
    asking(about, external_id, &title, "Object", blocks)
}

/// An emergency: it is run at once, and explained afterwards. `said`: the reason, if it was given.
pub fn break_glass(
    about: &About,
    external_id: &str,
    rollback: &Rollback,
    review_within: Duration,
    said: Option<&str>,
) -> SlackView {
    let promise = format!("I will explain this within {}", spell(review_within));
    let option = SlackBlockChoiceItem::new(plain_text(&promise, 75), "promised".to_owned());
    let boxes = SlackBlockCheckboxesElement::new(vec![option]).with_action_id(PROMISE.into());
    let blocks = vec![
        section(&format!(
            "{}\nRuns immediately without approval. The channel is told, an approver reviews it, and it is logged.",
            summary(rollback)
        )),
        line(BECAUSE, "Why can it not wait?", None, said, false),
        SlackInputBlock::new(
            plain("Afterwards", 2000),
            SlackInputBlockElement::Checkboxes(boxes),
        )
        .with_block_id(PROMISE.into())
        .into(),
    ];
    let title = format!("Emergency run: {}", rollback.id);
    asking(about, external_id, &title, "Run without approval", blocks)
}

/// What somebody with authority thinks of an emergency.
pub fn review(
    about: &About,
    external_id: &str,
    rollback: &Rollback,
    answer: ReviewAnswer,
) -> SlackView {
    let said = rollback
        .break_glass
        .as_ref()
        .map_or_else(String::new, |break_glass| {
            format!(
                "*@{}* ran {} without approval:\n> {}\nYour answer: *{answer}*.",
                inline(&break_glass.by.name, 80),
                rollback.id,
                inline(&break_glass.because, 500)
            )
        });
    let blocks = vec![
        section(&said),
        line(
            BECAUSE,
            "In your words",
            Some("It goes into the timeline, and so into the post-mortem."),
            None,
            true,
        ),
    ];
    let title = format!("Review {}", rollback.id);
    asking(about, external_id, &title, "Answer", blocks)
}

/// A line, or a field, that somebody has to fill; `said`: what it begins with.
fn line(id: &str, label: &str, hint: Option<&str>, said: Option<&str>, long: bool) -> SlackBlock {
    let at_most = if long { 1000 } else { 300 };
    let mut block = text_input(id, label, said.unwrap_or_default(), at_most, long);
    if let Some(hint) = hint {
        block = block.with_hint(plain(hint, 2000));
    }
    block.into()
}

fn plain_text(text: &str, at_most: usize) -> SlackBlockText {
    SlackBlockText::Plain(blocks::plain_text(text, at_most))
}

fn asking(
    about: &About,
    external_id: &str,
    title: &str,
    submit: &str,
    blocks: Vec<SlackBlock>,
) -> SlackView {
    SlackView::Modal(
        SlackModalView::new(plain(title, 24), blocks)
            .with_callback_id(CALLBACK.into())
            .with_external_id(cut(external_id, 255))
            .with_close(plain("Go back", 24))
            .with_submit(plain(submit, 24))
            .with_private_metadata(serde_json::to_string(about).unwrap_or_default()),
    )
}

fn view(about: &About, external_id: &str, blocks: Vec<SlackBlock>, can_save: bool) -> SlackView {
    let mut modal = SlackModalView::new(plain("Change version", 24), blocks)
        .with_callback_id(CALLBACK.into())
        .with_external_id(cut(external_id, 255))
        .with_close(plain("Go back", 24))
        .with_private_metadata(serde_json::to_string(about).unwrap_or_default());
    if can_save {
        modal = modal.with_submit(plain("Save", 24));
    }
    SlackView::Modal(modal)
}
