//! `why RB-41`: shows a person why they may approve a rollback, or may not. A job reads who they
//! are and who is in the roles.

use super::{Answer, Context, Result, find, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Why, job::Query};

pub(super) async fn run(app: &App, context: &Context, request: Why) -> Result {
    let Why { rollback } = request;
    let found = find::rollback(app, rollback).await?;
    let service = (found.service, found.environment);
    queue::query(app, context, service, Query::Why { rollback }).await?;
    Ok(Answer::private("Reading who you are…"))
}
