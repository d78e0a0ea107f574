//! Who has to say yes: the preset, what `[policy]` makes of it, and what each service makes of that.
//!
//! The narrower one wins: preset, `[policy.CLASS]`, a service's `requester_may_approve`,
//! `[services.NAME.ENVIRONMENT.CLASS]`. What comes out is checked too: a rule that nobody could
//! ever meet is found here, and not in the night in which it is needed.

use super::{
    DAY, Declared, MINUTE, Policy, Readers, Role, Roles, SECOND, Service,
    values::{class, member, role_name},
};
use rollback_domain::{
    authority::Source,
    policy::{Confirm, EscalationStep, Preset, Rule, Rules},
    refusal::list,
    risk::{Risk, RiskRules},
};
use rollback_settings::{Repeats, Section, Value, choice, duration, flag, number, spell};
use std::time::Duration;

/// An escalation has no more steps than this.
const RUNGS_AT_MOST: usize = 10;

/// The class of a plan about which nothing is unusual, on a platform of this class.
pub(super) fn ordinary(platform: Risk, risks: &RiskRules) -> Risk {
    risks.ordinary.unwrap_or(platform)
}

/// Every class that a plan can get: the ordinary one, and what something unusual makes of it.
pub(super) fn classes(platform: Risk, risks: &RiskRules) -> Vec<Risk> {
    let ordinary = ordinary(platform, risks);
    let reached = [
        ordinary,
        ordinary.max(risks.never_served),
        ordinary.max(risks.live_unknown),
        ordinary.max(risks.once_bad),
        ordinary.max(risks.old),
    ];
    let all = Risk::ALL.into_iter();
    all.filter(|class| reached.contains(class)).collect()
}

/// What `[policy]` says of every service. What has a mistake in it is `None`: nothing is said
/// about what would follow from it.
#[derive(Default)]
pub(super) struct Common {
    preset: Option<Preset>,
    /// In the order of [`Risk::ALL`].
    classes: [Option<Overrides>; 4],
    risks: Option<RiskRules>,
    plan_ttl: Option<Duration>,
    objection_window: Option<Duration>,
}

/// What a section for one class says; what it leaves out stays as it was.
struct Overrides {
    approvals: Option<usize>,
    roles: Option<Vec<String>>,
    one_of: Option<Vec<String>>,
    requester_counts: Option<bool>,
    break_glass: Option<bool>,
    confirm: Option<Confirm>,
}

impl Overrides {
    fn apply(&self, rule: &mut Rule) {
        fn put<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        put(&mut rule.approvals, &self.approvals);
        put(&mut rule.roles, &self.roles);
        put(&mut rule.one_of, &self.one_of);
        put(&mut rule.requester_counts, &self.requester_counts);
        put(&mut rule.break_glass, &self.break_glass);
        put(&mut rule.confirm, &self.confirm);
    }
}

pub(super) fn policy(section: &Section<'_>, there: &Declared<'_>) -> (Policy, Common) {
    let reader = section.reader();
    let presets = Preset::ALL.map(|preset| (preset.name(), preset));
    let preset =
        reader.sound(|| section.or("preset", Preset::default(), |value| choice(value, &presets)));
    let plan_ttl = reader.sound(|| section.or("plan_ttl", 10 * MINUTE, duration(MINUTE..=DAY)));
    let remind = remind(section);
    let objection_window = window(section, plan_ttl).flatten();
    let review_within = section.or("review_within", DAY, duration(MINUTE..=30 * DAY));
    let page_on_break_glass = section.or("page_on_break_glass", there.routing_key, flag);
    if page_on_break_glass && !there.routing_key {
        refuse_page(section, "page_on_break_glass");
    }
    let read = section.or("read", Readers::default(), |value| {
        choice(
            value,
            &[("members", Readers::Members), ("roles", Readers::Roles)],
        )
    });
    let risks = section
        .section("risk")
        .and_then(|section| reader.sound(|| risks(&section)));
    let classes = overrides(section, &there.roles);
    let escalate = escalate(section, there);
    section.done();
    let policy = Policy {
        preset: preset.unwrap_or_default(),
        plan_ttl: plan_ttl.unwrap_or_default(),
        remind,
        escalate,
        review_within,
        page_on_break_glass,
        read,
    };
    let common = Common {
        preset,
        classes,
        risks,
        plan_ttl,
        objection_window,
    };
    (policy, common)
}

