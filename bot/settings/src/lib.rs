//! Reading the sections of a configuration file so that every mistake in them is found at once,
//! each with the full path of its key and what to write instead.
//!
//! A crate of its own because the bot's own sections and those of the platforms are read alike,
//! and the platforms know nothing of the bot.

mod kinds;
mod mistakes;
mod reader;
mod secret;
mod values;

pub use kinds::{SecretKind, characters, check_characters, check_token};
pub use mistakes::{Mistake, Mistakes};
pub use reader::{Env, ReadFile, Reader, Repeats, Section, read};
pub use secret::Secret;
pub use toml::{Table, Value};
pub use values::{
    choice, did_you_mean, dotted, duration, flag, header, is_loopback, number, one_of, pointer,
    spell, text, url, wrong_type,
};
