//! A Docker engine, for the providers that ask one: the way to it, and the calls to it. Reads may
//! always be repeated, and changes are sent once.

mod connection;
mod image;
mod registry;

pub(crate) use connection::{Address, Connection, name};
pub(crate) use image::{Image, repository, tag};
use jiff::Timestamp;
pub(crate) use registry::{REGISTRY_AUTH, Registry};
use reqwest::{
    Certificate, Client, Identity, Method, RequestBuilder,
    header::{DATE, HeaderMap},
};
use rollback_domain::platform::ProviderError;
use rollback_http::{Answer, Lost, cause, cut, json, one_line, retry_after, send};
use serde_json::{Map, Value};
use std::{io::ErrorKind, os::unix::net::UnixStream, path::Path, time::Duration};
use url::Url;

/// How long a read may take.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// How long a change may take, unless it waits for a container.
pub(crate) const CHANGE_WITHIN: Duration = Duration::from_secs(40);
/// The most bytes that are read of an answer.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// The most bytes that are read of an answer that is no success.
const ERROR_AT_MOST: usize = 64 * 1024;
/// The oldest version of the API that is spoken: Docker 19.03.
const OLDEST: (u32, u32) = (1, 40);
/// How much of the engine's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// Where an engine is asked, before it is.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    /// `Err` when the certificates cannot be used, as a sentence.
    client: Result<Client, String>,
    base: String,
    address: Address,
}

/// An engine that has answered, with the version of the API that it speaks.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    engine: &'a Engine,
    prefix: String,
    /// Major and minor.
    pub(crate) api: (u32, u32),
    /// What it calls itself: `20.10.24`.
    pub(crate) release: String,
    /// What its clock showed; `None` when it does not say.
    pub(crate) now: Option<Timestamp>,
}

/// Why something could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The engine, or the way to it, says why.
    Known(ProviderError),
    /// The answer is none of Docker's, as a sentence.
    Odd(String),
}

impl From<ProviderError> for Unread {
    fn from(error: ProviderError) -> Self {
        Unread::Known(error)
    }
}

impl From<Unread> for ProviderError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Known(error) => error,
            Unread::Odd(why) => busy(why),
        }
    }
}

impl Unread {
    /// What it means while something is about to be changed: whoever answers nonsense may not be
    /// the one that is asked next, so it is looked at first.
    pub(crate) fn before_a_change(self) -> ProviderError {
        match self {
            Unread::Known(error) => error,
            Unread::Odd(why) => ProviderError::Unanswered(why),
        }
    }
}

