//! An application as Argo CD shows it: how it is synced, who else writes its settings, what is
//! under way, and how it is.

use super::history::{History, content, short};
use crate::json::{text, written_moment};
use rollback_domain::release::Pin;
use rollback_http::{cut, one_line};
use serde_json::{Value, json};

/// The annotation that keeps how automated sync was set before a rollback switched it off.
const HELD: &str = "rollback-bot/automated-sync";
/// How much of Argo CD's own words goes into a sentence, in characters.
const QUOTED_AT_MOST: usize = 200;

/// An application, as it was read.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) name: String,
    object: Value,
}

/// The last operation on an application, or the one that is under way.
#[derive(Debug)]
pub(super) struct Operation {
    /// The id of the release that it syncs to; `None`: it is no sync to one that is named.
    pub(super) content: Option<String>,
    /// When it began, as Argo CD writes it; `None`: it waits for that.
    pub(super) started: Option<String>,
    pub(super) phase: Phase,
    /// What Argo CD says of it, and how often it was tried again.
    pub(super) message: String,
    /// Whether it has applied any resource.
    pub(super) has_applied: bool,
}

/// How far along an operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Succeeded,
    Failed,
    /// It is on its way; Argo CD's word for how far, which may be a new one.
    UnderWay(String),
}

impl Application {
    /// Reads it; `None` when it is none.
    pub(super) fn of(name: &str, object: Value) -> Option<Self> {
        let is_one = text(&object["metadata"], "uid").is_some() && object["spec"].is_object();
        is_one.then(|| Self {
            name: name.to_owned(),
            object,
        })
    }

    pub(super) fn uid(&self) -> &str {
        text(&self.object["metadata"], "uid").unwrap_or_default()
    }

    pub(super) fn history(&self) -> History {
        History::of(&self.object["status"]["history"])
    }

    /// What it is called where rights are given, piece by piece: its project and its name, and its
    /// namespace between them where that is not Argo CD's own.
    pub(super) fn rights_object<'a>(&'a self, namespace: Option<&'a str>) -> Vec<&'a str> {
        let project = text(&self.object["spec"], "project").unwrap_or("default");
        let mut object = vec![project];
        object.extend(namespace);
        object.push(&self.name);
        object
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        text(&self.object["metadata"]["annotations"], name)
    }

    fn label(&self, name: &str) -> Option<&str> {
        text(&self.object["metadata"]["labels"], name)
    }

    /// How automated sync is set; `None`: it is off.
    pub(super) fn automated(&self) -> Option<&Value> {
        let automated = &self.object["spec"]["syncPolicy"]["automated"];
        (automated.is_object() && automated["enabled"] != json!(false)).then_some(automated)
    }

    /// How it was set before a rollback switched it off.
    fn held(&self) -> Option<Value> {
        let held = serde_json::from_str::<Value>(self.annotation(HELD)?).ok()?;
        held.is_object().then_some(held)
    }

    /// Whether automated sync is held off. What people have switched off themselves is not.
    pub(super) fn pin(&self) -> Pin {
        match (self.automated(), self.held()) {
            (Some(_), _) => Pin::Off,
            (None, Some(_)) => Pin::On,
            (None, None) => Pin::NotNeeded,
        }
    }

    /// How automated sync is set, for setting it so again; null when it is off.
    pub(super) fn before_pin(&self) -> Value {
        let automated = self.automated().cloned().or_else(|| self.held());
        automated.map_or(Value::Null, |automated| json!({ "automated": automated }))
    }

    /// What git has that is not synced, as people call it; `None`: nothing.
    pub(super) fn unsynced(&self) -> Option<String> {
        let sync = &self.object["status"]["sync"];
        let revisions = sync["revisions"].as_array().into_iter().flatten();
        let revisions = revisions
            .chain([&sync["revision"]])
            .filter_map(Value::as_str);
        let named = revisions.filter(|revision| !revision.is_empty()).map(short);
        let is_out = text(sync, "status") == Some("OutOfSync");
        is_out.then(|| named.collect::<Vec<_>>().join("+"))
    }

