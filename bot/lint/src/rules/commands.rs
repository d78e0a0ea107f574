//! Commands and buttons that do not exist, or do something else.

use super::{Group, Rule, Search, Severity};
use crate::{
    Spot,
    runbook::{Runbook, Typed},
    shell::{Command, pattern},
};
use regex::Regex;
use std::sync::LazyLock;

const GROUP: Group = Group::DoesSomethingElse;

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "vercel-rollback-status",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("vercel"),
        looks_for: "`vercel rollback` without a deployment",
        sentence: "`{}` rolls nothing back: without a deployment the command only shows the status of the last rollback.",
        next_step: "Name the deployment to go back to: `vercel rollback https://shop-abc123.vercel.app --yes`.",
        source: "vercel/vercel, packages/cli/src/commands/rollback/index.ts: no argument means `status`",
        wrong: "```sh\nvercel rollback\n```",
        right: "```sh\nvercel rollback https://shop-abc123.vercel.app --yes\n```",
        search: Search::Command(|command| {
            let target = command.plain().nth(2);
            command.begins(&["vercel", "rollback"])
                && target.is_none()
                && unknown_options(command).next().is_none()
        }),
    },
    Rule {
        id: "vercel-rollback-option",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("vercel"),
        looks_for: "`vercel rollback` with an option that it does not have, such as `--previous`",
        sentence: "`{}` has an option that `vercel rollback` does not have; there is no way to say \"the previous one\".",
        next_step: "Name the deployment to go back to; its options are `--timeout` and `--yes`.",
        source: "vercel/vercel, packages/cli/src/commands/rollback/command.ts",
        wrong: "```js\nexecSync('vercel rollback --previous');\n```",
        right: "```js\nexecSync('vercel rollback shop-abc123.vercel.app --yes');\n```",
        search: Search::Command(|command| {
            command.begins(&["vercel", "rollback"]) && unknown_options(command).next().is_some()
        }),
    },
    Rule {
        id: "previous-by-position",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "A release that is chosen by its line in a list for people (`vercel ls | head -n 2 | tail -n 1`)",
        sentence: "The output of `{}` is for people: a line chosen by its position can be the heading, the live release or one that failed.",
        next_step: "Write down how a person finds the release that served before, or ask the platform's API for releases that can be rolled back to.",
        source: "The output of `vercel ls` has a heading and failed builds; after a rollback the newest line is not what serves",
        wrong: "```sh\nPREVIOUS=$(vercel ls shop --prod | head -n 2 | tail -n 1)\n```",
        right: "```sh\nvercel ls shop --prod\n```",
        search: Search::Runbook(previous_by_position),
    },
    Rule {
        id: "promote-is-no-rollback",
        group: GROUP,
        severity: Severity::Warning,
        platform: Some("vercel"),
        looks_for: "\"Promote to Production\" as a rollback",
        sentence: "\"{}\" is not a rollback: a preview is built again with today's settings, and automatic deploys stay on, so the next push replaces it.",
        next_step: "Use Vercel's Instant Rollback (the project's page → Instant Rollback, or `vercel rollback <deployment>`): it moves the domains to the old build and holds automatic deploys off.",
        source: "vercel.com/docs/deployments/promoting-a-deployment and vercel.com/docs/instant-rollback",
        wrong: "1. Click \"Promote to Production\"",
        right: "1. Click \"Instant Rollback\". Never \"Promote to Production\".",
        search: Search::Text(r"(?i)\bpromote to production\b"),
    },
    Rule {
        id: "branch-is-a-preview",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("vercel"),
        looks_for: "A push of a branch for the rollback, as if that deployed production",
        sentence: "`{}` pushes a branch that is not the production branch: Vercel makes a preview of it, and production stays as it is.",
        next_step: "Roll back to a deployment (`vercel rollback <deployment>`), or revert the commit on the production branch.",
        source: "vercel.com/docs/deployments/environments: branches other than the production branch are previews",
        wrong: "Vercel deploys it.\n```sh\ngit checkout -b rollback/v12\ngit reset --hard abc1234\ngit push origin HEAD\n```",
        right: "Vercel deploys it.\n```sh\ngit revert --no-edit abc1234\ngit push origin main\n```",
        search: Search::Runbook(branch_is_a_preview),
    },
    Rule {
        id: "railway-rollback",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("railway"),
        looks_for: "`railway rollback`",
        sentence: "`{}` does not exist: Railway's command line has no `rollback`.",
        next_step: "Use the deployment's menu → Rollback in Railway's dashboard, or the API's `deploymentRollback(id)`.",
        source: "railwayapp/cli, src/main.rs: the list of commands; docs.railway.com/deployments/deployment-actions",
        wrong: "```sh\nrailway rollback\n```",
        right: "```sh\nrailway deployment list\n```",
        search: Search::Command(|command| command.begins(&["railway", "rollback"])),
    },
    Rule {
        id: "docker-name-taken",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("docker"),
        looks_for: "`docker run --name` after `docker stop` without removing or renaming the container",
        sentence: "`{}` fails, because a stopped container keeps its name; by then the old one is stopped and nothing serves.",
        next_step: "Rename the old one first (`docker rename web web-before`), so that it can be started again.",
        source: "Docker Engine API: creating a container whose name is in use is answered with 409",
        wrong: "```sh\ndocker stop web\ndocker run -d --name web -p 80:80 shop@sha256:ab12\n```",
        right: "```sh\ndocker stop web\ndocker rename web web-before\ndocker run -d --name web -p 80:80 shop@sha256:ab12\n```",
        search: Search::Runbook(docker_name_taken),
    },
    Rule {
        id: "docker-run-forgets",
        group: GROUP,
        severity: Severity::Warning,
        platform: Some("docker"),
        looks_for: "`docker run` after `docker stop` with no ports, volumes, network or restart policy",
        sentence: "`{}` starts a container without the ports, volumes, networks and restart policy of the one that was stopped.",
        next_step: "Write down all of them, as `docker inspect` shows them, or use the Compose file that has them.",
        source: "docs.docker.com/reference/cli/docker/container/run: what is not given is the default",
        wrong: "```sh\ndocker stop web\ndocker rm web\ndocker run -d --name web shop@sha256:ab12\n```",
        right: "```sh\ndocker stop web\ndocker rm web\ndocker run -d --name web -p 80:80 --restart always shop@sha256:ab12\n```",
        search: Search::Runbook(docker_run_forgets),
    },
    Rule {
        id: "docker-tag-moves",
        group: GROUP,
        severity: Severity::Warning,
        platform: Some("docker"),
        looks_for: "An image that is named by a word that moves, such as `latest` or `previous-tag`",
        sentence: "`{}` names its image by a tag that moves: it may be another image by the time somebody runs it.",
        next_step: "Name the image by its digest (`shop@sha256:…`) or by the tag of one release.",
        source: "docs.docker.com/reference/cli/docker/image/tag: a tag is a name that can be given to another image",
        wrong: "```sh\ndocker run -p 80:80 shop:previous\n```",
        right: "```sh\ndocker run -p 80:80 shop:v1.4.2\n```",
        search: Search::Command(docker_tag_moves),
    },
    Rule {
        id: "supabase-db-unknown",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "A command of `supabase db` that does not exist, such as `supabase db version`",
        sentence: "`{}` does not exist in Supabase's command line.",
        next_step: "`supabase migration list` shows which migrations ran, here and in the linked project.",
        source: "supabase/cli, cmd/db.go: branch, diff, dump, push, pull, remote, reset, lint, start, test, query, advisors",
        wrong: "```sh\necho $(supabase db version)\n```",
        right: "```sh\nsupabase migration list\n```",
        search: Search::Command(|command| {
            const KNOWN: [&str; 12] = [
                "branch", "diff", "dump", "push", "pull", "remote", "reset", "lint", "start",
                "test", "query", "advisors",
            ];
            let verb = command.plain().nth(2);
            command.begins(&["supabase", "db"]) && verb.is_some_and(|verb| !KNOWN.contains(&verb))
        }),
    },
    Rule {
        id: "supabase-ledger",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "`schema_migrations` without its schema in a runbook about Supabase, or a version in it that is no number",
        sentence: "`{}` is not where Supabase keeps its migrations, so it fails or changes another table.",
        next_step: "Write `supabase_migrations.schema_migrations`; its `version` is the number that the file of the migration begins with.",
        source: "supabase/cli, pkg/migration/history.go",
        wrong: "Supabase:\n```sql\nSELECT version FROM schema_migrations;\n```",
        right: "Supabase:\n```sql\nSELECT version FROM supabase_migrations.schema_migrations;\n```",
        search: Search::Runbook(supabase_ledger),
    },
    Rule {
        id: "supabase-dashboard-rollback",
        group: GROUP,
        severity: Severity::Note,
        platform: None,
        looks_for: "A Rollback button on the page of migrations in Supabase's dashboard",
        sentence: "Supabase documents no button on its page of migrations that takes one back (\"{}\").",
        next_step: "Look for the button now, before it is needed; what is sure is SQL that takes the migration back, written and tried beforehand.",
        source: "supabase.com/docs/guides/deployment/database-migrations names none",
        wrong: "In Supabase:\n1. Open https://supabase.com/dashboard/project/x/database/migrations\n2. Click the \"Rollback\" button",
        right: "In Supabase:\n1. Run the reviewed SQL that takes the migration back",
        search: Search::Runbook(supabase_dashboard_rollback),
    },
    Rule {
        id: "prisma-unknown",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "A command of `prisma migrate` that does not exist, such as `prisma migrate down`",
        sentence: "`{}` does not exist: Prisma takes no migration back.",
        next_step: "Write a new migration that does the opposite, review it, and run it with `prisma migrate deploy`.",
        source: "prisma.io/docs/orm/reference/prisma-cli-reference: dev, reset, deploy, resolve, status, diff",
        wrong: "```sh\nnpx prisma migrate down\n```",
        right: "```sh\nnpx prisma migrate deploy\n```",
        search: Search::Command(|command| {
            const KNOWN: [&str; 6] = ["dev", "reset", "deploy", "resolve", "status", "diff"];
            let verb = command.plain().nth(2);
            command.begins(&["prisma", "migrate"])
                && verb.is_some_and(|verb| !KNOWN.contains(&verb))
        }),
    },
    Rule {
        id: "prisma-resolve",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "`prisma migrate resolve --rolled-back` as a rollback",
        sentence: "`{}` runs no SQL: it only marks a migration that failed as taken back.",
        next_step: "Undo what the migration has done by SQL first, and mark it then.",
        source: "prisma.io/docs/orm/prisma-migrate/workflows/patching-and-hotfixing",
        wrong: "```sh\nprisma migrate resolve --rolled-back 20260101_add\n```",
        right: "```sh\nprisma migrate resolve --applied 20260101_add\n```",
        search: Search::Command(|command| {
            command.begins(&["prisma", "migrate", "resolve"]) && command.has(&["--rolled-back"])
        }),
    },
    Rule {
        id: "push-of-another-branch",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`git checkout <tag>` and then a push of `main`",
        sentence: "`{}` pushes the local `main` and not what was checked out before, so the old version goes nowhere.",
        next_step: "Revert the commits on `main` (`git revert`) and push that.",
        source: "git-push(1): `main` is `main:main`, whatever is checked out",
        wrong: "```sh\ngit checkout v1.2.2\ngit push origin main\n```",
        right: "```sh\ngit revert --no-edit v1.2.2..HEAD\ngit push origin main\n```",
        search: Search::Runbook(push_of_another_branch),
    },
    Rule {
        id: "vercel-variable-is-no-version",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("vercel"),
        looks_for: "`vercel --prod --env TAG=…` as a way to deploy a version",
        sentence: "`{}` builds what lies in this directory: a variable chooses no version.",
        next_step: "Roll back to a deployment that was built from that version: `vercel rollback <deployment>`.",
        source: "vercel.com/docs/cli/deploy: `--env` sets a variable at run time",
        wrong: "```sh\nvercel --prod --env TAG=v1.2.2\n```",
        right: "```sh\nvercel rollback https://shop-abc123.vercel.app --yes\n```",
        search: Search::Command(|command| {
            let value = command.value(&["--env", "-e", "--build-env", "-b"]);
            let names_version = |value: &str| {
                let name = value.split('=').next().unwrap_or_default();
                ["TAG", "VERSION", "COMMIT", "SHA", "RELEASE"].contains(&name)
            };
            command.begins(&["vercel"]) && value.is_some_and(names_version)
        }),
    },
    Rule {
        id: "setting-waits-for-a-deploy",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "Environment variables that take effect by waiting for the next deployment",
        sentence: "\"{}\" leaves production as it is: a deployment keeps the variables that it was built with, and nothing deploys by itself.",
        next_step: "Deploy again right away, and say which deployment: the one that serves, or the one that is gone back to.",
        source: "vercel.com/docs/environment-variables: a change applies to new deployments only",
        wrong: "1. Restore the variable\n2. Redeploy (or wait for auto-redeploy)",
        right: "1. Restore the variable\n2. Redeploy what serves",
        search: Search::Text(
            r"(?i)\bwait for (the |an? )?(next|auto(matic)?)[- ]?(re-?)?deploy(ment|s)?\b",
        ),
    },
    Rule {
        id: "render-manual-deploy",
        group: GROUP,
        severity: Severity::Warning,
        platform: Some("render"),
        looks_for: "\"Manual Deploy\" on Render as a rollback",
        sentence: "\"{}\" builds a commit again on Render; it does not go back to an earlier build.",
        next_step: "Use the service's Events → Rollback, and switch automatic deploys off before.",
        source: "render.com/docs/rollbacks",
        wrong: "On Render: click the \"Manual Deploy\" tab",
        right: "On Render: click Events, then Rollback",
        search: Search::Runbook(render_manual_deploy),
    },
];

