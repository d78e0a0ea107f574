//! Response urls: five answers within thirty minutes, for those who were shown something.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::Slack;
use crate::state::Call;
use crate::web_api::fault_answer;

/// How often a response url may be used.
const USES: u32 = 5;
/// How long a response url lives, in seconds.
const LIFE: i64 = 30 * 60;

/// Serves `/respond/{id}`.
pub(crate) async fn serve(slack: &Slack, id: &str, body: &Bytes) -> Response {
    let reply: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let mut call = Call {
        method: "respond".to_owned(),
        at: slack.now(),
        channel: slack.look(|state| state.reply_urls.get(id).map(|url| url.channel.clone())),
        ok: false,
        error: None,
        params: reply.clone(),
    };
    let fault = slack.hit("respond");
    if let Some(answer) = fault_answer(slack, fault, &mut call).await {
        return answer;
    }
    let outcome = redeem(slack, id).and_then(|target| apply(slack, &target, &reply));
    match outcome {
        Ok(()) => call.ok = true,
        Err((_, reason)) => call.error = Some(reason.to_owned()),
    }
    slack.change(|state| state.calls.push(call));
    if let Some(answer) = slack.keep_back(fault).await {
        return answer;
    }
    match outcome {
        Ok(()) => "ok".into_response(),
        Err(refused) => refused.into_response(),
    }
}

type Refused = (StatusCode, &'static str);

struct Target {
    person: String,
    channel: String,
    original: Option<String>,
}

fn redeem(slack: &Slack, id: &str) -> Result<Target, Refused> {
    let now = slack.now().as_second();
    slack.change(|state| {
        let url = state
            .reply_urls
            .get_mut(id)
            .ok_or((StatusCode::NOT_FOUND, "invalid_url"))?;
        if url.uses >= USES {
            return Err((StatusCode::NOT_FOUND, "used_url"));
        }
        if now - url.at.as_second() > LIFE {
            return Err((StatusCode::NOT_FOUND, "expired_url"));
        }
        url.uses += 1;
        Ok(Target {
            person: url.person.clone(),
            channel: url.channel.clone(),
            original: url.original.clone(),
        })
    })
}

fn apply(slack: &Slack, target: &Target, reply: &Value) -> Result<(), Refused> {
    if !reply.is_object() {
        return Err((StatusCode::BAD_REQUEST, "invalid_payload"));
    }
    let original = slack.look(|state| {
        let ts = target.original.as_ref()?;
        state
            .messages
            .iter()
            .position(|message| message.channel == target.channel && message.ts == *ts)
    });
    if reply["delete_original"] == true {
        let at = original.ok_or((StatusCode::NOT_FOUND, "no_original"))?;
        slack.change(|state| state.messages[at].deleted = true);
        return Ok(());
    }
    if reply["replace_original"] == true
        && let Some(at) = original
    {
        return replace(slack, at, reply);
    }
    let is_public = reply["response_type"] == "in_channel";
    let is_shown = slack.post_reply(
        &target.person,
        &target.channel,
        reply,
        is_public,
        "a response url",
    );
    is_shown
        .map(|_| ())
        .ok_or((StatusCode::BAD_REQUEST, "invalid_blocks"))
}

fn replace(slack: &Slack, at: usize, reply: &Value) -> Result<(), Refused> {
    let text = reply["text"].as_str().unwrap_or_default().to_owned();
    let blocks = reply["blocks"].as_array().cloned().unwrap_or_default();
    if !slack
        .check_message("a response url", Some(&text), &blocks)
        .is_empty()
    {
        return Err((StatusCode::BAD_REQUEST, "invalid_blocks"));
    }
    slack.change(|state| {
        let metadata = state.messages[at].metadata.clone();
        state.revise(slack.now(), at, text, blocks, metadata);
    });
    Ok(())
}
