//! One recreation: what may be done now, and doing one step of it.

use super::{
    Docker, PIN,
    container::{CONTAINER, Container, ROLLBACK, beside, is_beside, is_same_policy, kept, kept_by},
    images::Row,
    recreate::Recipe,
    stage::{Scene, Settle, Stage},
    steps::{Step, Steps, Wanted},
    survey::check_replaceable,
};
use crate::docker_api::{CHANGE_WITHIN, Change, Session, Unread, repository};
use reqwest::Method;
use rollback_domain::{
    platform::{Order, Production, Progress, ProviderError, Receipt, RestorePoint},
    release::Surface,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a step that is found not to be done is asked for again before everything is put back.
const TRIES: u64 = 6;
/// How long the engine is waited for while it stops a container.
const STOP_WITHIN: Duration = Duration::from_secs(50);
/// How long a new container that failed may take to end, in seconds.
const STOP_FAILED: &str = "5";

/// A recreation that is under way.
#[derive(Debug)]
pub(super) struct Recreation<'a> {
    docker: &'a Docker,
    session: &'a Session<'a>,
    order: &'a Order,
    wanted: Wanted,
    steps: Steps,
    scene: Scene,
    /// All containers of the engine, as it lists them.
    containers: Value,
}

/// What both images bring into a configuration, and how the new one is named.
struct Images {
    old: Value,
    new: Value,
    reference: String,
}

impl Docker {
    /// Reads where a recreation stands.
    pub(super) async fn recreation<'a>(
        &'a self,
        session: &'a Session<'a>,
        order: &'a Order,
        wanted: Wanted,
    ) -> Result<Recreation<'a>, Unread> {
        let containers = self.containers(session).await?;
        let rows = || containers.as_array().into_iter().flatten().map(Row);
        let number = order.rollback.to_string();
        let is_new = |row: &Row<'_>| {
            row.label(ROLLBACK) == Some(number.as_str())
                && row.label(CONTAINER) == Some(wanted.name.as_str())
        };
        let named = rows().find(|row| row.names().any(|name| name == wanted.name));
        let read = async |row: Option<Row<'_>>| match row {
            Some(row) => self.container(session, row.id()).await,
            None => Ok(None),
        };
        let scene = Scene {
            named: read(named).await?,
            old: self.container(session, &wanted.old).await?,
            // The old one may be what an earlier attempt under the same number made.
            new: read(rows().find(|row| is_new(row) && row.id() != wanted.old)).await?,
            lost: vec![],
        };
        let mut recreation = Recreation {
            docker: self,
            session,
            order,
            steps: Steps::of(order),
            wanted,
            scene,
            containers,
        };
        recreation.scene.lost = recreation.compare().await?;
        Ok(recreation)
    }
}

