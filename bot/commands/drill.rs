//! `drill frontend@staging`, `drill note …`: opens a rollback that is practised, or writes into the
//! record of one. A drill goes the way of every rollback.

use super::{
    Answer, Context, Failure, Result,
    find::{self, Proposable},
    gate, propose,
    zone::WallClock,
};
use crate::{
    App,
    config::Service,
    engine::{Outcome, Submission},
    slack::{Words, blocks::inline},
    store::timelines,
};
use rollback_domain::{
    drill::{self, Fault, watermarked},
    grammar::{
        Request, ServiceRef,
        verbs::{Drill, Propose},
    },
    identity::{IncidentId, RollbackId},
    incident::{Actor, IncidentFact, TimelineEvent},
    refusal::Refusal,
};

pub(super) async fn run(app: &App, context: &Context, request: Drill) -> Result {
    match request {
        Drill::Begin(proposal) => begin(app, context, proposal).await,
        Drill::Note { drill, text } => note(app, context, drill, text).await,
    }
}

async fn begin(app: &App, context: &Context, request: Propose) -> Result {
    let service = meant(app, &request.service)?;
    let is_by_the_wall = propose::is_by_the_wall(&request.target);
    let zone = match WallClock::of(app, context, is_by_the_wall).await? {
        WallClock::Known(zone) => zone,
        WallClock::Unread => {
            let request = Request::Drill(Drill::Begin(request));
            return gate::read_first(app, context, &request).await;
        }
    };
    let aim = propose::aim(request.target, zone.as_ref());
    let fault = service
        .drills
        .fault
        .as_ref()
        .and_then(|command| command.first());
    let drill = drill::Drill {
        acts: service.drills.acts,
        fault: fault.map(|program| Fault {
            program: program.clone(),
            begun: None,
            ended: None,
        }),
    };
    let proposable = Proposable::Service(service);
    propose::open(app, context, proposable, aim, request.because, Some(drill)).await
}

/// The service that is meant: where no environment is named, the one that is for drills.
fn meant<'a>(app: &'a App, name: &ServiceRef) -> Result<&'a Service> {
    let for_drills: Vec<&Service> = app
        .config
        .environments(&name.service)
        .into_iter()
        .filter(|service| service.drills.acts)
        .collect();
    match (&name.environment, for_drills.as_slice()) {
        (None, [only]) => Ok(only),
        (_, _) => find::service(app, name).map_err(Failure::from),
    }
}

/// Writes into the record of a drill.
async fn note(app: &App, context: &Context, drill: Option<RollbackId>, text: String) -> Result {
    let Some((drill, record)) = drilled(app, context, drill).await? else {
        return Ok(Answer::private(
            "There is no drill in this channel. `/rollback drill` and a service begins one. Nothing was noted.",
        ));
    };
    let now = app.engine.clock.now();
    let who = Actor::Person(context.person.clone());
    let fact = IncidentFact::Note { text: text.clone() };
    let event = TimelineEvent::new(now, who, context.source, Some(drill), fact);
    let submission = Submission::Append {
        incident: record,
        event,
    };
    match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => {}
        outcome => return Ok(Answer::from(outcome)),
    }
    let noted = format!(
        "Noted in {drill} by @{}: \"{}\" `/rollback action add \"…\"` in this channel makes an action of it.",
        inline(&context.person.name, 80),
        inline(&text, 500)
    );
    let noted = Words::plain(watermarked(drill, &noted));
    Ok(match context.answers_in_channel() {
        true => Answer::Public(noted),
        false => Answer::Private(noted),
    })
}

/// The drill that is meant and its record: the channel's latest one if none is named. `None`: there
/// is none.
async fn drilled(
    app: &App,
    context: &Context,
    named: Option<RollbackId>,
) -> Result<Option<(RollbackId, IncidentId)>> {
    let db = &app.engine.db;
    let Some(named) = named else {
        let latest = timelines::latest_drill(db, &context.channel).await?;
        let latest = latest.map(|latest| latest.id);
        return Ok(latest.and_then(|latest| Some((latest.drill()?, latest))));
    };
    let found = find::rollback(app, named).await?;
    match found.channel == context.channel {
        true => Ok(Some((named, found.incident))),
        // What was noted in another channel, perhaps a private one, stays there.
        false => Err(Refusal::UnknownRollback { id: named }.into()),
    }
}
