//! Tests of the rules next door: what a stranger can hold of the server, and for how long. Time
//! stands still and runs to whatever is next.

use super::*;
use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n";

struct Listening {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

async fn listening(connections: u32) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let slow = async || {
        sleep(Duration::from_secs(3)).await;
        "slowly"
    };
    let routes = Router::new()
        .route("/", get(async || "here"))
        .route("/slow", get(slow))
        .route("/body", axum::routing::post(async |_: String| "taken"));
    let (stop, stopped) = watch::channel(false);
    let ended = tokio::spawn(listen_to(connections, listener, routes, stopped));
    Listening {
        address,
        stop,
        ended,
    }
}

/// All that comes until the connection ends or says nothing more for a second.
async fn received(stream: &mut TcpStream) -> (String, bool) {
    let mut received = vec![];
    loop {
        match timeout(Duration::from_secs(1), stream.read_buf(&mut received)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&received).into_owned(), true),
            Ok(Ok(_)) => {}
            Err(_) => return (String::from_utf8_lossy(&received).into_owned(), false),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_head_is_not_waited_for() {
    let server = listening(10).await;
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: h")
        .await
        .unwrap();
    let mut rest = vec![];
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(began.elapsed().as_secs(), HEAD_WITHIN.as_secs());
}

/// Connections that say so much and no more.
async fn held(address: SocketAddr, count: usize, begun: &[u8]) -> Vec<TcpStream> {
    let mut holding = vec![];
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        holding.push(stream);
    }
    // They are there, and have been for a while.
    sleep(Duration::from_secs(1)).await;
    holding
}

#[tokio::test(start_paused = true)]
async fn whoever_only_holds_connections_makes_room_for_others() {
    let begun: [&[u8]; 3] = [
        b"",
        b"GET / HT",
        b"POST /body HTTP/1.1\r\nhost: here\r\ncontent-length: 100\r\n\r\nsome",
    ];
    for begun in begun {
        let server = listening(20).await;
        let _holding = held(server.address, 50, begun).await;
        let began = Instant::now();
        let mut another = TcpStream::connect(server.address).await.unwrap();
        another.write_all(ASKED).await.unwrap();
        let mut answer = [0; 1024];
        let n = another.read(&mut answer).await.unwrap();
        assert!(answer[..n].ends_with(b"here"), "{begun:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_the_bot_works_for_keeps_their_place() {
    let server = listening(2).await;
    let asked = b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut working = held(server.address, 2, asked).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    third.write_all(ASKED).await.unwrap();
    assert_eq!(received(&mut third).await, (String::new(), false));
    // They are answered, and then they make room.
    sleep(Duration::from_secs(3)).await;
    for stream in &mut working {
        let (answer, _) = received(stream).await;
        assert!(answer.ends_with("slowly"), "{answer}");
    }
    let (answer, _) = received(&mut third).await;
    assert!(answer.ends_with("here"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn no_connection_lives_for_ever() {
    let server = listening(10).await;
    let began = Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    loop {
        let _ = stream.write_all(ASKED).await;
        let (_, ended) = received(&mut stream).await;
        if ended {
            break;
        }
        sleep(Duration::from_secs(9)).await;
    }
    let lived = began.elapsed();
    assert!(
        lived >= CONNECTION_LIVES && lived < CONNECTION_LIVES + ENDS_WITHIN * 2,
        "{lived:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_answered_when_it_is_to_stop() {
    let server = listening(10).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: here\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_secs(1)).await;
    server.stop.send(true).unwrap();
    assert_eq!(received(&mut idle).await, (String::new(), true));
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("slowly"), "{answer}");
    server.ended.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
