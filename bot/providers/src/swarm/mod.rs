//! Services of a Docker swarm: a rollback gives one the task template of an earlier spec.
//!
//! Swarm keeps the spec before the last change, and its tasks keep what they were made of. The
//! service gets one of these back by an ordinary update: all of its spec as it is now, with that
//! template. The update names the version that was read, so a change at the same moment makes it
//! fail and is never overwritten. What serves is then told task by task.

mod progress;
mod releases;
mod service;
mod settings;
mod tasks;
mod template;

use crate::{
    Provider,
    docker_api::{CHANGE_WITHIN, Change, Engine, NotDone, REGISTRY_AUTH, Session, Unread, busy},
    json::{flag, text},
};
use async_trait::async_trait;
use jiff::Timestamp;
use releases::Releases;
use reqwest::Method;
use rollback_domain::{
    platform::{About, DryRun, Effects, Holds, Order, Progress, ProviderError, Receipt, Timing},
    release::{Pin, Release, Surface, Survey, Way},
    risk::{Caution, Risk},
};
use rollback_http::{cut, one_line};
use serde_json::{Value, json};
use service::{Mode, OnFailure, Service, UpdateState};
pub use settings::{KIND, SwarmSettings};
use std::time::Duration;
use tasks::Count;
use template::Template;

/// How much longer than its rounds an update may take.
const BESIDES: Duration = Duration::from_secs(5 * 60);
/// The longest that an update is waited for.
const SERVE_WITHIN_AT_MOST: Duration = Duration::from_secs(24 * 3_600);
/// How many names a sentence has.
const NAMED_AT_MOST: usize = 8;
/// What Swarm says when the version that an update names is not the last one.
const OUT_OF_SEQUENCE: &str = "update out of sequence";
/// What is in Swarm's words when its managers did not agree in time: it may still be done.
const UNDECIDED: [&str; 4] = [
    "DeadlineExceeded",
    "deadline exceeded",
    "code = Unavailable",
    "code = Canceled",
];

/// One service of a swarm.
#[derive(Clone, Debug)]
pub struct Swarm {
    settings: SwarmSettings,
    engine: Engine,
}

/// What a manager shows of the service at one time.
#[derive(Debug)]
struct Read {
    service: Service,
    /// Its tasks, as they are listed.
    tasks: Value,
    /// The images that the manager has, as they are listed.
    images: Value,
    /// The id of the swarm.
    cluster: String,
    /// What the manager's clock showed; `None` when it does not say.
    now: Option<Timestamp>,
}

impl Read {
    /// How people call what has this id.
    fn label(&self, id: &str) -> String {
        let candidates = Releases::of(self).candidates();
        let candidate = candidates.iter().find(|one| one.release.is(id));
        candidate.map_or(id, |one| one.release.label()).to_owned()
    }

    fn count(&self) -> Count {
        let live = self.service.template().id();
        Count::of(&self.service, &self.tasks, &live, self.now)
    }
}

impl Swarm {
    /// A service of the swarm whose manager the settings name. Nothing is asked yet.
    pub fn new(settings: SwarmSettings) -> Self {
        Self {
            engine: Engine::new(&settings.connection),
            settings,
        }
    }

    async fn read(&self, session: &Session<'_>) -> Result<Read, Unread> {
        let info = session.read("the engine", &["info"], &[]).await?;
        let swarm = info.unwrap_or_default()["Swarm"].take();
        if !flag(&swarm, "ControlAvailable") {
            return Err(Unread::Known(self.no_manager(&swarm)));
        }
        let service = self.find(session).await?;
        let filters = json!({ "service": [service.id()] }).to_string();
        let query = [("filters", filters.as_str())];
        let tasks = session.read("the tasks", &["tasks"], &query).await?;
        let images = session.read("the images", &["images", "json"], &[]).await?;
        Ok(Read {
            service,
            tasks: tasks.unwrap_or_default(),
            images: images.unwrap_or_default(),
            cluster: text(&swarm["Cluster"], "ID").unwrap_or_default().to_owned(),
            now: session.now,
        })
    }

