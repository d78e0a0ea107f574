//! Another configuration while the bot works: taken whole or not at all.

use crate::support::{World, program::Program};
use insta::assert_snapshot;
use std::{fs, time::Duration};

const SEARCH: &str = r#"
[services.search.production]
provider = "vercel"
project = "prj_another"
team = "team_nLlpyC6REAqxydlFKbrMDlud"
token = "env:VERCEL_TOKEN"
api_url = "{vercel}"
approve = ["oncall", "lead"]
"#;

#[tokio::test]
async fn a_new_approver_approves_the_card_that_is_there() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let before = world.app().clone();
    let told = world
        .reloads("members = [\"U0SAM\"]", "members = [\"U0SAM\", \"U0TOM\"]")
        .await;
    assert_snapshot!(told, @"changed roles.oncall: members");
    // What began before goes on with what it began with.
    assert_eq!(before.config.roles["oncall"].members, ["U0SAM"]);
    world.somebody("U0TOM").clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_service_that_is_added_can_be_proposed_at_once() {
    let mut world = World::new().await;
    let answer = world
        .maya()
        .says("/rollback search because it is empty")
        .await;
    assert!(
        answer.body.contains("No service or command"),
        "{}",
        answer.body
    );
    let search = SEARCH.replace("{vercel}", world.vercel.api_url().as_str());
    let more = format!("{}{search}", world.settings());
    assert_snapshot!(world.reads_again(&more).await, @"added services.search.production");
    let answer = world
        .maya()
        .says("/rollback search because it is empty")
        .await;
    assert!(answer.body.contains("RB-1"), "{}", answer.body);
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_would_strand_an_open_rollback_is_refused() {
    let mut world = World::new().await;
    let search = SEARCH.replace("{vercel}", world.vercel.api_url().as_str());
    let both = format!("{}{search}", world.settings());
    world.reads_again(&both).await;
    world.with_a_card().await;
    let gone = both.replace("services.frontend.", "services.shop.");
    assert_snapshot!(world.reads_again(&gone).await, @"RB-1 is not over (proposed), and frontend (production) is not in the new configuration: wait for its end or end it (`/rollback status RB-1`), then reload again");
    let another = both.replace(
        "prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g",
        "prj_2WkFZr3TqUoXcB7mNvL9sHdYeA5h",
    );
    assert_snapshot!(world.reads_again(&another).await, @"RB-1 is not over (proposed), and frontend (production) is another thing in the new configuration: wait for its end or end it (`/rollback status RB-1`), then reload again");
    // Nothing of what was refused holds: the card is answered as before.
    let answer = world.maya().says("/rollback shop because of it").await;
    assert!(
        answer.body.contains("No service or command"),
        "{}",
        answer.body
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.passes(Duration::from_secs(60)).await;
    let told = world.reads_again(&gone).await;
    assert!(told.contains("RB-1 is not over (watching)"), "{told}");
    world.passes(Duration::from_secs(900)).await;
    assert_snapshot!(world.reads_again(&gone).await, @r"
    added services.shop.production
    removed services.frontend.production
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_needs_a_restart_or_does_not_parse_changes_nothing() {
    let mut world = World::new().await;
    let told = world
        .reloads("https://rollback.example.com", "https://other.example.com")
        .await;
    assert_snapshot!(told, @"server.public_url takes effect only when the bot is started: restart it, or write what was there before");
    let told = world
        .reloads("approve = [\"oncall\", \"lead\"]", "approve = [\"onkall\"]")
        .await;
    assert_snapshot!(told, @r#"services.frontend.production.approve[0]: there is no role "onkall"; did you mean "oncall"?"#);
    let told = world
        .reloads("env:VERCEL_TOKEN", "env:VERCEL_TOKEN_NEW")
        .await;
    assert_snapshot!(told, @r#"
    services.frontend.production.token: environment variable VERCEL_TOKEN_NEW is not set
    the environment of a process that runs cannot be changed: write "file:PATH" for a secret that is new, or restart the bot
    "#);
    let answer = world.maya().says("/rollback who frontend").await;
    assert!(answer.is_ok(), "{}", answer.body);
    world.settle().await;
    world.slack.take_all();
}

#[tokio::test]
async fn the_command_finds_the_bot_and_says_what_came_of_it() {
    let world = World::new().await;
    let mut program = Program::starts(&world).await;
    let settings = program.settings().to_owned();
    assert_snapshot!(program.reloads(&settings).await, @r"
    process PID: the new configuration holds
      nothing changed
    exit code 0
    ");
    let other = settings.replace("target_time = \"2m\"", "target_time = \"3m\"");
    fs::write(program.directory().join("token"), "another-token-of-vercel").unwrap();
    assert_snapshot!(program.reloads(&other).await, @r"
    process PID: the new configuration holds
      changed services.frontend.production: target_time, token
    exit code 0
    ");
    assert_snapshot!(program.reloads(&format!("{other}[policy")).await, @r"
    rollback-bot: rollback-bot.toml cannot be used:
    line 31, column 8: unclosed table, expected `]`
    exit code 2
    ");
    let elsewhere = other.replace("127.0.0.1:0", "127.0.0.1:1");
    assert_snapshot!(program.reloads(&elsewhere).await, @r"
    process PID: refused; the old configuration holds
      server.listen takes effect only when the bot is started: restart it, or write what was there before
    exit code 1
    ");
    let told = program.runs(&["reload", "--pid", "1"]).await;
    assert_snapshot!(told.replace(&rollback_bot::serve::host(), "HOST"), @"
    rollback-bot: process 1 on HOST does not serve this record; without --pid it is looked for
    exit code 1
    ");
    program.ends().await;
    assert_snapshot!(program.runs(&["reload"]).await, @r"
    rollback-bot: no bot is at work on this record: `rollback-bot serve` starts one, with the configuration as it is then
    exit code 1
    ");
}
