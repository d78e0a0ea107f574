//! The services of a bot's configuration, as far as a runbook can be compared with them. No secret
//! is read.

use crate::{runbook::Runbook, shell::Command};
use serde::Serialize;

/// A service of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What people call it.
    pub name: String,
    /// Where it runs.
    pub environment: String,
    /// Its provider or, where it has one, its preset.
    pub platform: String,
    /// What its section names: projects, containers, addresses.
    names: Vec<String>,
}

impl Service {
    /// What people type to roll it back.
    fn typed(&self) -> String {
        format!("/rollback {}@{} because …", self.name, self.environment)
    }
}

/// The services of a configuration, whatever else stands in it; or why it is none.
pub fn services(configuration: &str) -> Result<Vec<Service>, String> {
    let table: toml::Table = configuration.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map_or(0, |span| span.start);
        let before = configuration.get(..place).unwrap_or_default();
        format!(
            "is no TOML at line {}: {}",
            before.matches('\n').count() + 1,
            error.message()
        )
    })?;
    let mut services = Vec::new();
    let named = table.get("services").and_then(toml::Value::as_table);
    for (name, environments) in named.into_iter().flatten() {
        for (environment, section) in environments.as_table().into_iter().flatten() {
            let text = |key: &str| section.get(key).and_then(toml::Value::as_str);
            let Some(platform) = text("preset").or(text("provider")) else {
                continue;
            };
            let values = section.as_table().into_iter().flatten();
            let names = values
                .filter(|(key, _)| !["provider", "preset", "token"].contains(&key.as_str()))
                .filter_map(|(_, value)| value.as_str())
                .filter(|value| value.len() > 3)
                .map(str::to_owned);
            services.push(Service {
                name: name.clone(),
                environment: environment.clone(),
                platform: platform.to_owned(),
                names: names.collect(),
            });
        }
    }
    Ok(services)
}

/// What people type instead of using a platform by hand: the services there that the runbook names
/// or, if it names none, all of them.
pub(crate) fn instead(services: &[Service], platform: Option<&str>, runbook: &str) -> Vec<String> {
    const AT_MOST: usize = 3;
    let there = services
        .iter()
        .filter(|service| Some(service.platform.as_str()) == platform);
    let there: Vec<&Service> = there.collect();
    let is_named = |service: &&&Service| {
        service
            .names
            .iter()
            .any(|name| runbook.contains(name.as_str()))
    };
    let named: Vec<&Service> = there.iter().filter(is_named).copied().collect();
    let chosen = if named.is_empty() { there } else { named };
    chosen
        .into_iter()
        .take(AT_MOST)
        .map(Service::typed)
        .collect()
}

/// Commands of a runbook that a service of the configuration makes unnecessary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// The provider or preset.
    pub platform: &'static str,
    /// The lines on which the commands stand.
    pub lines: Vec<usize>,
    /// What people type instead.
    pub instead: Vec<String>,
}

/// Every rollback by hand that a service of the configuration does.
pub fn covered(text: &str, services: &[Service]) -> Vec<Covered> {
    if services.is_empty() {
        return Vec::new();
    }
    let runbook = Runbook::read(text);
    let mut covered: Vec<Covered> = Vec::new();
    for (_, typed) in runbook.commands() {
        let Some(platform) = rolls_back_on(&typed.command) else {
            continue;
        };
        let line = runbook.lines.index(typed.place.start) + 1;
        match covered.iter_mut().find(|entry| entry.platform == platform) {
            Some(entry) => entry.lines.push(line),
            None => covered.push(Covered {
                platform,
                lines: vec![line],
                instead: instead(services, Some(platform), text),
            }),
        }
    }
    for entry in &mut covered {
        entry.lines.sort_unstable();
        entry.lines.dedup();
    }
    covered.retain(|entry| !entry.instead.is_empty());
    covered
}

/// The platform on which a command takes something back.
pub(crate) fn rolls_back_on(command: &Command) -> Option<&'static str> {
    const COMMANDS: [(&[&str], &str); 18] = [
        (&["vercel", "rollback"], "vercel"),
        (&["vercel", "promote"], "vercel"),
        (&["railway", "rollback"], "railway"),
        (&["railway", "redeploy"], "railway"),
        (&["railway", "down"], "railway"),
        (&["railway", "up"], "railway"),
        (&["render", "deploys"], "render"),
        (&["docker", "run"], "docker"),
        (&["docker", "compose", "up"], "docker"),
        (&["kubectl", "rollout", "undo"], "kubernetes"),
        (&["argocd", "app", "rollback"], "argocd"),
        (&["heroku", "rollback"], "heroku"),
        (&["heroku", "releases:rollback"], "heroku"),
        (&["helm", "rollback"], "helm"),
        (&["wrangler", "rollback"], "cloudflare-workers"),
        (&["kamal", "rollback"], "kamal"),
        (&["fly", "deploy"], "fly"),
        (&["flyctl", "deploy"], "fly"),
    ];
    let found = COMMANDS.iter().find(|(words, _)| command.begins(words));
    found.map(|(_, platform)| *platform)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURATION: &str = r#"
[services.frontend.production]
provider = "vercel"
project = "shop-web"
token = "env:VERCEL_TOKEN"
[services.docs.production]
provider = "vercel"
project = "shop-docs"
[services.jobs.production]
provider = "command"
preset = "heroku"
"#;

    #[test]
    fn a_service_that_the_runbook_names_does_it_instead() {
        let services = services(CONFIGURATION).unwrap();
        let typed = |text: &str| instead(&services, Some("vercel"), text);
        assert_eq!(
            typed("vercel ls shop-docs"),
            ["/rollback docs@production because …"]
        );
        assert_eq!(typed("vercel ls").len(), 2);
        assert!(instead(&services, Some("render"), "").is_empty());
        assert!(instead(&services, None, "").is_empty());
    }

    #[test]
    fn rollbacks_by_hand_that_a_service_does_are_listed() {
        let services = services(CONFIGURATION).unwrap();
        let text = "```sh\nheroku rollback v12 -a jobs\nrailway up\n```\nor `heroku rollback v11`";
        assert_eq!(
            covered(text, &services),
            [Covered {
                platform: "heroku",
                lines: vec![2, 5],
                instead: vec!["/rollback jobs@production because …".to_owned()],
            }]
        );
    }

    #[test]
    fn what_is_no_configuration_is_told_by_its_line() {
        let told = services("[server]\nlisten = \n").unwrap_err();
        assert!(told.starts_with("is no TOML at line 2: "), "{told}");
        assert_eq!(services("services = 3"), Ok(Vec::new()));
    }
}
