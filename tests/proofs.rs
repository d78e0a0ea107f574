//! What is seen from outside besides one page: numbers of Prometheus and of a database
//! against what they were, several addresses, and checks that only should pass.

use crate::support::{
    FRONTEND, World,
    prometheus::{Prometheus, RealPrometheus},
    shop_database::ShopDatabase,
    site::Site,
    vercel::Vercel,
};
use insta::assert_snapshot;
use rollback_bot::proofs;
use rollback_settings::Section;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use url::Url;

const MINUTES: Duration = Duration::from_secs(60);
const SECONDS: Duration = Duration::from_secs(1);

/// An error rate that must fall below a tenth of a per cent.
const ERROR_RATE: &str = r#"
[[services.frontend.production.verify]]
kind = "prometheus"
name = "error rate"
url = "{prometheus}"
token = "env:PROMETHEUS_TOKEN"
query = 'sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))'
unit = "ratio"
below = 0.001
"#;

/// A world in which v214 fails 7.2 % of its requests, and what measures that.
async fn world(more: &str) -> (World, Prometheus) {
    let prometheus = Prometheus::start().await;
    let settings = format!("{FRONTEND}{more}").replace("{prometheus}", prometheus.url());
    let world = World::with(&settings).await;
    let vercel = world.vercel.clone();
    vercel.moves_at_once(true);
    prometheus.measures(move || vercel.production());
    prometheus.gives("v214", "0.072");
    prometheus.gives("v213", "0.0005");
    (world, prometheus)
}

/// The rollback is proposed and approved, and so much time passes.
async fn rolls_back(world: &mut World, time: Duration) {
    world.with_a_card().await;
    world.sam().clicks("Approve").await;
    world.passes(time).await;
}

/// What the channel is told when there is a verdict.
fn outcome(world: &World) -> String {
    let seen = world.channel();
    let (_, outcome) = seen.rsplit_once("Rollback Bot:\n").unwrap_or_default();
    outcome.lines().take(3).collect::<Vec<_>>().join("\n")
}

