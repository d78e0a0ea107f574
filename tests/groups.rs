//! Groups: services that are rolled back together, with one card and one approval.

use crate::{
    scripted::{
        platform::{Platform, Script},
        provider::STEPS,
    },
    support::{FRONTEND, World, dawn},
};
use insta::assert_snapshot;
use rollback_bot::worker;
use std::time::Duration;

/// A box on a platform of its own, which tells from outside what it serves.
fn a_box(name: &str, platform: &Platform, approve: &str) -> String {
    format!(
        r#"
[services.{name}.production]
provider = "five_steps"
api_url = "{url}"
approve = {approve}
passes = 1
[services.{name}.production.fingerprint]
url = "{url}seen"
json = "/live"
"#,
        url = platform.url
    )
}

/// `database`, `backend` and `frontend`, each on a platform of its own, and the group of them.
async fn shop(database: Script, backend: Script, group: &str) -> (World, Platform, Platform) {
    rollback_providers::registry::add(&[&STEPS]);
    let database = Platform::start(database, dawn()).await;
    let backend = Platform::start(backend, dawn()).await;
    let services = [
        a_box("database", &database, r#"["oncall", "lead"]"#),
        a_box("backend", &backend, r#"["oncall", "lead"]"#),
        FRONTEND.to_owned(),
        format!("[groups.full]\n{group}"),
    ]
    .join("\n");
    let world = World::with(&services).await;
    world.vercel.moves_at_once(true);
    (world, database, backend)
}

const IN_ORDER: &str = r#"members = ["database?", "backend", "frontend"]"#;

fn fails() -> Script {
    Script {
        fails_at: Some(2),
        ..Script::default()
    }
}

#[tokio::test]
async fn the_second_of_three_fails_is_put_back_and_the_third_is_not_run() {
    let (mut world, database, backend) = shop(Script::default(), fails(), IN_ORDER).await;
    let answer = world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    assert_snapshot!(answer.body, @r#"{"response_type":"ephemeral","text":"RB-1: finding a version of each of the 3 members of full (production) to go back to. Nothing has changed yet: its card says what it needs."}"#);
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-1: finding a version of each of the 3 members of full (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back full (3 services)?
      checkout 500s · @maya, 03:12:00 UTC
      1.  database  `v2` → `v1`, ran 47 h until 02:12:00 UTC · loses 1 change · code
      2.  backend  `v2` → `v1`, ran 47 h until 02:12:00 UTC · loses 1 change · code
      3.  frontend  `v214` → `v213`, ran 6 h 29 m until 02:41:00 UTC · loses 1 change · code
      Order  by these numbers, each when the one before works; stops if one fails
      Changes  the image, code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  the volumes · database · today's env settings · flags · storage
      [ Approve… ] [ Deny… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d5a6`
    ");

    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(database.seen().live.as_deref(), Some("v1"));
    assert_eq!(backend.seen().live.as_deref(), Some("v2"));
    assert_eq!(world.vercel.production(), "v214");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 PARTIAL 1/3  full (production)
      3 services · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Begun 03:12:00 UTC
      ✅  database  `v2` → `v1` · RB-2 VERIFIED
      ⚠️  backend  `v2` → `v1` · RB-3 FAILED: the new box did not start; the old one runs again · production as before
      –  frontend  `v214` → `v213` · not run
      1 of 3 verified, backend failed (production as before), frontend not run. To go on by hand: `/rollback backend@production because …` and `/rollback frontend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot:
      ⚠️ full (production): 1 of 3 verified, backend failed (production as before), frontend not run (RB-1) · @maya, approved by @sam
      • database (RB-2) VERIFIED
      • backend (RB-3) FAILED: the new box did not start; the old one runs again
      `/rollback pins` shows where automatic deploys are off.
      Next  To go on by hand: `/rollback backend@production because …` and `/rollback frontend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
    "#);
    let record = world.record().await;
    // Three jobs of one moment: whichever is first.
    let (last, record): (Vec<&str>, Vec<&str>) = record.lines().partition(|line| {
        line.contains(" unpinned: ") || line.contains(" partial: ") || line.contains(" exported: ")
    });
    for what in [
        "unpinned: nothing was changed, so automatic deploys are on push again (read back)",
        "partial: 1 of 3 verified, backend failed (production as before), frontend not run",
        "exported: exported INC-1-RB-1-timeline.md",
    ] {
        assert!(last.iter().any(|line| line.contains(what)), "{last:?}");
    }
    assert_snapshot!(record.join("\n"), @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back full (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed database v2, backend v2, frontend v214 → database v1, backend v1, frontend v213, risk code, plan d5a6
    @sam approved: approved plan d5a6 as oncall
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: stage 1/3 begins: database
    @maya requested: asked to roll back database (production) to the previous release, as a part of RB-1, because "checkout 500s"
    rollback-bot planned: proposed v2 → v1, risk code, plan 09f7
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Boxes for v2 → v1
    Boxes pinned: automatic deploys are held off: automatic deploys are off (read back)
    Boxes accepted: took: pull v1
    rollback-bot executing: asking Boxes for step 2/5: stop the old box
    Boxes accepted: took: stop the old box
    rollback-bot executing: asking Boxes for step 3/5: start the new box
    Boxes accepted: took: start the new box
    rollback-bot executing: asking Boxes for step 4/5: check the new box
    Boxes accepted: took: check the new box
    rollback-bot executing: asking Boxes for step 5/5: switch over
    Boxes accepted: took: switch over
    Boxes serving: serves v1 on 1/1
    rollback-bot checked: version v1 answers, no checks configured
    rollback-bot verified: verified: v1 answers from outside and passes its checks.
    rollback-bot executing: stage 2/3 begins: backend
    @maya requested: asked to roll back backend (production) to the previous release, as a part of RB-1, because "checkout 500s"
    rollback-bot planned: proposed v2 → v1, risk code, plan a95d
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Boxes for v2 → v1
    Boxes pinned: automatic deploys are held off: automatic deploys are off (read back)
    Boxes accepted: took: pull v1
    rollback-bot executing: asking Boxes for step 2/5: stop the old box
    Boxes accepted: took: stop the old box
    rollback-bot executing: asking Boxes for step 3/5: start the new box
    Boxes accepted: took: start the new box
    Boxes progress: start the new box has failed
    rollback-bot executing: asking Boxes for a step back: start the old box again
    Boxes accepted: took: start the old box again
    Boxes failed: the new box did not start; the old one runs again
    "#);

    // What was changed goes forward again; what was not has nothing to undo.
    world
        .maya()
        .says("/rollback undo RB-1 because backend needs the new schema")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-4: checking whether full (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take full forward again (1 service)?
      backend needs the new schema · @maya, 03:13:00 UTC
      1.  database  `v1` → `v2`, ran 1 h until 03:12:00 UTC · loses nothing · caution
      –  frontend  left out: it was not run
      –  backend  left out: it failed
      ⚠️ Caution  database: v2 was rolled back by RB-2 at 2026-03-14 03:12 UTC
      Changes  the image
      Stays  the volumes
      [ Approve… ] [ Deny… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:23:00 UTC · RB-4 · production · caution · plan `46b0`
    ");
    approves_by_form(&mut world, "database: v2 was rolled back by RB-2").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(database.seen().live.as_deref(), Some("v2"));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-4 VERIFIED  full (production)
      1 service · @maya · "backend needs the new schema"
      ✅ Approved 03:13:00 UTC by @sam (oncall)
      Begun 03:13:00 UTC
      ✅  database  `v1` → `v2` · RB-5 VERIFIED
      –  frontend  left out: it was not run
      –  backend  left out: it failed
      1 of 1 verified.
      Command to live: 0 s, of which 0 s waiting for approval
    Rollback Bot:
      ✅ full (production): 1 of 1 verified (RB-4) · @maya, approved by @sam
      each has its own verdict · took 0 s, of which 0 s waiting for approval
      • database (RB-5) VERIFIED
      `/rollback pins` shows where automatic deploys are off.
      database v2 is live again, so the problem RB-1 was for may be back.
    "#);
    world.passes(Duration::from_secs(600)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-4 VERIFIED  full (production)
      1 service · @maya · "backend needs the new schema"
      ✅ Approved 03:13:00 UTC by @sam (oncall)
      Begun 03:13:00 UTC
      ✅  database  `v1` → `v2` · RB-5 VERIFIED
      –  frontend  left out: it was not run
      –  backend  left out: it failed
      1 of 1 verified.
      Command to live: 0 s, of which 0 s waiting for approval
      [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-4 closed: … entries.
      |   [file INC-1-RB-4-timeline.md]
    "#);
}

/// sam ticks what is unusual, and approves.
async fn approves_by_form(world: &mut World, tick: &str) {
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.chooses("U0SAM", tick).await.unwrap();
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
}

#[tokio::test]
async fn three_verified_members_are_taken_forward_again_in_the_reverse_order() {
    let (mut world, database, backend) = shop(Script::default(), Script::default(), IN_ORDER).await;
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.channel();
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    let shown = world.channel();
    assert!(
        shown.contains("✅ full (production): 3 of 3 verified (RB-1)"),
        "{shown}"
    );
    world.passes(Duration::from_secs(600)).await;
    world.channel();

    world.vercel.moves_at_once(false);
    world
        .maya()
        .says("/rollback undo RB-1 because it was the network")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (only visible to @maya): RB-5: checking whether full (production) can return to what RB-1 left. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Undo RB-1: take full forward again (3 services)?
      it was the network · @maya, 03:23:00 UTC
      1.  frontend  `v213` → `v214`, ran 31 m until 03:12:00 UTC · loses nothing · caution
      2.  backend  `v1` → `v2`, ran 1 h until 03:12:00 UTC · loses nothing · caution
      3.  database  `v1` → `v2`, ran 1 h until 03:12:00 UTC · loses nothing · caution
      ⚠️ Caution  frontend: v214 was rolled back by RB-4 at 2026-03-14 03:12 UTC
      ⚠️ Caution  backend: v2 was rolled back by RB-3 at 2026-03-14 03:12 UTC
      ⚠️ Caution  database: v2 was rolled back by RB-2 at 2026-03-14 03:12 UTC
      Order  by these numbers, each when the one before works; stops if one fails
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build, the image
      Stays  database · today's env settings · flags · storage · the volumes
      [ Approve… ] [ Deny… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:33:00 UTC · RB-5 · production · caution · plan `6a79`
    ");
    world.sam().clicks("Approve").await;
    world.settle().await;
    for tick in ["frontend: v214", "backend: v2", "database: v2"] {
        world.slack.chooses("U0SAM", tick).await.unwrap();
    }
    assert!(world.slack.submits("U0SAM").await.unwrap().is_ok());
    world.passes(Duration::from_secs(10)).await;
    // The frontend goes first, and while it is not live nothing else is touched.
    assert_eq!(backend.seen().live.as_deref(), Some("v1"));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⏳ RB-5 RUNNING 0/3  full (production)
      3 services · @maya · "it was the network"
      ✅ Approved 03:23:00 UTC by @sam (oncall)
      Begun 03:23:00 UTC
      ⏳  frontend  `v213` → `v214` · RB-6 ACCEPTED
      ·  backend  `v1` → `v2` · waits
      ·  database  `v1` → `v2` · waits
      Stage 1 of 3: frontend.
      [ Stop ]
    "#);
    world.site.heals("v214");
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(database.seen().live.as_deref(), Some("v2"));
    let record = world.record().await;
    let begun: Vec<&str> = record
        .lines()
        .filter(|line| line.contains(" begins: "))
        .collect();
    assert_snapshot!(begun.join("\n"), @"
    rollback-bot executing: stage 1/3 begins: database
    rollback-bot executing: stage 2/3 begins: backend
    rollback-bot executing: stage 3/3 begins: frontend
    rollback-bot executing: stage 1/3 begins: frontend
    rollback-bot executing: stage 2/3 begins: backend
    rollback-bot executing: stage 3/3 begins: database
    ");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-5 VERIFIED  full (production)
      3 services · @maya · "it was the network"
      ✅ Approved 03:23:00 UTC by @sam (oncall)
      Begun 03:23:00 UTC
      ✅  frontend  `v213` → `v214` · RB-6 VERIFIED
      ✅  backend  `v1` → `v2` · RB-7 VERIFIED
      ✅  database  `v1` → `v2` · RB-8 VERIFIED
      3 of 3 verified.
      Command to live: 13 s, of which 0 s waiting for approval
    Rollback Bot:
      ✅ full (production): 3 of 3 verified (RB-5) · @maya, approved by @sam
      each has its own verdict · took 13 s, of which 0 s waiting for approval
      • frontend (RB-6) VERIFIED
      • backend (RB-7) VERIFIED
      • database (RB-8) VERIFIED
      `/rollback pins` shows where automatic deploys are off.
      frontend v214, backend v2, database v2 is live again, so the problem RB-1 was for may be back.
    "#);
}

#[tokio::test]
async fn members_of_one_stage_run_at_the_same_time_and_a_failure_can_be_passed_by() {
    let group = "members = [[\"database\", \"backend\"], \"frontend\"]\non_failure = \"go_on\"";
    let (mut world, database, backend) = shop(Script::default(), fails(), group).await;
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(card.contains("1.  database  `v2` → `v1`"), "{card}");
    assert!(card.contains("1.  backend  `v2` → `v1`"), "{card}");
    assert!(card.contains("2.  frontend"), "{card}");
    assert!(card.contains("goes on if one fails"), "{card}");
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(database.seen().live.as_deref(), Some("v1"));
    assert_eq!(backend.seen().live.as_deref(), Some("v2"));
    assert_eq!(world.vercel.production(), "v213");
    let shown = world.channel();
    assert!(
        shown.contains("2 of 3 verified, backend failed (production as before) (RB-1)"),
        "{shown}"
    );
}

#[tokio::test]
async fn an_optional_member_without_anything_to_go_back_to_is_left_out() {
    let group = "members = [\"frontend?\", \"backend\"]";
    let (mut world, _database, backend) = shop(Script::default(), Script::default(), group).await;
    for version in ["v211", "v212", "v213"] {
        world.vercel.no_longer_offer(version);
    }
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(
        card.contains("–  frontend  left out: it has nothing to go back to"),
        "{card}"
    );
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(backend.seen().live.as_deref(), Some("v1"));
    let shown = world.channel();
    assert!(shown.contains("1 of 1 verified"), "{shown}");
    assert!(shown.contains("–  frontend  left out"), "{shown}");

    // What is not optional stops the group, and says why.
    world.reconfigures("\"frontend?\"", "\"frontend\"").await;
    world.passes(Duration::from_secs(600)).await;
    world.channel();
    world.maya().says("/rollback full because it is back").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-3: finding a version of each of the 2 members of full (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): There is no release of frontend (production) to go back to: v213: Vercel does not offer it for instant rollback. Deploy a fix forward, or name a release with `to`; `/rollback list frontend@production` shows them. Nothing was run.
    ");
}

#[tokio::test]
async fn somebody_whose_role_does_not_count_for_every_member_is_refused() {
    rollback_providers::registry::add(&[&STEPS]);
    let backend = Platform::start(Script::default(), dawn()).await;
    let services = [
        a_box("backend", &backend, r#"["lead"]"#),
        FRONTEND.to_owned(),
        "[groups.full]\nmembers = [\"backend\", \"frontend\"]".to_owned(),
    ];
    let mut world = World::with(&services.join("\n")).await;
    world.vercel.moves_at_once(true);
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(card.contains("Needs  one approval: @ana (lead)"), "{card}");
    // sam may approve the frontend, and not the backend.
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): This needs somebody with the role lead, and you do not have it. @ana can. Nothing was run.");
    assert_eq!(backend.seen().asked.len(), 0);
    world.ana().clicks("Approve").await;
    world.passes(Duration::from_secs(10)).await;
    assert_eq!(backend.seen().live.as_deref(), Some("v1"));
    assert_eq!(world.rollback(2).await.approvals[0].by.name, "ana");
    world.passes(Duration::from_secs(60)).await;
    let shown = world.channel();
    assert!(shown.contains("2 of 2 verified"), "{shown}");
}

#[tokio::test]
async fn while_the_platform_of_one_member_is_away_nothing_is_planned_or_begun() {
    let (mut world, database, _backend) =
        shop(Script::default(), Script::default(), IN_ORDER).await;
    world.vercel.fail_reads(503);
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.passes(Duration::from_secs(60)).await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-1: finding a version of each of the 3 members of full (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): The platform of frontend could not be read: Vercel answers with an error (503: An unexpected error occurred). Nothing was run. Try again in a minute; if it can't wait, roll back on the platform itself.
    ");
    world.vercel.fail_reads(None);
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.channel();

    // It is gone again when the stage of its member comes.
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.fail_reads(503);
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(database.seen().live.as_deref(), Some("v1"));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-2 VERIFIED  full (production)
      3 services · @maya · "checkout 500s"
      ✅ Approved 03:13:00 UTC by @sam (oncall)
      Begun 03:13:00 UTC
      ✅  database  `v2` → `v1` · RB-3 VERIFIED
      ✅  backend  `v2` → `v1` · RB-4 VERIFIED
      ✅  frontend  `v214` → `v213` · RB-5 VERIFIED
      3 of 3 verified.
      Command to live: 2 s, of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ full (production): 3 of 3 verified (RB-2) · @maya, approved by @sam
      each has its own verdict · took 2 s, of which 0 s waiting for approval
      • database (RB-3) VERIFIED
      • backend (RB-4) VERIFIED
      • frontend (RB-5) VERIFIED
      `/rollback pins` shows where automatic deploys are off.
      This doesn't fix the bug. If a release that they left caused it, deploying that one again brings it back.
    "#);
}

#[tokio::test]
async fn a_member_with_a_rollback_of_its_own_stops_the_group_with_its_sentence() {
    let (mut world, _database, _backend) =
        shop(Script::default(), Script::default(), IN_ORDER).await;
    world.maya().says("/rollback backend because slow").await;
    world.settle().await;
    world.channel();
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): RB-2: finding a version of each of the 3 members of full (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot (only visible to @maya): RB-1 is already open for backend (production): proposed. Use its card, or stop it first with `/rollback stop RB-1`. Nothing was run.
    ");
    world.maya().says("/rollback stop RB-1").await;
    world.settle().await;
    world.channel();

    // The same for one that is opened while the group waits for its approval.
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.channel();
    world.maya().says("/rollback frontend because first").await;
    world.settle().await;
    world.channel();
    world.sam().says("/rollback approve RB-3").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-3 BLOCKED  full (production)
      3 services · @maya · "checkout 500s"
      ✅ Approved 03:12:03 UTC by @sam (oncall)
      –  database  `v2` → `v1` · not run
      –  backend  `v2` → `v1` · not run
      –  frontend  `v214` → `v213` · not run
      RB-4 is already open for frontend (production): proposed. Use its card, or stop it first with /rollback stop RB-4. Nothing was run.
    Rollback Bot (only visible to @sam): Approving RB-3: checking your permissions. The card will update.
    Rollback Bot: @maya and @sam: RB-3 (full (production), database v2, backend v2, frontend v214 → database v1, backend v1, frontend v213) was not run. RB-4 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-4`. Nothing was run.
    "#);
    world.maya().says("/rollback stop RB-4").await;
    world.settle().await;
    world.channel();
}

#[tokio::test]
async fn a_member_that_somebody_takes_back_by_itself_meanwhile_is_not_run_by_the_group() {
    let group = "members = [\"frontend\", \"backend\"]";
    let (mut world, _database, backend) = shop(Script::default(), Script::default(), group).await;
    world.vercel.moves_at_once(false);
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.maya().says("/rollback backend because slow").await;
    world.settle().await;
    world.channel();
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(backend.seen().asked.len(), 0);
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 PARTIAL 1/2  full (production)
      2 services · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Begun 03:12:00 UTC
      ✅  frontend  `v214` → `v213` · RB-2 VERIFIED
      ⚠️  backend  `v2` → `v1` · NOT RUN: RB-3 of backend (production) is open · production as before
      1 of 2 verified, backend not run. To go on by hand: `/rollback backend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot (edited):
      Roll back backend to v1?
      slow · @maya, 03:12:09 UTC
      Live now `v2`, since 02:12:00 UTC (1 h 1 m)
      Go back to `v1`, ran 47 h until 02:12:00 UTC · previous release, ran before
      You lose  1 change: v2
      Changes  the image
      Stays  the volumes
      Steps  1. pull v1 · 2. stop the old box · 3. start the new box · 4. check the new box · 5. switch over
      ⏳ Waiting since 03:12:09 UTC; asked @sam, @ana, last at 03:13:09 UTC
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:09 UTC · RB-3 · production · code · plan `a95d`
      | Rollback Bot: @sam and @ana: approve or deny RB-3? backend (production), v2 → v1, "slow", waiting 1 m.
    Rollback Bot:
      ⚠️ full (production): 1 of 2 verified, backend not run (RB-1) · @maya, approved by @sam
      • frontend (RB-2) VERIFIED
      • backend NOT RUN: RB-3 of backend (production) is open
      `/rollback pins` shows where automatic deploys are off.
      Next  To go on by hand: `/rollback backend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
    "#);
    world.maya().says("/rollback stop RB-3").await;
    world.settle().await;
    world.channel();
}

#[tokio::test]
async fn a_group_is_named_where_it_can_stand_and_nowhere_else() {
    let (mut world, ..) = shop(Script::default(), Script::default(), IN_ORDER).await;
    for typed in [
        "/rollback list full",
        "/rollback freeze full because wait",
        "/rollback full to v212",
        "/rollback full@staging",
        "/rollback ful",
    ] {
        world.maya().says(typed).await;
    }
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): full is a group of database, backend and frontend, and each of them has releases of its own: name one of them. `/rollback full because …` takes all of them back to their previous releases, and with a time instead of a release to what was live then. Nothing was run.
    Rollback Bot (only visible to @maya): full is a group of database, backend and frontend, and each of them has releases of its own: name one of them. `/rollback full because …` takes all of them back to their previous releases, and with a time instead of a release to what was live then. Nothing was run.
    Rollback Bot (only visible to @maya): full is a group of database, backend and frontend, and each of them has releases of its own: name one of them. `/rollback full because …` takes all of them back to their previous releases, and with a time instead of a release to what was live then. Nothing was run.
    Rollback Bot (only visible to @maya): full has no environment "staging"; it has production. For example `/rollback full@production`. Nothing was run.
    Rollback Bot (only visible to @maya): No service or command "ful". Did you mean full? Nothing was run.
    "#);
    world.maya().says("/rollback").await;
    let board = world.maya().sees();
    assert!(board.contains("full"), "{board}");
    assert_snapshot!(
        world.reads_settings("[groups.frontend]\nmembers = [\"backend\", \"cart\"]\n[groups.list]\nmembers = [\"backend\"]\n[groups.both]\nmembers = [\"backend\", \"backend\"]\nenvironment = \"staging\"\n").unwrap_err(),
        @r#"
    groups.both.members: has backend twice; keep one of the two
    groups.both.environment: backend has no environment "staging"
    groups.both.environment: backend has no environment "staging"
    groups.frontend: is the name of a service too; give one of the two another name
    groups.frontend.members[1]: there is no service "cart"; write one of backend, database, frontend
    groups.frontend.members: has one member, which is no group; add another, or remove the group
    groups.list: is a word of the /rollback command; use another name
    groups.list.members: has one member, which is no group; add another, or remove the group
    "#
    );
}

#[tokio::test]
async fn a_process_that_ends_between_two_members_finds_where_the_group_stands() {
    let (mut world, database, backend) = shop(Script::default(), Script::default(), IN_ORDER).await;
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    // Whatever the job that is done next, the process ends after it.
    for _ in 0..40 {
        worker::run_due(world.app()).await;
        world.stops().await;
        world.starts().await;
        world.leases_end().await;
        world.clock.advance(Duration::from_secs(1));
    }
    world.passes(Duration::from_secs(60)).await;
    let asked = |platform: &Platform| platform.seen().asked.into_values().collect::<Vec<_>>();
    assert_eq!(asked(&database), [1, 1, 1, 1, 1]);
    assert_eq!(asked(&backend), [1, 1, 1, 1, 1]);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let shown = world.channel();
    assert!(shown.contains("3 of 3 verified (RB-1)"), "{shown}");
}

#[tokio::test]
async fn a_group_that_runs_is_stopped_before_its_next_stage() {
    let members = r#"members = ["frontend", ["database", "backend"]]"#;
    let works = Script::default;
    let (mut world, database, backend) = shop(works(), works(), members).await;
    world.vercel.moves_at_once(false);
    world
        .maya()
        .says("/rollback full because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(5)).await;
    world.slack.take_all();
    // Who may not cancel it may not stop it either.
    world.tom().says("/rollback stop RB-1").await;
    world.settle().await;
    let refused = world.tom().sees();
    assert!(refused.contains("you do not have it"), "{refused}");
    world.sam().clicks("Stop").await;
    world.passes(Duration::from_secs(2)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⏳ RB-1 RUNNING 0/3  full (production)
      3 services · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Begun 03:12:00 UTC
      Stopped 03:12:09 UTC by @sam: no further stage begins
      ⏳  frontend  `v214` → `v213` · RB-2 ACCEPTED
      –  database  `v2` → `v1` · not run
      –  backend  `v2` → `v1` · not run
      Stage 1 of 2: frontend.
    Rollback Bot: @maya: @sam stopped RB-1 (full (production), frontend v214, database v2, backend v2 → frontend v213, database v1, backend v1). What has begun goes on. Not run: database and backend.
    "#);
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(300)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(database.seen().live.as_deref(), Some("v2"));
    assert_eq!(backend.seen().live.as_deref(), Some("v2"));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 PARTIAL 1/3  full (production)
      3 services · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Begun 03:12:00 UTC
      Stopped 03:12:09 UTC by @sam: no further stage begins
      ✅  frontend  `v214` → `v213` · RB-2 VERIFIED
      –  database  `v2` → `v1` · not run
      –  backend  `v2` → `v1` · not run
      1 of 3 verified, database not run, backend not run. To go on by hand: `/rollback database@production because …` and `/rollback backend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot:
      ⚠️ full (production): 1 of 3 verified, database not run, backend not run, stopped by @sam (RB-1) · @maya, approved by @sam
      • frontend (RB-2) VERIFIED
      `/rollback pins` shows where automatic deploys are off.
      Next  To go on by hand: `/rollback database@production because …` and `/rollback backend@production because …`. To return to what was live before: `/rollback undo RB-1`, in the reverse order.
    "#);
    let record = world.record().await;
    let stopped: Vec<&str> = record
        .lines()
        .filter(|line| line.contains("stopped"))
        .collect();
    assert_snapshot!(stopped.join("\n"), @"@sam cancelled: stopped it; not run: database and backend");
    // It has ended: there is nothing left to stop.
    world.sam().says("/rollback stop RB-1").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Stopping RB-1 if that is still possible: checking your permissions. The card will update.
    Rollback Bot (only visible to @sam): RB-1 has already ended (partial 1/3, 03:12:13 UTC), so this did nothing. Propose again if it is still needed.
    ");
    // What it has changed is undone like that of any other group.
    world.maya().says("/rollback undo RB-1").await;
    world.settle().await;
    assert!(world.channel().contains("frontend  `v213` → `v214`"));
}
