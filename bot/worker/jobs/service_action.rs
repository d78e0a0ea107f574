//! Lets a person act on a service: unpin, put the reminder of a pin off, freeze, unfreeze, mark a
//! release.

use crate::{
    App,
    config::Service,
    engine::{Ended, Error, FreezeChange, MarkChange, RecordedEvent, SideEffects},
    slack::Words,
    store::{
        jobs::{Lease, Next},
        rollbacks, rosters,
    },
    worker::{
        acting::Acting,
        planning,
        recipient::Recipient,
        retry::{PATIENCE, after_busy, backoff},
    },
};
use jiff::{SignedDuration, Timestamp};
use rollback_domain::{
    authority::Case,
    history::{History, Mark},
    identity::{RollbackId, ServiceKey},
    incident::{Actor, IncidentFact, TimelineEvent},
    job::{Job, Post, ServiceAction, ServiceRequest, WhenRefused},
    people::{Addressee, Person},
    platform::{About, ProviderError},
    policy::Policy,
    refusal::{Refusal, sentence},
    release::{Pin, Release},
    risk::Risk,
    rollback::{Command, Freeze, Message, Rollback, State},
};

/// What was done to a service.
struct Done {
    /// What is recorded in the channel; `None`: the rollback of the service records it.
    fact: Option<IncidentFact>,
    /// What the channel is told; who did it stands in it as the first person.
    message: String,
    change: Change,
}

/// What has changed.
enum Change {
    /// A freeze was put on, or taken off.
    Freeze(Option<Freeze>),
    /// Automatic deploys go live again.
    Unpinned,
    /// Nobody is reminded of the pin before then.
    Snoozed(Timestamp),
    /// Somebody decided something of a release.
    Mark(Mark),
}

/// Why nothing was done.
enum NotDone {
    Refused(Refusal),
    TryAgain(Next),
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        NotDone::Refused(refusal)
    }
}

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    request: &ServiceRequest,
) -> Result<Ended, Error> {
    let now = app.engine.clock.now();
    let recipient = Recipient {
        channel: &request.channel,
        person: &request.by.id,
        thread: request.thread.as_deref(),
        reply_to: request.reply_to.as_deref(),
    };
    let service = app.config.service(&request.service);
    let Some(service) = service else {
        let words = Words::plain("That service is not in the configuration any more.");
        return recipient.notify(app, lease, &words).await;
    };
    let policy = app.policy(service);
    let class = service.platform.class();
    let roles = policy.rules.of(class).eligible();
    let acting = match Acting::read(app, lease, &request.by, &roles).await? {
        Ok(acting) => acting,
        Err(next) => return Ok(next.into()),
    };
    let done = match admit(&request.action, &acting, class, &policy, now) {
        Ok(()) => perform(app, lease, service, &request.action, &acting.by, now).await?,
        Err(refusal) => Err(refusal.into()),
    };
    match done {
        Ok(done) => {
            let open = rollbacks::open_for(&app.engine.db, &request.service).await?;
            let watched = pinned_by(app, &request.service).await?;
            let watched = watched.map(|watched| watched.id);
            Ok(done.end(request, acting, open, watched, policy, now))
        }
        Err(NotDone::TryAgain(next)) => Ok(next.into()),
        Err(NotDone::Refused(refusal)) => {
            let (by, source) = (&acting.by, request.source);
            let verb = format!("{} {}", request.action.verb(), &service.key);
            Ok(recipient.refuse(app, lease, by, source, &verb, &refusal))
        }
    }
}

/// The latest rollback of a service, if automatic deploys are held off for it.
async fn pinned_by(app: &App, service: &ServiceKey) -> Result<Option<Rollback>, Error> {
    let latest = rollbacks::latest_asked(&app.engine.db, service).await?;
    Ok(latest.filter(|latest| {
        let is_watched = matches!(latest.state, State::Watching { .. } | State::Closed);
        let aftermath = latest.aftermath.as_ref();
        aftermath.map_or(latest.pin, |aftermath| aftermath.pin) == Pin::On && is_watched
    }))
}

