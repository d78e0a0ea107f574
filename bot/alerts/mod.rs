//! Alerts of programs that watch production. Each kind of program has a file: how it proves that
//! an alert is its own, and what its body says. What an alert leads to is decided in the domain.

mod proof;
mod shared_secret;

pub use proof::Proof;

use jiff::Timestamp;
use proof::moment;
use rollback_domain::alert::AlertState;
use rollback_settings::Section;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

/// The most alerts that are read of one body. Who sends more sends the rest in another one.
const ALERTS_AT_MOST: usize = 1_000;
/// The most fields of one alert that rules can ask for.
const FIELDS_AT_MOST: usize = 100;

/// How one program sends alerts here, with what it proves itself by.
pub trait AlertSender: Debug + Send + Sync {
    /// Whether a body comes from the program. It is asked before the body is parsed.
    fn is_own(&self, proof: &Proof<'_>) -> bool;

    /// What a body says. What is no alert gives none.
    fn alerts(&self, body: &Value) -> Vec<Alert>;

    /// When the program sent it, as far as the signed body says; `None`: it does not.
    fn sent_at(&self, _body: &Value) -> Option<Timestamp> {
        None
    }
}

/// A program that sends alerts.
#[derive(Debug)]
pub struct AlertKind {
    /// What `kind` is in the configuration.
    pub name: &'static str,
    /// What is read of its section.
    pub read: fn(&Section<'_>) -> Option<Arc<dyn AlertSender>>,
    /// What rules can ask for.
    pub fields: Fields,
}

/// What rules can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fields {
    /// Labels, whose names the program's users choose.
    Labels,
    /// Exactly these.
    These(&'static [&'static str]),
}

/// An alert as its program sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// What tells it from the others of the program.
    pub fingerprint: String,
    /// Whether it fires.
    pub state: AlertState,
    /// When it began; `None`: the program does not say.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None`: it has not, or the program does not say.
    pub ended_at: Option<Timestamp>,
    /// What it is called.
    pub title: String,
    /// What it says besides; `None`: nothing.
    pub description: Option<String>,
    /// Where more is to be seen; `None`: it names no address.
    pub link: Option<String>,
    /// What rules can ask for, by name.
    pub fields: BTreeMap<String, String>,
}

/// Declares the module of each kind, and lists its [`AlertKind`].
macro_rules! kinds {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// Every kind of program that can send alerts.
        pub const KINDS: &[&AlertKind] = &[$(&$module::KIND,)*];
    };
}

kinds! {
    alertmanager,
    datadog,
    generic,
    grafana,
    pagerduty,
    sentry,
}

/// The text at a JSON pointer; numbers as they are written.
fn text_at(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// The moment at a JSON pointer, as RFC 3339; a year of no meaning is none.
fn moment_at(body: &Value, pointer: &str) -> Option<Timestamp> {
    moment(body.pointer(pointer)?.as_str()?)
}

/// The texts of an object, by their names.
fn texts(object: Option<&Value>) -> BTreeMap<String, String> {
    let object = object.and_then(Value::as_object);
    let pairs = object.into_iter().flatten().take(FIELDS_AT_MOST);
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The fields of an alert whose kind names them all: each with the first text that is there.
fn fields(body: &Value, places: &[(&str, &[&str])]) -> BTreeMap<String, String> {
    let named = places.iter().filter_map(|(name, pointers)| {
        let text = pointers.iter().find_map(|pointer| text_at(body, pointer))?;
        Some(((*name).to_owned(), text))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
