//! `kind = "flow"`: a short list of requests, each with what the ones before it answered: log in,
//! read the dashboard, create and delete a test order.

use super::{
    Outcome, Probe, name,
    page::{BODY_AT_MOST, Expected, OWN_HEADERS, Page, Request, SECRET_HEADERS, Sent, method},
};
use async_trait::async_trait;
use reqwest::{
    Client, Method,
    header::{HeaderName, HeaderValue},
};
use rollback_settings::{Secret, Section, Value, flag, header, pointer, text, url};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

/// How many steps a flow can have.
const STEPS_AT_MOST: usize = 20;
/// The longest value that is kept of an answer, in bytes.
const VALUE_AT_MOST: usize = 4 << 10;

/// The steps, in order.
#[derive(Clone, Debug)]
struct FlowCheck {
    steps: Vec<Step>,
    /// What the configuration gives to every step, by name.
    secrets: BTreeMap<String, Secret>,
}

/// One request.
#[derive(Clone, Debug)]
struct Step {
    name: String,
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    body_is: Sink,
    expected: Expected,
    captures: Vec<(String, Place)>,
    /// Whether it is also made when a step before it has failed.
    always: bool,
}

/// Where in an answer a value stands.
#[derive(Clone, Debug)]
enum Place {
    Json(String),
    Header(String),
    Cookie(String),
}

/// What a value is written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    /// A part of an address or of a form.
    Address,
    /// A string of JSON, or a bare number there.
    Json,
    /// Anything else.
    Text,
}

/// A text with the names of values in it, in braces.
#[derive(Clone, Debug)]
struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(String),
}

/// Reads its section.
pub(super) fn read(section: &Section<'_>, _is_watched: bool) -> Option<Arc<dyn Probe>> {
    Some(Arc::new(FlowCheck::read(section)?))
}

#[async_trait]
impl Probe for FlowCheck {
    async fn probe(&self, http: &Client, within: Duration) -> Outcome {
        Outcome::of(self.look(http, within).await)
    }

    fn is_read(&self) -> bool {
        let mut methods = self.steps.iter().map(|step| &step.method);
        methods.all(|method| matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS))
    }
}

impl FlowCheck {
    fn read(section: &Section<'_>) -> Option<Self> {
        let secrets = secrets(section)?;
        let sections = section.sections("steps")?;
        if sections.is_empty() || sections.len() > STEPS_AT_MOST {
            let problem = format!(
                "has {} steps; write 1 to {STEPS_AT_MOST} sections [[{}]]",
                sections.len(),
                section.key("steps")
            );
            section.mistake("steps", problem);
            return None;
        }
        let mut known: Vec<String> = secrets.keys().cloned().collect();
        let mut steps = vec![];
        for section in &sections {
            let step = Step::read(section, &known);
            if let Some(step) = &step {
                known.extend(step.captures.iter().map(|(name, _)| name.clone()));
            }
            section.done();
            steps.push(step);
        }
        let steps: Option<Vec<Step>> = steps.into_iter().collect();
        Some(Self {
            steps: steps?,
            secrets,
        })
    }

    /// Makes one step after the other until one fails. What was seen instead, as a clause.
    async fn look(&self, http: &Client, within: Duration) -> Result<(), String> {
        let began = Instant::now();
        // Time is left for the steps that clean up.
        let cleans_up = self.steps.iter().any(|step| step.always);
        let for_steps = match cleans_up {
            true => within * 3 / 4,
            false => within,
        };
        let mut values = self.secrets.clone();
        let mut problems: Vec<String> = vec![];
        for (n, step) in self.steps.iter().enumerate() {
            let cleans_up = step.always && step.has_its_values(&values);
            if !problems.is_empty() && !cleans_up {
                continue;
            }
            let until = match step.always {
                true => within,
                false => for_steps,
            };
            let left = until.saturating_sub(began.elapsed());
            // In whole milliseconds, as people are told it.
            let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            if let Err(problem) = step.make(http, &mut values, left).await {
                let count = self.steps.len();
                problems.push(format!(
                    "step {} of {count} \"{}\" {problem}",
                    n + 1,
                    step.name
                ));
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems.join(", then ")),
        }
    }
}

