//! `kind = "datadog"`: a number of a Datadog query, averaged over its last minutes.
//!
//! What Datadog gives is a series; where it has no point in the period there is no data.

use super::{
    Moment, Outcome, Probe,
    number::{NumberRule, period},
    page::{Page, Request, Sent},
};
use async_trait::async_trait;
use reqwest::{Client, header::HeaderName};
use rollback_domain::proof::{Number, Reading};
use rollback_settings::{Section, text};
use serde_json::Value as Json;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The longest query, in bytes.
const QUERY_AT_MOST: usize = 4 << 10;
/// How many letters of what Datadog says are repeated to people.
const QUOTED_AT_MOST: usize = 200;
/// Over which time it is averaged where nothing else is configured.
const PERIOD: Duration = Duration::from_secs(5 * 60);

/// A query, and what its number must be.
#[derive(Debug)]
struct DatadogCheck {
    url: Url,
    query: String,
    period: Duration,
    sent: Sent,
    rule: NumberRule,
}

/// Reads its section; a number that is only watched needs no limit.
pub(super) fn read(section: &Section<'_>, is_watched: bool) -> Option<Arc<dyn Probe>> {
    let url = section.url_or("url", "https://api.datadoghq.com");
    let query = section.required(
        "query",
        "\"sum:trace.http.request.errors{service:shop}.as_count() / sum:trace.http.request.hits{service:shop}.as_count()\"",
        |value| {
            let query = text(value)?;
            match query.len() > QUERY_AT_MOST {
                true => Err(format!("is longer than {} KiB", QUERY_AT_MOST >> 10)),
                false => Ok(query),
            }
        },
    );
    let period = section.or("period", PERIOD, period);
    let keys = [("api_key", "dd-api-key"), ("app_key", "dd-application-key")];
    let headers = keys.map(|(key, header)| {
        let example = format!("\"env:DATADOG_{}\"", key.to_uppercase());
        let secret = section.required(key, &example, |value| section.secret(value))?;
        Some((HeaderName::from_static(header), secret))
    });
    let headers: Option<Vec<_>> = headers.into_iter().collect();
    let rule = NumberRule::read(section, is_watched);
    let headers = headers?;
    let secrets = headers.iter().map(|(_, secret)| secret.clone()).collect();
    Some(Arc::new(DatadogCheck {
        url: url?,
        query: query?,
        period,
        sent: Sent::of(headers, secrets),
        rule: rule?,
    }))
}

#[async_trait]
impl Probe for DatadogCheck {
    async fn probe(&self, http: &Client, within: Duration, at: Moment) -> Outcome {
        let request = Request::get(self.sent.clone());
        match request.send(http, &self.address(at), within).await {
            Ok(page) => self.answered(&page),
            Err(why) => Outcome::Away(format!("Datadog is not answering ({why})")),
        }
    }

    fn rule(&self) -> Option<&NumberRule> {
        Some(&self.rule)
    }

    fn knows_the_past(&self) -> bool {
        true
    }
}

impl DatadogCheck {
    fn address(&self, at: Moment) -> Url {
        let until = at.time();
        let from = until.checked_sub(self.period).unwrap_or(until);
        let mut address = self.url.clone();
        let path = address.path().trim_end_matches('/').to_owned();
        address.set_path(&format!("{path}/api/v1/query"));
        address
            .query_pairs_mut()
            .append_pair("from", &from.as_second().to_string())
            .append_pair("to", &until.as_second().to_string())
            .append_pair("query", &self.query);
        address
    }

    fn answered(&self, page: &Page) -> Outcome {
        let body = page.json().unwrap_or_default();
        let said = body["errors"][0].as_str().or(body["error"].as_str());
        let said = said.map(|said| self.sent.quote(said, QUOTED_AT_MOST));
        let with = |what: &str| match &said {
            Some(said) => format!("{what} ({said})"),
            None => format!("{what} ({})", page.status),
        };
        match page.status {
            // A query that cannot be run is answered with 200, too.
            200 if body["status"].as_str() == Some("error") => {
                Outcome::Wrong(with("Datadog refuses the query"))
            }
            200 => measured(&body),
            400 => Outcome::Wrong(with("Datadog refuses the query")),
            401 | 403 => Outcome::Wrong(with("Datadog does not let this bot in")),
            404 => Outcome::Wrong("what answers is not Datadog (404)".into()),
            429 => Outcome::Away("Datadog takes no more requests now (429)".into()),
            status => Outcome::Away(format!("Datadog is not answering ({status})")),
        }
    }
}

fn measured(body: &Json) -> Outcome {
    let Some(series) = body["series"].as_array() else {
        return Outcome::Away("what answers is not Datadog".into());
    };
    let points = match series.as_slice() {
        [] => return Outcome::Measured(Reading::NoData),
        [one] => one["pointlist"].as_array(),
        [_, ..] => {
            return Outcome::Wrong(format!(
                "the query gives {} numbers instead of one; take its \"by\" away",
                series.len()
            ));
        }
    };
    // A point without a value is a time in which nothing was counted.
    let points = points.into_iter().flatten();
    let values: Vec<f64> = points.filter_map(|point| point[1].as_f64()).collect();
    Outcome::Measured(match values.as_slice() {
        [] => Reading::NoData,
        values => {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            match Number::new(mean) {
                Some(number) => Reading::Number(number),
                None => Reading::Unknown(format!("the query gives {mean}")),
            }
        }
    })
}