impl Engine {
    /// Makes the client. Nothing is asked yet.
    pub(crate) fn new(settings: &Connection) -> Self {
        let base = match &settings.host {
            Address::Socket(_) => "http://docker".to_owned(),
            Address::Plain(host) => format!("http://{host}"),
            Address::Tls(host) => format!("https://{host}"),
        };
        Self {
            client: client(settings),
            base,
            address: settings.host.clone(),
        }
    }

    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        self.address.to_string()
    }

    /// Asks which version of the API it speaks, and whether that is new enough.
    pub(crate) async fn open(&self) -> Result<Session<'_>, Unread> {
        let request = self.request(Method::GET, &["version"], &[])?;
        let (found, headers) = self.readable(request, "its version").await?;
        let found = found.unwrap_or_default();
        let written = found["ApiVersion"].as_str().unwrap_or_default();
        let Some(api) = version(written) else {
            return Err(Unread::Odd(format!(
                "What answers at {} does not name a version of Docker's API. If this stays, check host in the configuration.",
                self.place()
            )));
        };
        let release = found["Version"].as_str().unwrap_or("of unknown version");
        let release = cut(&one_line(release), 40);
        if api < OLDEST {
            return Err(Unread::Known(ProviderError::Refused(format!(
                "Docker {release} at {} is too old: it speaks API {written}, and {}.{} is needed. Upgrade it to 19.03 or newer.",
                self.place(),
                OLDEST.0,
                OLDEST.1
            ))));
        }
        Ok(Session {
            engine: self,
            prefix: format!("v{}.{}", api.0, api.1),
            api,
            release,
            now: now(&headers),
        })
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, ProviderError> {
        let client = self.client.as_ref();
        let client = client.map_err(|why| ProviderError::Refused(why.clone()))?;
        let mut url = Url::parse(&self.base).map_err(|_| {
            ProviderError::Refused(format!(
                "Docker was not asked: {} is no address. Check host in the configuration.",
                self.place()
            ))
        })?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(client.request(method, url))
    }

    /// Reads something; `None` when the engine does not know it (404).
    async fn readable(
        &self,
        request: RequestBuilder,
        what: &str,
    ) -> Result<(Option<Value>, HeaderMap), Unread> {
        let answer = match send(request, READ_WITHIN).await {
            Ok(answer) => answer,
            Err(lost) => return Err(Unread::Known(self.not_read(what, &lost))),
        };
        let headers = answer.headers().clone();
        let status = answer.status().as_u16();
        if status == 200 {
            let body = answer.body(BODY_AT_MOST).await.map_err(|unread| {
                Unread::Odd(format!(
                    "Docker's answer about {what} broke off: {unread:#}."
                ))
            })?;
            let value = json(&body).map_err(|why| {
                Unread::Odd(format!(
                    "Docker's answer about {what} cannot be used: {why}. If this stays, check host in the configuration."
                ))
            })?;
            return Ok((Some(value), headers));
        }
        let message = message(answer).await;
        match status {
            404 if message.is_some() => Ok((None, headers)),
            429 | 503 => Err(Unread::Known(ProviderError::Busy {
                why: format!(
                    "Docker is too busy to show {what} ({}).",
                    quoted(status, message.as_deref())
                ),
                retry_after: wait(&headers),
            })),
            401 | 403 => Err(Unread::Known(self.no_rights(status))),
            _ => Err(Unread::Odd(format!(
                "Docker would not show {what} ({}). If this stays, check host in the configuration.",
                quoted(status, message.as_deref())
            ))),
        }
    }

    fn no_rights(&self, status: u16) -> ProviderError {
        ProviderError::Refused(format!(
            "What answers at {} does not let this bot in ({status}). Check its certificate, and what stands before the engine.",
            self.place()
        ))
    }

    /// Why something could not be read: there was no answer.
    fn not_read(&self, what: &str, lost: &Lost) -> ProviderError {
        match lost {
            Lost::Unreachable { cause } => self.unreachable(cause),
            Lost::Unsent | Lost::Silent(_) => {
                busy(format!("Docker could not be asked for {what}: {lost:#}."))
            }
        }
    }

    /// Why there is no connection. Of a socket the system says more than a client does.
    fn unreachable(&self, cause: &str) -> ProviderError {
        match &self.address {
            Address::Socket(path) => match UnixStream::connect(path) {
                Err(error) => no_socket(path, error.kind()),
                Ok(_) => busy(format!("Docker closed its socket for a moment ({cause}).")),
            },
            Address::Plain(host) | Address::Tls(host) => busy(format!(
                "Docker was not reached at {host} ({cause}). Nothing was done; if this stays, check host in the configuration."
            )),
        }
    }
}

