//! The presets of `command`, against programs that print what the platforms' own do.

use crate::run::{Programs, Run, TOKEN, connect, live, survey};
use rollback_domain::{
    platform::{Progress, ProviderError},
    release::Pin,
};
use rollback_providers::Provider;
use std::sync::Arc;

/// A service on a preset.
fn service(preset: &str, more: &str) -> Arc<dyn Provider> {
    connect(&format!(
        "provider = \"command\"\npreset = \"{preset}\"\n{more}"
    ))
}

/// The ids that are listed, newest first, and why each may not be gone to.
async fn listed(provider: &dyn Provider) -> Vec<(String, Option<String>)> {
    let survey = survey(provider).await;
    let candidates = survey.candidates.into_iter();
    candidates
        .map(|candidate| (candidate.release.label().to_owned(), candidate.barred))
        .collect()
}

/// What it costs to be listed without a reason against it.
fn eligible(names: &[&str]) -> Vec<(String, Option<String>)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), None))
        .collect()
}

const KAMAL: &str = r#"
case "$*" in
"app containers --quiet --config-file deploy.yml")
  # Two hosts: each prints its own.
  for host in 1 2; do
    echo "CONTAINER ID   IMAGE                               COMMAND       CREATED       STATUS      PORTS   NAMES"
    echo "1a2b3c4d5e6f   registry.example.com/acme/shop:c3   \"./run\"      2 hours ago   Up          80      shop-web-c3"
    echo "2a2b3c4d5e6f   registry.example.com/acme/shop:b2   \"./run\"      2 days ago    Exited              shop-web-b2"
    echo
  done ;;
"app version --quiet --config-file deploy.yml") cat host1 host2 ;;
"rollback "*" --config-file deploy.yml")
  echo "$*" >> asked
  if [ "$2" = gone ] || [ -e missing ]; then
    echo "The app version '$2' is not available as a container (use 'kamal app containers' for available versions)"
    exit 0
  fi
  echo "$2" > host1
  [ -e slow ] || echo "$2" > host2
  echo '  Finished all in 12.1 seconds' ;;
*) exit 64 ;;
esac"#;

#[tokio::test]
async fn kamal_goes_back_host_by_host() {
    let programs = Programs::new();
    let program = programs.add("kamal", KAMAL);
    programs.write("host1", "c3\n");
    programs.write("host2", "c3\n");
    let provider = service(
        "kamal",
        &format!("program = {program:?}\nconfig = \"deploy.yml\""),
    );
    assert_eq!(
        provider.check().await.unwrap(),
        "2 releases are listed, c3 serves"
    );
    assert_eq!(listed(&*provider).await, eligible(&["c3", "b2"]));
    programs.write("slow", "");
    let mut run = Run::to(&*provider, "b2").await;
    let receipt = run.ask().await.unwrap();
    assert!(
        receipt.said.contains("Finished all in 12.1 seconds"),
        "{}",
        receipt.said
    );
    let Progress::Serving { surfaces, .. } = run.look().await else {
        panic!("one host of two has it");
    };
    let live: Vec<_> = surfaces
        .iter()
        .map(|surface| surface.live.as_deref())
        .collect();
    assert_eq!(live, [Some("b2"), Some("c3")]);
    programs.write("host2", "b2\n");
    assert_eq!(run.look_until_it_serves().await, Pin::NotNeeded);
    assert_eq!(
        programs.read("asked"),
        "rollback b2 --config-file deploy.yml\n"
    );
}

#[tokio::test]
async fn kamal_exits_0_for_a_version_that_is_not_there_and_nothing_is_claimed() {
    let programs = Programs::new();
    let program = programs.add("kamal", KAMAL);
    programs.write("host1", "c3\n");
    programs.write("host2", "c3\n");
    programs.write("missing", "");
    let provider = service(
        "kamal",
        &format!("program = {program:?}\nconfig = \"deploy.yml\""),
    );
    let mut run = Run::to(&*provider, "b2").await;
    let receipt = run.ask().await.unwrap();
    assert!(
        receipt.said.contains("is not available as a container"),
        "{}",
        receipt.said
    );
    let Progress::Serving { surfaces, .. } = run.look().await else {
        panic!("it is looked at again");
    };
    assert!(
        surfaces
            .iter()
            .all(|surface| surface.live.as_deref() == Some("c3"))
    );
}

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

