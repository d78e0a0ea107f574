//! Who is in which role: asked of Slack and PagerDuty when it counts, remembered for the cards.
//!
//! A source that does not answer, or not in time, is not known: nobody is let in on it, and
//! somebody who is in the role by another source is.

use crate::{
    App,
    config::Config,
    crash::{self, Point},
    pagerduty::{OnCall, OnCallPerson, PagerDuty, PagerDutyError},
    slack::{Failure, Slack},
    store::rosters,
};
use jiff::Timestamp;
use rollback_domain::{
    authority::{Authority, Found, Roster, Source},
    moment::is_impossible,
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

/// What every source of some roles says now.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Who is in the roles.
    pub roster: Roster,
    /// What each source said, in their order, to be remembered.
    pub found: Vec<(Source, Found)>,
    /// How long the sources that did not answer want to be left alone, with why; `None`: none of
    /// them names a time.
    pub again: Option<(Duration, String)>,
    /// What the sources said of which not every address could be looked up.
    partial: Vec<(Source, Partial)>,
}

/// People of whom not everybody is known in Slack yet.
#[derive(Clone, Debug)]
struct Partial {
    ids: Vec<String>,
    unmatched: Vec<String>,
    /// The addresses that could not be looked up.
    emails: Vec<String>,
}

/// What one source says.
#[derive(Clone, Debug)]
pub struct SourceReading {
    /// Who it names, or why nobody.
    pub found: Found,
    /// When it may be asked again, if it named a time.
    pub again_in: Option<Duration>,
    partial: Option<Partial>,
}

impl SourceReading {
    fn nothing(why: String, read_at: Timestamp, answered: bool) -> Self {
        Self {
            found: Found::Nothing {
                why,
                read_at: Some(read_at),
                answered,
            },
            again_in: None,
            partial: None,
        }
    }

    fn failed(failure: &Failure, read_at: Timestamp) -> Self {
        let answered = matches!(failure, Failure::Never(_));
        Self {
            again_in: failure.wait(),
            ..Self::nothing(failure.to_string(), read_at, answered)
        }
    }

    fn people(ids: Vec<String>, unmatched: Vec<String>, read_at: Timestamp) -> Self {
        Self {
            found: Found::People {
                ids,
                unmatched,
                read_at: Some(read_at),
            },
            again_in: None,
            partial: None,
        }
    }
}

impl Reading {
    /// Counts a person in whose own address, as Slack told it meanwhile, is among those that a source
    /// names. Whether somebody acts in time does not depend on how many others are on call.
    pub fn recognise(&mut self, slack: &Slack, person: &str) {
        for (source, partial) in &self.partial {
            let owners = slack.remembered_owners(&partial.emails);
            if !owners.iter().any(|owner| owner == person) {
                continue;
            }
            let mut ids = partial.ids.clone();
            ids.extend(owners);
            let of_source = self.roster.0.values_mut().flatten();
            for (_, found) in of_source.filter(|(one, _)| one == source) {
                if let Found::Nothing { read_at, .. } = found {
                    *found = Found::People {
                        ids: ids.clone(),
                        unmatched: partial.unmatched.clone(),
                        read_at: *read_at,
                    };
                }
            }
        }
    }

    /// How long it is to be waited for what would tell whether somebody is in one of these roles, and
    /// why; `None`: that is known, or no source says how long.
    pub fn wait_for(&self, roles: &[&str], person: &str) -> Option<(Duration, String)> {
        let known = |role: &&str| self.roster.members(role).contains(&person);
        self.again.clone().filter(|_| !roles.iter().any(known))
    }
}

/// Asks every source of these roles now, for somebody who decides.
pub async fn read_first(app: &App, roles: &[&str]) -> Reading {
    let asking = Asking {
        slack: app.slack.going_first(),
        ..app.asking()
    };
    read_with(&asking, &app.config, roles, app.engine.clock.now()).await
}

/// Asks every source of these roles now.
pub async fn read(app: &App, roles: &[&str]) -> Reading {
    read_with(&app.asking(), &app.config, roles, app.engine.clock.now()).await
}

