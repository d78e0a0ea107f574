//! Groups: services that are rolled back together, in stages, by one rollback.
//!
//! The rollback of a group is a rollback like any other: one card, one approval, one hash. Its plan
//! holds the plan of each member, so that its hash covers all of them. When a stage begins, each of
//! its members gets a rollback of its own, which is let run by the same approval and is read again,
//! proven and recorded for itself. What becomes of these is kept in [`Rollback::members`].

use crate::{
    history::Ran,
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{Actor, TimelineEvent, WaitingFact},
    people::Person,
    plan::{Aim, Plan, PlanHash, Unships},
    platform::{Effects, Holds, Production, Timing},
    proof::{CheckResult, Round, Verdict},
    refusal::{Refusal, Source, list},
    release::{Pin, Release, Surface},
    risk::{Caution, Risk},
    rollback::{Proposal, Rollback, State, Waiting},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How many members a label names before it only counts the rest.
const NAMED_AT_MOST: usize = 3;
/// How many cautions a form can have ticked.
const CAUTIONS_AT_MOST: usize = 10;

/// The plans of the members of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// Every member, in the order of the stages.
    pub members: Vec<MemberPlan>,
    /// Whether the next stage begins although a member has failed.
    #[serde(default)]
    pub goes_on: bool,
}

/// What is planned for one member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPlan {
    /// The member.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// Its stage, from 0. Members of one stage run at the same time.
    pub stage: u32,
    /// What its own rollback aims at.
    pub aim: Aim,
    /// Its plan, or why it is left out, as a clause.
    pub plan: Result<Box<Plan>, String>,
}

impl MemberPlan {
    /// What the approval of the group is bound to for this member; `None`: it is left out.
    pub fn hash(&self) -> Option<PlanHash> {
        let plan = self.plan.as_ref().ok()?;
        Some(plan.hash(&self.service))
    }
}

impl GroupPlan {
    /// The members that are not left out, with their plans.
    pub fn planned(&self) -> impl Iterator<Item = (&MemberPlan, &Plan)> + Clone {
        let members = self.members.iter();
        members.filter_map(|member| Some((member, member.plan.as_deref().ok()?)))
    }

    /// The members that are left out, each with the reason.
    pub fn left_out(&self) -> impl Iterator<Item = (&ServiceKey, &str)> {
        let members = self.members.iter();
        members.filter_map(|member| Some((&member.service, member.plan.as_ref().err()?.as_str())))
    }

    /// The stages in which something is done, in their order.
    pub fn stages(&self) -> Vec<u32> {
        let mut stages: Vec<u32> = self.planned().map(|(member, _)| member.stage).collect();
        stages.sort_unstable();
        stages.dedup();
        stages
    }

    /// How many members are not left out.
    pub fn count(&self) -> usize {
        self.planned().count()
    }

    /// As it is hashed: every member with its stage and the hash of its plan.
    pub fn canonical(&self) -> serde_json::Value {
        let members: Vec<_> = self
            .members
            .iter()
            .map(|member| {
                let ServiceKey { name, environment } = &member.service;
                let hash = member.hash().map(|hash| hash.0);
                json!([name, environment, member.stage, hash])
            })
            .collect();
        json!([members, self.goes_on])
    }

    /// Refuses to go back to releases that are known to be bad where nobody says why.
    pub fn needs_reason(&self, because: Option<&str>) -> Option<Refusal> {
        self.planned()
            .find_map(|(member, plan)| plan.needs_reason(&member.service, because))
    }

    /// What the members serve, or would serve, as one label: `backend v12, frontend v213`.
    fn label<'a>(&'a self, release: impl Fn(&'a Plan) -> Option<&'a Release>) -> String {
        let named: Vec<String> = self
            .planned()
            .take(NAMED_AT_MOST)
            .map(|(member, plan)| {
                let label = release(plan).map_or("unknown", Release::label);
                format!("{} {label}", member.service.name)
            })
            .collect();
        match self.count().saturating_sub(NAMED_AT_MOST) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }

