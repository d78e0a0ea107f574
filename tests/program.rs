//! The program as it is started: what it says about mistakes, and that its demo works.

use crate::support::{FRONTEND, ROLES, World, program::Program};
use insta::assert_snapshot;
use rollback_bot::{clock::Clock, config::Config, demo::Demo, http_client, serve::Serving};
use rollback_domain::{grammar::RESERVED, identity::RollbackId};
use rollback_simulation::{Options, Slack};
use serde_json::json;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

/// The tokens of the platforms in the example.
const TOKENS: [(&str, &str); 12] = [
    ("VERCEL_TOKEN", "a-token-of-vercel"),
    ("RENDER_API_KEY", "a-token-of-render"),
    ("RAILWAY_TOKEN", "a-token-of-railway"),
    ("ARGOCD_TOKEN", "a-token-of-argo-cd"),
    ("GITHUB_TOKEN", "a-token-of-github"),
    ("GITLAB_TOKEN", "a-token-of-gitlab"),
    ("DEPLOYCTL_TOKEN", "a-token-of-deployctl"),
    ("SITES_TOKEN", "a-token-of-sites"),
    ("DOCKER_CA", "-----BEGIN CERTIFICATE-----"),
    ("DOCKER_CERT", "-----BEGIN CERTIFICATE-----"),
    ("DOCKER_KEY", "-----BEGIN PRIVATE KEY-----"),
    ("REGISTRY_PASSWORD", "a-password-of-a-registry"),
];

fn run(settings: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, settings).unwrap();
    Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(arguments)
        .args(["--config", config.to_str().unwrap()])
        .env_clear()
        .env("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99badc0ffee5")
        .env("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl")
        .envs(TOKENS)
        .current_dir(directory.path())
        .output()
        .unwrap()
}

/// What the program tells about this configuration, on both streams, with these secrets.
fn told_by_check(settings: &str, secrets: &[(&str, &str)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["check", "--config", config.to_str().unwrap()])
        .env_clear()
        .env("RUST_LOG", "trace")
        .env("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99badc0ffee5")
        .env("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl")
        .envs(TOKENS)
        .envs(secrets.iter().copied())
        .current_dir(directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), told)
}

