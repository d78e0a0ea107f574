//! One survey out of everything that was read.

use super::{
    api::Domains,
    deployment::{barred, barred_forward, created, id_of, is_building, release},
    project::{AliasRequest, Project},
};
use rollback_domain::release::{Candidate, Surface, Survey, Unseen};
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// One answer of the list of deployments.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) deployments: Vec<Value>,
    pub(super) more: bool,
}

/// All deployments that were read.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) listed: Page,
    /// From the live one on, when the first page ends before it.
    pub(super) older: Option<Page>,
    pub(super) offered: Page,
}

impl Pages {
    /// When the oldest live deployment was made, if the list does not reach it.
    pub(super) fn live_beyond(&self, behind: &[(String, Option<Value>)]) -> Option<i64> {
        if !self.listed.more {
            return None;
        }
        behind
            .iter()
            .filter_map(|(_, deployment)| deployment.as_ref())
            .filter(|live| {
                !self
                    .listed
                    .deployments
                    .iter()
                    .any(|listed| id_of(listed) == id_of(live))
            })
            .filter_map(created)
            // From the newest of them on, all are covered.
            .max()
    }

    /// Every deployment that is listed, offered or live, once, newest first.
    ///
    /// What was deployed between two releases must be complete, so nothing that is only offered
    /// is taken from beyond the end of the list.
    fn known<'a>(&'a self, behind: &'a [(String, Option<Value>)]) -> Vec<&'a Value> {
        let last = self.older.as_ref().unwrap_or(&self.listed);
        let end = last
            .more
            .then(|| last.deployments.iter().filter_map(created).min())
            .flatten();
        let beyond = |deployment: &Value| {
            end.is_some_and(|end| created(deployment).is_some_and(|created| created < end))
        };
        let older = self.older.iter().flat_map(|page| &page.deployments);
        let offered = self.offered.deployments.iter();
        let live = behind.iter().filter_map(|(_, live)| live.as_ref());
        let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
        for deployment in self
            .listed
            .deployments
            .iter()
            .chain(older)
            .chain(offered.filter(|deployment| !beyond(deployment)))
            .chain(live)
        {
            if let Some(id) = id_of(deployment) {
                known.entry(id).or_insert(deployment);
            }
        }
        let mut known: Vec<(&str, &Value)> = known.into_iter().collect();
        known.sort_by_key(|(id, deployment)| (Reverse(created(deployment)), *id));
        known
            .into_iter()
            .map(|(_, deployment)| deployment)
            .collect()
    }
}

/// Puts together what was read.
pub(super) fn survey(
    project: &Project,
    pages: &Pages,
    domains: &Domains,
    rolling: Option<String>,
) -> Survey {
    let behind = &domains.behind;
    let surfaces = surfaces(behind);
    let live: BTreeSet<&str> = surfaces
        .iter()
        .filter_map(|surface| surface.live.as_deref())
        .collect();
    let offered: BTreeSet<&str> = pages.offered.deployments.iter().filter_map(id_of).collect();
    let known = pages.known(behind);
    let building = known.iter().find(|deployment| is_building(deployment));
    let in_flight = project
        .last
        .as_ref()
        .filter(|last| !last.has_ended())
        .map(AliasRequest::clause)
        .or(rolling)
        .or_else(|| {
            let label = release(building?).label().to_owned();
            Some(format!("a production deployment ({label}) is being built"))
        });
    Survey {
        candidates: known
            .into_iter()
            .map(|deployment| Candidate {
                release: release(deployment),
                barred: barred(deployment, &offered, &live),
                barred_forward: barred_forward(deployment),
            })
            .collect(),
        pin: project.pin,
        in_flight,
        memory: json!({
            "last_alias_request": project.last.as_ref().map(|last| last.requested_at),
            "project_id": project.id,
        }),
        surfaces,
        unseen: unseen(project, domains),
        production: Some(format!("vercel {}", project.id)),
        ..Survey::default()
    }
}

/// The production domains that were not looked at: too many, or not shown to this token.
fn unseen(project: &Project, domains: &Domains) -> Option<Unseen> {
    let refused = domains.refused.iter().map(|(name, _)| name);
    let names: Vec<&String> = refused.chain(&project.left_out).collect();
    let why = match (domains.refused.first(), project.left_out.is_empty()) {
        (Some(_), true) => "Vercel does not show them to this token".into(),
        (Some(_), false) => {
            "Vercel does not show some to this token, and the others are too many".into()
        }
        (None, _) => "no more are read one by one".into(),
    };
    (!names.is_empty()).then(|| Unseen {
        count: names.len(),
        examples: names.into_iter().take(3).cloned().collect(),
        why,
    })
}

/// What every domain serves. One without a deployment only redirects: nothing can be moved there,
/// and it counts only when there is nothing else.
fn surfaces(behind: &[(String, Option<Value>)]) -> Vec<Surface> {
    let mut surfaces: Vec<Surface> = behind
        .iter()
        .map(|(name, deployment)| Surface {
            name: name.clone(),
            live: deployment.as_ref().and_then(id_of).map(str::to_owned),
        })
        .collect();
    if surfaces.iter().any(|surface| surface.live.is_some()) {
        surfaces.retain(|surface| surface.live.is_some());
    }
    surfaces
}
