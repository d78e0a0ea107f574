//! A revert as a pull request: a branch whose files are those of an earlier commit, and what
//! people do with it.
//!
//! The branch is one commit on top of the branch that is deployed, with the tree of the target.
//! Its name says both, so that one which an earlier attempt left is found, and used again.

use super::{
    GitHub,
    api::Commit,
    ask::{not_githubs, remember},
};
use crate::{json::text, rest::Answer};
use reqwest::Method;
use rollback_domain::platform::{NextStep, Order, ProviderError, Receipt, Task};
use rollback_http::{cut, one_line};
use serde_json::{Value, json};

/// The step in which the branch is made.
pub(super) const MAKE_BRANCH: u32 = 0;
/// The step in which the pull request is opened.
pub(super) const OPEN_PULL: u32 = 1;
/// Past the plan's steps: the pull request is closed and its branch deleted.
pub(super) const PUT_BACK: u32 = 2;
/// The task that people sign off when they cannot merge.
pub(super) const MERGE: &str = "merge-pr";
/// How the branches of this bot begin.
const OURS: &str = "rollback-bot/";
/// How much of a reason goes into a commit and a pull request, in characters.
const REASON_AT_MOST: usize = 500;

/// A pull request, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) link: String,
    pub(super) is_open: bool,
    /// The commit on the branch that it was merged as.
    pub(super) merged: Option<String>,
    branch: String,
    pub(super) head: String,
}

impl Pull {
    fn of(pull: &Value) -> Option<Self> {
        let merged = text(pull, "merged_at").and_then(|_| text(pull, "merge_commit_sha"));
        Some(Self {
            number: pull["number"].as_u64()?,
            link: cut(&one_line(text(pull, "html_url").unwrap_or_default()), 300),
            is_open: text(pull, "state") == Some("open"),
            merged: merged.map(str::to_owned),
            branch: text(&pull["head"], "ref")?.to_owned(),
            head: text(&pull["head"], "sha")?.to_owned(),
        })
    }
}

/// What is asked for next.
pub(super) fn next(number: u32) -> NextStep {
    let name = match number {
        MAKE_BRANCH => "make the branch",
        OPEN_PULL => "open the pull request",
        _ => "close the pull request and delete its branch",
    };
    NextStep {
        number,
        name: name.into(),
    }
}

/// The branch that gives `head` the files of a commit.
pub(super) fn branch_name(to: &str, head: &str) -> String {
    let short = |sha: &str| sha.get(..7).unwrap_or(sha).to_owned();
    format!("{OURS}{}-on-{}", short(to), short(head))
}

/// The branch of a rollback, from its plan and what was read then.
pub(super) fn branch_of(order: &Order) -> String {
    let to = order.plan.to.sha.as_deref().unwrap_or(&order.plan.to.id);
    branch_name(to, text(&order.memory, "head").unwrap_or_default())
}

/// The reason, on one line that names nobody and links nothing.
fn reason(order: &Order) -> String {
    let reason = order.reason.as_deref().unwrap_or("no reason was given");
    cut(&one_line(reason), REASON_AT_MOST).replace('`', "'")
}

impl GitHub {
    /// The pull requests of this bot to the branch, newest first: the open ones, or all of them.
    pub(super) async fn pulls(&self, state: &str) -> Result<Vec<Pull>, ProviderError> {
        let query = [
            ("state", state),
            ("base", self.settings.branch.as_str()),
            ("sort", "created"),
            ("direction", "desc"),
            ("per_page", "100"),
        ];
        let listed = self.read("the pull requests", &["pulls"], &query).await?;
        let listed = listed.ok_or_else(|| self.not_found("pull requests"))?;
        let pulls = listed.as_array().into_iter().flatten().filter_map(Pull::of);
        Ok(pulls.filter(|pull| pull.branch.starts_with(OURS)).collect())
    }

    /// The pull request of this rollback: the one that was answered, or an open one of its branch,
    /// or one that was opened since the plan was made.
    pub(super) fn own_pull(order: &Order, pulls: &[Pull]) -> Option<Pull> {
        let number = order.memory["pull"].as_u64();
        let newest = order.memory["newest_pull"].as_u64().unwrap_or_default();
        let branch = branch_of(order);
        let is_own = |pull: &&Pull| match number {
            Some(number) => pull.number == number,
            None => pull.branch == branch && (pull.is_open || pull.number > newest),
        };
        pulls.iter().find(is_own).cloned()
    }

