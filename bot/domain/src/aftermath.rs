//! What happens to production after a rollback was closed, as long as that matters: while automatic
//! deploys are held off for it, or the release that it left could come back.

use crate::{
    release::{Pin, Survey},
    rollback::{Rollback, State},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long production is looked after once the rollback was closed.
const LOOKED_AFTER_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long after the end the owner of a pin is reminded of it.
const REMINDED_AFTER: [SignedDuration; 6] = [
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(3 * 24),
    SignedDuration::from_hours(7 * 24),
    SignedDuration::from_hours(14 * 24),
    SignedDuration::from_hours(21 * 24),
    SignedDuration::from_hours(28 * 24),
];

/// What was last seen of production since a rollback was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aftermath {
    /// The id of the release that most of production served; `None`: that was not known.
    pub live: Option<String>,
    /// Whether automatic deploys were held off.
    pub pin: Pin,
    /// How many reminders of the pin are over.
    #[serde(default)]
    pub reminders: usize,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Automatic deploys go live again, and nobody let them do so from here.
    PinLost,
    /// Production serves another release, and no rollback from here took it there.
    Moved {
        /// The release, as people recognise it.
        to: String,
        /// Why that is news.
        because: MovedHow,
    },
    /// Automatic deploys are still held off.
    StillPinned,
}

/// Why it is news that production serves another release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovedHow {
    /// The release is known to be bad; why, as a clause: "left as bad by RB-41".
    ToKnownBad(String),
    /// It is older than what was live: somebody went back by another way.
    Back,
    /// Automatic deploys are held off.
    AlthoughPinned,
}

/// What a closed rollback knows of production by now, and what of it is news. `bad` says why the
/// release that is live is known to be bad. `None`: nothing has changed, or it does not matter any
/// more.
pub fn look(
    rollback: &Rollback,
    survey: &Survey,
    bad: Option<&str>,
    now: Timestamp,
) -> Option<(Aftermath, Vec<News>)> {
    let ended = rollback.times.ended?;
    let plan = rollback.plan.as_ref()?;
    let is_closed = matches!(rollback.state, State::Closed);
    if !is_closed || now.duration_since(ended) > LOOKED_AFTER_FOR {
        return None;
    }
    let before = rollback.aftermath.clone().unwrap_or_else(|| Aftermath {
        live: rollback.proof.drifted.is_none().then(|| plan.to.id.clone()),
        pin: rollback.pin,
        reminders: 0,
    });
    let mut after = before.clone();
    let mut news = vec![];
    // A platform that does not say takes nothing back.
    if survey.pin != Pin::Unknown {
        after.pin = survey.pin;
    }
    if before.pin == Pin::On && after.pin == Pin::Off {
        news.push(News::PinLost);
    }
    if let Some(live) = survey.live()
        && before.live.as_deref().is_none_or(|before| !live.is(before))
    {
        let how = match bad {
            Some(why) => Some(MovedHow::ToKnownBad(why.to_owned())),
            None if is_older(survey, &live.id, before.live.as_deref()) => Some(MovedHow::Back),
            None if before.pin == Pin::On => Some(MovedHow::AlthoughPinned),
            // A deploy like any other.
            None => None,
        };
        // What was live when it was closed may not be known.
        let is_known = before.live.is_some() || bad.is_some();
        news.extend(how.filter(|_| is_known).map(|because| News::Moved {
            to: live.label().to_owned(),
            because,
        }));
        after.live = Some(live.id);
    }
    let over = REMINDED_AFTER
        .iter()
        .filter(|after| now.duration_since(ended) >= **after)
        .count();
    if after.pin == Pin::On && over > before.reminders {
        news.push(News::StillPinned);
        after.reminders = over;
    }
    (after != before).then_some((after, news))
}

/// Whether a release is older than another one, as the platform lists them.
fn is_older(survey: &Survey, id: &str, than: Option<&str>) -> bool {
    let place = |id: &str| {
        let mut candidates = survey.candidates.iter();
        candidates.position(|candidate| candidate.release.is(id))
    };
    let than = than.and_then(place);
    place(id).zip(than).is_some_and(|(at, than)| at > than)
}
