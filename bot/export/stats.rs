//! How rollbacks went in the last ninety days, service by service, as far as the record tells. Drills
//! are not counted.

use crate::{
    messages::{PartShare, ServiceStatsView, StatsBar, StatsPicture, readable},
    store::{Db, rollbacks, timelines},
};
use jiff::Timestamp;
use rollback_domain::{
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{Incident, Severity},
    parts::{Part, noticed, parts},
    proof::{Verdict, spell},
    rollback::{Rollback, State},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How far back it looks.
pub const DAYS: u64 = 90;
/// How many rollbacks and incidents it reads, the latest ones.
const READ_AT_MOST: i64 = 1_000;
/// How many rollbacks a picture shows, the latest ones.
const BARS_AT_MOST: usize = 12;
/// How long the last reading counts where many people look.
const LAST_FOR: Duration = Duration::from_secs(60);
/// The width of a bar among its neighbours, which leave room between them.
const BAR_SHARE: f64 = 0.7;

/// How the rollbacks of every service went.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// How many rollbacks were read at most, where there were more; `None`: there were not.
    pub only: Option<i64>,
    /// The services, those with the most rollbacks first.
    pub services: Vec<ServiceStats>,
}

/// How the rollbacks of a service went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStats {
    /// The service.
    pub service: ServiceKey,
    /// How many were asked for.
    pub requested: usize,
    /// How many of them the platform was asked for.
    pub run: usize,
    /// How many were verified.
    pub verified: usize,
    /// How many serve what they should, and nothing proves that it works.
    pub unproven: usize,
    /// How many went wrong: refused, partial, still failing, drifted away.
    pub failed: usize,
    /// How many were run without an approval.
    pub emergencies: usize,
    /// Those that served their target, in the order in which they were asked for.
    pub served: Vec<Served>,
    /// How long each part took, the shortest first.
    parts: BTreeMap<Part, Vec<Duration>>,
}

/// A rollback that served its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    id: RollbackId,
    /// From the command to serving.
    took: Duration,
    /// How long that was to take at most; `None`: the service has no goal.
    goal: Option<Duration>,
    /// Whether it served within the time that its incident's severity leaves from when it was noticed;
    /// `None`: it leaves none, or that is not known.
    is_in_time: Option<bool>,
}

/// Reads the statistics. `within`: how long an incident of a severity may have an effect.
pub async fn read(
    db: &Db,
    now: Timestamp,
    within: &BTreeMap<Severity, Duration>,
) -> sqlx::Result<Stats> {
    let since = now.checked_sub(Duration::from_secs(DAYS * 86_400));
    let found = rollbacks::requested_since(db, since.unwrap_or(now), READ_AT_MOST).await?;
    let is_all = i64::try_from(found.len()).is_ok_and(|count| count < READ_AT_MOST);
    let incidents = match found.is_empty() {
        true => vec![],
        false => timelines::recent(db, READ_AT_MOST).await?,
    };
    let incidents: HashMap<IncidentId, Incident> = incidents
        .into_iter()
        .map(|incident| (incident.id, incident))
        .collect();
    let mut by_service: BTreeMap<&ServiceKey, Vec<&Rollback>> = BTreeMap::new();
    for rollback in found.iter().rev() {
        // What takes several services back is counted with each of them.
        if rollback.group().is_none() {
            let of_service = by_service.entry(&rollback.service).or_default();
            of_service.push(rollback);
        }
    }
    let services = by_service.into_iter();
    let mut services: Vec<ServiceStats> = services
        .map(|(service, rollbacks)| ServiceStats::of(service, &rollbacks, &incidents, within))
        .collect();
    services.sort_by_key(|one| std::cmp::Reverse(one.requested));
    Ok(Stats {
        only: (!is_all).then_some(READ_AT_MOST),
        services,
    })
}

/// The statistics as they were read last, for what many people look at.
#[derive(Clone, Debug, Default)]
pub struct LastStats(Arc<Mutex<Option<Counted>>>);

