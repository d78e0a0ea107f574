//! The decision matrix, as people ask it in an incident.

use crate::support::{FRONTEND, ROLES, World, prometheus::Prometheus};
use insta::assert_snapshot;
use std::time::Duration;

const MINUTES: Duration = Duration::from_secs(60);

/// Checks whose numbers the matrix takes.
const MEASURES: &str = r#"
[[services.frontend.production.verify]]
kind = "prometheus"
name = "error rate"
url = "{prometheus}"
token = "env:PROMETHEUS_TOKEN"
query = "sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))"
unit = "ratio"
require = "watch"
matrix = "error_rate"

[[services.frontend.production.verify]]
kind = "prometheus"
name = "p95"
url = "{prometheus}"
token = "env:PROMETHEUS_TOKEN"
query = "p95"
require = "watch"
matrix = "slower"
"#;

const MATRIX: &str = "[matrix]\npreset = \"platform\"\n";

async fn world() -> World {
    World::set_up(&format!("{MATRIX}{ROLES}"), FRONTEND).await
}

/// A world in which the error rate and the time of an answer are measured.
async fn measured_world() -> (World, Prometheus) {
    let prometheus = Prometheus::start().await;
    let service = format!("{FRONTEND}{MEASURES}").replace("{prometheus}", prometheus.url());
    let world = World::set_up(&format!("{MATRIX}{ROLES}"), &service).await;
    let vercel = world.vercel.clone();
    prometheus.measures(move || vercel.production());
    prometheus.gives("v214", "0.072");
    prometheus.gave_before("0.048");
    (world, prometheus)
}

