//! Checks that look at the wrong thing, or too early, and success that nobody looked for.

use super::{Group, Rule, Search, Severity};
use crate::{
    Spot,
    runbook::{Block, Kind, Passage, Runbook, Typed},
    shell::{Command, pattern},
};
use regex::Regex;
use std::sync::LazyLock;

const GROUP: Group = Group::Verification;

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "vercel-id-is-a-region",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("vercel"),
        looks_for: "`X-Vercel-Id` as the name of a deployment",
        sentence: "`{}` names the regions that a request went through, and no deployment: it looks the same before and after a rollback.",
        next_step: "Serve the commit at an address of your own (`/version.json`) and compare that.",
        source: "vercel.com/docs/headers/request-headers",
        wrong: "```sh\ncurl -I https://shop.example.com\n# X-Vercel-Id matches the deployment\n```",
        right: "```sh\ncurl https://shop.example.com/version.json\n# the commit is the one of the deployment\n```",
        search: Search::Text(r"(?i)\bx-vercel-id\b"),
    },
    Rule {
        id: "checked-before-it-is-built",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "A push that starts a build, and right after it a health check",
        sentence: "\"{}\" looks at production before the build of the push is done: it is the broken version that answers.",
        next_step: "Wait until the address serves the commit that was pushed, and check then.",
        source: "A push only starts a build; production serves the old one until it is done",
        wrong: "1. Git revert and push\n2. Verify the health endpoints",
        right: "1. Git revert and push\n2. Wait until /version.json shows the commit\n3. Verify the health endpoints",
        search: Search::Runbook(checked_too_early),
    },
    Rule {
        id: "success-with-a-step-open",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "A script that says what is left for people, and then that it succeeded",
        sentence: "{} is said although a step is left for people, a few lines above.",
        next_step: "End with the step that is open and a failing exit code; say that it worked once it was looked at.",
        source: "What a script says last is what people repeat",
        wrong: "```js\nconsole.log('The database needs manual confirmation');\nconsole.log('Rollback completed successfully!');\n```",
        right: "```js\nconsole.log('The database needs manual confirmation: run restore.md');\nprocess.exit(3);\n```",
        search: Search::Runbook(success_with_a_step_open),
    },
    Rule {
        id: "success-unchecked",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "A script that says it is complete without having looked at what is served",
        sentence: "{} is said although the script looked at nothing: platforms accept a rollback long before it is live.",
        next_step: "Look at what is served first (a health address and the version), and say what was seen.",
        source: "A platform answers that it accepted, not that users have it",
        wrong: "```sh\nvercel rollback shop-abc123.vercel.app --yes\necho \"Rollback complete!\"\n```",
        right: "```sh\nvercel rollback shop-abc123.vercel.app --yes\ncurl -f https://shop.example.com/version.json\necho \"Rollback complete!\"\n```",
        search: Search::Runbook(success_unchecked),
    },
    Rule {
        id: "prisma-db-pull",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "`prisma db pull` as a check of the database",
        sentence: "`{}` checks nothing: it overwrites the schema file with whatever the database has.",
        next_step: "`prisma migrate status` tells which migrations ran, and `prisma migrate diff --exit-code` whether the database differs.",
        source: "prisma.io/docs/orm/reference/prisma-cli-reference: `db pull` writes schema.prisma",
        wrong: "```sh\nnpx prisma db pull\n```",
        right: "```sh\nnpx prisma migrate status\n```",
        search: Search::Command(|command| {
            command.begins(&["prisma", "db", "pull"]) && !command.has(&["--print"])
        }),
    },
    Rule {
        id: "cause-first",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "The root cause, in the list of what is done before a rollback",
        sentence: "\"{}\" stands before the rollback: users wait while somebody investigates.",
        next_step: "Roll back first; move it to what is done afterwards.",
        source: "cloud.google.com/blog/products/gcp/reliable-releases-and-rollbacks-cre-life-lessons",
        wrong: "## Pre-Rollback Checklist\n\n- [ ] Identify root cause",
        right: "## Pre-Rollback Checklist\n\n- [ ] Name the release to go back to\n\n## Afterwards\n\n- [ ] Identify root cause",
        search: Search::Runbook(cause_first),
    },
    Rule {
        id: "nothing-names-the-version",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "A verification that would also pass while the broken version answers",
        sentence: "Nothing in \"{}\" looks at which version is served: a page that loads may be the broken one.",
        next_step: "Compare the commit or the version that is served (`/version.json`, a header) with the one that was gone back to.",
        source: "A health check passes on any version that is healthy enough to answer",
        wrong: "## Verification\n\n- [ ] The site loads",
        right: "## Verification\n\n- [ ] /version.json shows the commit of the release",
        search: Search::Runbook(nothing_names_the_version),
    },
];

