//! The words of a text: what phones, word processors and Slack did to it is undone first, then
//! it is cut at its spaces.

use std::fmt;

/// Makes one plain line of a text: no markup, plain quotes and dashes, nothing invisible, one space
/// between any two words.
pub(super) fn tidy(text: &str) -> String {
    let plain: String = text.chars().filter_map(plain_character).collect();
    one_spaced(&without_markup(&plain))
}

/// Makes one plain line of a text that has no markup: plain quotes and dashes, nothing invisible,
/// one space between any two words. Every text that people write passes here or through [`tidy`],
/// whatever door it comes by.
pub(super) fn plain_line(text: &str) -> String {
    let plain: String = text.chars().filter_map(plain_character).collect();
    one_spaced(&plain)
}

fn one_spaced(text: &str) -> String {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The plain form of a character; `None` if it is invisible.
fn plain_character(c: char) -> Option<char> {
    match c {
        '\u{00ad}'
        | '\u{034f}'
        | '\u{061c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180e}' => None,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => None,
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '＂' => Some('"'),
        '‘' | '’' | '‚' | '‛' | '‹' | '›' | '′' | '＇' => Some('\''),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        c => Some(c),
    }
}

/// The text after the bot's own name, where it begins with that.
pub(super) fn without_own_mention(text: &str, is_own: impl Fn(&str) -> bool) -> &str {
    let mut text = text;
    while let Some((id, rest)) = mention(text)
        && is_own(id)
    {
        text = rest.trim_start_matches([' ', ',', ':']);
    }
    text
}

/// The id that a mention at the start of the text names, and what follows it.
pub(super) fn mention(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix("<@")?.split_once('>')?;
    let id = inside.split('|').next().unwrap_or_default();
    let fits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some((id, rest))
}

/// Whether a text begins with the name of a person, a group or everybody: a message to them.
pub(super) fn is_addressed(text: &str) -> bool {
    let written = text
        .trim_start_matches(is_punctuation)
        .trim_start()
        .strip_prefix('@');
    mention(text).is_some()
        || text.starts_with("<!subteam^")
        || written.is_some_and(|name| name.starts_with(char::is_alphabetic))
}

/// The text with people, groups and channels as they are read: `<@U0SAM|sam>` is `@sam`, and
/// `<@U0SAM>`, which names nobody, is `@U0SAM`.
pub(super) fn with_names(text: &str) -> String {
    let mut read = text.to_owned();
    loop {
        let once = names_once(&read);
        // What stands around a name can make another one of it.
        if once == read {
            return once;
        }
        read = once;
    }
}

fn names_once(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('<') {
        read.push_str(before);
        let name = from
            .split_once('>')
            .and_then(|(inside, after)| Some((name_of(inside)?, after)));
        match name {
            Some((name, after)) => {
                read.push_str(&name);
                rest = after;
            }
            None => {
                read.push('<');
                rest = from;
            }
        }
    }
    read.push_str(rest);
    read
}

/// What is read where Slack sends this between `<` and `>`; `None` if it sends nothing like it.
fn name_of(inside: &str) -> Option<String> {
    let (code, label) = inside.split_once('|').unwrap_or((inside, ""));
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let (sign, id) = match code.split_at_checked(1)? {
        (sign @ ("@" | "#"), id) if is_id(id) => (sign, id),
        ("!", command) => match command.strip_prefix("subteam^") {
            Some(id) if is_id(id) => ("@", id),
            // `<!channel>` is nobody's name; it stays what was typed.
            Some(_) | None => return None,
        },
        _ => return None,
    };
    let label = label.trim().trim_start_matches(sign);
    match label.contains('<') {
        true => None,
        false if label.is_empty() => Some(format!("{sign}{id}")),
        false => Some(format!("{sign}{label}")),
    }
}

/// The length of what a text begins with that only says to whom it is addressed.
pub(super) fn address(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || is_punctuation(c));
        let after = match mention(rest) {
            Some((_, after)) => Some(after),
            None if rest.starts_with("<!subteam^") => rest.split_once('>').map(|(_, after)| after),
            None => None,
        };
        match after {
            Some(after) => rest = after,
            None => return text.len() - rest.len(),
        }
    }
}

