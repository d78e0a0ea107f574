//! Reads, again and again, what those are to Slack who have a token or are responsible for an agent, so that it is known when
//! Slack is silent.

use crate::{
    App,
    engine::{Ended, Error},
    slack::Failure,
    store::tokens,
    worker::{
        SURVEY_EVERY,
        last_known::{ANSWERS_WITHIN, membership},
        retry::later,
    },
};
use rollback_domain::people::Person;
use tokio::time::timeout;

pub(super) async fn run(app: &App) -> Result<Ended, Error> {
    let ended = Ended::at(later(app, SURVEY_EVERY));
    // By its own id the bot knows which messages are for it.
    match app.identity().await {
        Err(failure) => tracing::warn!(%failure, "Slack does not say who the bot is"),
        // By its own app it knows which commands are another's.
        Ok(_) => {
            if let Err(failure) = app.learn_own_app().await {
                tracing::debug!(%failure, "Slack does not say of which app the bot is");
            }
        }
    }
    if !app.config.api.enabled {
        return Ok(ended);
    }
    let mut owners = tokens::owners(&app.engine.db, app.engine.clock.now()).await?;
    for agent in app.config.agents.values() {
        let id = &agent.responsible;
        if !owners.iter().any(|owner| owner.id == *id) {
            owners.push(Person::new(id.clone(), id.clone()));
        }
    }
    for owner in owners {
        // Each reading is remembered where it is read.
        match timeout(ANSWERS_WITHIN, membership(app, &owner)).await {
            Ok(Ok(_)) => {}
            Ok(Err(Failure::Never(code))) => {
                tracing::warn!(
                    person = owner.id,
                    code,
                    "Slack does not say what the owner of a token, or of an agent, is"
                );
            }
            // The others would not be told either.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok(ended)
}
