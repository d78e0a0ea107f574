//! What happens to production after a rollback was closed, as long as that matters: while automatic
//! deploys are held off for it, or the release that it left could come back.

use crate::{
    release::{Kept, Pin, Release, Survey},
    rollback::{Rollback, State},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long production is looked after once the rollback was closed. While automatic deploys are
/// held off for it, there is no end.
const LOOKED_AFTER_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long after the end the owner of a pin is reminded of it for the first times; then it is
/// every week.
const FIRST_REMINDERS: [SignedDuration; 2] = [
    SignedDuration::from_hours(24),
    SignedDuration::from_hours(3 * 24),
];
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long before the platform removes the target that is told.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(3 * 24);

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
    /// Until when nobody is reminded of the pin; `None`: nobody has put the reminder off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// What people were told of the target.
    #[serde(default, skip_serializing_if = "TargetTold::is_nothing")]
    pub target: TargetTold,
}

/// What people were told of how long the platform keeps the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetTold {
    /// Nothing: it is kept.
    #[default]
    Nothing,
    /// That it is about to be removed.
    Expires,
    /// That it is gone.
    Gone,
}

impl TargetTold {
    fn is_nothing(&self) -> bool {
        *self == TargetTold::Nothing
    }
}

impl Aftermath {
    /// What is known of production when a rollback is closed.
    pub fn of(rollback: &Rollback) -> Self {
        let is_there = rollback.proof.drifted.is_none();
        let to = rollback.plan.as_ref().filter(|_| is_there);
        Self {
            live: to.map(|plan| plan.to.id.clone()),
            pin: rollback.pin,
            reminders: 0,
            snoozed_until: None,
            target: TargetTold::Nothing,
        }
    }
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
    /// The platform is about to remove the target.
    TargetExpires {
        /// When.
        until: Timestamp,
    },
    /// The platform has removed the target.
    TargetGone {
        /// Why, as a clause.
        why: String,
    },
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
    let before = rollback.aftermath.clone();
    let before = before.unwrap_or_else(|| Aftermath::of(rollback));
    let age = now.duration_since(ended);
    if !is_closed || (age > LOOKED_AFTER_FOR && before.pin != Pin::On) {
        return None;
    }
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
    if after.pin == Pin::On || survey.live().is_some_and(|live| live.is(&plan.to.id)) {
        news.extend(target_news(&mut after, &plan.to, survey, now));
    }
    let over = reminders_by(age);
    let is_awake = before.snoozed_until.is_none_or(|until| until <= now);
    let is_due = over > before.reminders || before.snoozed_until.is_some();
    if after.pin == Pin::On && is_awake && is_due {
        news.push(News::StillPinned);
        after.reminders = over;
        after.snoozed_until = None;
    }
    (after != before).then_some((after, news))
}

/// How many reminders are due once it was closed so long ago.
fn reminders_by(age: SignedDuration) -> usize {
    let first = FIRST_REMINDERS
        .iter()
        .filter(|after| age >= **after)
        .count();
    let weeks = age.as_secs() / WEEK.as_secs();
    first + usize::try_from(weeks).unwrap_or(0)
}

/// What is news of how long the platform keeps the target, each once.
fn target_news(
    after: &mut Aftermath,
    target: &Release,
    survey: &Survey,
    now: Timestamp,
) -> Option<News> {
    let mut candidates = survey.candidates.iter();
    let listed = candidates.find(|candidate| candidate.release.is(&target.id))?;
    let (told, news) = match &listed.release.kept {
        Kept::Gone(why) => (TargetTold::Gone, News::TargetGone { why: why.clone() }),
        Kept::Until(until) if until.duration_since(now) <= EXPIRES_SOON => {
            (TargetTold::Expires, News::TargetExpires { until: *until })
        }
        Kept::Until(_) | Kept::Unknown => return None,
    };
    let is_news = match after.target {
        TargetTold::Nothing => true,
        TargetTold::Expires => told == TargetTold::Gone,
        TargetTold::Gone => false,
    };
    is_news.then(|| {
        after.target = told;
        news
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_reminded_of_after_a_day_three_days_and_every_week() {
        let hours = SignedDuration::from_hours;
        for (age, reminders) in [
            (hours(23), 0),
            (hours(24), 1),
            (hours(72), 2),
            (hours(7 * 24), 3),
            (hours(28 * 24), 6),
            (hours(365 * 24), 54),
        ] {
            assert_eq!(reminders_by(age), reminders, "{age}");
        }
    }
}
