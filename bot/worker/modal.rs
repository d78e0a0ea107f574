//! Forms: opened at once; the one for another target is filled when the platform has been read.

use super::say::{To, refuse, whisper};
use crate::{
    App,
    crash::{self, Point},
    engine::{Error, SideEffects},
    roster,
    slack::{Words, modal},
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
};
use rollback_domain::{
    authority::Roster,
    job::{Form, Job},
    refusal::{Refusal, Source},
};
use std::time::Duration;

/// Slack forgets a click's trigger after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);

/// Opens and fills it.
pub(super) async fn open(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Modal {
        form,
        reply_to,
        rollback,
        hash,
        person,
        channel,
        trigger,
        clicked_at,
        said,
        id,
    } = &lease.job
    else {
        return Ok(());
    };
    // A second attempt finds it open, and perhaps saved by now, or Slack's trigger gone. Only the
    // one for another target still has to be filled.
    if lease.attempt > 1 && *form != Form::Target {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let tell = async |text: &str| {
        whisper(
            app,
            lease,
            channel,
            &person.id,
            None,
            reply_to.as_deref(),
            &Words::plain(text),
        )
        .await
    };
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        return tell("That card's rollback is not known any more.").await;
    };
    let now = app.engine.clock.now();
    let about = modal::About {
        form: *form,
        reply_to: reply_to.clone(),
        person: person.id.clone(),
        rollback: *rollback,
        hash: hash.clone(),
        channel: channel.clone(),
    };
    let to = To {
        channel,
        person,
        thread: None,
        reply_to: None,
    };
    // Before anybody fills in what could only be refused.
    let verb = match form {
        Form::Approve => Some("approve"),
        Form::BreakGlass => Some("break the glass"),
        Form::Target | Form::Object | Form::Review(_) => None,
    };
    if let Some(verb) = verb
        && let Err(refusal) = found.open_with(Some(hash), now)
    {
        return refuse(app, lease, to, Source::Button, verb, &refusal).await;
    }
    let service = app.config.service(&found.service, &found.environment);
    // A form is opened at once; only the one for another target has to be filled later.
    let first = match (form, service.map(|service| app.policy(service))) {
        (Form::Target, _) => modal::loading(&about, id),
        (_, None) => return tell("Its service is not in the configuration any more.").await,
        (Form::Approve, Some(policy)) => {
            let nobody = Roster::default();
            modal::approve(&about, id, &found, found.case(&policy, &nobody).rule)
        }
        (Form::Object, Some(_)) => modal::object(&about, id, &found),
        (Form::BreakGlass, Some(policy)) => {
            let roles = service.map_or_else(Vec::new, |service| app.config.roles_of(service));
            let roster = roster::last_known(app, &roles).await?;
            let case = found.case(&policy, &roster);
            if !case.rule.break_glass {
                let refusal = Refusal::NoBreakGlass {
                    risk: case.risk,
                    people: case
                        .could_approve(now)
                        .into_iter()
                        .map(|(id, _)| id)
                        .collect(),
                };
                let verb = "break the glass";
                return refuse(app, lease, to, Source::Button, verb, &refusal).await;
            }
            modal::break_glass(&about, id, &found, policy.review_within, said.as_deref())
        }
        (Form::Review(answer), Some(_)) => modal::review(&about, id, &found, *answer),
    };
    if lease.attempt == 1 {
        crash::point(Point::FormUnopened);
        let age = Duration::try_from(now.duration_since(*clicked_at)).unwrap_or_default();
        let opened = match age < TRIGGER_LIVES {
            true => app.slack.open_view(trigger, &first).await,
            false => Err(crate::slack::Failure::Never("expired_trigger_id".into())),
        };
        crash::point(Point::FormOpened);
        if let Err(failure) = opened {
            tracing::warn!(%failure, "the modal could not be opened");
            return tell(
                "Slack did not open the form in time. Nothing was changed. Try it once more.",
            )
            .await;
        }
    }
    if *form != Form::Target {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let view = match service.and_then(|service| app.provider(service)) {
        None => modal::failed(
            &about,
            id,
            "This service is not in the configuration any more.",
        ),
        Some(provider) => match provider.survey().await {
            Ok(survey) => modal::choices(&about, id, &found, &survey, now),
            Err(error) => modal::failed(&about, id, &format!("{error} Close this and try again.")),
        },
    };
    if let Err(failure) = app.slack.update_view(id, &view).await {
        if lease.attempt > 1 {
            return tell("The form could not be filled. Nothing was changed. Click *Change target…* once more.").await;
        }
        // Closed by now, or Slack is down: the card is still there.
        tracing::info!(%failure, "the modal could not be filled");
    }
    app.engine
        .end(lease, Next::Done, SideEffects::default())
        .await
}
