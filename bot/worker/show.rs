//! Reading platforms and roles: for somebody who only looks, for the board, and for the cards.

use super::{
    SURVEY_EVERY, backoff, later, membership,
    say::{To, refuse, whisper},
};
use crate::{
    App,
    engine::{Error, SideEffects},
    roster,
    slack::{
        Words,
        blocks::{Mrkdwn, context, cut, escape, header, inline, section},
        card,
    },
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
};
use rollback_domain::{
    authority::{self, Case},
    grammar::About,
    job::{Job, Query},
    people::{Membership, Person},
    plan::{Basis, Plan},
    platform::ProviderError,
    refusal::{Refusal, Source, sentence},
    release::Survey,
    rollback::State,
};
use std::time::Duration;

/// Shows one person a plan or the list of releases.
pub(super) async fn query(app: &App, lease: &Lease) -> Result<(), Error> {
    let Job::Query {
        query,
        service,
        environment,
        person,
        channel,
        thread,
        reply_to,
        ..
    } = &lease.job
    else {
        return Ok(());
    };
    let to = To {
        channel,
        person,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let tell = async |words: &Words| {
        whisper(
            app,
            lease,
            channel,
            &person.id,
            thread.as_deref(),
            reply_to.as_deref(),
            words,
        )
        .await
    };
    let verb = match query {
        Query::Plan { .. } => "plan",
        Query::List => "list",
        Query::Who { .. } => "ask who",
        Query::Why { .. } => "ask why",
    };
    let no = async |refusal: &Refusal| refuse(app, lease, to, Source::Command, verb, refusal).await;
    let membership = match membership(app, person).await {
        Ok((membership, _)) => membership,
        Err(failure) => Membership::Unreadable(failure.to_string()),
    };
    // Why somebody may not is told to those who may not, too.
    if !matches!(query, Query::Why { .. })
        && let Err(refusal) = membership.admit()
    {
        return no(&refusal).await;
    }
    match query {
        Query::Who { about } => {
            let words = match who(app, about, service, environment).await? {
                Ok(words) => words,
                Err(refusal) => return no(&refusal).await,
            };
            return tell(&words).await;
        }
        Query::Why { rollback } => {
            let words = match why(app, *rollback, person, &membership).await? {
                Ok(words) => words,
                Err(refusal) => return no(&refusal).await,
            };
            return tell(&words).await;
        }
        Query::Plan { .. } | Query::List => {}
    }
    let found = app.config.service(service, environment);
    let Some(provider) = found.and_then(|found| app.provider(found)) else {
        return tell(&Words::plain(
            "That service is not in the configuration any more.",
        ))
        .await;
    };
    let survey = match provider.survey().await {
        Ok(survey) => survey,
        Err(ProviderError::Busy { why, retry_after }) if lease.attempt < 3 => {
            let at = retry_after.map_or_else(
                || backoff(app, lease.attempt),
                |wait| later(app, Duration::from_millis(wait)),
            );
            return app
                .engine
                .end(lease, Next::Retry(at, why), SideEffects::default())
                .await;
        }
        Err(error) => {
            return no(&Refusal::PlatformTrouble {
                why: error.to_string(),
            })
            .await;
        }
    };
    let now = app.engine.clock.now();
    let words = match query {
        Query::List => list(service, environment, &survey, now),
        Query::Plan { aim } => {
            let history = rollbacks::history(&app.engine.db, service, environment).await?;
            let risks = found
                .map(|found| app.policy(found).risks)
                .unwrap_or_default();
            let basis = Basis {
                survey: &survey,
                effects: &provider.effects(aim.way()),
                history: &history,
                risks: &risks,
            };
            match Plan::draw(basis, aim, now) {
                Ok(plan) => preview(service, environment, &plan, now),
                Err(refusal) => return no(&refusal).await,
            }
        }
        Query::Who { .. } | Query::Why { .. } => return Ok(()),
    };
    tell(&words).await
}

fn preview(service: &str, environment: &str, plan: &Plan, now: jiff::Timestamp) -> Words {
    let title = format!("Plan for {service} ({environment})");
    let hash = plan.hash(service, environment);
    Words {
        text: cut(
            &format!(
                "{title}: {} to {}. Nothing is proposed.",
                inline(
                    plan.from.as_ref().map_or("unknown", |from| from.label()),
                    80
                ),
                inline(plan.to.label(), 80)
            ),
            3900,
        ),
        blocks: vec![
            header(&title),
            section(&card::facts(plan, now)),
            section(&format!("*Risk*  {} · plan `{hash}`", plan.risk)),
            context(&format!(
                "Only you see this, and nothing is proposed. `/rollback {}@{} to {}` would.",
                inline(service, 80),
                inline(environment, 80),
                inline(plan.to.label(), 80)
            )),
        ],
    }
}

fn list(service: &str, environment: &str, survey: &Survey, now: jiff::Timestamp) -> Words {
    let live = survey.live();
    let lines: Vec<String> = survey
        .candidates
        .iter()
        .take(10)
        .map(|candidate| {
            let is_live = live
                .as_ref()
                .is_some_and(|live| live.id == candidate.release.id);
            let note = match (&candidate.barred, is_live) {
                (_, true) => "*live*".to_owned(),
                (None, false) => "eligible".to_owned(),
                (Some(why), false) => format!("not eligible: {}", inline(why, 150)),
            };
            format!("{} · {note}", card::release(&candidate.release, now))
        })
        .collect();
    let title = format!("Releases of {service} ({environment})");
    let body = match lines.is_empty() {
        true => "The platform lists no releases.".to_owned(),
        false => lines.join("\n"),
    };
    Words {
        text: cut(&format!("{title}. {body}"), 3900),
        blocks: vec![
            header(&title),
            section(&body),
            context(&format!("Read at {}.", card::time(now))),
        ],
    }
}

/// Who may approve a rollback now, or what a service asks for; read from every source just now.
async fn who(
    app: &App,
    about: &About,
    service: &str,
    environment: &str,
) -> Result<Result<Words, Refusal>, Error> {
    let now = app.engine.clock.now();
    let nobody = Person::new("", "");
    let found = match about {
        About::Rollback(id) => match rollbacks::get(&app.engine.db, *id).await? {
            Some(found) => Some(found),
            None => return Ok(Err(Refusal::UnknownRollback { id: *id })),
        },
        About::Service(_) => None,
    };
    let (service, environment) = found.as_ref().map_or((service, environment), |found| {
        (found.service.as_str(), found.environment.as_str())
    });
    let Some(settings) = app.config.service(service, environment) else {
        return Ok(Ok(Words::plain(
            "That service is not in the configuration any more.",
        )));
    };
    let policy = app.policy(settings);
    let (roster, _) = roster::read(app, &app.config.roles_of(settings)).await;
    let (title, lines) = match &found {
        Some(found) => {
            let case = found.case(&policy, &roster);
            let title = format!("Who may approve RB-{}", found.id);
            let line = format!("*{}*  {}", case.risk, case.needs(&Mrkdwn, now));
            (title, vec![line])
        }
        None => {
            let lines = settings.classes().into_iter().map(|risk| {
                let case = Case {
                    id: 0,
                    risk,
                    rule: policy.rules.of(risk),
                    requester: &nobody,
                    approvals: &[],
                    roster: &roster,
                };
                let own = match case.rule.requester_counts {
                    true => "whoever asks may be among them",
                    false => "not whoever asks",
                };
                format!("*{risk}*  {} · {own}", case.needs(&Mrkdwn, now))
            });
            (
                format!("Who may approve {service} ({environment})"),
                lines.collect(),
            )
        }
    };
    let body = lines.join("\n");
    Ok(Ok(Words {
        text: cut(&format!("{title}. {body}"), 3900),
        blocks: vec![
            header(&title),
            section(&body),
            context(
                "Roles were read just now. `/rollback why RB-…` says whether you may, and why.",
            ),
        ],
    }))
}

/// Whether somebody may approve a rollback, with every reason; read from every source just now.
async fn why(
    app: &App,
    id: u64,
    person: &Person,
    membership: &Membership,
) -> Result<Result<Words, Refusal>, Error> {
    let now = app.engine.clock.now();
    let Some(found) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Err(Refusal::UnknownRollback { id }));
    };
    let Some(settings) = app.config.service(&found.service, &found.environment) else {
        return Ok(Ok(Words::plain(
            "That service is not in the configuration any more.",
        )));
    };
    let policy = app.policy(settings);
    let (roster, _) = roster::read(app, &app.config.roles_of(settings)).await;
    let case = found.case(&policy, &roster);
    let verdict = case.may_approve(person, membership, now);
    let tree = verdict.reason.tree(&Mrkdwn, now);
    let mut otherwise = vec![];
    if !matches!(found.state, State::Proposed { .. }) {
        otherwise.push(format!(
            "RB-{id} is {}: there is nothing to approve. By the roles as they are now:",
            inline(&found.word(), 100)
        ));
    } else if let Some(refusal) = &verdict.refusal {
        otherwise.push(refusal.say(&Mrkdwn));
        if !verdict.otherwise.sentence.is_empty() {
            otherwise.push(format!(
                "*What would change that*  {}",
                escape(&verdict.otherwise.sentence)
            ));
        }
    } else {
        otherwise.push("You may approve it.".to_owned());
    }
    let title = format!("RB-{id}: may you approve it?");
    Ok(Ok(Words {
        text: cut(&format!("{title} {}\n{tree}", otherwise.join(" ")), 3900),
        blocks: vec![
            header(&title),
            section(&otherwise.join("\n")),
            section(&tree),
        ],
    }))
}

