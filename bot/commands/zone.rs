//! By which clock a person means a time of day: that of their own zone in Slack.

use super::{Context, Result};
use crate::{App, store::memberships};
use rollback_domain::{people::Zone, refusal::Source};

/// By which clock a time of day is meant.
pub(super) enum WallClock {
    /// By that of this zone; `None`: Slack does not say, so by UTC.
    Known(Option<Zone>),
    /// Who the person is, and where, has to be read first.
    Unread,
}

impl WallClock {
    /// The clock of the person, if the time that they name is one of day; other times need none.
    pub(super) async fn of(
        app: &App,
        context: &Context,
        is_by_the_wall: bool,
    ) -> Result<WallClock> {
        if !is_by_the_wall {
            return Ok(WallClock::Known(None));
        }
        let zone = memberships::zone(&app.engine.db, &context.person.id).await?;
        let is_not_read_first = context.deferred.is_some() || context.source == Source::OutOfBand;
        Ok(match zone {
            None if !is_not_read_first => WallClock::Unread,
            zone => WallClock::Known(zone),
        })
    }
}

/// How far a zone is ahead of UTC, in seconds; none: not at all.
pub(super) fn offset(zone: Option<&Zone>) -> i32 {
    zone.map_or(0, |zone| zone.utc_offset)
}
