//! Stories: who does what, and what is seen. Real HTTP, real signatures, real databases, and a
//! clock that the story moves.
//!
//! `cargo test` runs them on SQLite. With `STORIES_DATABASE_URL=postgres://…` the same stories
//! run on that server, each in a database of its own. With `STORIES_DOOR=socket` what people do
//! comes by Socket Mode instead of signed requests.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

#[path = "support/api.rs"]
#[expect(dead_code, reason = "the tests of the providers use the rest")]
mod api;
#[path = "scripted/mod.rs"]
mod scripted;
mod support;

mod aftermath;
mod agents;
mod approvals;
mod argocd;
mod assess;
mod authority;
mod board;
mod bounds;
mod canary;
mod captures;
mod catchup;
mod checklists;
mod clocks;
mod command;
mod commands;
mod deploy;
mod docker;
mod doctor;
mod drift;
mod drills;
mod edge;
mod emergency;
mod encoding;
mod faults;
mod floods;
mod gate;
mod github;
mod groups;
mod http_api;
mod incidents;
mod init;
mod known_bad;
mod kubernetes;
mod lint;
mod mcp;
mod night;
mod notes;
mod objections;
mod out_of_band;
mod outage;
mod platform;
mod program;
mod promises;
mod proofs;
mod railway;
mod ready;
mod record;
mod releases;
mod reload;
mod render;
mod resolve;
mod restore;
mod reviews;
mod roles;
mod rollback;
mod seen;
mod socket;
mod solo;
mod stages;
mod steps;
mod swarm;
mod tampering;
mod target;
mod together;
mod told;
mod undo;
mod updates;
mod upgrades;
mod waiting;
mod waits;
mod web;
mod webhooks;
