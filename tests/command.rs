//! A platform that a script on the bot's own machine lists and rolls back.

use crate::support::{ROLES, World, site::Site};
use insta::assert_snapshot;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// It knows v212 to v214. What it does with the next request stands in the file `mood`.
const SCRIPT: &str = r#"
cd "$(dirname "$0")" || exit 9
case "$1" in
list)
  for v in v214 v213 v212; do
    kept=$(cat "kept-$v" 2>/dev/null)
    echo "{\"id\": \"$v\", \"live_since\": \"$(cat "since-$v")\", \"kept_until\": \"$kept\", \"by\": \"kim\"}"
  done ;;
live) echo "{\"surfaces\": [{\"name\": \"web\", \"live\": \"$(cat live)\"}]}" ;;
go)
  echo "$*" >> asked
  mood=$(cat mood); rm -f mood
  case "$mood" in
  busy) echo 'a deploy is running' >&2; exit 75 ;;
  refused) echo 'v213 was removed' >&2; exit 64 ;;
  lost) echo "$2" > live; kill -9 $$ ;;
  silent) kill -9 $$ ;;
  *) echo "$2" > live; echo "switched to $2" ;;
  esac ;;
esac
"#;

const SERVICE: &str = r#"
[services.api.production]
provider = "command"
platform = "deployctl"
list = ["sh", "{place}/deployctl", "list"]
live = ["sh", "{place}/deployctl", "live"]
roll_back = ["sh", "{place}/deployctl", "go", "{id}", "{rollback}: {because}"]
refused = [64]
restores = ["the binary", "its unit file"]
leaves = ["database", "environment"]
after = "the next deploy replaces it"
approve = ["oncall"]
requester_may_approve = true
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which `api` serves v214.
pub async fn world() -> (World, TempDir) {
    world_with("").await
}

/// The same with more settings.
pub async fn world_with(more: &str) -> (World, TempDir) {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, contents: &str| fs::write(place.path().join(name), contents).unwrap();
    file("deployctl", SCRIPT);
    file("live", "v214");
    for (version, since) in [
        ("v212", "2026-03-12T03:12:00Z"),
        ("v213", "2026-03-13T20:12:00Z"),
        ("v214", "2026-03-14T02:42:00Z"),
    ] {
        file(&format!("since-{version}"), since);
    }
    let live = place.path().join("live");
    let site = Site::start(move || fs::read_to_string(&live).unwrap().trim().to_owned()).await;
    let settings = SERVICE
        .replace("{place}", &place.path().display().to_string())
        .replace("{local}", &site.url());
    let mut world = World::set_up(&format!("{more}{ROLES}"), &settings).await;
    world.site = site;
    (world, place)
}

fn set_mood(place: &TempDir, mood: &str) {
    fs::write(place.path().join("mood"), mood).unwrap();
}

/// The platform keeps a release until then.
pub fn keeps(place: &TempDir, release: &str, until: &str) {
    fs::write(place.path().join(format!("kept-{release}")), until).unwrap();
}

fn read(place: &TempDir, name: &str) -> String {
    let path: PathBuf = Path::new(place.path()).join(name);
    fs::read_to_string(path).unwrap_or_default()
}

/// sam wants it back, and approves it.
pub async fn roll_back(world: &mut World) {
    world
        .sam()
        .says("/rollback api because checkout \"500s\"; exit")
        .await;
    world.settle().await;
    world.sam().sees();
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
}

#[tokio::test]
async fn a_script_takes_production_back() {
    let (mut world, place) = world().await;
    world
        .sam()
        .says("/rollback api because checkout \"500s\"; exit")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @sam): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back api to v213?
      checkout "500s"; exit · @sam, 03:12:00 UTC
      Live now `v214`, since 02:42:00 UTC (30 m) kim
      Go back to `v213`, ran 6 h 30 m until 02:42:00 UTC · previous release, ran before kim
      You lose  1 change: v214
      Changes  the binary, its unit file
      Stays  database · environment
      After  the next deploy replaces it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `5ebd`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(read(&place, "live"), "v213\n");
    // The reason is one argument.
    assert_eq!(
        read(&place, "asked"),
        "go v213 RB-1: checkout \"500s\"; exit\n"
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      v214 → v213 · @sam · "checkout "500s"; exit"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by deployctl: v213 serves
      ✅ Live 03:12:20 UTC 1/1 on v213
      ✅ Verified 03:12:22 UTC version v213 answers, no checks configured
      v213 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ api (production) is back on v213 (RB-1) · @sam, approved by @sam
      version v213 answers, no checks configured · took 20 s, of which 20 s waiting for approval
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_script_that_is_busy_is_run_again_and_one_that_was_killed_is_not() {
    let (mut world, place) = world().await;
    set_mood(&place, "busy");
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(read(&place, "asked").lines().count(), 2);
    assert_eq!(read(&place, "live"), "v213\n");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();

    let (mut world, place) = self::world().await;
    set_mood(&place, "lost");
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(read(&place, "asked").lines().count(), 1);
    let record = world.record().await;
    assert!(
        record.contains("its end says nothing certain (stopped by a signal)"),
        "{record}"
    );
    assert!(record.contains("verified: v213 answers"), "{record}");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_script_that_refuses_or_does_nothing_leaves_production_as_before() {
    for (mood, told) in [
        ("refused", "refuses (exit 64: v213 was removed)"),
        (
            "silent",
            "the platform never started it: deployctl still serves v214",
        ),
    ] {
        let (mut world, place) = world().await;
        set_mood(&place, mood);
        roll_back(&mut world).await;
        world.passes(Duration::from_secs(150)).await;
        assert_eq!(read(&place, "live"), "v214");
        assert_eq!(read(&place, "asked").lines().count(), 1, "{mood}");
        let record = world.record().await;
        assert!(record.contains(told), "{mood}: {record}");
        world.slack.take_all();
    }
}
