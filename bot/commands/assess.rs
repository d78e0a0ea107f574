//! `assess frontend payments errors 6%`: shows one person what the decision matrix says. A job reads
//! the platform.

use super::{Context, Result, find, list::query_platform};
use crate::App;
use rollback_domain::{grammar::verbs::Assess, job::Query};

pub(super) async fn run(app: &App, context: &Context, request: Assess) -> Result {
    let Assess { service, symptoms } = request;
    let service = find::service(app, &service)?;
    query_platform(app, context, service, Query::Assess { symptoms }).await
}
