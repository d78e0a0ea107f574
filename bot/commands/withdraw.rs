//! `withdraw RB-41`: takes the person's own approval back, by a job that reads who they are.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Withdraw, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Withdraw) -> Result {
    let Withdraw { rollback, because } = request;
    let doing = format!("Taking your approval of {rollback} back");
    queue::typed_act(app, context, rollback, Act::Withdraw { because }, &doing).await
}
