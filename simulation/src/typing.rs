//! What Slack makes of the text a person types, before an app sees it.

use crate::state::State;

/// Typed text as a message holds it: markup escaped, mentions, channels and links made explicit.
/// Mentions that are already written as `<@U…>` are kept.
pub(crate) fn encode(state: &State, typed: &str) -> String {
    let escaped = keep_mentions(&escape(typed));
    escaped
        .split_inclusive(char::is_whitespace)
        .map(|word| encode_word(state, word))
        .collect()
}

/// Typed text with nothing but markup escaped.
pub(crate) fn escape(typed: &str) -> String {
    typed
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn keep_mentions(escaped: &str) -> String {
    let mut kept = String::new();
    let mut rest = escaped;
    while let Some(start) = rest.find("&lt;@") {
        let (before, mention) = rest.split_at(start);
        kept.push_str(before);
        let inside = &mention["&lt;@".len()..];
        let length = inside.find("&gt;").unwrap_or(0);
        if length > 0
            && inside[..length]
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        {
            kept.push_str(&format!("<@{}>", &inside[..length]));
            rest = &inside[length + "&gt;".len()..];
        } else {
            kept.push_str("&lt;@");
            rest = inside;
        }
    }
    kept + rest
}

fn encode_word(state: &State, word: &str) -> String {
    let trimmed = word.trim_end_matches(|c: char| c.is_whitespace() || ",.:;!?)".contains(c));
    let tail = &word[trimmed.len()..];
    let encoded = match trimmed.split_at_checked(1) {
        Some(("@", "channel" | "here" | "everyone")) => format!("<!{}>", &trimmed[1..]),
        Some(("@", name)) => match state.people.iter().find(|person| person.name == name) {
            Some(person) => format!("<@{}>", person.id),
            None => trimmed.to_owned(),
        },
        Some(("#", name)) => match state.channels.iter().find(|channel| channel.name == name) {
            Some(channel) => format!("<#{}|{}>", channel.id, channel.name),
            None => trimmed.to_owned(),
        },
        _ if trimmed.starts_with("http://") || trimmed.starts_with("https://") => {
            format!("<{trimmed}>")
        }
        _ => trimmed.to_owned(),
    };
    encoded + tail
}
