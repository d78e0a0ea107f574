//! Where in an answer what stands: pointers, patterns and conditions.

use regex::Regex;
use rollback_http::{NotJson, cut, json, one_line};
use rollback_settings::{Section, Value as Setting, pointer, text, wrong_type};
use serde_json::{Value, json};

/// How much of an answer is quoted when it does not fit, in characters.
const SEEN_AT_MOST: usize = 160;
/// The most rows that are taken of an answer.
pub(crate) const ROWS_AT_MOST: usize = 200;

/// An answer that is not what the configuration says: what was expected, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    expected: String,
    seen: String,
}

impl Misfit {
    pub(crate) fn new(expected: impl Into<String>, seen: &str) -> Self {
        let seen = match seen.trim_start() {
            "" => "nothing".to_owned(),
            page if page.starts_with('<') => "a page for people".to_owned(),
            // No markup of others gets into a sentence.
            seen => cut(&one_line(seen), SEEN_AT_MOST).replace('<', "‹"),
        };
        Self {
            expected: expected.into(),
            seen,
        }
    }

    /// As a clause: "expected a list at /deploys, seen: {"code":401}".
    pub(crate) fn clause(&self) -> String {
        format!("expected {}, seen: {}", self.expected, self.seen)
    }
}

/// An output as a document: JSON, JSON line by line, or lines, each as `{"line": …}`.
pub(crate) fn document_of_output(output: &str) -> Result<Value, Misfit> {
    let lines = || output.lines().filter(|line| !line.trim().is_empty());
    match output.trim_start().chars().next() {
        Some('{' | '[') => {}
        // Whatever it is a page about, it is no list.
        Some('<') => return Err(Misfit::new("JSON or lines", output)),
        Some(_) | None => {
            return Ok(lines()
                .map(|line| json!({ "line": line.trim_end() }))
                .collect());
        }
    }
    match json(output.as_bytes()) {
        Err(NotJson::Malformed) => {
            let rows: Result<Vec<Value>, NotJson> = lines()
                .take(ROWS_AT_MOST)
                .map(|line| json(line.as_bytes()))
                .collect();
            match rows {
                Ok(rows) => Ok(Value::Array(rows)),
                Err(error) => Err(Misfit::new(format!("JSON, but {error}"), output)),
            }
        }
        read => read.map_err(|error| Misfit::new(format!("JSON, but {error}"), output)),
    }
}

/// An answer's body as a document.
pub(crate) fn document_of_body(body: &str) -> Result<Value, Misfit> {
    json(body.as_bytes()).map_err(|error| Misfit::new(format!("JSON, but {error}"), body))
}

/// The rows at the first of these pointers at which there is a list. Nothing is a pointer to the
/// whole document, which may also be the one row.
pub(crate) fn rows<'a>(document: &'a Value, at: &[String]) -> Result<Vec<&'a Value>, Misfit> {
    let list = |at: &String| document.pointer(at)?.as_array();
    if let Some(rows) = at.iter().find_map(list) {
        return Ok(rows.iter().take(ROWS_AT_MOST).collect());
    }
    if document.is_object() && at.iter().all(String::is_empty) {
        return Ok(vec![document]);
    }
    let place = match at.first().map(String::as_str) {
        None | Some("") => String::new(),
        Some(at) => format!(" at {at}"),
    };
    Err(Misfit::new(format!("a list{place}"), &document.to_string()))
}

/// Reads where rows may be: a pointer, or several of which the first counts that has a list.
pub(crate) fn read_places(value: &Setting) -> Result<Vec<String>, String> {
    match value {
        Setting::Array(places) => places.iter().map(pointer_or_all).collect(),
        value => Ok(vec![pointer_or_all(value)?]),
    }
}

/// A value in a row or a document.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Where it may stand; the first that is there counts.
    at: Vec<String>,
    /// What is taken of it: the first group of a match, or the whole match. `None`: all of it.
    pattern: Option<Regex>,
    /// What is written before it: "v".
    prefix: String,
}

impl Field {
    /// The value that stands at the first of these pointers.
    pub(crate) fn at(pointers: &[&str]) -> Self {
        Self {
            at: pointers.iter().map(ToString::to_string).collect(),
            pattern: None,
            prefix: String::new(),
        }
    }

