//! Alerts of programs that watch production: what people see of them, and what becomes of those
//! that come twice, late, forged, or ten thousand at once.

use crate::support::{
    ALERTS_TOKEN, CHANNEL, FRONTEND, ROLES, World,
    alertmanager::{self, RealAlertmanager},
    prometheus::RealPrometheus,
    vercel::Vercel,
};
use insta::assert_snapshot;
use reqwest::{Client, Response};
use rollback_bot::{alerts::Alert, commands::alert};
use rollback_domain::alert::{AlertGroup, AlertState};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);

/// The error rate that a rule of the real Prometheus looks at, and a rollback is proven by.
const REAL_QUERY: &str =
    "sum(rate(http_requests_total{code=~\"5..\"}[2s])) / sum(rate(http_requests_total[2s]))";
/// What the real Prometheus finds.
const REAL_RULE: &str = "{alert: HighErrorRate, expr: 'sum(rate(http_requests_total{code=~\"5..\"}[2s])) / sum(rate(http_requests_total[2s])) > 0.01', labels: {job: shop}, annotations: {summary: '{{ $value | humanizePercentage }} of requests fail'}}";
/// How long another program may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Alertmanager, whose alerts of the shop are about frontend, and Sentry.
const ALERTS: &str = r#"
[alerts.prometheus]
kind = "alertmanager"
token = "env:ALERTS_TOKEN"
channel = "C0SHOP"
[[alerts.prometheus.rule]]
match = { job = "shop*" }
service = "frontend"
[alerts.sentry]
kind = "sentry"
secret = "env:SENTRY_SECRET"
channel = "C0SHOP"
[[alerts.sentry.rule]]
match = { project = "shop" }
service = "frontend"
"#;

async fn world() -> World {
    World::with(&format!("{FRONTEND}{ALERTS}")).await
}

/// An alert as Alertmanager sends it. The error rate of the shop, unless it has another name.
fn alert(name: &str, status: &str, began: &str, ended: Option<&str>) -> Value {
    json!({
        "status": status,
        "labels": {"alertname": name, "job": "shop-web", "severity": "critical"},
        "annotations": {"summary": "7.2 % of requests fail"},
        "startsAt": began,
        "endsAt": ended.unwrap_or("0001-01-01T00:00:00Z"),
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=errors",
        "fingerprint": name,
    })
}

fn body(alerts: &[Value]) -> Value {
    json!({"version": "4", "groupKey": "{}:{}", "receiver": "rollback-bot", "alerts": alerts})
}

const BEGAN: &str = "2026-03-14T03:10:12Z";

fn fires() -> Value {
    body(&[alert("HighErrorRate", "firing", BEGAN, None)])
}

fn ends(at: &str) -> Value {
    body(&[alert("HighErrorRate", "resolved", BEGAN, Some(at))])
}

async fn sends(world: &World, token: &str, body: &Value) -> Response {
    let request = Client::new().post(format!("{}/alerts/prometheus", world.base()));
    let request = request.bearer_auth(token).json(body);
    request.send().await.unwrap()
}

/// Alertmanager sends it, and what follows is done.
async fn comes(world: &mut World, body: &Value) {
    assert_eq!(sends(world, ALERTS_TOKEN, body).await.status(), 204);
    world.settle().await;
}

