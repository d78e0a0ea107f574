//! Fetching an image, which can take longer than a step may: it goes on by itself, and whoever
//! looks sees whether the image is there.
//!
//! The engine gives up when nobody waits for its answer any more, so this process waits. When it
//! ends before that, the image is not there and is asked for again: fetching is safe to repeat.

use crate::docker_api::{Change, Engine, REGISTRY_AUTH, Registry, busy, message, quoted, words};
use reqwest::Method;
use rollback_domain::platform::ProviderError;
use rollback_http::send;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long fetching may take.
const WITHIN: Duration = Duration::from_secs(30 * 60);
/// How long a step waits for it.
const STEP_WAITS: Duration = Duration::from_secs(45);
/// How much of the end of the engine's report is kept: the error is in its last line.
const END_OF_REPORT: usize = 64 * 1024;

/// What came of fetching; `None` while it goes on.
type Outcome = Option<Result<(), ProviderError>>;

/// What this process fetches. Nobody relies on it: it only tells what goes on from what does not.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulls(Arc<Mutex<BTreeMap<String, watch::Receiver<Outcome>>>>);

impl Pulls {
    /// What came of the image that a registry calls like this: `None` when it is not fetched here,
    /// `Some(None)` while it is.
    pub(super) fn outcome(&self, digest: &str) -> Option<Outcome> {
        let pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulls.get(digest).map(|pull| pull.borrow().clone())
    }

    /// Begins to fetch an image, unless that goes on, and waits for it a while.
    pub(super) async fn fetch(
        &self,
        engine: &Engine,
        digest: &str,
        registry: Option<&Registry>,
    ) -> Outcome {
        let mut watching = self.begin(engine, digest, registry);
        let ended = watching.wait_for(Option::is_some);
        match tokio::time::timeout(STEP_WAITS, ended).await {
            Ok(Ok(outcome)) => outcome.clone(),
            Ok(Err(_)) | Err(_) => None,
        }
    }

    fn begin(
        &self,
        engine: &Engine,
        digest: &str,
        registry: Option<&Registry>,
    ) -> watch::Receiver<Outcome> {
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull) = pulls.get(digest)
            && pull.borrow().is_none()
        {
            return pull.clone();
        }
        let (ended, watching) = watch::channel(None);
        // Those that have ended were looked at, or nobody does any more.
        pulls.retain(|_, pull| pull.borrow().is_none());
        pulls.insert(digest.to_owned(), watching.clone());
        let (engine, digest) = (engine.clone(), digest.to_owned());
        let registry = registry.cloned();
        tokio::spawn(async move {
            let outcome = pull(&engine, &digest, registry.as_ref()).await;
            let _ = ended.send(Some(outcome));
        });
        watching
    }
}

/// Has the engine fetch an image by its digest.
async fn pull(
    engine: &Engine,
    digest: &str,
    registry: Option<&Registry>,
) -> Result<(), ProviderError> {
    let session = engine.open().await?;
    let change = Change {
        verb: "pull the image",
        method: Method::POST,
        path: &["images", "create"],
        query: &[("fromImage", digest)],
        within: WITHIN,
    };
    let asked_by = registry.map(|registry| registry.header(digest));
    let headers: Vec<_> = asked_by
        .iter()
        .map(|asked_by| (REGISTRY_AUTH, asked_by.as_str()))
        .collect();
    let request = session.request(&change, None, &headers)?;
    let answer = send(request, WITHIN)
        .await
        .map_err(|lost| busy(format!("Docker was not done with {digest}: {lost:#}.")))?;
    let status = answer.status().as_u16();
    if status != 200 {
        let message = message(answer).await;
        let said = message.clone().unwrap_or_default();
        return Err(failed(digest, &said, &quoted(status, message.as_deref())));
    }
    let report = answer.end_of_body(END_OF_REPORT).await;
    let report = report.map_err(|lost| {
        busy(format!(
            "Docker's report about {digest} broke off: {lost:#}."
        ))
    })?;
    match error_in(&report) {
        Some(said) => Err(failed(digest, &said, &words(&said))),
        None => Ok(()),
    }
}

/// The error in a report of JSON lines, if it ends with one.
fn error_in(report: &[u8]) -> Option<String> {
    let lines = String::from_utf8_lossy(report).into_owned();
    lines.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(line["error"].as_str()?.to_owned())
    })
}

/// Why an image could not be fetched, in the words of the registry.
fn failed(digest: &str, said: &str, quoted: &str) -> ProviderError {
    let low = said.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| low.contains(part));
    if has(&["toomanyrequests", "too many requests", "rate limit"]) {
        return busy(format!(
            "The registry answers too many requests ({quoted}), and nothing was changed. If this stays, set registry_user and registry_password."
        ));
    }
    if has(&["manifest unknown", "not found", "no such image"]) {
        return ProviderError::Refused(format!(
            "The image was removed from this engine, and its registry does not have {digest} any more ({quoted}). Nothing was changed; choose another release."
        ));
    }
    if has(&["denied", "unauthorized", "authentication", "no basic auth"]) {
        return ProviderError::Refused(format!(
            "The registry does not give {digest} to this bot ({quoted}). Nothing was changed; set registry_user and registry_password in the configuration."
        ));
    }
    ProviderError::Refused(format!(
        "Docker could not pull {digest} ({quoted}). Nothing was changed; pull it by hand on that machine, then ask for a new plan."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "registry.example.com/shop@sha256:1111";

    #[test]
    fn what_a_registry_answers_has_its_sentence() {
        let report = b"{\"status\":\"Pulling\"}\n{\"errorDetail\":{\"message\":\"x\"},\"error\":\"toomanyrequests: slow down\"}\n";
        let said = error_in(report).unwrap();
        assert!(matches!(
            failed(DIGEST, &said, &said),
            ProviderError::Busy { .. }
        ));
        assert_eq!(error_in(b"{\"status\":\"Downloaded\"}\n"), None);
        for (said, part) in [
            ("manifest unknown", "does not have"),
            ("denied: requested access", "registry_password"),
            ("connection reset", "pull it by hand"),
        ] {
            match failed(DIGEST, said, said) {
                ProviderError::Refused(why) => assert!(why.contains(part), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
