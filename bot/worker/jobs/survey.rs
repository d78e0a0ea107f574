//! Reads a platform for the board, again and again.

use super::look_after;
use crate::{
    App,
    engine::{Ended, Error, RecordedSurvey},
    worker::{SURVEY_EVERY, planning, retry::later},
};
use rollback_domain::{identity::ServiceKey, refusal::sentence};
use std::time::Duration;

/// How soon a platform is read again that could not be read.
const FAILED_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn run(app: &App, service: &ServiceKey) -> Result<Ended, Error> {
    let found = app.config.service(service);
    let Some(provider) = found.and_then(|found| app.provider(found)) else {
        return Ok(Ended::done());
    };
    let about = planning::about_service(app, service).await?;
    Ok(match provider.survey(&about).await {
        Ok(survey) => {
            let news = look_after::wanted(app, service, &survey).await?;
            let ended = Ended::at(later(app, SURVEY_EVERY)).with(RecordedSurvey {
                service: service.clone(),
                survey,
            });
            match news {
                Some(job) => ended.then(job, app.engine.clock.now()),
                None => ended,
            }
        }
        Err(error) => {
            let why = error.to_string();
            tracing::warn!(
                %service,
                why = sentence(&why),
                "the platform could not be read for the board"
            );
            Ended::retry(later(app, SURVEY_EVERY.min(FAILED_EVERY)), why)
        }
    })
}