#[tokio::test]
async fn an_alert_opens_the_incident_and_its_button_proposes() {
    let mut world = world().await;
    comes(&mut world, &fires()).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    ");
    world.sam().clicks("Propose rollback").await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:02 UTC
    Rollback Bot (only visible to @sam): RB-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back frontend to v213?
      alert: HighErrorRate, since 03:10:12 UTC · @sam, 03:12:02 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 2 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @ana (lead), not @sam · expires 03:22:02 UTC · RB-1 · production · code · plan `d63f`
    "#);
    assert_snapshot!(world.sam().sees(), @"");
    // What the click proposes is a proposal like any other: sam, who asked, cannot approve it alone.
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.passes(2 * MINUTE).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    comes(&mut world, &ends("2026-03-14T03:13:00Z")).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ frontend (production): the alerts have ended
      HighErrorRate (prometheus, ended 03:13:00 UTC, after 2 m 48 s): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      RB-1 VERIFIED · frontend (production) · v214 → v213 · last change 03:12:06 UTC
    in the thread of "✅ RB-1 VERIFIED  frontend (production)":
      | Rollback Bot: v213 was live at 03:12:04 UTC. Alerts of frontend (production): HighErrorRate ended at 03:13:00 UTC, 56 s after it was live.
    "#);
    world.maya().says("/rollback status RB-1").await;
    let seen = world.maya().sees();
    assert!(
        seen.contains("Alerts: HighErrorRate ended at 03:13:00 UTC"),
        "{seen}"
    );
    let record = world.record().await;
    let of_alerts = record.lines().filter(|line| line.contains(" alert: "));
    assert_snapshot!(of_alerts.collect::<Vec<_>>().join("\n"), @r#"
    prometheus alert: alert "HighErrorRate" of frontend (production) fires, since 03:10:12 UTC: "7.2 % of requests fail"
    prometheus alert: alert "HighErrorRate" of frontend (production) ended at 03:13:00 UTC, after 2 m 48 s
    "#);
}

#[tokio::test]
async fn the_same_alert_again_is_no_news_and_one_that_began_again_is() {
    let mut world = world().await;
    comes(&mut world, &fires()).await;
    world.slack.take_all();
    // It is sent again while it fires, as it was and with another one beside it.
    comes(&mut world, &fires()).await;
    let both = [
        alert("HighErrorRate", "firing", BEGAN, None),
        alert("Latency", "firing", "2026-03-14T03:11:40Z", None),
    ];
    comes(&mut world, &body(&both)).await;
    world.passes(MINUTE).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      🔴 frontend (production): 2 alerts fire
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Latency (prometheus, since 03:11:40 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    ");
    let ended = [
        alert(
            "HighErrorRate",
            "resolved",
            BEGAN,
            Some("2026-03-14T03:12:30Z"),
        ),
        alert(
            "Latency",
            "resolved",
            "2026-03-14T03:11:40Z",
            Some("2026-03-14T03:12:40Z"),
        ),
    ];
    comes(&mut world, &body(&ended)).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      ✅ frontend (production): the alerts have ended
      HighErrorRate (prometheus, ended 03:12:30 UTC, after 2 m 18 s): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Latency (prometheus, ended 03:12:40 UTC, after 1 m): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
    ");
    // What was sent before it ended comes late, and changes nothing.
    let late = [alert("HighErrorRate", "firing", BEGAN, None), json!({})];
    comes(&mut world, &body(&late)).await;
    assert_snapshot!(world.channel(), @"");
    let again = alert("HighErrorRate", "firing", "2026-03-14T03:13:10Z", None);
    comes(&mut world, &body(&[again])).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:13:04 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Latency (prometheus, ended 03:12:40 UTC, after 1 m): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      It began to fire again once.
      Live: `v214`, deployed 02:41:00 UTC (32 m 4 s before the alert began).
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    Rollback Bot: The alerts of frontend (production) fire again (2nd time): HighErrorRate and 1 more alert. Their message is above.
    ");
}

#[tokio::test]
async fn that_it_ended_may_come_before_that_it_fires() {
    let mut world = world().await;
    comes(&mut world, &ends("2026-03-14T03:11:00Z")).await;
    comes(&mut world, &fires()).await;
    assert_snapshot!(world.channel(), @"");
    world.maya().says("/rollback timeline").await;
    let seen = world.maya().sees();
    assert!(seen.contains("Nothing has happened"), "{seen}");
}

#[tokio::test]
async fn ten_thousand_alerts_are_one_message() {
    let mut world = world().await;
    for part in 0..10 {
        let alerts: Vec<Value> = (0..1_000)
            .map(|n| {
                let name = format!("Alert{}", part * 1_000 + n);
                json!({
                    "status": "firing", "labels": {"alertname": name, "job": "shop"},
                    "startsAt": BEGAN, "fingerprint": name,
                })
            })
            .collect();
        let answer = sends(&world, ALERTS_TOKEN, &body(&alerts)).await;
        assert_eq!(answer.status(), 204);
    }
    world.passes(MINUTE).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot (edited):
      🔴 frontend (production): 200 alerts fire, and about 9800 more
      Alert0 (prometheus, since 03:10:12 UTC)
      Alert1 (prometheus, since 03:10:12 UTC)
      Alert2 (prometheus, since 03:10:12 UTC)
      Alert3 (prometheus, since 03:10:12 UTC)
      Alert4 (prometheus, since 03:10:12 UTC)
      and 195 more
      10000 came in, of which 200 are told apart.
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    ");
    // Each of the two hundred that are told apart can end; of the others that is not known.
    let record = world.record().await;
    assert_eq!(record.lines().count(), 7, "{record}");
    world.maya().says("/rollback status").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      No rollback is open. `/rollback` shows the services.
      🔴 200 alerts and about 9800 more of frontend (production) firing since 03:10:12 UTC
    ");
    world.maya().says("/rollback").await;
    let board = world.maya().sees();
    assert!(
        board.contains("200 alerts and about 9800 more firing"),
        "{board}"
    );
}

#[tokio::test]
async fn what_is_forged_replayed_or_too_large_does_nothing() {
    let world = world().await;
    let large = json!({"alerts": [], "padding": "x".repeat(256 * 1024)});
    for (token, body, status) in [
        ("", fires(), 401),
        ("a-token-of-alertmanager-5f0c1e7e", fires(), 401),
        (ALERTS_TOKEN, large, 413),
    ] {
        let answer = sends(&world, token, &body).await;
        assert_eq!(answer.status(), status, "{token}");
        let told = answer.text().await.unwrap();
        assert!(!told.contains("5f0c1e7d") && told.len() < 100, "{told}");
    }
    let to = |path: &str| Client::new().post(format!("{}/alerts/{path}", world.base()));
    let nobody = to("nobody").bearer_auth(ALERTS_TOKEN).json(&fires());
    assert_eq!(nobody.send().await.unwrap().status(), 404);
    // What Sentry has signed is good for five minutes, and once.
    let sentry: Value =
        serde_json::from_str(include_str!("../bot/alerts/fixtures/sentry.json")).unwrap();
    let signed = |stamp: &str, body: &str| {
        let signature = sentry["headers"]["sentry-hook-signature"].as_str().unwrap();
        let request = to("sentry").header("sentry-hook-signature", signature);
        let request = request.header("sentry-hook-timestamp", stamp);
        request.body(body.to_owned()).send()
    };
    let (stamp, body) = ("1773457920", sentry["body"].as_str().unwrap());
    for (stamp, body) in [("1773457619", body), ("", body), (stamp, "{}")] {
        assert_eq!(signed(stamp, body).await.unwrap().status(), 401, "{stamp}");
    }
    let metrics = Client::new().get(format!("{}/metrics", world.base()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    for line in [
        "rollback_bot_alerts_total{sender=\"prometheus\",outcome=\"refused\"} 3",
        "rollback_bot_alerts_total{sender=\"sentry\",outcome=\"refused\"} 3",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_snapshot!(world.channel(), @"");
    for _ in 0..3 {
        assert_eq!(signed(stamp, body).await.unwrap().status(), 204);
    }
    // A day later it is too old, whatever is said beside it.
    world.clock.advance(Duration::from_secs(25 * 3_600));
    let later = world.clock.now().as_second().to_string();
    assert_eq!(signed(&later, body).await.unwrap().status(), 401);
    let groups = rollback_bot::store::alerts::firing(&world.app().engine.db)
        .await
        .unwrap();
    assert_eq!((groups.len(), groups[0].received), (1, 1));
}

#[tokio::test]
async fn an_alert_of_an_unknown_service_is_posted_where_its_sender_has_a_channel() {
    let mut world = world().await;
    let mut unknown = alert("DiskFull", "firing", BEGAN, None);
    unknown["labels"]["job"] = json!("mail");
    comes(&mut world, &body(&[unknown])).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      🔴 An unknown service: an alert fires
      DiskFull (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      No rule of the configuration says which service this is about.
    ");
}

#[tokio::test]
async fn the_alert_of_a_service_that_is_rolled_back_already_shows_the_rollback() {
    let mut world = world().await;
    world.with_a_card().await;
    comes(&mut world, &fires()).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    ");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(2 * MINUTE).await;
    let messages = world.slack.messages(CHANNEL);
    let mut messages = messages.iter().map(|message| &message.text);
    let seen = messages
        .find(|text| text.contains("an alert fires"))
        .unwrap();
    assert!(seen.contains("RB-1 VERIFIED"), "{seen}");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_taken_is_told_after_a_restart() {
    let mut world = world().await;
    assert_eq!(sends(&world, ALERTS_TOKEN, &fires()).await.status(), 204);
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    // Its sender did not hear the answer, and sends it again.
    comes(&mut world, &fires()).await;
    let seen = world.channel();
    assert_eq!(seen.matches("an alert fires").count(), 1, "{seen}");
}

#[tokio::test]
async fn replicas_that_get_alerts_at_once_open_one_incident() {
    let mut world = world().await;
    let (Some(second), Some(third)) = (world.another().await, world.another().await) else {
        return;
    };
    let app = world.app().clone();
    let named = |name: &str| Alert {
        fingerprint: name.to_owned(),
        state: AlertState::Firing,
        title: name.to_owned(),
        fields: BTreeMap::from([("job".to_owned(), "shop".to_owned())]),
        ..Alert::default()
    };
    let receive = |app, name: &'static str| {
        let app: &rollback_bot::App = app;
        let alerts = vec![named(name)];
        let source = &app.config.alerts["prometheus"];
        async move { alert::receive(app, "prometheus", source, name.as_bytes(), alerts).await }
    };
    let taken = tokio::join!(
        receive(&app, "One"),
        receive(&second, "Two"),
        receive(&third, "Three"),
        receive(&second, "One"),
    );
    for taken in [taken.0, taken.1, taken.2, taken.3] {
        taken.unwrap();
    }
    let groups = rollback_bot::store::alerts::firing(&app.engine.db)
        .await
        .unwrap();
    assert_eq!((groups.len(), groups[0].alerts.len()), (1, 3));
    world.passes(MINUTE).await;
    let seen = world.channel();
    assert_eq!(seen.matches("alerts fire").count(), 1, "{seen}");
}

#[tokio::test]
async fn what_an_alert_says_is_text_and_its_labels_are_not_kept() {
    let mut world = world().await;
    let mut hostile = alert(
        "<!channel> *VERIFIED* `x` <https://evil.example|ok>",
        "firing",
        BEGAN,
        None,
    );
    hostile["labels"]["password"] = json!("hunter2-of-the-database");
    hostile["labels"]["instance"] = json!("postgres://user:hunter2-of-the-database@db:5432");
    hostile["annotations"]["summary"] =
        json!("@here =HYPERLINK(\"https://evil.example\") <@U0MAYA>\n# RB-1 VERIFIED");
    hostile["generatorURL"] = json!("https://user:hunter2-of-the-database@prometheus.example.com/");
    comes(&mut world, &body(&[hostile])).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      <!channel> VERIFIED x <https://evil.example|ok> (prometheus, since 03:10:12 UTC): @here =HYPERLINK("https://evil.example") <@U0MAYA> # RB-1 VERIFIED
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    "#);
    let messages = world.slack.messages(CHANNEL);
    let escaped =
        |text: &str| text.contains("&lt;!channel&gt;") && text.contains("&lt;@U0MAYA&gt;");
    assert!(messages.iter().any(|message| escaped(&message.text)));
    let record = world.record().await;
    assert!(!record.contains("hunter2"), "{record}");
    let groups = rollback_bot::store::alerts::firing(&world.app().engine.db)
        .await
        .unwrap();
    assert!(!format!("{groups:?}").contains("hunter2"));
}

#[tokio::test]
async fn rules_that_can_never_match_are_told() {
    let world = World::with(&format!(
        "{FRONTEND}{ALERTS}[[alerts.prometheus.rule]]\nmatch = {{ job = \"shop-web\", severity = \"critical\" }}\nservice = \"frontend\"\n"
    ))
    .await;
    assert_eq!(
        world.app().config.warnings,
        [
            "alerts.prometheus.rule[1]: can never match: alerts.prometheus.rule[0] before it fits whenever it does; move it up or remove it"
        ]
    );
    let head = "[alerts.more]\nkind = \"sentry\"\nsecret = \"env:SENTRY_SECRET\"\n";
    for (rule, told) in [
        ("", "has no rule"),
        (
            "[[alerts.more.rule]]\nmatch = { job = \"a\" }\nservice = \"frontend\"",
            "can never match: alerts of sentry have no \"job\"",
        ),
        (
            "[[alerts.more.rule]]\nservice = \"frontent\"",
            "did you mean",
        ),
        (
            "[[alerts.more.rule]]\nservice = \"frontend\"\nenvironment = \"staging\"",
            "frontend is in production",
        ),
        (
            "[[alerts.more.rule]]\nservice_from = \"servis\"",
            "alerts of sentry have no \"servis\"",
        ),
        (
            "[[alerts.more.rule]]\nservice = \"frontend\"\nsymptoms = \"broken\"",
            "docs/deciding.md",
        ),
        (
            "[[alerts.more.rule]]\nservice = \"frontend\"\nauto_propose = true",
            "needs an agent",
        ),
        (
            "[[alerts.more.rule]]\nservice = \"frontend\"\nseverity = \"high\"",
            "is no severity",
        ),
        (
            "agent = \"nobody\"\n[[alerts.more.rule]]\nservice = \"frontend\"",
            "there is no agent",
        ),
    ] {
        let mistakes = world.reads_settings(&format!("{head}{rule}")).unwrap_err();
        assert!(mistakes.contains(told), "{rule}: {mistakes}");
    }
}

const AGENT: &str = "[agents.alert-watch]\nresponsible = \"U0MAYA\"\n";
const MATRIX: &str = "[matrix]\npreset = \"platform\"\n";

/// A world with a matrix, in which alerts say this.
async fn with_a_matrix(alerts_say: &str) -> World {
    let rule = "service = \"frontend\"\n[alerts.sentry]";
    let alerts = ALERTS.replace(
        rule,
        &format!("service = \"frontend\"\n{alerts_say}\n[alerts.sentry]"),
    );
    let alerts = alerts.replace(
        "channel = \"C0SHOP\"\n[[alerts.prometheus",
        "channel = \"C0SHOP\"\nagent = \"alert-watch\"\n[[alerts.prometheus",
    );
    World::set_up(
        &format!("{MATRIX}{ROLES}"),
        &format!("{FRONTEND}{AGENT}{alerts}"),
    )
    .await
}

#[tokio::test]
async fn an_agent_proposes_where_the_matrix_says_to_go_back_at_once() {
    let mut world =
        with_a_matrix("symptoms = \"payments\"\nseverity = \"P1\"\nauto_propose = true").await;
    comes(&mut world, &fires()).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      The matrix: Roll back now, within 15 m. Row "Payment processing is broken".
      RB-1 was proposed by agent alert-watch (responsible: @maya).
      RB-1 PROPOSED · frontend (production) · v214 → v213 · by agent alert-watch (responsible: @maya) · last change 03:12:00 UTC
    Rollback Bot:
      Roll back frontend to v213?
      alert: HighErrorRate, since 03:10:12 UTC · agent alert-watch (responsible: @maya) (from the CLI / API), 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m 1 s) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      Advice  none yet: the decision matrix needs to know more
      [ Say what you see… ]
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`
    "#);
    // Nothing runs before people have approved, and maya, who is responsible, asked for it.
    world.passes(5 * MINUTE).await;
    assert_eq!(world.vercel.production(), "v214");
    assert_eq!(
        world.rollback(1).await.requester.agent.as_deref(),
        Some("alert-watch")
    );
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
    let record = world.record().await;
    let lines = record
        .lines()
        .filter(|line| line.contains("assessed") || line.contains("requested"));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    agent alert-watch (responsible: @maya) requested: asked to roll back frontend (production) to the previous release, because "alert: HighErrorRate, since 03:10:12 UTC"
    rollback-bot assessed: assessed frontend (production): the incident is P1; people cannot pay; v214 has been live for 31 m. The decision matrix says: roll back now by 03:27 UTC ("Payment processing is broken")
    rollback-bot assessed: assessed frontend (production): v214 has been live for 31 m. The decision matrix says: not decided
    "#);
}

#[tokio::test]
async fn no_agent_proposes_where_the_matrix_says_something_else() {
    let mut world = with_a_matrix(
        "symptoms = \"cosmetic errors 0.1% slower 0%\"\nseverity = \"P4\"\nauto_propose = true",
    )
    .await;
    comes(&mut world, &fires()).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      🔴 frontend (production): an alert fires
      HighErrorRate (prometheus, since 03:10:12 UTC): 7.2 % of requests fail · prometheus.example.com/graph (https://prometheus.example.com/graph?g0.expr=errors)
      Live: `v214`, deployed 02:41:00 UTC (29 m 12 s before the alert began).
      The matrix: A hotfix is better. Row "It only looks wrong".
      [ Propose rollback ]
      `/rollback assess frontend@production` reads the decision matrix. Proposing changes nothing: people approve.
    "#);
    assert!(!world.record().await.contains("requested"));
}

#[tokio::test]
async fn a_severe_incident_right_after_a_deploy_is_told_so_once() {
    let mut world = with_a_matrix("severity = \"P2\"").await;
    comes(&mut world, &fires()).await;
    world.slack.take_all();
    world.passes(9 * MINUTE).await;
    assert_snapshot!(world.channel(), @"");
    world.passes(2 * MINUTE).await;
    assert_snapshot!(world.channel(), @"
    Rollback Bot:
      INC-1 is P2 and 10 m old, and nobody has proposed going back. v214 of frontend (production) went live 29 m 12 s before it began: `/rollback assess frontend@production` says what speaks for going back and against it.
      [ Propose rollback ]
    ");
    world.maya().says("/rollback incident severity P1").await;
    world.settle().await;
    world.slack.take_all();
    world.passes(30 * MINUTE).await;
    assert_snapshot!(world.channel(), @"");
}

#[tokio::test]
async fn nobody_is_told_of_a_deploy_who_does_not_want_to_or_has_proposed() {
    let off = "[incidents]\nnudge_after = \"0s\"\n";
    for (more, proposes) in [(off, false), ("", true)] {
        let rules = ALERTS.replace("[alerts.sentry]", "severity = \"P1\"\n[alerts.sentry]");
        let mut world =
            World::set_up(&format!("{more}{ROLES}"), &format!("{FRONTEND}{rules}")).await;
        comes(&mut world, &fires()).await;
        if proposes {
            world.with_a_card().await;
        }
        world.passes(15 * MINUTE).await;
        let seen = world.channel();
        assert!(!seen.contains("nobody has proposed"), "{seen}");
        world.slack.take_all();
    }
}

/// Another program works at it, in a time that no story moves.
async fn until(world: &mut World, is_so: impl Fn(&AlertGroup) -> bool) {
    let began = Instant::now();
    loop {
        world.settle().await;
        let group = rollback_bot::store::alerts::get(&world.app().engine.db, 1)
            .await
            .unwrap();
        if group.is_some_and(|group| is_so(&group)) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "no alert came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.settle().await;
}

#[tokio::test]
async fn a_real_prometheus_and_its_alertmanager_begin_and_end_the_story() {
    let Some(program) = alertmanager::program() else {
        println!("NOT PROVEN ON A REAL ALERTMANAGER: there is none on this machine");
        return;
    };
    for (after, verdict) in [(0.0005, "VERIFIED"), (0.072, "SERVING, STILL FAILING")] {
        let live: Arc<Mutex<Option<Arc<Vercel>>>> = Arc::default();
        let serving = live.clone();
        let rate = move || {
            let serving = serving.lock().unwrap();
            let release = serving.as_ref().map(|vercel| vercel.production());
            match release.as_deref() {
                Some("v214") => 0.072,
                Some(_) => after,
                None => 0.0005,
            }
        };
        let listen = alertmanager::free_address().await;
        let real = match RealPrometheus::start_with(rate, Some((listen, REAL_RULE))).await {
            Ok(real) => real,
            Err(why) => {
                println!("NOT PROVEN ON A REAL PROMETHEUS: {why}");
                return;
            }
        };
        let check = format!(
            "[[services.frontend.production.verify]]\nkind = \"prometheus\"\nname = \"error rate\"\nurl = \"{}\"\nquery = '{REAL_QUERY}'\nunit = \"ratio\"\nbelow = 0.001\n",
            real.url()
        );
        let alerts = ALERTS.replace(
            "[alerts.sentry]",
            "symptoms = \"payments\"\n[alerts.sentry]",
        );
        let mut world = World::set_up(
            &format!("{MATRIX}{ROLES}"),
            &format!("{FRONTEND}{check}{alerts}"),
        )
        .await;
        world.vercel.moves_at_once(true);
        let to = format!("{}/alerts/prometheus", world.base());
        let _alertmanager = RealAlertmanager::start(&program, listen, &to, ALERTS_TOKEN);
        // v214 is deployed, and the rate rises.
        let is = |wanted: f64| move |number: f64| (number - wanted).abs() < 1e-9;
        assert_ne!(real.reaches(REAL_QUERY, is(0.0005)).await, None);
        *live.lock().unwrap() = Some(world.vercel.clone());
        assert_ne!(real.reaches(REAL_QUERY, is(0.072)).await, None);
        until(&mut world, |group| group.advice.is_some()).await;
        let seen = world.channel();
        assert!(
            seen.contains("HighErrorRate") && seen.contains("% of requests fail"),
            "{seen}"
        );
        assert!(
            seen.contains("The matrix: Roll back now, within 15 m."),
            "{seen}"
        );
        world.sam().clicks("Propose rollback").await;
        world.settle().await;
        world.slack.take_all();
        world.ana().clicks("Approve").await;
        world.settle().await;
        assert_eq!(world.vercel.production(), "v213");
        assert_ne!(real.reaches(REAL_QUERY, is(after)).await, None);
        world.passes(6 * MINUTE).await;
        assert_eq!(world.rollback(1).await.word(), verdict);
        let told = world.channel();
        println!("on a real Alertmanager: {told}");
        let (numbers, stands) = match verdict {
            "VERIFIED" => (
                "error rate 0.05 % (before 7.2 %, threshold 0.1 %)",
                "Alerts: HighErrorRate ended at",
            ),
            _ => (
                "error rate 7.2 % (before 7.2 %, threshold 0.1 %) is too high",
                "Alerts: HighErrorRate still fires",
            ),
        };
        assert!(told.contains(numbers), "{told}");
        if verdict == "VERIFIED" {
            until(&mut world, |group| group.resolved_at.is_some()).await;
        } else {
            assert!(
                told.contains("The rollback worked, so the problem is probably elsewhere."),
                "{told}"
            );
        }
        world.maya().says("/rollback status RB-1").await;
        let seen = world.maya().sees();
        assert!(seen.contains(stands), "{seen}");
        world.passes(6 * MINUTE).await;
        world.slack.take_all();
    }
}
