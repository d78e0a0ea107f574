//! The rollback of a group: its members are read together, and each runs as a rollback of its own.
//! No platform is asked from here.

use super::{Advance, NoPlan, NotRead, Planning, planning};
use crate::{
    App,
    config::Group,
    crash::{self, Point},
    engine::{Ended, Error, SideEffects},
    proofs::measure,
    roster,
    store::{rollbacks, rosters},
    worker::audience,
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    group::{GroupPlan, Member, MemberPlan},
    identity::{RollbackId, ServiceKey},
    plan::{Aim, Plan},
    platform::ProviderError,
    refusal::Refusal,
    rollback::{Command, Freeze, Rollback, State},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};
use tokio::task::JoinSet;

/// The rollback of a group, and what is needed to advance it under a lease.
pub(super) struct OfGroup<'a> {
    pub(super) advance: Advance<'a>,
    pub(super) group: &'a Group,
}

impl<'a> Deref for OfGroup<'a> {
    type Target = Advance<'a>;
    fn deref(&self) -> &Advance<'a> {
        &self.advance
    }
}

/// A member that is to be read.
#[derive(Clone, Debug)]
struct Wanted {
    service: ServiceKey,
    stage: u32,
    /// Whether it is left out where it has nothing to go to.
    is_optional: bool,
    /// What its own rollback aims at, or why it is left out, as a clause.
    aim: Result<Aim, String>,
}

/// What came of reading a member.
enum ReadMember {
    /// Its plan, or why it is left out, as a clause.
    Planned(Result<Box<Plan>, String>),
    /// There is no plan for it, so there is none for the group.
    Refused(Refusal),
    /// Its platform could not be read.
    NotRead(ProviderError),
}

/// The plan of a group, or why there is none.
enum Drawn {
    Plan(Box<Plan>),
    Refused(Refusal),
    NotRead(NotRead),
}

