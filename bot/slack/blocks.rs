//! Block Kit in our own words, on slack-morphism's models, kept within Slack's limits.
//!
//! Everything that somebody else wrote goes through [`escape`] first: `<!channel>` in a reason
//! is text and pings nobody.

use rollback_domain::{
    drill::{WATERMARK, watermarked},
    identity::RollbackId,
    markup::{closed, unformatted},
    refusal::Tone,
    rollback::Message,
};
pub use rollback_http::cut;
use rollback_http::is_invisible;
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
    /// A sentence without blocks; `text` is mrkdwn and already escaped. What Slack would not take
    /// is cut, so that the rest is told.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: fit_text(&text.into()),
            blocks: vec![],
        }
    }

    /// The message about a rollback: one about a drill says that first, in what is read and in what
    /// is read out.
    #[must_use]
    pub fn about(mut self, id: RollbackId) -> Self {
        if !id.is_drill() || self.text.starts_with(WATERMARK) {
            return self;
        }
        self.text = fit_text(&watermarked(id, &self.text));
        if !self.blocks.is_empty() {
            self.blocks
                .insert(0, header(&format!("{WATERMARK} · {id}")));
        }
        self
    }
}

/// The most characters that the text of a message may have. Slack takes more in a post and not in
/// an edit, and shows no more of it in a notification.
const TEXT_AT_MOST: usize = 3_900;
/// What is left of each line at least when not all of them fit, in characters.
const LINE_AT_LEAST: usize = 60;

/// Text for mrkdwn: `&`, `<` and `>` as Slack wants them, and nothing that cannot be seen.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' => escaped.push(letter),
            letter if letter.is_control() => escaped.push(' '),
            letter if is_invisible(letter) => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Escaped, on one line, without the characters that mrkdwn makes bold or code of, and cut.
pub fn inline(text: &str, at_most: usize) -> String {
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    escape(&cut(unformatted(&visible).trim(), at_most))
}

/// A link to an address, which is shown without its beginning and its query.
pub fn link(url: &str) -> String {
    let label = url.strip_prefix("https://").unwrap_or(url);
    let label = label.split(['?', '#']).next().unwrap_or(label);
    format!(
        "<{}|{}>",
        escape(url).replace('|', "%7C"),
        inline(label.trim_end_matches('/'), 60)
    )
}

/// The text of a message within what Slack takes; `mrkdwn` is escaped already.
pub fn fit_text(mrkdwn: &str) -> String {
    fit(mrkdwn, TEXT_AT_MOST)
}

/// Mrkdwn within so many characters as Slack counts them, which is after escaping. Every line
/// keeps its beginning: the longest are cut first, no entity, mention or date is cut in two, and
/// what was cut ends in `…`.
fn fit(mrkdwn: &str, at_most: usize) -> String {
    if mrkdwn.chars().count() <= at_most {
        return mrkdwn.to_owned();
    }
    let mut lines: Vec<&str> = mrkdwn.lines().collect();
    let most_lines = (at_most / (LINE_AT_LEAST + 1)).saturating_sub(1).max(1);
    let more = lines.len().saturating_sub(most_lines);
    lines.truncate(most_lines);
    let note = match more {
        0 => String::new(),
        1 => "\n… and one more line".to_owned(),
        more => format!("\n… and {more} more lines"),
    };
    // A line break behind each.
    let mut room = at_most - note.chars().count() - (lines.len() - 1);
    let lengths: Vec<usize> = lines.iter().map(|line| line.chars().count()).collect();
    let mut longest_first = lengths.clone();
    longest_first.sort_unstable();
    let mut cap = usize::MAX;
    // What short lines do not use is shared by the longer ones.
    for (done, length) in longest_first.iter().enumerate() {
        let share = room / (longest_first.len() - done);
        if *length > share {
            cap = share;
            break;
        }
        room -= length;
    }
    let fitting: Vec<String> = lines.iter().map(|line| cut_mrkdwn(line, cap)).collect();
    fitting.join("\n") + &note
}

