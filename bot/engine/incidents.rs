//! Which incident something belongs to: the domain decides, and the number is taken here.

use crate::store::{
    Tx,
    rollbacks::{hold_numbers, next_id},
    timelines,
};
use jiff::Timestamp;
use rollback_domain::identity::IncidentId;
use rollback_domain::incident::{Incident, IncidentState};
use std::collections::BTreeSet;

/// The channel's open incident; opened, with its first entry, if there is none.
pub(super) async fn opened(tx: &mut Tx, channel: &str, now: Timestamp) -> sqlx::Result<Incident> {
    if let Some(incident) = open_in(tx, channel, now).await? {
        return Ok(incident);
    }
    hold_numbers(tx).await?;
    // The counter's row is ours now: its holder before us may have opened one just now. Only then
    // is a number taken, or it would be missing.
    if let Some(incident) = open_in(tx, channel, now).await? {
        return Ok(incident);
    }
    let id = next_id(tx, "incident").await?;
    let (incident, event) = Incident::open(IncidentId::new(id), channel, now);
    timelines::open(tx, &incident).await?;
    timelines::append(tx, &[(IncidentId::new(id), event)], now).await?;
    Ok(incident)
}

/// The channel's incident, if one is open.
pub(super) async fn open_in(
    tx: &mut Tx,
    channel: &str,
    now: Timestamp,
) -> sqlx::Result<Option<Incident>> {
    let mut latest = timelines::latest_of(tx, &BTreeSet::from([channel])).await?;
    let latest = latest.remove(channel);
    Ok(latest.filter(|latest| latest.state(now) == IncidentState::Open))
}

/// The line by which a note is echoed, in plain text.
pub fn noted(at: Timestamp, recorded_at: Timestamp, by: &str) -> String {
    let time = |at: Timestamp| at.strftime("%H:%M:%S UTC").to_string();
    match at == recorded_at {
        true => format!("Noted at {} by @{by}.", time(at)),
        false => format!(
            "Noted for {} (recorded {}) by @{by}.",
            time(at),
            time(recorded_at)
        ),
    }
}