/// The options that `vercel rollback` does not have. Those of every command begin the list.
fn unknown_options(command: &Command) -> impl Iterator<Item = &str> {
    const KNOWN: [&str; 19] = [
        "--help",
        "-h",
        "--version",
        "-v",
        "--debug",
        "-d",
        "--token",
        "-t",
        "--scope",
        "-S",
        "--team",
        "-T",
        "--cwd",
        "--no-color",
        "--local-config",
        "-A",
        "--timeout",
        "--yes",
        "-y",
    ];
    command.options().filter(|option| !KNOWN.contains(option))
}

/// The commands of each block, without those that are warned of.
fn scripts(runbook: &Runbook) -> impl Iterator<Item = Vec<&Typed>> {
    runbook.blocks.iter().map(|block| {
        let commands = block.commands.iter();
        commands.filter(|typed| !typed.is_warned_of).collect()
    })
}

fn spot(typed: &Typed) -> Spot {
    Spot {
        place: typed.place.clone(),
        names: typed.command.typed(),
    }
}

fn previous_by_position(runbook: &Runbook) -> Vec<Spot> {
    let lists = |command: &Command| {
        [
            ["vercel", "ls"],
            ["vercel", "list"],
            ["railway", "deployment"],
            ["railway", "status"],
            ["heroku", "releases"],
            ["fly", "releases"],
            ["flyctl", "releases"],
            ["docker", "images"],
            ["helm", "history"],
            ["supabase", "migration"],
        ]
        .iter()
        .any(|words| command.begins(words))
    };
    let chooses = |command: &Command| {
        matches!(command.plain().next(), Some("head" | "tail" | "sed"))
            || (command.begins(&["awk"])
                && command.words.iter().any(|word| word.text.contains("NR")))
    };
    let found = scripts(runbook).flat_map(|script| {
        let pairs = script.windows(2);
        let chosen = pairs.filter(|pair| {
            let (list, choice) = (&pair[0].command, &pair[1].command);
            lists(list) && list.is_piped && chooses(choice)
        });
        chosen.map(|pair| spot(pair[0])).collect::<Vec<_>>()
    });
    found.collect()
}

