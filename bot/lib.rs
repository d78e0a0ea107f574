//! Rollback Bot: takes production back to a version that worked, from a Slack channel.
//!
//! In reading order: what arrives (`handlers`), what people can ask for (`commands`), the one
//! writer (`engine`) with its record (`store`), the one place that touches the world (`worker`)
//! with what it touches (`platforms`, `proofs`, `slack`, `pagerduty`, `repositories`), the words (`messages`), the pages in a browser (`web`), and
//! what it is set up with (`config`, `clock`). `app` is what they share. `tests/architecture.rs` holds
//! who may know whom.
//! The rules are a crate of their own, `rollback_domain`, and so are the platforms,
//! `rollback_providers`.

// What is awaited inside of each other nests deeper than the 128 that the compiler allows by itself:
// without this only an optimized build fails.
#![recursion_limit = "256"]
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[path = "../handlers/mod.rs"]
pub mod handlers;

pub mod answer;
pub mod app;
pub mod commands;
pub mod reads;

pub mod engine;
pub mod store;

pub mod worker;

pub mod alerts;
pub mod pagerduty;
pub mod permalinks;
pub mod platforms;
pub mod proofs;
pub mod repositories;
pub mod roster;
pub mod slack;

pub mod export;
pub mod messages;
pub mod web;

pub mod clock;
pub mod config;
pub mod crash;
pub mod findings;
pub mod http_client;
pub mod limits;
pub mod manifest;
pub mod metrics;
pub mod names;
pub mod notices;
pub mod telemetry;
pub mod terminal;

pub mod api;
pub mod check;
pub mod cli;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod reload;
pub mod serve;
pub mod socket;

pub use app::{App, CurrentApp, Inside};
pub use http_client::{http_client, websocket_client};
