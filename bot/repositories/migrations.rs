//! Which migrations lie between two releases, and what they mean for the earlier one.

use super::{Repositories, cut, one_line};
use rollback_domain::{
    changes::Repository,
    migrations::{MigrationFiles, MigrationReading},
    release::Release,
    risk::Caution,
};
use rollback_migrations::{Change, Effect, Verdict, judge};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How many readings are kept. What lies between two commits never changes.
const KEPT_AT_MOST: usize = 64;
/// How many migrations are named.
const NAMED_AT_MOST: usize = 3;

/// What was read before, by the repository, the directory and both commits.
#[derive(Clone, Debug, Default)]
pub struct MigrationReadings(Arc<Mutex<BTreeMap<String, MigrationReading>>>);

/// A file that differs between two commits.
pub(super) struct ChangedFile {
    /// Its path in the repository.
    pub(super) path: String,
    /// What became of it.
    pub(super) kind: ChangeKind,
}

/// How a file differs.
pub(super) enum ChangeKind {
    /// It was added, with this text; `None`: the host does not tell it.
    Added(Option<String>),
    /// It was there, and says something else, or has another name.
    Changed,
    /// It is gone.
    Removed,
}

/// The text of a file that was added, out of the difference in which each of its lines begins with
/// a plus.
pub(super) fn added_text(difference: &str) -> String {
    difference
        .lines()
        .filter_map(|line| line.strip_prefix('+'))
        .fold(String::new(), |text, line| text + line + "\n")
}

impl Repositories {
    /// What the migrations mean that were added between the release `to` and the later `from`.
    pub async fn migrations(
        &self,
        repository: &Repository,
        files: &MigrationFiles,
        from: &Release,
        to: &Release,
    ) -> MigrationReading {
        let key = format!("{repository:?} {files:?} {:?} {:?}", from.sha, to.sha);
        if let Some(kept) = self.kept.get(&key) {
            return kept;
        }
        let differ = match repository {
            Repository::GitHub(name) => match &self.github {
                Some(github) => github.files(name, from, to).await,
                None => Err("[github] is not configured".to_owned()),
            },
            Repository::GitLab(name) => match &self.gitlab {
                Some(gitlab) => gitlab.files(name, from, to).await,
                None => Err("[gitlab] is not configured".to_owned()),
            },
        };
        match differ {
            // What a host does not answer now, it may answer later.
            Err(why) => MigrationReading::unknown(why),
            Ok(differ) => {
                let reading = read(files, differ, to.label());
                self.kept.keep(key, reading.clone());
                reading
            }
        }
    }
}

impl MigrationReadings {
    fn get(&self, key: &str) -> Option<MigrationReading> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).cloned()
    }

    fn keep(&self, key: String, reading: MigrationReading) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_AT_MOST {
            kept.clear();
        }
        kept.insert(key, reading);
    }
}

/// What the files that differ mean for the release that is called `target`.
fn read(files: &MigrationFiles, differ: Vec<ChangedFile>, target: &str) -> MigrationReading {
    let within = format!("{}/", files.directory.trim_matches('/'));
    let mut ours: Vec<ChangedFile> = differ
        .into_iter()
        .filter(|file| file.path.starts_with(&within) && !is_on_the_way_back(&file.path))
        .collect();
    ours.sort_by(|one, other| one.path.cmp(&other.path));
    let name = |file: &ChangedFile| cut(&one_line(&file.path[within.len()..]), 80);
    if ours.is_empty() {
        return MigrationReading {
            caution: None,
            details: vec![format!("no migration in {within} since {target}")],
        };
    }
    let refuses = files.at_start.and_then(|runner| runner.refuses());
    let first_added = ours
        .iter()
        .find(|file| matches!(file.kind, ChangeKind::Added(_)));
    if let (Some(runner), Some(added)) = (refuses, first_added) {
        let text = format!(
            "{runner} does not let {target} start, because it does not know the migration {}; go forward instead",
            name(added)
        );
        return MigrationReading {
            caution: Some(Caution::Migrations { text }),
            details: vec![],
        };
    }
    let mut texts = vec![];
    for file in &ours {
        match &file.kind {
            ChangeKind::Added(Some(text)) if file.path.ends_with(".sql") => texts.push(up(text)),
            ChangeKind::Added(Some(_)) => {
                return MigrationReading::unknown(format!("{} is not SQL", name(file)));
            }
            ChangeKind::Added(None) => {
                return MigrationReading::unknown(format!(
                    "the repository does not tell what is in {}",
                    name(file)
                ));
            }
            ChangeKind::Changed => {
                return MigrationReading::unknown(format!(
                    "{} was changed since, and may have run before that or after",
                    name(file)
                ));
            }
            ChangeKind::Removed => {
                return MigrationReading::unknown(format!("{} was removed since", name(file)));
            }
        }
    }
    let names: Vec<String> = ours.iter().map(name).collect();
    told(&names, &judge(&texts), target)
}

