//! One rollback: what is known of it, the states it can be in, and the commands it understands.
//!
//! [`crate::decide`] is the only way from one state to the next.

use crate::{
    aftermath::Aftermath,
    audience::Audience,
    authority::{Case, Roster},
    drill::Drill,
    grammar::{ReviewAnswer, Target},
    group::{Halted, Member, PartOf, Start},
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{Actor, Evidence, PeopleFact, TimelineEvent},
    job::PostButton,
    markup,
    people::{Addressee, Membership, Person},
    plan::{Aim, Plan, PlanHash},
    platform::{
        Order, Production, Progress, ProviderError, Receipt, RestorePoint, Task, Undone, Unfinished,
    },
    policy::{Confirm, Policy, Rule},
    proof::{Proof, Round, Stages, StagesEnd},
    refusal::{Refusal, Source, Tone},
    release::{Pin, Release, Surface, Survey, TargetKind},
    risk::Risk,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// One attempt to take a service back to an earlier release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// `RB-41`.
    pub id: RollbackId,
    /// Raised by every change; a save that finds another one has lost.
    pub revision: i64,
    /// The incident whose timeline it writes to.
    pub incident: IncidentId,
    /// The Slack channel it was asked for in.
    pub channel: String,
    /// What is rolled back.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// Who asked: a person, or an agent with the person who is responsible for it.
    pub requester: Person,
    /// Why, in their words.
    pub because: Option<String>,
    /// What the requester points to: addresses that begin with `https://`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// Whether it was asked for with a token and not in Slack.
    #[serde(default)]
    pub out_of_band: bool,
    /// What they want.
    pub aim: Aim,
    /// What would be done, once it is known.
    pub plan: Option<Plan>,
    /// What an approval is bound to.
    pub hash: Option<PlanHash>,
    /// Where it stands.
    pub state: State,
    /// Who said yes, in their order. Each is one person, and each is for this plan.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Who spoke against it, in their order.
    #[serde(default)]
    pub objections: Vec<Objection>,
    /// Who ran it without an approval, and what is thought of that.
    #[serde(default, rename = "glass")]
    pub break_glass: Option<BreakGlass>,
    /// Who was asked for an approval, and when.
    #[serde(default)]
    pub waiting: Waiting,
    /// Until when the plan may be approved and run.
    #[serde(default)]
    pub plan_until: Option<Timestamp>,
    /// The freeze that is on the service, if any: shown and recorded, and in nobody's way.
    #[serde(default)]
    pub frozen: Option<Freeze>,
    /// The changes of direction shortly before it, as clauses, when there were some.
    #[serde(default)]
    pub turns: Vec<String>,
    /// The moments that are measured.
    pub times: Times,
    /// What the platform served when last read.
    pub surfaces: Vec<Surface>,
    /// Whether automatic deploys were held off when last read.
    pub pin: Pin,
    /// What the platform called it when last read.
    pub said: Option<String>,
    /// What the provider wants to find again.
    pub memory: serde_json::Value,
    /// The step that the platform was asked for last, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub step: u32,
    /// How often it was asked for a step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asks: u32,
    /// How often in a row the platform was busy when it was asked for the first step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub busy: u32,
    /// How often it was looked at since it was asked last, and showed no trace of the request.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untraced: u32,
    /// When it was asked last, or when people had done what it waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_last: Option<Timestamp>,
    /// What there is to go back to, once something was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_point: Option<RestorePoint>,
    /// What people do by hand for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// That automatic deploys are held off for it by a call of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What has been proven from outside.
    pub proof: Proof,
    /// What has become of the members whose stage has begun, if it is a group's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// Who stopped it while it ran, if it is a group's; `None`: nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
    /// What makes it a drill; `None`: it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
    /// The rollback of the group that it is a part of; `None`: it is of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<PartOf>,
    /// The card it replaced, and the one that replaced it.
    pub replaces: Option<RollbackId>,
    /// The goal from the command to serving, from the configuration when it was asked for.
    pub target_time: Option<Duration>,
    /// How to answer the requester alone, while Slack allows it (30 minutes).
    pub reply_to: Option<String>,
    /// How to answer each other person alone who did something to it: the address that came with
    /// what they did last, by their Slack id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<String, String>,
    /// The later looks at it, once it was verified; `None`: none are configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Stages>,
    /// What was last seen of production since it was closed; `None`: nothing that it did not leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aftermath: Option<Aftermath>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Automatic deploys that are held off by a call of ours, stored before the call is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// How they were set before: what is put back.
    pub before: serde_json::Value,
    /// Whether the platform has said that they are held off.
    pub confirmed: bool,
}

/// Somebody's yes to one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Person,
    /// By which of the rule's roles, as read when they said it.
    pub roles: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// Whether nobody asked them: it is their own, and its objection window ended in silence.
    #[serde(default)]
    pub unopposed: bool,
    /// Whether they said it with a token and not in Slack.
    #[serde(default)]
    pub out_of_band: bool,
}

/// Somebody's reason against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Who.
    pub by: Person,
    /// Why, in their words.
    pub because: String,
    /// When.
    pub at: Timestamp,
    /// The earlier rollback of the same change to which it was made; `None`: this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_to: Option<RollbackId>,
}

/// An emergency: it was run without an approval, and is reviewed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// Who started it.
    pub by: Person,
    /// Why it could not wait, in their words.
    pub because: String,
    /// When.
    pub at: Timestamp,
    /// When the review is due.
    pub due: Timestamp,
    /// How often the review was asked for again.
    pub reminded: u32,
    /// Whether a page is out that must be taken back.
    #[serde(default)]
    pub paged: bool,
    /// Why it was voided; `None`: it is in force.
    pub spent: Option<String>,
    /// What is thought of it.
    pub review: Option<Review>,
}

