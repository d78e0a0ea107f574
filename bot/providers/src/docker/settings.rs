//! What a service says about its container, and about the engine that runs it.

use super::Docker;
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, Value, duration, text};
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Containers of a Docker engine, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "docker",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The image, with the command and the environment that are built into it.",
        leaves: "Database, volumes, and what the container was started with: its own environment, mounts, networks, ports, labels, limits and restart policy.",
        pins: "Nothing is held off: the next deploy replaces the container like any other time.",
        needs: "The engine's socket (a member of its group may do everything on that machine) or its TCP port with TLS; Docker 19.03 or newer.",
        takes: "Seconds: requests fail from when the old container is told to stop until the new one is up.",
        proven: "A real engine (Docker 20.10): hundreds of recreations, killed with SIGKILL at any point; and a fake that cuts, floods and refuses.",
        traps: &[
            "Only images that this engine still has can be gone to, and what a rollback left if its registry digest is known. `docker image prune -a` takes the others away.",
            "One container stays behind as `<name>-before-RB-41`, stopped, until the next rollback; of a Compose service the old one is removed, because `docker compose up` could start it again.",
            "A container that was started with `--rm` is refused: stopping it would remove it. A port that the engine chose is another one afterwards.",
            "A service of a swarm is refused here, and a Compose service with more than one container.",
        ],
    },
    read: |section| Some(Arc::new(DockerSettings::read(section)?)),
};

const SOCKET: &str = "unix:///var/run/docker.sock";
const SECOND: Duration = Duration::from_secs(1);

/// The container of one service.
#[derive(Clone, Debug)]
pub struct DockerSettings {
    /// Where the engine listens.
    pub(super) host: Address,
    /// What the engine is asked with over TLS.
    pub(super) tls: Option<Tls>,
    /// Which container it is.
    pub(super) container: Named,
    /// The repository whose images can be gone to: `registry.example.com/acme/shop`. `None`: the
    /// one of the image that the container runs.
    pub(super) repository: Option<String>,
    /// With what a registry is asked.
    pub(super) registry: Option<Registry>,
    /// How long a container without a health check has to run before it counts as up.
    pub(super) settle: Duration,
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
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
pub(super) struct Tls {
    pub(super) ca: Secret,
    pub(super) cert: Secret,
    pub(super) key: Secret,
}

/// Who asks a registry for an image.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// How a container is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By its name.
    Container(String),
    /// By the labels that Compose gives it.
    Compose { project: String, service: String },
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Container(name) => f.write_str(name),
            Named::Compose { project, service } => write!(f, "{service} of the project {project}"),
        }
    }
}

impl DockerSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let tls = tls(section);
        let has_tls = matches!(&tls, Some(Some(_)));
        let host = match section.get("host") {
            Some(_) => section.optional("host", |value| address(&text(value)?, has_tls)),
            None => address(SOCKET, has_tls).ok(),
        };
        let container = named(section);
        let repository = section.optional("repository", repository);
        let user = section.optional("registry_user", text);
        let password = section.optional("registry_password", |value| section.secret(value));
        let registry = match (user, password) {
            (Some(user), Some(password)) => Some(Registry { user, password }),
            (None, None) => None,
            (Some(_), None) => {
                section.mistake("registry_password", "is missing beside registry_user");
                None
            }
            (None, Some(_)) => {
                section.mistake("registry_user", "is missing beside registry_password");
                None
            }
        };
        let settle = section.or(
            "settle",
            5 * SECOND,
            duration(Duration::ZERO..=600 * SECOND),
        );
        Some(Self {
            host: host?,
            tls: tls?,
            container: container?,
            repository,
            registry,
            settle,
        })
    }
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

/// By what the container is found; `None` when there is a mistake in it.
fn named(section: &Section<'_>) -> Option<Named> {
    let container = section.optional("container", name);
    let project = section.optional("compose_project", name);
    let service = section.optional("compose_service", name);
    let is_written = |key: &str| section.get(key).is_some();
    let by_labels = is_written("compose_project") || is_written("compose_service");
    match (is_written("container"), by_labels) {
        (true, true) => {
            section.mistake(
                "container",
                "stands beside compose_project or compose_service; leave one of them out",
            );
            None
        }
        (true, false) => container.map(Named::Container),
        (false, true) => {
            for key in ["compose_project", "compose_service"] {
                if !is_written(key) {
                    section.mistake(key, "is missing: Compose names a service by both");
                }
            }
            Some(Named::Compose {
                project: project?,
                service: service?,
            })
        }
        (false, false) => {
            section.mistake(
                "container",
                "is missing; write container = \"shop\", or compose_project and compose_service",
            );
            None
        }
    }
}