/// When it was counted, and what.
type Counted = (Timestamp, Arc<Stats>);

impl LastStats {
    /// The statistics, a minute old at most.
    pub async fn read(
        &self,
        db: &Db,
        now: Timestamp,
        within: &BTreeMap<Severity, Duration>,
    ) -> sqlx::Result<Arc<Stats>> {
        let last = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, stats)) = last
            && (Duration::ZERO..LAST_FOR).contains(&age(at, now))
        {
            return Ok(stats);
        }
        let stats = Arc::new(read(db, now, within).await?);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((now, stats.clone()));
        Ok(stats)
    }
}

/// How old a reading is; what was read at a time still to come is too old.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or(LAST_FOR)
}

impl ServiceStats {
    fn of(
        service: &ServiceKey,
        rollbacks: &[&Rollback],
        incidents: &HashMap<IncidentId, Incident>,
        within: &BTreeMap<Severity, Duration>,
    ) -> Self {
        let count = |is: &dyn Fn(&Rollback) -> bool| rollbacks.iter().filter(|one| is(one)).count();
        let mut took: BTreeMap<Part, Vec<Duration>> = BTreeMap::new();
        let mut served = vec![];
        for rollback in rollbacks {
            let incident = incidents.get(&rollback.incident);
            for (part, time) in parts(&rollback.times, incident) {
                // Where nobody approved, nobody was waited for either.
                if part != Part::People || !rollback.approvals.is_empty() {
                    took.entry(part).or_default().push(time);
                }
            }
            served.extend(Served::of(rollback, incident, within));
        }
        took.values_mut().for_each(|times| times.sort());
        ServiceStats {
            service: service.clone(),
            requested: rollbacks.len(),
            run: count(&|one| one.times.asked.is_some()),
            verified: count(&|one| ended(one) == Some(Ended::Verified)),
            unproven: count(&|one| ended(one) == Some(Ended::Unproven)),
            failed: count(&|one| ended(one) == Some(Ended::Failed)),
            emergencies: count(&|one| {
                let run = one.break_glass.as_ref();
                run.is_some_and(|run| run.spent.is_none())
            }),
            served,
            parts: took,
        }
    }

    /// From the command to serving: half of them took at least so long. `None`: none served.
    pub fn median(&self) -> Option<Duration> {
        let mut took: Vec<Duration> = self.served.iter().map(|one| one.took).collect();
        took.sort();
        median(&took)
    }

    /// The longest time from the command to serving.
    pub fn worst(&self) -> Option<Duration> {
        self.served.iter().map(|one| one.took).max()
    }

    /// How many of how many that had a goal met it, as people read it; `None`: none had.
    pub fn met(&self) -> Option<String> {
        counted(self.served.iter().map(Served::is_met))
    }

    /// How many of how many served within the time of their incident's severity; `None`: none had
    /// such a time.
    pub fn in_time(&self) -> Option<String> {
        counted(self.served.iter().map(|one| one.is_in_time))
    }

    /// How long they took, for a line of the board; `None`: none served.
    pub fn in_short(&self) -> Option<String> {
        let met = self.met().map(|met| format!(", {met} met the goal"));
        Some(format!(
            "{DAYS} days: median {}, worst {}{}",
            spell(self.median()?),
            spell(self.worst()?),
            met.unwrap_or_default()
        ))
    }

    /// Each part that is known, with half of the times above it.
    pub fn parts(&self) -> Vec<(Part, Duration)> {
        let parts = self.parts.iter();
        parts
            .filter_map(|(part, times)| Some((*part, median(times)?)))
            .collect()
    }