/// The text with a name in each mention that has none, where `name` knows one.
pub(super) fn with_labels(text: &str, name: impl Fn(&str) -> Option<String>) -> String {
    let mut labelled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("<@") {
        labelled.push_str(before);
        labelled.push_str("<@");
        let id = from.split('>').next().unwrap_or_default();
        let found = match from[id.len()..].starts_with('>') && !id.contains(['|', '<']) {
            true => name(id),
            false => None,
        };
        if let Some(name) = found {
            let safe = name.replace(['<', '>', '|', '&'], "");
            labelled.push_str(&format!("{id}|{safe}"));
            rest = &from[id.len()..];
        } else {
            rest = from;
        }
    }
    labelled.push_str(rest);
    labelled
}

/// The text that people see where Slack sends `&amp;` and `<https://example.com|example.com>`.
/// Mentions stay as they came.
fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = match c {
            '&' => entity(rest),
            '<' => link(rest),
            _ => None,
        };
        let length = code.as_ref().map_or(c.len_utf8(), |(_, length)| *length);
        match code {
            Some((meaning, _)) => out.push_str(&meaning),
            None => out.push(c),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

const ENTITIES: [(&str, &str); 3] = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")];

/// The meaning of an entity at the start of the text, and the entity's length in bytes.
fn entity(text: &str) -> Option<(String, usize)> {
    let (code, meaning) = ENTITIES
        .into_iter()
        .find(|(code, _)| text.starts_with(code))?;
    Some((meaning.to_owned(), code.len()))
}

/// A link at the start of the text, as people see it, and its length in bytes.
fn link(text: &str) -> Option<(String, usize)> {
    if !starts_a_link(text) {
        return None;
    }
    let end = text[1..].find(['<', '>']).map(|at| at + 1)?;
    let inner = text.get(1..end).filter(|_| text[end..].starts_with('>'))?;
    let (address, label) = inner.split_once('|').unwrap_or((inner, ""));
    let (address, label) = (decoded(address), decoded(label.trim()));
    let stripped = address
        .split_once("://")
        .or_else(|| address.split_once(':'))
        .map_or("", |(_, rest)| rest);
    let same = label == address || label.trim_end_matches('/') == stripped.trim_end_matches('/');
    let visible = if label.is_empty() {
        address
    } else if same {
        label
    } else {
        format!("{label} ({address})")
    };
    Some((visible, end + 1))
}

fn starts_a_link(text: &str) -> bool {
    ["<http://", "<https://", "<mailto:", "<tel:"]
        .iter()
        .any(|start| {
            text.get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        })
}

fn decoded(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Prints a text so that [`tidy`] reads it as it is, and not as Slack's code for something else.
pub(super) struct Literal<'a>(pub(super) &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, c) in self.0.char_indices() {
            let rest = &self.0[at..];
            match c {
                '&' if entity(rest).is_some() => f.write_str("&amp;")?,
                '<' if starts_a_link(rest) => f.write_str("&lt;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The words of a tidy text that were not read yet.
#[derive(Clone)]
pub(super) struct Words<'a> {
    /// The text from the next word on.
    pub(super) rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Words { rest: text.trim() }
    }

    /// Whether nothing but punctuation is left.
    pub(super) fn at_end(&self) -> bool {
        self.rest.chars().all(|c| c == ' ' || is_punctuation(c))
    }

    /// The next word, as it was written, without reading it.
    pub(super) fn peek(&self) -> Option<&'a str> {
        if self.at_end() {
            None
        } else {
            self.rest.split(' ').next()
        }
    }

    /// Reads the next word, as it was written.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.rest = self.rest.get(word.len()..).unwrap_or_default().trim_start();
        Some(word)
    }

    /// Reads the name in quotes or backticks that starts here, with the blanks and signs in it.
    pub(super) fn quoted(&mut self) -> Option<&'a str> {
        let quote = self.rest.chars().next();
        let quote = quote.filter(|c| matches!(c, '"' | '\'' | '`'))?;
        let inner = self.rest.get(1..)?;
        // The first one that ends a word: others are in the name.
        let (end, _) = inner.match_indices(quote).find(|(at, _)| {
            let after = inner[at + 1..].trim_start_matches(is_punctuation);
            *at > 0 && (after.is_empty() || after.starts_with(' '))
        })?;
        self.rest = inner[end + 1..]
            .trim_start_matches(is_punctuation)
            .trim_start();
        Some(&inner[..end])
    }

    /// The reason, if it starts here: after `because`, after a dash, or inside quotes.
    pub(super) fn reason(&self) -> Option<&'a str> {
        if let Some(reason) = self.marked_reason() {
            return Some(reason);
        }
        let quoted = self
            .rest
            .trim_end_matches(|c| c == ' ' || is_punctuation(c));
        unquoted(quoted).map(|_| quoted)
    }

    /// The reason, if `because` or a dash starts it here.
    pub(super) fn marked_reason(&self) -> Option<&'a str> {
        const BECAUSE: &str = "because:";
        let word = self.rest.split(' ').next().unwrap_or_default();
        if is_dash(word) || bare(word).eq_ignore_ascii_case("because") {
            return self.rest.get(word.len()..);
        }
        word.get(..BECAUSE.len())
            .filter(|start| start.eq_ignore_ascii_case(BECAUSE))
            .and_then(|_| self.rest.get(BECAUSE.len()..))
    }
}