impl BreakGlass {
    /// When the review is asked for next, if it is not answered before: every half of the time it
    /// is given.
    pub fn asks_again_at(&self, review_within: Duration) -> Timestamp {
        let half = (review_within / 2).max(Duration::from_secs(60));
        self.at
            .checked_add(half * (self.reminded + 1))
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether somebody still has to say what is thought of it.
    pub fn wants_review(&self) -> bool {
        self.review.is_none() && self.spent.is_none()
    }
}

/// What somebody with authority thinks of an emergency run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who.
    pub by: Person,
    /// Which of the three answers.
    pub answer: ReviewAnswer,
    /// In their words.
    pub because: String,
    /// When.
    pub at: Timestamp,
}

/// How long an approval has been waited for, and who was asked so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Since when; also of the cards before this one, when they were replaced by it.
    pub since: Option<Timestamp>,
    /// How many reminders are over.
    pub reminded: usize,
    /// How many escalation steps have run.
    #[serde(rename = "climbed")]
    pub escalated: usize,
    /// Who was asked, and when, in their order.
    pub asked: Vec<Asked>,
    /// Whether a page is out that must be taken back.
    pub paged: bool,
    /// When it starts by itself, if nobody objects.
    pub window_ends: Option<Timestamp>,
}

/// Somebody who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The Slack ids of the people.
    pub people: Vec<String>,
    /// Who else, as a phrase: "PagerDuty".
    pub else_: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A wish that nothing be changed on a service. It stops nobody with authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Who wants it.
    pub by: Person,
    /// Why.
    pub because: String,
    /// Since when.
    pub at: Timestamp,
}

/// What an approver did besides clicking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The names of the cautions they ticked.
    pub ticked: Vec<String>,
    /// The target they typed.
    pub typed: Option<String>,
    /// Why they approve, if they said it.
    #[serde(default)]
    pub because: Option<String>,
}

impl Confirmed {
    /// What is missing of what `rule` wants for `plan`, as a sentence; `None`: nothing.
    pub fn lacks(&self, rule: &Rule, plan: &Plan) -> Option<String> {
        match rule.confirm {
            Confirm::Click => None,
            Confirm::Tick => {
                let open: Vec<String> = plan
                    .cautions
                    .iter()
                    .filter(|caution| !self.ticked.iter().any(|ticked| ticked == caution.name()))
                    .map(|caution| caution.draw(plan.to.label(), plan.read_at))
                    .collect();
                (!open.is_empty()).then(|| {
                    format!(
                        "Tick what you have seen before you approve: {}. The card's *Approve* button asks for it.",
                        crate::refusal::list(&open, "and")
                    )
                })
            }
            Confirm::Type => {
                let typed = self.typed.as_deref().map(str::trim).unwrap_or_default();
                let exact = typed == plan.to.label() || typed == plan.to.id;
                (!exact).then(|| {
                    format!(
                        "Type the exact target before you approve, as the card names it: {}. The card's *Approve* button asks for it.",
                        plan.to.label()
                    )
                })
            }
        }
    }
}

/// The moments from which the time target is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the moment of its name")]
pub struct Times {
    pub commanded: Option<Timestamp>,
    pub proposed: Option<Timestamp>,
    pub approved: Option<Timestamp>,
    pub asked: Option<Timestamp>,
    pub accepted: Option<Timestamp>,
    pub serving: Option<Timestamp>,
    pub proven: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

impl Times {
    /// From the command to serving.
    pub fn to_serving(&self) -> Option<SignedDuration> {
        Some(self.serving?.duration_since(self.commanded?))
    }

    /// The part of it in which people were waited for.
    pub fn waiting(&self) -> Option<SignedDuration> {
        Some(self.approved?.duration_since(self.proposed?))
    }
}

/// Where a rollback stands, with what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumDiscriminants)]
#[strum_discriminants(
    name(StateKind),
    doc = "Where a rollback stands.",
    derive(strum::IntoStaticStr, strum::VariantArray),
    strum(serialize_all = "snake_case")
)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum State {
    /// The platform is being read; there is no card yet.
    Planning,
    /// There was no plan to propose, or none was left when it was to be run.
    Blocked { why: String },
    /// The card is open.
    Proposed { expires_at: Timestamp },
    /// Somebody said yes; the platform is read again before anything is done.
    Approved { expires_at: Timestamp },
    /// Being asked since then. If nobody stores an answer it becomes [`State::Unknown`].
    Executing {
        asked_at: Timestamp,
        #[serde(default, skip_serializing_if = "is_zero")]
        step: u32,
    },
    /// People have to do something by hand before the platform can go on.
    WaitingForPeople { since: Timestamp },
    /// The platform has taken the request.
    Accepted { at: Timestamp },
    /// So many surfaces serve the target.
    Serving { n: usize, m: usize },
    /// It is not known whether the platform did it; it is read back and never asked again.
    Unknown { since: Timestamp, why: String },
    /// It serves; the proof is as good as it got, and it is kept in sight.
    Watching { until: Timestamp },
    /// Ended with what [`Rollback::proof`] says.
    Closed,
    /// Ended: the platform said no, or that it did not work.
    Failed {
        why: String,
        #[serde(default, skip_serializing_if = "is_unknown")]
        production: Production,
    },
    /// Ended with some surfaces not moved.
    Partial {
        n: usize,
        m: usize,
        failed: Vec<String>,
    },
    /// Ended: a drill did everything but ask the platform.
    Rehearsed,
    /// Ended by somebody who says how it ended, because the platform never confirmed it.
    Resolved {
        done: bool,
        by: Person,
        because: String,
    },
    /// Ended by somebody with authority.
    Denied { by: Person, because: Option<String> },
    /// Ended by the requester, or by somebody with authority.
    Cancelled { by: Person, because: Option<String> },
    /// Ended by the clock.
    Expired { at: Timestamp },
    /// Ended because another card took its place.
    Superseded { why: String },
}

