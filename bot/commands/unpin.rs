//! `unpin frontend`: lets automatic deploys of a service flow again. A job does it once it has read who the person is.

use super::{Context, Result, find, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Unpin, job::ServiceAction};

pub(super) async fn run(app: &App, context: &Context, request: Unpin) -> Result {
    let Unpin { service, because } = request;
    let service = find::service(app, &service)?;
    queue::service_action(app, context, service, ServiceAction::Unpin { because }).await
}
