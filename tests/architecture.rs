//! Who may know whom: what the sources import, held against [`ROOMS`] and [`CRATES`].
//!
//! Each module of the bot belongs to the room with the longest name that its path begins with. A
//! path that begins with `crate`, `super` or the name of one of our crates is an import, wherever
//! it stands; re-exports are followed to where the thing is. What is compiled only for tests may
//! know everything. No two rooms may need each other, however far around.

#![expect(
    clippy::unwrap_used,
    reason = "a source that cannot be read has failed"
)]

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A room: its name, the modules in it, and the rooms and crates that it may know.
type Room = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Everything: the rooms that put the program together.
const ALL: &[&str] = &["*"];

/// Who may know whom in the bot, from the ground up.
const ROOMS: &[Room] = &[
    // What everybody may lean on.
    ("clock", &["clock"], &[]),
    ("crash", &["crash"], &[]),
    ("http_client", &["http_client"], &[]),
    (
        "telemetry",
        &["telemetry"],
        &["rollback_domain", "rollback_http", "http_client"],
    ),
    ("terminal", &["terminal"], &["rollback_http"]),
    ("names", &["names"], &[]),
    // What is looked at from outside, and how the configuration says it.
    (
        "proofs",
        &["proofs"],
        &[
            "rollback_domain",
            "rollback_http",
            "rollback_providers::process",
            "rollback_settings",
        ],
    ),
    // The configuration knows the registry of providers, and none of them by name.
    (
        "config",
        &["config"],
        &[
            "rollback_domain",
            "rollback_settings",
            "rollback_providers::github",
            "rollback_providers::registry",
            "notices",
            "proofs",
            "store::address",
        ],
    ),
    ("limits", &["limits"], &["rollback_domain", "config"]),
    // The record, and the one that writes it.
    (
        "store",
        &["store"],
        &["rollback_domain", "rollback_http", "crash"],
    ),
    (
        "engine",
        &["engine"],
        &["rollback_domain", "store", "clock", "crash", "telemetry"],
    ),
    (
        "metrics",
        &["metrics"],
        &["rollback_domain", "store", "engine"],
    ),
    // What people see. The templates are written with Slack's escaping.
    (
        "presentation",
        &[
            "slack::action",
            "slack::backfill",
            "slack::blocks",
            "slack::break_glass",
            "slack::card",
            "slack::checklist",
            "slack::content",
            "slack::capture",
            "slack::modal",
            "slack::readiness",
            "slack::update",
        ],
        &["rollback_domain", "rollback_http"],
    ),
    (
        "messages",
        &["messages"],
        &["rollback_domain", "rollback_http", "presentation"],
    ),
    // Files of the record, which jobs upload and the API sends.
    (
        "export",
        &["export"],
        &[
            "rollback_domain",
            "rollback_http",
            "messages",
            "store::Db",
            "store::actions",
            "store::checklists",
            "store::rollbacks",
            "store::timelines",
        ],
    ),
    // What calls others. Slack's pace is in the record: all replicas share it.
    (
        "slack",
        &["slack"],
        &[
            "rollback_domain",
            "rollback_http",
            "presentation",
            "metrics",
            "store",
            "clock",
            "crash",
        ],
    ),
    (
        "pagerduty",
        &["pagerduty"],
        &["rollback_http", "rollback_settings"],
    ),
    (
        "notices",
        &["notices"],
        &["rollback_domain", "rollback_http", "rollback_settings"],
    ),
    (
        "repositories",
        &["repositories"],
        &[
            "rollback_domain",
            "rollback_http",
            "rollback_providers::github",
            "rollback_settings",
        ],
    ),
    (
        "platforms",
        &["platforms"],
        &["rollback_domain", "rollback_providers", "metrics"],
    ),
    // What commands and jobs share.
    ("reads", &["reads"], &["rollback_domain"]),
    (
        "answer",
        &["answer"],
        &["rollback_domain", "engine", "presentation"],
    ),
    (
        "app",
        &["app"],
        &[
            "rollback_domain",
            "rollback_providers",
            "answer",
            "clock",
            "config",
            "crash",
            "engine",
            "http_client",
            "limits",
            "messages",
            "metrics",
            "names",
            "notices",
            "pagerduty",
            "platforms",
            "reads",
            "repositories",
            "slack",
            "store::Db",
            "store::presence",
            "telemetry",
        ],
    ),
    (
        "roster",
        &["roster"],
        &[
            "rollback_domain",
            "app",
            "config",
            "crash",
            "pagerduty",
            "slack",
            "store::rosters",
        ],
    ),
    (
        "permalinks",
        &["permalinks"],
        &[
            "rollback_domain",
            "app",
            "config::web",
            "presentation",
            "store::messages",
        ],
    ),
    // What people can ask for. Of the store only what reads it: no job and no transaction.
    (
        "commands",
        &["commands"],
        &[
            "rollback_domain",
            "answer",
            "app",
            "config",
            "engine",
            "export",
            "permalinks",
            "presentation",
            "reads",
            "roster",
            "store::captures",
            "store::checklists",
            "store::actions",
            "store::memberships",
            "store::messages",
            "store::overview",
            "store::readiness",
            "store::reviews",
            "store::rollbacks",
            "store::rosters",
            "store::timelines",
            "store::updates",
            "store::within",
            "telemetry",
        ],
    ),
    (
        "worker",
        &["worker"],
        &[
            "rollback_domain",
            "rollback_http",
            "rollback_providers",
            "app",
            "commands",
            "config",
            "crash",
            "doctor",
            "engine",
            "export",
            "findings",
            "notices",
            "pagerduty",
            "permalinks",
            "presentation",
            "proofs",
            "repositories",
            "roster",
            "slack",
            "store",
            "telemetry",
        ],
    ),
    // The pages in a browser. They read the record, and ask Slack who may read them: at each page.
    (
        "web",
        &["web"],
        &[
            "rollback_domain",
            "rollback_http",
            "app",
            "commands",
            "config",
            "engine::Error",
            "export",
            "messages",
            "permalinks",
            "presentation",
            "roster",
            "slack",
            "store::memberships",
            "store::overview",
            "store::rollbacks",
            "store::rosters",
            "store::sessions",
            "store::timelines",
            "store::tokens",
            "store::updates",
        ],
    ),
    // The bodies of the API. They show the card's words and the state of a reply.
    (
        "api",
        &["api"],
        &[
            "rollback_domain",
            "app",
            "engine",
            "messages",
            "presentation",
            "store::replies",
            "store::rollbacks",
            "store::tokens",
        ],
    ),
    // The doors: they decode, hand over and encode. They read the store only to tell who calls
    // (memberships, tokens), what a key was answered before (replies), whether an RB number is one
    // (rollbacks) and whether the database works (overview); of the configuration what proves that
    // a webhook is a platform's own, and how Slack sends.
    (
        "handlers",
        &["handlers"],
        &[
            "rollback_domain",
            "rollback_settings",
            "answer",
            "api",
            "app",
            "commands",
            "config::Delivery",
            "config::web",
            "config::webhooks",
            "crash",
            "engine::Error",
            "limits",
            "messages",
            "metrics::Recorded",
            "presentation",
            "store::overview",
            "store::readiness",
            "store::replies",
            "store::rollbacks",
            "store::tokens",
            "telemetry",
            "web",
        ],
    ),
    // The connections over which Slack sends what it would otherwise send as requests.
    (
        "socket",
        &["socket"],
        &[
            "rollback_http",
            "app",
            "config::Delivery",
            "handlers",
            "http_client",
            "metrics",
            "slack",
        ],
    ),
    // What puts the program together.
    ("manifest", &["manifest"], &["rollback_domain"]),
    ("findings", &["findings"], &[]),
    ("check", &["check"], ALL),
    ("doctor", &["doctor"], ALL),
    ("reload", &["reload"], ALL),
    ("serve", &["serve"], ALL),
    ("cli", &["cli"], ALL),
    ("demo", &["demo"], ALL),
    ("lib", &[""], ALL),
    ("main", &["main"], ALL),
];

