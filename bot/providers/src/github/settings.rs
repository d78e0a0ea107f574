//! What a service says about its repository on GitHub.

use super::{GitHub, credentials::Credentials};
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Section, Value, one_of, text};
use std::{collections::BTreeMap, sync::Arc};
use url::Url;

/// GitHub, as the registry knows it.
pub const KIND: Kind = Kind {
    name: "github",
    class: Risk::Code,
    documentation: Documentation {
        restores: "What the workflow deploys of an earlier commit. With `mode = \"revert\"` also the branch: its files are those of that commit again.",
        leaves: "Database, secrets and variables of the repository and its environments, and whatever the workflow does not deploy.",
        pins: "With `deploys` that workflow is switched off before and on again by unpin. With `mode = \"revert\"` nothing is held off: the branch itself is back.",
        needs: "A fine-grained token, or an App, for the repository: Actions (read and write); for `tag` also Contents (write), for `revert` Contents (write), Pull requests (write) and Checks (read).",
        takes: "As long as the workflow takes, and as long as people take to let it deploy or to merge.",
        proven: "A fake whose repository is a real one, kept by git: trees, commits, tags, branches and merges are git's own.",
        traps: &[
            "What serves is what the newest run that worked deployed: a run is not looked into, so name a `fingerprint`.",
            "With `mode = \"dispatch\"` the workflow needs `workflow_dispatch` and a `run-name` that has both inputs; without that its runs are not known for what they deploy.",
            "One workflow deploys to one environment: runs for staging in the same workflow would be taken for production.",
            "Tags that are pushed with the `GITHUB_TOKEN` of a workflow start nothing; those of a token or an App do.",
            "What a revert merges is another commit with the same files: let the `fingerprint` answer with `git rev-parse HEAD^{tree}`.",
            "A revert is merged by people. Whatever is merged before it is not in the target, and the bot says so.",
        ],
    },
    read: |section| Some(Arc::new(GitHubSettings::read(section)?)),
};

/// How a workflow is made to deploy an earlier commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is started by hand, with these inputs.
    Dispatch {
        /// Values by the names of the inputs; `{sha}` and `{rollback}` are filled in.
        inputs: BTreeMap<String, String>,
    },
    /// A tag that it listens to is made, or moved.
    Tag {
        /// Its name. With `{rollback}` in it each rollback makes a tag of its own.
        tag: String,
    },
    /// A pull request gives the branch, which it deploys, the files of that commit again.
    Revert,
}

/// Stands for the target's commit.
pub const SHA: &str = "{sha}";
/// Stands for the rollback's number: `RB-41`.
pub const ROLLBACK: &str = "{rollback}";

/// What is deployed by a workflow of one repository.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// Who has the repository.
    pub owner: String,
    /// The repository's name.
    pub name: String,
    /// How it is deployed.
    pub mode: Mode,
    /// The file of the workflow that deploys: `deploy.yml`.
    pub workflow: String,
    /// The file of another workflow that deploys every push, and is switched off meanwhile.
    pub deploys: Option<String>,
    /// The branch that is deployed, or whose workflow is started.
    pub branch: String,
    /// What the API is called with.
    pub credentials: Credentials,
    /// The API, usually `https://api.github.com`.
    pub api_url: Url,
}

impl GitHubSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let repository = section.required("repository", "\"acme/api\"", repository);
        let workflow = section.required("workflow", "\"deploy.yml\"", workflow_file);
        let deploys = section.optional("deploys", workflow_file);
        let branch = section.or("branch", "main".to_owned(), branch);
        let mode = mode(section);
        let credentials = Credentials::read(section);
        let api_url = section.url_or("api_url", "https://api.github.com");
        let (repository, workflow, mode) = (repository?, workflow?, mode?);
        let (owner, name) = repository.split_once('/')?;
        if deploys.as_ref() == Some(&workflow) {
            section.mistake(
                "deploys",
                "is the workflow that is started to go back, which works no longer once it is switched off; name another one, or remove it",
            );
            return None;
        }
        if deploys.is_some() && mode == Mode::Revert {
            section.mistake(
                "deploys",
                "is not for mode = \"revert\", which deploys what is merged; remove it",
            );
            return None;
        }
        Some(Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            mode,
            workflow,
            deploys,
            branch,
            credentials: credentials?,
            api_url: api_url?,
        })
    }

    /// The repository, as people write it: `acme/api`.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// How the workflow is made to deploy.
