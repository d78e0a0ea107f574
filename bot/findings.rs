//! What was found when the configuration and everything it reaches were looked at.

use serde::Serialize;
use std::fmt::Display;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It works.
    Ok,
    /// It is allowed but probably not meant, or it was not tried.
    Note,
    /// It does not work.
    Mistake,
}

impl Level {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Mistake => "mistake",
        }
    }
}

/// One thing that was found. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What it is about: a key of the configuration, or another thing's name.
    pub key: String,
    /// What was found, as a clause that follows the key.
    pub sentence: String,
    /// What to do about it; `None`: nothing, or the clause says it.
    pub next: Option<String>,
}

/// What was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds something that works.
    pub fn ok(&mut self, key: &str, works: impl Display) {
        self.add(Level::Ok, key, works, None);
    }

    /// Adds what is allowed but probably not meant, or was not tried.
    pub fn note(&mut self, key: &str, note: impl Display) {
        self.add(Level::Note, key, note, None);
    }

    /// Adds what does not work.
    pub fn mistake(&mut self, key: &str, problem: impl Display) {
        self.add(Level::Mistake, key, problem, None);
    }

    /// Adds something with what to do about it.
    pub fn with_next(&mut self, level: Level, key: &str, sentence: impl Display, next: &str) {
        self.add(level, key, sentence, Some(next.to_owned()));
    }

    /// How much does not work.
    pub fn mistakes(&self) -> usize {
        let is_mistake = |finding: &&Finding| finding.level == Level::Mistake;
        self.0.iter().filter(is_mistake).count()
    }

    fn add(&mut self, level: Level, key: &str, sentence: impl Display, next: Option<String>) {
        self.0.push(Finding {
            level,
            key: key.to_owned(),
            sentence: sentence.to_string(),
            next,
        });
    }
}