/// What the configuration gives to every step, by name.
fn secrets(section: &Section<'_>) -> Option<BTreeMap<String, Secret>> {
    let section = section.section("secrets")?;
    let mut read = BTreeMap::new();
    for name in section.keys() {
        if !is_name(name) {
            section.mistake(name, "is no name of a value; use a-z, 0-9 and \"_\"");
            continue;
        }
        if let Some(secret) = section.optional(name, |value| section.secret(value)) {
            read.insert(name.to_owned(), secret);
        }
    }
    Some(read)
}

impl Step {
    fn read(section: &Section<'_>, known: &[String]) -> Option<Self> {
        let name = section.required("name", "\"log in\"", name);
        let method = section.or("method", Method::GET, method);
        let address = section.required("url", "\"https://shop.example.com/login\"", |value| {
            address(value, known)
        });
        let headers = headers(section, known);
        let body = section.optional("body", |value| {
            let body = Template::parse(&text(value)?, known)?;
            match body.filled_with("").len() > BODY_AT_MOST {
                true => Err(format!("is longer than {} KiB", BODY_AT_MOST >> 10)),
                false => Ok(body),
            }
        });
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            section.mistake("body", "is not sent with GET; add method = \"POST\"");
        }
        let expected = Expected::read(section);
        let captures = captures(section);
        let always = section.or("always", false, flag);
        let headers = headers?;
        let is_form = headers.iter().any(|(name, value)| {
            name == "content-type" && value.filled_with("").contains("x-www-form-urlencoded")
        });
        let is_json =
            |body: &Template| serde_json::from_str::<Json>(&body.filled_with("1")).is_ok();
        let body_is = match &body {
            Some(body) if is_json(body) => Sink::Json,
            Some(_) if is_form => Sink::Address,
            Some(_) | None => Sink::Text,
        };
        Some(Self {
            name: name?,
            method,
            url: address?,
            headers,
            body,
            body_is,
            expected,
            captures: captures?,
            always,
        })
    }

    fn has_its_values(&self, values: &BTreeMap<String, Secret>) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        let mut templates = headers.chain([&self.url]).chain(&self.body);
        templates.all(|template| template.names().all(|name| values.contains_key(name)))
    }

    /// Makes the request, and keeps what it captures.
    async fn make(
        &self,
        http: &Client,
        values: &mut BTreeMap<String, Secret>,
        within: Duration,
    ) -> Result<(), String> {
        if within.is_zero() {
            return Err("was not made, as no time was left".to_owned());
        }
        let url = self.url.fill(values, Sink::Address)?;
        let url = Url::parse(&url).map_err(|_| "has no address with these values".to_owned())?;
        let mut headers = vec![];
        for (name, value) in &self.headers {
            let value = value.fill(values, Sink::Text)?;
            if HeaderValue::from_str(&value).is_err() {
                return Err(format!(
                    "has a value that cannot be sent in the header {name}"
                ));
            }
            headers.push((name.clone(), Secret::new(value)));
        }
        let body = match &self.body {
            Some(body) => Some(Secret::new(body.fill(values, self.body_is)?)),
            None => None,
        };
        // What logs in is as secret as what it logs in with.
        let hidden = values.values().flat_map(|value| {
            let encoded = [Sink::Address, Sink::Json].map(|sink| sink.encode(value.expose()));
            encoded.into_iter().map(Secret::new).chain([value.clone()])
        });
        let request = Request {
            method: self.method.clone(),
            sent: Sent::of(headers, hidden.collect()),
            body,
        };
        let page = request.send(http, &url, within).await?;
        self.expected.compare(&page, &request.sent)?;
        for (name, place) in &self.captures {
            let value = place.find(&page)?;
            match value.as_str() {
                "" | "." | ".." => return Err(format!("answered with nothing to keep as {name}")),
                long if long.len() > VALUE_AT_MOST => {
                    return Err(format!(
                        "answered with more than {} KiB to keep as {name}",
                        VALUE_AT_MOST >> 10
                    ));
                }
                _ => values.insert(name.clone(), Secret::new(value)),
            };
        }
        Ok(())
    }
}

/// An address whose host no value can change.
fn address(value: &Value, known: &[String]) -> Result<Template, String> {
    let template = Template::parse(&text(value)?, known)?;
    let with = |filled: &str| url(&Value::String(template.filled_with(filled)));
    let (one, other) = (with("a")?, with("b")?);
    match one.origin() == other.origin() {
        true => Ok(template),
        false => Err("has a value before its path, where none can stand".to_owned()),
    }
}

