//! Where a rollback is, by its own deploy and by what serves.

use super::{
    deploy::{Deploy, Deploys, Status},
    service::Service,
};
use crate::json::{text, written_moment};
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::Surface,
};
use serde_json::Value;
use std::time::Duration;

/// How far our clock and Render's may be apart, when nothing better than a clock is there.
const SKEW: Duration = Duration::from_secs(120);

/// The deploy that this rollback made: the one whose id Render answered, or, where that answer was
/// lost, a copy of the target that was not there before.
fn own<'a>(order: &Order, deploys: &'a Deploys) -> Option<&'a Deploy> {
    if let Some(id) = text(&order.memory, "deploy") {
        return deploys.all.iter().find(|deploy| deploy.id == id);
    }
    let to = &order.plan.to;
    let after = match order.memory.get("newest") {
        // Both moments are Render's: no clock of ours is compared.
        Some(Value::Null) => None,
        Some(_) => written_moment(&order.memory, "newest"),
        None => order
            .asked_at
            .and_then(|asked| asked.checked_sub(SKEW).ok()),
    };
    deploys.all.iter().find(|deploy| {
        let is_new = after.is_none_or(|after| deploy.created.is_some_and(|made| made > after));
        let is_of_target = to.is(deploys.original(&deploy.id))
            || (deploy.content.is_some() && deploy.content == to.sha);
        deploy.is_rollback && is_new && is_of_target
    })
}

/// Reads where a rollback is.
pub(super) fn progress(order: &Order, service: &Service, deploys: &Deploys) -> Progress {
    let to = &order.plan.to;
    let own = own(order, deploys);
    let live = deploys.live();
    let is_own = |deploy: &Deploy| own.is_some_and(|own| own.id == deploy.id);
    let content = live.map(|live| match is_own(live) {
        true => to.id.as_str(),
        false => deploys.original(&live.id),
    });
    let serves_target = content.is_some_and(|content| to.is(content));
    let surface = |live: Option<&str>| Surface {
        name: service.surface.clone(),
        live: live.map(str::to_owned),
    };
    let surfaces = vec![surface(match serves_target {
        true => Some(&to.id),
        false => content,
    })];
    let serving = |said: String| Progress::Serving {
        surfaces: surfaces.clone(),
        pin: service.pin,
        said,
    };
    let production = || match surfaces == order.plan.surfaces {
        true => Production::AsBefore,
        false => Production::Unknown,
    };
    let was_accepted = text(&order.memory, "deploy");
    match (own, was_accepted) {
        (Some(own), _) => match &own.status {
            Status::Live => serving(format!("deploy {} is live", own.id)),
            _ if serves_target => serving(format!("another deploy of {} is live", to.label())),
            Status::UnderWay(status) => serving(format!("deploy {} is {status}", own.id)),
            Status::Unknown(status) => serving(format!(
                "deploy {} is in a state this bot does not know ({status})",
                own.id
            )),
            Status::Failed(why) => Progress::Failed {
                why: format!(
                    "Render ended the deploy {}: {why}. Read its log on dashboard.render.com, then ask for a new plan.",
                    own.id
                ),
                production: production(),
            },
            Status::Deactivated => Progress::Failed {
                why: format!(
                    "another deploy went live after {}: {} serves. Find out who deployed, then ask for a new plan.",
                    own.id,
                    content.unwrap_or("none that Render shows")
                ),
                production: production(),
            },
        },
        (None, Some(id)) => serving(format!("Render does not list its deploy {id} yet")),
        (None, None) if serves_target => serving(format!(
            "{} serves, but Render shows no rollback to it",
            to.label()
        )),
        (None, None) => Progress::NotAsked {
            why: format!(
                "Render lists no rollback to {}, and {} still serves",
                to.label(),
                order
                    .plan
                    .from
                    .as_ref()
                    .map_or("what served before", |from| from.label())
            ),
        },
    }
}
