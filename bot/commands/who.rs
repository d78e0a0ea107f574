//! `who RB-41`, `who frontend`: shows who may approve now. A job reads who is in the roles.

use super::{Answer, Context, Result, find, queue};
use crate::App;
use rollback_domain::{
    grammar::{About, verbs::Who},
    job::Query,
};

pub(super) async fn run(app: &App, context: &Context, request: Who) -> Result {
    let Who { about } = request;
    let service = match &about {
        About::Rollback(id) => find::rollback(app, *id).await?.service,
        About::Service(name) => find::service(app, name)?.key.clone(),
    };
    queue::query(app, context, service, Query::Who { about }).await?;
    Ok(Answer::private("Checking who can approve…"))
}
