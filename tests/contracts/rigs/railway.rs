//! The small Railway of the stories.

use crate::{
    api::Answered,
    railway::{Meets, Railway, SERVICE, TOKEN},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use std::sync::Arc;

struct RailwayRig(Railway);

/// Two commits, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let railway = Railway::start(Arc::new(|| Clock::real().now())).await;
    railway.deploy("2222222bbbb", "Fix the cart");
    railway.deploy("3333333cccc", "New checkout");
    Box::new(RailwayRig(railway))
}

impl RailwayRig {
    fn section(&self, service: &str, token: &str) -> String {
        format!(
            "provider = \"railway\"\nproject = \"p1\"\nenvironment = \"e1\"\n\
             service = \"{service}\"\ntoken = \"env:{token}\"\napi_url = \"{}\"",
            self.0.api_url()
        )
    }
}

#[async_trait]
impl Rig for RailwayRig {
    fn settings(&self) -> String {
        self.section(SERVICE, "RAILWAY_TOKEN")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("RAILWAY_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section(SERVICE, "WRONG"), "token"),
            (
                self.section("another", "RAILWAY_TOKEN"),
                "the service another (ServiceInstance not found)",
            ),
        ]
    }

    fn earlier(&self) -> &'static str {
        "2222222"
    }

    fn live(&self) -> String {
        self.0.live()
    }

    fn asked(&self) -> usize {
        self.0.rollbacks_asked()
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
            Misbehaviour::UnknownState => self.0.shows(Some("RESTING")),
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