fn named(passage: &Passage) -> Spot {
    Spot {
        place: passage.extract.place(&(0..passage.text().len())),
        names: short(passage.text()),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(50) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// In a numbered list or a script: a push, and then a check, with nothing between that waits.
fn checked_too_early(runbook: &Runbook) -> Vec<Spot> {
    static PUSH: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\bgit\b.*\b(push|revert)|\bpush(es)?\b.*\bgit\b"));
    static CHECK: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)^\W*(verif(y|ies)|checks?|tests?)\b.*\b(health|endpoints?|site|production|smoke)",
        )
    });
    static WAIT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\bwaits?\b|\buntil\b|\bbuil[dt]|\bdeploy(ment|s)? (is |has )?(done|finished|ready|live)|\bpoll|\bsleep\b",
        )
    });
    let mut found = Vec::new();
    let mut pushed_in = None;
    for passage in &runbook.passages {
        let Kind::Item {
            list,
            is_numbered: true,
        } = passage.kind
        else {
            continue;
        };
        let text = passage.text();
        if WAIT.is_match(text) {
            pushed_in = None;
        } else if PUSH.is_match(text) {
            pushed_in = Some(list);
        } else if pushed_in == Some(list) && CHECK.is_match(text) {
            found.push(named(passage));
            pushed_in = None;
        }
    }
    for block in &runbook.blocks {
        let mut is_pushed = false;
        for typed in &block.commands {
            let command = &typed.command;
            let waits = WAIT.is_match(&typed.comment)
                || matches!(
                    command.plain().next(),
                    Some("sleep" | "wait" | "timeout" | "until" | "gh" | "read" | "[" | "jq")
                );
            if command.begins(&["git", "push"]) && !pushes_tag(command) {
                is_pushed = true;
            } else if waits {
                is_pushed = false;
            } else if is_pushed
                && command.begins(&["curl"])
                && !command.has(&["-X", "-d", "--data"])
            {
                found.push(Spot {
                    place: typed.place.clone(),
                    names: command.typed(),
                });
                is_pushed = false;
            }
        }
    }
    found
}

fn pushes_tag(command: &Command) -> bool {
    let is_tag =
        |word: &str| word.starts_with('v') && word[1..].starts_with(|c: char| c.is_ascii_digit());
    command.has(&["--tags"]) || command.plain().skip(3).any(is_tag)
}

/// What a program prints as its success.
static SUCCESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(echo|print|printf|console\.\w+|puts|log\w*)\W{1,8}[^\n]{0,40}\b(complete[d]?|success(ful(ly)?)?|succeeded|done|finished)\b[^\n]*",
    )
});

fn success_with_a_step_open(runbook: &Runbook) -> Vec<Spot> {
    static OPEN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)(echo|print|printf|console\.\w+|puts|log\w*)\W{1,8}[^\n]*\b(requires?|needs?)\b[^\n]*\bmanual|\bmanual(ly)? (confirmation|step|action|work)",
        )
    });
    let found = runbook
        .blocks
        .iter()
        .filter(|block| !block.is_inline)
        .filter_map(|block| {
            let code = &block.extract.text;
            let open = OPEN.find(code)?;
            let success = SUCCESS.find_at(code, open.end())?;
            // What is between does not end the program for good.
            let between = &code[open.end()..success.start()];
            let ends = between
                .lines()
                .any(|line| line.trim_start().starts_with("exit "));
            (!ends).then(|| told(block, success))
        });
    found.collect()
}

fn told(block: &Block, success: regex::Match<'_>) -> Spot {
    Spot {
        place: block.extract.place(&success.range()),
        names: format!("`{}`", short(success.as_str().trim())),
    }
}

