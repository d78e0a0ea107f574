//! `chat.*`: what the app says in channels.

use serde_json::{Value, json};

use super::{Failure, Outcome, Params, known_channel};
use crate::Slack;
use crate::state::Draft;

/// The longest text `chat.update` takes.
const LONGEST_UPDATE: usize = 4000;

pub(super) fn post_message(slack: &Slack, params: &Params) -> Outcome {
    let channel = postable(slack, params.need("channel")?)?;
    let draft = draft(slack, params, &channel, "chat.postMessage")?;
    if let Some(thread_ts) = &draft.thread_ts
        && slack.look(|state| state.message(&channel, thread_ts).is_none())
    {
        return Err(Failure::from("thread_not_found"));
    }
    let draft = Draft {
        metadata: params.json("metadata"),
        ..draft
    };
    let message = slack.change(|state| state.post(slack.now(), draft).clone());
    Ok(json!({ "channel": channel, "ts": message.ts, "message": slack.as_app_sees(&message) }))
}

pub(super) fn update(slack: &Slack, params: &Params) -> Outcome {
    let channel = postable(slack, params.need("channel")?)?;
    let ts = params.need("ts")?;
    let known = slack.look(|state| {
        state
            .message(&channel, ts)
            .filter(|known| !known.deleted)
            .cloned()
    });
    let known = known
        .filter(|known| known.only_for.is_none())
        .ok_or(Failure::from("message_not_found"))?;
    if known.user != slack.inner.options.bot_user {
        return Err(Failure::from("cant_update_message"));
    }
    let text = params.text("text").unwrap_or_default();
    if text.chars().count() > LONGEST_UPDATE {
        slack.keep_violations(
            "chat.update",
            vec!["the text is longer than 4000 characters".to_owned()],
        );
        return Err(Failure::from("msg_too_long"));
    }
    let blocks = params.blocks()?.unwrap_or_else(|| known.blocks.clone());
    valid(slack, "chat.update", Some(text), &blocks)?;
    let metadata = match params.json("metadata") {
        None => known.metadata,
        Some(empty) if empty == json!({}) => None,
        some => some,
    };
    let message = slack.change(|state| {
        let at = state
            .messages
            .iter()
            .position(|message| message.channel == channel && message.ts == ts)?;
        state.revise(slack.now(), at, text.to_owned(), blocks, metadata);
        Some(state.messages[at].clone())
    });
    let message = message.ok_or(Failure::from("message_not_found"))?;
    Ok(
        json!({ "channel": channel, "ts": ts, "text": text, "message": slack.as_app_sees(&message) }),
    )
}

pub(super) fn delete(slack: &Slack, params: &Params) -> Outcome {
    let (channel, ts) = (params.need("channel")?, params.need("ts")?);
    slack.change(|state| {
        let bot = state.bot_user.clone();
        let message = state.messages.iter_mut().find(|message| {
            message.channel == channel && message.ts == ts && message.only_for.is_none()
        });
        let message = message
            .filter(|message| !message.deleted)
            .ok_or(Failure::from("message_not_found"))?;
        if message.user != bot {
            return Err(Failure::from("cant_delete_message"));
        }
        message.deleted = true;
        Ok(json!({ "channel": channel, "ts": ts }))
    })
}

pub(super) fn post_ephemeral(slack: &Slack, params: &Params) -> Outcome {
    let channel = postable(slack, params.need("channel")?)?;
    let person = params.need("user")?;
    let is_there = slack.look(|state| {
        state.person(person).is_some_and(|known| !known.deleted)
            && state
                .channel(&channel)
                .is_some_and(|channel| !channel.absent.contains(person))
    });
    if !is_there {
        return Err(Failure::from("user_not_in_channel"));
    }
    let draft = draft(slack, params, &channel, "chat.postEphemeral")?;
    let ts = slack.post(Draft {
        only_for: Some(person.to_owned()),
        ..draft
    });
    Ok(json!({ "message_ts": ts }))
}

pub(super) fn permalink(slack: &Slack, params: &Params) -> Outcome {
    let (channel, ts) = (params.need("channel")?, params.need("message_ts")?);
    slack.look(|state| {
        known_channel(state, channel)?;
        let message = state
            .message(channel, ts)
            .ok_or(Failure::from("message_not_found"))?;
        let mut link = format!(
            "https://{}.slack.com/archives/{channel}/p{}",
            slack.inner.options.team_domain,
            ts.replace('.', "")
        );
        if let Some(thread_ts) = &message.thread_ts {
            link.push_str(&format!("?thread_ts={thread_ts}&cid={channel}"));
        }
        Ok(json!({ "channel": channel, "permalink": link }))
    })
}

/// The id of a channel the bot may post in; a person stands for their direct conversation.
pub(super) fn postable(slack: &Slack, channel: &str) -> Result<String, Failure> {
    slack.change(|state| {
        if state.person(channel).is_some() {
            return Ok(state.direct_channel(channel));
        }
        let known = known_channel(state, channel)?;
        if !known.bot_is_in {
            return Err(Failure::from("not_in_channel"));
        }
        if known.is_archived {
            return Err(Failure::from("is_archived"));
        }
        Ok(known.id.clone())
    })
}

pub(super) fn valid(
    slack: &Slack,
    method: &str,
    text: Option<&str>,
    blocks: &[Value],
) -> Result<(), Failure> {
    let found = slack.check_message(method, text, blocks);
    if found.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid("invalid_blocks", found))
    }
}

fn draft(slack: &Slack, params: &Params, channel: &str, method: &str) -> Result<Draft, Failure> {
    let blocks = params.blocks()?.unwrap_or_default();
    valid(slack, method, params.text("text"), &blocks)?;
    Ok(Draft {
        channel: channel.to_owned(),
        user: slack.inner.options.bot_user.clone(),
        text: params.text("text").unwrap_or_default().to_owned(),
        blocks,
        thread_ts: params.text("thread_ts").map(str::to_owned),
        ..Draft::default()
    })
}
