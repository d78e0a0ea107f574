//! Reads a platform for the board, again and again. Where a release is new, everything is read that
//! a rollback would read.

use super::{canary, look_after};
use crate::{
    App,
    engine::{Ended, Error, RecordedSurvey},
    store::rollbacks,
    worker::{SURVEY_EVERY, planning, retry::later},
};
use rollback_domain::{identity::ServiceKey, refusal::sentence, release::Survey};
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
            let has_release = is_released(app, service, &survey).await?;
            let ended = Ended::at(later(app, SURVEY_EVERY)).with(RecordedSurvey {
                service: service.clone(),
                survey,
            });
            let ended = match news {
                Some(job) => ended.then(job, app.engine.clock.now()),
                None => ended,
            };
            match canary::soon(app, service).filter(|_| has_release) {
                Some((job, at)) => ended.then(job, at),
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

/// Whether a release is there, or live, that was not when the platform was read before.
async fn is_released(app: &App, service: &ServiceKey, survey: &Survey) -> Result<bool, Error> {
    let Some((before, _)) = rollbacks::snapshot(&app.engine.db, service).await? else {
        return Ok(false);
    };
    let newest = |survey: &Survey| {
        let newest = survey.candidates.first();
        newest.map(|candidate| candidate.release.id.clone())
    };
    let live = |survey: &Survey| survey.live().map(|live| live.id);
    Ok(newest(&before) != newest(survey) || live(&before) != live(survey))
}
