//! Uploads the timeline of an incident: to where it was asked for, or under the card of a rollback
//! that has ended.

use crate::{
    App,
    crash::Point,
    engine::{Ended, Error, KeptPromise, RecordedEvent, RecordedTick},
    export::{Draft, Export, Unwritten, Written, extension, of_drill},
    slack::Failure,
    store::{jobs::Lease, rollbacks},
    worker::{
        last_known::membership,
        recipient::Recipient,
        retry::{after_slack, later},
        rollback_message::{CARD_EVERY, CARD_TRIES, card_ts, ensure_held},
    },
};
use rollback_domain::{
    checklist::TickedBy,
    grammar::ExportFormat,
    identity::{IncidentId, RollbackId},
    incident::{Actor, IncidentFact, TimelineEvent},
    job::{Document, ExportRequest, Job, Notification, Post, PostMortemRequest, WhenRefused},
    people::{Membership, Person},
    refusal::Source,
    rollback::Message,
};
use std::time::Duration;

/// How often a file is tried that the disk does not take, and after what time.
const DISK_TRIES: i64 = 10;
const DISK_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn run(app: &App, lease: &Lease, request: &ExportRequest) -> Result<Ended, Error> {
    let ExportRequest {
        incident,
        document,
        format,
        channel,
        rollback,
        thread,
        asked_by,
        reply_to: _,
        id,
    } = request;
    if let Some(person) = asked_by
        && let Some(ended) = not_admitted(app, lease, person, request).await
    {
        return Ok(ended);
    }
    let card = match rollback {
        Some(id) => card_ts(app, *id).await?,
        None => None,
    };
    if rollback.is_some() && card.is_none() && lease.attempt < CARD_TRIES {
        return Ok(Ended::retry(
            later(app, CARD_EVERY),
            "the card is not posted yet",
        ));
    }
    let now = app.engine.clock.now();
    let export = Export {
        incident: *incident,
        channel: channel.clone(),
        document: *document,
        format: *format,
        now,
    };
    let written = match export.write(&app.engine.db, &app.templates).await {
        Ok(written) => written,
        Err(Unwritten::Database(error)) => return Err(error.into()),
        Err(unwritten) => return Ok(not_written(app, lease, request, unwritten)),
    };
    let (entries, bytes) = (written.entries, written.bytes);
    let is_reviewed = id.ends_with(":reviewed");
    let upload = Upload {
        channel,
        thread: thread.clone().or(card),
        name: match &written.draft {
            Some(draft) => draft.name.clone(),
            None => file_name(lease, *incident, *rollback, is_reviewed, *format),
        },
        comment: match &written.draft {
            Some(draft) => incident.marks(&comment_on_draft(app, *incident, draft)),
            None => incident.marks(&comment(request, is_reviewed, &written)),
        },
    };
    let written_draft = written.draft.clone();
    Ok(match upload.once(app, lease, written).await {
        Ok(()) => {
            let who = asked_by.clone().map_or(Actor::Bot, Actor::Person);
            let file = upload.name.clone();
            let fact = IncidentFact::Exported {
                file: upload.name,
                entries,
                bytes,
            };
            let event = TimelineEvent::new(now, who, Source::Bot, *rollback, fact);
            let ended = match (&written_draft, asked_by) {
                (
                    Some(Draft {
                        has_root_cause: true,
                        name,
                        ..
                    }),
                    Some(by),
                ) => Ended::done().with(KeptPromise {
                    incident: *incident,
                    by: by.clone(),
                    file: name.clone(),
                }),
                (Some(_) | None, _) => Ended::done(),
            };
            let ended = match (&written_draft, &app.config.post_mortems) {
                // What was learned by a drill is kept with its report.
                (Some(_), Some(_)) if incident.drill().is_none() => {
                    let request = PostMortemRequest {
                        incident: *incident,
                        channel: channel.clone(),
                        thread: upload.thread.clone(),
                        asked_by: asked_by.clone(),
                        id: id.clone(),
                    };
                    ended.then(Job::ProposePostMortem(request), now)
                }
                (Some(_) | None, _) => ended,
            };
            let incident = *incident;
            let ended = ended.with(RecordedTick {
                incident,
                rollback: *rollback,
                event: match document {
                    Document::Timeline => TickedBy::Exported,
                    Document::PostMortem => TickedBy::Drafted,
                },
                evidence: file,
            });
            ended
                .with(RecordedEvent::Incident { incident, event })
                .stored_at(Point::ExportStored)
        }
        Err(Failure::Never(code)) => not_taken(app, request, upload.name, &code).await?,
        Err(failure) => after_slack(app, lease, &failure).into(),
    })
}

