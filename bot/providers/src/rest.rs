//! A platform's JSON API: reads, which may always be repeated, and changes, which are sent once.
//!
//! What an answer means is said here as far as it means the same on every platform; the rest is
//! for the provider to judge.

use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, HeaderMap},
};
use rollback_domain::{platform::ProviderError, release::Pin};
use rollback_http::{Lost, Silence, cut, json, one_line, retry_after, send};
use rollback_settings::{Secret, is_loopback};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The most bytes read of an answer to a read. Parsed, they may take twenty times as much.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// The most bytes read of an answer to a change, or of one that is no success.
const ANSWER_AT_MOST: usize = 64 * 1024;
/// How much of a platform's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// What has to be known of a platform's API to call it, and to name it in sentences.
#[derive(Debug)]
pub(crate) struct Api {
    /// What the platform is called: `Render`.
    pub(crate) name: &'static str,
    /// Where its API usually is.
    pub(crate) usual_url: &'static str,
    /// Which settings decide what is read: `service and api_url`.
    pub(crate) settings: &'static str,
    /// What to do about a token that is not accepted, as a sentence.
    pub(crate) access: &'static str,
    /// How long one call may take, from connecting to the last byte.
    pub(crate) within: Duration,
    /// Headers that go with every call.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// What the platform says in the body of an answer that is no success, empty if it says
    /// nothing; `None`: the body is not the platform's, but of something in between.
    pub(crate) words: fn(&Value) -> Option<&str>,
    /// How long it wants us to wait where it does not say so by `Retry-After`.
    pub(crate) wait: fn(&HeaderMap, &Value) -> Option<Duration>,
    /// The status and the body of an answer that is no success, where the platform uses another
    /// status than others do or says something by a header.
    pub(crate) amend: fn(u16, &HeaderMap, Value) -> (u16, Value),
}

/// Checks that nothing secret would be sent where others can read it.
pub(crate) fn check_address(server: &Url) -> Result<(), String> {
    match server.scheme() == "https" || is_loopback(server) {
        true => Ok(()),
        false => Err("is not https: whoever is on the way could read the token".into()),
    }
}

/// An answer of a platform that answers as others do.
pub(crate) fn as_answered(status: u16, _headers: &HeaderMap, body: Value) -> (u16, Value) {
    (status, body)
}

/// What the calls are made with.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// `Authorization: Bearer …`.
    Bearer(Secret),
    /// A header of the platform's own.
    Header(&'static str, Secret),
    /// The certificate of the client itself: nothing goes with a call.
    Certificate,
}

/// One platform's API, with what it is called with.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    http: Client,
    api: &'static Api,
    url: Url,
    access: Access,
    query: Vec<(&'static str, String)>,
}

impl Rest {
    /// An API that is called with this client, which should follow no redirects. Nothing is
    /// called yet.
    pub(crate) fn new(http: Client, api: &'static Api, url: Url, access: Access) -> Self {
        Self {
            http,
            api,
            url,
            access,
            query: vec![],
        }
    }

    /// The same, with a parameter that goes with every call.
    pub(crate) fn with_query(mut self, name: &'static str, value: String) -> Self {
        self.query.push((name, value));
        self
    }

