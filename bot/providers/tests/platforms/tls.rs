//! TLS before an API that has none: with an authority of its own, and certificates for clients.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

/// An address that is asked over TLS, and what it is asked with.
pub struct Front {
    /// `https://127.0.0.1:…`.
    pub url: String,
    /// The authority that vouches for it, as PEM.
    pub ca: String,
    /// The certificate of a client and its key, as PEM.
    pub client: (String, String),
}

impl Front {
    /// Starts one before this API. A client with a certificate is one with this token there.
    pub fn start(api_url: &str, token: &'static str) -> Front {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let signed = |usage| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            params.extended_key_usages.push(usage);
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = signed(ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = signed(ExtendedKeyUsagePurpose::ClientAuth);
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder(Arc::new(roots));
        let clients = clients.allow_unauthenticated().build().unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let chain = vec![CertificateDer::from(server.der().to_vec())];
        let config = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (config, api) = (Arc::new(config), api_url.replace("http://", ""));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, api) = (config.clone(), api.clone());
                std::thread::spawn(move || pass_on(stream, config, &api, token));
            }
        });
        Front {
            url,
            ca: ca.pem(),
            client: (client.pem(), client_key.serialize_pem()),
        }
    }
}

/// Passes one request on, and its answer back; `None` when either side goes away.
fn pass_on(stream: TcpStream, config: Arc<ServerConfig>, api: &str, token: &str) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut request = vec![];
    let end = loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&piece[..count]);
        let end = request.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while request.len() < end + length {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&piece[..count]);
    }
    if stream.conn.peer_certificates().is_some() {
        let header = format!("authorization: Bearer {token}\r\n");
        let place = end - 2;
        request.splice(place..place, header.into_bytes());
    }
    let mut api = TcpStream::connect(api).ok()?;
    api.write_all(&request).ok()?;
    let mut answer = vec![];
    api.read_to_end(&mut answer).ok()?;
    stream.write_all(&answer).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}
