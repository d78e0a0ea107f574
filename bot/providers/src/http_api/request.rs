//! A request: method, path, query, headers, and a body of JSON.

use crate::configured::{
    call::{Accepted, Call, Connection, Purpose, Sources},
    fields::{Misfit, document_of_body},
    template::{Names, Template, Unfilled, Values},
};
use async_trait::async_trait;
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{HeaderName, HeaderValue},
};
use rollback_domain::platform::ProviderError;
use rollback_http::{Answer, Lost, Unread, cut, one_line, retry_after, send};
use rollback_settings::{
    Repeats, Section, Value as Setting, choice, header, number, text, url, wrong_type,
};
use serde_json::{Map, Value};
use url::Url;

/// The most bytes that are read of an answer to a read.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// The most bytes that are read of any other answer.
const CHANGE_AT_MOST: usize = 256 * 1024;
/// How much of a platform's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;
/// Where platforms say what is wrong.
const MESSAGES: [&str; 6] = [
    "/message",
    "/error/message",
    "/errors/0/message",
    "/error",
    "/detail",
    "/title",
];

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    method: Method,
    /// The path below the API's address, segment by segment.
    path: Vec<Template>,
    query: Vec<(String, Template)>,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Body>,
}

/// A JSON body with placeholders in its texts.
#[derive(Clone, Debug)]
enum Body {
    Plain(Value),
    Text(Template),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

/// What all requests of a service have in common.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    /// The API, with the path that all requests begin with.
    api_url: Url,
    headers: Vec<(HeaderName, Template)>,
    accepted: Vec<u16>,
    refused: Vec<u16>,
    busy: Vec<u16>,
}

#[async_trait]
impl Call for Request {
    type Shared = Shared;

    const KEY: &'static str = "path";

    fn shared(sources: Sources<'_>, names: &Names) -> Option<Shared> {
        let api_url = sources
            .of("api_url")
            .required("api_url", "\"https://api.example.com\"", url);
        let headers = headers(sources.calls(), names);
        let statuses = |key: &'static str, default: &[u16]| {
            let section = sources.of(key);
            let statuses = section.any_list(key, "409", Repeats::Refused, |value| {
                number(value, 200..=599)
            });
            statuses.unwrap_or_else(|| default.to_vec())
        };
        Some(Shared {
            accepted: statuses("accepted", &[200, 201, 202, 204]),
            refused: statuses("refused", &[400, 401, 402, 403, 404, 405, 409, 410, 422]),
            busy: statuses("busy", &[429]),
            api_url: api_url?,
            headers: headers?,
        })
    }

    fn read(section: &Section<'_>, names: &Names) -> Option<Self> {
        const METHODS: [(&str, &Method); 5] = [
            ("GET", &Method::GET),
            ("POST", &Method::POST),
            ("PUT", &Method::PUT),
            ("PATCH", &Method::PATCH),
            ("DELETE", &Method::DELETE),
        ];
        // Headers alone may carry secrets: a path is logged on many machines.
        let texts = Names {
            texts: names.texts.clone(),
            secrets: vec![],
        };
        let method = section.or("method", &Method::GET, |value| choice(value, &METHODS));
        let path = section.required(Self::KEY, "\"/deploys/{id}/restore\"", |value| {
            path(value, &texts)
        });
        let query = query(section, &texts);
        let headers = headers(section, names);
        let body = match section.get("body") {
            None => Some(None),
            Some(_) => section
                .optional("body", |value| Body::read(value, &texts))
                .map(Some),
        };
        Some(Self {
            method: method.clone(),
            path: path?,
            query: query?,
            headers: headers?,
            body: body?,
        })
    }

    fn read_short(_value: &Setting, _names: &Names) -> Option<Result<Self, String>> {
        None
    }

    fn document(body: &str) -> Result<Value, Misfit> {
        document_of_body(body)
    }

    async fn send(
        &self,
        connection: Connection<'_, Shared>,
        purpose: Purpose<'_>,
    ) -> Result<Accepted, ProviderError> {
        let request = self
            .build(&connection)
            .map_err(|unfilled| ProviderError::Refused(unfilled.sentence(connection.platform)))?;
        let answer = send(request, connection.within).await;
        match answer {
            Ok(answer) => judge(answer, &connection, purpose).await,
            Err(lost) => Err(no_answer(&lost, &connection, purpose)),
        }
    }

    fn identity(&self, shared: &Shared, values: &Values) -> String {
        let path = self
            .path
            .iter()
            .map(|segment| segment.partly_filled(values));
        let path: Vec<String> = path.collect();
        let query = self.query.iter();
        let query = query.map(|(key, value)| format!("{key}={}", value.partly_filled(values)));
        let query: Vec<String> = query.collect();
        let body = self.body.as_ref().map(|body| body.partly_filled(values));
        format!(
            "{} {} {} {:?} {}",
            self.method,
            shared.api_url,
            path.join("/"),
            query,
            body.unwrap_or_default()
        )
    }

    fn lacks(&self, _around: &Shared, _values: &Values) -> Option<String> {
        None
    }
}

