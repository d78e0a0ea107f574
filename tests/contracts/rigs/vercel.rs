//! The small Vercel of the stories.

use crate::{
    rig::{Applies, Misbehaviour, Rig},
    vercel::{Nonsense, PROJECT, TEAM_ID, TOKEN, Vercel},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use serde_json::json;
use std::sync::Arc;

struct VercelRig(Vercel);

/// v212 and v213, of which the last serves everywhere.
pub async fn start() -> Box<dyn Rig> {
    let vercel = Vercel::start(Arc::new(|| Clock::real().now())).await;
    vercel.deploy("v212", "2222222bbbb", "Fix the cart", "kim");
    vercel.deploy("v213", "3333333cccc", "New checkout", "sam");
    Box::new(VercelRig(vercel))
}

impl VercelRig {
    fn section(&self, project: &str, team: &str, token: &str) -> String {
        format!(
            "provider = \"vercel\"\nproject = \"{project}\"\nteam = \"{team}\"\n\
             token = \"env:{token}\"\napi_url = \"{}\"",
            self.0.api_url()
        )
    }
}

#[async_trait]
impl Rig for VercelRig {
    fn settings(&self) -> String {
        self.section(PROJECT, TEAM_ID, "VERCEL_TOKEN")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("VERCEL_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section(PROJECT, TEAM_ID, "WRONG"), "token"),
            (
                self.section("backend", TEAM_ID, "VERCEL_TOKEN"),
                "project backend",
            ),
            (self.section(PROJECT, "others", "VERCEL_TOKEN"), "team"),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.0.production()
    }

    fn asked(&self) -> usize {
        self.0.rollbacks_asked()
    }

    fn finish(&self) {
        self.0.advance_to(usize::MAX);
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests => self.0.answer_next(
                429,
                json!({"error": {"code": "rate_limited", "message": "Too many requests"}}),
                &[("retry-after", "7")],
            ),
            Misbehaviour::DoneAndCut => self.0.break_after_accepting(),
            Misbehaviour::CutAndNotDone => self.0.lose_without_doing(),
            Misbehaviour::UnknownState => {
                self.0.show_job_as(Some("resting"));
                self.0.push("v214", "DREAMING");
            }
            Misbehaviour::Html => self.0.talk_nonsense(Some(Nonsense::Html)),
            Misbehaviour::Endless => self.0.talk_nonsense(Some(Nonsense::Endless)),
        }
        Applies::Yes
    }

    fn behave(&self) {
        self.0.show_job_as(None);
        self.0.talk_nonsense(None);
    }

    fn largest_answer_taken(&self) -> usize {
        self.0.most_sent()
    }
}
