//! Walking the file so that every mistake is found: sections, keys, and what a value can be.

use super::{Env, Mistake, Mistakes, ReadFile, Secret};
use rollback_domain::risk::Risk;
use std::{cell::RefCell, fmt, ops::RangeInclusive, path::Path, time::Duration};
use toml::{Table, Value};
use url::{Host, Url};

/// What reading needs besides the file, and what it found wrong.
pub(super) struct Reader<'a> {
    pub(super) env: Env<'a>,
    pub(super) read_file: ReadFile<'a>,
    pub(super) reserved: &'a [&'a str],
    pub(super) mistakes: RefCell<Vec<Mistake>>,
    pub(super) warnings: RefCell<Vec<String>>,
}

impl Reader<'_> {
    pub(super) fn mistake(&self, key: String, problem: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            key,
            problem: problem.into(),
        });
    }

    /// What is allowed but probably not meant.
    pub(super) fn warn(&self, key: &str, problem: impl fmt::Display) {
        self.warnings.borrow_mut().push(format!("{key}: {problem}"));
    }

    /// What `read` gives, unless it found a mistake: what would follow from it is then not known,
    /// and nothing is said about it.
    pub(super) fn sound<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let before = self.mistakes.borrow().len();
        let read = read();
        (self.mistakes.borrow().len() == before).then_some(read)
    }

    pub(super) fn section<'a>(&'a self, path: &str, table: &'a Table) -> Section<'a> {
        Section {
            reader: self,
            path: path.to_owned(),
            table: Some(table),
            asked: RefCell::default(),
        }
    }

    /// What `"env:NAME"` or `"file:PATH"` stands for. No problem it reports repeats the value:
    /// that may be the secret itself.
    pub(super) fn secret(&self, value: &Value) -> Result<Secret, String> {
        const HOW: &str = "write \"env:NAME\" or \"file:PATH\"";
        let Value::String(text) = value else {
            return Err(wrong_type(
                value,
                "text in quotes, \"env:NAME\" or \"file:PATH\"",
            ));
        };
        let (secret, whence) = if let Some(name) = text.strip_prefix("env:") {
            if !is_variable(name) {
                return Err(
                    "what follows env: is not the name of an environment variable; write it like \
                     \"env:SLACK_BOT_TOKEN\""
                        .to_owned(),
                );
            }
            let whence = format!("environment variable {name}");
            let Some(secret) = (self.env)(name) else {
                return Err(format!("{whence} is not set"));
            };
            (secret, whence)
        } else if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() {
                return Err(format!("names no file; {HOW}"));
            }
            let secret = (self.read_file)(Path::new(path))
                .map_err(|error| format!("file {path} cannot be read: {error}"))?;
            (secret, format!("file {path}"))
        } else {
            return Err(format!("a secret does not belong in this file; {HOW}"));
        };
        match secret.trim() {
            "" => Err(format!("{whence} is empty")),
            secret if secret.contains(char::is_control) => Err(format!(
                "{whence} holds more than one line; keep only the secret in it"
            )),
            secret => Ok(Secret::new(secret)),
        }
    }
}

/// One table of the file, and which of its keys were asked for.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) path: String,
    /// None when the file does not have it: then all its keys are missing.
    pub(super) table: Option<&'a Table>,
    pub(super) asked: RefCell<Vec<String>>,
}

#[derive(PartialEq)]
pub(super) enum Repeats {
    Allowed,
    Refused,
}

impl<'a> Section<'a> {
    pub(super) fn key(&self, key: &str) -> String {
        dotted(&self.path, key)
    }

    pub(super) fn mistake(&self, key: &str, problem: impl Into<String>) {
        self.reader.mistake(self.key(key), problem);
    }

    pub(super) fn mistake_here(&self, problem: impl Into<String>) {
        self.reader.mistake(self.path.clone(), problem);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table
            .into_iter()
            .flat_map(Table::keys)
            .map(String::as_str)
    }

    pub(super) fn holds_only_sections(&self) -> bool {
        self.table
            .into_iter()
            .flat_map(Table::values)
            .all(Value::is_table)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
        self.table?.get(key)
    }

