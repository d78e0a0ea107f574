//! GitHub: a workflow that deploys, made to deploy an earlier commit.
//!
//! It is started by hand, or by a tag that it listens to, or by merging a pull request that gives
//! the branch the files of that commit again ([`Mode`]). What serves is what the newest run that
//! worked deployed: GitHub knows its runs, and not production.

mod api;
mod ask;
mod credentials;
mod progress;
mod revert;
mod runs;
mod settings;

use crate::{Provider, rest::Setting};
pub use api::HEADERS;
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
pub use credentials::Credentials;
use jiff::Timestamp;
use reqwest::Client;
use revert::{MAKE_BRANCH, OPEN_PULL, branch_name, taken_out};
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Candidate, Pin, Release, Survey, Way},
};
use runs::{Run, Runs};
use serde_json::{Value, json};
pub use settings::{GitHubSettings, KIND, Mode, repository};
use std::{collections::BTreeMap, fmt, time::Duration};

/// How long a workflow may take until it has deployed.
const DEPLOYS_WITHIN: Duration = Duration::from_secs(60 * 60);
/// How long people may take to merge.
const MERGES_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// One repository, and the workflow that deploys it.
#[derive(Clone)]
pub struct GitHub {
    http: Client,
    settings: GitHubSettings,
}

impl fmt::Debug for GitHub {
    /// The settings print no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GitHub").field(&self.settings).finish()
    }
}

impl GitHub {
    /// A repository that is asked with this client, which should follow no redirects. Nothing is
    /// asked yet.
    pub fn new(http: Client, settings: GitHubSettings) -> Self {
        Self { http, settings }
    }

    /// Whether the workflow that deploys every push is switched off.
    async fn pin_state(&self) -> Result<Pin, ProviderError> {
        Ok(match &self.settings.deploys {
            None => Pin::NotNeeded,
            Some(file) => match self.is_active(file).await? {
                true => Pin::Off,
                false => Pin::On,
            },
        })
    }

    /// Switches the workflow that deploys every push on or off; gives what was read back.
    async fn hold(&self, to: Pin, switch: &str) -> Result<String, ProviderError> {
        let Some(file) = &self.settings.deploys else {
            return Err(ProviderError::Refused(
                "GitHub: nothing is pinned. Name the workflow that deploys every push as deploys in the configuration, and it can be held off.".into(),
            ));
        };
        let look = format!("{file} under Actions of {}", self.settings.repository());
        let setting = Setting::automatic_deploys(to, look);
        if self.pin_state().await? == to {
            return Ok(setting.already());
        }
        let (rest, answer) = self.switch(file, switch).await?;
        let answered = match answer {
            Ok(answer) => answer.set(&setting)?,
            Err(lost) => rest.not_set(&lost)?,
        };
        let now = self.pin_state().await.map(|now| now == to);
        rest.read_back(&setting, &answered, now)
    }

    /// Whether the workflow can be started by hand, as far as its file may be read.
    async fn check_dispatch(&self) -> Result<(), ProviderError> {
        let Mode::Dispatch { inputs } = &self.settings.mode else {
            return Ok(());
        };
        let (file, branch) = (&self.settings.workflow, &self.settings.branch);
        let below = ["contents", ".github", "workflows", file];
        let read = self.read(file, &below, &[("ref", branch)]).await;
        // The token need not read contents: what is not there is found when it is started.
        let Ok(Some(read)) = read else {
            return Ok(());
        };
        let content = read["content"].as_str().unwrap_or_default();
        let content: String = content.split_whitespace().collect();
        let content = STANDARD.decode(content).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        let lacks = |part: &str| !content.contains(part);
        let input = inputs.keys().find(|name| lacks(&format!("{name}:")));
        let missing = match input {
            _ if lacks("workflow_dispatch") => {
                "no workflow_dispatch, by which it can be started".to_owned()
            }
            Some(name) => format!("no input {name}"),
            None if lacks("run-name") => {
                "no run-name, by which its runs say what they deploy".to_owned()
            }
            None => return Ok(()),
        };
        Err(ProviderError::Refused(format!(
            "{file} on {branch} has {missing}. Add it to .github/workflows/{file}, as the page about GitHub shows."
        )))
    }

