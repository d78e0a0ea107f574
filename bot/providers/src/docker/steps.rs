//! The steps of a recreation, and what is stored of it.

use super::container::Container;
use rollback_domain::platform::{NextStep, Order, ProviderError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The step that fetches an image.
const PULL: &str = "pull the image";
/// The step that removes the old container.
const REMOVE: &str = "remove the old container";
/// What is done when it cannot go on.
const PUT_BACK: &str = "put the old container back";

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Fetches the image from its registry.
    Pull,
    /// Creates the new container beside the old one.
    Create,
    /// Stops the old one.
    Stop,
    /// Gives the new one the name of the old one.
    Rename,
    /// Starts the new one.
    Start,
    /// Removes the old one.
    Remove,
    /// Puts the old one back.
    PutBack,
}

/// The steps of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Steps(Vec<Step>);

impl Steps {
    /// The steps of a plan: whether an image has to be fetched, and whether the old container goes.
    pub(super) fn new(pull: bool, remove: bool) -> Self {
        let always = [Step::Create, Step::Stop, Step::Rename, Step::Start];
        let steps = pull.then_some(Step::Pull).into_iter().chain(always);
        Self(steps.chain(remove.then_some(Step::Remove)).collect())
    }

    /// The steps that were approved.
    pub(super) fn of(order: &Order) -> Self {
        let steps = &order.plan.steps;
        let pull = steps.first().is_some_and(|step| step == PULL);
        let remove = steps.last().is_some_and(|step| step == REMOVE);
        Self::new(pull, remove)
    }

    /// The names of all, as people approve them.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        self.0.iter().map(|step| step.name(name)).collect()
    }

    /// How many there are. A number from there on means putting back.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The number of the step that creates the new container.
    pub(super) fn create(&self) -> u32 {
        self.number(Step::Create)
    }

    /// Whether the old container goes in the end.
    pub(super) fn removes(&self) -> bool {
        self.0.contains(&Step::Remove)
    }

    pub(super) fn at(&self, number: u32) -> Step {
        let step = usize::try_from(number).ok().and_then(|at| self.0.get(at));
        step.copied().unwrap_or(Step::PutBack)
    }

    fn number(&self, step: Step) -> u32 {
        let at = self.0.iter().position(|one| *one == step);
        at.map_or(self.count(), |at| u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// A step as the next one.
    pub(super) fn next(&self, step: Step, wanted: &Wanted) -> NextStep {
        NextStep {
            number: self.number(step),
            name: step.name(&wanted.name),
        }
    }
}

impl Step {
    fn name(self, name: &str) -> String {
        match self {
            Step::Pull => PULL.into(),
            Step::Create => format!("create the new container beside {name}"),
            Step::Stop => format!("stop {name}"),
            Step::Rename => format!("give the new container the name {name}"),
            Step::Start => "start the new container".into(),
            Step::Remove => REMOVE.into(),
            Step::PutBack => PUT_BACK.into(),
        }
    }
}

/// What is stored of a recreation before anything is done. Nothing of what the container was
/// configured with is in it: that may be a secret.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// The name of the container.
    pub(super) name: String,
    /// The id of the container that was there before.
    pub(super) old: String,
    /// Whether that one ran.
    pub(super) was_up: bool,
    /// Its restart policy, which it does not keep while it is stopped.
    pub(super) restart: Value,
    /// The id of its image.
    pub(super) image: String,
    /// How a registry calls that image: `registry.example.com/shop@sha256:…`.
    pub(super) digest: Option<String>,
    /// How a registry calls the images that can be gone to and have to be fetched, by their ids.
    pub(super) pulls: BTreeMap<String, String>,
    /// Why it cannot go on, as a clause.
    pub(super) broken: Option<String>,
    /// How often the step that was asked for last was found not to be done.
    pub(super) tries: u64,
}

impl Wanted {
    /// What has to be known of the container as it is now.
    pub(super) fn of(name: &str, old: &Container, digest: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            old: old.id().to_owned(),
            was_up: old.is_up(),
            restart: old.restart_policy().clone(),
            image: old.image().to_owned(),
            digest,
            pulls: BTreeMap::new(),
            broken: None,
            tries: 0,
        }
    }

    pub(super) fn stored(&self) -> Value {
        json!({
            "container": self.name,
            "old": self.old,
            "was_up": self.was_up,
            "restart": self.restart,
            "image": self.image,
            "digest": self.digest,
            "pulls": self.pulls,
            "broken": self.broken,
            "tries": self.tries,
        })
    }

    /// Reads what is stored.
    pub(super) fn read(memory: &Value) -> Result<Self, ProviderError> {
        let text = |key: &str| memory[key].as_str().map(str::to_owned);
        let flag = |key: &str| memory[key].as_bool() == Some(true);
        let (Some(name), Some(old), Some(image)) = (text("container"), text("old"), text("image"))
        else {
            return Err(ProviderError::Refused(
                "Docker was not asked: it is not stored which container this rollback is about. Ask for a new plan.".into(),
            ));
        };
        let pulls = memory["pulls"].as_object();
        Ok(Self {
            name,
            old,
            was_up: flag("was_up"),
            restart: memory["restart"].clone(),
            image,
            digest: text("digest"),
            pulls: pulls
                .into_iter()
                .flatten()
                .filter_map(|(id, digest)| Some((id.clone(), digest.as_str()?.to_owned())))
                .collect(),
            broken: text("broken"),
            tries: memory["tries"].as_u64().unwrap_or(0),
        })
    }
}