/// Who may know whom among the crates, but for what only their tests use.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("bot/domain", "rollback-domain", &[]),
    ("bot/http", "rollback-http", &[]),
    ("bot/lint", "rollback-lint", &[]),
    // For "did you mean".
    ("bot/settings", "rollback-settings", &["rollback-domain"]),
    (
        "bot/providers",
        "rollback-providers",
        &["rollback-domain", "rollback-http", "rollback-settings"],
    ),
    ("simulation", "rollback-simulation", &[]),
];

/// What the rules may be written with: no clock, no ids, no I/O.
const DOMAIN_LIBRARIES: &[&str] = &[
    "hex",
    "jiff",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "strum",
    "thiserror",
];

/// Where the three seconds that Slack waits are spent: nothing here may call anybody, not even
/// with what the app holds.
const IN_A_HURRY: [&str; 2] = ["commands", "handlers"];
/// What the app holds to call others with.
const CALLERS: [&str; 5] = ["http", "pagerduty", "provider", "repositories", "slack"];

/// One path that a source names, from the crate's root.
#[derive(Clone, Debug)]
struct Import {
    file: String,
    line: usize,
    module: Vec<String>,
    path: Vec<String>,
}

/// What a source says: the paths it names, the names it gives away, and calls through the app.
#[derive(Default)]
struct Source {
    imports: Vec<Import>,
    exports: Vec<(Vec<String>, Vec<String>)>,
    calls: Vec<Import>,
}