/// How the job ends if somebody may not have the timeline, or it cannot be read whether they may;
/// `None`: they may.
async fn not_admitted(
    app: &App,
    lease: &Lease,
    person: &Person,
    request: &ExportRequest,
) -> Option<Ended> {
    let membership = match membership(app, person).await {
        Ok((membership, _)) => membership,
        Err(Failure::Never(code)) => Membership::Unreadable(code),
        Err(failure) => return Some(after_slack(app, lease, &failure).into()),
    };
    let refusal = membership.admit().err()?;
    let recipient = Recipient {
        channel: &request.channel,
        person: &person.id,
        thread: request.thread.as_deref(),
        reply_to: request.reply_to.as_deref(),
    };
    Some(recipient.refuse(app, lease, person, Source::Command, "export", &refusal))
}

/// The name of the file. A later one about the same rollback has another name, so that each is
/// uploaded; and so has each that was asked for by hand.
fn file_name(
    lease: &Lease,
    incident: IncidentId,
    rollback: Option<RollbackId>,
    is_reviewed: bool,
    format: ExportFormat,
) -> String {
    let which = match rollback {
        Some(id) if is_reviewed => format!("-{id}-reviewed"),
        // The record of a drill is called like the drill.
        Some(id) if incident.drill() == Some(id) => String::new(),
        Some(id) => format!("-{id}"),
        None => lease.wanted_at.strftime("-%Y%m%dT%H%M%SZ").to_string(),
    };
    of_drill(
        incident,
        format!("{incident}{which}-timeline.{}", extension(format)),
    )
}

/// What is said with the file. Of an incident that was resolved it names the head of the chain, so
/// that Slack keeps that too.
fn comment(request: &ExportRequest, is_reviewed: bool, written: &Written) -> String {
    let (incident, entries) = (request.incident, written.entries);
    match (request.rollback, &request.asked_by) {
        (Some(id), _) if is_reviewed => {
            format!("Timeline of {incident} with the review of {id}: {entries} entries.")
        }
        (Some(id), _) => {
            format!("Timeline of {incident}, exported when {id} closed: {entries} entries.")
        }
        (None, Some(_)) => format!(
            "Timeline of {incident}: {entries} entries. `/rollback postmortem {incident}` drafts its post-mortem."
        ),
        (None, None) => {
            let head = match written.head.as_str() {
                "" => String::new(),
                head => format!(" Head of the chain: {head}."),
            };
            format!(
                "Timeline of {incident}, exported when it was resolved: {entries} entries.{head}"
            )
        }
    }
}

/// What is said with the draft of a post-mortem.
fn comment_on_draft(app: &App, incident: IncidentId, draft: &Draft) -> String {
    let gaps = match draft.gaps {
        0 => "Every field is filled.".to_owned(),
        1 => "One field is not recorded and marked so.".to_owned(),
        n => format!("{n} fields are not recorded and marked so."),
    };
    let keeping = match &app.config.post_mortems {
        Some(keeps) => format!("It is proposed to {} now", keeps.repository),
        None => format!("Keep it as `incidents/{}`", draft.name),
    };
    format!(
        "Draft of the post-mortem of {incident}. {gaps} {keeping}; `/rollback postmortem {incident} root cause: …` fills a field."
    )
}