impl Recreation<'_> {
    fn stage(&self) -> Stage {
        let settle = Settle {
            needed: self.docker.settings.settle,
            now: self.session.now,
        };
        self.scene
            .stage(&self.wanted, &self.steps, self.order.step, settle)
    }

    fn target(&self) -> &str {
        &self.order.plan.to.id
    }

    /// What the new container has lost of the old one, while it stands beside it.
    async fn compare(&self) -> Result<Vec<String>, Unread> {
        let (Some(old), Some(new)) = (&self.scene.old, &self.scene.new) else {
            return Ok(vec![]);
        };
        if new.name() == self.wanted.name {
            return Ok(vec![]);
        }
        let Some(images) = self.images(old).await? else {
            return Ok(vec!["the image, which was removed".into()]);
        };
        Ok(self.recipe(old, &images).lost(new))
    }

    /// The images; `None` when the new one is not there any more.
    async fn images(&self, old: &Container) -> Result<Option<Images>, Unread> {
        let new = self.docker.image(self.session, self.target()).await?;
        let Some(new) = new else {
            return Ok(None);
        };
        let before = self.docker.image(self.session, old.image()).await?;
        let of = repository(old.reference()).unwrap_or_default();
        let digests = new["RepoDigests"].as_array().into_iter().flatten();
        let reference = digests
            .filter_map(Value::as_str)
            .find(|digest| repository(digest) == Some(of))
            .unwrap_or(self.target());
        Ok(Some(Images {
            old: before
                .map(|image| image["Config"].clone())
                .unwrap_or_default(),
            reference: reference.to_owned(),
            new: new["Config"].clone(),
        }))
    }

    fn recipe<'a>(&'a self, old: &'a Container, images: &'a Images) -> Recipe<'a> {
        Recipe {
            old,
            old_image: &images.old,
            image: self.target(),
            reference: &images.reference,
            new_image: &images.new,
            restart: &self.wanted.restart,
            rollback: self.order.rollback,
            name: &self.wanted.name,
            api: self.session.api,
        }
    }

    /// Where it stands, and what may be done next.
    pub(super) async fn progress(&self) -> Result<Progress, ProviderError> {
        let name = &self.wanted.name;
        Ok(match self.stage() {
            Stage::Untouched => self.untouched().await?,
            Stage::Incomplete(lost) => {
                self.ready(Step::Create, format!("the new container has no {lost} yet"))
            }
            Stage::Created => self.ready(
                Step::Stop,
                format!("the new container is beside {name}, with everything that {name} has"),
            ),
            Stage::Stopped => self.ready(Step::Rename, format!("{name} is stopped")),
            Stage::Renamed => self.ready(Step::Start, "the new container has the name".into()),
            Stage::Starting(waits) => {
                self.seen(None, format!("the new container is started: {waits}"))
            }
            Stage::Serving if self.steps.removes() && self.scene.old.is_some() => {
                self.ready(Step::Remove, "the new container is up".into())
            }
            Stage::Serving => {
                let image = self.scene.named.as_ref().map(Container::image);
                self.seen(image, "the new container is up".into())
            }
            Stage::Broken(why) => self.put_back_ready(why),
            Stage::PutBack => {
                let why = self.wanted.broken.as_deref();
                Progress::Failed {
                    why: format!(
                        "{}; {name} is the old container again, as it was",
                        why.unwrap_or("it could not go on")
                    ),
                    production: Production::AsBefore,
                }
            }
            Stage::Lost { why, production } => Progress::Failed {
                why: format!("{why}. Look at docker ps -a on that machine."),
                production,
            },
        })
    }

    /// Nothing was done to a container: is the image still on its way?
    async fn untouched(&self) -> Result<Progress, ProviderError> {
        let name = &self.wanted.name;
        let not_asked = || Progress::NotAsked {
            why: format!("{name} is as it was, and there is no new container beside it"),
        };
        let failed = |why: String| Progress::Failed {
            why,
            production: Production::AsBefore,
        };
        let pulls = self.steps.at(0) == Step::Pull;
        if !pulls {
            return Ok(not_asked());
        }
        let is_there = self
            .docker
            .image(self.session, self.target())
            .await?
            .is_some();
        if is_there && self.wanted.tries >= TRIES {
            return Ok(failed(format!(
                "the new container could not be created beside {name}"
            )));
        }
        if is_there {
            return Ok(self.ready(Step::Create, "the image is there".into()));
        }
        let Some(digest) = self.wanted.pulls.get(self.target()) else {
            return Ok(not_asked());
        };
        Ok(match self.docker.pulls.outcome(digest) {
            None => not_asked(),
            Some(None) => {
                let old = self.scene.old.as_ref().map(Container::image);
                self.seen(old, format!("{digest} is being pulled"))
            }
            Some(Some(Ok(()))) => failed(mismatch(digest)),
            Some(Some(Err(error))) => failed(error.to_string()),
        })
    }

    fn seen(&self, live: Option<&str>, said: String) -> Progress {
        Progress::Serving {
            surfaces: vec![Surface {
                name: self.wanted.name.clone(),
                live: live.map(str::to_owned),
            }],
            pin: PIN,
            said,
        }
    }

    /// A step that is safe now. One that is found not to be done time and again is given up.
    fn ready(&self, step: Step, said: String) -> Progress {
        let next = self.steps.next(step, &self.wanted);
        let tries = match next.number == self.order.step {
            true => self.wanted.tries + 1,
            false => 0,
        };
        if tries > TRIES {
            return self.put_back_ready(format!("{} did not work", next.name));
        }
        let memory = Wanted {
            tries,
            ..self.wanted.clone()
        };
        Progress::StepReady {
            next,
            said,
            memory: memory.stored(),
        }
    }

    fn put_back_ready(&self, why: String) -> Progress {
        let memory = Wanted {
            broken: self.wanted.broken.clone().or(Some(why.clone())),
            ..self.wanted.clone()
        };
        Progress::StepReady {
            next: self.steps.next(Step::PutBack, &self.wanted),
            said: why,
            memory: memory.stored(),
        }
    }
}

