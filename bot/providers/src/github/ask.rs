//! The requests that make a workflow deploy an earlier commit: a dispatch, or a tag.

use super::{
    GitHub,
    settings::{ROLLBACK, SHA},
};
use crate::{json::text, rest::Answer};
use reqwest::Method;
use rollback_domain::platform::{Order, ProviderError, Receipt};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What tells whether a workflow was started.
const ITS_RUNS: &str = "its runs";

/// A refusal with a sentence.
fn refused(why: String) -> ProviderError {
    ProviderError::Refused(why)
}

/// The memory of a rollback, with these besides.
pub(super) fn remember(memory: &Value, added: &[(&str, Value)]) -> Value {
    let mut memory = memory.as_object().cloned().unwrap_or_default();
    for (key, value) in added {
        memory.insert((*key).to_owned(), value.clone());
    }
    Value::Object(memory)
}

/// An answer that says yes and is not GitHub's.
pub(super) fn not_githubs(answer: &Answer, checking: &str) -> ProviderError {
    ProviderError::Unanswered(format!(
        "GitHub's answer does not say what was done ({}). I'm checking {checking} and won't send the request again.",
        answer.quoted()
    ))
}

impl GitHub {
    /// Starts the workflow by hand. The run is named, or found again by the rollback's number.
    pub(super) async fn dispatch(
        &self,
        order: &Order,
        inputs: &BTreeMap<String, String>,
    ) -> Result<Receipt, ProviderError> {
        let (file, branch) = (&self.settings.workflow, &self.settings.branch);
        let (sha, rollback) = (&order.plan.to.id, order.rollback.to_string());
        let filled = inputs.iter().map(|(name, value)| {
            let value = value.replace(SHA, sha).replace(ROLLBACK, &rollback);
            (name.clone(), json!(value))
        });
        let mut body = json!({ "ref": branch, "inputs": filled.collect::<Map<_, _>>() });
        let below = ["actions", "workflows", file, "dispatches"];
        body["return_run_details"] = json!(true);
        let mut answer = self.change(Method::POST, &below, &body, ITS_RUNS).await?;
        if answer.status == 422 && answer.quoted().contains("return_run_details") {
            // A server that does not know it has done nothing, and has no other way to say so.
            body["return_run_details"].take();
            body.as_object_mut()
                .map(|body| body.remove("return_run_details"));
            answer = self.change(Method::POST, &below, &body, ITS_RUNS).await?;
        }
        let run = answer.body["workflow_run_id"].as_u64();
        match (answer.status, run) {
            (204, _) => Ok(Receipt {
                said: format!("{file} is started, its run is not listed yet"),
                ..Receipt::default()
            }),
            (200..=299, Some(run)) => Ok(Receipt {
                said: format!("run {run} of {file} is started"),
                memory: remember(&order.memory, &[("run", json!(run))]),
                ..Receipt::default()
            }),
            (200..=299, None) => Err(not_githubs(&answer, ITS_RUNS)),
            (404, _) => Err(self.not_found(&format!("workflow {file}"))),
            _ => Err(self.not_started(&answer)),
        }
    }

    /// Why a workflow is not started by hand.
    fn not_started(&self, answer: &Answer) -> ProviderError {
        let (file, branch) = (&self.settings.workflow, &self.settings.branch);
        let quoted = answer.quoted();
        let next = match quoted {
            _ if quoted.contains("disabled workflow") => {
                "It is switched off: switch it on under Actions on GitHub, then ask for a new plan."
                    .to_owned()
            }
            _ if quoted.contains("trigger") => format!(
                "Add `workflow_dispatch` with its inputs to .github/workflows/{file} on {branch}, then ask for a new plan."
            ),
            _ if quoted.contains("nput") => format!(
                "Compare the inputs of .github/workflows/{file} on {branch} with inputs in the configuration, then ask for a new plan."
            ),
            _ if quoted.contains("No ref") => {
                format!("There is no branch {branch}: correct branch in the configuration.")
            }
            _ => format!("Look at .github/workflows/{file} on {branch}, then ask for a new plan."),
        };
        refused(format!("GitHub did not start {file} ({quoted}). {next}"))
    }

    /// The tag that a rollback makes or moves.
    pub(super) fn tag_of(order: &Order, tag: &str) -> String {
        tag.replace(ROLLBACK, &order.rollback.to_string())
    }

    /// Makes the tag that the workflow listens to, or moves it. A tag only: no branch is moved.
    pub(super) async fn set_tag(&self, order: &Order, tag: &str) -> Result<Receipt, ProviderError> {
        let (sha, name) = (&order.plan.to.id, Self::tag_of(order, tag));
        let checking = format!("the tag {name}");
        let moves = tag == name && !order.memory["tag_at"].is_null();
        let answer = match moves {
            true => {
                let below: Vec<&str> = ["git", "refs", "tags"]
                    .into_iter()
                    .chain(name.split('/'))
                    .collect();
                let body = json!({ "sha": sha, "force": true });
                self.change(Method::PATCH, &below, &body, &checking).await?
            }
            false => {
                let body = json!({ "ref": format!("refs/tags/{name}"), "sha": sha });
                self.change(Method::POST, &["git", "refs"], &body, &checking)
                    .await?
            }
        };
        let quoted = answer.quoted();
        match answer.status {
            200..=299 if text(&answer.body["object"], "sha") == Some(sha) => Ok(Receipt {
                said: format!("the tag {name} is at {}", order.plan.to.label()),
                ..Receipt::default()
            }),
            200..=299 => Err(not_githubs(&answer, &checking)),
            422 if quoted.contains("already exists") || quoted.contains("does not exist") => {
                Err(refused(format!(
                    "GitHub did not set the tag {name} ({quoted}): somebody else changed it at the same time. Find out who, then ask for a new plan."
                )))
            }
            404 => Err(self.not_found("tags that may be set")),
            _ => Err(refused(format!(
                "GitHub did not set the tag {name} ({quoted}). Where a rule protects it, let the token, or the App, bypass the rule under Settings, Rules of {}, then ask for a new plan.",
                self.settings.repository()
            ))),
        }
    }
}