fn mode(section: &Section<'_>) -> Option<Mode> {
    const EXAMPLE: &str = "\"dispatch\", \"tag\" or \"revert\"";
    let mode = section.required("mode", EXAMPLE, |value| {
        one_of(&text(value)?, &["dispatch", "tag", "revert"])
    });
    let tag = section.optional("tag", tag);
    let own = section
        .get("inputs")
        .and_then(|_| section.section("inputs"));
    let inputs = own.as_ref().and_then(inputs);
    let mode = mode?;
    for (key, of, is_there) in [
        ("tag", "tag", tag.is_some()),
        ("inputs", "dispatch", own.is_some()),
    ] {
        if is_there && mode != of {
            section.mistake(key, format!("is only for mode = {of:?}; remove it"));
            return None;
        }
    }
    match mode {
        "tag" => match tag {
            Some(tag) => Some(Mode::Tag { tag }),
            None => {
                section.mistake("tag", "is missing; write tag = \"production\", or \"deploy-{rollback}\" for a new one each time");
                None
            }
        },
        "revert" => Some(Mode::Revert),
        _ => Some(Mode::Dispatch {
            inputs: inputs.unwrap_or_else(|| {
                let usual = [("version", SHA), ("rollback", ROLLBACK)];
                usual
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into()
            }),
        }),
    }
}

/// The inputs of a workflow that is started by hand.
fn inputs(section: &Section<'_>) -> Option<BTreeMap<String, String>> {
    const AT_MOST: usize = 25;
    let mut inputs = BTreeMap::new();
    for name in section.keys() {
        inputs.insert(name.to_owned(), section.required(name, "\"{sha}\"", text)?);
    }
    let has = |placeholder: &str| inputs.values().any(|value| value.contains(placeholder));
    if !has(SHA) {
        section.mistake_here("has no input for the commit; write version = \"{sha}\", with the name of the workflow's input");
        return None;
    }
    if !has(ROLLBACK) {
        section.mistake_here("has no input for the rollback, by which its run is found again; write rollback = \"{rollback}\", with the name of the workflow's input");
        return None;
    }
    if inputs.len() > AT_MOST {
        section.mistake_here(format!(
            "has {} inputs, and GitHub takes {AT_MOST}",
            inputs.len()
        ));
        return None;
    }
    Some(inputs)
}

/// A repository, as `owner/name`.
pub fn repository(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(fits)
    };
    match name.split_once('/') {
        Some((owner, repository)) if is_part(owner) && is_part(repository) => Ok(name),
        Some(_) | None => Err(format!(
            "{name:?} is not a repository; write \"owner/name\", as in its address on GitHub"
        )),
    }
}

/// The file of a workflow, without its directory.
fn workflow_file(value: &Value) -> Result<String, String> {
    let file = text(value)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match file.bytes().all(fits) && (file.ends_with(".yml") || file.ends_with(".yaml")) {
        true => Ok(file),
        false => Err(format!(
            "{file:?} is no file in .github/workflows; write its name only: \"deploy.yml\""
        )),
    }
}

/// The name of a branch or a tag, as git allows it.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let fits_in_all = !name.is_empty() && name.bytes().all(fits);
    fits_in_all
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.starts_with("refs/")
}

fn branch(value: &Value) -> Result<String, String> {
    let branch = text(value)?;
    match is_name(&branch) {
        true => Ok(branch),
        false => Err(format!(
            "{branch:?} is not the name of a branch; write \"main\""
        )),
    }
}

fn tag(value: &Value) -> Result<String, String> {
    let tag = text(value)?;
    match is_name(&tag.replace(ROLLBACK, "1")) {
        true => Ok(tag),
        false => Err(format!(
            "{tag:?} is not the name of a tag; write \"production\", without refs/tags/"
        )),
    }
}

impl ProviderSettings for GitHubSettings {
    fn identity(&self) -> String {
        format!("{} {}", self.repository(), self.workflow)
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(GitHub::new(http.clone(), self.clone()))
    }
}