impl Recreation<'_> {
    /// Does the step that was asked for, if what is there is what it needs. What is done already is
    /// not done again.
    pub(super) async fn act(&self) -> Result<Receipt, ProviderError> {
        let step = self.steps.at(self.order.step);
        let stage = self.stage();
        match (step, &stage) {
            (Step::PutBack, _) => self.put_back().await,
            (Step::Pull, Stage::Untouched) => self.pull().await,
            (Step::Create, Stage::Untouched | Stage::Incomplete(_)) => self.create().await,
            (Step::Stop, Stage::Created) => self.stop().await,
            (Step::Rename, Stage::Stopped) => self.rename().await,
            (Step::Start, Stage::Renamed) => self.start().await,
            (Step::Remove, Stage::Serving) => self.remove_old().await,
            (Step::Create, Stage::Created | Stage::Stopped | Stage::Renamed)
            | (Step::Stop, Stage::Stopped | Stage::Renamed)
            | (Step::Rename, Stage::Renamed)
            | (_, Stage::Starting(_) | Stage::Serving) => Ok(Receipt {
                said: "that is done already".into(),
                ..Receipt::default()
            }),
            (
                _,
                Stage::Untouched
                | Stage::Incomplete(_)
                | Stage::Created
                | Stage::Stopped
                | Stage::Renamed
                | Stage::Broken(_)
                | Stage::PutBack
                | Stage::Lost { .. },
            ) => Err(self.unfit(&stage)),
        }
    }

    /// Why a step cannot be done as things are.
    fn unfit(&self, stage: &Stage) -> ProviderError {
        let name = &self.wanted.name;
        let why = match stage {
            Stage::Lost { why, .. } | Stage::Broken(why) => why.clone(),
            Stage::Untouched | Stage::PutBack => format!("there is no new container beside {name}"),
            Stage::Incomplete(lost) => format!("the new container lacks {lost}"),
            Stage::Created
            | Stage::Stopped
            | Stage::Renamed
            | Stage::Starting(_)
            | Stage::Serving => "it is not that far yet".into(),
        };
        ProviderError::Refused(format!(
            "Docker was not asked: {why}. Look at docker ps -a on that machine, then ask for a new plan."
        ))
    }

    fn done(&self, said: String, next: Step) -> Receipt {
        Receipt {
            said,
            next: Some(self.steps.next(next, &self.wanted)),
            ..Receipt::default()
        }
    }

    async fn change(
        &self,
        verb: &str,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ProviderError> {
        let change = Change {
            verb,
            method,
            path,
            query,
            within: CHANGE_WITHIN,
        };
        self.session.change(&change, body).await
    }

    async fn pull(&self) -> Result<Receipt, ProviderError> {
        let digest = self.wanted.pulls.get(self.target());
        let digest = digest.ok_or_else(|| self.pruned())?;
        let (engine, registry) = (&self.docker.engine, self.docker.settings.registry.as_ref());
        match self.docker.pulls.fetch(engine, digest, registry).await {
            None => Ok(Receipt {
                said: format!("{digest} is being pulled"),
                ..Receipt::default()
            }),
            Some(Err(error)) => Err(error),
            Some(Ok(())) => match self.docker.image(self.session, self.target()).await? {
                Some(_) => Ok(self.done(format!("{digest} was pulled"), Step::Create)),
                None => Err(ProviderError::Refused(mismatch(digest))),
            },
        }
    }

    fn pruned(&self) -> ProviderError {
        ProviderError::Refused(format!(
            "The image of {} was removed from this engine since the plan was made. Nothing was changed; choose another release, or pull the image again.",
            self.order.plan.to.label()
        ))
    }

    /// Creates the new container beside the old one, and looks whether it has everything.
    async fn create(&self) -> Result<Receipt, ProviderError> {
        let Some(old) = &self.scene.old else {
            return Err(self.unfit(&self.stage()));
        };
        check_replaceable(old)?;
        let images = self.images(old).await.map_err(Unread::before_a_change)?;
        let images = images.ok_or_else(|| self.pruned())?;
        self.clear_the_way().await?;
        let recipe = self.recipe(old, &images);
        let name = beside(&self.wanted.name, self.order.rollback);
        let made = self
            .change(
                &format!("create {name}"),
                Method::POST,
                &["containers", "create"],
                &[("name", &name)],
                Some(&recipe.body()),
            )
            .await?;
        let Some(id) = made["Id"].as_str() else {
            return Err(ProviderError::Unanswered(format!(
                "Docker was asked to create {name} and did not say which container that is."
            )));
        };
        if let Err(why) = self.complete(&recipe, id).await {
            // Nothing was taken from the old one: as if this had never been.
            self.remove(id, &name).await?;
            return Err(why);
        }
        let said = format!(
            "{name} was created with everything that {} has",
            self.wanted.name
        );
        Ok(self.done(said, Step::Stop))
    }

    /// Connects a new container to the networks that it is not in yet, and compares it with the old
    /// one.
    async fn complete(&self, recipe: &Recipe<'_>, id: &str) -> Result<(), ProviderError> {
        for (network, settings) in recipe.other_networks() {
            let verb = format!("connect the new container to the network {network}");
            let path = ["networks", &network, "connect"];
            let body = json!({ "Container": id, "EndpointConfig": settings });
            self.change(&verb, Method::POST, &path, &[], Some(&body))
                .await?;
        }
        let new = self.docker.container(self.session, id).await;
        let lost = match new.map_err(Unread::before_a_change)? {
            Some(new) => recipe.lost(&new),
            None => vec!["everything".into()],
        };
        if lost.is_empty() {
            return Ok(());
        }
        Err(ProviderError::Refused(format!(
            "A new container would not be what {} is: {} would be lost. Nothing was changed; recreate it by hand, and tell the authors of this bot what it has.",
            self.wanted.name,
            lost.join(", ")
        )))
    }

    fn others(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.containers.as_array().into_iter().flatten().map(Row);
        rows.filter(|row| row.id() != self.wanted.old)
    }

    /// Removes what an attempt that was cut off has left, by its name and its label, and of what
    /// earlier rollbacks kept all but the latest.
    async fn clear_the_way(&self) -> Result<(), ProviderError> {
        let name = self.wanted.name.as_str();
        let own = kept(name, self.order.rollback);
        let kept_by = |row: &Row<'_>| row.names().find_map(|one| kept_by(one, name));
        let latest = self.others().filter_map(|row| kept_by(&row)).max();
        for row in self.others() {
            let is_left =
                row.label(CONTAINER) == Some(name) && row.names().any(|one| is_beside(one, name));
            let has_name = row.names().any(|one| one == own);
            let is_outdated = kept_by(&row).is_some_and(|number| Some(number) != latest);
            let goes = is_left || has_name || is_outdated;
            let Some(found) = row.names().next().filter(|_| goes) else {
                continue;
            };
            if row.is_up() {
                return Err(ProviderError::Refused(format!(
                    "{found} runs beside {name}, and a rollback would remove it. Nothing was changed; stop it with docker stop {found}, then ask for a new plan."
                )));
            }
            self.remove(row.id(), found).await?;
        }
        Ok(())
    }

    async fn remove(&self, id: &str, name: &str) -> Result<(), ProviderError> {
        let verb = format!("remove {name}");
        // Its volumes stay: others may have them.
        let query = [("force", "1"), ("v", "0")];
        let path = ["containers", id];
        let gone = self.change(&verb, Method::DELETE, &path, &query, None);
        gone.await.map(drop)
    }

    /// Stops the old container. First it loses its restart policy: an engine that starts again
    /// would start it beside the new one.
    async fn stop(&self) -> Result<Receipt, ProviderError> {
        let name = &self.wanted.name;
        if let Some(old) = &self.scene.old {
            self.set_restart(old, &json!({ "Name": "no" })).await?;
        }
        let verb = format!("stop {name}");
        let change = Change {
            verb: &verb,
            method: Method::POST,
            path: &["containers", &self.wanted.old, "stop"],
            query: &[],
            within: STOP_WITHIN,
        };
        self.session.change(&change, None).await?;
        Ok(self.done(format!("{name} is stopped"), Step::Rename))
    }

    async fn set_restart(&self, of: &Container, policy: &Value) -> Result<(), ProviderError> {
        if is_same_policy(of.restart_policy(), policy) {
            return Ok(());
        }
        let verb = format!("change the restart policy of {}", of.name());
        let body = json!({ "RestartPolicy": policy });
        let path = ["containers", of.id(), "update"];
        let set = self.change(&verb, Method::POST, &path, &[], Some(&body));
        set.await.map(drop)
    }

    async fn give_name(&self, id: &str, name: &str) -> Result<(), ProviderError> {
        let verb = format!("rename a container to {name}");
        let path = ["containers", id, "rename"];
        let query = [("name", name)];
        let renamed = self.change(&verb, Method::POST, &path, &query, None);
        renamed.await.map(drop)
    }

    /// The new container gets the name. The old one keeps what it is under another one.
    async fn rename(&self) -> Result<Receipt, ProviderError> {
        let name = self.wanted.name.as_str();
        let kept = kept(name, self.order.rollback);
        if self
            .scene
            .old
            .as_ref()
            .is_some_and(|old| old.name() == name)
        {
            self.give_name(&self.wanted.old, &kept).await?;
        }
        if let Some(new) = &self.scene.new {
            self.give_name(new.id(), name).await?;
        }
        let stays = self.scene.old.is_some() && !self.steps.removes();
        let restore_point = stays.then(|| RestorePoint {
            id: kept.clone(),
            what: format!("the old container, stopped, as {kept}"),
            made_at: self.order.asked_at.unwrap_or_default(),
            until: None,
            proof: vec![("image".into(), self.wanted.image.clone())],
        });
        Ok(Receipt {
            restore_point,
            ..self.done(format!("the new container is {name} now"), Step::Start)
        })
    }

    async fn start(&self) -> Result<Receipt, ProviderError> {
        if let Some(new) = &self.scene.new {
            let verb = format!("start {}", self.wanted.name);
            let path = ["containers", new.id(), "start"];
            self.change(&verb, Method::POST, &path, &[], None).await?;
        }
        let removed = self.forget_earlier().await;
        let said = match removed.is_empty() {
            true => "the new container is started".into(),
            false => format!(
                "the new container is started; {} of earlier rollbacks was removed",
                removed.join(", ")
            ),
        };
        Ok(Receipt {
            said,
            ..Receipt::default()
        })
    }

    /// Removes what earlier rollbacks kept; one of them is enough. What cannot be removed is tried
    /// the next time.
    async fn forget_earlier(&self) -> Vec<String> {
        let name = self.wanted.name.as_str();
        let mut removed = vec![];
        for row in self.others().filter(|row| !row.is_up()) {
            let Some(found) = row.names().find(|one| kept_by(one, name).is_some()) else {
                continue;
            };
            if self.remove(row.id(), found).await.is_ok() {
                removed.push(found.to_owned());
            }
        }
        removed
    }

    async fn remove_old(&self) -> Result<Receipt, ProviderError> {
        let name = kept(&self.wanted.name, self.order.rollback);
        self.remove(&self.wanted.old, &name).await?;
        Ok(Receipt {
            said: format!("{name} was removed, so that docker compose up does not start it"),
            ..Receipt::default()
        })
    }

    /// The old container is as it was before, and the new one is gone. Each part is harmless when
    /// it is done already, and what does not work is looked at before it is tried again.
    async fn put_back(&self) -> Result<Receipt, ProviderError> {
        self.put_back_now().await.map_err(|error| match error {
            ProviderError::Refused(why) | ProviderError::Unanswered(why) => {
                ProviderError::Unanswered(why)
            }
            error @ ProviderError::Busy { .. } => error,
        })
    }

    async fn put_back_now(&self) -> Result<Receipt, ProviderError> {
        let name = self.wanted.name.as_str();
        // Without the old one nothing can be put back, and the new one is all that there is.
        let Some(old) = &self.scene.old else {
            return Err(self.unfit(&self.stage()));
        };
        if let Some(new) = &self.scene.new {
            if new.is_up() {
                let verb = format!("stop {}", new.name());
                let path = ["containers", new.id(), "stop"];
                let query = [("t", STOP_FAILED)];
                self.change(&verb, Method::POST, &path, &query, None)
                    .await?;
            }
            self.remove(new.id(), new.name()).await?;
        }
        if old.name() != name {
            self.give_name(old.id(), name).await?;
        }
        self.set_restart(old, &self.wanted.restart).await?;
        if self.wanted.was_up && !old.is_up() {
            let verb = format!("start {name}");
            let path = ["containers", old.id(), "start"];
            self.change(&verb, Method::POST, &path, &[], None).await?;
        }
        Ok(Receipt {
            said: format!("{name} is the old container again"),
            ..Receipt::default()
        })
    }
}

/// Another image than the one that was approved.
fn mismatch(digest: &str) -> String {
    format!(
        "The registry gave another image for {digest} than the one that was approved. Nothing was changed; find out who has replaced it, then choose another release."
    )
}