fn success_unchecked(runbook: &Runbook) -> Vec<Spot> {
    static BROUGHT: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\broll(ed|ing)?[ -]?back\b|\brestor(e|ed)\b|\brevert"));
    let mut found = Vec::new();
    for block in runbook.blocks.iter().filter(|block| !block.is_inline) {
        let mut acted_at = None;
        for typed in &block.commands {
            let command = &typed.command;
            if acts(command) {
                acted_at = Some(typed.command.place.end);
            } else if looks(typed) {
                acted_at = None;
            }
            let (Some(acted), Some("echo" | "printf")) = (acted_at, command.plain().next()) else {
                continue;
            };
            let from = typed.command.place.start.max(acted);
            let told_here = SUCCESS.find_at(&block.extract.text, from);
            if let Some(success) = told_here
                && success.start() <= typed.command.place.end
                && BROUGHT.is_match(success.as_str())
            {
                found.push(told(block, success));
                acted_at = None;
            }
        }
    }
    found
}

/// Whether a command takes production back.
fn acts(command: &Command) -> bool {
    let words: [&[&str]; 9] = [
        &["vercel", "rollback"],
        &["railway", "rollback"],
        &["railway", "redeploy"],
        &["kubectl", "rollout", "undo"],
        &["helm", "rollback"],
        &["heroku", "rollback"],
        &["docker", "run"],
        &["git", "push"],
        &["prisma", "migrate", "deploy"],
    ];
    words.iter().any(|words| command.begins(words))
}

/// Whether a command looks at what is served.
fn looks(typed: &Typed) -> bool {
    let command = &typed.command;
    let program = command.plain().next();
    let posts = command.has(&["-X", "-d", "--data", "--json", "-F"]);
    (matches!(
        program,
        Some("curl" | "wget" | "http" | "psql" | "ab" | "k6")
    ) && !posts)
        || command.begins(&["kubectl", "rollout", "status"])
        || command.begins(&["vercel", "inspect"])
        || command.begins(&["docker", "inspect"])
        || command.words.iter().any(|word| {
            let word = word.text.to_ascii_lowercase();
            ["verify", "smoke", "health", "validate"]
                .iter()
                .any(|part| word.contains(part))
        }) && !matches!(program, Some("echo" | "printf"))
}

fn cause_first(runbook: &Runbook) -> Vec<Spot> {
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)\b(pre[- ]?roll ?back|before (the |a |you )?roll(ing)? ?back)")
    });
    static CAUSE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(identify|find|determine|investigate|understand|analy[sz]e)\b.{0,20}\b(root )?cause\b",
        )
    });
    let items = runbook
        .passages
        .iter()
        .filter(|passage| matches!(passage.kind, Kind::Item { .. }));
    let before = items.filter(|passage| {
        BEFORE.is_match(runbook.sections[passage.section].heading())
            && CAUSE.is_match(passage.text())
            && !crate::is_warning(passage.text())
    });
    before.map(named).collect()
}

/// The first section about verification when none of them looks at the version; where there is no
/// such section, the title, when nothing does.
fn nothing_names_the_version(runbook: &Runbook) -> Vec<Spot> {
    static VERIFICATION: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(verif(y|ication)|validation|health checks?|post[- ]roll ?back (checklist|checks?))\b",
        )
    });
    static VERSION: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)/version|\b(version|commit|sha|build id|digest|fingerprint|release)s?\b.{0,60}\b(served|serves|shows?|answers|live|matches|equals|is|=)\b|\b(serves|served|shows)\b.{0,40}\b(version|commit|sha|digest|release)\b",
        )
    });
    let is_verification = |section: usize| {
        let path = &runbook.sections[section].path;
        path.iter().any(|heading| VERIFICATION.is_match(heading))
    };
    let has_section = (0..runbook.sections.len()).any(is_verification);
    let is_about = |section: usize| !has_section || is_verification(section);
    let passages = runbook
        .passages
        .iter()
        .filter(|passage| is_about(passage.section));
    let mut texts = passages.map(Passage::text);
    let mut codes = runbook
        .blocks
        .iter()
        .filter(|block| is_about(block.section));
    let names_version = texts.any(|text| VERSION.is_match(text))
        || codes.any(|block| VERSION.is_match(&block.extract.text));
    if names_version {
        return Vec::new();
    }
    let heading = runbook.passages.iter().find(|passage| {
        matches!(passage.kind, Kind::Heading(_)) && VERIFICATION.is_match(passage.text())
    });
    let title = runbook.passages.first();
    heading.or(title).map(named).into_iter().collect()
}
