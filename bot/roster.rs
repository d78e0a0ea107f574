//! Who is in which role: asked of Slack and PagerDuty when it counts, remembered for the cards.
//!
//! A source that does not answer, or not in time, is not known: nobody is let in on it, and
//! somebody who is in the role by another source is.

use crate::{
    App,
    config::Config,
    crash::{self, Point},
    pagerduty::{OnCall, PagerDuty, PagerDutyError},
    slack::{Failure, Slack},
    store::rosters,
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Authority, Found, Roster, Source},
    rollback::Rollback,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::{task::JoinSet, time::timeout};

/// How long one source may take. People wait for it after a click.
const ANSWERS_WITHIN: Duration = Duration::from_secs(4);

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Asking {
    /// For user groups, and for e-mail addresses.
    pub slack: Slack,
    /// For schedules and escalation policies, if it is configured.
    pub pagerduty: Option<PagerDuty>,
}

/// Asks every source of these roles now. Also gives what each source said, in their order, to be
/// remembered.
pub async fn read(app: &App, roles: &[&str]) -> (Roster, Vec<(Source, Found)>) {
    read_with(&app.asking(), &app.config, roles, app.engine.clock.now()).await
}

/// The same without a bot around it.
pub async fn read_with(
    asking: &Asking,
    config: &Config,
    roles: &[&str],
    now: Timestamp,
) -> (Roster, Vec<(Source, Found)>) {
    let mut asked = JoinSet::new();
    for source in sources(config, roles) {
        let asking = asking.clone();
        asked.spawn(async move {
            let found = asking.ask(&source, now).await;
            (source, found)
        });
    }
    let mut answers = BTreeMap::new();
    while let Some(answered) = asked.join_next().await {
        crash::point(Point::RoleSourceRead);
        if let Ok((source, found)) = answered {
            answers.insert(source, found);
        }
    }
    let roster = assemble(config, roles, |source| answers.get(source).cloned());
    (roster, answers.into_iter().collect())
}

/// Has sources that were silent say whom they named when they last answered, if that is not
/// longer ago than `since`. Also gives when each of those that name this person was read, as a
/// clause. Touches no network.
pub async fn with_last_known(
    app: &App,
    roster: Roster,
    person: &str,
    since: Timestamp,
) -> sqlx::Result<(Roster, Vec<String>)> {
    let silent = |found: &Found| {
        matches!(
            found,
            Found::Nothing {
                answered: false,
                ..
            }
        )
    };
    let sources = || roster.0.values().flatten();
    if !sources().any(|(_, found)| silent(found)) {
        return Ok((roster, vec![]));
    }
    let named: BTreeMap<String, Found> =
        rosters::named(&app.engine.db).await?.into_iter().collect();
    let mut roster = roster;
    let mut clauses = vec![];
    for (source, found) in roster.0.values_mut().flatten() {
        if silent(found)
            && let Some(
                before @ Found::People {
                    ids,
                    read_at: Some(at),
                    ..
                },
            ) = named.get(&source.to_string())
            && *at >= since
        {
            let clause = format!("in {source} when last read at {}", at.strftime("%H:%M UTC"));
            if ids.iter().any(|id| id == person) && !clauses.contains(&clause) {
                clauses.push(clause);
            }
            *found = before.clone();
        }
    }
    Ok((roster, clauses))
}

/// What the record knows of these roles, as old as it is. Touches no network.
pub async fn last_known(app: &App, roles: &[&str]) -> sqlx::Result<Roster> {
    let last_known: BTreeMap<String, Found> = rosters::last_known(&app.engine.db)
        .await?
        .into_iter()
        .collect();
    Ok(assemble(&app.config, roles, |source| {
        last_known.get(&source.to_string()).cloned()
    }))
}

