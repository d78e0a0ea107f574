//! Another configuration while the bot works: taken whole or not at all.
//!
//! SIGHUP is the one way in: a person who may signal the process may have it read its configuration
//! again, and nobody else. What came of it is in the log and in the record, where
//! `rollback-bot reload` and `rollback-bot doctor` find it.

use crate::{
    CurrentApp,
    config::{Config, ConfigChanges},
    store::{self, processes::Reload},
};
use rollback_domain::{identity::ServiceKey, refusal::list, rollback::Rollback};
use rollback_settings::Mistakes;
use std::collections::BTreeMap;

/// Gives the configuration that was read to whatever begins from now on, or says why the one that
/// holds stays.
pub async fn reload(current: &CurrentApp, read: Result<Config, Mistakes>) -> Reload {
    let app = current.app();
    let at = app.engine.clock.now();
    let taken = match read {
        Ok(config) => take(current, config).await,
        Err(mistakes) => Err(mistaken(&mistakes)),
    };
    let refused = taken.is_err();
    let lines = match taken {
        Ok(lines) | Err(lines) => lines,
    };
    let told = lines.join("; ");
    match refused {
        false => tracing::info!(changes = told, "the configuration was read again and holds"),
        true => tracing::error!(
            why = told,
            "the configuration was read again and refused; the old one holds"
        ),
    }
    Reload { at, refused, lines }
}

/// Each mistake, and what people forget about variables.
fn mistaken(mistakes: &Mistakes) -> Vec<String> {
    let mut lines: Vec<String> = mistakes.0.iter().map(ToString::to_string).collect();
    let of_variable =
        |mistake: &rollback_settings::Mistake| mistake.problem.starts_with("environment variable");
    if mistakes.0.iter().any(of_variable) {
        let advice = "the environment of a process that runs cannot be changed: write \
                      \"file:PATH\" for a secret that is new, or restart the bot";
        lines.push(advice.to_owned());
    }
    lines
}

/// Takes a configuration, and gives what changed; or why it cannot be taken.
async fn take(current: &CurrentApp, config: Config) -> Result<Vec<String>, Vec<String>> {
    let app = current.app();
    let changes = ConfigChanges::between(&app.config.written, &config.written);
    if !changes.needs_restart.is_empty() {
        let (verb, keys) = match changes.needs_restart.len() {
            1 => ("takes", list(&changes.needs_restart, "and")),
            _ => ("take", list(&changes.needs_restart, "and")),
        };
        let line = format!(
            "{keys} {verb} effect only when the bot is started: restart it, or write what was there before"
        );
        return Err(vec![line]);
    }
    let unusable = |error: &dyn std::fmt::Display| vec![format!("{error:#}")];
    let next = app.with_config(config).map_err(|error| unusable(&error))?;
    let lost = lost(&app.config, &next.config);
    // A request that began with the old configuration can still open a rollback of a service that is
    // lost: nothing of that one is ever run, and every approver can end it.
    let unfinished = store::rollbacks::unfinished(&app.engine.db).await;
    let unfinished = unfinished.map_err(|error| unusable(&error))?;
    let stranded = unfinished.iter();
    let stranded =
        stranded.filter_map(|rollback| Some(stranding(rollback, *lost.get(&rollback.service)?)));
    let stranded: Vec<String> = stranded.collect();
    if !stranded.is_empty() {
        return Err(stranded);
    }
    current.replace(next.clone());
    if let Err(error) = next.survey_all().await {
        // The next look is due within minutes anyway.
        tracing::warn!(%error, "the platforms are read later");
    }
    let mut lines = changes.lines();
    if lines.is_empty() {
        lines.push("nothing changed".to_owned());
    }
    lines.extend(
        next.config
            .warnings
            .iter()
            .map(|warning| format!("note: {warning}")),
    );
    Ok(lines)
}

/// What becomes of a service or a group.
#[derive(Clone, Copy)]
enum Loss {
    /// It is not in the configuration any more.
    Gone,
    /// The name is another thing's.
    Another,
}

/// The services and groups of `old` that `new` does not have, or has as another thing.
fn lost(old: &Config, new: &Config) -> BTreeMap<ServiceKey, Loss> {
    let things = |config: &Config| -> BTreeMap<ServiceKey, String> {
        let services = config.services.iter();
        let services = services.map(|service| (service.key.clone(), service.platform.identity()));
        let groups = config.groups.iter();
        let groups = groups.map(|group| (group.key.clone(), group.stages()));
        services.chain(groups).collect()
    };
    let new = things(new);
    let lost = things(old).into_iter().filter_map(|(key, thing)| {
        let loss = match new.get(&key) {
            None => Loss::Gone,
            Some(other) if *other != thing => Loss::Another,
            Some(_) => return None,
        };
        Some((key, loss))
    });
    lost.collect()
}

fn stranding(rollback: &Rollback, loss: Loss) -> String {
    let Rollback {
        id, service, state, ..
    } = rollback;
    let loss = match loss {
        Loss::Gone => "is not in the new configuration",
        Loss::Another => "is another thing in the new configuration",
    };
    format!(
        "{id} is not over ({}), and {service} {loss}: wait for its end or end it \
         (`/rollback status {id}`), then reload again",
        state.name()
    )
}
