//! What a value of our own sections can be: ids, roles, classes, and where the database is.

use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, Value, choice, did_you_mean, dotted, text};
use url::Url;

/// SQLite and a Postgres without a password may stand in the file; everything else is a secret.
pub(super) fn database_url(section: &Section<'_>, value: &Value) -> Result<Secret, String> {
    let is_sqlite = |text: &str| text.starts_with("sqlite:");
    let is_postgres =
        |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    let written = text(value)?;
    if is_sqlite(&written) {
        return Ok(Secret::new(written));
    }
    if is_postgres(&written) {
        let open = Url::parse(&written).ok().filter(|url| {
            url.password().is_none() && url.query_pairs().all(|(key, _)| key != "password")
        });
        return match open {
            Some(_) => Ok(Secret::new(written)),
            None => Err(
                "a password does not belong in this file; put the whole address into the environment \
                 and write \"env:DATABASE_URL\""
                    .to_owned(),
            ),
        };
    }
    let whence = written.split(':').next();
    if !matches!(whence, Some("env" | "file")) {
        return Err(
            "is not a database this bot knows; write \"sqlite://rollback-bot.db\", or \
             \"env:DATABASE_URL\" for Postgres"
                .to_owned(),
        );
    }
    let url = section.secret(value)?;
    if !is_sqlite(url.expose()) && !is_postgres(url.expose()) {
        return Err(format!(
            "what {written:?} stands for does not begin with postgres:// or sqlite://"
        ));
    }
    Ok(url)
}

/// The id of a person.
pub(super) fn member(value: &Value) -> Result<String, String> {
    let what = "a member id; copy it from the person's Slack profile, it looks like \"U0123ABCD\"";
    slack_id(value, &['U', 'W'], what)
}

/// An id that begins with one of `kinds`; `what` names it and tells where to find it.
pub(super) fn slack_id(value: &Value, kinds: &[char], what: &str) -> Result<String, String> {
    let id = text(value)?;
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if id.len() < 2 || !id.starts_with(kinds) || !id.chars().all(fits) {
        return Err(format!("{id:?} is not {what}"));
    }
    Ok(id)
}

/// The last part of the address of `what` in PagerDuty. Not all of them begin with a P.
pub(super) fn pagerduty_id(value: &Value, what: &str) -> Result<String, String> {
    let id = text(value)?;
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if id.len() < 2 || !id.chars().all(fits) {
        return Err(format!(
            "{id:?} is not the id of {what}; copy it from the end of its address in PagerDuty, it \
             looks like \"P123ABC\""
        ));
    }
    Ok(id)
}

/// The name of a role that there is.
pub(super) fn role_name(value: &Value, roles: &[&str]) -> Result<String, String> {
    let role = text(value)?;
    if roles.contains(&role.as_str()) {
        return Ok(role);
    }
    let otherwise = format!("write [{}] with its members", dotted("roles", &role));
    Err(format!(
        "there is no role {role:?}; {}",
        did_you_mean(&role, roles).unwrap_or(otherwise)
    ))
}

/// A class of plans.
pub(super) fn class(value: &Value) -> Result<Risk, String> {
    choice(value, &Risk::ALL.map(|class| (class.name(), class)))
}