    /// What is read for a revert: every state of the files once, with the commits that had it.
    async fn survey_of_revert(&self, runs: &Runs) -> Result<Survey, ProviderError> {
        let (commits, pulls) = tokio::try_join!(self.commits(), self.pulls("all"))?;
        let mut by_tree: BTreeMap<&str, Candidate> = BTreeMap::new();
        let mut order: Vec<&str> = vec![];
        for commit in &commits {
            let deployed = runs.deployed(&commit.sha);
            let candidate = by_tree.entry(&commit.tree).or_insert_with(|| {
                order.push(&commit.tree);
                Candidate {
                    release: Release::unknown(&commit.tree),
                    barred: None,
                    barred_forward: None,
                }
            });
            let release = &mut candidate.release;
            // From the newest to the oldest: who made these files first gives them their name.
            release.sha = Some(commit.sha.clone());
            release.also.push(commit.sha.clone());
            release.message = Some(rollback_http::cut(
                &rollback_http::one_line(&commit.message),
                200,
            ));
            release.by.clone_from(&commit.author);
            release.created_at = commit.made.or(release.created_at);
            release.live_since = release.live_since.max(deployed.flatten());
            release.has_served |= deployed.is_some();
        }
        let mut candidates: Vec<Candidate> = order
            .iter()
            .filter_map(|tree| by_tree.remove(tree))
            .collect();
        for candidate in candidates
            .iter_mut()
            .filter(|candidate| !candidate.release.has_served)
        {
            let why = "no run that deployed it has succeeded".to_owned();
            candidate.barred = Some(why.clone());
            candidate.barred_forward = Some(why);
        }
        let live = match runs.live().map(Run::deploys) {
            Some(live) => self.tree(live).await?,
            None => None,
        };
        Ok(Survey {
            candidates,
            surfaces: self.surfaces(live),
            pin: Pin::NotNeeded,
            memory: json!({
                "newest": runs.newest(),
                "head": commits.first().map(|head| &head.sha),
                "newest_pull": pulls.first().map(|pull| pull.number),
            }),
            ..Survey::default()
        })
    }

    /// What is known of a revert before anything is made.
    async fn dry_run_of_revert(
        &self,
        survey: &Survey,
        to: &Release,
        effects: Effects,
    ) -> Result<DryRun, ProviderError> {
        let branch = &self.settings.branch;
        let commits = self.commits().await?;
        let count = taken_out(&commits, &to.id);
        if count == Some(0) {
            return Err(ProviderError::Refused(format!(
                "{branch} has the files of {} already, and they are not what serves. Run {} on {branch} again on GitHub.",
                to.label(),
                self.settings.workflow
            )));
        }
        let head = survey.memory["head"].as_str().unwrap_or_default();
        let name = branch_name(to.sha.as_deref().unwrap_or(&to.id), head);
        let mut details = vec![match count {
            Some(1) => format!("1 commit of {branch} is taken back"),
            Some(count) => format!("{count} commits of {branch} are taken back"),
            None => format!("more commits of {branch} are taken back than were read"),
        }];
        let open = self.pulls("open").await?;
        details.extend(
            open.first()
                .map(|pull| format!("#{} of an earlier attempt is still open", pull.number)),
        );
        Ok(DryRun {
            steps: vec![
                format!("make the branch {name}"),
                "open the pull request".into(),
            ],
            tasks: vec![self.merge_task(to.label(), None, None)],
            details,
            ..DryRun::of(effects)
        })
    }
}

