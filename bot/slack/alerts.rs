//! The alerts of a service as people see them: one message, which is edited.

use super::{
    Words,
    action::Action,
    blocks::{actions, context, fit_text, header, inline, link, section},
    card,
};
use jiff::Timestamp;
use rollback_domain::{
    alert::{AlertGroup, LiveRelease, TrackedAlert},
    grammar::{ServiceRef, Target, verbs::Propose},
    identity::ServiceKey,
    proof::spell,
    refusal::{list, sentence},
    rollback::Rollback,
};

/// How many alerts are shown.
const SHOWN_AT_MOST: usize = 5;

/// What fires, what was deployed when, and what can be done about it. `rollbacks` are those of the
/// service in the incident, the latest last.
pub fn message(group: &AlertGroup, rollbacks: &[Rollback], now: Timestamp) -> Words {
    let title = title(group);
    let mut lines = shown(group, now);
    lines.extend(counted(group));
    if let (Some(service), Some(live)) = (&group.service, &group.live) {
        lines.push(deployed(service, live, group.began_at, now));
    }
    if let Some(advice) = &group.advice {
        lines.push(format!("*The matrix*: {}", inline(&advice.sentence, 400)));
        if !advice.measured.is_empty() {
            let measured = advice.measured.iter().map(|one| inline(one, 300));
            let measured: Vec<String> = measured.collect();
            lines.push(format!("*Measured*: {}.", measured.join("; ")));
        }
        if !advice.against.is_empty() {
            let against = advice.against.iter().map(|one| inline(one, 300));
            let against: Vec<String> = against.collect();
            lines.push(format!("*Against going back*: {}.", against.join("; ")));
        }
    }
    lines.extend(
        group
            .proposal
            .as_ref()
            .map(|proposal| inline(proposal, 400)),
    );
    lines.extend(rollbacks.last().map(card::line));
    let body = lines.join("\n");
    let mut blocks = vec![header(&title), section(&body)];
    let is_open = rollbacks.last().is_some_and(|one| !one.state.is_ended());
    let next = match &group.service {
        None => "No rule of the configuration says which service this is about.".to_owned(),
        Some(_) if group.resolved_at.is_some() || is_open => String::new(),
        Some(service) => {
            let propose = propose(group, service);
            let block_id = format!("alert:{}", group.id);
            blocks.push(actions(&block_id, vec![propose.button("Propose rollback")]));
            let typed = inline(&service.typed(), 160);
            format!(
                "`/rollback assess {typed}` reads the decision matrix. Proposing changes nothing: people approve."
            )
        }
    };
    if !next.is_empty() {
        blocks.push(context(&next));
    }
    Words {
        text: fit_text(&format!("{title}. {body}")),
        blocks,
    }
}

/// How many alerts fire, for lists of services.
pub fn counted_briefly(group: &AlertGroup) -> String {
    match (group.firing(), group.untracked) {
        (1, 0) => "1 alert".to_owned(),
        (firing, 0) => format!("{firing} alerts"),
        (firing, more) => format!("{firing} alerts and about {more} more"),
    }
}

/// `🔴 frontend (production): 3 alerts fire`.
fn title(group: &AlertGroup) -> String {
    let place = match &group.service {
        Some(service) => service.to_string(),
        None => "An unknown service".to_owned(),
    };
    match (group.resolved_at, group.firing(), group.untracked) {
        (Some(_), ..) => format!("✅ {place}: the alerts have ended"),
        (None, 1, 0) => format!("🔴 {place}: an alert fires"),
        (None, firing, 0) => format!("🔴 {place}: {firing} alerts fire"),
        (None, firing, more) => format!("🔴 {place}: {firing} alerts fire, and about {more} more"),
    }
}

/// The first alerts, those that fire before those that have ended.
fn shown(group: &AlertGroup, now: Timestamp) -> Vec<String> {
    let fires = |one: &&TrackedAlert| one.resolved_at.is_none();
    let ended = |one: &&TrackedAlert| one.resolved_at.is_some();
    let firing = group.alerts.iter().filter(fires);
    let in_order = firing.chain(group.alerts.iter().filter(ended));
    let mut lines: Vec<String> = in_order
        .take(SHOWN_AT_MOST)
        .map(|one| line(one, now))
        .collect();
    let more = group.alerts.len().saturating_sub(SHOWN_AT_MOST);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

/// What one alert says. All of it is others' text.
fn line(alert: &TrackedAlert, now: Timestamp) -> String {
    // A sender's clock may be ahead.
    let began = alert.started_at.unwrap_or(alert.received_at);
    let began = began.min(alert.received_at);
    let times = match alert.resolved_at {
        None => format!("since {}", card::moment(began, now)),
        Some(ended) => format!(
            "ended {}, after {}",
            card::moment(ended, now),
            spell(ended.duration_since(began).unsigned_abs())
        ),
    };
    let description = alert.description.as_ref();
    let description = description.map(|text| format!(": {}", inline(text, 300)));
    let address = alert.link.as_deref();
    let address = address.map(|address| format!(" · {}", link(address)));
    format!(
        "*{}* ({}, {times}){}{}",
        inline(&alert.title, 150),
        inline(&alert.source, 63),
        description.unwrap_or_default(),
        address.unwrap_or_default()
    )
}

/// How many came that are not shown, and how often it began again.
fn counted(group: &AlertGroup) -> Option<String> {
    let mut clauses = vec![];
    if group.untracked > 0 {
        clauses.push(format!(
            "{} came in, of which {} are told apart",
            group.received,
            group.alerts.len()
        ));
    }
    match group.again {
        0 => {}
        1 => clauses.push("it began to fire again once".to_owned()),
        n => clauses.push(format!("it began to fire again {n} times")),
    }
    (!clauses.is_empty()).then(|| sentence(&list(&clauses, "and")))
}

/// What is live, and how that lies to the beginning of the alerts.
fn deployed(service: &ServiceKey, live: &LiveRelease, began: Timestamp, now: Timestamp) -> String {
    if let Some(why) = &live.unread {
        return format!("*Live*: could not be read ({}).", inline(why, 300));
    }
    let Some(label) = &live.label else {
        let name = inline(&service.name, 80);
        return format!("*Live*: the platform does not say which version of {name} is.");
    };
    let label = inline(label, 60);
    let Some(since) = live.since else {
        return format!("*Live*: `{label}`; it is not known since when.");
    };
    let age = began.duration_since(since);
    let lies = match age.is_negative() {
        true => format!("{} after the alert began", spell(age.unsigned_abs())),
        false => format!("{} before the alert began", spell(age.unsigned_abs())),
    };
    format!(
        "*Live*: `{label}`, deployed {} ({lies}).",
        card::moment(since, now)
    )
}

/// The proposal that the button makes, as `/rollback frontend` does.
fn propose(group: &AlertGroup, service: &ServiceKey) -> Action {
    Action::Propose(Propose {
        service: ServiceRef {
            service: service.name.clone(),
            environment: Some(service.environment.clone()),
        },
        target: Target::Previous,
        because: Some(group.because()),
    })
}
