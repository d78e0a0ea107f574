//! Where a rollback is, by what the project and its domains say together.

use super::project::{Project, job};
use rollback_domain::{
    platform::{Order, Production, Progress},
    release::{Surface, Way},
};
use rollback_http::{cut, one_line};

/// What the project and its domains say together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The job is there, or its effect: what it is called, as a clause.
    Serving(String),
    /// The job ended, and Vercel says that it did not work.
    JobFailed,
    /// The job ended without moving anything.
    JobSkipped,
    /// There is no trace of the request: what was read instead, as a clause.
    NotAsked(String),
}

/// Reads where a rollback is; `now` is what the domains serve now.
pub(super) fn read_progress(project: &Project, order: &Order, now: &[Surface]) -> Reading {
    let plan = &order.plan;
    let serves = |surface: &Surface| surface.live.as_deref() == Some(plan.to.id.as_str());
    let everywhere = !now.is_empty() && now.iter().all(serves);
    let ours = project.last.as_ref().filter(|last| last.is_of(order));
    if let Some(ours) = ours {
        return of_our_job(&ours.status, everywhere);
    }
    let has_moved = |surface: &Surface| {
        serves(surface)
            && !plan
                .surfaces
                .iter()
                .any(|before| before.name == surface.name && serves(before))
    };
    let last = match &project.last {
        Some(last) => format!(
            "the last request Vercel shows is not this one: {}",
            last.clause()
        ),
        None => "Vercel shows no request to move domains".into(),
    };
    if everywhere {
        Reading::Serving(format!("every domain serves it, but {last}"))
    } else if now.iter().any(has_moved) {
        Reading::Serving(format!("some domains serve it, but {last}"))
    } else {
        Reading::NotAsked(format!("no domain has moved, and {last}"))
    }
}

/// What the state of our own job says. A state that is not known is no end: it is read again.
fn of_our_job(status: &str, everywhere: bool) -> Reading {
    let serving = |clause: &str| Reading::Serving(clause.to_owned());
    match status {
        "failed" if everywhere => {
            serving("Vercel calls the job failed, yet every domain serves it")
        }
        "failed" => Reading::JobFailed,
        "skipped" if everywhere => serving("job skipped, every domain serves it"),
        "skipped" => Reading::JobSkipped,
        "succeeded" => serving("job succeeded"),
        "pending" => serving("job pending"),
        "in-progress" => serving("job in progress"),
        other => Reading::Serving(format!(
            "job in a state this bot does not know ({})",
            cut(&one_line(other), 40)
        )),
    }
}

/// How a failed job ended: partly, or not at all.
pub(super) fn ended_badly(
    way: Way,
    target: &str,
    surfaces: Vec<Surface>,
    mut failed: Vec<String>,
) -> Progress {
    let serves = |surface: &&Surface| surface.live.as_deref() == Some(target);
    let moved = surfaces.iter().filter(serves).count();
    for surface in surfaces.iter().filter(|surface| !serves(surface)) {
        if !failed.contains(&surface.name) {
            failed.push(surface.name.clone());
        }
    }
    if moved > 0 {
        return Progress::Partial { surfaces, failed };
    }
    Progress::Failed {
        production: Production::Unknown,
        why: format!(
            "Vercel says the {} job failed and no domain has moved ({}). Look at the project's domains on vercel.com, then ask for a new plan.",
            job(way),
            failed.join(", ")
        ),
    }
}
