//! Slack's end of Socket Mode, as its own client for Node (`@slack/socket-mode` 3.1.0) knows it:
//! hello, pings, envelopes and what may be in their acknowledgements, and why connections end.
//!
//! What the small Slack sends as a signed request is put into an envelope, and what is acknowledged
//! becomes the answer: the same people do the same things by another door.

use axum::{
    Router,
    body::Bytes,
    extract::State as Shared,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use rollback_simulation::Slack;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response as Accepted},
    },
};

/// The token of the app, by which connections are opened.
pub const APP_TOKEN: &str = "xapp-1-A0ROLLBACK-1-simulation";
/// How long Slack waits for an acknowledgement, and a little more: other stories run as well.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);
/// How long a story waits for connections.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

/// Slack's end of Socket Mode.
#[derive(Clone)]
pub struct SocketMode(Arc<Inside>);

struct Inside {
    sockets: String,
    relay: String,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    last_id: u64,
    tickets: BTreeSet<String>,
    /// Those that were greeted and have not ended, oldest first.
    open: BTreeMap<u64, mpsc::UnboundedSender<Order>>,
    /// Envelopes that are not acknowledged yet.
    sent: BTreeMap<String, Sent>,
    turn: usize,
    opened: usize,
    pongs: usize,
    violations: Vec<String>,
}

struct Sent {
    connection: u64,
    accepts_response_payload: bool,
    acknowledged: oneshot::Sender<Option<Value>>,
}

enum Order {
    Say(String),
    /// The connection is closed in good order.
    Close,
    /// It is gone from one moment to the next.
    Break,
}

/// What Slack sends.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// `slash_commands`, `interactive` or `events_api`.
    pub kind: &'static str,
    /// What would be the body of a request.
    pub payload: Value,
    /// Which time it is sent again, and why.
    pub retry: Option<(u64, String)>,
}

/// What came of an envelope.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was acknowledged, perhaps with something to show.
    Acknowledged(Option<Value>),
    /// It was not, and will not be: its connection is gone, or the time is over.
    Unacknowledged,
    /// There was no connection to send it on.
    Unsent,
}