#[tokio::test]
async fn what_can_be_measured_is_and_stands_beside_what_people_say() {
    let (mut world, prometheus) = measured_world().await;
    world.maya().says("/rollback incident open P1").await;
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback assess frontend api errors 1%")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Not decided: no row of the matrix fits.
      Known: the incident is P1, the API answers with errors, 1 % of requests fail and v214 has been live for 31 m.
      Measured: 7.2 % of requests fail (error rate), and not 1 %: the higher one counts; answers are 50 % slower than before (p95).
      Against going back: 4.8 % of requests failed before v214 went live (error rate).
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    ");
    world.maya().says("/rollback timeline").await;
    let record = world.maya().sees();
    let assessed = record.lines().find(|line| line.contains("assessed:"));
    assert_snapshot!(assessed.unwrap_or_default(), @"  03:12:00 UTC @maya assessed: assessed frontend (production): the incident is P1; the API answers with errors; 1 % of requests fail; v214 has been live for 31 m. Measured: 7.2 % of requests fail (error rate), and not 1 %: the higher one counts; answers are 50 % slower than before (p95). The decision matrix says: not decided. Ag…");
    // What does not answer is not known, and never zero.
    let silences: [fn(&Prometheus); 3] = [
        |prometheus| prometheus.has_no_data(),
        |prometheus| prometheus.is_away(),
        |prometheus| {
            let nan = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#;
            prometheus.answers(200, nan);
        },
    ];
    let mut measured = vec![];
    for silence in silences {
        silence(&prometheus);
        world.maya().says("/rollback assess frontend api").await;
        world.settle().await;
        let seen = world.maya().sees();
        let line = seen.lines().find(|line| line.contains("Measured:"));
        measured.push(line.unwrap_or_default().trim().to_owned());
    }
    assert_snapshot!(measured.join("\n"), @"
    Measured: the share of requests that fail is not known: no data (error rate); how much slower answers are is not known: no data (p95).
    Measured: the share of requests that fail is not known: what answers is not Prometheus (503) (error rate); how much slower answers are is not known: what answers is not Prometheus (503) (p95).
    Measured: the share of requests that fail is not known: the query gives NaN, as 0/0 does where nothing was counted (error rate); how much slower answers are is not known: the query gives NaN, as 0/0 does where nothing was counted (p95).
    ");
}

#[tokio::test]
async fn a_proposal_shows_what_the_matrix_advises_and_people_can_say_more() {
    let (mut world, prometheus) = measured_world().await;
    prometheus.has_no_data();
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(3)).await;
    assert_snapshot!(advice(&world.channel()), @"Advice  none yet: the decision matrix needs to know more · measured: the share of requests that fail is not known: no data (error rate) and how much slower answers are is not known: no data (p95)");
    prometheus.is_back();
    world.tom().clicks("Say what you see").await;
    world.settle().await;
    let slack = &world.slack;
    slack.chooses("U0TOM", "people cannot pay").await.unwrap();
    slack.submits("U0TOM").await.unwrap();
    world.settle().await;
    world.passes(Duration::from_secs(3)).await;
    assert_snapshot!(advice(&world.channel()), @"Advice  Roll back now (Payment processing is broken), decide by 03:27:05 UTC · measured: 7.2 % of requests fail (error rate) and answers are 50 % slower than before (p95) · against: 4.8 % of requests failed before v214 went live (error rate)");
    assert_snapshot!(world.tom().sees(), @"");
    let record = world.record().await;
    let assessed = record.lines().filter(|line| line.contains(" assessed"));
    assert_snapshot!(assessed.collect::<Vec<_>>().join("\n"), @r#"
    rollback-bot assessed: assessed frontend (production): v214 has been live for 31 m. Measured: the share of requests that fail is not known: no data (error rate); how much slower answers are is not known: no data (p95). The decision matrix says: not decided
    @tom assessed: assessed frontend (production): people cannot pay; v214 has been live for 31 m 5 s. Measured: 7.2 % of requests fail (error rate); answers are 50 % slower than before (p95). The decision matrix says: roll back now by 03:27 UTC ("Payment processing is broken"). Against going back: 4.8 % of requests failed before v214 went live (error rate)
    "#);
    // It is in nobody's way.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}

/// What a card says of the matrix.
fn advice(channel: &str) -> String {
    let line = channel.lines().find(|line| line.contains("Advice"));
    line.unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn the_time_that_a_row_leaves_ends_with_one_reminder() {
    let mut world = world().await;
    world.maya().says("/rollback incident open P1").await;
    world.maya().says("/rollback assess frontend login").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(14 * MINUTES).await;
    assert_snapshot!(world.channel(), @"");
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(2 * MINUTES).await;
    assert_snapshot!(world.channel(), @r#"Rollback Bot: frontend (production): the decision matrix says "Roll back now", which was to be decided by 03:27 UTC, and nothing is decided. Nobody leads INC-1 (`/rollback incident lead me`). `/rollback frontend@production because …` proposes going back, for @sam or @ana to approve; `/rollback incident resolved now because …` if it is over."#);
    world.passes(60 * MINUTES).await;
    let seen = world.channel();
    assert!(!seen.contains("nothing is decided"), "{seen}");
}

#[tokio::test]
async fn what_is_decided_in_time_reminds_nobody() {
    let mut world = world().await;
    world.vercel.moves_at_once(true);
    world.maya().says("/rollback incident open P1").await;
    world.maya().says("/rollback assess frontend login").await;
    world.settle().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.passes(20 * MINUTES).await;
    let seen = world.channel();
    assert!(!seen.contains("nothing is decided"), "{seen}");
    world.slack.take_all();
}

#[tokio::test]
async fn the_matrix_advises_and_the_timeline_says_why() {
    let mut world = world().await;
    world.maya().says("/rollback incident open P3").await;
    world.settle().await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback assess frontend payments errors 6%")
        .await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Roll back now, within 15 m. Row "Payment processing is broken": people cannot pay.
      The matrix calls this P1, and the incident is P3: `/rollback incident severity P1`.
      Known: the incident is P3, people cannot pay, 6 % of requests fail and v214 has been live for 31 m.
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    "#);
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya):
      INC-1: last 4 of 4 entries
      03:12:00 UTC rollback-bot incident opened: opened INC-1 in this channel
      03:12:00 UTC @maya incident opened: declared the incident
      03:12:00 UTC @maya severity: set the severity to P3
      03:12:00 UTC @maya assessed: assessed frontend (production): the incident is P3; people cannot pay; 6 % of requests fail; v214 has been live for 31 m. The decision matrix says: roll back now by 03:27 UTC ("Payment processing is broken")
      `/rollback export` puts all of it into a file.
    "#);
    // It is advice: nothing is proposed, and nobody else is told.
    assert_snapshot!(world.channel(), @"");
}

#[tokio::test]
async fn what_nobody_has_said_is_asked_for() {
    let mut world = world().await;
    world.maya().says("/rollback assess frontend").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Not decided: too little is known.
      If it is down or it does not start: Roll back now, within 15 m.
      If people cannot sign in: Roll back now, within 15 m.
      If people cannot pay: Roll back now, within 15 m.
      If data is wrong or lost: Roll back now, within 30 m.
      If a core workflow is broken or a major feature is broken: Assess first, then roll back, within 1 h.
      4 more rows could fit.
      Say what you know behind the service: `payments errors 6% slower 50%`.
      Known: v214 has been live for 31 m.
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    ");
    // The same is asked in a form, which may be left as it is.
    let slack = &world.slack;
    slack.chooses("U0MAYA", "it looks wrong").await.unwrap();
    slack.types_into("U0MAYA", "Requests", "some").unwrap();
    slack.types_into("U0MAYA", "How much slower", "0").unwrap();
    slack.submits("U0MAYA").await.unwrap();
    assert_eq!(
        slack.view_errors("U0MAYA")["error_rate"],
        "That is no share in percent: write 6, 0.5 or 200, or leave it empty."
    );
    slack.types_into("U0MAYA", "Requests", "0.1%").unwrap();
    slack.submits("U0MAYA").await.unwrap();
    world.settle().await;
    let seen = world.maya().sees();
    assert!(seen.contains("A hotfix is better"), "{seen}");
    // Nobody has opened an incident, and asking opens none.
    world.maya().says("/rollback timeline").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Nothing has happened in this channel yet, so there is no incident. A rollback, `/rollback incident open` or `/rollback note` starts one.");
    world.maya().says("/rollback assess frontend broken").await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): Nothing was assessed, because `broken` is not something it knows: write, for example, `assess frontend payments errors 6%`; `help assess` has all of it.");
}

#[tokio::test]
async fn what_began_before_the_deploy_speaks_against_going_back() {
    let mut world = world().await;
    world.maya().says("/rollback incident open P1").await;
    world
        .maya()
        .says("/rollback incident started -62m because the graphs fell")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.maya().says("/rollback assess frontend login").await;
    world.settle().await;
    let seen = world.maya().sees();
    assert!(
        seen.contains("Against going back: it began before v214 went live"),
        "{seen}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn the_matrix_can_be_read_while_the_platform_cannot() {
    let mut world = world().await;
    world.vercel.fail_reads(500);
    world.maya().says("/rollback assess frontend down").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @r#"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya):
      Assessment of frontend (production)
      Roll back now, within 15 m. Row "The site is down": it is down or it does not start.
      Known: it is down.
      Against going back: what is live could not be read (Vercel answers with an error (500: An unexpected error occurred)).
      Only you see this, and it is advice: `/rollback frontend@production because …` proposes going back.
    "#);
}

#[tokio::test]
async fn without_a_matrix_people_are_told_where_it_comes_from() {
    let mut world = World::new().await;
    world.maya().says("/rollback assess frontend down").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Reading frontend (production)…
    Rollback Bot (only visible to @maya): There is no decision matrix: write `[matrix]` with a `preset` or rows of your own into the configuration. docs/deciding.md has the presets.
    ");
}
