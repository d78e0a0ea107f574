//! `withdraw RB-41`: takes the person's own approval back, by a job that reads who they are.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::rollback::Act;

pub(super) async fn run(
    app: &App,
    context: &Context,
    rollback: u64,
    because: Option<String>,
) -> Result {
    let doing = format!("Taking your approval of RB-{rollback} back");
    queue::typed_act(app, context, rollback, Act::Withdraw { because }, &doing).await
}
