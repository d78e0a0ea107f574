//! The same on a machine of one's own: a directory of releases and a link to the current one.

use crate::support::{World, site::Site};
use insta::assert_snapshot;
use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

const SHOP: &str = r#"
[services.shop.local]
provider = "releases"
path = "{dir}/shop"
restart = ["sh", "-c", "echo restarted >> {dir}/restarts"]
approve = ["oncall"]
requester_may_approve = true
[services.shop.local.fingerprint]
url = "{local}/version.json"
json = "/version"
[[services.shop.local.verify]]
kind = "http"
url = "{local}/api/health"
"#;

fn release(shop: &Path, name: &str, age: Duration, now: jiff::Timestamp) {
    let release = shop.join("releases").join(name);
    fs::create_dir_all(&release).unwrap();
    fs::write(release.join("index.html"), name).unwrap();
    let made = now.checked_sub(age).unwrap();
    fs::File::open(&release)
        .unwrap()
        .set_modified(made.into())
        .unwrap();
}

/// A shop on disk, served by what its link points to.
pub async fn shop() -> (World, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap().keep();
    let shop = place.join("shop");
    let hour = Duration::from_secs(3_600);
    let now = crate::support::dawn();
    for (name, age) in [("v212", hour * 48), ("v213", hour * 7), ("v214", hour / 2)] {
        release(&shop, name, age, now);
    }
    symlink("releases/v214", shop.join("current")).unwrap();
    let link = shop.join("current");
    let site = Site::start(move || {
        let target = fs::read_link(&link).unwrap();
        target.file_name().unwrap().to_string_lossy().into_owned()
    })
    .await;
    let settings = SHOP
        .replace("{dir}", &place.display().to_string())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    (world, place)
}

#[tokio::test]
async fn a_bad_release_on_a_machine_of_ones_own_is_rolled_back() {
    let (mut world, place) = shop().await;
    world.sam().says("/rollback shop - checkout 500s").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @sam): RB-1: finding a version of shop (local) to go back to. Nothing changes until it's approved.
    Rollback Bot:
      Roll back shop (local)?  RB-1
      Requested by @sam at 03:12:00 UTC · "checkout 500s" · expires 03:22:00 UTC
      Now  `v214`  live since 02:42:00 UTC (30 m ago)
      Target  `v213`  live since 20:12:00 UTC (7 h ago) · served 6 h 30 m until 02:42:00 UTC · previous known good
      Removes  1 release: v214 (the commits between are unknown)
      Restores  the files of the release directory
      Leaves  database · environment · shared files
      After  the next deploy replaces it
      Needs  one approval: @sam (oncall)
      Risk  code · plan `df57`
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(
        fs::read_link(place.join("shop/current"))
            .unwrap()
            .file_name()
            .unwrap(),
        "v213"
    );
    assert_eq!(
        fs::read_to_string(place.join("restarts")).unwrap(),
        "restarted\n"
    );
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  shop (local)
      v214 → v213 · asked for by @sam · "checkout 500s"
      `[x]` 03:12:20 UTC approved   @sam as oncall
      `[x]` 03:12:20 UTC accepted   Releases says: current leads to v213
      `[x]` 03:12:20 UTC serving   2/2 on v213
      `[x]` 03:12:30 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 20 s · of which waiting for approval 20 s
      [ Undo… ]
    Rollback Bot:
      ROLLBACK VERIFIED · shop (local) · v214 → v213 · RB-1
      Why  checkout 500s
      Status  v213 answers from outside and passes its checks.
      Now serving  v213 on 2/2, since 2026-03-14 03:12:20 UTC
      Checked from outside  version v213 answers, 1/1 checks pass
      Time  command → serving 20 s, of which waiting for approval 20 s
      Un-shipped  v214
      Not touched  database, environment, shared files
      Afterwards  the next deploy replaces it
      Contact  asked for by @sam, approved by @sam
      The defect itself is not fixed by this: it is still in v214.
    "#);
    world.passes(Duration::from_secs(400)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  shop (local)
      v214 → v213 · asked for by @sam · "checkout 500s"
      `[x]` 03:12:20 UTC approved   @sam as oncall
      `[x]` 03:12:20 UTC accepted   Releases says: current leads to v213
      `[x]` 03:12:20 UTC serving   2/2 on v213
      `[x]` 03:12:30 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 20 s · of which waiting for approval 20 s
      [ Undo… ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: 11 entries.
      |   [file INC-1-RB-1-timeline.md 1731 bytes]
    "#);
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn a_target_outside_of_the_releases_is_refused() {
    let (mut world, place) = shop().await;
    symlink("/etc", place.join("shop/releases/v215")).unwrap();
    for target in ["v215", "../../etc", "v214", "v999"] {
        world
            .sam()
            .says(&format!("/rollback shop to {target}"))
            .await;
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @r#"
    Rollback Bot (only visible to @sam): RB-1: finding a version of shop (local) to go back to. Nothing changes until it's approved.
    Rollback Bot (only visible to @sam): v215 cannot be the target, because it is newer than v214, which is live: that would be a deploy, not a rollback. Nothing was run. `to v213` would be possible.
    Rollback Bot (only visible to @sam): Nothing was run, because "../../etc" cannot be a release: write `to prev`, `to v212` or `to @02:40`.
    Rollback Bot (only visible to @sam): RB-2: finding a version of shop (local) to go back to. Nothing changes until it's approved.
    Rollback Bot (only visible to @sam): v214 is what production serves already. Nothing was run. `to v213` would be possible.
    Rollback Bot (only visible to @sam): RB-3: finding a version of shop (local) to go back to. Nothing changes until it's approved.
    Rollback Bot (only visible to @sam): No release "v999". Eligible: v213 and v212; `/rollback list` and the service's name shows more. Nothing was run.
    "#);
    assert_eq!(
        fs::read_link(place.join("shop/current"))
            .unwrap()
            .file_name()
            .unwrap(),
        "v214"
    );
    fs::remove_dir_all(place).unwrap();
}