/// Reads a platform for the board, again and again.
pub(super) async fn survey(
    app: &App,
    lease: &Lease,
    service: &str,
    environment: &str,
) -> Result<(), Error> {
    let found = app.config.service(service, environment);
    let Some(provider) = found.and_then(|found| app.provider(found)) else {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    };
    let next = Next::At(later(app, SURVEY_EVERY));
    match provider.survey().await {
        Ok(survey) => {
            let survey = Some((service.to_owned(), environment.to_owned(), survey));
            app.engine
                .end(
                    lease,
                    next,
                    SideEffects {
                        survey,
                        ..SideEffects::default()
                    },
                )
                .await
        }
        Err(error) => {
            tracing::warn!(
                service,
                environment,
                why = sentence(&error.to_string()),
                "the platform could not be read for the board"
            );
            let at = later(app, SURVEY_EVERY.min(Duration::from_secs(60)));
            app.engine
                .end(
                    lease,
                    Next::Retry(at, error.to_string()),
                    SideEffects::default(),
                )
                .await
        }
    }
}

/// Reads one source of roles for the cards, again and again.
pub(super) async fn roster(
    app: &App,
    lease: &Lease,
    source: &authority::Source,
) -> Result<(), Error> {
    if !app.config.sources().contains(&source) {
        return app
            .engine
            .end(lease, Next::Done, SideEffects::default())
            .await;
    }
    let now = app.engine.clock.now();
    let found = app.asking().ask(source, now).await;
    let effects = SideEffects {
        roster: vec![(source.clone(), found)],
        ..SideEffects::default()
    };
    let next = Next::At(later(app, SURVEY_EVERY));
    app.engine.end(lease, next, effects).await
}
