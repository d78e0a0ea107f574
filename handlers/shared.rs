//! Reads that several people want at the same moment are read once.
//!
//! Whoever comes while a read is under way shares the next one, so that nobody is answered with
//! what was read before they asked: as fresh as a read of one's own, and under load a small part
//! of the work.

use super::{
    answer::{Answer, Rendered},
    command::refuse,
    says,
};
use crate::{App, engine::Error};
use rollback_domain::refusal::Refusal;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// What can be read from the record alone, by everybody alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// Services, what is live, and what is open.
    Board,
    /// What is open.
    Open,
    /// Where a rollback stands.
    Rollback {
        /// Where it is asked.
        channel: String,
        /// Its number.
        id: u64,
    },
    /// Where a service stands.
    Service {
        /// Where it is asked.
        channel: String,
        /// Its name.
        service: String,
        /// Its environment.
        environment: String,
    },
    /// The last entries of a channel's timeline.
    Timeline {
        /// The channel.
        channel: String,
    },
    /// Where automatic deploys are held off.
    Pins,
}

/// Reads that are under way, and who waits for the next one.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<Mutex<HashMap<Read, Vec<oneshot::Sender<Answer>>>>>);

impl Reads {
    fn inside<T>(
        &self,
        change: impl FnOnce(&mut HashMap<Read, Vec<oneshot::Sender<Answer>>>) -> T,
    ) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those for whom the next read is; nobody: it is under way no more.
    fn next(&self, read: &Read) -> Vec<oneshot::Sender<Answer>> {
        self.inside(|reads| {
            let waiting = reads.get_mut(read).map(std::mem::take).unwrap_or_default();
            if waiting.is_empty() {
                reads.remove(read);
            }
            waiting
        })
    }
}

/// What a read gives now.
pub async fn answer(app: &App, read: Read) -> Answer {
    let (tell, told) = oneshot::channel();
    let first = app.reads.inside(|reads| match reads.get_mut(&read) {
        Some(waiting) => {
            waiting.push(tell);
            false
        }
        None => {
            reads.insert(read.clone(), vec![tell]);
            true
        }
    });
    if first {
        // On its own: whoever came first may hang up, and the others still get their answers.
        let app = app.clone();
        tokio::spawn(serve(Serving { app, read }));
    }
    told.await.unwrap_or_else(|_| busy())
}

/// A read that is under way; forgotten however it ends, by a panic too.
struct Serving {
    app: App,
    read: Read,
}

impl Drop for Serving {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.app.reads.inside(|reads| reads.remove(&self.read));
        }
    }
}

async fn serve(serving: Serving) {
    let Serving { app, read } = &serving;
    loop {
        let waiting = app.reads.next(read);
        if waiting.is_empty() {
            return;
        }
        let answer = match perform(app, read).await {
            Ok(Answer::Whisper(words)) => Answer::Shared(Arc::new(Rendered::from(words))),
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, ?read, "the record could not be read");
                busy()
            }
        };
        for tell in waiting {
            let _ = tell.send(answer.clone());
        }
    }
}

fn busy() -> Answer {
    refuse(&Refusal::Busy {
        why: "the database does not answer".into(),
    })
}

/// One `match`, one function each.
async fn perform(app: &App, read: &Read) -> Result<Answer, Error> {
    match read {
        Read::Board => says::board(app).await,
        Read::Open => says::open_rollbacks(app).await,
        Read::Rollback { channel, id } => says::status(app, channel, *id).await,
        Read::Service {
            channel,
            service,
            environment,
        } => match app.config.service(service, environment) {
            Some(service) => says::status_of(app, channel, service).await,
            None => Ok(busy()),
        },
        Read::Timeline { channel } => says::timeline(app, channel).await,
        Read::Pins => says::pins(app).await,
    }
}
