//! `rollback-bot lint` as it is started: what it prints, with which exit code, and what it refuses.

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const WRONG: &str = "# Shop\n\nTell #incidents; Sam decides. Verify that /version.json shows the commit. \
                     Undo it later.\n\n```sh\nvercel rollback --previous\n```\n";

/// Runs the linter in a directory.
fn lint(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .arg("lint")
        .args(arguments)
        .env_clear()
        .current_dir(directory)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_exit_code_says_whether_something_was_found() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("wrong.md", WRONG);
    write(
        "right.md",
        &WRONG.replace("--previous", "https://shop-1.vercel.app"),
    );
    write(
        "bot.toml",
        "[services.shop.production]\nprovider = \"vercel\"\ntoken = \"env:NOT_THERE\"\n",
    );

    let output = lint(directory.path(), &["right.md"]);
    assert_eq!(printed(&output), "Nothing was found in 1 runbook.\n");
    assert_eq!(output.status.code(), Some(0));

    let output = lint(
        directory.path(),
        &["--config", "bot.toml", "wrong.md", "right.md"],
    );
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(printed(&output), @r#"
    wrong.md:6:1 error vercel-rollback-option
    6 | vercel rollback --previous
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^
    `vercel rollback --previous` has an option that `vercel rollback` does not have; there is no way to say "the previous one".
    next: Name the deployment to go back to; its options are `--timeout` and `--yes`.
    instead: /rollback shop@production because …
    known from: vercel/vercel, packages/cli/src/commands/rollback/command.ts

    by the bot  wrong.md rolls back on vercel by hand (line 6). The bot does it: /rollback shop@production because …

    by the bot  right.md rolls back on vercel by hand (line 6). The bot does it: /rollback shop@production because …

    1 error, 0 warnings and 0 notes in 2 runbooks.
    "#);

    let output = lint(directory.path(), &["--format", "json", "wrong.md"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &report["files"][0]["findings"][0];
    assert_eq!(finding["rule"], "vercel-rollback-option");
    assert_eq!(
        finding["start"],
        serde_json::json!({ "line": 6, "column": 1 })
    );

    let output = lint(directory.path(), &["--format", "sarif", "wrong.md"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        report["runs"][0]["results"][0]["ruleId"],
        "vercel-rollback-option"
    );
}

#[test]
fn what_cannot_be_read_is_refused_by_name_and_the_rest_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    write("wrong.md", WRONG.as_bytes());
    write("large.md", &vec![b'a'; 10 << 20]);
    write("program", b"\x7fELF\0\0");
    write("latin.md", b"# Caf\xe9\n");
    fs::create_dir(directory.path().join("runbooks")).unwrap();

    let names = [
        "runbooks",
        "missing.md",
        "large.md",
        "program",
        "latin.md",
        "/dev/zero",
        "wrong.md",
    ];
    let output = lint(directory.path(), &names);
    assert_eq!(output.status.code(), Some(2));
    let printed = printed(&output);
    let not_read: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("not read"))
        .collect();
    insta::assert_snapshot!(not_read.join("\n"), @"
    not read  runbooks is a directory; name the runbooks in it.
    not read  missing.md is not there; name a runbook in Markdown.
    not read  large.md is larger than 1 MB, which nobody reads in an emergency; split it, and name its parts.
    not read  program is no text; name a runbook in Markdown.
    not read  latin.md is not UTF-8 at line 1; save it as UTF-8.
    not read  /dev/zero is larger than 1 MB, which nobody reads in an emergency; split it, and name its parts.
    ");
    assert!(
        printed.contains("wrong.md:6:1 error vercel-rollback-option"),
        "{printed}"
    );

    write("bot.toml", b"[services\n");
    let output = lint(directory.path(), &["--config", "bot.toml", "wrong.md"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.starts_with("rollback-bot: bot.toml is no TOML at line 1: "),
        "{told}"
    );
}

#[test]
fn others_text_moves_no_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let runbook = WRONG.replace("--previous", "--previous \u{1b}[2J\u{202e}\u{7}");
    fs::write(directory.path().join("wrong.md"), runbook).unwrap();
    let printed = printed(&lint(directory.path(), &["wrong.md"]));
    assert!(printed.contains("vercel-rollback-option"), "{printed}");
    assert!(
        !printed.contains(['\u{1b}', '\u{202e}', '\u{7}']),
        "{printed:?}"
    );
}

#[test]
fn a_draft_is_a_configuration_without_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("bot/lint/tests/runbooks");
    let storefront = fixtures.join("storefront.md");
    let backend = fixtures.join("backend.md");
    let empty = directory.path().join("empty.md");
    fs::write(&empty, "").unwrap();
    for runbooks in [vec![&storefront, &backend], vec![&backend], vec![&empty]] {
        let mut arguments = vec!["--suggest"];
        arguments.extend(runbooks.iter().map(|path| path.to_str().unwrap()));
        let output = lint(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(0));
        fs::write(directory.path().join("draft.toml"), &output.stdout).unwrap();
        let checked = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["check", "--config", "draft.toml"])
            .env_clear()
            .env("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99badc0ffee5")
            .env("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl")
            .env("VERCEL_TOKEN", "a-token-of-vercel")
            .env("RENDER_API_KEY", "a-token-of-render")
            .env("RAILWAY_TOKEN", "a-token-of-railway")
            .current_dir(directory.path())
            .output()
            .unwrap();
        let told = printed(&checked) + &String::from_utf8_lossy(&checked.stderr);
        assert_eq!(
            checked.status.code(),
            Some(0),
            "{told}\n{}",
            printed(&output)
        );
    }
}