    /// Makes the branch: one commit with the tree of the target, and the name for it.
    pub(super) async fn make_branch(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let branch = branch_of(order);
        let checking = format!("the branch {branch}");
        let to = order.plan.to.label();
        let body = json!({
            "message": format!("Roll back to {to} ({})\n\n{}", order.rollback, reason(order)),
            "tree": order.plan.to.id,
            "parents": [text(&order.memory, "head").unwrap_or_default()],
        });
        let answer = self
            .change(Method::POST, &["git", "commits"], &body, &checking)
            .await?;
        let Some(commit) = text(&answer.body, "sha").filter(|_| answer.is_success()) else {
            return Err(self.not_made(&answer, &branch, &checking));
        };
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
        let answer = self
            .change(Method::POST, &["git", "refs"], &body, &checking)
            .await?;
        let made = || Receipt {
            said: format!("the branch {branch} has the files of {to}"),
            next: Some(next(OPEN_PULL)),
            ..Receipt::default()
        };
        match answer.status {
            200..=299 if text(&answer.body["object"], "sha") == Some(commit) => Ok(made()),
            422 if answer.quoted().contains("already exists") => {
                match self.is_branch_ours(order, &branch).await? {
                    true => Ok(made()),
                    false => Err(ProviderError::Refused(format!(
                        "GitHub has a branch {branch} already, with other files than {to} has. Look at it and delete it, then ask for a new plan."
                    ))),
                }
            }
            _ => Err(self.not_made(&answer, &branch, &checking)),
        }
    }

    /// Whether a branch of this name has the files of the target.
    async fn is_branch_ours(&self, order: &Order, branch: &str) -> Result<bool, ProviderError> {
        let Some(commit) = self.reference(&format!("heads/{branch}")).await? else {
            return Ok(false);
        };
        Ok(self.tree(&commit).await?.as_deref() == Some(&order.plan.to.id))
    }

    /// Why there is no branch.
    fn not_made(&self, answer: &Answer, branch: &str, checking: &str) -> ProviderError {
        match answer.status {
            200..=299 => not_githubs(answer, checking),
            404 => self.not_found("branches that may be made"),
            _ => ProviderError::Refused(format!(
                "GitHub did not make the branch {branch} ({}). Where a rule protects such names, let the token, or the App, bypass it under Settings, Rules of {}, then ask for a new plan.",
                answer.quoted(),
                self.settings.repository()
            )),
        }
    }

    /// Opens the pull request. One that is there already is used.
    pub(super) async fn open_pull(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let branch = branch_of(order);
        let base = &self.settings.branch;
        let to = order.plan.to.label();
        let body = json!({
            "title": format!("Roll back to {to} ({})", order.rollback),
            "head": branch,
            "base": base,
            "body": format!(
                "{} wants this, for `{}`.\n\nIt gives `{base}` exactly the files of {to} again. Merging it deploys them; `{}` says so then.\n\nNothing is pushed to `{base}` for this, and no branch is forced. If it is not merged, close it.\n",
                order.by.with_agent(order.by.name.replace('@', "")),
                reason(order),
                order.rollback
            ),
        });
        let checking = "its pull requests";
        let answer = self
            .change(Method::POST, &["pulls"], &body, checking)
            .await?;
        let pull = Pull::of(&answer.body).filter(|_| answer.is_success());
        let pull = match (pull, answer.status) {
            (Some(pull), _) => pull,
            (None, 200..=299) => return Err(not_githubs(&answer, checking)),
            (None, 422) if answer.quoted().contains("already exists") => {
                let open = self.pulls("open").await?;
                let pull = open.into_iter().find(|pull| pull.branch == branch);
                pull.ok_or_else(|| not_githubs(&answer, checking))?
            }
            (None, _) => {
                return Err(ProviderError::Refused(format!(
                    "GitHub did not open a pull request of {branch} to {base} ({}). Open it by hand, or ask for a new plan.",
                    answer.quoted()
                )));
            }
        };
        Ok(Receipt {
            said: format!("pull request #{} is open", pull.number),
            memory: remember(&order.memory, &[("pull", json!(pull.number))]),
            ..Receipt::default()
        })
    }

