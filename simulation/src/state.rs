//! Everything the workspace remembers, behind one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Request};
use crate::faults::LastingFault;
use crate::message::{File, Message, Revision};
use crate::openid;
use crate::options::Options;
use crate::person::Person;
use crate::view::View;

/// A call the app made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The Web API method; `respond` and `upload` for the other two doors.
    pub method: String,
    /// When it came in.
    pub at: Timestamp,
    /// The channel it named.
    pub channel: Option<String>,
    /// Whether the app was told that it worked.
    pub ok: bool,
    /// Slack's error code, or the fault in force.
    pub error: Option<String>,
    /// What was sent.
    pub params: Value,
}

pub(crate) struct Channel {
    pub id: String,
    pub name: String,
    pub bot_is_in: bool,
    pub is_archived: bool,
    pub is_private: bool,
    pub absent: BTreeSet<String>,
}

/// A right to open one modal, for three seconds.
pub(crate) struct Trigger {
    pub at: Timestamp,
    pub person: String,
    pub is_used: bool,
}

/// A right to answer five times, for thirty minutes.
pub(crate) struct ReplyUrl {
    pub at: Timestamp,
    pub uses: u32,
    pub person: String,
    pub channel: String,
    pub original: Option<String>,
}

/// A user group.
pub(crate) struct Group {
    pub members: Vec<String>,
    /// When it was changed last, in seconds since 1970.
    pub updated: i64,
}

