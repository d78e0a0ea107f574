//! Plans of several steps: the program dies between any two of them, and comes to the same end.

use super::{A_LEASE, Bad, Cell, PATIENCE, Scene, Tale, finishes, said};
use crate::{
    process::{CHANNEL, World},
    scripted_platform::{Platform, Script},
};
use rollback_bot::clock::Clock;
use rollback_domain::{
    platform::Production,
    rollback::{Rollback, State},
};
use std::collections::BTreeMap;

/// `frontend` on a platform of the tests, with short times.
const SERVICES: &str = r#"
[limits]
person_per_minute = 100000
channel_per_minute = 100000
[policy]
remind = []
[roles.oncall]
slack_usergroup = "S0ONCALL"
[roles.lead]
members = ["U0ANA"]
[services.frontend.production]
provider = "{provider}"
api_url = "{platform}"
approve = ["oncall", "lead"]
passes = 2
check_every = "200ms"
prove_within = "30s"
watch = "1s"
"#;

/// Plays the tale of a cell, and says what came of it.
pub(super) async fn plays(cell: &Cell) -> Result<String, Bad> {
    let (provider, script) = match cell.tale {
        Tale::PutBack => (
            "five_steps",
            Script {
                fails_at: Some(2),
                ..Script::default()
            },
        ),
        Tale::FiveSteps => ("five_steps", Script::default()),
        Tale::Restored | Tale::Approved | Tale::BrokenGlass | Tale::Noted | Tale::Together => (
            "recovery_window",
            Script {
                restores_for: 2,
                ..Script::default()
            },
        ),
    };
    let platform = Platform::start(script, Clock::real().now()).await;
    let settings = SERVICES
        .replace("{provider}", provider)
        .replace("{platform}", &platform.url);
    let mut world = World::with(cell.on, &settings).await;
    world.program = env!("CARGO_BIN_EXE_rollback-bot-scripted");
    let scene = Scene::opens(world, &cell.name);
    let tale = async {
        match cell.tale {
            Tale::PutBack => scene.puts_back(&platform).await,
            Tale::FiveSteps => scene.goes_through(&platform).await,
            Tale::Restored | Tale::Approved | Tale::BrokenGlass | Tale::Noted | Tale::Together => {
                scene.restores(&platform).await
            }
        }
    };
    let played = tokio::time::timeout(PATIENCE, tale).await;
    finishes(
        scene,
        played.unwrap_or_else(|_| Err("it came to no end".into())),
    )
    .await
}

impl Scene {
    async fn puts_back(&self, platform: &Platform) -> Result<String, String> {
        self.proposes(1).await?;
        self.approves(1).await?;
        let ended = self.ended(1).await?;
        let seen = platform.seen();
        each_once(&seen.asked, &[0, 1, 2, 5])?;
        if (seen.live.as_deref(), seen.automatic.as_str()) != (Some("v2"), "on push") {
            return Err(format!("production is not as before: {seen:?}"));
        }
        match &ended.state {
            State::Failed {
                production: Production::AsBefore,
                ..
            } => self.shown(&ended).await,
            state => Err(format!("{state:?}")),
        }
    }

    async fn goes_through(&self, platform: &Platform) -> Result<String, String> {
        self.proposes(1).await?;
        self.approves(1).await?;
        let ended = self.ended(1).await?;
        let seen = platform.seen();
        each_once(&seen.asked, &[0, 1, 2, 3, 4])?;
        if (seen.live.as_deref(), seen.automatic.as_str()) != (Some("v1"), "off") {
            return Err(format!("production has not moved: {seen:?}"));
        }
        match &ended.state {
            State::Closed => self.shown(&ended).await,
            state => Err(format!("{state:?}")),
        }
    }

    async fn restores(&self, platform: &Platform) -> Result<String, String> {
        let slack = &self.world.slack;
        let asks = async || {
            let asked = "/rollback frontend to @-45m because rows are gone";
            slack.says("U0MAYA", CHANNEL, asked).await.is_ok()
        };
        let card = |slack: &rollback_simulation::Slack| slack.channel(CHANNEL).contains("· RB-1 ·");
        self.does("the command", A_LEASE, asks, card).await?;
        self.approves(1).await?;
        let waits = |slack: &rollback_simulation::Slack| {
            slack.channel(CHANNEL).contains("RB-1 WAITING FOR PEOPLE")
        };
        if !slack.until(PATIENCE, waits).await {
            return Err("nobody was asked to rotate the key".into());
        }
        let signs = async || {
            let signed = "/rollback signoff RB-1 rotate-key done because it is in the vault";
            slack.says("U0ANA", CHANNEL, signed).await.is_ok()
        };
        let record = self.world.record().await;
        let signed = async || {
            let found = record.rollback(1).await;
            found.is_some_and(|found| {
                found
                    .tasks
                    .iter()
                    .all(rollback_domain::platform::Task::is_done)
            })
        };
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE && !signed().await {
            signs().await;
            crate::process::until(A_LEASE, &signed).await;
        }
        let ended = self.ended(1).await?;
        each_once(&platform.seen().asked, &[0, 1])?;
        let kept = ended.restore_point.as_ref().map(|point| point.id.as_str());
        // Where the answer of the backup was lost, what it kept is not known.
        if kept.is_some_and(|kept| kept != "backup-RB-1") {
            return Err(format!("kept {kept:?}"));
        }
        match &ended.state {
            State::Closed => self.shown(&ended).await,
            state => Err(format!("{state:?}")),
        }
    }

    /// How it ended, in words, if everybody can see it once.
    pub(super) async fn shown(&self, ended: &Rollback) -> Result<String, String> {
        let record = self.world.record().await;
        let entries = self.entries(&record).await?;
        let (id, word) = (ended.id, ended.word());
        let card = rollback_bot::store::messages::get(record.db(), &format!("{id}:card")).await;
        let card = card.map_err(said)?;
        let shown = self.world.slack.channel(CHANNEL);
        if card.revision != ended.revision || !shown.contains(&format!("{id} {word}")) {
            return Err(format!("the card does not show {word}"));
        }
        let cards = self.posted(&format!("{id}:card"));
        let outcomes = self.posted(&format!("{id}:outcome"));
        if (cards, outcomes) != (1, 1) {
            return Err(format!("{cards} cards, {outcomes} outcomes"));
        }
        let left = match &ended.state {
            State::Failed { .. } => format!(" · {}", ended.what_failure_left()),
            _ => String::new(),
        };
        Ok(format!(
            "each step asked once · {word}{left} · 1 card · 1 outcome · {entries} entries"
        ))
    }
}

/// Whether exactly these steps were asked for, once each.
pub(super) fn each_once(asked: &BTreeMap<u32, u32>, steps: &[u32]) -> Result<(), String> {
    let expected: BTreeMap<u32, u32> = steps.iter().map(|step| (*step, 1)).collect();
    match *asked == expected {
        true => Ok(()),
        false => Err(format!("asked for {asked:?}")),
    }
}
