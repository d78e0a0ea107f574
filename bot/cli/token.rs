//! Making, listing and revoking tokens, on the machine of the bot, beside it.

use crate::{
    clock::Clock,
    config::{Config, duration_of},
    http_client,
    slack::{Failure, Slack},
    store::{beside::Beside, memberships, tokens},
    terminal::{self, cell},
};
use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use rollback_domain::people::{Membership, Person};
use std::{ops::RangeInclusive, time::Duration};

/// How long a token may live.
const LIVES: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(366 * 24 * 60 * 60);

/// Makes, lists and revokes tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for one person or one agent, and print it, this once.
    Create {
        /// The person, by their Slack member id: U0SAM.
        #[arg(long = "for", value_name = "PERSON", required_unless_present = "agent")]
        person: Option<String>,
        /// The agent, by its name in `[agents]` of the configuration, instead of a person.
        #[arg(long, conflicts_with = "person")]
        agent: Option<String>,
        /// How long it lives, at most 366d.
        #[arg(long, default_value = "90d")]
        expires: String,
        /// Make it although Slack does not answer who that is.
        #[arg(long)]
        unchecked: bool,
    },
    /// List every token: whose it is, until when, and when it was last used.
    List,
    /// Take a token back, by its id.
    Revoke {
        /// The id, as `list` shows it.
        id: String,
    },
}

/// Runs it.
pub async fn run(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    let now = Clock::real().now();
    let url = config.database.url.expose();
    match command {
        TokenCommand::Create {
            person,
            agent,
            expires,
            unchecked,
        } => {
            let person = match &agent {
                Some(agent) => Some(responsible(config, agent)?),
                None => person,
            };
            let whose = Whose {
                person: person.unwrap_or_default(),
                agent,
            };
            create(config, &whose, &expires, unchecked, now).await
        }
        TokenCommand::List => {
            for line in list(&mut Beside::open(url).await?, now).await? {
                terminal::line(line);
            }
            Ok(())
        }
        TokenCommand::Revoke { id } => {
            if !Beside::open(url).await?.revoke(&id, now).await? {
                bail!("no token {id:?} counts: `rollback-bot token list` shows their ids");
            }
            terminal::line(format!("{id} is revoked"));
            Ok(())
        }
    }
}

/// Whose token is made.
struct Whose {
    /// The Slack id of the person, or of the one who is responsible for the agent.
    person: String,
    /// The agent's name; `None`: it is the person's own.
    agent: Option<String>,
}

/// Who is responsible for an agent, by the configuration.
fn responsible(config: &Config, agent: &str) -> anyhow::Result<String> {
    let Some(found) = config.agents.get(agent) else {
        bail!(
            "there is no agent {agent:?} in the configuration; write [agents.{agent}] with responsible = \"U0123ABCD\", the member id of the person who is responsible for it"
        );
    };
    Ok(found.responsible.clone())
}

async fn create(
    config: &Config,
    whose: &Whose,
    expires: &str,
    unchecked: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    let person = whose.person.as_str();
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if person.len() < 4 || !person.starts_with(['U', 'W']) || !person.chars().all(fits) {
        bail!(
            "{person:?} is not a Slack member id; copy it from the person's profile (⋮ → Copy member ID), it looks like \"U0123ABCD\""
        );
    }
    let lives = match duration_of(expires, LIVES) {
        Ok(lives) => lives,
        Err(why) => bail!("--expires: {why}"),
    };
    // Before Slack is asked, so that a record that is not there is told first.
    let mut record = Beside::open(config.database.url.expose()).await?;
    let (membership, owner) = match slack_user(config, person).await {
        Ok((Membership::Member, name)) => (Some(Membership::Member), Person::new(person, name)),
        Ok((Membership::Outsider(kind), _)) => {
            bail!("{person} is {kind}; only full members of the workspace may have a token")
        }
        Ok((Membership::Unreadable(why), _)) => bail!("{why}"),
        Err(Failure::Never(code)) => {
            bail!("Slack says {code}: `rollback-bot check --online` tells more")
        }
        Err(failure) if unchecked => {
            terminal::error(format!(
                "Slack does not answer ({failure}): who {person} is was not checked, and nothing is believed of them until it was read once."
            ));
            (None, Person::new(person, person))
        }
        Err(failure) => {
            bail!(
                "Slack does not answer ({failure}), so it is not known who {person} is; --unchecked makes the token all the same"
            )
        }
    };
    let owner = Person {
        agent: whose.agent.as_deref().map(Box::from),
        ..owner
    };
    let (secret, token) = tokens::make(owner, now, lives)?;
    let membership = membership.as_ref().and_then(memberships::stored);
    record.insert(&secret, &token, membership).await?;
    terminal::error(format!(
        "Token {} for {}, until {}. It is shown this once:",
        token.id,
        named(&token.person),
        day(token.expires_at)
    ));
    terminal::line(secret);
    Ok(())
}

/// What Slack says a person is.
async fn slack_user(config: &Config, person: &str) -> Result<(Membership, String), Failure> {
    let http = http_client().map_err(|error| Failure::Lost(error.to_string()))?;
    let token = config.slack.bot_token.expose();
    let slack = Slack::new(http, &config.slack.api_url, token);
    let team = match &config.slack.team {
        Some(team) => Some(team.clone()),
        None => slack.identity().await?.team_id,
    };
    let Some(team) = team else {
        return Err(Failure::Never("no_team_for_this_token".into()));
    };
    let user = slack.membership(person, Some(&team)).await?;
    let name = user.name.unwrap_or_else(|| person.to_owned());
    Ok((user.membership, name))
}

async fn list(record: &mut Beside, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let tokens = record.list().await.context("no token can be listed")?;
    if tokens.is_empty() {
        return Ok(vec![
            "There are no tokens. `rollback-bot token create --for U0SAM` makes one.".into(),
        ]);
    }
    Ok(tokens
        .iter()
        .map(|token| {
            let counts = match token.spent(now) {
                None => format!("until {}", day(token.expires_at)),
                Some(why) => why,
            };
            let used = match token.last_used_at {
                None => "never used".to_owned(),
                Some(at) => format!("last used {}", day(at)),
            };
            format!(
                "{}  {}  made {}  {counts}  {used}",
                token.id,
                named(&token.person),
                day(token.created_at)
            )
        })
        .collect())
}

/// Whose a token is: `@sam (U0SAM)`, or the agent with the person who is responsible for it.
fn named(owner: &Person) -> String {
    cell(&owner.with_agent(format!("@{} ({})", owner.name, owner.id)))
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