impl Done {
    /// Ends the job by what was done. `open` is the rollback of the service that is open, `watched`
    /// the one for which automatic deploys are held off.
    fn end(
        self,
        request: &ServiceRequest,
        acting: Acting,
        open: Option<Rollback>,
        watched: Option<RollbackId>,
        policy: Policy,
        now: Timestamp,
    ) -> Ended {
        let who = Actor::Person(acting.by.clone());
        let event = self.fact.map(|fact| RecordedEvent::Channel {
            channel: request.channel.clone(),
            event: TimelineEvent::new(now, who, request.source, None, fact),
        });
        let by = acting.by.clone();
        let message = self.message + &effect_on(open.as_ref(), &self.change);
        let post = Job::Post(Post {
            channel: request.channel.clone(),
            thread: None,
            under: None,
            button: None,
            when_refused: WhenRefused::TellAlone {
                rollback: None,
                people: vec![Addressee {
                    person: acting.by.id.clone(),
                    reply_to: request.reply_to.clone(),
                }],
            },
            message: Message::Naming(message, vec![acting.by.id]),
            id: format!("tend:{}", request.id),
        });
        let service = request.service.clone();
        let effects = SideEffects {
            rosters: acting.read,
            event,
            jobs: vec![(post, now)],
            ..SideEffects::default()
        };
        let ended = match self.change {
            // The board and the list of pins are to say it at once.
            Change::Unpinned => {
                let survey = Job::Survey { service };
                // The rollback that holds them off does not miss its pin.
                let ended = match watched {
                    Some(id) => Ended::decide(id, Command::Unpinned, policy),
                    None => Ended::done(),
                };
                ended.then(survey, now)
            }
            Change::Snoozed(until) => match watched {
                Some(id) => {
                    let source = request.source;
                    Ended::decide(id, Command::Snoozed { until, by, source }, policy)
                }
                None => Ended::done(),
            },
            Change::Freeze(freeze) => {
                let change = FreezeChange {
                    service,
                    freeze: freeze.clone(),
                };
                // An open card of the service shows a freeze from now on.
                let ended = match open {
                    Some(open) => Ended::decide(open.id, Command::Froze { freeze }, policy),
                    None => Ended::done(),
                };
                ended.with(change)
            }
            Change::Mark(mark) => Ended::done().with(MarkChange { service, mark }),
        };
        ended.with(effects)
    }
}

/// Why somebody did something, as the end of a sentence.
fn clause(because: Option<&str>) -> String {
    match because {
        Some(because) => format!(", because \"{because}\""),
        None => String::new(),
    }
}

/// Whether somebody may do this, on a platform of this class.
fn admit(
    action: &ServiceAction,
    acting: &Acting,
    class: Risk,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), Refusal> {
    match action {
        ServiceAction::Unpin { .. } | ServiceAction::MarkGood { .. } => {
            // There is no requester here: only the role counts.
            let case = Case {
                rollback: None,
                risk: class,
                rule: policy.rules.of(class),
                requester: None,
                approvals: &[],
                roster: &acting.roster,
            };
            let verdict = case.has_authority(&acting.by, &acting.membership, now);
            verdict.admit().map(drop)
        }
        // A freeze and a mark stop nobody with authority, and a reminder comes again, so anybody in
        // the team may ask for one.
        ServiceAction::Freeze { .. }
        | ServiceAction::Unfreeze { .. }
        | ServiceAction::SnoozePin { .. }
        | ServiceAction::MarkBad { .. } => acting.membership.admit(),
    }
}

async fn perform(
    app: &App,
    lease: &Lease,
    service: &Service,
    action: &ServiceAction,
    by: &Person,
    now: Timestamp,
) -> Result<Result<Done, NotDone>, Error> {
    Ok(match action {
        ServiceAction::Freeze { because } => Ok(freeze(service, by, because, now)),
        ServiceAction::Unfreeze { because } => {
            let frozen = rosters::frozen_of(&app.engine.db, &service.key).await?;
            unfreeze(service, frozen, because.as_deref())
        }
        ServiceAction::SnoozePin { hours } => snooze_pin(app, service, *hours, now).await?,
        ServiceAction::Unpin { because } => unpin(app, lease, service, because.as_deref()).await,
        ServiceAction::MarkBad { release, because } => {
            match release_called(app, lease, service, release).await? {
                Ok(release) => Ok(mark_bad(service, &release, by, because, now)),
                Err(not_done) => Err(not_done),
            }
        }
        ServiceAction::MarkGood { release, because } => {
            match release_called(app, lease, service, release).await? {
                Ok(release) => {
                    let history = rollbacks::history(&app.engine.db, &service.key).await?;
                    let because = because.as_deref();
                    mark_good(service, &release, &history, by, because, now)
                }
                Err(not_done) => Err(not_done),
            }
        }
    })
}