    pub(super) fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        read(self.get(key)?)
            .map_err(|problem| self.mistake(key, problem))
            .ok()
    }

    pub(super) fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    pub(super) fn url_or(&self, key: &str, default: &str) -> Option<Url> {
        match self.get(key) {
            Some(_) => self.optional(key, url),
            None => Url::parse(default).ok(),
        }
    }

    pub(super) fn required<T>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            self.mistake(key, format!("is missing; write {key} = {example}"));
        }
        self.optional(key, read)
    }

    /// A list with at least one thing in it.
    pub(super) fn list<T>(
        &self,
        key: &str,
        example: &str,
        repeats: Repeats,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        if self.get(key).is_none() {
            self.mistake(key, format!("is missing; write {key} = [{example}]"));
        }
        self.optional_list(key, example, repeats, read)
    }

    /// The same, where it may be left out.
    pub(super) fn optional_list<T>(
        &self,
        key: &str,
        example: &str,
        repeats: Repeats,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        if let Some(Value::Array(values)) = self.get(key)
            && values.is_empty()
        {
            self.mistake(key, format!("is empty; write {key} = [{example}]"));
            return None;
        }
        self.any_list(key, example, repeats, read)
    }

    /// The same, where it may also have nothing in it.
    pub(super) fn any_list<T>(
        &self,
        key: &str,
        example: &str,
        repeats: Repeats,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let values = match self.get(key)? {
            Value::Array(values) => values,
            other => {
                self.mistake(
                    key,
                    wrong_type(other, &format!("a list: {key} = [{example}]")),
                );
                return None;
            }
        };
        let mut read_values = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let here = format!("{}[{index}]", self.key(key));
            let first = values.iter().position(|other| other == value);
            if repeats == Repeats::Refused && first != Some(index) {
                self.reader
                    .mistake(here, "is in the list twice; remove one of the two");
                continue;
            }
            match read(value) {
                Ok(value) => read_values.push(value),
                Err(problem) => self.reader.mistake(here, problem),
            }
        }
        Some(read_values)
    }

    /// The section under `key`; empty when the file does not have it.
    pub(super) fn section(&self, key: &str) -> Option<Section<'a>> {
        let path = self.key(key);
        let table = match self.get(key) {
            None => None,
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                let problem = wrong_type(other, &format!("a section: [{path}]"));
                self.reader.mistake(path, problem);
                return None;
            }
        };
        Some(Section {
            reader: self.reader,
            path,
            table,
            asked: RefCell::default(),
        })
    }

    /// The repeated sections under `key`, `[[…]]` each.
    pub(super) fn sections(&self, key: &str) -> Option<Vec<Section<'a>>> {
        let path = self.key(key);
        let Some(value) = self.get(key) else {
            return Some(Vec::new());
        };
        let tables: Option<Vec<&Table>> = value
            .as_array()
            .and_then(|values| values.iter().map(Value::as_table).collect());
        let Some(tables) = tables else {
            let problem = format!("can be repeated; write it with two brackets, [[{path}]]");
            self.reader.mistake(path, problem);
            return None;
        };
        let sections = tables.into_iter().enumerate();
        Some(
            sections
                .map(|(index, table)| self.reader.section(&format!("{path}[{index}]"), table))
                .collect(),
        )
    }

    /// Checks that people can write `name` in a command.
    pub(super) fn check_name(&self, name: &str) {
        let mut letters = name.chars();
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let fits = letters.next().is_some_and(plain)
            && letters.all(|letter| plain(letter) || "._-".contains(letter))
            && name.len() <= 63;
        if !fits {
            self.mistake(
                name,
                "is not a possible name; use at most 63 of a-z, 0-9, \".\", \"_\" and \"-\", \
                 beginning with a letter or a digit",
            );
        } else if self.reader.reserved.contains(&name) {
            self.mistake(name, "is a word of the /rollback command; use another name");
        }
    }

    /// Refuses what nobody asked for: a mistyped key would otherwise be a default in silence.
    pub(super) fn done(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for key in self.keys().filter(|key| !known.contains(key)) {
            let advice = did_you_mean(key, &known)
                .unwrap_or_else(|| format!("remove it, or use one of {}", known.join(", ")));
            self.mistake(key, format!("is not a key here; {advice}"));
        }
    }
}

// What a value can be. Each says what is wrong with one that cannot.

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err("is empty; write something between the quotes, or remove it".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_type(other, "text in quotes")),
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| wrong_type(value, "true or false, without quotes"))
}

