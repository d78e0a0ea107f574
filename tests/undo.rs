//! Afterwards: going forward again, letting deploys flow again, and asking that nothing be changed.

use crate::{
    releases::shop,
    support::{CHANNEL, FRONTEND, ROLES, World},
};
use insta::assert_snapshot;
use rollback_bot::worker;
use serde_json::json;
use std::{fs, time::Duration};

/// RB-1 took frontend from v214 to v213; that is verified and still watched.
async fn watched() -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert!(world.vercel.is_pinned());
    world.slack.take_all();
    world
}

/// The same, when nobody watches it any more.
async fn rolled_back() -> World {
    let mut world = watched().await;
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world
}

/// RB-2 undid that: v214 is live again.
async fn undone() -> World {
    let mut world = rolled_back().await;
    world.maya().clicks("Undo").await;
    world.settle().await;
    world.site.heals("v214");
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.chooses("U0SAM", "v214 was left").await.unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(world.rollback(2).await.word(), "VERIFIED");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world
}

/// What was recorded since.
async fn since(world: &World, before: &str) -> String {
    let record = world.record().await;
    record[before.len()..].trim().to_owned()
}

#[tokio::test]
async fn what_a_rollback_left_is_gone_forward_to_again_by_whoever_has_seen_the_risk() {
    let mut world = rolled_back().await;
    let before = world.record().await;
    let question = world.slack.confirm_dialog("U0MAYA", "Undo").unwrap();
    assert_eq!(question["title"]["text"], "Propose to undo RB-1?");
    world.maya().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-2: checking whether frontend (production) can return to what RB-1 left. Nothing changes until it's approved.
    Rollback Bot:
      Undo RB-1 on frontend (production)?  RB-2
      Requested by @maya at 03:19:10 UTC · expires 03:29:10 UTC
      Now  `v213`  3c4d5e6  live since 03:12:00 UTC by lee (7 m 10 s ago)  "session expiry"
      Target  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (38 m 10 s ago)  "checkout: new tax engine" · undo of RB-1
      Removes  nothing: it goes forward
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys go live again
      Where  8 surfaces: 8/8 serve v213
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  caution: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC · plan `fe35`
      [ Change target… ] [ Approve & undo… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);
    // A click is not enough: the risk has a name, and it is ticked.
    world.sam().says("/rollback approve RB-2").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Approving RB-2: checking who you are. Its card shows what comes of it.
    Rollback Bot (only visible to @sam): Tick what you have seen before you approve: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC. The card's Approve button asks for it. Nothing was run.
    ");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.slack.view("U0SAM"), @"
    == Approve RB-2 ==
    RB-2  frontend (production) v213 → v214. Plan `fe35`.
    I have seen, and accept:
      ( ) v214 was left behind by RB-1 at 2026-03-14 03:12 UTC
    [ Go back ] [ Undo now ]
    ");
    world.site.heals("v214");
    let unticked = world.slack.submits("U0SAM").await;
    assert!(unticked.is_err(), "Slack asks for the tick itself");
    world.slack.chooses("U0SAM", "v214 was left").await.unwrap();
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(world.vercel.promotes_asked(), 1);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(!world.vercel.is_pinned());
    assert_eq!(world.sam().sees(), "");
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      RB-2 VERIFIED  frontend (production)
      v213 → v214 · asked for by @maya
      `[x]` 03:19:10 UTC approved   @sam as oncall
      `[x]` 03:19:10 UTC accepted   Vercel says: job succeeded
      `[x]` 03:19:10 UTC serving   8/8 on v214
      `[x]` 03:19:20 UTC verified   version v214 answers, 1/1 checks pass
      v214 answers from outside and passes its checks.
      Command → serving 0 s (target 2 m: met) · of which waiting for approval 0 s
    Rollback Bot:
      UNDO OF RB-1 VERIFIED · frontend (production) · v213 → v214 · RB-2
      Why  no reason was given
      Status  v214 answers from outside and passes its checks.
      Now serving  v214 on 8/8, since 2026-03-14 03:19:10 UTC
      Checked from outside  version v214 answers, 1/1 checks pass
      Time  command → serving 0 s (target 2 m: met), of which waiting for approval 0 s
      Not touched  database, today's env settings, flags, storage
      Afterwards  automatic deploys go live again
      Contact  asked for by @maya, approved by @sam
      What RB-1 was asked for comes back with v214, unless its cause was elsewhere.
    ");
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Nothing is pinned: automatic deploys flow everywhere, as far as the platforms were read.");
    assert_snapshot!(since(&world, &before).await, @"
    @maya requested: asked to undo RB-1 on frontend (production)
    rollback-bot planned: proposed v213 → v214, risk caution, plan fe35
    @sam refused: tried to approve: UNCONFIRMED Tick what you have seen before you approve: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC. The card's *Approve* button asks for it. Nothing was run.
    @sam approved: approved plan fe35 as oncall, seeing: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v213 → v214
    Vercel accepted: job accepted
    Vercel serving: serves v214 on 8/8
    rollback-bot checked: version v214 answers, 1/1 checks pass
    rollback-bot verified: verified: v214 answers from outside and passes its checks.
    ");
}

#[tokio::test]
async fn an_undo_while_it_is_still_watched_takes_over() {
    let mut world = watched().await;
    world.maya().clicks("Undo").await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.chooses("U0SAM", "v214 was left").await.unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    let record = world.record().await;
    assert!(
        record.contains("closed as verified; RB-2 has taken over"),
        "{record}"
    );
    // v214 is as sick as it was, and that is no drift of RB-1's.
    world.passes(Duration::from_secs(320)).await;
    assert_eq!(world.rollback(2).await.word(), "SERVING, STILL FAILING");
    let seen = world.channel();
    assert!(!seen.contains("DRIFTED"), "{seen}");
    assert!(
        seen.contains("UNDO OF RB-1 SERVING, STILL FAILING"),
        "{seen}"
    );
}

#[tokio::test]
async fn an_undo_is_asked_for_by_word_with_a_reason_and_can_be_taken_back() {
    let mut world = rolled_back().await;
    world
        .maya()
        .says("/rollback undo RB-1 because it was the database")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-2: checking whether frontend (production) can return to what RB-1 left. Nothing changes until it's approved.
    Rollback Bot:
      Undo RB-1 on frontend (production)?  RB-2
      Requested by @maya at 03:19:10 UTC · "it was the database" · expires 03:29:10 UTC
      Now  `v213`  3c4d5e6  live since 03:12:00 UTC by lee (7 m 10 s ago)  "session expiry"
      Target  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (38 m 10 s ago)  "checkout: new tax engine" · undo of RB-1
      Removes  nothing: it goes forward
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys go live again
      Where  8 surfaces: 8/8 serve v213
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  caution: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC · plan `fe35`
      [ Change target… ] [ Approve & undo… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);
    let notification = world.slack.messages(CHANNEL).pop().unwrap().text;
    world.maya().clicks("Cancel").await;
    world.settle().await;
    assert!(notification.starts_with("RB-2 proposed: undo RB-1 on frontend (production) from v213 to v214, because it was the database."), "{notification}");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-2 CANCELLED  frontend (production)
      v213 → v214 · asked for by @maya · "it was the database"
      Cancelled by @maya. Nothing was run.
    "#);
    assert_eq!(world.vercel.promotes_asked(), 0);
    assert_eq!(world.vercel.production(), "v213");
}

#[tokio::test]
async fn whoever_is_asked_for_an_undo_is_told_that_it_is_one() {
    let escalation = format!("{ROLES}[[policy.escalate]]\nafter = \"5m\"\npeople = [\"U0KIM\"]\n");
    let mut world = World::set_up(&escalation, FRONTEND).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world.maya().says("/rollback undo RB-1").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(Duration::from_secs(310)).await;
    let seen = world.channel();
    assert!(seen.contains("@kim: approve or deny RB-2, an undo of RB-1? frontend (production), v213 → v214, waiting 5 m."), "{seen}");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn an_undo_that_something_newer_overtook_is_drawn_anew_and_says_what_is_lost() {
    let mut world = rolled_back().await;
    world.maya().clicks("Undo").await;
    world.settle().await;
    world.slack.take_all();
    // Somebody lets the hotfix go live while sam has the form open.
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    world.vercel.promote("v215");
    world.slack.chooses("U0SAM", "v214 was left").await.unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-2 SUPERSEDED  frontend (production)
      v213 → v214 · asked for by @maya
      `[x]` 03:19:10 UTC approved   @sam as oncall
      Nothing was run: production moved from v213 to v215 after the card was made. A fresh plan takes its place.
      | Rollback Bot: @maya and @sam: RB-2 (frontend (production), v213 → v214) is out of date. Nothing was run: production moved from v213 to v215 after the card was made. If there is a plan for what is live now, its card takes the place of this one.
    Rollback Bot:
      Undo RB-1 on frontend (production)?  RB-3
      Requested by @maya at 03:19:10 UTC · expires 03:29:10 UTC · replaces RB-2
      Now  `v215`  5e6f7a8  live since 03:19:10 UTC by lee (1 s ago)  "hotfix"
      Target  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (38 m 11 s ago)  "checkout: new tax engine" · served 38 m 10 s until 03:19:10 UTC · undo of RB-1
      Removes  1 release: v215 "hotfix" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys go live again
      Where  8 surfaces: 8/8 serve v215
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  caution: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC · plan `3302`
      [ Change target… ] [ Approve & undo… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);
    assert_eq!(world.vercel.promotes_asked(), 0);
    assert_eq!(world.vercel.production(), "v215");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn on_a_machine_of_ones_own_the_link_is_moved_forward_again() {
    let (mut world, place) = shop().await;
    world
        .sam()
        .says("/rollback shop because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
    world.tom().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @tom): RB-2: checking whether shop (local) can return to what RB-1 left. Nothing changes until it's approved.
    Rollback Bot:
      Undo RB-1 on shop (local)?  RB-2
      Requested by @tom at 03:19:10 UTC · expires 03:29:10 UTC
      Now  `v213`  live since 20:12:00 UTC (7 h 7 m ago)
      Target  `v214`  live since 02:42:00 UTC (37 m 10 s ago) · undo of RB-1
      Removes  nothing: it goes forward
      Restores  the files of the release directory
      Leaves  database · environment · shared files
      After  the next deploy replaces it
      Needs  one approval: @sam (oncall), not @tom
      Risk  caution: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC · plan `1f11`
      [ Change target… ] [ Approve & undo… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    ");
    world.site.heals("v214");
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.chooses("U0SAM", "v214 was left").await.unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.passes(Duration::from_secs(30)).await;
    let link = fs::read_link(place.join("shop/current")).unwrap();
    assert_eq!(link.file_name().unwrap(), "v214");
    assert_eq!(
        fs::read_to_string(place.join("restarts")).unwrap(),
        "restarted\nrestarted\n"
    );
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      RB-2 VERIFIED  shop (local)
      v213 → v214 · asked for by @tom
      `[x]` 03:19:10 UTC approved   @sam as oncall
      `[x]` 03:19:10 UTC accepted   Releases says: current leads to v214
      `[x]` 03:19:10 UTC serving   2/2 on v214
      `[x]` 03:19:20 UTC verified   version v214 answers, 1/1 checks pass
      v214 answers from outside and passes its checks.
      Command → serving 0 s · of which waiting for approval 0 s
    Rollback Bot:
      UNDO OF RB-1 VERIFIED · shop (local) · v213 → v214 · RB-2
      Why  no reason was given
      Status  v214 answers from outside and passes its checks.
      Now serving  v214 on 2/2, since 2026-03-14 03:19:10 UTC
      Checked from outside  version v214 answers, 1/1 checks pass
      Time  command → serving 0 s, of which waiting for approval 0 s
      Not touched  database, environment, shared files
      Afterwards  the next deploy replaces it
      Contact  asked for by @tom, approved by @sam
      What RB-1 was asked for comes back with v214, unless its cause was elsewhere.
    ");
    fs::remove_dir_all(place).unwrap();
}

/// maya alone on her machine, by the preset for that.
#[tokio::test]
async fn whoever_is_the_whole_team_undoes_it_alone_and_ticks_too() {
    let mut world = World::set_up(
        "[roles.owner]\nmembers = [\"U0MAYA\"]\n[policy]\npreset = \"solo\"\n",
        &FRONTEND.replace("[\"oncall\", \"lead\"]", "[\"owner\"]"),
    )
    .await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.maya().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    world.maya().clicks("Undo").await;
    world.settle().await;
    let seen = world.channel();
    assert!(
        seen.contains("Needs  one approval: @maya (owner)"),
        "{seen}"
    );
    world.site.heals("v214");
    world.maya().clicks("Approve").await;
    world.settle().await;
    world
        .slack
        .chooses("U0MAYA", "v214 was left")
        .await
        .unwrap();
    world.slack.submits("U0MAYA").await.unwrap();
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(world.rollback(2).await.word(), "VERIFIED");
    world.slack.take_all();
}

#[tokio::test]
async fn what_cannot_be_undone_is_refused_with_the_reason() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.maya().says("/rollback undo RB-1").await;
    world.maya().says("/rollback undo RB-9").await;
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.maya().says("/rollback undo RB-1").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-1 cannot be undone: it was not run. `/rollback list` and the service's name shows the releases. Nothing was run.
    Rollback Bot (only visible to @maya): There is no RB-9. `/rollback status` lists the ones that are open.
    Rollback Bot (only visible to @maya): RB-1 cannot be undone: it was not run. `/rollback list` and the service's name shows the releases. Nothing was run.
    ");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous known good, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan 625a
    @maya refused: tried to undo: CANNOT_UNDO RB-1 cannot be undone: it was not run. `/rollback list` and the service's name shows the releases. Nothing was run.
    @maya refused: tried to undo: UNKNOWN_ROLLBACK There is no RB-9. `/rollback status` lists the ones that are open.
    @maya cancelled: took it back before the platform was asked
    @maya refused: tried to undo: CANNOT_UNDO RB-1 cannot be undone: it was not run. `/rollback list` and the service's name shows the releases. Nothing was run.
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn an_undo_is_not_undone_but_rolled_back() {
    let mut world = undone().await;
    world
        .maya()
        .says("/rollback undo RB-2 because it fails again")
        .await;
    // RB-1's card still has its button, and what it left is live by now.
    world.maya().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-2 cannot be undone: it is an undo itself; a rollback takes it back. `/rollback list` and the service's name shows the releases. Nothing was run.
    Rollback Bot (only visible to @maya): RB-3: checking whether frontend (production) can return to what RB-1 left. Nothing changes until it's approved.
    Rollback Bot (only visible to @maya): v214 is what production serves already. Nothing was run. `to v213` would be possible.
    ");
    assert_eq!(world.vercel.promotes_asked(), 1);
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn one_undo_at_a_time() {
    let mut world = rolled_back().await;
    world.maya().clicks("Undo").await;
    world.settle().await;
    world.slack.take_all();
    world.tom().says("/rollback undo RB-1 because me too").await;
    world.tom().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run.
      Undo RB-1 on frontend (production)?  RB-2
      Requested by @maya at 03:19:10 UTC · expires 03:29:10 UTC
      Now  `v213`  3c4d5e6  live since 03:12:00 UTC by lee (7 m 10 s ago)  "session expiry"
      Target  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (38 m 10 s ago)  "checkout: new tax engine" · undo of RB-1
      Removes  nothing: it goes forward
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys go live again
      Where  8 surfaces: 8/8 serve v213
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  caution: v214 was left behind by RB-1 at 2026-03-14 03:12 UTC · plan `fe35`
      RB-2 PROPOSED · frontend (production) · v213 → v214 · last change 03:19:10 UTC
    Rollback Bot (only visible to @tom): RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run. RB-2 proposed: undo RB-1 on frontend (production) from v213 to v214. Needs one approval: @sam (oncall) or @ana (lead), not @maya. Expires 03:29:10 UTC.
    "#);
    assert_eq!(world.channel(), "");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn back_and_forth_within_half_an_hour_wants_a_reason() {
    let mut world = undone().await;
    world.maya().says("/rollback frontend").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): That would be one more change of direction of frontend within 30 minutes (RB-1 went back and RB-2 went forward). Say why it is right this time: the same command with `because …`. Nothing was run.");
    assert_eq!(world.channel(), "");
    world
        .maya()
        .says("/rollback frontend because carts are lost again")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-3: finding a version of frontend (production) to go back to. Nothing changes until it's approved.
    Rollback Bot:
      Roll back frontend (production)?  RB-3
      Requested by @maya at 03:26:20 UTC · "carts are lost again" · expires 03:36:20 UTC
      Now  `v214`  a1b2c3d  live since 03:19:10 UTC by kim (7 m 10 s ago)  "checkout: new tax engine"
      Target  `v213`  3c4d5e6  live since 03:12:00 UTC by lee (14 m 20 s ago)  "session expiry" · served 7 m 10 s until 03:19:10 UTC · previous known good
      Removes  1 release: v214 "checkout: new tax engine" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys stay OFF until unpinned
      Where  8 surfaces: 8/8 serve v214
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  code · plan `625a`
      Careful  not the first change of direction within 30 minutes: RB-1 went back and RB-2 went forward
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    "#);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-3 VERIFIED  frontend (production)
      v214 → v213 · asked for by @maya · "carts are lost again"
      `[x]` 03:26:20 UTC approved   @sam as oncall
      Careful  not the first change of direction within 30 minutes: RB-1 went back and RB-2 went forward
      `[x]` 03:26:20 UTC accepted   Vercel says: job succeeded
      `[x]` pinned   automatic deploys are off (read back)
      `[x]` 03:26:20 UTC serving   8/8 on v213
      `[x]` 03:26:30 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 0 s (target 2 m: met) · of which waiting for approval 0 s · automatic deploys stay OFF
      [ Undo… ]
    Rollback Bot:
      ROLLBACK VERIFIED · frontend (production) · v214 → v213 · RB-3
      Why  carts are lost again
      Status  v213 answers from outside and passes its checks.
      Now serving  v213 on 8/8, since 2026-03-14 03:26:20 UTC
      Checked from outside  version v213 answers, 1/1 checks pass
      Time  command → serving 0 s (target 2 m: met), of which waiting for approval 0 s
      Un-shipped  v214
      Not touched  database, today's env settings, flags, storage
      Afterwards  automatic deploys stay OFF until unpinned
      Contact  asked for by @maya, approved by @sam
      The defect itself is not fixed by this: it is still in v214.
    "#);
    // The button has no reason to give, so it says what to type.
    world.maya().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): That would be one more change of direction of frontend within 30 minutes (RB-1 went back, RB-2 went forward and RB-3 went back). Say why it is right this time: `/rollback undo RB-3 because …`. Nothing was run.");
    assert_eq!(world.channel(), "");
}

#[tokio::test]
async fn after_half_an_hour_nobody_asks_for_a_reason() {
    let mut world = undone().await;
    world.passes(Duration::from_secs(31 * 60)).await;
    world.slack.take_all();
    world.maya().says("/rollback frontend").await;
    world.settle().await;
    let seen = world.channel();
    assert!(
        seen.contains("Roll back frontend (production)?  RB-3"),
        "{seen}"
    );
    assert!(!seen.contains("change of direction"), "{seen}");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn pins_say_who_holds_what_back() {
    let mut world = World::new().await;
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Nothing is pinned: automatic deploys flow everywhere, as far as the platforms were read.");
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(Duration::from_secs(120)).await;
    world.tom().says("/rollback pins").await;
    world.tom().says("/rollback").await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      frontend (production)  automatic deploys OFF since 03:12:00 UTC by @sam with RB-1; it holds `v214` back · read 2 m 2 s ago
      `/rollback unpin frontend@production` lets them flow again.
    Rollback Bot (only visible to @tom):
      Services
      frontend (production)  `v213` on 8/8 · before `v212` · automatic deploys OFF · read 2 m 2 s ago
      `/rollback frontend because …` proposes, `/rollback list frontend` shows releases, `/rollback help` the rest.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_pin_that_is_nobody_s_here_says_so() {
    let mut world = World::new().await;
    world.vercel.roll_back("v212");
    world.passes(Duration::from_secs(301)).await;
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      frontend (production)  automatic deploys OFF but not by a rollback from here · read 0 s ago
      `/rollback unpin frontend@production` lets them flow again.
    ");
}

#[tokio::test]
async fn deploys_flow_again_when_somebody_with_authority_says_so() {
    let mut world = watched().await;
    let before = world.record().await;
    world.tom().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot (only visible to @tom): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.
    ");
    assert_eq!(world.channel(), "");
    assert_eq!(world.vercel.unpins_asked(), 0);
    assert!(world.vercel.is_pinned());

    world
        .ana()
        .says("/rollback unpin frontend because v215 fixes it")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @ana): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot: @ana unpinned frontend (production), because "v215 fixes it": automatic deploys go live again (read back).
    "#);
    assert_eq!(world.vercel.unpins_asked(), 1);
    assert!(!world.vercel.is_pinned());
    assert_eq!(world.vercel.production(), "v213", "nothing moves by it");
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Nothing is pinned: automatic deploys flow everywhere, as far as the platforms were read.");
    world.passes(Duration::from_secs(400)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:00 UTC approved   @sam as oncall
      `[x]` 03:12:00 UTC accepted   Vercel says: job succeeded
      `[ ]` pinned   automatic deploys are ON
      `[x]` 03:12:00 UTC serving   8/8 on v213
      `[x]` 03:12:10 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 0 s (target 2 m: met) · of which waiting for approval 0 s
      [ Undo… ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: 14 entries.
      |   [file INC-1-RB-1-timeline.md 2278 bytes]
    "#);
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    assert_eq!(world.vercel.production(), "v215");

    // There is nothing more to let flow.
    world.ana().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot (only visible to @ana): Automatic deploys of frontend (production) are not held off: there is nothing to unpin. Nothing was changed.
    ");
    assert_eq!(world.vercel.unpins_asked(), 1);
    assert_eq!(world.channel(), "");
    assert_snapshot!(since(&world, &before).await, @r#"
    @tom refused: tried to unpin frontend (production): NOT_AUTHORISED This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @ana unpinned: unpinned frontend (production), because "v215 fixes it": automatic deploys go live again (read back)
    rollback-bot closed: closed as verified
    rollback-bot exported: exported INC-1-RB-1-timeline.md, 14 entries, 2278 bytes
    @ana refused: tried to unpin frontend (production): ALREADY_SO Automatic deploys of frontend (production) are not held off: there is nothing to unpin. Nothing was changed.
    "#);
}

#[tokio::test]
async fn where_nothing_is_held_off_there_is_nothing_to_unpin() {
    let (mut world, place) = shop().await;
    world.sam().says("/rollback unpin shop").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot (only visible to @sam): A rollback of shop (local) holds no deploys off: there is nothing to unpin. Nothing was changed.
    ");
    assert_eq!(world.channel(), "");
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn an_unpin_that_vercel_puts_off_is_asked_again() {
    for (status, headers, after) in [
        (503, vec![], Duration::from_secs(3)),
        (429, vec![("retry-after", "20")], Duration::from_secs(25)),
    ] {
        let mut world = rolled_back().await;
        let error = json!({ "error": { "code": "code", "message": "not now" } });
        world.vercel.answer_next(status, error, &headers);
        world.ana().says("/rollback unpin frontend").await;
        world.settle().await;
        world.ana().sees();
        world.passes(after).await;
        assert!(!world.vercel.is_pinned(), "{status}");
        assert_eq!(world.vercel.unpins_asked(), 2, "{status}");
        let seen = world.channel();
        assert_eq!(seen.matches("frontend (production)").count(), 1, "{seen}");
    }
}

#[tokio::test]
async fn an_unpin_outlasts_a_moment_in_which_nothing_can_be_read() {
    let mut world = rolled_back().await;
    world.vercel.fail_reads(429);
    world.ana().says("/rollback unpin frontend").await;
    worker::run_due(world.app()).await;
    world.vercel.fail_reads(None);
    world.passes(Duration::from_secs(10)).await;
    world.ana().sees();
    assert!(
        world
            .channel()
            .contains("@ana unpinned frontend (production)")
    );
    assert_eq!(world.vercel.unpins_asked(), 1);
}

#[tokio::test]
async fn an_unpin_that_vercel_puts_off_for_long_is_given_up() {
    let mut world = rolled_back().await;
    world.vercel.fail_reads(503);
    world.ana().says("/rollback unpin frontend").await;
    world.passes(Duration::from_secs(60)).await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot (only visible to @ana): Vercel has trouble of its own (503: An unexpected error occurred). It is read again. Nothing was run. Ask again when that is over; if it cannot wait, the platform's own console does not need me.
    ");
    assert_eq!(world.channel(), "");
    assert_eq!(world.vercel.unpins_asked(), 0);
    assert!(world.vercel.is_pinned());
    world.vercel.fail_reads(None);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.unpins_asked(), 0, "given up is given up");
}

#[tokio::test]
async fn an_unpin_whose_answer_is_lost_is_read_back() {
    let mut world = rolled_back().await;
    world.vercel.break_after_accepting();
    world.ana().says("/rollback unpin frontend").await;
    world.settle().await;
    world.ana().sees();
    assert_snapshot!(world.channel(), @"Rollback Bot: @ana unpinned frontend (production): automatic deploys go live again (read back).");
    assert_eq!(world.vercel.unpins_asked(), 1);
}

#[tokio::test]
async fn an_unpin_that_cannot_be_read_back_is_tried_again() {
    let mut world = rolled_back().await;
    world.vercel.hang_after_accepting();
    world.ana().says("/rollback unpin frontend").await;
    let app = world.app().clone();
    let asking = tokio::spawn(async move { worker::run_due(&app).await });
    while world.vercel.unpins_asked() == 0 {
        tokio::task::yield_now().await;
    }
    // It is done, nobody hears it, and nothing can be read.
    world.vercel.fail_reads(503);
    world.vercel.abandon();
    asking.await.unwrap();
    world.vercel.fail_reads(None);
    world.passes(Duration::from_secs(30)).await;
    world.ana().sees();
    assert_snapshot!(world.channel(), @"Rollback Bot: @ana unpinned frontend (production): automatic deploys go live again (read back).");
    assert_eq!(world.vercel.unpins_asked(), 1);
}

#[tokio::test]
async fn a_freeze_is_shown_to_everybody_and_stops_nobody() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .tom()
        .says("/rollback freeze frontend because the database is being moved")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend (production)?  RB-1
      Requested by @maya at 03:12:00 UTC · "checkout 500s" · expires 03:22:00 UTC
      Now  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (31 m 2 s ago)  "checkout: new tax engine"
      Target  `v213`  3c4d5e6  live since 20:12:00 UTC by lee (7 h ago)  "session expiry" · served 6 h 29 m until 02:41:00 UTC · previous known good
      Removes  1 release: v214 "checkout: new tax engine" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys stay OFF until unpinned
      Where  8 surfaces: 8/8 serve v214
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  code · plan `625a`
      Frozen  by @tom since 03:12:00 UTC: "the database is being moved"
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    Rollback Bot (only visible to @tom): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot: @tom asks that nothing be changed on frontend (production): "the database is being moved". Every card shows it; it stops nobody with authority.
    "#);
    world.tom().says("/rollback").await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      Services
      frontend (production)  `v214` on 8/8 · before `v213` · read 2 s ago
            RB-1 PROPOSED
            frozen by @tom: "the database is being moved"
      `/rollback frontend because …` proposes, `/rollback list frontend` shows releases, `/rollback help` the rest.
    "#);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-1 VERIFIED  frontend (production)
      v214 → v213 · asked for by @maya · "checkout 500s"
      `[x]` 03:12:02 UTC approved   @sam as oncall
      Frozen  by @tom since 03:12:00 UTC: "the database is being moved"
      `[x]` 03:12:02 UTC accepted   Vercel says: job succeeded
      `[x]` pinned   automatic deploys are off (read back)
      `[x]` 03:12:02 UTC serving   8/8 on v213
      `[x]` 03:12:12 UTC verified   version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command → serving 2 s (target 2 m: met) · of which waiting for approval 2 s · automatic deploys stay OFF
      [ Undo… ]
    Rollback Bot:
      ROLLBACK VERIFIED · frontend (production) · v214 → v213 · RB-1
      Why  checkout 500s
      Status  v213 answers from outside and passes its checks.
      Now serving  v213 on 8/8, since 2026-03-14 03:12:02 UTC
      Checked from outside  version v213 answers, 1/1 checks pass
      Time  command → serving 2 s (target 2 m: met), of which waiting for approval 2 s
      Un-shipped  v214
      Not touched  database, today's env settings, flags, storage
      Afterwards  automatic deploys stay OFF until unpinned
      Contact  asked for by @maya, approved by @sam
      The defect itself is not fixed by this: it is still in v214.
    "#);
    // A new card shows it from the beginning.
    world
        .maya()
        .says("/rollback frontend to v212 because slow")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("Frozen  by @tom"), "{seen}");
    world
        .sam()
        .says("/rollback unfreeze frontend because it is moved")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend (production)?  RB-2
      Requested by @maya at 03:12:32 UTC · "slow" · expires 03:22:32 UTC
      Now  `v213`  3c4d5e6  live since 03:12:02 UTC by lee (32 s ago)  "session expiry"
      Target  `v212`  9f8e7d6  live since 2026-03-12 03:12 UTC by kim (2 d ago)  "faster search" · served 2 d until 03:12:02 UTC · named
      Removes  1 release: v213 "session expiry" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys stay OFF until unpinned
      Where  8 surfaces: 8/8 serve v213
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya
      Risk  code · plan `4945`
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
    Rollback Bot (only visible to @sam): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot: @sam takes the freeze of frontend (production) off, because "it is moved" (@tom had asked for it: "the database is being moved").
    "#);
    world.sam().says("/rollback unfreeze frontend").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot (only visible to @sam): frontend (production) is not frozen. Nothing was changed.
    ");
    assert_eq!(world.channel(), "");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous known good, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan 625a
    @tom frozen: asked for a hold on frontend (production), because "the database is being moved"
    @sam approved: approved plan 625a as oncall, although @tom asked for a hold because "the database is being moved"
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    @maya requested: asked to roll back frontend (production) to v212, because "slow"
    rollback-bot planned: proposed v213 → v212, risk code, plan 4945
    @sam unfrozen: withdrew the hold request for frontend (production), because "it is moved"
    @sam refused: tried to unfreeze frontend (production): ALREADY_SO frontend (production) is not frozen. Nothing was changed.
    "#);
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_guest_freezes_nothing() {
    let mut world = World::new().await;
    world
        .gus()
        .says("/rollback freeze frontend because I say so")
        .await;
    world.settle().await;
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask somebody on the team. Nothing was run.");
    assert_eq!(world.channel(), "");
    world.tom().says("/rollback").await;
    assert!(!world.tom().sees().contains("frozen"));
}

#[tokio::test]
async fn a_freeze_outlives_the_process() {
    let mut world = World::new().await;
    world
        .tom()
        .says("/rollback freeze frontend because the database is being moved")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.stops().await;
    world.starts().await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert!(
        world
            .channel()
            .contains("Frozen  by @tom since 03:12:00 UTC")
    );
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_frozen_does_not_start_by_itself() {
    let window = format!("{ROLES}\n[policy]\nobjection_window = \"60s\"\n");
    let mut world = World::set_up(&window, FRONTEND).await;
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("Starts  by itself at 03:13:00 UTC"), "{seen}");
    world.passes(Duration::from_secs(30)).await;
    world
        .tom()
        .says("/rollback freeze frontend because the database is being moved")
        .await;
    world.passes(Duration::from_secs(5)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend (production)?  RB-1
      Requested by @sam at 03:12:00 UTC · "checkout 500s" · expires 03:22:00 UTC
      Now  `v214`  a1b2c3d  live since 02:41:00 UTC by kim (31 m 30 s ago)  "checkout: new tax engine"
      Target  `v213`  3c4d5e6  live since 20:12:00 UTC by lee (7 h ago)  "session expiry" · served 6 h 29 m until 02:41:00 UTC · previous known good
      Removes  1 release: v214 "checkout: new tax engine" (the commits between are unknown)
      Restores  code, cron jobs of the target's vercel.json, env values baked into the build
      Leaves  database · today's env settings · flags · storage
      After  automatic deploys stay OFF until unpinned
      Where  8 surfaces: 8/8 serve v214
      Needs  one approval: @ana (lead), not @sam
      Risk  code · plan `625a`
      Frozen  by @tom since 03:12:30 UTC: "the database is being moved"
      [ Change target… ] [ Approve & roll back… ] [ Cancel ] [ ⋯ Object… / Break glass… / Who can approve / May I approve? ]
      | Rollback Bot: @sam: RB-1 (frontend (production), v214 → v213) does not start by itself any more: somebody asked for a hold. It needs an approval: `/rollback approve RB-1`.
    Rollback Bot (only visible to @tom): Checking who you are first. The channel hears of it when it is done.
    Rollback Bot: @tom asks that nothing be changed on frontend (production): "the database is being moved". Every card shows it; it stops nobody with authority. RB-1 does not start by itself any more.
    "#);
    assert!(world.record().await.contains(
        "rollback-bot refused: does not start by itself any more: somebody asked for a hold"
    ));
    world.passes(Duration::from_secs(300)).await;
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
    world.sam().clicks("Cancel").await;
    world.settle().await;
    // Neither does the next one, until the freeze is taken off.
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(!seen.contains("by itself"), "{seen}");
    world.sam().clicks("Cancel").await;
    world.tom().says("/rollback unfreeze frontend").await;
    world.settle().await;
    world.slack.take_all();
    world.vercel.moves_at_once(true);
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}