#[async_trait]
impl Provider for GitHub {
    /// Going forward again is the same.
    fn effects(&self, way: Way) -> Effects {
        let (holds, after) = match (&self.settings.mode, &self.settings.deploys, way) {
            (_, Some(_), Way::Back) => (
                Holds::OnRequest,
                Some("automatic deploys are OFF until unpinned".to_owned()),
            ),
            (Mode::Revert, _, _) => (
                Holds::Not,
                Some("the next merge deploys as always".to_owned()),
            ),
            (Mode::Dispatch { .. } | Mode::Tag { .. }, None, _) | (_, Some(_), Way::Forward) => {
                (Holds::Not, None)
            }
        };
        let (restores, serve_within) = match self.settings.mode {
            Mode::Revert => (
                vec![format!("the files of {}", self.settings.branch)],
                MERGES_WITHIN,
            ),
            Mode::Dispatch { .. } | Mode::Tag { .. } => (
                vec![format!(
                    "what {} deploys of that commit",
                    self.settings.workflow
                )],
                DEPLOYS_WITHIN,
            ),
        };
        Effects {
            platform: "GitHub".into(),
            restores,
            leaves: vec!["database".into(), "secrets and variables".into()],
            after,
            holds,
            undoable: true,
            class: KIND.class,
            timing: Timing {
                serve_within,
                ..Timing::default()
            },
            outage: None,
        }
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let runs = self.runs().await?;
        let survey = match &self.settings.mode {
            Mode::Revert => self.survey_of_revert(&runs).await?,
            mode @ (Mode::Dispatch { .. } | Mode::Tag { .. }) => {
                let tag = match mode {
                    Mode::Tag { tag } => Some(tag.as_str()),
                    Mode::Dispatch { .. } | Mode::Revert => None,
                };
                let tag_at = match tag.filter(|tag| !tag.contains(settings::ROLLBACK)) {
                    Some(tag) => self.reference(&format!("tags/{tag}")).await?,
                    None => None,
                };
                Survey {
                    candidates: runs.candidates(tag),
                    surfaces: self.surfaces(runs.live().map(|run| run.deploys().to_owned())),
                    pin: self.pin_state().await?,
                    memory: json!({ "newest": runs.newest(), "tag_at": tag_at }),
                    ..Survey::default()
                }
            }
        };
        Ok(Survey {
            in_flight: runs.in_flight(),
            production: Some(format!(
                "github {} {}",
                self.settings.repository(),
                self.settings.workflow
            )),
            ..survey
        })
    }

    async fn dry_run(
        &self,
        survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let effects = self.effects(about.way);
        match &self.settings.mode {
            Mode::Revert => self.dry_run_of_revert(survey, to, effects).await,
            Mode::Tag { tag } if survey.memory["tag_at"] == to.id.as_str() => {
                Err(ProviderError::Refused(format!(
                    "The tag {tag} is at {} already, so moving it starts nothing. Run {} for the tag again on GitHub.",
                    to.label(),
                    self.settings.workflow
                )))
            }
            Mode::Tag { .. } | Mode::Dispatch { .. } => Ok(DryRun::of(effects)),
        }
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        match &self.settings.mode {
            Mode::Dispatch { inputs } => self.dispatch(order, inputs).await,
            Mode::Tag { tag } => self.set_tag(order, tag).await,
            Mode::Revert => match order.step {
                MAKE_BRANCH => self.make_branch(order).await,
                OPEN_PULL => self.open_pull(order).await,
                _ => self.put_back(order).await,
            },
        }
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        self.progress(order).await
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        self.hold(Pin::On, "disable").await
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        self.hold(Pin::Off, "enable").await
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let (repository, workflow) = (self.settings.repository(), &self.settings.workflow);
        let read = self
            .read(&format!("the repository {repository}"), &[], &[])
            .await?;
        read.ok_or_else(|| {
            ProviderError::Refused(format!(
                "GitHub knows no repository {repository}, or the token may not read it. Check repository in the configuration, and give the token the repository."
            ))
        })?;
        self.is_active(workflow).await?;
        self.check_dispatch().await?;
        let survey = self.survey(&About::default()).await?;
        let live = survey.live();
        Ok(format!(
            "{workflow} of {repository} readable, {} commits can be gone to, {} serves",
            survey
                .candidates
                .iter()
                .filter(|candidate| candidate.barred.is_none())
                .count(),
            live.as_ref().map_or("none", Release::label)
        ))
    }

    /// A token that ends says so with every answer. An App's last an hour and are replaced by
    /// themselves.
    async fn credentials_end(&self) -> Result<Option<Timestamp>, ProviderError> {
        let Credentials::Token(_) = self.settings.credentials else {
            return Ok(None);
        };
        let ends = self.header_of_repository(TOKEN_ENDS).await?;
        Ok(ends.and_then(|ends| moment(&ends)))
    }
}

/// The header by which GitHub says when a token ends.
const TOKEN_ENDS: &str = "github-authentication-token-expiration";

/// A moment as GitHub writes it in that header: `2026-03-20 12:00:00 UTC`, or with an offset.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace(" UTC", " +0000");
    Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_when_it_ends() {
        let noon = "2026-03-20T12:00:00Z".parse().ok();
        assert_eq!(moment("2026-03-20 12:00:00 UTC"), noon);
        assert_eq!(moment("2026-03-20 05:00:00 -0700"), noon);
        assert_eq!(moment("soon"), None);
    }
}
