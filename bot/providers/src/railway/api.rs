//! The calls to Railway's API. It is GraphQL: a refusal comes with the status 200 and `errors`.

use super::{Railway, settings::TokenKind};
use crate::json::text;
use reqwest::header::HeaderMap;
use rollback_domain::platform::ProviderError;
use rollback_http::{Lost, Silence, cut, json, one_line, retry_after, send};
use serde_json::{Value, json};
use std::time::Duration;

/// How long one call may take, from connecting to the last byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// The most bytes read of an answer. Parsed, they may take twenty times as much.
const BODY_AT_MOST: usize = 8 * 1024 * 1024;
/// How much of Railway's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// One document, whose first operation is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    pub(super) operation: &'static str,
    pub(super) text: &'static str,
}

pub(super) const SURVEY: Document = Document {
    operation: "Survey",
    text: include_str!("survey.graphql"),
};
pub(super) const AUTOMATIC: Document = Document {
    operation: "Automatic",
    text: include_str!("automatic.graphql"),
};
pub(super) const SET_AUTOMATIC: Document = Document {
    operation: "SetAutomatic",
    text: include_str!("set_automatic.graphql"),
};
pub(super) const ROLLBACK: Document = Document {
    operation: "Rollback",
    text: include_str!("rollback.graphql"),
};

/// What came back to a document, as far as it has to be judged.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: HeaderMap,
    /// Whether it is what a GraphQL server answers, and not something in between.
    is_graphql: bool,
    data: Value,
    /// What the first error says; `None`: there is none.
    error: Option<String>,
}

/// What an answer means, for a read and for a change alike.
#[derive(Debug)]
pub(super) enum Meaning {
    /// It has data.
    Data(Value),
    /// Too many requests; in so many milliseconds more are taken.
    Busy(Option<u64>),
    /// The token is unknown, or may not.
    NoAccess,
    /// Railway says no.
    Refused,
    /// Railway itself, or something in between, broke off.
    Broken,
    /// It is a redirect.
    Elsewhere,
}

impl Answer {
    async fn of(answer: rollback_http::Answer) -> Self {
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let body = answer.body(BODY_AT_MOST).await.unwrap_or_default();
        let body = json(&body).unwrap_or_default();
        let first = &body["errors"][0];
        let is_graphql = body.get("data").is_some() || first.is_object();
        let error = first.is_object().then(|| {
            let message = text(first, "message").unwrap_or("no reason was told");
            let internal = text(&first["extensions"], "code") == Some("INTERNAL_SERVER_ERROR");
            match internal {
                true => format!("internal error: {message}"),
                false => message.to_owned(),
            }
        });
        Self {
            status,
            headers,
            is_graphql,
            data: body.get("data").cloned().unwrap_or_default(),
            error,
        }
    }

    /// What it means.
    pub(super) fn meaning(&self) -> Meaning {
        let error = self.error.as_deref().map(str::to_lowercase);
        let has = |words: &[&str]| {
            let error = error.as_deref().unwrap_or_default();
            words.iter().any(|word| error.contains(word))
        };
        match self.status {
            429 => Meaning::Busy(self.wait()),
            _ if has(&["rate limit", "too many requests"]) => Meaning::Busy(self.wait()),
            401 | 403 => Meaning::NoAccess,
            _ if has(&["not authorized", "token not found", "two factor"]) => Meaning::NoAccess,
            408 | 500.. => Meaning::Broken,
            _ if has(&["internal error", "problem processing request", "timed out"]) => {
                Meaning::Broken
            }
            300..=399 => Meaning::Elsewhere,
            _ if !self.is_graphql => Meaning::Broken,
            _ if error.is_some() => Meaning::Refused,
            200 => Meaning::Data(self.data.clone()),
            _ => Meaning::Refused,
        }
    }