fn is_dash(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b == b'-')
}

pub(super) fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '…'
            | '。'
            | '、'
            | '，'
            | '！'
            | '？'
            | '؟'
            | '،'
            | '؛'
    )
}

/// A word without the quotes or backticks around it and the punctuation after it.
pub(super) fn bare(word: &str) -> &str {
    let mut word = word;
    loop {
        let before = word.len();
        word = word.trim_end_matches(is_punctuation);
        for quote in ['"', '\'', '`'] {
            if let Some(inner) = word
                .strip_prefix(quote)
                .and_then(|word| word.strip_suffix(quote))
            {
                word = inner;
            }
        }
        if word.len() == before {
            return word;
        }
    }
}

/// A reason or a note without the mark that introduced it and the quotes around it.
pub(super) fn unwrapped(text: &str) -> String {
    let mut text = text.trim();
    loop {
        let before = text.len();
        let word = text.split(' ').next().unwrap_or_default();
        if word == ":" || is_dash(word) {
            text = text.get(word.len()..).unwrap_or_default().trim_start();
        }
        text = unquoted(text.trim_end_matches(is_punctuation))
            .unwrap_or(text)
            .trim();
        if text.len() == before {
            return text.to_owned();
        }
    }
}

/// The text inside quotes that belong together; an apostrophe is not a quote.
fn unquoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let is_apostrophe = |at: usize| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        quote == '\''
            && is_letter(inner[..at].chars().next_back())
            && is_letter(inner[at + 1..].chars().next())
    };
    inner
        .match_indices(quote)
        .all(|(at, _)| is_apostrophe(at))
        .then_some(inner)
}

