//! Two providers of the tests, for the shapes that a plan of several steps can have.
//!
//! [`STEPS`] recreates a box in five steps and can put it back; [`WINDOW`] restores a database to a
//! moment, keeps a restore point first and needs people at the end. Neither remembers anything:
//! where they stand is what the platform says ([`Seen`]), as with a real one.

use super::seen::{PUT_BACK, Seen};
use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::Client;
use rollback_domain::{
    platform::{
        About, DryRun, Effects, Holds, NextStep, Order, Production, Progress, ProviderError,
        Receipt, RestorePoint, Task, Timing,
    },
    release::{Candidate, Pin, RecoveryWindow, Release, Surface, Survey, Way},
    risk::Risk,
};
use rollback_providers::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use rollback_settings::Section;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use url::Url;

/// The steps of a recreated box.
pub const RECREATE: [&str; 5] = [
    "pull v1",
    "stop the old box",
    "start the new box",
    "check the new box",
    "switch over",
];
/// The steps of a restore.
pub const RESTORE: [&str; 2] = ["make a backup", "restore the database"];

/// A kind that recreates a box.
pub const STEPS: Kind = Kind {
    name: "five_steps",
    class: Risk::Code,
    documentation: NOTHING,
    read: |section| {
        let api_url = section.url_or("api_url", "http://127.0.0.1");
        Some(Arc::new(FiveSteps(api_url?)))
    },
};

/// A kind that restores to a moment.
pub const WINDOW: Kind = Kind {
    name: "recovery_window",
    class: Risk::Code,
    documentation: NOTHING,
    read: |section: &Section<'_>| {
        let api_url = section.url_or("api_url", "http://127.0.0.1");
        Some(Arc::new(Restore(api_url?)))
    },
};

const NOTHING: Documentation = Documentation {
    restores: "What a story says.",
    leaves: "The rest.",
    pins: "As a story says.",
    needs: "A story.",
    takes: "As long as a story.",
    proven: "Stories.",
    traps: &[],
};

#[derive(Debug)]
struct FiveSteps(Url);
#[derive(Debug)]
struct Restore(Url);

impl ProviderSettings for FiveSteps {
    fn identity(&self) -> String {
        self.0.to_string()
    }
    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Recreates(Api::new(http, &self.0)))
    }
}

impl ProviderSettings for Restore {
    fn identity(&self) -> String {
        self.0.to_string()
    }
    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Restores(Api::new(http, &self.0)))
    }
}

/// The platform over HTTP.
struct Api {
    http: Client,
    base: Url,
}

impl Api {
    fn new(http: &Client, base: &Url) -> Self {
        Self {
            http: http.clone(),
            base: base.clone(),
        }
    }

    async fn call(&self, path: &str, body: Option<Value>) -> Result<Seen, ProviderError> {
        let url = self.base.join(path).map_err(|_| lost("no address"))?;
        let request = match body {
            Some(body) => self.http.post(url).json(&body),
            None => self.http.get(url),
        };
        let answer = request.timeout(Duration::from_secs(10)).send().await;
        let answer = answer.map_err(|error| match error.is_connect() {
            true => ProviderError::Busy {
                why: "no connection".into(),
                retry_after: Some(200),
            },
            false => lost("no answer"),
        })?;
        match answer.status().as_u16() {
            200 => answer.json().await.map_err(|_| lost("a broken answer")),
            429 => Err(ProviderError::Busy {
                why: "429".into(),
                retry_after: Some(200),
            }),
            status => Err(ProviderError::Refused(format!("answered {status}"))),
        }
    }

    async fn seen(&self) -> Result<Seen, ProviderError> {
        self.call("seen", None).await
    }

    async fn step(&self, order: &Order) -> Result<Seen, ProviderError> {
        let body = json!({ "number": order.step, "to": order.plan.to.id });
        self.call("step", Some(body)).await
    }

    async fn automatic(&self, setting: &str) -> Result<Seen, ProviderError> {
        let body = json!({ "automatic": setting });
        self.call("automatic", Some(body)).await
    }
}

fn lost(what: &str) -> ProviderError {
    ProviderError::Unanswered(what.into())
}

fn surface(seen: &Seen) -> Surface {
    Surface {
        name: "box".into(),
        live: seen.live.clone(),
    }
}

fn pin(seen: &Seen) -> Pin {
    match seen.automatic.as_str() {
        "off" => Pin::On,
        _ => Pin::Off,
    }
}

fn serving(seen: &Seen, said: &str) -> Progress {
    Progress::Serving {
        surfaces: vec![surface(seen)],
        pin: pin(seen),
        said: said.into(),
    }
}

fn effects(platform: &str, holds: Holds) -> Effects {
    Effects {
        platform: platform.into(),
        restores: vec!["the image".into()],
        leaves: vec!["the volumes".into()],
        after: None,
        holds,
        undoable: true,
        class: Risk::Code,
        timing: Timing::default(),
        outage: None,
    }
}

fn survey(seen: &Seen) -> Survey {
    Survey {
        surfaces: vec![surface(seen)],
        pin: pin(seen),
        before_pin: json!(seen.automatic),
        ..Survey::default()
    }
}

struct Recreates(Api);

impl Recreates {
    fn name(number: u32) -> String {
        let name = RECREATE.get(number as usize);
        name.map_or_else(|| "start the old box again".into(), ToString::to_string)
    }

    fn next(number: u32) -> NextStep {
        NextStep {
            number,
            name: Self::name(number),
        }
    }

