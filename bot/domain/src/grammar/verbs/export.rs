//! `export`, `export RB-41 html`: the timeline as a file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    subjects::{IncidentRef, expect_end},
    words::{Words, bare},
};

/// Sends the timeline as a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    /// The incident whose timeline it is; `None`: the latest one of the channel.
    pub about: Option<IncidentRef>,
    /// The format of the file; Markdown if none was named.
    pub format: ExportFormat,
}

/// The format of an exported timeline.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// For people and repositories: `export md`.
    #[default]
    Markdown,
    /// For programs: `export json`.
    Json,
    /// For spreadsheets: `export csv`.
    Csv,
    /// For people, with a picture: `export html`.
    Html,
}

pub(super) const SPEC: Spec = Spec {
    words: &["export"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`export`, `export RB-41 html`",
        meaning: ", or take it away",
    },
    help: &[
        "`export`: the timeline of this channel's latest incident as a file, in Markdown. `export html`, `export json` and `export csv` choose another format.",
        "`export INC-12 html`, `export RB-41`: of another incident of this channel, by its number or by one of its rollbacks.",
    ],
};

impl Export {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let (mut about, mut format) = (None, None);
        while let Some(word) = words.peek() {
            if about.is_none()
                && let Some(incident) = IncidentRef::named(bare(word))
            {
                about = Some(incident);
            } else if format.is_none() {
                format = Some(format_named(word)?);
            } else {
                break;
            }
            words.next();
        }
        expect_end(Verb::Export, None, &words)?;
        Ok(Export {
            about,
            format: format.unwrap_or_default(),
        })
    }
}

/// Reads the format that a word names.
pub(in crate::grammar) fn format_named(word: &str) -> Result<ExportFormat, Misread> {
    let word = bare(word);
    match word.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Ok(ExportFormat::Markdown),
        "json" => Ok(ExportFormat::Json),
        "csv" => Ok(ExportFormat::Csv),
        "html" => Ok(ExportFormat::Html),
        _ => Err(unknown_format(word)),
    }
}

fn unknown_format(word: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::Export,
        sentence: format!(
            "Nothing was run, because \"{}\" is neither a format I can write (`md`, `html`, `json`, `csv`) nor the number of an incident or a rollback: `export RB-41 html`.",
            excerpt(word)
        ),
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Verb::Export)?;
        if let Some(about) = self.about {
            write!(f, " {about}")?;
        }
        write!(f, " {}", self.format)
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportFormat::Markdown => "md",
            ExportFormat::Json => "json",
            ExportFormat::Csv => "csv",
            ExportFormat::Html => "html",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use strum::VariantArray;

    use super::*;
    use crate::{
        grammar::{
            Request,
            samples::{misreads, reads, trailing},
        },
        identity::{IncidentId, RollbackId},
    };

    pub fn any() -> impl Strategy<Value = Export> {
        let format = proptest::sample::select(ExportFormat::VARIANTS);
        let about = proptest::option::of(crate::grammar::samples::any_incident());
        (about, format).prop_map(|(about, format)| Export { about, format })
    }

    #[test]
    fn exporting() {
        let export = |about, format| Request::Export(Export { about, format });
        let incident = Some(IncidentRef::Incident(IncidentId::new(12)));
        let rollback = Some(IncidentRef::Rollback(RollbackId::new(41)));
        reads([
            ("export", export(None, ExportFormat::Markdown)),
            ("export MD", export(None, ExportFormat::Markdown)),
            ("export markdown", export(None, ExportFormat::Markdown)),
            ("export json.", export(None, ExportFormat::Json)),
            ("export csv", export(None, ExportFormat::Csv)),
            ("export HTML", export(None, ExportFormat::Html)),
            ("export inc-12", export(incident, ExportFormat::Markdown)),
            ("export INC-12 html", export(incident, ExportFormat::Html)),
            ("export csv RB-41", export(rollback, ExportFormat::Csv)),
            ("export 41 json", export(rollback, ExportFormat::Json)),
        ]);
        misreads([
            ("export pdf", unknown_format("pdf")),
            ("export INC-0", unknown_format("INC-0")),
            ("export INC-12 RB-41", unknown_format("RB-41")),
            ("export md frontend", trailing("frontend", &[])),
            ("export md html", trailing("html", &[])),
        ]);
    }
}