/// The candidate that `word` is most likely a misspelling of, if one is near enough: for asking
/// "did you mean", never for acting. Case does not matter; of equals the first one wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let lowered = candidate.to_lowercase();
            let other = lowered.chars().count();
            let tolerated = match length.max(other) {
                0..=2 => 0,
                3..=4 => 1,
                5..=8 => 2,
                _ => 3,
            };
            let distance = if length.abs_diff(other) > tolerated {
                usize::MAX
            } else {
                strsim::osa_distance(&word, &lowered)
            };
            (distance <= tolerated).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::samples::any_words;

    #[test]
    fn the_nearest_word() {
        let services = ["frontend", "backend", "api", "node", "db"];
        for (word, meant) in [
            ("fronted", Some("frontend")),
            ("FRONTEND", Some("frontend")),
            ("forntend", Some("frontend")),
            ("front", None),
            ("nod", Some("node")),
            ("note", Some("node")),
            ("ap", Some("api")),
            ("dc", None),
            ("", None),
            ("checkout", None),
        ] {
            assert_eq!(nearest(word, services), meant, "{word}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn a_text_is_tidied() {
        for (text, tidied) in [
            ("  frontend\u{a0}\n\tto  prev ", "frontend to prev"),
            ("front\u{200b}end\0 \u{202e}x", "frontend x"),
            ("“a” „b‟ «c» ‘d’ it’s", "\"a\" \"b\" \"c\" 'd' it's"),
            ("a — b – c − d", "a - b - c - d"),
            ("note <@U1> and <#C1|ops>", "note <@U1> and <#C1|ops>"),
            ("a &lt; b &amp;&amp; c", "a < b && c"),
            ("&amp;lt; &lt;https://x.io|y&gt;", "&lt; <https://x.io|y>"),
            ("<https://x.io/a?b=1&amp;c=2>", "https://x.io/a?b=1&c=2"),
            ("<https://x.io/|x.io>", "x.io"),
            ("<https://x.io/1|the graph>", "the graph (https://x.io/1)"),
            ("<mailto:a@x.io|a@x.io>", "a@x.io"),
            ("<https://x.io", "<https://x.io"),
        ] {
            assert_eq!(tidy(text), tidied, "{text:?}");
        }
    }

    #[test]
    fn only_the_bots_own_name_is_taken_off() {
        let is_own = |id: &str| id == "U0BOT";
        for (text, rest) in [
            ("<@U0BOT> status", "status"),
            ("<@U0BOT|rollback>: status", "status"),
            ("<@U0BOT>status", "status"),
            ("<@U0BOT> <@U0BOT>, status", "status"),
            ("<@U0SAM> status", "<@U0SAM> status"),
            ("<@U0BOT> <@U0SAM> status", "<@U0SAM> status"),
            ("status <@U0BOT>", "status <@U0BOT>"),
            ("<@U0BOT", "<@U0BOT"),
        ] {
            assert_eq!(without_own_mention(text, is_own), rest, "{text}");
        }
    }

    #[test]
    fn a_text_to_somebody_is_told_from_one_about_them() {
        for text in [
            "<@U0SAM> approve RB-1",
            "<@W0SAM|sam>: approve RB-1",
            "<@B0APP> approve RB-1",
            "<!subteam^S0OPS|@ops> approve RB-1",
            "@sam approve RB-1",
            "…, @sam approve RB-1",
        ] {
            assert!(is_addressed(text), "{text}");
        }
        for text in [
            "approve RB-1 because <@U0SAM> said so",
            "@02:40",
            "@-5m",
            "frontend@production",
            "",
        ] {
            assert!(!is_addressed(text), "{text}");
        }
    }

    #[test]
    fn people_and_channels_are_read_by_their_names() {
        for (text, read) in [
            ("ask <@U0SAM|sam> in <#C0OPS|ops>", "ask @sam in #ops"),
            ("ask <@U0SAM> in <#C0OPS>", "ask @U0SAM in #C0OPS"),
            ("<#C0OPS|>", "#C0OPS"),
            (
                "<!subteam^S0ONCALL|@oncall> <!channel>",
                "@oncall <!channel>",
            ),
            ("<!subteam^S0ONCALL>", "@S0ONCALL"),
            ("a < b > c <@> <@a b>", "a < b > c <@> <@a b>"),
            ("<<@U1|@U2>>", "@U2"),
            ("<@U1", "<@U1"),
        ] {
            assert_eq!(with_names(text), read, "{text}");
        }
        let name = |id: &str| (id == "U0SAM").then(|| "sam>".to_owned());
        assert_eq!(
            with_labels("<@U0SAM> <@U0SAM|x> <@U0ANA> <@U0SAM", name),
            "<@U0SAM|sam> <@U0SAM|x> <@U0ANA> <@U0SAM"
        );
    }

    #[test]
    fn words_are_read_up_to_a_reason() {
        let mut words = Words::new("frontend, to prev - it's down.");
        assert_eq!(words.next().map(bare), Some("frontend"));
        assert_eq!(words.reason(), None);
        assert_eq!((words.next(), words.next()), (Some("to"), Some("prev")));
        assert_eq!(words.reason(), Some(" it's down."));

        let quoted = Words::new("'it's down'.");
        assert_eq!(quoted.reason(), Some("'it's down'"));
        assert_eq!(quoted.marked_reason(), None);
        assert_eq!(Words::new("\"a\" and \"b\"").reason(), None);
        assert_eq!(Words::new("Because:x").marked_reason(), Some("x"));
        assert_eq!(Words::new("becausex").marked_reason(), None);
        assert_eq!(Words::new(" ?! ").next(), None);
    }

    #[test]
    fn quotes_and_punctuation_around_a_word_go() {
        for word in ["frontend", "`frontend`,", "\"frontend?\".", "'`frontend`'…"] {
            assert_eq!(bare(word), "frontend", "{word}");
        }
        assert_eq!(bare("\"frontend"), "\"frontend");
        assert_eq!(bare("?!"), "");
    }

    proptest! {
        #[test]
        fn tidying_and_unwrapping_settle(text in any_words()) {
            let text = unwrapped(&tidy(&text));
            prop_assert_eq!(unwrapped(&text), text.clone());
            prop_assert_eq!(
                tidy(&format!("note {}", Literal(&text))),
                format!("note {text}").trim_end().to_owned()
            );
        }
    }
}
