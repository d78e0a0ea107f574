//! Where a rollback is, by its own run and by what serves.

use super::{
    GitHub,
    ask::remember,
    revert::{MERGE, OPEN_PULL, PUT_BACK, Pull, branch_of, next},
    runs::{Run, Runs, Status},
    settings::Mode,
};
use crate::json::text;
use rollback_domain::{
    platform::{Order, Production, Progress, ProviderError, Task},
    release::{Pin, Surface},
};
use serde_json::{Value, json};

/// What was read of what serves.
struct Now {
    runs: Runs,
    surfaces: Vec<Surface>,
    pin: Pin,
}

impl Now {
    fn serving(&self, said: String) -> Progress {
        Progress::Serving {
            surfaces: self.surfaces.clone(),
            pin: self.pin,
            said,
        }
    }

    fn serves(&self, order: &Order) -> bool {
        let live = self
            .surfaces
            .first()
            .and_then(|surface| surface.live.as_deref());
        live.is_some_and(|live| order.plan.to.is(live))
    }
}

impl GitHub {
    /// The one place where production is seen, with this commit.
    pub(super) fn surfaces(&self, live: Option<String>) -> Vec<Surface> {
        vec![Surface {
            name: self.settings.repository(),
            live,
        }]
    }

    /// Reads where a rollback is.
    pub(super) async fn progress(&self, order: &Order) -> Result<Progress, ProviderError> {
        match &self.settings.mode {
            Mode::Revert => self.progress_of_revert(order).await,
            Mode::Dispatch { .. } => {
                let now = self.now().await?;
                let number = order.rollback.to_string();
                let newest = order.memory["newest"].as_u64().unwrap_or_default();
                let is_new = |run: &&Run| run.id > newest && run.is_dispatched();
                let started: Vec<&Run> = now.runs.iter().filter(is_new).collect();
                let own = match order.memory["run"].as_u64() {
                    Some(id) => now.runs.with_id(id),
                    None => started.iter().copied().find(|run| run.names(&number)),
                };
                match own {
                    Some(own) => self.progress_of_run(order, &now, own).await,
                    None => Ok(match (order.memory["run"].as_u64(), started.first()) {
                        (Some(id), _) => now.serving(format!("GitHub does not list its run {id} yet")),
                        (None, Some(run)) => now.serving(format!(
                            "run {} was started since, and its name has no {number}: add the input to its run-name",
                            run.id
                        )),
                        (None, None) => not_asked(order, &format!("GitHub lists no run for {number}")),
                    }),
                }
            }
            Mode::Tag { tag } => {
                let tag = Self::tag_of(order, tag);
                let reference = format!("tags/{tag}");
                let (now, at) = tokio::try_join!(self.now(), self.reference(&reference))?;
                let to = &order.plan.to;
                let newest = order.memory["newest"].as_u64().unwrap_or_default();
                let is_own = |run: &&Run| run.id > newest && run.branch == tag && run.head == to.id;
                let own = now.runs.iter().filter(is_own).last();
                match own {
                    Some(own) => self.progress_of_run(order, &now, own).await,
                    None if at.as_deref() == Some(&to.id) => Ok(now.serving(format!(
                        "the tag {tag} is at {}, and no run of {} is listed yet",
                        to.label(),
                        self.settings.workflow
                    ))),
                    None => Ok(not_asked(
                        order,
                        &format!("the tag {tag} is not at {}", to.label()),
                    )),
                }
            }
        }
    }

    /// What the runs say that serves.
    async fn now(&self) -> Result<Now, ProviderError> {
        let (runs, pin) = tokio::try_join!(self.runs(), self.pin_state())?;
        let live = runs.live().map(|run| run.deploys().to_owned());
        Ok(Now {
            runs,
            surfaces: self.surfaces(live),
            pin,
        })
    }

    /// Where the run of a rollback is.
    async fn progress_of_run(
        &self,
        order: &Order,
        now: &Now,
        own: &Run,
    ) -> Result<Progress, ProviderError> {
        let (id, file) = (own.id, &self.settings.workflow);
        Ok(match &own.status {
            _ if now.serves(order) => now.serving(format!("run {id} has deployed it")),
            Status::Succeeded => Progress::Failed {
                why: format!(
                    "run {id} of {file} worked, and another one deployed after it: {} serves. Find out who deployed, then ask for a new plan.",
                    now.runs.live().map_or("nothing", Run::deploys)
                ),
                production: Production::Changed,
            },
            Status::Ended(how) => Progress::Failed {
                why: format!(
                    "GitHub ended run {id} of {file} with {how}. Read its log at {}, then ask for a new plan.",
                    own.link
                ),
                production: match how.as_str() {
                    "skipped" | "startup_failure" | "stale" => Production::AsBefore,
                    _ => Production::Unknown,
                },
            },
            Status::UnderWay(how) => now.serving(format!("run {id} is {how}")),
            Status::Waiting => {
                let environments = self.waits_in(own).await?;
                let task = |name: &String| Task {
                    id: format!("approve-{}", name.replace(' ', "-")),
                    text: format!(
                        "Let run {id} of {file} deploy to {name}: Review deployments on GitHub."
                    ),
                    link: Some(own.link.clone()),
                    role: None,
                    needs_note: false,
                    signed: None,
                };
                match environments.is_empty() {
                    true => now.serving(format!("run {id} is waiting")),
                    false => Progress::PeopleNeeded {
                        tasks: environments.iter().map(task).collect(),
                        said: format!("run {id} waits for a review of {}", environments.join(", ")),
                    },
                }
            }
        })
    }