/// Reads the tokens of one file.
struct Reader<'a> {
    file: &'a str,
    source: &'a mut Source,
}

impl Reader<'_> {
    fn read(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            if is_for_tests(&tokens[at..]) {
                at = end_of_item(&tokens, at);
                continue;
            }
            if starts_path(&tokens, at) {
                let exported = word(&tokens, at.wrapping_sub(1)).as_deref() == Some("use")
                    && word(&tokens, at.wrapping_sub(2)).as_deref() == Some("pub");
                at = self.read_path(&tokens, at, module, &[], exported);
                continue;
            }
            if word(&tokens, at).as_deref() == Some("app") && punctuation(&tokens, at + 1, '.') {
                self.read_call(&tokens, at, module);
            }
            if let TokenTree::Group(group) = &tokens[at] {
                let name = (group.delimiter() == Delimiter::Brace
                    && word(&tokens, at.wrapping_sub(2)).as_deref() == Some("mod"))
                .then(|| word(&tokens, at - 1).unwrap());
                let inside: Vec<String> = module.iter().cloned().chain(name).collect();
                self.read(group.stream(), &inside);
            }
            at += 1;
        }
    }

    /// `app.slack` and its like.
    fn read_call(&mut self, tokens: &[TokenTree], at: usize, module: &[String]) {
        let Some(field) = word(tokens, at + 2) else {
            return;
        };
        if CALLERS.contains(&field.as_str()) {
            self.source.calls.push(Import {
                file: self.file.to_owned(),
                line: tokens[at].span().start().line,
                module: module.to_vec(),
                path: vec!["app".into(), field],
            });
        }
    }

    /// Reads a path, and the tree below it. Gives where it ends.
    fn read_path(
        &mut self,
        tokens: &[TokenTree],
        mut at: usize,
        module: &[String],
        before: &[String],
        exported: bool,
    ) -> usize {
        let line = tokens[at].span().start().line;
        let mut path = before.to_vec();
        let mut name = None;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let tree: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut inside = 0;
                    while inside < tree.len() {
                        inside = self.read_path(&tree, inside, module, &path, exported);
                        while inside < tree.len() && !punctuation(&tree, inside, ',') {
                            inside += 1;
                        }
                        inside += 1;
                    }
                    return at + 1;
                }
                // A glob, or something that is no part of a path.
                TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Literal(_) => break,
            }
            at += 1;
            if word(tokens, at).as_deref() == Some("as") {
                name = word(tokens, at + 1);
                at += 2;
                break;
            }
            if !(punctuation(tokens, at, ':') && punctuation(tokens, at + 1, ':')) {
                break;
            }
            at += 2;
        }
        let path = from_root(path, module);
        if exported {
            let name = name.or_else(|| path.last().cloned());
            let public = module.iter().cloned().chain(name).collect();
            self.source.exports.push((public, path.clone()));
        }
        self.source.imports.push(Import {
            file: self.file.to_owned(),
            line,
            module: module.to_vec(),
            path,
        });
        at
    }
}

fn word(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at)? {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Literal(_) => None,
    }
}

fn punctuation(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// Whether a path begins here that says where it begins: `crate`, `super`, `self`, one of our
/// crates, or whatever is re-exported.
fn starts_path(tokens: &[TokenTree], at: usize) -> bool {
    let Some(word_here) = word(tokens, at) else {
        return false;
    };
    let leads_on = punctuation(tokens, at + 1, ':') && punctuation(tokens, at + 2, ':');
    // One colon is that of a type or a field.
    let begins = !(punctuation(tokens, at.wrapping_sub(1), ':')
        && punctuation(tokens, at.wrapping_sub(2), ':'));
    let ours = ["crate", "super", "self", "rollback_bot"].contains(&word_here.as_str())
        || CRATES
            .iter()
            .any(|(_, name, _)| name.replace('-', "_") == word_here);
    let exported = word(tokens, at.wrapping_sub(1)).as_deref() == Some("use")
        && word(tokens, at.wrapping_sub(2)).as_deref() == Some("pub");
    leads_on && begins && (ours || exported)
}

/// Whether `#[cfg(test)]` stands here.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let Some(TokenTree::Group(attribute)) = tokens.get(1) else {
        return false;
    };
    punctuation(tokens, 0, '#') && attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Where the item ends that begins here: behind its body or its semicolon.
