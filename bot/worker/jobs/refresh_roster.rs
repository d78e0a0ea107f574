//! Reads one source of roles for the cards, again and again.

use crate::{
    App,
    engine::{Ended, Error, SideEffects},
    worker::{SURVEY_EVERY, retry::later},
};
use rollback_domain::authority::Source;

pub(super) async fn run(app: &App, source: &Source) -> Result<Ended, Error> {
    if !app.config.sources().contains(&source) {
        return Ok(Ended::done());
    }
    let now = app.engine.clock.now();
    let found = app.asking().ask(source, now).await;
    let effects = SideEffects {
        rosters: vec![(source.clone(), found)],
        ..SideEffects::default()
    };
    Ok(Ended::at(later(app, SURVEY_EVERY)).with(effects))
}
