//! Where a rollback is, by its own deployment and by what serves.

use super::deployment::{Deployment, Deployments, Status};
use crate::json::{flag, written_moment};
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::{Pin, Surface},
};
use serde_json::Value;
use std::time::Duration;

/// How far our clock and Railway's may be apart, when nothing better than a clock is there.
const SKEW: Duration = Duration::from_secs(120);

/// The deployment that this rollback made: a copy of the target that was not there before.
/// Railway's answer names none.
fn own<'a>(order: &Order, deployments: &'a Deployments) -> Option<&'a Deployment> {
    let to = &order.plan.to;
    let was_accepted = flag(&order.memory, "accepted");
    let after = match order.memory.get("newest") {
        // Both moments are Railway's: no clock of ours is compared.
        Some(Value::Null) => None,
        Some(_) => written_moment(&order.memory, "newest"),
        None => order
            .asked_at
            .and_then(|asked| asked.checked_sub(SKEW).ok()),
    };
    deployments.all.iter().find(|deployment| {
        let is_new = after.is_none_or(|after| deployment.created.is_some_and(|made| made > after));
        let is_of_target = match (&deployment.digest, &order.plan.content, &deployment.commit) {
            (Some(digest), Some(content), _) => digest == content,
            (_, _, Some(commit)) => to.sha.as_ref() == Some(commit),
            // It does not say yet what it is of, and one like it was accepted.
            (_, _, None) => was_accepted,
        };
        is_new && is_of_target && !to.is(&deployment.id)
    })
}

/// Reads where a rollback is.
pub(super) fn progress(order: &Order, pin: Pin, deployments: &Deployments) -> Progress {
    let to = &order.plan.to;
    let own = own(order, deployments);
    let live = deployments.live();
    let is_own = |deployment: &Deployment| own.is_some_and(|own| own.id == deployment.id);
    let content = live.map(|live| match is_own(live) {
        true => to.id.as_str(),
        false => deployments.original(&live.id),
    });
    let serves_target = content.is_some_and(|content| to.is(content));
    let surfaces = vec![Surface {
        name: deployments.surface.clone(),
        live: match serves_target {
            true => Some(to.id.clone()),
            false => content.map(str::to_owned),
        },
    }];
    let serving = |said: String| Progress::Serving {
        surfaces: surfaces.clone(),
        pin,
        said,
    };
    let failed = |why: String| Progress::Failed {
        why,
        production: match surfaces == order.plan.surfaces {
            true => Production::AsBefore,
            false => Production::Unknown,
        },
    };
    let Some(own) = own else {
        return match (serves_target, flag(&order.memory, "accepted")) {
            (true, _) => serving(format!(
                "{} serves, but Railway lists no new deployment of it",
                to.label()
            )),
            (false, true) => serving("Railway does not list its new deployment yet".into()),
            (false, false) => Progress::NotAsked {
                why: format!(
                    "Railway lists no new deployment of {}, and {} still serves",
                    to.label(),
                    order
                        .plan
                        .from
                        .as_ref()
                        .map_or("what served before", |from| from.label())
                ),
            },
        };
    };
    let id = &own.id;
    match &own.status {
        Status::Running if is_own_live(live, own) => serving(format!("deployment {id} is live")),
        Status::Running => serving(format!("deployment {id} runs and is not active yet")),
        Status::UnderWay(status) => serving(format!("deployment {id} is {status}")),
        Status::Unknown(status) => serving(format!(
            "deployment {id} is in a state this bot does not know ({status})"
        )),
        Status::Failed(_) | Status::Crashed | Status::Removed
            if serves_target && !is_own_live(live, own) =>
        {
            serving(format!("another deployment of {} is live", to.label()))
        }
        Status::Failed(why) => failed(format!(
            "Railway ended the deployment {id}: {why}. Read its log on railway.com, then ask for a new plan."
        )),
        Status::Crashed => Progress::Failed {
            why: format!(
                "the deployment {id} crashed. Read its log on railway.com, then ask for a new plan."
            ),
            production: Production::Changed,
        },
        Status::Removed => failed(format!(
            "the deployment {id} was taken down: {} serves. Find out who deployed, then ask for a new plan.",
            content.unwrap_or("none that Railway lists")
        )),
    }
}

fn is_own_live(live: Option<&Deployment>, own: &Deployment) -> bool {
    live.is_some_and(|live| live.id == own.id)
}

/// What is remembered of a request that was accepted.
pub(super) fn accepted(memory: &Value) -> Value {
    let mut memory = memory.clone();
    if !memory.is_object() {
        memory = serde_json::json!({});
    }
    memory["accepted"] = Value::Bool(true);
    memory
}

/// The moment of the newest deployment there was, for finding what is newer.
pub(super) fn newest(deployments: &Deployments) -> Option<jiff::Timestamp> {
    let all = deployments.all.iter();
    all.filter_map(|deployment| deployment.created).max()
}