    /// Where a revert is: its branch, its pull request, and the run of what was merged.
    async fn progress_of_revert(&self, order: &Order) -> Result<Progress, ProviderError> {
        let reference = format!("heads/{}", branch_of(order));
        let (runs, at, pulls) =
            tokio::try_join!(self.runs(), self.reference(&reference), self.pulls("all"))?;
        let live = match runs.live().map(Run::deploys) {
            Some(live) => self.tree(live).await?,
            None => None,
        };
        let now = Now {
            runs,
            surfaces: self.surfaces(live),
            pin: Pin::NotNeeded,
        };
        let Some(pull) = Self::own_pull(order, &pulls) else {
            return Ok(match at {
                Some(_) if order.step == PUT_BACK => put_back(order),
                Some(_) => Progress::StepReady {
                    next: next(OPEN_PULL),
                    said: format!("the branch {} is there", branch_of(order)),
                    memory: Value::Null,
                },
                None if order.step > 0 => put_back(order),
                None => not_asked(order, &format!("GitHub has no branch {}", branch_of(order))),
            });
        };
        let to = &order.plan.to;
        match &pull.merged {
            Some(merged) => {
                if self.tree(merged).await?.as_deref() != Some(&to.id) {
                    return Ok(Progress::Failed {
                        why: format!(
                            "#{} was merged, and {} has other files than {} now, because something else was merged before it. Look at what is deployed, then ask for a new plan.",
                            pull.number,
                            self.settings.branch,
                            to.label()
                        ),
                        production: Production::Changed,
                    });
                }
                match now.runs.iter().filter(|run| run.head == *merged).last() {
                    Some(run) => self.progress_of_run(order, &now, run).await,
                    None => Ok(now.serving(format!(
                        "#{} is merged, and no run of {} is listed yet",
                        pull.number, self.settings.workflow
                    ))),
                }
            }
            None if pull.is_open => self.progress_of_pull(order, &pull).await,
            None => Ok(put_back(order)),
        }
    }

    /// What an open pull request waits for.
    async fn progress_of_pull(
        &self,
        order: &Order,
        pull: &Pull,
    ) -> Result<Progress, ProviderError> {
        let number = pull.number;
        let is_given_up = |task: &Task| {
            task.id == MERGE && task.signed.as_ref().is_some_and(|signed| !signed.done)
        };
        if order.step == PUT_BACK || order.tasks.iter().any(is_given_up) {
            return Ok(Progress::StepReady {
                next: next(PUT_BACK),
                said: format!("#{number} is open and is not to be merged"),
                memory: remember(&order.memory, &[("pull", json!(number))]),
            });
        }
        let branch = &self.settings.branch;
        let head = format!("heads/{branch}");
        let (head, (checks, failed), conflicts) = tokio::try_join!(
            self.reference(&head),
            self.checks(pull),
            self.conflicts(pull)
        )?;
        let has_moved = head.as_deref() != text(&order.memory, "head");
        let problem = match (conflicts, has_moved) {
            (true, _) => Some(format!("#{number} conflicts with {branch}")),
            (false, true) => Some(format!("{branch} has moved on since #{number} was opened")),
            (false, false) => None,
        };
        let mut tasks =
            vec![self.merge_task(order.plan.to.label(), Some(pull), problem.as_deref())];
        if !failed.is_empty() {
            tasks.push(Task {
                id: "checks".into(),
                text: format!("Look at what failed on #{number}, {}: run it again, or let somebody merge without it.", failed.join(", ")),
                link: Some(format!("{}/checks", pull.link)),
                role: None,
                needs_note: false,
                signed: None,
            });
        }
        Ok(Progress::PeopleNeeded {
            tasks,
            said: match problem {
                Some(problem) => format!("{problem}; {checks}"),
                None => format!("#{number} is open: {checks}"),
            },
        })
    }
}

/// The pull request was closed, by people or because they wanted it: production was never touched.
fn put_back(order: &Order) -> Progress {
    Progress::Failed {
        why: match order.step {
            PUT_BACK => "The pull request is closed and was not merged. Propose again when it can be.".into(),
            _ => "The pull request was closed without being merged, or its branch was deleted. Find out why, then ask for a new plan.".into(),
        },
        production: Production::AsBefore,
    }
}

fn not_asked(order: &Order, why: &str) -> Progress {
    let from = order.plan.from.as_ref();
    let from = from.map_or("what served before", |from| from.label());
    Progress::NotAsked {
        why: format!("{why}, and {from} still serves"),
    }
}
