//! What is wrong with agents: with who is responsible for them, and with their tokens.

use super::of_slack;
use crate::{
    clock::Clock,
    config::Config,
    findings::Findings,
    slack::Slack,
    store::{
        address::Address,
        beside::Beside,
        tokens::{self, TOKEN},
    },
};
use rollback_domain::people::Membership;
use std::env;

/// Looks at the tokens of agents. Those in Postgres are looked at only online.
pub async fn tokens(config: &Config, online: bool, report: &mut Findings) {
    // The CLI of a person takes it from there.
    if env::var(TOKEN).is_ok_and(|token| tokens::is_of_agent(&token)) {
        report.mistake(
            TOKEN,
            "has the token of an agent, and people approve with tokens of their own: `rollback-bot \
             token create --for U0123ABCD` makes one",
        );
    }
    if !config.agents.is_empty() && !config.api.enabled {
        report.mistake(
            "agents",
            "act through the API, and [api] has enabled = false; remove that line, or the agents",
        );
    }
    let url = config.database.url.expose();
    let is_reached = online || matches!(Address::parse(url), Ok(Address::Sqlite(_)));
    if config.agents.is_empty() || !is_reached {
        return;
    }
    // Without a record there are no tokens, and what is wrong with a record is told already.
    let Ok(mut record) = Beside::open(url).await else {
        return;
    };
    let now = Clock::real().now();
    let Ok(tokens) = record.list().await else {
        return;
    };
    let valid: Vec<_> = tokens
        .iter()
        .filter(|token| token.spent(now).is_none())
        .collect();
    for name in config.agents.keys() {
        let mut owners = valid.iter().map(|token| token.person.agent.as_deref());
        if !owners.any(|owner| owner == Some(name)) {
            let note =
                format!("has no token; `rollback-bot token create --agent {name}` makes one");
            report.note(&format!("agents.{name}"), note);
        }
    }
    for token in valid {
        if let Some(agent) = token.person.agent.as_deref()
            && !config.agents.contains_key(agent)
        {
            let note = format!(
                "the token {} is of an agent that is not in the configuration, and is refused; \
                 `rollback-bot token revoke {}` takes it back",
                token.id, token.id
            );
            report.note(&format!("agents.{agent}"), note);
        }
    }
}

/// Asks Slack who is responsible for each agent.
pub(super) async fn responsible(config: &Config, slack: &Slack, report: &mut Findings) {
    if config.agents.is_empty() {
        return;
    }
    let team = match &config.slack.team {
        Some(team) => Some(team.clone()),
        // What keeps Slack from telling it is told already.
        None => match slack.identity().await {
            Ok(identity) => identity.team_id,
            Err(_) => return,
        },
    };
    for (name, agent) in &config.agents {
        let key = format!("agents.{name}.responsible");
        let id = &agent.responsible;
        let refused = "so every request of the agent is refused; name somebody else";
        match slack.membership(id, team.as_deref()).await {
            Ok(user) => match user.membership {
                Membership::Member => {
                    let name = user.name.unwrap_or_else(|| id.clone());
                    report.ok(&key, format!("@{name} ({id}) is a full member"));
                }
                Membership::Outsider(what) => {
                    report.mistake(&key, format!("{id} is {what}, {refused}"));
                }
                Membership::Unreadable(why) => report.mistake(&key, format!("{id}: {why}")),
            },
            Err(failure) => report.mistake(&key, format!("{id}: {}", of_slack(&failure))),
        }
    }
}