#[tokio::test]
async fn dokku_goes_back_by_digest() {
    let programs = Programs::new();
    let dokku = programs.add(
        "dokku",
        r#"case "$*" in
"git:report shop --git-source-image") cat source ;;
"git:from-image shop registry.example.com/shop@"*) echo "$*" >> asked; echo "$3" > source ;;
*) exit 64 ;;
esac"#,
    );
    let docker = programs.add("docker", "cat images");
    let image = |digest: &str, tag: &str, day: u32| {
        format!(
            "{{\"Containers\":\"N/A\",\"CreatedAt\":\"2026-03-{day} 02:41:00 +0000 UTC\",\"Digest\":\"{digest}\",\"ID\":\"sha256:ab\",\"Repository\":\"registry.example.com/shop\",\"Size\":\"90MB\",\"Tag\":\"{tag}\"}}\n"
        )
    };
    let images =
        image(NEW, "7.2", 14) + &image("<none>", "dangling", 13) + &image(OLD, "<none>", 12);
    programs.write("images", &images);
    programs.write("source", &format!("registry.example.com/shop@{NEW}\n"));
    let provider = service(
        "dokku",
        &format!(
            "app = \"shop\"\nimage = \"registry.example.com/shop\"\nprogram = {dokku:?}\ndocker = {docker:?}"
        ),
    );
    assert_eq!(
        provider.check().await.unwrap(),
        "2 releases are listed, 7.2 serves"
    );
    let read = survey(&*provider).await;
    let created = read.candidates[1].release.created_at.unwrap();
    assert_eq!(created.to_string(), "2026-03-12T02:41:00Z");
    Run::to(&*provider, OLD).await.finish().await;
    assert_eq!(
        programs.read("asked"),
        format!("git:from-image shop registry.example.com/shop@{OLD}\n")
    );
}

/// A history as Helm keeps it: a rollback is a new revision.
const HELM: &str = r#"
case "$*" in
"history shop --namespace web --output json") cat history ;;
"rollback shop "*" --namespace web")
  echo "$*" >> asked
  sed -e 's/"deployed"/"superseded"/' -e 's/]$//' history > next
  echo ",{\"revision\":5,\"updated\":\"2026-03-14T03:12:30.1+01:00\",\"status\":\"deployed\",\"chart\":\"shop-1.4.0\",\"app_version\":\"2.0\",\"description\":\"Rollback to $3\"}]" >> next
  mv next history
  echo "Rollback was a success! Happy Helming!" ;;
*) exit 64 ;;
esac"#;

fn history(last: &str) -> String {
    let revision = |number: u32, status: &str, description: &str| {
        format!(
            "{{\"revision\":{number},\"updated\":\"2026-03-1{number}T02:41:00.123456789+01:00\",\"status\":\"{status}\",\"chart\":\"shop-1.{number}.0\",\"app_version\":\"2.0\",\"description\":\"{description}\"}}"
        )
    };
    format!(
        "[{},{},{},{}]",
        revision(1, "superseded", "Install complete"),
        revision(2, "superseded", "Upgrade complete"),
        revision(3, "failed", "Upgrade \\\"shop\\\" failed: timed out"),
        revision(4, last, "Upgrade complete"),
    )
}

