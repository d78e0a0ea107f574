//! Values out of Vercel's JSON, which may be missing or of another type than was published.

use jiff::Timestamp;
use serde_json::Value;

/// A text that has something in it.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value
        .get(key)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A number of milliseconds; Vercel's numbers are JavaScript's and may come with a fraction.
pub(super) fn millis(value: &Value, key: &str) -> Option<i64> {
    let number = value.get(key)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))
}

/// Whether something is there and true.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

/// A moment that is written in milliseconds.
pub(super) fn moment(value: &Value, key: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis(value, key)?).ok()
}