fn end_of_item(tokens: &[TokenTree], at: usize) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    let length = tokens[at..].iter().position(ends);
    length.map_or(tokens.len(), |length| at + length + 1)
}

/// The same path from the root of the bot; a path into another crate as it is.
fn from_root(path: Vec<String>, module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let mut rest = path.iter().peekable();
    match rest.peek().map(|first| first.as_str()) {
        Some("crate" | "rollback_bot") => {
            rest.next();
            base.clear();
        }
        Some("self" | "super") => {
            while let Some(step) = rest.next_if(|step| ["self", "super"].contains(&step.as_str())) {
                if step == "super" {
                    base.pop();
                }
            }
        }
        Some(name) if name.starts_with("rollback_") => base.clear(),
        // A re-export of what is below.
        Some(_) | None => {}
    }
    base.extend(rest.filter(|name| *name != "self").cloned());
    base
}

/// Where a path leads, through the re-exports on its way.
fn resolve(path: &[String], exports: &BTreeMap<Vec<String>, Vec<String>>) -> Vec<String> {
    let mut path = path.to_vec();
    // As many as there may be one behind the other; more would be a circle.
    for _ in 0..8 {
        let Some((length, target)) =
            (1..=path.len()).find_map(|n| Some((n, exports.get(&path[..n])?)))
        else {
            break;
        };
        path = target.iter().chain(&path[length..]).cloned().collect();
    }
    path
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of the bot, but for those that are tests, with the module that each is.
fn files() -> Vec<(String, Vec<String>)> {
    let mut found = vec![];
    let mut folders = vec![root().join("bot"), root().join("handlers")];
    while let Some(folder) = folders.pop() {
        // Another crate, of which the compiler holds what its Cargo.toml names.
        if folder != root().join("bot") && folder.join("Cargo.toml").exists() {
            continue;
        }
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            match (path.is_dir(), path.extension()) {
                (_, _) if name == "tests" => {}
                (true, _) => folders.push(path),
                (false, Some(end)) if end == "rs" => found.push(path),
                (false, _) => {}
            }
        }
    }
    found.sort();
    found.iter().map(|path| named(path)).collect()
}

/// A file as it is named from the root of the repository, and the module that it is.
fn named(path: &Path) -> (String, Vec<String>) {
    let file = path.strip_prefix(root()).unwrap();
    let within = file.strip_prefix("bot").unwrap_or(file).with_extension("");
    let module = within
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .filter(|name| name != "mod" && name != "lib")
        .collect();
    (file.to_str().unwrap().to_owned(), module)
}

/// The imports of the bot, each led to where the thing is, and the calls through the app.
fn read_sources() -> (Vec<Import>, Vec<Import>) {
    let mut source = Source::default();
    for (file, module) in files() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        Reader {
            file: &file,
            source: &mut source,
        }
        .read(tokens, &module);
    }
    let exports: BTreeMap<_, _> = source
        .exports
        .into_iter()
        .filter(|(from, to)| from != to && !is_outside(to))
        .collect();
    for import in &mut source.imports {
        import.path = resolve(&import.path, &exports);
    }
    (source.imports, source.calls)
}

fn begins_with(path: &[String], name: &str) -> bool {
    let names: Vec<&str> = name.split("::").filter(|name| !name.is_empty()).collect();
    names.len() <= path.len() && names.iter().zip(path).all(|(name, part)| name == part)
}

/// The room of a module, or of something in one.
fn room_of(path: &[String]) -> &'static Room {
    let inside = |room: &&Room| {
        let fits = room.1.iter().filter(|name| begins_with(path, name));
        fits.map(|name| name.len()).max()
    };
    let fitting = ROOMS.iter().filter(|room| inside(room).is_some());
    fitting.max_by_key(inside).unwrap()
}

fn is_outside(path: &[String]) -> bool {
    path.first()
        .is_some_and(|name| name.starts_with("rollback_"))
}

/// Whether a room may name this path.
fn may_know(room: &Room, path: &[String]) -> bool {
    let allowed =
        |name: &&str| begins_with(path, name) || !is_outside(path) && room_of(path).0 == *name;
    room.2 == ALL || room.2.iter().any(allowed)
}

