//! Reads who a person is, and then runs what they asked for.

use crate::{
    App,
    commands::{self, Context, gate},
    engine::{Ended, Error, SideEffects},
    slack::Words,
    store::jobs::Lease,
    worker::{acting::Acting, recipient::Recipient},
};
use rollback_domain::{grammar, job::DeferredRequest};

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    deferred: &DeferredRequest,
) -> Result<Ended, Error> {
    let DeferredRequest {
        text,
        evidence,
        person,
        source,
        channel,
        thread,
        reply_to,
        trigger,
        id,
    } = deferred;
    let recipient = Recipient {
        channel,
        person: &person.id,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let request = match grammar::parse(text) {
        Ok(request) => request,
        // It was stored by a version with other words.
        Err(misread) => {
            let words = Words::plain(misread.to_string());
            return recipient.notify(app, lease, &words).await;
        }
    };
    let verb = request.verb();
    let roles = app.config.every_role();
    let acting = match Acting::read(app, lease, person, &roles).await? {
        Ok(acting) => acting,
        Err(next) => return Ok(next.into()),
    };
    let admitted = person
        .admit(&acting.membership)
        .and_then(|()| gate::may_read(app, verb, &person.id, &acting.roster));
    let effects = SideEffects {
        rosters: acting.read,
        ..SideEffects::default()
    };
    if let Err(refusal) = admitted {
        let refused = recipient.refuse(app, lease, person, *source, verb.name(), &refusal);
        return Ok(refused.with(effects));
    }
    let context = Context {
        evidence: evidence.clone(),
        thread: thread.clone(),
        reply_to: reply_to.clone(),
        trigger: trigger.clone(),
        deferred: Some(lease.wanted_at),
        ..Context::new(id.clone(), acting.by, channel.clone(), *source)
    };
    let answer = commands::run_admitted(app, &context, request).await;
    let ended = match answer.words() {
        Some(words) => recipient.notify(app, lease, &words).await?,
        None => Ended::done(),
    };
    Ok(ended.with(effects))
}
