//! A small API over real HTTP, which answers as a closure says: with JSON, or as APIs misbehave.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// With its query, as it was sent.
    pub path: String,
    /// By their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Null when there is none.
    pub body: Value,
}

impl Asked {
    /// As one line: `POST /deploys/d1/restore`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it carries this token.
    pub fn is_by(&self, token: &str) -> bool {
        let wanted = format!("Bearer {token}");
        self.headers.get("authorization") == Some(&wanted)
    }
}

/// What the API answers.
#[derive(Clone, Debug)]
pub enum Answered {
    /// A status and a body.
    Json(u16, Value),
    /// The same, and a time after which it may be asked again, in seconds.
    Wait(u16, u32),
    /// A status, headers and a body.
    Headed(u16, Vec<(&'static str, String)>, Value),
    /// A redirect.
    Elsewhere(String),
    /// A page for people, with the status 200.
    Page,
    /// A hundred megabytes.
    Endless,
    /// Nothing: the connection is closed.
    Cut,
}

type Handler = Box<dyn FnMut(&Asked) -> Answered + Send>;

/// An API that listens.
#[derive(Clone)]
pub struct Api {
    /// Its address.
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    asked: Vec<Asked>,
    most_sent: usize,
}

impl Api {
    /// Starts one.
    pub async fn start(handler: impl FnMut(&Asked) -> Answered + Send + 'static) -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Seen>>::default();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let api = Api {
            url,
            seen: seen.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, handler.clone(), seen.clone()));
            }
        });
        api
    }

    /// Every request so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().asked.clone()
    }

    /// The most bytes of one body that were taken.
    pub fn most_sent(&self) -> usize {
        self.seen.lock().unwrap().most_sent
    }
}

/// Answers one request, and closes the connection.
async fn serve(mut stream: TcpStream, handler: Arc<Mutex<Handler>>, seen: Arc<Mutex<Seen>>) {
    let Some(asked) = read(&mut stream).await else {
        return;
    };
    seen.lock().unwrap().asked.push(asked.clone());
    let answer = (handler.lock().unwrap())(&asked);
    let (status, more, body) = match answer {
        Answered::Json(status, body) => (status, String::new(), body.to_string()),
        Answered::Wait(status, seconds) => (
            status,
            format!("retry-after: {seconds}\r\n"),
            "{}".to_owned(),
        ),
        Answered::Headed(status, headers, body) => {
            let headers = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
            (status, headers.collect(), body.to_string())
        }
        Answered::Elsewhere(url) => (302, format!("location: {url}\r\n"), String::new()),
        Answered::Page => (200, String::new(), "<html>Please log in</html>".to_owned()),
        Answered::Endless => return endless(stream, seen).await,
        Answered::Cut => return,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n",
        body.len()
    );
    let _ = stream.write_all((head + &body).as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn endless(mut stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    const PIECE: usize = 64 * 1024;
    const ALL: usize = 100 * 1024 * 1024;
    let head = format!("HTTP/1.1 200 X\r\ncontent-length: {ALL}\r\nconnection: close\r\n\r\n");
    let piece = vec![b' '; PIECE];
    let mut sent = 0;
    let mut is_open = stream.write_all(head.as_bytes()).await.is_ok();
    while is_open && sent < ALL {
        is_open = stream.write_all(&piece).await.is_ok();
        sent += PIECE;
        let mut seen = seen.lock().unwrap();
        seen.most_sent = seen.most_sent.max(sent);
    }
}

/// Reads a request; `None` when the other side goes away in the middle of it.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = vec![];
    let end = loop {
        let mut piece = [0; 4096];
        let count = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length");
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        let mut piece = [0; 4096];
        let count = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
    }
    Some(Asked {
        method,
        path,
        headers,
        body: serde_json::from_slice(&bytes[end..]).unwrap_or_default(),
    })
}
