//! Shows one person what is missing for the bot to work. It only reads: twice is harmless.

use crate::{
    App, doctor,
    engine::{Ended, Error},
    findings::{Finding, Findings, Level},
    slack::{
        Words,
        blocks::{escape, inline},
    },
    store::jobs::Lease,
    worker::{last_known::membership, recipient::Recipient, retry::after_pause},
};
use rollback_domain::{job::ExamineRequest, people::Membership, refusal::Source};

/// How many findings are shown in Slack.
const SHOWN_AT_MOST: usize = 20;

pub(super) async fn run(
    app: &App,
    lease: &Lease,
    request: &ExamineRequest,
) -> Result<Ended, Error> {
    let ExamineRequest {
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
    if let Err(refusal) = membership.admit() {
        return Ok(recipient.refuse(app, lease, person, Source::Command, "doctor", &refusal));
    }
    let text = match doctor::examine(&app.config).await {
        Ok(findings) => shown(&findings),
        Err(error) => format!(
            "I could not look: {}. On my machine, `rollback-bot doctor` says more.",
            inline(&format!("{error:#}"), 300)
        ),
    };
    recipient.notify(app, lease, &Words::plain(&text)).await
}

/// What does not work, then what is worth a note, each with its next step.
fn shown(findings: &Findings) -> String {
    let of = |level: Level| {
        findings
            .0
            .iter()
            .filter(move |finding| finding.level == level)
    };
    let (mistakes, notes) = (of(Level::Mistake).count(), of(Level::Note).count());
    let works = of(Level::Ok).count();
    let head = match mistakes {
        0 => format!("Nothing is missing: {works} things work, {notes} notes."),
        1 => format!("1 thing does not work; {works} do, {notes} notes."),
        _ => format!("{mistakes} things do not work; {works} do, {notes} notes."),
    };
    let told = of(Level::Mistake).chain(of(Level::Note));
    let lines = told.take(SHOWN_AT_MOST).map(line);
    let mut lines: Vec<String> = [head].into_iter().chain(lines).collect();
    if mistakes + notes > SHOWN_AT_MOST {
        let rest = mistakes + notes - SHOWN_AT_MOST;
        lines.push(format!(
            "… and {rest} more: `rollback-bot doctor` on my machine shows all of them."
        ));
    }
    lines.join("\n")
}

fn line(finding: &Finding) -> String {
    let sign = match finding.level {
        Level::Mistake => "❌",
        Level::Note => "ℹ️",
        Level::Ok => "✅",
    };
    let (key, sentence) = (inline(&finding.key, 120), inline(&finding.sentence, 300));
    let next = finding.next.as_ref();
    let next = next.map_or_else(String::new, |next| format!("\n      → {}", escape(next)));
    format!("{sign} *{key}*: {sentence}{next}")
}
