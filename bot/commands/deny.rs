//! `deny RB-41 because …`: says no to a proposal, by a job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::rollback::Act;

pub(super) async fn run(
    app: &App,
    context: &Context,
    rollback: u64,
    because: Option<String>,
) -> Result {
    let doing = format!("Denying RB-{rollback}");
    queue::typed_act(app, context, rollback, Act::Deny { because }, &doing).await
}
