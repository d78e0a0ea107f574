//! What people do to messages besides answering them: react, edit, delete, use a shortcut.

use serde_json::{Value, json};

use crate::Slack;
use crate::delivery::Answer;
use crate::state::State;
use crate::typing;

impl Slack {
    /// A person adds a reaction to a message.
    pub async fn reacts(&self, person: &str, channel: &str, ts: &str, reaction: &str) -> Answer {
        self.reaction("reaction_added", person, channel, ts, reaction)
            .await
    }

    /// A person takes a reaction back.
    pub async fn unreacts(&self, person: &str, channel: &str, ts: &str, reaction: &str) -> Answer {
        self.reaction("reaction_removed", person, channel, ts, reaction)
            .await
    }

    async fn reaction(
        &self,
        kind: &str,
        person: &str,
        channel: &str,
        ts: &str,
        reaction: &str,
    ) -> Answer {
        let event = self.change(|state| {
            let mut messages = state.messages.iter_mut();
            let message = messages.find(|known| known.channel == channel && known.ts == ts);
            let author = message.map(|message| {
                let mine = (person.to_owned(), reaction.to_owned());
                message.reactions.retain(|known| *known != mine);
                if kind == "reaction_added" {
                    message.reactions.push(mine);
                }
                message.user.clone()
            });
            let event_ts = state.ts(self.now());
            let event = json!({
                "type": kind, "user": person, "reaction": reaction, "item_user": author,
                "item": { "type": "message", "channel": channel, "ts": ts }, "event_ts": event_ts,
            });
            self.as_event(state, event)
        });
        self.send_event(&event).await
    }

    /// A person moves to another time zone.
    pub fn moves(&self, person: &str, tz: &str, tz_offset: i64) {
        self.change(|state| {
            if let Some(known) = state.people.iter_mut().find(|known| known.id == person) {
                *known = known.clone().living_in(tz, tz_offset);
            }
        });
    }

    /// A person edits a message of theirs.
    pub async fn edits(&self, person: &str, channel: &str, ts: &str, typed: &str) -> Answer {
        let event = self.change(|state| {
            let before = self.seen(state, channel, ts);
            let text = typing::encode(state, typed);
            let now = self.now();
            let place = state
                .messages
                .iter()
                .position(|message| message.channel == channel && message.ts == ts);
            if let Some(place) = place {
                state.revise(now, place, text, vec![], None);
            }
            let event_ts = state.ts(now);
            let mut after = self.seen(state, channel, ts);
            after["edited"] = json!({ "user": person, "ts": event_ts });
            let event = json!({
                "type": "message", "subtype": "message_changed", "message": after,
                "previous_message": before, "channel": channel, "hidden": true, "ts": event_ts,
                "event_ts": event_ts, "channel_type": "channel",
            });
            self.as_event(state, event)
        });
        self.send_event(&event).await
    }

    /// A message is deleted. Slack does not tell the app by whom.
    pub async fn deletes(&self, channel: &str, ts: &str) -> Answer {
        let event = self.change(|state| {
            let before = self.seen(state, channel, ts);
            let gone = state
                .messages
                .iter_mut()
                .find(|message| message.channel == channel && message.ts == ts);
            if let Some(gone) = gone {
                gone.deleted = true;
            }
            let event_ts = state.ts(self.now());
            let event = json!({
                "type": "message", "subtype": "message_deleted", "previous_message": before,
                "channel": channel, "hidden": true, "deleted_ts": ts, "event_ts": event_ts,
                "ts": event_ts, "channel_type": "channel",
            });
            self.as_event(state, event)
        });
        self.send_event(&event).await
    }

    /// A person uses a shortcut on a message.
    pub async fn uses_shortcut(
        &self,
        person: &str,
        channel: &str,
        ts: &str,
        callback_id: &str,
    ) -> Answer {
        let payload = self.change(|state| {
            let message = self.seen(state, channel, ts);
            let response_url = self.reply_url(state, person, channel, None);
            let action_ts = state.ts(self.now());
            let payload = json!({
                "type": "message_action", "callback_id": callback_id, "action_ts": action_ts,
                "channel": { "id": channel, "name": "shop" }, "message_ts": ts,
                "message": message, "response_url": response_url,
            });
            self.with_actor(state, person, payload)
        });
        self.send_payload(&payload).await
    }

    /// A message as payloads carry it, if it is there.
    fn seen(&self, state: &State, channel: &str, ts: &str) -> Value {
        let message = state.message(channel, ts);
        message.map_or(Value::Null, |message| {
            let mut seen = self.as_app_sees(message);
            let files: Vec<Value> = message
                .files
                .iter()
                .filter_map(|id| state.files.iter().find(|file| file.id == *id))
                .map(|file| json!({ "id": file.id, "name": file.name, "title": file.title }))
                .collect();
            if !files.is_empty() {
                seen["files"] = json!(files);
            }
            seen
        })
    }
}
