//! The order in which releases were made, by what is recorded: the log, the names, the dates of
//! their `REVISION`. The times of directories come last, because copying and touching changes
//! them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use std::cmp::Ordering;

/// A release, as far as its place among the others is concerned.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// The name of its directory.
    pub(super) name: String,
    /// Why production may not be taken to it, as a clause; `None`: it may. One that is barred tells
    /// nothing of how the others are named.
    pub(super) barred: Option<String>,
    /// Its place in the log of deploys; `None`: the log does not have it.
    pub(super) logged: Option<usize>,
    /// The date of its `REVISION`.
    pub(super) revision_at: Option<Timestamp>,
    /// When its directory was changed last.
    pub(super) modified: Option<Timestamp>,
}

impl Listed {
    /// The date that it stands at, where names do not tell the order.
    fn date(&self) -> Option<Timestamp> {
        time_in(&self.name).or(self.revision_at).or(self.modified)
    }
}

/// What tells which of two releases is the older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// The times in their names.
    Times,
    /// Their names, as versions are counted: `v9` before `v10`.
    Versions,
    /// The times in the names that have one, and the dates of the others.
    Dates,
    /// The dates of their `REVISION`.
    Revisions,
    /// When their directories were changed: nothing else is known.
    Modified,
}

impl Basis {
    fn of(listed: &[Listed]) -> Basis {
        let whole: Vec<&Listed> = listed.iter().filter(|one| one.barred.is_none()).collect();
        let all = |has: fn(&Listed) -> bool| whole.iter().all(|one| has(one));
        if all(|one| time_in(&one.name).is_some()) {
            return Basis::Times;
        }
        let names: Vec<&str> = whole.iter().map(|one| one.name.as_str()).collect();
        if are_versions(&names) {
            return Basis::Versions;
        }
        if whole.iter().any(|one| time_in(&one.name).is_some()) {
            return Basis::Dates;
        }
        match all(|one| one.revision_at.is_some()) {
            true => Basis::Revisions,
            false => Basis::Modified,
        }
    }

    /// Whether the first is older (`Less`) or newer than the second.
    fn compare(self, a: &Listed, b: &Listed) -> Ordering {
        let by = |key: fn(&Listed) -> Option<Timestamp>| key(a).cmp(&key(b));
        let first = match self {
            Basis::Times => by(|one| time_in(&one.name)),
            Basis::Versions => Ordering::Equal,
            Basis::Dates => by(Listed::date),
            Basis::Revisions => by(|one| one.revision_at),
            Basis::Modified => by(|one| one.modified),
        };
        first
            .then_with(|| by_version(&a.name, &b.name))
            .then_with(|| a.name.cmp(&b.name))
    }
}

/// Puts the newest first. What the log has is in the log's order; the others stand where their
/// names or dates belong.
pub(super) fn newest_first(listed: Vec<Listed>) -> Vec<Listed> {
    let basis = Basis::of(&listed);
    let (mut ordered, mut others): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|one| one.logged.is_some());
    ordered.sort_by_key(|one| one.logged);
    others.sort_by(|a, b| basis.compare(a, b));
    for other in others {
        let newer = |one: &Listed| basis.compare(&other, one) == Ordering::Less;
        let place = ordered.iter().position(newer).unwrap_or(ordered.len());
        ordered.insert(place, other);
    }
    ordered.reverse();
    ordered
}

/// When each was made, in their order, newest first: the time in its name; else when its directory
/// was changed, as long as these times fit the order. Where they do not, they tell nothing.
pub(super) fn made(newest_first: &[Listed]) -> Vec<Option<Timestamp>> {
    let times: Vec<Option<Timestamp>> = newest_first
        .iter()
        .map(|one| {
            let modified = one.modified.filter(|_| one.barred.is_none());
            time_in(&one.name).or(modified)
        })
        .collect();
    let known: Vec<Timestamp> = times.iter().flatten().copied().collect();
    let fit = known.windows(2).all(|pair| pair[0] >= pair[1]);
    match fit {
        true => times,
        false => newest_first.iter().map(|one| time_in(&one.name)).collect(),
    }
}

/// The time that a name has, as deploy tools write it, in UTC: `20260314031200`,
/// `2026-03-14_0312`, `release-20260314`, or the seconds since 1970.
pub(super) fn time_in(name: &str) -> Option<Timestamp> {
    let digits: String = name
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit() || "-_.:T".contains(*c))
        .filter(char::is_ascii_digit)
        .take(15)
        .collect();
    let number = |range: std::ops::Range<usize>| -> Option<i8> { digits.get(range)?.parse().ok() };
    if digits.len() == 10 && digits.starts_with('1') {
        return Timestamp::from_second(digits.parse().ok()?).ok();
    }
    let (hour, minute, second) = match digits.len() {
        8 => (0, 0, 0),
        12 => (number(8..10)?, number(10..12)?, 0),
        14 => (number(8..10)?, number(10..12)?, number(12..14)?),
        _ => return None,
    };
    let year: i16 = digits.get(..4)?.parse().ok()?;
    if !(1990..2200).contains(&year) {
        return None;
    }
    let date = DateTime::new(year, number(4..6)?, number(6..8)?, hour, minute, second, 0).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Whether these names count up: all begin alike, up to a number.