    /// The same for a page.
    pub fn view(&self, is_pinned: bool) -> ServiceStatsView {
        let spelled = |time: Option<Duration>| time.map(spell).unwrap_or_default();
        ServiceStatsView {
            service: readable(&self.service.to_string()),
            requested: self.requested,
            run: self.run,
            verified: self.verified,
            unproven: self.unproven,
            failed: self.failed,
            emergencies: self.emergencies,
            median: spelled(self.median()),
            worst: spelled(self.worst()),
            met: self.met().unwrap_or_default(),
            in_time: self.in_time().unwrap_or_default(),
            picture: self.picture(),
            parts: shares(&self.parts()),
            is_pinned,
        }
    }

    /// A bar for each of the last ones, and the goal of the last; `None`: none served.
    fn picture(&self) -> Option<StatsPicture> {
        let shown = &self.served[self.served.len().saturating_sub(BARS_AT_MOST)..];
        let goal = shown.last()?.goal;
        let highest = shown.iter().map(|one| one.took).chain(goal).max()?;
        let height = |time: Duration| match highest.is_zero() {
            true => 0.0,
            false => time.as_secs_f64() / highest.as_secs_f64() * 100.0,
        };
        #[expect(clippy::cast_precision_loss, reason = "there are twelve at most")]
        let width = 100.0 / shown.len().max(8) as f64;
        let mut left = 0.0;
        let mut bars = vec![];
        for one in shown {
            // What took no time at all is still seen.
            let high = height(one.took).max(4.0);
            bars.push(StatsBar {
                left: format!("{left:.2}%"),
                width: format!("{:.2}%", width * BAR_SHARE),
                top: format!("{:.2}%", 100.0 - high),
                height: format!("{high:.2}%"),
                tone: match one.is_met() {
                    Some(true) => "good",
                    Some(false) => "bad",
                    None => "open",
                },
                words: one.words(),
            });
            left += width;
        }
        let words: Vec<&str> = bars.iter().map(|bar| bar.words.as_str()).collect();
        Some(StatsPicture {
            words: format!("From the command to live: {}", words.join("; ")),
            goal: goal.map(|goal| format!("{:.2}%", 100.0 - height(goal))),
            bars,
        })
    }
}

impl Served {
    fn of(
        rollback: &Rollback,
        incident: Option<&Incident>,
        within: &BTreeMap<Severity, Duration>,
    ) -> Option<Served> {
        let took = rollback.times.to_serving()?.try_into().ok()?;
        let is_in_time = incident.and_then(|incident| {
            let severity = incident.course.severity.as_ref()?.severity;
            let since = noticed(incident, &rollback.times)?;
            let served = rollback.times.serving?.duration_since(since);
            Some(Duration::try_from(served).ok()? <= *within.get(&severity)?)
        });
        Some(Served {
            id: rollback.id,
            took,
            goal: rollback.target_time,
            is_in_time,
        })
    }

    /// Whether it met its goal; `None`: it had none.
    fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| self.took <= goal)
    }

    fn words(&self) -> String {
        let missed = match (self.goal, self.is_met()) {
            (Some(goal), Some(false)) => format!(", goal {} missed", spell(goal)),
            (Some(_), Some(true) | None) | (None, _) => String::new(),
        };
        format!("{} {}{missed}", self.id, spell(self.took))
    }
}

/// The parts on one axis, each as wide as it took long.
fn shares(parts: &[(Part, Duration)]) -> Vec<PartShare> {
    let whole: Duration = parts.iter().map(|(_, took)| *took).sum();
    let share = |time: Duration| match whole.is_zero() {
        true => 0.0,
        false => time.as_secs_f64() / whole.as_secs_f64() * 100.0,
    };
    let mut before = Duration::ZERO;
    let mut shares = vec![];
    for (part, took) in parts {
        shares.push(PartShare {
            kind: part.key(),
            name: part.name(),
            left: format!("{:.2}%", share(before)),
            width: format!("{:.2}%", share(*took)),
            took: spell(*took),
        });
        before += *took;
    }
    shares
}

/// *4 of 5*; `None`: there is nothing to count.
fn counted(each: impl Iterator<Item = Option<bool>>) -> Option<String> {
    let each: Vec<bool> = each.flatten().collect();
    let yes = each.iter().filter(|is| **is).count();
    (!each.is_empty()).then(|| format!("{yes} of {}", each.len()))
}