fn remind(section: &Section<'_>) -> Vec<Duration> {
    let read = || {
        section.any_list("remind", "\"60s\", \"3m\"", Repeats::Allowed, |value| {
            duration(SECOND..=DAY)(value)
        })
    };
    let Some(remind) = section.reader().sound(read) else {
        return Vec::new();
    };
    let remind = remind.unwrap_or_else(|| vec![MINUTE, 3 * MINUTE]);
    for (index, two) in remind.windows(2).enumerate() {
        if two[1] <= two[0] {
            let here = format!("{}[{}]", section.key("remind"), index + 1);
            section.reader().mistake(here, not_later(two[1], two[0]));
        }
    }
    remind
}

fn not_later(this: Duration, before: Duration) -> String {
    format!(
        "{} is not later than the {} before it; write them in order",
        spell(this),
        spell(before)
    )
}

/// Nothing when it is not written, or not well.
fn window(section: &Section<'_>, plan_ttl: Option<Duration>) -> Option<Option<Duration>> {
    let window = section.optional("objection_window", |value| match value {
        Value::String(text) if text == "off" => Ok(None),
        value => duration(10 * SECOND..=DAY)(value)
            .map(Some)
            .map_err(|problem| format!("{problem}, or \"off\"")),
    })?;
    if let (Some(window), Some(plan_ttl)) = (window, plan_ttl)
        && window >= plan_ttl
    {
        section.mistake(
            "objection_window",
            format!(
                "{} is not shorter than plan_ttl, which is {}, so the plan would end first; make it \
                 shorter",
                spell(window),
                spell(plan_ttl)
            ),
        );
    }
    Some(window)
}

fn refuse_page(section: &Section<'_>, key: &str) {
    section.mistake(
        key,
        "pages nobody without a routing key; write routing_key = \"env:PAGERDUTY_ROUTING_KEY\" into \
         [pagerduty]",
    );
}

fn risks(section: &Section<'_>) -> RiskRules {
    let default = RiskRules::default();
    let risks = RiskRules {
        ordinary: None,
        never_served: section.or("never_served", default.never_served, class),
        live_unknown: section.or("live_unknown", default.live_unknown, class),
        once_bad: section.or("once_bad", default.once_bad, class),
        old: section.or("old", default.old, class),
        old_after: section.or(
            "old_after",
            default.old_after,
            duration(MINUTE..=3_650 * DAY),
        ),
    };
    section.done();
    risks
}

/// The sections `toggle`, `code`, `caution` and `data`.
fn overrides(section: &Section<'_>, roles: &[&str]) -> [Option<Overrides>; 4] {
    Risk::ALL.map(|class| {
        let section = section.section(class.name())?;
        section.reader().sound(|| {
            let role = |value: &Value| role_name(value, roles);
            let confirm = [Confirm::Click, Confirm::Tick, Confirm::Type];
            let confirm = confirm.map(|confirm| match confirm {
                Confirm::Click => ("click", confirm),
                Confirm::Tick => ("tick", confirm),
                Confirm::Type => ("type", confirm),
            });
            let overrides = Overrides {
                approvals: section.optional("approvals", |value| number(value, 1..=5)),
                roles: section.optional_list("roles", "\"oncall\"", Repeats::Refused, role),
                one_of: section.any_list("one_of", "\"lead\"", Repeats::Refused, role),
                requester_counts: section.optional("requester_may_approve", flag),
                break_glass: section.optional("break_glass", flag),
                confirm: section.optional("confirm", |value| choice(value, &confirm)),
            };
            section.done();
            overrides
        })
    })
}

fn escalate(section: &Section<'_>, there: &Declared<'_>) -> Vec<EscalationStep> {
    let sections = section.sections("escalate").unwrap_or_default();
    if sections.len() > RUNGS_AT_MOST {
        let problem = format!(
            "is there {} times; keep at most {RUNGS_AT_MOST}",
            sections.len()
        );
        section.mistake("escalate", problem);
    }
    let mut steps: Vec<EscalationStep> = Vec::new();
    for section in &sections {
        let Some(step) = step(section, there) else {
            continue;
        };
        if let Some(before) = steps.last()
            && step.after <= before.after
        {
            section.mistake("after", not_later(step.after, before.after));
        }
        steps.push(step);
    }
    steps
}