/// A file on its way to Slack.
struct Upload<'a> {
    channel: &'a str,
    thread: Option<String>,
    name: String,
    comment: String,
}

impl Upload<'_> {
    /// Uploads the file, unless an earlier attempt did. Not being able to look for it is no reason
    /// to upload it again.
    async fn once(&self, app: &App, lease: &Lease, written: Written) -> Result<(), Failure> {
        let (name, thread) = (&self.name, self.thread.as_deref());
        if lease.attempt > 1 && app.slack.find_file(self.channel, thread, name).await? {
            return Ok(());
        }
        ensure_held(lease)?;
        let Written { file, bytes, .. } = written;
        app.slack
            .upload(self.channel, thread, name, file, bytes, &self.comment)
            .await
    }
}

/// How the job ends when Slack does not take the file: that is recorded, and whom it concerns is
/// told.
async fn not_taken(
    app: &App,
    request: &ExportRequest,
    file: String,
    code: &str,
) -> Result<Ended, Error> {
    let ExportRequest {
        incident,
        channel,
        rollback,
        asked_by,
        ..
    } = request;
    tracing::warn!(channel, code, "Slack will not take the export");
    let now = app.engine.clock.now();
    let who = asked_by.clone().map_or(Actor::Bot, Actor::Person);
    let code = code.to_owned();
    let message = Message::Text(format!(
        "The timeline of {incident} could not be uploaded: Slack says {code}. `/rollback timeline` shows it."
    ));
    let fact = IncidentFact::ExportRefused { file, code };
    let event = TimelineEvent::new(now, who, Source::Bot, *rollback, fact);
    let incident = *incident;
    let ended = Ended::done().with(RecordedEvent::Incident { incident, event });
    if let Some(person) = asked_by {
        return Ok(ended.then(told(request, person, message), now));
    }
    let ended_rollback = match rollback {
        Some(id) => rollbacks::get(&app.engine.db, *id).await?,
        None => None,
    };
    Ok(match ended_rollback {
        Some(rollback) => {
            let post = Job::Post(Post {
                channel: channel.clone(),
                thread: None,
                under: Some(rollback.id),
                message,
                button: None,
                when_refused: WhenRefused::TellAlone {
                    rollback: Some(rollback.id),
                    people: rollback.concerned(),
                },
                id: format!("not-taken:{}", request.id),
            });
            ended.then(post, now)
        }
        None => ended,
    })
}

/// The job that tells somebody what came of the export that they asked for.
fn told(request: &ExportRequest, person: &Person, message: Message) -> Job {
    Job::Notify(Notification {
        channel: request.channel.clone(),
        person: person.id.clone(),
        thread: request.thread.clone(),
        reply_to: request.reply_to.clone(),
        message,
        otherwise: None,
        id: format!("unwritten:{}", request.id),
    })
}

/// How the job ends when the timeline cannot be put into a file.
fn not_written(app: &App, lease: &Lease, request: &ExportRequest, unwritten: Unwritten) -> Ended {
    let ExportRequest {
        incident, asked_by, ..
    } = request;
    tracing::error!(%incident, %unwritten, "a timeline could not be exported");
    // The disk may have room again; a template and a size stay as they are.
    if matches!(unwritten, Unwritten::Disk(_)) && lease.attempt < DISK_TRIES {
        return Ended::retry(later(app, DISK_EVERY), unwritten.to_string());
    }
    let Some(person) = asked_by else {
        return Ended::done();
    };
    let message = Message::Text(format!(
        "I couldn't write the timeline of {incident} into a file: {unwritten}. Nothing was uploaded, and nothing is lost: `/rollback timeline` shows the last entries. Tell the people who run me."
    ));
    Ended::done().then(told(request, person, message), app.engine.clock.now())
}
