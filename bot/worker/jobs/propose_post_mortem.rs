//! Proposes the draft of a post-mortem to the repository that keeps them, by a pull request. A
//! repetition finds what an earlier attempt has made.

use super::Begun;
use crate::{
    App,
    config::PostMortems,
    engine::{Ended, Error, RecordedEvent},
    export::{Export, Unwritten},
    repositories::{GitHub, NotProposed, ProposedFile},
    store::jobs::Lease,
    worker::retry::{backoff, later, tried_for},
};
use rollback_domain::{
    grammar::ExportFormat,
    incident::{Actor, IncidentFact, TimelineEvent},
    job::{Document, Job, Post, PostMortemRequest, WhenRefused},
    refusal::Source,
    rollback::Message,
};
use std::{io::Read, time::Duration};

/// How long it is tried while GitHub is away.
const TRIED_FOR: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, request: &'a PostMortemRequest) -> Begun<'a> {
    Box::pin(perform(app, lease, request))
}

async fn perform(app: &App, lease: &Lease, request: &PostMortemRequest) -> Result<Ended, Error> {
    let (Some(keeps), Some(github)) = (&app.config.post_mortems, &app.repositories.github) else {
        return Ok(Ended::done());
    };
    let export = Export {
        incident: request.incident,
        channel: request.channel.clone(),
        document: Document::PostMortem,
        format: ExportFormat::Markdown,
        // The same at each attempt, so that nothing is written twice.
        now: lease.wanted_at,
    };
    let mut written = match export.write(&app.engine.db, &app.templates).await {
        Ok(written) => written,
        Err(Unwritten::Database(error)) => return Err(error.into()),
        Err(unwritten) => {
            let at = backoff(app, lease.attempt);
            return Ok(Ended::retry(at, unwritten.to_string()));
        }
    };
    let Some(draft) = written.draft.take() else {
        return Ok(Ended::done());
    };
    let mut content = vec![];
    if let Err(error) = written.file.read_to_end(&mut content) {
        return Ok(Ended::retry(backoff(app, lease.attempt), error.to_string()));
    }
    let path = match keeps.folder.as_str() {
        "" => draft.kept_as,
        folder => format!("{folder}/{}", draft.kept_as),
    };
    Ok(
        match propose(github, keeps, request, &path, &content).await {
            Ok(link) => proposed(app, request, path, link),
            Err(NotProposed::Later { why, after }) if tried_for(app, lease) < TRIED_FOR => {
                let at =
                    after.map_or_else(|| backoff(app, lease.attempt), |after| later(app, after));
                Ended::retry(at, why)
            }
            Err(NotProposed::Later { why, .. } | NotProposed::Refused(why)) => {
                let sentence = format!(
                    "The post-mortem of {} is not proposed to {}: {why}. The file above is the same; keep it by hand, or ask for it again.",
                    request.incident, keeps.repository
                );
                let post = post(request, Message::Text(sentence), "refused");
                Ended::done().then(post, app.engine.clock.now())
            }
        },
    )
}

async fn propose(
    github: &GitHub,
    keeps: &PostMortems,
    request: &PostMortemRequest,
    path: &str,
    content: &[u8],
) -> Result<String, NotProposed> {
    let incident = request.incident;
    let title = format!("Post-mortem of {incident}");
    let text = format!(
        "Drafted by Rollback Bot from the record of {incident}. What nobody has said is marked *Not recorded*; `/rollback postmortem {incident} root cause: …` fills a field, and `/rollback postmortem {incident}` brings this up to date."
    );
    let file = ProposedFile {
        repository: &keeps.repository,
        branch: &format!("rollback-bot/post-mortem-{incident}"),
        path,
        content,
        title: &title,
        text: &text,
    };
    github.propose(&file).await
}

/// It is there: everybody is told where, and so is the record.
fn proposed(app: &App, request: &PostMortemRequest, file: String, link: String) -> Ended {
    let now = app.engine.clock.now();
    let sentence = format!(
        "The post-mortem of {} is proposed as `{file}`: {link}",
        request.incident
    );
    let who = request.asked_by.clone().map_or(Actor::Bot, Actor::Person);
    let fact = IncidentFact::PostMortemProposed { file, link };
    let event = TimelineEvent::new(now, who, Source::Bot, None, fact);
    let incident = request.incident;
    Ended::done()
        .with(RecordedEvent::Incident { incident, event })
        .then(post(request, Message::Text(sentence), "proposed"), now)
}

fn post(request: &PostMortemRequest, message: Message, what: &str) -> Job {
    Job::Post(Post {
        channel: request.channel.clone(),
        thread: request.thread.clone(),
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::Log,
        id: format!("{what}:{}", request.id),
    })
}
