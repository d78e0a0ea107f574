//! `export md`, `export json`: the timeline as a file.

use std::fmt;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::{Misread, excerpt},
    subjects::expect_end,
    words::{Words, bare},
};

/// Sends the timeline as a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Export {
    /// The format of the file; Markdown if none was named.
    pub format: ExportFormat,
}

/// The format of an exported timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// For people: `export md`.
    Markdown,
    /// For programs: `export json`.
    Json,
}

pub(super) const SPEC: Spec = Spec {
    words: &["export"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::SameLine {
        examples: "`export md`, `export json`",
        meaning: ", or take it away",
    },
    help: &["`export md`, `export json`: the timeline as a file, Markdown if you do not say."],
};

impl Export {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let format = words.next().map_or(Ok(ExportFormat::Markdown), format)?;
        expect_end(Verb::Export, None, &words)?;
        Ok(Export { format })
    }
}

fn format(word: &str) -> Result<ExportFormat, Misread> {
    let word = bare(word);
    match word.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Ok(ExportFormat::Markdown),
        "json" => Ok(ExportFormat::Json),
        _ => Err(unknown_format(word)),
    }
}

fn unknown_format(word: &str) -> Misread {
    Misread::BadArgument {
        verb: Verb::Export,
        sentence: format!(
            "Nothing was run, because \"{}\" is not a format I can write: choose `export md` or `export json`.",
            excerpt(word)
        ),
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Verb::Export, self.format)
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportFormat::Markdown => "md",
            ExportFormat::Json => "json",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grammar::{
        Request,
        samples::{misreads, reads, trailing},
    };

    pub fn any() -> impl Strategy<Value = Export> {
        proptest::sample::select(vec![ExportFormat::Markdown, ExportFormat::Json])
            .prop_map(|format| Export { format })
    }

    #[test]
    fn exporting() {
        let export = |format| Request::Export(Export { format });
        reads([
            ("export", export(ExportFormat::Markdown)),
            ("export MD", export(ExportFormat::Markdown)),
            ("export markdown", export(ExportFormat::Markdown)),
            ("export json.", export(ExportFormat::Json)),
        ]);
        misreads([
            ("export csv", unknown_format("csv")),
            ("export md frontend", trailing("frontend", &[])),
        ]);
    }
}
