//! The app's Home: what waits for somebody and what is theirs, in one view, and clicks in it.

use crate::support::{CHANNEL, World};
use insta::assert_snapshot;
use rollback_bot::worker;
use rollback_simulation::Fault;
use std::time::Duration;

/// How often the app has published a Home.
fn published(world: &World) -> usize {
    let calls = world.slack.calls();
    let published = calls.iter().filter(|call| call.method == "views.publish");
    published.filter(|call| call.ok).count()
}

async fn opens(world: &mut World, person: &str) {
    let answer = world.slack.opens_home(person).await;
    assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    world.settle().await;
}

async fn clicks(world: &mut World, person: &str, label: &str) {
    let answer = world.slack.clicks_in_home(person, label).await.unwrap();
    assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    world.settle().await;
}

#[tokio::test]
async fn an_approval_appears_and_goes_with_a_click() {
    let mut world = World::new().await;
    opens(&mut world, "U0SAM").await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    Services you may approve
    frontend (production)  `v214` on 8/8 · before `v213`
    As of 03:12:00 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    let before = published(&world);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.slack.home("U0SAM"), @r#"
    Waiting for your approval
    Roll back frontend to v213?
    checkout 500s · @maya, 03:12:00 UTC
    You lose  1 change: v214 "checkout: new tax engine"
    RB-1 · production · code · expires 03:22:00 UTC · plan `d63f`
    [ Approve… ] [ Deny… ]
    Services you may approve
    frontend (production)  `v214` on 8/8 · before `v213`
    As of 03:12:01 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    "#);
    // Who never opened it has none.
    assert_eq!(world.slack.home("U0ANA"), "");
    world.slack.take_all();
    clicks(&mut world, "U0SAM", "Approve").await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    Under way
    RB-1 ACCEPTED · frontend (production) · v214 → v213 · last change 03:12:01 UTC
    Services you may approve
    frontend (production)  `v214` on 8/8 · before `v213`
    As of 03:12:02 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⏳ RB-1 ACCEPTED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:01 UTC by @sam (oncall)
      ✅ Accepted 03:12:01 UTC by Vercel: job pending
      ✅ Deploys held automatic deploys are off
      ⏳ Going live 0/8 on v213, waiting for shop.example.com, www.shop.example.com and checkout.example.com
      Vercel accepted it. Waiting for v213 to go live.
    "#);
    assert!(published(&world) > before);
    let record = world.record().await;
    assert!(record.contains("@sam approved"), "{record}");
}

#[tokio::test]
async fn a_role_that_was_taken_away_approves_nothing() {
    let mut world = World::new().await;
    opens(&mut world, "U0SAM").await;
    world.with_a_card().await;
    let oncall = "[roles.oncall]\nmembers = [\"U0SAM\"]";
    let came_of_it = world
        .reloads(oncall, "[roles.oncall]\nmembers = [\"U0KIM\"]")
        .await;
    assert!(came_of_it.contains("roles"), "{came_of_it}");
    clicks(&mut world, "U0SAM", "Approve").await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    03:12:01 UTC · This needs somebody with the role oncall or lead, and you do not have it. @kim or @ana can. Nothing was run.
    Waiting for your approval
    Nothing waits for your approval.
    As of 03:12:01 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    assert_snapshot!(world.sam().sees(), @"");
    assert_eq!(world.vercel.production(), "v214");
}

