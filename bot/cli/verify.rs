//! Checking a timeline: whether an entry was changed, removed, inserted or moved since it was
//! recorded.

use crate::{
    export::json,
    store::{beside::Beside, verify},
    terminal,
};
use anyhow::{Context, bail};
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::chain::{Break, ChainedEvent, Check, Head, Unbroken};
use serde::Deserialize;
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
    let (incident, verified) = check_file(file)?;
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

/// What is wrong with an exported timeline, if anything; an error says why it cannot be checked.
pub fn check_file(file: &Path) -> anyhow::Result<(IncidentId, Result<Unbroken, Break>)> {
    let shown = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    if let Some(head) = head_of_another_format(&text) {
        bail!(
            "{shown} has no hashes of its entries, only the head of its chain: {head}. `rollback-bot verify --incident` prints the head of the record, and an export in JSON with this head can be checked entry by entry"
        );
    }
    let not_ours = || {
        format!(
            "{shown} is not a timeline in JSON as `/rollback export json` makes it, or it was changed"
        )
    };
    let document = json::read_back(&text).with_context(not_ours)?;
    let is_whole = json::is_whole(&text, &document);
    let exported: Exported = serde_json::from_value(document).with_context(not_ours)?;
    let incident: IncidentId = exported.incident.parse().with_context(not_ours)?;
    let counted = i64::try_from(exported.entries.len())?;
    let mut check = Check::new(incident, exported.head);
    for event in &exported.entries {
        if let Err(broken) = check.next(event) {
            return Ok((incident, Err(broken)));
        }
    }
    let verified = check.end(counted);
    if verified.is_ok() && !is_whole {
        bail!(
            "{shown} was changed outside of its entries, which are unbroken: what it says of rollbacks, the channel or the time is not what the bot wrote"
        );
    }
    Ok((incident, verified))
}

/// The head of the chain at the end of a timeline in Markdown, HTML or CSV; `None`: it is none.
fn head_of_another_format(text: &str) -> Option<&str> {
    if text.trim_start().starts_with('{') {
        return None;
    }
    let last = text.lines().rev().find(|line| line.contains(", "))?;
    let is_hash = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = last.split(|letter: char| !letter.is_ascii_alphanumeric());
    let hash = hash.filter(|word| !word.is_empty()).find(is_hash)?;
    let begins = last.rfind("entry ")?;
    let ends = last.find(hash)? + hash.len();
    last.get(begins..ends)
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