    /// Closes the pull request and deletes its branch: production was never touched.
    pub(super) async fn put_back(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let pulls = self.pulls("open").await?;
        let checking = "its pull requests";
        if let Some(pull) = Self::own_pull(order, &pulls) {
            let number = pull.number.to_string();
            let body = json!({ "state": "closed" });
            let answer = self
                .change(Method::PATCH, &["pulls", &number], &body, checking)
                .await?;
            if !answer.is_success() {
                return Err(ProviderError::Refused(format!(
                    "GitHub did not close #{number} ({}). Close it by hand.",
                    answer.quoted()
                )));
            }
        }
        let branch = branch_of(order);
        let below: Vec<&str> = ["git", "refs", "heads"]
            .into_iter()
            .chain(branch.split('/'))
            .collect();
        let deleted = self
            .change(Method::DELETE, &below, &Value::Null, checking)
            .await?;
        Ok(Receipt {
            said: match deleted.is_success() {
                true => format!("the pull request is closed, and {branch} is deleted"),
                false => format!(
                    "the pull request is closed; {branch} was not deleted ({})",
                    deleted.quoted()
                ),
            },
            ..Receipt::default()
        })
    }

    /// How the checks of a pull request are, as a clause, and the names of those that failed.
    pub(super) async fn checks(&self, pull: &Pull) -> Result<(String, Vec<String>), ProviderError> {
        let below = ["commits", &pull.head, "check-runs"];
        let answer = self
            .read("the checks", &below, &[("per_page", "100")])
            .await?;
        let answer = answer.unwrap_or_default();
        let rows: Vec<&Value> = answer["check_runs"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        let ended = |row: &&&Value| text(row, "conclusion").is_some();
        let passed = |row: &&&Value| {
            matches!(
                text(row, "conclusion"),
                Some("success" | "neutral" | "skipped")
            )
        };
        let failed = rows.iter().filter(ended).filter(|row| !passed(row));
        let failed: Vec<String> = failed
            .filter_map(|row| Some(cut(&one_line(text(row, "name")?), 60)))
            .collect();
        let said = match (rows.iter().filter(passed).count(), rows.len()) {
            (_, 0) => "it has no checks".to_owned(),
            (passed, all) if failed.is_empty() => format!("{passed} of {all} checks have passed"),
            (passed, all) => format!(
                "{passed} of {all} checks have passed, {} failed",
                failed.join(", ")
            ),
        };
        Ok((said, failed))
    }

    /// Whether an open pull request cannot be merged as it is.
    pub(super) async fn conflicts(&self, pull: &Pull) -> Result<bool, ProviderError> {
        let number = pull.number.to_string();
        let read = self
            .read("the pull request", &["pulls", &number], &[])
            .await?;
        Ok(read.is_some_and(|read| text(&read, "mergeable_state") == Some("dirty")))
    }

    /// What people do by hand: known before the pull request is there, then with its link.
    pub(super) fn merge_task(&self, to: &str, pull: Option<&Pull>, problem: Option<&str>) -> Task {
        let branch = &self.settings.branch;
        let text = match (pull, problem) {
            (None, _) => format!(
                "Merge the pull request that gives {branch} the files of {to}, once its checks have passed."
            ),
            (Some(pull), None) => format!(
                "Merge #{}, which gives {branch} the files of {to}, once its checks have passed.",
                pull.number
            ),
            (Some(pull), Some(problem)) => format!(
                "{problem}: merging #{} does not give {branch} what was approved. Sign this off as not-done, which closes it, and propose again.",
                pull.number
            ),
        };
        Task {
            id: MERGE.into(),
            text,
            link: pull.map(|pull| pull.link.clone()),
            role: None,
            needs_note: false,
            signed: None,
        }
    }
}

/// The commits of a branch that a rollback to a tree takes out: those above the newest with it.
pub(super) fn taken_out(commits: &[Commit], tree: &str) -> Option<usize> {
    commits.iter().position(|commit| commit.tree == tree)
}