impl OfGroup<'_> {
    /// One state, one function.
    pub(super) async fn step(&self) -> Result<Ended, Error> {
        let now = self.now();
        match self.rollback.state {
            State::Planning => self.plan().await,
            State::Proposed { expires_at } => match self.wait(expires_at).await? {
                Some(ended) => Ok(ended),
                None => self.renew().await,
            },
            State::Approved { expires_at } if now >= expires_at => Ok(self.decide(Command::Expire)),
            State::Approved { .. } => self.recheck().await,
            State::Accepted { .. } | State::Serving { .. } | State::Watching { .. } => {
                self.look_at_members().await
            }
            // A group asks no platform.
            State::Executing { .. } | State::WaitingForPeople { .. } | State::Unknown { .. } => {
                Ok(Ended::done())
            }
            State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => Ok(Ended::done()),
        }
    }

    /// Makes the plan that the card shows.
    async fn plan(&self) -> Result<Ended, Error> {
        let roles = self.app.config.roles_of(&self.policy.rules);
        let (requester, drawn, mut reading) = tokio::join!(
            self.requester(),
            self.draw(self.now()),
            roster::read(self.app, &roles),
        );
        crash::point(Point::PlanRead);
        let (requester, last_known) = match requester? {
            Ok(requester) => requester,
            Err(ended) => return Ok(ended),
        };
        reading.recognise(&self.app.slack, &requester.id);
        let effects = SideEffects {
            rosters: reading.found,
            ..SideEffects::default()
        };
        let because = self.rollback.because.as_deref();
        let ended = match drawn? {
            Drawn::NotRead(NotRead::TryAgain(next)) => return Ok(next.into()),
            Drawn::NotRead(NotRead::Failed(error)) => self.cannot_read(error),
            Drawn::Refused(refusal) => self.cannot_plan(refusal),
            Drawn::Plan(plan) => match plan
                .group
                .as_ref()
                .and_then(|one| one.needs_reason(because))
            {
                Some(refusal) => self.cannot_plan(refusal),
                None => self
                    .decide(Command::Planned {
                        plan: self.with_lost_changes(plan).await,
                        objections: vec![],
                        audience: audience::none(),
                        requester,
                        last_known,
                        roster: Box::new(reading.roster),
                        frozen: self.frozen().await?,
                    })
                    .stored_at(Point::PlanStored),
            },
        };
        Ok(ended.with(effects))
    }

    /// Reads all platforms again. If every plan still holds, the first stage begins.
    async fn recheck(&self) -> Result<Ended, Error> {
        crash::point(Point::RecheckBegun);
        let plan = match self.redraw().await? {
            Ok(plan) => plan,
            Err(NotRead::TryAgain(next)) => return Ok(next.into()),
            Err(NotRead::Failed(error)) => {
                let why = error.to_string();
                return Ok(self.decide(Command::RecheckFailed { why }));
            }
        };
        crash::point(Point::Rechecked);
        let command = Command::Rechecked {
            plan,
            survey: Box::default(),
            roster: Box::new(self.last_known_roster().await?),
        };
        Ok(self.decide(command).stored_at(Point::StageBegun))
    }

    /// The plan is too old and still waited for: is it still the same?
    async fn renew(&self) -> Result<Ended, Error> {
        let plan = match self.redraw().await? {
            Ok(plan) => plan,
            Err(NotRead::TryAgain(next)) => return Ok(next.into()),
            Err(NotRead::Failed(error)) => Err(error.into()),
        };
        Ok(self.decide(Command::Renewed { plan }))
    }

    /// Takes in what has become of the members, as their own rollbacks tell.
    async fn look_at_members(&self) -> Result<Ended, Error> {
        let mut members = vec![];
        for id in self.rollback.members.iter().filter_map(|one| one.rollback) {
            let found = rollbacks::get(&self.app.engine.db, id).await?;
            members.extend(found.as_ref().map(Member::of));
        }
        crash::point(Point::MembersLooked);
        let ended = self.decide(Command::MembersSeen { members });
        Ok(ended.stored_at(Point::MembersStored))
    }

    /// Draws the plan anew on what is there now, as of the card's moment.
    async fn redraw(&self) -> Result<Result<Result<Box<Plan>, Refusal>, NotRead>, Error> {
        let Some(before) = &self.rollback.plan else {
            let id = self.rollback.id;
            return Ok(Ok(Err(Refusal::OldCard { id })));
        };
        Ok(match self.draw(before.read_at).await? {
            Drawn::Plan(plan) => Ok(Ok(plan)),
            Drawn::Refused(refusal) => Ok(Err(refusal)),
            Drawn::NotRead(not_read) => Err(not_read),
        })
    }

    /// Reads every member at the same time, and draws the plan of the group as of `at`.
    async fn draw(&self, at: Timestamp) -> Result<Drawn, Error> {
        let wanted = self.wanted().await?;
        let mut reading = JoinSet::new();
        for (n, member) in wanted.iter().enumerate() {
            let (app, member) = (self.app.clone(), member.clone());
            reading.spawn(async move { (n, read(&app, &member, at).await) });
        }
        let mut read = BTreeMap::new();
        while let Some(joined) = reading.join_next().await {
            let (n, member) = joined.map_err(|error| sqlx::Error::Io(error.into()))?;
            read.insert(n, member?);
        }
        let mut members = vec![];
        for (n, wanted) in wanted.into_iter().enumerate() {
            let Wanted {
                service,
                stage,
                aim,
                ..
            } = wanted;
            let plan = match read.remove(&n) {
                Some(ReadMember::Planned(plan)) => plan,
                Some(ReadMember::Refused(refusal)) => return Ok(Drawn::Refused(refusal)),
                Some(ReadMember::NotRead(error)) => {
                    let error = of_member(&service, error);
                    return Ok(Drawn::NotRead(self.not_read(error)));
                }
                None => continue,
            };
            members.push(MemberPlan {
                service,
                stage,
                aim: aim.unwrap_or_else(|_| self.rollback.aim.clone()),
                plan,
            });
        }
        let group = GroupPlan {
            members,
            goes_on: self.group.goes_on,
        };
        let Rollback { service, aim, .. } = &self.rollback;
        Ok(match Plan::of_group(service, group, aim, at) {
            Ok(plan) => Drawn::Plan(Box::new(plan)),
            Err(refusal) => Drawn::Refused(refusal),
        })
    }

    /// The members as they are to be read: as the configuration has them; for an undo, those that
    /// the undone rollback has changed, in the reverse order.
    async fn wanted(&self) -> Result<Vec<Wanted>, Error> {
        if let Some(undone) = self.rollback.aim.undoes {
            return self.undone(undone).await;
        }
        let members = self.group.members.iter().map(|member| Wanted {
            service: member.service.clone(),
            stage: member.stage,
            is_optional: member.is_optional,
            aim: Ok(self.rollback.aim.clone()),
        });
        Ok(members.collect())
    }

    async fn undone(&self, undone: RollbackId) -> Result<Vec<Wanted>, Error> {
        let db = &self.app.engine.db;
        let Some(before) = rollbacks::get(db, undone).await? else {
            return Ok(vec![]);
        };
        let planned = before.group().into_iter().flat_map(GroupPlan::planned);
        let last = planned.clone().map(|(member, _)| member.stage).max();
        let mut wanted = vec![];
        for (member, _) in planned {
            let ran = before.member(&member.service);
            let found = match ran.and_then(|member| member.rollback) {
                Some(id) => rollbacks::get(db, id).await?,
                None => None,
            };
            wanted.push(Wanted {
                service: member.service.clone(),
                stage: last.unwrap_or_default() - member.stage,
                is_optional: true,
                aim: found.map_or_else(|| Err("it was not run".into()), aim_of_undo),
            });
        }
        wanted.sort_by_key(|member| member.stage);
        Ok(wanted)
    }

    /// The hold request on the first member that has one.
    async fn frozen(&self) -> Result<Option<Freeze>, Error> {
        let frozen = rosters::frozen(&self.app.engine.db).await?;
        let members: BTreeSet<&ServiceKey> =
            self.group.members.iter().map(|m| &m.service).collect();
        let mut frozen = frozen.into_iter();
        let first = frozen.find(|(service, _)| members.contains(service));
        Ok(first.map(|(service, freeze)| Freeze {
            because: format!("{}: {}", service.name, freeze.because),
            ..freeze
        }))
    }

    /// The plan with the changes that production loses in each member whose repository is known,
    /// and with what is measured of each now.
    async fn with_lost_changes(&self, mut plan: Box<Plan>) -> Box<Plan> {
        let mut measuring = JoinSet::new();
        let members = plan.group.iter_mut().flat_map(|group| &mut group.members);
        for (place, member) in members.enumerate() {
            let service = self.app.config.service(&member.service);
            if let (Ok(plan), Some(service)) = (&mut member.plan, service) {
                let (http, checks) = (self.app.http.clone(), service.checks());
                let now = self.app.engine.clock.now();
                measuring.spawn(async move { (place, measure(&http, &checks, now).await) });
                planning::add_lost_changes(self.app, service, plan).await;
            }
        }
        while let Some(measured) = measuring.join_next().await {
            let group = plan.group.as_mut();
            if let (Ok((place, baselines)), Some(group)) = (measured, group)
                && let Some(member) = group.members.get_mut(place)
                && let Ok(plan) = &mut member.plan
            {
                plan.baselines = baselines;
            }
        }
        plan
    }
}