    /// One request, made of its parts.
    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<RequestBuilder, Lost> {
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Lost::Unsent)?
            .pop_if_empty()
            .extend(path);
        let ours = self.query.iter().map(|(name, value)| (*name, &**value));
        let query: Vec<_> = query.iter().copied().chain(ours).collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        let request = match &self.access {
            Access::Bearer(token) => request.bearer_auth(token.expose()),
            Access::Header(name, token) => request.header(*name, token.expose()),
            Access::Certificate => request,
        };
        let headers = self.api.headers.iter();
        Ok(headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        }))
    }

    /// Reads something, which is called `what`; `None` when the platform does not know it (404).
    pub(crate) async fn read(
        &self,
        what: &str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<Value>, ProviderError> {
        let name = self.api.name;
        let busy = |why: String| ProviderError::Busy {
            why,
            retry_after: None,
        };
        let answer = match self.request(Method::GET, path, query) {
            Ok(request) => send(request, self.api.within).await,
            Err(lost) => Err(lost),
        };
        let answer = answer.map_err(|lost| self.not_read(what, &lost))?;
        if answer.status() == 200 {
            let body = answer.body(BODY_AT_MOST).await.map_err(|unread| {
                busy(format!(
                    "{name}'s answer about {what} broke off: {unread:#}."
                ))
            })?;
            return json(&body).map(Some).map_err(|why| {
                busy(format!(
                    "{name}'s answer about {what} cannot be used: {why}. If this stays, check api_url in the configuration."
                ))
            });
        }
        let answer = Answer::of(answer, self.api, ANSWER_AT_MOST).await;
        match answer.status {
            404 if answer.is_the_platforms() => Ok(None),
            _ => Err(answer.unread(what)),
        }
    }

    /// Reads only a header of the answer to a read; `None` when there is none, or no such header.
    pub(crate) async fn header(&self, path: &[&str], name: &str) -> Option<String> {
        let request = self.request(Method::GET, path, &[]).ok()?;
        let answer = send(request, self.api.within).await.ok()?;
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    }

    /// Asks for a change, once; `Err` means that there is no answer to judge.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, Lost> {
        let request = self.request(method, path, query)?.json(body);
        let answer = send(request, self.api.within).await?;
        Ok(Answer::of(answer, self.api, ANSWER_AT_MOST).await)
    }

    /// Asks for a change by a JSON patch (RFC 6902), once.
    pub(crate) async fn patch(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        patch: &Value,
    ) -> Result<Answer, Lost> {
        let request = self.request(Method::PATCH, path, query)?;
        let request = request.header(CONTENT_TYPE, "application/json-patch+json");
        let answer = send(request.json(patch), self.api.within).await?;
        Ok(Answer::of(answer, self.api, ANSWER_AT_MOST).await)
    }

    /// Sends a document to the API itself, once, and reads all that is answered, as GraphQL
    /// needs it.
    pub(crate) async fn query(&self, document: &Value) -> Result<Answer, Lost> {
        let request = self.request(Method::POST, &[], &[])?.json(document);
        let answer = send(request, self.api.within).await?;
        Ok(Answer::of(answer, self.api, BODY_AT_MOST).await)
    }

    /// Why something, which is called `what`, was not read: there is no answer.
    pub(crate) fn not_read(&self, what: &str, lost: &Lost) -> ProviderError {
        match lost {
            Lost::Unsent => self.unsent(),
            Lost::Unreachable { .. } | Lost::Silent(_) => ProviderError::Busy {
                why: format!(
                    "{} could not be asked for {what}: {}.",
                    self.api.name,
                    clause(lost)
                ),
                retry_after: None,
            },
        }
    }

    /// What is to be done when a request could not be made at all.
    fn unsent(&self) -> ProviderError {
        let Api {
            name, usual_url, ..
        } = self.api;
        ProviderError::Refused(format!(
            "{name}'s token or api_url cannot be sent as they are. Set them anew in the configuration; api_url is usually {usual_url}."
        ))
    }

    /// What it means that there is no answer to a request to move production. `checking` is what
    /// tells whether it was done: `its deploys`.
    pub(crate) fn unanswered(&self, lost: &Lost, checking: &str) -> ProviderError {
        match lost {
            Lost::Unsent => self.unsent(),
            Lost::Unreachable { .. } => self.not_reached("asked", lost),
            Lost::Silent(_) => ProviderError::Unanswered(format!(
                "{} was asked and gave no answer: {}. I'm checking {checking} and won't send the request again.",
                self.api.name,
                clause(lost)
            )),
        }
    }

    /// Why nothing was `done` that was asked for: there was no connection.
    fn not_reached(&self, done: &str, lost: &Lost) -> ProviderError {
        ProviderError::Busy {
            why: format!(
                "{} was not reached, so nothing was {done}: {}. It is tried again; if this stays, check the bot's way to {}.",
                self.api.name,
                clause(lost),
                self.url.host_str().unwrap_or("the API")
            ),
            retry_after: None,
        }
    }

    /// Asks for a change of how the platform is set, once, and gives what was answered, as a
    /// clause. That may be less than what was done: [`read_back`](Self::read_back) tells.
    pub(crate) async fn set(
        &self,
        setting: &Setting,
        path: &[&str],
        body: &Value,
    ) -> Result<String, ProviderError> {
        match self.change(Method::PATCH, path, &[], body).await {
            Ok(answer) => answer.set(setting),
            Err(lost) => self.not_set(&lost),
        }
    }

    /// What a lost answer to such a change is, as a clause, or why nothing is changed.
    pub(crate) fn not_set(&self, lost: &Lost) -> Result<String, ProviderError> {
        match lost {
            Lost::Unsent => Err(self.unsent()),
            Lost::Unreachable { .. } => Err(self.not_reached("changed", lost)),
            Lost::Silent(_) => Ok(format!("gave no answer ({})", clause(lost))),
        }
    }

    /// What is known of a setting after it was to be changed, and `answered` came back.
    pub(crate) fn read_back(
        &self,
        setting: &Setting,
        answered: &str,
        is_as_wished: Result<bool, ProviderError>,
    ) -> Result<String, ProviderError> {
        let name = self.api.name;
        let Setting { wish, done, look } = setting;
        match is_as_wished {
            Ok(true) => Ok(format!("{done} (read back)")),
            Ok(false) => Err(ProviderError::Busy {
                why: format!(
                    "{name} was asked to {wish}, {answered}, and does not show it. It is asked again; if this stays, look at {look}."
                ),
                retry_after: None,
            }),
            Err(error) => Err(ProviderError::Unanswered(format!(
                "{name} was asked to {wish} and {answered}. It was not read back: {error}"
            ))),
        }
    }
}

