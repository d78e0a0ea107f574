//! A group: the program dies between any two of its members, and each is rolled back once.

use super::{A_LEASE, Bad, Cell, PATIENCE, Scene, finishes, steps::each_once};
use crate::{
    process::{CHANNEL, World},
    scripted_platform::{Platform, Script},
};
use rollback_bot::clock::Clock;
use rollback_domain::rollback::State;

/// `backend`, then `frontend`, each on a platform of its own, with short times.
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
[groups.full]
members = ["backend", "frontend"]
"#;

const SERVICE: &str = r#"
[services.{name}.production]
provider = "five_steps"
api_url = "{platform}"
approve = ["oncall", "lead"]
passes = 1
check_every = "200ms"
prove_within = "30s"
watch = "1s"
"#;

/// Plays the tale, and says what came of it.
pub(super) async fn plays(cell: &Cell) -> Result<String, Bad> {
    let mut settings = SERVICES.to_owned();
    let mut platforms = vec![];
    for name in ["backend", "frontend"] {
        let platform = Platform::start(Script::default(), Clock::real().now()).await;
        let service = SERVICE.replace("{name}", name);
        settings.push_str(&service.replace("{platform}", &platform.url));
        platforms.push(platform);
    }
    let mut world = World::with(cell.on, &settings).await;
    world.program = env!("CARGO_BIN_EXE_rollback-bot-scripted");
    let scene = Scene::opens(world, &cell.name);
    let tale = scene.goes_together(&platforms);
    let played = tokio::time::timeout(PATIENCE, tale).await;
    finishes(
        scene,
        played.unwrap_or_else(|_| Err("it came to no end".into())),
    )
    .await
}

impl Scene {
    async fn goes_together(&self, platforms: &[Platform]) -> Result<String, String> {
        let slack = &self.world.slack;
        let asks = async || {
            let asked = "/rollback full because checkout 500s";
            slack.says("U0MAYA", CHANNEL, asked).await.is_ok()
        };
        let card = |slack: &rollback_simulation::Slack| slack.channel(CHANNEL).contains("· RB-1 ·");
        self.does("the command", A_LEASE, asks, card).await?;
        self.approves(1).await?;
        let ended = self.ended(1).await?;
        for platform in platforms {
            let seen = platform.seen();
            each_once(&seen.asked, &[0, 1, 2, 3, 4])?;
            if seen.live.as_deref() != Some("v1") {
                return Err(format!("production has not moved: {seen:?}"));
            }
        }
        let numbers: Vec<u64> = ended
            .members
            .iter()
            .filter_map(|member| Some(member.rollback?.number().unsigned_abs()))
            .collect();
        if numbers != [2, 3] || self.world.record().await.rollback(4).await.is_some() {
            return Err(format!("the members have the rollbacks {numbers:?}"));
        }
        match &ended.state {
            State::Closed => self.shown(&ended).await,
            state => Err(format!("{state:?}")),
        }
    }
}
