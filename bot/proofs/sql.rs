//! `kind = "sql"`: a number that a query of PostgreSQL gives, or which of its tables and columns are
//! there.
//!
//! A check only reads, and that rests on three things: the role is one that reads by default and is
//! no superuser, else nothing is asked; the transaction is a reading one; and what is sent is one
//! statement, which the server refuses if it is several.

use super::{Outcome, Probe, number::NumberRule, page::Sent};
use async_trait::async_trait;
use reqwest::Client;
use rollback_domain::proof::{Number, Reading};
use rollback_settings::{Repeats, Secret, Section, Value, text};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions,
};
use std::{fmt, str::FromStr, sync::Arc, time::Duration};
use url::Url;

/// The longest query, in bytes.
const QUERY_AT_MOST: usize = 4 << 10;
/// How many letters of what the database says are repeated to people.
const QUOTED_AT_MOST: usize = 200;
/// How many tables and columns one check can name.
const OBJECTS_AT_MOST: usize = 50;

/// Where it is asked, and what.
#[derive(Debug)]
struct SqlCheck {
    database: Database,
    /// What must not be repeated to anybody.
    hidden: Sent,
    asked: Asked,
}

/// How a database is reached. Its password is not printed.
struct Database(Box<PgConnectOptions>);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.0.get_host())
    }
}

/// What is asked.
#[derive(Debug)]
enum Asked {
    /// A number.
    Number { query: String, rule: NumberRule },
    /// Whether these are there, or gone.
    Objects {
        exist: Vec<Object>,
        gone: Vec<Object>,
    },
}

/// A table, view, index or sequence, or a column of one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Object {
    relation: String,
    /// `None`: the relation itself.
    column: Option<String>,
}

/// Reads its section; a number that is only watched needs no limit.
pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Arc<dyn Probe>> {
    let mut hidden = vec![];
    let database = section.required("url", "\"env:CHECKS_DATABASE_URL\"", |value| {
        let url = section.secret(value)?;
        let (options, secrets) = database(&url)?;
        hidden = secrets;
        Ok(Database(Box::new(options)))
    });
    let query = section.optional("query", query);
    let table = section.optional("table", table);
    let example = "\"public.orders\"";
    let exist = section.optional_list("exist", example, Repeats::Refused, object);
    let gone = section.optional_list("gone", example, Repeats::Refused, object);
    let is_of_objects = section.get("exist").is_some() || section.get("gone").is_some();
    let ways = [
        section.get("query").is_some(),
        section.get("table").is_some(),
        is_of_objects,
    ];
    if ways.iter().filter(|way| **way).count() != 1 {
        section.mistake_here(
            "asks for nothing or for several things; write one of query = \"select …\" and table = \"orders\", or exist and gone",
        );
        return None;
    }
    let asked = match is_of_objects {
        true => {
            let (exist, gone) = (exist.unwrap_or_default(), gone.unwrap_or_default());
            if exist.len() + gone.len() > OBJECTS_AT_MOST {
                section.mistake_here(format!("names more than {OBJECTS_AT_MOST} objects"));
            }
            Some(Asked::Objects { exist, gone })
        }
        false => {
            let rule = NumberRule::read(section, is_watched);
            let query = query.or(table);
            query
                .zip(rule)
                .map(|(query, rule)| Asked::Number { query, rule })
        }
    };
    Some(Arc::new(SqlCheck {
        database: database?,
        hidden: Sent::of(vec![], hidden),
        asked: asked?,
    }))
}

#[async_trait]
impl Probe for SqlCheck {
    async fn probe(&self, _http: &Client, within: Duration) -> Outcome {
        let asked = tokio::time::timeout(within, self.ask(within)).await;
        match asked {
            Ok(Ok(outcome) | Err(outcome)) => outcome,
            Err(_) => Outcome::Away(format!(
                "the database did not answer within {} s",
                within.as_secs_f32()
            )),
        }
    }

    fn rule(&self) -> Option<&NumberRule> {
        match &self.asked {
            Asked::Number { rule, .. } => Some(rule),
            Asked::Objects { .. } => None,
        }
    }
}

impl SqlCheck {
    /// Asks once, in a transaction that can only read. The connection ends with it.
    async fn ask(&self, within: Duration) -> Result<Outcome, Outcome> {
        let connected = self.database.0.connect().await;
        let mut connection = connected.map_err(|error| self.not_connected(&error))?;
        let outcome = self.ask_on(&mut connection, within).await;
        // What it holds is let go either way.
        let _ = connection.close().await;
        outcome
    }

