//! How a service says where an engine listens, and with what it is asked.

use rollback_settings::{Secret, Section, Value, text};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

const SOCKET: &str = "unix:///var/run/docker.sock";

/// The way to an engine.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Where the engine listens.
    pub(crate) host: Address,
    /// What the engine is asked with over TLS.
    pub(crate) tls: Option<Tls>,
}

impl Connection {
    /// Reads it; `None` when there is a mistake in it.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let tls = tls(section);
        let has_tls = matches!(&tls, Some(Some(_)));
        let host = match section.get("host") {
            Some(_) => section.optional("host", |value| address(&text(value)?, has_tls)),
            None => address(SOCKET, has_tls).ok(),
        };
        Some(Self {
            host: host?,
            tls: tls?,
        })
    }
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A socket on this machine.
    Socket(PathBuf),
    /// A port of this machine without TLS.
    Plain(String),
    /// A port with TLS.
    Tls(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Socket(path) => write!(f, "unix://{}", path.display()),
            Address::Plain(host) | Address::Tls(host) => write!(f, "tcp://{host}"),
        }
    }
}

/// Certificates, as PEM.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) ca: Secret,
    pub(crate) cert: Secret,
    pub(crate) key: Secret,
}

/// The certificates. The outer `None`: there is a mistake in them.
fn tls(section: &Section<'_>) -> Option<Option<Tls>> {
    let part = |key: &str| section.optional(key, |value| section.pem(value));
    let (ca, cert, key) = (part("ca"), part("cert"), part("key"));
    let all = [
        ("ca", ca.is_some()),
        ("cert", cert.is_some()),
        ("key", key.is_some()),
    ];
    match (ca, cert, key) {
        (None, None, None) => Some(None),
        (Some(ca), Some(cert), Some(key)) => Some(Some(Tls { ca, cert, key })),
        (_, _, _) => {
            for (name, _) in all.into_iter().filter(|(_, is_there)| !is_there) {
                if section.get(name).is_none() {
                    section.mistake(name, "is missing: TLS needs ca, cert and key");
                }
            }
            None
        }
    }
}

/// Reads `unix:///path`, or `tcp://host:port`.
fn address(written: &str, has_tls: bool) -> Result<Address, String> {
    if let Some(path) = written.strip_prefix("unix://") {
        if !Path::new(path).is_absolute() {
            return Err(format!("{path:?} is not absolute; write {SOCKET:?}"));
        }
        return Ok(Address::Socket(path.into()));
    }
    let Some(host) = written.strip_prefix("tcp://") else {
        return Err(format!(
            "is neither a socket nor a port; write {SOCKET:?} or \"tcp://10.0.0.7:2376\""
        ));
    };
    let host = host.trim_end_matches('/');
    let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) || host.contains(['/', '@', '?', '#']) {
        return Err("has no port; write \"tcp://10.0.0.7:2376\"".into());
    }
    match (has_tls, is_this_machine(host)) {
        (true, _) => Ok(Address::Tls(host.into())),
        (false, true) => Ok(Address::Plain(host.into())),
        (false, false) => Err(
            "is a port without TLS: whoever reaches it has that machine. Set ca, cert and key"
                .into(),
        ),
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<SocketAddr>().map(|address| address.ip());
    address.is_ok_and(|ip: IpAddr| ip.is_loopback())
        || host
            .rsplit_once(':')
            .is_some_and(|(name, _)| name == "localhost")
}

/// A name as Docker takes it.
pub(crate) fn name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if !begins || !name.chars().all(fits) || name.len() > 200 {
        return Err(format!(
            "{name:?} is no name that Docker takes: letters, digits, and \"_\", \".\" and \"-\" after the first"
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a section, or every mistake in it.
    fn read(written: &str) -> Result<Connection, String> {
        let env = |name: &str| match name {
            "PEM" => Some("-----BEGIN CERTIFICATE-----\nMIIB\n".to_owned()),
            "WORD" => Some("a word".to_owned()),
            _ => None,
        };
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = rollback_settings::read(written, &env, &no_file, &[], |section| {
            let connection = Connection::read(section);
            section.done();
            connection
        });
        read.map(|(connection, _)| connection)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn an_engine_elsewhere_is_asked_over_tls_only() {
        let tls = "ca = \"env:PEM\"\ncert = \"env:PEM\"\nkey = \"env:PEM\"";
        let remote = "host = \"tcp://10.0.0.7:2376\"";
        let connection = read(&format!("{remote}\n{tls}")).unwrap();
        assert_eq!(connection.host, Address::Tls("10.0.0.7:2376".into()));
        let local = read("host = \"tcp://127.0.0.1:2375\"").unwrap();
        assert_eq!(local.host, Address::Plain("127.0.0.1:2375".into()));
        assert_eq!(read("").unwrap().host.to_string(), SOCKET);
        for (written, part) in [
            (remote.to_owned(), "without TLS"),
            (format!("{remote}\nca = \"env:PEM\""), "cert: is missing"),
            (format!("{remote}\nca = \"env:WORD\""), "WORD is not PEM"),
            ("host = \"tcp://engine\"".into(), "has no port"),
            ("host = \"unix://sock\"".into(), "not absolute"),
            ("host = \"ssh://x\"".into(), "neither a socket nor a port"),
        ] {
            let mistakes = read(&written).unwrap_err();
            assert!(mistakes.contains(part), "{part:?} is not in: {mistakes}");
        }
    }
}
