//! `kind = "prometheus"`: a number that a query gives, against a threshold or what it was before.
//!
//! What Prometheus does not give as one finite number is not known: an empty answer is no data and
//! not zero, and a warning says that the number may be of a part only.

use super::{
    Outcome, Probe,
    number::NumberRule,
    page::{Page, Request, Sent},
};
use async_trait::async_trait;
use form_urlencoded::Serializer;
use jiff::Timestamp;
use reqwest::{Client, Method};
use rollback_domain::proof::{Number, Reading};
use rollback_settings::{Secret, Section, text, url};
use serde_json::Value as Json;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The longest query, in bytes.
const QUERY_AT_MOST: usize = 4 << 10;
/// How many letters of what Prometheus says are repeated to people.
const QUOTED_AT_MOST: usize = 200;

/// A query, and what its number must be.
#[derive(Debug)]
struct PrometheusCheck {
    url: Url,
    query: String,
    sent: Sent,
    rule: NumberRule,
}

/// Reads its section; one that is only watched needs no limit.
pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Arc<dyn Probe>> {
    let url = section.required("url", "\"http://prometheus:9090\"", url);
    let query = section.required("query", "\"sum(rate(errors_total[1m]))\"", |value| {
        let query = text(value)?;
        match query.len() > QUERY_AT_MOST {
            true => Err(format!("is longer than {} KiB", QUERY_AT_MOST >> 10)),
            false => Ok(query),
        }
    });
    let rule = NumberRule::read(section, is_watched);
    let sent = Sent::read(section);
    Some(Arc::new(PrometheusCheck {
        url: url?,
        query: query?,
        sent: sent?,
        rule: rule?,
    }))
}

#[async_trait]
impl Probe for PrometheusCheck {
    async fn probe(&self, http: &Client, within: Duration) -> Outcome {
        self.ask(http, within, None).await
    }

    async fn probe_at(&self, http: &Client, within: Duration, at: Timestamp) -> Outcome {
        self.ask(http, within, Some(at)).await
    }

    fn rule(&self) -> Option<&NumberRule> {
        Some(&self.rule)
    }

    fn why_no_data(&self) -> &'static str {
        "; an error rate without errors needs `or vector(0)`"
    }
}

impl PrometheusCheck {
    /// Asks once what it was at a moment; `None`: what it is now.
    async fn ask(&self, http: &Client, within: Duration, at: Option<Timestamp>) -> Outcome {
        let request = Request {
            method: Method::POST,
            sent: self.sent.clone().of_a_form(),
            body: Some(self.form(within, at)),
        };
        match request.send(http, &self.address(), within).await {
            Ok(page) => self.answered(&page),
            Err(why) => Outcome::Away(format!("Prometheus is not answering ({why})")),
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

    fn answered(&self, page: &Page) -> Outcome {
        let quote = |text: &str| self.sent.quote(text, QUOTED_AT_MOST);
        let Ok(body) = page.json() else {
            let status = page.status;
            return match status {
                401 | 403 => {
                    Outcome::Wrong(format!("Prometheus does not let this bot in ({status})"))
                }
                404 => Outcome::Wrong("what answers is not Prometheus (404)".into()),
                _ => Outcome::Away(format!("what answers is not Prometheus ({status})")),
            };
        };
        match body["status"].as_str() {
            Some("success") => self.measured(&body),
            Some("error") => {
                let error = quote(body["error"].as_str().unwrap_or("it does not say why"));
                match body["errorType"].as_str() {
                    Some("bad_data") => Outcome::Wrong(format!("the query is refused: {error}")),
                    _ => Outcome::Away(format!("the query could not be run: {error}")),
                }
            }
            _ => Outcome::Away(format!("what answers is not Prometheus ({})", page.status)),
        }
    }

    fn measured(&self, body: &Json) -> Outcome {
        let unknown = |why: String| Outcome::Measured(Reading::Unknown(why));
        if let Some(warning) = body["warnings"].get(0).and_then(Json::as_str) {
            let warning = self.sent.quote(warning, QUOTED_AT_MOST);
            return unknown(format!("Prometheus warns: {warning}"));
        }
        let result = &body["data"]["result"];
        let number = match body["data"]["resultType"].as_str() {
            Some("scalar") => result.get(1),
            Some("vector") => match result.as_array().map(Vec::as_slice) {
                Some([]) => return Outcome::Measured(Reading::NoData),
                Some([one]) => one["value"].get(1),
                Some([_, ..]) | None => {
                    let count = result.as_array().map_or(0, Vec::len);
                    return Outcome::Wrong(format!(
                        "the query gives {count} numbers instead of one; wrap it in sum(…) or max(…)"
                    ));
                }
            },
            Some("matrix") => {
                return Outcome::Wrong(
                    "the query gives a range instead of one number; take the range away or wrap it in rate(…)".into(),
                );
            }
            _ => return Outcome::Wrong("the query gives no number".into()),
        };
        let Some(written) = number.and_then(Json::as_str) else {
            return Outcome::Wrong("the query gives no number".into());
        };
        match written.parse::<f64>() {
            Ok(value) if value.is_nan() => {
                unknown("the query gives NaN, as 0/0 does where nothing was counted".into())
            }
            Ok(value) => match Number::new(value) {
                Some(number) => Outcome::Measured(Reading::Number(number)),
                None => unknown(format!("the query gives {}", self.sent.quote(written, 40))),
            },
            Err(_) => Outcome::Wrong("the query gives no number".into()),
        }
    }
}

#[cfg(test)]
mod tests;
