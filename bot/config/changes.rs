//! What two configurations have different, by name: never a value, and never a secret.

use rollback_settings::{Env, ReadFile, Table, Value};
use sha2::{Digest, Sha256};
use std::{cell::RefCell, collections::BTreeMap, fmt, path::Path};

/// What a configuration says, key by key. A secret is in it as the digest of what it stands for, so
/// that another one in the same file or variable is found.
#[derive(Clone, Default)]
pub struct Written(BTreeMap<Vec<String>, String>);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").finish_non_exhaustive()
    }
}

/// The digests of what was read from variables and files, by how the configuration names them.
#[derive(Default)]
pub(super) struct Digests(RefCell<BTreeMap<String, String>>);

impl Digests {
    /// Looks a variable up, and remembers the digest of what it holds.
    pub(super) fn variable(&self, env: Env<'_>, name: &str) -> Option<String> {
        let value = env(name)?;
        self.remember(format!("env:{name}"), &value);
        Some(value)
    }

    /// Reads a file, and remembers the digest of what is in it.
    pub(super) fn file(&self, read_file: ReadFile<'_>, path: &Path) -> std::io::Result<String> {
        let text = read_file(path)?;
        let path = path.display();
        self.remember(format!("file:{path}"), &text);
        self.remember(path.to_string(), &text);
        Ok(text)
    }

    fn remember(&self, name: String, text: &str) {
        let digest = hex::encode(Sha256::digest(text));
        self.0.borrow_mut().insert(name, digest);
    }
}

impl Written {
    /// What a file in TOML says, once it was read by way of `digests`.
    pub(super) fn of(text: &str, digests: Digests) -> Written {
        let mut written = Written::default();
        if let Ok(table) = text.parse::<Table>() {
            written.add(&[], &table, &digests.0.into_inner());
        }
        written
    }

    fn add(&mut self, path: &[String], table: &Table, digests: &BTreeMap<String, String>) {
        for (key, value) in table {
            let path: Vec<String> = path.iter().chain([key]).cloned().collect();
            match value {
                Value::Table(table) => self.add(&path, table, digests),
                value => {
                    self.0.insert(path, told_apart(value, digests));
                }
            }
        }
    }
}