/// A line of mrkdwn within so many characters, cut between two characters as people see them.
fn cut_mrkdwn(line: &str, at_most: usize) -> String {
    if line.chars().count() <= at_most {
        return line.to_owned();
    }
    let mut kept = String::new();
    let mut left = at_most.saturating_sub("…`".chars().count());
    for one in characters(line) {
        let length = one.chars().count();
        if length > left {
            break;
        }
        left -= length;
        kept.push_str(one);
    }
    kept.push('…');
    // Code that is cut would go on to the next mark of code.
    if kept.matches('`').count() % 2 == 1 {
        kept.push('`');
    }
    kept
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
pub(super) fn characters(mrkdwn: &str) -> impl Iterator<Item = &str> {
    let mut rest = mrkdwn;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '<' => rest.find('>'),
            '&' => ["&amp;", "&lt;", "&gt;"]
                .iter()
                .find(|entity| rest.starts_with(**entity))
                .map(|entity| entity.len() - 1),
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
        escape(&closed(text))
    }
    fn words(&self, words: &str) -> String {
        escape(&unformatted(words))
    }
}

/// A mention of a person or a channel, if it is one: an id from the configuration or from Slack.
pub fn mention(id: &str) -> String {
    match !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()) {
        true if id.starts_with(['C', 'G', 'D']) => format!("<#{id}>"),
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
            // Every second piece is the number of a person.
            let pieces = text.split('\u{1}').enumerate();
            let drawn = pieces.map(|(at, piece)| match (at % 2, piece.parse::<usize>()) {
                (1, Ok(n)) => people.get(n).map(|id| person(id)).unwrap_or_default(),
                (_, _) => escape(piece),
            });
            drawn.collect()
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

/// The same with a button beside it.
pub fn section_with(text: &str, button: SlackBlockButtonElement) -> SlackBlock {
    SlackSectionBlock::new()
        .with_text(mrkdwn(text, 3000))
        .with_accessory(button.into())
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
        SlackBlockMarkDownText::new(fit(text, 2000)).with_verbatim(true),
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
        SlackBlockText::Plain(plain_text(text, 300)),
        plain(yes, 30),
        plain(no, 30),
    )
}

/// A field into which somebody types, with what it begins with.
pub fn text_input(
    id: &str,
    label: &str,
    begins_with: &str,
    at_most: usize,
    multiline: bool,
) -> SlackInputBlock {
    let at_most = u16::try_from(at_most).unwrap_or(u16::MAX);
    let mut input = SlackBlockPlainTextInputElement::new()
        .with_action_id(id.into())
        .with_multiline(multiline)
        .with_max_length(at_most.into());
    if !begins_with.is_empty() {
        // Slack does not open a form whose field begins with more than it can hold.
        input = input.with_initial_value(cut(begins_with, at_most.into()));
    }
    SlackInputBlock::new(
        plain(label, 2000),
        SlackInputBlockElement::PlainTextInput(input),
    )
    .with_block_id(id.into())
}

/// Text that Slack does not interpret at all.
pub fn plain(text: &str, at_most: usize) -> SlackBlockPlainTextOnly {
    plain_text(text, at_most).into()
}

/// The same, where a text of either kind may stand.
pub fn plain_text(text: &str, at_most: usize) -> SlackBlockPlainText {
    let visible = text.chars().filter(|letter| !is_invisible(*letter));
    let plain: String = visible
        .map(|letter| match letter.is_control() {
            true => ' ',
            false => letter,
        })
        .collect();
    SlackBlockPlainText::new(cut(&plain, at_most))
}

/// `verbatim`: names and links in it are not made clickable by Slack itself.
fn mrkdwn(text: &str, at_most: usize) -> SlackBlockText {
    SlackBlockText::MarkDown(SlackBlockMarkDownText::new(fit(text, at_most)).with_verbatim(true))
}

#[cfg(test)]
mod tests;
