//! What destroys data, history or what serves.

use super::{Group, Rule, Search, Severity};
use crate::{
    Spot,
    runbook::Runbook,
    shell::{Command, pattern},
    sql::Statement,
};
use regex::Regex;
use std::sync::LazyLock;

const GROUP: Group = Group::Destroys;

/// The rules of this group.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "supabase-db-reset",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`supabase db reset`",
        sentence: "`{}` drops every table and runs the migrations again: on a linked project (`--linked`, `--db-url`) all data in it is lost, and otherwise only the database on this machine changes.",
        next_step: "Take a migration back by SQL that was written and reviewed for it, after a backup; `supabase db reset` is for development.",
        source: "supabase/cli, docs/supabase/db/reset.md: \"you will lose all data in this database\"",
        wrong: "```sh\nsupabase db reset --version 20260101\n```",
        right: "```sh\nsupabase db reset --local\n```",
        search: Search::Command(|command| {
            command.begins(&["supabase", "db", "reset"]) && !command.has(&["--local"])
        }),
    },
    Rule {
        id: "supabase-migration-down",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`supabase migration down`",
        sentence: "`{}` drops every schema and runs the migrations again: all data in the database is lost.",
        next_step: "Take a migration back by SQL that was written and reviewed for it, after a backup.",
        source: "supabase/cli, internal/migration/down/down.go: \"you will lose all data in this database\"",
        wrong: "```sh\nsupabase migration down --last 1\n```",
        right: "```sh\nsupabase migration list\n```",
        search: Search::Command(|command| {
            command.begins(&["supabase", "migration", "down"]) && !command.has(&["--local"])
        }),
    },
    Rule {
        id: "restore-is-in-place",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "Point-in-time recovery on Supabase that is said to make a new database",
        sentence: "\"{}\": point-in-time recovery on Supabase restores in place. The project cannot be reached meanwhile, and everything written after that moment is lost.",
        next_step: "Say that it replaces the live data, announce the outage, stop writes first; \"Restore to a new project\" is another function.",
        source: "supabase.com/docs/guides/platform/backups",
        wrong: "Supabase: PITR creates a NEW database.",
        right: "Supabase: PITR replaces the live database.",
        search: Search::Runbook(restore_is_in_place),
    },
    Rule {
        id: "prisma-migrate-dev",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`prisma migrate dev` and `prisma migrate reset`",
        sentence: "`{}` is for development: it can ask to reset the database, and then all data is lost.",
        next_step: "Write the migration that does the opposite beforehand, on a development database, and run it with `prisma migrate deploy`.",
        source: "prisma.io/docs/orm/prisma-migrate/workflows/development-and-production: never in production",
        wrong: "```sh\nnpx prisma migrate dev --create-only\n```",
        right: "```sh\nnpx prisma migrate deploy\n```",
        search: Search::Command(|command| {
            command.begins(&["prisma", "migrate", "dev"])
                || command.begins(&["prisma", "migrate", "reset"])
                || (command.begins(&["prisma", "db", "push"])
                    && command.has(&["--force-reset", "--accept-data-loss"]))
        }),
    },
    Rule {
        id: "sql-cascade",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`DROP … CASCADE`",
        sentence: "`{}` also drops what depends on it, and everything that was written into it since.",
        next_step: "List what depends on it (`pg_depend`) and name each thing; keep a dump of the table first.",
        source: "postgresql.org/docs/current/ddl-depend.html",
        wrong: "```sql\nDROP TABLE flags CASCADE;\n```",
        right: "```sql\nALTER TABLE flags RENAME TO flags_unused;\n```",
        search: Search::Statement(|statement| {
            statement.has(&["DROP"]) && statement.has(&["CASCADE"])
        }),
    },
    Rule {
        id: "sql-drop",
        group: GROUP,
        severity: Severity::Warning,
        platform: None,
        looks_for: "`DROP TABLE`, `DROP COLUMN`, `DROP SCHEMA`, `DROP DATABASE` and `dropdb`",
        sentence: "`{}` loses what was written there since the deployment.",
        next_step: "Let the old version ignore it (rename it, or leave it), and drop it when nobody can go forward again; keep a dump first.",
        source: "postgresql.org/docs/current/sql-droptable.html and sql-altertable.html",
        wrong: "```sql\nALTER TABLE orders DROP COLUMN note;\n```",
        right: "```sql\n-- Instead of dropping it at once:\nALTER TABLE orders RENAME COLUMN note TO note_unused;\n```",
        search: Search::Statement(|statement| {
            let drops = ["TABLE", "COLUMN", "SCHEMA", "DATABASE"];
            drops.iter().any(|thing| statement.has(&["DROP", thing]))
                && !statement.has(&["CASCADE"])
        }),
    },
    Rule {
        id: "sql-truncate",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`TRUNCATE`",
        sentence: "`{}` empties a table, and nothing of it comes back without a backup.",
        next_step: "Copy the table first, and delete the rows that are meant by a WHERE.",
        source: "postgresql.org/docs/current/sql-truncate.html",
        wrong: "```sh\npsql \"$DATABASE_URL\" -c 'TRUNCATE sessions'\n```",
        right: "```sh\npsql \"$DATABASE_URL\" -c 'SELECT count(*) FROM sessions'\n```",
        search: Search::Statement(|statement| statement.starts(&["TRUNCATE"])),
    },
    Rule {
        id: "sql-every-row",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`DELETE` or `UPDATE` without `WHERE`",
        sentence: "`{}` changes every row of the table.",
        next_step: "Add a WHERE, and run it in a transaction whose count of rows is looked at before COMMIT.",
        source: "postgresql.org/docs/current/sql-delete.html and sql-update.html",
        wrong: "```sql\nUPDATE flags SET enabled = false;\n```",
        right: "```sql\nUPDATE flags SET enabled = false WHERE key = 'checkout';\n```",
        search: Search::Statement(every_row),
    },
    Rule {
        id: "force-push",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`git push --force`, `-f`, `--force-with-lease` or `+main`",
        sentence: "`{}` rewrites what others have, in the middle of an incident: commits disappear, and pipelines that run meanwhile deploy what nobody chose.",
        next_step: "Roll the deployment back on its platform, and revert the commit with `git revert` and an ordinary push.",
        source: "git-push(1): --force can make the remote repository lose commits",
        wrong: "```sh\ngit push -f origin main\n```",
        right: "```sh\ngit push origin main\n```",
        search: Search::Command(|command| {
            let has_plus = command.plain().skip(2).any(|word| word.starts_with('+'));
            command.begins(&["git", "push"])
                && (has_plus || command.has(&["--force", "-f", "--force-with-lease", "--mirror"]))
        }),
    },
    Rule {
        id: "railway-down",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("railway"),
        looks_for: "`railway down`",
        sentence: "`{}` removes the deployment that serves: there is an outage until another one is built.",
        next_step: "Roll back to a deployment that is there (its menu → Rollback); nothing has to be taken down before.",
        source: "railwayapp/cli, src/commands/down.rs: \"Remove the most recent deployment\"",
        wrong: "```sh\nrailway down\n```",
        right: "```sh\nrailway redeploy\n```",
        search: Search::Command(|command| command.begins(&["railway", "down"])),
    },
    Rule {
        id: "docker-volumes",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("docker"),
        looks_for: "`docker compose down -v`, `docker volume rm` and `docker volume prune`",
        sentence: "`{}` removes volumes, and the data in them.",
        next_step: "Stop the containers without `-v`; volumes are not part of a rollback.",
        source: "docs.docker.com/reference/cli/docker/compose/down",
        wrong: "```sh\ndocker compose down -v\n```",
        right: "```sh\ndocker compose stop\n```",
        search: Search::Command(|command| {
            let is_down = command.begins(&["docker", "compose", "down"])
                || command.begins(&["docker-compose", "down"]);
            (is_down && command.has(&["-v", "--volumes"]))
                || command.begins(&["docker", "volume", "rm"])
                || command.begins(&["docker", "volume", "prune"])
        }),
    },
    Rule {
        id: "docker-prune",
        group: GROUP,
        severity: Severity::Warning,
        platform: Some("docker"),
        looks_for: "`docker system prune` and `docker image prune -a`",
        sentence: "`{}` removes the images that a rollback goes back to.",
        next_step: "Leave it out, or keep the images of the last releases (`--filter until=720h`).",
        source: "docs.docker.com/reference/cli/docker/image/prune",
        wrong: "```sh\ndocker system prune -af\n```",
        right: "```sh\ndocker image prune\n```",
        search: Search::Command(|command| {
            let has_filter = command.has(&["--filter"]);
            let all = command.has(&["-a", "--all", "-af", "-fa"]);
            (command.begins(&["docker", "system", "prune"])
                || (command.begins(&["docker", "image", "prune"]) && all))
                && !has_filter
        }),
    },
    Rule {
        id: "kubectl-delete",
        group: GROUP,
        severity: Severity::Error,
        platform: Some("kubernetes"),
        looks_for: "`kubectl delete` of a namespace, a volume or a deployment",
        sentence: "`{}` removes it instead of taking it back: there is an outage, and with a namespace or a claim the data goes.",
        next_step: "`kubectl rollout undo` goes back to an earlier revision and deletes nothing.",
        source: "kubernetes.io/docs/reference/kubectl/generated/kubectl_rollout/kubectl_rollout_undo",
        wrong: "```sh\nkubectl delete deployment shop\n```",
        right: "```sh\nkubectl rollout undo deployment/shop\n```",
        search: Search::Command(deletes_in_cluster),
    },
    Rule {
        id: "restore-over-live",
        group: GROUP,
        severity: Severity::Error,
        platform: None,
        looks_for: "`pg_restore --clean`, and `dropdb`",
        sentence: "`{}` drops what is in the database before anything has been restored.",
        next_step: "Restore into a new database, compare it with the live one, and switch then.",
        source: "postgresql.org/docs/current/app-pgrestore.html: --clean",
        wrong: "```sh\npg_restore --clean -d shop backup.dump\n```",
        right: "```sh\ncreatedb shop_restored\npg_restore -d shop_restored backup.dump\n```",
        search: Search::Command(|command| {
            command.begins(&["dropdb"])
                || (command.begins(&["pg_restore"]) && command.has(&["--clean", "-c"]))
        }),
    },
];

