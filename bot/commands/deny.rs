//! `deny RB-41 because …`: says no to a proposal, by a job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Deny, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Deny) -> Result {
    let Deny { rollback, because } = request;
    let doing = format!("Denying {rollback}");
    queue::typed_act(app, context, rollback, Act::Deny { because }, &doing).await
}
