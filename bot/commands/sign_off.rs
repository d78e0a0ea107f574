//! `signoff RB-41 merge-pr done`: says that a manual task of a plan is done, or cannot be, by a job
//! that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::SignOff, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: SignOff) -> Result {
    let SignOff {
        rollback,
        task,
        done,
        because,
    } = request;
    let doing = format!("Signing {task} of {rollback} off");
    let act = Act::SignOff {
        task,
        done,
        note: because,
    };
    queue::typed_act(app, context, rollback, act, &doing).await
}
