//! Reads what one person is to Slack, so that it is known when they ask for something again.

use crate::{App, engine::Ended, worker::last_known::membership};
use rollback_domain::people::Person;

pub(super) async fn run(app: &App, person: &Person) -> Ended {
    // It is remembered where it is read; what cannot be read now is read when it is needed.
    if let Err(failure) = membership(app, person).await {
        tracing::info!(person = person.id, %failure, "what somebody is to Slack could not be read");
    }
    Ended::done()
}
