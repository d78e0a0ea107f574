//! What the contract needs of a provider's fake, and a rollback as the engine would run it.

use async_trait::async_trait;
use rollback_bot::clock::Clock;
use rollback_domain::{
    grammar::Target,
    history::History,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Person,
    plan::{Aim, Basis, Plan},
    platform::{About, Holds, Order, Progress, ProviderError, Receipt},
    refusal::Source,
    release::{Surface, Survey, Way},
    risk::RiskRules,
    rollback::{Proposal, Rollback, Waiting},
};
use rollback_providers::{
    Provider,
    registry::{Platform, read},
};
use serde_json::Value;
use std::{io::ErrorKind, path::Path, pin::Pin, sync::Arc};

/// A platform that is a fake, with two releases or more, of which the newest serves: all that a
/// new provider has to write to be held to the contract.
#[async_trait]
pub trait Rig: Send + Sync {
    /// The section of a service on it, as an operator writes it.
    fn settings(&self) -> String;

    /// The environment variables that the section names, and their values: secrets, which must
    /// never be seen anywhere.
    fn secrets(&self) -> Vec<(&'static str, &'static str)>;

    /// Sections in which something is wrong that only the platform can know, and what `check` has
    /// to name. Each may use a variable `WRONG`, whose value is no secret of the platform's.
    fn mistakes(&self) -> Vec<(String, &'static str)>;

    /// The release before the one that serves, as people call it.
    fn earlier(&self) -> &'static str;

    /// What serves now, as people call it: read from the fake and not through the provider.
    fn live(&self) -> String;

    /// How many requests to change what serves have arrived, done or not.
    fn asked(&self) -> usize;

    /// How long a busy platform wants to be left alone, in milliseconds; `None`: it names no time.
    fn busy_for(&self) -> Option<u64> {
        Some(7_000)
    }

    /// Makes the earlier release what is deployed automatically, as people do before they let that
    /// go live again, where the platform deploys by itself what it finds.
    fn reverts(&self) {}

    /// Lets the platform finish what it was asked for.
    fn finish(&self);

    /// Makes the platform misbehave.
    fn misbehave(&self, how: Misbehaviour) -> Applies;

    /// Ends every misbehaviour.
    fn behave(&self);

    /// How many bytes of one answer were taken at most.
    fn largest_answer_taken(&self) -> usize;
}

/// How a platform misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The next request for a change is too much for now: in seven seconds it may be repeated.
    TooManyRequests,
    /// The next request for a change is done, and its answer never arrives.
    DoneAndCut,
    /// The next request for a change arrives, is not done, and is never answered.
    CutAndNotDone,
    /// What it is doing has a name that nobody knows yet.
    UnknownState,
    /// Every answer is a page for people: something in between wants a login.
    Html,
    /// Every answer has a hundred megabytes. Nothing is done.
    Endless,
}

/// Whether a platform can misbehave like that at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It does so from now on.
    Yes,
    /// It cannot, and why.
    No(&'static str),
}

/// The platform that a section describes, by way of the registry.
pub fn platform(rig: &dyn Rig, settings: &str) -> Platform {
    let secrets = rig.secrets();
    let env = |name: &str| {
        let known = secrets.iter().find(|(known, _)| *known == name);
        let value = known.map(|(_, value)| *value);
        value
            .or((name == "WRONG").then_some("nobody-knows-this-one"))
            .map(str::to_owned)
    };
    let no_file = |_: &Path| Err(ErrorKind::NotFound.into());
    let (platform, _) = rollback_settings::read(settings, &env, &no_file, &[], |section| {
        let (_, platform) = read(section);
        section.done();
        platform
    })
    .unwrap_or_else(|mistakes| panic!("{mistakes}"));
    platform
}

/// A rollback to the earlier release, run as the engine runs it: everything that another process
/// would need is in the record before the platform is asked, and nothing is kept besides.
pub struct Run<'a> {
    rig: &'a dyn Rig,
    /// The rollback as it is stored.
    record: String,
}

