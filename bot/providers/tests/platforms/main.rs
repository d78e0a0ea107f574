//! Platforms that the configuration describes, and every preset, against programs and APIs that
//! answer as the platforms do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../../tests/support/api.rs"]
mod api;
mod commands;
mod http_presets;
mod own;
mod presets;
mod requests;
mod run;
