//! `conversations.*`: what the app reads back from channels.

use serde_json::{Value, json};

use super::{Failure, Outcome, Params, known_channel};
use crate::Slack;
use crate::message::Message;

pub(super) fn history(slack: &Slack, params: &Params) -> Outcome {
    let mut found = in_channel(slack, params)?;
    found.retain(Message::is_top);
    found.retain(|message| is_wanted(message, params));
    found.reverse();
    Ok(paged(slack, params, &found, 100))
}

pub(super) fn replies(slack: &Slack, params: &Params) -> Outcome {
    let ts = params.need("ts")?;
    let mut found = in_channel(slack, params)?;
    let root = found
        .iter()
        .find(|message| message.ts == ts)
        .and_then(|message| message.thread_ts.clone());
    let root = root.unwrap_or_else(|| ts.to_owned());
    found.retain(|message| message.ts == root || message.thread_ts.as_ref() == Some(&root));
    if !found.iter().any(|message| message.ts == root) {
        return Err(Failure::from("thread_not_found"));
    }
    // the message the thread hangs on is always there
    found.retain(|message| message.ts == root || is_wanted(message, params));
    Ok(paged(slack, params, &found, 1000))
}

pub(super) fn info(slack: &Slack, params: &Params) -> Outcome {
    slack.look(|state| {
        let channel = known_channel(state, params.need("channel")?)?;
        let is_direct = channel.id.starts_with('D');
        Ok(json!({ "channel": {
            "id": channel.id, "name": channel.name, "name_normalized": channel.name,
            "is_channel": !is_direct, "is_group": false, "is_im": is_direct, "is_mpim": false,
            "is_private": is_direct || channel.is_private, "is_archived": channel.is_archived, "is_member": channel.bot_is_in,
            "is_general": false, "is_shared": false, "is_ext_shared": false, "is_org_shared": false,
            "context_team_id": slack.inner.options.team_id,
        } }))
    })
}

pub(super) fn members(slack: &Slack, params: &Params) -> Outcome {
    slack.look(|state| {
        let channel = known_channel(state, params.need("channel")?)?;
        if !channel.bot_is_in {
            return Err(Failure::from("channel_not_found"));
        }
        let direct = channel.id.strip_prefix('D').map(|name| format!("U{name}"));
        let there = state.people.iter().filter(|person| {
            let talks = direct
                .as_ref()
                .is_none_or(|id| *id == person.id || person.is_bot);
            talks && !person.deleted && !channel.absent.contains(&person.id)
        });
        let all: Vec<&str> = there.map(|person| person.id.as_str()).collect();
        let start = params
            .text("cursor")
            .and_then(|cursor| cursor.strip_prefix("next:")?.parse().ok())
            .unwrap_or(0);
        let limit = usize::try_from(params.number("limit").unwrap_or(100).max(1));
        let limit = limit.unwrap_or(usize::MAX);
        let page: Vec<&&str> = all.iter().skip(start).take(limit).collect();
        let next = match start + page.len() {
            end if end < all.len() => format!("next:{end}"),
            _ => String::new(),
        };
        Ok(json!({ "members": page, "response_metadata": { "next_cursor": next } }))
    })
}

pub(super) fn open(slack: &Slack, params: &Params) -> Outcome {
    let person = params.need("users")?;
    slack.change(|state| {
        if state.person(person).is_none() {
            return Err(Failure::from("user_not_found"));
        }
        Ok(json!({ "channel": { "id": state.direct_channel(person) } }))
    })
}

fn in_channel(slack: &Slack, params: &Params) -> Result<Vec<Message>, Failure> {
    let id = params.need("channel")?;
    slack.look(|state| {
        let channel = known_channel(state, id)?;
        if !channel.bot_is_in {
            return Err(Failure::from("not_in_channel"));
        }
        let there = state.messages.iter().filter(|message| {
            message.channel == channel.id && !message.deleted && message.only_for.is_none()
        });
        Ok(there.cloned().collect())
    })
}

/// The files of a message, as the app sees them.
fn files(slack: &Slack, ids: &[String]) -> Value {
    slack.look(|state| {
        let of = |id: &String| state.files.iter().find(|file| file.id == *id);
        let seen = ids.iter().filter_map(of);
        seen.map(|file| json!({ "id": file.id, "name": file.name, "title": file.title }))
            .collect()
    })
}

/// Whether the message lies between `oldest` and `latest`.
fn is_wanted(message: &Message, params: &Params) -> bool {
    let is_inclusive = params.is_true("inclusive");
    let at = micros(&message.ts);
    let bound = |key| params.text(key).filter(|text| !text.is_empty()).map(micros);
    bound("oldest").is_none_or(|oldest| at > oldest || is_inclusive && at == oldest)
        && bound("latest").is_none_or(|latest| at < latest || is_inclusive && at == latest)
}

fn micros(ts: &str) -> u64 {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    seconds.parse::<u64>().unwrap_or(0) * 1_000_000 + fraction.parse::<u64>().unwrap_or(0)
}

fn paged(slack: &Slack, params: &Params, found: &[Message], usual: u64) -> Value {
    let limit =
        usize::try_from(params.number("limit").unwrap_or(usual).max(1)).unwrap_or(usize::MAX);
    let start = params
        .text("cursor")
        .and_then(|cursor| cursor.strip_prefix("next:")?.parse().ok())
        .unwrap_or(0);
    let page: Vec<_> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|message| {
            let mut seen = slack.as_app_sees(message);
            if !params.is_true("include_all_metadata")
                && let Some(seen) = seen.as_object_mut()
            {
                seen.remove("metadata");
            }
            if !message.files.is_empty() {
                seen["files"] = files(slack, &message.files);
            }
            if !message.is_top() {
                seen["parent_user_id"] = json!(slack.inner.options.bot_user);
            }
            seen
        })
        .collect();
    let end = start + page.len();
    let has_more = end < found.len();
    let next = if has_more {
        format!("next:{end}")
    } else {
        String::new()
    };
    json!({ "messages": page, "has_more": has_more, "response_metadata": { "next_cursor": next } })
}
