//! The small Argo CD of the stories.

use crate::{
    api::Answered,
    argocd::{ArgoCd, Meets, NAME, TOKEN},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use std::sync::Arc;

struct ArgoCdRig(ArgoCd);

/// Two commits, of which the last is synced.
pub async fn start() -> Box<dyn Rig> {
    let argocd = ArgoCd::start(Arc::new(|| Clock::real().now())).await;
    argocd.deploy("2222222bbbb", "Fix the cart");
    argocd.deploy("3333333cccc", "New checkout");
    Box::new(ArgoCdRig(argocd))
}

impl ArgoCdRig {
    fn section(&self, application: &str, token: &str) -> String {
        format!(
            "provider = \"argocd\"\napplication = \"{application}\"\ntoken = \"env:{token}\"\n\
             api_url = \"{}\"",
            self.0.url()
        )
    }
}

#[async_trait]
impl Rig for ArgoCdRig {
    fn settings(&self) -> String {
        self.section(NAME, "ARGOCD_TOKEN")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("ARGOCD_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section(NAME, "WRONG"), "token"),
            // Argo CD does not tell it from one that the account may not see.
            (self.section("shops", "ARGOCD_TOKEN"), "application"),
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

    fn reverts(&self) {
        self.0.push("2222222bbbb", "Fix the cart");
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
            Misbehaviour::UnknownState => self.0.shows(Some("Dreaming")),
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