impl<'a> Run<'a> {
    /// Plans it, holds automatic deploys off where that comes first, and stores that it is about to
    /// be asked for.
    pub async fn planned(rig: &'a dyn Rig) -> Run<'a> {
        let aim = Aim {
            target: Target::Named(rig.earlier().into()),
            utc_offset: 0,
            undoes: None,
            part: None,
        };
        let provider = connect(rig);
        let survey = provider.survey(&About::default()).await.unwrap();
        let plan = plan(&*provider, &survey, &aim).await;
        if plan.effects.holds == Holds::OnRequest {
            provider.pin().await.unwrap();
        }
        let now = Clock::real().now();
        let (mut rollback, _) = Proposal {
            drill: None,
            channel: "C1".into(),
            service: ServiceKey::new("shop", "production"),
            requester: Person::new("U1", "sam"),
            because: Some("checkout is down".into()),
            evidence: vec![],
            aim,
            source: Source::Bot,
            commanded: now,
            target_time: None,
            reply_to: None,
            replaces: None,
            waiting: Waiting::default(),
            turns: vec![],
            part_of: None,
        }
        .open(RollbackId::new(41), IncidentId::new(1));
        rollback.memory = survey.memory;
        rollback.tasks = plan.tasks.clone();
        rollback.plan = Some(plan);
        rollback.times.asked = Some(now);
        let mut run = Run {
            rig,
            record: String::new(),
        };
        run.store(&rollback);
        run
    }

    fn store(&mut self, rollback: &Rollback) {
        self.record = serde_json::to_string(rollback).unwrap();
    }

    fn stored(&self) -> Rollback {
        serde_json::from_str(&self.record).unwrap()
    }

    /// What is stored of it, as text.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// What a provider is told, from nothing but the record.
    pub fn order(&self) -> Order {
        self.stored().order(None).unwrap()
    }

    /// How many steps its plan has.
    pub fn steps(&self) -> usize {
        self.order().plan.steps.len().max(1)
    }

    /// Asks for the stored step and does not live to store what came of it.
    pub async fn ask(&self) -> Result<Receipt, ProviderError> {
        connect(self.rig).act(&self.order()).await
    }

    /// Asks for the stored step and stores what came of it. Whether there is another step.
    pub async fn ask_and_store(&mut self) -> bool {
        let receipt = self.ask().await.unwrap();
        let mut rollback = self.stored();
        if !receipt.memory.is_null() {
            rollback.memory = receipt.memory;
        }
        let next = receipt.next.map(|next| next.number);
        rollback.step = next.unwrap_or(rollback.step);
        self.store(&rollback);
        next.is_some()
    }

    /// Looks, as a process that has just started.
    pub async fn look(&self) -> Result<Progress, ProviderError> {
        connect(self.rig).observe(&self.order()).await
    }

    /// Stores that the next step is about to be asked for, when looking says that it is ready.
    pub async fn becomes_ready(&mut self) -> bool {
        self.rig.finish();
        match self.look().await.unwrap() {
            Progress::StepReady { next, memory, .. } => {
                self.store_next(next.number, memory);
                true
            }
            Progress::Serving { .. }
            | Progress::PeopleNeeded { .. }
            | Progress::Partial { .. }
            | Progress::Failed { .. }
            | Progress::NotAsked { .. } => false,
        }
    }

    fn store_next(&mut self, step: u32, memory: Value) {
        let mut rollback = self.stored();
        if !memory.is_null() {
            rollback.memory = memory;
        }
        rollback.step = step;
        self.store(&rollback);
    }

    /// Goes on to the end as the engine does, by looking and by asking for what is ready.
    pub async fn finish(&mut self) -> Progress {
        for _ in 0..100 {
            self.rig.finish();
            match self.look().await.unwrap() {
                Progress::StepReady { next, memory, .. } => {
                    self.store_next(next.number, memory);
                    while self.ask_and_store().await {}
                }
                Progress::Serving { surfaces, .. } if !self.is_everywhere(&surfaces) => {}
                ended => return ended,
            }
        }
        panic!("it does not come to an end: {}", self.record);
    }

    /// Whether every surface serves the target.
    pub fn is_everywhere(&self, surfaces: &[Surface]) -> bool {
        let rollback = self.stored();
        surfaces
            .iter()
            .all(|surface| rollback.is_on_target(surface))
    }
}

/// A provider of its own for every call, as if each were made by another process.
pub fn connect(rig: &dyn Rig) -> Arc<dyn Provider> {
    platform(rig, &rig.settings()).connect(&rollback_bot::http_client().unwrap())
}

/// The plan for an aim, with what the platform says of its target.
pub async fn plan(provider: &dyn Provider, survey: &Survey, aim: &Aim) -> Plan {
    let risks = RiskRules::default();
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey,
        effects: &provider.effects(Way::Back),
        history: &History::default(),
        risks: &risks,
    };
    let plan = Plan::draw(basis, aim, Clock::real().now()).unwrap();
    let dry_run = provider.dry_run(survey, &plan.to, &About::default()).await;
    plan.with_dry_run(dry_run.unwrap(), &risks)
}

/// Starts a fake of its own.
pub type Start = fn() -> Pin<Box<dyn Future<Output = Box<dyn Rig>>>>;