#[tokio::test]
async fn a_rollback_of_helms_is_a_copy_and_the_bad_revision_is_no_previous_one() {
    let programs = Programs::new();
    let helm = programs.add("helm", HELM);
    programs.write("history", &history("deployed"));
    let provider = service(
        "helm",
        &format!("release = \"shop\"\nnamespace = \"web\"\nprogram = {helm:?}"),
    );
    assert_eq!(
        provider.check().await.unwrap(),
        "4 releases are listed, 4 serves"
    );
    let failed = Some("its status is failed".to_owned());
    let mut all = eligible(&["4", "3", "2", "1"]);
    all[1].1 = failed;
    assert_eq!(listed(&*provider).await, all);
    Run::to(&*provider, "2").await.finish().await;
    assert_eq!(programs.read("asked"), "rollback shop 2 --namespace web\n");
    // Revision 5 is the content of revision 2, at its place: 4 is newer than what serves.
    let after = survey(&*provider).await;
    assert_eq!(after.live().unwrap().id, "2");
    assert_eq!(after.candidates[2].release.also, ["5"]);
    let order: Vec<&str> = after
        .candidates
        .iter()
        .map(|known| known.release.id.as_str())
        .collect();
    assert_eq!(order, ["4", "3", "2", "1"]);
}

#[tokio::test]
async fn a_helm_that_was_killed_is_under_way() {
    let programs = Programs::new();
    let helm = programs.add("helm", HELM);
    programs.write("history", &history("pending-upgrade"));
    let provider = service(
        "helm",
        &format!("release = \"shop\"\nnamespace = \"web\"\nprogram = {helm:?}"),
    );
    let read = survey(&*provider).await;
    assert_eq!(read.in_flight.as_deref(), Some("pending-upgrade"));
}

#[tokio::test]
async fn flux_is_suspended_first_and_resumed_by_unpin() {
    let programs = Programs::new();
    let helm = programs.add("helm", HELM);
    let flux = programs.add(
        "flux",
        r#"case "$*" in
"suspend helmrelease shop --namespace web") echo true > suspended; echo "$*" >> asked ;;
"resume helmrelease shop --namespace web") echo false > suspended ;;
*) exit 64 ;;
esac"#,
    );
    let kubectl = programs.add(
        "kubectl",
        r#"[ "$*" = "get helmreleases.helm.toolkit.fluxcd.io shop --namespace web --output json" ] || exit 64
case "$(cat suspended)" in true) echo '{"spec":{"suspend":true}}' ;; *) echo '{"spec":{}}' ;; esac"#,
    );
    programs.write("history", &history("deployed"));
    programs.write("suspended", "false");
    let provider = service(
        "flux",
        &format!(
            "name = \"shop\"\nrelease = \"shop\"\nnamespace = \"web\"\nhelm = {helm:?}\nflux = {flux:?}\nkubectl = {kubectl:?}"
        ),
    );
    assert_eq!(survey(&*provider).await.pin, Pin::Off);
    assert_eq!(Run::to(&*provider, "2").await.finish().await, Pin::On);
    assert_eq!(
        programs.read("asked"),
        "suspend helmrelease shop --namespace web\nrollback shop 2 --namespace web\n"
    );
    let said = provider.unpin(&serde_json::Value::Null).await.unwrap();
    assert_eq!(said, "automatic deploys go live again (read back)");
    assert_eq!(survey(&*provider).await.pin, Pin::Off);
}

#[tokio::test]
async fn fly_deploys_the_old_image_machine_by_machine() {
    let programs = Programs::new();
    let fly = programs.add(
        "fly",
        r#"[ "$FLY_API_TOKEN" = token-of-the-platform-51 ] || { echo "no token" >&2; exit 1; }
case "$*" in
"releases --app shop --image --json") cat releases ;;
"machine list --app shop --json")
  m() { echo "{\"id\":\"$1\",\"state\":\"$2\",\"region\":\"fra\",\"config\":{\"image\":\"$3\"}}"; }
  echo "[$(m 1781 started "$(cat image)@sha256:ab"),$(m 1782 stopped "$(cat image)"),$(m 1783 destroyed old)]" ;;
