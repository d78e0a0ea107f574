//! The modal in which the target is changed.

use super::{
    blocks::{cut, inline, plain, section},
    card::release,
};
use jiff::Timestamp;
use rollback_domain::{plan::PlanHash, release::Survey, rollback::Rollback};
use slack_morphism::prelude::*;

/// What Slack calls the modal when it is saved.
pub const CALLBACK: &str = "retarget";
/// The input in it.
pub const BLOCK: &str = "target";

/// What the modal is about: which rollback, which plan, and where people talk about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct About {
    /// The rollback.
    pub rollback: u64,
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
    now: Timestamp,
) -> SlackView {
    let live = survey.live();
    let live_at = live.as_ref().and_then(|live| {
        survey
            .candidates
            .iter()
            .position(|candidate| candidate.release.id == live.id)
    });
    let mut options = vec![];
    let mut barred = vec![];
    for (at, candidate) in survey.candidates.iter().enumerate().take(25) {
        let why = match (live_at, &candidate.barred) {
            (Some(live_at), _) if at == live_at => Some("it is live now".to_owned()),
            (Some(live_at), _) if at < live_at => Some("it is newer than what is live".to_owned()),
            (_, Some(why)) => Some(why.clone()),
            (_, None) => None,
        };
        match why {
            Some(why) => barred.push(format!(
                "• {}: {}",
                release(&candidate.release, now),
                inline(&why, 150)
            )),
            None => options.push(SlackBlockChoiceItem::new(
                plain(&option_text(&candidate.release, now), 75),
                cut(&candidate.release.id, 150),
            )),
        }
    }
    let mut blocks = vec![];
    let can_save = !options.is_empty();
    if can_save {
        let mut select = SlackBlockStaticSelectElement::new()
            .with_action_id(BLOCK.into())
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
            .with_block_id(BLOCK.into())
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

fn option_text(release: &rollback_domain::release::Release, now: Timestamp) -> String {
    let age = release
        .began()
        .and_then(|began| std::time::Duration::try_from(now.duration_since(began)).ok())
        .map(|age| format!(" · {} ago", rollback_domain::proof::spell(age)))
        .unwrap_or_default();
    let by = release
        .by
        .as_ref()
        .map(|by| format!(" · {by}"))
        .unwrap_or_default();
    let good = match release.live_since {
        Some(_) => " · good",
        None => "",
    };
    format!("{}{age}{by}{good}", release.label())
}

fn view(about: &About, external_id: &str, blocks: Vec<SlackBlock>, can_save: bool) -> SlackView {
    let mut modal = SlackModalView::new(plain("Change target", 24), blocks)
        .with_callback_id(CALLBACK.into())
        .with_external_id(cut(external_id, 255))
        .with_close(plain("Go back", 24))
        .with_private_metadata(serde_json::to_string(about).unwrap_or_default());
    if can_save {
        modal = modal.with_submit(plain("Save", 24));
    }
    SlackView::Modal(modal)
}