/// What came back to a request, as far as it has to be judged.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What the answer means, as a status.
    pub(crate) status: u16,
    /// Null when it cannot be read.
    pub(crate) body: Value,
    headers: HeaderMap,
    api: &'static Api,
    quoted: String,
}

impl Answer {
    /// An answer that came with these.
    pub(crate) fn new(api: &'static Api, status: u16, headers: HeaderMap, body: Value) -> Self {
        let words = (api.words)(&body);
        let said = cut(&one_line(words.unwrap_or_default()), QUOTED_AT_MOST);
        let said = said.trim_end_matches(['.', ' ']);
        let quoted = match (status, said) {
            // A refusal may come with it.
            (200, "") if words.is_none() => format!("200, and it is not {}'s", api.name),
            (200, said) if !said.is_empty() => said.to_owned(),
            (status, "") => status.to_string(),
            (status, said) => format!("{status}: {said}"),
        };
        Self {
            status,
            body,
            headers,
            api,
            quoted,
        }
    }

    /// What is left of an answer when it is judged. The status has been told by now: a body that
    /// breaks off, or that is no JSON, takes nothing of it back.
    async fn of(answer: rollback_http::Answer, api: &'static Api, at_most: usize) -> Self {
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = answer.body(at_most).await.unwrap_or_default();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let (status, body) = (api.amend)(status, &headers, body);
        Self::new(api, status, headers, body)
    }

    /// Whether it says that what was asked for is taken.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether something in between may have lost the answer to a request that was done.
    fn broke_off(&self) -> bool {
        matches!(self.status, 408 | 500..)
    }

    /// Whether the platform itself answers, and not something in between.
    pub(crate) fn is_the_platforms(&self) -> bool {
        (self.api.words)(&self.body).is_some()
    }

    /// The status and the platform's own words: `403: forbidden`.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// Nothing was done, and it may be asked again.
    pub(crate) fn busy(&self, why: String) -> ProviderError {
        ProviderError::Busy {
            why,
            retry_after: self.wait(),
        }
    }

    /// How long the platform wants us to wait, in milliseconds.
    pub(crate) fn wait(&self) -> Option<u64> {
        let wait = retry_after(&self.headers);
        let wait = wait.or_else(|| (self.api.wait)(&self.headers, &self.body))?;
        u64::try_from(wait.as_millis()).ok()
    }

    fn no_access(&self) -> ProviderError {
        let Api { name, access, .. } = self.api;
        ProviderError::Refused(format!(
            "{name} says the token is unknown, expired or lacks access ({}). {access}",
            self.quoted
        ))
    }

    /// A redirect: nothing was done where it was asked.
    fn elsewhere(&self) -> ProviderError {
        ProviderError::Refused(format!(
            "{}'s API is not where it was asked ({}, a redirect). Check api_url in the configuration.",
            self.api.name, self.quoted
        ))
    }