    /// The service of that name.
    async fn find(&self, session: &Session<'_>) -> Result<Service, Unread> {
        let name = &self.settings.service;
        // The filter finds all names that begin like this.
        let filters = json!({ "name": [name] }).to_string();
        let listed = services(session, &[("filters", &filters)]).await?;
        if let Some(found) = listed.into_iter().find(|one| one.name() == name) {
            return Ok(found);
        }
        let all = services(session, &[]).await?;
        Err(Unread::Known(missing(name, &all)))
    }

    fn no_manager(&self, swarm: &Value) -> ProviderError {
        let place = self.engine.place();
        let state = cut(
            &one_line(text(swarm, "LocalNodeState").unwrap_or("not said")),
            40,
        );
        ProviderError::Refused(match state.as_str() {
            "active" => format!(
                "Docker at {place} is a worker of its swarm, and only a manager shows services. Set host to a manager."
            ),
            _ => format!(
                "Docker at {place} is in no swarm that works (its state there is {state}). Set host to a manager of the swarm, or look at docker info on that machine."
            ),
        })
    }

    /// What an update means that was not taken. When the version is an old one, the service is read
    /// again: Swarm itself counts it up, too.
    async fn not_taken(
        &self,
        session: &Session<'_>,
        read: &Read,
        change: &Change<'_>,
        not_done: NotDone,
    ) -> ProviderError {
        let name = read.service.name();
        let NotDone::Refused { status, message } = &not_done else {
            return not_done.or_refused(change, "");
        };
        if message.contains(OUT_OF_SEQUENCE) {
            let now = self.find(session).await;
            return match now {
                Ok(now) if now.has_spec_of(&read.service) => busy(format!(
                    "Swarm changed {name} itself at the same moment ({OUT_OF_SEQUENCE}). Nothing was done."
                )),
                Ok(_) | Err(_) => ProviderError::Refused(format!(
                    "Somebody changed {name} at the same moment ({OUT_OF_SEQUENCE}), and that is not overwritten. Nothing was done; ask for a new plan."
                )),
            };
        }
        if UNDECIDED.iter().any(|words| message.contains(words)) {
            let said = cut(&one_line(message), 200);
            return ProviderError::Unanswered(format!(
                "Swarm was asked to {} and did not decide in time ({said}).",
                change.verb
            ));
        }
        if *status == 503 {
            let said = cut(&one_line(message), 200);
            return busy(format!(
                "Swarm takes no changes right now ({said}). Nothing was done."
            ));
        }
        not_done.or_refused(
            change,
            &format!("Look at docker service inspect {name} and at what its spec names"),
        )
    }
}

/// The services that a manager lists.
async fn services(session: &Session<'_>, query: &[(&str, &str)]) -> Result<Vec<Service>, Unread> {
    let listed = session.read("the services", &["services"], query).await?;
    let Some(Value::Array(listed)) = listed else {
        return Ok(vec![]);
    };
    Ok(listed.into_iter().map(Service).collect())
}

/// Why there is no service of that name.
fn missing(name: &str, all: &[Service]) -> ProviderError {
    let names: Vec<&str> = all.iter().map(Service::name).collect();
    let more = if names.len() > NAMED_AT_MOST {
        ", …"
    } else {
        ""
    };
    ProviderError::Refused(match names.is_empty() {
        true => format!(
            "There is no service named {name}, and no other one in this swarm. Create it, or check host and service."
        ),
        false => format!(
            "There is no service named {name}. There are {}{more}. Set service; one of a stack is named <stack>_<service>.",
            names[..names.len().min(NAMED_AT_MOST)].join(", ")
        ),
    })
}

