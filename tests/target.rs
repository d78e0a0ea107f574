//! What a rollback goes to, on which production, and what is told of what was live when.

use crate::{
    releases::shop,
    support::{CHANNEL, FRONTEND, World},
};
use std::{fs, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

/// Proposes to roll frontend back, lets sam approve, and waits until nobody watches it any more.
async fn rolls_back(world: &mut World, request: &str) {
    world.maya().says(request).await;
    world.settle().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(10 * MINUTE).await;
    world.slack.take_all();
}

/// The line of the card that begins so.
fn line(seen: &str, begins: &str) -> String {
    let mut lines = seen.lines().map(str::trim);
    let found = lines.find(|line| line.starts_with(begins));
    found
        .unwrap_or_else(|| panic!("no {begins}: {seen}"))
        .into()
}

/// The deployment that Vercel was asked for last.
fn asked_for(world: &World) -> String {
    let requests = world.vercel.requests();
    let asked = requests.iter().rev().find(|(method, _)| method == "POST");
    let path = &asked.unwrap().1;
    let path = path.split('?').next().unwrap();
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_id_is_that_deployment_whatever_another_one_calls_itself() {
    let mut world = World::new().await;
    let v212 = world.vercel.id_of("v212");
    world
        .vercel
        .deploy(&v212, "bbbbbbb1111", "confusing", "eve");
    world.vercel.deploy("v216", "ccccccc1111", "newest", "kim");
    let request = format!("/rollback frontend to {v212} because of the carts");
    world.maya().says(&request).await;
    world.settle().await;
    let seen = world.channel();
    assert!(line(&seen, "Go back to").contains("`v212`"), "{seen}");
    // The other one is not called by an id that is not its own.
    assert!(line(&seen, "You lose").contains("bbbbbbb"), "{seen}");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(10 * MINUTE).await;
    assert_eq!(asked_for(&world), v212);
    assert_eq!(world.vercel.production(), "v212");
    world.slack.take_all();
    // An undo goes to the very deployment that was left, too.
    world.maya().says("/rollback undo RB-1").await;
    world.settle().await;
    assert!(line(&world.channel(), "Return to").contains("`v216`"));
    world.slack.take_all();
}

#[tokio::test]
async fn two_releases_of_one_name_are_a_question() {
    let mut world = World::new().await;
    let again = world.vercel.deploy("v213", "3c4d5e6f7a8", "again", "lee");
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    world.maya().says("/rollback frontend to v213").await;
    world.settle().await;
    let seen = world.maya().sees();
    assert!(seen.contains("2 releases are called v213"), "{seen}");
    assert!(seen.contains(&format!("`to {again}`")), "{seen}");
    let request = format!("/rollback frontend to {again}");
    world.maya().says(&request).await;
    world.settle().await;
    assert_eq!(world.rollback(2).await.plan.unwrap().to.id, again);
    world.slack.take_all();
}

#[tokio::test]
async fn files_that_change_after_the_card_are_not_what_was_approved() {
    let (mut world, place) = shop().await;
    let target = place.join("shop/releases/v213");
    let modified = fs::metadata(&target).unwrap().modified().unwrap();
    world.sam().says("/rollback shop - checkout 500s").await;
    world.settle().await;
    world.slack.take_all();
    fs::write(target.join("index.html"), "v666").unwrap();
    fs::write(target.join("REVISION"), "deadbeef00\n").unwrap();
    fs::File::open(&target)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    world.passes(20 * Duration::from_secs(1)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(10)).await;
    let seen = world.channel();
    assert!(seen.contains("the files of v213 changed"), "{seen}");
    assert_eq!(world.rollback(1).await.word(), "SUPERSEDED");
    let link = fs::read_link(place.join("shop/current")).unwrap();
    assert!(link.ends_with("v214"), "{link:?}");
    // The fresh card is for what is there now.
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    let done = world.rollback(2).await;
    assert_eq!(done.plan.unwrap().to.sha.as_deref(), Some("deadbeef00"));
    world.slack.take_all();
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn one_production_under_two_names_has_one_rollback_at_a_time() {
    let web = FRONTEND
        .replace("services.frontend", "services.web")
        .replace("\"prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g\"", "\"frontend\"");
    let mut world = World::with(&format!("{FRONTEND}{web}")).await;
    world.with_a_card().await;
    world.sam().says("/rollback web because of the carts").await;
    world.settle().await;
    let seen = world.sam().sees();
    assert!(
        seen.contains("RB-1 is already open for frontend (production)"),
        "{seen}"
    );
    assert!(
        seen.contains("web (production) is the same production under another name"),
        "{seen}"
    );
    assert_eq!(world.rollback(2).await.state.name(), "blocked");
    // When the first has ended, the other name is free.
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world.sam().says("/rollback web because of the carts").await;
    world.settle().await;
    assert_eq!(world.rollback(3).await.word(), "PROPOSED");
    world.slack.take_all();
}

#[tokio::test]
async fn one_directory_under_two_paths_is_found_at_the_start() {
    let (world, place) = shop().await;
    let path = place.join("shop").display().to_string();
    std::os::unix::fs::symlink(&path, place.join("link")).unwrap();
    for other in [
        format!("{path}/"),
        format!("{path}/../shop/."),
        place.join("link").display().to_string(),
    ] {
        let second = format!(
            "[services.again.local]\nprovider = \"releases\"\npath = \"{other}\"\napprove = [\"oncall\"]\n"
        );
        let mistakes = world.reads_settings(&second).unwrap_err();
        assert!(
            mistakes.contains("is the same thing as"),
            "{other}: {mistakes}"
        );
    }
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn what_was_rolled_back_as_broken_is_not_the_previous_release() {
    let mut world = World::new().await;
    rolls_back(&mut world, "/rollback frontend because checkout 500s").await;
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    world
        .vercel
        .deploy("v215", "5e6f7a8b9c0", "checkout again", "kim");
    world.passes(10 * MINUTE).await;
    world.slack.take_all();
    world.maya().says("/rollback list frontend").await;
    world.settle().await;
    let list = world.maya().sees();
    assert!(
        line(&list, "`v214`").ends_with("eligible · left as bad by RB-1"),
        "{list}"
    );
    assert!(
        line(&list, "`v213`").ends_with("eligible · verified by RB-1"),
        "{list}"
    );
    world
        .maya()
        .says("/rollback frontend because it is back")
        .await;
    world.settle().await;
    let seen = world.channel();
    let target = line(&seen, "Go back to");
    assert!(target.contains("`v213`"), "{seen}");
    assert!(
        target.contains("previous release, verified by RB-1"),
        "{seen}"
    );
    // Who means it all the same says so, and sees what is known of it.
    world.maya().says("/rollback stop RB-2").await;
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback frontend to v214 because of the carts")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("v214 was rolled back by RB-1"), "{seen}");
    world.slack.take_all();
}

#[tokio::test]
async fn since_when_something_is_live_counts_what_our_rollbacks_did() {
    let mut world = World::new().await;
    world.passes(MINUTE).await;
    rolls_back(&mut world, "/rollback frontend because checkout 500s").await;
    world.maya().says("/rollback").await;
    world.settle().await;
    let board = world.maya().sees();
    assert!(
        board.contains("`v213` on 8/8 since 03:13:00 UTC by RB-1 (@sam)"),
        "{board}"
    );
    world.maya().says("/rollback status frontend").await;
    world.settle().await;
    let status = world.maya().sees();
    assert!(
        status.contains("Live now: `v213` on 8/8 since 03:13:00 UTC by RB-1 (@sam)"),
        "{status}"
    );
    world
        .maya()
        .says("/rollback frontend to @03:12:30 because of the carts")
        .await;
    world.settle().await;
    // v214 was live then, and it would be going forward.
    let seen = world.maya().sees();
    assert!(
        seen.contains("it is newer than v213, which is live"),
        "{seen}"
    );
    world
        .maya()
        .says("/rollback frontend because of the carts")
        .await;
    world.settle().await;
    let seen = world.channel();
    let now = line(&seen, "Live now");
    assert!(now.contains("since 03:13:00 UTC by RB-1 (@sam)"), "{now}");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_only_built_was_never_live() {
    let mut world = World::new().await;
    rolls_back(&mut world, "/rollback frontend because checkout 500s").await;
    // Automatic deploys are held off: it is built and stays where it is.
    world.vercel.deploy("v215", "5e6f7a8b9c0", "staged", "kim");
    world.vercel.push("v216", "ERROR");
    world.maya().says("/rollback list frontend").await;
    world.settle().await;
    let list = world.maya().sees();
    for version in ["`v215`", "`v216`"] {
        let line = line(&list, version);
        assert!(line.contains("never seen live"), "{line}");
        assert!(!line.contains("live since"), "{line}");
    }
}

#[tokio::test]
async fn every_domain_is_looked_at_and_waited_for() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..60).map(|n| format!("shop-{n}.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.vercel.set_domains(&names);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert!(line(&world.channel(), "Live now").contains("on 60/60 surfaces"));
    world.vercel.fail_aliases(&["shop-57.example.com"]);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "PARTIAL 59/60");
    world.slack.take_all();
}

#[tokio::test]
async fn a_bound_on_what_is_looked_at_is_told_and_never_called_verified() {
    let mut world = World::new().await;
    let names: Vec<String> = (0..260).map(|n| format!("shop-{n}.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.vercel.set_domains(&names);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("on 250/250 surfaces"), "{seen}");
    let shown = line(&seen, "⚠️ Not checked");
    assert!(
        shown.contains("10 more were not looked at (shop-"),
        "{shown}"
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, UNPROVEN");
    let seen = world.channel();
    assert!(seen.contains("10 more were not looked at"), "{seen}");
    world.passes(10 * MINUTE).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_domain_that_may_not_be_read_stops_no_plan() {
    let mut world = World::new().await;
    world.vercel.hide_domain("de.shop.example.com");
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("on 7/7 surfaces"), "{seen}");
    let shown = line(&seen, "⚠️ Not checked");
    assert!(
        shown.contains("1 more was not looked at (de.shop.example.com)"),
        "{shown}"
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    let done = world.rollback(1).await;
    assert_eq!(done.word(), "SERVING, UNPROVEN");
    assert!(
        done.conclusion().contains("de.shop.example.com"),
        "{}",
        done.conclusion()
    );
    world.passes(10 * MINUTE).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_restart_that_failed_can_be_asked_for_again() {
    for target in ["", " to v213"] {
        let (mut world, place) = shop().await;
        let broken = place.join("restart-is-broken");
        fs::write(&broken, "").unwrap();
        let check = format!("echo restarted >> {0}/restarts", place.display());
        let fails = format!("test ! -e {} && {check}", broken.display());
        world.reconfigures(&check, &fails).await;
        world.sam().says("/rollback shop - checkout 500s").await;
        world.settle().await;
        world.sam().clicks("Approve").await;
        world.passes(MINUTE).await;
        assert_eq!(world.rollback(1).await.word(), "PARTIAL 1/2");
        world.slack.take_all();
        fs::remove_file(&broken).unwrap();
        let request = format!("/rollback shop{target} - the restart once more");
        world.sam().says(&request).await;
        world.settle().await;
        let seen = world.channel();
        assert!(line(&seen, "Live now").contains("`v214`"), "{seen}");
        assert!(line(&seen, "Go back to").contains("`v213`"), "{seen}");
        assert!(
            line(&seen, "Live now").contains("on 1/2 surfaces"),
            "{seen}"
        );
        world.sam().clicks("Approve").await;
        world.passes(MINUTE).await;
        assert_eq!(world.rollback(2).await.word(), "VERIFIED");
        let restarts = fs::read_to_string(place.join("restarts")).unwrap();
        assert_eq!(restarts, "restarted\n");
        world.passes(10 * MINUTE).await;
        world.slack.take_all();
        fs::remove_dir_all(place).unwrap();
    }
}

#[tokio::test]
async fn what_domains_were_not_moved_is_what_proposing_again_moves() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.fail_aliases(&["shop.example.com"]);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "PARTIAL 7/8");
    world.slack.take_all();
    world.vercel.fail_aliases(&[]);
    world
        .maya()
        .says("/rollback frontend because of the rest")
        .await;
    world.settle().await;
    let seen = world.channel();
    let target = line(&seen, "Go back to");
    assert!(target.contains("`v213`"), "{seen}");
    assert!(
        target.contains("the rest of RB-1, which moved only a part"),
        "{seen}"
    );
    assert!(line(&seen, "Live now").contains("`v214`"), "{seen}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_rollback_whose_service_was_renamed_can_still_be_ended() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "accepted");
    world.slack.take_all();
    world
        .reconfigures("services.frontend.", "services.web.")
        .await;
    world.passes(2 * MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "UNKNOWN");
    // It is the same production, which is not free yet.
    world
        .maya()
        .says("/rollback web because of the carts")
        .await;
    world.settle().await;
    let seen = world.maya().sees();
    assert!(
        seen.contains("RB-1 is already open for frontend (production)"),
        "{seen}"
    );
    // Who has no role says nothing about it; who has one for any service does.
    world
        .tom()
        .says("/rollback resolve RB-1 done because I saw it")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "UNKNOWN");
    world
        .sam()
        .says("/rollback resolve RB-1 done because I saw it")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "RESOLVED AS DONE");
    world.slack.take_all();
    world
        .maya()
        .says("/rollback web because of the carts")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(3).await.word(), "PROPOSED");
    world.slack.take_all();
}

#[tokio::test]
async fn a_card_whose_service_was_removed_can_be_stopped_and_not_run() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .reconfigures("services.frontend.", "services.web.")
        .await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    world.sam().clicks("Approve").await;
    world.settle().await;
    let seen = world.sam().sees();
    assert!(seen.contains("`/rollback stop RB-1` ends it"), "{seen}");
    world.sam().says("/rollback stop RB-1").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "CANCELLED");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn a_pin_that_is_lost_is_told_and_one_that_is_taken_off_is_not_missed() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    world.vercel.unpin();
    world.passes(MINUTE).await;
    let seen = world.channel();
    assert!(
        seen.contains("automatic deploys of frontend (production) are on again"),
        "{seen}"
    );
    assert!(
        world
            .record()
            .await
            .contains("automatic deploys are on again")
    );
    world.passes(10 * MINUTE).await;
    world.slack.take_all();

    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.sam().says("/rollback unpin frontend").await;
    world.passes(10 * MINUTE).await;
    let seen = world.slack.channel(CHANNEL);
    assert!(!seen.contains("are on again, while"), "{seen}");
    world.slack.take_all();
}

#[tokio::test]
async fn the_outcome_tells_of_deploys_what_was_read_and_not_what_was_planned() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.site.caches("v214");
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(20)).await;
    world.vercel.unpin();
    world.passes(6 * MINUTE).await;
    world.slack.take_all();
    world.site.caches("v213");
    world.passes(MINUTE).await;
    let seen = world.channel();
    assert!(seen.contains("automatic deploys are ON"), "{seen}");
    assert!(!seen.contains("stay OFF"), "{seen}");
    world.passes(10 * MINUTE).await;
    world.slack.take_all();
}

#[tokio::test]
async fn every_name_that_is_listed_can_be_typed() {
    for name in ["2026-03-13", "release 7", "1.0~beta", "#42", "-rc1"] {
        let (mut world, place) = shop().await;
        let releases = place.join("shop/releases");
        fs::rename(releases.join("v213"), releases.join(name)).unwrap();
        world.sam().says("/rollback list shop").await;
        world.settle().await;
        let list = world.sam().sees();
        assert!(list.contains(&format!("`{name}`")), "{list}");
        let request = format!("/rollback shop to \"{name}\" because of the carts");
        world.sam().says(&request).await;
        world.settle().await;
        let asked = world.rollback(1).await;
        assert_eq!(asked.aim.target.to_string().trim_matches('"'), name);
        world.slack.take_all();
        fs::remove_dir_all(place).unwrap();
    }
}
