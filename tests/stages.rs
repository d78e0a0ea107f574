//! What is looked at again after a rollback was verified: five minutes, half an hour, two hours and a
//! day later.

use crate::support::{CHANNEL, FRONTEND, World, prometheus::Prometheus};
use insta::assert_snapshot;
use std::time::Duration;

const MINUTES: Duration = Duration::from_secs(60);
const HOURS: Duration = Duration::from_secs(3_600);

/// The four looks of the runbooks; whether the error rate is low is looked at in all of them, and
/// slow requests only after a day.
const STAGES: &str = r#"
[[services.frontend.production.verify]]
kind = "prometheus"
name = "error rate"
url = "{prometheus}"
token = "env:PROMETHEUS_TOKEN"
query = "errors"
unit = "ratio"
below = 0.001
[[services.frontend.production.stage]]
after = "5m"
[[services.frontend.production.stage]]
after = "30m"
tell = "thread"
note = "Look at the support tickets of the last half hour."
[[services.frontend.production.stage]]
after = "2h"
checks = ["error rate"]
tell = "thread"
[[services.frontend.production.stage]]
after = "24h"
tell = "channel"
[[services.frontend.production.stage.verify]]
kind = "prometheus"
name = "slow requests"
url = "{prometheus}"
token = "env:PROMETHEUS_TOKEN"
query = "slow"
require = "watch"
unit = "ratio"
"#;

