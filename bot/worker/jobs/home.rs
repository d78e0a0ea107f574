//! Brings the Home of somebody to the present state: what waits for them, and what is theirs.
//!
//! It shows what they may read elsewhere: the gate is that of the board and of `status`, and what was
//! said in a private channel is shown to those who are in it. Only who has opened their Home has one
//! published. A repetition publishes the same, and Slack refuses it where another state has come
//! in between.

use crate::{
    App,
    commands::{action, board, gate, pins},
    engine::{Ended, Error, HomeChange, HomeFact},
    permalinks, roster,
    slack::{
        Failure, blocks, card,
        home::{Home, WaitingPlan, foot, view},
    },
    store::{
        actions, homes,
        jobs::{Lease, Next},
        memberships, rollbacks,
    },
    worker::{
        last_known::membership,
        retry::{after_slack, later, tried_for},
    },
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rollback_domain::{
    action::{ActionItem, Deadline},
    authority::{Case, Roster},
    grammar::Verb,
    people::{Membership, Person},
    refusal::Refusal,
    release::Pin,
    rollback::{Message, Rollback},
};
use sha2::{Digest, Sha256};
use slack_morphism::prelude::SlackBlock;
use std::{collections::BTreeMap, time::Duration};

/// How long a full member is shown their Home on what was last read of them.
const MEMBER_FOR: SignedDuration = SignedDuration::from_mins(10);
/// How long it is tried to publish one state. The next change begins anew.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long the answer to a click is shown.
const ANSWER_SHOWN_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How many of each are shown; of more it says how many, and where they are.
const APPROVALS_AT_MOST: usize = 8;
const UNDER_WAY_AT_MOST: usize = 10;
const SERVICES_AT_MOST: usize = 20;
const PINS_AT_MOST: usize = 10;
const ACTIONS_AT_MOST: usize = 10;

/// Why a Home cannot be drawn.
enum Undrawn {
    /// Slack does not say what has to be known for it.
    Slack(Failure),
    /// The record could not be read.
    Record(Error),
}

impl From<Failure> for Undrawn {
    fn from(failure: Failure) -> Self {
        Undrawn::Slack(failure)
    }
}

impl From<sqlx::Error> for Undrawn {
    fn from(error: sqlx::Error) -> Self {
        Undrawn::Record(error.into())
    }
}

impl From<Error> for Undrawn {
    fn from(error: Error) -> Self {
        Undrawn::Record(error)
    }
}

pub(super) async fn run(app: &App, lease: &Lease, person: &str) -> Result<Ended, Error> {
    let Some(known) = homes::get(&app.engine.db, person).await? else {
        return Ok(Ended::done());
    };
    match bring_up_to_date(app, person, &known).await {
        Ok(ended) => Ok(ended),
        Err(Undrawn::Record(error)) => Err(error),
        Err(Undrawn::Slack(failure)) => Ok(not_published(app, lease, person, &failure)),
    }
}

/// Slack does not take it, or does not say who may read: it is tried again for a while.
fn not_published(app: &App, lease: &Lease, person: &str, failure: &Failure) -> Ended {
    let again = after_slack(app, lease, failure);
    match failure {
        Failure::Never(code) => {
            tracing::warn!(person, code, "a Home could not be published");
            Ended::done()
        }
        Failure::Later { .. } | Failure::TooSoon { .. } | Failure::Lost(_) => match again {
            Next::Retry(..) if lease.failed && tried_for(app, lease) > PUBLISHED_WITHIN => {
                tracing::warn!(person, %failure, "a Home is out of date until the next change");
                Ended::done()
            }
            next => next.into(),
        },
    }
}

async fn bring_up_to_date(app: &App, person: &str, known: &homes::Home) -> Result<Ended, Undrawn> {
    let (membership, person) = who(app, person).await?;
    let forgotten = || HomeChange {
        person: person.id.clone(),
        what: HomeFact::Forgotten,
    };
    let refused = match membership {
        // Nobody looks at it any more.
        Membership::Outsider("deactivated") => return Ok(Ended::done().with(forgotten())),
        Membership::Member => {
            let roles = app.config.every_role();
            let roster = roster::last_known(app, &roles).await?;
            match gate::may_read(app, Verb::Board, &person.id, &roster) {
                Ok(()) => return show(app, &person, &roster, known).await,
                Err(refusal) => refusal,
            }
        }
        Membership::Outsider(what) => Refusal::NotAMember { what },
        Membership::Unreadable(why) => return Err(Failure::Lost(why).into()),
    };
    // Also in place of what was shown before.
    let text = blocks::message(&Message::from(&refused));
    let blocks = vec![blocks::section(&text)];
    let ended = publish(app, &person, blocks, None, known, Ended::done()).await?;
    // Somebody who gets a role is shown more; who is no member opens it again when they are.
    Ok(match refused {
        Refusal::NotAMember { .. } => ended.with(forgotten()),
        _ => ended,
    })
}

/// What somebody is in the workspace: as last read, if that is not long ago.
async fn who(app: &App, person: &str) -> Result<(Membership, Person), Undrawn> {
    let now = app.engine.clock.now();
    let known = memberships::last_known(&app.engine.db, person).await?;
    if let Some((Membership::Member, known, at)) = &known
        && now.duration_since(*at).abs() <= MEMBER_FOR
    {
        return Ok((Membership::Member, known.clone()));
    }
    let person = known.map_or_else(|| Person::new(person, person), |(_, person, _)| person);
    Ok(membership(app, &person).await?)
}

/// Publishes blocks with a foot below them, unless they are what Slack shows already. That only the
/// foot would be another one is no reason.
async fn publish(
    app: &App,
    person: &Person,
    mut blocks: Vec<SlackBlock>,
    foot: Option<SlackBlock>,
    known: &homes::Home,
    ended: Ended,
) -> Result<Ended, Undrawn> {
    let json = serde_json::to_string(&blocks).unwrap_or_default();
    let digest = hex::encode(Sha256::digest(json));
    if known.published.as_ref() == Some(&digest) {
        return Ok(ended);
    }
    blocks.extend(foot);
    let view = view(blocks);
    let published = app
        .slack
        .publish_view(&person.id, &view, known.hash.as_deref());
    let change = |digest, hash| HomeChange {
        person: person.id.clone(),
        what: HomeFact::Published { digest, hash },
    };
    match published.await {
        Ok(hash) => Ok(ended.with(change(Some(digest), hash))),
        // Somebody else has published meanwhile, perhaps what is older: it is drawn once more.
        Err(failure) if failure.code() == Some("hash_conflict") => {
            let soon = later(app, Duration::from_secs(1));
            Ok(Ended::at(soon).with(change(None, None)))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Publishes what somebody may read, and says when it is out of date by itself.
async fn show(
    app: &App,
    person: &Person,
    roster: &Roster,
    known: &homes::Home,
) -> Result<Ended, Undrawn> {
    let now = app.engine.clock.now();
    let mut reading = Reading {
        app,
        person,
        roster,
        readable: BTreeMap::new(),
        now,
    };
    let mut home = Home::default();
    reading.approvals(&mut home).await?;
    reading.actions(&mut home).await?;
    home.under_way = reading.under_way().await?;
    home.pins = reading.pins().await?;
    reading.services(&mut home).await?;
    // By which day something is due is another thing tomorrow.
    let mut ends = vec![];
    if !home.actions.is_empty() {
        ends.extend(tomorrow(now));
    }
    if let Some((message, at)) = &known.answer
        && let Ok(end) = at.checked_add(ANSWER_SHOWN_FOR)
        && end > now
    {
        let text = permalinks::linked(app, &blocks::message(message)).await?;
        home.answer = Some((text, *at));
        ends.push(end);
    }
    let ended = ends.into_iter().min().map_or(Ended::done(), Ended::at);
    publish(app, person, home.blocks(), Some(foot(now)), known, ended).await
}

fn tomorrow(now: Timestamp) -> Option<Timestamp> {
    let day = now.to_zoned(TimeZone::UTC).date().tomorrow().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// What is read for one Home.
struct Reading<'a> {
    app: &'a App,
    person: &'a Person,
    roster: &'a Roster,
    /// Whether they can read a channel, of those that were asked about.
    readable: BTreeMap<String, bool>,
    now: Timestamp,
}

impl Reading<'_> {
    async fn can_read(&mut self, channel: &str) -> Result<bool, Failure> {
        if let Some(known) = self.readable.get(channel) {
            return Ok(*known);
        }
        let read = self.app.slack.is_readable_by(channel, &self.person.id);
        let can_read = read.await?;
        self.readable.insert(channel.to_owned(), can_read);
        Ok(can_read)
    }

    fn may_approve(&self, case: &Case) -> bool {
        let verdict = case.may_approve(self.person, &Membership::Member, self.now);
        verdict.admit().is_ok()
    }

    async fn approvals(&mut self, home: &mut Home) -> Result<(), Undrawn> {
        for rollback in rollbacks::proposed(&self.app.engine.db).await? {
            let Some(policy) = self.app.policy_of(&rollback.service) else {
                continue;
            };
            let case = rollback.case(&policy, self.roster);
            if !self.may_approve(&case) {
                continue;
            }
            if home.approvals.len() == APPROVALS_AT_MOST {
                home.more_approvals += 1;
                continue;
            }
            let plan = match self.can_read(&rollback.channel).await? {
                true => card::waiting_plan(&rollback, &case, self.now),
                // Reasons that were given in a private channel stay there.
                false => None,
            };
            let waiting = plan.unwrap_or_else(|| WaitingPlan {
                text: format!(
                    "{}\nIt was asked for in a private channel that you are not in, so the reason is not shown here. Have somebody invite you there, and decide on its card.",
                    card::line(&rollback)
                ),
                buttons: None,
            });
            home.approvals.push(WaitingPlan {
                text: permalinks::linked(self.app, &waiting.text).await?,
                ..waiting
            });
        }
        Ok(())
    }

    /// What they asked for or let run, and what has not ended.
    async fn under_way(&self) -> Result<Vec<String>, Undrawn> {
        let open = rollbacks::open(&self.app.engine.db).await?;
        let is_theirs = |rollback: &&Rollback| {
            let concerned = rollback.concerned();
            concerned.iter().any(|one| one.person == self.person.id)
        };
        let mut lines = vec![];
        for rollback in open.iter().filter(is_theirs).take(UNDER_WAY_AT_MOST) {
            let line = card::line(rollback);
            lines.push(permalinks::linked(self.app, &line).await?);
        }
        Ok(lines)
    }

    async fn services(&self, home: &mut Home) -> Result<(), Undrawn> {
        let config = &self.app.config;
        let snapshots = rollbacks::snapshots(&self.app.engine.db).await?;
        let theirs: Vec<_> = config
            .services
            .iter()
            .filter(|service| {
                let risk = service.platform.class();
                self.may_approve(&Case {
                    rollback: None,
                    risk,
                    rule: service.rules.of(risk),
                    requester: None,
                    approvals: &[],
                    roster: self.roster,
                })
            })
            .collect();
        home.more_services = theirs.len().saturating_sub(SERVICES_AT_MOST);
        for service in theirs.into_iter().take(SERVICES_AT_MOST) {
            let snapshot = snapshots.iter().find(|(key, ..)| *key == service.key);
            let survey = snapshot.map(|(_, survey, _)| survey);
            let line = board::line_of(self.app, service, survey).await?;
            home.services.push(line);
        }
        Ok(())
    }

    async fn pins(&self) -> Result<Vec<String>, Undrawn> {
        let db = &self.app.engine.db;
        let mut lines = vec![];
        for (service, survey, _) in rollbacks::snapshots(db).await? {
            if survey.pin != Pin::On || self.app.config.service(&service).is_none() {
                continue;
            }
            let last = rollbacks::latest_asked(db, &service).await?;
            let Some(last) =
                last.filter(|last| last.pin == Pin::On && last.owner_of_pin().id == self.person.id)
            else {
                continue;
            };
            let line = format!(
                "{}. `/rollback unpin {}` turns them on again.",
                pins::line_of(&service, Some(&last)),
                blocks::inline(&service.typed(), 160)
            );
            lines.push(permalinks::linked(self.app, &line).await?);
            if lines.len() == PINS_AT_MOST {
                break;
            }
        }
        Ok(lines)
    }

    async fn actions(&mut self, home: &mut Home) -> Result<(), Undrawn> {
        let all = actions::recent_of(&self.app.engine.db, &self.person.id).await?;
        let mut open: Vec<ActionItem> = all.into_iter().filter(ActionItem::is_open).collect();
        let due = |item: &ActionItem| item.due.and_then(Deadline::end);
        open.sort_by_key(|item| (due(item).is_none(), due(item), item.number));
        home.more_actions = open.len().saturating_sub(ACTIONS_AT_MOST);
        for item in open.iter().take(ACTIONS_AT_MOST) {
            let line = match self.can_read(&item.channel).await? {
                true => action::line_of(item, self.now),
                false => format!(
                    "*{}* of {} {}. It was added in a private channel that you are not in.",
                    item.number,
                    item.incident,
                    item.due_clause(self.now)
                ),
            };
            home.actions.push(item.incident.marks(&line));
        }
        Ok(())
    }
}