impl Session<'_> {
    /// Reads something; `None` when the engine does not know it.
    pub(crate) async fn read(
        &self,
        what: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, Unread> {
        let path: Vec<&str> = [self.prefix.as_str()].iter().chain(path).copied().collect();
        let request = self.engine.request(Method::GET, &path, query)?;
        let (value, _) = self.engine.readable(request, what).await?;
        Ok(value)
    }

    /// Asks for a change to a container, once. An answer that says it was done, or was so before,
    /// gives its body.
    pub(crate) async fn change(
        &self,
        change: &Change<'_>,
        body: Option<&Value>,
    ) -> Result<Value, ProviderError> {
        let answer = self.ask(change, body, &[]).await;
        answer.map_err(|not_done| {
            not_done.or_refused(change, "Look at the container with docker inspect")
        })
    }

    /// Asks for a change, once, with headers of its own.
    pub(crate) async fn ask(
        &self,
        change: &Change<'_>,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<Value, NotDone> {
        let request = self.request(change, body, headers)?;
        let answer = match send(request, change.within).await {
            Ok(answer) => answer,
            Err(lost @ Lost::Silent(_)) => {
                return Err(NotDone::Known(ProviderError::Unanswered(format!(
                    "Docker was asked to {} and gave no answer: {lost:#}.",
                    change.verb
                ))));
            }
            Err(lost) => return Err(self.engine.not_read("it", &lost).into()),
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        if matches!(status, 204 | 304) {
            return Ok(Value::Null);
        }
        if (200..300).contains(&status) {
            // Its body can be empty; what cannot be read is not known to have been done.
            let body = answer.body(BODY_AT_MOST).await.map_err(|unread| {
                NotDone::Known(ProviderError::Unanswered(format!(
                    "Docker was asked to {}, and its answer broke off: {unread:#}.",
                    change.verb
                )))
            })?;
            if body.is_empty() {
                return Ok(Value::Null);
            }
            return json(&body).map_err(|why| {
                NotDone::Known(ProviderError::Unanswered(format!(
                    "Something answered when Docker was asked to {}, and it is not Docker: {why}.",
                    change.verb
                )))
            });
        }
        let message = message(answer).await;
        Err(match (status, message) {
            (429, message) => NotDone::Known(ProviderError::Busy {
                why: format!(
                    "Docker is too busy to {} and has done nothing ({}).",
                    change.verb,
                    quoted(status, message.as_deref())
                ),
                retry_after: wait(&headers),
            }),
            // The engine says what is wrong; whatever else answers does not know what it did.
            (status, Some(message)) => NotDone::Refused { status, message },
            (status, None) => NotDone::Known(ProviderError::Unanswered(format!(
                "Something answered {status} when Docker was asked to {}, and it is not Docker.",
                change.verb
            ))),
        })
    }

    /// A request for a change that is still to be sent, with headers of its own.
    pub(crate) fn request(
        &self,
        change: &Change<'_>,
        body: Option<&Value>,
        headers: &[(&'static str, &str)],
    ) -> Result<RequestBuilder, ProviderError> {
        let own = [self.prefix.as_str()];
        let path: Vec<&str> = own.iter().chain(change.path).copied().collect();
        let method = change.method.clone();
        let mut request = self.engine.request(method, &path, change.query)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request)
    }
}

/// A change that the engine is asked for.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// What it does, after "to": "stop shop".
    pub(crate) verb: &'a str,
    pub(crate) method: Method,
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) within: Duration,
}

/// Why a change is not known to be done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The engine says what is wrong.
    Refused {
        /// The status of its answer.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// Anything else.
    Known(ProviderError),
}

impl From<ProviderError> for NotDone {
    fn from(error: ProviderError) -> Self {
        NotDone::Known(error)
    }
}

impl NotDone {
    /// The same as an error, with where to look when the engine has refused: "Look at …".
    pub(crate) fn or_refused(self, change: &Change<'_>, look: &str) -> ProviderError {
        match self {
            NotDone::Known(error) => error,
            NotDone::Refused { status, message } => ProviderError::Refused(format!(
                "Docker would not {} ({}). {look}, then ask for a new plan.",
                change.verb,
                quoted(status, Some(&message))
            )),
        }
    }
}

/// What the engine says is wrong; `None` when that is no answer of Docker's.
pub(crate) async fn message(answer: Answer) -> Option<String> {
    let body = answer.start_of_body(ERROR_AT_MOST).await.ok()?;
    let body = json(&body).ok()?;
    Some(body["message"].as_str()?.to_owned())
}