fn is_unknown(production: &Production) -> bool {
    *production == Production::Unknown
}

impl State {
    /// The state without what is known there.
    pub fn kind(&self) -> StateKind {
        self.into()
    }

    /// Its one word for indexes, logs and snapshots.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether it keeps others from opening a rollback of the same service and environment.
    pub fn holds(&self) -> bool {
        self.kind().holds()
    }

    /// Whether nothing more will happen to it.
    pub fn is_ended(&self) -> bool {
        self.kind().is_ended()
    }
}

impl StateKind {
    /// Every state.
    pub const ALL: &'static [StateKind] = <StateKind as strum::VariantArray>::VARIANTS;

    /// Its one word for indexes, logs and snapshots.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it keeps others from opening a rollback of the same service and environment.
    pub fn holds(self) -> bool {
        match self {
            StateKind::Planning
            | StateKind::Proposed
            | StateKind::Approved
            | StateKind::Executing
            | StateKind::WaitingForPeople
            | StateKind::Accepted
            | StateKind::Serving
            | StateKind::Unknown => true,
            StateKind::Watching
            | StateKind::Blocked
            | StateKind::Closed
            | StateKind::Failed
            | StateKind::Partial
            | StateKind::Rehearsed
            | StateKind::Resolved
            | StateKind::Denied
            | StateKind::Cancelled
            | StateKind::Expired
            | StateKind::Superseded => false,
        }
    }

    /// Whether nothing more will happen to it.
    pub fn is_ended(self) -> bool {
        !self.holds() && self != StateKind::Watching
    }
}