/// A name as Docker takes it.
fn name(value: &Value) -> Result<String, String> {
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

/// A repository without a tag.
fn repository(value: &Value) -> Result<String, String> {
    let repository = text(value)?;
    let last = repository.rsplit('/').next().unwrap_or_default();
    if repository.contains('@') || last.contains(':') || repository.contains(' ') {
        return Err(format!(
            "{repository:?} names one image; leave the tag and the digest out: every image of the repository can be gone to"
        ));
    }
    Ok(repository)
}

impl ProviderSettings for DockerSettings {
    fn identity(&self) -> String {
        format!("{} {}", self.host, self.container)
    }

    fn connect(&self, _http: &Client) -> Arc<dyn Provider> {
        Arc::new(Docker::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a section, or every mistake in it.
    fn read(written: &str) -> Result<DockerSettings, String> {
        let env = |name: &str| match name {
            "PEM" => Some("-----BEGIN CERTIFICATE-----\nMIIB\n".to_owned()),
            "WORD" => Some("a word".to_owned()),
            _ => None,
        };
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = rollback_settings::read(written, &env, &no_file, &[], |section| {
            let settings = DockerSettings::read(section);
            section.done();
            settings
        });
        read.map(|(settings, _)| settings)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_container_of_this_machine_needs_nothing_but_its_name() {
        let settings = read("container = \"shop\"").unwrap();
        assert_eq!(settings.identity(), "unix:///var/run/docker.sock shop");
        assert_eq!(settings.settle, Duration::from_secs(5));
        let settings = read("compose_project = \"acme\"\ncompose_service = \"web\"").unwrap();
        assert_eq!(settings.container.to_string(), "web of the project acme");
    }

    #[test]
    fn an_engine_elsewhere_is_asked_over_tls_only() {
        let tls = "ca = \"env:PEM\"\ncert = \"env:PEM\"\nkey = \"env:PEM\"";
        let remote = "container = \"shop\"\nhost = \"tcp://10.0.0.7:2376\"";
        let settings = read(&format!("{remote}\n{tls}")).unwrap();
        assert_eq!(settings.host, Address::Tls("10.0.0.7:2376".into()));
        let local = read("container = \"shop\"\nhost = \"tcp://127.0.0.1:2375\"").unwrap();
        assert_eq!(local.host, Address::Plain("127.0.0.1:2375".into()));
        for (written, part) in [
            (remote.to_owned(), "without TLS"),
            (format!("{remote}\nca = \"env:PEM\""), "cert: is missing"),
            (format!("{remote}\nca = \"env:WORD\""), "WORD is not PEM"),
            (
                "container = \"shop\"\nhost = \"tcp://engine\"".into(),
                "has no port",
            ),
            (
                "container = \"shop\"\nhost = \"unix://sock\"".into(),
                "not absolute",
            ),
            (
                "container = \"shop\"\nhost = \"ssh://x\"".into(),
                "neither a socket nor a port",
            ),
        ] {
            let mistakes = read(&written).unwrap_err();
            assert!(mistakes.contains(part), "{part:?} is not in: {mistakes}");
        }
    }

    #[test]
    fn what_names_no_single_container_is_a_mistake() {
        for (written, part) in [
            ("", "container: is missing"),
            ("container = \"a b\"", "no name that Docker takes"),
            ("container = \"../x\"", "no name that Docker takes"),
            ("compose_project = \"acme\"", "compose_service: is missing"),
            (
                "container = \"a\"\ncompose_project = \"b\"",
                "leave one of them out",
            ),
            (
                "container = \"a\"\nrepository = \"shop:v1\"",
                "leave the tag",
            ),
            (
                "container = \"a\"\nregistry_user = \"bot\"",
                "registry_password: is missing",
            ),
        ] {
            let mistakes = read(written).unwrap_err();
            assert!(mistakes.contains(part), "{part:?} is not in: {mistakes}");
        }
    }
}
