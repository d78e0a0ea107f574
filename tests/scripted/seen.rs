//! What the platform of the scripted providers says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The step that puts the old box back.
pub const PUT_BACK: u32 = 5;

/// What the platform says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// What serves: `v2`, `v1`, a moment, or nothing.
    pub live: Option<String>,
    /// How often each step was asked for.
    pub asked: BTreeMap<u32, u32>,
    /// The steps that are done, in their order.
    pub done: Vec<u32>,
    /// The step that has failed.
    pub failed: Option<u32>,
    /// How automatic deploys are set: `on push`, or `off`.
    pub automatic: String,
    /// How often automatic deploys were set.
    pub set: u32,
    /// When it began.
    pub began: Timestamp,
    /// How many more looks a restore takes.
    pub busy_for: u32,
}
