//! Block Kit in our own words, on slack-morphism's models, kept within Slack's limits.
//!
//! Everything that somebody else wrote goes through [`escape`] first: `<!channel>` in a reason
//! is text and pings nobody.

use rollback_domain::{refusal::Tone, rollback::Message};
pub use rollback_http::cut;
use slack_morphism::prelude::*;

/// What is sent as a message: blocks, and the same in words for screen readers and notifications.
#[derive(Clone, Debug, PartialEq)]
pub struct Words {
    /// The whole message in plain words.
    pub text: String,
    /// The message as Slack shows it; none for a simple sentence.
    pub blocks: Vec<SlackBlock>,
}

impl Words {
    /// A sentence without blocks; `text` is mrkdwn and already escaped.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            blocks: vec![],
        }
    }
}

/// `&`, `<` and `>` as Slack wants them; nothing else is special in mrkdwn that could ping or link.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Escaped, on one line, without the characters that mrkdwn makes bold or code of, and cut.
pub fn inline(text: &str, at_most: usize) -> String {
    let flat: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let inside = |at: usize| {
        let (before, after) = (
            flat[..at].chars().next_back(),
            flat[at + 1..].chars().next(),
        );
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        is_letter(before) && is_letter(after)
    };
    let kept: String = flat
        .char_indices()
        .filter(|(at, c)| match c {
            '`' | '*' => false,
            // Between letters, as in `1.0~beta`, it strikes nothing out.
            '~' => inside(*at),
            _ => true,
        })
        .map(|(_, c)| c)
        .collect();
    escape(&cut(kept.trim(), at_most))
}

/// The same for text that is mrkdwn already: what people wrote in it is escaped, and a mention
/// counts as one character and stays whole.
pub fn inline_mrkdwn(mrkdwn: &str, at_most: usize) -> String {
    let mut line: Vec<&str> = characters(mrkdwn.trim())
        .filter(|one| !matches!(*one, "`" | "*" | "~"))
        .map(|one| {
            if one.starts_with(char::is_control) {
                " "
            } else {
                one
            }
        })
        .collect();
    if line.len() > at_most {
        line.truncate(at_most.saturating_sub(1));
        line.push("…");
    }
    line.concat()
}

/// The characters of mrkdwn as people see them: `&amp;` is one, and so is a mention.
fn characters(mrkdwn: &str) -> impl Iterator<Item = &str> {
    let mut rest = mrkdwn;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '<' => rest.find('>'),
            '&' => rest.find(';'),
            _ => None,
        };
        let (one, after) = rest.split_at(end.map_or(first.len_utf8(), |end| end + 1));
        rest = after;
        Some(one)
    })
}

/// How sentences sound in Slack: people are mentioned, other people's text is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Mrkdwn;

impl Tone for Mrkdwn {
    fn person(&self, id: &str) -> String {
        mention(id)
    }
    fn text(&self, text: &str) -> String {
        escape(text)
    }
}

/// A mention, if it is one: an id from the configuration or from Slack.
pub fn mention(id: &str) -> String {
    match !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => format!("<@{id}>"),
        false => escape(id),
    }
}

/// Words that were written for Slack, for terminals and machines: mentions, times and links as
/// they are read aloud, and nothing escaped. What somebody wrote was escaped, so that only ours
/// is taken apart.
pub fn plainly(mrkdwn: &str) -> String {
    let mut said = String::with_capacity(mrkdwn.len());
    let mut rest = mrkdwn;
    while let Some((before, from)) = rest.split_once('<') {
        said.push_str(before);
        let (inside, after) = from.split_once('>').unwrap_or((from, ""));
        match inside.split_once('|') {
            Some((_, shown)) => said.push_str(shown),
            None => said.push_str(inside),
        }
        rest = after;
    }
    said.push_str(rest);
    said.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// What was stored to be said, as Slack wants it.
pub fn message(message: &Message) -> String {
    render_message(message, mention)
}

/// The same, with the people it names as `person` has them.
pub fn render_message(message: &Message, person: impl Fn(&str) -> String) -> String {
    match message {
        Message::Text(text) => escape(text),
        Message::Mrkdwn(text) => text.clone(),
        Message::Naming(text, people) | Message::Refused(_, text, people) => {
            let mut said = escape(text);
            for (n, id) in people.iter().enumerate() {
                said = said.replace(&format!("\u{1}{n}\u{1}"), &person(id));
            }
            said
        }
    }
}

/// A large line; plain text.
pub fn header(text: &str) -> SlackBlock {
    SlackHeaderBlock::new(plain(text, 150)).into()
}

/// A paragraph of mrkdwn, already escaped.
pub fn section(text: &str) -> SlackBlock {
    SlackSectionBlock::new()
        .with_text(mrkdwn(text, 3000))
        .into()
}

/// Paragraphs of mrkdwn side by side, already escaped; below each other on a phone.
pub fn fields(texts: &[String]) -> SlackBlock {
    let fields = texts.iter().map(|text| mrkdwn(text, 2000)).collect();
    SlackSectionBlock::new().with_fields(fields).into()
}

/// A small line of mrkdwn, already escaped.
pub fn context(text: &str) -> SlackBlock {
    SlackContextBlock::new(vec![SlackContextBlockElement::MarkDown(
        SlackBlockMarkDownText::new(cut(text, 2000)).with_verbatim(true),
    )])
    .into()
}

/// A row of buttons.
pub fn actions(block_id: &str, buttons: Vec<SlackBlockButtonElement>) -> SlackBlock {
    SlackActionsBlock::new(
        buttons
            .into_iter()
            .map(SlackActionBlockElement::Button)
            .collect(),
    )
    .with_block_id(block_id.into())
    .into()
}

/// A button.
pub fn button(action: &str, label: &str, value: &str) -> SlackBlockButtonElement {
    SlackBlockButtonElement::new(plain(label, 75))
        .with_action_id(action.into())
        .with_value(value.into())
}

/// Slack's own question before a click counts.
pub fn confirm(title: &str, text: &str, yes: &str, no: &str) -> SlackBlockConfirmItem {
    SlackBlockConfirmItem::new(
        plain(title, 100),
        SlackBlockText::Plain(SlackBlockPlainText::new(cut(text, 300))),
        plain(yes, 30),
        plain(no, 30),
    )
}

/// Text that Slack does not interpret at all.
pub fn plain(text: &str, at_most: usize) -> SlackBlockPlainTextOnly {
    plain_text(text, at_most).into()
}

fn plain_text(text: &str, at_most: usize) -> SlackBlockPlainText {
    SlackBlockPlainText::new(cut(text, at_most))
}

/// `verbatim`: names and links in it are not made clickable by Slack itself.
fn mrkdwn(text: &str, at_most: usize) -> SlackBlockText {
    SlackBlockText::MarkDown(SlackBlockMarkDownText::new(cut(text, at_most)).with_verbatim(true))
}