/// The rooms that need each other, each with the import by which it needs the next.
fn find_circle(imports: &[Import]) -> Option<String> {
    let mut needs: BTreeMap<&str, BTreeMap<&str, &Import>> = BTreeMap::new();
    for import in imports.iter().filter(|import| !is_outside(&import.path)) {
        let (from, to) = (room_of(&import.module).0, room_of(&import.path).0);
        if from != to {
            needs.entry(from).or_default().entry(to).or_insert(import);
        }
    }
    for start in needs.keys() {
        let mut ways = vec![vec![*start]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for to in needs
                .get(way[way.len() - 1])
                .into_iter()
                .flat_map(BTreeMap::keys)
            {
                let longer: Vec<&str> = way.iter().copied().chain([*to]).collect();
                if to == start {
                    let steps = longer.windows(2).map(|step| {
                        let import = needs[step[0]][step[1]];
                        let (file, line) = (&import.file, import.line);
                        format!("{file}:{line}: `{}` needs `{}`", step[0], step[1])
                    });
                    return Some(steps.collect::<Vec<_>>().join("\n"));
                }
                if seen.insert(*to) {
                    ways.push(longer);
                }
            }
        }
    }
    None
}

#[test]
fn each_room_imports_only_what_it_may_know() {
    let (imports, _) = read_sources();
    assert!(imports.len() > 500, "the sources were not read");
    let forbidden = imports.iter().filter_map(|import| {
        let room = room_of(&import.module);
        let inside = !is_outside(&import.path) && room_of(&import.path).0 == room.0;
        (!inside && !may_know(room, &import.path)).then(|| {
            let path = import.path.join("::");
            let allowed = match room.2 {
                [] => "nobody".to_owned(),
                names => names.join(", "),
            };
            let (file, line) = (&import.file, import.line);
            format!(
                "{file}:{line}: imports `{path}`, but `{}` may know only: {allowed}",
                room.0
            )
        })
    });
    let forbidden: Vec<String> = forbidden.collect();
    assert!(forbidden.is_empty(), "\n{}\n", forbidden.join("\n"));
}

#[test]
fn no_two_rooms_need_each_other() {
    let circle = find_circle(&read_sources().0);
    assert!(
        circle.is_none(),
        "a circle:\n{}\n",
        circle.unwrap_or_default()
    );
}

#[test]
fn whoever_answers_within_three_seconds_calls_nobody() {
    let (_, calls) = read_sources();
    let calls = calls
        .iter()
        .filter(|call| IN_A_HURRY.contains(&room_of(&call.module).0));
    let forbidden: Vec<String> = calls
        .map(|call| {
            let (file, line, path) = (&call.file, call.line, call.path.join("."));
            format!("{file}:{line}: `{path}` calls somebody: that is for a job of the worker")
        })
        .collect();
    assert!(forbidden.is_empty(), "\n{}\n", forbidden.join("\n"));
}

#[test]
fn everything_the_table_allows_is_there_and_needed() {
    let (imports, _) = read_sources();
    let mut idle = vec![];
    for room in ROOMS.iter().filter(|room| room.2 != ALL) {
        let of_room = || {
            imports
                .iter()
                .filter(|import| room_of(&import.module).0 == room.0)
        };
        for name in room.2 {
            let only: Room = (room.0, room.1, std::slice::from_ref(name));
            if !of_room().any(|import| may_know(&only, &import.path)) {
                idle.push(format!(
                    "`{}` need not know `{name}`: take it out of the table",
                    room.0
                ));
            }
        }
    }
    assert!(idle.is_empty(), "\n{}\n", idle.join("\n"));
}

#[test]
fn each_crate_depends_only_on_what_it_may_know() {
    for (folder, name, allowed) in CRATES {
        let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(*name));
        let dependencies: Vec<&String> = manifest["dependencies"]
            .as_table()
            .unwrap()
            .keys()
            .collect();
        let ours = |dependency: &&&String| dependency.starts_with("rollback-");
        for dependency in dependencies.iter().filter(ours) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{folder}/Cargo.toml: depends on `{dependency}`, but `{name}` may know only: {allowed:?}"
            );
        }
        for dependency in dependencies.iter().filter(|_| *name == "rollback-domain") {
            assert!(
                DOMAIN_LIBRARIES.contains(&dependency.as_str()),
                "{folder}/Cargo.toml: depends on `{dependency}`, but the rules have no clock, no ids and no I/O"
            );
        }
    }
}