fn branch_is_a_preview(runbook: &Runbook) -> Vec<Spot> {
    static VERCEL: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bvercel\b"));
    if !runbook.names(&VERCEL) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for script in scripts(runbook) {
        let mut is_on_branch = false;
        let mut pushed = Vec::new();
        for typed in script {
            let command = &typed.command;
            let makes = command.begins(&["git", "checkout"]) && command.has(&["-b", "-B"])
                || command.begins(&["git", "switch"]) && command.has(&["-c", "-C", "--create"]);
            is_on_branch |= makes;
            if command.begins(&["git", "push"]) {
                let branch = command.plain().nth(3).unwrap_or("HEAD");
                let is_for_rollback = branch.contains("rollback") || branch.contains("revert");
                if is_for_rollback || (is_on_branch && branch == "HEAD") {
                    pushed.push(spot(typed));
                }
            }
            // Another command deploys what was pushed.
            if command.begins(&["vercel"]) && command.has(&["--prod", "--target"]) {
                pushed.clear();
            }
        }
        found.append(&mut pushed);
    }
    found
}

/// The `docker run` commands of a script that start again what was stopped before, and whether its
/// name is free by then.
fn started_again<'a>(script: &[&'a Typed]) -> Vec<(&'a Typed, bool)> {
    let mut stopped: Vec<&str> = Vec::new();
    let mut free: Vec<&str> = Vec::new();
    let mut started = Vec::new();
    for typed in script {
        let command = &typed.command;
        let names = command.plain().skip(2);
        if command.begins(&["docker", "stop"]) || command.begins(&["docker", "kill"]) {
            stopped.extend(names.take(8));
        } else if command.begins(&["docker", "rm"]) || command.begins(&["docker", "rename"]) {
            stopped.extend(command.plain().skip(2).take(8));
            free.extend(names.take(8));
        } else if command.begins(&["docker", "run"])
            && let Some(name) = command.value(&["--name"])
            && stopped
                .iter()
                .rev()
                .take(64)
                .any(|stopped| *stopped == name)
        {
            started.push((*typed, free.iter().rev().take(64).any(|free| *free == name)));
        }
    }
    started
}

