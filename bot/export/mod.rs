//! A timeline as a file: written page by page, so that a long one takes no more memory than a
//! short one.

mod csv;
pub mod json;
mod pages;
mod picture;
mod post_mortem;
mod rollbacks;
mod update;

pub use picture::{lane, strip, tone};
pub use update::update_facts;

use crate::{
    messages::{
        ActionLine, ChecklistLines, PostMortem, Templates, Timeline, TimelinePage, cell, readable,
        stamp,
    },
    store::Db,
};
use jiff::Timestamp;
use minijinja::Value;
use pages::{Lines, Overview, Pages};
use rollback_domain::{
    drill::WATERMARK, grammar::ExportFormat, identity::IncidentId, incident::chain::Head,
    job::Document, post_mortem::Field, rollback::Rollback,
};
use std::{
    fs::File,
    io::{self, BufWriter, Seek, Write},
    sync::Arc,
};
use tokio::task::spawn_blocking;

/// The largest file that Slack takes, in bytes (Slack's documentation: 1 GB).
const FILE_AT_MOST: u64 = 1_000_000_000;
/// How many rollbacks a page draws; of more it says how many there are.
const DRAWN_AT_MOST: usize = 50;

/// A timeline in a file that has no name, and is gone when it is closed.
#[derive(Debug)]
pub struct Written {
    /// The file, at its beginning.
    pub file: File,
    /// Its size.
    pub bytes: u64,
    /// How many entries are in it.
    pub entries: usize,
    /// The head of the chain of its entries, to be compared; empty where none carries a hash.
    pub head: String,
    /// What a post-mortem is kept as, and how many of its fields nobody has filled; `None`: it is
    /// none.
    pub draft: Option<Draft>,
}

impl Written {
    /// A document that is no timeline.
    pub fn text(text: &str) -> io::Result<Written> {
        let mut file = tempfile::tempfile()?;
        file.write_all(text.as_bytes())?;
        file.rewind()?;
        Ok(Written {
            file,
            bytes: text.len() as u64,
            entries: 0,
            head: String::new(),
            draft: None,
        })
    }
}

/// What is told of the draft of a post-mortem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The name of the file.
    pub name: String,
    /// The name by which a repository keeps it: the same for each draft of the incident.
    pub kept_as: String,
    /// How many fields nobody has filled.
    pub gaps: usize,
    /// Whether somebody has said why it happened.
    pub has_root_cause: bool,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// Slack would not take it.
    #[error("it is larger than the 1 GB that Slack takes")]
    TooLarge,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The file could not be written.
    #[error("the temporary file cannot be written: {0}")]
    Disk(#[from] io::Error),
    /// The template cannot be rendered from these entries.
    #[error("{0:#}")]
    Template(anyhow::Error),
}

/// What is written: the timeline of an incident, as it is now.
#[derive(Clone, Debug)]
pub struct Export {
    /// The incident.
    pub incident: IncidentId,
    /// The Slack channel of the incident, by id.
    pub channel: String,
    /// What is written of it.
    pub document: Document,
    /// The format of the file.
    pub format: ExportFormat,
    /// When it is written.
    pub now: Timestamp,
}

impl Export {
    /// Writes what the timeline has now.
    pub async fn write(self, db: &Db, templates: &Templates) -> Result<Written, Unwritten> {
        // What is written down from here on is not in it.
        let pages = Arc::new(Pages::open(db.clone(), self.incident).await?);
        let templates = templates.clone();
        // Templates and serialisers are not async: they wait for the database on a thread of their
        // own.
        let written = spawn_blocking(move || self.write_blocking(&templates, &pages));
        written
            .await
            .unwrap_or_else(|panic| Err(Unwritten::Template(panic.into())))
    }

    fn write_blocking(
        &self,
        templates: &Templates,
        pages: &Arc<Pages>,
    ) -> Result<Written, Unwritten> {
        let mut out = Bounded::new(BufWriter::new(tempfile::tempfile()?), FILE_AT_MOST);
        let mut draft = None;
        let rendered = match (self.document, self.format) {
            (Document::PostMortem, _) => {
                let (post_mortem, told) = self.post_mortem(pages);
                draft = Some(told);
                templates.post_mortem(post_mortem, &mut out)
            }
            (Document::Timeline, ExportFormat::Markdown) => {
                templates.timeline(self.timeline(pages, cell), &mut out)
            }
            (Document::Timeline, ExportFormat::Html) => {
                templates.timeline_page(self.page(pages), &mut out)
            }
            (Document::Timeline, ExportFormat::Json) => json::write(self, pages, &mut out),
            (Document::Timeline, ExportFormat::Csv) => csv::write(self, pages, &mut out),
        };
        if let Some(error) = pages.failed() {
            return Err(Unwritten::Database(error));
        }
        let bytes = out.bytes;
        let mut file = out.end()?;
        rendered.map_err(Unwritten::Template)?;
        file.rewind()?;
        Ok(Written {
            file,
            bytes,
            entries: pages.entries,
            head: head_line(pages),
            draft,
        })
    }

