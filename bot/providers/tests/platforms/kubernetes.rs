//! A cluster: every kind of workload, what is refused, and what kubectl says before and after.

use crate::{
    api::Answered,
    kubernetes_api::{Kubernetes, Meets, NAME, NAMESPACE, TOKEN},
    run::{Run, connect, live, survey},
    tls::Front,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rollback_domain::{
    platform::{About, Production, Progress, ProviderError},
    release::Survey,
};
use rollback_providers::Provider;
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tokio::process::Command;

const REPOSITORY: &str = "registry.example.com/acme/shop";

/// A workload that was deployed as v1, v2 and v3, of which the last serves, and who may change it.
struct Cluster {
    fake: Kubernetes,
    key: &'static str,
    /// The service account, and the kubeconfig.
    account: TempDir,
    front: Front,
}

impl Cluster {
    /// A minute passes with every look at the clock.
    async fn of(kind: &'static str, key: &'static str) -> Cluster {
        let minutes = AtomicI64::new(0);
        let start: Timestamp = "2026-03-14T00:00:00Z".parse().unwrap();
        let now = move || {
            let minute = minutes.fetch_add(1, Ordering::Relaxed);
            start + jiff::SignedDuration::from_mins(minute)
        };
        let fake = Kubernetes::start(kind, Arc::new(now), &image("v1")).await;
        fake.deploy(&image("v2"), Some("Fix the cart"));
        fake.deploy(&image("v3"), Some("New tax engine"));
        let account = tempfile::tempdir().unwrap();
        fs::write(account.path().join("token"), TOKEN).unwrap();
        let front = Front::start(&fake.url(), TOKEN);
        Cluster {
            fake,
            key,
            account,
            front,
        }
    }

    /// Writes a kubeconfig of the cluster, which is asked over TLS as this user, and gives its path.
    fn kubeconfig(&self, user: &Value) -> String {
        let Front { url, ca, .. } = &self.front;
        let ca = BASE64_STANDARD.encode(ca);
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: another\n\
             clusters:\n- name: shop-eu\n  cluster:\n    server: {url}\n    certificate-authority-data: {ca}\n\
             contexts:\n- context: {{cluster: shop-eu, user: bot, namespace: {NAMESPACE}}}\n  name: shop\n\
             users:\n- name: bot\n  user: {user}\n"
        );
        let path = self.account.path().join("kubeconfig");
        fs::write(&path, config).unwrap();
        path.display().to_string()
    }

    async fn deployment() -> Cluster {
        Cluster::of("Deployment", "deployment").await
    }

    fn provider(&self) -> Arc<dyn Provider> {
        connect(&format!(
            "provider = \"kubernetes\"\n{} = \"{NAME}\"\nnamespace = \"{NAMESPACE}\"\n\
             service_account = {:?}\napi_url = \"{}\"",
            self.key,
            self.account.path(),
            self.fake.url()
        ))
    }

    /// Why a plan to go back to v2 is refused.
    async fn refusal(&self) -> String {
        let provider = self.provider();
        let survey = survey(&*provider).await;
        let to = &survey.candidates[1].release;
        let refused = provider.dry_run(&survey, to, &About::default()).await;
        let Err(ProviderError::Refused(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.ends_with('.'), "{why}");
        // Those who check it are told the same.
        let checked = provider.check().await.unwrap_err().to_string();
        assert_eq!(checked, why);
        assert_eq!(self.fake.patches_asked(), 0);
        why
    }

    /// What kubectl prints; `None` when there is no kubectl on this machine.
    async fn kubectl(&self, arguments: &[&str]) -> Option<String> {
        let config = self.kubeconfig(&json!({"token": TOKEN}));
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(["--kubeconfig", &config, "--context", "shop"])
            .args(arguments)
            .env("HOME", self.account.path());
        let output = match kubectl.output().await {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("{error}"),
        };
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {told}");
        Some(String::from_utf8(output.stdout).unwrap())
    }
}

fn image(version: &str) -> String {
    format!("{REPOSITORY}:{version}")
}

#[tokio::test]
async fn every_kind_of_workload_goes_back_pod_by_pod() {
    for (kind, key) in [
        ("Deployment", "deployment"),
        ("StatefulSet", "statefulset"),
        ("DaemonSet", "daemonset"),
    ] {
        let cluster = Cluster::of(kind, key).await;
        let provider = cluster.provider();
        let checked = provider.check().await.unwrap();
        assert_eq!(
            checked,
            format!(
                "{key}/shop readable and changeable, 3 templates are kept: all 3 pods have it and are available"
            )
        );
        let before = survey(&*provider).await;
        let labels = before.candidates.iter();
        let labels: Vec<&str> = labels.map(|one| one.release.label()).collect();
        assert_eq!(labels, ["v3", "v2", "v1"], "{kind}");
        let mut run = Run::to(&*provider, "v2").await;
        run.ask().await.unwrap();
        let mut seen = vec![];
        for _ in 0..5 {
            let Progress::Serving { surfaces, said, .. } = run.look().await else {
                panic!("{kind} is rolled out");
            };
            let n = surfaces.iter().filter(|pod| pod.live.is_some()).count();
            seen.push(format!("{n}/{} {said}", surfaces.len()));
        }
        assert_eq!(
            seen,
            [
                "0/3 the cluster has not begun with the new template yet",
                "0/3 0 of 3 pods have it, 3 older ones are left, 3 pods are available",
                "1/3 1 of 3 pods have it, 2 older ones are left, 3 pods are available",
                "2/3 2 of 3 pods have it, 1 older ones are left, 3 pods are available",
                "3/3 all 3 pods have it and are available",
            ],
            "{kind}"
        );
        assert_eq!(cluster.fake.image(), image("v2"));
        let after = survey(&*provider).await;
        let id = |at: usize| &after.candidates[at].release.id;
        assert_eq!(after.live().unwrap().id, *id(1), "the id is that of before");
        let told = |survey: &Survey| -> Vec<_> {
            let releases = survey.candidates.iter().map(|one| one.release.clone());
            releases
                .map(|one| (one.id, one.also, one.message))
                .collect()
        };
        assert_eq!(told(&before), told(&after), "{kind}: there is no copy");
    }
}

#[tokio::test]
async fn a_restart_is_no_release_of_its_own() {
    let cluster = Cluster::deployment().await;
    cluster.fake.restart();
    let provider = cluster.provider();
    let found = survey(&*provider).await;
    assert_eq!(found.candidates.len(), 3);
    let live = found.live().unwrap();
    assert_eq!((live.label(), live.also.len()), ("v3", 1));
    // What was restarted is gone to as it was at last.
    cluster.fake.deploy(&image("v4"), None);
    Run::to(&*provider, "v3").await.finish().await;
    let annotations = &cluster.fake.template()["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string());
}

#[tokio::test]
async fn a_deploy_at_the_same_moment_is_never_overwritten() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    // Between the approval and the request.
    let mut run = Run::to(&*provider, "v2").await;
    cluster.fake.deploy(&image("v4"), None);
    let refused = run.ask().await.unwrap_err().to_string();
    assert!(refused.contains("since this was approved"), "{refused}");
    assert_eq!(cluster.fake.patches_asked(), 0);
    // Between the last look and the request.
    let mut run = Run::to(&*provider, "v2").await;
    cluster.fake.next_meets(Meets::Deploy(image("v5")));
    let Err(ProviderError::Refused(why)) = run.ask().await else {
        panic!("somebody else was first");
    };
    assert!(
        why.starts_with("Somebody changed deployment/shop at this very moment (422: "),
        "{why}"
    );
    assert_eq!(live(&*provider).await, "v5");
    // A number of pods that changes is no other template.
    let mut run = Run::to(&*provider, "v2").await;
    cluster.fake.edit(|object| {
        object["spec"]["replicas"] = json!(4);
    });
    run.ask().await.unwrap();
    assert_eq!(cluster.fake.image(), image("v2"));
    assert_eq!(cluster.fake.object()["spec"]["replicas"], 4);
}

#[tokio::test]
async fn what_somebody_else_owns_is_refused_with_where_to_go_instead() {
    let owned = |path: &'static str, key: &'static str, value: &'static str| {
        move |object: &mut Value| object["metadata"][path][key] = json!(value)
    };
    for (kind, edit, named) in [
        (
            "Argo CD",
            owned(
                "annotations",
                "argocd.argoproj.io/tracking-id",
                "acme-shop:apps/Deployment:production/shop",
            ),
            "provider = \"argocd\" with application = \"acme-shop\"",
        ),
        (
            "Argo CD by a label",
            owned("labels", "argocd.argoproj.io/instance", "acme-shop"),
            "provider = \"argocd\" with application = \"acme-shop\"",
        ),
        (
            "Flux with Helm",
            owned("labels", "helm.toolkit.fluxcd.io/name", "shop"),
            "preset = \"flux\"",
        ),
        (
            "Flux with Kustomize",
            owned("labels", "kustomize.toolkit.fluxcd.io/name", "apps"),
            "Revert the commit in its repository instead",
        ),
        (
            "Helm",
            owned("annotations", "meta.helm.sh/release-name", "shop"),
            "preset = \"helm\"",
        ),
        (
            "Helm by a label",
            owned("labels", "app.kubernetes.io/managed-by", "Helm"),
            "preset = \"helm\"",
        ),
    ] {
        let cluster = Cluster::deployment().await;
        cluster.fake.edit(edit);
        let why = cluster.refusal().await;
        assert!(why.contains(named), "{kind}: {why}");
    }
    let cluster = Cluster::deployment().await;
    cluster.fake.edit(|object| {
        object["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "acme.io/v1", "kind": "Shop", "name": "eu", "uid": "1", "controller": true},
        ]);
    });
    let why = cluster.refusal().await;
    assert!(why.contains("belongs to the Shop eu"), "{why}");
}