fn freeze(service: &Service, by: &Person, because: &str, now: Timestamp) -> Done {
    let place = &service.key;
    Done {
        fact: Some(IncidentFact::Frozen {
            service: service.key.clone(),
            because: because.to_owned(),
        }),
        message: format!(
            "{} asked to hold changes to {place}: \"{}\". Approvers can still approve.",
            Message::whom(0),
            Message::quoted(because)
        ),
        change: Change::Freeze(Some(Freeze {
            by: by.clone(),
            because: because.to_owned(),
            at: now,
        })),
    }
}

fn unfreeze(
    service: &Service,
    frozen: Option<Freeze>,
    because: Option<&str>,
) -> Result<Done, NotDone> {
    let place = &service.key;
    let Some(freeze) = frozen else {
        let what = format!("There is no hold on {place}.");
        return Err(Refusal::AlreadySo { what }.into());
    };
    Ok(Done {
        fact: Some(IncidentFact::Unfrozen {
            service: service.key.clone(),
            because: because.map(str::to_owned),
        }),
        message: format!(
            "{} lifted the hold on {place}{}. @{} had requested it: \"{}\".",
            Message::whom(0),
            Message::quoted(&clause(because)),
            Message::quoted(&freeze.by.name),
            Message::quoted(&freeze.because)
        ),
        change: Change::Freeze(None),
    })
}

/// The release of a service that somebody named.
async fn release_called(
    app: &App,
    lease: &Lease,
    service: &Service,
    name: &str,
) -> Result<Result<Release, NotDone>, Error> {
    let Some(provider) = app.provider(service) else {
        let why = "its platform is not known".to_owned();
        let is_final = true;
        return Ok(Err(Refusal::PlatformTrouble { why, is_final }.into()));
    };
    let about = planning::about_service(app, &service.key).await?;
    let survey = match provider.survey(&about).await {
        Ok(survey) => survey,
        Err(error) => {
            let next = match &error {
                ProviderError::Busy { retry_after, .. } => after_busy(app, lease, *retry_after),
                ProviderError::Unanswered(_) | ProviderError::Refused(_) => {
                    backoff(app, lease.attempt)
                }
            };
            let is_final = matches!(error, ProviderError::Refused(_));
            return Ok(Err(match is_final || lease.attempt >= PATIENCE {
                true => Refusal::from(error).into(),
                false => NotDone::TryAgain(Next::Retry(next, error.to_string())),
            }));
        }
    };
    let called = survey.called(name);
    let release = |at: &usize| &survey.candidates[*at].release;
    Ok(match called.as_slice() {
        [only] => Ok(release(only).clone()),
        [] => Err(Refusal::UnknownTarget {
            service: service.key.clone(),
            target: name.to_owned(),
            known: vec![],
        }
        .into()),
        [..] => Err(Refusal::WhichTarget {
            name: name.to_owned(),
            known: called
                .iter()
                .map(|at| (release(at).id.clone(), release(at).created_at))
                .collect(),
        }
        .into()),
    })
}

fn mark_bad(
    service: &Service,
    release: &Release,
    by: &Person,
    because: &str,
    now: Timestamp,
) -> Done {
    Done {
        message: format!(
            "{} marked {} of {} as bad: \"{}\". It is never taken as the previous one, and going to it needs a reason.",
            Message::whom(0),
            Message::quoted(release.label()),
            service.key,
            Message::quoted(because)
        ),
        fact: Some(IncidentFact::MarkedBad {
            service: service.key.clone(),
            release: release.id.clone(),
            label: release.label().to_owned(),
            because: because.to_owned(),
        }),
        change: Change::Mark(Mark {
            release: release.id.clone(),
            is_bad: true,
            by: by.clone(),
            because: Some(because.to_owned()),
            at: now,
        }),
    }
}

fn mark_good(
    service: &Service,
    release: &Release,
    history: &History,
    by: &Person,
    because: Option<&str>,
    now: Timestamp,
) -> Result<Done, NotDone> {
    let place = &service.key;
    let label = release.label();
    let Some(bad) = history.bad(release) else {
        let what = format!("{label} of {place} is not marked as bad.");
        return Err(Refusal::AlreadySo { what }.into());
    };
    Ok(Done {
        message: format!(
            "{} took the mark \"bad\" off {} of {place}{}. It was {}.",
            Message::whom(0),
            Message::quoted(label),
            Message::quoted(&clause(because)),
            Message::quoted(&bad.clause())
        ),
        fact: Some(IncidentFact::MarkedGood {
            service: place.clone(),
            release: release.id.clone(),
            label: label.to_owned(),
            because: because.map(str::to_owned),
        }),
        change: Change::Mark(Mark {
            release: release.id.clone(),
            is_bad: false,
            by: by.clone(),
            because: because.map(str::to_owned),
            at: now,
        }),
    })
}

