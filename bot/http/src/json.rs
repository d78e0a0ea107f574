//! JSON from others, in a memory that is bounded by its values and not only by its bytes.

use serde_json::Value;
use std::{error::Error, fmt};

/// The most values that an answer may have. Each takes up to a hundred bytes once it is read, and
/// two bytes are enough to write one.
const VALUES_AT_MOST: usize = 250_000;

/// Why a body is not read as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    /// It is something else.
    Malformed,
    /// It has more values than are read.
    TooMany,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotJson::Malformed => f.write_str("it is not JSON"),
            NotJson::TooMany => write!(f, "it has more than {VALUES_AT_MOST} values"),
        }
    }
}

impl Error for NotJson {}

/// Reads a body as JSON.
pub fn json(body: &[u8]) -> Result<Value, NotJson> {
    // Before anything is built of it: between two values there is a comma.
    if commas(body) >= VALUES_AT_MOST {
        return Err(NotJson::TooMany);
    }
    serde_json::from_slice(body).map_err(|_| NotJson::Malformed)
}

/// How many commas are not in a text.
fn commas(body: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (0, false, false);
    for byte in body {
        match (byte, in_text) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => in_text = !in_text,
            (b',', false) => count += 1,
            (_, _) => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_very_many_values_is_not_read() {
        let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert_eq!(json(zeros(300_000).as_bytes()), Err(NotJson::TooMany));
        assert!(json(zeros(200_000).as_bytes()).is_ok());
        let text = format!("[\"{}\"]", ",\\\"".repeat(300_000));
        assert!(
            json(text.as_bytes()).is_ok(),
            "what is in a text is no value"
        );
        assert_eq!(json(b"<html>"), Err(NotJson::Malformed));
    }
}
