//! The rules as they hold after presets, overrides and defaults, for people to read.

use super::{Config, Group, Role, Service};
use rollback_domain::{
    authority::Source,
    policy::{EscalationStep, Rule, Rules},
    refusal::list,
    risk::Risk,
};
use rollback_settings::spell;
use std::time::Duration;

/// What every service needs, who is in which role, and who is asked when nobody answers: a block
/// each, in aligned columns.
pub fn table(config: &Config) -> String {
    let services = config.services.iter().map(|service| rules(config, service));
    let groups = config.groups.iter().map(group);
    services
        .chain(groups)
        .chain([roles(config), escalation(config)])
        .collect::<Vec<_>>()
        .join("\n")
}

fn rules(config: &Config, service: &Service) -> String {
    let window = match service.objection_window {
        Some(window) => spell(window),
        None => "off".to_owned(),
    };
    let head = format!(
        "{}: preset {}, ordinary class {}, objection window {window}\n",
        service.key,
        config.policy.preset.name(),
        service.ordinary(),
    );
    head + &classes(&service.rules, &service.classes())
}

/// A group, with the strictest rules of its members.
fn group(group: &Group) -> String {
    let failure = match group.goes_on {
        true => "goes on after a failure",
        false => "stops at a failure",
    };
    let head = format!("{}: takes back {}, {failure}\n", group.key, group.stages());
    head + &classes(&group.rules, &group.classes)
}

/// What each class needs, and which of them are reached.
fn classes(rules: &Rules, reached: &[Risk]) -> String {
    let mut rows = vec![
        [
            "class",
            "approvals",
            "by",
            "requester",
            "confirm",
            "break-glass",
        ]
        .map(str::to_owned),
    ];
    for class in Risk::ALL {
        let rule = rules.of(class);
        let reached = match reached.contains(&class) {
            true => "",
            false => " (not reached)",
        };
        rows.push([
            format!("{class}{reached}"),
            rule.approvals.to_string(),
            by(rule),
            yes(rule.requester_counts),
            rule.confirm.to_string(),
            yes(rule.break_glass),
        ]);
    }
    aligned(&rows)
}

fn by(rule: &Rule) -> String {
    let roles = list(&rule.roles, "or");
    match rule.one_of.is_empty() {
        true => roles,
        false => format!("{roles}; one of {}", list(&rule.one_of, "or")),
    }
}

fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn roles(config: &Config) -> String {
    let rows: Vec<_> = config
        .roles
        .iter()
        .map(|(name, role)| [name.clone(), members(role)])
        .collect();
    format!("roles\n{}", aligned(&rows))
}

fn members(role: &Role) -> String {
    let sources = role.sources.iter().map(|source| match source {
        Source::Listed => format!("{source}: {}", role.members.join(", ")),
        source => source.to_string(),
    });
    sources.collect::<Vec<_>>().join("; ")
}

fn escalation(config: &Config) -> String {
    let policy = &config.policy;
    let reminders = policy.remind.iter();
    let reminders = reminders.map(|after| (*after, "approvers, reminded".to_owned()));
    let steps = policy.escalate.iter().map(|step| (step.after, asked(step)));
    let mut escalation: Vec<(Duration, String)> = reminders.chain(steps).collect();
    escalation.sort_by_key(|(after, _)| *after);
    if escalation.is_empty() {
        return "escalation\n  nobody is asked again\n".to_owned();
    }
    let rows: Vec<_> = escalation
        .into_iter()
        .map(|(after, who)| [spell(after), who])
        .collect();
    format!("escalation\n{}", aligned(&rows))
}

fn asked(step: &EscalationStep) -> String {
    let page = step.page.then(|| "PagerDuty".to_owned());
    let names = step.roles.iter().chain(&step.people).cloned();
    list(&names.chain(page).collect::<Vec<_>>(), "and")
}

/// A line for each row, indented, each column as wide as the widest in it.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("  {cell:width$}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
