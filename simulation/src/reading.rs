//! What people see, as plain text for snapshots, and what the app did, as data.

use std::time::Duration;

use crate::Slack;
use crate::delivery::Impossible;
use crate::message::{File, Message, Sent};
use crate::rendering;
use crate::state::{Call, State};

impl Slack {
    /// A channel as everybody sees it, with answers below what they answer.
    pub fn channel(&self, channel: &str) -> String {
        self.look(|state| {
            let tops = public(state, channel).filter(|message| message.is_top());
            let lines = tops.flat_map(|top| {
                let mut lines = rendering::message(state, top);
                lines.extend(replies(state, top, |_| true));
                lines
            });
            page(lines)
        })
    }

    /// A thread as everybody sees it, beginning with the message it hangs on.
    pub fn thread(&self, channel: &str, ts: &str) -> String {
        self.look(|state| {
            let all = public(state, channel)
                .filter(|message| message.ts == ts || message.thread_ts.as_deref() == Some(ts));
            page(all.flat_map(|message| rendering::message(state, message)))
        })
    }

    /// Everything that only this person sees.
    pub fn ephemerals(&self, person: &str) -> String {
        self.look(|state| {
            let only = state
                .messages
                .iter()
                .filter(|message| !message.deleted && message.only_for.as_deref() == Some(person));
            page(only.flat_map(|message| rendering::message(state, message)))
        })
    }

    /// The modal in front of this person.
    pub fn view(&self, person: &str) -> String {
        self.look(|state| {
            let view = state.views.iter().rev().find(|view| view.person == person);
            page(
                view.map(|view| rendering::view(state, view))
                    .unwrap_or_default(),
            )
        })
    }

    /// What was posted or changed in a channel since the last time this was asked, including what
    /// only single people see there.
    pub fn take_new(&self, channel: &str) -> String {
        let lines = self.change(|state| {
            let lines = new_lines(state, channel);
            for message in state
                .messages
                .iter_mut()
                .filter(|message| message.channel == channel)
            {
                message.taken = message.revisions.len();
            }
            lines
        });
        page(lines)
    }

    /// What only this person sees and nobody has taken yet, in any channel.
    pub fn take_ephemerals(&self, person: &str) -> String {
        self.change(|state| {
            let is_theirs =
                |message: &Message| message.is_new() && message.only_for.as_deref() == Some(person);
            let lines: Vec<_> = state
                .messages
                .iter()
                .filter(|message| is_theirs(message))
                .flat_map(|message| rendering::message(state, message))
                .collect();
            for message in state
                .messages
                .iter_mut()
                .filter(|message| is_theirs(message))
            {
                message.taken = message.revisions.len();
            }
            page(lines)
        })
    }

    /// What the app said or changed anywhere and nobody has taken: empty when all was read.
    pub fn unread(&self) -> String {
        self.look(|state| {
            let lines = state.channels.iter().flat_map(|channel| {
                let mut unread = state
                    .messages
                    .iter()
                    .filter(|message| message.channel == channel.id && message.is_new())
                    .filter(|message| is_by_machine(state, message))
                    .flat_map(|message| rendering::message(state, message))
                    .collect::<Vec<_>>();
                if !unread.is_empty() {
                    unread.insert(0, format!("#{}", channel.name));
                }
                unread
            });
            page(lines)
        })
    }

    /// Takes everything, so that only what happens from now on is new.
    pub fn take_all(&self) {
        self.change(|state| {
            for message in &mut state.messages {
                message.taken = message.revisions.len();
            }
        });
    }

    /// Everything that the app sent or changed, to anybody, in the order of the messages.
    pub fn everything_sent(&self) -> Vec<Sent> {
        self.look(|state| {
            let ours = state.messages.iter();
            let ours = ours.filter(|message| message.user == state.bot_user);
            let each = ours.flat_map(|message| {
                message.revisions.iter().map(move |revision| Message {
                    text: revision.text.clone(),
                    blocks: revision.blocks.clone(),
                    edited: false,
                    ..message.clone()
                })
            });
            each.map(|message| sent(state, &message)).collect()
        })
    }

