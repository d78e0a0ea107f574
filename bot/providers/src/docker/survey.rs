//! Reading: which container it is, what it runs, and what it could run.

use super::{
    Docker, PIN,
    container::{CONTAINER, Container, base_name, is_beside, kept_by},
    images::{self, Row, candidates, digest},
    settings::Named,
    steps::Wanted,
};
use crate::docker_api::{Session, Unread, repository};
use rollback_domain::{
    platform::{About, ProviderError},
    release::{Surface, Survey},
};
use serde_json::Value;

/// How many names a sentence has.
const NAMED_AT_MOST: usize = 8;

/// The container of the service.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) container: Container,
    /// All containers of the engine, as it lists them.
    containers: Value,
}

impl Docker {
    /// Finds the container by its name, or by the labels of Compose.
    pub(super) async fn find(&self, session: &Session<'_>) -> Result<Found, Unread> {
        let containers = self.containers(session).await?;
        let name = match &self.settings.container {
            Named::Container(name) => name.clone(),
            Named::Compose { project, service } => composed(&containers, project, service)?,
        };
        let has_name = |row: &Row<'_>| row.names().any(|one| one == name);
        let Some(row) = rows(&containers).find(has_name) else {
            return Err(Unread::Known(missing(&containers, &name)));
        };
        match self.container(session, row.id()).await? {
            Some(container) => Ok(Found {
                name,
                container,
                containers,
            }),
            None => Err(Unread::Known(missing(&containers, &name))),
        }
    }

    pub(super) async fn containers(&self, session: &Session<'_>) -> Result<Value, Unread> {
        let query = [("all", "1")];
        let list = session.read("the containers", &["containers", "json"], &query);
        Ok(list.await?.unwrap_or_default())
    }

    /// A container by its id or name; `None` when there is none.
    pub(super) async fn container(
        &self,
        session: &Session<'_>,
        id: &str,
    ) -> Result<Option<Container>, Unread> {
        let path = ["containers", id, "json"];
        let read = session.read("the container", &path, &[]).await?;
        Ok(read.map(Container))
    }

    /// An image by its id; `None` when the engine has none.
    pub(super) async fn image(
        &self,
        session: &Session<'_>,
        id: &str,
    ) -> Result<Option<Value>, Unread> {
        session
            .read("the image", &["images", id, "json"], &[])
            .await
    }

    /// Everything that a plan is made of.
    pub(super) async fn read(
        &self,
        session: &Session<'_>,
        found: &Found,
        about: &About,
    ) -> Result<Survey, Unread> {
        let images = session.read("the images", &["images", "json"], &[]).await?;
        let images = images.unwrap_or_default();
        let info = session.read("the engine", &["info"], &[]).await?;
        let info = info.unwrap_or_default();
        let (name, container) = (&found.name, &found.container);
        let repository = self.repository(container, &images);
        let (mut candidates, pulls) = candidates(
            &images,
            &found.containers,
            name,
            &repository,
            about.undoes.as_ref(),
        );
        if let Some(removed) = images::removed(&images, container) {
            candidates.insert(0, removed);
        }
        let engine = match info["ID"].as_str().filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => self.engine.place(),
        };
        let wanted = Wanted {
            pulls,
            ..Wanted::of(
                name,
                container,
                digest(&images, container.image(), &repository),
            )
        };
        Ok(Survey {
            candidates,
            // What it was made of serves as soon as it is up again.
            surfaces: vec![Surface {
                name: name.clone(),
                live: Some(container.image().to_owned()),
            }],
            production: Some(format!("docker {engine} {name}")),
            pin: PIN,
            in_flight: under_way(found),
            memory: wanted.stored(),
            ..Survey::default()
        })
    }

    /// The repository whose images can be gone to; empty when the image came from none.
    fn repository(&self, container: &Container, images: &Value) -> String {
        let configured = self.settings.repository.as_deref();
        let configured = configured.map(|written| repository(written).unwrap_or(written));
        let referenced = configured.or_else(|| repository(container.reference()));
        match referenced {
            Some(repository) => repository.to_owned(),
            None => images::repository_of(images, container.image()).unwrap_or_default(),
        }
    }
}

fn rows(containers: &Value) -> impl Iterator<Item = Row<'_>> {
    containers.as_array().into_iter().flatten().map(Row)
}

