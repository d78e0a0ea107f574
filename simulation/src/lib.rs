//! A small Slack on loopback: what the demo shows and what the stories talk to.
//!
//! [`Slack::start`] serves the Web API, upload and response urls, and a page to look at.
//! [`Slack::says`], [`Slack::clicks`] and [`Slack::submits`] act as people, by sending really
//! signed requests to the app; [`Slack::channel`] and its neighbours read what people see.

mod acting;
mod block_kit;
mod delivery;
mod faults;
mod form;
mod groups;
mod message;
mod openid;
mod options;
mod page;
mod person;
mod reacting;
mod reading;
mod rendering;
mod respond;
mod serving;
mod signing;
mod state;
mod text;
mod typing;
mod view;
mod web_api;
#[cfg(test)]
mod workspace_tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

pub use delivery::{Answer, Delivery, Impossible};
pub use faults::Fault;
pub use message::{File, Message, Revision, Sent};
pub use options::{Clock, Options};
pub use person::Person;
pub use signing::signature;
pub use state::Call;

use state::{Channel, State};

/// A running workspace; clones are the same workspace. It stops when the last clone is dropped.
#[derive(Clone)]
pub struct Slack {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: Options,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    pub version: watch::Sender<u64>,
    pub healed: watch::Sender<u64>,
    state: Mutex<State>,
}

impl Slack {
    /// Starts a workspace and serves it.
    pub async fn start(options: Options) -> io::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // a provider set meanwhile by somebody else serves as well
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let listener = tokio::net::TcpListener::bind(options.listen).await?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(options.patience)
            .build()
            .map_err(io::Error::other)?;
        let slack = Self {
            inner: Arc::new(Inner {
                address: listener.local_addr()?,
                client,
                version: watch::Sender::new(1),
                healed: watch::Sender::new(0),
                state: Mutex::new(State::new(&options)),
                options,
            }),
        };
        tokio::spawn(serving::serve(listener, Arc::downgrade(&slack.inner)));
        Ok(slack)
    }

    /// Where the Web API is: methods are directly below it.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.base())
    }

    /// Where a person opens the demo page.
    pub fn page_url(&self) -> String {
        format!("{}/", self.base())
    }

    /// Tells the workspace where the app under test listens, without a trailing slash.
    pub fn connect(&self, app_base: &str) {
        let app = app_base.trim_end_matches('/').to_owned();
        self.change(|state| state.app = Some(app));
    }

    /// Lets the app open connections of Socket Mode, each at an address that this gives.
    pub fn set_socket(&self, address: impl Fn() -> String + Send + 'static) {
        self.change(|state| state.socket = Some(Box::new(address)));
    }

    /// Shows this page beside the conversation in the demo.
    pub fn set_side(&self, title: &str, url: &str) {
        self.change(|state| state.side = Some((title.to_owned(), url.to_owned())));
    }

    /// Adds somebody to the workspace.
    pub fn add_person(&self, person: Person) {
        self.change(|state| state.people.push(person));
    }

    /// Changes what is known about somebody.
    pub fn change_person(&self, id: &str, change: impl FnOnce(&mut Person)) {
        self.change(|state| {
            if let Some(person) = state.people.iter_mut().find(|person| person.id == id) {
                change(person);
            }
        });
    }

    /// Deactivates somebody's account: Slack still says who they are, and that they are gone.
    pub fn deactivates(&self, person: &str) {
        self.change_person(person, |person| person.deleted = true);
    }

    /// Activates somebody's account again.
    pub fn returns(&self, person: &str) {
        self.change_person(person, |person| person.deleted = false);
    }

    /// Lets somebody be away, or active again.
    pub fn is_away(&self, person: &str, is_away: bool) {
        self.change_person(person, |person| person.is_away = is_away);
    }

    /// Adds a channel that the bot is in.
    pub fn add_channel(&self, id: &str, name: &str) {
        self.change(|state| state.channels.push(Channel::new(id, name)));
    }

    /// Puts the bot into a channel or takes it out.
    pub fn set_bot_in(&self, channel: &str, is_in: bool) {
        self.change(|state| {
            if let Some(channel) = state.channel_mut(channel) {
                channel.bot_is_in = is_in;
            }
        });
    }

    /// Archives a channel, so that nothing can be posted there.
    pub fn archive(&self, channel: &str) {
        self.change(|state| {
            if let Some(channel) = state.channel_mut(channel) {
                channel.is_archived = true;
            }
        });
    }

    /// Makes a channel private, so that only those who are in it can read there.
    pub fn make_private(&self, channel: &str) {
        self.change(|state| {
            if let Some(channel) = state.channel_mut(channel) {
                channel.is_private = true;
            }
        });
    }

    /// Puts a person into a channel or takes them out.
    pub fn set_person_in(&self, person: &str, channel: &str, is_in: bool) {
        self.change(|state| {
            if let Some(channel) = state.channel_mut(channel) {
                if is_in {
                    channel.absent.remove(person);
                } else {
                    channel.absent.insert(person.to_owned());
                }
            }
        });
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.options.clock)()
    }

    /// Reads the state.
    pub(crate) fn look<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(
            &self
                .inner
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Changes the state and tells everybody who watches.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(
            &mut self
                .inner
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.inner.version.send_modify(|version| *version += 1);
        result
    }
}
