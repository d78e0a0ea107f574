//! `[alerts]`: who sends alerts here, and which service each of them is about.

use super::{Config, Declared, Service, values::slack_id};
use crate::alerts::{AlertKind, AlertSender, Fields, KINDS};
use rollback_domain::{
    alert::AlertWishes,
    grammar::{self, Request},
    identity::ServiceKey,
    incident::Severity,
    matrix::Symptoms,
};
use rollback_settings::{Repeats, Section, Value, did_you_mean, flag, one_of, text};
use std::{collections::BTreeMap, sync::Arc};

/// How many rules one sender may have.
const RULES_AT_MOST: usize = 500;

/// Somebody who sends alerts.
#[derive(Clone, Debug)]
pub struct AlertSource {
    /// What is known of its kind, and how it proves itself.
    pub sender: Arc<dyn AlertSender>,
    /// The channel, by id, of what has no other; `None`: there is none.
    channel: Option<String>,
    /// The first that fits says what an alert is about.
    rules: Vec<AlertRule>,
}

/// What says which service an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AlertRule {
    /// Patterns by the name of a field, of which one must fit; empty: it always fits.
    when: BTreeMap<String, Vec<Pattern>>,
    service: RuleService,
    /// The channel, by id; `None`: the service's.
    channel: Option<String>,
    wishes: AlertWishes,
}

/// Which service a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleService {
    /// This one.
    Named(ServiceKey),
    /// The one that is named in fields of the alert.
    InFields {
        name: String,
        /// The field with the environment; `None`: the service has only one.
        environment: Option<String>,
    },
}

/// A text in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(String);

/// Where an alert goes, and what its rule wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertTarget {
    /// The service; `None`: no rule says which.
    pub service: Option<ServiceKey>,
    /// The channel, by id.
    pub channel: String,
    /// What the rule wants.
    pub wishes: AlertWishes,
}

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        // `split` gives at least one part.
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl AlertRule {
    fn fits(&self, fields: &BTreeMap<String, String>) -> bool {
        self.when.iter().all(|(name, patterns)| {
            let value = fields.get(name);
            value.is_some_and(|value| patterns.iter().any(|pattern| pattern.fits(value)))
        })
    }

    /// Whether it fits whenever `later` does.
    fn hides(&self, later: &AlertRule) -> bool {
        let is_settled = matches!(self.service, RuleService::Named(_));
        is_settled
            && self.when.iter().all(|(name, patterns)| {
                let narrower = later.when.get(name);
                narrower.is_some_and(|narrower| {
                    let mut narrower = narrower.iter();
                    narrower.all(|one| patterns.iter().any(|pattern| pattern.fits(&one.0)))
                })
            })
    }
}

impl AlertSource {
    /// Where an alert with these fields goes; `None`: no rule fits, and it has no channel.
    pub fn target(
        &self,
        config: &Config,
        fields: &BTreeMap<String, String>,
    ) -> Option<AlertTarget> {
        let fitting = self.rules.iter().filter(|rule| rule.fits(fields));
        let mut targets = fitting.filter_map(|rule| {
            let service = rule.service.among(config, fields)?;
            let channel = rule.channel.as_deref();
            let channel = channel
                .or(service.channels.first().map(String::as_str))
                .or(self.channel.as_deref())
                .or_else(|| config.drill_channel(service))?;
            Some(AlertTarget {
                service: Some(service.key.clone()),
                channel: channel.to_owned(),
                wishes: rule.wishes.clone(),
            })
        });
        targets.next().or_else(|| {
            Some(AlertTarget {
                service: None,
                channel: self.channel.clone()?,
                wishes: AlertWishes::default(),
            })
        })
    }
}

impl RuleService {
    /// The service of the configuration that is meant; `None`: there is none.
    fn among<'a>(
        &self,
        config: &'a Config,
        fields: &BTreeMap<String, String>,
    ) -> Option<&'a Service> {
        match self {
            RuleService::Named(key) => config.service(key),
            RuleService::InFields { name, environment } => {
                let services = config.environments(fields.get(name)?);
                match environment {
                    Some(environment) => {
                        let environment = fields.get(environment)?;
                        let mut services = services.into_iter();
                        services.find(|service| service.key.environment == *environment)
                    }
                    None => match services[..] {
                        [only] => Some(only),
                        _ => None,
                    },
                }
            }
        }
    }
}

