//! `[groups.NAME]`: services that are rolled back together, with one approval that counts for all.

use super::{Declared, Roles, Service, rules};
use rollback_domain::{
    identity::ServiceKey,
    policy::{Announce, Rules},
    refusal::list,
    risk::Risk,
};
use rollback_settings::{Repeats, Section, Value, choice, did_you_mean, text};
use std::collections::BTreeSet;

/// How many members one card can show.
const MEMBERS_AT_MOST: usize = 20;

/// Services that are rolled back together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What people call it, and the environment that all its members have: `full`, `production`.
    pub key: ServiceKey,
    /// Its members, in the order of their stages.
    pub members: Vec<GroupMember>,
    /// Whether the next stage begins although a member has failed.
    pub goes_on: bool,
    /// The channels, by id, in which it can be proposed: where each of its members can; empty: any.
    pub channels: Vec<String>,
    /// The channels, by id, in which what goes on with any of its members without an approval is
    /// told, besides those of `[announce]`.
    pub announce: Vec<String>,
    /// What each class of plan needs: the strictest of what its members need.
    pub rules: Rules,
    /// Every class that a plan of it can get.
    pub classes: Vec<Risk>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The service.
    pub service: ServiceKey,
    /// Its stage, from 0. Members of one stage run at the same time.
    pub stage: u32,
    /// Whether it is left out where it has nothing to go back to.
    pub is_optional: bool,
}

impl Group {
    /// Where what goes on with it without an approval is told.
    pub fn announce(&self, common: &Announce) -> Announce {
        let every = common.every.iter().chain(&self.announce).cloned();
        Announce {
            every: every.collect(),
            classes: common.classes.clone(),
        }
    }

    /// Its stages as they are written: `database?, backend + worker, frontend`.
    pub fn stages(&self) -> String {
        let mut stages: Vec<Vec<String>> = vec![];
        for member in &self.members {
            let optional = if member.is_optional { "?" } else { "" };
            let name = format!("{}{optional}", member.service.name);
            match stages.get_mut(member.stage as usize) {
                Some(stage) => stage.push(name),
                None => stages.push(vec![name]),
            }
        }
        let stages: Vec<String> = stages.iter().map(|stage| stage.join(" + ")).collect();
        stages.join(", ")
    }
}

/// A member as it is written: its name, and whether it is optional.
struct Written {
    name: String,
    is_optional: bool,
}

/// Reads every group. While a service has a mistake in it, nothing is said about what would follow
/// from it.
pub(super) fn groups(
    file: &Section<'_>,
    there: &Declared<'_>,
    services: Option<&[Service]>,
    roles: &Roles<'_>,
) -> Option<Vec<Group>> {
    let section = file.section("groups")?;
    let mut groups = vec![];
    for name in section.keys() {
        section.check_name(name);
        if there.services.contains(&name) {
            section.mistake(
                name,
                "is the name of a service too; give one of the two another name",
            );
        }
        let group = section.section(name).and_then(|section| {
            let read = || group(&section, name, there, services, roles);
            section.reader().sound(read)?
        });
        groups.push(group);
    }
    groups.into_iter().collect()
}

fn group(
    section: &Section<'_>,
    name: &str,
    there: &Declared<'_>,
    services: Option<&[Service]>,
    roles: &Roles<'_>,
) -> Option<Group> {
    let member = |value: &Value| member(value, there);
    let stage = |value: &Value| match value {
        Value::Array(members) if members.is_empty() => {
            Err("is an empty stage; remove it".to_owned())
        }
        Value::Array(members) => members.iter().map(member).collect(),
        value => Ok(vec![member(value)?]),
    };
    let example = "\"backend\", \"frontend\"";
    let stages = section.list("members", example, Repeats::Allowed, stage);
    let environment = section.optional("environment", text);
    let on_failure = [("stop", false), ("go_on", true)];
    let goes_on = section.or("on_failure", false, |value| choice(value, &on_failure));
    section.done();
    let stages = stages?;
    refuse_members(section, &stages);
    let services = services?;
    let environment = environment_of(section, environment, &stages, services)?;
    let mut members = vec![];
    for (stage, written) in (0..).zip(&stages) {
        members.extend(written.iter().map(|member| GroupMember {
            service: ServiceKey::new(&*member.name, &*environment),
            stage,
            is_optional: member.is_optional,
        }));
    }
    let of_members: Vec<&Service> = members
        .iter()
        .filter_map(|member| services.iter().find(|one| one.key == member.service))
        .collect();
    let of_rules: Vec<&Rules> = of_members.iter().map(|service| &service.rules).collect();
    let reached: BTreeSet<Risk> = of_members.iter().flat_map(|one| one.classes()).collect();
    let rules = Rules::strictest(&of_rules);
    check_rules(section, &rules, &reached, roles);
    let announce: BTreeSet<&String> = of_members.iter().flat_map(|one| &one.announce).collect();
    Some(Group {
        key: ServiceKey::new(name, environment),
        channels: channels(section, &of_members),
        announce: announce.into_iter().cloned().collect(),
        members,
        goes_on,
        rules,
        classes: reached.into_iter().collect(),
    })
}

