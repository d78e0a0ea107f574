//! The calls to Railway's API, which is GraphQL.

use super::{Railway, answers::meaning};
use crate::{
    json::text,
    rest::{Answer, Api, as_answered},
};
use rollback_domain::platform::ProviderError;
use rollback_http::Lost;
use serde_json::{Value, json};
use std::time::Duration;

/// Railway's API, called with a token of a project.
pub(super) const API: Api = Api {
    name: "Railway",
    usual_url: "https://backboard.railway.com/graphql/v2",
    settings: "project, environment and service",
    access: "Create a project token of this environment under Project Settings, Tokens, and set it in the configuration; for an account token set token_kind = \"account\".",
    within: Duration::from_secs(15),
    headers: &[],
    words: |body| {
        let error = &body["errors"][0];
        match error.is_object() {
            true => Some(text(error, "message").unwrap_or("no reason was told")),
            false => body.get("data").map(|_| ""),
        }
    },
    wait: |_, _| None,
    amend: as_answered,
};

/// Railway's API, called with a token of an account.
pub(super) const API_OF_AN_ACCOUNT: Api = Api {
    access: "Create one at railway.com/account/tokens for the project's workspace, and set it in the configuration.",
    ..API
};

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

impl Railway {
    /// Sends one document, once; `Err` means that there is no answer to judge.
    pub(super) async fn send(&self, document: Document, variables: &Value) -> Result<Answer, Lost> {
        let document = json!({
            "query": document.text,
            "operationName": document.operation,
            "variables": variables,
        });
        let mut answer = self.rest.query(&document).await?;
        answer.status = meaning(&answer);
        Ok(answer)
    }

    /// Reads with one document.
    pub(super) async fn read(
        &self,
        what: &str,
        document: Document,
        variables: &Value,
    ) -> Result<Value, ProviderError> {
        let answer = self.send(document, variables).await;
        let mut answer = answer.map_err(|lost| self.rest.not_read(what, &lost))?;
        match answer.is_success() {
            true => Ok(answer.body["data"].take()),
            false => Err(answer.unread(what)),
        }
    }
}