#[tokio::test]
async fn who_may_manage_it_is_a_warning_where_nothing_is_certain() {
    let cluster = Cluster::deployment().await;
    for (owner, warns) in [("acme-deployer", true), ("kustomize", false)] {
        cluster.fake.edit(|object| {
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!(owner);
        });
        let provider = cluster.provider();
        let run = Run::to(&*provider, "v2").await;
        let cautions = &run.order.plan.cautions;
        let is_warned = cautions.iter().any(|one| one.name() == "managed_by");
        assert_eq!(is_warned, warns, "{owner}: {cautions:?}");
    }
}

#[tokio::test]
async fn what_would_change_no_pod_is_refused() {
    for (key, path, value, named) in [
        ("deployment", "/spec/paused", json!(true), "are paused"),
        ("deployment", "/spec/replicas", json!(0), "scaled to 0"),
        (
            "deployment",
            "/metadata/deletionTimestamp",
            json!("2026-03-14T00:00:00Z"),
            "being deleted",
        ),
        (
            "statefulset",
            "/spec/updateStrategy",
            json!({"type": "OnDelete"}),
            "OnDelete",
        ),
        (
            "statefulset",
            "/spec/updateStrategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}),
            "from 2 on",
        ),
    ] {
        let cluster = match key {
            "statefulset" => Cluster::of("StatefulSet", key).await,
            _ => Cluster::deployment().await,
        };
        cluster.fake.edit(|object| {
            let (parent, key) = path.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[key] = value;
        });
        let why = cluster.refusal().await;
        assert!(why.contains(named), "{why}");
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    for (verb, resource) in [
        ("get", "deployments"),
        ("patch", "deployments"),
        ("list", "replicasets"),
    ] {
        let cluster = Cluster::deployment().await;
        cluster.fake.denies(verb, resource);
        let why = cluster.provider().check().await.unwrap_err().to_string();
        assert_eq!(
            why,
            format!(
                "This bot's account may not {verb} {resource} (apiGroup apps) in the namespace production. Add that to its Role."
            )
        );
    }
    // Without the right to change it, nobody is asked for an approval.
    let cluster = Cluster::deployment().await;
    cluster.fake.denies("patch", "deployments");
    let provider = cluster.provider();
    let found = survey(&*provider).await;
    let to = &found.candidates[1].release;
    let refused = provider.dry_run(&found, to, &About::default()).await;
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("cannot patch resource \"deployments\""),
        "{why}"
    );
}