    /// What the members serve, or would serve, as one release whose id names all of theirs.
    fn release<'a>(&'a self, release: impl Fn(&'a Plan) -> Option<&'a Release> + Copy) -> Release {
        let ids: Vec<String> = self
            .planned()
            .map(|(member, plan)| {
                let id = release(plan).map_or("unknown", |release| release.id.as_str());
                format!("{}={id}", member.service.typed())
            })
            .collect();
        Release {
            version: Some(self.label(release)),
            ..Release::unknown(ids.join(" "))
        }
    }

    /// What production loses in all members together.
    fn unships(&self) -> Unships {
        let mut lost = vec![];
        for (member, plan) in self.planned() {
            match &plan.unships {
                Unships::Known(releases) => lost.extend(releases.iter().cloned()),
                Unships::After(moment) => {
                    let after = format!(
                        "{} loses what was written after {}",
                        member.service.name,
                        moment.strftime("%Y-%m-%d %H:%M UTC")
                    );
                    return Unships::Unknown(after);
                }
                Unships::Unknown(why) => {
                    return Unships::Unknown(format!("{}: {why}", member.service.name));
                }
            }
        }
        Unships::Known(lost)
    }

    /// What is unusual about the members, one caution for each, named with the member. A form has
    /// place for ten ticks: if there are more, the last one is for all of the rest.
    fn cautions(&self) -> Vec<Caution> {
        let mut unusual: Vec<(String, String, Risk)> = vec![];
        for (member, plan) in self.planned().filter(|(_, plan)| !plan.cautions.is_empty()) {
            let cautions = plan.cautions.iter();
            let drawn = cautions.clone();
            let drawn = drawn.map(|caution| caution.draw(plan.to.label(), plan.read_at));
            let names: Vec<&str> = cautions.map(Caution::name).collect();
            let member = &member.service.name;
            unusual.push((
                format!("{member}:{}", names.join("+")),
                format!("{member}: {}", drawn.collect::<Vec<_>>().join("; ")),
                plan.risk,
            ));
        }
        if unusual.len() > CAUTIONS_AT_MOST {
            let rest = unusual.split_off(CAUTIONS_AT_MOST - 1);
            let names: Vec<&str> = rest.iter().map(|(name, ..)| name.as_str()).collect();
            let texts: Vec<&str> = rest.iter().map(|(_, text, _)| text.as_str()).collect();
            let class = rest.iter().map(|(.., class)| *class).max();
            unusual.push((
                names.join("+"),
                texts.join("; "),
                class.unwrap_or(Risk::Caution),
            ));
        }
        let cautions = unusual.into_iter();
        cautions
            .map(|(name, text, class)| Caution::Platform { name, text, class })
            .collect()
    }

    /// What the platforms of all members do.
    fn effects(&self) -> Effects {
        let mut platforms: Vec<String> = vec![];
        let (mut restores, mut leaves, mut outages) = (vec![], vec![], vec![]);
        for (member, plan) in self.planned() {
            let effects = &plan.effects;
            add(&mut platforms, std::slice::from_ref(&effects.platform));
            add(&mut restores, &effects.restores);
            add(&mut leaves, &effects.leaves);
            let outage = effects.outage.as_ref();
            outages.extend(outage.map(|outage| format!("{}: {outage}", member.service.name)));
        }
        let class = self.planned().map(|(_, plan)| plan.effects.class).max();
        Effects {
            platform: list(&platforms, "and"),
            restores,
            leaves,
            after: None,
            holds: Holds::Not,
            undoable: self.planned().any(|(_, plan)| plan.effects.undoable),
            class: class.unwrap_or(Risk::Code),
            timing: Timing::default(),
            outage: (!outages.is_empty()).then(|| outages.join("; ")),
        }
    }
}

/// Adds what is not listed yet.
fn add(listed: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !listed.contains(one) {
            listed.push(one.clone());
        }
    }
}

