//! What people do: say something, and click on what the app posted.

use serde_json::{Value, json};

use crate::Slack;
use crate::delivery::{Answer, Impossible};
use crate::message::Message;
use crate::state::{Draft, ReplyUrl, State, Trigger};
use crate::text::plain;
use crate::typing;

impl Slack {
    /// A person types something into a channel. Text that begins with `/` is a command; text that
    /// mentions the bot reaches the app as an event; anything else is only said.
    pub async fn says(&self, person: &str, channel: &str, text: &str) -> Answer {
        if text.starts_with('/') {
            return self.commands(person, channel, text).await;
        }
        self.posts(person, channel, None, text).await
    }

    /// A person answers in a thread.
    pub async fn says_in_thread(
        &self,
        person: &str,
        channel: &str,
        thread_ts: &str,
        text: &str,
    ) -> Answer {
        self.posts(person, channel, Some(thread_ts), text).await
    }

    /// A person clicks the newest thing they can see whose label begins like this: a button, an
    /// entry of an overflow menu or an option of a select in a message, or a button in a form.
    pub async fn clicks(&self, person: &str, label: &str) -> Result<Answer, Impossible> {
        if let Some((view, target)) = self.look(|state| {
            let view = state
                .views
                .iter()
                .rev()
                .find(|view| view.person == person)?;
            Some((view.id.clone(), find(view.blocks(), label)?))
        }) {
            return Ok(self.click_in_view(person, &view, &target).await);
        }
        let found = self.look(|state| {
            state
                .messages
                .iter()
                .rev()
                .filter(|message| message.is_visible_to(person))
                .find_map(|message| Some((message.clone(), find(&message.blocks, label)?)))
        });
        let Some((message, target)) = found else {
            return Err(Impossible(format!(
                "{person} sees nothing to click that begins with {label:?}"
            )));
        };
        Ok(self.click_in_message(person, &message, &target).await)
    }

    /// A person clicks in one message, also on what it said in the past.
    pub async fn clicks_on(
        &self,
        person: &str,
        message_ts: &str,
        label: &str,
    ) -> Result<Answer, Impossible> {
        let found = self.look(|state| {
            let message = state
                .messages
                .iter()
                .find(|message| message.ts == message_ts)?;
            find_in_revisions(message, message.revisions.len(), label)
        });
        let Some((message, target)) = found else {
            return Err(Impossible(format!(
                "message {message_ts} never had {label:?}"
            )));
        };
        Ok(self.click_in_message(person, &message, &target).await)
    }

    /// A person clicks something that is no longer there, as a client that missed the change
    /// would let them: the newest past revision that had it.
    pub async fn clicks_stale(&self, person: &str, label: &str) -> Result<Answer, Impossible> {
        let found = self.look(|state| {
            state
                .messages
                .iter()
                .rev()
                .filter(|message| {
                    message
                        .only_for
                        .as_deref()
                        .is_none_or(|only| only == person)
                })
                .find_map(|message| {
                    let past = message.revisions.len() - usize::from(!message.deleted);
                    find_in_revisions(message, past, label)
                })
        });
        let Some((message, target)) = found else {
            return Err(Impossible(format!("nothing in the past had {label:?}")));
        };
        Ok(self.click_in_message(person, &message, &target).await)
    }

    /// The confirm dialog of the thing a person would click with this label.
    pub fn confirm_dialog(&self, person: &str, label: &str) -> Option<Value> {
        self.look(|state| {
            let target = state
                .messages
                .iter()
                .rev()
                .filter(|message| message.is_visible_to(person))
                .find_map(|message| find(&message.blocks, label))?;
            target.element.get("confirm").cloned()
        })
    }

    pub(crate) async fn click_in_message(
        &self,
        person: &str,
        message: &Message,
        target: &Target,
    ) -> Answer {
        let payload = self.change(|state| self.message_click(state, person, message, target));
        self.send_payload(&payload).await
    }

    async fn commands(&self, person: &str, channel: &str, typed: &str) -> Answer {
        let (command, text) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let form = self.change(|state| {
            let options = &self.inner.options;
            let text = if options.should_escape {
                typing::encode(state, text.trim())
            } else {
                typing::escape(text.trim())
            };
            let channel_name = state
                .channel(channel)
                .map_or_else(|| "unknown".to_owned(), |known| known.name.clone());
            let user_name = state
                .person(person)
                .map_or_else(|| person.to_owned(), |known| known.name.clone());
            let team_id = state
                .person(person)
                .map_or_else(|| options.team_id.clone(), |known| known.team_id.clone());
            let response_url = self.reply_url(state, person, channel, None);
            let trigger_id = self.trigger(state, person);
            form_urlencoded::Serializer::new(String::new())
                .append_pair("token", "legacy-verification-token")
                .append_pair("team_id", &team_id)
                .append_pair("team_domain", &options.team_domain)
                .append_pair("channel_id", channel)
                .append_pair("channel_name", &channel_name)
                .append_pair("user_id", person)
                .append_pair("user_name", &user_name)
                .append_pair("command", command)
                .append_pair("text", &text)
                .append_pair("api_app_id", &options.app_id)
                .append_pair("is_enterprise_install", "false")
                .append_pair("response_url", &response_url)
                .append_pair("trigger_id", &trigger_id)
                .finish()
        });
        let mut answer = self.send_form("/slack/commands", form).await;
        answer.ts = self.show_command_answer(person, channel, typed, &answer);
        answer
    }

