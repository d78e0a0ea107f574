//! `who RB-41`, `who frontend`: shows who may approve now. A job reads who is in the roles.

use super::{Answer, Context, Result, find, queue};
use crate::{App, slack::Words};
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
    queue::query(
        app,
        context,
        service,
        Query::Who {
            about: about.clone(),
        },
    )
    .await?;
    let words = Words::plain("Checking who can approve…");
    Ok(Answer::Private(match about {
        About::Rollback(id) => words.about(id),
        About::Service(_) => words,
    }))
}
