//! Tests of the rules next door.

use super::*;
use axum::{Router, http::StatusCode, routing::get};

/// A page with one answer.
async fn page(status: u16, body: &'static str) -> Url {
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

async fn look(urls: &[&Url], at: FingerprintAt) -> Vec<Result<String, String>> {
    let http = crate::http_client().unwrap();
    let fingerprint = Fingerprint {
        urls: urls.iter().map(|url| (*url).clone()).collect(),
        sent: Sent::default(),
        at,
    };
    let instances = fingerprint.look(&http).await.into_iter();
    instances.map(|instance| instance.version).collect()
}

#[tokio::test]
async fn the_version_is_read_from_wherever_it_is() {
    let url = &page(200, r#"{"build":212}"#).await;
    assert_eq!(
        look(&[url], FingerprintAt::Header("x-release".into())).await,
        [Ok("v212".into())]
    );
    assert_eq!(
        look(&[url], FingerprintAt::Json("/build".into())).await,
        [Ok("212".into())]
    );
    assert_eq!(
        look(&[url], FingerprintAt::Meta("release".into())).await,
        [Err(format!("{url} has no <meta name=\"release\">"))]
    );
    let down = &page(503, "").await;
    assert_eq!(
        look(&[down], FingerprintAt::Json("/build".into())).await,
        [Err(format!("{down} answered 503"))]
    );
}

#[tokio::test]
async fn every_address_says_its_own_version() {
    let (new, old) = (
        &page(200, r#"{"build":212}"#).await,
        &page(200, r#"{"build":213}"#).await,
    );
    assert_eq!(
        look(&[new, old, new], FingerprintAt::Json("/build".into())).await,
        [Ok("212".into()), Ok("213".into()), Ok("212".into())]
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
