//! The box of the tests that is recreated in five steps: it shows that the contract holds for plans
//! of several steps. It misbehaves in stories of its own.

use crate::{
    rig::{Applies, Misbehaviour, Rig},
    scripted::platform::{Platform, Script},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;

struct BoxRig(Platform);

/// v1 and v2, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let now = Clock::real().now();
    Box::new(BoxRig(Platform::start(Script::default(), now).await))
}

#[async_trait]
impl Rig for BoxRig {
    fn settings(&self) -> String {
        format!("provider = \"five_steps\"\napi_url = \"{}\"", self.0.url)
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![]
    }

    fn earlier(&self) -> &'static str {
        "v1"
    }

    fn live(&self) -> String {
        self.0.seen().live.unwrap_or_default()
    }

    fn asked(&self) -> usize {
        self.0.seen().asked.values().sum::<u32>() as usize
    }

    fn finish(&self) {}

    fn misbehave(&self, _how: Misbehaviour) -> Applies {
        Applies::No("it always answers")
    }

    fn behave(&self) {}

    fn largest_answer_taken(&self) -> usize {
        0
    }
}
