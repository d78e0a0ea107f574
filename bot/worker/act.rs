//! What people do: who they are, and what their roles are, is read now, and the machine decides.

use super::{
    PATIENCE, backoff,
    last_known::{self, membership_by},
    say::{To, refuse, whisper},
};
use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Error, SideEffects},
    roster,
    slack::{Failure, Words, blocks},
    store::{
        jobs::{Lease, Next},
        messages, rollbacks, rosters,
    },
};
use rollback_domain::{
    authority::{self, Case, Found, Roster},
    incident::{Actor, Kind, TimelineEvent},
    job::{Job, ServiceAction},
    people::{Membership, Person},
    platform::ProviderError,
    refusal::{Refusal, Source, sentence},
    release::Pin,
    risk::Risk,
    rollback::{Command, Freeze, Message, Rollback},
};

/// Lets a person act on a rollback.
pub(super) async fn act(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Act {
        rollback,
        channel,
        by,
        source,
        reply_to,
        act,
        clicked,
        ..
    } = &lease.job
    else {
        return Ok(());
    };
    crash::point(Point::ActLeased);
    let to = To {
        channel,
        person: by,
        thread: None,
        reply_to: reply_to.as_deref(),
    };
    let Some(found) = rollbacks::get(&app.engine.db, *rollback).await? else {
        let what = format!("there is no RB-{rollback}");
        return refuse(
            app,
            lease,
            to,
            *source,
            act.verb(),
            &Refusal::Forged { what },
        )
        .await;
    };
    if let Some(ts) = clicked
        && !is_its_own(app, &found, channel, ts).await?
    {
        let what = format!("that button is not on a message about RB-{rollback}");
        return refuse(
            app,
            lease,
            to,
            *source,
            act.verb(),
            &Refusal::Forged { what },
        )
        .await;
    }
    let Some(service) = app.config.service(&found.service, &found.environment) else {
        let text = format!(
            "{}@{} is not in the configuration any more, so nobody has authority over it. Nothing was run.",
            found.service, found.environment
        );
        let words = Words::plain(blocks::escape(&text));
        return whisper(
            app,
            lease,
            channel,
            &by.id,
            None,
            reply_to.as_deref(),
            &words,
        )
        .await;
    };
    let policy = app.policy(service);
    let risk = found.plan.as_ref().map_or(Risk::Caution, |plan| plan.risk);
    let roles = policy.rules.of(risk).eligible();
    let Acting {
        by,
        membership,
        roster,
        read,
        last_known,
    } = match acting(app, lease, by, &roles, *source).await? {
        Ok(acting) => acting,
        Err(again) => return app.engine.end(lease, again, SideEffects::default()).await,
    };
    crash::point(Point::RolesRead);
    let command = Command::Person {
        by,
        membership,
        roster: Box::new(roster),
        last_known,
        source: *source,
        reply_to: reply_to.clone(),
        act: act.clone(),
    };
    let effects = SideEffects {
        roster: read,
        ..SideEffects::default()
    };
    app.engine
        .complete(lease, *rollback, command, &policy, effects)
        .await?
        .ok();
    crash::point(Point::ActStored);
    Ok(())
}

/// Somebody who acts, as they were read for this.
struct Acting {
    by: Person,
    membership: Membership,
    roster: Roster,
    /// What each source said, to be remembered.
    read: Vec<(authority::Source, Found)>,
    /// What was not read but believed, as a clause.
    last_known: Option<String>,
}

/// Reads who somebody is and who is in these roles; or when to try it again.
async fn acting(
    app: &App,
    lease: &Lease,
    by: &Person,
    roles: &[&str],
    source: Source,
) -> Result<Result<Acting, Next>, Error> {
    let (membership, (roster, read)) =
        tokio::join!(membership_by(app, by, source), roster::read(app, roles));
    let (membership, by, last_read) = match membership? {
        Ok(known) => known,
        Err(failure) if lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) => {
            let at = backoff(app, lease.attempt - 1);
            return Ok(Err(Next::Retry(at, failure.to_string())));
        }
        Err(failure) => (
            Membership::Unreadable(failure.to_string()),
            by.clone(),
            None,
        ),
    };
    let (roster, named) = last_known::roster(app, roster, &by, last_read).await?;
    Ok(Ok(Acting {
        last_known: last_known::clause(last_read, &named),
        by,
        membership,
        roster,
        read,
    }))
}