    /// Shows the person what a command was answered with.
    fn show_command_answer(
        &self,
        person: &str,
        channel: &str,
        typed: &str,
        answer: &Answer,
    ) -> Option<String> {
        if !answer.is_ok() {
            let command = typed.split_whitespace().next().unwrap_or_default();
            let reason = if answer.body == "operation_timeout" {
                "operation_timeout"
            } else {
                "dispatch_failed"
            };
            return Some(self.post(Draft {
                channel: channel.to_owned(),
                user: "USLACKBOT".to_owned(),
                text: format!("{command} failed with the error \"{reason}\""),
                only_for: Some(person.to_owned()),
                ..Draft::default()
            }));
        }
        if answer.body.trim().is_empty() {
            return None;
        }
        let reply = match answer.json() {
            Some(reply) if reply.is_object() => reply,
            _ => json!({ "text": answer.body }),
        };
        let is_public = reply["response_type"] == "in_channel";
        if is_public {
            self.post(Draft {
                channel: channel.to_owned(),
                user: person.to_owned(),
                text: typing::escape(typed),
                ..Draft::default()
            });
        }
        self.post_reply(
            person,
            channel,
            &reply,
            is_public,
            "the answer to a command",
        )
    }

    /// Posts what an answer or a response url carries, if it can be shown at all.
    pub(crate) fn post_reply(
        &self,
        person: &str,
        channel: &str,
        reply: &Value,
        is_public: bool,
        from: &str,
    ) -> Option<String> {
        let blocks = reply["blocks"].as_array().cloned().unwrap_or_default();
        let text = reply["text"].as_str().unwrap_or_default();
        if text.is_empty() && blocks.is_empty() {
            return None;
        }
        if !self.check_message(from, Some(text), &blocks).is_empty() {
            return None;
        }
        Some(self.post(Draft {
            channel: channel.to_owned(),
            user: self.inner.options.bot_user.clone(),
            text: text.to_owned(),
            blocks,
            thread_ts: reply["thread_ts"].as_str().map(str::to_owned),
            only_for: (!is_public).then(|| person.to_owned()),
            ..Draft::default()
        }))
    }

    async fn posts(
        &self,
        person: &str,
        channel: &str,
        thread_ts: Option<&str>,
        typed: &str,
    ) -> Answer {
        let (ts, event) = self.change(|state| {
            let text = typing::encode(state, typed);
            let is_mention = text.contains(&format!("<@{}>", state.bot_user));
            let ts = state
                .post(
                    self.now(),
                    Draft {
                        channel: channel.to_owned(),
                        user: person.to_owned(),
                        text: text.clone(),
                        thread_ts: thread_ts.map(str::to_owned),
                        ..Draft::default()
                    },
                )
                .ts
                .clone();
            let event =
                is_mention.then(|| self.mention(state, person, channel, thread_ts, &text, &ts));
            (ts, event)
        });
        let Some(event) = event else {
            return Answer::nothing_sent(Some(ts));
        };
        let mut answer = self.send_event(&event).await;
        answer.ts = Some(ts);
        answer
    }

    fn mention(
        &self,
        state: &mut State,
        person: &str,
        channel: &str,
        thread_ts: Option<&str>,
        text: &str,
        ts: &str,
    ) -> Value {
        let options = &self.inner.options;
        let team_id = state
            .person(person)
            .map_or_else(|| options.team_id.clone(), |known| known.team_id.clone());
        let mut event = json!({
            "client_msg_id": state.id("m-"), "type": "app_mention", "text": text, "user": person,
            "ts": ts, "team": team_id, "channel": channel, "event_ts": ts,
        });
        if let Some(thread_ts) = thread_ts {
            event["thread_ts"] = json!(thread_ts);
        }
        self.as_event(state, event)
    }

    fn message_click(
        &self,
        state: &mut State,
        person: &str,
        message: &Message,
        target: &Target,
    ) -> Value {
        let is_ephemeral = message.only_for.is_some();
        let mut container = json!({
            "type": "message", "message_ts": message.ts, "channel_id": message.channel,
            "is_ephemeral": is_ephemeral,
        });
        if let Some(thread_ts) = &message.thread_ts {
            container["thread_ts"] = json!(thread_ts);
        }
        let name = state
            .channel(&message.channel)
            .map_or_else(|| "privategroup".to_owned(), |channel| channel.name.clone());
        let response_url = self.reply_url(state, person, &message.channel, Some(&message.ts));
        let action = target.action(&state.ts(self.now()));
        let mut values = json!({});
        if target.element["type"] != "button" && target.element["type"] != "overflow" {
            values[&target.block_id][target.action_id()] =
                json!({ "type": action["type"], "selected_option": action["selected_option"] });
        }
        let mut payload = json!({
            "type": "block_actions", "container": container,
            "channel": { "id": message.channel, "name": name },
            "state": { "values": values }, "response_url": response_url, "actions": [action],
        });
        if !is_ephemeral {
            payload["message"] = self.as_app_sees(message);
        }
        self.with_actor(state, person, payload)
    }