pub(crate) struct State {
    pub people: Vec<Person>,
    pub channels: Vec<Channel>,
    pub messages: Vec<Message>,
    pub files: Vec<File>,
    pub views: Vec<View>,
    /// What the app has published for each person who has opened its Home.
    pub homes: BTreeMap<String, View>,
    pub triggers: HashMap<String, Trigger>,
    pub reply_urls: HashMap<String, ReplyUrl>,
    pub usergroups: BTreeMap<String, Group>,
    pub faults: Vec<LastingFault>,
    /// How long each answer takes, in real time.
    pub delay: Duration,
    /// When the app was told to wait, and until when, by what it must not call.
    pub held: BTreeMap<String, (Timestamp, Timestamp)>,
    pub calls: Vec<Call>,
    pub violations: Vec<String>,
    pub deliveries: Vec<Delivery>,
    pub last_request: Option<Request>,
    pub app: Option<String>,
    /// What the codes of sign-ins stand for.
    pub codes: HashMap<String, openid::Code>,
    /// Changes what is said of those who sign in.
    pub claims: Option<openid::Claims>,
    /// Gives a new address for a connection of Socket Mode, if there is any.
    pub socket: Option<Box<dyn Fn() -> String + Send>>,
    pub side: Option<(String, String)>,
    pub bot_user: String,
    pub bot_name: String,
    born: i64,
    counter: u64,
    last_micros: i64,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let mut bot = Person::member(&options.bot_user, &options.bot_handle)
            .named(&options.bot_name)
            .bot();
        bot.team_id.clone_from(&options.team_id);
        let mut people = vec![bot];
        people.extend(options.people.iter().cloned());
        Self {
            people,
            channels: options
                .channels
                .iter()
                .map(|(id, name)| Channel::new(id, name))
                .collect(),
            messages: Vec::new(),
            files: Vec::new(),
            views: Vec::new(),
            homes: BTreeMap::new(),
            triggers: HashMap::new(),
            reply_urls: HashMap::new(),
            usergroups: BTreeMap::new(),
            faults: Vec::new(),
            delay: Duration::ZERO,
            held: BTreeMap::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            deliveries: Vec::new(),
            last_request: None,
            app: None,
            codes: HashMap::new(),
            claims: None,
            socket: None,
            side: options.side.clone(),
            bot_user: options.bot_user.clone(),
            bot_name: options.bot_name.clone(),
            born: (options.clock)().as_second(),
            counter: 0,
            last_micros: 0,
        }
    }

    /// A new id, different from those of every earlier start of the workspace.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{:X}{:04X}", self.born, self.counter)
    }

    /// A new message timestamp, later than every other.
    pub(crate) fn ts(&mut self, now: Timestamp) -> String {
        let micros = now.as_microsecond().max(self.last_micros + 100);
        self.last_micros = micros;
        format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }

    pub(crate) fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    pub(crate) fn channel(&self, id_or_name: &str) -> Option<&Channel> {
        let name = id_or_name.trim_start_matches('#');
        self.channels
            .iter()
            .find(|channel| channel.id == id_or_name || channel.name == name)
    }

    pub(crate) fn channel_mut(&mut self, id: &str) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|channel| channel.id == id)
    }

    /// The direct conversation of a person with the bot, made when first needed.
    pub(crate) fn direct_channel(&mut self, person: &str) -> String {
        let id = format!("D{}", person.trim_start_matches('U'));
        if self.channel(&id).is_none() {
            self.channels.push(Channel::new(&id, "directmessage"));
        }
        id
    }

    pub(crate) fn message(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages
            .iter()
            .find(|message| message.channel == channel && message.ts == ts)
    }

    /// Keeps a new message and answers where it is.
    pub(crate) fn post(&mut self, now: Timestamp, draft: Draft) -> &Message {
        let ts = self.ts(now);
        let blocks = self.with_ids(draft.blocks);
        self.messages.push(Message {
            ts,
            channel: draft.channel,
            user: draft.user,
            text: draft.text.clone(),
            blocks: blocks.clone(),
            thread_ts: draft.thread_ts,
            metadata: draft.metadata.clone(),
            files: draft.files,
            reactions: vec![],
            only_for: draft.only_for,
            edited: false,
            deleted: false,
            revisions: vec![Revision {
                text: draft.text,
                blocks,
                metadata: draft.metadata,
                at: now,
            }],
            taken: 0,
        });
        &self.messages[self.messages.len() - 1]
    }

    /// Changes what a message says.
    pub(crate) fn revise(
        &mut self,
        now: Timestamp,
        at: usize,
        text: String,
        blocks: Vec<Value>,
        metadata: Option<Value>,
    ) {
        let blocks = self.with_ids(blocks);
        let message = &mut self.messages[at];
        message.text.clone_from(&text);
        message.blocks.clone_from(&blocks);
        message.metadata.clone_from(&metadata);
        message.edited = true;
        message.revisions.push(Revision {
            text,
            blocks,
            metadata,
            at: now,
        });
    }

    /// The blocks with the block and action ids that Slack fills in itself.
    pub(crate) fn with_ids(&mut self, mut blocks: Vec<Value>) -> Vec<Value> {
        for block in &mut blocks {
            self.fill(block, "block_id");
            for place in ["accessory", "element"] {
                if let Some(element) = block.get_mut(place)
                    && element["type"] != "image"
                {
                    self.fill(element, "action_id");
                }
            }
            if block["type"] == "actions"
                && let Some(elements) = block["elements"].as_array_mut()
            {
                for element in elements {
                    self.fill(element, "action_id");
                }
            }
        }
        blocks
    }

    fn fill(&mut self, object: &mut Value, key: &str) {
        if object.is_object() && object[key].is_null() {
            self.counter += 1;
            object[key] = json!(format!("auto{}", self.counter));
        }
    }
}

impl Channel {
    pub(crate) fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            bot_is_in: true,
            is_archived: false,
            is_private: false,
            absent: BTreeSet::new(),
        }
    }
}

/// A message about to be posted.
#[derive(Default)]
pub(crate) struct Draft {
    pub channel: String,
    pub user: String,
    pub text: String,
    pub blocks: Vec<Value>,
    pub thread_ts: Option<String>,
    pub metadata: Option<Value>,
    pub files: Vec<String>,
    pub only_for: Option<String>,
}