    async fn ask_on(
        &self,
        connection: &mut PgConnection,
        within: Duration,
    ) -> Result<Outcome, Outcome> {
        let failed = |error: sqlx::Error| self.not_asked(&error, within);
        let milliseconds = within.as_millis();
        let begin = format!(
            "begin transaction isolation level repeatable read read only; \
             set local statement_timeout = {milliseconds}; set local lock_timeout = {milliseconds}"
        );
        sqlx::raw_sql(AssertSqlSafe(begin))
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        const ROLE: &str = "select current_user::text, \
             current_setting('default_transaction_read_only') = 'on', \
             coalesce((select rolsuper from pg_roles where rolname = current_user), true)";
        let (role, only_reads, is_superuser): (String, bool, bool) = sqlx::query_as(ROLE)
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if is_superuser || !only_reads {
            return Err(Outcome::Wrong(may_write(&role, is_superuser)));
        }
        match &self.asked {
            Asked::Number { query, .. } => {
                let reading = number(connection, query).await.map_err(failed)?;
                Ok(reading)
            }
            Asked::Objects { exist, gone } => {
                objects(connection, exist, gone).await.map_err(failed)
            }
        }
    }

    /// Why there is no connection.
    fn not_connected(&self, error: &sqlx::Error) -> Outcome {
        let quote = |text: &str| self.hidden.quote(text, QUOTED_AT_MOST);
        match error.as_database_error() {
            Some(refused) if is_of(refused.code().as_deref(), &["28", "3D"]) => {
                Outcome::Wrong(format!(
                    "the database does not let this bot in: {}",
                    quote(refused.message())
                ))
            }
            Some(refused) => {
                let why = quote(refused.message());
                Outcome::Away(format!("the database is not answering ({why})"))
            }
            None => {
                let why = quote(&error.to_string());
                Outcome::Away(format!("the database is not answering ({why})"))
            }
        }
    }

    /// Why there is no answer to a query.
    fn not_asked(&self, error: &sqlx::Error, within: Duration) -> Outcome {
        let Some(refused) = error.as_database_error() else {
            return self.not_connected(error);
        };
        let (code, why) = (refused.code(), refused.message());
        let (code, why) = (code.as_deref(), self.hidden.quote(why, QUOTED_AT_MOST));
        if is_of(code, &["57014", "55P03"]) {
            let seconds = within.as_secs_f32();
            Outcome::Away(format!("the database did not answer within {seconds} s"))
        } else if is_of(code, &["25006"]) {
            Outcome::Wrong(format!("the query would change something: {why}"))
        } else if is_of(code, &["42", "25", "0A"]) {
            Outcome::Wrong(format!("the query is refused: {why}"))
        } else if is_of(code, &["22"]) {
            Outcome::Measured(Reading::Unknown(format!(
                "the query gives no number: {why}"
            )))
        } else {
            Outcome::Away(format!("the query could not be run: {why}"))
        }
    }
}

/// Whether a code of PostgreSQL's begins like one of these.
fn is_of(code: Option<&str>, beginnings: &[&str]) -> bool {
    code.is_some_and(|code| beginnings.iter().any(|begin| code.starts_with(begin)))
}

/// Why a role is not one for checks, and what makes it one.
fn may_write(role: &str, is_superuser: bool) -> String {
    match is_superuser {
        true => format!(
            "{role} is a superuser, and nothing is asked as one; make a role that only reads"
        ),
        false => format!(
            "{role} may write, and nothing is asked as one that may; run ALTER ROLE {role} SET default_transaction_read_only = on"
        ),
    }
}

/// The one number that a query gives.
async fn number(connection: &mut PgConnection, query: &str) -> Result<Outcome, sqlx::Error> {
    // The line breaks keep a comment at its end from taking in what follows. Two rows are enough
    // to see that it is not one.
    let one = format!("select n::float8 from (\n{query}\n) as measured(n) limit 2");
    let rows = sqlx::query(AssertSqlSafe(one))
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(match rows.as_slice() {
        [] => Outcome::Measured(Reading::NoData),
        [row] => Outcome::Measured(match row.try_get::<Option<f64>, _>(0)? {
            None => Reading::NoData,
            Some(value) => match Number::new(value) {
                Some(number) => Reading::Number(number),
                None => Reading::Unknown(format!("the query gives {value}")),
            },
        }),
        [_, ..] => Outcome::Wrong("the query gives several rows instead of one number".into()),
    })
}

