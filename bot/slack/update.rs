//! Updates in Slack: the form in which one is edited, the preview, and the message as everybody
//! sees it.

use super::{
    Words,
    action::Action,
    blocks::{
        self, context as footer, cut, escape, fit_text, inline, mention, plain, section, text_input,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    markup::unformatted,
    refusal::{Refusal, list},
    update::{Delivery, NoticePlace, StatusUpdate, TEXT_AT_MOST, TITLE_AT_MOST, UpdateKind},
};
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::*;

/// What Slack calls the form of an update when it is saved.
pub const CALLBACK: &str = "update";
/// The input for what it is about.
pub const TITLE: &str = "title";
/// The input for what it says.
pub const TEXT: &str = "text";
/// The input for when the next one is promised.
pub const NEXT: &str = "next";
/// The input for why it says *resolved* although a rollback is not verified.
pub const BECAUSE: &str = "because";

/// How much of the text is in one paragraph at most, in characters as they are escaped.
const PARAGRAPH_AT_MOST: usize = 2_900;

/// What a form of an update is about, and for whom it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The incident.
    pub incident: IncidentId,
    /// What the update says, and to whom.
    pub kind: UpdateKind,
    /// The number of the first update that this one takes the place of; `None`: it is a new one.
    pub corrects: Option<i64>,
    /// The only person who can send the form.
    pub person: String,
    /// The channel of the incident.
    pub channel: String,
    /// The thread in which the preview is shown; `None`: in the channel.
    pub thread: Option<String>,
    /// Where the preview is shown to them alone; `None`: in the channel.
    pub reply_to: Option<String>,
}

/// What a form of an update begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is about.
    pub title: String,
    /// What it says.
    pub text: String,
    /// In how many minutes the next one is promised; `None`: it is not.
    pub next_minutes: Option<u64>,
    /// Why it may not say *resolved* without a reason; `None`: it may.
    pub why_not: Option<Refusal>,
}

/// The form in which an update is edited.
pub fn form(about: &About, external_id: &str, draft: &Draft) -> SlackView {
    let to_whom = match about.kind.is_external() {
        true => {
            "For customers. Saving shows a preview; nothing is sent before *Publish* is clicked."
        }
        false => {
            "For the team. Saving shows a preview; nothing is sent before *Publish* is clicked."
        }
    };
    let mut blocks = vec![
        section(to_whom),
        field(TITLE, "About", &draft.title, TITLE_AT_MOST, None).into(),
        field(TEXT, "Text", &draft.text, TEXT_AT_MOST, None).into(),
    ];
    let next = draft.next_minutes.map(|minutes| format!("{minutes}m"));
    let hint = "30m, 2h; leave it empty to promise none. You are reminded when it is due.";
    let next = field(
        NEXT,
        "Next update in",
        &next.unwrap_or_default(),
        10,
        Some(hint),
    );
    blocks.push(next.with_optional(true).into());
    if let Some(Refusal::ResolvedTooEarly { id, word }) = &draft.why_not {
        let label = format!("Why resolved, although {id} is {word}?");
        let hint = "It goes into the timeline. Close this and write `/rollback update monitoring` to say less.";
        blocks.push(field(BECAUSE, &label, "", 300, Some(hint)).into());
    }
    SlackView::Modal(
        SlackModalView::new(plain(&format!("Update: {}", about.kind), 24), blocks)
            .with_callback_id(CALLBACK.into())
            .with_external_id(cut(external_id, 255))
            .with_close(plain("Go back", 24))
            .with_submit(plain("Preview", 24))
            .with_private_metadata(serde_json::to_string(about).unwrap_or_default()),
    )
}

fn field(
    id: &str,
    label: &str,
    begins_with: &str,
    at_most: usize,
    hint: Option<&str>,
) -> SlackInputBlock {
    let block = text_input(id, label, begins_with, at_most, id == TEXT);
    match hint {
        Some(hint) => block.with_hint(plain(hint, 2000)),
        None => block,
    }
}

/// An update as everybody sees it in a channel.
pub fn message(update: &StatusUpdate) -> Words {
    let head = format!(
        "*Update, {}: {}*",
        update.kind,
        inline(&update.title, TITLE_AT_MOST)
    );
    let mut foot = format!("{} · update {}", update.incident, update.root());
    if let Some(published) = &update.published {
        foot.push_str(&format!(" · @{}", inline(&published.by.name, 80)));
        if update.corrects.is_some() {
            foot.push_str(&format!(
                " · corrected at {}",
                published.at.strftime("%Y-%m-%d %H:%M UTC")
            ));
        }
    }
    let paragraphs = paragraphs(&update.body());
    let text = format!("{head}\n{}\n{foot}", paragraphs.join("\n"));
    let mut shown = vec![section(&head)];
    shown.extend(paragraphs.iter().map(|text| section(text)));
    shown.push(footer(&foot));
    Words {
        text: fit_text(&text),
        blocks: shown,
    }
}

/// The text as Slack wants it, in pieces that fit into a paragraph each.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        let line = escape(&unformatted(line));
        let length = line.chars().count();
        match paragraphs.last_mut() {
            Some(last) if last.chars().count() + length < PARAGRAPH_AT_MOST => {
                if !last.is_empty() {
                    last.push('\n');
                }
                last.push_str(&line);
            }
            Some(_) | None => paragraphs.push(line),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.trim().is_empty());
    paragraphs
}

