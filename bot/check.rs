//! `rollback-bot check`: says everything that is wrong before it matters.

use crate::{config::Config, http_client, messages::Templates, provider, slack::Slack};

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
    for service in &config.services {
        let key = format!("services.{}.{}", service.name, service.environment);
        match provider(service, &http).check().await {
            Ok(works) => println!("ok        {key}: {works}"),
            Err(trouble) => {
                mistakes += 1;
                println!("mistake   {key}: {trouble}");
            }
        }
    }
    Ok(mistakes)
}