fn docker_name_taken(runbook: &Runbook) -> Vec<Spot> {
    let started = scripts(runbook).flat_map(|script| started_again(&script));
    let taken = started.filter(|(_, is_free)| !is_free);
    taken.map(|(typed, _)| spot(typed)).collect()
}

fn docker_run_forgets(runbook: &Runbook) -> Vec<Spot> {
    let started = scripts(runbook).flat_map(|script| started_again(&script));
    let forgetful = started.filter(|(typed, _)| {
        !typed.command.has(&[
            "-p",
            "--publish",
            "-P",
            "-v",
            "--volume",
            "--mount",
            "--network",
            "--net",
            "--restart",
        ])
    });
    forgetful.map(|(typed, _)| spot(typed)).collect()
}

fn docker_tag_moves(command: &Command) -> bool {
    const MOVING: [&str; 9] = [
        "latest",
        "previous",
        "previous-tag",
        "prev",
        "stable",
        "old",
        "last",
        "main",
        "production",
    ];
    let names_moving = |word: &str| {
        let tag = word.rsplit_once(':').filter(|(image, _)| !image.is_empty());
        !word.contains('@') && tag.is_some_and(|(_, tag)| MOVING.contains(&tag))
    };
    (command.begins(&["docker", "run"])
        || command.begins(&["docker", "pull"])
        || command.begins(&["docker", "service", "update"]))
        && command.words.iter().skip(2).any(|word| {
            names_moving(
                word.text
                    .split_once('=')
                    .map_or(word.text.as_str(), |(_, value)| value),
            )
        })
}