    /// Why automated sync must not be let on, as a sentence: git still has a release that was
    /// synced before and is not live any more, so it would be back at once.
    pub(super) fn brings_back(&self) -> Option<String> {
        let unsynced = self.unsynced()?;
        let (sync, spec) = (&self.object["status"]["sync"], &self.object["spec"]);
        let wanted = content(&json!({
            "revision": sync["revision"], "source": spec["source"],
            "revisions": sync["revisions"], "sources": spec["sources"],
        }))?;
        let history = self.history();
        let is_left = history.has(&wanted) && history.live() != Some(&wanted);
        is_left.then(|| {
            format!(
                "git still has {unsynced}, which was left: with automated sync on, Argo CD would sync {} to it at once. Revert it in its repository first. To take production forward to it, undo the rollback.",
                self.name
            )
        })
    }

    /// Why it is not to be rolled back at all, as a sentence; `None`: it can be.
    pub(super) fn refusal(&self) -> Option<String> {
        let name = &self.name;
        let metadata = &self.object["metadata"];
        if text(metadata, "deletionTimestamp").is_some() {
            return Some(format!(
                "The application {name} is being deleted, so nothing was done."
            ));
        }
        let owners = metadata["ownerReferences"].as_array();
        let mut owners = owners.into_iter().flatten();
        if let Some(set) = owners.find(|owner| text(owner, "kind") == Some("ApplicationSet")) {
            let set = named(text(set, "name").unwrap_or_default());
            return Some(format!(
                "The application {name} is made by the ApplicationSet {set}, which writes its sync policy anew: automated sync would not stay off, and git's release would be synced again. Revert the commit in its repository."
            ));
        }
        if let Some(parent) = self.parent() {
            return Some(format!(
                "The application {name} is a part of the application {parent} (an app of apps), which writes its sync policy anew: automated sync would not stay off, and git's release would be synced again. Revert the commit in its repository."
            ));
        }
        let children = self.children();
        (!children.is_empty()).then(|| {
            format!(
                "The application {name} is an app of apps: going back would change which applications there are, and not what they run. Name the application that is to go back: {}.",
                children.join(", ")
            )
        })
    }

    /// The application that this one is a resource of.
    fn parent(&self) -> Option<String> {
        let tracked = self.annotation("argocd.argoproj.io/tracking-id");
        // `parent:argoproj.io/Application:argocd/shop`; one that was copied is of something else.
        let tracked = tracked.and_then(|id| {
            let (parent, of) = id.split_once(':')?;
            of.starts_with("argoproj.io/Application:").then_some(parent)
        });
        let by_label = self.label("argocd.argoproj.io/instance").or_else(|| {
            let is_of_helm = self.label("app.kubernetes.io/managed-by") == Some("Helm");
            let instance = self.label("app.kubernetes.io/instance")?;
            (!is_of_helm).then_some(instance)
        });
        let parent = tracked.or(by_label)?;
        (parent != self.name).then(|| named(parent))
    }

    /// The applications that this one is made of, as far as a sentence has place for them.
    fn children(&self) -> Vec<String> {
        let resources = self.object["status"]["resources"].as_array();
        let resources = resources.into_iter().flatten();
        let children = resources.filter(|resource| {
            text(resource, "kind") == Some("Application")
                && text(resource, "group") == Some("argoproj.io")
        });
        let names = children.filter_map(|child| text(child, "name").map(named));
        names.take(6).collect()
    }