impl Request {
    fn build(&self, connection: &Connection<'_, Shared>) -> Result<RequestBuilder, Unfilled> {
        let values = connection.values;
        let plain = |value: &str, _: bool| Ok(value.to_owned());
        let mut url = connection.shared.api_url.clone();
        let segments = self
            .path
            .iter()
            .map(|segment| segment.fill(values, in_path));
        let segments: Vec<String> = segments.collect::<Result<_, Unfilled>>()?;
        // An address that can have no path was refused when the configuration was read.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&segments);
        }
        for (key, value) in &self.query {
            let value = value.fill(values, plain)?;
            url.query_pairs_mut().append_pair(key, &value);
        }
        let mut request = connection.http.request(self.method.clone(), url);
        for (name, value) in connection.shared.headers.iter().chain(&self.headers) {
            let value = value.fill(values, plain)?;
            // One that cannot be sent makes a request that cannot: it is told, and nothing is sent.
            request = match HeaderValue::from_str(&value) {
                Ok(mut value) => {
                    value.set_sensitive(true);
                    request.header(name, value)
                }
                Err(_) => request.header(name, value),
            };
        }
        Ok(match &self.body {
            None => request,
            Some(body) => request.json(&body.fill(values)?),
        })
    }
}

/// A value as a part of a segment of a path. Two dots would lead elsewhere.
fn in_path(value: &str, begins: bool) -> Result<String, String> {
    match begins && matches!(value, "." | "..") || value.is_empty() {
        true => Err(format!("cannot stand in a path ({value:?})")),
        false => Ok(value.to_owned()),
    }
}

fn path(value: &Setting, names: &Names) -> Result<Vec<Template>, String> {
    let path = text(value)?;
    let Some(path) = path.strip_prefix('/') else {
        return Err(format!(
            "{path:?} does not begin with /; write it like \"/deploys/{{id}}\""
        ));
    };
    if path.contains(['?', '#']) {
        return Err("has a query in it; write it under query".to_owned());
    }
    path.split('/')
        .map(|segment| Template::parse(segment, names))
        .collect()
}

fn query(section: &Section<'_>, names: &Names) -> Option<Vec<(String, Template)>> {
    let query = section.section("query")?;
    let mut all = Some(vec![]);
    for key in query.keys() {
        let value = query.required(key, "\"100\"", |value| {
            Template::parse(&text(value)?, names)
        });
        all = all.zip(value).map(|(mut all, value)| {
            all.push((key.to_owned(), value));
            all
        });
    }
    all
}