/// The aim of the undo of a member's own rollback, or why there is nothing to undo.
fn aim_of_undo(rollback: Rollback) -> Result<Aim, String> {
    if let Some(why) = rollback.why_not_undone() {
        return Err(why);
    }
    let left = rollback.plan.and_then(|plan| plan.from);
    let left = left.ok_or("what it left is not known")?;
    Ok(Aim {
        target: Target::Id(left.id),
        utc_offset: 0,
        undoes: Some(rollback.id),
        part: None,
    })
}

/// Reads the platform of a member and draws its plan as of `at`.
async fn read(app: &App, wanted: &Wanted, at: Timestamp) -> Result<ReadMember, Error> {
    let Wanted {
        service,
        is_optional,
        aim,
        ..
    } = wanted;
    let aim = match aim {
        Ok(aim) => aim,
        Err(why) => return Ok(ReadMember::Planned(Err(why.clone()))),
    };
    if let Some(open) = rollbacks::open_for(&app.engine.db, service)
        .await?
        .filter(|open| !open.gives_way())
    {
        return Ok(ReadMember::Refused(Refusal::AlreadyOpen {
            id: open.id,
            word: open.word(),
            stoppable: open.times.asked.is_none(),
            asked_for: None,
            service: open.service,
        }));
    }
    let settings = app.config.service(service);
    let Some((settings, provider)) = settings.and_then(|one| Some((one, app.provider(one)?)))
    else {
        let why = format!("the service {service} is not in the configuration any more");
        return Ok(ReadMember::NotRead(ProviderError::Refused(why)));
    };
    let about = planning::about(app, service, aim).await?;
    let survey = match provider.survey(&about).await {
        Ok(survey) => survey,
        Err(error) => return Ok(ReadMember::NotRead(error)),
    };
    let planning = Planning {
        service,
        provider: provider.as_ref(),
        about: &about,
        aim,
        survey: &survey,
        history: &rollbacks::history(&app.engine.db, service).await?,
        risks: &settings.risks,
    };
    Ok(match planning.plan(at).await {
        Ok(plan) => ReadMember::Planned(Ok(Box::new(plan))),
        Err(NoPlan::Unreadable(error)) => ReadMember::NotRead(error),
        Err(NoPlan::Refused(refusal)) => {
            match nothing_to_go_to(&refusal).filter(|_| *is_optional) {
                Some(why) => ReadMember::Planned(Err(why)),
                None => ReadMember::Refused(refusal),
            }
        }
    })
}

/// Why there is nothing that a member could go to, as a clause; `None`: there is another reason.
fn nothing_to_go_to(refusal: &Refusal) -> Option<String> {
    if let Refusal::TargetIsLive { target, .. } = refusal {
        return Some(format!("{target} is live already"));
    }
    let is_nothing = matches!(
        refusal,
        Refusal::NoEligibleTarget { .. } | Refusal::UnknownTarget { .. }
    );
    is_nothing.then(|| "it has nothing to go back to".to_owned())
}

/// What went wrong, with the member whose platform it is about.
fn of_member(service: &ServiceKey, error: ProviderError) -> ProviderError {
    let named = |why: String| format!("the platform of {} could not be read: {why}", service.name);
    match error {
        ProviderError::Refused(why) => ProviderError::Refused(named(why)),
        ProviderError::Unanswered(why) => ProviderError::Unanswered(named(why)),
        ProviderError::Busy { why, retry_after } => ProviderError::Busy {
            why: named(why),
            retry_after,
        },
    }
}
