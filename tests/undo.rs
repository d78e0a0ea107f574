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
    world
        .slack
        .chooses("U0SAM", "v214 was rolled back")
        .await
        .unwrap();
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
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-2: checking whether frontend (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take frontend to v214?
      No reason given · @maya, 03:19:10 UTC
      Live now `v213` 3c4d5e6, since 03:12:00 UTC by RB-1 (@sam) (7 m 10 s) lee: session expiry on 8/8 surfaces
      Return to `v214` a1b2c3d, ran 31 m until 03:12:00 UTC · undo of RB-1 kim: checkout: new tax engine
      ⚠️ Caution  v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  nothing: it goes forward
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys go live again
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:29:10 UTC · RB-2 · production · caution · plan `4223`
    ");
    // A click is not enough: the risk has a name, and it is ticked.
    world.sam().says("/rollback approve RB-2").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Approving RB-2: checking your permissions. The card will update.
    Rollback Bot (only visible to @sam): Tick what you have seen before you approve: v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC. The card's Approve button asks for it. Nothing was run.
    ");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.slack.view("U0SAM"), @"
    == Approve RB-2 ==
    RB-2  frontend (production) v213 → v214. Plan `4223`.
    I have seen, and accept:
      ( ) v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
    [ Go back ] [ Undo now ]
    ");
    world.site.heals("v214");
    let unticked = world.slack.submits("U0SAM").await;
    assert!(unticked.is_err(), "Slack asks for the tick itself");
    world
        .slack
        .chooses("U0SAM", "v214 was rolled back")
        .await
        .unwrap();
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(world.vercel.promotes_asked(), 1);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(!world.vercel.is_pinned());
    assert_eq!(world.sam().sees(), "");
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      ✅ RB-2 VERIFIED  frontend (production)
      v213 → v214 · @maya
      ✅ Approved 03:19:10 UTC by @sam (oncall)
      ✅ Accepted 03:19:10 UTC by Vercel: job succeeded
      ✅ Live 03:19:10 UTC 8/8 on v214
      ✅ Verified 03:19:12 UTC version v214 answers, 1/1 checks pass
      v214 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
    Rollback Bot:
      ✅ frontend (production) is on v214 again (RB-2) · @maya, approved by @sam
      version v214 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      v214 is live again, so the problem RB-1 was for may be back.
    ");
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Automatic deploys are on everywhere, as of the last check.");
    assert_snapshot!(since(&world, &before).await, @"
    @maya requested: asked to undo RB-1 on frontend (production)
    rollback-bot planned: proposed v213 → v214, risk caution, plan 4223
    @sam refused: tried `approve` and was refused (UNCONFIRMED): Tick what you have seen before you approve: v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC. The card's *Approve* button asks for it. Nothing was run.
    @sam approved: approved plan 4223 as oncall, seeing: v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
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
    world
        .slack
        .chooses("U0SAM", "v214 was rolled back")
        .await
        .unwrap();
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
        seen.contains("is on v214 again, checks still fail"),
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
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-2: checking whether frontend (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take frontend to v214?
      it was the database · @maya, 03:19:10 UTC
      Live now `v213` 3c4d5e6, since 03:12:00 UTC by RB-1 (@sam) (7 m 10 s) lee: session expiry on 8/8 surfaces
      Return to `v214` a1b2c3d, ran 31 m until 03:12:00 UTC · undo of RB-1 kim: checkout: new tax engine
      ⚠️ Caution  v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  nothing: it goes forward
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys go live again
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:29:10 UTC · RB-2 · production · caution · plan `4223`
    ");
    let notification = world.slack.messages(CHANNEL).pop().unwrap().text;
    world.maya().clicks("Cancel").await;
    world.settle().await;
    assert!(notification.starts_with("Undo RB-1: take frontend (production) from v213 to v214? Because it was the database. RB-2,"), "{notification}");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-2 CANCELLED  frontend (production)
      v213 → v214 · @maya · "it was the database"
      Cancelled by @maya. Nothing changed.
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
    world
        .slack
        .chooses("U0SAM", "v214 was rolled back")
        .await
        .unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      RB-2 SUPERSEDED  frontend (production)
      v213 → v214 · @maya
      ✅ Approved 03:19:10 UTC by @sam (oncall)
      Nothing was run: production moved from v213 to v215 after the card was made. If there is a fresh plan, its card takes this one's place.
      | Rollback Bot: @maya and @sam: RB-2 (frontend (production), v213 → v214) is out of date. Nothing was run: production moved from v213 to v215 after the card was made. Approvals of it don't count for another plan; if there is one, its card appears here.
    Rollback Bot:
      Undo RB-1: take frontend to v214?
      No reason given · @maya, 03:19:10 UTC
      Live now `v215` 5e6f7a8, since 03:19:10 UTC (1 s) lee: hotfix on 8/8 surfaces
      Return to `v214` a1b2c3d, ran 31 m until 03:12:00 UTC · undo of RB-1 kim: checkout: new tax engine
      ⚠️ Caution  v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  1 change: v215 "hotfix"; it looks like a fix
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys go live again
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:29:10 UTC · RB-3 (replaces RB-2) · production · caution · plan `cdac`
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
    Rollback Bot (only visible to @tom): RB-2: checking whether shop (local) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take shop to v214?
      No reason given · @tom, 03:19:10 UTC
      Live now `v213`, since 03:12:00 UTC by RB-1 (@sam) (7 m 10 s)
      Return to `v214`, ran 30 m until 03:12:00 UTC · undo of RB-1
      ⚠️ Caution  v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  nothing: it goes forward
      Changes  the files of the release directory
      Stays  database · environment · shared files
      After  the next deploy replaces it
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall), not @tom · expires 03:29:10 UTC · RB-2 · local · caution · plan `97ac`
    ");
    world.site.heals("v214");
    world.sam().clicks("Approve").await;
    world.settle().await;
    world
        .slack
        .chooses("U0SAM", "v214 was rolled back")
        .await
        .unwrap();
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
      ✅ RB-2 VERIFIED  shop (local)
      v213 → v214 · @tom
      ✅ Approved 03:19:10 UTC by @sam (oncall)
      ✅ Accepted 03:19:10 UTC by Releases: current leads to v214
      ✅ Live 03:19:10 UTC 2/2 on v214
      ✅ Verified 03:19:12 UTC version v214 answers, 1/1 checks pass
      v214 answers from outside and passes its checks.
      Command to live: 0 s, of which 0 s waiting for approval
    Rollback Bot:
      ✅ shop (local) is on v214 again (RB-2) · @tom, approved by @sam
      version v214 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval
      v214 is live again, so the problem RB-1 was for may be back.
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
        .chooses("U0MAYA", "v214 was rolled back")
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
    Rollback Bot (only visible to @maya): RB-1 can't be undone: it was not run. `/rollback list frontend@production` shows the releases. Nothing was run.
    Rollback Bot (only visible to @maya): There is no RB-9. `/rollback status` lists the ones that are open.
    Rollback Bot (only visible to @maya): RB-1 can't be undone: it was not run. `/rollback list frontend@production` shows the releases. Nothing was run.
    ");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @maya refused: tried `undo` and was refused (CANNOT_UNDO): RB-1 can't be undone: it was not run. `/rollback list frontend@production` shows the releases. Nothing was run.
    @maya refused: tried `undo` and was refused (UNKNOWN_ROLLBACK): There is no RB-9. `/rollback status` lists the ones that are open.
    @maya cancelled: took it back before the platform was asked
    @maya refused: tried `undo` and was refused (CANNOT_UNDO): RB-1 can't be undone: it was not run. `/rollback list frontend@production` shows the releases. Nothing was run.
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
    Rollback Bot (only visible to @maya): RB-2 can't be undone: it is an undo itself; a rollback takes it back. `/rollback list frontend@production` shows the releases. Nothing was run.
    Rollback Bot (only visible to @maya): RB-3: checking whether frontend (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): v214 is live already. Nothing was run. Possible: `/rollback frontend@production to v213 because …`.
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
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom):
      RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run.
      Undo RB-1: take frontend to v214?
      No reason given · @maya, 03:19:10 UTC
      Live now `v213` 3c4d5e6, since 03:12:00 UTC by RB-1 (@sam) (7 m 10 s) lee: session expiry on 8/8 surfaces
      Return to `v214` a1b2c3d, ran 31 m until 03:12:00 UTC · undo of RB-1 kim: checkout: new tax engine
      ⚠️ Caution  v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC
      You lose  nothing: it goes forward
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys go live again
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:29:10 UTC · RB-2 · production · caution · plan `4223`
      RB-2 PROPOSED · frontend (production) · v213 → v214 · last change 03:19:10 UTC
    Rollback Bot (only visible to @tom): RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run. Undo RB-1: take frontend (production) from v213 to v214? RB-2. Needs one approval: @sam (oncall) or @ana (lead), not @maya. Expires 03:29:10 UTC.
    ");
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
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): frontend was switched before within 30 minutes (RB-1 went back and RB-2 went forward). Add a reason: the same command with `because …`. Nothing was run.");
    assert_eq!(world.channel(), "");
    world
        .maya()
        .says("/rollback frontend because carts are lost again")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @maya): RB-3: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back frontend to v213?
      carts are lost again · @maya, 03:26:20 UTC
      Live now `v214` a1b2c3d, since 03:19:10 UTC by RB-2 (@sam) (7 m 10 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 7 m 10 s until 03:19:10 UTC · previous release, verified by RB-1 lee: session expiry
      ⚠️ Switched before within 30 minutes: RB-1 went back and RB-2 went forward
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:36:20 UTC · RB-3 · production · code · plan `d63f`
    "#);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-3 VERIFIED  frontend (production)
      v214 → v213 · @maya · "carts are lost again"
      ✅ Approved 03:26:20 UTC by @sam (oncall)
      ⚠️ Switched before within 30 minutes: RB-1 went back and RB-2 went forward
      ✅ Accepted 03:26:20 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:26:20 UTC 8/8 on v213
      ✅ Verified 03:26:22 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-3) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    // The button has no reason to give, so it says what to type.
    world.maya().clicks("Undo").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): frontend was switched before within 30 minutes (RB-1 went back, RB-2 went forward and RB-3 went back). Add a reason: `/rollback undo RB-3 because …`. Nothing was run.");
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
    assert!(seen.contains("· RB-3 · production"), "{seen}");
    assert!(!seen.contains("change of direction"), "{seen}");
    world.maya().clicks("Cancel").await;
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn pins_say_who_holds_what_back() {
    let mut world = World::new().await;
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Automatic deploys are on everywhere, as of the last check.");
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
      frontend (production)  automatic deploys OFF since 03:12:00 UTC by @sam with RB-1; it holds `v214` back · read 2 m 4 s ago
      `/rollback unpin frontend@production` turns them on again.
    Rollback Bot (only visible to @tom):
      Services
      frontend (production)  `v213` on 8/8 since 03:12:00 UTC by RB-1 (@sam) · before `v212` · automatic deploys OFF · read 2 m 4 s ago
            90 days: median 0 s, worst 0 s, 1 of 1 met the goal
      `/rollback frontend@production because …` proposes, `/rollback list frontend@production` shows releases, `/rollback help` the rest.
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
      frontend (production)  automatic deploys OFF (not by one of my rollbacks) · read 0 s ago
      `/rollback unpin frontend@production` turns them on again.
    ");
}

