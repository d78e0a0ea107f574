//! A rollback run as the bot runs it, with nothing but its record: every decision is stored before
//! the next thing is asked for. It can be a process of its own, which is killed.

use crate::fake::PASSWORD;
use rollback_domain::{
    decide::decide,
    grammar::Target,
    history::History,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Person,
    plan::{Aim, Basis, Plan},
    platform::About,
    policy::{Announce, Policy, Preset},
    refusal::{Refusal, Source},
    release::Survey,
    risk::RiskRules,
    rollback::{BreakGlass, Command, Proposal, Rollback, State, Waiting},
};
use rollback_providers::{Provider, registry};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::Arc, time::Duration};

/// Names the directory of a record to the process that drives it.
pub const PLACE: &str = "DOCKER_DRIVER";
/// How long a plan lives, in seconds of the record's own clock.
const PLAN_LIVES: i64 = 600;

/// The provider of a section.
pub fn connect(section: &str) -> Arc<dyn Provider> {
    let env = |name: &str| (name == "REGISTRY_PASSWORD").then(|| PASSWORD.to_owned());
    let file = |path: &Path| fs::read_to_string(path);
    let read = rollback_settings::read(section, &env, &file, &[], |section| {
        let (_, platform) = registry::read(section);
        section.done();
        platform
    });
    let (platform, _) = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    platform.connect(&reqwest::Client::new())
}

fn policy() -> Policy {
    Policy {
        announce: Announce::default(),
        checklist: [].into(),
        stages: [].into(),
        channels: vec![],
        rules: Preset::SmallTeam.rules(&["oncall".into()]),
        risks: RiskRules::default(),
        objection_window: None,
        remind: vec![],
        escalate: vec![],
        page_on_break_glass: false,
        review_within: Duration::from_secs(3600),
        plan_ttl: Duration::from_secs(600),
        target_time: None,
        passes: 1,
        prove_within: Duration::from_secs(60),
        watch: Duration::from_secs(60),
        pass_every: Duration::from_secs(1),
        check_every: Duration::from_secs(2),
        fingerprint: false,
    }
}

fn service() -> ServiceKey {
    ServiceKey::new("shop", "production")
}

/// A rollback with its record in a directory.
pub struct Driven {
    provider: Arc<dyn Provider>,
    record: Record,
    place: std::path::PathBuf,
}

/// What is stored: the rollback, the one that it undoes, the section of its service, and what time
/// it is.
struct Record {
    rollback: Rollback,
    undone: Option<Rollback>,
    section: String,
    seconds: i64,
}

impl Driven {
    /// Plans a rollback, and stores that it may run at once.
    pub async fn plan(
        section: &str,
        place: &Path,
        number: u64,
        aim: Target,
    ) -> Result<Self, Refusal> {
        Self::plan_undo(section, place, number, aim, None).await
    }

