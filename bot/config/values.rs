//! What a value of our own sections can be: ids, roles, classes, and where the database is.

use crate::store::address::Address;
use rollback_domain::risk::Risk;
use rollback_settings::{
    Secret, SecretKind, Section, Value, characters, check_characters, choice, did_you_mean, dotted,
    text,
};
use url::Url;

/// SQLite and a Postgres without a password may stand in the file; everything else is a secret.
pub(super) fn database_url(section: &Section<'_>, value: &Value) -> Result<Secret, String> {
    let written = text(value)?;
    let is_secret = written.starts_with("env:") || written.starts_with("file:");
    if is_secret {
        let url = section.secret(value)?;
        return match Address::parse(url.expose()) {
            Ok(_) => Ok(url),
            Err(why) => Err(format!("what {written:?} stands for {why}")),
        };
    }
    const KNOWN: [&str; 3] = ["sqlite:", "postgres://", "postgresql://"];
    if !KNOWN.iter().any(|scheme| written.starts_with(scheme)) {
        return Err(
            "is not a database this bot knows; write \"sqlite://rollback-bot.db\", or \
             \"env:DATABASE_URL\" for Postgres"
                .to_owned(),
        );
    }
    let carries_password = !written.starts_with("sqlite:")
        && Url::parse(&written).map_or(written.contains('@'), |url| {
            url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
        });
    if carries_password {
        return Err(
            "a password does not belong in this file; put the whole address into the environment \
             and write \"env:DATABASE_URL\""
                .to_owned(),
        );
    }
    Address::parse(&written)?;
    Ok(Secret::new(written))
}

/// What Slack signs its requests with. Slack's own is 32 of 0-9 and a-f; a server that stands in
/// for Slack may have another one, which is not cut short either.
pub(super) fn signing_secret(
    section: &Section<'_>,
    value: &Value,
    of_slack: bool,
) -> Result<Secret, String> {
    const WHERE: &str = "copy the Signing Secret from the app's page Basic Information";
    const AT_LEAST: usize = 8;
    let secret = section.secret(value)?;
    let text = secret.expose();
    match SecretKind::of(text) {
        Some(SecretKind::Hex32) => return Ok(secret),
        Some(kind) => return Err(format!("looks like {}; {WHERE}", kind.description())),
        None => check_characters(text)?,
    }
    if of_slack || text.len() < AT_LEAST {
        return Err(format!(
            "is no signing secret of Slack's, which is 32 of 0-9 and a-f (this is {} long); {WHERE}",
            characters(text.len())
        ));
    }
    Ok(secret)
}

/// What Slack's Web API is called with: `xoxb-…`, and nothing else that begins with xox.
pub(super) fn bot_token(
    section: &Section<'_>,
    value: &Value,
    of_slack: bool,
) -> Result<Secret, String> {
    const WHERE: &str = "copy the Bot User OAuth Token from the app's page OAuth & Permissions, it begins with xoxb-";
    const AT_LEAST: usize = 24;
    let secret = section.secret(value)?;
    let text = secret.expose();
    match SecretKind::of(text) {
        Some(SecretKind::BotToken) => check_characters(text)?,
        Some(kind) => return Err(format!("looks like {}; {WHERE}", kind.description())),
        None => return Err(format!("is no bot token; {WHERE}")),
    }
    if text.len() <= "xoxb-".len() || (of_slack && text.len() < AT_LEAST) {
        return Err(format!(
            "is cut short: it is {} long; {WHERE}",
            characters(text.len())
        ));
    }
    Ok(secret)
}

/// What connections of Socket Mode are opened with: `xapp-…`, and nothing that begins otherwise.
pub(super) fn app_token(
    section: &Section<'_>,
    value: &Value,
    of_slack: bool,
) -> Result<Secret, String> {
    const WHERE: &str = "make one with the scope connections:write on the app's page Basic Information, App-Level Tokens, it begins with xapp-";
    const AT_LEAST: usize = 24;
    let secret = section.secret(value)?;
    let text = secret.expose();
    match SecretKind::of(text) {
        Some(SecretKind::AppToken) => check_characters(text)?,
        Some(kind) => return Err(format!("looks like {}; {WHERE}", kind.description())),
        None => return Err(format!("is no app-level token; {WHERE}")),
    }
    if text.len() <= "xapp-".len() || (of_slack && text.len() < AT_LEAST) {
        return Err(format!(
            "is cut short: it is {} long; {WHERE}",
            characters(text.len())
        ));
    }
    Ok(secret)
}

/// The app whose token it is: `A0123ABCD` of `xapp-1-A0123ABCD-…`.
pub fn app_of_token(app_token: &str) -> Option<&str> {
    app_token.split('-').nth(2).filter(|id| id.starts_with('A'))
}

/// Whether an address of the Web API is Slack's own, and not of a server that stands in for it.
pub(super) fn is_slack(api_url: &Url) -> bool {
    matches!(
        api_url.host_str(),
        Some("slack.com" | "www.slack.com" | "slack-gov.com")
    )
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