    /// A message as payloads and the Web API carry it.
    pub(crate) fn as_app_sees(&self, message: &Message) -> Value {
        let options = &self.inner.options;
        let mut seen = json!({
            "type": "message", "user": message.user, "ts": message.ts, "text": message.text,
            "team": options.team_id,
        });
        if message.user == options.bot_user {
            seen["bot_id"] = json!(crate::web_api::BOT_ID);
            seen["app_id"] = json!(options.app_id);
        }
        if !message.blocks.is_empty() {
            seen["blocks"] = json!(message.blocks);
        }
        if let Some(thread_ts) = &message.thread_ts {
            seen["thread_ts"] = json!(thread_ts);
        }
        if let Some(metadata) = &message.metadata {
            seen["metadata"] = metadata.clone();
        }
        if message.edited {
            seen["edited"] = json!({ "user": options.bot_user, "ts": message.ts });
        }
        seen
    }

    pub(crate) fn trigger(&self, state: &mut State, person: &str) -> String {
        let id = format!("{}.{}", state.id("13"), self.inner.options.team_id);
        let trigger = Trigger {
            at: self.now(),
            person: person.to_owned(),
            is_used: false,
        };
        state.triggers.insert(id.clone(), trigger);
        id
    }

    pub(crate) fn reply_url(
        &self,
        state: &mut State,
        person: &str,
        channel: &str,
        original: Option<&str>,
    ) -> String {
        let id = state.id("R");
        let reply = ReplyUrl {
            at: self.now(),
            uses: 0,
            person: person.to_owned(),
            channel: channel.to_owned(),
            original: original.map(str::to_owned),
        };
        let url = format!("{}/respond/{id}", self.base());
        state.reply_urls.insert(id, reply);
        url
    }

    pub(crate) fn post(&self, draft: Draft) -> String {
        self.change(|state| state.post(self.now(), draft).ts.clone())
    }
}

/// Something a person can click, found by its label.
pub(crate) struct Target {
    pub block_id: String,
    pub element: Value,
    pub option: Option<Value>,
}

impl Target {
    pub(crate) fn action_id(&self) -> &str {
        self.element["action_id"].as_str().unwrap_or_default()
    }

    /// The entry of `actions` for this click.
    pub(crate) fn action(&self, action_ts: &str) -> Value {
        let mut action = json!({
            "action_id": self.element["action_id"], "block_id": self.block_id,
            "type": self.element["type"], "action_ts": action_ts,
        });
        for key in ["text", "value", "style", "url", "placeholder"] {
            if let Some(value) = self.element.get(key) {
                action[key] = value.clone();
            }
        }
        if let Some(option) = &self.option {
            action["selected_option"] = option.clone();
        }
        action
    }
}

/// The first thing in these blocks whose label begins like this.
pub(crate) fn find(blocks: &[Value], label: &str) -> Option<Target> {
    elements(blocks).find_map(|(block_id, element)| {
        let is_labelled = |object: &Value| plain(&object["text"]).starts_with(label);
        let target = |option| Target {
            block_id: block_id.to_owned(),
            element: element.clone(),
            option,
        };
        if element["type"] == "button" {
            return is_labelled(element).then(|| target(None));
        }
        let option = options_of(element).into_iter().find(is_labelled)?;
        Some(target(Some(option)))
    })
}

/// Everything in these blocks that sends an action, with the id of its block.
pub(crate) fn elements(blocks: &[Value]) -> impl Iterator<Item = (&str, &Value)> {
    blocks.iter().flat_map(|block| {
        let block_id = block["block_id"].as_str().unwrap_or_default();
        let listed = block["elements"]
            .as_array()
            .filter(|_| block["type"] == "actions");
        listed
            .into_iter()
            .flatten()
            .chain(block.get("accessory"))
            .map(move |element| (block_id, element))
    })
}

/// The options an element offers, also those in groups.
pub(crate) fn options_of(element: &Value) -> Vec<Value> {
    let direct = element["options"].as_array().into_iter().flatten();
    let grouped = element["option_groups"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|group| group["options"].as_array().into_iter().flatten());
    direct.chain(grouped).cloned().collect()
}

fn find_in_revisions(message: &Message, upto: usize, label: &str) -> Option<(Message, Target)> {
    message.revisions[..upto].iter().rev().find_map(|revision| {
        let target = find(&revision.blocks, label)?;
        let mut then = message.clone();
        then.text.clone_from(&revision.text);
        then.blocks.clone_from(&revision.blocks);
        then.metadata.clone_from(&revision.metadata);
        Some((then, target))
    })
}
