//! Reads Slack's text objects and its markup as a person would.

use serde_json::Value;

use crate::state::State;

/// A text object's text, with entities shown as the characters they stand for.
pub(crate) fn plain(object: &Value) -> String {
    unescape(
        object["text"]
            .as_str()
            .or_else(|| object.as_str())
            .unwrap_or_default(),
    )
}

/// A text object as a person reads it: `mrkdwn` is interpreted, `plain_text` is not.
pub(crate) fn read(state: &State, object: &Value) -> String {
    if object["type"] == "plain_text" {
        plain(object)
    } else {
        markup(state, object["text"].as_str().unwrap_or_default())
    }
}

/// Markup as a person reads it: mentions by name, links with their address, no emphasis marks.
pub(crate) fn markup(state: &State, text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, from) = rest.split_at(start);
        shown.push_str(before);
        let Some(end) = from.find('>') else {
            rest = from;
            break;
        };
        shown.push_str(&reference(state, &from[1..end]));
        rest = &from[end + 1..];
    }
    shown.push_str(rest);
    unescape(&without_emphasis(&shown))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// What stands between `<` and `>`.
fn reference(state: &State, inside: &str) -> String {
    let (target, label) = inside
        .split_once('|')
        .map_or((inside, None), |(target, label)| (target, Some(label)));
    if let Some(id) = target.strip_prefix('@') {
        let name = state.person(id).map_or(id, |person| person.name.as_str());
        return format!("@{name}");
    }
    if let Some(id) = target.strip_prefix('#') {
        let name = state
            .channels
            .iter()
            .find(|channel| channel.id == id)
            .map(|channel| channel.name.as_str());
        return format!("#{}", name.or(label).unwrap_or(id));
    }
    if target.starts_with("!date^") {
        return label.unwrap_or(target).to_owned();
    }
    if let Some(id) = target.strip_prefix("!subteam^") {
        return label.map_or_else(|| format!("@{id}"), str::to_owned);
    }
    if let Some(everybody) = target.strip_prefix('!') {
        return format!("@{everybody} (PING!)");
    }
    match label {
        // A message of the workspace: people see where it leads by what it is called.
        Some(label) if target.contains(".slack.com/archives/") => label.to_owned(),
        Some(label) if label != target => format!("{label} ({target})"),
        _ => target.to_owned(),
    }
}

/// The text without the marks for bold, italic and strike-through, outside of code.
fn without_emphasis(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut shown = String::new();
    let mut is_code = false;
    let mut skipped = vec![false; chars.len()];
    for (at, mark) in chars.iter().enumerate() {
        if *mark == '`' {
            is_code = !is_code;
        }
        if is_code || skipped[at] || !"*_~".contains(*mark) || !opens(&chars, at) {
            continue;
        }
        if let Some(end) = closing(&chars, at) {
            skipped[at] = true;
            skipped[end] = true;
        }
    }
    for (at, letter) in chars.iter().enumerate() {
        if !skipped[at] {
            shown.push(*letter);
        }
    }
    shown
}

fn opens(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    let after = chars.get(at + 1);
    before.is_none_or(|before| !before.is_alphanumeric() && before != chars[at])
        && after.is_some_and(|after| !after.is_whitespace() && *after != chars[at])
}

fn closing(chars: &[char], open: usize) -> Option<usize> {
    let mark = chars[open];
    for at in open + 1..chars.len() {
        if chars[at] == '\n' || chars[at] == '`' && mark != '*' {
            return None;
        }
        let is_free = chars
            .get(at + 1)
            .is_none_or(|after| !after.is_alphanumeric() && *after != mark);
        if chars[at] == mark && !chars[at - 1].is_whitespace() && is_free {
            return Some(at);
        }
    }
    None
}