/// The status and the engine's own words: `409: the name is in use`.
pub(crate) fn quoted(status: u16, message: Option<&str>) -> String {
    match message.map(words).filter(|words| !words.is_empty()) {
        Some(words) => format!("{status}: {words}"),
        None => status.to_string(),
    }
}

/// The engine's own words, as a clause on one line.
pub(crate) fn words(message: &str) -> String {
    let message = cut(&one_line(message), QUOTED_AT_MOST);
    message.trim_end_matches(['.', ' ']).to_owned()
}

fn wait(headers: &HeaderMap) -> Option<u64> {
    u64::try_from(retry_after(headers)?.as_millis()).ok()
}

pub(crate) fn busy(why: String) -> ProviderError {
    ProviderError::Busy {
        why,
        retry_after: None,
    }
}

/// A value in one form: engines show nothing as null, empty, zero or no. The order of a list is
/// kept.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries: Map<String, Value> = entries
                .iter()
                .map(|(key, value)| (key.clone(), plain(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            match entries.is_empty() {
                true => Value::Null,
                false => Value::Object(entries),
            }
        }
        Value::Array(values) if values.is_empty() => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Bool(false) => Value::Null,
        Value::Number(number) if number.as_f64() == Some(0.0) => Value::Null,
        other => other.clone(),
    }
}

/// Why a socket cannot be opened.
fn no_socket(path: &Path, error: ErrorKind) -> ProviderError {
    let path = path.display();
    match error {
        ErrorKind::PermissionDenied => ProviderError::Refused(format!(
            "This bot may not open {path}. Put its user into the group that owns the socket (docker), and start it again."
        )),
        ErrorKind::NotFound => ProviderError::Refused(format!(
            "{path} is not there. Start Docker on this machine, or set host to where its engine listens."
        )),
        _ => busy(format!(
            "Nobody listens at {path}. Nothing was done; start Docker if it does not run."
        )),
    }
}

/// A version of the API, as two numbers.
fn version(written: &str) -> Option<(u32, u32)> {
    let (major, minor) = written.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What the engine's clock shows, to the second.
fn now(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date.trim()).ok()?;
    Some(date.timestamp())
}

fn client(settings: &Connection) -> Result<Client, String> {
    let wrong = |which: &str, error: &reqwest::Error| {
        format!(
            "Docker was not asked: {which} cannot be used ({}). Check it in the configuration.",
            cause(error)
        )
    };
    // A connection that is kept may be one that the engine has closed, and then it is not known
    // whether a request arrived.
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(0);
    if let Address::Socket(path) = &settings.host {
        builder = builder.unix_socket(path.clone());
    }
    if let Some(tls) = &settings.tls {
        let ca = Certificate::from_pem_bundle(tls.ca.expose().as_bytes())
            .map_err(|error| wrong("the certificate authority (ca)", &error))?;
        let both = format!("{}\n{}", tls.cert.expose(), tls.key.expose());
        let identity = Identity::from_pem(both.as_bytes())
            .map_err(|error| wrong("the certificate with its key (cert, key)", &error))?;
        builder = builder.tls_certs_only(ca).identity(identity);
    }
    builder
        .build()
        .map_err(|error| wrong("the certificate (ca, cert, key)", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_cannot_be_opened_has_its_reason() {
        let path = Path::new("/var/run/docker.sock");
        for (error, part) in [
            (
                ErrorKind::PermissionDenied,
                "This bot may not open /var/run/docker.sock. Put its user into the group that owns the socket (docker), and start it again.",
            ),
            (
                ErrorKind::NotFound,
                "/var/run/docker.sock is not there. Start Docker on this machine",
            ),
            (
                ErrorKind::ConnectionRefused,
                "Nobody listens at /var/run/docker.sock. Nothing was done",
            ),
        ] {
            let why = no_socket(path, error).to_string();
            assert!(why.starts_with(part), "{error}: {why}");
        }
    }
}
