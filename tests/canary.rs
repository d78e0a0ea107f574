//! The canary: everything is read that a rollback would read, nothing is changed, and what has turned
//! bad is told once.

use crate::{
    command,
    support::{FRONTEND, ROLES, World},
};
use insta::assert_snapshot;
use jiff::Timestamp;
use rollback_bot::{store, worker};
use std::time::Duration;

/// In Berlin it is 04:12 when a story begins.
const CANARY: &str = r#"
[canary]
channel = "C0OPS"
zone = "Europe/Berlin"
at = "07:30"
hours = "08:00-20:00"
"#;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

/// A world in which nothing is wrong with what is live, and the canary reads.
async fn world() -> World {
    world_with(CANARY).await
}

async fn world_with(canary: &str) -> World {
    let owned = FRONTEND.replace("project =", "owner = \"U0KIM\"\nproject =");
    let world = World::set_up(&format!("{canary}{ROLES}"), &owned).await;
    world.site.heals("v214");
    world
}

/// What was told since it was looked last, by the channel that the canary has.
fn told(world: &World) -> String {
    let told = world.slack.take_new("C0OPS");
    told.replace(&world.site.url(), "https://shop.example.com")
}

/// When `frontend` was read last.
async fn read_at(world: &World) -> Timestamp {
    let read = store::readiness::all(&world.app().engine.db).await.unwrap();
    read[0].read_at
}

#[tokio::test]
async fn a_healthy_service_is_read_every_day_and_nobody_is_told_anything() {
    let mut world = world().await;
    world.passes(hours(1)).await;
    let after_the_start = read_at(&world).await;
    assert!(
        after_the_start < at("2026-03-14T03:24:00Z"),
        "{after_the_start}"
    );
    world.passes(hours(4 * 24)).await;
    let read = read_at(&world).await;
    assert!(
        read > at("2026-03-18T06:30:00Z") || read > at("2026-03-17T06:30:00Z"),
        "{read}"
    );
    assert_eq!(told(&world), "");
    // It saw only reads.
    let requests = world.vercel.requests();
    let is_read = |(method, _): &&(String, String)| method == "GET";
    assert_eq!(requests.iter().filter(is_read).count(), requests.len());
    let read_the_token = requests.iter().filter(|(_, path)| path.contains("tokens"));
    assert!(read_the_token.count() >= 4, "{requests:?}");
}

