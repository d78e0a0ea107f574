//! `kind = "sentry"`: a number of Sentry's, such as the part of requests that fail.
//!
//! Sentry answers with one row for the whole period. What was counted of a part of the data only is
//! not known.

use super::{
    Moment, Outcome, Probe,
    number::{NumberRule, period},
    page::{Page, Request, Sent},
};
use async_trait::async_trait;
use reqwest::Client;
use rollback_domain::proof::{Number, Reading, Unit};
use rollback_settings::{Secret, Section, Value, text};
use serde_json::Value as Json;
use std::{sync::Arc, time::Duration};
use url::Url;

/// How many letters of what Sentry says are repeated to people.
const QUOTED_AT_MOST: usize = 200;
/// The longest name of an organization, a project, an environment or a field, and filter.
const WORD_AT_MOST: usize = 200;
/// Over which time it counts where nothing else is configured.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// What is asked, and what its number must be.
#[derive(Debug)]
struct SentryCheck {
    url: Url,
    organization: String,
    /// The number of the project; `None`: all that the token may read.
    project: Option<String>,
    /// `None`: all.
    environment: Option<String>,
    field: String,
    /// Which events count; `None`: all.
    filter: Option<String>,
    period: Duration,
    sent: Sent,
    rule: NumberRule,
}

/// Reads its section; a number that is only watched needs no limit.
pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Arc<dyn Probe>> {
    let url = section.url_or("url", "https://sentry.io");
    let organization = section.required("organization", "\"my-company\"", word);
    let project = section.optional("project", |value| {
        let number = word(value)?;
        match number.chars().all(|letter| letter.is_ascii_digit()) {
            true => Ok(number),
            false => Err(format!(
                "{number:?} is not the number of a project, which its settings show"
            )),
        }
    });
    let environment = section.optional("environment", word);
    let field = section.or("field", "failure_rate()".to_owned(), word);
    let filter = section.optional("filter", word);
    let period = section.or("period", PERIOD, period);
    if section.get("token").is_none() {
        section.mistake(
            "token",
            "is missing; write token = \"env:SENTRY_TOKEN\", a token that may read the organization (org:read)",
        );
    }
    let sent = Sent::read(section);
    let rule = match section.get("unit") {
        None if field.ends_with("rate()") => NumberRule::of(Unit::Ratio, section, is_watched),
        None | Some(_) => NumberRule::read(section, is_watched),
    };
    Some(Arc::new(SentryCheck {
        url: url?,
        organization: organization?,
        project,
        environment,
        field,
        filter,
        period,
        sent: sent?,
        rule: rule?,
    }))
}

#[async_trait]
impl Probe for SentryCheck {
    async fn probe(&self, http: &Client, within: Duration, at: Moment) -> Outcome {
        let request = Request::get(self.sent.clone());
        match request.send(http, &self.address(at), within).await {
            Ok(page) => self.answered(&page),
            Err(why) => Outcome::Away(format!("Sentry is not answering ({why})")),
        }
    }

    fn rule(&self) -> Option<&NumberRule> {
        Some(&self.rule)
    }

    fn knows_the_past(&self) -> bool {
        true
    }
}

impl SentryCheck {
    fn address(&self, at: Moment) -> Url {
        let mut address = self.url.clone();
        let path = address.path().trim_end_matches('/').to_owned();
        address.set_path(&format!("{path}/api/0/organizations/"));
        if let Ok(mut segments) = address.path_segments_mut() {
            segments
                .pop_if_empty()
                .push(&self.organization)
                .push("events")
                .push("");
        }
        let mut query = address.query_pairs_mut();
        query
            .append_pair("dataset", "spans")
            .append_pair("field", &self.field)
            .append_pair("project", self.project.as_deref().unwrap_or("-1"));
        if let Some(environment) = &self.environment {
            query.append_pair("environment", environment);
        }
        if let Some(filter) = &self.filter {
            query.append_pair("query", filter);
        }
        match at {
            Moment::Now(_) => {
                query.append_pair("statsPeriod", &format!("{}s", self.period.as_secs()));
            }
            Moment::Past(until) => {
                let from = until.checked_sub(self.period).unwrap_or(until);
                let written = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
                query
                    .append_pair("start", &written(from))
                    .append_pair("end", &written(until));
            }
        }
        drop(query);
        address
    }

    fn answered(&self, page: &Page) -> Outcome {
        let body = page.json().unwrap_or_default();
        let said = body["detail"].as_str();
        let said = said.map(|said| self.sent.quote(said, QUOTED_AT_MOST));
        let with = |what: &str| match &said {
            Some(said) => format!("{what} ({said})"),
            None => format!("{what} ({})", page.status),
        };
        match page.status {
            200 => self.measured(&body),
            400 => Outcome::Wrong(with("Sentry refuses the question")),
            401 | 403 => Outcome::Wrong(with("Sentry does not let this bot in")),
            404 => Outcome::Wrong(with("Sentry does not have this organization")),
            429 => Outcome::Away("Sentry takes no more requests now (429)".into()),
            status => Outcome::Away(format!("Sentry is not answering ({status})")),
        }
    }

    fn measured(&self, body: &Json) -> Outcome {
        let Some(rows) = body["data"].as_array() else {
            return Outcome::Away("what answers is not Sentry".into());
        };
        if body["meta"]["dataScanned"].as_str() == Some("partial") {
            let why = "Sentry has counted a part of the data only".to_owned();
            return Outcome::Measured(Reading::Unknown(why));
        }
        let reading = match rows.as_slice() {
            [] => Reading::NoData,
            [row] => match &row[&self.field] {
                Json::Null => Reading::NoData,
                Json::Number(number) => match number.as_f64().and_then(Number::new) {
                    Some(number) => Reading::Number(number),
                    None => Reading::Unknown(format!("{} gives {number}", self.field)),
                },
                Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                    return Outcome::Wrong(format!("{} gives no number", self.field));
                }
            },
            [_, ..] => {
                return Outcome::Wrong(format!("{} gives several rows", self.field));
            }
        };
        Outcome::Measured(reading)
    }
}

/// A short text on one line.
fn word(value: &Value) -> Result<String, String> {
    let word = text(value)?;
    match word.chars().count() > WORD_AT_MOST || word.contains(char::is_control) {
        true => Err(format!("is not at most {WORD_AT_MOST} letters on one line")),
        false => Ok(word),
    }
}
