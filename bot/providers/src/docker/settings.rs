//! What a service says about its container, and about the engine that runs it.

use super::Docker;
use crate::{
    Provider,
    docker_api::{Connection, Registry, name},
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Section, Value, duration, text};
use std::{fmt, sync::Arc, time::Duration};

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

const SECOND: Duration = Duration::from_secs(1);

/// The container of one service.
#[derive(Clone, Debug)]
pub struct DockerSettings {
    /// Where the engine listens, and how it is asked.
    pub(super) connection: Connection,
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
        let connection = Connection::read(section);
        let container = named(section);
        let repository = section.optional("repository", repository);
        let registry = Registry::read(section);
        let settle = section.or(
            "settle",
            5 * SECOND,
            duration(Duration::ZERO..=600 * SECOND),
        );
        Some(Self {
            connection: connection?,
            container: container?,
            repository,
            registry,
            settle,
        })
    }
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
        format!("{} {}", self.connection.host, self.container)
    }

    fn connect(&self, _http: &Client) -> Arc<dyn Provider> {
        Arc::new(Docker::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// What is read of a section, or every mistake in it.
    fn read(written: &str) -> Result<DockerSettings, String> {
        let env = |_: &str| None;
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
