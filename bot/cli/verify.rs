//! Checking a timeline: whether an entry was changed, removed, inserted or moved since it was
//! recorded.

use crate::{
    store::{beside::Beside, verify},
    terminal,
};
use anyhow::{Context, bail};
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::chain::{Break, ChainedEvent, Check, Head, Unbroken};
use serde::Deserialize;
use serde_json::Value;
use std::{fs, path::Path, process::ExitCode};

/// What an export holds of what is checked.
#[derive(Deserialize)]
struct Exported {
    incident: String,
    entries: Vec<ChainedEvent>,
    #[serde(default)]
    head: Option<Head>,
}

/// Checks an incident in the record and prints what was found: exit code 0 if it is unbroken, 1 if
/// it is not.
pub async fn verify_record(url: &str, incident: IncidentId) -> anyhow::Result<ExitCode> {
    let mut record = Beside::open(url).await?;
    match verify::verify(&mut record, incident).await? {
        Some(verified) => Ok(print(incident, verified)),
        None => bail!("there is no {incident} in this record"),
    }
}

/// The same for an exported timeline (JSON), exactly as it was downloaded.
pub fn verify_file(file: &Path) -> anyhow::Result<ExitCode> {
    let (incident, verified) = read_file(file)?;
    Ok(print(incident, verified))
}

fn print(incident: IncidentId, verified: Result<Unbroken, Break>) -> ExitCode {
    match verified {
        Ok(unbroken) => {
            terminal::line(unbroken_line(incident, &unbroken));
            ExitCode::SUCCESS
        }
        Err(broken) => {
            terminal::error(format!("{incident} is BROKEN: {broken}."));
            ExitCode::FAILURE
        }
    }
}

fn read_file(file: &Path) -> anyhow::Result<(IncidentId, Result<Unbroken, Break>)> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    let not_ours = || {
        format!(
            "{shown} is not a timeline in JSON as `/rollback export json` makes it, or it was changed"
        )
    };
    let document: Value = serde_json::from_str(&text).with_context(not_ours)?;
    let as_written = serde_json::to_string_pretty(&document)?;
    if as_written != text {
        let same = text.lines().zip(as_written.lines());
        let line = same.take_while(|(is, was)| is == was).count() + 1;
        bail!("{shown} is not as the bot wrote it: line {line} is spelled in another way");
    }
    let exported: Exported = serde_json::from_value(document).with_context(not_ours)?;
    let incident: IncidentId = exported.incident.parse().with_context(not_ours)?;
    let counted = i64::try_from(exported.entries.len())?;
    let mut check = Check::new(incident, exported.head);
    for event in &exported.entries {
        if let Err(broken) = check.next(event) {
            return Ok((incident, Err(broken)));
        }
    }
    Ok((incident, check.end(counted)))
}

/// What is printed of a chain without a break.
fn unbroken_line(incident: IncidentId, unbroken: &Unbroken) -> String {
    let Unbroken {
        entries,
        from_before,
        head,
    } = unbroken;
    let before = match (from_before, unbroken.behind_head()) {
        (0, _) => String::new(),
        (n, 0) => format!(
            " {n} of them are from before: an older version recorded them without hashes, and they are vouched for since the first entry after them."
        ),
        (n, behind) => format!(
            " {n} of them are from before: an older version recorded them without hashes. Nothing vouches for the last {} until the next entry is recorded.",
            match behind {
                1 => "one".to_owned(),
                behind => behind.to_string(),
            }
        ),
    };
    match head {
        Some(Head { seq, hash }) => format!(
            "{incident} is unbroken: {entries} entries.{before} The head is entry {seq}, {}",
            hash.0
        ),
        None => format!("{incident} has no hashes to check: {entries} entries.{before}"),
    }
}
