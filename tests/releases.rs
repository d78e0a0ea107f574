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
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @sam): RB-1: finding a version of shop (local) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back shop to v213?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `v214`, since 02:42:00 UTC (30 m)
      Go back to `v213`, ran 6 h 30 m until 02:42:00 UTC · previous release, ran before
      You lose  1 change: v214
      Changes  the files of the release directory
      Stays  database · environment · shared files
      After  the next deploy replaces it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · local · code · plan `23d8`
    ");
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
      ✅ RB-1 VERIFIED  shop (local)
      v214 → v213 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Releases: current leads to v213
      ✅ Live 03:12:20 UTC 2/2 on v213
      ✅ Verified 03:12:22 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ shop (local) is back on v213 (RB-1) · @sam, approved by @sam
      version v213 answers, 1/1 checks pass · took 20 s, of which 20 s waiting for approval
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    world.passes(Duration::from_secs(400)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  shop (local)
      v214 → v213 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by Releases: current leads to v213
      ✅ Live 03:12:20 UTC 2/2 on v213
      ✅ Verified 03:12:22 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 20 s, of which 20 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
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
    Rollback Bot (only visible to @sam): RB-1: finding a version of shop (local) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): You can't go to v215: it is newer than v214, which is live: that would be a deploy, not a rollback. Nothing was run. Possible: `/rollback shop@local to v213 because …`.
    Rollback Bot (only visible to @sam): Nothing was run, because "../../etc" cannot be a release: write `to prev`, `to v212` or `to @02:40`, and a name with blanks or signs in quotes.
    Rollback Bot (only visible to @sam): RB-2: finding a version of shop (local) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): v214 is live already. Nothing was run. Possible: `/rollback shop@local to v213 because …`.
    Rollback Bot (only visible to @sam): RB-3: finding a version of shop (local) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @sam): shop (local) has no release "v999". You can go to v213 and v212; `/rollback list shop@local` shows more. Nothing was run.
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
