//! One file for each kind of job.

mod act;
mod advance;
mod announce_outcome;
mod backfill;
mod break_glass_message;
mod canary;
mod capture;
mod card;
mod checklist;
mod examine;
mod export;
mod look_after;
mod notify;
mod open_form;
mod page;
mod post;
mod post_update;
mod preview_update;
mod propose_post_mortem;
mod publish_update;
mod query;
mod read_membership;
mod refresh_memberships;
mod refresh_roster;
mod reject_forged;
mod remind_action;
mod remind_mitigation;
mod remind_update;
mod request;
mod request_review;
mod send_notice;
mod service_action;
mod survey;
mod take_pin_back;
mod tell_authors;
mod update_form;

use crate::{
    App,
    engine::{Ended, Error},
    store::jobs::Lease,
};
use rollback_domain::job::Job;
use std::pin::Pin;

/// A job that is begun, kept off the stack of the others.
type Begun<'a> = Pin<Box<dyn Future<Output = Result<Ended, Error>> + Send + 'a>>;

/// Does a job. One line for each kind.
pub(super) async fn perform(app: &App, lease: &Lease) -> Result<Ended, Error> {
    // On the heap, each: all of them in one frame would fill the stack of a worker.
    match &lease.job {
        Job::Advance { rollback } => Box::pin(advance::run(app, lease, *rollback)).await,
        Job::Act(request) => Box::pin(act::run(app, lease, request)).await,
        Job::RejectForged(click) => reject_forged::run(app, lease, click),
        Job::ServiceAction(request) => Box::pin(service_action::run(app, lease, request)).await,
        Job::BreakGlassMessage { rollback } => {
            Box::pin(break_glass_message::run(app, lease, *rollback)).await
        }
        Job::RequestReview { rollback } => Box::pin(request_review::run(app, *rollback)).await,
        Job::TakePinBack { rollback } => Box::pin(take_pin_back::run(app, lease, *rollback)).await,
        Job::Page { rollback, page } => Box::pin(page::run(app, lease, *rollback, page)).await,
        Job::RefreshRoster { source } => Box::pin(refresh_roster::run(app, source)).await,
        Job::Checklist { rollback } => Box::pin(checklist::run(app, lease, *rollback)).await,
        Job::Card { rollback } => Box::pin(card::run(app, lease, *rollback)).await,
        Job::AnnounceOutcome { rollback } => {
            Box::pin(announce_outcome::run(app, lease, *rollback)).await
        }
        Job::TellAuthors { rollback } => Box::pin(tell_authors::run(app, lease, *rollback)).await,
        Job::Notify(notification) => Box::pin(notify::run(app, lease, notification)).await,
        Job::Post(post) => Box::pin(post::run(app, lease, post)).await,
        Job::Backfill { channel } => Box::pin(backfill::run(app, lease, channel)).await,
        Job::Export(request) => Box::pin(export::run(app, lease, request)).await,
        Job::OpenForm(request) => Box::pin(open_form::run(app, lease, request)).await,
        Job::Examine(request) => Box::pin(examine::run(app, lease, request)).await,
        Job::Query(request) => Box::pin(query::run(app, lease, request)).await,
        Job::Survey { service } => Box::pin(survey::run(app, service)).await,
        Job::Canary { service } => Box::pin(canary::run(app, service)).await,
        Job::CanaryOfBot => Box::pin(canary::run_of_bot(app)).await,
        Job::RefreshMemberships => Box::pin(refresh_memberships::run(app)).await,
        Job::ReadMembership { person } => Ok(Box::pin(read_membership::run(app, person)).await),
        Job::Request(request) => Box::pin(request::run(app, lease, request)).await,
        Job::RemindAction { action, reminder } => {
            Box::pin(remind_action::run(app, *action, *reminder)).await
        }
        Job::UpdateForm(request) => update_form::run(app, lease, request).await,
        Job::PreviewUpdate(request) => preview_update::run(app, lease, request).await,
        Job::PublishUpdate(request) => publish_update::run(app, lease, request).await,
        Job::PostUpdate { update, channel } => post_update::run(app, lease, *update, channel).await,
        Job::SendNotice { to, incident } => send_notice::run(app, lease, to, *incident).await,
        Job::RemindUpdate {
            incident,
            due,
            role,
        } => remind_update::run(app, *incident, *due, *role).await,
        Job::ProposePostMortem(request) => propose_post_mortem::run(app, lease, request).await,
        Job::RemindMitigation { incident, due } => {
            remind_mitigation::run(app, *incident, *due).await
        }
        Job::LookAfter { rollback } => Box::pin(look_after::run(app, *rollback)).await,
        Job::Capture(request) => Box::pin(capture::run(app, lease, request)).await,
    }
}