/// The same without a bot around it.
pub async fn read_with(
    asking: &Asking,
    config: &Config,
    roles: &[&str],
    now: Timestamp,
) -> Reading {
    let mut asked = JoinSet::new();
    for source in sources(config, roles) {
        let asking = asking.clone();
        asked.spawn(async move {
            let answer = asking.ask(&source, now).await;
            (source, answer)
        });
    }
    let mut answers: BTreeMap<Source, SourceReading> = BTreeMap::new();
    while let Some(answered) = asked.join_next().await {
        crash::point(Point::RoleSourceRead);
        if let Ok((source, answer)) = answered {
            answers.insert(source, answer);
        }
    }
    let found = |source: &Source| Some(answers.get(source)?.found.clone());
    Reading {
        roster: assemble(config, roles, found),
        again: answers.values().filter_map(again).max(),
        found: answers
            .iter()
            .map(|(source, answer)| (source.clone(), answer.found.clone()))
            .collect(),
        partial: answers
            .into_iter()
            .filter_map(|(source, answer)| Some((source, answer.partial?)))
            .collect(),
    }
}

/// How long a source wants to be left alone, and why.
fn again(answer: &SourceReading) -> Option<(Duration, String)> {
    match &answer.found {
        Found::Nothing { why, .. } => Some((answer.again_in?, why.clone())),
        Found::People { .. } => None,
    }
}

/// Replaces sources that did not answer with their last answer, if that is not older than `since`. Also gives when each of those that name this person was read, as a
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
            // What a clock that was ahead has stored is of no known age.
            && !is_impossible(*at, app.engine.clock.now(), Duration::ZERO)
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
    pub async fn ask(&self, source: &Source, now: Timestamp) -> SourceReading {
        let asked = async {
            match source {
                Source::Listed => {
                    let why = "the configuration is not asked".into();
                    SourceReading::nothing(why, now, true)
                }
                Source::SlackGroup(group) => match self.slack.group_members(group).await {
                    Ok(ids) => SourceReading::people(ids, vec![], now),
                    Err(failure) => SourceReading::failed(&failure, now),
                },
                Source::PagerDutySchedule(id) => {
                    self.on_call(&OnCall::Schedule(id.clone()), now).await
                }
                Source::PagerDutyPolicy(id) => {
                    self.on_call(&OnCall::EscalationPolicy(id.clone()), now)
                        .await
                }
            }
        };
        timeout(ANSWERS_WITHIN, asked).await.unwrap_or_else(|_| {
            let why = format!("no answer within {} s", ANSWERS_WITHIN.as_secs());
            SourceReading::nothing(why, now, false)
        })
    }

    /// Who is on call, as Slack knows them.
    async fn on_call(&self, of: &OnCall, now: Timestamp) -> SourceReading {
        let Some(pagerduty) = &self.pagerduty else {
            return SourceReading::nothing("PagerDuty is not configured".into(), now, true);
        };
        let people = match pagerduty.on_call(of).await {
            Ok(people) => people,
            Err(PagerDutyError::Never(why)) => return SourceReading::nothing(why, now, true),
            Err(PagerDutyError::Later { why, after }) => {
                return SourceReading {
                    again_in: after,
                    ..SourceReading::nothing(why, now, false)
                };
            }
        };
        self.in_slack(people, now).await
    }

    /// Who these people are in Slack.
    async fn in_slack(&self, people: Vec<OnCallPerson>, now: Timestamp) -> SourceReading {
        let (mut ids, mut unmatched, mut emails) = (vec![], vec![], vec![]);
        let addresses = people.iter().filter_map(|person| person.email.as_deref());
        let owners = self.slack.by_emails(&addresses.collect::<Vec<_>>()).await;
        let mut owners = owners.into_iter();
        let mut failed: Option<Failure> = None;
        for person in people {
            let owner = match person.email {
                Some(email) => owners.next().map(|owner| (email, owner)),
                None => None,
            };
            match owner {
                Some((_, Ok(Some(id)))) => ids.push(id),
                // By name: a person who may read it here need not know anybody's address.
                Some((_, Ok(None))) | None => unmatched.push(person.name),
                Some((email, Err(failure))) => {
                    emails.push(email);
                    // The one that takes longest, where they say how long.
                    if failed
                        .as_ref()
                        .is_none_or(|one| one.wait() < failure.wait())
                    {
                        failed = Some(failure);
                    }
                }
            }
        }
        match failed {
            None => SourceReading::people(ids, unmatched, now),
            Some(failure) => SourceReading {
                partial: Some(Partial {
                    ids,
                    unmatched,
                    emails,
                }),
                ..SourceReading::failed(&failure, now)
            },
        }
    }
}

impl App {
    /// What the service of a rollback asks for; `None` when it is not in the configuration any
    /// more. Touches no network.
    pub async fn authority(&self, rollback: &Rollback) -> sqlx::Result<Option<Authority>> {
        let Some(policy) = self.policy_of(&rollback.service) else {
            return Ok(None);
        };
        let roster = last_known(self, &self.config.roles_of(&policy.rules)).await?;
        Ok(Some(Authority { policy, roster }))
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