/// What is unusual about the service right now, as a clause.
fn under_way(read: &Read) -> Option<String> {
    let update = read.service.update()?;
    let Count { serving, all } = read.count();
    let live = read.label(&read.service.template().id());
    let tasks = format!("{serving} of {all} tasks run {live}");
    match update.state {
        UpdateState::Completed | UpdateState::RollbackCompleted => None,
        UpdateState::Updating => Some(format!("an update is under way: {tasks}")),
        UpdateState::Paused => Some(format!(
            "its last update is paused ({}): {tasks}",
            update.message
        )),
        UpdateState::RollbackStarted => Some(format!(
            "it is being taken back to {live} ({}): {tasks}",
            update.message
        )),
        UpdateState::RollbackPaused => Some(format!(
            "it was being taken back to {live}, and Swarm has paused that ({}): {tasks}",
            update.message
        )),
        UpdateState::Unknown(state) => Some(format!("Swarm calls its update {state}: {tasks}")),
    }
}

/// What people should be warned of before they take the service there.
fn warnings(read: &Read, to: Template<'_>) -> Vec<Caution> {
    let mut warnings = vec![];
    let mut warn = |name: &str, text: String| {
        warnings.push(Caution::Platform {
            name: name.into(),
            text,
            class: Risk::Caution,
        });
    };
    if let Some(at) = read.service.went_back_by_itself() {
        warn(
            "went_back_by_itself",
            format!(
                "the last update failed, and Swarm has gone back to {} by itself at {}: this may be what you want already",
                read.label(&read.service.template().id()),
                at.strftime("%H:%M:%S UTC")
            ),
        );
    }
    if to.digest().is_none() {
        warn(
            "no_digest",
            format!(
                "its image is named without a digest: {} is what that tag means today",
                cut(&one_line(to.image()), 120)
            ),
        );
    }
    warnings
}

/// What people should know before they take the service there, each as a clause.
fn details(read: &Read) -> Vec<String> {
    let service = &read.service;
    let on_failure = match service.on_failure() {
        OnFailure::Pause => "if a task fails, Swarm stops half-way (failure action pause)",
        OnFailure::Continue => {
            "if a task fails, Swarm goes on with the others (failure action continue)"
        }
        OnFailure::Rollback => {
            "if a task fails, Swarm itself takes it back to what serves now (failure action rollback)"
        }
    };
    let of_stack = service.stack().map(|stack| {
        format!("it belongs to the stack {stack}: the next docker stack deploy {stack} gives it what its file says")
    });
    let on_each_node =
        (service.mode() == Mode::Global).then(|| "it has a task on each node".into());
    let on_failure = Some(on_failure.to_owned());
    [on_each_node, on_failure, of_stack]
        .into_iter()
        .flatten()
        .collect()
}

