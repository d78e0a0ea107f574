//! `review RB-41 justified because …`: says whether an emergency run was right, by a job that reads
//! who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Review, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Review) -> Result {
    let Review {
        rollback,
        answer,
        because,
    } = request;
    let act = Act::Review { answer, because };
    let doing = format!("Writing your review of {rollback} down");
    queue::typed_act(app, context, rollback, act, &doing).await
}
