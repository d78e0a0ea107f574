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
        About::Rollback(id) => {
            let found = find::rollback(app, *id).await?;
            (found.service, found.environment)
        }
        About::Service(name) => {
            let service = find::service(app, name)?;
            (service.name.clone(), service.environment.clone())
        }
    };
    queue::query(app, context, service, Query::Who { about }).await?;
    Ok(Answer::private("Reading who is in its roles…"))
}