    /// The same, to undo another one.
    pub async fn plan_undo(
        section: &str,
        place: &Path,
        number: u64,
        target: Target,
        undoes: Option<&Rollback>,
    ) -> Result<Self, Refusal> {
        let provider = connect(section);
        let now = jiff::Timestamp::UNIX_EPOCH;
        let aim = Aim {
            part: None,
            target,
            utc_offset: 0,
            undoes: undoes.map(|undone| undone.id),
        };
        let (mut rollback, _) = Proposal {
            drill: None,
            channel: "C1".into(),
            service: service(),
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
        .open(RollbackId::new(number), IncidentId::new(1));
        let (plan, survey) = draw(&*provider, &rollback, undoes).await;
        let plan = plan?;
        rollback.hash = Some(plan.hash(&service()));
        rollback.plan = Some(plan);
        rollback.memory = survey.memory;
        rollback.break_glass = Some(BreakGlass {
            by: Person::new("U1", "sam"),
            because: "checkout is down".into(),
            at: now,
            due: now,
            reminded: 0,
            paged: false,
            spent: None,
            review: None,
        });
        rollback.state = State::Approved {
            expires_at: jiff::Timestamp::from_second(PLAN_LIVES).unwrap(),
        };
        let driven = Self {
            provider,
            record: Record {
                rollback,
                undone: undoes.cloned(),
                section: section.to_owned(),
                seconds: 0,
            },
            place: place.to_owned(),
        };
        driven.store();
        Ok(driven)
    }

    /// The rollback as it is stored.
    pub fn load(place: &Path) -> Self {
        let text = fs::read_to_string(place.join("record")).unwrap();
        let stored: Value = serde_json::from_str(&text).unwrap();
        let section = stored["section"].as_str().unwrap().to_owned();
        Self {
            provider: connect(&section),
            record: Record {
                rollback: serde_json::from_value(stored["rollback"].clone()).unwrap(),
                undone: serde_json::from_value(stored["undone"].clone()).unwrap(),
                section,
                seconds: stored["seconds"].as_i64().unwrap(),
            },
            place: place.to_owned(),
        }
    }

    pub fn rollback(&self) -> &Rollback {
        &self.record.rollback
    }

    /// All at once or not at all, as a database does it.
    fn store(&self) {
        let stored = json!({
            "rollback": self.record.rollback,
            "undone": self.record.undone,
            "section": self.record.section,
            "seconds": self.record.seconds,
        });
        let next = self.place.join("record.next");
        fs::write(&next, stored.to_string()).unwrap();
        fs::rename(next, self.place.join("record")).unwrap();
    }

    fn decide(&mut self, command: Command) {
        let now = jiff::Timestamp::from_second(self.record.seconds).unwrap();
        let decision = decide(&self.record.rollback, command, &policy(), now);
        self.record.rollback = decision.unwrap().rollback;
        self.store();
    }

    /// Runs it until it has ended or serves. What was asked for before is not known to this process.
    pub async fn run(&mut self) {
        if let State::Executing { .. } = self.rollback().state {
            self.decide(Command::LostTrack);
        }
        for _ in 0..2_000 {
            match self.rollback().state.clone() {
                State::Approved { .. } => self.begin().await,
                State::Executing { .. } => {
                    let order = self.rollback().order(None).unwrap();
                    let answer = self.provider.act(&order).await;
                    self.decide(Command::Answered { answer });
                }
                State::Serving { n, m } if n == m => return,
                State::Accepted { .. } | State::Serving { .. } | State::Unknown { .. } => {
                    self.look().await;
                }
                _ => return,
            }
        }
        panic!("it does not come to an end: {:?}", self.rollback().state);
    }

    /// Reads the platform again and lets it run, in one commit.
    async fn begin(&mut self) {
        let (plan, survey) = draw(
            &*self.provider,
            &self.record.rollback,
            self.record.undone.as_ref(),
        )
        .await;
        self.decide(Command::Rechecked {
            plan: plan.map(Box::new),
            survey: Box::new(survey),
            roster: Box::default(),
        });
    }

    async fn look(&mut self) {
        let order = self.rollback().order(None).unwrap();
        let looked = self.provider.observe(&order).await;
        self.record.seconds += 2;
        if let Ok(progress) = looked {
            self.decide(Command::Observed {
                progress,
                roster: Box::default(),
            });
        }
        let pause = match self.rollback().state {
            State::Executing { .. } => return,
            // The record's minute is some seconds long: what a process that was killed has asked for
            // may still be on its way in an engine that is busy.
            State::Unknown { .. } => 300,
            _ => 50,
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Reads the platform and draws the plan of a rollback.
async fn draw(
    provider: &dyn Provider,
    rollback: &Rollback,
    undoes: Option<&Rollback>,
) -> (Result<Plan, Refusal>, Survey) {
    let about = About {
        way: rollback.aim.way(),
        undoes: undoes.map(Rollback::as_undone),
        ..About::default()
    };
    let survey = provider.survey(&about).await.unwrap();
    let risks = RiskRules::default();
    let basis = Basis {
        service: &service(),
        survey: &survey,
        effects: &provider.effects(rollback.aim.way()),
        history: &History::default(),
        risks: &risks,
    };
    let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    let plan = match Plan::draw(basis, &rollback.aim, now) {
        Ok(plan) => plan,
        Err(refusal) => return (Err(refusal), survey),
    };
    let dry_run = provider.dry_run(&survey, &plan.to, &about).await.unwrap();
    (Ok(plan.with_dry_run(dry_run, &risks)), survey)
}

/// Not a test by itself: what the tests start as a process of its own, and kill.
#[tokio::test]
async fn drives_a_record() {
    if let Some(place) = std::env::var_os(PLACE) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Driven::load(Path::new(&place)).run().await;
    }
}