fn headers(section: &Section<'_>, known: &[String]) -> Option<Vec<(HeaderName, Template)>> {
    let section = section.section("headers")?;
    let mut read = vec![];
    for key in section.keys() {
        let name = header(&Value::String(key.to_owned()))
            .and_then(|name| HeaderName::try_from(name).map_err(|error| error.to_string()));
        let name = match name {
            Ok(name) if OWN_HEADERS.contains(&name.as_str()) => {
                section.mistake(key, "is set by the request itself; remove it");
                continue;
            }
            Ok(name) => name,
            Err(problem) => {
                section.mistake(key, problem);
                continue;
            }
        };
        let value = section.optional(key, |value| {
            let template = Template::parse(&text(value)?, known)?;
            match SECRET_HEADERS.contains(&name.as_str()) && template.names().next().is_none() {
                true => Err("is a secret, which does not belong in this file; write {name}, and name = \"env:NAME\" under secrets".to_owned()),
                false => Ok(template),
            }
        });
        read.extend(value.map(|value| (name, value)));
    }
    Some(read)
}

fn captures(section: &Section<'_>) -> Option<Vec<(String, Place)>> {
    let section = section.section("capture")?;
    let mut read = vec![];
    for name in section.keys() {
        if !is_name(name) {
            section.mistake(name, "is no name of a value; use a-z, 0-9 and \"_\"");
            continue;
        }
        let place = section.optional(name, |value| {
            let written = text(value)?;
            if let Some(name) = written.strip_prefix("header:") {
                return header(&Value::String(name.to_owned())).map(Place::Header);
            }
            if let Some(name) = written.strip_prefix("cookie:") {
                return header(&Value::String(name.to_owned())).map(Place::Cookie);
            }
            pointer(value).map(Place::Json).map_err(|_| {
                format!("{written:?} is no place in an answer; write a JSON pointer like \"/token\", \"header:location\" or \"cookie:session\"")
            })
        });
        read.extend(place.map(|place| (name.to_owned(), place)));
    }
    Some(read)
}

impl Place {
    fn find(&self, page: &Page) -> Result<String, String> {
        match self {
            Place::Json(pointer) => page.at(pointer),
            Place::Header(name) => page
                .header(name)
                .ok_or_else(|| format!("has no header {name}")),
            Place::Cookie(name) => page
                .cookie(name)
                .ok_or_else(|| format!("sets no cookie {name}")),
        }
    }
}

impl Sink {
    fn encode(self, value: &str) -> String {
        match self {
            Sink::Address => {
                let mut encoded = String::new();
                for byte in value.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                            encoded.push(char::from(byte));
                        }
                        _ => encoded.push_str(&format!("%{byte:02X}")),
                    }
                }
                encoded
            }
            Sink::Json => {
                let quoted = Json::String(value.to_owned()).to_string();
                let inside = quoted.get(1..quoted.len() - 1);
                inside.unwrap_or_default().to_owned()
            }
            Sink::Text => value.to_owned(),
        }
    }
}

impl Template {
    /// Reads one. A brace that opens no name is itself; a name that is not known is a mistake.
    fn parse(written: &str, known: &[String]) -> Result<Self, String> {
        let mut parts = vec![];
        let mut literal = String::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            match after.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    if !known.iter().any(|known| known == name) {
                        return Err(format!(
                            "has {{{name}}}, which no step before captures and secrets does not name"
                        ));
                    }
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(Part::Value(name.to_owned()));
                    rest = after;
                }
                Some(_) | None => {
                    literal.push('{');
                    rest = after;
                }
            }
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        Ok(Self(parts))
    }

    /// The names in it.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(name) => Some(name.as_str()),
        })
    }

    /// With the same text for every value.
    fn filled_with(&self, value: &str) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Value(_) => value,
        });
        parts.collect()
    }

    /// With each value, encoded for where it is written.
    fn fill(&self, values: &BTreeMap<String, Secret>, sink: Sink) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(name) => {
                    let value = values.get(name);
                    let value =
                        value.ok_or_else(|| format!("needs {name}, which was not captured"))?;
                    filled.push_str(&sink.encode(value.expose()));
                }
            }
        }
        Ok(filled)
    }
}

/// Whether values can be called so.
fn is_name(name: &str) -> bool {
    let fits =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
    !name.is_empty() && name.len() <= 40 && name.bytes().all(fits)
}

#[cfg(test)]
mod tests;
