//! Values out of a platform's JSON, which may be missing or of another type than was published.

use jiff::Timestamp;
use serde_json::Value;

/// A text that has something in it.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value
        .get(key)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A number of milliseconds; JavaScript's numbers may come with a fraction.
pub(crate) fn millis(value: &Value, key: &str) -> Option<i64> {
    let number = value.get(key)?;
    number
        .as_i64()
        .or_else(|| number.as_f64().map(|number| number as i64))
}

/// Whether something is there and true.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool) == Some(true)
}

/// A moment that is written in milliseconds.
pub(crate) fn moment(value: &Value, key: &str) -> Option<Timestamp> {
    Timestamp::from_millisecond(millis(value, key)?).ok()
}

/// A moment that is written as RFC 3339 has it.
pub(crate) fn written_moment(value: &Value, key: &str) -> Option<Timestamp> {
    text(value, key)?.parse().ok()
}
