//! The modal for another target: opened at once, filled when the platform has been read.

use super::say::whisper;
use crate::{
    App,
    engine::{Error, Extra},
    slack::{Words, modal},
    store::{
        rollbacks,
        steps::{Lease, Next},
    },
};
use rollback_domain::step::Step;
use std::time::Duration;

/// Slack forgets a click's trigger after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);

/// Opens and fills it.
pub(super) async fn open(app: &App, lease: &Lease) -> Result<(), Error> {
    let Step::Modal {
        rollback,
        hash,
        person,
        channel,
        trigger,
        clicked_at,
        id,
    } = &lease.step
    else {
        return Ok(());
    };
    let tell = async |text: &str| {
        whisper(
            app,
            lease,
            channel,
            &person.id,
            None,
            None,
            &Words::plain(text),
        )
        .await
    };
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        return tell("That card's rollback is not known any more.").await;
    };
    let now = app.engine.clock.now();
    let about = modal::About {
        rollback: *rollback,
        hash: hash.clone(),
        channel: channel.clone(),
    };
    // A second attempt finds the modal open, or the trigger gone.
    if lease.attempt == 1 {
        let age = Duration::try_from(now.duration_since(*clicked_at)).unwrap_or_default();
        let opened = match age < TRIGGER_LIVES {
            true => {
                app.slack
                    .open_view(trigger, &modal::loading(&about, id))
                    .await
            }
            false => Err(crate::slack::Failure::Never("expired_trigger_id".into())),
        };
        app.metrics.slack("views.open", opened.is_ok());
        if let Err(failure) = opened {
            tracing::warn!(%failure, "the modal could not be opened");
            return tell("Slack did not open the form in time. Nothing was changed. Click *Change target…* once more.").await;
        }
    }
    let service = app.config.service(&found.service, &found.environment);
    let view = match service.and_then(|service| app.provider(service)) {
        None => modal::failed(
            &about,
            id,
            "This service is not in the configuration any more.",
        ),
        Some(provider) => match provider.survey().await {
            Ok(survey) => modal::choices(&about, id, &found, &survey, now),
            Err(trouble) => {
                modal::failed(&about, id, &format!("{trouble} Close this and try again."))
            }
        },
    };
    if let Err(failure) = app.slack.update_view(id, &view).await {
        if lease.attempt > 1 {
            return tell("The form could not be filled. Nothing was changed. Click *Change target…* once more.").await;
        }
        // Closed by now, or Slack is down: the card is still there.
        tracing::info!(%failure, "the modal could not be filled");
    }
    app.engine.end(lease, Next::Done, Extra::default()).await
}
