//! `plan frontend to v212`: shows one person what a rollback would do. A job reads the platform;
//! nothing is proposed.

use super::{Context, Result, find, gate, list, propose, zone::WallClock};
use crate::App;
use rollback_domain::{
    grammar::{Request, verbs::Plan},
    job::Query,
};

pub(super) async fn run(app: &App, context: &Context, request: Plan) -> Result {
    let Plan { proposal } = request;
    let service = find::service(app, &proposal.service)?;
    let is_by_the_wall = propose::is_by_the_wall(&proposal.target);
    let zone = match WallClock::of(app, context, is_by_the_wall).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => {
            let request = Request::Plan(Plan { proposal });
            return gate::read_first(app, context, &request).await;
        }
    };
    let aim = propose::aim(proposal.target, zone.as_ref());
    list::query_platform(app, context, service, Query::Plan { aim }).await
}
