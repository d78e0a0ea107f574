//! The HTTP client that everything shares.

use anyhow::Context;
use std::time::Duration;

/// The one HTTP client: no redirects (a check sees what is there), time-outs, our name.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    // A second call finds it installed already; both mean that ring is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("rollback-bot/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .build()
        .context("no HTTP client could be made")
}
