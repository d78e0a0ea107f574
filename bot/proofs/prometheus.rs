//! `kind = "prometheus"`: a number that a query gives, against a threshold or what it was before.
//!
//! What Prometheus does not give as one finite number is not known: an empty answer is no data and
//! not zero, and a warning says that the number may be of a part only.

use super::page::{Page, Request, Sent};
use form_urlencoded::Serializer;
use jiff::Timestamp;
use reqwest::{Client, Method};
use rollback_domain::proof::{Limit, Number, Reading, Unit};
use rollback_settings::{Secret, Section, Value, text, url, wrong_type};
use serde_json::Value as Json;
use std::time::Duration;
use url::Url;

/// The longest query, in bytes.
const QUERY_AT_MOST: usize = 4 << 10;
/// How many letters of what Prometheus says are repeated to people.
const QUOTED_AT_MOST: usize = 200;
/// The longest name of a unit.
const UNIT_AT_MOST: usize = 12;

/// A query, and what its number must be.
#[derive(Clone, Debug)]
pub struct PrometheusCheck {
    url: Url,
    query: String,
    sent: Sent,
    pub(super) unit: Unit,
    pub(super) limit: Option<Limit>,
}

/// What came of asking once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// It was measured, and there may be no number.
    Measured(Reading),
    /// The query or the address can never give a number, for this reason, as a clause.
    Wrong(String),
    /// There was no answer, or none of Prometheus, for this reason, as a clause.
    Away(String),
}

impl Answered {
    /// What is known after it.
    pub(super) fn reading(self) -> Reading {
        match self {
            Answered::Measured(reading) => reading,
            Answered::Wrong(why) | Answered::Away(why) => Reading::Unknown(why),
        }
    }
}

impl PrometheusCheck {
    pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Self> {
        let url = section.required("url", "\"http://prometheus:9090\"", url);
        let query = section.required("query", "\"sum(rate(errors_total[1m]))\"", |value| {
            let query = text(value)?;
            match query.len() > QUERY_AT_MOST {
                true => Err(format!("is longer than {} KiB", QUERY_AT_MOST >> 10)),
                false => Ok(query),
            }
        });
        let unit = section.or("unit", Unit::Count, unit);
        let limit = limit(section, is_watched);
        let sent = Sent::read(section);
        Some(Self {
            url: url?,
            query: query?,
            sent: sent?,
            unit,
            limit: limit?,
        })
    }

    /// Asks once what it is now.
    pub(super) async fn ask(&self, http: &Client, within: Duration) -> Answered {
        self.ask_at(http, within, None).await
    }

    /// Asks once what it was at a moment; `None`: what it is now.
    pub(super) async fn ask_at(
        &self,
        http: &Client,
        within: Duration,
        at: Option<Timestamp>,
    ) -> Answered {
        let request = Request {
            method: Method::POST,
            sent: self.sent.clone().of_a_form(),
            body: Some(self.form(within, at)),
        };
        match request.send(http, &self.address(), within).await {
            Ok(page) => self.answered(&page),
            Err(why) => Answered::Away(format!("Prometheus is not answering ({why})")),
        }
    }

    /// What is sent: the query, how long it may take, and of which moment it is.
    fn form(&self, within: Duration, at: Option<Timestamp>) -> Secret {
        let mut form = Serializer::new(String::new());
        form.append_pair("query", &self.query)
            .append_pair("timeout", &format!("{}ms", within.as_millis()));
        if let Some(at) = at {
            form.append_pair("time", &at.as_second().to_string());
        }
        Secret::new(form.finish())
    }

    /// Where queries are asked; the configured address may have a path of its own.
    fn address(&self) -> Url {
        let mut address = self.url.clone();
        let path = address.path().trim_end_matches('/').to_owned();
        address.set_path(&format!("{path}/api/v1/query"));
        address
    }

    fn answered(&self, page: &Page) -> Answered {
        let quote = |text: &str| self.sent.quote(text, QUOTED_AT_MOST);
        let Ok(body) = page.json() else {
            let status = page.status;
            return match status {
                401 | 403 => {
                    Answered::Wrong(format!("Prometheus does not let this bot in ({status})"))
                }
                404 => Answered::Wrong("what answers is not Prometheus (404)".into()),
                _ => Answered::Away(format!("what answers is not Prometheus ({status})")),
            };
        };
        match body["status"].as_str() {
            Some("success") => self.measured(&body),
            Some("error") => {
                let error = quote(body["error"].as_str().unwrap_or("it does not say why"));
                match body["errorType"].as_str() {
                    Some("bad_data") => Answered::Wrong(format!("the query is refused: {error}")),
                    _ => Answered::Away(format!("the query could not be run: {error}")),
                }
            }
            _ => Answered::Away(format!("what answers is not Prometheus ({})", page.status)),
        }
    }