fn supabase_ledger(runbook: &Runbook) -> Vec<Spot> {
    static SUPABASE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bsupabase\b"));
    static PRISMA_OR_RAILS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\brails\b|\bknex\b|\becto\b"));
    if !runbook.names(&SUPABASE) || runbook.names(&PRISMA_OR_RAILS) {
        return Vec::new();
    }
    let statements = runbook.blocks.iter().flat_map(|block| &block.statements);
    let wrong = statements.filter(|(statement, _, is_warned_of)| {
        let names = statement.has(&["SCHEMA_MIGRATIONS"]);
        let is_qualified = statement.has(&["SUPABASE_MIGRATIONS", ".", "SCHEMA_MIGRATIONS"]);
        names && !is_qualified && !is_warned_of
    });
    wrong
        .map(|(_, place, _)| Spot {
            place: place.clone(),
            names: "schema_migrations".to_owned(),
        })
        .collect()
}

fn supabase_dashboard_rollback(runbook: &Runbook) -> Vec<Spot> {
    static PAGE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"supabase\.com/dashboard\S*/database/migrations"));
    static BUTTON: LazyLock<Regex> =
        LazyLock::new(|| pattern(r#"(?i)\bclick\b.{0,20}["“'*]?roll ?back["”'*]?( button)?"#));
    let pages: Vec<usize> = runbook
        .passages
        .iter()
        .filter(|passage| PAGE.is_match(passage.text()))
        .map(|passage| passage.section)
        .collect();
    let passages = runbook.passages.iter();
    let beside = passages.filter(|passage| pages.binary_search(&passage.section).is_ok());
    beside
        .filter_map(|passage| {
            let found = BUTTON.find(passage.text())?;
            Some(Spot {
                place: passage.extract.place(&found.range()),
                names: found.as_str().to_owned(),
            })
        })
        .collect()
}

fn push_of_another_branch(runbook: &Runbook) -> Vec<Spot> {
    let mut found = Vec::new();
    for script in scripts(runbook) {
        let mut is_detached = false;
        for typed in script {
            let command = &typed.command;
            if command.begins(&["git", "checkout"]) || command.begins(&["git", "switch"]) {
                let target = command.plain().nth(2).unwrap_or_default();
                let makes_branch = command.has(&["-b", "-B", "-c", "-C"]);
                let is_file = command.words.iter().any(|word| word.text == "--");
                is_detached = is_release(target) && !makes_branch && !is_file;
            }
            let branch = command.plain().nth(3);
            if is_detached
                && command.begins(&["git", "push"])
                && matches!(branch, Some("main" | "master" | "production"))
            {
                found.push(spot(typed));
            }
        }
    }
    found
}

/// Whether it looks like a tag or a commit, or like a placeholder of one.
fn is_release(target: &str) -> bool {
    static RELEASE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)^v?\d+\.\d+|^[0-9a-f]{7,40}$|(commit|sha|tag|version|hash)")
    });
    RELEASE.is_match(target)
}

fn render_manual_deploy(runbook: &Runbook) -> Vec<Spot> {
    static RENDER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bRender\b|render\.com"));
    static BUTTON: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bmanual deploy\b"));
    match runbook.names(&RENDER) {
        true => crate::in_text(runbook, &BUTTON),
        false => Vec::new(),
    }
}
