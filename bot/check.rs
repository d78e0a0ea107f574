//! `rollback-bot check`: says everything that is wrong before it matters.

use crate::{
    clock::Clock, config::Config, http_client, messages::Templates, roster, roster::Asking,
    slack::Slack,
};
use rollback_domain::{
    authority::{Case, Found, Source},
    identity::ServiceKey,
    platform::About,
    refusal::list,
};
use std::collections::BTreeMap;

/// Checks templates; with `online`, tries every token too. Gives the number of mistakes.
pub async fn check(config: &Config, online: bool) -> anyhow::Result<usize> {
    let mut mistakes = 0;
    for warning in &config.warnings {
        println!("note      {warning}");
    }
    match Templates::load(config.templates.as_deref()) {
        Ok(_) => println!("ok        templates: every one is rendered from a sample"),
        Err(error) => {
            mistakes += 1;
            println!("mistake   templates: {error:#}");
        }
    }
    println!(
        "ok        services: {}, roles: {}",
        config.services.len(),
        config.roles.len()
    );
    println!("\n{}", crate::config::effective::table(config));
    if !online {
        return Ok(mistakes);
    }
    let http = http_client()?;
    let slack = Slack::new(
        http.clone(),
        &config.slack.api_url,
        config.slack.bot_token.expose(),
    );
    match slack.identity().await {
        Ok(identity) => println!(
            "ok        slack.bot_token: works in workspace {}",
            identity.team_id.as_deref().unwrap_or("(not said)")
        ),
        Err(failure) => {
            mistakes += 1;
            println!("mistake   slack.bot_token: {failure}");
        }
    }
    let asking = Asking {
        pagerduty: crate::app::pagerduty(config, &http),
        slack,
    };
    mistakes += roles(config, &asking).await;
    mistakes += services(config, &http).await;
    Ok(mistakes)
}

/// Tries every service, and says which are one production under two names. Gives the number of
/// mistakes.
async fn services(config: &Config, http: &reqwest::Client) -> usize {
    let mut mistakes = 0;
    let mut productions: BTreeMap<String, String> = BTreeMap::new();
    for service in &config.services {
        let key = section(&service.key);
        let provider = service.platform.connect(http);
        match provider.check().await {
            Ok(works) => println!("ok        {key}: {works}"),
            Err(error) => {
                mistakes += 1;
                println!("mistake   {key}: {error}");
                continue;
            }
        }
        let survey = match provider.survey(&About::default()).await {
            Ok(survey) => survey,
            Err(error) => {
                mistakes += 1;
                println!("mistake   {key}: its releases cannot be read: {error}");
                continue;
            }
        };
        let Some(production) = survey.production else {
            continue;
        };
        match productions.get(&production) {
            Some(first) => {
                mistakes += 1;
                println!(
                    "mistake   {key}: is the same production as {first} ({production}); keep one of the two"
                );
            }
            None => {
                productions.insert(production, key);
            }
        }
    }
    mistakes
}

/// Reads every role, and says which plans nobody could approve. Gives the number of mistakes.
async fn roles(config: &Config, asking: &Asking) -> usize {
    let mut mistakes = 0;
    let now = Clock::real().now();
    let names: Vec<&str> = config.roles.keys().map(String::as_str).collect();
    let roster = roster::read_with(asking, config, &names, now).await.roster;
    for (role, sources) in &roster.0 {
        for (source, found) in sources {
            match found {
                _ if *source == Source::Listed => {}
                Found::People { ids, unmatched, .. } if unmatched.is_empty() => {
                    println!("ok        roles.{role}: {source} has {}", count(ids.len()));
                }
                Found::People { unmatched, .. } => {
                    mistakes += 1;
                    println!(
                        "mistake   roles.{role}: {source} names people who are not in Slack: {}",
                        list(unmatched, "and")
                    );
                }
                Found::Nothing { why, .. } => {
                    mistakes += 1;
                    println!("mistake   roles.{role}: {source} cannot be read: {why}");
                }
            }
        }
    }
    for service in &config.services {
        for risk in service.classes() {
            let case = Case {
                rollback: None,
                risk,
                rule: service.rules.of(risk),
                requester: None,
                approvals: &[],
                roster: &roster,
            };
            let could = case.could_approve(now).len();
            if could < case.rule.approvals {
                mistakes += 1;
                println!(
                    "mistake   {}: a {risk} rollback needs {} approvals, and {} could give one now",
                    section(&service.key),
                    case.rule.approvals,
                    count(could)
                );
            }
        }
    }
    mistakes
}

/// Where a service stands in the configuration.
fn section(service: &ServiceKey) -> String {
    format!("services.{}.{}", service.name, service.environment)
}

fn count(people: usize) -> String {
    match people {
        0 => "nobody".into(),
        1 => "one person".into(),
        n => format!("{n} people"),
    }
}
