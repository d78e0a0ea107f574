//! Reads one source of roles for the cards, again and again.

use crate::{
    App,
    engine::{Ended, Error, SideEffects},
    worker::{SURVEY_EVERY, retry::later},
};
use rollback_domain::authority::Source;
use rollback_http::WAIT_AT_LEAST;

pub(super) async fn run(app: &App, source: &Source) -> Result<Ended, Error> {
    if !app.config.sources().contains(&source) {
        return Ok(Ended::done());
    }
    let now = app.engine.clock.now();
    let answer = app.asking().ask(source, now).await;
    let again_in = answer.again_in.unwrap_or(SURVEY_EVERY);
    let again_in = again_in.clamp(WAIT_AT_LEAST, SURVEY_EVERY);
    let effects = SideEffects {
        rosters: vec![(source.clone(), answer.found)],
        ..SideEffects::default()
    };
    Ok(Ended::at(later(app, again_in)).with(effects))
}