#[tokio::test]
async fn a_token_that_expires_is_told_once_and_again_when_it_is_replaced() {
    let mut world = world().await;
    world.vercel.token_ends(at("2026-03-24T12:00:00Z"));
    world.passes(hours(12)).await;
    assert_snapshot!(told(&world), @"
    Rollback Bot:
      frontend (production) can be rolled back, and something needs attention:
      • credentials attention: The token works, and expires at 2026-03-24 12:00 UTC, in 10 d. Make a new token, put it where the configuration reads it, and start the bot again.
      @kim owns it.
    ");
    world.passes(hours(3 * 24)).await;
    assert_eq!(told(&world), "", "it was told already");
    world.passes(hours(8 * 24)).await;
    assert_snapshot!(told(&world), @"
    Rollback Bot:
      frontend (production) is not ready to be rolled back:
      • credentials not ready: The token expired at 2026-03-24 12:00 UTC. Make a new token, put it where the configuration reads it, and start the bot again.
      @kim owns it.
    ");
    world.vercel.token_ends(at("2027-03-24T12:00:00Z"));
    world.passes(hours(2 * 24)).await;
    assert_snapshot!(told(&world), @"Rollback Bot: frontend (production): credentials ready again.");
}

#[tokio::test]
async fn an_approver_who_left_in_the_night_is_told_in_the_morning() {
    let mut world = world().await;
    world.slack.deactivates("U0SAM");
    world.slack.deactivates("U0ANA");
    world.passes(Duration::from_secs(3 * 3_600)).await;
    assert_eq!(told(&world), "", "it is 07:12 in Berlin");
    world.passes(hours(1)).await;
    assert_snapshot!(told(&world), @"
    Rollback Bot:
      frontend (production) is not ready to be rolled back:
      • approvers not ready: code needs 1 approval, and nobody could give one; caution needs 1 approval, and nobody could give one; ana has the role lead and is deactivated; sam has the role oncall and is deactivated. Take those who have left out of the role, and put others into it; `/rollback who frontend@production` shows who is in it.
      @kim owns it.
    ");
}

#[tokio::test]
async fn a_target_that_runs_out_and_approvers_who_leave_are_told_and_green_again() {
    let (mut world, place) = command::world_with(CANARY).await;
    command::keeps(&place, "v213", "2026-03-26T03:12:00Z");
    world.passes(hours(8 * 24)).await;
    assert_eq!(told(&world), "");
    world.passes(hours(3 * 24)).await;
    let soon = told(&world);
    assert!(
        soon.contains("• target attention: It could go back from v214 to v213 (code), which is kept until 2026-03-26 03:12 UTC, for "),
        "{soon}"
    );
    // The only one who may approve leaves while nobody is at work on the bot.
    world.stops().await;
    world.slack.deactivates("U0SAM");
    world.starts().await;
    world.leases_end().await;
    world.passes(hours(3 * 24)).await;
    let gone = told(&world);
    assert!(
        gone.contains("• target not ready: v213 was kept until 2026-03-26 03:12 UTC."),
        "{gone}"
    );
    assert!(gone.contains("• approvers not ready: "), "{gone}");
    assert!(
        gone.contains("sam has the role oncall and is deactivated."),
        "{gone}"
    );
    // The clocks go forward on the 29th. The platform keeps it for longer, and sam is back.
    command::keeps(&place, "v213", "2026-12-31T00:00:00Z");
    world.slack.returns("U0SAM");
    world.passes(hours(5 * 24)).await;
    assert_snapshot!(told(&world), @"Rollback Bot: api (production): target and approvers ready again.");
}

#[tokio::test]
async fn production_that_does_not_work_is_told_at_night() {
    let mut world = world().await;
    world.site.sickens("v214");
    world.passes(hours(1)).await;
    assert_snapshot!(told(&world), @"
    Rollback Bot:
      frontend (production) is not ready to be rolled back:
      • proofs not ready: GET https://shop.example.com/api/health: answered 500 instead of 200: it fails right now. Look at the service: it does not answer as it must right now, and a rollback could not be proven.
      @kim owns it.
    ");
    world.site.heals("v214");
    world.passes(hours(24)).await;
    assert_snapshot!(told(&world), @"Rollback Bot: frontend (production): proofs ready again.");
}

#[tokio::test]
async fn a_platform_that_did_not_answer_once_is_read_again_before_anybody_is_told() {
    let mut world = world_with(&CANARY.replace("08:00-20:00", "00:00-23:59")).await;
    world.vercel.fail_reads(502);
    world.passes(Duration::from_secs(12 * 60)).await;
    assert_eq!(told(&world), "");
    world.vercel.fail_reads(None);
    world.passes(hours(1)).await;
    assert_eq!(told(&world), "");
    world.vercel.fail_reads(502);
    world.passes(hours(24)).await;
    assert_snapshot!(told(&world), @"
    Rollback Bot:
      It is not known whether frontend (production) is ready to be rolled back:
      • credentials not known: Vercel answers with an error (502: An unexpected error occurred). It is read again; if that lasts, look at the platform's status.
      • target not known: Vercel answers with an error (502: An unexpected error occurred). It is read again; if that lasts, look at the platform's status.
      • pin not known: Whether automatic deploys are held off could not be read. See the lines about the token and the target.
      @kim owns it.
    ");
    world.vercel.fail_reads(None);
    world.passes(hours(24)).await;
    let told = told(&world);
    assert!(
        told.contains("credentials, target and pin ready again."),
        "{told}"
    );
}

#[tokio::test]
async fn what_was_told_is_remembered_by_the_next_process() {
    let mut world = world().await;
    world.vercel.token_ends(at("2026-03-24T12:00:00Z"));
    world.passes(hours(12)).await;
    assert!(told(&world).contains("expires at 2026-03-24"));
    for _ in 0..2 {
        world.stops().await;
        world.starts().await;
        world.leases_end().await;
        world.passes(hours(1)).await;
    }
    assert_eq!(told(&world), "");
}

#[tokio::test]
async fn two_replicas_are_one_canary() {
    let mut world = world().await;
    let Some(other) = world.another().await else {
        return;
    };
    world.vercel.token_ends(at("2026-03-24T12:00:00Z"));
    for _ in 0..6 {
        world.passes(hours(1)).await;
        while worker::run_due(&other).await > 0 {}
    }
    let told = told(&world);
    assert_eq!(told.matches("expires at 2026-03-24").count(), 1, "{told}");
}

#[tokio::test]
async fn a_new_release_is_read_soon_after_it_was_seen() {
    let mut world = world().await;
    world.passes(hours(8)).await;
    let before = read_at(&world).await;
    world
        .vercel
        .deploy("v215", "b2c3d4e5f6a", "tax engine again", "kim");
    // The board is read every five minutes.
    world.passes(Duration::from_secs(6 * 60)).await;
    world.passes(Duration::from_secs(15 * 60)).await;
    let read = read_at(&world).await;
    assert!(read > before, "{read}");
    assert!(read < world.clock.now());
    world.slack.take_all();
}

#[tokio::test]
async fn a_morning_that_has_no_half_past_two_is_read_an_hour_later() {
    let mut world = world_with(&CANARY.replace("07:30", "02:30")).await;
    let night = at("2026-03-29T00:00:00Z").duration_since(world.clock.now());
    world.passes(Duration::try_from(night).unwrap()).await;
    world.passes(hours(1)).await;
    assert!(
        read_at(&world).await < at("2026-03-29T00:00:00Z"),
        "it is 03:00 in Berlin"
    );
    world.passes(hours(1)).await;
    let read = read_at(&world).await;
    assert!(read >= at("2026-03-29T01:30:00Z"), "{read}");
    assert!(read < at("2026-03-29T01:41:00Z"), "{read}");
}

#[tokio::test]
async fn a_status_page_that_refuses_is_told_as_the_bots_own() {
    // The token is another one's.
    let notices = r#"
[updates]
publish = ["lead"]
[notices.status-page]
kind = "statuspage"
page = "kctbh9vrtdwd"
token = "env:VERCEL_TOKEN"
api_url = "{statuspage}"
deliver_notifications = false
"#;
    let mut world = World::set_up(&format!("{CANARY}{ROLES}{notices}"), FRONTEND).await;
    world.site.heals("v214");
    world.passes(hours(6)).await;
    let told = told(&world);
    assert!(
        told.contains("Rollback Bot itself needs attention:"),
        "{told}"
    );
    assert!(told.contains("notices "), "{told}");
}

#[tokio::test]
async fn a_rollback_is_left_alone() {
    let mut world = world().await;
    world.passes(hours(5)).await;
    world.with_a_card().await;
    let before = read_at(&world).await;
    let asked = world.vercel.requests().len();
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(Duration::from_secs(14 * 60)).await;
    assert_eq!(read_at(&world).await, before, "its card tells what goes on");
    assert!(
        world.vercel.requests().len() > asked,
        "the board is read all the same"
    );
    world.slack.take_all();
}
