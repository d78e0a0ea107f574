//! `breakglass RB-41`, `breakglass frontend`: opens the form in which a person says why a rollback
//! cannot wait. Saving it runs the rollback without an approval.

use super::{
    Answer, Context, Result, find,
    queue::{self, FormRequest},
};
use crate::{App, slack::blocks::escape, store::rollbacks};
use rollback_domain::{
    grammar::{About, verbs::BreakGlass},
    job::Form,
};

pub(super) async fn run(app: &App, context: &Context, request: BreakGlass) -> Result {
    let BreakGlass { about, because } = request;
    let found = match &about {
        About::Rollback(id) => Some(find::rollback(app, *id).await?),
        About::Service(name) => {
            let service = find::service(app, name)?;
            // A drill is named by its number, or not meant.
            let open = rollbacks::open_for(&app.engine.db, &service.key).await?;
            open.filter(|open| open.drill.is_none())
        }
    };
    let Some(found) = found else {
        return Ok(Answer::private(format!(
            "Nothing is proposed for it yet: `/rollback {} because …` first, then *Emergency run…* in its card's menu. Nothing was run.",
            escape(&about.to_string())
        )));
    };
    let (Some(trigger), Some(hash)) = (context.trigger.clone(), found.hash) else {
        return Ok(Answer::private(format!(
            "I can only open the form from its card or from the command itself: *Emergency run…* in the menu of {id}, or type `/rollback breakglass {id}` in the channel. Nothing was run.",
            id = found.id
        )));
    };
    let request = FormRequest {
        form: Form::BreakGlass,
        rollback: found.id,
        hash,
        channel: found.channel,
        trigger,
        clicked_at: app.engine.clock.now(),
        because,
    };
    queue::form(app, context, request).await?;
    Ok(Answer::Received)
}