/// Whether the message that was clicked is one of this rollback's. While the card's own place is
/// not known yet, because Slack's answer was lost, a click cannot be held against anybody.
async fn is_its_own(
    app: &App,
    rollback: &Rollback,
    channel: &str,
    ts: &str,
) -> Result<bool, Error> {
    let db = &app.engine.db;
    let own = format!("RB-{}:", rollback.id);
    match messages::whose(db, channel, ts).await? {
        Some(key) => Ok(key.starts_with(&own)),
        None => Ok(messages::get(db, &super::say::card_key(rollback.id))
            .await?
            .ts
            .is_none()),
    }
}

/// Records a click that cannot have come from a message of ours.
pub(super) async fn forged(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::RejectForged {
        by,
        source,
        channel,
        reply_to,
        what,
        ..
    } = &lease.job
    else {
        return Ok(());
    };
    tracing::warn!(person = by.id, channel, what, "a click does not fit");
    let to = To {
        channel,
        person: by,
        thread: None,
        reply_to: reply_to.as_deref(),
    };
    let refusal = Refusal::Forged { what: what.clone() };
    refuse(app, lease, to, *source, "click", &refusal).await
}

/// Lets a person act on a service: unpin, freeze, unfreeze.
pub(super) async fn service_action(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::ServiceAction {
        service,
        environment,
        by,
        source,
        channel,
        thread,
        reply_to,
        action,
        id,
    } = &lease.job
    else {
        return Ok(());
    };
    let now = app.engine.clock.now();
    let Some(found) = app.config.service(service, environment) else {
        let words = Words::plain("That service is not in the configuration any more.");
        return whisper(
            app,
            lease,
            channel,
            &by.id,
            thread.as_deref(),
            reply_to.as_deref(),
            &words,
        )
        .await;
    };
    let policy = app.policy(found);
    let rule = policy.rules.of(Risk::Code);
    let roles = rule.eligible();
    let Acting {
        by,
        membership,
        roster,
        read,
        ..
    } = match acting(app, lease, by, &roles, *source).await? {
        Ok(acting) => acting,
        Err(again) => return app.engine.end(lease, again, SideEffects::default()).await,
    };
    // Whoever acts is nobody's requester here: only the role counts.
    let nobody = Person::new("", "");
    let case = Case {
        id: 0,
        risk: Risk::Code,
        rule,
        requester: &nobody,
        approvals: &[],
        roster: &roster,
    };
    let admitted = match action {
        ServiceAction::Unpin { .. } => case.has_authority(&by, &membership, now).admit().map(drop),
        // A freeze stops nobody with authority, so anybody in the team may ask for one.
        ServiceAction::Freeze { .. } | ServiceAction::Unfreeze { .. } => membership.admit(),
    };
    let verb = match action {
        ServiceAction::Unpin { .. } => "unpin",
        ServiceAction::Freeze { .. } => "freeze",
        ServiceAction::Unfreeze { .. } => "unfreeze",
    };
    let place = format!("{service} ({environment})");
    let said_by = |because: &Option<String>| match because {
        Some(because) => format!(", because \"{because}\""),
        None => String::new(),
    };
    let whom = Message::whom(0);
    let outcome = match admitted {
        Err(refusal) => Err(refusal),
        Ok(()) => match action {
            ServiceAction::Freeze { because } => Ok((
                Kind::Frozen,
                format!("froze {place}, because \"{because}\""),
                format!(
                    "{whom} asks that nothing be changed on {place}: \"{}\". Every card shows it; it stops nobody with authority.",
                    Message::quoted(because)
                ),
            )),
            ServiceAction::Unfreeze { because } => {
                match rosters::frozen_of(&app.engine.db, service, environment).await? {
                    None => Err(Refusal::AlreadySo {
                        what: format!("{place} is not frozen."),
                    }),
                    Some(freeze) => Ok((
                        Kind::Unfrozen,
                        format!("unfroze {place}{}", said_by(because)),
                        format!(
                            "{whom} takes the freeze of {place} off{} (@{} had asked for it: \"{}\").",
                            Message::quoted(&said_by(because)),
                            Message::quoted(&freeze.by.name),
                            Message::quoted(&freeze.because)
                        ),
                    )),
                }
            }
            ServiceAction::Unpin { because } => match unpin(app, lease, found, &place).await {
                Ok(Err(refusal)) => Err(refusal),
                Ok(Ok(said)) => Ok((
                    Kind::Unpinned,
                    format!("unpinned {place}{}: {said}", said_by(because)),
                    format!(
                        "{whom} unpinned {place}{}: {said}.",
                        Message::quoted(&said_by(because))
                    ),
                )),
                // Asking once more does no harm, and tells what came of the first time.
                Err(ProviderError::Unanswered(why)) if lease.attempt < PATIENCE => {
                    let next = Next::Retry(backoff(app, lease.attempt), why);
                    return app.engine.end(lease, next, SideEffects::default()).await;
                }
                Err(ProviderError::Busy { why, retry_after }) if lease.attempt < PATIENCE => {
                    let at = retry_after.map_or_else(
                        || backoff(app, lease.attempt),
                        |wait| super::later(app, std::time::Duration::from_millis(wait)),
                    );
                    return app
                        .engine
                        .end(lease, Next::Retry(at, why), SideEffects::default())
                        .await;
                }
                Err(error) => Err(Refusal::PlatformTrouble {
                    why: error.to_string(),
                }),
            },
        },
    };
    let (kind, text, message) = match outcome {
        Ok(done) => done,
        Err(refusal) => {
            let to = To {
                channel,
                person: &by,
                thread: thread.as_deref(),
                reply_to: reply_to.as_deref(),
            };
            let verb = format!("{verb} {place}");
            return refuse(app, lease, to, *source, &verb, &refusal).await;
        }
    };
    // An open card of the service shows a freeze from now on.
    let open = rollbacks::open_for(&app.engine.db, service, environment).await?;
    let message = match (action, &open) {
        (ServiceAction::Freeze { .. }, Some(open)) if open.is_silence_enough() => {
            format!(
                "{message} RB-{} does not start by itself any more.",
                open.id
            )
        }
        _ => message,
    };
    let event = TimelineEvent {
        at: now,
        who: Actor::Person(by.clone()),
        source: *source,
        kind,
        text,
        rollback: None,
    };
    let post = Job::Post {
        channel: channel.clone(),
        thread: None,
        under: None,
        message: Message::Naming(message, vec![by.id.clone()]),
        id: format!("tend:{id}"),
    };
    let freeze = match action {
        ServiceAction::Freeze { because } => Some(Some(Freeze {
            by: by.clone(),
            because: because.clone(),
            at: now,
        })),
        ServiceAction::Unfreeze { .. } => Some(None),
        ServiceAction::Unpin { .. } => None,
    };
    let mut jobs = vec![(post, now)];
    if matches!(action, ServiceAction::Unpin { .. }) {
        // The board and the list of pins are to say it at once.
        let survey = Job::Survey {
            service: service.clone(),
            environment: environment.clone(),
        };
        jobs.push((survey, now));
    }
    let effects = SideEffects {
        roster: read,
        froze: freeze
            .clone()
            .map(|freeze| (service.clone(), environment.clone(), freeze)),
        recorded: Some((channel.clone(), event)),
        jobs,
        ..SideEffects::default()
    };
    match (freeze, open) {
        (Some(freeze), Some(open)) => {
            app.engine
                .complete(lease, open.id, Command::Froze { freeze }, &policy, effects)
                .await?
                .ok();
            Ok(())
        }
        _ => app.engine.end(lease, Next::Done, effects).await,
    }
}

/// Lets automatic deploys go live again, if they are held off.
async fn unpin(
    app: &App,
    lease: &Lease,
    service: &Service,
    place: &str,
) -> Result<Result<String, Refusal>, ProviderError> {
    let Some(provider) = app.provider(service) else {
        return Err(ProviderError::Refused("its platform is not known".into()));
    };
    let survey = provider.survey().await?;
    let nothing = |what: String| {
        let what = format!("{what}: there is nothing to unpin.");
        Ok(Err(Refusal::AlreadySo { what }))
    };
    match survey.pin {
        Pin::NotNeeded => nothing(format!("A rollback of {place} holds no deploys off")),
        // An attempt before this one may have done it without hearing so.
        Pin::Off if lease.attempt > 1 => {
            Ok(Ok("automatic deploys go live again (read back)".into()))
        }
        Pin::Off => nothing(format!("Automatic deploys of {place} are not held off")),
        Pin::On | Pin::Unknown => provider.unpin().await.map(Ok).map_err(|error| match error {
            ProviderError::Unanswered(why) => ProviderError::Unanswered(format!(
                "{} It may or may not have been done: `/rollback pins` tells after the next look",
                sentence(&why)
            )),
            error => error,
        }),
    }
}
