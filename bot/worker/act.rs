//! What people do: who they are, and what their roles are, is read now, and the machine decides.

use super::{
    PATIENCE, backoff,
    believe::{self, standing_by},
    say::{To, refuse, whisper},
};
use crate::{
    App,
    config::Service,
    crash::{self, Point},
    engine::{Error, Extra},
    roster,
    slack::{Failure, Words, blocks},
    store::{
        messages, rollbacks, rosters,
        jobs::{Lease, Next},
    },
};
use rollback_domain::{
    authority::{self, Case, Found, Roster},
    people::{Person, Standing},
    refusal::{Refusal, Source, sentence},
    release::{Pin, Trouble},
    risk::Risk,
    rollback::{Command, Freeze, Rollback, Spoken},
    job::{Job, Tend},
    timeline::{Actor, Happening, Kind},
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
        standing,
        roster,
        read,
        believed,
    } = match acting(app, lease, by, &roles, *source).await? {
        Ok(acting) => acting,
        Err(again) => return app.engine.end(lease, again, Extra::default()).await,
    };
    crash::point(Point::RolesRead);
    let command = Command::Person {
        by,
        standing,
        roster: Box::new(roster),
        believed,
        source: *source,
        reply_to: reply_to.clone(),
        act: act.clone(),
    };
    let extra = Extra {
        roster: read,
        ..Extra::default()
    };
    app.engine
        .complete(lease, *rollback, command, &policy, extra)
        .await?
        .ok();
    crash::point(Point::ActStored);
    Ok(())
}

/// Somebody who acts, as they were read for this.
struct Acting {
    by: Person,
    standing: Standing,
    roster: Roster,
    /// What each source said, to be remembered.
    read: Vec<(authority::Source, Found)>,
    /// What was not read but believed, as a clause.
    believed: Option<String>,
}

