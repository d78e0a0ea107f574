//! Tests of the rules next door.

use super::*;

/// A page with one answer for everything.
async fn page(status: u16, body: &'static str) -> Url {
    use axum::{Router, http::StatusCode, routing::get};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    let routes = Router::new().route(
        "/health",
        get(move || async move { (status, [("x-release", "v212")], body) }),
    );
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url.parse().unwrap()
}

fn check(url: Url) -> Check {
    Check {
        url,
        status: 200,
        json: None,
        contains: None,
        within: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_check_wants_all_it_was_given() {
    let http = crate::http_client().unwrap();
    let url = page(200, r#"{"db":{"ok":true},"name":"shop"}"#).await;
    let json = |pointer: &str, wanted: &str| Check {
        json: Some((pointer.into(), wanted.into())),
        ..check(url.clone())
    };
    assert_eq!(try_check(&http, &check(url.clone())).await, Ok(()));
    assert_eq!(try_check(&http, &json("/db/ok", "true")).await, Ok(()));
    assert_eq!(try_check(&http, &json("/name", "shop")).await, Ok(()));
    let contains = |text: &str| Check {
        contains: Some(text.into()),
        ..check(url.clone())
    };
    assert_eq!(try_check(&http, &contains("\"db\"")).await, Ok(()));
    let wrong = [
        (
            json("/db/ok", "false"),
            "has true at /db/ok instead of false",
        ),
        (json("/cache", "true"), "has nothing at /cache"),
        (contains("sale"), "does not contain \"sale\""),
        (
            Check {
                status: 204,
                ..check(url.clone())
            },
            "answered 200 instead of 204",
        ),
        (
            check("http://127.0.0.1:1/".parse().unwrap()),
            "no connection (connection refused)",
        ),
    ];
    for (check, said) in wrong {
        assert_eq!(try_check(&http, &check).await, Err(said.to_owned()));
    }
    assert_eq!(
        try_check(
            &http,
            &Check {
                json: Some(("/x".into(), "1".into())),
                ..check(page(200, "<html>").await)
            }
        )
        .await,
        Err("did not answer with JSON".into())
    );
}

#[tokio::test]
async fn a_page_that_is_silent_is_given_up_in_time() {
    let http = crate::http_client().unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap())
        .parse()
        .unwrap();
    let hurried = Check {
        within: Duration::from_millis(50),
        ..check(url)
    };
    assert_eq!(
        try_check(&http, &hurried).await,
        Err("did not answer within 0.05 s".into())
    );
}

#[tokio::test]
async fn the_version_is_read_from_wherever_it_is() {
    let http = crate::http_client().unwrap();
    let url = page(200, r#"{"build":212}"#).await;
    assert_eq!(
        read_version(&http, &url, &FingerprintAt::Header("x-release".into())).await,
        Ok("v212".into())
    );
    assert_eq!(
        read_version(&http, &url, &FingerprintAt::Json("/build".into())).await,
        Ok("212".into())
    );
    assert_eq!(
        read_version(&http, &url, &FingerprintAt::Meta("release".into())).await,
        Err(format!("{url} has no <meta name=\"release\">"))
    );
    let down = page(503, "").await;
    assert_eq!(
        read_version(&http, &down, &FingerprintAt::Json("/build".into())).await,
        Err(format!("{down} answered 503"))
    );
}

#[test]
fn a_meta_tag_is_found_whatever_its_shape() {
    for html in [
        r#"<head><meta name="release" content="v212"></head>"#,
        "<META content='v212' NAME='Release' />",
        "<meta charset=utf-8><meta name=release content=v212>",
    ] {
        assert_eq!(meta(html, "release").as_deref(), Some("v212"), "{html}");
    }
    assert_eq!(meta("<meta name=other content=x>", "release"), None);
    assert_eq!(meta("<meta name=release", "release"), None);
}

/// An address that takes a connection and never answers.
async fn silent() -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    url.parse().unwrap()
}

#[tokio::test]
async fn checks_are_made_at_once_and_each_has_its_own_limit() {
    let http = crate::http_client().unwrap();
    let within = Duration::from_secs(1);
    let good = page(200, "fine").await;
    let mut checks: Vec<Check> = vec![];
    for _ in 0..8 {
        let url = silent().await;
        checks.push(Check {
            within,
            ..check(url)
        });
    }
    checks.insert(3, check(good));
    let began = std::time::Instant::now();
    let seen = try_all(&http, &checks).await;
    // One after the other they would take eight.
    assert!(began.elapsed() < within * 6, "{:?}", began.elapsed());
    let problems: Vec<bool> = seen.iter().map(|one| one.problem.is_some()).collect();
    let mut expected = vec![true; 9];
    expected[3] = false;
    assert_eq!(problems, expected);
    assert!(seen[3].name.ends_with("/health"));
}