"deploy --app shop --image "*" --config fly.toml") echo "$*" >> asked; echo "$5" > image ;;
*) exit 64 ;;
esac"#,
    );
    let release = |version: u32, status: &str| {
        format!(
            "{{\"ID\":\"r{version}\",\"Version\":{version},\"Status\":\"{status}\",\"Description\":\"Deploy image\",\"User\":{{\"Email\":\"kim@example.com\"}},\"CreatedAt\":\"2026-03-1{version}T02:41:00Z\",\"ImageRef\":\"registry.fly.io/shop:deployment-{version}\"}}"
        )
    };
    programs.write(
        "releases",
        &format!(
            "[{},{},{}]",
            release(3, "complete"),
            release(2, "failed"),
            release(1, "complete")
        ),
    );
    programs.write("image", "registry.fly.io/shop:deployment-3");
    let provider = service(
        "fly",
        &format!("app = \"shop\"\ntoken = \"env:TOKEN\"\nprogram = {fly:?}"),
    );
    assert_eq!(
        provider.check().await.unwrap(),
        "3 releases are listed, v3 serves"
    );
    let surfaces = survey(&*provider).await.surfaces;
    let names: Vec<&str> = surfaces
        .iter()
        .map(|surface| surface.name.as_str())
        .collect();
    assert_eq!(names, ["1781", "1782"]);
    assert!(!format!("{provider:?}", provider = survey(&*provider).await).contains(TOKEN));
    Run::to(&*provider, "v1").await.finish().await;
    assert_eq!(
        programs.read("asked"),
        "deploy --app shop --image registry.fly.io/shop:deployment-1 --config fly.toml\n"
    );
}

#[tokio::test]
async fn cloud_run_pins_by_itself_and_people_let_deploys_go() {
    let programs = Programs::new();
    let gcloud = programs.add(
        "gcloud",
        r#"at="--region europe-west1 --project acme"
case "$*" in
"run revisions list --service shop $at --format json") cat revisions ;;
"run services describe shop $at --format json") cat service ;;
"run services update-traffic shop --to-revisions shop-00001=100 $at --quiet")
  echo "$*" >> asked
  echo '{"spec":{"traffic":[{"revisionName":"shop-00001","percent":100}]},"status":{"traffic":[{"revisionName":"shop-00001","percent":100},{"revisionName":"shop-00002","tag":"next"}]}}' > service ;;
*) exit 64 ;;
esac"#,
    );
    programs.write(
        "revisions",
        r#"[{"metadata":{"name":"shop-00001","creationTimestamp":"2026-03-12T02:41:00.100000Z"},"spec":{"containers":[{"image":"shop:1"}]}},
            {"metadata":{"name":"shop-00002","creationTimestamp":"2026-03-14T02:41:00.100000Z"},"spec":{"containers":[{"image":"shop:2"}]}}]"#,
    );
    programs.write(
        "service",
        r#"{"spec":{"traffic":[{"latestRevision":true,"percent":100}]},"status":{"traffic":[{"revisionName":"shop-00002","latestRevision":true,"percent":100}]}}"#,
    );
    let provider = service(
        "cloud-run",
        &format!(
            "service = \"shop\"\nregion = \"europe-west1\"\nproject = \"acme\"\nprogram = {gcloud:?}"
        ),
    );
    assert_eq!(survey(&*provider).await.pin, Pin::Off);
    assert_eq!(
        listed(&*provider).await,
        eligible(&["shop-00002", "shop-00001"])
    );
    assert_eq!(
        Run::to(&*provider, "shop-00001").await.finish().await,
        Pin::On
    );
    let Err(ProviderError::Refused(why)) = provider.unpin(&serde_json::Value::Null).await else {
        panic!("it would move production");
    };
    assert!(why.contains("--to-latest"), "{why}");
}

#[tokio::test]
async fn an_alias_of_lambdas_moves_only_if_nobody_has_moved_it() {
    let programs = Programs::new();
    let aws = programs.add(
        "aws",
        r#"at="--region eu-central-1 --output json"
case "$*" in
"lambda list-versions-by-function --function-name shop $at")
  echo '{"Versions":[{"Version":"$LATEST","LastModified":"2026-03-14T02:41:00.000+0000"},{"Version":"6","Description":"faster search","LastModified":"2026-03-12T02:41:00.000+0000"},{"Version":"7","LastModified":"2026-03-14T02:41:00.000+0000"}]}' ;;
"lambda get-alias --function-name shop --name live $at") cat alias ;;
"lambda update-alias --function-name shop --name live --function-version 6 --revision-id "*" --routing-config AdditionalVersionWeights={} $at")
  echo asked >> asked
  grep -q "\"RevisionId\":\"${10}\"" alias || { echo "An error occurred (PreconditionFailedException)" >&2; exit 254; }
  echo '{"Name":"live","FunctionVersion":"6","RevisionId":"r2"}' > alias ;;