#[async_trait]
impl Provider for Swarm {
    /// Both ways the same: the service gets another template.
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            platform: "Docker Swarm".into(),
            restores: vec![
                "image".into(),
                "command".into(),
                "the environment, mounts and limits of its tasks".into(),
            ],
            leaves: vec![
                "database".into(),
                "volumes".into(),
                "the content of secrets and configs".into(),
                "replicas".into(),
                "published ports".into(),
            ],
            after: Some("the next docker service update or docker stack deploy replaces it".into()),
            holds: Holds::Not,
            undoable: true,
            class: KIND.class,
            timing: Timing::default(),
            outage: None,
        }
    }

    async fn survey(&self, _about: &About) -> Result<Survey, ProviderError> {
        let session = self.engine.open().await?;
        let read = self.read(&session).await?;
        let service = &read.service;
        Ok(Survey {
            candidates: Releases::of(&read).candidates(),
            // One surface: how many tasks there are changes by itself, and a plan is for what is to
            // run.
            surfaces: vec![Surface {
                name: service.name().to_owned(),
                live: Some(service.template().id()),
            }],
            production: Some(format!("swarm {} {}", read.cluster, service.id())),
            pin: Pin::NotNeeded,
            in_flight: under_way(&read),
            memory: json!({ "update": service.update_began() }),
            ..Survey::default()
        })
    }

    async fn dry_run(
        &self,
        _survey: &Survey,
        to: &Release,
        about: &About,
    ) -> Result<DryRun, ProviderError> {
        let session = self.engine.open().await?;
        let read = self.read(&session).await?;
        let service = &read.service;
        check_changeable(service)?;
        let template = Releases::of(&read).template(to).ok_or_else(|| gone(to))?;
        let mut effects = self.effects(about.way);
        if service.mode() == Mode::Replicated(1) && service.stops_first() {
            effects.outage = Some("requests fail while its only task is replaced".into());
        }
        let tasks = u64::try_from(read.count().all).unwrap_or(u64::MAX);
        let takes = service.update_takes(tasks).saturating_add(BESIDES);
        let serve_within = effects.timing.serve_within;
        effects.timing.serve_within = takes.clamp(serve_within, SERVE_WITHIN_AT_MOST);
        Ok(DryRun {
            warnings: warnings(&read, template),
            details: details(&read),
            ..DryRun::of(effects)
        })
    }

    async fn act(&self, order: &Order) -> Result<Receipt, ProviderError> {
        let session = self.engine.open().await.map_err(Unread::before_a_change)?;
        let read = self.read(&session).await.map_err(Unread::before_a_change)?;
        let service = &read.service;
        check_changeable(service)?;
        let (name, to) = (service.name(), &order.plan.to);
        let live = service.template().id();
        if !order.plan.from.as_ref().is_some_and(|from| from.is(&live)) {
            return Err(ProviderError::Refused(format!(
                "Somebody gave {name} another spec since this was approved: it is to run {} now. Nothing was done; ask for a new plan.",
                read.label(&live)
            )));
        }
        let template = Releases::of(&read).template(to).ok_or_else(|| gone(to))?;
        let version = service.version().to_string();
        let change = Change {
            verb: &format!("update {name}"),
            method: Method::POST,
            path: &["services", service.id(), "update"],
            query: &[("version", &version)],
            within: CHANGE_WITHIN,
        };
        let registry = self.settings.registry.as_ref();
        let asked_by = registry.map(|registry| registry.header(template.image()));
        let headers: Vec<_> = asked_by
            .iter()
            .map(|asked_by| (REGISTRY_AUTH, asked_by.as_str()))
            .collect();
        let spec = service.spec_with(template);
        if let Err(not_done) = session.ask(&change, Some(&spec), &headers).await {
            return Err(self.not_taken(&session, &read, &change, not_done).await);
        }
        Ok(Receipt {
            said: format!("{name} is to run {}", to.label()),
            memory: json!({ "accepted": to.id, "update": service.update_began() }),
            ..Receipt::default()
        })
    }

    async fn observe(&self, order: &Order) -> Result<Progress, ProviderError> {
        let session = self.engine.open().await?;
        let read = self.read(&session).await?;
        Ok(progress::progress(order, &read))
    }

    async fn unpin(&self, _before: &Value) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Docker Swarm: nothing is pinned, a swarm holds no deploys off. The next docker service update or docker stack deploy replaces the spec as it always does.".into(),
        ))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let session = self.engine.open().await?;
        let read = self.read(&session).await?;
        let service = &read.service;
        check_changeable(service)?;
        let Count { serving, all } = read.count();
        let template = service.template();
        let mut said = format!(
            "service {} of a swarm of Docker {}: {serving} of {all} tasks run {}, {} specs can be gone to",
            service.name(),
            session.release,
            read.label(&template.id()),
            Releases::of(&read).candidates().len()
        );
        if let Some(stack) = service.stack() {
            said.push_str(&format!("; it belongs to the stack {stack}"));
        }
        if template.digest().is_none() {
            said.push_str("; its image is named without a digest, so deploys with the same tag cannot be told apart");
        }
        Ok(said)
    }
}

/// Whether another template would do what people expect of it.
fn check_changeable(service: &Service) -> Result<(), ProviderError> {
    service
        .refusal()
        .map_or(Ok(()), |why| Err(ProviderError::Refused(why)))
}

/// Why a release cannot be gone to.
fn gone(to: &Release) -> ProviderError {
    ProviderError::Refused(format!(
        "Swarm has not kept the spec of {}: it keeps the one before the last change, and those of the tasks in its history. Choose another release, or deploy it anew.",
        to.label()
    ))
}