    /// The status and Railway's own words: `200: Not Authorized`.
    pub(super) fn quoted(&self) -> String {
        let message = self.error.as_deref().unwrap_or_default();
        match cut(&one_line(message), QUOTED_AT_MOST) {
            _ if !self.is_graphql => format!("{}, and it is not Railway's", self.status),
            message if message.is_empty() => self.status.to_string(),
            message => message.trim_end_matches(['.', ' ']).to_owned(),
        }
    }

    fn wait(&self) -> Option<u64> {
        u64::try_from(retry_after(&self.headers)?.as_millis()).ok()
    }
}

impl Railway {
    /// Sends one document, once; `Err` means that there is no answer to judge.
    pub(super) async fn send(&self, document: Document, variables: &Value) -> Result<Answer, Lost> {
        let token = self.settings.token.expose();
        let request = self.http.post(self.settings.api_url.clone());
        let request = match self.settings.token_kind {
            TokenKind::Project => request.header("Project-Access-Token", token),
            TokenKind::Account => request.bearer_auth(token),
        };
        let body = json!({
            "query": document.text,
            "operationName": document.operation,
            "variables": variables,
        });
        let answer = send(request.json(&body), CALL_TIMEOUT).await?;
        Ok(Answer::of(answer).await)
    }

    /// Reads with one document.
    pub(super) async fn read(
        &self,
        what: &str,
        document: Document,
        variables: &Value,
    ) -> Result<Value, ProviderError> {
        let busy = |why: String, retry_after| ProviderError::Busy { why, retry_after };
        let answer = match self.send(document, variables).await {
            Ok(answer) => answer,
            Err(Lost::Unsent) => return Err(unsent()),
            Err(lost @ (Lost::Unreachable { .. } | Lost::Silent(_))) => {
                let why = format!("Railway could not be asked for {what}: {}.", clause(&lost));
                return Err(busy(why, None));
            }
        };
        let quoted = answer.quoted();
        Err(match answer.meaning() {
            Meaning::Data(data) => return Ok(data),
            Meaning::Busy(wait) => busy(
                format!("Railway is rate-limiting this bot ({quoted})."),
                wait,
            ),
            Meaning::NoAccess => self.no_access(&quoted),
            Meaning::Refused => ProviderError::Refused(format!(
                "Railway would not show {what} ({quoted}). Check project, environment and service in the configuration."
            )),
            Meaning::Broken => busy(
                format!(
                    "Railway's answer about {what} cannot be used ({quoted}). If this stays, check api_url in the configuration."
                ),
                None,
            ),
            Meaning::Elsewhere => elsewhere(&quoted),
        })
    }

    pub(super) fn no_access(&self, quoted: &str) -> ProviderError {
        ProviderError::Refused(format!(
            "Railway says the token is unknown, expired or lacks access ({quoted}). {}",
            match self.settings.token_kind {
                TokenKind::Project =>
                    "Create a project token of this environment under Project Settings, Tokens, and set it in the configuration; for an account token set token_kind = \"account\".",
                TokenKind::Account =>
                    "Create one at railway.com/account/tokens for the project's workspace, and set it in the configuration.",
            }
        ))
    }
}

/// What a redirect means: nothing was done where it was asked.
pub(super) fn elsewhere(quoted: &str) -> ProviderError {
    ProviderError::Refused(format!(
        "Railway's API is not where it was asked ({quoted}, a redirect). Check api_url in the configuration."
    ))
}

/// What is to be done when a request could not be made at all.
pub(super) fn unsent() -> ProviderError {
    ProviderError::Refused("Railway's token or api_url cannot be sent as they are. Set them anew in the configuration; api_url is usually https://backboard.railway.com/graphql/v2.".into())
}

/// Why there is no answer, as a clause.
pub(super) fn clause(lost: &Lost) -> String {
    match lost {
        Lost::Silent(Silence::SentOn) => format!("{lost}; check api_url in the configuration"),
        lost => format!("{lost:#}"),
    }
}
