//! `plan frontend to v212`: shows one person what a rollback would do. A job reads the platform;
//! nothing is proposed.

use super::{Context, Result, find, list, propose};
use crate::App;
use rollback_domain::{grammar::verbs::Plan, job::Query};

pub(super) async fn run(app: &App, context: &Context, request: Plan) -> Result {
    let Plan { proposal } = request;
    let service = find::service(app, &proposal.service)?;
    let aim = propose::aim(proposal.target);
    list::query_platform(app, context, service, Query::Plan { aim }).await
}
