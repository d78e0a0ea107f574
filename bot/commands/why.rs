//! `why RB-41`: shows a person why they may approve a rollback, or may not. A job reads who they
//! are and who is in the roles.

use super::{Answer, Context, Result, find, queue};
use crate::{App, slack::Words};
use rollback_domain::{grammar::verbs::Why, job::Query};

pub(super) async fn run(app: &App, context: &Context, request: Why) -> Result {
    let Why { rollback } = request;
    let found = find::rollback(app, rollback).await?;
    queue::query(app, context, found.service, Query::Why { rollback }).await?;
    let words = Words::plain("Checking your permissions…");
    Ok(Answer::Private(words.about(rollback)))
}
