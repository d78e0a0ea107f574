//! Opens a form at once; the one for another target is filled when the platform has been read.

use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Ended, Error},
    roster,
    slack::{Failure, Words, modal},
    store::{jobs::Lease, rollbacks},
    worker::{planning, recipient::Recipient},
};
use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    job::{Form, OpenForm},
    policy::Policy,
    refusal::{Refusal, Source},
    rollback::Rollback,
};
use slack_morphism::prelude::SlackView;
use std::time::Duration;

/// Slack forgets a click's trigger after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);

/// What somebody tried to do who opened the form for an emergency run.
const BREAK_GLASS: &str = "start an emergency run";

/// Why no form is opened.
enum NotOpened {
    /// What they tried to do, and why they may not.
    Refused(&'static str, Refusal),
    /// Something is missing: what they are told.
    Unavailable(&'static str),
}

pub(super) async fn run(app: &App, lease: &Lease, request: &OpenForm) -> Result<Ended, Error> {
    let OpenForm {
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
    } = request;
    // A second attempt finds it open, and perhaps saved by now, or Slack's trigger gone. Only the
    // one for another target still has to be filled.
    if lease.attempt > 1 && *form != Form::Target {
        return Ok(Ended::done());
    }
    let recipient = Recipient {
        channel,
        person: &person.id,
        thread: None,
        reply_to: reply_to.as_deref(),
    };
    let notify = async |text: &str| recipient.notify(app, lease, &Words::plain(text)).await;
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        return notify("That card's rollback is not known any more.").await;
    };
    let about = modal::About {
        form: *form,
        reply_to: reply_to.clone(),
        person: person.id.clone(),
        rollback: *rollback,
        hash: hash.clone(),
        channel: channel.clone(),
    };
    let service = app.config.service(&found.service);
    let policy = app.policy_of(&found.service);
    let first = match first_view(app, &about, id, &found, policy, said.as_deref()).await? {
        Ok(view) => view,
        Err(NotOpened::Unavailable(text)) => return notify(text).await,
        Err(NotOpened::Refused(verb, refusal)) => {
            let recipient = Recipient {
                reply_to: None,
                ..recipient
            };
            return Ok(recipient.refuse(app, lease, person, Source::Button, verb, &refusal));
        }
    };
    if lease.attempt == 1
        && let Err(failure) = open(app, trigger, *clicked_at, &first).await
    {
        tracing::warn!(%failure, "the modal could not be opened");
        return notify(&not_opened(&failure)).await;
    }
    if *form != Form::Target {
        return Ok(Ended::done());
    }
    let choices = choices(app, &about, id, &found, service).await;
    if let Err(failure) = app.slack.update_view(id, &choices).await {
        if lease.attempt > 1 {
            return notify("The form could not be filled. Nothing was changed. Click *Change version…* once more.").await;
        }
        // Closed by now, or Slack is down: the card is still there.
        tracing::info!(%failure, "the modal could not be filled");
    }
    Ok(Ended::done())
}

/// Why Slack opened no form, and what to do.
pub(super) fn not_opened(failure: &Failure) -> String {
    let why = match failure.code() {
        Some("expired_trigger_id" | "trigger_expired") => {
            "Slack did not open the form in time.".to_owned()
        }
        Some(code) => {
            // The same form would be refused again.
            return format!(
                "Slack refused to open the form ({code}). Nothing was changed. Type the command \
                 instead, `/rollback help` has them all, and tell whoever runs the bot."
            );
        }
        None => format!("The form could not be opened: {failure}."),
    };
    format!("{why} Nothing was changed. Try it once more.")
}

/// Opens a form, while Slack still knows the click.
async fn open(
    app: &App,
    trigger: &str,
    clicked_at: Timestamp,
    view: &SlackView,
) -> Result<(), Failure> {
    crash::point(Point::FormUnopened);
    let age = app.engine.clock.now().duration_since(clicked_at);
    let opened = match Duration::try_from(age).unwrap_or_default() < TRIGGER_LIVES {
        true => app.slack.open_view(trigger, view).await,
        false => Err(Failure::Never("expired_trigger_id".into())),
    };
    crash::point(Point::FormOpened);
    opened
}

/// The form as it is opened; the one for another target is filled later.
async fn first_view(
    app: &App,
    about: &modal::About,
    id: &str,
    found: &Rollback,
    policy: Option<Policy>,
    said: Option<&str>,
) -> Result<Result<SlackView, NotOpened>, Error> {
    let now = app.engine.clock.now();
    let needs_open = match about.form {
        Form::Approve => Some("approve"),
        Form::Deny => Some("deny"),
        Form::BreakGlass => Some(BREAK_GLASS),
        Form::Target | Form::Object | Form::Review(_) => None,
    };
    // Before anybody fills in what could only be refused.
    if let Some(verb) = needs_open
        && let Err(refusal) = found.open_with(Some(&about.hash), now)
    {
        return Ok(Err(NotOpened::Refused(verb, refusal)));
    }
    Ok(Ok(match (about.form, policy) {
        (Form::Target, _) => modal::loading(about, id),
        (Form::Approve | Form::Deny | Form::Object | Form::BreakGlass | Form::Review(_), None) => {
            let text = "Its service is not in the configuration any more.";
            return Ok(Err(NotOpened::Unavailable(text)));
        }
        (Form::Approve, Some(policy)) => {
            let nobody = Roster::default();
            modal::approve(about, id, found, found.case(&policy, &nobody).rule)
        }
        (Form::Deny, Some(_)) => modal::deny(about, id, found),
        (Form::Object, Some(_)) => modal::object(about, id, found),
        (Form::BreakGlass, Some(policy)) => {
            let roles = app.config.roles_of(&policy.rules);
            let roster = roster::last_known(app, &roles).await?;
            let case = found.case(&policy, &roster);
            if !case.rule.break_glass {
                let people = case.could_approve(now);
                let refusal = Refusal::NoBreakGlass {
                    risk: case.risk,
                    people: people.into_iter().map(|(id, _)| id).collect(),
                    unseen: None,
                };
                return Ok(Err(NotOpened::Refused(BREAK_GLASS, refusal)));
            }
            modal::break_glass(about, id, found, policy.review_within, said)
        }
        (Form::Review(answer), Some(_)) => modal::review(about, id, found, answer),
    }))
}

/// The form for another target, with what the platform has.
async fn choices(
    app: &App,
    about: &modal::About,
    id: &str,
    found: &Rollback,
    service: Option<&Service>,
) -> SlackView {
    let Some(provider) = service.and_then(|service| app.provider(service)) else {
        let why = "This service is not in the configuration any more.";
        return modal::failed(about, id, why);
    };
    let of_aim = match planning::about(app, &found.service, &found.aim).await {
        Ok(of_aim) => of_aim,
        Err(error) => {
            return modal::failed(about, id, &format!("{error}. Close this and try again."));
        }
    };
    let history = match rollbacks::history(&app.engine.db, &found.service).await {
        Ok(history) => history,
        Err(error) => {
            return modal::failed(about, id, &format!("{error}. Close this and try again."));
        }
    };
    match provider.survey(&of_aim).await {
        Ok(survey) => modal::choices(about, id, found, &survey, &history, app.engine.clock.now()),
        Err(error) => modal::failed(about, id, &format!("{error} Close this and try again.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_too_late_is_told_as_too_late() {
        let never = |code: &str| not_opened(&Failure::Never(code.into()));
        assert!(never("expired_trigger_id").contains("in time"));
        let refused = never("invalid_arguments");
        assert!(refused.starts_with("Slack refused to open the form (invalid_arguments)."));
        let lost = not_opened(&Failure::Lost("Slack did not answer views.open".into()));
        assert!(
            lost.starts_with("The form could not be opened: Slack did not answer"),
            "{lost}"
        );
    }
}
