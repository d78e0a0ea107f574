//! Messages that are put into a timeline: what becomes of each is decided in the domain.

use super::incidents;
use crate::store::{Tx, captures, timelines};
use jiff::Timestamp;
use rollback_domain::{
    identity::IncidentId,
    incident::{Actor, Capture, CaptureChange, TimelineEvent},
    refusal::Source,
};

/// A change of a message that is captured, or is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCapture {
    /// The channel of the message.
    pub channel: String,
    /// The message's id within the channel.
    pub ts: String,
    /// When that happened which is recorded: the message was written, edited, deleted.
    pub at: Timestamp,
    /// Who did it.
    pub who: Actor,
    /// The change.
    pub change: CaptureChange,
    /// Whether it opens an incident where none goes on.
    pub opens: bool,
}

/// Stores what a change makes of a message. Gives what is to be recorded of it, and in which
/// record; `None`: nothing changes, or neither an incident nor a drill goes on in the channel, and it
/// gets none.
pub(super) async fn change(
    tx: &mut Tx,
    capture: &RecordedCapture,
    now: Timestamp,
) -> sqlx::Result<Option<(IncidentId, TimelineEvent)>> {
    let RecordedCapture {
        channel,
        ts,
        at,
        who,
        change,
        opens,
    } = capture;
    let held = |capture: &Capture| !capture.pins.is_empty();
    let known = captures::find(tx, channel, ts).await?;
    let incident = match &known {
        Some((incident, capture)) if held(capture) => *incident,
        Some(_) | None => match incidents::going_on(tx, channel, now).await? {
            Some(incident) => incident,
            None if *opens => incidents::opened(tx, channel, now).await?.id,
            None => return Ok(None),
        },
    };
    // Somebody else may have pinned it in this very moment: the incident's row makes them wait.
    timelines::lock(tx, incident).await?;
    let known = captures::find(tx, channel, ts).await?;
    let known = known.as_ref().map(|(_, capture)| capture);
    let Some((capture, fact)) = Capture::change(known, change.clone()) else {
        return Ok(None);
    };
    captures::store(tx, incident, &capture).await?;
    Ok(fact.map(|fact| {
        let event = TimelineEvent::new(*at, who.clone(), Source::Mention, None, fact);
        (incident, event)
    }))
}