#[tokio::test]
async fn a_reason_is_given_in_a_form_from_there_too() {
    let mut world = World::new().await;
    world.with_a_card().await;
    opens(&mut world, "U0SAM").await;
    clicks(&mut world, "U0SAM", "Deny").await;
    world.slack.types("U0SAM", "the fix is out").unwrap();
    world.slack.submits("U0SAM").await.unwrap();
    world.settle().await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    Services you may approve
    frontend (production)  `v214` on 8/8 · before `v213`
    As of 03:12:01 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_theirs_is_shown_to_them_only() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(20 * 60)).await;
    world
        .maya()
        .says("/rollback action add \"page *earlier* <!channel>\" @sam due friday")
        .await;
    opens(&mut world, "U0SAM").await;
    opens(&mut world, "U0TOM").await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    Your actions
    1 page earlier <!channel> · is due on 2026-03-20 · INC-1: `/rollback action done 1` in #shop-incidents
    Automatic deploys you hold off
    frontend (production)  automatic deploys OFF since 03:12:00 UTC by @sam with RB-1; it holds `v214` back. `/rollback unpin frontend@production` turns them on again.
    Services you may approve
    frontend (production)  `v213` on 8/8 since 03:12:00 UTC by RB-1 (@sam) · before `v212` · automatic deploys OFF
    As of 03:32:00 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    assert_snapshot!(world.slack.home("U0TOM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    As of 03:32:00 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    world.sam().says("/rollback action done 1").await;
    world.sam().says("/rollback unpin frontend").await;
    world.settle().await;
    assert_snapshot!(world.slack.home("U0SAM"), @"
    Waiting for your approval
    Nothing waits for your approval.
    Services you may approve
    frontend (production)  `v213` on 8/8 since 03:12:00 UTC by RB-1 (@sam) · before `v212`
    As of 03:32:01 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_said_in_a_private_channel_stays_there() {
    let mut world = World::new().await;
    world.slack.make_private(CHANNEL);
    world.slack.set_person_in("U0SAM", CHANNEL, false);
    world
        .maya()
        .says("/rollback frontend because a secret customer is down")
        .await;
    world
        .maya()
        .says("/rollback action add \"call the secret customer\" @sam due friday")
        .await;
    world.settle().await;
    opens(&mut world, "U0SAM").await;
    opens(&mut world, "U0ANA").await;
    let home = world.slack.home("U0SAM");
    assert!(!home.contains("secret"), "{home}");
    assert_snapshot!(home, @"
    Waiting for your approval
    RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    It was asked for in a private channel that you are not in, so the reason is not shown here. Have somebody invite you there, and decide on its card.
    Your actions
    1 of INC-1 is due on 2026-03-20. It was added in a private channel that you are not in.
    Services you may approve
    frontend (production)  `v214` on 8/8 · before `v213`
    As of 03:12:00 UTC; what changes shows here by itself. `/rollback` shows every service, `/rollback help` every command.
    ");
    assert!(
        world
            .slack
            .home("U0ANA")
            .contains("a secret customer is down")
    );
    world.slack.take_all();
}

#[tokio::test]
async fn who_may_not_read_is_told_so_and_who_has_left_is_dropped() {
    let mut world = World::new().await;
    opens(&mut world, "U0GUS").await;
    assert_snapshot!(world.slack.home("U0GUS"), @"Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    opens(&mut world, "U0SAM").await;
    let before = published(&world);
    world.slack.deactivates("U0SAM");
    world.passes(Duration::from_secs(11 * 60)).await;
    world.with_a_card().await;
    assert_eq!(published(&world), before);
    let waiting = rollback_bot::store::homes::get(&world.app().engine.db, "U0SAM").await;
    assert_eq!(waiting.unwrap(), None);
}

#[tokio::test]
async fn slack_asks_to_slow_down_and_the_last_state_is_published_once() {
    let mut world = World::new().await;
    opens(&mut world, "U0SAM").await;
    let before = published(&world);
    let slow_down = Fault::RateLimited { retry_after: 40 };
    world.slack.fault(slow_down, Some("views.publish"), Some(1));
    world.with_a_card().await;
    assert_eq!(published(&world), before);
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(published(&world), before + 1);
    assert!(
        world
            .slack
            .home("U0SAM")
            .contains("Roll back frontend to v213?")
    );
    world.slack.take_all();
}

#[tokio::test]
async fn what_somebody_else_has_published_is_drawn_over() {
    let mut world = World::new().await;
    opens(&mut world, "U0SAM").await;
    let conflict = Fault::Refuses("hash_conflict");
    world.slack.fault(conflict, Some("views.publish"), Some(1));
    world.with_a_card().await;
    world.settle().await;
    assert!(
        world
            .slack
            .home("U0SAM")
            .contains("Roll back frontend to v213?")
    );
}

/// So many services, each with a release to go back to.
fn services(n: usize) -> String {
    let one = |n: usize| {
        format!(
            r#"
[services.svc{n:02}.production]
provider = "command"
platform = "Kamal"
list = ["echo", "v2\nv1"]
live = ["echo", "v2"]
roll_back = ["true", "svc{n:02}", "{{id}}"]
restores = ["the code"]
leaves = ["database"]
approve = ["oncall"]
"#
        )
    };
    (0..n).map(one).collect()
}

#[tokio::test]
async fn more_than_fits_is_counted_and_what_somebody_wrote_is_only_text() {
    let mut world = World::with(&services(22)).await;
    opens(&mut world, "U0SAM").await;
    let because = "*bold* _x_ `code` <!channel> <https://evil.example|card> \u{202e}gnp.exe";
    for n in 0..10 {
        let proposal = format!("/rollback svc{n:02} because {because}");
        world.maya().says(&proposal).await;
        world.settle().await;
    }
    let home = world.slack.home("U0SAM");
    assert_eq!(home.matches("[ Approve… ]").count(), 8);
    let first: Vec<&str> = home.lines().take(7).collect();
    assert_snapshot!(first.join("\n"), @"
    Waiting for your approval
    Roll back svc00 to v1?
    bold x code <!channel> <https://evil.example|card> gnp.exe · @maya, 03:12:00 UTC
    ⚠️ Caution  v1 is not known to have served production
    You lose  1 change: v2
    RB-1 · production · caution · expires 03:22:00 UTC · plan `3937`
    [ Approve… ] [ Deny… ]
    ");
    let counted: Vec<&str> = home.lines().filter(|line| line.contains(" more")).collect();
    assert_snapshot!(counted.join("\n"), @"
    2 more wait for your approval: `/rollback status` lists everything that is open.
    and 2 more: `/rollback who` and a name says who may approve it.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_drill_says_first_that_it_is_one() {
    let mut world = World::new().await;
    opens(&mut world, "U0SAM").await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    let home = world.slack.home("U0SAM");
    assert!(
        home.contains("DRILL · Roll back frontend to v213?"),
        "{home}"
    );
    world.slack.take_all();
    clicks(&mut world, "U0SAM", "Approve").await;
    assert!(world.channel().contains("DRILL"));
    assert_eq!(world.vercel.production(), "v214");
}

#[tokio::test]
async fn several_replicas_publish_once() {
    let mut world = World::new().await;
    let replicas = [world.another().await, world.another().await];
    opens(&mut world, "U0SAM").await;
    let before = published(&world);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(1));
        let others = replicas.iter().flatten().map(worker::run_due);
        let (_, _) = tokio::join!(
            worker::run_due(world.app()),
            futures_util::future::join_all(others)
        );
    }
    world.settle().await;
    assert_eq!(published(&world), before + 1);
    world.slack.take_all();
}
