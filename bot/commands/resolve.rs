//! `resolve RB-41 done because …`: says what became of a rollback whose outcome is unknown, by a
//! job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::rollback::Act;

pub(super) async fn run(
    app: &App,
    context: &Context,
    rollback: u64,
    done: bool,
    because: String,
) -> Result {
    let act = Act::Resolve { done, because };
    let doing = format!("Resolving RB-{rollback}");
    queue::typed_act(app, context, rollback, act, &doing).await
}
