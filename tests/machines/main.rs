//! Machines: the program itself, as a process with the real time, and what happens to processes:
//! they are killed anywhere, told to end, and run out of disk.
//!
//! `cargo test --test machines` runs it on SQLite and, with
//! `STORIES_DATABASE_URL=postgres://…`, on that server too, each in a database of its own.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

#[path = "../support/pagerduty.rs"]
mod pagerduty;
#[path = "../support/site.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod site;
#[path = "../support/vercel.rs"]
mod vercel;

#[path = "../scripted/platform.rs"]
mod scripted_platform;
#[path = "../scripted/seen.rs"]
mod seen;

mod process;
mod server;

mod crashes;
mod disk;
mod ending;
mod postgres;
mod replicas;