impl Rollback {
    /// Who may say yes to it, by this policy and what is known of the roles.
    pub fn case<'a>(&'a self, policy: &'a Policy, roster: &'a Roster) -> Case<'a> {
        let risk = self.risk();
        Case {
            rollback: Some(self.id),
            risk,
            rule: policy.rules.of(risk),
            requester: Some(&self.requester),
            approvals: &self.approvals,
            roster,
        }
    }

    /// Whether it takes a service back, alone or with others.
    pub fn is_of(&self, service: &ServiceKey) -> bool {
        let members = self.group().map(|group| group.members.iter());
        self.service == *service
            || members.is_some_and(|mut members| members.any(|one| one.service == *service))
    }

    /// Whether people have decided about it since a moment: it was let run, or ended by somebody. One
    /// that runs was decided about, whenever that was.
    pub fn is_decided_since(&self, moment: Timestamp) -> bool {
        let since = |at: Option<Timestamp>| at.is_some_and(|at| at >= moment);
        match &self.state {
            State::Planning
            | State::Proposed { .. }
            | State::Blocked { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => false,
            State::Denied { .. }
            | State::Cancelled { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. } => since(self.times.approved) || since(self.times.ended),
            State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. } => true,
        }
    }

    /// The class of its plan, or of the group's that it is a part of, where that is higher. Before
    /// there is a plan nobody can approve: those who may stop it, and those who are told of it, are
    /// found as for caution.
    pub fn risk(&self) -> Risk {
        let own = self.plan.as_ref().map_or(Risk::Caution, |plan| plan.risk);
        let group = self.part_of.as_ref().map(|part_of| part_of.risk);
        group.map_or(own, |group| own.max(group))
    }

    /// The command that proposes the same again: to the same release, or the same undo.
    pub fn command_again(&self) -> String {
        let service = match self.drill {
            Some(_) => format!("drill {}", self.service.typed()),
            None => self.service.typed(),
        };
        let plan = self.plan.as_ref().filter(|plan| plan.group.is_none());
        let named = plan.map(|plan| match plan.to.kind {
            TargetKind::Release | TargetKind::Setting | TargetKind::Schema => {
                Target::Named(plan.to.label().to_owned())
            }
            TargetKind::Moment => self.aim.target.clone(),
        });
        match (self.aim.undoes, named) {
            (Some(undone), _) => format!("/rollback undo {undone} because …"),
            (None, Some(target)) => format!("/rollback {service} to {target} because …"),
            (None, None) => match &self.aim.target {
                // The members of a group go back as they were asked to.
                Target::At(_) => format!("/rollback {service} to {} because …", self.aim.target),
                Target::Previous | Target::Named(_) | Target::Id(_) => {
                    format!("/rollback {service} because …")
                }
            },
        }
    }

    /// Whether it was asked for after `other`.
    pub fn is_after(&self, other: &Rollback) -> bool {
        match self.id.is_drill() == other.id.is_drill() {
            true => self.id.number().unsigned_abs() > other.id.number().unsigned_abs(),
            // They are numbered apart.
            false => self.times.commanded > other.times.commanded,
        }
    }

    /// Whether it ends when a rollback of the same production is asked for: a drill whose platform
    /// was not asked yet.
    pub fn gives_way(&self) -> bool {
        self.drill.is_some() && self.state.holds() && self.times.asked.is_none()
    }

    /// Whether it has ended with production as it was, so that deploys which were held off for it
    /// go live again.
    pub fn gives_hold_back(&self) -> bool {
        let is_unchanged = match &self.state {
            State::Failed { production, .. } => *production == Production::AsBefore,
            State::Resolved { done, .. } => !done,
            State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. }
            | State::Blocked { .. }
            | State::Rehearsed => true,
            State::Closed
            | State::Partial { .. }
            | State::Planning
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. } => false,
        };
        is_unchanged && self.hold.is_some()
    }

    /// Whether all of production serves what it left, as last read.
    pub fn is_as_before(&self) -> bool {
        let from = self.plan.as_ref().and_then(|plan| plan.from.as_ref());
        from.is_some_and(|from| {
            let mut surfaces = self.surfaces.iter();
            surfaces.all(|surface| surface.live.as_ref() == Some(&from.id))
        })
    }

    /// Those whom its turns and endings concern, each once: who asked, who approved it, and who ran
    /// it as an emergency.
    pub fn concerned(&self) -> Vec<Addressee> {
        let broke = self.break_glass.as_ref();
        let broke = broke.filter(|break_glass| break_glass.spent.is_none());
        let people = [self.requester.id.as_str()]
            .into_iter()
            .chain(
                self.approvals
                    .iter()
                    .map(|approval| approval.by.id.as_str()),
            )
            .chain(broke.map(|break_glass| break_glass.by.id.as_str()));
        let mut concerned: Vec<Addressee> = vec![];
        for person in people {
            if !concerned.iter().any(|listed| listed.person == person) {
                concerned.push(self.addressee(person));
            }
        }
        concerned
    }

    /// Somebody, with the address at which they can be told alone.
    pub fn addressee(&self, person: &str) -> Addressee {
        let own = self
            .reply_to
            .as_ref()
            .filter(|_| self.requester.id == person);
        Addressee {
            person: person.to_owned(),
            reply_to: self.addresses.get(person).or(own).cloned(),
        }
    }

    /// The aim of the rollback that takes its place when people want another target.
    pub fn retargeted(&self, to: &str) -> Aim {
        Aim {
            target: Target::Id(to.to_owned()),
            // Another target is not what the rollback left.
            undoes: None,
            ..self.aim.clone()
        }
    }

    /// Whether somebody said yes in a way that lets it run: approvals, or an emergency run.
    pub fn is_let_run(&self) -> bool {
        !self.approvals.is_empty() || self.is_break_glass()
    }

    /// Why it cannot be undone by going forward again, as a clause; `None`: it can.
    pub fn why_not_undone(&self) -> Option<String> {
        let Some(plan) = &self.plan else {
            return Some("it never had a plan".into());
        };
        if self.times.asked.is_none() {
            return Some("it was not run".into());
        }
        if plan.way == crate::release::Way::Forward {
            return Some("it is an undo itself; a rollback takes it back".into());
        }
        if !plan.effects.undoable {
            return Some(format!("{} cannot go forward again", plan.effects.platform));
        }
        if plan.from.is_none() {
            return Some("what it left is not known".into());
        }
        if self.proof.drifted.is_some() && self.is_as_before() {
            return Some(format!("{} is live again", self.from_label()));
        }
        match &self.state {
            State::Watching { .. } | State::Closed | State::Partial { .. } => None,
            State::Failed { .. } => Some("it failed".into()),
            State::Executing { .. } if self.asks > 1 => Some("it is still running".into()),
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => Some(format!("it is {}", self.word().to_lowercase())),
        }
    }

    /// The end of the plan that is open for this hash; refused if it is not.
    pub fn open_with(&self, hash: Option<&PlanHash>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let State::Proposed { expires_at } = self.state else {
            return Err(self.not_open(now));
        };
        if hash.is_some() && hash != self.hash.as_ref() {
            return Err(Refusal::OldCard { id: self.id });
        }
        if now >= expires_at {
            return Err(self.expired(expires_at));
        }
        Ok(expires_at)
    }

    /// Why nothing that needs an open plan can be done to it: the fact, as a refusal.
    pub fn not_open(&self, now: Timestamp) -> Refusal {
        let id = self.id;
        match &self.state {
            State::Expired { at } => self.expired(*at),
            State::Proposed { .. } => Refusal::OldCard { id },
            State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Superseded { .. } => Refusal::AlreadyEnded {
                id,
                word: self.word(),
                at: self.times.ended.unwrap_or(now),
            },
            State::Planning
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. } => Refusal::AlreadyUnderWay {
                id,
                word: self.word(),
                approved: self
                    .approvals
                    .last()
                    .map(|approval| (approval.by.name.clone(), approval.at)),
            },
        }
    }

    fn expired(&self, expired_at: Timestamp) -> Refusal {
        let read_at = self.plan.as_ref().map_or(expired_at, |plan| plan.read_at);
        Refusal::PlanExpired {
            id: self.id,
            read_at,
            expired_at,
        }
    }

    /// What was said against it, as it counts for a later rollback that would make the same change:
    /// from this release to that one, by id.
    pub fn objections_to(&self, from: Option<&str>, to: &str) -> Vec<Objection> {
        let is_same = self.plan.as_ref().is_some_and(|plan| {
            plan.from.as_ref().map(|from| from.id.as_str()) == from && plan.to.id == to
        });
        let own = self.objections.iter().filter(|one| one.made_to.is_none());
        own.filter(|_| is_same)
            .map(|one| Objection {
                made_to: Some(self.id),
                ..one.clone()
            })
            .collect()
    }

    /// Whether it runs without an approval.
    pub fn is_break_glass(&self) -> bool {
        self.break_glass
            .as_ref()
            .is_some_and(|break_glass| break_glass.spent.is_none())
    }

    /// Whether it starts when nobody objects, or was started so and its platform was not asked yet.
    pub fn is_silence_enough(&self) -> bool {
        let started = self.approvals.iter().any(|approval| approval.unopposed);
        self.waiting.window_ends.is_some() || started && self.times.asked.is_none()
    }

    /// When an open proposal has to be looked at next: a reminder, an escalation step, the end
    /// of its objection window, or of its plan.
    pub fn next_look(&self, policy: &Policy, expires_at: Timestamp) -> Timestamp {
        let since = self.waiting.since.unwrap_or(expires_at);
        let at = |after: &Duration| since.checked_add(*after).unwrap_or(Timestamp::MAX);
        // Nobody is reminded of an approval that may not be needed.
        if let Some(ends) = self.waiting.window_ends {
            return ends.min(expires_at);
        }
        let step = policy.escalate.get(self.waiting.escalated);
        [
            policy.remind.get(self.waiting.reminded).map(at),
            step.map(|step| at(&step.after)),
        ]
        .into_iter()
        .flatten()
        .fold(expires_at, Timestamp::min)
    }

    /// The state in capitals, as cards and refusals say it: `SERVING 7/8`, `VERIFIED`.
    pub fn word(&self) -> String {
        match &self.state {
            State::Planning => "READING THE PLATFORM".into(),
            State::Blocked { .. } => "BLOCKED".into(),
            State::Proposed { .. } => "PROPOSED".into(),
            // Nobody approved it.
            State::Approved { .. } if self.is_break_glass() => "EMERGENCY RUN".into(),
            State::Approved { .. } => "APPROVED".into(),
            State::Executing { step, .. } => {
                match self.plan.as_ref().map_or(0, |plan| plan.steps.len()) {
                    0 | 1 => "ASKING".into(),
                    n if (*step as usize) < n => format!("STEP {}/{n}", step + 1),
                    _ => "PUTTING BACK".into(),
                }
            }
            State::WaitingForPeople { .. } => "WAITING FOR PEOPLE".into(),
            State::Accepted { .. } | State::Serving { .. } if self.group().is_some() => {
                let (n, m) = self.members_done();
                format!("RUNNING {n}/{m}")
            }
            State::Accepted { .. } => "ACCEPTED".into(),
            State::Serving { n, m } => format!("SERVING {n}/{m}"),
            State::Unknown { .. } => "UNKNOWN".into(),
            State::Watching { .. } | State::Closed => self.proof.word().into(),
            State::Failed { .. } => "FAILED".into(),
            State::Partial { n, m, .. } => format!("PARTIAL {n}/{m}"),
            State::Rehearsed => "DRY RUN DONE".into(),
            State::Resolved { done: true, .. } => "RESOLVED AS DONE".into(),
            State::Resolved { done: false, .. } => "RESOLVED AS NOT DONE".into(),
            State::Denied { .. } => "DENIED".into(),
            State::Cancelled { .. } => "CANCELLED".into(),
            State::Expired { .. } => "EXPIRED".into(),
            State::Superseded { .. } => "SUPERSEDED".into(),
        }
    }

    /// How many surfaces serve the target, of how many.
    pub fn served(&self) -> (usize, usize) {
        let n = self
            .surfaces
            .iter()
            .filter(|surface| self.is_on_target(surface))
            .count();
        (n, self.surfaces.len())
    }

    /// Whether a surface serves the target, or a copy of it.
    pub fn is_on_target(&self, surface: &Surface) -> bool {
        let to = self.plan.as_ref().map(|plan| &plan.to);
        to.is_some_and(|to| surface.live.as_deref().is_some_and(|live| to.is(live)))
    }

    /// What its provider is told; `None` while there is no plan. `undoes` is what the rollback
    /// that it undoes left, if it undoes one.
    pub fn order(&self, undoes: Option<Undone>) -> Option<Order> {
        Some(Order {
            rollback: self.id,
            plan: self.plan.clone()?,
            memory: self.memory.clone(),
            step: self.step,
            asked_at: self.times.asked,
            reason: self.because.clone(),
            by: self.requester.clone(),
            tasks: self.tasks.clone(),
            undoes,
        })
    }

    /// Whether automatic deploys have to be held off before it goes on.
    pub fn wants_pin(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| !hold.confirmed)
    }

    /// Whether it asks its platform for something that it did not ask for in `before`.
    pub fn asks_more_than(&self, before: &Rollback) -> bool {
        let is_executing = |rollback: &Rollback| matches!(rollback.state, State::Executing { .. });
        let asks = |rollback: &Rollback| (rollback.asks, rollback.wants_pin());
        is_executing(self) && (!is_executing(before) || asks(self) != asks(before))
    }

    /// What is told of it while it is the latest one; `None`: it left nothing to be done.
    pub fn as_unfinished(&self) -> Option<Unfinished> {
        let is_partial = matches!(self.state, State::Partial { .. });
        let plan = self.plan.as_ref().filter(|_| is_partial)?;
        Some(Unfinished {
            rollback: self.id,
            left: plan.from.as_ref().map(|from| from.id.clone()),
            to: plan.to.id.clone(),
            memory: self.memory.clone(),
        })
    }

    /// What a later undo of it is told.
    pub fn as_undone(&self) -> Undone {
        Undone {
            rollback: self.id,
            left: self.plan.as_ref().and_then(|plan| plan.from.clone()),
            memory: self.memory.clone(),
            restore_point: self.restore_point.clone(),
        }
    }

    /// What a failure left behind, as a sentence.
    pub fn what_failure_left(&self) -> &'static str {
        let production = match &self.state {
            State::Failed { production, .. } => *production,
            State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Approved { .. }
            | State::Executing { .. }
            | State::WaitingForPeople { .. }
            | State::Accepted { .. }
            | State::Serving { .. }
            | State::Unknown { .. }
            | State::Watching { .. }
            | State::Closed
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => Production::Unknown,
        };
        match production {
            Production::AsBefore => "Production is as it was before.",
            Production::Changed => "Production is not as it was before: look at it now.",
            Production::Unknown => "It is not known how production is: look at it now.",
        }
    }

    /// The name of a step of its plan, as a clause: "step 3/5: stop the old container".
    pub fn step_label(&self, step: u32, name: &str) -> String {
        let n = self.plan.as_ref().map_or(0, |plan| plan.steps.len());
        match (step as usize) < n {
            true => format!("step {}/{n}: {name}", step + 1),
            false => format!("a step back: {name}"),
        }
    }

    /// The release it leaves, as people call it.
    pub fn from_label(&self) -> &str {
        self.plan
            .as_ref()
            .and_then(|plan| plan.from.as_ref())
            .map_or("unknown", Release::label)
    }

    /// The release it goes to, as people call it.
    pub fn to_label(&self) -> &str {
        self.plan.as_ref().map_or("unknown", |plan| plan.to.label())
    }

    /// What the proof concludes, as a sentence people act on.
    pub fn conclusion(&self) -> String {
        self.proof.sentence(self.to_label(), self.aim.way())
    }

    /// The names of the surfaces that do not serve the target yet.
    pub fn waiting_for(&self) -> Vec<String> {
        self.surfaces
            .iter()
            .filter(|surface| !self.is_on_target(surface))
            .map(|surface| surface.name.clone())
            .collect()
    }
}

