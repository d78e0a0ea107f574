//! Where the record is, as the drivers understand its address.

use rollback_http::cause;
use sqlx::{
    ConnectOptions, PgConnection, postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use tokio::time::timeout;
use url::{Url, form_urlencoded};

/// How long a first connection to Postgres may take.
const CONNECTS_WITHIN: Duration = Duration::from_secs(5);

/// The parameters that an address of Postgres may have after its `?`. The driver ignores others,
/// and logs them with their values.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[…]",
];

/// Where the record is. Shown without its password.
#[derive(Clone, Debug)]
pub enum Address {
    /// The file.
    Sqlite(PathBuf),
    /// How Postgres is connected to.
    Postgres(Box<PgConnectOptions>),
}

impl Address {
    /// Reads the address of a database. What is wrong with it is told as a clause without any part
    /// of the address: half of a password may stand in each of its parts.
    pub fn parse(url: &str) -> Result<Address, String> {
        if let Some(rest) = url.strip_prefix("sqlite:") {
            return sqlite(url, rest).map(Address::Sqlite);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return postgres(url).map(|options| Address::Postgres(Box::new(options)));
        }
        Err("does not begin with postgres:// or sqlite://".to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Sqlite(path) => write!(f, "{}", path.display()),
            Address::Postgres(options) => {
                let database = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "{} {database}", socket.display()),
                    None => {
                        let (host, port) = (options.get_host(), options.get_port());
                        write!(f, "{host}:{port}/{database}")
                    }
                }
            }
        }
    }
}

fn sqlite(url: &str, rest: &str) -> Result<PathBuf, String> {
    let (_, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    for (key, value) in form_urlencoded::parse(parameters.as_bytes()) {
        match (&*key, &*value) {
            // The file is always made if it is missing, and always written.
            ("mode", "rw" | "rwc") => {}
            ("mode", "memory") => return Err(IN_MEMORY.to_owned()),
            ("mode", "ro") => {
                return Err(
                    "opens the file for reading only, and the record is written; remove \
                            what follows the ?"
                        .to_owned(),
                );
            }
            _ => {
                return Err(
                    "has a setting after the ? that is not for a record; only mode=rwc \
                            may stand there (a ? in the name of a file is written %3F)"
                        .to_owned(),
                );
            }
        }
    }
    if rest.contains(":memory:") {
        return Err(IN_MEMORY.to_owned());
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| "has a % in it that stands for no letter; write % as %25")?;
    let path = options.get_filename().to_string_lossy().into_owned();
    if path.starts_with("file:") {
        return Err("names a file: inside of sqlite:; write sqlite:// and the path".to_owned());
    }
    if path.is_empty() || path.ends_with('/') {
        return Err(
            "names no file; write it like sqlite:///var/lib/rollback-bot/rollback-bot.db \
                    (three slashes: the third begins the path)"
                .to_owned(),
        );
    }
    Ok(PathBuf::from(path))
}

const IN_MEMORY: &str = "keeps the record in memory, where the next start has lost it; name a file: sqlite://rollback-bot.db";

fn postgres(url: &str) -> Result<PgConnectOptions, String> {
    let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    let (before_host, _) = after_scheme.rsplit_once('@').unwrap_or(("", after_scheme));
    // An address ends its first part at any of these, so the rest of the password would be taken
    // for the name of a database, for parameters or for nothing.
    if before_host.contains(['/', '?', '#']) {
        return Err(
            "has a / ? or # in its password (or user name) that is not encoded; write %2F \
                    for /, %3F for ?, %23 for #"
                .to_owned(),
        );
    }
    let parsed = Url::parse(url).map_err(|error| {
        format!(
            "is not an address ({error}); it looks like postgres://user:password@host:5432/database"
        )
    })?;
    if parsed.fragment().is_some() {
        return Err("has a # in it, and what follows would be ignored; write it as %23".to_owned());
    }
    let known = |key: &str| {
        PARAMETERS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'))
    };
    if !parsed.query_pairs().all(|(key, _)| known(&key)) {
        return Err(format!(
            "has a parameter after its ? that the driver does not know (it is not shown: it may be \
             a part of the password, in which ? is %3F and & is %26); it knows {}",
            PARAMETERS.join(", ")
        ));
    }
    PgConnectOptions::from_str(url).map_err(|_| {
        "has a parameter after its ? whose value the driver does not understand; sslmode, for \
         example, is one of disable, allow, prefer, require, verify-ca, verify-full"
            .to_owned()
    })
}

/// Connects once, and says why that did not work.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    match timeout(CONNECTS_WITHIN, options.connect()).await {
        Ok(connected) => connected.map_err(|error| cause(&error)),
        Err(_) => Err(format!(
            "it did not answer within {} s",
            CONNECTS_WITHIN.as_secs()
        )),
    }
}

/// What was found of a database without changing anything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none yet; one will be made.
    New,
    /// It is there, and can be written.
    Works,
}

impl Address {
    /// Looks whether the record could be kept there, as far as this machine alone can tell: on
    /// SQLite whether its directory and file could be written. What is wrong is told as a clause.
    pub fn look(&self) -> Result<Found, String> {
        let Address::Sqlite(path) = self else {
            return Ok(Found::Works);
        };
        let shown = path.display();
        if path.is_dir() {
            return Err(format!("{shown} is a directory; name a file in it"));
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if !directory.is_dir() {
            return Err(format!(
                "the directory {} is not there; make it, owned by the user that runs the bot",
                directory.display()
            ));
        }
        // Beside the file there are its lock and its journal, so the directory is written too.
        tempfile::Builder::new()
            .prefix(".rollback-bot-check")
            .tempfile_in(directory)
            .map_err(|error| {
                let directory = directory.display();
                format!("nothing can be written into {directory}: {}", cause(&error))
            })?;
        if !path.exists() {
            return Ok(Found::New);
        }
        let opened = std::fs::OpenOptions::new()
            .read(true)
            .append(true)
            .open(path);
        let mut file =
            opened.map_err(|error| format!("{shown} cannot be written: {}", cause(&error)))?;
        let mut head = [0; 16];
        match std::io::Read::read(&mut file, &mut head) {
            Ok(0) => Ok(Found::New),
            Ok(_) if head == *b"SQLite format 3\0" => Ok(Found::Works),
            Ok(_) => Err(format!("{shown} is not a SQLite database")),
            Err(error) => Err(format!("{shown} cannot be read: {}", cause(&error))),
        }
    }

    /// Looks whether the record could be kept there, and connects for that; changes nothing.
    pub async fn try_it(&self) -> Result<Found, String> {
        let Address::Postgres(options) = self else {
            return self.look();
        };
        let mut connection = connect(options).await?;
        let (is_read_only, may_create, has_tables): (bool, Option<bool>, bool) = sqlx::query_as(
            "SELECT current_setting('transaction_read_only')::bool,
                    has_schema_privilege(current_schema(), 'CREATE'),
                    to_regclass('_sqlx_migrations') IS NOT NULL",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(|error| cause(&error))?;
        if is_read_only {
            return Err("it can only be read (a standby?); name the primary server".to_owned());
        }
        match (has_tables, may_create) {
            (false, None) => Err("its search_path names no schema that is there".to_owned()),
            (false, Some(false)) => Err(format!(
                "user {} may not make tables in it; grant CREATE on its schema",
                options.get_username()
            )),
            (false, Some(true)) => Ok(Found::New),
            (true, _) => Ok(Found::Works),
        }
    }
}

#[cfg(test)]
mod tests;