#[tokio::test]
async fn a_rollout_that_is_stuck_is_told_and_can_be_left() {
    let cluster = Cluster::deployment().await;
    cluster.fake.deploy_broken(&image("v4"));
    let provider = cluster.provider();
    let found = survey(&*provider).await;
    assert_eq!(found.live().unwrap().label(), "v4");
    assert!(found.candidates[1].release.has_served, "its pods run still");
    assert_eq!(
        found.in_flight.as_deref(),
        Some(
            "its last rollout made no progress within its deadline: 1 of 3 pods have it, 3 older ones are left, 3 pods are available"
        )
    );
    // That v4 was stuck says nothing of the way back.
    let mut run = Run::to(&*provider, "v3").await;
    run.ask().await.unwrap();
    for _ in 0..3 {
        let progress = run.look().await;
        assert!(matches!(progress, Progress::Serving { .. }), "{progress:?}");
    }
    run.look_until_it_serves().await;
    // And one that does not come up is told.
    cluster.fake.gets_stuck();
    let mut run = Run::to(&*provider, "v2").await;
    run.ask().await.unwrap();
    let failed = async {
        for _ in 0..4 {
            if let Progress::Failed { why, production } = run.look().await {
                return (why, production);
            }
        }
        panic!("it does not fail");
    };
    let (why, production) = failed.await;
    assert!(why.contains("ProgressDeadlineExceeded"), "{why}");
    assert_eq!(production, Production::Changed);
}

