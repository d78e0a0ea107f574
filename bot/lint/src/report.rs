//! What was found, for people and as JSON.

use crate::{Finding, configuration::Covered, rules::Severity};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

/// One file that was named.
#[derive(Clone, Debug)]
pub struct File {
    /// As it was named.
    pub name: String,
    /// Everything that was found, or why it could not be read.
    pub findings: Result<Vec<Finding>, String>,
    /// What services of the configuration do instead.
    pub covered: Vec<Covered>,
}

/// How a piece of text is shown on a terminal that has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// In bold.
    Strong,
    /// As an error or the mark below one.
    Error,
    /// As a warning or the mark below one.
    Warning,
    /// As a note or the mark below one.
    Note,
    /// Less than the rest.
    Faint,
}

/// Text of one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How it is shown.
    pub style: Style,
    /// The text, which others wrote a part of.
    pub text: String,
}

/// How many characters of a line are shown.
const WIDTH: usize = 100;

/// The report for people.
pub fn text(files: &[File]) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    for file in files {
        match &file.findings {
            Ok(findings) => {
                for finding in findings {
                    pieces.finding(&file.name, finding);
                }
            }
            Err(why) => {
                pieces.push(Style::Error, "not read");
                pieces.push(
                    Style::Plain,
                    format!("  {} {why}.\n\n", one_line(&file.name)),
                );
            }
        }
        for covered in &file.covered {
            pieces.covered(&file.name, covered);
        }
    }
    pieces.push(Style::Plain, summary(files) + "\n");
    pieces.0
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, style: Style, text: impl Into<String>) {
        let text = text.into();
        self.0.push(Piece { style, text });
    }

    fn finding(&mut self, file: &str, finding: &Finding) {
        let style = style(finding.rule.severity);
        let (start, end) = (finding.start, finding.end);
        let file = one_line(file);
        self.push(
            Style::Strong,
            format!("{file}:{}:{} ", start.line, start.column),
        );
        self.push(style, format!("{} ", finding.rule.severity.name()));
        self.push(Style::Faint, format!("{}\n", finding.rule.id));
        let number = start.line.to_string();
        let (line, skipped) = excerpt(&finding.excerpt, start.column);
        let from = (start.column - 1).saturating_sub(skipped);
        let length = match end.line == start.line {
            true => end.column.saturating_sub(start.column),
            false => WIDTH,
        };
        let before: String = line.chars().take(from).collect();
        let marked: String = line.chars().skip(from).take(length).collect();
        let (from, marks) = (before.width(), marked.trim_end().width().max(1));
        self.push(Style::Faint, format!("{number} | "));
        self.push(Style::Plain, format!("{line}\n"));
        self.push(Style::Faint, format!("{} | ", " ".repeat(number.len())));
        self.push(
            style,
            format!("{}{}\n", " ".repeat(from), "^".repeat(marks)),
        );
        self.push(Style::Plain, format!("{}\n", one_line(&finding.message)));
        self.push(Style::Faint, "next: ");
        self.push(Style::Plain, format!("{}\n", finding.rule.next_step));
        for typed in &finding.instead {
            self.push(Style::Faint, "instead: ");
            self.push(Style::Plain, format!("{}\n", one_line(typed)));
        }
        self.push(
            Style::Faint,
            format!("known from: {}\n\n", finding.rule.source),
        );
    }

    fn covered(&mut self, file: &str, covered: &Covered) {
        let lines: Vec<String> = covered
            .lines
            .iter()
            .take(10)
            .map(usize::to_string)
            .collect();
        let more = if covered.lines.len() > 10 {
            ", …"
        } else {
            ""
        };
        let typed = covered.instead.join("  or  ");
        self.push(Style::Strong, "by the bot");
        let file = one_line(file);
        let by_hand = format!(
            "  {file} rolls back on {} by hand (line {}{more}). ",
            covered.platform,
            lines.join(", ")
        );
        self.push(Style::Plain, by_hand);
        self.push(
            Style::Plain,
            format!("The bot does it: {}\n\n", one_line(&typed)),
        );
    }
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => Style::Error,
        Severity::Warning => Style::Warning,
        Severity::Note => Style::Note,
    }
}

/// The part of a line around a column, and how many characters were left out before it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let skipped = match column > WIDTH * 3 / 4 {
        true => column - WIDTH / 4,
        false => 0,
    };
    (
        one_line(line).chars().skip(skipped).take(WIDTH).collect(),
        skipped,
    )
}

/// The same number of characters, and none of them moves anything.
fn one_line(text: &str) -> String {
    let letter = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(letter).collect()
}

/// How much was found, in one sentence.
fn summary(files: &[File]) -> String {
    let read: Vec<&Vec<Finding>> = files
        .iter()
        .filter_map(|file| file.findings.as_ref().ok())
        .collect();
    let count = |severity| {
        let findings = read.iter().copied().flatten();
        findings
            .filter(|finding| finding.rule.severity == severity)
            .count()
    };
    let not_read = files.len() - read.len();
    let mut sentence = match read.iter().all(|findings| findings.is_empty()) {
        true if read.is_empty() => String::new(),
        true => format!("Nothing was found in {}.", plural(read.len(), "runbook")),
        false => format!(
            "{}, {} and {} in {}.",
            plural(count(Severity::Error), "error"),
            plural(count(Severity::Warning), "warning"),
            plural(count(Severity::Note), "note"),
            plural(read.len(), "runbook"),
        ),
    };
    if not_read > 0 {
        let space = if sentence.is_empty() { "" } else { " " };
        let verb = if not_read == 1 { "was" } else { "were" };
        sentence += &format!("{space}{} {verb} not read.", plural(not_read, "file"));
    }
    sentence
}

fn plural(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

/// The report as JSON. Keys are only added to it.
pub fn json(files: &[File]) -> impl Serialize {
    Report {
        version: 1,
        files: files.iter().map(file_json).collect(),
    }
}

#[derive(Serialize)]
struct Report {
    version: u32,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    /// Why it could not be read; null if it was.
    not_read: Option<String>,
    findings: Vec<FindingReport>,
    by_the_bot: Vec<Covered>,
}

#[derive(Serialize)]
struct FindingReport {
    rule: &'static str,
    severity: &'static str,
    start: PlaceReport,
    end: PlaceReport,
    excerpt: String,
    message: String,
    next_step: &'static str,
    known_from: &'static str,
    instead: Vec<String>,
}

#[derive(Serialize)]
struct PlaceReport {
    line: usize,
    column: usize,
}

fn file_json(file: &File) -> FileReport {
    let findings = file.findings.as_ref().ok().into_iter().flatten();
    let findings = findings.map(|finding| FindingReport {
        rule: finding.rule.id,
        severity: finding.rule.severity.name(),
        start: PlaceReport {
            line: finding.start.line,
            column: finding.start.column,
        },
        end: PlaceReport {
            line: finding.end.line,
            column: finding.end.column,
        },
        excerpt: excerpt(&finding.excerpt, 1).0,
        message: finding.message.clone(),
        next_step: finding.rule.next_step,
        known_from: finding.rule.source,
        instead: finding.instead.clone(),
    });
    FileReport {
        file: file.name.clone(),
        not_read: file.findings.as_ref().err().cloned(),
        findings: findings.collect(),
        by_the_bot: file.covered.clone(),
    }
}