fn headers(section: &Section<'_>, names: &Names) -> Option<Vec<(HeaderName, Template)>> {
    let headers = section.section("headers")?;
    let mut all = Some(vec![]);
    for key in headers.keys() {
        let value = headers.required(key, "\"Bearer {token}\"", |value| {
            let name = header(&Setting::String(key.to_owned()))?;
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("{name:?} is not the name of a header"))?;
            Ok((name, Template::parse(&text(value)?, names)?))
        });
        all = all.zip(value).map(|(mut all, header)| {
            all.push(header);
            all
        });
    }
    all
}

impl Body {
    fn read(value: &Setting, names: &Names) -> Result<Self, String> {
        Ok(match value {
            Setting::String(text) => Body::Text(Template::parse(text, names)?),
            Setting::Integer(number) => Body::Plain((*number).into()),
            Setting::Float(number) => Body::Plain((*number).into()),
            Setting::Boolean(flag) => Body::Plain((*flag).into()),
            Setting::Array(list) => {
                let list = list.iter().map(|value| Body::read(value, names));
                Body::List(list.collect::<Result<_, String>>()?)
            }
            Setting::Table(table) => {
                let object = table
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Body::read(value, names)?)));
                Body::Object(object.collect::<Result<_, String>>()?)
            }
            Setting::Datetime(_) => return Err(wrong_type(value, "JSON as TOML writes it")),
        })
    }

    fn fill(&self, values: &Values) -> Result<Value, Unfilled> {
        Ok(match self {
            Body::Plain(value) => value.clone(),
            Body::Text(text) => text.fill(values, |value, _| Ok(value.to_owned()))?.into(),
            Body::List(list) => {
                let list = list.iter().map(|body| body.fill(values));
                Value::Array(list.collect::<Result<_, Unfilled>>()?)
            }
            Body::Object(object) => {
                let object = object
                    .iter()
                    .map(|(key, body)| Ok((key.clone(), body.fill(values)?)));
                Value::Object(object.collect::<Result<Map<_, _>, Unfilled>>()?)
            }
        })
    }

    fn partly_filled(&self, values: &Values) -> String {
        match self {
            Body::Plain(value) => value.to_string(),
            Body::Text(text) => text.partly_filled(values),
            Body::List(list) => {
                let list: Vec<String> =
                    list.iter().map(|body| body.partly_filled(values)).collect();
                format!("{list:?}")
            }
            Body::Object(object) => {
                let object: Vec<String> = object
                    .iter()
                    .map(|(key, body)| format!("{key}: {}", body.partly_filled(values)))
                    .collect();
                format!("{object:?}")
            }
        }
    }
}

/// What an answer means.
async fn judge(
    answer: Answer,
    connection: &Connection<'_, Shared>,
    purpose: Purpose<'_>,
) -> Result<Accepted, ProviderError> {
    let status = answer.status();
    let wait = retry_after(answer.headers());
    let wait = wait.and_then(|wait| u64::try_from(wait.as_millis()).ok());
    let shared = connection.shared;
    let code = status.as_u16();
    if shared.accepted.contains(&code) {
        let at_most = match purpose {
            Purpose::Read(_) => BODY_AT_MOST,
            Purpose::Change(_) => CHANGE_AT_MOST,
        };
        let body = answer.body(at_most).await;
        return body.map_or_else(
            |unread| Err(unreadable(&unread, connection, purpose)),
            |body| {
                let body = String::from_utf8_lossy(&body);
                Ok(Accepted {
                    outcome: spell(status),
                    body: connection.values.hide_secrets(&body),
                })
            },
        );
    }
    let quoted = quoted(status, answer, connection).await;
    let platform = connection.platform;
    if shared.busy.contains(&code) {
        return Err(ProviderError::Busy {
            why: format!("{platform} is busy and has done nothing ({quoted})."),
            retry_after: wait,
        });
    }
    let is_certain = shared.refused.contains(&code);
    Err(match purpose {
        Purpose::Change(what) if is_certain => ProviderError::Refused(format!(
            "{platform} would not {what} ({quoted}). {}",
            advice(status)
        )),
        Purpose::Change(what) => ProviderError::Unanswered(format!(
            "{platform} was asked to {what}, and its answer says nothing certain ({quoted}). I'm checking what serves and won't send the request again."
        )),
        Purpose::Read(what) if status.is_server_error() => ProviderError::Busy {
            why: format!("{platform} does not tell {what} ({quoted})."),
            retry_after: wait,
        },
        Purpose::Read(what) => ProviderError::Refused(format!(
            "{platform} does not tell {what} ({quoted}). {}",
            advice(status)
        )),
    })
}