impl Rollback {
    /// The names of the surfaces that serve something else than the target. One of which the
    /// platform cannot say what it serves is not among them.
    pub fn moved_away(&self) -> Vec<String> {
        let elsewhere = |surface: &&Surface| surface.live.is_some() && !self.is_on_target(surface);
        let surfaces = self.surfaces.iter().filter(elsewhere);
        surfaces.map(|surface| surface.name.clone()).collect()
    }

    /// What production serves, as last read: each release with how many of the surfaces serve it,
    /// most first. `label` is how people call a release by its id.
    pub fn serves(&self, label: impl Fn(&str) -> String) -> String {
        let mut counts: Vec<(String, usize)> = vec![];
        for surface in &self.surfaces {
            let name = match surface.live.as_deref() {
                Some(live) => label(live),
                None => "something unknown".into(),
            };
            match counts.iter_mut().find(|(counted, _)| *counted == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let all = self.surfaces.len();
        let served: Vec<String> = counts
            .into_iter()
            .map(|(name, count)| format!("{name} on {count}/{all}"))
            .collect();
        match served.is_empty() {
            true => "not known".into(),
            false => crate::refusal::list(&served, "and"),
        }
    }

    /// How people call the release with this id, as far as the plan knows it.
    pub fn label_of(&self, id: &str) -> String {
        let Some(plan) = &self.plan else {
            return id.to_owned();
        };
        let lost: &[Release] = match &plan.unships {
            crate::plan::Unships::Known(releases) => releases,
            crate::plan::Unships::After(_) | crate::plan::Unships::Unknown(_) => &[],
        };
        let mut known = plan.from.iter().chain([&plan.to]).chain(lost);
        let found = known.find(|release| release.is(id));
        found.map_or_else(|| id.to_owned(), |release| release.label().to_owned())
    }
}

/// A request that opens a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the rollback")]
pub struct Proposal {
    pub channel: String,
    #[serde(flatten)]
    pub service: ServiceKey,
    pub requester: Person,
    pub because: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    pub aim: Aim,
    pub source: Source,
    pub commanded: Timestamp,
    pub target_time: Option<Duration>,
    pub reply_to: Option<String>,
    pub replaces: Option<RollbackId>,
    #[serde(default)]
    pub waiting: Waiting,
    #[serde(default)]
    pub turns: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<PartOf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
}

impl Proposal {
    /// The rollback it opens.
    pub fn open(self, id: RollbackId, incident: IncidentId) -> (Rollback, TimelineEvent) {
        let fact = PeopleFact::Requested {
            service: self.service.clone(),
            target: self.aim.target.clone(),
            undoes: self.aim.undoes,
            because: self.because.clone(),
            part_of: self.part_of.as_ref().map(|part_of| part_of.rollback),
        };
        let who = Actor::Person(self.requester.clone());
        let links = self.evidence.iter().cloned();
        let event = TimelineEvent {
            evidence: links.map(|url| Evidence::Link { url }).collect(),
            ..TimelineEvent::new(self.commanded, who, self.source, Some(id), fact)
        };
        let rollback = Rollback {
            id,
            revision: 1,
            incident,
            channel: self.channel,
            service: self.service,
            requester: self.requester,
            because: self.because,
            evidence: self.evidence,
            out_of_band: self.source == Source::OutOfBand,
            aim: self.aim,
            plan: None,
            hash: None,
            state: State::Planning,
            approvals: vec![],
            objections: vec![],
            break_glass: None,
            waiting: self.waiting,
            plan_until: None,
            frozen: None,
            turns: self.turns,
            times: Times {
                commanded: Some(self.commanded),
                ..Times::default()
            },
            surfaces: vec![],
            pin: Pin::Unknown,
            said: None,
            memory: serde_json::Value::Null,
            step: 0,
            asks: 0,
            busy: 0,
            untraced: 0,
            asked_last: None,
            restore_point: None,
            tasks: vec![],
            hold: None,
            proof: Proof::default(),
            members: vec![],
            halted: None,
            drill: self.drill,
            part_of: self.part_of,
            replaces: self.replaces,
            target_time: self.target_time,
            reply_to: self.reply_to,
            addresses: BTreeMap::new(),
            stages: None,
            aftermath: None,
        };
        (rollback, event)
    }
}

/// What a person wants done to a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Act {
    /// Say yes to the plan with this hash; to the one that is open when typed without.
    Approve {
        hash: Option<PlanHash>,
        #[serde(default)]
        confirmed: Confirmed,
    },
    /// Take one's own yes back.
    Withdraw { because: Option<String> },
    /// Speak against it.
    Object { because: String },
    /// Run the plan with this hash without an approval, and explain it afterwards.
    BreakGlass {
        hash: Option<PlanHash>,
        because: String,
        promised: bool,
    },
    /// Say what is thought of an emergency run.
    Review {
        answer: ReviewAnswer,
        because: String,
    },
    /// Say how it ended, when the platform never confirmed it.
    Resolve { done: bool, because: String },
    /// Sign a manual task off: it is done, or it cannot be done.
    SignOff {
        task: String,
        done: bool,
        note: Option<String>,
    },
    /// Say no.
    Deny { because: Option<String> },
    /// Take it back, or stop it before the platform is asked.
    Stop { because: Option<String> },
    /// Put a card with another target in its place.
    Retarget { hash: Option<PlanHash>, to: String },
}

impl Act {
    /// As a clause for the record: "tried to approve".
    pub fn verb(&self) -> &'static str {
        match self {
            Act::Approve { .. } => "approve",
            Act::Withdraw { .. } => "withdraw an approval of",
            Act::Object { .. } => "object to",
            Act::BreakGlass { .. } => "start an emergency run of",
            Act::Review { .. } => "review",
            Act::Resolve { .. } => "resolve",
            Act::SignOff { .. } => "sign off a task of",
            Act::Deny { .. } => "deny",
            Act::Stop { .. } => "stop",
            Act::Retarget { .. } => "change the target of",
        }
    }
}