*) exit 252 ;;
esac"#,
    );
    programs.write(
        "alias",
        r#"{"Name":"live","FunctionVersion":"7","RevisionId":"r1"}"#,
    );
    let provider = service(
        "aws-lambda",
        &format!(
            "function = \"shop\"\nalias = \"live\"\nregion = \"eu-central-1\"\nprogram = {aws:?}"
        ),
    );
    assert_eq!(listed(&*provider).await, eligible(&["7", "6"]));
    let created = survey(&*provider).await.candidates[1]
        .release
        .created_at
        .unwrap();
    assert_eq!(created.to_string(), "2026-03-12T02:41:00Z");
    let mut late = Run::to(&*provider, "6").await;
    programs.write(
        "alias",
        r#"{"Name":"live","FunctionVersion":"7","RevisionId":"moved"}"#,
    );
    assert!(matches!(
        late.ask().await,
        Err(ProviderError::Unanswered(_))
    ));
    assert!(matches!(late.look().await, Progress::NotAsked { .. }));
    Run::to(&*provider, "6").await.finish().await;
    assert_eq!(live(&*provider).await, "6");
}

#[tokio::test]
async fn ecs_drains_the_old_deployment_before_all_of_it_serves() {
    let programs = Programs::new();
    let aws = programs.add(
        "aws",
        r#"at="--region eu-central-1 --output json"
task=arn:aws:ecs:eu-central-1:1:task-definition/shop
case "$*" in
"ecs list-task-definitions --family-prefix shop --status ACTIVE --sort DESC --max-items 50 $at")
  echo "{\"taskDefinitionArns\":[\"$task:42\",\"$task:41\"]}" ;;
"ecs describe-services --cluster production --services shop $at") cat service ;;
"ecs update-service --cluster production --service shop --task-definition $task:41 $at")
  echo "$*" >> asked
  echo "{\"services\":[{\"deployments\":[{\"status\":\"PRIMARY\",\"taskDefinition\":\"$task:41\",\"rolloutState\":\"IN_PROGRESS\"},{\"status\":\"ACTIVE\",\"taskDefinition\":\"$task:42\",\"rolloutState\":\"COMPLETED\"}]}]}" > service ;;
*) exit 252 ;;
esac"#,
    );
    let steady = |number: u32| {
        format!(
            "{{\"services\":[{{\"deployments\":[{{\"status\":\"PRIMARY\",\"taskDefinition\":\"arn:aws:ecs:eu-central-1:1:task-definition/shop:{number}\",\"rolloutState\":\"COMPLETED\"}}]}}]}}"
        )
    };
    programs.write("service", &steady(42));
    let provider = service(
        "aws-ecs",
        &format!(
            "cluster = \"production\"\nservice = \"shop\"\nfamily = \"shop\"\nregion = \"eu-central-1\"\nprogram = {aws:?}"
        ),
    );
    assert_eq!(
        provider.check().await.unwrap(),
        "2 releases are listed, shop:42 serves"
    );
    let mut run = Run::to(&*provider, "shop:41").await;
    run.ask().await.unwrap();
    let Progress::Serving { surfaces, .. } = run.look().await else {
        panic!("both run");
    };
    assert_eq!(surfaces.len(), 2);
    assert_eq!(
        survey(&*provider).await.in_flight.as_deref(),
        Some("IN_PROGRESS")
    );
    programs.write("service", &steady(41));
    run.look_until_it_serves().await;
    assert_eq!(live(&*provider).await, "shop:41");
}