    fn measured(&self, body: &Json) -> Answered {
        let unknown = |why: String| Answered::Measured(Reading::Unknown(why));
        if let Some(warning) = body["warnings"].get(0).and_then(Json::as_str) {
            let warning = self.sent.quote(warning, QUOTED_AT_MOST);
            return unknown(format!("Prometheus warns: {warning}"));
        }
        let result = &body["data"]["result"];
        let number = match body["data"]["resultType"].as_str() {
            Some("scalar") => result.get(1),
            Some("vector") => match result.as_array().map(Vec::as_slice) {
                Some([]) => return Answered::Measured(Reading::NoData),
                Some([one]) => one["value"].get(1),
                Some([_, ..]) | None => {
                    let count = result.as_array().map_or(0, Vec::len);
                    return Answered::Wrong(format!(
                        "the query gives {count} numbers instead of one; wrap it in sum(…) or max(…)"
                    ));
                }
            },
            Some("matrix") => {
                return Answered::Wrong(
                    "the query gives a range instead of one number; take the range away or wrap it in rate(…)".into(),
                );
            }
            _ => return Answered::Wrong("the query gives no number".into()),
        };
        let Some(written) = number.and_then(Json::as_str) else {
            return Answered::Wrong("the query gives no number".into());
        };
        match written.parse::<f64>() {
            Ok(value) if value.is_nan() => {
                unknown("the query gives NaN, as 0/0 does where nothing was counted".into())
            }
            Ok(value) => match Number::new(value) {
                Some(number) => Answered::Measured(Reading::Number(number)),
                None => unknown(format!("the query gives {}", self.sent.quote(written, 40))),
            },
            Err(_) => Answered::Wrong("the query gives no number".into()),
        }
    }
}

/// What a number counts.
fn unit(value: &Value) -> Result<Unit, String> {
    let name = text(value)?;
    match name.as_str() {
        "ratio" => Ok(Unit::Ratio),
        _ if name.chars().count() > UNIT_AT_MOST || name.contains(char::is_control) => {
            Err(format!(
                "is no unit; write \"ratio\" for a part of one, or at most {UNIT_AT_MOST} letters like \"ms\""
            ))
        }
        _ => Ok(Unit::Named(name)),
    }
}

/// What a number must be: one limit, or none if it is only watched.
fn limit(section: &Section<'_>, is_watched: bool) -> Option<Option<Limit>> {
    const KEYS: [&str; 5] = ["below", "above", "falls_to", "rises_to", "stays_within"];
    const HOW: &str = "below = 0.001 or above = 0.99, or against what it was before: \
                       falls_to = \"50%\", rises_to = \"90%\", stays_within = \"20%\"";
    for key in ["threshold", "max", "min"] {
        if section.get(key).is_some() {
            let problem = format!("does not say in which direction; write {HOW}");
            section.mistake(key, problem);
            return None;
        }
    }
    let there: Vec<&str> = KEYS
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let limits = [
        section.optional("below", measure).map(Limit::Below),
        section.optional("above", measure).map(Limit::Above),
        section.optional("falls_to", share).map(Limit::FallsTo),
        section.optional("rises_to", share).map(Limit::RisesTo),
        section
            .optional("stays_within", share)
            .map(Limit::StaysWithin),
    ];
    let limit = limits.into_iter().flatten().next();
    match there[..] {
        [] if is_watched => Some(None),
        [] => {
            section.mistake_here(format!("does not say what its number must be; write {HOW}"));
            None
        }
        [_] => limit.map(Some),
        [..] => {
            section.mistake_here(format!(
                "has {} limits; keep one of {}",
                there.len(),
                there.join(", ")
            ));
            None
        }
    }
}

/// A number as it is written.
fn measure(value: &Value) -> Result<Number, String> {
    let number = match value {
        Value::Integer(number) => number.to_string().parse().ok(),
        Value::Float(number) => Some(*number),
        other => return Err(wrong_type(other, "a number, without quotes")),
    };
    let number = number.and_then(Number::new);
    number.ok_or_else(|| "is no number that can be measured".to_owned())
}

/// A part of a whole, in per cent.
fn share(value: &Value) -> Result<Number, String> {
    let written = text(value)?;
    let percent = written.strip_suffix('%').map(str::trim);
    let number = percent.and_then(|percent| percent.parse::<f64>().ok());
    let fits = number.filter(|number| (0.0..=10_000.0).contains(number));
    let number = fits.and_then(|number| Number::new(number / 100.0));
    number.ok_or_else(|| {
        format!("{written:?} is not a part of what it was; write it from \"0%\" to \"10000%\"")
    })
}

#[cfg(test)]
mod tests;
