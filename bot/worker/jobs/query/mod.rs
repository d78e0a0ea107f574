//! Shows one person a plan, the list of releases, what the decision matrix says, whether a service
//! could be rolled back, who may approve, or whether they may.

mod assess;
mod authority;
mod ready;
mod releases;

use crate::{
    App,
    engine::{Ended, Error},
    slack::Words,
    store::{
        jobs::{Lease, Next},
        replies,
    },
    worker::{last_known::membership, recipient::Recipient, retry::after_pause},
};
use rollback_domain::{
    job::{Query, QueryRequest},
    people::Membership,
    refusal::{Refusal, Source},
};

/// Why somebody is not shown what they want to see.
enum NotShown {
    Refused(Refusal),
    /// Something is missing: what they are told.
    Unavailable(&'static str),
    TryAgain(Next),
}

impl From<Refusal> for NotShown {
    fn from(refusal: Refusal) -> Self {
        NotShown::Refused(refusal)
    }
}

/// For a service that was there when somebody asked.
const NOT_CONFIGURED: NotShown =
    NotShown::Unavailable("That service is not in the configuration any more.");

pub(super) async fn run(app: &App, lease: &Lease, request: &QueryRequest) -> Result<Ended, Error> {
    let QueryRequest {
        query,
        service,
        person,
        channel,
        thread,
        reply_to,
        ..
    } = request;
    let recipient = Recipient {
        channel,
        person: &person.id,
        thread: thread.as_deref(),
        reply_to: reply_to.as_deref(),
    };
    let membership = match membership(app, person).await {
        Ok((membership, _)) => membership,
        Err(failure) => match after_pause(app, lease, &failure) {
            Some(next) => return Ok(next.into()),
            None => Membership::Unreadable(failure.to_string()),
        },
    };
    let shown = match (query, person.admit(&membership)) {
        // Why somebody may not is told to those who may not, too.
        (Query::Why { rollback }, _) => authority::why(app, *rollback, person, &membership).await?,
        (
            Query::Plan { .. }
            | Query::List
            | Query::Assess { .. }
            | Query::Ready
            | Query::Who { .. },
            Err(refusal),
        ) => Err(refusal.into()),
        (Query::Ready, Ok(())) => return ready::run(app, lease, service, recipient).await,
        (Query::Who { about }, Ok(())) => authority::who(app, about, service).await?,
        (Query::Plan { aim }, Ok(())) => releases::plan(app, lease, service, aim).await?,
        (Query::List, Ok(())) => releases::list(app, lease, service).await?,
        (Query::Assess { symptoms }, Ok(())) => {
            match assess::assess(app, lease, request, symptoms, recipient).await? {
                Ok(ended) => return Ok(ended),
                Err(not_shown) => Err(not_shown),
            }
        }
    };
    match shown {
        Ok(words) => recipient.notify(app, lease, &words).await,
        Err(NotShown::Unavailable(text)) => recipient.notify(app, lease, &Words::plain(text)).await,
        Err(NotShown::TryAgain(next)) => Ok(next.into()),
        Err(NotShown::Refused(refusal)) => {
            let source = match reply_to.as_deref().is_some_and(replies::is_ours) {
                true => Source::OutOfBand,
                false => Source::Command,
            };
            Ok(recipient.refuse(app, lease, person, source, verb(query), &refusal))
        }
    }
}

/// What somebody has tried to do.
fn verb(query: &Query) -> &'static str {
    match query {
        Query::Plan { .. } => "plan",
        Query::List => "list",
        Query::Assess { .. } => "assess",
        Query::Ready => "ready",
        Query::Who { .. } => "ask who",
        Query::Why { .. } => "ask why",
    }
}
