//! The first plan: the platform, the requester and the roles are read together.

use super::{Advance, Drawn, NotRead, OnPlatform};
use crate::{
    crash::{self, Point},
    engine::{Ended, Error, SideEffects},
    proofs, roster,
    store::{rollbacks, rosters},
    worker::{
        audience,
        last_known::{self, membership_by},
        planning,
        retry::after_unread,
    },
};
use rollback_domain::{
    audience::Audience,
    people::{Membership, Person},
    plan::Plan,
    platform::ProviderError,
    refusal::Refusal,
    release::Survey,
    risk::Risk,
    rollback::{Command, Objection},
};
use std::pin::Pin;

/// The requester as they were read, and what of it is from an earlier reading, as a clause.
type Requester = (Person, Option<String>);

impl OnPlatform<'_> {
    /// Makes the plan that the card shows.
    pub(super) async fn plan(&self) -> Result<Ended, Error> {
        let roles = self.app.config.roles_of(&self.policy.rules);
        let about = self.about().await?;
        let checks = self.service.checks();
        // What the card names, and whether the requester is an authority, is read with the rest.
        let (requester, survey, mut reading, baselines) = tokio::join!(
            self.requester(),
            self.survey(&about),
            roster::read(self.app, &roles),
            proofs::measure(&self.app.http, &checks, self.now()),
        );
        crash::point(Point::PlanRead);
        if let Ok(survey) = &survey
            && let Some(ended) = self.drill_begins(survey).await?
        {
            return Ok(ended);
        }
        let (requester, last_known) = match requester? {
            Ok(requester) => requester,
            Err(ended) => return Ok(ended),
        };
        let survey = match survey {
            Ok(survey) => survey,
            Err(NotRead::TryAgain(next)) => return Ok(next.into()),
            Err(NotRead::Failed(error)) => return Ok(self.cannot_read(error)),
        };
        reading.recognise(&self.app.slack, &requester.id);
        let effects = SideEffects {
            survey: Some(self.recorded(&survey)),
            rosters: reading.found,
            ..SideEffects::default()
        };
        let because = self.rollback.because.as_deref();
        let ended = match self.draw(&about, &survey, self.now()).await? {
            Drawn::Plan(mut plan) => match plan.needs_reason(&self.rollback.service, because) {
                Some(refusal) => self.cannot_plan(refusal),
                None => {
                    plan.baselines = baselines;
                    self.decide(Command::Planned {
                        objections: self.earlier_objections(&plan).await?,
                        audience: self.audience(&plan).await,
                        plan: self.with_lost_changes(plan).await,
                        requester,
                        last_known,
                        roster: Box::new(reading.roster),
                        frozen: rosters::frozen_of(&self.app.engine.db, &self.rollback.service)
                            .await?,
                    })
                    .stored_at(Point::PlanStored)
                }
            },
            Drawn::Refused(refusal) => self.cannot_plan(refusal),
            Drawn::NotRead(NotRead::TryAgain(next)) => next.into(),
            Drawn::NotRead(NotRead::Failed(error)) => self.cannot_read(error),
        };
        Ok(ended.with(effects))
    }

    /// How the job ends if a drill that acts is not planned now: because it may not act here, or its
    /// environment is not broken yet. `None`: it is planned. Kept off the stack of rollbacks.
    fn drill_begins<'b>(
        &'b self,
        survey: &'b Survey,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Ended>, Error>> + Send + 'b>> {
        Box::pin(async move {
            let Some(drill) = self.rollback.drill.as_ref().filter(|drill| drill.acts) else {
                return Ok(None);
            };
            if let Some(refusal) = self.drills_on_production(survey).await? {
                return Ok(Some(self.cannot_plan(refusal)));
            }
            Ok(match &drill.fault {
                Some(fault) if fault.begun.is_none() => Some(self.decide(Command::FaultBegins)),
                // The job that makes it wakes this one.
                Some(fault) if fault.ended.is_none() => Some(Ended::done()),
                Some(_) | None => None,
            })
        })
    }

    /// Why a drill does not act here: its platform says that it is the production of a service which
    /// is not for drills. `None`: it does not.
    async fn drills_on_production(&self, survey: &Survey) -> Result<Option<Refusal>, Error> {
        let Some(production) = &survey.production else {
            return Ok(None);
        };
        let snapshots = rollbacks::snapshots(&self.app.engine.db).await?;
        let same = snapshots.into_iter().find(|(key, other, _)| {
            let service = self.app.config.service(key);
            let is_for_drills = service.is_none_or(|service| service.drills.acts);
            !is_for_drills && other.production.as_ref() == Some(production)
        });
        Ok(same.map(|(same_as, ..)| Refusal::DrillOnProduction {
            service: self.rollback.service.clone(),
            same_as,
        }))
    }

    /// The plan with the changes that production loses, where the service names its repository.
    /// What its host does not answer is not known, and keeps nobody waiting.
    async fn with_lost_changes(&self, mut plan: Box<Plan>) -> Box<Plan> {
        planning::add_lost_changes(self.app, self.service, &mut plan).await;
        plan
    }

    /// What was said against the same change before: it counts for this one too.
    async fn earlier_objections(&self, plan: &Plan) -> Result<Vec<Objection>, Error> {
        let from = plan.from.as_ref().map(|from| from.id.as_str());
        let db = &self.app.engine.db;
        let earlier = rollbacks::before(db, &self.rollback.service, self.rollback.id).await?;
        let objections = earlier.iter().rev();
        Ok(objections
            .flat_map(|earlier| earlier.objections_to(from, &plan.to.id))
            .collect())
    }

    /// Who could object, where silence would let it run.
    async fn audience(&self, plan: &Plan) -> Audience {
        match self.policy.objection_window {
            Some(_) if plan.risk <= Risk::Code => {
                audience::read(self.app, &self.rollback, &self.policy, plan.risk).await
            }
            Some(_) | None => audience::none(),
        }
    }
}

impl Advance<'_> {
    /// Who asked, if they may; otherwise how the job ends.
    pub(super) async fn requester(&self) -> Result<Result<Requester, Ended>, Error> {
        let read = membership_by(self.app, self.lease, &self.rollback.requester).await?;
        let (membership, requester, last_read) = match read {
            Ok(read) => read,
            Err(failure) => match after_unread(self.app, self.lease, &failure) {
                Some(next) => return Ok(Err(next.into())),
                None => (
                    Membership::Unreadable(failure.to_string()),
                    self.rollback.requester.clone(),
                    None,
                ),
            },
        };
        Ok(match requester.admit(&membership) {
            Ok(()) => Ok((requester, last_known::clause(last_read, &[]))),
            Err(refusal) => Err(self.cannot_plan(refusal)),
        })
    }

    pub(super) fn cannot_read(&self, error: ProviderError) -> Ended {
        self.cannot_plan(error.into())
    }

    pub(super) fn cannot_plan(&self, refusal: Refusal) -> Ended {
        self.decide(Command::CannotPlan { refusal })
            .stored_at(Point::PlanStored)
    }
}
