//! The small engine of `tests/support/docker.rs`; a real one is in `bot/providers/tests/docker`.

use crate::{
    docker::{Engine, PASSWORD, SECRET, Trouble},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;

struct DockerRig(Engine);

/// v212 and v213, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    Box::new(DockerRig(Engine::start().await))
}

impl DockerRig {
    fn section(&self, container: &str) -> String {
        format!(
            "provider = \"docker\"\nhost = \"{}\"\n{container}\n\
             registry_user = \"bot\"\nregistry_password = \"env:REGISTRY_PASSWORD\"",
            self.0.host()
        )
    }
}

#[async_trait]
impl Rig for DockerRig {
    fn settings(&self) -> String {
        self.section("container = \"shop\"")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("REGISTRY_PASSWORD", PASSWORD),
            ("THE_CONTAINERS_TOKEN", SECRET),
        ]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section("container = \"api\""), "There are shop."),
            (
                self.section("compose_project = \"acme\"\ncompose_service = \"web\""),
                "project acme",
            ),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.0.serves("shop").unwrap()
    }

    fn asked(&self) -> usize {
        self.0.change(|inside| inside.asked)
    }

    fn finish(&self) {
        // It is done when it answers.
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        self.0.trouble(Some(match how {
            Misbehaviour::TooManyRequests => Trouble::TooManyRequests,
            Misbehaviour::DoneAndCut => Trouble::DoneAndCut,
            Misbehaviour::CutAndNotDone => Trouble::CutAndNotDone,
            Misbehaviour::UnknownState => Trouble::UnknownState,
            Misbehaviour::Html => Trouble::Html,
            Misbehaviour::Endless => Trouble::Endless,
        }));
        Applies::Yes
    }

    fn behave(&self) {
        self.0.trouble(None);
    }

    fn largest_answer_taken(&self) -> usize {
        self.0.most_sent()
    }
}
