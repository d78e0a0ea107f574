//! Reading a platform for somebody who only looks, and for the board.

use super::{SURVEY_EVERY, backoff, later, say::whisper, standing};
use crate::{
    App,
    engine::{Error, Extra},
    slack::{
        Words,
        blocks::{Mrkdwn, context, cut, header, inline, section},
        card,
    },
    store::steps::{Lease, Next},
};
use rollback_domain::{
    plan::Plan,
    refusal::{Refusal, sentence},
    release::{Survey, Trouble},
    step::{Show, Step},
};
use std::time::Duration;

/// Shows one person a plan or the list of releases.
pub(super) async fn show(app: &App, lease: &Lease) -> Result<(), Error> {
    let Step::Show {
        show,
        service,
        environment,
        person,
        channel,
        thread,
        reply_to,
        ..
    } = &lease.step
    else {
        return Ok(());
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
    let refuse = |refusal: &Refusal| Words::plain(refusal.say(&Mrkdwn));
    match standing(app, person).await {
        Ok((standing, _)) => {
            if let Err(refusal) = standing.admit() {
                return tell(&refuse(&refusal)).await;
            }
        }
        Err(failure) => {
            return tell(&refuse(&Refusal::AuthorityUnreadable {
                why: failure.to_string(),
            }))
            .await;
        }
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
        Err(Trouble::Busy { why, retry_after }) if lease.attempt < 3 => {
            let at = retry_after.map_or_else(
                || backoff(app, lease.attempt),
                |wait| later(app, Duration::from_millis(wait)),
            );
            return app
                .engine
                .end(lease, Next::Retry(at, why), Extra::default())
                .await;
        }
        Err(trouble) => {
            return tell(&refuse(&Refusal::PlatformTrouble {
                why: trouble.to_string(),
            }))
            .await;
        }
    };
    let now = app.engine.clock.now();
    let words = match show {
        Show::List => list(service, environment, &survey, now),
        Show::Plan { aim } => match Plan::draw(&survey, &provider.nature(aim.way()), aim, now) {
            Ok(plan) => preview(service, environment, &plan, now),
            Err(refusal) => refuse(&refusal),
        },
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

/// Reads a platform for the board, again and again.
pub(super) async fn survey(
    app: &App,
    lease: &Lease,
    service: &str,
    environment: &str,
) -> Result<(), Error> {
    let found = app.config.service(service, environment);
    let Some(provider) = found.and_then(|found| app.provider(found)) else {
        return app.engine.end(lease, Next::Done, Extra::default()).await;
    };
    let next = Next::At(later(app, SURVEY_EVERY));
    match provider.survey().await {
        Ok(survey) => {
            let saw = Some((service.to_owned(), environment.to_owned(), survey));
            app.engine
                .end(
                    lease,
                    next,
                    Extra {
                        saw,
                        ..Extra::default()
                    },
                )
                .await
        }
        Err(trouble) => {
            tracing::warn!(
                service,
                environment,
                why = sentence(&trouble.to_string()),
                "the platform could not be read for the board"
            );
            let at = later(app, SURVEY_EVERY.min(Duration::from_secs(60)));
            app.engine
                .end(
                    lease,
                    Next::Retry(at, trouble.to_string()),
                    Extra::default(),
                )
                .await
        }
    }
}
