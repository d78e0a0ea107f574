//! The small manager of `tests/support/swarm.rs`; a real one is in `bot/providers/tests/docker`.

use crate::{
    api::Answered,
    rig::{Applies, Misbehaviour, Rig},
    swarm::{Meets, NAME, SECRET, Swarm},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use std::sync::Arc;

struct SwarmRig(Swarm);

/// v212 and v213, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let swarm = Swarm::start(Arc::new(|| Clock::real().now()), "v212").await;
    swarm.deploy("v213");
    Box::new(SwarmRig(swarm))
}

impl SwarmRig {
    fn section(&self, service: &str) -> String {
        format!(
            "provider = \"swarm\"\nhost = \"{}\"\nservice = \"{service}\"\n\
             registry_user = \"bot\"\nregistry_password = \"env:REGISTRY_PASSWORD\"",
            self.0.host()
        )
    }
}

#[async_trait]
impl Rig for SwarmRig {
    fn settings(&self) -> String {
        self.section(NAME)
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("REGISTRY_PASSWORD", "registry-password-9d02"),
            ("THE_TASKS_TOKEN", SECRET),
        ]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section("acme_shops"), "There are acme_shop."),
            // The filter finds what begins like this.
            (self.section("acme"), "There are acme_shop."),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.0.live()
    }

    fn asked(&self) -> usize {
        self.0.asked()
    }

    fn finish(&self) {
        self.0.finish();
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests => {
                self.0.next_meets(Meets::Answer(Answered::Wait(429, 7)));
            }
            Misbehaviour::DoneAndCut => self.0.next_meets(Meets::DoneAndCut),
            Misbehaviour::CutAndNotDone => self.0.next_meets(Meets::Answer(Answered::Cut)),
            Misbehaviour::UnknownState => self.0.shows(Some("dreaming")),
            Misbehaviour::Html => self.0.all_meet(Some(Answered::Page)),
            Misbehaviour::Endless => self.0.all_meet(Some(Answered::Endless)),
        }
        Applies::Yes
    }

    fn behave(&self) {
        self.0.shows(None);
        self.0.all_meet(None);
    }

    fn largest_answer_taken(&self) -> usize {
        self.0.most_sent()
    }
}
