//! `ready`: which services could be rolled back now, as they were last read; `ready frontend` has a
//! job read everything that a rollback of it would read.

use super::{
    Answer, Context, Result, find,
    list::query_platform,
    reads::{Read, share},
};
use crate::{
    App,
    config::Service,
    slack::{
        Words,
        blocks::{context, fit_text, header, inline, section},
        readiness::in_one_line,
    },
    store::readiness,
};
use rollback_domain::{
    grammar::{Request, ServiceRef, verbs::Ready},
    job::Query,
    readiness::ServiceFacts,
};

/// How many services it shows: as many as the board.
const SERVICES_AT_MOST: usize = 40;

pub(super) async fn run(app: &App, context: &Context, request: Ready) -> Result {
    match &request.service {
        Some(name) => {
            let service = find::service(app, name)?;
            query_platform(app, context, service, Query::Ready).await
        }
        None => Ok(share(app, Read::everywhere(Request::Ready(request)), all).await),
    }
}

/// The services of the configuration that are meant, in its order, each with what was last read of
/// it.
pub async fn last_read<'a>(
    app: &'a App,
    name: Option<&ServiceRef>,
) -> Result<Vec<(&'a Service, Option<ServiceFacts>)>> {
    let services: Vec<&Service> = match name {
        Some(name) => vec![find::service(app, name)?],
        None => app.config.services.iter().collect(),
    };
    let read = readiness::all(&app.engine.db).await?;
    let facts = |service: &Service| {
        read.iter()
            .find(|facts| facts.service == service.key)
            .cloned()
    };
    Ok(services
        .into_iter()
        .map(|service| (service, facts(service)))
        .collect())
}

async fn all(app: App) -> Result {
    let now = app.engine.clock.now();
    let read = last_read(&app, None).await?;
    let mut lines: Vec<String> = read
        .iter()
        .take(SERVICES_AT_MOST)
        .map(|(service, facts)| match facts {
            Some(facts) => in_one_line(facts, now),
            None => format!(
                "*{}* ({})  not read yet",
                inline(&service.key.name, 80),
                inline(&service.key.environment, 80)
            ),
        })
        .collect();
    if read.len() > SERVICES_AT_MOST {
        let more = read.len() - SERVICES_AT_MOST;
        lines.push(format!(
            "and {more} more; `/rollback ready` and a name shows each"
        ));
    }
    let mut blocks = vec![header("Can it be rolled back now?")];
    blocks.extend(lines.chunks(6).map(|lines| section(&lines.join("\n"))));
    if let Some((first, _)) = read.first() {
        let name = inline(&first.key.typed(), 160);
        blocks.push(context(&format!(
            "`/rollback ready {name}` reads it now, and says what to do about each line."
        )));
    }
    Ok(Answer::Private(Words {
        text: fit_text(&lines.join("\n")),
        blocks,
    }))
}
