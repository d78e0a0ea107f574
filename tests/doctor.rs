//! What is missing for the bot to work, and what to do about it.

use crate::support::{FRONTEND, ROLES, World, program::Program};
use insta::assert_snapshot;
use rollback_simulation::{Options, Slack};
use serde_json::Value;
use std::fs;

/// What `rollback-bot doctor` prints, without what is another value on every machine.
async fn told(program: &Program, world: &World) -> String {
    let told = program.runs_with_secrets(&["doctor"]).await;
    let told = told.replace(&world.site.url(), "{site}");
    // What is logged beside it, and the room of this machine's disk.
    let differs = |line: &&str| line.contains(" disk: ") || line.contains(" WARN ");
    let lines = told.lines().filter(|line| !differs(line));
    let told = lines.collect::<Vec<_>>().join("\n");
    match told.split_once(" on 20") {
        Some((before, after)) => {
            let (_, after) = after.split_once(" UTC").unwrap();
            format!("{before} on DATE{after}")
        }
        None => told,
    }
}

#[tokio::test]
async fn what_is_missing_is_told_with_its_next_step() {
    let world = World::new().await;
    let slack = Slack::start(Options {
        scopes: "commands,chat:write,usergroups:read,users:read,files:write,app_mentions:read,\
                 channels:read,groups:read,channels:history,reactions:read,users:read.email"
            .into(),
        ..Options::default()
    })
    .await
    .unwrap();
    let more = "[announce]\nchannels = [\"C0NOBODY\"]\n";
    let program = Program::starts_with(&world, &slack, more).await;
    fs::write(program.directory().join("token"), "an-old-token").unwrap();
    let broken = program
        .settings()
        .replace("[\"oncall\", \"lead\"]", "[\"nobody\"]");
    assert!(program.reloads(&broken).await.ends_with("exit code 1"));
    fs::write(
        program.directory().join("rollback-bot.toml"),
        program.settings(),
    )
    .unwrap();
    assert_snapshot!(told(&program, &world).await, @r#"
    ok        templates: every one is rendered from a sample
    ok        database.url: rollback-bot.db works
    ok        slack.bot_token: works in workspace T0ACME
    mistake   slack.bot_token: lacks the scope groups:history: messages in private channels may be posted twice, and none can be captured (and Slack does not send message.groups)
              → add it under OAuth & Permissions and install the app again; `rollback-bot manifest` prints a manifest with all of them
    note      slack.bot_token: add them under OAuth & Permissions and install the app again. A token cannot tell which events the app gets: Event Subscriptions must have app_home_opened, app_mention, message.channels, message.groups, reaction_added, reaction_removed, subteam_members_changed, subteam_updated (`rollback-bot manifest` has them all)
    mistake   services.frontend.production: Vercel says the token is unknown, expired or lacks access (403: Not authorized). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.
              → put services.frontend.production right, or what it names, then `rollback-bot reload`
    ok        services.frontend.production.fingerprint: {site}/version.json says v214
    note      services.frontend.production.verify[0]: GET {site}/api/health: answered 500 instead of 200: it fails right now
    ok        clock: agrees with Slack's
    mistake   announce: C0NOBODY: Slack says channel_not_found
              → invite the bot there with `/invite @rollback`, or name another channel
    note      backups: no copy of the record is there
              → `rollback-bot backup` makes one; docs/operations.md has a nightly unit and Litestream
    mistake   bot PID on HOST: refused the configuration on DATE, and works with an earlier one: services.frontend.production.approve[0]: there is no role "nobody"; write [roles.nobody] with its members
              → put it right, then `rollback-bot reload` there

    4 things do not work
    exit code 1
    "#);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_too() {
    let world = World::new().await;
    let program = Program::starts(&world).await;
    let xapp = program.settings().replace("env:BOT_TOKEN", "file:token");
    fs::write(program.directory().join("rollback-bot.toml"), &xapp).unwrap();
    let secret = "xapp-1-A012-123-abcdefghijklmn";
    fs::write(program.directory().join("token"), secret).unwrap();
    let printed = program.runs_with_secrets(&["doctor", "--json"]).await;
    assert!(!printed.contains(secret), "{printed}");
    let (json, code) = printed.rsplit_once("exit code ").unwrap();
    assert_eq!(code, "2");
    let findings: Value = serde_json::from_str(json).unwrap();
    let of = |key: &str| {
        let all = findings["findings"].as_array().unwrap();
        all.iter()
            .find(|finding| finding["key"] == key)
            .unwrap()
            .to_string()
    };
    assert_snapshot!(of("slack.bot_token"), @r#"{"key":"slack.bot_token","level":"mistake","next":"put the right one where slack.bot_token names it, then restart the bot","sentence":"looks like an app-level token of Slack's (xapp-…); copy the Bot User OAuth Token from the app's page OAuth & Permissions, it begins with xoxb-"}"#);
    assert_snapshot!(of("bot PID on HOST"), @r#"{"key":"bot PID on HOST","level":"ok","next":null,"sentence":"version 0.1.0 is at work"}"#);
}

#[tokio::test]
async fn a_full_member_asks_in_slack_and_alone_sees_it() {
    let services = FRONTEND.replace(
        "[services.frontend.production]",
        "[services.frontend.production]\nchannels = [\"C0SHOP\", \"C0ELSE\"]",
    );
    let mut world = World::by_requests(ROLES, &services).await;
    // Another app of the workspace has the same command, and its secret is among ours.
    let typed = "user_id=U0MAYA&user_name=maya&channel_id=C0SHOP&command=%2Frollback&text=help&trigger_id=1&api_app_id=A0OTHER";
    let signed = world.slack.sign(typed.as_bytes());
    let answer = world.slack.raw("/slack/commands", typed, &signed).await;
    assert!(answer.is_ok());
    let answer = world.maya().says("/rollback doctor").await;
    assert_snapshot!(answer.json().unwrap()["text"].as_str().unwrap(), @"Looking at Slack, roles, platforms and checks… I'll show you what is missing.");
    world.settle().await;
    let seen = world.maya().sees().replace(&world.site.url(), "{site}");
    // How much works, and what is said of its disk, depends on the database.
    let depends = ["works;", "not work; ", "backup"];
    let lines = seen
        .lines()
        .filter(|line| !depends.iter().any(|part| line.contains(part)));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    Rollback Bot (only visible to @maya): Looking at Slack, roles, platforms and checks… I'll show you what is missing.
    Rollback Bot (only visible to @maya):
      ❌ services.frontend.production: C0ELSE: Slack says channel_not_found
            → invite the bot there with `/invite @rollback`, or name another channel
      ❌ slack: commands came from the Slack app A0OTHER in the last two days, and slack.bot_token is of A0ROLLBACK: both have /rollback in this workspace, and Slack gives what is typed to the one that was installed last
            → remove the command from the other app, or uninstall it, at api.slack.com/apps; then install the bot's own app once more
      ℹ️ services.frontend.production.verify[0]: GET {site}/api/health: answered 500 instead of 200: it fails right now
      ℹ️ bot: none is at work on this record
            → start one with `rollback-bot serve`
    ");
    world.somebody("U0GUS").says("/rollback doctor").await;
    world.settle().await;
    assert_snapshot!(world.somebody("U0GUS").sees(), @"Rollback Bot (only visible to @gus): Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.");
    assert_snapshot!(world.channel(), @"");
}
