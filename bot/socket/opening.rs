//! Opens a connection: an address from Slack, the handshake of WebSocket, and Slack's hello.

use super::frame::{Frame, meaning};
use crate::slack::{Failure, Slack};
use futures_util::StreamExt;
use reqwest::{
    Client, StatusCode, Upgraded,
    header::{
        CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

/// How long the handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long Slack may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// The largest message that is read, in bytes. Slack's are a few kilobytes.
const MESSAGE_AT_MOST: usize = 4 << 20;

/// A connection on which Slack has said hello.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Opener {
    /// Slack, called with the app's token.
    pub slack: Slack,
    /// For connections that become a WebSocket.
    pub http: Client,
}

/// Why there is no connection.
pub(super) struct NotOpened {
    /// As a clause.
    pub why: String,
    /// How long Slack wants us to wait before the next one.
    pub after: Option<Duration>,
}

impl NotOpened {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            after: None,
        }
    }
}

impl From<Failure> for NotOpened {
    fn from(failure: Failure) -> Self {
        Self {
            after: failure.wait(),
            why: failure.to_string(),
        }
    }
}

impl Opener {
    /// Opens a connection, and waits until Slack says hello.
    pub(super) async fn open(&self) -> Result<Socket, NotOpened> {
        let address = self.slack.open_connection().await?;
        let address = self
            .slack
            .address_of_socket(&address)
            .ok_or_else(|| NotOpened::because("Slack names no address that begins with wss://"))?;
        let connection = self.shake_hands(&address).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_AT_MOST))
            .max_frame_size(Some(MESSAGE_AT_MOST));
        let mut socket =
            WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await;
        match timeout(HELLO_WITHIN, greeted(&mut socket)).await {
            Ok(Ok(())) => Ok(socket),
            Ok(Err(why)) => Err(NotOpened::because(why)),
            Err(_) => Err(NotOpened::because("Slack does not say hello")),
        }
    }

    /// The handshake is an HTTP request like all others: by the same TLS, and through the proxy
    /// where there is one.
    async fn shake_hands(&self, address: &str) -> Result<Upgraded, NotOpened> {
        let key = generate_key();
        let request = self
            .http
            .get(address)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        // What is said about a failure has no address: there is a ticket in it.
        let failed = |why| NotOpened::because(format!("the connection could not be opened: {why}"));
        let answer = rollback_http::send(request, HANDSHAKE_WITHIN).await;
        let answer = answer.map_err(|lost| failed(lost.to_string()))?;
        let status = answer.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(failed(format!("Slack answered {}", status.as_u16())));
        }
        let accepted = header(answer.headers(), SEC_WEBSOCKET_ACCEPT);
        if accepted != Some(&derive_accept_key(key.as_bytes())) {
            return Err(failed("the answer is not that of a WebSocket".to_owned()));
        }
        let connection = answer.connection().await;
        connection.map_err(|lost| failed(lost.to_string()))
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Waits for hello, before which nothing else comes; otherwise why there is none, as a clause.
async fn greeted(socket: &mut Socket) -> Result<(), String> {
    loop {
        let text = match socket.next().await {
            Some(Ok(Message::Text(text))) => text,
            // Both sides look whether the other one is there.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(_)) | None => return Err("Slack closed the connection before hello".into()),
            Some(Err(error)) => return Err(format!("the connection broke before hello: {error}")),
        };
        return match Frame::read(&text) {
            Frame::Hello {
                connections,
                lives_for,
            } => {
                tracing::info!(connections, lives_for, "connected to Slack");
                Ok(())
            }
            Frame::Disconnect { reason } => Err(format!("{} ({reason})", meaning(&reason))),
            Frame::Envelope(_) | Frame::Unknown => Err("Slack did not say hello first".into()),
        };
    }
}