impl SocketMode {
    /// Begins to take connections, and lets the small Slack give addresses for them.
    pub async fn start(slack: &Slack) -> Self {
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket_mode = Self(Arc::new(Inside {
            sockets: format!("ws://{}/link/", sockets.local_addr().unwrap()),
            relay: format!("http://{}", relay.local_addr().unwrap()),
            state: Mutex::default(),
            changed: Notify::new(),
        }));
        let giving = socket_mode.clone();
        slack.set_socket(move || giving.new_address());
        let taking = socket_mode.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = sockets.accept().await {
                tokio::spawn(taking.clone().connected(stream));
            }
        });
        let routes = Router::new()
            .fallback(relayed)
            .with_state(socket_mode.clone());
        tokio::spawn(async move { axum::serve(relay, routes).await });
        socket_mode
    }

    /// Where the small Slack sends its requests, for them to be put into envelopes.
    pub fn relay(&self) -> &str {
        &self.0.relay
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn new_address(&self) -> String {
        let mut state = self.state();
        state.last_id += 1;
        let ticket = format!("{:08x}", state.last_id);
        state.tickets.insert(ticket.clone());
        format!("{}?ticket={ticket}&app_id=a1b2", self.0.sockets)
    }

    async fn connected(self, stream: TcpStream) {
        #[expect(clippy::result_large_err, reason = "it is the library's own")]
        let ticketed = |request: &Request, accepted: Accepted| {
            let query = request.uri().query().unwrap_or_default();
            let ticket = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("ticket="));
            // Each is for one connection.
            match ticket.is_some_and(|ticket| self.state().tickets.remove(ticket)) {
                true => Ok(accepted),
                false => Err(ErrorResponse::new(Some("no such ticket".into()))),
            }
        };
        let Ok(socket) = accept_hdr_async(stream, ticketed).await else {
            return;
        };
        let (sender, orders) = mpsc::unbounded_channel();
        let id = {
            let mut state = self.state();
            state.last_id += 1;
            state.opened += 1;
            let hello = json!({
                "type": "hello",
                "num_connections": state.open.len() + 1,
                "debug_info": {
                    "host": "applink-1", "build_number": 54, "started": "2026-03-14 02:00:00.000",
                    "approximate_connection_time": 18060,
                },
                "connection_info": { "app_id": "A0ROLLBACK" },
            });
            let _ = sender.send(Order::Say(hello.to_string()));
            let id = state.last_id;
            state.open.insert(id, sender);
            id
        };
        self.0.changed.notify_waiters();
        self.serve(id, socket, orders).await;
        let mut state = self.state();
        state.open.remove(&id);
        // Whoever waits for them is told by this that they will not be acknowledged.
        state.sent.retain(|_, sent| sent.connection != id);
        drop(state);
        self.0.changed.notify_waiters();
    }

    async fn serve(
        &self,
        id: u64,
        mut socket: WebSocketStream<TcpStream>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let mut is_pinged = false;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Say(text)) => {
                        if socket.send(Message::text(text)).await.is_err() {
                            return;
                        }
                        if !is_pinged {
                            is_pinged = true;
                            let _ = socket.send(Message::Ping("Ping from applink-1".into())).await;
                        }
                    }
                    Some(Order::Close) => {
                        let _ = socket.close(None).await;
                        self.forget(id);
                    }
                    Some(Order::Break) | None => return,
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.acknowledged(id, &text),
                    Some(Ok(Message::Pong(_))) => self.state().pongs += 1,
                    Some(Ok(Message::Binary(_))) => self.violated("it sent bytes".into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    /// No more is sent on a connection that is being closed.
    fn forget(&self, id: u64) {
        self.state().open.remove(&id);
    }

    fn violated(&self, what: String) {
        self.state().violations.push(what);
    }

    /// Takes what the bot says, which can only be an acknowledgement.
    fn acknowledged(&self, connection: u64, text: &str) {
        let Ok(Value::Object(mut said)) = serde_json::from_str(text) else {
            return self.violated(format!("it said {text}"));
        };
        let Some(Value::String(id)) = said.remove("envelope_id") else {
            return self.violated(format!("it acknowledged nothing: {text}"));
        };
        let payload = said.remove("payload");
        if !said.is_empty() {
            self.violated(format!("it said more than it may: {text}"));
        }
        let Some(sent) = self.state().sent.remove(&id) else {
            return self.violated(format!("it acknowledged {id}, which it need not"));
        };
        if sent.connection != connection {
            self.violated(format!("it acknowledged {id} on another connection"));
        }
        if payload.is_some() && !sent.accepts_response_payload {
            self.violated(format!("it answered {id}, which takes no answer"));
        }
        let _ = sent.acknowledged.send(payload);
    }

    /// Sends an envelope on the next connection, and waits for its acknowledgement.
    pub async fn send(&self, envelope: &Envelope) -> Outcome {
        let (sender, acknowledged) = oneshot::channel();
        let accepts_response_payload = envelope.kind != "events_api";
        let mut message = json!({
            "type": envelope.kind,
            "payload": envelope.payload,
            "accepts_response_payload": accepts_response_payload,
        });
        if envelope.kind == "events_api" {
            let (attempt, reason) = envelope.retry.clone().unwrap_or_default();
            message["retry_attempt"] = json!(attempt);
            message["retry_reason"] = json!(reason);
        }
        let id = {
            let mut state = self.state();
            let open: Vec<u64> = state.open.keys().copied().collect();
            let Some(connection) = open.get(state.turn % open.len().max(1)).copied() else {
                return Outcome::Unsent;
            };
            state.turn += 1;
            state.last_id += 1;
            let id = format!("dbdd0ef3-1543-4f94-bfb4-{:012x}", state.last_id);
            message["envelope_id"] = json!(id);
            state.sent.insert(
                id.clone(),
                Sent {
                    connection,
                    accepts_response_payload,
                    acknowledged: sender,
                },
            );
            let _ = state.open[&connection].send(Order::Say(message.to_string()));
            id
        };
        match timeout(ACKNOWLEDGED_WITHIN, acknowledged).await {
            Ok(Ok(payload)) => Outcome::Acknowledged(payload),
            Ok(Err(_)) => Outcome::Unacknowledged,
            Err(_) => {
                self.state().sent.remove(&id);
                Outcome::Unacknowledged
            }
        }
    }

    /// Waits until so many connections are open.
    pub async fn has_connections(&self, count: usize) {
        self.until(|state| state.open.len() == count).await;
    }

    /// Waits until any connection is open.
    pub async fn has_a_connection(&self) {
        self.until(|state| !state.open.is_empty()).await;
    }

    /// Waits until so many connections were opened since the beginning.
    pub async fn has_opened(&self, count: usize) {
        self.until(|state| state.opened >= count).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let waiting = async {
            loop {
                let changed = self.0.changed.notified();
                if is_so(&self.state()) {
                    return;
                }
                changed.await;
            }
        };
        let waited = timeout(CONNECTED_WITHIN, waiting).await;
        waited.expect("the bot connects, or gives up connections");
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state().open.len()
    }

    /// How many connections were opened since the beginning.
    pub fn opened(&self) -> usize {
        self.state().opened
    }

    /// How many pings were answered.
    pub fn pongs(&self) -> usize {
        self.state().pongs
    }

    /// Slack says that a connection will end, and why.
    pub fn disconnects(&self, connection: Connection, reason: &str) {
        let disconnect = json!({
            "type": "disconnect", "reason": reason, "debug_info": { "host": "wss-111.slack.com" },
        });
        self.order(connection, Order::Say(disconnect.to_string()));
    }

    /// The oldest connection that is open.
    pub fn oldest(&self) -> Connection {
        let oldest = self.state().open.keys().next().copied();
        Connection(oldest.expect("a connection is open"))
    }

    /// Every connection that is open, oldest first.
    pub fn all(&self) -> Vec<Connection> {
        self.state().open.keys().copied().map(Connection).collect()
    }

    /// A connection is closed by Slack, in good order.
    pub fn closes(&self, connection: Connection) {
        self.order(connection, Order::Close);
    }

    /// A connection breaks, with whatever was on its way.
    pub fn breaks(&self, connection: Connection) {
        self.order(connection, Order::Break);
    }

    fn order(&self, Connection(id): Connection, order: Order) {
        if let Some(connection) = self.state().open.get(&id) {
            let _ = connection.send(order);
        }
    }

    /// What was done that Slack does not know.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }
}

