//! What a rollback needs of a project.

use crate::json::{millis, text};
use jiff::Timestamp;
use rollback_domain::{
    platform::Order,
    release::{Pin, Way},
};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// The most domains that are read one by one. Of what is beyond nothing is claimed.
const DOMAINS_AT_MOST: usize = 250;
/// How far our clock and Vercel's may be apart, when nothing better than a clock is there.
const SKEW: Duration = Duration::from_secs(120);

/// What a rollback needs of a project.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: String,
    pub(super) name: String,
    /// The production domains that are looked at.
    pub(super) domains: Vec<String>,
    /// The production domains that are too many to be looked at.
    pub(super) left_out: Vec<String>,
    pub(super) pin: Pin,
    pub(super) last: Option<AliasRequest>,
    /// Whether rolling releases are configured; not whether one is under way.
    pub(super) rolling: bool,
}

impl Project {
    /// Reads it; `None` when it has no id.
    pub(super) fn of(project: &Value) -> Option<Self> {
        let id = text(project, "id")?.to_owned();
        let mut domains = domains(project);
        let left_out = domains.split_off(domains.len().min(DOMAINS_AT_MOST));
        Some(Self {
            name: text(project, "name").unwrap_or(&id).to_owned(),
            domains,
            left_out,
            pin: match project
                .get("autoAssignCustomDomains")
                .and_then(Value::as_bool)
            {
                Some(false) => Pin::On,
                Some(true) => Pin::Off,
                None => Pin::Unknown,
            },
            last: project.get("lastAliasRequest").and_then(AliasRequest::of),
            rolling: project
                .get("rollingRelease")
                .is_some_and(|configured| !configured.is_null()),
            id,
        })
    }
}

/// The production domains. The ones Vercel makes for branches and teams follow the newest build
/// and not production, so they only count when there is nothing else.
pub(super) fn domains(project: &Value) -> Vec<String> {
    let names = |deployment: &Value, automatic_too: bool| -> Vec<String> {
        let list = |key: &str| -> Vec<&str> {
            deployment[key]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        let automatic = list("automaticAliases");
        list("alias")
            .into_iter()
            .filter(|name| automatic_too || !automatic.contains(name))
            .map(str::to_owned)
            .collect()
    };
    let live = &project["targets"]["production"];
    let mut found = names(live, false);
    if found.is_empty() {
        // While deploys are held off, the target may be a build that serves nothing yet.
        found = project["latestDeployments"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|deployment| text(deployment, "target") == Some("production"))
            .flat_map(|deployment| names(deployment, false))
            .collect();
    }
    if found.is_empty() {
        found = names(live, true);
    }
    let mut seen = BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    if found.len() > DOMAINS_AT_MOST {
        // The ones people type matter more than the ones Vercel gave.
        found.sort_by_key(|name| name.ends_with(".vercel.app"));
    }
    found
}

/// The last time domains were asked to move, by a rollback or a promotion, by anybody.
#[derive(Debug)]
pub(super) struct AliasRequest {
    /// `rollback`, `promote`, or what Vercel comes up with next.
    pub(super) kind: String,
    /// The id of the deployment they are moved to.
    pub(super) to: String,
    pub(super) status: String,
    /// In milliseconds of Vercel's clock.
    pub(super) requested_at: i64,
}

impl AliasRequest {
    fn of(request: &Value) -> Option<Self> {
        Some(Self {
            kind: text(request, "type")?.to_owned(),
            to: text(request, "toDeploymentId")?.to_owned(),
            status: text(request, "jobStatus").unwrap_or("unknown").to_owned(),
            requested_at: millis(request, "requestedAt")?,
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "skipped")
    }

    /// As a clause: "a promote to dpl_x, requested at 02:41:07 UTC, is in-progress".
    pub(super) fn clause(&self) -> String {
        let at = Timestamp::from_millisecond(self.requested_at)
            .map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
            .unwrap_or_else(|_| "an unknown time".into());
        format!(
            "a {} to {}, requested at {at}, is {}",
            cut(&one_line(&self.kind), 40),
            cut(&one_line(&self.to), 60),
            cut(&one_line(&self.status), 40)
        )
    }

    /// Whether it can only be the request of this rollback.
    pub(super) fn is_of(&self, order: &Order) -> bool {
        if self.kind != job(order.plan.way) || self.to != order.plan.to.id {
            return false;
        }
        match order.memory.get("last_alias_request") {
            // Both moments are Vercel's: no clock of ours is compared.
            Some(Value::Null) => true,
            Some(_) => millis(&order.memory, "last_alias_request")
                .is_some_and(|before| self.requested_at > before),
            None => order.asked_at.is_some_and(|asked| {
                let skew = i64::try_from(SKEW.as_millis()).unwrap_or_default();
                self.requested_at >= asked.as_millisecond() - skew
            }),
        }
    }
}

/// What Vercel calls the job that moves the domains this way.
pub(super) fn job(way: Way) -> &'static str {
    match way {
        Way::Back => "rollback",
        Way::Forward => "promote",
    }
}