/// Whether all of these are there, and those are gone.
async fn objects(
    connection: &mut PgConnection,
    exist: &[Object],
    gone: &[Object],
) -> Result<Outcome, sqlx::Error> {
    const IS_THERE: &str = "select to_regclass($1) is not null and ($2::text is null or exists \
         (select 1 from pg_attribute where attrelid = to_regclass($1) and attname = $2 \
         and attnum > 0 and not attisdropped))";
    let all = exist.iter().map(|object| (object, true));
    let all = all.chain(gone.iter().map(|object| (object, false)));
    let mut problems = vec![];
    for (object, wanted) in all {
        let is_there: bool = sqlx::query_scalar(IS_THERE)
            .bind(&object.relation)
            .bind(&object.column)
            .persistent(false)
            .fetch_one(&mut *connection)
            .await?;
        match (wanted, is_there) {
            (true, false) => problems.push(format!("{} is gone", object.label())),
            (false, true) => problems.push(format!("{} is still there", object.label())),
            (true, true) | (false, false) => {}
        }
    }
    Ok(match problems.is_empty() {
        true => Outcome::Passed,
        false => Outcome::Failed(format!("finds that {}", problems.join(", "))),
    })
}

impl Object {
    fn label(&self) -> String {
        match &self.column {
            Some(column) => format!("{}({column})", self.relation),
            None => self.relation.clone(),
        }
    }
}

/// How a database is reached, and what of its address is secret.
fn database(url: &Secret) -> Result<(PgConnectOptions, Vec<Secret>), String> {
    const LOOKS_LIKE: &str = "postgres://reader:password@host:5432/database";
    let wrong = || format!("is not the address of a PostgreSQL; it looks like {LOOKS_LIKE}");
    let address = url.expose();
    let parsed = Url::parse(address).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(wrong());
    }
    let options = PgConnectOptions::from_str(address).map_err(|_| wrong())?;
    let mut secrets = vec![url.clone()];
    if let Some(password) = parsed.password() {
        let decoded =
            form_urlencoded::parse(format!("p={}", password.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, decoded)| Secret::new(decoded.into_owned()));
        secrets.push(Secret::new(password));
        secrets.extend(decoded);
    }
    let options = options
        .application_name("rollback-bot check")
        .disable_statement_logging();
    Ok((options, secrets))
}

/// One statement that only reads, by its first word; the server judges the rest.
fn query(value: &Value) -> Result<String, String> {
    let query = text(value)?;
    let query = query.trim().trim_end_matches(';').to_owned();
    let first = query
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .next();
    let first = first.unwrap_or_default().to_ascii_lowercase();
    match first.as_str() {
        "select" | "with" | "values" | "table" if query.len() <= QUERY_AT_MOST => Ok(query),
        "select" | "with" | "values" | "table" => {
            Err(format!("is longer than {} KiB", QUERY_AT_MOST >> 10))
        }
        _ => Err("does not begin with SELECT; a check only reads".into()),
    }
}

/// The query that counts the rows of a table.
fn table(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let parts: Vec<&str> = name.split('.').collect();
    let is_name = |part: &&str| {
        let mut letters = part.chars();
        !part.is_empty() && letters.all(|letter| letter.is_alphanumeric() || "_$-".contains(letter))
    };
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return Err(format!(
            "{name:?} is no name of a table; write it like \"orders\" or \"public.orders\", or use query"
        ));
    }
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    Ok(format!("select count(*) from {}", quoted.join(".")))
}

/// The name of a table, or of a column of one: `public.orders(note)`.
fn object(value: &Value) -> Result<Object, String> {
    let name = text(value)?;
    let (relation, column) = match name.split_once('(') {
        Some((relation, rest)) => {
            let column = rest.strip_suffix(')').filter(|column| !column.is_empty());
            let column = column.ok_or_else(|| {
                format!("{name:?} names no column; write it like \"public.orders(note)\"")
            })?;
            (relation, Some(column.to_owned()))
        }
        None => (name.as_str(), None),
    };
    if relation.trim().is_empty() {
        return Err(format!("{name:?} names no table"));
    }
    Ok(Object {
        relation: relation.to_owned(),
        column,
    })
}