/// One member: the name of a service, with a `?` behind it if it is optional.
fn member(value: &Value, there: &Declared<'_>) -> Result<Written, String> {
    let written = text(value)?;
    let name = written.strip_suffix('?').unwrap_or(&written);
    if there.services.contains(&name) {
        return Ok(Written {
            name: name.to_owned(),
            is_optional: written.ends_with('?'),
        });
    }
    let otherwise = format!("write one of {}", there.services.join(", "));
    Err(format!(
        "there is no service {name:?}; {}",
        did_you_mean(name, &there.services).unwrap_or(otherwise)
    ))
}

/// Refuses what is no group, and what one card could not show.
fn refuse_members(section: &Section<'_>, stages: &[Vec<Written>]) {
    let names: Vec<&str> = stages.iter().flatten().map(|one| &*one.name).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            section.mistake("members", format!("has {name} twice; keep one of the two"));
        }
    }
    match names.len() {
        0 | 1 => section.mistake(
            "members",
            "has one member, which is no group; add another, or remove the group",
        ),
        n if n > MEMBERS_AT_MOST => section.mistake(
            "members",
            format!("has {n} members; keep at most {MEMBERS_AT_MOST}, which one card can show"),
        ),
        _ => {}
    }
}

/// The environment in which all members are.
fn environment_of(
    section: &Section<'_>,
    written: Option<String>,
    stages: &[Vec<Written>],
    services: &[Service],
) -> Option<String> {
    let of = |name: &str| -> BTreeSet<&str> {
        let named = services.iter().filter(|service| service.key.name == name);
        named.map(|service| &*service.key.environment).collect()
    };
    if let Some(environment) = written {
        for member in stages.iter().flatten() {
            if !of(&member.name).contains(&*environment) {
                section.mistake(
                    "environment",
                    format!("{} has no environment {environment:?}", member.name),
                );
            }
        }
        return Some(environment);
    }
    let mut common: Option<BTreeSet<&str>> = None;
    for member in stages.iter().flatten() {
        let own = of(&member.name);
        common = Some(match common {
            Some(common) => common.intersection(&own).copied().collect(),
            None => own,
        });
    }
    let common: Vec<String> = common.into_iter().flatten().map(str::to_owned).collect();
    match &common[..] {
        [only] => Some(only.clone()),
        [] => {
            section.mistake(
                "members",
                "have no environment in common; a group is rolled back in one environment",
            );
            None
        }
        [first, ..] => {
            section.mistake(
                "environment",
                format!(
                    "is missing, and its members are in {}; write environment = {first:?}",
                    list(&common, "and")
                ),
            );
            None
        }
    }
}

/// The channels in which each of the members can be proposed; empty: any.
fn channels(section: &Section<'_>, services: &[&Service]) -> Vec<String> {
    let mut limited = services.iter().filter(|one| !one.channels.is_empty());
    let Some(first) = limited.next() else {
        return vec![];
    };
    let in_all = |channel: &&String| {
        let mut rest = limited.clone();
        rest.all(|service| service.channels.contains(channel))
    };
    let channels: Vec<String> = first.channels.iter().filter(in_all).cloned().collect();
    if channels.is_empty() {
        section.mistake(
            "members",
            "can be proposed in no channel together; give their `channels` one in common",
        );
    }
    channels
}

/// Refuses rules that nobody could meet for all members.
fn check_rules(section: &Section<'_>, rules: &Rules, reached: &BTreeSet<Risk>, roles: &Roles<'_>) {
    let is_met = |class: &&Risk| !rules.of(**class).eligible().is_empty();
    let (met, unmet): (Vec<&Risk>, Vec<&Risk>) = reached.iter().partition(is_met);
    if !unmet.is_empty() {
        let classes: Vec<String> = unmet.iter().map(|class| format!("`{class}`")).collect();
        section.mistake(
            "members",
            format!(
                "have no role in common that may approve {} plans, so nobody could approve the \
                 group; give all of them one such role in `approve`",
                list(&classes, "and")
            ),
        );
    }
    for class in met {
        let rule = rules.of(*class);
        let eligible: Vec<String> = rule.eligible().into_iter().map(str::to_owned).collect();
        let people = rules::listed(&eligible, roles);
        if let Some(people) = people.filter(|people| people.len() < rule.approvals) {
            section.mistake(
                "members",
                format!(
                    "need {} approvals of `{class}` plans by people whose role counts for all of \
                     them, and only {} could give one; add people to {}",
                    rule.approvals,
                    list(&people, "and"),
                    list(&eligible, "or")
                ),
            );
        }
    }
}
