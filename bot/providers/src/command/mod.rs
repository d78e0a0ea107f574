//! Any platform that programs of this machine can list and roll back: `kamal`, `helm`, a script of
//! one's own.
//!
//! There is no shell: a command is a program and its arguments, and a placeholder fills a part of
//! one argument. Exit 0 is *accepted*; codes that are listed mean refused or busy; any other end
//! of a change, also by a signal or by its time limit, says nothing of what was done. A program has
//! a process group of its own, which is killed as a whole, and an environment in which only what
//! is named comes from the bot's.

mod argv;

use crate::{
    configured::settings,
    registry::{Documentation, Kind},
};
use argv::Argv;
use rollback_domain::risk::Risk;
use std::sync::Arc;

/// Programs of this machine, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "command",
    class: Risk::Code,
    documentation: Documentation {
        restores: "What `restores` says, or the preset.",
        leaves: "What `leaves` says, or the preset.",
        pins: "What `pin`, `unpin` and `pinned` say, or the preset; without them nothing is held off.",
        needs: "Programs on this machine that list releases, say what serves, and go to one of them.",
        takes: "As long as the program; `roll_back_within` kills it.",
        proven: "Real scripts, killed at every step, and every preset against programs that print what the platform's own do.",
        traps: &[
            "Exit 0 is *accepted*: some programs exit 0 although they did nothing.",
            "A program runs as the bot's user, and is killed when the bot is told to end.",
        ],
    },
    read: |section| Some(Arc::new(settings::read::<Argv>(section, KIND.name)?)),
};

#[cfg(test)]
mod tests;
