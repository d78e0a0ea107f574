//! From nothing to a configuration and a manifest: what is asked, and what is written.

use insta::assert_snapshot;
use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// What `rollback-bot init` prints when these lines are typed, and its exit code.
fn told(directory: &Path, arguments: &[&str], typed: &str) -> String {
    let mut process = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .arg("init")
        .args(arguments)
        .env_clear()
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Who asks nothing has closed it by now.
    let _ = process.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = process.wait_with_output().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{told}exit code {}", output.status.code().unwrap())
}

/// Whether `check` passes on what was written, with these secrets.
fn check(directory: &Path, secrets: &[(&str, &str)]) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .arg("check")
        .env_clear()
        .envs(secrets.iter().copied())
        .current_dir(directory)
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn the_program_describes_itself_to_shells_and_to_man() {
    let printed = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (shell, begins) in [
        ("bash", "_rollback__bot() {"),
        ("zsh", "#compdef rollback-bot"),
        ("fish", "# Print an optspec"),
    ] {
        let completions = printed(&["completions", shell]);
        assert!(completions.starts_with(begins), "{shell}: {completions}");
        assert!(completions.contains("doctor"), "{shell}");
    }
    // As bash calls it: the program, the word, and the word before it.
    let offered = Command::new("bash")
        .env("COMPLETIONS", printed(&["completions", "bash"]))
        .args(["--norc", "-c"])
        .arg(
            r#"eval "$COMPLETIONS"
            COMP_WORDS=(rollback-bot serve --conf) COMP_CWORD=2
            _rollback__bot rollback-bot --conf serve
            echo "${COMPREPLY[*]}""#,
        )
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&offered.stdout), "--config\n");
    let page = printed(&["man"]);
    let title = page.lines().find(|line| line.starts_with(".TH")).unwrap();
    let words: Vec<&str> = title.split(' ').collect();
    assert_eq!(words[..3], [".TH", "rollback-bot", "1"], "{title}");
    // In the place of the date nothing else may stand.
    assert!(
        words[3].starts_with("20") && words[3].len() == 10,
        "{title}"
    );
    let directory = tempfile::tempdir().unwrap();
    printed(&["man", "--to", directory.path().to_str().unwrap()]);
    assert!(directory.path().join("rollback-bot-doctor.1").exists());
}

const SOCKET: [(&str, &str); 3] = [
    ("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl"),
    ("SLACK_APP_TOKEN", "xapp-1-A012-123-abcdefghijklmn"),
    ("VERCEL_TOKEN", "a-token-of-vercel"),
];