/// What is told of migrations that were judged, each with its name.
fn told(names: &[String], judged: &[Vec<Change>], target: &str) -> MigrationReading {
    let all: Vec<(&String, &Change)> = names
        .iter()
        .zip(judged)
        .flat_map(|(name, changes)| changes.iter().map(move |change| (name, change)))
        .collect();
    let of = |wanted: &[Effect]| {
        all.iter()
            .filter(|(_, change)| wanted.contains(&change.effect))
            .copied()
            .collect::<Vec<_>>()
    };
    let worst = judged.concat();
    match Verdict::of(&worst) {
        Verdict::Safe => MigrationReading {
            caution: None,
            details: safe(names, &of(&[Effect::NeedsBackfill]), target),
        },
        Verdict::Unknown => {
            let unread = of(&[Effect::Unknown]);
            MigrationReading::unknown(first(&unread))
        }
        Verdict::Caution => {
            let mut against = of(&[Effect::BreaksOlderCode]);
            against.extend(of(&[Effect::ChangesData]));
            MigrationReading {
                caution: Some(Caution::Migrations {
                    text: format!("a migration came after {target}: {}", first(&against)),
                }),
                details: vec![],
            }
        }
    }
}

/// The first of several changes as a clause, with how many more there are.
fn first(changes: &[(&String, &Change)]) -> String {
    let Some((name, change)) = changes.first() else {
        return String::new();
    };
    let more = match changes.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    format!("{} in {name}: {}{more}", change.statement, change.why)
}

fn safe(names: &[String], unfilled: &[(&String, &Change)], target: &str) -> Vec<String> {
    let mut listed = names
        .iter()
        .take(NAMED_AT_MOST)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMED_AT_MOST {
        listed = format!("{listed} and {} more", names.len() - NAMED_AT_MOST);
    }
    let mut details = vec![format!(
        "as far as the SQL of the migrations since says, {target} works with what they left: {listed}"
    )];
    if let Some((_, change)) = unfilled.first() {
        details.push(format!("{}: {}", change.statement, change.why));
    }
    details
}

/// Whether a file takes a migration back.
fn is_on_the_way_back(path: &str) -> bool {
    path.ends_with(".down.sql") || path.ends_with("/down.sql")
}

/// The part of a text that goes forward, where one file has both: goose, dbmate.
fn up(text: &str) -> &str {
    let lowered = text.to_lowercase();
    let down = ["-- +goose down", "-- migrate:down"]
        .iter()
        .filter_map(|mark| lowered.find(mark))
        .filter(|at| text.is_char_boundary(*at))
        .min();
    &text[..down.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollback_domain::migrations::Runner;

    fn added(path: &str, text: &str) -> ChangedFile {
        ChangedFile {
            path: path.into(),
            kind: ChangeKind::Added(Some(text.into())),
        }
    }

    fn reading(at_start: Option<Runner>, differ: Vec<ChangedFile>) -> String {
        let files = MigrationFiles {
            directory: "db/migrations".into(),
            at_start,
        };
        let MigrationReading { caution, details } = read(&files, differ, "v212");
        let caution = caution.map(|caution| caution.draw("v212", jiff::Timestamp::UNIX_EPOCH));
        caution
            .into_iter()
            .chain(details)
            .collect::<Vec<_>>()
            .join(" · ")
    }

    #[test]
    fn what_lies_between_is_told_in_one_clause() {
        let drops = || {
            added(
                "db/migrations/2_tax.sql",
                "ALTER TABLE orders DROP COLUMN tax;",
            )
        };
        assert_eq!(
            reading(
                None,
                vec![
                    added("src/x.sql", "DROP TABLE a"),
                    added("db/migrations/1.down.sql", "DROP TABLE a")
                ]
            ),
            "no migration in db/migrations/ since v212"
        );
        assert_eq!(
            reading(
                None,
                vec![
                    drops(),
                    added("db/migrations/1_a.sql", "CREATE TABLE a (id int);")
                ]
            ),
            "a migration came after v212: DROP COLUMN orders.tax in 2_tax.sql: older code may read or write it"
        );
        assert_eq!(
            reading(Some(Runner::Sqlx), vec![added("db/migrations/1_a.sql", "")]),
            "sqlx does not let v212 start, because it does not know the migration 1_a.sql; go forward instead"
        );
        assert_eq!(
            reading(
                Some(Runner::Tolerant),
                vec![added(
                    "db/migrations/1_a.sql",
                    "-- +goose Up\nALTER TABLE o ADD COLUMN a int;\n-- +goose Down\nALTER TABLE o DROP COLUMN a;"
                )]
            ),
            "as far as the SQL of the migrations since says, v212 works with what they left: 1_a.sql · ADD COLUMN o.a: rows that older code writes have no value in it: fill them before going forward again"
        );
        assert_eq!(
            reading(None, vec![added("db/migrations/1.py", "x")]),
            "whether v212 works on today's tables is not known: 1.py is not SQL"
        );
        let removed = ChangedFile {
            path: "db/migrations/0.sql".into(),
            kind: ChangeKind::Removed,
        };
        assert_eq!(
            reading(None, vec![drops(), removed]),
            "whether v212 works on today's tables is not known: 0.sql was removed since"
        );
    }

    #[test]
    fn the_text_of_a_new_file_is_in_its_difference() {
        assert_eq!(
            added_text("@@ -0,0 +1,2 @@\n+SELECT 1;\n+\n\\ No newline at end of file"),
            "SELECT 1;\n\n"
        );
    }
}
