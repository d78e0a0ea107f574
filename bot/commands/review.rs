//! `review RB-41 justified because …`: says whether an emergency run was right, by a job that reads
//! who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::ReviewAnswer, rollback::Act};

pub(super) async fn run(
    app: &App,
    context: &Context,
    rollback: u64,
    answer: ReviewAnswer,
    because: String,
) -> Result {
    let act = Act::Review { answer, because };
    let doing = format!("Writing your review of RB-{rollback} down");
    queue::typed_act(app, context, rollback, act, &doing).await
}