#[test]
fn five_questions_give_a_configuration_that_passes() {
    let directory = tempfile::tempdir().unwrap();
    let typed = "\n\nvercel\nprj_123\nU0SAM, U0ANA\n\n";
    assert_snapshot!(told(directory.path(), &[], typed), @r#"
    How does Slack reach the bot? `socket` needs no public address; otherwise its https address [socket]: 
    What do you want to be able to roll back? Its name, or name@environment [frontend]: 
    Where does it run? vercel, or releases, or render, or railway, or docker, or swarm, or kubernetes, or argocd, or github, or command, or http: 
    project, for example "prj_123": 
    Who may approve? Slack member ids (U…, from people's profiles), or a user group (S…): 
    Where are rollbacks recorded? env:DATABASE_URL is a Postgres [sqlite://rollback-bot.db]: 
    Wrote rollback-bot.toml and slack-app-manifest.json. No secret is in them.

    1. https://api.slack.com/apps → Create New App → From a manifest: paste slack-app-manifest.json, and install it.
    2. Export the secrets that rollback-bot.toml names:
         export SLACK_APP_TOKEN=…   # xapp-…: Basic Information, App-Level Tokens, with connections:write
         export SLACK_BOT_TOKEN=…   # xoxb-…: OAuth & Permissions, after the installation
         export VERCEL_TOKEN=…
    3. rollback-bot doctor --config rollback-bot.toml
    4. rollback-bot serve --config rollback-bot.toml
    5. In Slack: /invite @rollback, then /rollback
    exit code 0
    "#);
    let written = fs::read_to_string(directory.path().join("rollback-bot.toml")).unwrap();
    assert_snapshot!(written, @r#"
    # Written by `rollback-bot init`; rollback-bot.example.toml has every key with its default.
    # No secret is in this file: "env:NAME" is what the environment variable NAME holds.

    [database]
    url = "sqlite://rollback-bot.db"

    [slack]
    app_token = "env:SLACK_APP_TOKEN"
    bot_token = "env:SLACK_BOT_TOKEN"

    [roles.approvers]
    members = ["U0SAM", "U0ANA"]

    [services.frontend.production]
    provider = "vercel"
    project = "prj_123"
    token = "env:VERCEL_TOKEN"
    approve = ["approvers"]
    "#);
    assert!(check(directory.path(), &SOCKET));
    let manifest = fs::read_to_string(directory.path().join("slack-app-manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
}

#[test]
fn a_bad_answer_gets_a_sentence_and_the_question_again() {
    let directory = tempfile::tempdir().unwrap();
    let typed = "http://rollback.example.com\nhttps://rollback.example.com\napprove\nshop\n\
                 vercell\nreleases\nrelative\n/srv/shop\nxoxb-123456789012-abcdefghijkl\nsam\nU0SAM\n\
                 mysql://db\nenv:DATABASE_URL\n";
    let told = told(directory.path(), &[], typed);
    let sentences = told
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    assert_snapshot!(sentences.collect::<Vec<_>>().join("\n"), @r#"
    "http://rollback.example.com/" is not encrypted, and Slack refuses it; write one that begins with https://, or write socket
    services.approve: is a word of the /rollback command; use another name
    services.shop.production.provider: "vercell" is not known; did you mean "vercel"?
    services.shop.production.path: "relative" is not absolute; begin it with /
    That looks like a bot token of Slack's (xoxb-…). Secrets do not belong here: the files name environment variables.
    roles.approvers.members[0]: "sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
    database.url: is not a database this bot knows; write "sqlite://rollback-bot.db", or "env:DATABASE_URL" for Postgres
    "#);
    assert!(told.ends_with("exit code 0"), "{told}");
    let secrets = [
        ("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl"),
        ("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99badc0ffee5"),
        ("DATABASE_URL", "postgres://bot@db.example.com/rollback"),
    ];
    assert!(check(directory.path(), &secrets));
}

#[test]
fn flags_answer_where_nobody_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let flags = [
        "--slack=socket",
        "--service=shop@staging",
        "--provider=kubernetes",
        "--set=deployment=shop",
        "--set=namespace=staging",
        "--approvers=S0ONCALL",
        "--database=sqlite://rollback-bot.db",
    ];
    let first = told(directory.path(), &flags, "");
    assert!(first.ends_with("exit code 0"), "{first}");
    assert!(check(directory.path(), &SOCKET));
    let without = told(directory.path(), &["--force", "--service=shop"], "");
    assert_snapshot!(without, @r#"
    How does Slack reach the bot? `socket` needs no public address; otherwise its https address [socket]: 
    rollback-bot: nobody answers: How does Slack reach the bot? `socket` needs no public address; otherwise its https address; --slack says it, and nothing was written
    exit code 2
    "#);
    let wrong = told(
        directory.path(),
        &["--force", "--slack=socket", "--service=approve"],
        "",
    );
    assert_snapshot!(wrong, @r#"
    rollback-bot: --service: services.approve: is a word of the /rollback command; use another name
    exit code 2
    "#);
}

#[test]
fn nothing_is_overwritten_unless_somebody_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, "# mine\n").unwrap();
    let flags = [
        "--provider=releases",
        "--set=path=/srv/shop",
        "--approvers=U0SAM",
    ];
    assert_snapshot!(told(directory.path(), &flags, "\n"), @r#"
    rollback-bot.toml is there already. Overwrite it? [no]: 
    rollback-bot: rollback-bot.toml is there already, and nothing was written; --force overwrites it, --config and --manifest name other files
    exit code 1
    "#);
    assert_eq!(fs::read_to_string(&config).unwrap(), "# mine\n");
    assert!(!directory.path().join("slack-app-manifest.json").exists());
    let told = told(directory.path(), &flags, "yes\n\n\n\n");
    assert!(told.ends_with("exit code 0"), "{told}");
    assert!(check(directory.path(), &SOCKET));
}