/// Everything that can happen to a rollback.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Command {
    /// A person acts; what Slack says they are, and who is in the roles, was read for this.
    Person {
        by: Person,
        membership: Membership,
        roster: Box<Roster>,
        /// Which last known facts it rests on, as a clause; from the CLI or the API only.
        last_known: Option<String>,
        source: Source,
        reply_to: Option<String>,
        act: Act,
        /// The plan for the target that they want instead, or why there is none; `None`: they want
        /// no other one, or may not.
        prepared: Option<Result<Box<Plan>, Refusal>>,
    },
    /// The platform was read for the first time.
    Planned {
        plan: Box<Plan>,
        requester: Person,
        /// Which last known facts about the requester it rests on; from the CLI or the API only.
        last_known: Option<String>,
        roster: Box<Roster>,
        frozen: Option<Freeze>,
        /// What was said against the same change before.
        objections: Vec<Objection>,
        /// Who could object to it, where that matters.
        audience: Audience,
    },
    /// The environment of a drill is about to be broken. In a commit before it is: it is broken once.
    FaultBegins,
    /// What the command that breaks it printed, or why it did not.
    FaultEnded { result: Result<String, String> },
    /// There is no plan, and why.
    CannotPlan { refusal: Refusal },
    /// Nobody has answered for a while; what is known of the roles says who is asked next.
    Waited { roster: Box<Roster> },
    /// The objection window is over; the requester was read again for this.
    WindowEnded {
        membership: Membership,
        roster: Box<Roster>,
        /// Who could have objected.
        audience: Audience,
    },
    /// The plan's time is over and it is still waited for: the platform was read again.
    Renewed { plan: Result<Box<Plan>, Refusal> },
    /// The clock passed the plan's end.
    Expire,
    /// A freeze was put on the service, or taken off.
    Froze { freeze: Option<Freeze> },
    /// Somebody let automatic deploys of the service go live again.
    Unpinned,
    /// Production was looked at after it was closed.
    LookedAfter {
        /// What the platform serves.
        survey: Box<Survey>,
        /// Why the release that is live is known to be bad, as a clause; `None`: it is not.
        bad: Option<String>,
        /// Who is known to be able to unpin, by their ids; empty: that is not known.
        unpinners: Vec<String>,
    },
    /// Somebody put the reminder of its pin off.
    Snoozed {
        until: Timestamp,
        by: Person,
        source: Source,
    },
    /// Its service is not in the configuration, so nobody can do anything for it.
    Unconfigured,
    /// The review of an emergency run was waited for; whether its author has noted the explanation
    /// that they promised.
    ReviewDue {
        roster: Box<Roster>,
        explained: bool,
    },
    /// The platform was read again after the yes.
    Rechecked {
        survey: Box<Survey>,
        plan: Result<Box<Plan>, Refusal>,
        roster: Box<Roster>,
    },
    /// It could not be read again.
    RecheckFailed { why: String },
    /// The platform was asked to hold automatic deploys off, and answered, or did not.
    PinAnswered {
        answer: Result<String, ProviderError>,
    },
    /// The platform answered, or did not.
    Answered {
        answer: Result<Receipt, ProviderError>,
    },
    /// The process that asked is gone.
    LostTrack,
    /// Moments of it lie in an impossible future: they are treated as now.
    ClockSet,
    /// The platform was looked at; what is known of the roles says who is asked for a manual task.
    Observed {
        progress: Progress,
        roster: Box<Roster>,
    },
    /// The members of a group were looked at, as their own rollbacks tell.
    MembersSeen { members: Vec<Member> },
    /// It was looked at from outside, after the platform said it serves.
    Probed {
        round: Round,
        live: Option<(Vec<Surface>, Pin)>,
    },
    /// The watch is over, or another rollback of the service has taken over.
    Close { replaced_by: Option<RollbackId> },
    /// It was looked at from outside long after it was verified.
    StageLooked {
        round: Round,
        incident: IncidentThen,
    },
    /// It is not looked at again.
    StagesEnd { because: StagesEnd },
}