#[tokio::test]
async fn what_is_put_back_by_somebody_else_is_told() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    let mut run = Run::to(&*provider, "v2").await;
    run.ask().await.unwrap();
    cluster.fake.deploy(&image("v3"), None);
    let Progress::Failed { why, production } = run.look().await else {
        panic!("something put v3 back");
    };
    assert!(why.contains("another template after the rollback"), "{why}");
    assert_eq!(production, Production::AsBefore);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_and_nothing_is_asked_again() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    cluster.fake.next_meets(Meets::Answer(Answered::Cut));
    let mut run = Run::to(&*provider, "v2").await;
    let lost = run.ask().await;
    assert!(
        matches!(lost, Err(ProviderError::Unanswered(_))),
        "{lost:?}"
    );
    let Progress::NotAsked { why } = run.look().await else {
        panic!("nothing was done");
    };
    assert_eq!(why, "deployment/shop still has the template of v3");
    cluster.fake.next_meets(Meets::DoneAndCut);
    let mut run = Run::to(&*provider, "v2").await;
    assert!(run.ask().await.is_err());
    run.look_until_it_serves().await;
    assert_eq!(cluster.fake.patches_asked(), 2);
}

#[tokio::test]
async fn a_template_that_is_not_kept_any_more_is_refused() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    let mut run = Run::to(&*provider, "v1").await;
    cluster.fake.keeps(2);
    let why = run.ask().await.unwrap_err().to_string();
    assert!(why.contains("has not kept the template of v1"), "{why}");
    assert_eq!(survey(&*provider).await.candidates.len(), 2);
}

#[tokio::test]
async fn the_token_is_read_each_time() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    provider.check().await.unwrap();
    cluster.fake.takes("the-token-of-the-next-hour");
    let expired = provider.check().await.unwrap_err().to_string();
    assert!(expired.contains("401: Unauthorized"), "{expired}");
    let path = cluster.account.path().join("token");
    fs::write(path, "the-token-of-the-next-hour\n").unwrap();
    provider.check().await.unwrap();
}

#[tokio::test]
async fn a_kubeconfig_is_enough_with_a_token_or_a_certificate() {
    let cluster = Cluster::deployment().await;
    let (cert, key) = &cluster.front.client;
    let [cert, key] = [cert, key].map(|pem| BASE64_STANDARD.encode(pem));
    let token_file = json!({"tokenFile": "token"});
    let certificate = json!({"client-certificate-data": cert, "client-key-data": key});
    let section = |config: &str| {
        format!(
            "provider = \"kubernetes\"\ndeployment = \"{NAME}\"\nnamespace = \"{NAMESPACE}\"\n\
             context = \"shop\"\nkubeconfig = \"file:{config}\""
        )
    };
    for user in [json!({"token": TOKEN}), token_file, certificate] {
        let provider = connect(&section(&cluster.kubeconfig(&user)));
        provider.check().await.unwrap();
    }
    let mut run_as = connect(&section(&cluster.kubeconfig(&json!({"token": TOKEN}))));
    Run::to(&*run_as, "v2").await.finish().await;
    // Whoever has no token that is known is told so, and another authority is not believed.
    run_as = connect(&section(&cluster.kubeconfig(&json!({"token": "nobody"}))));
    let why = run_as.check().await.unwrap_err().to_string();
    assert!(why.contains("401"), "{why}");
    let stranger = Front::start(&cluster.fake.url(), TOKEN);
    let config = cluster.kubeconfig(&json!({"token": TOKEN}));
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, written.replace(&cluster.front.url, &stranger.url)).unwrap();
    let why = connect(&section(&config)).check().await.unwrap_err();
    assert!(why.to_string().contains("certificate"), "{why}");
}

#[tokio::test]
async fn the_card_names_what_has_todays_content() {
    let cluster = Cluster::deployment().await;
    let provider = cluster.provider();
    let run = Run::to(&*provider, "v2").await;
    assert_eq!(
        run.order.plan.details,
        ["it reads ConfigMap shop-settings, Secret shop-database as they are today"]
    );
}