    fn ready(number: u32, said: &str) -> Progress {
        Progress::StepReady {
            next: Self::next(number),
            said: said.into(),
            memory: Value::Null,
        }
    }
}

#[async_trait]
impl Provider for Recreates {
    fn effects(&self, _way: Way) -> Effects {
        effects("Boxes", Holds::OnRequest)
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let seen = self.0.seen().await?;
        let release = |id: &str, hours: i64| Candidate {
            release: Release {
                version: Some(id.into()),
                live_since: Some(seen.began - SignedDuration::from_hours(hours)),
                ..Release::unknown(id)
            },
            barred: None,
            barred_forward: None,
        };
        Ok(Survey {
            candidates: vec![release("v2", 1), release("v1", 48)],
            ..survey(&seen)
        })
    }

    async fn dry_run(
        &self,
        _survey: &Survey,
        _to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        Ok(DryRun {
            steps: RECREATE.map(str::to_owned).to_vec(),
            ..DryRun::of(self.effects(about.way))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let seen = self.0.step(order).await?;
        let has_next = order.step + 1 < PUT_BACK && seen.done.last() == Some(&order.step);
        Ok(Receipt {
            said: format!("took: {}", Self::name(order.step)),
            next: has_next.then(|| Self::next(order.step + 1)),
            ..Receipt::default()
        })
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let seen = self.0.seen().await?;
        if seen.done.contains(&PUT_BACK) {
            return Ok(Progress::Failed {
                why: "the new box did not start; the old one runs again".into(),
                production: Production::AsBefore,
            });
        }
        if let Some(failed) = seen.failed {
            let said = format!("{} has failed", Self::name(failed));
            return Ok(Self::ready(PUT_BACK, &said));
        }
        Ok(match seen.done.last() {
            Some(4) => serving(&seen, "switched over"),
            Some(last) => Self::ready(last + 1, &format!("{} is done", Self::name(*last))),
            None if order.asked_at.is_some() => Self::ready(0, "nothing was done yet"),
            None => Progress::NotAsked {
                why: "no box was touched".into(),
            },
        })
    }

    async fn pin(&self) -> Result<String, ProviderError> {
        self.0.automatic("off").await?;
        Ok("automatic deploys are off (read back)".into())
    }

    async fn unpin(&self, before: &Value) -> Result<String, ProviderError> {
        let setting = before.as_str().unwrap_or("on push");
        self.0.automatic(setting).await?;
        Ok(format!("automatic deploys are {setting} again (read back)"))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        self.0.seen().await.map(|_| "reachable".into())
    }
}

struct Restores(Api);

#[async_trait]
impl Provider for Restores {
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            undoable: false,
            timing: Timing {
                serve_within: Duration::from_secs(6 * 3600),
                ..Timing::default()
            },
            outage: Some("the database is offline while it is restored".into()),
            ..effects("Vault", Holds::Not)
        }
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let seen = self.0.seen().await?;
        Ok(Survey {
            window: Some(RecoveryWindow {
                from: seen.began - SignedDuration::from_hours(168),
                to: seen.began + SignedDuration::from_hours(24),
            }),
            pin: Pin::NotNeeded,
            ..survey(&seen)
        })
    }

    async fn dry_run(
        &self,
        _survey: &Survey,
        _to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        Ok(DryRun {
            steps: RESTORE.map(str::to_owned).to_vec(),
            details: vec!["12 tables".into()],
            tasks: vec![rotate()],
            ..DryRun::of(self.effects(about.way))
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        self.0.step(order).await?;
        Ok(match order.step {
            0 => Receipt {
                said: "backup made".into(),
                next: Some(NextStep {
                    number: 1,
                    name: RESTORE[1].into(),
                }),
                restore_point: Some(backup(order)),
                memory: Value::Null,
            },
            _ => Receipt {
                said: "restoring".into(),
                ..Receipt::default()
            },
        })
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let seen = self.0.seen().await?;
        let ready = |number: u32, said: &str| Progress::StepReady {
            next: NextStep {
                number,
                name: RESTORE[number as usize].into(),
            },
            said: said.into(),
            memory: Value::Null,
        };
        if seen.done.contains(&1) {
            if seen.busy_for > 0 {
                return Ok(serving(&seen, "restoring"));
            }
            return Ok(match order.tasks.iter().all(Task::is_done) {
                true => Progress::Serving {
                    surfaces: vec![Surface {
                        name: "box".into(),
                        live: Some(order.plan.to.id.clone()),
                    }],
                    pin: Pin::NotNeeded,
                    said: "restored".into(),
                },
                false => Progress::PeopleNeeded {
                    tasks: vec![rotate()],
                    said: "the restored database has the old key".into(),
                },
            });
        }
        Ok(match seen.done.last() {
            Some(0) => ready(1, "the backup is there"),
            _ => ready(0, "there is no backup yet"),
        })
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused("nothing is pinned".into()))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        self.0.seen().await.map(|_| "reachable".into())
    }
}

/// What is kept before anything is restored.
fn backup(order: &Order) -> RestorePoint {
    RestorePoint {
        id: format!("backup-{}", order.rollback),
        what: "backup before the restore".into(),
        made_at: order.asked_at.unwrap_or_default(),
        until: None,
        proof: vec![("tables".into(), "12".into())],
    }
}

/// What people do at the end.
fn rotate() -> Task {
    Task {
        id: "rotate-key".into(),
        text: "Rotate the database key".into(),
        link: None,
        role: Some("lead".into()),
        needs_note: false,
        signed: None,
    }
}
