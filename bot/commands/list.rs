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
    let key = (service.name.clone(), service.environment.clone());
    queue::query(app, context, key, query).await?;
    Ok(Answer::private(format!(
        "Reading {} ({})…",
        inline(&service.name, 80),
        inline(&service.environment, 80)
    )))
}