fn are_versions(names: &[&str]) -> bool {
    let prefix = |name: &str| -> String {
        let letters = name.chars().take_while(|c| !c.is_ascii_digit());
        letters.collect::<String>().to_ascii_lowercase()
    };
    let is_hash = |name: &str| {
        name.len() >= 7
            && name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let Some(first) = names.first() else {
        return false;
    };
    names.iter().all(|name| {
        let has_number = name.bytes().any(|byte| byte.is_ascii_digit());
        has_number && !is_hash(name) && prefix(name) == prefix(first)
    })
}

/// Compares names as versions: numbers by their value, `1.0~beta` and `1.0-rc1` before `1.0`.
fn by_version(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for at in 0..a.len().max(b.len()) {
        let ordering = match (a.get(at), b.get(at)) {
            (Some(a), Some(b)) => match (number(a), number(b)) {
                (Some(a), Some(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
                _ => a.cmp(b),
            },
            (Some(more), None) => beyond(more),
            (None, Some(more)) => beyond(more).reverse(),
            (None, None) => Ordering::Equal,
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

/// Whether a name that goes on with this is older or newer than one that ends before it.
fn beyond(more: &str) -> Ordering {
    let word = more.trim_start_matches(['-', '.', '_', '+']);
    let before = ["rc", "alpha", "beta", "pre", "dev", "snapshot"];
    match more.starts_with('~') || before.iter().any(|early| word.starts_with(early)) {
        true => Ordering::Less,
        false => Ordering::Greater,
    }
}

/// A name in lower case, cut where numbers begin and end.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![];
    for c in name.to_lowercase().chars() {
        match parts.last_mut() {
            Some(last)
                if last.ends_with(|end: char| end.is_ascii_digit()) == c.is_ascii_digit() =>
            {
                last.push(c);
            }
            Some(_) | None => parts.push(c.into()),
        }
    }
    parts
}

/// The digits of a part without zeros before them; `None`: it is no number.
fn number(part: &str) -> Option<&str> {
    let is_number = part.starts_with(|c: char| c.is_ascii_digit());
    is_number.then(|| part.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn listed(name: &str, modified: i64) -> Listed {
        Listed {
            name: name.into(),
            barred: None,
            logged: None,
            revision_at: None,
            modified: at(modified),
        }
    }

    /// The order of these names, whose directories were changed in the order in which they stand.
    fn order(names: &[&str]) -> Vec<String> {
        let listed = names.iter().zip(0..).map(|(name, at)| listed(name, at));
        let ordered = newest_first(listed.collect());
        ordered.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn names_with_times_or_numbers_are_in_their_order() {
        for newest_first in [
            vec!["20260314031200", "20260314000000", "20260101120000"],
            vec!["2026-03-14_0312", "2026-03-13", "release-20260101120000"],
            vec!["v10", "v9", "v1"],
            vec!["1.10.0", "1.10.0-rc1", "1.9.2", "1.9"],
            vec!["1.0", "1.0~beta", "0.9"],
            vec!["2024.10.3", "2024.9.30", "2023.12.1"],
            vec!["1710382320", "1710000000"],
        ] {
            assert_eq!(order(&newest_first), newest_first);
            let reversed: Vec<&str> = newest_first.iter().rev().copied().collect();
            assert_eq!(order(&reversed), newest_first, "whatever was touched last");
        }
    }

    #[test]
    fn the_log_is_believed_before_the_names() {
        let logged = |name: &str, place| Listed {
            logged: Some(place),
            ..listed(name, 0)
        };
        let ordered = newest_first(vec![
            logged("v1", 2),
            logged("v3", 0),
            logged("v2", 1),
            listed("v0", 9),
            listed("v9", 1),
        ]);
        let names: Vec<&str> = ordered.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["v9", "v1", "v2", "v3", "v0"]);
    }

    #[test]
    fn names_without_an_order_have_that_of_their_revisions() {
        let built = |name: &str, revision: i64, modified: i64| Listed {
            revision_at: at(revision),
            ..listed(name, modified)
        };
        let ordered = newest_first(vec![
            built("a1b2c3d", 10, 90),
            built("a9f8e7d", 30, 10),
            built("b2c3d4e", 20, 50),
        ]);
        let names: Vec<&str> = ordered.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a9f8e7d", "b2c3d4e", "a1b2c3d"]);
    }

    #[test]
    fn times_that_contradict_the_order_tell_nothing() {
        let made =
            |modified: [i64; 2]| made(&[listed("v2", modified[0]), listed("v1", modified[1])]);
        assert_eq!(made([20, 10]), [at(20), at(10)]);
        assert_eq!(made([10, 20]), [None, None], "v1 was touched");
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        for name in ["v212", "1.2.3", "20101399", "build-123456789", "99999999"] {
            assert_eq!(time_in(name), None, "{name}");
        }
        let time = time_in("20260314031200").map(|time| time.to_string());
        assert_eq!(time.as_deref(), Some("2026-03-14T03:12:00Z"));
    }
}