pub(super) fn number<T: TryFrom<i64>>(
    value: &Value,
    range: RangeInclusive<i64>,
) -> Result<T, String> {
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

pub(super) fn duration(
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
pub(super) fn spell(duration: Duration) -> String {
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

pub(super) fn url(value: &Value) -> Result<Url, String> {
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

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// SQLite and a Postgres without a password may stand in the file; everything else is a secret.
pub(super) fn database_url(reader: &Reader<'_>, value: &Value) -> Result<Secret, String> {
    let is_sqlite = |text: &str| text.starts_with("sqlite:");
    let is_postgres =
        |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    let written = text(value)?;
    if is_sqlite(&written) {
        return Ok(Secret::new(written));
    }
    if is_postgres(&written) {
        let open = Url::parse(&written).ok().filter(|url| {
            url.password().is_none() && url.query_pairs().all(|(key, _)| key != "password")
        });
        return match open {
            Some(_) => Ok(Secret::new(written)),
            None => Err(
                "a password does not belong in this file; put the whole address into the environment \
                 and write \"env:DATABASE_URL\""
                    .to_owned(),
            ),
        };
    }
    let whence = written.split(':').next();
    if !matches!(whence, Some("env" | "file")) {
        return Err(
            "is not a database this bot knows; write \"sqlite://rollback-bot.db\", or \
             \"env:DATABASE_URL\" for Postgres"
                .to_owned(),
        );
    }
    let url = reader.secret(value)?;
    if !is_sqlite(url.expose()) && !is_postgres(url.expose()) {
        return Err(format!(
            "what {written:?} stands for does not begin with postgres:// or sqlite://"
        ));
    }
    Ok(url)
}

pub(super) fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The id of a person.
pub(super) fn member(value: &Value) -> Result<String, String> {
    let what = "a member id; copy it from the person's Slack profile, it looks like \"U0123ABCD\"";
    slack_id(value, &['U', 'W'], what)
}

/// An id that begins with one of `kinds`; `what` names it and tells where to find it.
pub(super) fn slack_id(value: &Value, kinds: &[char], what: &str) -> Result<String, String> {
    let id = text(value)?;
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if id.len() < 2 || !id.starts_with(kinds) || !id.chars().all(fits) {
        return Err(format!("{id:?} is not {what}"));
    }
    Ok(id)
}

/// The last part of the address of `what` in PagerDuty. Not all of them begin with a P.
pub(super) fn pagerduty_id(value: &Value, what: &str) -> Result<String, String> {
    let id = text(value)?;
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if id.len() < 2 || !id.chars().all(fits) {
        return Err(format!(
            "{id:?} is not the id of {what}; copy it from the end of its address in PagerDuty, it \
             looks like \"P123ABC\""
        ));
    }
    Ok(id)
}

/// The name of a role that there is.
pub(super) fn role_name(value: &Value, roles: &[&str]) -> Result<String, String> {
    let role = text(value)?;
    if roles.contains(&role.as_str()) {
        return Ok(role);
    }
    let otherwise = format!("write [{}] with its members", dotted("roles", &role));
    Err(format!(
        "there is no role {role:?}; {}",
        did_you_mean(&role, roles).unwrap_or(otherwise)
    ))
}

/// What the word stands for.
pub(super) fn choice<T: Copy>(value: &Value, choices: &[(&'static str, T)]) -> Result<T, String> {
    let words: Vec<&'static str> = choices.iter().map(|(word, _)| *word).collect();
    let written = text(value)?;
    // Only for what it says of a word that is none of them.
    one_of(&written, &words)?;
    let found = choices.iter().find(|(word, _)| *word == written);
    found
        .map(|(_, choice)| *choice)
        .ok_or_else(|| format!("{written:?} is not known"))
}

/// A class of plans.
pub(super) fn class(value: &Value) -> Result<Risk, String> {
    choice(value, &Risk::ALL.map(|class| (class.name(), class)))
}

pub(super) fn pointer(value: &Value) -> Result<String, String> {
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

pub(super) fn header(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if !name.chars().all(fits) {
        return Err(format!(
            "{name:?} is not the name of a header; write it like \"x-release\""
        ));
    }
    Ok(name)
}

pub(super) fn one_of(word: &str, known: &[&'static str]) -> Result<&'static str, String> {
    let found = known.iter().find(|known| **known == word);
    found.copied().ok_or_else(|| {
        let choices: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let advice =
            did_you_mean(word, known).unwrap_or_else(|| format!("write {}", choices.join(" or ")));
        format!("{word:?} is not known; {advice}")
    })
}

pub(super) fn wrong_type(value: &Value, wanted: &str) -> String {
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
pub(super) fn dotted(path: &str, key: &str) -> String {
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

pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let nearest = rollback_domain::grammar::nearest(word, known.iter().copied())?;
    // A short word is near to many: it must at least begin like the other.
    if word.len() < 5 && word.chars().next() != nearest.chars().next() {
        return None;
    }
    Some(format!("did you mean {nearest:?}?"))
}

/// The first place that is not TOML, without its line: there may be a secret in it.
pub(super) fn not_toml(text: &str, error: toml::de::Error) -> Mistakes {
    // The error at hand need not be the first one, and those after it are often its echo.
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let (_, errors) = toml::de::DeTable::parse_recoverable(text);
    let first = errors.into_iter().min_by_key(start).unwrap_or(error);
    let before = text.get(..start(&first)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .chars()
        .rev()
        .take_while(|letter| *letter != '\n')
        .count()
        + 1;
    Mistakes(vec![Mistake {
        key: format!("line {line}, column {column}"),
        problem: first.message().replace('\n', ", "),
    }])
}
