//! `object RB-41 because …`: writes an objection on the card, by a job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Object, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Object) -> Result {
    let Object { rollback, because } = request;
    let doing = format!("Writing your objection to {rollback} down");
    queue::typed_act(app, context, rollback, Act::Object { because }, &doing).await
}
