//! What speaks against going back, from the times that are known.

use std::time::Duration;

use jiff::Timestamp;

use crate::proof::spell;

/// From this age on a release is hardly the cause of what has just begun.
const LIVE_FOR_LONG: Duration = Duration::from_secs(24 * 3_600);

/// What speaks against going back from the release that is called `live`, a clause each.
///
/// `live_since` is when it went live and `began` when the incident began to have an effect; `None`
/// where that is not known.
pub fn against(
    live: &str,
    live_since: Option<Timestamp>,
    began: Option<Timestamp>,
    now: Timestamp,
) -> Vec<String> {
    let Some(live_since) = live_since else {
        return vec![format!(
            "it is not known when {live} went live, so it may not be the cause"
        )];
    };
    let age = |from: Timestamp| Duration::try_from(from.duration_since(live_since));
    let mut against = vec![];
    if began.is_some_and(|began| began < live_since) {
        against.push(format!("it began before {live} went live"));
    }
    if let Ok(age) = age(began.unwrap_or(now))
        && age >= LIVE_FOR_LONG
    {
        against.push(match began {
            Some(_) => format!("{live} had been live for {} when it began", spell(age)),
            None => format!("{live} has been live for {}", spell(age)),
        });
    }
    against
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_came_later_is_hardly_the_cause() {
        let at = |text: &str| text.parse::<Timestamp>().expect(text);
        let now = at("2026-03-14T03:12:00Z");
        let against = |since: Option<&str>, began: Option<&str>| {
            against("v214", since.map(at), began.map(at), now)
        };
        let fresh = Some("2026-03-14T02:41:00Z");
        assert!(against(fresh, None).is_empty());
        assert!(against(fresh, Some("2026-03-14T02:50:00Z")).is_empty());
        assert_eq!(
            against(fresh, Some("2026-03-14T02:30:00Z")),
            ["it began before v214 went live"]
        );
        let old = Some("2026-03-11T02:41:00Z");
        assert_eq!(against(old, None), ["v214 has been live for 3 d"]);
        assert_eq!(
            against(old, Some("2026-03-12T04:00:00Z")),
            ["v214 had been live for 25 h 19 m when it began"]
        );
        assert_eq!(
            against(None, None),
            ["it is not known when v214 went live, so it may not be the cause"]
        );
    }
}
