//! What a value can be. Each function says what is wrong with a value that cannot.

use std::{ops::RangeInclusive, time::Duration};
use toml::Value;
use url::{Host, Url};

/// A text that has something in it.
pub fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err("is empty; write something between the quotes, or remove it".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_type(other, "text in quotes")),
    }
}

/// Yes or no.
pub fn flag(value: &Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| wrong_type(value, "true or false, without quotes"))
}

/// A whole number within a range.
pub fn number<T: TryFrom<i64>>(value: &Value, range: RangeInclusive<i64>) -> Result<T, String> {
    let Value::Integer(number) = value else {
        return Err(wrong_type(value, "a whole number, without quotes"));
    };
    let outside = || {
        format!(
            "{number} is out of range; write a number from {} to {}",
            range.start(),
            range.end()
        )
    };
    if !range.contains(number) {
        return Err(outside());
    }
    T::try_from(*number).map_err(|_| outside())
}

/// A duration as it is written in the file, `"90s"`, within a range.
pub fn duration(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(&Value) -> Result<Duration, String> {
    move |value| {
        const HOW: &str = "a number and ms, s, m, h or d, like \"90s\" or \"10m\"";
        let Value::String(text) = value else {
            return Err(wrong_type(value, &format!("text in quotes: {HOW}")));
        };
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            "d" => Some(86_400_000),
            _ => None,
        };
        let duration = unit
            .zip(digits.parse::<u32>().ok())
            .map(|(unit, count)| Duration::from_millis(unit * u64::from(count)))
            .ok_or_else(|| format!("{text:?} is not a duration; write {HOW}"))?;
        if !range.contains(&duration) {
            return Err(format!(
                "{text:?} is out of range; write a duration from {} to {}",
                spell(*range.start()),
                spell(*range.end())
            ));
        }
        Ok(duration)
    }
}

/// As it is written in the file.
pub fn spell(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "0s".to_owned(),
        // One day is 24h: nobody reads it twice.
        millis if millis % 86_400_000 == 0 && millis > 86_400_000 => {
            format!("{}d", millis / 86_400_000)
        }
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

/// A web address without a password in it.
pub fn url(value: &Value) -> Result<Url, String> {
    let text = text(value)?;
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    // Not repeated until it is known to carry no password.
    let Some(url) = url else {
        return Err("is not a web address; begin it with https:// or http://".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or a password; write it without".to_owned());
    }
    Ok(url)
}

/// Whether an address is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A JSON pointer (RFC 6901).
pub fn pointer(value: &Value) -> Result<String, String> {
    let pointer = text(value)?;
    let escaped = pointer
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    if !pointer.starts_with('/') || !escaped {
        return Err(format!(
            "{pointer:?} is not a JSON pointer; write the way to the value like \"/build/sha\""
        ));
    }
    Ok(pointer)
}

/// The name of a header.
pub fn header(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if !name.chars().all(fits) {
        return Err(format!(
            "{name:?} is not the name of a header; write it like \"x-release\""
        ));
    }
    Ok(name)
}

/// What the word stands for.
pub fn choice<T: Copy>(value: &Value, choices: &[(&'static str, T)]) -> Result<T, String> {
    let words: Vec<&'static str> = choices.iter().map(|(word, _)| *word).collect();
    let written = text(value)?;
    // Only for what it says of a word that is none of them.
    one_of(&written, &words)?;
    let found = choices.iter().find(|(word, _)| *word == written);
    found
        .map(|(_, choice)| *choice)
        .ok_or_else(|| format!("{written:?} is not known"))
}

/// The word itself, if it is a known one.
pub fn one_of(word: &str, known: &[&'static str]) -> Result<&'static str, String> {
    let found = known.iter().find(|known| **known == word);
    found.copied().ok_or_else(|| {
        let choices: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let advice =
            did_you_mean(word, known).unwrap_or_else(|| format!("write {}", choices.join(" or ")));
        format!("{word:?} is not known; {advice}")
    })
}

/// What is wrong with a value that is not what was wanted, as a clause.
pub fn wrong_type(value: &Value, wanted: &str) -> String {
    let kind = match value {
        Value::String(_) => "text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    };
    format!("is {kind}; write {wanted}")
}

/// `key` under `path`, in quotes where TOML would need them.
pub fn dotted(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    let key = if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// What was probably meant by `word`, as a clause.
pub fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let nearest = rollback_domain::grammar::nearest(word, known.iter().copied())?;
    // A short word is near to many: it must at least begin like the other.
    if word.len() < 5 && word.chars().next() != nearest.chars().next() {
        return None;
    }
    Some(format!("did you mean {nearest:?}?"))
}
