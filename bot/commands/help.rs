//! `help`, `help approve`: explains all verbs, or one.

use super::{Answer, Context, Result};
use crate::App;
use rollback_domain::grammar::{self, verbs::Help};

pub(super) async fn run(_: &App, _: &Context, request: Help) -> Result {
    let Help { verb } = request;
    Ok(Answer::private(grammar::help(verb)))
}