/// Every sender of the file, by its name.
pub(super) fn alerts(
    section: &Section<'_>,
    there: &Declared<'_>,
    services: Option<&[Service]>,
) -> Option<BTreeMap<String, AlertSource>> {
    let mut sources = Vec::new();
    for name in section.keys() {
        section.check_name(name);
        let source = section.section(name);
        let source = source.and_then(|section| source_of(&section, there, services));
        sources.push(source.map(|source| (name.to_owned(), source)));
    }
    sources.into_iter().collect()
}

fn source_of(
    section: &Section<'_>,
    there: &Declared<'_>,
    services: Option<&[Service]>,
) -> Option<AlertSource> {
    let names: Vec<&'static str> = KINDS.iter().map(|kind| kind.name).collect();
    let kind = section.required("kind", "\"alertmanager\"", |value| {
        one_of(&text(value)?, &names)
    });
    let kind = *KINDS.iter().find(|known| Some(known.name) == kind)?;
    let sender = (kind.read)(section);
    let channel = section.optional("channel", channel_id);
    let agent = section.optional("agent", |value| {
        let agent = text(value)?;
        match there.agents.contains(&agent.as_str()) {
            true => Ok(agent),
            false => Err(format!(
                "there is no agent {agent:?}; {}",
                did_you_mean(&agent, &there.agents)
                    .unwrap_or_else(|| format!("write [agents.{agent}] with its responsible"))
            )),
        }
    });
    let sections = section.sections("rule");
    let read = sections.as_deref().unwrap_or_default().iter();
    let rules: Option<Vec<AlertRule>> = read
        .map(|rule| {
            let reader = rule.reader();
            reader.sound(|| rule_of(rule, kind, agent.as_deref(), services))?
        })
        .collect();
    section.done();
    let rules = rules?;
    if rules.len() > RULES_AT_MOST {
        section.mistake(
            "rule",
            format!("there are {}; keep {RULES_AT_MOST} at most", rules.len()),
        );
    }
    warn_of_hidden(section, &rules);
    if rules.is_empty() && channel.is_none() {
        section.mistake_here(format!(
            "has no rule, so that none of its alerts is about a service; write [[{}.rule]] with service = \"frontend\", or channel = \"C0123ABCD\" to post them all the same",
            section.path()
        ));
    }
    Some(AlertSource {
        sender: sender?,
        channel,
        rules,
    })
}

fn channel_id(value: &Value) -> Result<String, String> {
    let what = "the id of a channel; copy it from the channel's details in Slack, it looks like \
                \"C0123ABCD\"";
    slack_id(value, &['C', 'G'], what)
}

fn rule_of(
    section: &Section<'_>,
    kind: &AlertKind,
    agent: Option<&str>,
    services: Option<&[Service]>,
) -> Option<AlertRule> {
    let when = section
        .section("match")
        .map(|fields| conditions(&fields, kind));
    let service = service_of(section, kind, services);
    let channel = section.optional("channel", channel_id);
    let severity = section.optional("severity", |value| {
        let word = text(value)?;
        word.parse::<Severity>()
            .map_err(|_| format!("{word:?} is no severity; write \"P1\", \"P2\", \"P3\" or \"P4\""))
    });
    let symptoms = section.optional("symptoms", symptoms);
    let proposes = section.or("auto_propose", false, flag);
    if proposes && agent.is_none() {
        section.mistake(
            "auto_propose",
            "needs an agent in whose name it is proposed, for which a person is responsible; write agent = \"alert-watch\" into the section of the sender, and [agents.alert-watch] with responsible = \"U0123ABCD\"",
        );
    }
    section.done();
    let symptoms = symptoms.unwrap_or_default();
    Some(AlertRule {
        when: when?,
        service: service?,
        channel,
        wishes: AlertWishes {
            severity,
            symptoms: Symptoms {
                severity: symptoms.severity.or(severity),
                ..symptoms
            },
            proposed_by: agent.filter(|_| proposes).map(str::to_owned),
        },
    })
}

/// The patterns that fields must fit.
fn conditions(section: &Section<'_>, kind: &AlertKind) -> BTreeMap<String, Vec<Pattern>> {
    let mut conditions = BTreeMap::new();
    for name in section.keys() {
        if let Err(problem) = known_field(name, kind) {
            section.mistake(name, problem);
        }
        let pattern = |value: &Value| Ok(Pattern(text(value)?));
        let patterns = match section.get(name) {
            Some(Value::Array(_)) => section.list(name, "\"shop-*\"", Repeats::Refused, pattern),
            Some(_) | None => section.optional(name, pattern).map(|one| vec![one]),
        };
        conditions.extend(patterns.map(|patterns| (name.to_owned(), patterns)));
    }
    conditions
}

