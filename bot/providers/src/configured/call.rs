//! One call of a platform, by whatever way it is made.

use super::{
    fields::Misfit,
    template::{Names, Values},
};
use async_trait::async_trait;
use reqwest::Client;
use rollback_domain::platform::ProviderError;
use rollback_settings::{Section, Value as Setting};
use serde_json::Value;
use std::{fmt::Debug, time::Duration};

/// Where settings stand: in the section of the service, and in the preset that it names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// The section of the service.
    pub(crate) own: &'a Section<'a>,
    /// The preset; `None`: the service says everything itself.
    pub(crate) preset: Option<&'a Section<'a>>,
}

impl<'a> Sources<'a> {
    /// Where the calls are described.
    pub(crate) fn calls(&self) -> &'a Section<'a> {
        self.preset.unwrap_or(self.own)
    }

    /// Where a key stands that a service may write otherwise than its preset. One that neither has
    /// is the service's to write.
    pub(crate) fn of(&self, key: &str) -> &'a Section<'a> {
        // Both are asked: the preset may have the key although it does not count.
        match (self.own.get(key), self.calls().get(key)) {
            (Some(_), _) | (None, None) => self.own,
            (None, Some(_)) => self.calls(),
        }
    }
}

/// What a call is for, as a clause.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose<'a> {
    /// It reads this: "its releases". It may be repeated.
    Read(&'a str),
    /// It changes something: "roll back to v1". It is made once.
    Change(&'a str),
}

/// The platform as a call needs it.
#[derive(Debug)]
pub(crate) struct Connection<'a, A> {
    /// Its name for people.
    pub(crate) platform: &'a str,
    pub(crate) http: &'a Client,
    pub(crate) shared: &'a A,
    pub(crate) values: &'a Values,
    /// How long the call may take.
    pub(crate) within: Duration,
}

/// A call that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// How, as a clause: "exit 0".
    pub(crate) outcome: String,
    /// What came with it, without secrets.
    pub(crate) body: String,
}

/// A call, as it is configured.
#[async_trait]
pub(crate) trait Call: Clone + Debug + Send + Sync + 'static {
    /// What all calls of one platform have in common.
    type Shared: Clone + Debug + Send + Sync + 'static;

    /// The key that a section with a call has.
    const KEY: &'static str;

    /// Reads what all calls have in common.
    fn shared(sources: Sources<'_>, names: &Names) -> Option<Self::Shared>;

    /// Reads a call that stands in a section.
    fn read(section: &Section<'_>, names: &Names) -> Option<Self>;

    /// Reads a call that is written without a section; `None`: it has no such form.
    fn read_short(value: &Setting, names: &Names) -> Option<Result<Self, String>>;

    /// Reads what came with the answer.
    fn document(body: &str) -> Result<Value, Misfit>;

    /// Makes the call, once. A read is refused or busy; a change may be unanswered.
    async fn send(
        &self,
        connection: Connection<'_, Self::Shared>,
        purpose: Purpose<'_>,
    ) -> Result<Accepted, ProviderError>;

    /// What it is done to, whatever is asked for: equal for two services that are the same thing.
    fn identity(&self, shared: &Self::Shared, values: &Values) -> String;

    /// What this machine lacks to make it, as a clause.
    fn lacks(&self, shared: &Self::Shared, values: &Values) -> Option<String>;
}
