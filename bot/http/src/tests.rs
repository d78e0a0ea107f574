//! Tests against sockets that behave as badly as strangers do.

use super::*;
use jiff::Timestamp;
use reqwest::{Client, redirect::Policy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SOON: Duration = Duration::from_millis(200);
const LATER: Duration = Duration::from_secs(20);

/// Answers one request with these bytes, and hangs up after that or stays on the line.
async fn stranger(answer: Vec<u8>, hangs_up: bool) -> RequestBuilder {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        // It may hang up first: nobody reads more than they want.
        let _ = stream.write_all(&answer).await;
        if !hangs_up {
            std::future::pending::<()>().await;
        }
    });
    client().post(url)
}

fn client() -> Client {
    following(Policy::none())
}

fn following(redirects: Policy) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(redirects).build().unwrap()
}

fn page(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let ten = page("content-length: 10\r\n", b"0123456789");
    let answer = send(stranger(ten.clone(), true).await, LATER)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-length"], "10");
    assert_eq!(answer.body(10).await.unwrap(), b"0123456789");
    let answer = send(stranger(ten.clone(), true).await, LATER)
        .await
        .unwrap();
    let too_large = answer.body(9).await;
    assert_eq!(too_large, Err(Unread::TooLarge { at_most: 9 }));
    let answer = send(stranger(ten.clone(), true).await, LATER)
        .await
        .unwrap();
    assert_eq!(answer.start_of_body(4).await.unwrap(), b"0123");
    let answer = send(stranger(ten, true).await, LATER).await.unwrap();
    assert_eq!(answer.end_of_body(4).await.unwrap(), b"6789");
}

#[tokio::test]
async fn a_body_without_an_end_is_not_waited_for() {
    // A hundred mebibytes are announced, one comes, and the line stays open.
    let endless = page("content-length: 104857600\r\n", &vec![b' '; 1 << 20]);
    let answer = send(stranger(endless, false).await, LATER).await.unwrap();
    let too_large = answer.body(1 << 16).await.unwrap_err();
    assert_eq!(too_large, Unread::TooLarge { at_most: 1 << 16 });
    assert_eq!(
        Unread::TooLarge { at_most: 8 << 20 }.to_string(),
        "it is larger than 8 MiB"
    );
}

#[tokio::test]
async fn what_was_certainly_not_sent_is_told_from_what_may_have_been_done() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", nobody.local_addr().unwrap());
    drop(nobody);
    let unreachable = send(client().get(url), LATER).await.unwrap_err();
    assert!(matches!(unreachable, Lost::Unreachable { .. }));
    assert_eq!(
        unreachable.to_string(),
        "no connection (connection refused)"
    );

    let unsent = send(client().get("no address"), LATER).await.unwrap_err();
    assert_eq!(unsent, Lost::Unsent);
    let token = client().get("http://127.0.0.1:1").bearer_auth("a\nb");
    assert_eq!(send(token, LATER).await.unwrap_err(), Lost::Unsent);

    let silent = send(stranger(vec![], false).await, SOON).await.unwrap_err();
    assert_eq!(silent, Lost::Silent(Silence::TimedOut(SOON)));
    assert_eq!(silent.to_string(), "it timed out");
    assert_eq!(format!("{silent:#}"), "it timed out after 0.2 s");

    let broken = send(stranger(vec![], true).await, LATER).await.unwrap_err();
    assert!(matches!(broken, Lost::Silent(Silence::Broke { .. })));
    let long = format!("{broken:#}");
    assert!(long.starts_with("the connection broke ("), "{long}");
    assert!(!long.contains("secret-path"), "{long}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_no_body() {
    let half = page("content-length: 10\r\n", b"01234");
    let answer = send(stranger(half.clone(), true).await, LATER)
        .await
        .unwrap();
    let cut_off = answer.body(10).await.unwrap_err();
    assert_eq!(cut_off.to_string(), "the connection broke");
    let answer = send(stranger(half, false).await, SOON).await.unwrap();
    let timed_out = answer.body(10).await.unwrap_err();
    assert_eq!(
        timed_out,
        Unread::Lost(Lost::Silent(Silence::TimedOut(SOON)))
    );
}

#[tokio::test]
async fn a_request_that_was_sent_on_was_not_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let answer = async |mut stream: TcpStream, answer: &str| {
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let elsewhere = "HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        answer(listener.accept().await.unwrap().0, elsewhere).await;
        let login = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        answer(listener.accept().await.unwrap().0, login).await;
    });
    let follows = following(Policy::default());
    let sent_on = send(follows.post(url), LATER).await.unwrap_err();
    assert_eq!(sent_on, Lost::Silent(Silence::SentOn));
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.insert(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn a_wait_comes_as_seconds_or_as_a_date() {
    let wait = |pairs: &[(&'static str, &str)]| retry_after(&headers(pairs));
    let date = ("date", "Sun, 01 Mar 2026 02:41:07 GMT");
    for (value, seconds) in [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0.5", 1.0),
        ("-3", 1.0),
        ("0", 1.0),
        ("NaN", 1.0),
        ("86400", 300.0),
    ] {
        let expected = Some(Duration::from_secs_f64(seconds));
        assert_eq!(wait(&[("retry-after", value)]), expected, "{value}");
    }
    for (value, seconds) in [
        ("Sun, 01 Mar 2026 02:41:19 GMT", 12),
        ("Sun, 01 Mar 2026 02:40:00 GMT", 1),
        ("Sun, 08 Mar 2026 02:41:07 GMT", 300),
    ] {
        let expected = Some(Duration::from_secs(seconds));
        assert_eq!(wait(&[date, ("retry-after", value)]), expected, "{value}");
        assert_eq!(wait(&[("retry-after", value)]), None, "whose clock?");
    }
    for value in [
        "18446744073709551615",
        "99999999999999999999",
        "1e300",
        "inf",
    ] {
        assert_eq!(
            wait(&[("retry-after", value)]),
            Some(WAIT_AT_MOST),
            "{value}"
        );
    }
    for value in ["soon", "", "7 s"] {
        assert_eq!(wait(&[date, ("retry-after", value)]), None, "{value}");
    }
    assert_eq!(wait(&[date]), None);
    let reset = headers(&[date, ("x-reset", "41")]);
    assert_eq!(wait_in(&reset, "x-reset"), Some(Duration::from_secs(41)));
    let moment: Timestamp = "2026-03-01T02:41:12Z".parse().unwrap();
    assert_eq!(wait_until(&reset, moment), Some(Duration::from_secs(5)));
    assert_eq!(wait_until(&headers(&[]), moment), None);
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(cut("shop", 4), "shop");
    assert_eq!(cut("shops", 4), "sho…");
    assert_eq!(cut("🛒🛒🛒", 3), "🛒🛒🛒");
    assert_eq!(cut("🛒🛒🛒", 2), "🛒…");
    assert_eq!(cut_utf16("🛒🛒🛒", 6), "🛒🛒🛒");
    assert_eq!(cut_utf16("🛒🛒🛒", 5), "🛒🛒…");
    assert_eq!(cut_utf16("🛒🛒🛒", 4), "🛒…");
    for at_most in 0..3 {
        assert_eq!(cut("shops", at_most).chars().count(), at_most.max(1));
    }
    assert_eq!(one_line(" a\n\tb\u{0}c  d "), "a b c d");
    assert_eq!(one_line("\n"), "");
    assert_eq!(
        one_line("v2\u{202e}31\u{2066}\u{200b}v\u{feff} \u{200b} x"),
        "v231v x"
    );
}