/// What is known of an incident when something is told in its channel long afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncidentThen {
    /// The Slack id of the person who leads it; `None`: nobody does.
    pub lead: Option<String>,
    /// Whether somebody has said that it is resolved.
    pub is_resolved: bool,
}

/// What a command leads to. The engine stores all of it in one transaction, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The rollback as it is now.
    pub rollback: Rollback,
    /// What happened.
    pub events: Vec<TimelineEvent>,
    /// When it wants to be driven on; `None`: it waits for somebody or has ended. After
    /// [`Command::ReviewDue`]: when its review is asked for next.
    pub drive_at: Option<Timestamp>,
    /// What people have to be told.
    pub notices: Vec<Notice>,
    /// The members of a group whose stage begins.
    pub starts: Vec<Start>,
    /// A rollback that takes its place.
    pub opens: Option<Proposal>,
    /// What gives that one its plan at once; `None`: its platform is read next.
    pub opens_with: Option<Box<Command>>,
}

/// Something to be said, left behind as a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Notice {
    /// Bring the card to the present state.
    Card,
    /// Tell one person something.
    Tell {
        person: String,
        reply_to: Option<String>,
        message: Message,
    },
    /// Tell the channel how it ended, once.
    Outcome,
    /// Tell those whose changes it took out of production, once.
    Authors,
    /// Say something where everybody sees it: in the channel, or in the card's thread.
    Post {
        message: Message,
        #[serde(flatten)]
        button: Option<PostButton>,
        in_thread: bool,
        key: String,
    },
    /// Say something in other channels, by id.
    Announce {
        channels: Vec<String>,
        message: Message,
        key: String,
    },
    /// Page somebody, or take the page back.
    Page { page: Page },
    /// Bring the message about an emergency run to the present state.
    BreakGlass,
    /// Ask for the review of an emergency run then.
    ReviewAt { at: Timestamp },
    /// Look at it from outside again then.
    LookAgainAt { at: Timestamp },
    /// Let automatic deploys go live again that were held off for it.
    TakePinBack,
    /// Put the timeline into the thread; why, in one word.
    Export { why: String },
    /// Break the environment of a drill.
    MakeFault,
}

