//! `good frontend v214`: takes the mark off a release. A job does it once it has read who the person is and what the platform has.

use super::{Context, Result, bad::marked_service, queue};
use crate::App;
use rollback_domain::{grammar::verbs::MarkGood, job::ServiceAction};

pub(super) async fn run(app: &App, context: &Context, request: MarkGood) -> Result {
    let MarkGood {
        service,
        release,
        because,
    } = request;
    let service = marked_service(app, context, service, &release).await?;
    let action = ServiceAction::MarkGood { release, because };
    queue::service_action(app, context, service, action).await
}
