//! What a service's section says about its migrations.

use rollback_domain::migrations::{MigrationFiles, Runner};
use rollback_settings::{Section, text};

/// Reads `[services.NAME.ENVIRONMENT.migrations]`. `None`: it is not there.
pub(super) fn migrations(section: &Section<'_>, has_repository: bool) -> Option<MigrationFiles> {
    section.get("migrations")?;
    let within = section.section("migrations")?;
    let directory = within.required("directory", "\"supabase/migrations\"", |value| {
        let directory = text(value)?;
        let part = |part: &str| !part.is_empty() && part != "." && part != "..";
        match directory.trim_end_matches('/').split('/').all(part) {
            true => Ok(directory.trim_end_matches('/').to_owned()),
            false => Err(format!(
                "{directory:?} is no directory of a repository; write it as \"supabase/migrations\""
            )),
        }
    });
    let at_start = within.optional("at_start", |value| {
        let named = text(value)?;
        let known = Runner::ALL.iter().find(|(name, _)| *name == named);
        known.map(|(_, runner)| *runner).ok_or_else(|| {
            let names: Vec<&str> = Runner::ALL.iter().map(|(name, _)| *name).collect();
            format!("{named:?} is none of {}", names.join(", "))
        })
    });
    if !has_repository {
        section.mistake(
            "migrations",
            "is there, and no repository is; add github = \"owner/name\", or gitlab",
        );
    }
    within.done();
    Some(MigrationFiles {
        directory: directory?,
        at_start,
    })
}
