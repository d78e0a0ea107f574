//! The program as it is started: what it says about mistakes, and that its demo works.

use crate::support::World;
use insta::assert_snapshot;
use rollback_bot::{demo::Demo, http_client};
use rollback_domain::identity::RollbackId;
use rollback_simulation::Slack;
use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

fn run(settings: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, settings).unwrap();
    Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(arguments)
        .args(["--config", config.to_str().unwrap()])
        .env_clear()
        .env("SLACK_SIGNING_SECRET", "secret")
        .env("SLACK_BOT_TOKEN", "xoxb-1")
        .env("VERCEL_TOKEN", "token")
        .current_dir(directory.path())
        .output()
        .unwrap()
}

fn example() -> String {
    fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/rollback-bot.example.toml"
    ))
    .unwrap()
}

#[test]
fn every_mistake_is_told_at_once() {
    let settings = example()
        .replace("env:VERCEL_TOKEN", "tok_123")
        .replace("env:SLACK_BOT_TOKEN", "env:NOT_SET")
        .replace("[roles.oncall]", "[roles.onkall]");
    let output = run(&settings, &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    let told: Vec<&str> = told.lines().skip(1).collect();
    assert_snapshot!(told.join("\n"), @r#"
    slack.bot_token: environment variable NOT_SET is not set
    services.frontend.production.token: a secret does not belong in this file; write "env:NAME" or "file:PATH"
    services.frontend.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.shop.local.approve[0]: there is no role "oncall"; did you mean "onkall"?
    "#);
}

#[test]
fn the_example_is_a_configuration_that_works() {
    let output = run(&example(), &["check"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @"
    ok        templates: every one is rendered from a sample
    ok        services: 2, roles: 2

    frontend (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                                       requester  confirm  break-glass
      toggle (not reached)  1          oncall or storefront                     yes        click    yes
      code                  1          oncall or storefront                     no         click    yes
      caution               2          oncall or storefront                     no         tick     yes
      data (not reached)    2          oncall or storefront; one of data_owner  yes        type     no

    shop (local): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    roles
      oncall      configuration: U0SAM, U0ALEX
      storefront  configuration: U0MAYA, U0SAM

    escalation
      1m  approvers, reminded
      3m  approvers, reminded
      5m  storefront and U0BOSS
    ");
}

#[test]
fn the_manifest_is_printed_for_the_public_address() {
    let output = run(&example(), &["manifest"]);
    let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        manifest["features"]["slash_commands"][0]["url"],
        "https://rollback.example.com/slack/commands"
    );
}

#[test]
fn a_port_that_is_taken_and_a_database_that_is_away_are_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = example().replace("127.0.0.1:3000", &format!("127.0.0.1:{port}"));
    let output = run(&settings, &["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains(&format!("is another program using port {port}?")),
        "{told}"
    );

    let settings = example().replace("127.0.0.1:3000", "127.0.0.1:0").replace(
        "sqlite://rollback-bot.db",
        "sqlite:///nowhere/at/all/rollback-bot.db",
    );
    let output = run(&settings, &["serve"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("the lock file /nowhere/at/all/rollback-bot.db.lock cannot be opened"),
        "{told}"
    );

    let settings = example()
        .replace("127.0.0.1:3000", "127.0.0.1:0")
        .replace("sqlite://rollback-bot.db", "postgres://bot@127.0.0.1:1/bot");
    let output = run(&settings, &["serve"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("the Postgres database at 127.0.0.1:1/bot cannot be reached"),
        "{told}"
    );
}

#[test]
fn a_second_process_on_the_same_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let lock = fs::File::create(directory.path().join("bot.db.lock")).unwrap();
    lock.try_lock().unwrap();
    let settings = example().replace("127.0.0.1:3000", "127.0.0.1:0").replace(
        "sqlite://rollback-bot.db",
        &format!("sqlite://{}/bot.db", directory.path().display()),
    );
    let output = run(&settings, &["serve"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("another rollback-bot uses"), "{told}");
}

#[tokio::test]
async fn an_https_client_can_be_made_beside_the_database() {
    let world = World::new().await;
    // Nobody listens there; two TLS providers in one process would panic before that is found out.
    let error = http_client()
        .unwrap()
        .get("https://127.0.0.1:1/")
        .send()
        .await
        .unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    drop(world);
}

#[tokio::test]
async fn the_demo_goes_from_broken_to_verified() {
    let demo = Demo::start(0).await.unwrap();
    let health = async || {
        let answer = http_client()
            .unwrap()
            .get(format!("{}/api/health", demo.shop))
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    };
    assert_eq!(health().await, 500);
    let (channel, patience) = ("C0INC", Duration::from_secs(30));
    demo.slack
        .says(
            "U0MAYA",
            channel,
            "/rollback frontend because checkout 500s",
        )
        .await;
    demo.slack
        .shows(channel, "Roll back frontend to", patience)
        .await
        .unwrap();
    demo.slack.clicks("U0SAM", "Approve").await.unwrap();
    demo.slack
        .shows(channel, "RB-1 VERIFIED", patience)
        .await
        .unwrap();
    assert_eq!(health().await, 200);
    assert_eq!(demo.slack.violations(), Vec::<String>::new());
    let page = http_client().unwrap().get(&demo.page).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("<html"));
    demo.stop().await;
}

/// The channel of the demo, and how long anything in it may take.
const DEMO: (&str, Duration) = ("C0INC", Duration::from_secs(30));

/// Waits until this person has a form open and gives it.
async fn form(demo: &Demo, person: &str) -> String {
    let (_, patience) = DEMO;
    let is_open = |slack: &Slack| slack.open_view(person).is_some();
    assert!(demo.slack.until(patience, is_open).await, "no form opened");
    demo.slack.view(person)
}

/// Waits until this person alone has been told something.
async fn is_told(demo: &Demo, person: &str, text: &str) {
    let (_, patience) = DEMO;
    let is_so = |slack: &Slack| slack.ephemerals(person).contains(text);
    let came = demo.slack.until(patience, is_so).await;
    assert!(came, "{text:?} in {}", demo.slack.ephemerals(person));
}

/// Ends the demo after nothing was sent that Slack would not have taken.
async fn ends(demo: Demo) {
    assert_eq!(demo.slack.violations(), Vec::<String>::new());
    demo.stop().await;
}

#[tokio::test]
async fn the_demo_of_one_goes_from_the_command_to_verified_with_two_clicks() {
    let demo = Demo::start_solo(0).await.unwrap();
    let (channel, patience) = DEMO;
    let command = "/rollback frontend because checkout 500s";
    demo.slack.says("U0MAYA", channel, command).await;
    let card = "Needs  one approval: @maya (owner)";
    demo.slack.shows(channel, card, patience).await.unwrap();
    // The second click is the answer to this.
    let asked = demo.slack.confirm_dialog("U0MAYA", "Approve");
    assert_eq!(asked.unwrap()["confirm"]["text"], "Roll back now");
    let approve = demo.slack.clicks("U0MAYA", "Approve");
    approve.await.unwrap();
    let done = "RB-1 VERIFIED";
    demo.slack.shows(channel, done, patience).await.unwrap();
    ends(demo).await;
}

#[tokio::test]
async fn in_the_demo_data_takes_two_people_who_type_the_target() {
    let demo = Demo::start(0).await.unwrap();
    let (channel, patience) = DEMO;
    let command = "/rollback orders because totals are wrong";
    demo.slack.says("U0MAYA", channel, command).await;
    let card = "2 approvals, one of them from data_owner";
    demo.slack.shows(channel, card, patience).await.unwrap();
    for (person, left) in [("U0SAM", "has @sam (oncall)"), ("U0KIM", "RB-1 VERIFIED")] {
        let approve = demo.slack.clicks(person, "Approve");
        approve.await.unwrap();
        let asked = form(&demo, person).await;
        assert!(asked.contains("Type the exact target: v8"), "{asked}");
        // A slip is caught before it counts.
        demo.slack.types(person, "v7").unwrap();
        demo.slack.submits(person).await.unwrap();
        let told = demo.slack.view_errors(person);
        assert_eq!(told["typed"], "Not the same: the target is v8.");
        demo.slack.types(person, "v8").unwrap();
        demo.slack.submits(person).await.unwrap();
        demo.slack.shows(channel, left, patience).await.unwrap();
    }
    let seen = demo.slack.channel(channel);
    assert!(seen.contains("approved by @sam and @kim"), "{seen}");
    // The board does not show what was read before.
    demo.slack.says("U0SAM", channel, "/rollback").await;
    is_told(&demo, "U0SAM", "by RB-1 (@sam and @kim) · before `v7`").await;
    ends(demo).await;
}

#[tokio::test]
async fn in_the_demo_tom_breaks_the_glass_and_ana_reviews_it() {
    let demo = Demo::start(0).await.unwrap();
    let (channel, patience) = DEMO;
    let command = "/rollback frontend because checkout 500s";
    demo.slack.says("U0MAYA", channel, command).await;
    let card = "Roll back frontend to";
    demo.slack.shows(channel, card, patience).await.unwrap();
    // What was typed is in the form already.
    let typed = "/rollback breakglass frontend because it burns";
    demo.slack.says("U0TOM", channel, typed).await;
    let asked = form(&demo, "U0TOM").await;
    assert!(
        asked.contains("Why can it not wait?: [it burns]"),
        "{asked}"
    );
    demo.slack.closes("U0TOM").await.unwrap();
    demo.slack.clicks("U0TOM", "Emergency run").await.unwrap();
    form(&demo, "U0TOM").await;
    // Both are wanted, and said so at once.
    demo.slack.submits("U0TOM").await.unwrap_err();
    assert_eq!(demo.slack.view_errors("U0TOM").len(), 2);
    demo.slack.types("U0TOM", "carts are emptied").unwrap();
    let promise = demo.slack.chooses("U0TOM", "I will explain");
    promise.await.unwrap();
    demo.slack.submits("U0TOM").await.unwrap();
    for seen in [
        "EMERGENCY RUN  RB-1",
        "RB-1 VERIFIED",
        "run by @tom as an emergency",
    ] {
        demo.slack.shows(channel, seen, patience).await.unwrap();
    }
    demo.slack
        .clicks("U0ANA", "Should have waited")
        .await
        .unwrap();
    form(&demo, "U0ANA").await;
    demo.slack.types("U0ANA", "sam was a minute away").unwrap();
    demo.slack.submits("U0ANA").await.unwrap();
    let review = "should have waited. \"sam was a minute away\"";
    demo.slack.shows(channel, review, patience).await.unwrap();
    // No form is opened that could only be refused.
    let typed = "/rollback breakglass RB-1 because once more";
    demo.slack.says("U0TOM", channel, typed).await;
    is_told(&demo, "U0TOM", ": verified. Nothing").await;
    assert!(demo.slack.open_view("U0TOM").is_none());
    demo.slack
        .says("U0TOM", channel, "/rollback why RB-1")
        .await;
    is_told(
        &demo,
        "U0TOM",
        "RB-1 is VERIFIED: there is nothing to approve.",
    )
    .await;
    ends(demo).await;
}

#[tokio::test]
async fn in_the_demo_an_undo_brings_the_bad_release_back_and_says_so() {
    let demo = Demo::start_solo(0).await.unwrap();
    let (channel, patience) = DEMO;
    demo.slack
        .says("U0MAYA", channel, "/rollback frontend")
        .await;
    let card = "Roll back frontend to";
    demo.slack.shows(channel, card, patience).await.unwrap();
    let approve = demo.slack.clicks("U0MAYA", "Approve");
    approve.await.unwrap();
    let done = "RB-1 VERIFIED";
    demo.slack.shows(channel, done, patience).await.unwrap();
    demo.slack.clicks("U0MAYA", "Undo").await.unwrap();
    let card = "Undo RB-1: take frontend to v214?";
    demo.slack.shows(channel, card, patience).await.unwrap();
    let approve = demo.slack.clicks("U0MAYA", "Approve");
    approve.await.unwrap();
    let asked = form(&demo, "U0MAYA").await;
    assert!(asked.contains("[ Undo now ]"), "{asked}");
    let tick = demo.slack.chooses("U0MAYA", "v214 was rolled back by RB-1");
    tick.await.unwrap();
    demo.slack.submits("U0MAYA").await.unwrap();
    for seen in [
        "is on v214 again, checks still fail",
        "v214 is live again and its checks fail.",
        "v214 is live again, so the problem RB-1 was for may be back.",
    ] {
        demo.slack.shows(channel, seen, patience).await.unwrap();
    }
    ends(demo).await;
}

#[test]
fn the_demo_says_that_there_can_be_a_team_of_one() {
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["demo", "--help"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("--solo         A team of one"), "{told}");
}

#[tokio::test]
async fn tokens_are_tried_when_asked_to() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let check = async |vercel_token: &str| {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["check", "--online", "--config", config.to_str().unwrap()])
            .env_clear()
            .envs([
                ("DATABASE_URL", "sqlite://unused.db"),
                ("SIGNING_SECRET", "a"),
                ("SIGNING_SECRET_NEW", "b"),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", vercel_token),
            ])
            .output()
            .await
            .unwrap();
        format!(
            "{:?}\n{}",
            output.status.code(),
            String::from_utf8_lossy(&output.stdout)
        )
    };
    assert_snapshot!(check(crate::support::vercel::TOKEN).await, @"
    Some(0)
    ok        templates: every one is rendered from a sample
    ok        services: 1, roles: 2

    frontend (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                                 requester  confirm  break-glass
      toggle (not reached)  1          oncall or lead                     yes        click    yes
      code                  1          oncall or lead                     no         click    yes
      caution               1          oncall or lead                     no         tick     yes
      data (not reached)    2          oncall or lead; one of data_owner  yes        type     no

    roles
      lead    configuration: U0ANA
      oncall  configuration: U0SAM

    escalation
      1m  approvers, reminded
      3m  approvers, reminded

    ok        slack.bot_token: works in workspace T0ACME
    ok        services.frontend.production: project frontend (prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g) readable, 8 production domains
    ");
    assert_snapshot!(check("an-old-token").await, @"
    Some(2)
    ok        templates: every one is rendered from a sample
    ok        services: 1, roles: 2

    frontend (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                                 requester  confirm  break-glass
      toggle (not reached)  1          oncall or lead                     yes        click    yes
      code                  1          oncall or lead                     no         click    yes
      caution               1          oncall or lead                     no         tick     yes
      data (not reached)    2          oncall or lead; one of data_owner  yes        type     no

    roles
      lead    configuration: U0ANA
      oncall  configuration: U0SAM

    escalation
      1m  approvers, reminded
      3m  approvers, reminded

    ok        slack.bot_token: works in workspace T0ACME
    mistake   services.frontend.production: Vercel says the token is expired or lacks access (403: Not authorized). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.
    ");
}

#[tokio::test]
async fn the_record_is_copied_while_the_bot_goes_on() {
    if std::env::var("STORIES_DATABASE_URL").is_ok() {
        // Postgres has its own tools, and the program says so.
        return;
    }
    let mut world = World::new().await;
    world.with_a_card().await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let database = world
        .settings()
        .lines()
        .find_map(|line| line.strip_prefix("# database: "))
        .unwrap()
        .to_owned();
    let backup = async |to: &str, url: &str| {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["backup", "--config", config.to_str().unwrap(), "--to", to])
            .current_dir(directory.path())
            .env_clear()
            .envs([
                ("DATABASE_URL", url),
                ("SIGNING_SECRET", "a"),
                ("SIGNING_SECRET_NEW", "b"),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", "unused"),
            ])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let said = said
            .split_inclusive(' ')
            .map(|word| match word.trim().parse::<u64>() {
                // The size is SQLite's business.
                Ok(n) if n > 1_000 => "… ",
                _ => word,
            });
        said.collect::<String>()
    };
    assert_snapshot!(backup("copy.db", &database).await, @"copy.db: 1 rollbacks, 3 timeline entries, … bytes; read through, and whole");
    assert_snapshot!(backup("copy.db", &database).await, @"rollback-bot: copy.db is there already; name a file that is not");
    assert_snapshot!(backup("other.db", "postgres://bot@db.example.com/rollback").await, @"rollback-bot: this bot records in Postgres: back it up with pg_dump, or with the tools of its host");
    // The bot went on meanwhile, and the copy is a record that a bot starts on.
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    let copy = format!("sqlite://{}/copy.db", directory.path().display());
    let db = rollback_bot::store::Db::open(&copy).await.unwrap();
    let kept = rollback_bot::store::rollbacks::get(&db, RollbackId::new(1))
        .await
        .unwrap();
    assert_eq!(kept.unwrap().state.name(), "proposed");
    db.close().await;
}
