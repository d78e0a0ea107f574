//! What the migrations between two releases mean for going back to the earlier one.

use crate::risk::Caution;

/// Where a service keeps its migrations, and what brings its tables up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFiles {
    /// The directory in the repository: `supabase/migrations`.
    pub directory: String,
    /// What runs them when the application starts; `None`: it starts without looking at them.
    pub at_start: Option<Runner>,
}

/// What runs migrations when an application starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// `sqlx::migrate!`, which ends with `VersionMissing` (sqlx, migrate/migrator.rs).
    Sqlx,
    /// golang-migrate, which ends with `no migration found for version`.
    GolangMigrate,
    /// Knex, which says that the migration directory is corrupt.
    Knex,
    /// Alembic, which cannot locate the revision.
    Alembic,
    /// One that starts beside migrations it does not know: Flyway, Prisma, Drizzle, Rails.
    Tolerant,
}

impl Runner {
    /// Every runner, as configurations name it.
    pub const ALL: [(&str, Runner); 8] = [
        ("sqlx", Runner::Sqlx),
        ("golang-migrate", Runner::GolangMigrate),
        ("knex", Runner::Knex),
        ("alembic", Runner::Alembic),
        ("flyway", Runner::Tolerant),
        ("prisma", Runner::Tolerant),
        ("drizzle", Runner::Tolerant),
        ("rails", Runner::Tolerant),
    ];

    /// Its name, if it lets no application start beside a migration that it does not know.
    pub fn refuses(self) -> Option<&'static str> {
        match self {
            Runner::Sqlx => Some("sqlx"),
            Runner::GolangMigrate => Some("golang-migrate"),
            Runner::Knex => Some("Knex"),
            Runner::Alembic => Some("Alembic"),
            Runner::Tolerant => None,
        }
    }
}

/// What is known of the migrations that lie between the target of a plan and what is live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReading {
    /// What speaks against going back; `None`: nothing does.
    pub caution: Option<Caution>,
    /// What people should know, each as a short clause.
    pub details: Vec<String>,
}

impl MigrationReading {
    /// It could not be read, and why, as a clause.
    pub fn unknown(why: String) -> Self {
        Self {
            caution: Some(Caution::MigrationsUnknown { why }),
            details: vec![],
        }
    }
}
