//! `files.*` and the upload address: the three steps in which a file gets into a channel.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::chat::{postable, valid};
use super::{Failure, Outcome, Params, fault_answer};
use crate::Slack;
use crate::message::File;
use crate::state::{Call, Draft};

pub(super) fn upload_url(slack: &Slack, params: &Params) -> Outcome {
    let name = params.need("filename")?.to_owned();
    let length = params.number("length").filter(|length| *length > 0);
    length.ok_or(Failure::from("invalid_arguments"))?;
    let id = slack.change(|state| {
        let id = state.id("F");
        let (bytes, channel, thread_ts) = (Vec::new(), None, None);
        state.files.push(File {
            id: id.clone(),
            title: name.clone(),
            name,
            bytes,
            channel,
            thread_ts,
        });
        id
    });
    Ok(json!({ "upload_url": format!("{}/upload/{id}", slack.base()), "file_id": id }))
}

pub(super) fn complete(slack: &Slack, params: &Params) -> Outcome {
    let Some(Value::Array(wanted)) = params.json("files") else {
        return Err(Failure::from("invalid_arguments"));
    };
    let channel = match params
        .text("channel_id")
        .or_else(|| params.text("channels"))
    {
        Some(channel) => Some(postable(slack, channel)?),
        None => None,
    };
    let blocks = params.blocks()?.unwrap_or_default();
    if !blocks.is_empty() {
        valid(
            slack,
            "files.completeUploadExternal",
            Some("a file"),
            &blocks,
        )?;
    }
    let thread_ts = params.text("thread_ts").map(str::to_owned);
    slack.change(|state| {
        let mut ids = Vec::new();
        for entry in &wanted {
            let id = entry["id"].as_str().unwrap_or_default();
            let file = state.files.iter_mut().find(|file| file.id == id);
            let file = file.filter(|file| !file.bytes.is_empty() && file.channel.is_none());
            let file = file.ok_or(Failure::from("file_not_found"))?;
            if let Some(title) = entry["title"].as_str() {
                title.clone_into(&mut file.title);
            }
            file.channel.clone_from(&channel);
            file.thread_ts.clone_from(&thread_ts);
            ids.push((file.id.clone(), file.title.clone(), file.name.clone(), file.bytes.len()));
        }
        if let Some(channel) = channel {
            state.post(
                slack.now(),
                Draft {
                    channel,
                    user: slack.inner.options.bot_user.clone(),
                    text: params.text("initial_comment").unwrap_or_default().to_owned(),
                    blocks,
                    thread_ts,
                    files: ids.iter().map(|(id, ..)| id.clone()).collect(),
                    ..Draft::default()
                },
            );
        }
        let files: Vec<_> = ids
            .into_iter()
            .map(|(id, title, name, size)| {
                json!({
                    "id": id, "title": title, "name": name, "size": size, "mimetype": "", "filetype": "",
                    "mode": "hosted", "shares": {}, "channels": [],
                    "url_private": format!("{}/file/{id}", slack.base()),
                    "permalink": format!("{}/file/{id}", slack.base()),
                })
            })
            .collect();
        Ok(json!({ "files": files }))
    })
}

/// Serves the upload address, which takes the bytes as they are or as a multipart form.
pub(crate) async fn upload(slack: &Slack, id: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    let mut call = Call {
        method: "upload".to_owned(),
        at: slack.now(),
        channel: None,
        ok: false,
        error: None,
        params: json!({ "file": id, "bytes": body.len() }),
    };
    let fault = slack.hit("upload");
    if let Some(answer) = fault_answer(slack, fault, &mut call).await {
        return answer;
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let bytes = if kind.starts_with("multipart/") {
        only_part(body)
    } else {
        body.to_vec()
    };
    let length = bytes.len();
    call.ok = slack.change(|state| {
        let file = state
            .files
            .iter_mut()
            .find(|file| file.id == id && file.channel.is_none());
        file.map(|file| file.bytes = bytes).is_some()
    });
    let is_known = call.ok;
    if headers.contains_key(header::AUTHORIZATION) {
        slack.keep_violations(
            "upload",
            vec!["the bot token was sent to the upload address".to_owned()],
        );
    }
    slack.change(|state| state.calls.push(call));
    if let Some(answer) = slack.keep_back(fault).await {
        return answer;
    }
    if is_known {
        format!("OK - {length}").into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Serves a file to somebody who looks at the demo page.
pub(crate) fn download(slack: &Slack, id: &str) -> Response {
    let file = slack.look(|state| state.files.iter().find(|file| file.id == id).cloned());
    let Some(file) = file else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let name: String = file
        .name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, file.bytes).into_response()
}

/// What is in the first part of a multipart form.
fn only_part(body: &[u8]) -> Vec<u8> {
    let find = |from: usize, needle: &[u8]| {
        body[from..]
            .windows(needle.len())
            .position(|window| window == needle)
            .map(|at| from + at)
    };
    let Some(line_end) = find(0, b"\r\n") else {
        return Vec::new();
    };
    let Some(start) = find(0, b"\r\n\r\n").map(|at| at + 4) else {
        return Vec::new();
    };
    let boundary = [b"\r\n", &body[..line_end]].concat();
    let end = find(start, &boundary).unwrap_or(body.len());
    body[start..end].to_vec()
}