/// Where an update is published, and what the person who looks at it should know.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    /// The Slack channels, by id.
    pub channels: Vec<String>,
    /// The places outside of Slack.
    pub outside: Vec<Place>,
}

/// A place outside of Slack.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is called in the configuration.
    pub name: String,
    /// What happens there, as a clause.
    pub effect: &'static str,
    /// Whether it has arrived; `None`: it is not published.
    pub delivery: Option<Delivery>,
}

impl Place {
    /// It with what happened or happens there.
    fn clause(&self) -> String {
        let name = inline(&self.name, 80);
        match &self.delivery {
            None => format!("{name} ({})", self.effect),
            Some(Delivery::Waiting | Delivery::WaitingAnew) => format!("{name} (waiting)"),
            Some(Delivery::Taken(NoticePlace {
                link: Some(link), ..
            })) => format!("{name} ({})", escape(link)),
            Some(Delivery::Taken(NoticePlace { link: None, .. })) => name,
            Some(Delivery::Refused { why, .. }) => {
                format!("{name} (not taken: {})", inline(why, 300))
            }
        }
    }
}

/// The preview of an update: exactly as it will appear, with what can be done with it.
pub fn preview(
    update: &StatusUpdate,
    to: &Destinations,
    why_not: Option<&Refusal>,
    now: Timestamp,
) -> Words {
    let places = to.channels.iter().map(|channel| mention(channel));
    let places = places.chain(to.outside.iter().map(Place::clause));
    let places = list(&places.collect::<Vec<_>>(), "and");
    let number = update.number;
    let (head, buttons) = match &update.published {
        Some(published) => (
            format!(
                "Update {number} was published by @{} at {} in {places}. Only you see this.",
                inline(&published.by.name, 80),
                published.at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            vec![
                Action::EditUpdate(number).button("Correct…"),
                Action::PublishUpdate(number).button("Send where it is missing"),
            ],
        ),
        None => {
            let publishes = match update.corrects {
                Some(first) => format!("edits update {first} in {places}"),
                None => format!("sends it to {places}"),
            };
            (
                format!(
                    "Preview of update {number}: only you see it, and nothing is sent yet. *Publish* {publishes}."
                ),
                vec![
                    Action::PublishUpdate(number)
                        .button("Publish")
                        .with_style(SlackBlockButtonStyle::Primary),
                    Action::EditUpdate(number).button("Edit…"),
                ],
            )
        }
    };
    let mut cautions = update.cautions(now);
    if let Some(Refusal::ResolvedTooEarly { id, word }) = why_not {
        cautions.push(format!(
            "{id} is {word}: it is not published as resolved before somebody says why (*Edit…*)"
        ));
    }
    let message = message(update);
    let mut text = format!("{head}\n{}", message.text);
    let mut shown = vec![section(&head)];
    shown.extend(message.blocks);
    if !cautions.is_empty() && update.published.is_none() {
        let line = format!("⚠️ Look again: {}.", escape(&cautions.join("; ")));
        text.push_str(&format!("\n{line}"));
        shown.push(section(&line));
    }
    shown.push(blocks::actions(&format!("update-{number}"), buttons));
    Words {
        text: fit_text(&text),
        blocks: shown,
    }
}

/// In how many minutes something is, at least one; `None`: it is over.
pub fn minutes_until(at: Timestamp, now: Timestamp) -> Option<u64> {
    let seconds = u64::try_from(at.duration_since(now).as_secs()).ok()?;
    (seconds > 0).then(|| seconds.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollback_domain::people::Person;
    use std::collections::BTreeMap;

    fn update(text: &str) -> StatusUpdate {
        StatusUpdate {
            number: 7,
            incident: IncidentId::new(1),
            channel: "C1".into(),
            kind: UpdateKind::Identified,
            title: "Checkout".into(),
            text: text.into(),
            next_at: None,
            because: None,
            corrects: None,
            drafted_by: Person::new("U1", "sam"),
            drafted_at: Timestamp::UNIX_EPOCH,
            published: None,
            outside: BTreeMap::new(),
        }
    }

    #[test]
    fn a_long_text_is_shown_whole() {
        let line = "&".repeat(500);
        let text = [line.as_str(); 5].join("\n");
        let shown = paragraphs(&text);
        assert_eq!(shown.join("\n").matches("&amp;").count(), 2_500);
        assert!(
            shown
                .iter()
                .all(|paragraph| paragraph.chars().count() <= 3_000)
        );
    }

    #[test]
    fn nothing_in_it_pings_or_formats() {
        let words = message(&update("*now* <!channel> `x`\n<https://evil|here>"));
        assert!(
            words
                .text
                .contains("now &lt;!channel&gt; x\n&lt;https://evil|here&gt;"),
            "{}",
            words.text
        );
    }

    #[test]
    fn what_is_due_is_in_whole_minutes() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        assert_eq!(minutes_until(at(61), at(0)), Some(2));
        assert_eq!(minutes_until(at(60), at(60)), None);
        assert_eq!(minutes_until(at(0), at(60)), None);
    }
}
