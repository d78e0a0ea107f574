//! The HTTP client that everything shares.

use anyhow::Context;
use reqwest::{Client, ClientBuilder};
use std::time::Duration;

/// The one HTTP client: no redirects (a check sees what is there), time-outs, our name.
pub fn http_client() -> anyhow::Result<Client> {
    let client = builder().build();
    client.context(
        "no HTTP client could be made. It needs the certificates of public authorities: install ca-certificates, or name a file with them in SSL_CERT_FILE",
    )
}

/// The same for connections that become a WebSocket: HTTP/2 has no way to it that servers know.
pub fn websocket_client() -> anyhow::Result<Client> {
    let client = builder().http1_only().build();
    client.context("no client for WebSockets could be made")
}

fn builder() -> ClientBuilder {
    // A second call finds it installed already; both mean that ring is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("rollback-bot/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
}