    /// What a refused read of `what` means.
    pub(crate) fn unread(&self, what: &str) -> ProviderError {
        let Api { name, settings, .. } = self.api;
        let quoted = &self.quoted;
        match self.status {
            401 | 403 => self.no_access(),
            402 => ProviderError::Refused(format!(
                "{name} wants a paid plan or a paid bill before it shows {what} ({quoted})."
            )),
            404 => ProviderError::Refused(format!(
                "Something answered 404 about {what}, and it is not {name}. Check api_url in the configuration, and what stands between this bot and {name}."
            )),
            429 => self.busy(format!("{name} is rate-limiting this bot ({quoted}).")),
            408 | 500.. => self.busy(format!("{name} answers with an error ({quoted}).")),
            300..=399 => self.elsewhere(),
            _ => ProviderError::Refused(format!(
                "{name} would not show {what} ({quoted}). Check {settings} in the configuration."
            )),
        }
    }

    /// What the answer to a request to move production means, where it means the same on every
    /// platform; `None`: the platform says something of its own. `checking` is what tells whether
    /// it was done: `its deploys`.
    pub(crate) fn unmoved(&self, checking: &str) -> Option<ProviderError> {
        let name = self.api.name;
        let (quoted, status) = (&self.quoted, self.status);
        Some(match status {
            429 => self.busy(format!(
                "{name} is rate-limiting this bot and has done nothing ({quoted})."
            )),
            _ if self.broke_off() => ProviderError::Unanswered(format!(
                "{name} answered the request with an error ({quoted}). I'm checking {checking} and won't send the request again."
            )),
            401 | 403 => self.no_access(),
            404 | 410 if !self.is_the_platforms() => ProviderError::Unanswered(format!(
                "Something answered {status}, and it is not {name}, so it is not known whether {name} was asked. I'm checking {checking} and won't send the request again. Check api_url in the configuration."
            )),
            300..=399 => self.elsewhere(),
            _ => return None,
        })
    }

    /// What was answered to the wish to change a setting, as a clause, or why it is not changed.
    pub(crate) fn set(&self, setting: &Setting) -> Result<String, ProviderError> {
        let Api { name, settings, .. } = self.api;
        let Setting { wish, look, .. } = setting;
        let quoted = &self.quoted;
        Err(match self.status {
            _ if self.is_success() => return Ok("took it".to_owned()),
            _ if self.broke_off() => return Ok(format!("broke off ({quoted})")),
            401 | 403 => self.no_access(),
            402 => ProviderError::Refused(format!(
                "{name} wants a paid plan or a paid bill before it changes this ({quoted}). Look at {look}."
            )),
            429 => self.busy(format!(
                "{name} is rate-limiting this bot and has changed nothing ({quoted})."
            )),
            _ => ProviderError::Refused(format!(
                "{name} would not {wish} ({quoted}). Look at {look}, and check {settings} in the configuration."
            )),
        })
    }
}

/// A change of how a platform is set, in words.
#[derive(Debug)]
pub(crate) struct Setting {
    /// What is asked for, after *to*: `hold automatic deploys off`.
    wish: &'static str,
    /// What is true if it worked: `automatic deploys are held off`.
    done: &'static str,
    /// Where people see it: `the settings of orders on dashboard.render.com`.
    look: String,
}

impl Setting {
    /// Automatic deploys that are to be like this.
    pub(crate) fn automatic_deploys(to: Pin, look: String) -> Self {
        let (wish, done) = match to {
            Pin::On => (
                "hold automatic deploys off",
                "automatic deploys are held off",
            ),
            Pin::Off | Pin::NotNeeded | Pin::Unknown => (
                "let automatic deploys go live",
                "automatic deploys go live again",
            ),
        };
        Self { wish, done, look }
    }

    /// What is said where there was nothing to change.
    pub(crate) fn already(&self) -> String {
        format!("{} already (read back), nothing was changed", self.done)
    }
}

/// Why there is no answer, as a clause.
fn clause(lost: &Lost) -> String {
    match lost {
        Lost::Silent(Silence::SentOn) => format!("{lost}; check api_url in the configuration"),
        lost => format!("{lost:#}"),
    }
}