impl Plan {
    /// The plan of a group, drawn from those of its members; refused if all of them are left out.
    pub fn of_group(
        service: &ServiceKey,
        group: GroupPlan,
        aim: &Aim,
        now: Timestamp,
    ) -> Result<Plan, Refusal> {
        let Some(risk) = group.planned().map(|(_, plan)| plan.risk).max() else {
            let left_out: Vec<String> = group
                .left_out()
                .map(|(member, why)| format!("{}: {why}", member.name))
                .collect();
            return Err(match aim.undoes {
                Some(id) => Refusal::CannotUndo {
                    id,
                    service: service.clone(),
                    why: left_out.join("; "),
                },
                None => Refusal::NoEligibleTarget {
                    service: service.clone(),
                    why: left_out.join("; "),
                },
            });
        };
        let from = group.release(|plan| plan.from.as_ref());
        let surfaces = group.planned().map(|(member, _)| Surface {
            name: member.service.name.clone(),
            live: Some(from.id.clone()),
        });
        let in_flight: Vec<String> = group
            .planned()
            .filter_map(|(member, plan)| {
                let in_flight = plan.in_flight.as_ref()?;
                Some(format!("{}: {in_flight}", member.service.name))
            })
            .collect();
        Ok(Plan {
            way: aim.way(),
            to: group.release(|plan| Some(&plan.to)),
            chosen: match aim.undoes {
                Some(id) => format!("undo of {id}"),
                None => "what each member goes back to".into(),
            },
            from_ran: Ran::default(),
            to_ran: Ran::default(),
            unships: group.unships(),
            lost_changes: None,
            baselines: vec![],
            effects: group.effects(),
            surfaces: surfaces.collect(),
            unseen: None,
            production: None,
            content: None,
            pin: Pin::NotNeeded,
            in_flight: (!in_flight.is_empty()).then(|| in_flight.join("; ")),
            risk,
            cautions: group.cautions(),
            steps: vec![],
            details: vec![],
            restore_point: None,
            tasks: vec![],
            memory: serde_json::Value::Null,
            read_at: now,
            from: Some(from),
            group: Some(group),
        })
    }
}

/// What makes a rollback a part of a group's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOf {
    /// The rollback of the group.
    pub rollback: RollbackId,
    /// The class of the group's plan: what the approvals were given for.
    pub risk: Risk,
    /// Whether the group was run as an emergency, without approvals.
    #[serde(default)]
    pub emergency: bool,
}

/// How far a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is under way.
    Running,
    /// Its target answers from outside, and works.
    Verified,
    /// Its target serves, and nothing proves which version answers; or somebody says so.
    Unproven,
    /// It is not as it should be; how that leaves production.
    Failed(Production),
}

/// Who stopped a group that was running: no further stage begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// Who stopped it.
    pub by: Person,
    /// When.
    pub at: Timestamp,
}

/// What has become of a member whose stage has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// Its own rollback; `None`: it could not be opened.
    pub rollback: Option<RollbackId>,
    /// How far it is.
    pub standing: Standing,
    /// Its state, as cards say it: `SERVING 7/8`, `VERIFIED`.
    pub word: String,
    /// What is to be known of it, as a sentence; `None`: the word says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether its rollback has ended, its watch included.
    #[serde(default)]
    pub has_ended: bool,
}

impl Member {
    /// A member as its own rollback tells.
    pub fn of(rollback: &Rollback) -> Self {
        Member {
            service: rollback.service.clone(),
            rollback: Some(rollback.id),
            standing: Standing::of(rollback),
            word: rollback.word(),
            note: note(rollback),
            has_ended: rollback.state.is_ended(),
        }
    }

    /// A member that is not run because another rollback of its production is open.
    pub fn busy(service: ServiceKey, open: &Rollback) -> Self {
        Member {
            service,
            rollback: None,
            standing: Standing::Failed(Production::AsBefore),
            word: "NOT RUN".into(),
            note: Some(format!("{} of {} is open", open.id, open.service)),
            has_ended: true,
        }
    }

    /// What has become of it, as the end of a sentence about it: "failed and is as before".
    fn clause(&self) -> String {
        match self.standing {
            Standing::Running => "under way".into(),
            Standing::Verified => "verified".into(),
            Standing::Unproven => self.word.to_lowercase(),
            Standing::Failed(_) if self.was_not_run() => "not run".into(),
            Standing::Failed(Production::AsBefore) => {
                format!("{} (production as before)", self.word.to_lowercase())
            }
            Standing::Failed(Production::Changed | Production::Unknown) => self.word.to_lowercase(),
        }
    }

