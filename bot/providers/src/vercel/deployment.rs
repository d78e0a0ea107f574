//! What a deployment is, and whether production may be taken to it.

use crate::json::{flag, millis, moment, text};
use jiff::Timestamp;
use rollback_domain::release::{Kept, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::collections::BTreeSet;

/// Its id: `uid` in the list, `id` everywhere else.
pub(super) fn id_of(deployment: &Value) -> Option<&str> {
    text(deployment, "uid").or_else(|| text(deployment, "id"))
}

/// When it was made, in milliseconds.
pub(super) fn created(deployment: &Value) -> Option<i64> {
    millis(deployment, "createdAt").or_else(|| millis(deployment, "created"))
}

/// The state Vercel calls it by.
fn state(deployment: &Value) -> &str {
    text(deployment, "readyState")
        .or_else(|| text(deployment, "state"))
        .unwrap_or("unknown")
}

/// Whether it is not there yet.
pub(super) fn is_building(deployment: &Value) -> bool {
    matches!(
        state(deployment),
        "BUILDING" | "QUEUED" | "INITIALIZING" | "ANALYZING" | "DEPLOYING"
    )
}

/// The release that it is.
pub(super) fn release(deployment: &Value) -> Release {
    let meta = &deployment["meta"];
    let of_git = |what: &str| {
        // Deployments from the CLI have `git…` alone.
        ["github", "gitlab", "bitbucket", "git"]
            .iter()
            .find_map(|host| text(meta, &format!("{host}{what}")))
    };
    let substate = text(deployment, "readySubstate");
    let assigned = moment(deployment, "aliasAssigned")
        .or_else(|| moment(deployment, "aliasAssignedAt"))
        .or_else(|| moment(deployment, "ready").filter(|_| substate == Some("PROMOTED")));
    Release {
        has_served: state(deployment) == "READY" && substate == Some("PROMOTED"),
        version: text(meta, "version").map(|version| cut(&one_line(version), 60)),
        sha: of_git("CommitSha").map(|sha| cut(&one_line(sha), 64)),
        created_at: created(deployment).and_then(|at| Timestamp::from_millisecond(at).ok()),
        // A staged one may have had names of its own, but never production's.
        live_since: assigned.filter(|_| {
            state(deployment) == "READY" && matches!(substate, None | Some("PROMOTED"))
        }),
        by: ["username", "githubLogin", "gitlabLogin"]
            .iter()
            .find_map(|key| text(&deployment["creator"], key))
            .map(|by| cut(&one_line(by), 60)),
        message: of_git("CommitMessage")
            .and_then(|message| message.lines().next())
            .map(|line| cut(&one_line(line), 200))
            .filter(|line| !line.is_empty()),
        kept: match removed(deployment) {
            Some(why) => Kept::Gone(why.into()),
            None => Kept::Unknown,
        },
        ..Release::unknown(id_of(deployment).unwrap_or_default())
    }
}

/// Why it is not there any more, as a clause; `None` when it is.
fn removed(deployment: &Value) -> Option<&'static str> {
    let at = |key: &str| millis(deployment, key);
    if flag(deployment, "softDeletedByRetention") {
        return Some("the retention policy removed it");
    }
    let deleted =
        at("deleted").is_some_and(|deleted| at("undeleted").is_none_or(|un| un < deleted));
    (deleted || state(deployment) == "DELETED").then_some("it was deleted")
}

/// Why nothing can be made to serve it, as a clause; `None` when it is there and was built.
fn unfit(deployment: &Value) -> Option<String> {
    if let Some(why) = removed(deployment) {
        return Some(why.into());
    }
    match state(deployment) {
        "ERROR" => Some("its build failed".into()),
        "CANCELED" => Some("its build was cancelled".into()),
        "READY" => None,
        _ if is_building(deployment) => Some("it is still being built".into()),
        other => Some(format!(
            "Vercel calls its state {}",
            cut(&one_line(other), 40)
        )),
    }
}

/// Why it cannot have served production, as a clause, where Vercel says so.
fn unserved(deployment: &Value) -> Option<String> {
    match text(deployment, "readySubstate") {
        Some("STAGED") => Some("it never served production (STAGED)".into()),
        Some("ROLLING") => Some("it is being rolled out step by step (ROLLING)".into()),
        _ => None,
    }
}

/// Why production may not go back to it, as a clause; `None` when it may.
pub(super) fn barred(
    deployment: &Value,
    offered: &BTreeSet<&str>,
    live: &BTreeSet<&str>,
) -> Option<String> {
    if let Some(why) = unfit(deployment) {
        return Some(why);
    }
    let id = id_of(deployment).unwrap_or_default();
    if flag(deployment, "isRollbackCandidate") || offered.contains(id) {
        return None;
    }
    unserved(deployment).or_else(|| {
        Some(match live.contains(id) {
            true => "it serves production now".into(),
            false => "Vercel does not offer it for instant rollback".into(),
        })
    })
}

/// Why production may not go forward to it, as a clause; `None` when it may.
///
/// Vercel promotes any finished production deployment without building it, a rollback candidate
/// or not. Here it must have served as well: forward means to what a rollback left.
pub(super) fn barred_forward(deployment: &Value) -> Option<String> {
    if let Some(why) = unfit(deployment).or_else(|| unserved(deployment)) {
        return Some(why);
    }
    // The list has only production's own; what a domain was pointed at by hand may be another.
    let target = deployment.get("target");
    if target.is_some_and(|target| target.as_str() != Some("production")) {
        return Some("it was not built for production, and would be built anew".into());
    }
    let promoted = text(deployment, "readySubstate") == Some("PROMOTED");
    let served = promoted || release(deployment).live_since.is_some();
    (!served).then(|| "Vercel does not say that it ever served production".into())
}
