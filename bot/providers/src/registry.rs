//! What a provider tells of itself, and how the configuration comes to one.
//!
//! The rest of the bot knows none of them by name. It reads a service's section with [`read`], and
//! asks what that gave for its class, its identity and, in the end, its [`Provider`].

use crate::{ALL, Provider};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Section, one_of, text};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Declares the module of each provider, which has its `KIND`, and lists the kinds.
macro_rules! providers {
    ($($provider:ident,)*) => {
        $(pub mod $provider;)*

        /// Every kind of provider of this crate.
        pub const ALL: &[&registry::Kind] = &[$(&$provider::KIND,)*];
    };
}

pub(crate) use providers;

/// Kinds that this program has besides.
static ADDED: Mutex<Vec<&'static Kind>> = Mutex::new(vec![]);

/// Adds kinds that are not in this crate, for a program of one's own around the bot. To be called
/// before the configuration is read; a kind that is known by its name already is left out.
pub fn add(kinds: &[&'static Kind]) {
    let mut added = ADDED.lock().unwrap_or_else(PoisonError::into_inner);
    for kind in kinds {
        let is_known = |other: &&Kind| other.name == kind.name;
        if !ALL.iter().any(is_known) && !added.iter().any(|other| other.name == kind.name) {
            added.push(kind);
        }
    }
}

/// The kinds of this crate, and those that were added.
fn known() -> Vec<&'static Kind> {
    let added = ADDED.lock().unwrap_or_else(PoisonError::into_inner);
    ALL.iter().chain(added.iter()).copied().collect()
}

/// A kind of provider: what is known of it without having one.
#[derive(Debug)]
pub struct Kind {
    /// What the configuration calls it: `provider = "vercel"`.
    pub name: &'static str,
    /// The class of a rollback there about which nothing is unusual.
    pub class: Risk,
    /// What it is good for.
    pub documentation: Documentation,
    /// Reads the keys of its own in the section of a service. `None` when there is a mistake in
    /// them; all of them are asked for all the same.
    pub read: fn(&Section<'_>) -> Option<Arc<dyn ProviderSettings>>,
}

/// What people should know of a kind of provider before they choose it, a sentence each.
#[derive(Clone, Copy, Debug)]
pub struct Documentation {
    /// What comes back with an earlier release.
    pub restores: &'static str,
    /// What stays as it is.
    pub leaves: &'static str,
    /// What becomes of automatic deploys.
    pub pins: &'static str,
    /// What it needs to work.
    pub needs: &'static str,
    /// How long it takes until production serves another release.
    pub takes: &'static str,
    /// Against what its code was proven.
    pub proven: &'static str,
    /// What to look out for.
    pub traps: &'static [&'static str],
}

/// What one service says about its platform, without mistakes.
pub trait ProviderSettings: fmt::Debug + Send + Sync {
    /// The thing that is rolled back, as its platform knows it. Two services with the same one are
    /// the same thing: two rollbacks of it could run at once.
    fn identity(&self) -> String;

    /// The class of a rollback there about which nothing is unusual, where the service says it;
    /// `None`: what its kind says.
    fn class(&self) -> Option<Risk> {
        None
    }

    /// The provider. Nothing is asked yet.
    fn connect(&self, http: &Client) -> Arc<dyn Provider>;
}

/// The platform of one service.
#[derive(Clone, Debug)]
pub struct Platform {
    kind: &'static Kind,
    settings: Arc<dyn ProviderSettings>,
}

impl Platform {
    /// The class of a rollback there about which nothing is unusual.
    pub fn class(&self) -> Risk {
        self.settings.class().unwrap_or(self.kind.class)
    }

    /// The thing that is rolled back: equal for two services that are the same thing.
    pub fn identity(&self) -> String {
        format!("{} {}", self.kind.name, self.settings.identity())
    }

    /// The provider. Nothing is asked yet.
    pub fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        self.settings.connect(http)
    }
}

/// What the section of a service says about its platform: which one it is, as far as that is
/// known, and the platform, if there is no mistake in its keys.
pub fn read(section: &Section<'_>) -> (Option<&'static Kind>, Option<Platform>) {
    let kinds = known();
    let names: Vec<&'static str> = kinds.iter().map(|kind| kind.name).collect();
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let example = quoted.join(", or ");
    let name = section.required("provider", &example, |value| one_of(&text(value)?, &names));
    let kind = name.and_then(|name| kinds.iter().copied().find(|kind| kind.name == name));
    let Some(kind) = kind else {
        // Which keys belong here cannot be known: none of anybody's is a mistake.
        section.reader().without_mistakes(|| {
            for kind in kinds {
                (kind.read)(section);
            }
        });
        return (None, None);
    };
    let platform = (kind.read)(section).map(|settings| Platform { kind, settings });
    (Some(kind), platform)
}

#[cfg(test)]
mod tests;
