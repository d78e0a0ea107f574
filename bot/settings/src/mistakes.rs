//! What is wrong with a file.

use std::fmt;

/// Something in the file that must be put right before the bot can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: a key's full path, or line and column of what is not TOML.
    pub key: String,
    /// What is wrong and what to do; never contains a secret.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Every mistake in a file, one per line when printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<Mistake>);

/// The first place that is not TOML, without its line: there may be a secret in it.
pub(crate) fn not_toml(text: &str, error: toml::de::Error) -> Mistakes {
    // The error at hand need not be the first one, and those after it are often its echo.
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let (_, errors) = toml::de::DeTable::parse_recoverable(text);
    let first = errors.into_iter().min_by_key(start).unwrap_or(error);
    let before = text.get(..start(&first)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .chars()
        .rev()
        .take_while(|letter| *letter != '\n')
        .count()
        + 1;
    Mistakes(vec![Mistake {
        key: format!("line {line}, column {column}"),
        problem: first.message().replace('\n', ", "),
    }])
}