    /// Whether its platform was never asked.
    fn was_not_run(&self) -> bool {
        self.standing == Standing::Failed(Production::AsBefore) && self.word != "FAILED"
    }
}

/// What is to be known of a member besides its state.
fn note(rollback: &Rollback) -> Option<String> {
    match &rollback.state {
        State::Blocked { why }
        | State::Superseded { why }
        | State::Failed { why, .. }
        | State::Unknown { why, .. } => Some(why.clone()),
        State::Partial { failed, .. } => Some(format!("not moved: {}", list(failed, "and"))),
        State::Denied { by, because } => Some(stopped("denied", by, because.as_deref())),
        State::Cancelled { by, because } => Some(stopped("cancelled", by, because.as_deref())),
        State::Resolved { by, because, .. } => Some(stopped("resolved", by, Some(because))),
        State::WaitingForPeople { .. } => {
            let open = rollback.tasks.iter().filter(|task| !task.is_done());
            let tasks: Vec<String> = open.map(|task| task.text.clone()).collect();
            Some(format!("waiting for people: {}", list(&tasks, "and")))
        }
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            Some(Verdict::Verified) if rollback.proof.drifted.is_none() => None,
            Some(_) | None => Some(rollback.conclusion()),
        },
        State::Expired { .. } => Some("it could not be run before its plan was over".into()),
        State::Planning
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::Accepted { .. }
        | State::Rehearsed
        | State::Serving { .. } => None,
    }
}

fn stopped(verb: &str, by: &Person, because: Option<&str>) -> String {
    let because = because.map_or_else(String::new, |because| format!(": \"{because}\""));
    format!("{verb} by @{}{because}", by.name)
}

impl Standing {
    /// How far a rollback is, for the group that it is a part of.
    fn of(rollback: &Rollback) -> Self {
        match &rollback.state {
            State::Planning
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. } => Standing::Running,
            State::Watching { .. } | State::Closed => match rollback.proof.verdict {
                _ if rollback.proof.drifted.is_some() => Standing::Failed(Production::Changed),
                Some(Verdict::Verified) => Standing::Verified,
                Some(Verdict::Unproven) => Standing::Unproven,
                Some(Verdict::StillFailing | Verdict::WrongVersion) | None => {
                    Standing::Failed(Production::Changed)
                }
            },
            State::Failed { production, .. } => Standing::Failed(*production),
            State::Partial { .. } => Standing::Failed(Production::Changed),
            State::Resolved { done: true, .. } => Standing::Unproven,
            State::Resolved { done: false, .. }
            | State::Rehearsed
            | State::Blocked { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => Standing::Failed(Production::AsBefore),
        }
    }

    /// Whether its target serves.
    pub fn is_done(self) -> bool {
        match self {
            Standing::Verified | Standing::Unproven => true,
            Standing::Running | Standing::Failed(_) => false,
        }
    }

    /// Whether it ended in another way than it should.
    pub fn has_failed(self) -> bool {
        matches!(self, Standing::Failed(_))
    }
}

/// A member whose stage begins: its rollback is opened in the transaction that stores so.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The member.
    pub member: MemberPlan,
    /// Until when its plan may be run.
    pub until: Timestamp,
}

