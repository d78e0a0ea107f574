//! A page that is asked for: what is sent besides its address, and what its answer must be.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Client, Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use rollback_http::{Lost, Silence, json, send};
use rollback_settings::{
    Repeats, Secret, Section, Value, choice, header, number, pointer, text, url,
};
use serde_json::Value as Json;
use std::time::Duration;
use url::Url;

/// The largest page that is read, in bytes.
const PAGE_AT_MOST: usize = 1 << 20;
/// How many addresses one check can have.
const ADDRESSES_AT_MOST: usize = 50;
/// How many letters of an answer are repeated to people.
const QUOTED_AT_MOST: usize = 80;
/// The largest body that is sent, in bytes.
pub(super) const BODY_AT_MOST: usize = 64 << 10;
/// Headers that are secret by their name.
pub(super) const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
];
/// Headers that a request sets by itself.
pub(super) const OWN_HEADERS: [&str; 4] =
    ["content-length", "transfer-encoding", "connection", "host"];
/// Secrets shorter than this occur in answers by chance.
const HIDDEN_AT_LEAST: usize = 4;

/// What is sent with a request besides its address: headers, and who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    headers: Vec<(HeaderName, Secret)>,
    /// What must not be repeated to anybody.
    secrets: Vec<Secret>,
}

impl Sent {
    /// Reads `headers`, and `token` or `user` and `password`.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let mut sent = Self::default();
        let is_whole = sent.read_headers(section);
        let token = section.optional("token", |value| section.secret(value));
        let user = section.optional("user", text);
        let password = section.optional("password", |value| section.secret(value));
        let authorization = match (token, user, password) {
            (Some(token), None, None) => {
                let value = format!("Bearer {}", token.expose());
                sent.secrets.push(token);
                Some(("token", value))
            }
            (None, Some(user), Some(password)) => {
                let basic = STANDARD.encode(format!("{user}:{}", password.expose()));
                let value = format!("Basic {basic}");
                sent.secrets.extend([password, Secret::new(basic)]);
                Some(("password", value))
            }
            (None, None, None) => None,
            (Some(_), _, _) => {
                section.mistake("token", "is there, and user or password too; keep one way");
                None
            }
            (None, Some(_), None) => {
                section.mistake("user", "has no password; add password = \"env:…\"");
                None
            }
            (None, None, Some(_)) => {
                section.mistake("password", "has no user; add user = \"…\"");
                None
            }
        };
        if let Some((key, value)) = authorization {
            match HeaderValue::from_str(&value) {
                Ok(_) => {
                    let authorization = (reqwest::header::AUTHORIZATION, Secret::new(value));
                    sent.headers.push(authorization);
                }
                Err(_) => section.mistake(key, "has a letter in it that no header can have"),
            }
        }
        is_whole.then_some(sent)
    }

    fn read_headers(&mut self, section: &Section<'_>) -> bool {
        let Some(headers) = section.section("headers") else {
            return false;
        };
        for key in headers.keys() {
            let name = header(&Value::String(key.to_owned()))
                .and_then(|name| HeaderName::try_from(name).map_err(|error| error.to_string()));
            let name = match name {
                Ok(name) => name,
                Err(problem) => {
                    headers.mistake(key, problem);
                    continue;
                }
            };
            let value = headers.optional(key, |value| header_value(&headers, &name, value));
            if let Some((value, is_secret)) = value {
                if is_secret {
                    self.secrets.push(value.clone());
                }
                self.headers.push((name, value));
            }
        }
        true
    }

    /// These headers, and what must not be repeated.
    pub(super) fn of(headers: Vec<(HeaderName, Secret)>, secrets: Vec<Secret>) -> Self {
        Self { headers, secrets }
    }

    /// The same, for a body that is a form.
    pub(super) fn of_a_form(mut self) -> Self {
        let form = Secret::new("application/x-www-form-urlencoded");
        self.headers.push((reqwest::header::CONTENT_TYPE, form));
        self
    }

    /// The same, with another thing in it that must not be repeated.
    pub(super) fn hiding(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// The text without what must not be repeated.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for secret in &self.secrets {
            let secret = secret.expose();
            if secret.len() >= HIDDEN_AT_LEAST {
                hidden = hidden.replace(secret, "…");
            }
        }
        hidden
    }

    /// The start of a text of others, on one line, without what must not be repeated.
    pub(super) fn quote(&self, text: &str, at_most: usize) -> String {
        rollback_http::cut(&rollback_http::one_line(&self.hide(text)), at_most)
    }
}

/// The value of a header, and whether it is a secret.
fn header_value(
    section: &Section<'_>,
    name: &HeaderName,
    value: &Value,
) -> Result<(Secret, bool), String> {
    if OWN_HEADERS.contains(&name.as_str()) {
        return Err("is set by the request itself; remove it".to_owned());
    }
    let written = text(value)?;
    let is_secret = written.starts_with("env:") || written.starts_with("file:");
    if !is_secret && SECRET_HEADERS.contains(&name.as_str()) {
        return Err(
            "is a secret, which does not belong in this file; write \"env:NAME\" or \"file:PATH\""
                .to_owned(),
        );
    }
    let value = match is_secret {
        true => section.secret(value)?,
        false => Secret::new(written),
    };
    match HeaderValue::from_str(value.expose()) {
        Ok(_) => Ok((value, is_secret)),
        Err(_) => Err("has a letter in it that no header can have".to_owned()),
    }
}