#[tokio::test]
async fn deploys_flow_again_when_somebody_with_authority_says_so() {
    let mut world = watched().await;
    let before = world.record().await;
    world.tom().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"
    Rollback Bot (only visible to @tom): Checking your permissions… I'll post here when it is done.
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
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ⚠️ Deploys not held automatic deploys are ON
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot (only visible to @ana): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @ana unpinned frontend (production), because "v215 fixes it": automatic deploys go live again (read back).
    "#);
    assert_eq!(world.vercel.unpins_asked(), 1);
    assert!(!world.vercel.is_pinned());
    assert_eq!(world.vercel.production(), "v213", "nothing moves by it");
    world.tom().says("/rollback pins").await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): Automatic deploys are on everywhere, as of the last check.");
    world.passes(Duration::from_secs(400)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ⚠️ Deploys not held automatic deploys are ON
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    "#);
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    assert_eq!(world.vercel.production(), "v215");

    // There is nothing more to let flow.
    world.ana().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_snapshot!(world.ana().sees(), @"
    Rollback Bot (only visible to @ana): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @ana): Automatic deploys of frontend (production) are not held off: there is nothing to unpin. Nothing was changed.
    ");
    assert_eq!(world.vercel.unpins_asked(), 1);
    assert_eq!(world.channel(), "");
    assert_snapshot!(since(&world, &before).await, @r#"
    @tom refused: tried `unpin frontend (production)` and was refused (NOT_AUTHORISED): This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @ana unpinned: unpinned frontend (production), because "v215 fixes it": automatic deploys go live again (read back)
    rollback-bot closed: closed as verified
    rollback-bot exported: exported INC-1-RB-1-timeline.md, 14 entries, 2388 bytes
    @ana refused: tried `unpin frontend (production)` and was refused (ALREADY_SO): Automatic deploys of frontend (production) are not held off: there is nothing to unpin. Nothing was changed.
    "#);
}

#[tokio::test]
async fn where_nothing_is_held_off_there_is_nothing_to_unpin() {
    let (mut world, place) = shop().await;
    world.sam().says("/rollback unpin shop").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
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
    Rollback Bot (only visible to @ana): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @ana): Automatic deploys of frontend (production) are as they were, as far as I know: Vercel answers with an error (503: An unexpected error occurred). Try `/rollback unpin frontend@production` again, or turn them on in the platform's settings.
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
    assert_snapshot!(world.channel(), @"Rollback Bot: @ana unpinned frontend (production): automatic deploys go live again.");
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
      Roll back frontend to v213?
      checkout 500s · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 2 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Hold requested by @tom, 03:12:00 UTC: "the database is being moved". Approvers can still approve.
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
    Rollback Bot (only visible to @tom): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @tom asked to hold changes to frontend (production): "the database is being moved". Approvers can still approve.
    "#);
    world.tom().says("/rollback").await;
    assert_snapshot!(world.tom().sees(), @r#"
    Rollback Bot (only visible to @tom):
      Services
      frontend (production)  `v214` on 8/8 · before `v213` · read 2 s ago
            RB-1 PROPOSED
            hold requested by @tom: "the database is being moved"; approvers can still approve
      `/rollback frontend@production because …` proposes, `/rollback list frontend@production` shows releases, `/rollback help` the rest.
    "#);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:02 UTC by @sam (oncall)
      ⚠️ Hold requested by @tom, 03:12:00 UTC: "the database is being moved". Approvers can still approve.
      ✅ Accepted 03:12:02 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:02 UTC 8/8 on v213
      ✅ Verified 03:12:04 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 2 s (goal 2 m: met), of which 2 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 2 s, of which 2 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    // A new card shows it from the beginning.
    world
        .maya()
        .says("/rollback frontend to v212 because slow")
        .await;
    world.settle().await;
    let seen = world.channel();
    assert!(seen.contains("Hold requested by @tom"), "{seen}");
    world
        .sam()
        .says("/rollback unfreeze frontend because it is moved")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v212?
      slow · @maya, 03:12:32 UTC
      Live now `v213` 3c4d5e6, since 03:12:02 UTC by RB-1 (@sam) (32 s) lee: session expiry on 8/8 surfaces
      Go back to `v212` 9f8e7d6, ran 41 h until 20:12:00 UTC · named kim: faster search
      You lose  1 change: v213 "session expiry"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:32 UTC · RB-2 · production · code · plan `105b`
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @sam lifted the hold on frontend (production), because "it is moved". @tom had requested it: "the database is being moved".
    "#);
    world.sam().says("/rollback unfreeze frontend").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions… I'll post here when it is done.
    Rollback Bot (only visible to @sam): There is no hold on frontend (production). Nothing was changed.
    ");
    assert_eq!(world.channel(), "");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @tom frozen: asked for a hold on frontend (production), because "the database is being moved"
    @sam approved: approved plan d63f as oncall, although @tom asked for a hold because "the database is being moved"
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    @maya requested: asked to roll back frontend (production) to v212, because "slow"
    rollback-bot planned: proposed v213 → v212, risk code, plan 105b
    @sam unfrozen: withdrew the hold request for frontend (production), because "it is moved"
    @sam refused: tried `unfreeze frontend (production)` and was refused (ALREADY_SO): There is no hold on frontend (production). Nothing was changed.
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
    assert_snapshot!(world.gus().sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
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
            .contains("Hold requested by @tom, 03:12:00 UTC")
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
    assert!(
        seen.contains("⏳ Starts by itself at 03:13:00 UTC"),
        "{seen}"
    );
    world.passes(Duration::from_secs(30)).await;
    world
        .tom()
        .says("/rollback freeze frontend because the database is being moved")
        .await;
    world.passes(Duration::from_secs(5)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      Roll back frontend to v213?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 30 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      ⚠️ Hold requested by @tom, 03:12:30 UTC: "the database is being moved". Approvers can still approve.
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @ana (lead), not @sam · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
      | Rollback Bot: @sam: RB-1 (frontend (production), v214 → v213) does not start by itself any more: somebody asked for a hold. `/rollback who RB-1` says who can approve it.
    Rollback Bot (only visible to @tom): Checking your permissions… I'll post here when it is done.
    Rollback Bot: @tom asked to hold changes to frontend (production): "the database is being moved". Approvers can still approve. RB-1 does not start by itself any more.
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