fn step(section: &Section<'_>, there: &Declared<'_>) -> Option<EscalationStep> {
    let after = section.required("after", "\"5m\"", duration(SECOND..=DAY));
    let roles = section.optional_list("roles", "\"lead\"", Repeats::Refused, |value| {
        role_name(value, &there.roles)
    });
    let people = section.optional_list("people", "\"U0123ABCD\"", Repeats::Refused, member);
    let page = section.or("page", false, flag);
    if page && !there.routing_key {
        refuse_page(section, "page");
    }
    let pages_nobody = matches!(section.get("page"), None | Some(Value::Boolean(false)));
    if section.get("roles").is_none() && section.get("people").is_none() && pages_nobody {
        section.mistake_here(
            "asks nobody; write roles = [\"lead\"], people = [\"U0123ABCD\"] or page = true",
        );
    }
    section.done();
    Some(EscalationStep {
        after: after?,
        roles: roles.unwrap_or_default(),
        people: people.unwrap_or_default(),
        page,
    })
}

/// Who has to say yes to the rollbacks of one service.
pub(super) struct Authority {
    pub(super) approve: Vec<String>,
    pub(super) rules: Rules,
    pub(super) risks: RiskRules,
    pub(super) objection_window: Option<Duration>,
}

/// Reads what a service says about its rules, and checks what comes out. `platform` is the class of
/// its platform; while that is not known, neither is which classes its plans can get.
pub(super) fn authority(
    section: &Section<'_>,
    platform: Option<Risk>,
    common: &Common,
    roles: &Roles<'_>,
) -> Authority {
    let reader = section.reader();
    let names: Vec<&str> = roles.keys().copied().collect();
    let role = |value: &Value| role_name(value, &names);
    let approve = reader.sound(|| section.list("approve", "\"oncall\"", Repeats::Refused, role));
    let requester_counts = reader.sound(|| section.optional("requester_may_approve", flag));
    let risk = reader.sound(|| section.optional("risk", class));
    let own_window = window(section, common.plan_ttl);
    let own = overrides(section, &names);

    let risks = risk.and_then(|ordinary| {
        Some(RiskRules {
            ordinary,
            ..common.risks.clone()?
        })
    });
    let approve = approve.flatten();
    let rules = common.preset.zip(approve.as_deref());
    let rules = rules.map(|(preset, approve)| preset.rules(approve));
    let rule = |class: Risk| {
        let mut rule = rules.as_ref()?.of(class).clone();
        common.classes[class as usize].as_ref()?.apply(&mut rule);
        if let (Some(counts), Risk::Toggle | Risk::Code) = (requester_counts?, class) {
            rule.requester_counts = counts;
        }
        own[class as usize].as_ref()?.apply(&mut rule);
        Some(rule)
    };
    let reached = match (platform, &risks) {
        (Some(platform), Some(risks)) => classes(platform, risks),
        (None, _) | (_, None) => Vec::new(),
    };
    let reached: Vec<(Risk, Rule)> = reached
        .into_iter()
        .filter_map(|class| Some((class, rule(class)?)))
        .collect();
    check(section, &reached, roles);

    // Where there is a mistake nobody will see these: they keep the service, for what else is
    // checked about it.
    let known_or_preset = |class: Risk| {
        let preset = || {
            let preset = common.preset.unwrap_or_default();
            preset.rules(approve.as_deref().unwrap_or_default())
        };
        rule(class).unwrap_or_else(|| preset().of(class).clone())
    };
    let authority = Authority {
        rules: Rules {
            toggle: known_or_preset(Risk::Toggle),
            code: known_or_preset(Risk::Code),
            caution: known_or_preset(Risk::Caution),
            data: known_or_preset(Risk::Data),
        },
        approve: approve.clone().unwrap_or_default(),
        risks: risks.unwrap_or_default(),
        objection_window: own_window.unwrap_or(common.objection_window),
    };
    if own_window.flatten().is_some()
        && let Some(platform) = platform
        && !may_start(&classes(platform, &authority.risks), &authority.rules)
    {
        reader.warn(&section.key("objection_window"), NEVER_STARTS);
    }
    authority
}

/// What an objection window is for.
const NEVER_STARTS: &str = "is never used; only toggle and code plans that need one approval, from \
                            whichever role, start by themselves";

/// Whether there are plans that start by themselves when nobody objects.
fn may_start(classes: &[Risk], rules: &Rules) -> bool {
    classes.iter().any(|class| {
        let rule = rules.of(*class);
        *class <= Risk::Code && rule.approvals == 1 && rule.one_of.is_empty()
    })
}

impl Common {
    /// Checks what only all services together show.
    pub(super) fn check(&self, file: &Section<'_>, services: &[Service]) {
        let used = |service: &Service| {
            service.objection_window.is_some() && may_start(&service.classes(), &service.rules)
        };
        if self.objection_window.is_some() && !services.iter().any(used) {
            file.reader().warn("policy.objection_window", NEVER_STARTS);
        }
    }
}

