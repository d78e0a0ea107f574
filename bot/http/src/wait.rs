//! How long somebody wants us to wait.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use std::time::Duration;

/// The shortest wait that is taken over: a server that answers zero is not called a hundred times
/// a second.
pub const WAIT_AT_LEAST: Duration = Duration::from_secs(1);
/// The longest wait that is taken over: a header must not silence anybody for an hour.
pub const WAIT_AT_MOST: Duration = Duration::from_secs(5 * 60);

/// The wait that the answer's `Retry-After` asks for: seconds, or a date.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wait_in(headers, RETRY_AFTER.as_str())
}

/// The wait that a header asks for: seconds, or a date.
pub fn wait_in(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let text = text(headers, name)?;
    match text.parse::<f64>() {
        // A conversion from a float saturates: no number overflows to a short wait.
        Ok(seconds) => Some(bounded((seconds * 1000.0) as i64)),
        Err(_) => wait_until(headers, date(text)?),
    }
}

/// The wait until a moment, by the clock of the server that named it: the answer's own `Date`. No clock of
/// ours is compared with theirs.
pub fn wait_until(headers: &HeaderMap, moment: Timestamp) -> Option<Duration> {
    let now = date(text(headers, DATE.as_str())?)?;
    Some(bounded(moment.as_millisecond() - now.as_millisecond()))
}

fn bounded(millis: i64) -> Duration {
    let wait = u64::try_from(millis).map_or(WAIT_AT_LEAST, Duration::from_millis);
    wait.clamp(WAIT_AT_LEAST, WAIT_AT_MOST)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A date as HTTP writes it.
fn date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(date.timestamp())
}