/// A text that is another one for every other value.
fn told_apart(value: &Value, digests: &BTreeMap<String, String>) -> String {
    match value {
        Value::String(text) => match digests.get(text) {
            Some(digest) => format!("{text:?} {digest}"),
            None => format!("{text:?}"),
        },
        Value::Array(values) => {
            let values = values.iter().map(|value| told_apart(value, digests));
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) => {
            let values = table.iter().map(|(key, value)| {
                let value = told_apart(value, digests);
                format!("{key:?} = {value}")
            });
            format!("{{{}}}", values.collect::<Vec<_>>().join(", "))
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}

/// What another configuration has different, by the names of its sections: `roles.oncall`,
/// `services.frontend.production`, `policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// What is there now and was not, sorted.
    pub added: Vec<String>,
    /// What was there and is not now, sorted.
    pub removed: Vec<String>,
    /// What is otherwise, sorted, with the keys in it that are.
    pub changed: BTreeMap<String, Vec<String>>,
    /// The full keys with which the process was started and which it cannot change, sorted.
    pub needs_restart: Vec<String>,
}

impl ConfigChanges {
    /// What `new` has different from `old`.
    pub fn between(old: &Written, new: &Written) -> ConfigChanges {
        let mut changes = ConfigChanges::default();
        let differs = |path: &&Vec<String>| old.0.get(*path) != new.0.get(*path);
        let mut paths: Vec<&Vec<String>> = old.0.keys().chain(new.0.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths.into_iter().filter(differs) {
            let (name, key) = path.split_at(names_a_thing(path));
            let has = |written: &Written| written.0.keys().any(|path| path.starts_with(name));
            let name = name.join(".");
            match (has(old), has(new)) {
                (false, _) => changes.added.push(name),
                (_, false) => changes.removed.push(name),
                (true, true) => {
                    let keys = changes.changed.entry(name).or_default();
                    keys.extend(key.first().cloned());
                    keys.dedup();
                }
            }
            let comes_or_goes = old.0.contains_key(path) != new.0.contains_key(path);
            if needs_restart(path, comes_or_goes) {
                changes.needs_restart.push(path.join("."));
            }
        }
        changes.added.dedup();
        changes.removed.dedup();
        changes
    }

    /// A line for each name; none if nothing is different.
    pub fn lines(&self) -> Vec<String> {
        let added = self.added.iter().map(|name| format!("added {name}"));
        let removed = self.removed.iter().map(|name| format!("removed {name}"));
        let changed = self.changed.iter().map(|(name, keys)| match keys.len() {
            0 => format!("changed {name}"),
            _ => format!("changed {name}: {}", keys.join(", ")),
        });
        added.chain(removed).chain(changed).collect()
    }
}

/// How many parts of a key name the thing that it belongs to.
fn names_a_thing(path: &[String]) -> usize {
    let parts = match path[0].as_str() {
        "services" => 3,
        "roles" | "groups" | "notices" | "agents" => 2,
        _ => 1,
    };
    parts.min(path.len())
}

/// Whether the process keeps what it was started with: where the record is, where it listens, what
/// it opens connections to Slack with, and which routes there are.
fn needs_restart(path: &[String], comes_or_goes: bool) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["server" | "database", ..] => true,
        ["slack", "app_token" | "api_url"] | ["api", "enabled"] => true,
        ["webhooks", _] => comes_or_goes,
        // It is in every `[web]`: whether there are pages.
        ["web", "client_id"] => comes_or_goes,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    const BEFORE: &str = r#"
[server]
listen = "127.0.0.1:3000"
[slack]
bot_token = "env:BOT_TOKEN"
[roles.oncall]
members = ["U0SAM"]
[roles.old]
members = ["U0TOM"]
[services.shop.production]
token = "file:token"
watch = "5m"
[[services.shop.production.verify]]
kind = "http"
"#;

    fn written(text: &str, token: &str) -> Written {
        let digests = Digests::default();
        digests.variable(&|_| Some("xoxb-1".into()), "BOT_TOKEN");
        let read = |_: &Path| io::Result::Ok(token.to_owned());
        digests.file(&read, Path::new("token")).unwrap();
        Written::of(text, digests)
    }

    #[test]
    fn what_is_different_is_named_and_no_value_is() {
        let after = BEFORE
            .replace("U0SAM", "U0ANA")
            .replace("[roles.old]", "[roles.lead]")
            .replace("5m", "10m")
            .replace("\"http\"", "\"page\"")
            + "[policy]\npreset = \"solo\"\n";
        let changes =
            ConfigChanges::between(&written(BEFORE, "one"), &written(&after, "another-secret"));
        assert_eq!(
            changes.lines(),
            [
                "added policy",
                "added roles.lead",
                "removed roles.old",
                "changed roles.oncall: members",
                "changed services.shop.production: token, verify, watch",
            ]
        );
        assert_eq!(changes.needs_restart, Vec::<String>::new());
    }

    #[test]
    fn another_secret_under_the_same_name_is_a_change() {
        let changes = ConfigChanges::between(&written(BEFORE, "one"), &written(BEFORE, "two"));
        assert_eq!(changes.lines(), ["changed services.shop.production: token"]);
        let same = ConfigChanges::between(&written(BEFORE, "one"), &written(BEFORE, "one"));
        assert_eq!(same, ConfigChanges::default());
    }

    #[test]
    fn what_the_process_was_started_with_needs_another_start() {
        let after = BEFORE.replace(":3000", ":3001") + "[webhooks]\nvercel = \"env:BOT_TOKEN\"\n";
        let changes = ConfigChanges::between(&written(BEFORE, "one"), &written(&after, "one"));
        assert_eq!(changes.needs_restart, ["server.listen", "webhooks.vercel"]);
    }
}
