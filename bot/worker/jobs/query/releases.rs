//! The plan for an aim, and the list of releases: the platform is read for each.

use super::{NOT_CONFIGURED, NotShown};
use crate::{
    App,
    config::Service,
    engine::Error,
    slack::{
        Words,
        blocks::{context, fit_text, header, inline, section},
        card,
    },
    store::{
        jobs::{Lease, Next},
        rollbacks,
    },
    worker::{
        planning::{self, NoPlan, Planning},
        retry::after_busy,
    },
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    history::{History, Runs, TrackRecord},
    identity::ServiceKey,
    plan::{Aim, Plan, PlanHash},
    platform::{About, ProviderError},
    refusal::Refusal,
    release::Survey,
};
use rollback_providers::Provider;
use slack_morphism::prelude::SlackBlock;
use std::sync::Arc;

/// How often a busy platform is tried before the person who asked gets an error.
const TRIES: i64 = 3;

/// The plan for an aim, as a rollback would propose it.
pub(super) async fn plan(
    app: &App,
    lease: &Lease,
    service: &ServiceKey,
    aim: &Aim,
) -> Result<Result<Words, NotShown>, Error> {
    let about = planning::about(app, service, aim).await?;
    let (settings, provider, survey) = match read(app, lease, service, &about).await {
        Ok(read) => read,
        Err(not_shown) => return Ok(Err(not_shown)),
    };
    let now = app.engine.clock.now();
    let history = rollbacks::history(&app.engine.db, service).await?;
    let planning = Planning {
        app,
        service,
        provider: provider.as_ref(),
        about: &about,
        aim,
        survey: &survey,
        history: &history,
        risks: &app.policy(settings).risks,
    };
    Ok(match planning.plan(now).await {
        Ok(plan) => Ok(show_plan(service, &plan, now)),
        Err(NoPlan::Refused(refusal)) => Err(refusal.into()),
        Err(NoPlan::Unreadable(error)) => Err(not_read(app, lease, error)),
    })
}

/// The last releases, and whether each could be gone back to.
pub(super) async fn list(
    app: &App,
    lease: &Lease,
    service: &ServiceKey,
) -> Result<Result<Words, NotShown>, Error> {
    let about = planning::about_service(app, service).await?;
    let survey = match read(app, lease, service, &about).await {
        Ok((_, _, survey)) => survey,
        Err(not_shown) => return Ok(Err(not_shown)),
    };
    let history = rollbacks::history(&app.engine.db, service).await?;
    let now = app.engine.clock.now();
    Ok(Ok(show_list(service, &survey, &history, now)))
}

/// Reads the platform of a service.
pub(super) async fn read<'a>(
    app: &'a App,
    lease: &Lease,
    service: &ServiceKey,
    about: &About,
) -> Result<(&'a Service, Arc<dyn Provider>, Survey), NotShown> {
    let Some(settings) = app.config.service(service) else {
        return Err(NOT_CONFIGURED);
    };
    let Some(provider) = app.provider(settings) else {
        return Err(NOT_CONFIGURED);
    };
    match provider.survey(about).await {
        Ok(survey) => Ok((settings, provider, survey)),
        Err(error) => Err(not_read(app, lease, error)),
    }
}

/// A platform that is busy is tried again before the person who asked gets an error.
fn not_read(app: &App, lease: &Lease, error: ProviderError) -> NotShown {
    match error {
        ProviderError::Busy { why, retry_after } if lease.attempt < TRIES => {
            let at = after_busy(app, lease, retry_after);
            NotShown::TryAgain(Next::Retry(at, why))
        }
        error => Refusal::from(error).into(),
    }
}

fn show_plan(service: &ServiceKey, plan: &Plan, now: Timestamp) -> Words {
    let title = format!("Plan for {service}");
    let hash = plan.hash(service);
    Words {
        text: fit_text(&format!(
            "{title}: {} to {}. Nothing is proposed.\n{}\n{} · plan {hash}",
            inline(
                plan.from.as_ref().map_or("unknown", |from| from.label()),
                80
            ),
            inline(plan.to.label(), 80),
            card::facts(plan, now),
            plan.risk,
        )),
        blocks: shown(&title, plan, &hash, service, now),
    }
}

fn shown(
    title: &str,
    plan: &Plan,
    hash: &PlanHash,
    service: &ServiceKey,
    now: Timestamp,
) -> Vec<SlackBlock> {
    let mut blocks = vec![header(title)];
    blocks.extend(card::change(plan, &[], now));
    blocks.push(context(&format!(
        "Only you see this. To propose it: `/rollback {} to {} because …`. {} · plan `{hash}`",
        inline(&service.typed(), 160),
        inline(&Target::Named(plan.to.label().to_owned()).to_string(), 80),
        plan.risk,
    )));
    blocks
}

fn show_list(service: &ServiceKey, survey: &Survey, history: &History, now: Timestamp) -> Words {
    let live = survey.live();
    let runs = Runs::of(survey, history, now);
    let why_not = Plan::why_not_back(survey, history, now);
    let lines: Vec<String> = survey
        .candidates
        .iter()
        .zip(why_not)
        .take(10)
        .map(|(candidate, why_not)| {
            let release = &candidate.release;
            let is_live = live.as_ref().is_some_and(|live| live.id == release.id);
            let mut line = card::release(release, &runs.ran(release), now);
            match (why_not, is_live) {
                (_, true) => line.push_str(" · *live*"),
                (None, false) => line.push_str(" · eligible"),
                (Some(why), false) => {
                    line.push_str(&format!(" · not eligible: {}", inline(&why, 150)));
                }
            }
            match history.track_record(release) {
                record @ (TrackRecord::Bad(_) | TrackRecord::Verified(_)) => {
                    let record = record.clause().unwrap_or_default();
                    line.push_str(&format!(" · {}", inline(&record, 150)));
                }
                // The line says when it ran.
                TrackRecord::Ran | TrackRecord::Unknown => {}
            }
            line
        })
        .collect();
    let title = format!("Releases of {service}");
    let body = match lines.is_empty() {
        true => "The platform lists no releases.".to_owned(),
        false => lines.join("\n"),
    };
    Words {
        text: fit_text(&format!("{title}. {body}")),
        blocks: vec![
            header(&title),
            section(&body),
            context(&format!("Read at {}.", card::time(now))),
        ],
    }
}