/// Whether alerts of a kind can have a field.
fn known_field(name: &str, kind: &AlertKind) -> Result<(), String> {
    match kind.fields {
        Fields::Labels => Ok(()),
        Fields::These(fields) if fields.contains(&name) => Ok(()),
        Fields::These(fields) => Err(format!(
            "can never match: alerts of {} have no {name:?}; write one of {}",
            kind.name,
            fields.join(", ")
        )),
    }
}

fn service_of(
    section: &Section<'_>,
    kind: &AlertKind,
    services: Option<&[Service]>,
) -> Option<RuleService> {
    let field = |key: &str| {
        section.optional(key, |value| {
            let name = text(value)?;
            known_field(&name, kind)?;
            Ok(name)
        })
    };
    let (in_field, environment_in_field) = (field("service_from"), field("environment_from"));
    let environment = section.optional("environment", text);
    if section.get("service_from").is_some() {
        for key in ["service", "environment"] {
            if section.get(key).is_some() {
                section.mistake(key, "is there, and service_from is too; keep one of them");
            }
        }
        return Some(RuleService::InFields {
            name: in_field?,
            environment: environment_in_field,
        });
    }
    let name = section.required("service", "\"frontend\"", text)?;
    let known: Vec<&ServiceKey> = services?
        .iter()
        .map(|service| &service.key)
        .filter(|key| key.name == name)
        .collect();
    let environments: Vec<&str> = known.iter().map(|key| key.environment.as_str()).collect();
    match (known[..].first(), environment) {
        (None, _) => {
            let names: Vec<&str> = services?.iter().map(|one| one.key.name.as_str()).collect();
            let advice = did_you_mean(&name, &names)
                .unwrap_or_else(|| format!("write one of {}", names.join(", ")));
            section.mistake("service", format!("there is no service {name:?}; {advice}"));
            None
        }
        (Some(_), Some(environment)) if environments.contains(&environment.as_str()) => {
            Some(RuleService::Named(ServiceKey::new(name, environment)))
        }
        (Some(only), None) if known.len() == 1 => Some(RuleService::Named((*only).clone())),
        (Some(_), _) => {
            section.mistake(
                "environment",
                format!(
                    "{name} is in {}; write one of them",
                    environments.join(", ")
                ),
            );
            None
        }
    }
}

/// What an alert says for the decision matrix, as people type it behind `assess`.
fn symptoms(value: &Value) -> Result<Symptoms, String> {
    let words = text(value)?;
    match grammar::parse(&format!("assess frontend {words}")) {
        Ok(Request::Assess(assess)) => Ok(assess.symptoms),
        Ok(_) | Err(_) => Err(format!(
            "{words:?} is not what can be said of an incident; write, for example, \"payments errors 6%\"; docs/deciding.md has every word"
        )),
    }
}

/// Refuses rules whose alerts would go nowhere. `has_common` is whether there is a channel for what
/// has no other.
pub(super) fn refuse_lost(
    file: &Section<'_>,
    sources: &BTreeMap<String, AlertSource>,
    services: &[Service],
    has_common: bool,
) {
    for (name, source) in sources {
        for (at, rule) in source.rules.iter().enumerate() {
            let RuleService::Named(key) = &rule.service else {
                continue;
            };
            let mut services = services.iter();
            let service = services.find(|service| service.key == *key);
            let channels = service.map_or(&[][..], |service| &service.channels);
            let announced = service.map_or(&[][..], |service| &service.announce);
            let is_lost = rule.channel.is_none()
                && source.channel.is_none()
                && channels.is_empty()
                && announced.is_empty();
            if is_lost && !has_common {
                file.reader().mistake(
                    format!("alerts.{name}.rule[{at}]"),
                    "has no channel to go to; write channel = \"C0123ABCD\" into it, or into the section of its sender",
                );
            }
        }
    }
}

/// Warns of rules that no alert can come to.
fn warn_of_hidden(section: &Section<'_>, rules: &[AlertRule]) {
    for (at, rule) in rules.iter().enumerate() {
        let by = rules[..at].iter().position(|before| before.hides(rule));
        if let Some(by) = by {
            let path = section.key("rule");
            section.reader().warn(
                &format!("{path}[{at}]"),
                format!("can never match: {path}[{by}] before it fits whenever it does; move it up or remove it"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, wanted) in [
            ("shop", "shop", true),
            ("shop", "shop2", false),
            ("shop*", "shop2", true),
            ("*shop", "the shop", true),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
        ] {
            let pattern = Pattern(pattern.into());
            assert_eq!(pattern.fits(text), wanted, "{pattern:?} {text}");
        }
    }
}