/// One connection of the bot's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection(u64);

/// Puts a request of the small Slack's into an envelope.
async fn relayed(
    Shared(socket_mode): Shared<SocketMode>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry = text("x-slack-retry-num").and_then(|attempt| attempt.parse().ok());
    let reason = text("x-slack-retry-reason").unwrap_or_default().to_owned();
    let Some((kind, payload)) = unpacked(uri.path(), &body) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let envelope = Envelope {
        kind,
        payload,
        retry: retry.map(|attempt| (attempt, reason)),
    };
    match socket_mode.send(&envelope).await {
        Outcome::Acknowledged(None) => StatusCode::OK.into_response(),
        Outcome::Acknowledged(Some(payload)) => {
            ([(CONTENT_TYPE, "application/json")], payload.to_string()).into_response()
        }
        Outcome::Unacknowledged | Outcome::Unsent => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

/// The type and the payload of the envelope in which a request's body would come.
pub fn unpacked(path: &str, body: &[u8]) -> Option<(&'static str, Value)> {
    let form = || form_urlencoded::parse(body);
    match path {
        "/slack/commands" => {
            let fields = form().map(|(key, value)| (key.into_owned(), json!(value)));
            Some((
                "slash_commands",
                Value::Object(fields.collect::<Map<_, _>>()),
            ))
        }
        "/slack/interactions" => {
            let (_, payload) = form().find(|(key, _)| key == "payload")?;
            Some(("interactive", serde_json::from_str(&payload).ok()?))
        }
        "/slack/events" => Some(("events_api", serde_json::from_slice(body).ok()?)),
        _ => None,
    }
}
