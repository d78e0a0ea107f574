//! One file for each kind of job.

mod act;
mod advance;
mod announce_outcome;
mod backfill;
mod break_glass_message;
mod capture;
mod card;
mod checklist;
mod export;
mod look_after;
mod notify;
mod open_form;
mod page;
mod post;
mod query;
mod read_membership;
mod refresh_memberships;
mod refresh_roster;
mod reject_forged;
mod remind_action;
mod request;
mod request_review;
mod service_action;
mod survey;
mod take_pin_back;

use crate::{
    App,
    engine::{Ended, Error},
    store::jobs::Lease,
};
use rollback_domain::job::Job;

/// Does a job. One line for each kind.
pub(super) async fn perform(app: &App, lease: &Lease) -> Result<Ended, Error> {
    match &lease.job {
        Job::Advance { rollback } => Box::pin(advance::run(app, lease, *rollback)).await,
        Job::Act(request) => act::run(app, lease, request).await,
        Job::RejectForged(click) => reject_forged::run(app, lease, click),
        Job::ServiceAction(request) => service_action::run(app, lease, request).await,
        Job::BreakGlassMessage { rollback } => {
            break_glass_message::run(app, lease, *rollback).await
        }
        Job::RequestReview { rollback } => request_review::run(app, *rollback).await,
        Job::TakePinBack { rollback } => take_pin_back::run(app, lease, *rollback).await,
        Job::Page { rollback, page } => page::run(app, lease, *rollback, page).await,
        Job::RefreshRoster { source } => refresh_roster::run(app, source).await,
        Job::Checklist { rollback } => checklist::run(app, lease, *rollback).await,
        Job::Card { rollback } => card::run(app, lease, *rollback).await,
        Job::AnnounceOutcome { rollback } => announce_outcome::run(app, lease, *rollback).await,
        Job::Notify(notification) => notify::run(app, lease, notification).await,
        Job::Post(post) => post::run(app, lease, post).await,
        Job::Backfill { channel } => Box::pin(backfill::run(app, lease, channel)).await,
        Job::Export(request) => export::run(app, lease, request).await,
        Job::OpenForm(request) => open_form::run(app, lease, request).await,
        Job::Query(request) => query::run(app, lease, request).await,
        Job::Survey { service } => survey::run(app, service).await,
        Job::RefreshMemberships => refresh_memberships::run(app).await,
        Job::ReadMembership { person } => Ok(read_membership::run(app, person).await),
        Job::Request(request) => Box::pin(request::run(app, lease, request)).await,
        Job::RemindAction { action, reminder } => remind_action::run(app, *action, *reminder).await,
        Job::LookAfter { rollback } => look_after::run(app, *rollback).await,
        Job::Capture(request) => capture::run(app, lease, request).await,
    }
}