    /// What stands before the title of a drill's record; empty for an incident's.
    fn mark(&self) -> String {
        match self.incident.drill() {
            Some(_) => format!("{WATERMARK} · "),
            None => String::new(),
        }
    }

    /// The timeline as a template has it.
    fn timeline(&self, pages: &Arc<Pages>, written: fn(&str) -> String) -> Timeline {
        let names = pages.overview().names;
        let actions = pages.actions.iter();
        let actions = actions.map(|action| ActionLine::of(action, &names, written));
        let actions = actions.collect();
        let checklists = pages.checklists.iter();
        let checklists = checklists.map(|list| ChecklistLines::of(list, written));
        let checklists = checklists.collect();
        let lines = Lines {
            pages: pages.clone(),
            names,
            written,
        };
        Timeline {
            mark: self.mark(),
            incident: self.incident.to_string(),
            channel: self.channel.clone(),
            exported_at: stamp(self.now),
            count: pages.entries,
            entries: Value::from_object(lines),
            actions,
            checklists,
            head: head_line(pages),
        }
    }

    /// The draft of the post-mortem, and what is told of it.
    fn post_mortem(&self, pages: &Arc<Pages>) -> (PostMortem, Draft) {
        let overview = pages.overview();
        let drawn = drawn(pages, &overview);
        let draft = Draft {
            name: of_drill(
                self.incident,
                post_mortem::file_name(&overview, &drawn, self.now),
            ),
            kept_as: post_mortem::kept_name(&overview, self.incident, self.now),
            gaps: post_mortem::gaps(&overview, &pages.course, &drawn),
            has_root_cause: overview.fields.contains_key(&Field::RootCause),
        };
        let undrawn = overview.rollbacks.len() - drawn.len();
        let timeline = self.timeline(pages, cell);
        let post_mortem = post_mortem::draft(
            timeline,
            &overview,
            &pages.course,
            &drawn,
            undrawn,
            self.now,
        );
        (post_mortem, draft)
    }

    /// The timeline with its picture.
    fn page(&self, pages: &Arc<Pages>) -> TimelinePage {
        let overview = pages.overview();
        let drawn = drawn(pages, &overview);
        let times = overview.first_at.zip(overview.last_at);
        TimelinePage {
            timeline: self.timeline(pages, readable),
            strip: times.and_then(|(from, to)| picture::strip(&drawn, from, to, self.now)),
            lanes: drawn
                .iter()
                .map(|rollback| picture::lane(rollback, self.now))
                .collect(),
            undrawn: overview.rollbacks.len() - drawn.len(),
        }
    }
}

/// The name of a file about an incident: one about a drill says that first.
pub fn of_drill(incident: IncidentId, name: String) -> String {
    match incident.drill() {
        Some(_) => format!("{WATERMARK}-{name}"),
        None => name,
    }
}

/// The rollbacks that are drawn.
fn drawn(pages: &Pages, overview: &Overview) -> Vec<Rollback> {
    let drawn = overview.rollbacks.iter().take(DRAWN_AT_MOST);
    drawn.filter_map(|id| pages.rollback(*id)).collect()
}

/// Where the chain of the entries ends, to be compared; empty where none carries a hash.
fn head_line(pages: &Pages) -> String {
    match &pages.head {
        Some(Head { seq, hash }) => format!("entry {seq}, {}", hash.0),
        None => String::new(),
    }
}

/// The name of the file of a format, after its stem.
pub fn extension(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Markdown => "md",
        ExportFormat::Json => "json",
        ExportFormat::Csv => "csv",
        ExportFormat::Html => "html",
    }
}

/// Counts what is written, takes no more than Slack does, and remembers what went wrong.
struct Bounded<W> {
    out: W,
    at_most: u64,
    bytes: u64,
    failed: Option<Unwritten>,
}

impl<W: Write> Bounded<W> {
    fn new(out: W, at_most: u64) -> Self {
        Self {
            out,
            at_most,
            bytes: 0,
            failed: None,
        }
    }

    /// Notes what is wrong, and returns it as the error of the write.
    fn fail(&mut self, unwritten: Unwritten) -> io::Error {
        let error = io::Error::other(unwritten.to_string());
        self.failed.get_or_insert(unwritten);
        error
    }
}

impl Bounded<BufWriter<File>> {
    /// The file, if all of it is in it.
    fn end(mut self) -> Result<File, Unwritten> {
        match self.failed.take() {
            Some(unwritten) => Err(unwritten),
            None => Ok(self
                .out
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?),
        }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes + bytes.len() as u64 > self.at_most {
            return Err(self.fail(Unwritten::TooLarge));
        }
        match self.out.write(bytes) {
            Ok(n) => {
                self.bytes += n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(Unwritten::Disk(error))),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
