//! Drafts an update from the record, and opens the form in which it is edited. Where no form can be
//! opened the draft is stored as it is, and shown.

use super::Begun;
use crate::{
    App,
    engine::{Ended, Error, NewUpdate, UpdateChange},
    export,
    slack::{
        Words,
        update::{self, About, Draft, minutes_until},
    },
    store::{jobs::Lease, rollbacks, timelines, updates},
    worker::recipient::Recipient,
};
use jiff::Timestamp;
use rollback_domain::{
    incident::Incident,
    job::{PreviewRequest, UpdateDraft, UpdateFormRequest},
    update::{StatusUpdate, TITLE_AT_MOST, UpdateKind, plain_line, plain_lines, why_not_resolved},
};
use std::{collections::BTreeMap, time::Duration};

/// Slack forgets what a command or a click brought after three seconds.
const TRIGGER_LIVES: Duration = Duration::from_secs(3);

pub(super) fn run<'a>(app: &'a App, lease: &'a Lease, request: &'a UpdateFormRequest) -> Begun<'a> {
    Box::pin(perform(app, lease, request))
}

async fn perform(app: &App, lease: &Lease, request: &UpdateFormRequest) -> Result<Ended, Error> {
    let db = &app.engine.db;
    let recipient = Recipient {
        channel: &request.channel,
        person: &request.person.id,
        thread: request.thread.as_deref(),
        reply_to: request.reply_to.as_deref(),
    };
    let Some(incident) = timelines::find(db, request.incident).await? else {
        return Ok(Ended::done());
    };
    let rollbacks = rollbacks::of_incident(db, incident.id).await?;
    let (kind, corrects, draft) = match &request.draft {
        UpdateDraft::Of(number) => {
            let Some(before) = updates::get(db, *number).await? else {
                return Ok(Ended::done());
            };
            let now = app.engine.clock.now();
            (before.kind, corrected(&before), edited(&before, now))
        }
        UpdateDraft::OfKind(kind) => {
            let kind = kind.unwrap_or_else(|| UpdateKind::fitting(&rollbacks));
            match drafted(app, &incident, kind, None).await? {
                Ok(draft) => (kind, None, draft),
                Err(why) => return recipient.notify(app, lease, &Words::plain(why)).await,
            }
        }
        UpdateDraft::Written { kind, text } => {
            match drafted(app, &incident, *kind, Some(text)).await? {
                Ok(draft) => (*kind, None, draft),
                Err(why) => return recipient.notify(app, lease, &Words::plain(why)).await,
            }
        }
    };
    let draft = Draft {
        why_not: (kind == UpdateKind::Resolved)
            .then(|| why_not_resolved(&rollbacks))
            .flatten(),
        ..draft
    };
    let about = About {
        incident: incident.id,
        kind,
        corrects,
        person: request.person.id.clone(),
        channel: request.channel.clone(),
        thread: request.thread.clone(),
        reply_to: request.reply_to.clone(),
    };
    if opened(app, lease, request, &about, &draft).await {
        return Ok(Ended::done());
    }
    Ok(Ended::done().with(stored(app, request, about, draft)))
}

/// Whether the form is open now, or was before: then it may be saved by now.
async fn opened(
    app: &App,
    lease: &Lease,
    request: &UpdateFormRequest,
    about: &About,
    draft: &Draft,
) -> bool {
    let is_written = matches!(request.draft, UpdateDraft::Written { .. });
    let Some(trigger) = request.trigger.as_deref().filter(|_| !is_written) else {
        return false;
    };
    if lease.attempt > 1 {
        return true;
    }
    let age = app.engine.clock.now().duration_since(request.asked_at);
    if Duration::try_from(age).unwrap_or_default() >= TRIGGER_LIVES {
        return false;
    }
    let view = update::form(about, &request.id, draft);
    match app.slack.open_view(trigger, &view).await {
        Ok(()) => true,
        Err(failure) => {
            tracing::warn!(%failure, "the form of an update could not be opened");
            false
        }
    }
}

/// The draft as it is, without a form.
fn stored(app: &App, request: &UpdateFormRequest, about: About, draft: Draft) -> UpdateChange {
    let now = app.engine.clock.now();
    let next = draft.next_minutes.map(|minutes| minutes * 60);
    let update = StatusUpdate {
        // The engine numbers it.
        number: 0,
        incident: about.incident,
        channel: about.channel,
        kind: about.kind,
        title: draft.title,
        text: draft.text,
        next_at: next.and_then(|seconds| now.checked_add(Duration::from_secs(seconds)).ok()),
        because: None,
        corrects: about.corrects,
        drafted_by: request.person.clone(),
        drafted_at: now,
        published: None,
        outside: BTreeMap::new(),
    };
    let preview = PreviewRequest {
        update: 0,
        person: request.person.id.clone(),
        channel: request.channel.clone(),
        thread: request.thread.clone(),
        reply_to: request.reply_to.clone(),
        id: format!("preview:{}", request.id),
    };
    UpdateChange::Draft(Box::new(NewUpdate { update, preview }))
}

/// The number of the first update that an edited one takes the place of; `None`: it was a draft.
fn corrected(before: &StatusUpdate) -> Option<i64> {
    match before.published {
        Some(_) => Some(before.root()),
        None => before.corrects,
    }
}

/// What an update says that is edited.
fn edited(before: &StatusUpdate, now: Timestamp) -> Draft {
    Draft {
        title: before.title.clone(),
        text: before.text.clone(),
        next_minutes: before.next_at.and_then(|at| minutes_until(at, now)),
        why_not: None,
    }
}

/// What the record knows for an update of a kind; otherwise why there is no draft, for the person.
async fn drafted(
    app: &App,
    incident: &Incident,
    kind: UpdateKind,
    written: Option<&str>,
) -> Result<Result<Draft, String>, Error> {
    let db = &app.engine.db;
    let facts = export::update_facts(db, incident.id).await?;
    let text = match written {
        Some(text) => plain_lines(text),
        None => match app.templates.status_update(kind, &facts) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "an update could not be drafted");
                return Ok(Err(format!(
                    "I couldn't draft the update: {}. Nothing was sent. `/rollback update {}: …` takes your own words. Tell the people who run me.",
                    crate::slack::blocks::escape(&format!("{error:#}")),
                    kind.name()
                )));
            }
        },
    };
    let before = updates::published(db, incident.id).await?;
    let before = before
        .iter()
        .find(|update| update.kind.is_external() == kind.is_external());
    let title = before.map_or(facts.issue, |before| before.title.clone());
    let title: String = plain_line(&title).chars().take(TITLE_AT_MOST).collect();
    let severity = incident.course.severity.as_ref();
    let every = severity.and_then(|named| app.config.updates.every.get(&named.severity));
    let is_last = kind == UpdateKind::Resolved;
    Ok(Ok(Draft {
        title,
        text,
        next_minutes: every
            .filter(|_| !is_last)
            .map(|every| every.as_secs().div_ceil(60)),
        why_not: None,
    }))
}
