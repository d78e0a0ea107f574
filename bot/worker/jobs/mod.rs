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
mod drill_report;
mod examine;
mod export;
mod look_after;
mod look_again;
mod make_fault;
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
mod remind_decision;
mod remind_drill;
mod remind_mitigation;
mod remind_reviews;
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
use std::{future::ready, pin::Pin};

/// A job that is begun, kept off the stack of the others.
type Begun<'a> = Pin<Box<dyn Future<Output = Result<Ended, Error>> + Send + 'a>>;

/// Does a job. One line for each kind.
pub(super) fn perform<'a>(app: &'a App, lease: &'a Lease) -> Begun<'a> {
    // On the heap, each, and begun here where nothing is awaited: all of them in the frame of what is
    // awaited would fill the stack of a worker.
    match &lease.job {
        Job::Advance { rollback } => Box::pin(advance::run(app, lease, *rollback)),
        Job::Act(request) => Box::pin(act::run(app, lease, request)),
        Job::RejectForged(click) => Box::pin(ready(reject_forged::run(app, lease, click))),
        Job::ServiceAction(request) => Box::pin(service_action::run(app, lease, request)),
        Job::BreakGlassMessage { rollback } => {
            Box::pin(break_glass_message::run(app, lease, *rollback))
        }
        Job::RequestReview { rollback } => Box::pin(request_review::run(app, *rollback)),
        Job::TakePinBack { rollback } => Box::pin(take_pin_back::run(app, lease, *rollback)),
        Job::Page { rollback, page } => Box::pin(page::run(app, lease, *rollback, page)),
        Job::RefreshRoster { source } => Box::pin(refresh_roster::run(app, source)),
        Job::Checklist { rollback } => Box::pin(checklist::run(app, lease, *rollback)),
        Job::Card { rollback } => Box::pin(card::run(app, lease, *rollback)),
        Job::AnnounceOutcome { rollback } => Box::pin(announce_outcome::run(app, lease, *rollback)),
        Job::TellAuthors { rollback } => Box::pin(tell_authors::run(app, lease, *rollback)),
        Job::Notify(notification) => Box::pin(notify::run(app, lease, notification)),
        Job::Post(post) => Box::pin(post::run(app, lease, post)),
        Job::Backfill { channel } => Box::pin(backfill::run(app, lease, channel)),
        Job::Export(request) => Box::pin(export::run(app, lease, request)),
        Job::OpenForm(request) => Box::pin(open_form::run(app, lease, request)),
        Job::Examine(request) => Box::pin(examine::run(app, lease, request)),
        Job::Query(request) => Box::pin(query::run(app, lease, request)),
        Job::Survey { service } => Box::pin(survey::run(app, service)),
        Job::Canary { service } => Box::pin(canary::run(app, service)),
        Job::CanaryOfBot => Box::pin(canary::run_of_bot(app)),
        Job::RefreshMemberships => Box::pin(refresh_memberships::run(app)),
        Job::ReadMembership { person } => {
            Box::pin(async move { Ok(read_membership::run(app, person).await) })
        }
        Job::Request(request) => Box::pin(request::run(app, lease, request)),
        Job::RemindAction { action, reminder } => {
            Box::pin(remind_action::run(app, *action, *reminder))
        }
        Job::UpdateForm(request) => update_form::run(app, lease, request),
        Job::PreviewUpdate(request) => preview_update::run(app, lease, request),
        Job::PublishUpdate(request) => publish_update::run(app, lease, request),
        Job::PostUpdate { update, channel } => post_update::run(app, lease, *update, channel),
        Job::SendNotice { to, incident } => send_notice::run(app, lease, to, *incident),
        Job::RemindUpdate {
            incident,
            due,
            role,
        } => remind_update::run(app, *incident, *due, *role),
        Job::ProposePostMortem(request) => propose_post_mortem::run(app, lease, request),
        Job::RemindMitigation { incident, due } => remind_mitigation::run(app, *incident, *due),
        Job::RemindDecision {
            incident,
            service,
            due,
        } => remind_decision::run(app, *incident, service, *due),
        Job::RemindDrill { service } => remind_drill::run(app, service),
        Job::RemindReviews => remind_reviews::run(app),
        Job::DrillReport(request) => drill_report::run(app, lease, request),
        Job::MakeFault { rollback } => make_fault::run(app, lease, *rollback),
        Job::LookAfter { rollback } => Box::pin(look_after::run(app, *rollback)),
        Job::LookAgain { rollback } => look_again::run(app, *rollback),
        Job::Capture(request) => Box::pin(capture::run(app, lease, request)),
    }
}
