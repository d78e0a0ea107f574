//! `list frontend`: shows one person the last releases of a service. A job reads the platform.

use super::{Answer, Context, Result, find, queue};
use crate::{App, config::Service, slack::blocks::inline};
use rollback_domain::{grammar::verbs::List, job::Query};

pub(super) async fn run(app: &App, context: &Context, request: List) -> Result {
    let List { service } = request;
    let service = find::service(app, &service)?;
    query_platform(app, context, service, Query::List).await
}

/// Has a job read the platform of a service for one person.
pub(super) async fn query_platform(
    app: &App,
    context: &Context,
    service: &Service,
    query: Query,
) -> Result {
    queue::query(app, context, service.key.clone(), query).await?;
    Ok(Answer::private(format!(
        "Reading {}…",
        inline(&service.key.to_string(), 160)
    )))
}
