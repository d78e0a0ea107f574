//! The small GitHub of the stories, in each of the ways in which a workflow is made to deploy.

use crate::{
    api::Answered,
    github::{GitHub, Meets, REPOSITORY, TOKEN},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use std::sync::Arc;

struct GitHubRig {
    github: GitHub,
    /// What the section of the service has besides.
    mode: &'static str,
}

/// Two commits, of which the last serves.
async fn start(mode: &'static str) -> Box<dyn Rig> {
    let github = GitHub::start(Arc::new(|| Clock::real().now())).await;
    github.push("cart", "1\n", "Fix the cart");
    github.push("checkout", "2\n", "New checkout");
    Box::new(GitHubRig { github, mode })
}

/// A workflow that is started by hand, while another one deploys every push.
pub async fn dispatched() -> Box<dyn Rig> {
    start("mode = \"dispatch\"\nworkflow = \"rollback.yml\"\ndeploys = \"deploy.yml\"").await
}

/// A tag that is moved.
pub async fn tagged() -> Box<dyn Rig> {
    start("mode = \"tag\"\ntag = \"production\"\nworkflow = \"deploy.yml\"").await
}

/// A pull request that people merge.
pub async fn reverted() -> Box<dyn Rig> {
    start("mode = \"revert\"\nworkflow = \"deploy.yml\"").await
}

impl GitHubRig {
    fn section(&self, repository: &str, mode: &str, token: &str) -> String {
        format!(
            "provider = \"github\"\nrepository = \"{repository}\"\n{mode}\n\
             token = \"env:{token}\"\napi_url = \"{}\"",
            self.github.api_url()
        )
    }
}

#[async_trait]
impl Rig for GitHubRig {
    fn settings(&self) -> String {
        self.section(REPOSITORY, self.mode, "GITHUB_TOKEN")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("GITHUB_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        let no_workflow = "mode = \"revert\"\nworkflow = \"another.yml\"";
        vec![
            (self.section(REPOSITORY, self.mode, "WRONG"), "token"),
            (
                self.section("acme/another", self.mode, "GITHUB_TOKEN"),
                "no repository acme/another",
            ),
            (
                self.section(REPOSITORY, no_workflow, "GITHUB_TOKEN"),
                "no workflow another.yml",
            ),
        ]
    }

    fn earlier(&self) -> &'static str {
        "5e73fe4"
    }

    fn live(&self) -> String {
        // A merged revert is another commit with the same files.
        let earlier = self.github.rev(&format!("{}^{{tree}}", self.earlier()));
        let live = self.github.live();
        match self.github.rev(&format!("{live}^{{tree}}")) == earlier {
            true => self.earlier().to_owned(),
            false => live,
        }
    }

    fn asked(&self) -> usize {
        self.github.changes_asked()
    }

    fn finish(&self) {
        self.github.finish();
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests => {
                self.github
                    .next_meets(Meets::Answer(Answered::Wait(429, 7)));
            }
            Misbehaviour::DoneAndCut => self.github.next_meets(Meets::DoneAndCut),
            Misbehaviour::CutAndNotDone => {
                self.github.next_meets(Meets::Answer(Answered::Cut));
            }
            Misbehaviour::UnknownState => self.github.shows(Some("resting")),
            Misbehaviour::Html => self.github.all_meet(Some(Answered::Page)),
            Misbehaviour::Endless => self.github.all_meet(Some(Answered::Endless)),
        }
        Applies::Yes
    }

    fn behave(&self) {
        self.github.shows(None);
        self.github.all_meet(None);
    }

    fn largest_answer_taken(&self) -> usize {
        self.github.most_sent()
    }
}
