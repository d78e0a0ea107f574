//! `unfreeze frontend`: takes a freeze back. A job does it once it has read who the person is.

use super::{Context, Result, find, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Unfreeze, job::ServiceAction};

pub(super) async fn run(app: &App, context: &Context, request: Unfreeze) -> Result {
    let Unfreeze { service, because } = request;
    let service = find::service(app, &service)?;
    queue::service_action(app, context, service, ServiceAction::Unfreeze { because }).await
}
