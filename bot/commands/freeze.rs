//! `freeze frontend because …`: requests that nothing be changed on a service; approvers can still approve. A job does it once it has read who the person is.

use super::{Context, Result, find, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Freeze, job::ServiceAction};

pub(super) async fn run(app: &App, context: &Context, request: Freeze) -> Result {
    let Freeze { service, because } = request;
    let service = find::service(app, &service)?;
    queue::service_action(app, context, service, ServiceAction::Freeze { because }).await
}