/// Reads who somebody is and who is in these roles; or when to try it again.
async fn acting(
    app: &App,
    lease: &Lease,
    by: &Person,
    roles: &[&str],
    source: Source,
) -> Result<Result<Acting, Next>, Error> {
    let (standing, (roster, read)) =
        tokio::join!(standing_by(app, by, source), roster::read(app, roles));
    let (standing, by, last_read) = match standing? {
        Ok(known) => known,
        Err(failure) if lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) => {
            let at = backoff(app, lease.attempt - 1);
            return Ok(Err(Next::Retry(at, failure.to_string())));
        }
        Err(failure) => (Standing::Unreadable(failure.to_string()), by.clone(), None),
    };
    let (roster, named) = believe::roster(app, roster, &by, last_read).await?;
    Ok(Ok(Acting {
        believed: believe::clause(last_read, &named),
        by,
        standing,
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
pub(super) async fn tend(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::ServiceAction {
        service,
        environment,
        by,
        source,
        channel,
        thread,
        reply_to,
        tend,
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
        standing,
        roster,
        read,
        ..
    } = match acting(app, lease, by, &roles, *source).await? {
        Ok(acting) => acting,
        Err(again) => return app.engine.end(lease, again, Extra::default()).await,
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
    let admitted = match tend {
        Tend::Unpin { .. } => case.has_authority(&by, &standing, now).admit().map(drop),
        // A freeze stops nobody with authority, so anybody in the team may ask for one.
        Tend::Freeze { .. } | Tend::Unfreeze { .. } => standing.admit(),
    };
    let verb = match tend {
        Tend::Unpin { .. } => "unpin",
        Tend::Freeze { .. } => "freeze",
        Tend::Unfreeze { .. } => "unfreeze",
    };
    let place = format!("{service} ({environment})");
    let said_by = |because: &Option<String>| match because {
        Some(because) => format!(", because \"{because}\""),
        None => String::new(),
    };
    let whom = Spoken::whom(0);
    let outcome = match admitted {
        Err(refusal) => Err(refusal),
        Ok(()) => match tend {
            Tend::Freeze { because } => Ok((
                Kind::Frozen,
                format!("froze {place}, because \"{because}\""),
                format!(
                    "{whom} asks that nothing be changed on {place}: \"{}\". Every card shows it; it stops nobody with authority.",
                    Spoken::quoted(because)
                ),
            )),
            Tend::Unfreeze { because } => {
                match rosters::frozen_of(&app.engine.db, service, environment).await? {
                    None => Err(Refusal::AlreadySo {
                        what: format!("{place} is not frozen."),
                    }),
                    Some(freeze) => Ok((
                        Kind::Unfrozen,
                        format!("unfroze {place}{}", said_by(because)),
                        format!(
                            "{whom} takes the freeze of {place} off{} (@{} had asked for it: \"{}\").",
                            Spoken::quoted(&said_by(because)),
                            Spoken::quoted(&freeze.by.name),
                            Spoken::quoted(&freeze.because)
                        ),
                    )),
                }
            }
            Tend::Unpin { because } => match unpin(app, lease, found, &place).await {
                Ok(Err(refusal)) => Err(refusal),
                Ok(Ok(said)) => Ok((
                    Kind::Unpinned,
                    format!("unpinned {place}{}: {said}", said_by(because)),
                    format!(
                        "{whom} unpinned {place}{}: {said}.",
                        Spoken::quoted(&said_by(because))
                    ),
                )),
                // Asking once more does no harm, and tells what came of the first time.
                Err(Trouble::Unanswered(why)) if lease.attempt < PATIENCE => {
                    let next = Next::Retry(backoff(app, lease.attempt), why);
                    return app.engine.end(lease, next, Extra::default()).await;
                }
                Err(Trouble::Busy { why, retry_after }) if lease.attempt < PATIENCE => {
                    let at = retry_after.map_or_else(
                        || backoff(app, lease.attempt),
                        |wait| super::later(app, std::time::Duration::from_millis(wait)),
                    );
                    return app
                        .engine
                        .end(lease, Next::Retry(at, why), Extra::default())
                        .await;
                }
                Err(trouble) => Err(Refusal::PlatformTrouble {
                    why: trouble.to_string(),
                }),
            },
        },
    };
    let (kind, text, spoken) = match outcome {
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
    let spoken = match (tend, &open) {
        (Tend::Freeze { .. }, Some(open)) if open.is_silence_enough() => {
            format!("{spoken} RB-{} does not start by itself any more.", open.id)
        }
        _ => spoken,
    };
    let happening = Happening {
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
        spoken: Spoken::Naming(spoken, vec![by.id.clone()]),
        id: format!("tend:{id}"),
    };
    let freeze = match tend {
        Tend::Freeze { because } => Some(Some(Freeze {
            by: by.clone(),
            because: because.clone(),
            at: now,
        })),
        Tend::Unfreeze { .. } => Some(None),
        Tend::Unpin { .. } => None,
    };
    let mut jobs = vec![(post, now)];
    if matches!(tend, Tend::Unpin { .. }) {
        // The board and the list of pins are to say it at once.
        let survey = Job::Survey {
            service: service.clone(),
            environment: environment.clone(),
        };
        jobs.push((survey, now));
    }
    let extra = Extra {
        roster: read,
        froze: freeze
            .clone()
            .map(|freeze| (service.clone(), environment.clone(), freeze)),
        recorded: Some((channel.clone(), happening)),
        jobs,
        ..Extra::default()
    };
    match (freeze, open) {
        (Some(freeze), Some(open)) => {
            app.engine
                .complete(lease, open.id, Command::Froze { freeze }, &policy, extra)
                .await?
                .ok();
            Ok(())
        }
        _ => app.engine.end(lease, Next::Done, extra).await,
    }
}

/// Lets automatic deploys go live again, if they are held off.
async fn unpin(
    app: &App,
    lease: &Lease,
    service: &Service,
    place: &str,
) -> Result<Result<String, Refusal>, Trouble> {
    let Some(provider) = app.provider(service) else {
        return Err(Trouble::Refused("its platform is not known".into()));
    };
    let survey = provider.survey().await?;
    let nothing = |what: String| {
        let what = format!("{what}: there is nothing to unpin.");
        Ok(Err(Refusal::AlreadySo { what }))
    };
    match survey.pin {
        Pin::NotNeeded => nothing(format!("A rollback of {place} holds no deploys off")),
        // An attempt before this one may have done it without hearing so.
        Pin::Off if lease.attempt > 1 => Ok(Ok("automatic deploys go live again (read back)".into())),
        Pin::Off => nothing(format!("Automatic deploys of {place} are not held off")),
        Pin::On | Pin::Unknown => provider.unpin().await.map(Ok).map_err(|trouble| {
            match trouble {
                Trouble::Unanswered(why) => Trouble::Unanswered(format!(
                    "{} It may or may not have been done: `/rollback pins` tells after the next look",
                    sentence(&why)
                )),
                trouble => trouble,
            }
        }),
    }
}
