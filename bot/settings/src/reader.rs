//! Walking the file so that every mistake is found: sections and keys.

use crate::{
    Secret,
    kinds::check_token,
    mistakes::{Mistake, Mistakes, not_toml},
    values::{did_you_mean, dotted, url, wrong_type},
};
use std::{cell::RefCell, fmt, io, path::Path};
use toml::{Table, Value};
use url::Url;

/// Looks up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the file that a `"file:PATH"` names.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What reading needs besides the file, and what it found wrong.
pub struct Reader<'a> {
    env: Env<'a>,
    read_file: ReadFile<'a>,
    reserved: &'a [&'a str],
    mistakes: RefCell<Vec<Mistake>>,
    warnings: RefCell<Vec<String>>,
}

/// Gives what `read` makes of a file in TOML, and what is allowed in it but probably not meant; or
/// every mistake in it.
///
/// `reserved` are the names that nothing may have. Nothing is taken from the world but through
/// `env` and `read_file`.
pub fn read<T>(
    text: &str,
    env: Env<'_>,
    read_file: ReadFile<'_>,
    reserved: &[&str],
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<(T, Vec<String>), Mistakes> {
    let table = text
        .parse::<Table>()
        .map_err(|error| not_toml(text, error))?;
    let reader = Reader {
        env,
        read_file,
        reserved,
        mistakes: RefCell::default(),
        warnings: RefCell::default(),
    };
    let read = read(&reader.section("", &table));
    let mistakes = reader.mistakes.into_inner();
    match read {
        Some(read) if mistakes.is_empty() => Ok((read, reader.warnings.into_inner())),
        Some(_) | None => Err(Mistakes(mistakes)),
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("mistakes", &self.mistakes)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

impl Reader<'_> {
    /// Records what is wrong with the key of this full path.
    pub fn mistake(&self, key: String, problem: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            key,
            problem: problem.into(),
        });
    }

    /// Records what is allowed but probably not meant.
    pub fn warn(&self, key: &str, problem: impl fmt::Display) {
        self.warnings.borrow_mut().push(format!("{key}: {problem}"));
    }

    /// What `read` gives, unless it found a mistake: what would follow from it is then not known,
    /// and nothing is said about it.
    pub fn sound<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let before = self.mistakes.borrow().len();
        let read = read();
        (self.mistakes.borrow().len() == before).then_some(read)
    }

    /// What `read` asks for is a key that may be there, whatever is wrong with it.
    pub fn without_mistakes(&self, read: impl FnOnce()) {
        let (mistakes, warnings) = (self.mistakes.borrow().len(), self.warnings.borrow().len());
        read();
        self.mistakes.borrow_mut().truncate(mistakes);
        self.warnings.borrow_mut().truncate(warnings);
    }

    fn section<'a>(&'a self, path: &str, table: &'a Table) -> Section<'a> {
        Section {
            reader: self,
            path: path.to_owned(),
            table: Some(table),
            asked: RefCell::default(),
        }
    }

    fn secret(&self, value: &Value) -> Result<Secret, String> {
        let (secret, whence) = self.stored(value)?;
        match secret.contains(char::is_control) {
            true => Err(format!(
                "{whence} holds more than one line; keep only the secret in it"
            )),
            false => Ok(Secret::new(secret)),
        }
    }

    fn document(&self, value: &Value) -> Result<Secret, String> {
        self.stored(value).map(|(text, _)| Secret::new(text))
    }

    fn pem(&self, value: &Value) -> Result<Secret, String> {
        let (text, whence) = self.stored(value)?;
        match text.starts_with("-----BEGIN ") {
            true => Ok(Secret::new(text)),
            false => Err(format!(
                "{whence} is not PEM: it has to begin with -----BEGIN"
            )),
        }
    }

    /// What `"env:NAME"` or `"file:PATH"` stands for, and what that was, for people.
    fn stored(&self, value: &Value) -> Result<(String, String), String> {
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
            secret => Ok((secret.to_owned(), whence)),
        }
    }
}

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// One table of the file, and which of its keys were asked for.
///
/// A reader asks for all its keys before giving up on any of them, so that all mistakes
/// are found: `?` only after that. [`Section::done`] then refuses what nobody asked for.
#[derive(Debug)]
pub struct Section<'a> {
    reader: &'a Reader<'a>,
    path: String,
    /// `None` when the file does not have it: then all its keys are missing.
    table: Option<&'a Table>,
    asked: RefCell<Vec<String>>,
}