/// Checks that the rules of the classes that plans of a service can get can be met.
fn check(section: &Section<'_>, rules: &[(Risk, Rule)], roles: &Roles<'_>) {
    // Somebody who is alone with several classes is warned of once.
    let mut alone: Vec<(Alone, Vec<Risk>)> = Vec::new();
    for (class, rule) in rules {
        if let Some(mistake) = never_met(section, *class, rule, roles) {
            section.mistake_here(mistake);
            continue;
        }
        let Some(found) = alone_with(rule, roles) else {
            continue;
        };
        match alone.iter_mut().find(|(known, _)| *known == found) {
            Some((_, classes)) => classes.push(*class),
            None => alone.push((found, vec![*class])),
        }
    }
    for (Alone { who, why }, classes) in alone {
        let named = |name: &dyn Fn(&Risk) -> String| {
            let names: Vec<String> = classes.iter().map(name).collect();
            list(&names, "and")
        };
        section.reader().warn(
            section.path(),
            format!(
                "{who} {} plans, {why}, or set requester_may_approve = true in {}",
                named(&|class| format!("`{class}`")),
                named(&|class| format!("[{}]", section.key(class.name()))),
            ),
        );
    }
}

/// Why nobody can ever meet a rule; `None`: as far as the file tells, somebody can.
fn never_met(section: &Section<'_>, class: Risk, rule: &Rule, roles: &Roles<'_>) -> Option<String> {
    let eligible = owned(&rule.eligible());
    // Only a preset can name a role that there is not.
    let mut missing = rule.one_of.iter();
    if let Some(first) = missing.find(|role| !roles.contains_key(role.as_str())) {
        return Some(format!(
            "`{class}` plans need one approval from {}, and there is no role {first}; write \
             [roles.{first}], or set one_of in [policy.{class}]",
            list(&rule.one_of, "or"),
        ));
    }
    let people = listed(&eligible, roles).filter(|people| people.len() < rule.approvals)?;
    Some(format!(
        "`{class}` plans need {} approvals and only {} could give one, so they can never be \
         approved; add people to {}, or set approvals = {} in [{}]",
        rule.approvals,
        list(&people, "and"),
        list(&eligible, "or"),
        people.len(),
        section.key(class.name()),
    ))
}

/// People without whom a rule cannot be met, and who may not approve what they asked for.
#[derive(PartialEq, Eq)]
struct Alone {
    /// Who they are, as the beginning of a sentence.
    who: String,
    /// What comes of it, and what to do.
    why: String,
}

/// Who is alone with a rule; `None`: there are enough people, or not all of them are listed.
fn alone_with(rule: &Rule, roles: &Roles<'_>) -> Option<Alone> {
    if rule.requester_counts {
        return None;
    }
    let eligible = owned(&rule.eligible());
    let everybody = listed(&eligible, roles);
    let needed = listed(&rule.one_of, roles).unwrap_or_default();
    match (everybody.as_deref(), &needed[..]) {
        (Some([only]), _) => Some(Alone {
            who: format!("only {only} can approve"),
            why: format!(
                "so nobody can when {only} asks; add a second person to {}",
                list(&eligible, "or")
            ),
        }),
        (Some(people), _) if people.len() == rule.approvals => Some(Alone {
            who: format!(
                "only {} can give the {} approvals of",
                list(people, "and"),
                people.len()
            ),
            why: format!(
                "so one is missing when one of them asks; add a person to {}",
                list(&eligible, "or")
            ),
        }),
        (_, [only]) => Some(Alone {
            who: format!(
                "only {only} can give the approval from {} to",
                list(&rule.one_of, "or")
            ),
            why: format!(
                "so nobody can when {only} asks; add a second person to {}",
                list(&rule.one_of, "or")
            ),
        }),
        (Some(_) | None, _) => None,
    }
}

/// Everybody in these roles, each once; `None` if not all of them are listed here.
pub(super) fn listed(names: &[String], roles: &Roles<'_>) -> Option<Vec<String>> {
    let mut people: Vec<String> = Vec::new();
    for name in names {
        let role: &Role = roles.get(name.as_str())?.as_ref()?;
        if role.sources != [Source::Listed] {
            return None;
        }
        for member in &role.members {
            if !people.contains(member) {
                people.push(member.clone());
            }
        }
    }
    Some(people)
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