    /// The messages of a channel, oldest first, without what only single people see.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        self.look(|state| public(state, channel).cloned().collect())
    }

    /// The messages only this person sees, oldest first.
    pub fn ephemeral_messages(&self, person: &str) -> Vec<Message> {
        self.look(|state| {
            let only = state
                .messages
                .iter()
                .filter(|message| message.only_for.as_deref() == Some(person));
            only.filter(|message| !message.deleted).cloned().collect()
        })
    }

    /// Every file that was uploaded.
    pub fn files(&self) -> Vec<File> {
        self.look(|state| state.files.clone())
    }

    /// Every call the app made, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.look(|state| state.calls.clone())
    }

    /// What the app sent although Slack does not allow it.
    pub fn violations(&self) -> Vec<String> {
        self.look(|state| state.violations.clone())
    }

    /// Waits until this is so, looking again whenever something changes; tells whether it came so.
    pub async fn until(&self, within: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let mut versions = self.inner.version.subscribe();
        let waiting = async {
            while !is_so(self) {
                if versions.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(within, waiting).await.is_ok()
    }

    /// Waits until a channel shows this text and answers how the channel looks then.
    pub async fn shows(
        &self,
        channel: &str,
        text: &str,
        within: Duration,
    ) -> Result<String, Impossible> {
        let came = self
            .until(within, |slack| slack.channel(channel).contains(text))
            .await;
        let seen = self.channel(channel);
        if came {
            Ok(seen)
        } else {
            Err(Impossible(format!("{text:?} did not appear in:\n{seen}")))
        }
    }

    /// Waits until nothing has changed for this long.
    pub async fn settles(&self, quiet: Duration) {
        let mut versions = self.inner.version.subscribe();
        versions.mark_unchanged();
        while let Ok(Ok(())) = tokio::time::timeout(quiet, versions.changed()).await {}
    }
}

fn sent(state: &State, message: &Message) -> Sent {
    let channel = state.channels.iter();
    let channel = channel.clone().find(|one| one.id == message.channel);
    let channel = channel.map_or(message.channel.as_str(), |one| one.name.as_str());
    let to = match &message.only_for {
        Some(person) => format!("@{} alone", rendering::name(state, person)),
        None if message.is_top() => format!("#{channel}"),
        None => format!("a thread in #{channel}"),
    };
    let lines = rendering::content(state, message);
    Sent {
        to,
        text: lines.join("\n"),
    }
}

fn public<'a>(state: &'a State, channel: &'a str) -> impl Iterator<Item = &'a Message> {
    state.messages.iter().filter(move |message| {
        message.channel == channel && !message.deleted && message.only_for.is_none()
    })
}

fn is_by_machine(state: &State, message: &Message) -> bool {
    message.user == state.bot_user || message.user == "USLACKBOT"
}

fn replies(state: &State, top: &Message, is_wanted: impl Fn(&Message) -> bool) -> Vec<String> {
    public(state, &top.channel)
        .filter(|message| !message.is_top() && message.thread_ts.as_ref() == Some(&top.ts))
        .filter(|message| is_wanted(message))
        .flat_map(|message| rendering::message(state, message))
        .map(|line| format!("  | {line}"))
        .collect()
}

fn new_lines(state: &State, channel: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for message in state
        .messages
        .iter()
        .filter(|message| message.channel == channel && !message.deleted)
    {
        if message.only_for.is_some() {
            if message.is_new() {
                lines.extend(rendering::message(state, message));
            }
            continue;
        }
        if !message.is_top() {
            continue;
        }
        let said = rendering::message(state, message);
        let answers = replies(state, message, Message::is_new);
        if message.is_new() {
            lines.extend(said);
        } else if !answers.is_empty() {
            let about = if said.len() > 1 {
                said[1].trim()
            } else {
                said[0].as_str()
            };
            lines.push(format!("in the thread of {about:?}:"));
        }
        lines.extend(answers);
    }
    lines
}

fn page(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