/// What kubectl says of the rollout, and of its revisions by their number.
async fn judged(cluster: &Cluster) -> Option<(String, String, String)> {
    let workload = format!("{}/shop", cluster.key);
    let status = cluster
        .kubectl(&["rollout", "status", &workload, "--watch=false"])
        .await?;
    let history = cluster.kubectl(&["rollout", "history", &workload]).await?;
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let image = cluster.kubectl(&["get", &workload, "-o", path]).await?;
    Some((status, history, image))
}

#[tokio::test]
async fn kubectl_is_the_judge_before_and_after_a_rollback() {
    let cluster = Cluster::deployment().await;
    let Some((status, history, shown)) = judged(&cluster).await else {
        println!("NOT PROVEN: kubectl is not on this machine");
        return;
    };
    assert_eq!(shown, image("v3"));
    assert_eq!(status, "deployment \"shop\" successfully rolled out\n");
    let rows = |history: &str| -> Vec<String> {
        let lines = history.lines().skip(2).filter(|line| !line.is_empty());
        lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(
        rows(&history),
        ["1 <none>", "2 Fix the cart", "3 New tax engine"]
    );
    let sets = cluster.kubectl(&["get", "rs", "-o", "name"]).await.unwrap();
    assert_eq!(sets.lines().count(), 3);

    let provider = cluster.provider();
    let mut run = Run::to(&*provider, "v2").await;
    run.ask().await.unwrap();
    let (status, _, shown) = judged(&cluster).await.unwrap();
    assert!(status.starts_with("Waiting for"), "{status}");
    assert_eq!(shown, image("v2"));
    run.look_until_it_serves().await;
    let (status, history, _) = judged(&cluster).await.unwrap();
    assert_eq!(status, "deployment \"shop\" successfully rolled out\n");
    // As after an undo of kubectl's own: revision 2 is number 4 now.
    assert_eq!(
        rows(&history),
        ["1 <none>", "3 New tax engine", "4 Fix the cart"]
    );

    // The same, done by kubectl, gives the same workload.
    let other = Cluster::deployment().await;
    let undo = ["rollout", "undo", "deployment/shop", "--to-revision=2"];
    other.kubectl(&undo).await.unwrap();
    other.fake.finish();
    assert_eq!(other.fake.template(), cluster.fake.template());
    let annotations = |cluster: &Cluster| cluster.fake.object()["metadata"]["annotations"].clone();
    assert_eq!(annotations(&other), annotations(&cluster));
    // And what kubectl did is read as what it is.
    assert_eq!(live(&*other.provider()).await, "v2");
    println!("proven: kubectl sees what the bot did");
}

/// A Rollout of Argo Rollouts that was deployed as v1, v2 and v3.
async fn rollout() -> (Cluster, Arc<dyn Provider>) {
    let cluster = Cluster::of("Rollout", "rollout").await;
    let provider = cluster.provider();
    (cluster, provider)
}

#[tokio::test]
async fn a_rollout_goes_back_by_its_strategy_and_waits_for_people_where_that_does() {
    let (cluster, provider) = rollout().await;
    cluster.fake.promotes(false);
    let mut run = Run::to(&*provider, "v2").await;
    assert_eq!(
        run.order.plan.details[0],
        "it goes through the 3 steps of its strategy, and waits for people where they do, unless its rollbackWindow has it"
    );
    run.ask().await.unwrap();
    cluster.fake.finish();
    let Progress::PeopleNeeded { tasks, said } = run.look().await else {
        panic!("it is paused at its second step");
    };
    assert_eq!(said, "it is Paused (CanaryPauseStep) at step 2 of 3");
    assert_eq!(
        tasks[0].text,
        "Promote rollout/shop to v2, or all of its steps at once: kubectl argo rollouts promote shop --full."
    );
    cluster.fake.promotes(true);
    run.look_until_it_serves().await;
    assert_eq!(cluster.fake.image(), image("v2"));
    assert_eq!(cluster.fake.patches_asked(), 1);
    assert_eq!(live(&*provider).await, "v2");
}

#[tokio::test]
async fn going_back_to_what_is_stable_ends_the_update_and_is_no_abort() {
    let (cluster, provider) = rollout().await;
    cluster.fake.begins_an_update(&image("v4"));
    let found = survey(&*provider).await;
    assert_eq!(found.live().unwrap().label(), "v4");
    assert_eq!(
        found.in_flight.as_deref(),
        Some("an update is under way: it is Paused (CanaryPauseStep) at step 2 of 3")
    );
    let mut run = Run::to(&*provider, "v3").await;
    assert_eq!(
        run.order.plan.details[0],
        "it ends the update that is under way, without its steps, and takes its template back"
    );
    run.ask().await.unwrap();
    run.look_until_it_serves().await;
    assert!(!cluster.fake.is_aborted());
    assert_eq!(cluster.fake.image(), image("v3"));
}

#[tokio::test]
async fn where_somebody_else_owns_the_template_an_update_is_aborted_and_nothing_is_undone() {
    let (cluster, provider) = rollout().await;
    cluster.fake.edit(|object| {
        let tracked = "acme-shop:argoproj.io/Rollout:production/shop";
        object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!(tracked);
    });
    // Without an update there is nothing to abort.
    let found = survey(&*provider).await;
    let to = &found.candidates[1].release;
    let refused = provider.dry_run(&found, to, &About::default()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("Use provider = \"argocd\""), "{why}");
    let checked = provider.check().await.unwrap();
    assert!(
        checked.ends_with("only an update that is under way can be aborted"),
        "{checked}"
    );

    cluster.fake.begins_an_update(&image("v4"));
    let mut run = Run::to(&*provider, "v3").await;
    assert_eq!(
        run.order.plan.details[0],
        "it aborts the update that is under way: the stable template serves again, and that cannot be undone from here"
    );
    assert!(!run.order.plan.effects.undoable);
    let Progress::NotAsked { .. } = run.look().await else {
        panic!("nothing was asked yet");
    };
    run.ask().await.unwrap();
    run.look_until_it_serves().await;
    assert!(cluster.fake.is_aborted());
    assert_eq!(cluster.fake.image(), image("v4"), "the template stays");
    let now = survey(&*provider).await;
    assert_eq!(now.live().unwrap().label(), "v3");
    assert_eq!(
        now.in_flight.as_deref(),
        Some("its update was aborted, and its template is the new one still")
    );
    // An answer that is lost is read back as well.
    cluster.fake.begins_an_update(&image("v5"));
    cluster.fake.next_meets(Meets::DoneAndCut);
    let mut run = Run::to(&*provider, "v3").await;
    let lost = run.ask().await;
    assert!(
        matches!(lost, Err(ProviderError::Unanswered(_))),
        "{lost:?}"
    );
    run.look_until_it_serves().await;
}

#[tokio::test]
async fn an_update_that_is_aborted_meanwhile_has_failed_and_its_template_is_not_gone_to() {
    let (cluster, provider) = rollout().await;
    cluster.fake.promotes(false);
    let mut run = Run::to(&*provider, "v2").await;
    run.ask().await.unwrap();
    cluster.fake.finish();
    cluster.fake.aborts();
    let Progress::Failed { why, production } = run.look().await else {
        panic!("its analysis failed");
    };
    assert_eq!(production, Production::AsBefore);
    assert!(
        why.starts_with("the update of rollout/shop to v2 was aborted: it is Degraded (RolloutAborted: Rollout aborted update)"),
        "{why}"
    );
    let found = survey(&*provider).await;
    assert_eq!(found.live().unwrap().label(), "v3");
    let v2 = found
        .candidates
        .iter()
        .find(|one| one.release.label() == "v2");
    let refused = provider
        .dry_run(&found, &v2.unwrap().release, &About::default())
        .await;
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("kubectl argo rollouts retry rollout shop"),
        "{why}"
    );
}

#[tokio::test]
async fn a_rollout_that_takes_its_template_from_elsewhere_is_refused() {
    let (cluster, provider) = rollout().await;
    cluster.fake.edit(|object| {
        let spec = object["spec"].as_object_mut().unwrap();
        spec.insert(
            "workloadRef".into(),
            json!({"kind": "Deployment", "name": "shop-template"}),
        );
    });
    let why = provider.check().await.unwrap_err().to_string();
    assert!(
        why.contains("takes its template from shop-template (workloadRef)"),
        "{why}"
    );
}

#[tokio::test]
async fn the_right_to_change_rollouts_is_one_of_their_own_group() {
    let (cluster, provider) = rollout().await;
    cluster.fake.denies("patch", "rollouts");
    let why = provider.check().await.unwrap_err().to_string();
    assert!(
        why.contains("may not patch rollouts (apiGroup argoproj.io)"),
        "{why}"
    );
}
