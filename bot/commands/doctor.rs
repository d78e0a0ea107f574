//! `doctor`: shows one person what is missing. A job looks at everything.

use super::{Answer, Context, Result, queue};
use crate::App;
use rollback_domain::grammar::verbs::Doctor;

pub(super) async fn run(app: &App, context: &Context, request: Doctor) -> Result {
    let Doctor = request;
    queue::examination(app, context).await?;
    Ok(Answer::private(
        "Looking at Slack, roles, platforms and checks… I'll show you what is missing.",
    ))
}
