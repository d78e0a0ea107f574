//! What a service says about its service of a swarm, and about the manager that is asked.

use super::Swarm;
use crate::{
    Provider,
    docker_api::{Connection, Registry, name},
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::Section;
use std::sync::Arc;

/// Services of a Docker swarm, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "swarm",
    class: Risk::Code,
    documentation: Documentation {
        restores: "What its tasks are made of: image, command, environment, mounts, limits, placement and networks.",
        leaves: "Database, volumes, the content of secrets and configs, the number of replicas, published ports, the service's own labels, and how it is updated.",
        pins: "Nothing is held off: the next `docker service update` or `docker stack deploy` replaces the spec like any other time.",
        needs: "The socket of a manager of the swarm, or its TCP port with TLS; Docker 19.03 or newer. Whoever may use it has every machine of the swarm.",
        takes: "As long as the service's own update: `update_config` says how many tasks at a time, how long each is watched and in which order.",
        proven: "A real swarm of one manager (Docker 20.10), where the process that asks is killed with SIGKILL at any point and the spec is compared before and after; and a fake that counts versions, tasks and states as that one does.",
        traps: &[
            "Only what Swarm still has can be gone to: the spec before the last change, and those of the tasks that it keeps (five for each replica, `docker swarm update --task-history-limit`). `docker service rollback` knows one, and a second one goes forward again.",
            "An image that is named without its digest (`shop:v212` and not `shop:v212@sha256:…`) is whatever its tag means today. The card warns of it.",
            "With the failure action `rollback`, Swarm goes back to what served before by itself when tasks of the target fail: that is FAILED, production as before. With `pause` it stops half-way: PARTIAL, with the tasks that did not move.",
            "A service of a stack gets what the stack's file says with the next `docker stack deploy`: revert the file, too.",
            "Jobs, and services that are scaled to 0, are refused.",
            "Dokploy runs applications as services whose image keeps its name from one deploy to the next (`app:latest`), so there is nothing here to tell them apart by.",
        ],
    },
    read: |section| Some(Arc::new(SwarmSettings::read(section)?)),
};

/// The service of one service.
#[derive(Clone, Debug)]
pub struct SwarmSettings {
    /// Where a manager listens, and how it is asked.
    pub(super) connection: Connection,
    /// Its name in the swarm: `acme_shop`.
    pub(super) service: String,
    /// With what the nodes ask a registry for an image; `None`: with what the spec has.
    pub(super) registry: Option<Registry>,
}

impl SwarmSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let connection = Connection::read(section);
        let service = section.required("service", "\"acme_shop\"", name);
        let registry = Registry::read(section);
        Some(Self {
            connection: connection?,
            service: service?,
            registry,
        })
    }
}

impl ProviderSettings for SwarmSettings {
    fn identity(&self) -> String {
        format!("{} {}", self.connection.host, self.service)
    }

    fn connect(&self, _http: &Client) -> Arc<dyn Provider> {
        Arc::new(Swarm::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// What is read of a section, or every mistake in it.
    fn read(written: &str) -> Result<SwarmSettings, String> {
        let env = |_: &str| None;
        let no_file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let read = rollback_settings::read(written, &env, &no_file, &[], |section| {
            let settings = SwarmSettings::read(section);
            section.done();
            settings
        });
        read.map(|(settings, _)| settings)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_service_needs_nothing_but_its_name() {
        let settings = read("service = \"acme_shop\"").unwrap();
        assert_eq!(settings.identity(), "unix:///var/run/docker.sock acme_shop");
        for (written, part) in [
            ("", "service: is missing; write service = \"acme_shop\""),
            ("service = \"../x\"", "no name that Docker takes"),
            (
                "service = \"a\"\nhost = \"tcp://10.0.0.7:2376\"",
                "without TLS",
            ),
            (
                "service = \"a\"\nregistry_user = \"bot\"",
                "registry_password: is missing",
            ),
        ] {
            let mistakes = read(written).unwrap_err();
            assert!(mistakes.contains(part), "{part:?} is not in: {mistakes}");
        }
    }
}
