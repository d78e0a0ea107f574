//! `plan frontend to v212`: shows one person what a rollback would do. A job reads the platform;
//! nothing is proposed.

use super::{Context, Result, find, list};
use crate::App;
use rollback_domain::{grammar::Wish, job::Query, plan::Aim};

pub(super) async fn run(app: &App, context: &Context, wish: Wish) -> Result {
    let service = find::service(app, &wish.service)?;
    let aim = Aim {
        target: wish.target,
        utc_offset: 0,
        undoes: None,
    };
    list::query_platform(app, context, service, Query::Plan { aim }).await
}
