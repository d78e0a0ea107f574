//! The entries of an incident, read page by page.

use super::stats::{self, Stats};
use crate::{
    messages::{Line, Names},
    store::{
        Db, actions, checklists, rollbacks,
        timelines::{self, End},
    },
};
use jiff::Timestamp;
use minijinja::{
    Value,
    value::{Enumerator, Object, ObjectRepr, Serde},
};
use rollback_domain::{
    action::ActionItem,
    checklist::Checklist,
    identity::{IncidentId, RollbackId},
    incident::{
        Actor, Course, Entry, Fact, IncidentFact,
        chain::{ChainedEvent, Head},
    },
    post_mortem::Field,
    rollback::Rollback,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::runtime::Handle;

/// How many entries are in memory at once.
const PAGE: usize = 1_000;
/// How much is kept of what people said of one field of the post-mortem.
const SAID_AT_MOST: usize = 20;

/// The entries of an incident, one page of which is in memory. Numbers have no holes, so the page
/// of each is known.
pub(super) struct Pages {
    db: Db,
    runtime: Handle,
    incident: IncidentId,
    /// How many there are.
    pub(super) entries: usize,
    /// The head of their chain; `None`: none of them carries a hash.
    pub(super) head: Option<Head>,
    /// What people have decided about the incident.
    pub(super) course: Course,
    /// What is to be done after the incident.
    pub(super) actions: Vec<ActionItem>,
    /// The checklists of its rollbacks.
    pub(super) checklists: Vec<Checklist>,
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

/// What all entries together say.
#[derive(Debug, Default)]
pub(super) struct Overview {
    /// What everybody is called who did something, by their id.
    pub(super) names: Names,
    /// The rollbacks that entries belong to, in the order of their numbers.
    pub(super) rollbacks: BTreeSet<RollbackId>,
    /// What people said for the post-mortem, by field, in the order in which they said it.
    pub(super) fields: BTreeMap<Field, Vec<Said>>,
    /// When the earliest thing happened; `None`: nothing did.
    pub(super) first_at: Option<Timestamp>,
    /// When the latest thing happened; `None`: nothing did.
    pub(super) last_at: Option<Timestamp>,
}

/// What somebody said of a field of the post-mortem.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) who: String,
    pub(super) at: Timestamp,
    pub(super) text: String,
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
    /// The pages of what an incident's timeline has now. Reading them waits for the database, so
    /// that is done on a thread of its own.
    pub(super) async fn open(db: Db, incident: IncidentId) -> sqlx::Result<Self> {
        let found = timelines::find(&db, incident).await?;
        let actions = actions::of_incident(&db, incident).await?;
        let checklists = checklists::of_incident(&db, incident).await?;
        let End { entries, head } = timelines::end(&db, incident).await?;
        Ok(Pages {
            db,
            runtime: Handle::current(),
            incident,
            entries: usize::try_from(entries).unwrap_or(0),
            head,
            actions,
            checklists,
            course: found.map(|incident| incident.course).unwrap_or_default(),
            page: Mutex::default(),
            failed: Mutex::default(),
        })
    }

    /// What `look` makes of the entry at `place`, from 0; `None`: there is none, or the database
    /// failed.
    pub(super) fn at<T>(&self, place: usize, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        let entry = self.chained(place, ChainedEvent::entry)?;
        match entry {
            Ok(entry) => Some(look(&entry)),
            Err(error) => {
                let error = sqlx::Error::Decode(error.into());
                self.read(std::future::ready(Err(error)))
            }
        }
    }

    /// The same with its place in the chain.
    pub(super) fn chained<T>(
        &self,
        place: usize,
        look: impl FnOnce(&ChainedEvent) -> T,
    ) -> Option<T> {
        if place >= self.entries {
            return None;
        }
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let first = place / PAGE * PAGE;
        if page.first != first || page.entries.is_empty() {
            // Before the next ones are read, so that there are never two pages.
            *page = Page::default();
            let size = PAGE.min(self.entries - first);
            let read = timelines::chained(&self.db, self.incident, first as i64, size as i64);
            let entries = self.read(read)?;
            *page = Page { first, entries };
        }
        page.entries.get(place - first).map(look)
    }

    /// A rollback of the incident, as it is stored now.
    pub(super) fn rollback(&self, id: RollbackId) -> Option<Rollback> {
        self.read(rollbacks::get(&self.db, id)).flatten()
    }

    /// How services were rolled back lately.
    pub(super) fn stats(&self, now: Timestamp) -> Option<Stats> {
        // What a severity leaves is in the configuration, which a file of the record does not have.
        self.read(stats::read(&self.db, now, &BTreeMap::new()))
    }

    /// Waits for what is read; `None`: the database failed, now or before.
    fn read<T>(&self, reading: impl Future<Output = sqlx::Result<T>>) -> Option<T> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            return None;
        }
        match self.runtime.block_on(reading) {
            Ok(read) => Some(read),
            Err(error) => {
                *failed = Some(error);
                None
            }
        }
    }

    /// Reads every entry once for what all of them say.
    pub(super) fn overview(&self) -> Overview {
        let mut overview = Overview::default();
        for place in 0..self.entries {
            let read = self.at(place, |entry| overview.add(entry));
            if read.is_none() {
                break;
            }
        }
        overview
    }

    /// What the database failed with, if it did.
    pub(super) fn failed(&self) -> Option<sqlx::Error> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }
}

impl Overview {
    fn add(&mut self, entry: &Entry) {
        let event = &entry.event;
        match &event.who {
            Actor::Person(person) => {
                self.names.insert(person.id.clone(), person.name.clone());
            }
            Actor::Bot | Actor::Platform(_) => {}
        }
        self.rollbacks.extend(event.rollback);
        if let Fact::Incident(IncidentFact::Note { text }) = &event.fact
            && let Some((field, text)) = Field::of(text)
        {
            let said = self.fields.entry(field).or_default();
            if said.len() < SAID_AT_MOST {
                said.push(Said {
                    who: event.who.to_string(),
                    at: event.at,
                    text: text.to_owned(),
                });
            }
        }
        self.first_at = Some(self.first_at.map_or(event.at, |first| first.min(event.at)));
        self.last_at = self.last_at.max(Some(event.at));
    }
}

/// The entries as a template knows them: a list, each line of which is made when it is asked for.
pub(super) struct Lines {
    pub(super) pages: Arc<Pages>,
    pub(super) names: Names,
    /// How every text is written.
    pub(super) written: fn(&str) -> String,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

impl Object for Lines {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, place: &Value) -> Option<Value> {
        let place = place.as_usize()?;
        let line = self
            .pages
            .at(place, |entry| Line::of(entry, &self.names, self.written))?;
        Some(Value::from(Serde(&line)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.pages.entries)
    }
}
