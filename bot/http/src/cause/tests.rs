//! Tests against servers that are wrong in the ways that operators meet.

use crate::{Lost, send};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Client;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const WITHIN: Duration = Duration::from_secs(20);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client that trusts this authority besides the system's.
fn client(trusted: &Authority) -> Client {
    let root = reqwest::Certificate::from_der(trusted.der()).unwrap();
    Client::builder()
        .add_root_certificate(root)
        .build()
        .unwrap()
}

/// Serves TLS with a certificate for `name` that ends then, and gives the port.
async fn server(issuer: &Authority, name: &str, ends: OffsetDateTime) -> u16 {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = OffsetDateTime::UNIX_EPOCH;
    params.not_after = ends;
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = acceptor.accept(stream).await;
    });
    port
}

async fn told(client: &Client, url: String) -> String {
    let lost = send(client.get(url), WITHIN).await.unwrap_err();
    assert!(matches!(lost, Lost::Unreachable { .. }), "{lost:?}");
    lost.to_string()
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let (ours, theirs) = (authority(), authority());
    let client = client(&ours);
    let later = OffsetDateTime::now_utc() + time::Duration::days(30);
    let over = OffsetDateTime::now_utc() - time::Duration::days(1);
    for (issuer, name, ends, expected) in [
        (&ours, "localhost", over, "its certificate has expired"),
        (
            &ours,
            "shop.example.com",
            later,
            "its certificate is for another host: the name does not match",
        ),
        (
            &theirs,
            "localhost",
            later,
            "its certificate comes from an unknown authority, one that this machine does not trust",
        ),
    ] {
        let port = server(issuer, name, ends).await;
        let told = told(&client, format!("https://localhost:{port}/")).await;
        assert_eq!(told, format!("no connection ({expected})"));
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_and_a_port_that_does_not_encrypt_are_told() {
    let client = client(&authority());
    let told_of_host = told(&client, "https://shop.invalid/".into()).await;
    assert!(
        told_of_host.contains("no such host") || told_of_host.contains("DNS is not answering"),
        "{told_of_host}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
    });
    let told_of_port = told(&client, format!("https://localhost:{port}/")).await;
    assert_eq!(
        told_of_port,
        "no connection (what answers there does not speak TLS)"
    );
}

#[test]
fn the_systems_words_for_a_missing_host_are_understood() {
    for words in [
        "failed to lookup address information: Name or service not known",
        "failed to lookup address information: No address associated with hostname",
    ] {
        let error = std::io::Error::other(words);
        assert_eq!(super::cause(&error), "no such host");
    }
    let error = std::io::Error::other("something\nelse");
    assert_eq!(super::cause(&error), "something else");
}
