//! Tests of the rules next door.

use super::*;

const EXAMPLE: &str = include_str!("../../rollback-bot.example.toml");

/// The shortest file that has everything.
const SHORT: &str = r#"
[server]
listen = "127.0.0.1:3000"
public_url = "https://rollback.example.com"

[database]
url = "sqlite://rollback-bot.db"

[slack]
signing_secret = "env:SLACK_SIGNING_SECRET"
bot_token = "env:SLACK_BOT_TOKEN"

[policy]
plan_ttl = "10m"

[roles.oncall]
members = ["U0SAM", "U0ALEX"]

[services.frontend.production]
provider = "vercel"
project = "prj_123"
token = "env:VERCEL_TOKEN"
approve = ["oncall"]

[services.frontend.production.fingerprint]
url = "https://shop.example.com/version.json"
json = "/sha"

[[services.frontend.production.verify]]
kind = "http"
url = "https://shop.example.com/api/health"

[services.shop.local]
provider = "releases"
path = "/srv/shop"
restart = ["systemctl", "restart", "shop"]
approve = ["oncall"]
"#;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "SLACK_SIGNING_SECRET" => "8f742231b10e8888abcd99badc0ffee5",
        "SLACK_SIGNING_SECRET_OLD" => "0ld",
        "SLACK_BOT_TOKEN" => "xoxb-1",
        "VERCEL_TOKEN" => "vercel-1",
        "DATABASE_URL" => "postgres://bot:hunter2@db.example.com/rollback",
        "EMPTY" => "",
        "KEY_FILE" => "-----BEGIN KEY-----\nMC4C\n-----END KEY-----\n",
        _ => return None,
    };
    Some(value.to_owned())
}

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secrets/slack-bot-token") => Ok("xoxb-2\n".to_owned()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    }
}

fn parse(text: &str) -> Result<Config, Mistakes> {
    Config::parse(text, &env, &read_file, &["plan", "undo"])
}

fn accepted(text: &str) -> Config {
    parse(text).expect("no mistakes")
}

fn refused(text: &str) -> String {
    parse(text).expect_err("mistakes").to_string()
}

/// The short file with `line` in place of `instead_of`.
fn with(instead_of: &str, line: &str) -> String {
    assert_eq!(SHORT.matches(instead_of).count(), 1, "{instead_of}");
    SHORT.replace(instead_of, line)
}

#[test]
fn what_is_not_written_has_a_default() {
    let config = accepted(SHORT);
    assert_eq!(config.slack.api_url.as_str(), "https://slack.com/api");
    assert_eq!(config.slack.team, None);
    assert_eq!(config.policy.plan_ttl, 10 * MINUTE);
    assert_eq!(config.templates, None);
    assert!(config.warnings.is_empty());

    let frontend = config.service("frontend", "production").expect("a service");
    assert!(!frontend.requester_may_approve);
    assert_eq!(frontend.passes, 3);
    assert_eq!(frontend.prove_within, 5 * MINUTE);
    assert_eq!(frontend.watch, 5 * MINUTE);
    assert_eq!(frontend.check_every, 5 * SECOND);
    assert_eq!(frontend.target_time, None);
    assert_eq!(frontend.verify[0].status, 200);
    assert_eq!(frontend.verify[0].within, 10 * SECOND);
    assert!(matches!(
        &frontend.provider,
        ProviderSettings::Vercel { project, team: None, token, api_url }
            if project == "prj_123"
                && token.expose() == "vercel-1"
                && api_url.as_str() == "https://api.vercel.com/"
    ));
    let shop = config.service("shop", "local").expect("a service");
    assert!(matches!(
        &shop.provider,
        ProviderSettings::Releases { path, restart: Some(command), restart_timeout: MINUTE }
            if path == Path::new("/srv/shop") && command == &["systemctl", "restart", "shop"]
    ));
}

#[test]
fn the_example_has_no_mistakes() {
    let config = accepted(EXAMPLE);
    assert_eq!(config.warnings, [""; 0]);
    let frontend = config.service("frontend", "production").expect("a service");
    let fingerprint = frontend.fingerprint.as_ref().expect("a fingerprint");
    assert_eq!(fingerprint.at, FingerprintAt::Json("/sha".to_owned()));
    assert_eq!(frontend.target_time, Some(2 * MINUTE));
    assert_eq!(
        frontend.verify[0].json,
        Some(("/checkout".to_owned(), "ok".to_owned()))
    );
    assert_eq!(frontend.verify[0].within, 2 * SECOND);
    assert_eq!(
        frontend.verify[1].contains.as_deref(),
        Some("Add to basket")
    );
    assert_eq!(config.approvers(frontend), ["U0SAM", "U0ALEX", "U0MAYA"]);
}

