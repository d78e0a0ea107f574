//! Waits that others name: none is without bounds, none outlives what it serves, and none closes the
//! way round.

use crate::support::{CHANNEL, FRONTEND, IN_TIME, ROLES, World, pagerduty::Broken};
use rollback_bot::{
    http_client,
    store::{beside::Beside, tokens},
};
use rollback_domain::people::Person;
use rollback_simulation::Fault;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Sam has approved, and Vercel is busy from the first request on.
async fn approved_while_vercel_is_busy(retry_after: &'static str) -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.vercel.is_busy(Some(retry_after), false);
    world.sam().clicks("Approve").await;
    world
}

#[tokio::test]
async fn a_platform_that_says_zero_is_asked_a_few_times_and_that_is_one_entry() {
    for retry_after in ["0", "-5", "0.001"] {
        let mut world = approved_while_vercel_is_busy(retry_after).await;
        world.passes(Duration::from_secs(20)).await;
        let asked = world.vercel.rollbacks_asked();
        assert!((2..=6).contains(&asked), "{asked}");
        let record = world.record().await;
        assert_eq!(record.matches("not now: ").count(), 1, "{record}");
        assert!(record.lines().count() <= 10, "{record}");
        world.vercel.is_busy(None, false);
        world.passes(Duration::from_secs(400)).await;
        assert_eq!(world.rollback(1).await.word(), "VERIFIED");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_platform_that_says_a_day_is_asked_again_before_the_plan_ends() {
    for retry_after in ["3600", "86400", "18446744073709551615"] {
        let mut world = approved_while_vercel_is_busy(retry_after).await;
        world.settle().await;
        world.vercel.is_busy(None, false);
        world.passes(MINUTE).await;
        assert_eq!(world.vercel.rollbacks_asked(), 2, "{retry_after}");
        world.passes(Duration::from_secs(400)).await;
        assert_eq!(world.rollback(1).await.word(), "VERIFIED");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_plan_that_waits_for_the_platform_ends_when_its_time_is_over() {
    let mut world = approved_while_vercel_is_busy("3600").await;
    let Some(until) = world.rollback(1).await.plan_until else {
        panic!("there is no plan");
    };
    let left = until.duration_since(world.clock.now()).unsigned_abs();
    world.passes(left + Duration::from_secs(1)).await;
    assert_eq!(world.rollback(1).await.word(), "EXPIRED");
    // The service is free.
    world.vercel.is_busy(None, false);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(2).await.word(), "PROPOSED");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_accepted_is_looked_at_less_often_while_the_platform_is_busy() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.vercel.is_busy(Some("0"), true);
    let before = world.vercel.requests().len();
    world.passes(Duration::from_secs(15)).await;
    let looked = world.vercel.requests().len() - before;
    assert!((1..=20).contains(&looked), "{looked}");
    world.vercel.is_busy(None, false);
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(500)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
}

/// PagerDuty is told a minute after nobody has answered.
const PAGED: &str = r#"
[roles.oncall]
members = ["U0SAM"]
[roles.lead]
members = ["U0ANA"]
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
routing_key = "env:PAGERDUTY_ROUTING_KEY"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[[policy.escalate]]
after = "1m"
page = true
"#;

#[tokio::test]
async fn a_page_waits_neither_for_ever_nor_not_at_all() {
    for retry_after in ["0", "86400", "18446744073709551615"] {
        let mut world = World::set_up(PAGED, FRONTEND).await;
        world.with_a_card().await;
        world.pagerduty.breaks(Broken::Busy(retry_after));
        world.passes(MINUTE + Duration::from_secs(5)).await;
        let events = world.pagerduty.events();
        assert!((1..=4).contains(&events), "{retry_after}: {events}");
        world.pagerduty.breaks(Broken::Not);
        world.passes(MINUTE).await;
        assert_eq!(world.pagerduty.pages().len(), 1, "{retry_after}");
        world.slack.take_all();
    }
}

#[tokio::test]
async fn an_approver_is_waited_for_while_slack_asks_for_a_short_pause() {
    for (method, retry_after) in [
        ("users.info", 5),
        ("users.info", 30),
        ("usergroups.users.list", 7),
        ("usergroups.users.list", 30),
    ] {
        let group =
            "[roles.oncall]\nslack_usergroup = \"S0ONCALL\"\n[roles.lead]\nmembers = [\"U0ANA\"]\n";
        let mut world = World::set_up(group, FRONTEND).await;
        world.slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
        world.with_a_card().await;
        world.vercel.moves_at_once(true);
        let slow_down = Fault::RateLimited { retry_after };
        world.slack.fault(slow_down, Some(method), Some(1));
        world.sam().clicks("Approve").await;
        world.passes(Duration::from_secs(retry_after - 1)).await;
        assert_eq!(world.vercel.rollbacks_asked(), 0, "{method}");
        world.passes(Duration::from_secs(3)).await;
        assert_eq!(world.vercel.rollbacks_asked(), 1, "{method}");
        assert!(!world.sam().sees().contains("can't check"), "{method}");
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn an_approver_is_told_when_slack_asks_for_a_long_pause() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let slow_down = Fault::RateLimited { retry_after: 300 };
    world.slack.fault(slow_down, Some("users.info"), Some(1));
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert!(world.sam().sees().contains("I can't check your permission"));
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.passes(Duration::from_secs(300)).await;
    world.slack.take_all();
}

/// A token for somebody.
async fn token(world: &World, id: &str, name: &str) -> String {
    let day = Duration::from_secs(86_400);
    let (secret, token) = tokens::make(Person::new(id, name), world.clock.now(), day).unwrap();
    let mut record = Beside::open(world.database()).await.unwrap();
    let made = record.insert(&secret, &token, Some("member")).await;
    made.unwrap();
    secret
}

/// What the API answers, while the bot does what is due.
async fn asks(world: &mut World, token: &str, verb: &str, body: Value) -> (u16, Value) {
    let request = http_client()
        .unwrap()
        .post(format!("{}/api/v1/{verb}", world.base()))
        .bearer_auth(token)
        .json(&body);
    let mut asked = tokio::spawn(async move {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    });
    loop {
        world.settle().await;
        tokio::select! {
            answered = &mut asked => return answered.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

#[tokio::test]
async fn the_way_round_is_open_while_slack_asks_for_a_long_pause() {
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{ROLES}");
    let mut world = World::set_up(&api, FRONTEND).await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let sam = token(&world, "U0SAM", "sam").await;
    world.passes(Duration::from_secs(301)).await;
    world.vercel.moves_at_once(true);
    // Slack answers nothing but 429, and what it asks for holds back every call from the first on.
    world
        .slack
        .set_fault(Some(Fault::RateLimited { retry_after: 300 }));
    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let (status, proposed) = asks(&mut world, &maya, "propose", body).await;
    assert_eq!(status, 200, "{proposed}");
    assert!(proposed["refused"].is_null(), "{proposed}");
    let plan = proposed["plan"]["hash"].clone();
    let body = json!({ "rollback": "RB-1", "plan": plan });
    let (status, approved) = asks(&mut world, &sam, "approve", body).await;
    assert_eq!(status, 200, "{approved}");
    assert_eq!(world.vercel.rollbacks_asked(), 1, "{approved}");
    let record = world.record().await;
    assert!(record.contains("Slack did not answer"), "{record}");
    world.slack.heal();
    world.passes(Duration::from_secs(900)).await;
    world.slack.take_all();
}

/// On call by a schedule.
const SCHEDULE: &str = r#"
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[roles.oncall]
pagerduty_schedule = "PSHOP1"
[roles.lead]
members = ["U0ANA"]
"#;

#[tokio::test]
async fn one_of_sixty_on_call_is_admitted_within_a_second_from_a_cold_start() {
    let mut world = World::set_up(SCHEDULE, FRONTEND).await;
    let everybody: Vec<(String, String)> = (0..60)
        .map(|n| (format!("Person {n}"), format!("person{n}@acme.example")))
        .collect();
    for (n, (_, email)) in everybody.iter().enumerate() {
        let id = format!("U0P{n}");
        let mut person = rollback_simulation::Person::member(&id, &format!("person{n}"));
        person.email = Some(email.clone());
        world.slack.add_person(person);
        world.slack.set_person_in(&id, CHANNEL, true);
    }
    let on_call: Vec<(&str, &str)> = everybody
        .iter()
        .map(|(name, email)| (name.as_str(), email.as_str()))
        .collect();
    world.with_a_card().await;
    world.pagerduty.on_call("PSHOP1", &on_call);
    world.vercel.moves_at_once(true);
    // Nothing is remembered, and everybody takes their time.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    let slow = Duration::from_millis(350);
    world.slack.set_delay(slow);
    world.pagerduty.takes(slow);
    let clicked = Instant::now();
    world.somebody("U0P59").clicks("Approve").await;
    while world.rollback(1).await.approvals.is_empty() {
        rollback_bot::worker::run_due(world.app()).await;
    }
    let took = clicked.elapsed();
    // One after the other would take over forty seconds.
    assert!(took < IN_TIME, "{took:?}");
    world.slack.set_delay(Duration::ZERO);
    world.pagerduty.takes(Duration::ZERO);
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    // Everybody is known by now, however often somebody asks.
    let lookups = |world: &World| {
        let calls = world.slack.calls();
        let of_people = calls
            .iter()
            .filter(|call| call.method == "users.lookupByEmail");
        of_people.count()
    };
    let before = lookups(&world);
    for _ in 0..5 {
        world.maya().says("/rollback why RB-1").await;
        world.settle().await;
    }
    assert_eq!(lookups(&world), before);
    world.slack.take_all();
}