/// A page, by the key under which it is one page however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "page", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are what their names say")]
pub enum Page {
    /// Somebody is needed.
    Trigger { key: String, summary: String },
    /// Nobody is needed any more.
    Resolve { key: String },
}

/// What somebody is told, stored until it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// A sentence in plain text, escaped when it is said.
    Text(String),
    /// Words that are mrkdwn already, escaped by their writer.
    Mrkdwn(String),
    /// A sentence with the people it names, in their order, each where [`Message::whom`] stands.
    Naming(String, Vec<String>),
    /// The same for a refusal, which its code begins.
    Refused(String, String, Vec<String>),
}

impl Message {
    /// What stands for the person of this number in [`Message::Naming`]: something that nobody can
    /// type.
    pub fn whom(n: usize) -> String {
        format!("\u{1}{n}\u{1}")
    }

    /// It in plain words, for terminals and machines.
    pub fn plain(&self) -> String {
        use crate::refusal::Plain;
        match self {
            Message::Text(text) | Message::Mrkdwn(text) => text.clone(),
            Message::Naming(text, people) | Message::Refused(_, text, people) => {
                let people = people.iter().enumerate();
                people.fold(text.clone(), |said, (n, id)| {
                    said.replace(&Message::whom(n), &Plain.person(id))
                })
            }
        }
    }

    /// The code, if it is a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Message::Refused(code, ..) => Some(code),
            Message::Text(_) | Message::Mrkdwn(_) | Message::Naming(..) => None,
        }
    }

    /// Somebody's words, in which nothing stands for anybody and nothing formats what follows.
    pub fn quoted(words: &str) -> String {
        markup::quotation(&Message::unmarked(words))
    }

    /// A text in which nothing stands for anybody.
    pub fn unmarked(text: &str) -> String {
        text.replace('\u{1}', "")
    }
}

/// Draws a sentence with the people it names, each where [`Message::whom`] stands.
fn gathered(draw: impl FnOnce(&dyn Tone) -> String) -> (String, Vec<String>) {
    struct Gather(std::cell::RefCell<Vec<String>>);
    impl Tone for Gather {
        fn person(&self, id: &str) -> String {
            let mut people = self.0.borrow_mut();
            people.push(id.to_owned());
            Message::whom(people.len() - 1)
        }
        fn text(&self, text: &str) -> String {
            markup::closed(&Message::unmarked(text))
        }
    }
    let gather = Gather(std::cell::RefCell::default());
    let sentence = draw(&gather);
    (sentence, gather.0.into_inner())
}

impl Message {
    /// A sentence of ours that names people.
    pub fn naming(draw: impl FnOnce(&dyn Tone) -> String) -> Self {
        let (sentence, people) = gathered(draw);
        Message::Naming(sentence, people)
    }
}

impl From<&Refusal> for Message {
    fn from(refusal: &Refusal) -> Self {
        let (sentence, people) = gathered(|tone| refusal.draw(tone));
        Message::Refused(refusal.code().to_owned(), sentence, people)
    }
}