/// The addresses under `url` or `urls`, at least one.
pub(super) fn addresses(section: &Section<'_>, example: &str) -> Option<Vec<Url>> {
    if section.get("urls").is_none() {
        let one = section.required("url", &format!("{example:?}"), url);
        return one.map(|url| vec![url]);
    }
    if section.get("url").is_some() {
        section.mistake("url", "is there, and urls is too; keep one of them");
    }
    let urls = section.optional_list("urls", &format!("{example:?}"), Repeats::Refused, url)?;
    if urls.len() > ADDRESSES_AT_MOST {
        let problem = format!(
            "has {} addresses; keep at most {ADDRESSES_AT_MOST}",
            urls.len()
        );
        section.mistake("urls", problem);
    }
    Some(urls)
}

/// A request besides its address.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// How it is asked for.
    pub(super) method: Method,
    /// What is sent with it.
    pub(super) sent: Sent,
    /// Its body; `None`: it has none.
    pub(super) body: Option<Secret>,
}

impl Request {
    /// Gets a page.
    pub(super) fn get(sent: Sent) -> Self {
        Self {
            method: Method::GET,
            sent,
            body: None,
        }
    }

    /// Reads `method`, `body` and what [`Sent`] reads.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let method = section.or("method", Method::GET, method);
        let mut is_secret = false;
        let body = section.optional("body", |value| {
            let written = text(value)?;
            is_secret = written.starts_with("env:") || written.starts_with("file:");
            let body = match is_secret {
                true => section.document(value)?,
                false => Secret::new(written),
            };
            match body.expose().len() > BODY_AT_MOST {
                true => Err(format!("is longer than {} KiB", BODY_AT_MOST >> 10)),
                false => Ok(body),
            }
        });
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            section.mistake("body", "is not sent with GET; add method = \"POST\"");
        }
        let sent = Sent::read(section)?;
        let hidden = body.clone().filter(|_| is_secret);
        Some(Self {
            method,
            sent: sent.hiding(hidden),
            body,
        })
    }

    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Sends it to an address.
    pub(super) async fn send(
        &self,
        http: &Client,
        url: &Url,
        within: Duration,
    ) -> Result<Page, String> {
        // A cache in front would prove the past.
        let mut request = http
            .request(self.method.clone(), url.clone())
            .header("cache-control", "no-cache");
        if let Some(body) = &self.body {
            let is_json = serde_json::from_str::<Json>(body.expose()).is_ok();
            let has_type = self
                .sent
                .headers
                .iter()
                .any(|(name, _)| name == "content-type");
            if is_json && !has_type {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body.expose().to_owned());
        }
        for (name, value) in &self.sent.headers {
            request = request.header(name, sensitive(value));
        }
        let answer = send(request, within).await.map_err(no_answer)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer
            .start_of_body(PAGE_AT_MOST)
            .await
            .map_err(no_answer)?;
        Ok(Page {
            status,
            headers,
            body,
        })
    }
}

/// The value of a header that is never printed. What cannot be sent was refused when it was read.
fn sensitive(value: &Secret) -> HeaderValue {
    let value = HeaderValue::from_str(value.expose());
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The method of a request.
pub(super) fn method(value: &Value) -> Result<Method, String> {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let choices = METHODS.map(|name| (name, name));
    let name = choice(value, &choices)?;
    Method::from_bytes(name.as_bytes()).map_err(|error| error.to_string())
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The status it must have.
    pub(super) status: u16,
    /// A JSON pointer into the body (RFC 6901), and the text that must stand there.
    pub(super) json: Option<(String, String)>,
    /// A text that must occur in the body.
    pub(super) contains: Option<String>,
}

impl Expected {
    /// Reads `status`, `json` with `equals`, and `contains`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let status = section.or("status", 200, |value| number(value, 100..=599));
        let json = section.optional("json", pointer);
        let equals = section.optional("equals", text);
        match (section.get("json"), section.get("equals")) {
            (Some(_), None) => {
                section.mistake("json", "is compared with nothing; add equals = \"…\"");
            }
            (None, Some(_)) => section.mistake(
                "equals",
                "does not say what to compare; add json = \"/status\"",
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
        Self {
            status,
            json: json.zip(equals),
            contains: section.optional("contains", text),
        }
    }

    /// What is wrong with a page, as a clause.
    pub(super) fn compare(&self, page: &Page, sent: &Sent) -> Result<(), String> {
        if page.status != self.status {
            return Err(format!(
                "answered {} instead of {}",
                page.status, self.status
            ));
        }
        if let Some((pointer, wanted)) = &self.json {
            let found = page.at(pointer)?;
            if found != *wanted {
                return Err(format!(
                    "has {} at {pointer} instead of {wanted}",
                    sent.quote(&found, QUOTED_AT_MOST)
                ));
            }
        }
        if let Some(wanted) = &self.contains
            && !page.text().contains(wanted.as_str())
        {
            return Err(format!("does not contain \"{wanted}\""));
        }
        Ok(())
    }
}

/// An answer.
pub(super) struct Page {
    /// Its status.
    pub(super) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Page {
    /// One with this status and body, and without headers.
    #[cfg(test)]
    pub(super) fn of(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// What a header says.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    /// What a cookie is set to.
    pub(super) fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie");
        let mut cookies = cookies.iter().filter_map(|cookie| cookie.to_str().ok());
        cookies.find_map(|cookie| {
            let (pair, _) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (found, value) = pair.split_once('=')?;
            (found.trim() == name).then(|| value.trim().to_owned())
        })
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Json, String> {
        json(&self.body).map_err(|_| "did not answer with JSON".to_owned())
    }

    /// What stands at a place of the JSON, as text.
    pub(super) fn at(&self, pointer: &str) -> Result<String, String> {
        match self.json()?.pointer(pointer) {
            Some(Json::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(format!("has nothing at {pointer}")),
        }
    }
}

fn no_answer(lost: Lost) -> String {
    match lost {
        Lost::Silent(Silence::TimedOut(within)) => {
            format!("did not answer within {} s", within.as_secs_f32())
        }
        lost => lost.to_string(),
    }
}
