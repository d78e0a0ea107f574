//! The small cluster of the stories.

use crate::{
    api::Answered,
    kubernetes::{Kubernetes, Meets, NAME, NAMESPACE, TOKEN},
    rig::{Applies, Misbehaviour, Rig},
};
use async_trait::async_trait;
use rollback_bot::clock::Clock;
use std::{fs, sync::Arc};
use tempfile::TempDir;

struct KubernetesRig {
    cluster: Kubernetes,
    /// What the configuration calls its kind of workload.
    key: &'static str,
    /// Service accounts, a directory each.
    accounts: TempDir,
}

/// A Deployment with two templates, of which the last serves.
pub async fn deployment() -> Box<dyn Rig> {
    start("Deployment", "deployment").await
}

/// The same of a Rollout of Argo Rollouts.
pub async fn rollout() -> Box<dyn Rig> {
    start("Rollout", "rollout").await
}

async fn start(kind: &'static str, key: &'static str) -> Box<dyn Rig> {
    let now = Arc::new(|| Clock::real().now());
    let cluster = Kubernetes::start(kind, now, "registry.example.com/shop:v212").await;
    cluster.deploy("registry.example.com/shop:v213", Some("New checkout"));
    let accounts = tempfile::tempdir().unwrap();
    for (name, token) in [("bot", TOKEN), ("stranger", "nobody-knows-this-one")] {
        let account = accounts.path().join(name);
        fs::create_dir(&account).unwrap();
        fs::write(account.join("token"), format!("{token}\n")).unwrap();
    }
    Box::new(KubernetesRig {
        cluster,
        key,
        accounts,
    })
}

impl KubernetesRig {
    fn section(&self, name: &str, account: &str) -> String {
        let key = self.key;
        format!(
            "provider = \"kubernetes\"\n{key} = \"{name}\"\nnamespace = \"{NAMESPACE}\"\n\
             service_account = {:?}\napi_url = \"{}\"",
            self.accounts.path().join(account),
            self.cluster.url()
        )
    }
}

#[async_trait]
impl Rig for KubernetesRig {
    fn settings(&self) -> String {
        self.section(NAME, "bot")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("the token of the service account", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        vec![
            (self.section(NAME, "stranger"), "token"),
            (self.section(NAME, "nobody"), "token"),
            (self.section("shops", "bot"), "/shops in the namespace"),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.cluster.live()
    }

    fn asked(&self) -> usize {
        self.cluster.patches_asked()
    }

    fn finish(&self) {
        self.cluster.finish();
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests => {
                self.cluster
                    .next_meets(Meets::Answer(Answered::Wait(429, 7)));
            }
            Misbehaviour::DoneAndCut => self.cluster.next_meets(Meets::DoneAndCut),
            Misbehaviour::CutAndNotDone => self.cluster.next_meets(Meets::Answer(Answered::Cut)),
            Misbehaviour::UnknownState => self.cluster.shows(Some("Dreaming")),
            Misbehaviour::Html => self.cluster.all_meet(Some(Answered::Page)),
            Misbehaviour::Endless => self.cluster.all_meet(Some(Answered::Endless)),
        }
        Applies::Yes
    }

    fn behave(&self) {
        self.cluster.shows(None);
        self.cluster.all_meet(None);
    }

    fn largest_answer_taken(&self) -> usize {
        self.cluster.most_sent()
    }
}
