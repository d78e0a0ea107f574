//! The configurations that are shipped in deploy/ and shown in docs/operations.md are ones, and
//! what the manifests ask of the bot is there.

use crate::support::World;
use rollback_bot::{config::Config, http_client};
use rollback_domain::grammar::RESERVED;
use std::{cell::RefCell, collections::BTreeSet, fs, path::Path};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands below a line that ends with this, without its indentation.
fn block<'a>(yaml: &'a str, head: &str) -> String {
    let below = |line: &&'a str| line.starts_with("    ") || line.is_empty();
    let lines = yaml.lines().skip_while(|line| !line.ends_with(head));
    let lines = lines.skip(1).take_while(below);
    lines
        .map(|line| line.get(4..).unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// A secret of the kind that its name says.
fn secret(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let secret = match name {
        name if name.contains("database") => "postgres://rollback:password@postgres/rollback",
        name if name.contains("signing") => "8f742231b10e8888abcd99badc0ffee5",
        name if name.contains("routing") => "e93facc04764012d7bfb002500d5d1a6",
        name if name.contains("slack") => "xoxb-123456789012-abcdefghijkl",
        _ => "a-token-of-a-platform",
    };
    secret.to_owned()
}

/// The files that this configuration takes its secrets from, after it was found to be one.
fn files_of_secrets(name: &str, settings: &str) -> BTreeSet<String> {
    let asked = RefCell::new(BTreeSet::new());
    let read = |path: &Path| {
        asked.borrow_mut().insert(path.display().to_string());
        Ok(secret(&path.display().to_string()))
    };
    let env = |name: &str| Some(secret(name));
    let config = Config::parse(settings, &env, &read, &RESERVED)
        .unwrap_or_else(|mistakes| panic!("{name}:\n{mistakes}"));
    assert_eq!(config.warnings, [""; 0], "{name}");
    asked.into_inner()
}

#[test]
fn the_configuration_for_compose_takes_its_secrets_from_the_ones_that_the_bot_is_given() {
    let compose = file("deploy/compose/compose.yaml");
    let given = compose
        .split("\n  bot:\n")
        .nth(1)
        .and_then(|bot| bot.split("secrets: [").nth(1)?.split(']').next())
        .unwrap();
    let given: BTreeSet<String> = given
        .split(", ")
        .map(|name| format!("/run/secrets/{name}"))
        .collect();
    let settings = file("deploy/compose/rollback-bot.toml");
    let asked = files_of_secrets("compose", &settings);
    assert_eq!(asked, given);
}

#[test]
fn the_configuration_for_kubernetes_takes_its_secrets_from_the_one_that_is_mounted() {
    let manifest = file("deploy/kubernetes/10-configuration.yaml");
    let settings = block(&manifest, "rollback-bot.toml: |");
    let secret = file("deploy/kubernetes/secret.yaml.example");
    let keys = secret.split("stringData:\n").nth(1).unwrap().lines();
    let given: BTreeSet<String> = keys
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(key, _)| format!("/run/secrets/rollback-bot/{key}"))
        .collect();
    let asked = files_of_secrets("kubernetes", &settings);
    assert_eq!(asked, given);
    let bot = file("deploy/kubernetes/20-bot.yaml");
    assert!(bot.contains("mountPath: /run/secrets/rollback-bot\n"));
    assert!(bot.contains("mountPath: /etc/rollback-bot\n"));
}

#[test]
fn every_configuration_that_the_pages_show_is_one() {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let pages = docs.map(|page| page.unwrap().path());
    let pages = pages.filter(|page| page.extension().is_some_and(|ending| ending == "md"));
    for page in pages.chain([Path::new("README.md").to_owned()]) {
        let name = page.display().to_string();
        let text = file(&name);
        let blocks = text.split("```toml\n").skip(1);
        for block in blocks.filter_map(|rest| rest.split("```").next()) {
            let part: Result<toml::Table, _> = toml::from_str(block);
            assert!(part.is_ok(), "{name}:\n{block}\n{part:?}");
            if block.contains("[server]") {
                files_of_secrets(&name, block);
            }
        }
    }
}

#[tokio::test]
async fn what_the_manifests_ask_of_the_bot_is_answered() {
    let world = World::new().await;
    let manifest = file("deploy/kubernetes/20-bot.yaml");
    let compose = file("deploy/compose/compose.yaml");
    let paths: Vec<&str> = manifest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("path: "))
        .collect();
    assert_eq!(paths, ["/healthz", "/readyz", "/healthz"]);
    // `rollback-bot health` is a story of its own.
    let health =
        "test: [CMD, rollback-bot, health, --config, /etc/rollback-bot/rollback-bot.toml]\n";
    assert!(compose.contains(health));
    for path in paths {
        let address = format!("{}{path}", world.base());
        let answer = http_client().unwrap().get(address).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    // Ten seconds in which it ends what it has begun.
    for (file, line) in [
        (&manifest, "terminationGracePeriodSeconds: 20\n"),
        (&compose, "stop_grace_period: 15s\n"),
        (
            &file("deploy/systemd/rollback-bot.service"),
            "TimeoutStopSec=15\n",
        ),
    ] {
        assert!(file.contains(line), "{line}");
    }
}