impl Asking {
    /// Asks one source.
    pub async fn ask(&self, source: &Source, now: Timestamp) -> Found {
        let read_at = Some(now);
        let nothing = |why: String, answered: bool| Found::Nothing {
            why,
            read_at,
            answered,
        };
        let asked = async {
            match source {
                Source::Listed => nothing("the configuration is not asked".into(), true),
                Source::SlackGroup(group) => match self.slack.group_members(group).await {
                    Ok(ids) => Found::People {
                        ids,
                        unmatched: vec![],
                        read_at,
                    },
                    Err(failure) => {
                        nothing(failure.to_string(), matches!(failure, Failure::Never(_)))
                    }
                },
                Source::PagerDutySchedule(id) => {
                    self.on_call(&OnCall::Schedule(id.clone()), read_at).await
                }
                Source::PagerDutyPolicy(id) => {
                    self.on_call(&OnCall::EscalationPolicy(id.clone()), read_at)
                        .await
                }
            }
        };
        timeout(ANSWERS_WITHIN, asked).await.unwrap_or_else(|_| {
            nothing(
                format!("no answer within {} s", ANSWERS_WITHIN.as_secs()),
                false,
            )
        })
    }

    /// Who is on call, as Slack knows them.
    async fn on_call(&self, of: &OnCall, read_at: Option<Timestamp>) -> Found {
        let nothing = |why: String, answered: bool| Found::Nothing {
            why,
            read_at,
            answered,
        };
        let Some(pagerduty) = &self.pagerduty else {
            return nothing("PagerDuty is not configured".into(), true);
        };
        let people = match pagerduty.on_call(of).await {
            Ok(people) => people,
            Err(PagerDutyError::Never(why)) => return nothing(why, true),
            Err(PagerDutyError::Later { why, .. }) => return nothing(why, false),
        };
        let (mut ids, mut unmatched) = (vec![], vec![]);
        for person in people {
            let Some(email) = &person.email else {
                unmatched.push(person.name);
                continue;
            };
            match self.slack.by_email(email).await {
                Ok(Some(id)) => ids.push(id),
                // By name: a person who may read it here need not know anybody's address.
                Ok(None) => unmatched.push(person.name),
                Err(failure) => {
                    let answered = matches!(failure, Failure::Never(_));
                    return nothing(failure.to_string(), answered);
                }
            }
        }
        Found::People {
            ids,
            unmatched,
            read_at,
        }
    }
}

impl App {
    /// What the service of a rollback asks for; `None` when it is not in the configuration any
    /// more. Touches no network.
    pub async fn authority(&self, rollback: &Rollback) -> sqlx::Result<Option<Authority>> {
        let Some(service) = self.config.service(&rollback.service) else {
            return Ok(None);
        };
        Ok(Some(Authority {
            policy: self.policy(service),
            roster: last_known(self, &self.config.roles_of(service)).await?,
        }))
    }

    /// Whom to ask who is in which role.
    pub fn asking(&self) -> Asking {
        Asking {
            slack: self.slack.clone(),
            pagerduty: self.pagerduty.clone(),
        }
    }
}

/// The sources of these roles that have to be asked, each once, in one order.
fn sources(config: &Config, roles: &[&str]) -> Vec<Source> {
    let mut sources: Vec<Source> = roles
        .iter()
        .filter_map(|role| config.roles.get(*role))
        .flat_map(|role| role.sources.iter().cloned())
        .filter(|source| *source != Source::Listed)
        .collect();
    sources.sort();
    sources.dedup();
    sources
}

fn assemble(config: &Config, roles: &[&str], found: impl Fn(&Source) -> Option<Found>) -> Roster {
    let members = |role: &str| -> Option<Vec<(Source, Found)>> {
        let role = config.roles.get(role)?;
        let of = |source: &Source| match source {
            Source::Listed => Found::People {
                ids: role.members.clone(),
                unmatched: vec![],
                read_at: None,
            },
            source => found(source).unwrap_or(Found::Nothing {
                why: "was not read yet".into(),
                read_at: None,
                answered: false,
            }),
        };
        Some(
            role.sources
                .iter()
                .map(|source| (source.clone(), of(source)))
                .collect(),
        )
    };
    Roster(
        roles
            .iter()
            .filter_map(|role| Some(((*role).to_owned(), members(role)?)))
            .collect(),
    )
}