/// The one in the middle, the later one of two; `None`: there are none.
fn median(sorted: &[Duration]) -> Option<Duration> {
    sorted.get(sorted.len() / 2).copied()
}

/// How a rollback ended that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Verified,
    Unproven,
    Failed,
}

/// `None`: it goes on, nothing was run, or people ended it.
fn ended(rollback: &Rollback) -> Option<Ended> {
    match &rollback.state {
        State::Watching { .. } | State::Closed if rollback.proof.drifted.is_some() => {
            Some(Ended::Failed)
        }
        State::Watching { .. } | State::Closed => match rollback.proof.verdict {
            Some(Verdict::Verified) => Some(Ended::Verified),
            Some(Verdict::Unproven) | None => Some(Ended::Unproven),
            Some(Verdict::StillFailing | Verdict::WrongVersion) => Some(Ended::Failed),
        },
        State::Failed { .. } | State::Partial { .. } => Some(Ended::Failed),
        State::Planning
        | State::Blocked { .. }
        | State::Proposed { .. }
        | State::Approved { .. }
        | State::Executing { .. }
        | State::WaitingForPeople { .. }
        | State::Accepted { .. }
        | State::Serving { .. }
        | State::Unknown { .. }
        | State::Rehearsed
        | State::Resolved { .. }
        | State::Denied { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Superseded { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_them_took_at_least_so_long() {
        let seconds = |all: &[u64]| -> Vec<Duration> {
            all.iter().copied().map(Duration::from_secs).collect()
        };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&seconds(&[5])), Some(Duration::from_secs(5)));
        assert_eq!(median(&seconds(&[5, 7, 60])), Some(Duration::from_secs(7)));
        assert_eq!(
            median(&seconds(&[5, 7, 9, 60])),
            Some(Duration::from_secs(9))
        );
    }

    fn served(id: u64, took: u64, goal: Option<u64>) -> Served {
        Served {
            id: RollbackId::new(id),
            took: Duration::from_secs(took),
            goal: goal.map(Duration::from_secs),
            is_in_time: goal.map(|goal| took <= goal),
        }
    }

    #[test]
    fn a_picture_says_the_same_in_words() {
        let stats = ServiceStats {
            service: ServiceKey {
                name: "frontend".into(),
                environment: "production".into(),
            },
            requested: 3,
            run: 3,
            verified: 3,
            unproven: 0,
            failed: 0,
            emergencies: 0,
            served: vec![
                served(1, 60, Some(120)),
                served(2, 240, Some(120)),
                served(3, 0, Some(120)),
            ],
            parts: [
                (Part::People, vec![Duration::from_secs(30)]),
                (Part::Platform, vec![Duration::from_secs(10)]),
            ]
            .into(),
        };
        let view = stats.view(false);
        let picture = view.picture.expect("a picture");
        assert_eq!(
            picture.words,
            "From the command to live: RB-1 1 m; RB-2 4 m, goal 2 m missed; RB-3 0 s"
        );
        let drawn: Vec<_> = picture
            .bars
            .iter()
            .map(|bar| (bar.tone, bar.height.as_str(), bar.left.as_str()))
            .collect();
        assert_eq!(
            drawn,
            [
                ("good", "25.00%", "0.00%"),
                ("bad", "100.00%", "12.50%"),
                ("good", "4.00%", "25.00%"),
            ]
        );
        assert_eq!(picture.goal.as_deref(), Some("50.00%"));
        assert_eq!((view.median.as_str(), view.worst.as_str()), ("1 m", "4 m"));
        assert_eq!(
            (view.met.as_str(), view.in_time.as_str()),
            ("2 of 3", "2 of 3")
        );
        let widths: Vec<_> = view.parts.iter().map(|part| part.width.as_str()).collect();
        assert_eq!(widths, ["75.00%", "25.00%"]);
    }
}
