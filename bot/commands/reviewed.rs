//! `reviewed frontend`: records who has looked at what is configured, and when; `reviewed` shows what
//! is due.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    engine::{Outcome, Submission},
    slack::blocks::inline,
    store::reviews,
};
use rollback_domain::{
    grammar::{
        nearest,
        verbs::{RecordReview, ReviewSubject},
    },
    job::Job,
    procedure::{LastReview, Procedure, ReviewDate},
    proof::spell,
    refusal::list,
};

/// How many things a list has at most.
const LISTED_AT_MOST: usize = 60;

pub(super) async fn run(app: &App, context: &Context, request: RecordReview) -> Result {
    let Some(subject) = request.subject else {
        return dates(app).await;
    };
    let procedure = match meant(app, subject)? {
        Ok(procedure) => procedure,
        Err(unknown) => return Ok(Answer::private(unknown)),
    };
    let now = app.engine.clock.now();
    let review = LastReview {
        by: context.person.clone(),
        at: now,
    };
    let submission = Submission::Review {
        procedure: procedure.clone(),
        review: review.clone(),
    };
    match app.engine.take(&context.key, submission).await? {
        Outcome::Queued => {}
        outcome => return Ok(Answer::from(outcome)),
    }
    if let Procedure::Service(service) = &procedure
        && app.config.canary.enabled
    {
        // What was read before the review says that it is due.
        let service = service.clone();
        app.engine.enqueue(&[Job::Canary { service }]).await?;
    }
    let next = match app.config.reviews.every {
        None => {
            "No next one is set: `[reviews]` in the configuration says how long one holds.".into()
        }
        Some(every) => {
            let last = Some(review);
            let due = ReviewDate { last, every }.due();
            let due = due.map(|due| due.strftime("%Y-%m-%d").to_string());
            format!("The next review is due on {}.", due.unwrap_or_default())
        }
    };
    Ok(Answer::private(format!(
        "Recorded: @{} has reviewed {}. {next}",
        inline(&context.person.name, 80),
        inline(&procedure.to_string(), 160)
    )))
}

/// What was reviewed; otherwise why there is no such thing, as a sentence.
fn meant(app: &App, subject: ReviewSubject) -> Result<std::result::Result<Procedure, String>> {
    let config = &app.config;
    let missing = |what: &str| {
        Err(format!(
            "The configuration has no {what}. Nothing was recorded."
        ))
    };
    Ok(match subject {
        ReviewSubject::Service(name) => {
            Ok(Procedure::Service(find::service(app, &name)?.key.clone()))
        }
        ReviewSubject::Contacts if config.contacts.is_empty() => missing("contacts"),
        ReviewSubject::Contacts => Ok(Procedure::Contacts),
        ReviewSubject::Matrix if config.matrix.is_empty() => missing("decision matrix"),
        ReviewSubject::Matrix => Ok(Procedure::Matrix),
        ReviewSubject::Role(name) if config.roles.contains_key(&name) => Ok(Procedure::Role(name)),
        ReviewSubject::Role(name) => {
            let otherwise = match nearest(&name, config.roles.keys().map(String::as_str)) {
                Some(near) => format!("Did you mean {near}?"),
                None => format!(
                    "There are {}.",
                    list(&config.roles.keys().cloned().collect::<Vec<_>>(), "and")
                ),
            };
            let name = inline(&name, 80);
            Err(format!(
                "There is no role \"{name}\". {} Nothing was recorded.",
                inline(&otherwise, 500)
            ))
        }
    })
}

/// When everything was reviewed, and what is due.
async fn dates(app: &App) -> Result {
    let config = &app.config;
    let last = reviews::all(&app.engine.db).await?;
    let now = app.engine.clock.now();
    let Some(every) = config.reviews.every else {
        return Ok(Answer::private(
            "No review is ever due: write `every = \"90d\"` into `[reviews]` of the configuration. `/rollback reviewed` and a service records one all the same.",
        ));
    };
    let procedures = config.procedures();
    let mut lines = vec![format!("Reviews, every {}:", spell(every))];
    for procedure in procedures.iter().take(LISTED_AT_MOST) {
        let Some(date) = config.review_date(procedure, &last) else {
            continue;
        };
        let due = match date.is_due(now) {
            true => format!(" `/rollback reviewed {}`", inline(&procedure.typed(), 160)),
            false => String::new(),
        };
        lines.push(format!(
            "• {}: {}.{due}",
            inline(&procedure.to_string(), 160),
            inline(&date.clause(now), 300)
        ));
    }
    if procedures.len() > LISTED_AT_MOST {
        let more = procedures.len() - LISTED_AT_MOST;
        lines.push(format!(
            "and {more} more; `rollback-bot doctor` names those that are due"
        ));
    }
    Ok(Answer::private(lines.join("\n")))
}
