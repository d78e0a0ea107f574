//! `help`, `help approve`: explains all verbs, or one.

use super::Answer;
use rollback_domain::grammar::{self, Verb};

pub(super) fn run(verb: Option<Verb>) -> Answer {
    Answer::private(grammar::help(verb))
}