#[test]
fn the_examples_defaults_are_the_defaults() {
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|letter: char| letter.is_ascii_lowercase()) => key,
            _ => line,
        })
        .collect();
    let everything = accepted(&uncommented.join("\n"));
    let mut expected = accepted(EXAMPLE);
    expected.slack.team = Some("T0123ABCD".to_owned());
    expected.templates = Some(PathBuf::from("templates"));
    assert_eq!(format!("{everything:#?}"), format!("{expected:#?}"));
}

#[test]
fn services_are_found_by_name_and_environment() {
    let config = accepted(&format!(
        "{SHORT}
            [services.shop.staging]
            provider = \"releases\"
            path = \"/srv/staging\"
            approve = [\"oncall\"]"
    ));
    let environments: Vec<&str> = config
        .environments("shop")
        .iter()
        .map(|service| service.environment.as_str())
        .collect();
    assert_eq!(environments, ["local", "staging"]);
    assert!(config.service("shop", "production").is_none());
    assert!(config.environments("basket").is_empty());
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file_and_is_never_printed() {
    let bot_token = "bot_token = \"env:SLACK_BOT_TOKEN\"";
    let file = "bot_token = \"file:/run/secrets/slack-bot-token\"";
    let config = accepted(&with(bot_token, file));
    assert_eq!(config.slack.bot_token.expose(), "xoxb-2");
    assert_eq!(config.slack.bot_token.to_string(), "…");
    let printed = format!("{config:?}");
    for secret in ["8f742231b10e8888abcd99badc0ffee5", "xoxb-2", "vercel-1"] {
        assert!(!printed.contains(secret), "{secret}");
    }

    let config = accepted(&with(
        "signing_secret = \"env:SLACK_SIGNING_SECRET\"",
        "signing_secret = [\"env:SLACK_SIGNING_SECRET\", \"env:SLACK_SIGNING_SECRET_OLD\"]",
    ));
    let secrets = config.slack.signing_secrets.iter().map(Secret::expose);
    assert_eq!(
        secrets.collect::<Vec<_>>(),
        ["8f742231b10e8888abcd99badc0ffee5", "0ld"]
    );
}

#[test]
fn the_address_of_a_database_without_a_password_may_be_written() {
    for (written, url) in [
        (
            "sqlite:///var/lib/rollback-bot.db",
            "sqlite:///var/lib/rollback-bot.db",
        ),
        (
            "postgres://bot@db.example.com/rollback",
            "postgres://bot@db.example.com/rollback",
        ),
        (
            "env:DATABASE_URL",
            "postgres://bot:hunter2@db.example.com/rollback",
        ),
    ] {
        let config = accepted(&with("sqlite://rollback-bot.db", written));
        assert_eq!(config.database.url.expose(), url);
    }
}

#[test]
fn this_machine_needs_no_https() {
    for url in [
        "http://127.0.0.1:3000",
        "http://localhost:3000/bot",
        "http://[::1]:3000",
    ] {
        accepted(&with("https://rollback.example.com", url));
    }
}

#[test]
fn a_person_who_would_approve_alone_is_a_warning() {
    let config = accepted(&with("\"U0SAM\", \"U0ALEX\"", "\"U0SAM\""));
    assert_eq!(
        config.warnings,
        [
            "services.frontend.production: only U0SAM can approve, so nobody can when U0SAM \
                 asks; add a second person to a role in approve, or set requester_may_approve = true",
            "services.shop.local: only U0SAM can approve, so nobody can when U0SAM asks; add a \
                 second person to a role in approve, or set requester_may_approve = true",
        ]
    );
}

#[test]
fn every_mistake_is_named_at_once() {
    let text = r#"
[server]
listen = "localhost:3000"
public_url = "http://rollback.example.com"
colour = "blue"

[slack]
signing_secret = "8f742231b10e8888abcd99badc0ffee5"
bot_tokn = "env:SLACK_BOT_TOKEN"

[policy]
plan_ttl = "10 minutes"

[roles.oncall]
members = ["@sam", "U0ALEX"]

[services.plan.production]
provider = "vercel"
project = 7
token = "env:PLAN_TOKEN"
approve = ["onkall"]

[services.plan.production.fingerprint]
url = "shop.example.com/version.json"

[[services.plan.production.verify]]
kind = "http"
url = "https://shop.example.com/api/health"
status = "200"

[services.shop.local]
provider = "releases"
path = "srv/shop"
restart = "systemctl restart shop"
approve = ["oncall"]
"#;
    assert_eq!(
        refused(text),
        r#"server.listen: "localhost:3000" is not an IP address and a port; write it like "127.0.0.1:3000"
server.public_url: "http://rollback.example.com/" is not encrypted, and Slack refuses it; write one that begins with https://
server.colour: is not a key here; remove it, or use one of listen, public_url
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: a secret does not belong in this file; write "env:NAME" or "file:PATH"
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
slack.bot_tokn: is not a key here; did you mean "bot_token"?
policy.plan_ttl: "10 minutes" is not a duration; write a number and ms, s, m or h, like "90s" or "10m"
roles.oncall.members[0]: "@sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
services.plan: is a word of the /rollback command; use another name
services.plan.production.project: is a number; write text in quotes
services.plan.production.token: environment variable PLAN_TOKEN is not set
services.plan.production.approve[0]: there is no role "onkall"; did you mean "oncall"?
services.plan.production.fingerprint.url: is not a web address; begin it with https:// or http://
services.plan.production.fingerprint: does not say where the answer names the release; write one of json = "/sha", header = "x-release", meta = "release"
services.plan.production.verify[0].status: is text; write a whole number, without quotes
services.shop.local.path: "srv/shop" is not absolute; begin it with /
services.shop.local.restart: is one text, but no shell takes it apart; write the program and each argument for themselves: restart = ["systemctl", "restart", "shop"]"#
    );
}

/// Changes to the short file, and what is said about each.
const MISTAKES: &str = r#"
- listen = "127.0.0.1:3000"
! server.listen: is missing; write listen = "127.0.0.1:3000"

- public_url = "https://rollback.example.com"
+ public_url = "https://rollback.example.com/?a=b"
! server.public_url: has a ? or a #; end it after the host or the path

- public_url = "https://rollback.example.com"
+ public_url = "https://sam:hunter2@rollback.example.com"
! server.public_url: carries a user name or a password; write it without

- public_url = "https://rollback.example.com"
+ public_url = "ftp://rollback.example.com"
! server.public_url: is not a web address; begin it with https:// or http://

- url = "sqlite://rollback-bot.db"
+ url = "mysql://localhost/rollback"
! database.url: is not a database this bot knows; write "sqlite://rollback-bot.db", or "env:DATABASE_URL" for Postgres

- url = "sqlite://rollback-bot.db"
+ url = "postgres://bot:hunter2@db.example.com/rollback"
! database.url: a password does not belong in this file; put the whole address into the environment and write "env:DATABASE_URL"

- url = "sqlite://rollback-bot.db"
+ url = "postgres://db.example.com/rollback?password=hunter2"
! database.url: a password does not belong in this file; put the whole address into the environment and write "env:DATABASE_URL"

- url = "sqlite://rollback-bot.db"
+ url = "env:SLACK_BOT_TOKEN"
! database.url: what "env:SLACK_BOT_TOKEN" stands for does not begin with postgres:// or sqlite://

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ signing_secret = []
! slack.signing_secret: is empty; write signing_secret = ["env:SLACK_SIGNING_SECRET"]

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ signing_secret = ["env:SLACK_SIGNING_SECRET", "env:OLD"]
! slack.signing_secret[1]: environment variable OLD is not set

- token = "env:VERCEL_TOKEN"
+ token = "env:vercel-1"
! services.frontend.production.token: what follows env: is not the name of an environment variable; write it like "env:SLACK_BOT_TOKEN"

- token = "env:VERCEL_TOKEN"
+ token = "env:EMPTY"
! services.frontend.production.token: environment variable EMPTY is empty

- token = "env:VERCEL_TOKEN"
+ token = "env:KEY_FILE"
! services.frontend.production.token: environment variable KEY_FILE holds more than one line; keep only the secret in it

- token = "env:VERCEL_TOKEN"
+ token = "file:/run/secrets/vercel"
! services.frontend.production.token: file /run/secrets/vercel cannot be read: no such file

- token = "env:VERCEL_TOKEN"
+ token = "file:"
! services.frontend.production.token: names no file; write "env:NAME" or "file:PATH"

- token = "env:VERCEL_TOKEN"
+ token = "vercel-1"
! services.frontend.production.token: a secret does not belong in this file; write "env:NAME" or "file:PATH"

- token = "env:VERCEL_TOKEN"
+ token = 5
! services.frontend.production.token: is a number; write text in quotes, "env:NAME" or "file:PATH"

  [policy]
+ plan_tll = "5m"
! policy.plan_tll: is not a key here; did you mean "plan_ttl"?

- plan_ttl = "10m"
+ plan_ttl = "30s"
! policy.plan_ttl: "30s" is out of range; write a duration from 1m to 24h

- plan_ttl = "10m"
+ plan_ttl = 10
! policy.plan_ttl: is a number; write text in quotes: a number and ms, s, m or h, like "90s" or "10m"

- plan_ttl = "10m"
+ plan_ttl = "25h"
! policy.plan_ttl: "25h" is out of range; write a duration from 1m to 24h

  bot_token = "env:SLACK_BOT_TOKEN"
+ team = "shop"
! slack.team: "shop" is not a workspace id; copy it from the address app.slack.com/client/T…

  bot_token = "env:SLACK_BOT_TOKEN"
+ api_url = "slack.com/api"
! slack.api_url: is not a web address; begin it with https:// or http://

  bot_token = "env:SLACK_BOT_TOKEN"
+ [templates]
+ directory = ""
! templates.directory: is empty; write something between the quotes, or remove it

  bot_token = "env:SLACK_BOT_TOKEN"
+ [polices]
! polices: is not a key here; did you mean "policy"?

- members = ["U0SAM", "U0ALEX"]
+ members = []
! roles.oncall.members: is empty; write members = ["U0123ABCD"]

- members = ["U0SAM", "U0ALEX"]
+ members = ["U0SAM", "U0SAM"]
! roles.oncall.members[1]: is in the list twice; remove one of the two

- members = ["U0SAM", "U0ALEX"]
+ members = ["u0sam", "C0SHOP"]
! roles.oncall.members[0]: "u0sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
! roles.oncall.members[1]: "C0SHOP" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"

- members = ["U0SAM", "U0ALEX"]
+ members = "U0SAM"
! roles.oncall.members: is text; write a list: members = ["U0123ABCD"]

  plan_ttl = "10m"
+ [roles."on call"]
+ members = []
! roles."on call".members: is empty; write members = ["U0123ABCD"]

  token = "env:VERCEL_TOKEN"
- approve = ["oncall"]
+ approve = []
! services.frontend.production.approve: is empty; write approve = ["oncall"]

- provider = "vercel"
+ provider = "vercl"
! services.frontend.production.provider: "vercl" is not known; did you mean "vercel"?

- provider = "releases"
! services.shop.local.provider: is missing; write provider = "vercel", or "releases"

- project = "prj_123"
+ path = "/srv/frontend"
! services.frontend.production.project: is missing; write project = "prj_123"
! services.frontend.production.path: is not a key here; remove it, or use one of provider, project, team, token, api_url, url, approve, requester_may_approve, target_time, fingerprint, verify, passes, prove_within, watch, check_every

  project = "prj_123"
+ requester_may_approve = "yes"
! services.frontend.production.requester_may_approve: is text; write true or false, without quotes

  project = "prj_123"
+ target_time = "2d"
! services.frontend.production.target_time: "2d" is not a duration; write a number and ms, s, m or h, like "90s" or "10m"

  project = "prj_123"
+ url = "shop.example.com"
! services.frontend.production.url: is not a web address; begin it with https:// or http://

  project = "prj_123"
+ passes = 0
! services.frontend.production.passes: 0 is out of range; write a number from 1 to 100

  project = "prj_123"
+ passes = 5
+ prove_within = "10s"
! services.frontend.production.prove_within: 5 passes, 5s apart, take at least 20s; give it more than 10s, or ask for fewer passes

  project = "prj_123"
+ check_every = "0s"
! services.frontend.production.check_every: "0s" is out of range; write a duration from 100ms to 1h

  json = "/sha"
+ header = "x-release"
! services.frontend.production.fingerprint: names the release in 2 places; keep one of json, header

- json = "/sha"
+ json = "sha"
! services.frontend.production.fingerprint.json: "sha" is not a JSON pointer; write the way to the value like "/build/sha"

- json = "/sha"
+ header = "x release"
! services.frontend.production.fingerprint.header: "x release" is not the name of a header; write it like "x-release"

- url = "https://shop.example.com/api/health"
! services.frontend.production.verify[0].url: is missing; write url = "https://shop.example.com/api/health"

- kind = "http"
! services.frontend.production.verify[0].kind: is missing; write kind = "http"

- kind = "http"
+ kind = "tcp"
! services.frontend.production.verify[0].kind: "tcp" is not known; write "http"

- [[services.frontend.production.verify]]
+ [services.frontend.production.verify]
! services.frontend.production.verify: can be repeated; write it with two brackets, [[services.frontend.production.verify]]

  url = "https://shop.example.com/api/health"
+ json = "/status"
! services.frontend.production.verify[0].json: is compared with nothing; add equals = "…"

  url = "https://shop.example.com/api/health"
+ equals = "ok"
! services.frontend.production.verify[0].equals: does not say what to compare; add json = "/status"

  url = "https://shop.example.com/api/health"
+ json = "/ok"
+ equals = true
! services.frontend.production.verify[0].equals: is true or false; write text in quotes

  url = "https://shop.example.com/api/health"
+ status = 700
! services.frontend.production.verify[0].status: 700 is out of range; write a number from 100 to 599

  url = "https://shop.example.com/api/health"
+ within = "2m"
! services.frontend.production.verify[0].within: "2m" is out of range; write a duration from 100ms to 1m

  url = "https://shop.example.com/api/health"
+ contains = ""
! services.frontend.production.verify[0].contains: is empty; write something between the quotes, or remove it

- restart = ["systemctl", "restart", "shop"]
+ restart = []
! services.shop.local.restart: is empty; write restart = ["systemctl", "restart", "shop"]

- restart = ["systemctl", "restart", "shop"]
+ restart = [""]
! services.shop.local.restart: begins with nothing; write the program to run first

- restart = ["systemctl", "restart", "shop"]
+ restart = ["systemctl", 5]
! services.shop.local.restart[1]: is a number; write text in quotes

- restart = ["systemctl", "restart", "shop"]
+ restart_timeout = "2h"
! services.shop.local.restart_timeout: "2h" is out of range; write a duration from 1s to 1h

- [services.shop.local]
+ [services.Shop.local]
! services.Shop: is not a possible name; use at most 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit

- [services.shop.local]
+ [services.shop."on site"]
! services.shop."on site": is not a possible name; use at most 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit

- [services.shop.local]
+ [services.shop.undo]
! services.shop.undo: is a word of the /rollback command; use another name

- [services.shop.local]
+ [services.shop]
! services.shop: does not say in which environment; write [services.shop.production]

  url = "https://shop.example.com/api/health"
+ [services.basket.local]
+ provider = "releases"
+ path = "/srv/shop"
+ approve = ["oncall"]
! services.shop.local: is the same thing as services.basket.local; keep one of the two
"#;

#[test]
fn each_mistake_says_where_it_is_and_what_to_do() {
    for change in MISTAKES.trim_matches('\n').split("\n\n") {
        let marked = |marks: &[char]| {
            let lines = change.lines().filter(|line| line.starts_with(marks));
            lines.map(|line| &line[2..]).collect::<Vec<_>>().join("\n")
        };
        let before = format!("\n{}\n", marked(&[' ', '-']));
        let after = format!("\n{}\n", marked(&[' ', '+']));
        assert_eq!(refused(&with(&before, &after)), marked(&['!']), "{change}");
    }
}

#[test]
fn a_file_with_nothing_in_it_is_told_what_to_write() {
    assert_eq!(
        refused(""),
        r#"server.listen: is missing; write listen = "127.0.0.1:3000"
server.public_url: is missing; write public_url = "https://rollback.example.com"
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: is missing; write signing_secret = "env:SLACK_SIGNING_SECRET"
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
services: there is nothing to roll back; write a section like [services.frontend.production]"#
    );
}

#[test]
fn what_is_not_toml_is_named_by_line_and_column() {
    assert_eq!(
        refused("[server]\nlisten = \"127.0.0.1:3000\nxoxb-secret"),
        "line 2, column 25: invalid basic string, expected `\"`"
    );
    assert_eq!(
        refused("[server]\nlisten = \"a\"\nlisten = \"b\""),
        "line 3, column 1: duplicate key"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_too() {
    let mistakes = Config::load(Path::new("no-such.toml"), &env, &[]).expect_err("a mistake");
    assert_eq!(mistakes.0.len(), 1);
    assert_eq!(mistakes.0[0].key, "no-such.toml");
    assert!(mistakes.0[0].problem.starts_with("cannot be read ("));
}