async fn snooze_pin(
    app: &App,
    service: &Service,
    hours: u32,
    now: Timestamp,
) -> Result<Result<Done, NotDone>, Error> {
    let place = &service.key;
    let until = now.checked_add(SignedDuration::from_hours(i64::from(hours)));
    let pinned = pinned_by(app, place).await?;
    let is_closed = pinned.is_some_and(|one| matches!(one.state, State::Closed));
    let (true, Ok(until)) = (is_closed, until) else {
        let what = format!(
            "No rollback of {place} that is over holds automatic deploys off: there is nothing to be reminded of."
        );
        return Ok(Err(Refusal::AlreadySo { what }.into()));
    };
    Ok(Ok(Done {
        message: format!(
            "{} put the reminder off that automatic deploys of {place} are held off, until {}. `/rollback unpin {}` lets them go live again.",
            Message::whom(0),
            until.strftime("%Y-%m-%d %H:%M UTC"),
            place.typed()
        ),
        fact: None,
        change: Change::Snoozed(until),
    }))
}

async fn unpin(
    app: &App,
    lease: &Lease,
    service: &Service,
    because: Option<&str>,
) -> Result<Done, NotDone> {
    let place = &service.key;
    let answer = match ask_to_unpin(app, lease, service).await {
        Ok(answer) => answer?,
        // Asking once more does no harm, and tells what came of the first time.
        Err(ProviderError::Unanswered(why)) if lease.attempt < PATIENCE => {
            let next = Next::Retry(backoff(app, lease.attempt), why);
            return Err(NotDone::TryAgain(next));
        }
        Err(ProviderError::Busy { why, retry_after }) if lease.attempt < PATIENCE => {
            let next = Next::Retry(after_busy(app, lease, retry_after), why);
            return Err(NotDone::TryAgain(next));
        }
        Err(error) => {
            return Err(Refusal::NotUnpinned {
                service: place.clone(),
                why: error.to_string(),
            }
            .into());
        }
    };
    Ok(Done {
        message: format!(
            "{} unpinned {place}{}: {answer}.",
            Message::whom(0),
            Message::quoted(&clause(because))
        ),
        fact: Some(IncidentFact::Unpinned {
            service: service.key.clone(),
            because: because.map(str::to_owned),
            answer,
        }),
        change: Change::Unpinned,
    })
}

/// Lets automatic deploys go live again, if they are held off. Gives what the platform said.
async fn ask_to_unpin(
    app: &App,
    lease: &Lease,
    service: &Service,
) -> Result<Result<String, Refusal>, ProviderError> {
    let Some(provider) = app.provider(service) else {
        return Err(ProviderError::Refused("its platform is not known".into()));
    };
    let place = &service.key;
    let survey = provider.survey(&About::default()).await?;
    // How they were set before one of our rollbacks held them off, if one did.
    let before = rollbacks::latest_hold(&app.engine.db, &service.key).await;
    let before = before.unwrap_or_default().unwrap_or_default();
    let nothing = |what: String| {
        let what = format!("{what}: there is nothing to unpin.");
        Ok(Err(Refusal::AlreadySo { what }))
    };
    match survey.pin {
        Pin::NotNeeded => nothing(format!("A rollback of {place} holds no deploys off")),
        // An attempt before this one may have done it without hearing so.
        Pin::Off if lease.attempt > 1 => {
            Ok(Ok("automatic deploys go live again".into()))
        }
        Pin::Off => nothing(format!("Automatic deploys of {place} are not held off")),
        Pin::On | Pin::Unknown => provider.unpin(&before).await.map(Ok).map_err(|error| match error {
            ProviderError::Unanswered(why) => ProviderError::Unanswered(format!(
                "{} It may or may not have been done: `/rollback pins` shows it after the next look.",
                sentence(&why)
            )),
            error @ (ProviderError::Busy { .. } | ProviderError::Refused(_)) => error,
        }),
    }
}

/// What a change means for the rollback that is open, as a sentence that follows; empty: nothing.
fn effect_on(open: Option<&Rollback>, change: &Change) -> String {
    match (change, open) {
        (Change::Freeze(Some(_)), Some(open)) if open.is_silence_enough() => {
            format!(" {} does not start by itself any more.", open.id)
        }
        (
            Change::Freeze(_) | Change::Unpinned | Change::Snoozed(_) | Change::Mark(_),
            Some(_) | None,
        ) => String::new(),
    }
}
