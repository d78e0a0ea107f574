//! What watches the demo's shop: it reads how many orders fail, and sends an alert when that are too
//! many, and when it is over.

use crate::{clock::Clock, http_client};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// What it sends with its alerts.
pub(super) const TOKEN: &str = "a-token-of-the-demos-monitor";
/// What the shop calls the share of orders that fail.
pub(super) const METRIC: &str = "shop_orders_failed_ratio";
/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// From which share on it sends an alert.
const TOO_MANY: f64 = 0.01;

/// Watches the shop at an address, and sends alerts to another one, until it is stopped.
pub(super) async fn watch(shop: String, to: String) {
    let Ok(http) = http_client() else {
        return;
    };
    let mut fires_since: Option<Timestamp> = None;
    loop {
        if let Some(share) = failing(&http, &shop).await {
            let now = Clock::real().now();
            let change = match (share > TOO_MANY, fires_since) {
                (true, None) => Some(("firing", now)),
                (false, Some(since)) => Some(("resolved", since)),
                (true, Some(_)) | (false, None) => None,
            };
            // What was not taken is sent again with the next look.
            if let Some((state, since)) = change
                && sends(&http, &to, state, since, share).await
            {
                fires_since = (state == "firing").then_some(since);
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// The share of orders that fail; `None`: the shop does not say.
async fn failing(http: &reqwest::Client, shop: &str) -> Option<f64> {
    let answer = http.get(format!("{shop}/metrics")).send().await.ok()?;
    let text = answer.text().await.ok()?;
    text.strip_prefix(METRIC)?.trim().parse().ok()
}

/// Sends an alert. Gives whether it was taken.
async fn sends(
    http: &reqwest::Client,
    to: &str,
    state: &str,
    since: Timestamp,
    share: f64,
) -> bool {
    let alert = json!({
        "id": "orders-fail",
        "state": state,
        "title": "Orders fail",
        "description": format!("{:.1} % of orders fail", share * 100.0),
        "started_at": since.to_string(),
        "labels": {"service": "frontend"},
    });
    let request = http.post(to).bearer_auth(TOKEN).json(&alert);
    let answer = request.send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