/// What the timeline has from checks.
async fn checked(world: &World) -> String {
    let record = world.record().await;
    let kinds = ["checked", "verified", "unproven", "still-failing"];
    let lines = record.lines().filter(|line| {
        let kind = line.split(' ').nth(1).unwrap_or_default();
        kinds.contains(&kind.trim_end_matches(':'))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn the_verdict_has_the_error_rate_of_before_and_of_now() {
    let (mut world, prometheus) = world(ERROR_RATE).await;
    rolls_back(&mut world, Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_snapshot!(outcome(&world), @"
    ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
    version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    Automatic deploys are off until `/rollback unpin frontend@production`.
    ");
    // Another number in each look is no news.
    prometheus.gives("v213", "0.0006");
    world.passes(MINUTES).await;
    prometheus.gives("v213", "0.0004");
    world.passes(6 * MINUTES).await;
    assert_snapshot!(checked(&world).await, @"
    rollback-bot checked: before the rollback: error rate 7.2 %
    rollback-bot checked: version v213 answers, 2/2 checks pass: error rate 0.05 % (before 7.2 %, threshold 0.1 %)
    rollback-bot verified: verified: v213 answers from outside and passes its checks. Measured: error rate 0.05 % (before 7.2 %, threshold 0.1 %).
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn a_rate_that_does_not_fall_has_its_cause_elsewhere() {
    let (mut world, prometheus) = world(ERROR_RATE).await;
    prometheus.gives("v213", "0.069");
    rolls_back(&mut world, 6 * MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, STILL FAILING");
    assert_snapshot!(outcome(&world), @"
    ⚠️ frontend (production) is back on v213, checks still fail (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate 6.9 % (before 7.2 %, threshold 0.1 %) is too high · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
    ");
    world.passes(6 * MINUTES).await;
    assert_snapshot!(checked(&world).await, @"
    rollback-bot checked: before the rollback: error rate 7.2 %
    rollback-bot checked: version v213 answers, 1/2 checks pass: error rate 6.9 % (before 7.2 %, threshold 0.1 %) is too high
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_prometheus_does_not_say_is_never_taken_for_good() {
    const NAN: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1773457920.1,"NaN"]}]}}"#;
    const WARNED: &str = r#"{"status":"success","warnings":["one store is away"],"data":{"resultType":"vector","result":[{"metric":{},"value":[1773457920.1,"0"]}]}}"#;
    let silences: [fn(&Prometheus); 4] = [
        Prometheus::is_away,
        Prometheus::has_no_data,
        |prometheus| prometheus.answers(200, NAN),
        |prometheus| prometheus.answers(200, WARNED),
    ];
    let mut outcomes = vec![];
    for silence in silences {
        let (mut world, prometheus) = world(ERROR_RATE).await;
        world.with_a_card().await;
        silence(&prometheus);
        world.sam().clicks("Approve").await;
        world.passes(6 * MINUTES).await;
        assert_eq!(world.rollback(1).await.word(), "SERVING, UNPROVEN");
        outcomes.push(outcome(&world));
        world.passes(6 * MINUTES).await;
        world.slack.take_all();
    }
    assert_snapshot!(outcomes.join("\n"), @"
    ⚠️ frontend (production) is back on v213, not proven from outside (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate not known: what answers is not Prometheus (503) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live, and that it works is not proven by error rate: what answers is not Prometheus (503). Check by hand.
    ⚠️ frontend (production) is back on v213, not proven from outside (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate not known: no data · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live, and that it works is not proven by error rate: no data. Check by hand.
    ⚠️ frontend (production) is back on v213, not proven from outside (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate not known: the query gives NaN, as 0/0 does where nothing was counted · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live, and that it works is not proven by error rate: the query gives NaN, as 0/0 does where nothing was counted. Check by hand.
    ⚠️ frontend (production) is back on v213, not proven from outside (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate not known: Prometheus warns: one store is away · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live, and that it works is not proven by error rate: Prometheus warns: one store is away. Check by hand.
    ");
}

#[tokio::test]
async fn a_prometheus_that_comes_back_while_it_is_watched_proves_it() {
    let (mut world, prometheus) = world(ERROR_RATE).await;
    prometheus.is_away();
    rolls_back(&mut world, 6 * MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, UNPROVEN");
    prometheus.is_back();
    world.passes(2 * MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    // It was away when the plan was made, too.
    assert_snapshot!(outcome(&world), @"
    ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
    version v213 answers, 2/2 checks pass: error rate 0.05 % (before not known, threshold 0.1 %) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    Automatic deploys are off until `/rollback unpin frontend@production`.
    ");
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_prometheus_that_goes_away_afterwards_takes_no_verdict_back() {
    let (mut world, prometheus) = world(ERROR_RATE).await;
    rolls_back(&mut world, Duration::from_secs(30)).await;
    prometheus.is_away();
    world.passes(3 * MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    prometheus.gives("v213", "0.05");
    world.passes(MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, STILL FAILING");
    assert_snapshot!(outcome(&world), @"
    ⚠️ frontend (production): checks on v213 fail again (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate 5 % (before 7.2 %, threshold 0.1 %) is too high · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 passed its checks before and fails them now. Look for what else has changed: a dependency, the database, a flag.
    ");
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_number_is_held_against_what_it_was() {
    let (mut world, prometheus) =
        world(&ERROR_RATE.replace("below = 0.001", "falls_to = \"10%\"")).await;
    prometheus.gives("v213", "0.01");
    rolls_back(&mut world, 6 * MINUTES).await;
    assert_snapshot!(outcome(&world), @"
    ⚠️ frontend (production) is back on v213, checks still fail (RB-1) · @maya, approved by @sam
    version v213 answers, 1/2 checks pass: error rate 1 % (before 7.2 %, threshold 0.72 %) is too high · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
    ");
    prometheus.gives("v213", "0.007");
    world.passes(MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_snapshot!(outcome(&world), @"
    ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
    version v213 answers, 2/2 checks pass: error rate 0.7 % (before 7.2 %, threshold 0.72 %) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    Automatic deploys are off until `/rollback unpin frontend@production`.
    ");
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_only_should_pass_is_told_and_decides_nothing() {
    let more = ERROR_RATE.replace("below = 0.001", "below = 0.001\nrequire = \"should\"")
        + &ERROR_RATE
            .replace("error rate", "slow requests")
            .replace("below = 0.001", "require = \"watch\"");
    let (mut world, prometheus) = world(&more).await;
    prometheus.gives("v213", "0.02");
    rolls_back(&mut world, Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_snapshot!(outcome(&world), @"
    ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
    version v213 answers, 1/1 checks pass, should: error rate 2 % (before 7.2 %, threshold 0.1 %) is too high, watched: slow requests 2 % (before 7.2 %) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    Automatic deploys are off until `/rollback unpin frontend@production`.
    ");
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
}

#[tokio::test]
async fn one_old_instance_is_not_verified() {
    let old = Site::start(|| "v214".to_owned()).await;
    let urls = format!(
        "urls = [\"{{site}}/version.json\", \"{{site}}/version.json?eu\", \"{{site}}/version.json?us\", \"{}/version.json\"]",
        old.url()
    );
    let settings = FRONTEND.replace("url = \"{site}/version.json\"", &urls);
    let mut world = World::with(&settings).await;
    world.vercel.moves_at_once(true);
    rolls_back(&mut world, 6 * MINUTES).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, NOT VERIFIED");
    let seen = outcome(&world).replace(&old.url(), "https://old.example.com");
    assert_snapshot!(seen, @"
    ⚠️ frontend (production): v213 is not what users get (RB-1) · @maya, approved by @sam
    serving 3/4, https://old.example.com/version.json answers v214, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    The platform says v213 is live, but from outside it is serving 3/4, https://old.example.com/version.json answers v214. Check what has not been replaced there, and the cache or CDN.
    ");
    world.passes(6 * MINUTES).await;
    world.slack.take_all();
}

/// What the real one is asked; it reads the shop five times a second.
const REAL_QUERY: &str =
    r#"sum(rate(http_requests_total{code="500"}[2s])) / sum(rate(http_requests_total[2s]))"#;

#[tokio::test]
async fn a_real_prometheus_proves_a_rollback_and_shows_when_the_cause_is_elsewhere() {
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
        let real = match RealPrometheus::start(rate).await {
            Ok(real) => real,
            Err(why) => {
                println!("NOT PROVEN ON A REAL PROMETHEUS: {why}");
                return;
            }
        };
        let more = ERROR_RATE
            .replace("{prometheus}", real.url())
            .replace("token = \"env:PROMETHEUS_TOKEN\"\n", "")
            .lines()
            .map(|line| match line.starts_with("query") {
                true => format!("query = '{REAL_QUERY}'\n"),
                false => format!("{line}\n"),
            })
            .collect::<String>();
        let mut world = World::with(&format!("{FRONTEND}{more}")).await;
        world.vercel.moves_at_once(true);
        // v214 is deployed, and the rate rises.
        let is = |wanted: f64| move |number: f64| (number - wanted).abs() < 1e-9;
        assert_ne!(real.reaches(REAL_QUERY, is(0.0005)).await, None);
        *live.lock().unwrap() = Some(world.vercel.clone());
        assert_ne!(real.reaches(REAL_QUERY, is(0.072)).await, None);
        world.with_a_card().await;
        world.sam().clicks("Approve").await;
        world.settle().await;
        assert_eq!(world.vercel.production(), "v213");
        assert_ne!(real.reaches(REAL_QUERY, is(after)).await, None);
        world.passes(6 * MINUTES).await;
        assert_eq!(world.rollback(1).await.word(), verdict);
        println!("on a real Prometheus: {}", outcome(&world));
        let record = checked(&world).await;
        let numbers = match verdict {
            "VERIFIED" => "error rate 0.05 % (before 7.2 %, threshold 0.1 %)",
            _ => "error rate 7.2 % (before 7.2 %, threshold 0.1 %) is too high",
        };
        assert!(
            record.contains("before the rollback: error rate 7.2 %"),
            "{record}"
        );
        assert!(record.contains(numbers), "{record}");
        world.passes(6 * MINUTES).await;
        world.slack.take_all();
    }
}

/// What is checked in the shop's database.
const ORDERS: &str = r#"
[[services.frontend.production.verify]]
kind = "sql"
name = "orders"
url = "file:{reader}"
table = "orders"
stays_within = "2%"
[[services.frontend.production.verify]]
kind = "sql"
name = "orders without a customer"
url = "file:{reader}"
query = "select count(*) from orders left join customers on customers.id = orders.customer where customers.id is null"
below = 1
[[services.frontend.production.verify]]
kind = "sql"
name = "schema"
url = "file:{reader}"
exist = ["public.orders(note)"]
gone = ["public.orders_v2"]
"#;

#[tokio::test]
async fn a_real_database_is_held_against_what_the_plan_counted() {
    let mut shop = match ShopDatabase::start().await {
        Ok(shop) => shop,
        Err(why) => {
            println!("NOT PROVEN ON A REAL POSTGRESQL: {why}");
            return;
        }
    };
    let secrets = tempfile::tempdir().unwrap();
    let file = |name: &str, url: &str| {
        let path = secrets.path().join(name);
        std::fs::write(&path, url).unwrap();
        path.display().to_string()
    };
    let reader = file("reader", shop.reader());
    // Each look is three connections of a real database.
    let soon = "target_time = \"2m\"\nprove_within = \"20s\"\nwatch = \"2m\"";
    let frontend = FRONTEND.replace("target_time = \"2m\"", soon);
    let settings = format!("{frontend}{}", ORDERS.replace("{reader}", &reader));
    let mut world = World::with(&settings).await;
    world.vercel.moves_at_once(true);
    shop.changes("create table orders_v2 (id int)").await;
    world.with_a_card().await;
    // The release that is left takes an order with it, and its table stays.
    shop.changes("delete from orders where id = 1").await;
    world.sam().clicks("Approve").await;
    world.passes(30 * SECONDS).await;
    assert_snapshot!(outcome(&world), @"
    ⚠️ frontend (production) is back on v213, checks still fail (RB-1) · @maya, approved by @sam
    version v213 answers, 3/4 checks pass: orders 99 (before 100, threshold ±2 %); orders without a customer 0 (before 0, threshold 1); schema finds that public.orders_v2 is still there · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    v213 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
    ");
    shop.changes("drop table orders_v2; insert into orders values (101, 99), (102, 99)")
        .await;
    world.passes(30 * SECONDS).await;
    shop.changes("update orders set customer = 1 where customer = 99")
        .await;
    world.passes(MINUTES).await;
    assert_snapshot!(outcome(&world), @"
    ✅ frontend (production) is back on v213 (RB-1) · @maya, approved by @sam
    version v213 answers, 4/4 checks pass: orders 101 (before 100, threshold ±2 %); orders without a customer 0 (before 0, threshold 1) · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
    Automatic deploys are off until `/rollback unpin frontend@production`.
    ");
    world.passes(2 * MINUTES).await;
    assert_snapshot!(checked(&world).await, @"
    rollback-bot checked: before the rollback: orders 100; orders without a customer 0
    rollback-bot checked: version v213 answers, 3/4 checks pass: orders 99 (before 100, threshold ±2 %); orders without a customer 0 (before 0, threshold 1); schema finds that public.orders_v2 is still there
    rollback-bot checked: version v213 answers, 3/4 checks pass: orders 101 (before 100, threshold ±2 %); orders without a customer 2 (before 0, threshold 1) is too high
    rollback-bot checked: version v213 answers, 4/4 checks pass: orders 101 (before 100, threshold ±2 %); orders without a customer 0 (before 0, threshold 1)
    rollback-bot verified: verified: v213 answers from outside and passes its checks. Measured: orders 101 (before 100, threshold ±2 %); orders without a customer 0 (before 0, threshold 1).
    ");
    world.slack.take_all();

    // Whatever a query tries, nothing is changed, and no password is repeated.
    let tries = [
        ("writer", "select count(*) from orders"),
        (
            "reader",
            "with gone as (delete from orders returning id) select count(*) from gone",
        ),
        ("reader", "select setval('x', 1); delete from orders"),
        (
            "reader",
            "select set_config('transaction_read_only', 'off', false)",
        ),
        ("reader", "select count(*) from nothing"),
        ("reader", "select id from orders"),
        ("reader", "select sum(id) from orders where false"),
        ("reader", "select note from orders where false"),
        ("reader", "select 'many'"),
        ("reader", "select 'NaN'::float8"),
        ("reader", "select pg_sleep(30)::text"),
        ("nobody", "select 1"),
        ("away", "select 1"),
    ];
    let reader = Url::parse(shop.reader()).unwrap();
    let mut nobody = reader.clone();
    nobody.set_password(Some("not-the-password")).unwrap();
    let mut away = reader;
    away.set_port(Some(1)).unwrap();
    file("writer", shop.writer());
    file("nobody", nobody.as_str());
    file("away", away.as_str());
    let mut seen = vec![];
    for (role, query) in tries {
        let path = secrets.path().join(role).display().to_string();
        let tried = tries_sql(&path, query).await;
        seen.push(tried.replace(&shop.name(), "shop"));
    }
    assert!(!seen.concat().contains("password-of") && !seen.concat().contains("not-the"));
    assert_snapshot!(seen.join("\n"), @r#"
    Wrong("shop_writer may write, and nothing is asked as one that may; run ALTER ROLE shop_writer SET default_transaction_read_only = on")
    Wrong("the query is refused: WITH clause containing a data-modifying statement must be at the top level")
    Wrong("the query is refused: syntax error at or near \";\"")
    Wrong("the query is refused: transaction read-write mode must be set before any query")
    Wrong("the query is refused: relation \"nothing\" does not exist")
    Wrong("the query gives several rows instead of one number")
    Unsure("gives no data right now, which never counts as healthy")
    Unsure("gives no data right now, which never counts as healthy")
    Unsure("the query gives no number: invalid input syntax for type double precision: \"many\": not known right now")
    Unsure("the query gives NaN: not known right now")
    Wrong("the database did not answer within 1 s")
    Wrong("the database does not let this bot in: password authentication failed for user \"shop_reader\"")
    Wrong("the database is not answering (error communicating with database: Connection refused (os error 111))")
    "#);
    assert_eq!(shop.orders().await, 101);
    shop.ends().await;
}

/// What trying a query of a database shows.
async fn tries_sql(url: &str, query: &str) -> String {
    let text = format!(
        "[[verify]]\nkind = \"sql\"\nname = \"n\"\nwithin = \"1s\"\nrequire = \"watch\"\nurl = \"file:{url}\"\nquery = \"\"\"{query}\"\"\""
    );
    let files = |path: &std::path::Path| std::fs::read_to_string(path);
    let read = |section: &Section<'_>| proofs::read(&section.sections("verify")?);
    let (checks, _) = rollback_settings::read(&text, &|_| None, &files, &[], read).unwrap();
    format!(
        "{:?}",
        checks[0]
            .try_out(&rollback_bot::http_client().unwrap())
            .await
    )
}