#[tokio::test]
async fn whatever_looks_after_a_container_can_ask_whether_the_bot_is_ready() {
    let world = World::new().await;
    let mut program = Program::starts(&world).await;
    let port = program.address().rsplit(':').next().unwrap().to_owned();
    let config = program.directory().join("rollback-bot.toml");
    // It listens everywhere, as in a container, and there is a mistake in the rest of the file by now.
    let listening = program
        .settings()
        .replace("127.0.0.1:0", &format!("0.0.0.0:{port}"))
        .replace("[\"oncall\", \"lead\"]", "[\"nobody\"]");
    fs::write(&config, &listening).unwrap();
    assert_snapshot!(program.runs(&["health"]).await, @r"
    ready
    exit code 0
    ");
    let silent =
        "[database]\nurl = \"sqlite://rollback-bot.db\"\n[slack]\napp_token = \"env:APP\"\n";
    fs::write(&config, silent).unwrap();
    assert_snapshot!(program.runs(&["health"]).await, @r"
    process PID is at work on the record; whether Slack reaches it would be answered at server.listen
    exit code 0
    ");
    program.ends().await;
    assert_snapshot!(program.runs(&["health"]).await, @r"
    rollback-bot: no bot is at work on this record: `rollback-bot serve` starts one, with the configuration as it is then
    exit code 1
    ");
    fs::write(&config, &listening).unwrap();
    let told = program.runs(&["health"]).await.replace(&port, "PORT");
    assert_snapshot!(told, @r"
    rollback-bot: no bot answers at 127.0.0.1:PORT: Connection refused (os error 111)
    exit code 1
    ");
}

#[test]
fn secrets_in_each_others_places_are_told_and_never_shown() {
    const SIGNING: &str = "SLACK_SIGNING_SECRET";
    const TOKEN: &str = "SLACK_BOT_TOKEN";
    const VERCEL: &str = "VERCEL_TOKEN";
    let hex = "0123456789abcdef0123456789abcdef";
    for (name, secret, told) in [
        (SIGNING, "x", "this is one character long"),
        (SIGNING, "a-secret-of-somebody-else", "is no signing secret"),
        (
            SIGNING,
            "xoxb-123456789012-abcdefghijkl",
            "looks like a bot token",
        ),
        (
            SIGNING,
            "xapp-1-A012-123-abcdef",
            "looks like an app-level token",
        ),
        (TOKEN, hex, "looks like a signing secret"),
        (
            TOKEN,
            "xoxp-123456789012-abcdefghijkl",
            "looks like a user token",
        ),
        (
            TOKEN,
            "xoxe.xoxb-1-abcdefghijklmnopqr",
            "looks like a rotating token",
        ),
        (
            TOKEN,
            "xoxe-1-abcdefghijklmnopqrstuvw",
            "looks like a rotating token",
        ),
        (
            TOKEN,
            "xapp-1-A012-123-abcdefghijklmn",
            "looks like an app-level token",
        ),
        (
            TOKEN,
            "xoxc-123456789012-abcdefghijkl",
            "looks like another kind of Slack token",
        ),
        (TOKEN, "xoxb-", "is cut short"),
        (TOKEN, "xoxb-1234", "is cut short"),
        (TOKEN, "z", "is no bot token"),
        (
            TOKEN,
            "\"xoxb-123456789012-abcdefghijkl\"",
            "is no bot token",
        ),
        (VERCEL, "v", "is one character long"),
        (
            VERCEL,
            "xoxb-123456789012-abcdefghijkl",
            "looks like a bot token",
        ),
        (VERCEL, hex, "looks like a signing secret"),
        (VERCEL, "a token of vercel", "has a blank"),
    ] {
        let (code, output) = told_by_check(&example(), &[(name, secret)]);
        assert_eq!(code, Some(2), "{secret}: {output}");
        assert!(output.contains(told), "{secret}: {output}");
        assert!(secret.len() < 6 || !output.contains(secret), "{output}");
    }
}

#[test]
fn an_address_of_a_database_that_means_something_else_is_told() {
    let database = |url: &str| example().replace("sqlite://rollback-bot.db", url);
    for (url, told) in [
        ("sqlite::memory:", "in memory"),
        ("sqlite://:memory:", "in memory"),
        ("sqlite://x.db?mode=memory", "in memory"),
        ("sqlite://x.db?mode=ro", "for reading only"),
        ("sqlite://x.db?cache=shared", "has a setting after the ?"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        (
            "sqlite://nowhere/x.db",
            "the directory nowhere is not there",
        ),
        (
            "sqlite:////nowhere/at/all/x.db",
            "the directory //nowhere/at/all is not there",
        ),
        ("sqlite://.", "is a directory"),
        ("sqlite://rollback-bot.toml", "is not a SQLite database"),
    ] {
        let (code, output) = told_by_check(&database(url), &[]);
        assert_eq!(code, Some(2), "{url}: {output}");
        assert!(output.contains(told), "{url}: {output}");
    }
    let (code, output) = told_by_check(&database("sqlite://x.db?mode=rwc"), &[]);
    assert_eq!(code, Some(0), "{output}");
    assert!(
        output.contains("database.url: x.db will be made"),
        "{output}"
    );
}

#[test]
fn half_a_password_is_in_no_output() {
    let settings = example().replace("sqlite://rollback-bot.db", "env:DATABASE_URL");
    for url in [
        "postgres://bot:7741half/other@db.example.com/rollback",
        "postgres://bot:7741?other@db.example.com/rollback",
        "postgres://bot:7741#other@db.example.com/rollback",
        "postgres://bot:7741/other@db.example.com/rollback",
        "postgres://bot:half?other@db.example.com/rollback",
        "postgres://bot:half@db.example.com/rollback?other7741=half",
        "postgres://bot:half@db.example.com/rollback?sslmode=other7741",
        "postgres://bot:half@db.example.com/rollback#other7741",
        "postgres://bot:half@db.example.com:other7741/rollback",
        "postgres://db.example.com/rollback?password=half&other=7741",
    ] {
        let (code, output) = told_by_check(&settings, &[("DATABASE_URL", url)]);
        assert_eq!(code, Some(2), "{url}: {output}");
        assert!(
            output.contains("database.url: what \"env:DATABASE_URL\" stands for has ")
                || output.contains("stands for is not an address"),
            "{url}: {output}"
        );
        for half in ["half", "other", "7741"] {
            assert!(!output.contains(half), "{url}: {output}");
        }
    }
    let url = "postgres://bot:a%2Fb%3Fc%23d@db.example.com/rollback?sslmode=require";
    let (code, output) = told_by_check(&settings, &[("DATABASE_URL", url)]);
    assert_eq!(code, Some(0), "{output}");
    let note = "note      database.url: Postgres at db.example.com:5432/rollback is tried only with --online";
    assert!(output.contains(note), "{output}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::process::Stdio;
    for arguments in [["check"], ["manifest"]] {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("rollback-bot.toml");
        fs::write(&config, example()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(arguments)
            .args(["--config", config.to_str().unwrap()])
            .env_clear()
            .env("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99badc0ffee5")
            .env("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl")
            .envs(TOKENS)
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Nobody reads a single line.
        drop(program.stdout.take());
        let output = program.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            (output.status.code(), told.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
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
    incidents.told.p1.roles[0]: there is no role "oncall"; did you mean "onkall"?
    updates.publish[0]: there is no role "oncall"; did you mean "onkall"?
    services.api.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.billing.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.cart.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.catalog.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.checkout.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.frontend.production.token: a secret does not belong in this file; write "env:NAME" or "file:PATH"
    services.frontend.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.guide.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.orders.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.search.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.shop.local.approve[0]: there is no role "oncall"; did you mean "onkall"?
    services.workers.production.approve[0]: there is no role "oncall"; did you mean "onkall"?
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
    ok        services: 11, roles: 2
    ok        database.url: rollback-bot.db will be made

    api (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    billing (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    cart (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    catalog (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    checkout (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    frontend (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                                       requester  confirm  break-glass
      toggle (not reached)  1          oncall or storefront                     yes        click    yes
      code                  1          oncall or storefront                     no         click    yes
      caution               2          oncall or storefront                     no         tick     yes
      data (not reached)    2          oncall or storefront; one of data_owner  yes        type     no

    guide (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    orders (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    search (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    shop (local): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    workers (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    full (production): takes back orders?, api, frontend, stops at a failure
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               2          oncall                     no         tick     yes
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
fn the_manifest_is_printed_for_socket_mode() {
    let by_flag = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["manifest", "--socket"])
        .output()
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&by_flag.stdout).unwrap();
    assert_eq!(manifest["settings"]["socket_mode_enabled"], true);
    // A configuration with an app token says the same. Any token of that look will do.
    let settings = example().replace(
        "signing_secret = \"env:SLACK_SIGNING_SECRET\"",
        "app_token = \"env:SLACK_APP_TOKEN\"",
    );
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, settings).unwrap();
    let by_configuration = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["manifest", "--config", config.to_str().unwrap()])
        .env_clear()
        .env("SLACK_APP_TOKEN", "xapp-1-A0ROLLBACK-123456789012")
        .env("SLACK_BOT_TOKEN", "xoxb-123456789012-abcdefghijkl")
        .envs(TOKENS)
        .output()
        .unwrap();
    assert_eq!(by_configuration.stdout, by_flag.stdout);
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

#[tokio::test]
async fn operators_have_an_address_of_their_own_when_it_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/bot.db", directory.path().display());
    let settings = example()
        .replace("127.0.0.1:3000", "127.0.0.1:0")
        .replace(
            "#operators_address = \"127.0.0.1:3001\"",
            "operators_address = \"127.0.0.1:0\"",
        )
        .replace("sqlite://rollback-bot.db", &database)
        .replace(
            "#api_url = \"https://slack.com/api\"",
            "api_url = \"http://127.0.0.1:1/api\"",
        );
    let env = |name: &str| match name {
        "SLACK_BOT_TOKEN" => Some("xoxb-simulation".to_owned()),
        name if name.starts_with("DOCKER_") => Some("-----BEGIN CERTIFICATE-----".to_owned()),
        _ => Some("a-secret-of-the-simulation".to_owned()),
    };
    let nothing = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    let config = Config::parse(&settings, &env, &nothing, &RESERVED).unwrap();
    let (app, serving) = Serving::start(config, Clock::real()).await.unwrap();
    let status = async |address: SocketAddr, path: &str| {
        let request = http_client()
            .unwrap()
            .get(format!("http://{address}{path}"));
        request.send().await.unwrap().status().as_u16()
    };
    let (public, operators) = (serving.address.unwrap(), serving.operators_address.unwrap());
    for (path, at_public, at_operators) in [
        ("/healthz", 200, 200),
        ("/readyz", 200, 200),
        ("/metrics", 404, 200),
        ("/api/v1/openapi.json", 404, 200),
        ("/api/v1/status", 404, 405),
        ("/slack/commands", 405, 404),
    ] {
        assert_eq!(status(public, path).await, at_public, "{path}");
        assert_eq!(status(operators, path).await, at_operators, "{path}");
    }
    // Whoever fills the public one with connections keeps no operator out.
    let mut held = vec![];
    for _ in 0..600 {
        held.push(tokio::net::TcpStream::connect(public).await.unwrap());
    }
    assert_eq!(status(operators, "/metrics").await, 200);
    drop(held);
    serving.stop(&app).await;
}

#[test]
fn the_files_of_the_record_are_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/bot.db", directory.path().display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = rollback_bot::store::Db::open(&database).await.unwrap();
        let copy = directory.path().join("copy.db");
        rollback_bot::store::backup::backup(&database, &copy)
            .await
            .unwrap();
        let files = fs::read_dir(directory.path()).unwrap();
        let names: Vec<String> = files
            .map(|file| file.unwrap())
            .map(|file| {
                let mode = file.metadata().unwrap().permissions().mode();
                format!("{} {:o}", file.file_name().display(), mode & 0o777)
            })
            .collect();
        assert!(names.len() >= 4, "{names:?}");
        assert!(names.iter().all(|name| name.ends_with(" 600")), "{names:?}");
        db.close().await;
    });
}

#[test]
fn a_backup_needs_no_secret_but_the_address() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, example()).unwrap();
    let url = format!("sqlite://{}/rollback-bot.db", directory.path().display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        rollback_bot::store::Db::open(&url)
            .await
            .unwrap()
            .close()
            .await;
    });
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args([
            "backup",
            "--config",
            config.to_str().unwrap(),
            "--to",
            "copy.db",
        ])
        .env_clear()
        .current_dir(directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""));
}

#[test]
fn a_manifest_is_for_an_address_that_slack_takes() {
    for (address, told) in [
        ("http://rollback.example.com", "is not encrypted"),
        ("ftp://rollback.example.com", "is not a web address"),
        ("https://rollback.example.com/?a=b", "has a ? or a #"),
        (
            "https://sam:hunter2@rollback.example.com",
            "carries a user name or a password",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["manifest", "--public-url", address])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(told), "{address}: {stderr}");
    }
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
    let outcome = "approved by @sam and @kim";
    demo.slack.shows(channel, outcome, patience).await.unwrap();
    // The board does not show what was read before.
    demo.slack.says("U0SAM", channel, "/rollback").await;
    is_told(&demo, "U0SAM", "by RB-1 (@sam and @kim) · before `v7`").await;
    ends(demo).await;
}

#[tokio::test]
async fn in_the_demo_a_script_takes_the_api_back() {
    let demo = Demo::start(0).await.unwrap();
    let (channel, patience) = DEMO;
    let command = "/rollback api because search finds nothing";
    demo.slack.says("U0MAYA", channel, command).await;
    let card = "Go back to `v89`";
    demo.slack.shows(channel, card, patience).await.unwrap();
    demo.slack.clicks("U0SAM", "Approve").await.unwrap();
    for seen in ["by deployctl: v89 serves", "RB-1 VERIFIED"] {
        demo.slack.shows(channel, seen, patience).await.unwrap();
    }
    let page = http_client().unwrap().get(format!("{}/search", demo.shop));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("212 things found"), "{page}");
    ends(demo).await;
}

#[tokio::test]
async fn in_the_demo_a_drill_goes_beside_a_rollback() {
    let demo = Demo::start(0).await.unwrap();
    let (channel, patience) = DEMO;
    let says = async |person: &str, text: &str| demo.slack.says(person, channel, text).await;
    says("U0MAYA", "/rollback drill shop").await;
    says("U0MAYA", "/rollback frontend because checkout 500s").await;
    for card in ["DR-1 · staging", "RB-1 · production"] {
        demo.slack.shows(channel, card, patience).await.unwrap();
    }
    says("U0SAM", "/rollback approve DR-1").await;
    says("U0SAM", "/rollback approve RB-1").await;
    for done in ["DR-1 VERIFIED", "RB-1 VERIFIED"] {
        demo.slack.shows(channel, done, patience).await.unwrap();
    }
    let version = http_client()
        .unwrap()
        .get(format!("{}/staging/version.json", demo.shop));
    let version = version.send().await.unwrap().text().await.unwrap();
    assert!(version.contains("v213"), "{version}");
    says("U0MAYA", "/rollback drill report").await;
    let is_there = |slack: &Slack| {
        let mut files = slack.files().into_iter();
        files.any(|file| file.name.ends_with(".html") && !file.bytes.is_empty())
    };
    assert!(demo.slack.until(patience, is_there).await, "no report");
    let files = demo.slack.files();
    let page = files.iter().find(|file| file.name.ends_with(".html"));
    let page = page.unwrap().bytes.clone();
    if let Ok(keep) = std::env::var("KEEP_DRILL_REPORT") {
        std::fs::write(keep, &page).unwrap();
    }
    let page = String::from_utf8_lossy(&page);
    assert!(page.contains("DR-1") && !page.contains("RB-1"), "{page}");
    ends(demo).await;
}

#[tokio::test]
async fn the_demo_keeps_the_record() {
    let demo = Demo::start(0).await.unwrap();
    let (channel, patience) = DEMO;
    let says = async |person: &str, text: &str| demo.slack.says(person, channel, text).await;
    says("U0MAYA", "/rollback frontend because checkout 500s").await;
    let card = "Roll back frontend to";
    demo.slack.shows(channel, card, patience).await.unwrap();
    // A message is put into the timeline as the page does it.
    let graph = says("U0SAM", "errors are at 6 %").await.ts.unwrap();
    let reacts = json!({
        "do": "reacts", "person": "U0MAYA", "channel": channel, "ts": graph, "reaction": "pushpin",
    });
    let act = format!("{}act", demo.page);
    let acted = http_client().unwrap().post(act).json(&reacts).send().await;
    assert_eq!(acted.unwrap().status().as_u16(), 200);
    // A job reads the message: maya looks until it is in the timeline.
    for _ in 0..20 {
        says("U0MAYA", "/rollback timeline").await;
        demo.slack.settles(Duration::from_millis(100)).await;
        if demo
            .slack
            .ephemerals("U0MAYA")
            .contains("errors are at 6 %")
        {
            break;
        }
    }
    // What the team is told is drafted, looked at and published.
    says("U0MAYA", "/rollback update in-progress").await;
    let draft = form(&demo, "U0MAYA").await;
    assert!(draft.contains("checkout 500s"), "{draft}");
    demo.slack.submits("U0MAYA").await.unwrap();
    is_told(&demo, "U0MAYA", "Preview of update 1").await;
    demo.slack.clicks("U0MAYA", "Publish").await.unwrap();
    let update = "Update, in";
    demo.slack.shows(channel, update, patience).await.unwrap();
    // And it is taken away.
    says("U0MAYA", "/rollback export html").await;
    says("U0MAYA", "/rollback postmortem").await;
    for file in ["-timeline.html", "-rollback-checkout-500s.md"] {
        let is_there = |slack: &Slack| {
            let mut files = slack.files().into_iter();
            // Slack knows the name of a file before it has what is in it.
            files.any(|known| known.name.ends_with(file) && !known.bytes.is_empty())
        };
        assert!(demo.slack.until(patience, is_there).await, "no {file}");
    }
    let files = demo.slack.files();
    let page = files.iter().find(|file| file.name.ends_with(".html"));
    let page = String::from_utf8_lossy(&page.unwrap().bytes);
    assert!(page.contains("errors are at 6 %"), "captured by then");
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
        "The problem RB-1 was for may be back.",
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
    let world = World::by_requests(ROLES, FRONTEND).await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let check = async |vercel_token: &str| {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["check", "--online", "--config", config.to_str().unwrap()])
            .env_clear()
            .envs([
                ("DATABASE_URL", "sqlite://unused.db"),
                ("SIGNING_SECRET", "the-signing-secret"),
                ("SIGNING_SECRET_NEW", "the-next-secret"),
                ("APP_TOKEN", crate::support::socket::APP_TOKEN),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", vercel_token),
            ])
            .output()
            .await
            .unwrap();
        format!(
            "{:?}\n{}",
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).replace(&world.site.url(), "{site}")
        )
    };
    assert_snapshot!(check(crate::support::vercel::TOKEN).await, @"
    Some(0)
    ok        templates: every one is rendered from a sample
    ok        services: 1, roles: 2
    ok        database.url: unused.db will be made

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
    ok        services.frontend.production.fingerprint: {site}/version.json says v214
    note      services.frontend.production.verify[0]: GET {site}/api/health: answered 500 instead of 200: it fails right now
    ");
    assert_snapshot!(check("an-old-token").await, @"
    Some(2)
    ok        templates: every one is rendered from a sample
    ok        services: 1, roles: 2
    ok        database.url: unused.db will be made

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
    mistake   services.frontend.production: Vercel says the token is unknown, expired or lacks access (403: Not authorized). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team.
    ok        services.frontend.production.fingerprint: {site}/version.json says v214
    note      services.frontend.production.verify[0]: GET {site}/api/health: answered 500 instead of 200: it fails right now
    ");
}

#[tokio::test]
async fn an_app_with_an_old_manifest_is_told_what_is_missing_and_what_that_means() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let slack = Slack::start(Options {
        scopes: "commands,chat:write,usergroups:read,users:read,files:write,app_mentions:read,\
                 channels:read,groups:read,channels:history"
            .into(),
        ..Options::default()
    })
    .await
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    let (ours, older) = (world.slack.api_url(), slack.api_url());
    fs::write(&config, world.settings().replace(&ours, &older)).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["check", "--online", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", "sqlite://unused.db"),
            ("SIGNING_SECRET", "the-signing-secret"),
            ("SIGNING_SECRET_NEW", "the-next-secret"),
            ("APP_TOKEN", crate::support::socket::APP_TOKEN),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
        ])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stdout);
    let of_the_token = told.lines().filter(|line| line.contains("slack.bot_token"));
    assert_snapshot!(of_the_token.collect::<Vec<_>>().join("\n"), @"
    ok        slack.bot_token: works in workspace T0ACME
    mistake   slack.bot_token: lacks the scope groups:history: messages in private channels may be posted twice, and none can be captured (and Slack does not send message.groups)
    note      slack.bot_token: lacks the scope reactions:read: a reaction puts no message into the timeline (and Slack does not send reaction_added, reaction_removed)
    mistake   slack.bot_token: lacks the scope users:read.email: whom PagerDuty names is nobody in Slack
    note      slack.bot_token: add them under OAuth & Permissions and install the app again. A token cannot tell which events the app gets: Event Subscriptions must have app_mention, message.channels, message.groups, reaction_added, reaction_removed, subteam_members_changed, subteam_updated (`rollback-bot manifest` has them all)
    ");
}

#[tokio::test]
async fn everything_that_cannot_be_reached_is_told_with_its_cause() {
    let world = World::by_requests(ROLES, FRONTEND).await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    let site = world.site.url();
    let settings = world
        .settings()
        .replace(&format!("{site}/version.json"), "http://127.0.0.1:1/")
        .replace(&site, &site.replace("http://", "https://"))
        .replace(
            "[slack]",
            "[api]\nchannel = \"C0NOBODY\"\n[slack]\nteam = \"T0OTHER\"",
        );
    fs::write(&config, settings).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["check", "--online", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", "postgres://bot:hidden@127.0.0.1:1/records"),
            ("SIGNING_SECRET", "the-signing-secret"),
            ("SIGNING_SECRET_NEW", "the-next-secret"),
            ("APP_TOKEN", crate::support::socket::APP_TOKEN),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
        ])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stdout).replace(&site[4..], "{site}");
    let mistakes: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("mistake"))
        .collect();
    assert_snapshot!(mistakes.join("\n"), @"
    mistake   database.url: Postgres at 127.0.0.1:1/records cannot be used: connection refused
    mistake   slack.team: is T0OTHER, and the bot token is of T0ACME: nobody could act
    mistake   api.channel: C0NOBODY: Slack says channel_not_found: there is no such channel, or it is private and the bot is not in it
    mistake   services.frontend.production.fingerprint: http://127.0.0.1:1/: no connection (connection refused)
    mistake   services.frontend.production.verify[0]: GET https{site}/api/health: no connection (what answers there does not speak TLS)
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
                ("SIGNING_SECRET", "the-signing-secret"),
                ("SIGNING_SECRET_NEW", "the-next-secret"),
                ("APP_TOKEN", crate::support::socket::APP_TOKEN),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", "an-unused-token"),
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

#[test]
fn the_providers_are_listed_without_a_configuration() {
    let output = Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .arg("providers")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success());
    let listed = String::from_utf8(output.stdout).unwrap();
    for provider in rollback_providers::ALL {
        let written = format!("provider = \"{}\"\n", provider.name);
        assert!(listed.contains(&written), "{written} is not in:\n{listed}");
    }
    assert!(listed.contains("provider = \"http\", preset = \"heroku\"\n"));
}
