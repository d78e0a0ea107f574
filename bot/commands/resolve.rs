//! `resolve RB-41 done because …`: says how a rollback ended whose outcome is unknown, by a
//! job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Resolve, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Resolve) -> Result {
    let Resolve {
        rollback,
        done,
        because,
    } = request;
    let act = Act::Resolve { done, because };
    let doing = format!("Resolving {rollback}");
    queue::typed_act(app, context, rollback, act, &doing).await
}