    /// Reads one: a pointer, or `{ at = …, match = …, prefix = … }`.
    pub(crate) fn read(value: &Setting) -> Result<Self, String> {
        let Setting::Table(table) = value else {
            return Ok(Self {
                at: read_places(value)?,
                pattern: None,
                prefix: String::new(),
            });
        };
        const KEYS: [&str; 3] = ["at", "match", "prefix"];
        if let Some(other) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!(
                "has the key {other}; write {{ at = …, match = …, prefix = … }}"
            ));
        }
        let at = match table.get("at") {
            Some(at) => read_places(at)?,
            // A line of an output that is no JSON.
            None => vec!["/line".to_owned()],
        };
        let pattern = table.get("match").map(|value| {
            Regex::new(&text(value)?).map_err(|error| {
                let error = one_line(&error.to_string());
                format!("has a match that is not a regular expression ({error})")
            })
        });
        Ok(Self {
            at,
            pattern: pattern.transpose()?,
            prefix: table
                .get("prefix")
                .map(text)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// Whether rows are told apart by it: one that does not match has no value.
    pub(crate) fn selects(&self) -> bool {
        self.pattern.is_some()
    }

    /// Where it stands, for people.
    pub(crate) fn place(&self) -> String {
        match self.at.first().map(String::as_str) {
            None | Some("") => "as the value itself".to_owned(),
            Some(at) => format!("at {at}"),
        }
    }

    /// Whether a document has the first thing on the way to it, be it null: one that has not is
    /// another document.
    pub(crate) fn fits(&self, document: &Value) -> bool {
        self.at.iter().any(|at| match at.get(1..) {
            None => true,
            Some(way) => document.get(way.split('/').next().unwrap_or(way)).is_some(),
        })
    }

    /// The value as text; `None` when there is none.
    pub(crate) fn of(&self, row: &Value) -> Option<String> {
        let text = self.at.iter().find_map(|at| text_of(row.pointer(at)?))?;
        let text = match &self.pattern {
            None => text,
            Some(pattern) => {
                let found = pattern.captures(&text)?;
                found.get(1).or(found.get(0))?.as_str().to_owned()
            }
        };
        (!text.trim().is_empty()).then(|| format!("{}{text}", self.prefix))
    }
}

/// A pointer, or nothing for the value itself.
fn pointer_or_all(value: &Setting) -> Result<String, String> {
    match value {
        Setting::String(all) if all.is_empty() => Ok(String::new()),
        value => pointer(value),
    }
}

/// What a value is as text. Neither a list nor an object is one.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What has to stand at some places, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition(Vec<(String, Wanted)>);

/// What a value has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// Something.
    Any,
    /// One of these.
    OneOf(Vec<String>),
    /// Something else than this.
    Not(String),
}

impl Wanted {
    /// Reads it: a value, a list of values, `"*"` for any, or `"!failed"` for any other.
    fn read(value: &Setting) -> Result<Self, String> {
        match value {
            Setting::String(any) if any == "*" => Ok(Wanted::Any),
            Setting::String(text) if text.starts_with('!') => Ok(Wanted::Not(text[1..].to_owned())),
            Setting::Array(values) => {
                let values: Result<Vec<String>, String> = values.iter().map(plain).collect();
                Ok(Wanted::OneOf(values?))
            }
            value => Ok(Wanted::OneOf(vec![plain(value)?])),
        }
    }

    fn fits(&self, value: Option<&str>) -> bool {
        match self {
            Wanted::Any => value.is_some_and(|value| !value.is_empty()),
            Wanted::OneOf(values) => {
                value.is_some_and(|value| values.iter().any(|one| one == value))
            }
            Wanted::Not(other) => value.is_some_and(|value| value != other),
        }
    }
}

fn plain(value: &Setting) -> Result<String, String> {
    match value {
        Setting::String(text) => Ok(text.clone()),
        Setting::Boolean(flag) => Ok(flag.to_string()),
        Setting::Integer(number) => Ok(number.to_string()),
        other => Err(wrong_type(
            other,
            "text, a whole number, true, false, or a list of these",
        )),
    }
}

impl Condition {
    /// That something stands at this pointer.
    pub(crate) fn any_at(at: &str) -> Self {
        Self(vec![(at.to_owned(), Wanted::Any)])
    }

    /// Reads it: `{ "/status" = ["ready", "live"], "/branch" = "main" }`.
    pub(crate) fn read(value: &Setting) -> Result<Self, String> {
        let Setting::Table(table) = value else {
            return Err(wrong_type(value, "{ \"/status\" = [\"ready\"] }"));
        };
        let parts = table.iter().map(|(at, wanted)| {
            let at = pointer(&Setting::String(at.clone()))?;
            Ok((at, Wanted::read(wanted)?))
        });
        Ok(Self(parts.collect::<Result<_, String>>()?))
    }

    /// Whether all of it holds.
    pub(crate) fn holds(&self, row: &Value) -> bool {
        self.unfit(row).is_none()
    }

    /// The first that does not hold: where, and what stands there.
    pub(crate) fn unfit(&self, row: &Value) -> Option<String> {
        let value_at = |at: &String| row.pointer(at).and_then(text_of);
        let (at, _) = self
            .0
            .iter()
            .find(|(at, wanted)| !wanted.fits(value_at(at).as_deref()))?;
        let name = at.rsplit('/').next().unwrap_or(at);
        Some(match value_at(at) {
            Some(value) => format!("its {name} is {}", cut(&one_line(&value), 60)),
            None => format!("it has no {name}"),
        })
    }