/// A world in which v213 was verified at half past three, when nothing of it is to be told any more.
async fn verified() -> (World, Prometheus) {
    let prometheus = Prometheus::start().await;
    let settings = format!("{FRONTEND}{STAGES}").replace("{prometheus}", prometheus.url());
    let mut world = World::with(&settings).await;
    let vercel = world.vercel.clone();
    vercel.moves_at_once(true);
    prometheus.measures(move || vercel.production());
    prometheus.gives("v214", "0.072");
    prometheus.gives("v213", "0.0005");
    prometheus.gives("v215", "0.0005");
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.passes(30 * Duration::from_secs(1)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    (world, prometheus)
}

/// What the card says of later looks.
fn since_then(world: &World) -> String {
    let messages = world.slack.messages(CHANNEL);
    let mut cards = messages
        .iter()
        .map(|message| serde_json::to_string(&message.blocks).unwrap());
    let card = cards
        .find(|blocks| blocks.contains("Since then*"))
        .unwrap_or_default();
    let (_, line) = card.split_once("Since then* ").unwrap_or_default();
    let line = line.split(['"', '\\']).next().unwrap_or_default();
    line.to_owned()
}

/// What the timeline has of later looks.
async fn looked_again(world: &World) -> String {
    let record = world.record().await;
    let is_later =
        |line: &&str| line.contains("after it was verified") || line.contains("looked at again");
    record
        .lines()
        .filter(is_later)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn each_stage_is_looked_at_and_told_where_it_is_configured() {
    let (mut world, prometheus) = verified().await;
    let mut card = vec![since_then(&world)];
    world.passes(6 * MINUTES).await;
    // The timeline was uploaded when the watch ended.
    world.slack.take_all();
    card.push(since_then(&world));
    world.passes(25 * MINUTES).await;
    card.push(since_then(&world));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
      ✅ Since then stable for 30 m, next look in 90 m (05:12:02 UTC)
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot: RB-1 (frontend (production), v214 → v213) is stable for 30 m: version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %). Look at the support tickets of the last half hour.
    "#);
    // The process ends and another one goes on.
    world.stops().await;
    world.starts().await;
    world.passes(90 * MINUTES).await;
    card.push(since_then(&world));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
      ✅ Since then stable for 2 h, next look in 22 h (03:12:02 UTC)
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot: RB-1 (frontend (production), v214 → v213) is stable for 2 h: version v213 answers, 1/1 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %).
    "#);
    prometheus.gives("v213", "0.0006");
    world.passes(22 * HOURS).await;
    card.push(since_then(&world));
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 2/2 checks pass: error rate 0.06 % (before 7.2 %, threshold 0.1 %), watched: slow requests 0.06 % (before 7.2 %)
      ✅ Since then stable for 24 h
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
    Rollback Bot: RB-1 (frontend (production), v214 → v213) is stable for 24 h: version v213 answers, 2/2 checks pass: error rate 0.06 % (before 7.2 %, threshold 0.1 %), watched: slow requests 0.06 % (before 7.2 %).
    "#);
    assert_snapshot!(card.join("\n"), @"
    next look in 5 m (<!date^1773458222^{time_secs}|03:17:02 UTC>)
    stable for 5 m, next look in 25 m (<!date^1773459722^{time_secs}|03:42:02 UTC>)
    stable for 30 m, next look in 90 m (<!date^1773465122^{time_secs}|05:12:02 UTC>)
    stable for 2 h, next look in 22 h (<!date^1773544322^{time_secs}|03:12:02 UTC>)
    stable for 24 h
    ");
    assert_snapshot!(looked_again(&world).await, @"
    rollback-bot checked: 5 m after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: 30 m after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: 2 h after it was verified: stable, version v213 answers, 1/1 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: 24 h after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.06 % (before 7.2 %, threshold 0.1 %), watched: slow requests 0.06 % (before 7.2 %)
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_failure_after_a_day_reopens_the_story_and_offers_what_is_next() {
    let (mut world, prometheus) = verified().await;
    world.ana().says("/rollback incident lead me").await;
    world.passes(3 * HOURS).await;
    // It cannot be told for a while, and that takes nothing back.
    world.slack.take_all();
    world
        .maya()
        .says("/rollback incident resolve because the shop works")
        .await;
    world.settle().await;
    world.slack.take_all();
    prometheus.gives("v213", "0.05");
    world.passes(22 * HOURS).await;
    let seen = world.channel();
    let told = seen.lines().find(|line| line.contains("@ana: RB-1"));
    assert_snapshot!(told.unwrap_or_default().trim(), @"Rollback Bot: @ana: RB-1 (frontend (production), v214 → v213) was verified, and 24 h later it fails: version v213 answers, 1/2 checks pass: error rate 5 % (before 7.2 %, threshold 0.1 %) is too high, watched: slow requests 5 % (before 7.2 %). `/rollback frontend@production because …` proposes the version before it, `/rollback undo RB-1` takes production forward again to v214, or deploy a fix. INC-1 was resolved: `/rollback incident reopen because …` opens it again.");
    assert!(seen.contains("[ Propose the one before ] [ Undo… ]"));
    assert_snapshot!(since_then(&world), @"failed 24 h after it was verified: version v213 answers, 1/2 checks pass: error rate 5 % (before 7.2 %, threshold 0.1 %) is too high, watched: slow requests 5 % (before 7.2 %)");
    assert_eq!(world.rollback(1).await.word(), "SERVING, STILL FAILING");
    assert_snapshot!(looked_again(&world).await, @"
    rollback-bot checked: 5 m after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: 30 m after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: 2 h after it was verified: stable, version v213 answers, 1/1 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot still failing: 24 h after it was verified: fails, version v213 answers, 1/2 checks pass: error rate 5 % (before 7.2 %, threshold 0.1 %) is too high, watched: slow requests 5 % (before 7.2 %)
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_cannot_be_told_later_takes_no_verdict_back_and_a_deploy_ends_the_looks() {
    let (mut world, prometheus) = verified().await;
    prometheus.is_away();
    world.passes(12 * MINUTES).await;
    assert_snapshot!(since_then(&world), @"not proven 5 m after it was verified, next look in 20 m (<!date^1773459722^{time_secs}|03:42:02 UTC>): version v213 answers, 1/2 checks pass: error rate not known: what answers is not Prometheus (503)");
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    prometheus.is_back();
    world.vercel.unpin();
    world.vercel.deploy("v215", "5e6f7a8b9c0", "hotfix", "lee");
    world.passes(30 * MINUTES).await;
    let seen = world.channel();
    let told = seen
        .lines()
        .find(|line| line.contains("is not looked at again"));
    assert_snapshot!(told.unwrap_or_default().trim(), @"| Rollback Bot: RB-1 (frontend (production), v214 → v213) is not looked at again: v215 was deployed meanwhile.");
    assert_snapshot!(since_then(&world), @"not proven 5 m after it was verified, no more looks: v215 was deployed meanwhile");
    // Nothing more is looked at.
    world.passes(25 * HOURS).await;
    assert_snapshot!(looked_again(&world).await, @"
    rollback-bot unproven: 5 m after it was verified: not proven, version v213 answers, 1/2 checks pass: error rate not known: what answers is not Prometheus (503)
    rollback-bot checked: not looked at again: v215 was deployed meanwhile
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_later_rollback_ends_the_looks() {
    let (mut world, _prometheus) = verified().await;
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback frontend to v212 because still slow")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    world.passes(35 * MINUTES).await;
    world.slack.take_all();
    assert_snapshot!(looked_again(&world).await, @"
    rollback-bot checked: 5 m after it was verified: stable, version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot checked: not looked at again: RB-2 has taken over
    ");
}

#[tokio::test]
async fn stages_that_make_no_sense_are_refused() {
    let world = World::with(FRONTEND).await;
    let stage = |lines: &str| format!("[[services.frontend.production.stage]]\n{lines}\n");
    let own = |after: &str| {
        let own = "[[services.frontend.production.stage.verify]]\nkind = \"http\"\nname = \"page\"\nurl = \"https://shop.example.com/\"\n";
        stage(&format!("after = \"{after}\"")) + own
    };
    let rows = [
        stage(""),
        stage("after = \"10s\""),
        stage("after = \"30d\""),
        stage("after = \"30m\"\ntell = \"everybody\""),
        stage("after = \"30m\"\nnote = \"Look.\""),
        stage("after = \"30m\"\nchecks = [\"error rates\"]"),
        stage("after = \"30m\"\nchecks = []"),
        stage("after = \"2h\"") + &stage("after = \"30m\""),
        stage("after = \"2h\"") + &stage("after = \"120m\""),
        own("30m") + &own("2h"),
        (1..=11)
            .map(|n| stage(&format!("after = \"{n}h\"")))
            .collect(),
    ];
    let seen = rows.map(|lines| world.reads_settings(&lines).err().unwrap_or_default());
    assert_snapshot!(seen.join("\n").replace(&world.site.url(), "{site}"), @r#"
    services.frontend.production.stage[0].after: is missing; write after = "30m"
    services.frontend.production.stage[0].after: "10s" is out of range; write a duration from 1m to 7d
    services.frontend.production.stage[0].after: "30d" is out of range; write a duration from 1m to 7d
    services.frontend.production.stage[0].tell: "everybody" is not known; write "card" or "thread" or "channel"
    services.frontend.production.stage[0].note: is told nowhere; add tell = "thread"
    services.frontend.production.stage[0].checks[0]: "error rates" is no check of this service; it has GET {site}/api/health
    services.frontend.production.stage[0].checks: is empty; write checks = ["error rate"]
    services.frontend.production.stage[1].after: 30m comes after 2h; put it before
    services.frontend.production.stage[1].after: 2h is there twice; keep one of the two
    services.frontend.production.stage[1].verify[0].name: is the name of another check too; give it another one
    services.frontend.production.stage: has 11; keep at most 10
    "#);
    assert_eq!(world.reads_settings(&stage("after = \"30m\"")), Ok(()));
}