    /// The operation that is under way, else the last one that ended.
    pub(super) fn operation(&self) -> Option<Operation> {
        let (asked, state) = (
            &self.object["operation"],
            &self.object["status"]["operationState"],
        );
        let is_taken = state.is_object() && text(state, "finishedAt").is_none();
        if asked.is_object() && !is_taken {
            return Some(Operation {
                content: content(&asked["sync"]),
                started: None,
                phase: Phase::UnderWay("waiting to begin".into()),
                message: String::new(),
                has_applied: false,
            });
        }
        if !state.is_object() {
            return None;
        }
        let phase = match text(state, "phase").unwrap_or("Running") {
            "Succeeded" => Phase::Succeeded,
            "Failed" | "Error" => Phase::Failed,
            other => Phase::UnderWay(cut(&one_line(other), 40)),
        };
        let (sync, result) = (&state["operation"]["sync"], &state["syncResult"]);
        let resources = result["resources"].as_array();
        let mut message = quoted(text(state, "message").unwrap_or_default());
        if let Some(times) = state["retryCount"].as_u64().filter(|times| *times > 0) {
            message = format!("{message} (retry {times})").trim_start().to_owned();
        }
        Some(Operation {
            content: content(sync).or_else(|| content(result)),
            started: text(state, "startedAt").map(str::to_owned),
            phase,
            message,
            has_applied: resources.is_some_and(|resources| !resources.is_empty()),
        })
    }

    /// What is under way, as a clause.
    pub(super) fn under_way(&self) -> Option<String> {
        let operation = self.operation()?;
        match &operation.phase {
            Phase::Succeeded | Phase::Failed => None,
            Phase::UnderWay(word) => Some(format!(
                "a sync of {} is {word}{}",
                self.name,
                after_colon(&operation.message)
            )),
        }
    }

    /// That the last sync failed, as a clause, if it was to something else than what serves.
    pub(super) fn failed_since(&self, history: &History) -> Option<String> {
        let operation = self.operation()?;
        let is_of_live = operation.content.as_deref() == history.live();
        (operation.phase == Phase::Failed && !is_of_live).then(|| {
            format!(
                "its last sync failed, and may have changed a part{}",
                after_colon(&operation.message)
            )
        })
    }

    /// Its health in Argo CD's word, with what it says of it; `None`: it was not read since the
    /// last operation ended.
    pub(super) fn health(&self) -> Option<(&str, String)> {
        let status = &self.object["status"];
        let ended = written_moment(&status["operationState"], "finishedAt");
        let read = written_moment(status, "reconciledAt");
        if ended.zip(read).is_some_and(|(ended, read)| read < ended) {
            return None;
        }
        let health = &status["health"];
        let word = text(health, "status")?;
        Some((word, quoted(text(health, "message").unwrap_or_default())))
    }
}

/// The change that switches automated sync off and keeps how it was set.
pub(super) fn hold(automated: &Value) -> Value {
    json!({
        "metadata": { "annotations": { HELD: automated.to_string() } },
        "spec": { "syncPolicy": { "automated": null } },
    })
}

/// The change that lets it sync by itself again, as it was set `before`, or else as the application
/// keeps it; `None`: it was not held off.
pub(super) fn let_go(before: &Value, app: &Application) -> Option<Value> {
    let before = Some(&before["automated"]).filter(|automated| automated.is_object());
    let automated = before.cloned().or_else(|| app.held())?;
    Some(json!({
        "metadata": { "annotations": { HELD: null } },
        "spec": { "syncPolicy": { "automated": automated } },
    }))
}

/// Somebody else's name, on one line.
fn named(name: &str) -> String {
    cut(&one_line(name), 80)
}

/// Argo CD's own words, which may have many lines and addresses.
fn quoted(words: &str) -> String {
    let words = cut(&one_line(words), QUOTED_AT_MOST);
    words.trim_end_matches(['.', ' ']).to_owned()
}

/// What stands behind a clause; nothing if there are no words.
pub(super) fn after_colon(words: &str) -> String {
    match words.is_empty() {
        true => String::new(),
        false => format!(": {words}"),
    }
}