    /// The values that it looks at, as a clause.
    pub(crate) fn values(&self, row: &Value) -> String {
        let values = self
            .0
            .iter()
            .filter_map(|(at, _)| row.pointer(at).and_then(text_of));
        cut(&one_line(&values.collect::<Vec<_>>().join(" ")), 120)
    }
}

/// Reads a switch at a pointer: on, off, or not known.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    at: Field,
    on: Wanted,
    /// `None`: everything that is not on.
    off: Option<Wanted>,
}

impl Switch {
    /// The switch of an answer in our own shape.
    pub(crate) fn own() -> Self {
        Self {
            at: Field::at(&["/pin"]),
            on: Wanted::OneOf(vec!["on".into()]),
            off: Some(Wanted::OneOf(vec!["off".into()])),
        }
    }

    /// Reads `at`, `on` and `off` of a section.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let at = section.required("at", "\"/locked\"", Field::read);
        let on = section.required("on", "true", Wanted::read);
        let off = section.optional("off", Wanted::read);
        Some(Self {
            at: at?,
            on: on?,
            off,
        })
    }

    /// Whether it is on; `None`: that cannot be told.
    pub(crate) fn is_on(&self, document: &Value) -> Option<bool> {
        let value = self.at.of(document);
        let value = value.as_deref();
        match (&self.off, self.on.fits(value)) {
            (_, true) => Some(true),
            (None, false) => Some(false),
            (Some(off), false) => off.fits(value).then_some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(text: &str) -> Setting {
        let table: rollback_settings::Table = format!("it = {text}").parse().unwrap();
        table["it"].clone()
    }

    #[test]
    fn a_field_is_what_stands_there_or_a_part_of_it() {
        let row = json!({"id": 7, "name": "Rollback to 3", "off": false, "list": []});
        let read = |text: &str| Field::read(&setting(text)).unwrap().of(&row);
        assert_eq!(read("\"/id\"").as_deref(), Some("7"));
        assert_eq!(read("\"/off\"").as_deref(), Some("false"));
        assert_eq!(
            read("{ at = \"/name\", match = 'to (\\d+)$' }").as_deref(),
            Some("3")
        );
        assert_eq!(read("{ at = \"/name\", match = '^\\d' }"), None);
        assert_eq!(
            read("{ at = [\"/nothing\", \"/id\"], prefix = \"v\" }").as_deref(),
            Some("v7")
        );
        assert_eq!(read("\"/list\""), None);
        assert_eq!(read("\"/nothing\""), None);
        let mistake = Field::read(&setting("{ at = \"/name\", match = '(' }")).unwrap_err();
        assert!(mistake.contains("is not a regular expression"), "{mistake}");
        assert!(
            Field::read(&setting("\"id\""))
                .unwrap_err()
                .contains("not a JSON pointer")
        );
    }

    #[test]
    fn a_condition_names_what_does_not_hold() {
        let condition = setting("{ \"/status\" = [\"ready\", \"live\"], \"/size\" = \"*\" }");
        let condition = Condition::read(&condition).unwrap();
        assert!(condition.holds(&json!({"status": "live", "size": 3})));
        assert_eq!(
            condition
                .unfit(&json!({"status": "failed", "size": 3}))
                .as_deref(),
            Some("its status is failed")
        );
        assert_eq!(
            condition.unfit(&json!({"status": "live"})).as_deref(),
            Some("it has no size")
        );
        let condition = Condition::read(&setting("{ \"/status\" = \"!failed\" }")).unwrap();
        assert!(condition.holds(&json!({"status": "complete"})));
        assert!(!condition.holds(&json!({"status": "failed"})) && !condition.holds(&json!({})));
    }

    #[test]
    fn an_output_is_json_or_json_line_by_line_or_lines() {
        let read = |text: &str| document_of_output(text).unwrap();
        assert_eq!(read("[1, 2]"), json!([1, 2]));
        assert_eq!(
            read("{\"a\":1}\n\n{\"a\":2}\n"),
            json!([{"a": 1}, {"a": 2}])
        );
        assert_eq!(
            read("1.10\nv2\n"),
            json!([{"line": "1.10"}, {"line": "v2"}])
        );
        assert_eq!(read(""), json!([]));
        let misfit = document_of_output("{\"a\": tru").unwrap_err();
        assert_eq!(
            misfit.clause(),
            "expected JSON, but it is not JSON, seen: {\"a\": tru"
        );
    }

    #[test]
    fn what_does_not_fit_is_quoted_within_bounds_and_without_markup() {
        let misfit = document_of_body("<html>Please log in</html>").unwrap_err();
        assert_eq!(
            misfit.clause(),
            "expected JSON, but it is not JSON, seen: a page for people"
        );
        let document = json!({"message": "x".repeat(1_000)});
        let misfit = rows(&document, &["/deploys".into()]).unwrap_err().clause();
        assert!(misfit.starts_with("expected a list at /deploys, seen: {\"message\":\"xx"));
        assert!(misfit.chars().count() < 250);
    }
}
