//! A timeline as a file: written page by page, so that a long one takes no more memory than a
//! short one.

use crate::{
    App,
    messages::{Line, Names, Timeline},
    store::{
        Db,
        timelines::{self, End},
    },
};
use jiff::Timestamp;
use minijinja::{
    Value,
    value::{Enumerator, Object, ObjectRepr, Serde},
};
use rollback_domain::{
    identity::IncidentId,
    incident::{
        Actor, Entry,
        chain::{ChainedEvent, Head},
    },
    job::Format,
};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap, SerializeSeq},
};
use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Seek, Write},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{runtime::Handle, task::spawn_blocking};

/// The largest file that Slack takes, in bytes (Slack's documentation: 1 GB).
const FILE_AT_MOST: u64 = 1_000_000_000;
/// How many entries are in memory at once.
const PAGE: usize = 1_000;

/// A timeline in a file that has no name, and is gone when it is closed.
#[derive(Debug)]
pub(super) struct Written {
    /// The file, at its beginning.
    pub(super) file: File,
    /// Its size.
    pub(super) bytes: u64,
    /// How many entries are in it.
    pub(super) entries: usize,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwritten {
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

/// Writes what an incident's timeline has now.
pub(super) async fn write(
    app: &App,
    incident: IncidentId,
    channel: &str,
    format: Format,
    now: Timestamp,
) -> Result<Written, Unwritten> {
    let db = app.engine.db.clone();
    // What is written down from here on is not in it.
    let End { entries, head } = timelines::end(&db, incident).await?;
    let pages = Arc::new(Pages {
        db,
        runtime: Handle::current(),
        incident,
        entries: usize::try_from(entries).unwrap_or(0),
        page: Mutex::default(),
        failed: Mutex::default(),
    });
    let templates = app.templates.clone();
    let channel = channel.to_owned();
    // Templates and serialisers are not async: they wait for the database on a thread of their own.
    let written = spawn_blocking(move || {
        let mut out = Bounded::new(BufWriter::new(tempfile::tempfile()?), FILE_AT_MOST);
        let rendered = match format {
            Format::Markdown => {
                let names = Arc::new(pages.names());
                let lines = Lines {
                    pages: pages.clone(),
                    names,
                };
                let timeline = Timeline {
                    incident: incident.to_string(),
                    channel,
                    exported_at: crate::messages::stamp(now),
                    count: pages.entries,
                    entries: Value::from_object(lines),
                };
                templates.timeline(timeline, &mut out)
            }
            Format::Json => {
                let document = Document {
                    incident: incident.to_string(),
                    channel,
                    exported_at: now,
                    entries: &pages,
                    head,
                };
                serde_json::to_writer_pretty(&mut out, &document).map_err(anyhow::Error::from)
            }
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
        })
    });
    written
        .await
        .unwrap_or_else(|panic| Err(Unwritten::Template(panic.into())))
}

/// The entries of an incident, one page of which is in memory. Numbers have no holes, so the page
/// of each is known.
struct Pages {
    db: Db,
    runtime: Handle,
    incident: IncidentId,
    /// How many there are.
    entries: usize,
    page: Mutex<Page>,
    /// What the database failed with: neither templates nor serialisers carry it.
    failed: Mutex<Option<sqlx::Error>>,
}

/// Entries that follow each other.
#[derive(Default)]
struct Page {
    /// The place of the first, from 0.
    first: usize,
    entries: Vec<ChainedEvent>,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("incident", &self.incident)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

impl Pages {
    /// What `look` makes of the entry at `place`, from 0; `None`: there is none, or the database
    /// failed.
    fn at<T>(&self, place: usize, look: impl FnOnce(&ChainedEvent) -> T) -> Option<T> {
        if place >= self.entries {
            return None;
        }
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let first = place / PAGE * PAGE;
        if page.first != first || page.entries.is_empty() {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if failed.is_some() {
                return None;
            }
            // Before the next ones are read, so that there are never two pages.
            *page = Page::default();
            let size = PAGE.min(self.entries - first);
            let read = timelines::chained(&self.db, self.incident, first as i64, size as i64);
            match self.runtime.block_on(read) {
                Ok(entries) => *page = Page { first, entries },
                Err(error) => {
                    *failed = Some(error);
                    return None;
                }
            }
        }
        page.entries.get(place - first).map(look)
    }

    /// The entry at `place`, from 0; `None`: there is none, or it cannot be read.
    fn entry(&self, place: usize) -> Option<Entry> {
        let read = self.at(place, ChainedEvent::entry)?;
        let unread = |error: serde_json::Error| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(sqlx::Error::Decode(Box::new(error)));
        };
        read.map_err(unread).ok()
    }

    /// What everybody is called who did something, by their id.
    fn names(&self) -> Names {
        let mut names = Names::new();
        for place in 0..self.entries {
            let person = match self.entry(place).map(|entry| entry.event.who) {
                Some(Actor::Person(person)) => Some((person.id, person.name)),
                Some(Actor::Bot | Actor::Platform(_)) | None => None,
            };
            names.extend(person);
        }
        names
    }

    fn failed(&self) -> Option<sqlx::Error> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }
}

/// The entries as the template knows them: a list, each line of which is made when it is asked for.
#[derive(Debug)]
struct Lines {
    pages: Arc<Pages>,
    names: Arc<Names>,
}

impl Object for Lines {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, place: &Value) -> Option<Value> {
        let place = place.as_usize()?;
        let entry = self.pages.entry(place)?;
        Some(Value::from(Serde(&Line::of(&entry, &self.names))))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.pages.entries)
    }
}

/// The file for machines. Its keys, and those of each entry, are in the order of the alphabet.
struct Document<'a> {
    incident: String,
    channel: String,
    exported_at: Timestamp,
    entries: &'a Pages,
    head: Option<Head>,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(Some(5))?;
        document.serialize_entry("channel", &self.channel)?;
        document.serialize_entry("entries", self.entries)?;
        document.serialize_entry("exported_at", &self.exported_at)?;
        let head = serde_json::to_value(&self.head).map_err(S::Error::custom)?;
        document.serialize_entry("head", &head)?;
        document.serialize_entry("incident", &self.incident)?;
        document.end()
    }
}

impl Serialize for Pages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.entries))?;
        for place in 0..self.entries {
            // As a value, which sorts the keys.
            let entry = self
                .at(place, |entry| serde_json::to_value(entry))
                .ok_or_else(|| S::Error::custom("an entry cannot be read"))?
                .map_err(S::Error::custom)?;
            list.serialize_element(&entry)?;
        }
        list.end()
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
