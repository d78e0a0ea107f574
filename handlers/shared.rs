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
use crate::{App, engine::Error, store::within};
use rollback_domain::refusal::Refusal;
use std::{
    collections::HashMap,
    hash::Hash,
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

/// Reads that are under way, and who waits for the next one of each.
#[derive(Debug)]
pub struct Reads<K = Read, V = Answer>(Arc<Mutex<Waiting<K, V>>>);

type Waiting<K, V> = HashMap<K, Vec<oneshot::Sender<V>>>;

impl<K, V> Default for Reads<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Reads<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    fn inside<T>(&self, change: impl FnOnce(&mut Waiting<K, V>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `read` gives of `key`, begun after this was called; `None` when it panicked.
    async fn share<F, R>(&self, key: K, read: F) -> Option<V>
    where
        F: Fn(K) -> R + Send + 'static,
        R: Future<Output = V> + Send,
    {
        let (tell, told) = oneshot::channel();
        let first = self.inside(|reads| match reads.get_mut(&key) {
            Some(waiting) => {
                waiting.push(tell);
                false
            }
            None => {
                reads.insert(key.clone(), vec![tell]);
                true
            }
        });
        if first {
            // On its own: whoever came first may hang up, and the others still get their answers.
            let reading = Reading {
                reads: Reads(self.0.clone()),
                key,
            };
            tokio::spawn(async move {
                loop {
                    let waiting = reading.next();
                    if waiting.is_empty() {
                        return;
                    }
                    let value = read(reading.key.clone()).await;
                    for tell in waiting {
                        let _ = tell.send(value.clone());
                    }
                }
            });
        }
        told.await.ok()
    }
}

/// A read that is under way; forgotten however it ends, by a panic too.
struct Reading<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    reads: Reads<K, V>,
    key: K,
}

impl<K, V> Reading<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Those for whom the next read is; nobody: it is under way no more.
    fn next(&self) -> Vec<oneshot::Sender<V>> {
        self.reads.inside(|reads| {
            let waiting = reads
                .get_mut(&self.key)
                .map(std::mem::take)
                .unwrap_or_default();
            if waiting.is_empty() {
                reads.remove(&self.key);
            }
            waiting
        })
    }
}

impl<K, V> Drop for Reading<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.reads.inside(|reads| reads.remove(&self.key));
        }
    }
}

/// What a read gives now.
pub async fn answer(app: &App, read: Read) -> Answer {
    let bot = app.clone();
    let perform = move |read: Read| {
        let app = bot.clone();
        async move {
            match within(perform(&app, &read)).await {
                Ok(Answer::Whisper(words)) => Answer::Shared(Arc::new(Rendered::from(words))),
                Ok(answer) => answer,
                Err(error) => {
                    tracing::error!(%error, ?read, "the record could not be read");
                    busy()
                }
            }
        }
    };
    app.reads.share(read, perform).await.unwrap_or_else(busy)
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

#[cfg(test)]
mod tests;