fn every_row(statement: &Statement) -> bool {
    let changes = statement.starts(&["DELETE", "FROM"])
        || (statement.starts(&["UPDATE"]) && statement.has(&["SET"]));
    changes && !statement.has(&["WHERE"])
}

fn deletes_in_cluster(command: &Command) -> bool {
    const THINGS: [&str; 14] = [
        "namespace",
        "namespaces",
        "ns",
        "pvc",
        "persistentvolumeclaim",
        "pv",
        "deployment",
        "deployments",
        "deploy",
        "statefulset",
        "statefulsets",
        "sts",
        "daemonset",
        "ds",
    ];
    let thing = command.plain().skip_while(|word| *word != "delete").nth(1);
    let thing = thing.and_then(|thing| thing.split('/').next());
    command.begins(&["kubectl"]) && thing.is_some_and(|thing| THINGS.contains(&thing))
}

fn restore_is_in_place(runbook: &Runbook) -> Vec<Spot> {
    static SUPABASE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bsupabase\b"));
    static CLAIM: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(pitr|point[- ]in[- ]time( recovery| restore)?)\b[^.]{0,40}\b(creates?|makes?|into|gives?)\b[^.]{0,20}\bnew (database|project)\b",
        )
    });
    match runbook.names(&SUPABASE) {
        true => crate::in_text(runbook, &CLAIM),
        false => Vec::new(),
    }
}
