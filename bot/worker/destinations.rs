//! Where an update is published.

use crate::{
    App,
    engine::Error,
    slack::update::{Destinations, Place},
    store::updates,
};
use rollback_domain::update::StatusUpdate;

/// Where an update is published, or would be: one that takes the place of another is published
/// where that was.
pub(super) async fn of(app: &App, update: &StatusUpdate) -> Result<Destinations, Error> {
    let first = match update.corrects {
        Some(first) => updates::get(&app.engine.db, first).await?,
        None => None,
    };
    let published = update
        .published
        .as_ref()
        .or(first.as_ref().and_then(|first| first.published.as_ref()));
    let channels = match published {
        Some(published) => published.channels.clone(),
        None => {
            let linked = app.config.updates.linked(update.kind.is_external()).iter();
            let linked = linked.filter(|channel| **channel != update.channel);
            [&update.channel]
                .into_iter()
                .chain(linked)
                .cloned()
                .collect()
        }
    };
    let names: Vec<&String> = match (&update.published, &first) {
        (Some(_), _) => update.outside.keys().collect(),
        (None, Some(first)) => first.outside.keys().collect(),
        (None, None) if update.kind.is_external() => app.notices.keys().collect(),
        (None, None) => vec![],
    };
    let outside = names.into_iter().map(|name| Place {
        name: name.clone(),
        effect: match app.notices.get(name) {
            Some(place) => place.effect(),
            None => "it is not in the configuration any more",
        },
        delivery: update.outside.get(name).cloned(),
    });
    Ok(Destinations {
        channels,
        outside: outside.collect(),
    })
}