/// Whether a list may have the same thing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeats {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

impl<'a> Section<'a> {
    /// What reads the file.
    pub fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    /// Its own full path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its keys and values as they are written; `None` when the file does not have it.
    pub fn table(&self) -> Option<&'a Table> {
        self.table
    }

    /// The full path of one of its keys.
    pub fn key(&self, key: &str) -> String {
        dotted(&self.path, key)
    }

    /// Records what is wrong with one of its keys.
    pub fn mistake(&self, key: &str, problem: impl Into<String>) {
        self.reader.mistake(self.key(key), problem);
    }

    /// Records what is wrong with all of it.
    pub fn mistake_here(&self, problem: impl Into<String>) {
        self.reader.mistake(self.path.clone(), problem);
    }

    /// The keys that it has.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table
            .into_iter()
            .flat_map(Table::keys)
            .map(String::as_str)
    }

    /// Whether it has nothing but sections in it.
    pub fn holds_only_sections(&self) -> bool {
        self.table
            .into_iter()
            .flat_map(Table::values)
            .all(Value::is_table)
    }

    /// What stands under a key, as it is written. The key is one that may be there.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
        self.table?.get(key)
    }

    /// What `read` makes of a key; `None` when it is not there, or when `read` says what is wrong.
    pub fn optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        read(self.get(key)?)
            .map_err(|problem| self.mistake(key, problem))
            .ok()
    }

    /// The same, with what holds when it is not there.
    pub fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// A web address, with the one that holds when it is not there.
    pub fn url_or(&self, key: &str, default: &str) -> Option<Url> {
        match self.get(key) {
            Some(_) => self.optional(key, url),
            None => Url::parse(default).ok(),
        }
    }

    /// What `read` makes of a key that must be there; `example` is a value that it could have.
    pub fn required<T>(
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

    /// A list that must be there, with at least one thing in it.
    pub fn list<T>(
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
    pub fn optional_list<T>(
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
    pub fn any_list<T>(
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
    pub fn section(&self, key: &str) -> Option<Section<'a>> {
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
    pub fn sections(&self, key: &str) -> Option<Vec<Section<'a>>> {
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

    /// What `"env:NAME"` or `"file:PATH"` stands for. No problem it reports repeats the value:
    /// that may be the secret itself.
    pub fn secret(&self, value: &Value) -> Result<Secret, String> {
        self.reader.secret(value)
    }

    /// The same, for a certificate or a key, which has many lines.
    pub fn pem(&self, value: &Value) -> Result<Secret, String> {
        self.reader.pem(value)
    }

    /// The same, for a document with secrets in it, which has many lines.
    pub fn document(&self, value: &Value) -> Result<Secret, String> {
        self.reader.document(value)
    }

    /// The same, for a token of `owner`'s that has no look of its own.
    pub fn token(&self, value: &Value, owner: &str) -> Result<Secret, String> {
        let secret = self.secret(value)?;
        check_token(secret.expose(), owner)?;
        Ok(secret)
    }

    /// Checks that people can write `name` in a command.
    pub fn check_name(&self, name: &str) {
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
    pub fn done(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for key in self.keys().filter(|key| !known.contains(key)) {
            let advice = did_you_mean(key, &known)
                .unwrap_or_else(|| format!("remove it, or use one of {}", known.join(", ")));
            self.mistake(key, format!("is not a key here; {advice}"));
        }
    }
}
