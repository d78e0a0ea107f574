//! `stop RB-41`: stops a rollback before its platform is asked, by a job that reads who the person is.

use super::{Context, Result, queue};
use crate::App;
use rollback_domain::{grammar::verbs::Stop, rollback::Act};

pub(super) async fn run(app: &App, context: &Context, request: Stop) -> Result {
    let Stop { rollback, because } = request;
    let doing = format!("Stopping {rollback} if that is still possible");
    queue::typed_act(app, context, rollback, Act::Stop { because }, &doing).await
}