impl Start {
    /// The member's own rollback, which the approval of `group` lets run, and what is recorded of
    /// it; `None`: the member is left out.
    pub fn open(
        self,
        id: RollbackId,
        group: &Rollback,
        now: Timestamp,
    ) -> Option<(Rollback, Vec<TimelineEvent>)> {
        let Start { member, until } = self;
        let hash = member.hash()?;
        let plan = member.plan.ok()?;
        let proposal = Proposal {
            channel: group.channel.clone(),
            service: member.service,
            requester: group.requester.clone(),
            because: group.because.clone(),
            evidence: group.evidence.clone(),
            aim: member.aim,
            source: Source::Bot,
            commanded: now,
            target_time: None,
            reply_to: None,
            replaces: None,
            waiting: Waiting::default(),
            turns: vec![],
            drill: None,
            part_of: Some(PartOf {
                rollback: group.id,
                risk: group.risk(),
                emergency: group.is_break_glass(),
            }),
        };
        let (mut rollback, requested) = proposal.open(id, group.incident);
        let planned = WaitingFact::Planned {
            from: plan.from.as_ref().map(|from| from.label().to_owned()),
            to: plan.to.label().to_owned(),
            risk: plan.risk,
            plan: hash.clone(),
        };
        let planned = TimelineEvent::new(now, Actor::Bot, Source::Bot, Some(id), planned);
        rollback.out_of_band = group.out_of_band;
        rollback.surfaces = plan.surfaces.clone();
        rollback.pin = plan.pin;
        rollback.plan = Some(*plan);
        rollback.hash = Some(hash);
        rollback.approvals = group.approvals.clone();
        rollback.plan_until = Some(until);
        rollback.times.proposed = Some(now);
        rollback.times.approved = Some(now);
        rollback.state = State::Approved { expires_at: until };
        Some((rollback, vec![requested, planned]))
    }
}

impl Rollback {
    /// The plans of its members, if it is a group's.
    pub fn group(&self) -> Option<&GroupPlan> {
        self.plan.as_ref()?.group.as_ref()
    }

    /// What has become of a member; `None`: its stage has not begun.
    pub fn member(&self, service: &ServiceKey) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.service == *service)
    }

    /// The members whose stage is still to begin while the group runs; none once it was stopped.
    pub fn members_to_come(&self) -> Vec<&ServiceKey> {
        let runs = matches!(self.state, State::Accepted { .. } | State::Serving { .. });
        let planned = self.group().into_iter().flat_map(GroupPlan::planned);
        planned
            .filter(|(member, _)| runs && self.halted.is_none() && member.stage > self.step)
            .map(|(member, _)| &member.service)
            .collect()
    }

    /// How many members are where they should be, of how many.
    pub fn members_done(&self) -> (usize, usize) {
        let done = self.members.iter().filter(|one| one.standing.is_done());
        (done.count(), self.group().map_or(0, GroupPlan::count))
    }

    /// The members that are not verified, each as a clause: "frontend not run".
    pub fn members_unverified(&self) -> Vec<String> {
        let planned = self.group().into_iter().flat_map(GroupPlan::planned);
        planned
            .filter_map(|(planned, _)| match self.member(&planned.service) {
                Some(member) if member.standing == Standing::Verified => None,
                Some(member) => Some(format!("{} {}", member.service.name, member.clause())),
                None => Some(format!("{} not run", planned.service.name)),
            })
            .collect()
    }

    /// What became of the members, in numbers: "2 of 3 verified, frontend not run".
    pub fn members_counted(&self) -> String {
        let unverified = self.members_unverified();
        let all = self.group().map_or(0, GroupPlan::count);
        let mut clauses = vec![format!("{} of {all} verified", all - unverified.len())];
        clauses.extend(unverified);
        clauses.join(", ")
    }

    /// What was seen of the members, as one look from outside.
    pub fn members_round(&self) -> Round {
        let checks = self.members.iter().map(|member| CheckResult {
            problem: (!member.standing.is_done()).then(|| member.clause()),
            ..CheckResult::passed(member.service.name.clone())
        });
        Round {
            version: None,
            instances: vec![],
            checks: checks.collect(),
        }
    }

    /// Adds the rollback of a member, with what is recorded of it.
    pub fn start_member(
        &mut self,
        start: Start,
        id: RollbackId,
        now: Timestamp,
    ) -> Option<(Rollback, Vec<(IncidentId, TimelineEvent)>)> {
        let (opened, events) = start.open(id, self, now)?;
        self.members.push(Member::of(&opened));
        let incident = self.incident;
        let events = events.into_iter().map(|event| (incident, event));
        Some((opened, events.collect()))
    }
}