/// What to do about a refusal.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "Check the token in the configuration, and what it may do.",
        300..=399 => "No redirect is followed. Check api_url in the configuration.",
        404 | 410 => "Check the names in the configuration, then ask for a new plan.",
        _ => "Look at it there, then ask for a new plan.",
    }
}

/// An answer whose body cannot be read.
fn unreadable(
    unread: &Unread,
    connection: &Connection<'_, Shared>,
    purpose: Purpose<'_>,
) -> ProviderError {
    let platform = connection.platform;
    match (purpose, unread) {
        (Purpose::Change(what), _) => ProviderError::Unanswered(format!(
            "{platform} was asked to {what}, and its answer cannot be read: {unread}. I'm checking what serves and won't send the request again."
        )),
        (Purpose::Read(what), Unread::TooLarge { .. }) => ProviderError::Refused(format!(
            "{platform}'s answer about {what} cannot be read: {unread}. Ask for fewer releases at once in the configuration."
        )),
        (Purpose::Read(what), Unread::Lost(_)) => ProviderError::Busy {
            why: format!("{platform}'s answer about {what} cannot be read: {unread}."),
            retry_after: None,
        },
    }
}

/// What it means that there is no answer.
fn no_answer(
    lost: &Lost,
    connection: &Connection<'_, Shared>,
    purpose: Purpose<'_>,
) -> ProviderError {
    let platform = connection.platform;
    match (lost, purpose) {
        (Lost::Unsent, _) => ProviderError::Refused(format!(
            "{platform} was not asked: its address or a header cannot be sent as they are. Set api_url and the token anew in the configuration."
        )),
        (Lost::Unreachable { .. }, _) => ProviderError::Busy {
            why: format!(
                "{platform} was not reached, so nothing was done: {lost:#}. It is tried again; if this stays, check the bot's way to {}.",
                connection.shared.api_url.host_str().unwrap_or("the API")
            ),
            retry_after: None,
        },
        (Lost::Silent(_), Purpose::Change(what)) => ProviderError::Unanswered(format!(
            "{platform} was asked to {what} and gave no answer: {lost:#}. I'm checking what serves and won't send the request again."
        )),
        (Lost::Silent(_), Purpose::Read(what)) => ProviderError::Busy {
            why: format!("{platform} does not tell {what}: {lost:#}."),
            retry_after: None,
        },
    }
}

/// The status and the platform's own words: "403: Forbidden".
async fn quoted(status: StatusCode, answer: Answer, connection: &Connection<'_, Shared>) -> String {
    let body = answer
        .start_of_body(CHANGE_AT_MOST)
        .await
        .unwrap_or_default();
    let body = connection
        .values
        .hide_secrets(&String::from_utf8_lossy(&body));
    let document = document_of_body(&body).unwrap_or_default();
    let mut texts = MESSAGES
        .iter()
        .filter_map(|at| document.pointer(at)?.as_str());
    let message = cut(&one_line(texts.next().unwrap_or_default()), QUOTED_AT_MOST);
    match message.trim_end_matches(['.', ' ']).replace('<', "‹") {
        message if message.is_empty() => spell(status),
        message => format!("{}: {message}", status.as_u16()),
    }
}

/// A status in words: "201 Created".
fn spell(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}