/// The name of the one container of a Compose service.
fn composed(containers: &Value, project: &str, service: &str) -> Result<String, ProviderError> {
    let of_service = rows(containers).filter(|row| {
        row.label("com.docker.compose.project") == Some(project)
            && row.label("com.docker.compose.service") == Some(service)
            && row.label("com.docker.compose.oneoff") != Some("True")
    });
    let mut names: Vec<&str> = of_service
        .filter_map(|row| row.names().next())
        .map(|name| base_name(name).unwrap_or(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        [] => Err(ProviderError::Refused(format!(
            "There is no container of the Compose service {service} in the project {project}. Start it with docker compose up -d, or check compose_project and compose_service."
        ))),
        names => Err(ProviderError::Refused(format!(
            "The Compose service {service} has {} containers ({}), and one at a time is what can be recreated. Scale it to 1, or name one of them with container.",
            names.len(),
            listed(names)
        ))),
    }
}

/// Why there is no container of that name: it is gone, or somebody has renamed it.
fn missing(containers: &Value, name: &str) -> ProviderError {
    let first = |row: Row<'_>| row.names().next().unwrap_or_default().to_owned();
    let is_kept = |row: &Row<'_>| {
        let mut names = row.names();
        names.any(|one| kept_by(one, name).is_some())
    };
    if let Some(kept) = rows(containers).find(is_kept).map(first) {
        return ProviderError::Refused(format!(
            "There is no container named {name}; a rollback that was cut off has left it as {kept}. Put it back by hand: docker rename {kept} {name}, docker start {name}."
        ));
    }
    let is_renamed = |row: &Row<'_>| {
        row.label(CONTAINER) == Some(name) && row.names().all(|one| base_name(one).is_none())
    };
    if let Some(renamed) = rows(containers).find(is_renamed).map(first) {
        return ProviderError::Refused(format!(
            "There is no container named {name}: somebody has renamed it to {renamed}. Rename it back with docker rename {renamed} {name}, or set container."
        ));
    }
    let names: Vec<&str> = rows(containers)
        .filter_map(|row| row.names().next())
        .collect();
    ProviderError::Refused(match names.is_empty() {
        true => format!(
            "There is no container named {name}, and no other one on this engine. Start it, or check host and container."
        ),
        false => format!(
            "There is no container named {name}. There are {}. Start it, or set container.",
            listed(&names)
        ),
    })
}

fn listed(names: &[&str]) -> String {
    let mut listed = names[..names.len().min(NAMED_AT_MOST)].join(", ");
    if names.len() > NAMED_AT_MOST {
        listed.push_str(", …");
    }
    listed
}

/// What is unusual about the container right now, as a clause.
fn under_way(found: &Found) -> Option<String> {
    if !found.container.is_up() {
        return Some(format!("{} is {}", found.name, found.container.state()));
    }
    let left = rows(&found.containers).find_map(|row| {
        let is_ours = row.label(CONTAINER) == Some(found.name.as_str());
        let mut names = row.names();
        names
            .find(|name| is_ours && is_beside(name, &found.name))
            .map(str::to_owned)
    });
    left.map(|left| {
        format!("{left} is left of a rollback that was cut off; the next one removes it")
    })
}

/// Whether a container can be taken away and put back.
pub(super) fn check_replaceable(container: &Container) -> Result<(), ProviderError> {
    let name = container.name();
    if container.removes_itself() {
        return Err(ProviderError::Refused(format!(
            "{name} was started with --rm, so stopping it removes it, and nothing could be put back. Start it without --rm first."
        )));
    }
    if let Some(owner) = container.owner() {
        return Err(ProviderError::Refused(format!(
            "{name} belongs to {owner}, which would put back what it wants. Roll back there instead."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::container::beside, *};
    use rollback_domain::identity::RollbackId;
    use serde_json::json;

    fn row(name: &str, labels: Value) -> Value {
        json!({ "Id": name, "Names": [format!("/{name}")], "Labels": labels, "State": "running" })
    }

    fn compose() -> Value {
        json!({ "com.docker.compose.project": "acme", "com.docker.compose.service": "web" })
    }

    #[test]
    fn a_compose_service_is_one_container_whatever_a_rollback_left_of_it() {
        let left = beside("acme-web-1", RollbackId::new(40));
        let one = json!([row("acme-web-1", compose()), row(&left, compose())]);
        assert_eq!(composed(&one, "acme", "web").unwrap(), "acme-web-1");
        let two = json!([row("acme-web-1", compose()), row("acme-web-2", compose())]);
        for (containers, part) in [(two, "Scale it to 1"), (json!([]), "docker compose up -d")] {
            let why = composed(&containers, "acme", "web")
                .unwrap_err()
                .to_string();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn a_container_that_is_not_there_has_its_reason() {
        for (containers, part) in [
            (json!([]), "no other one"),
            (json!([row("api", json!({}))]), "There are api."),
            (
                json!([row("shop-before-RB-7", json!({}))]),
                "docker rename shop-before-RB-7 shop",
            ),
            (
                json!([row("old-shop", json!({ CONTAINER: "shop" }))]),
                "renamed it to old-shop",
            ),
        ] {
            let why = missing(&containers, "shop").to_string();
            assert!(why.contains(part), "{part:?} is not in: {why}");
        }
    }
}
