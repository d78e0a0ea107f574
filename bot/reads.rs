//! Reads of the record that several people want at the same moment are done once.
//!
//! The person who comes while a read is under way shares the next one, so that nobody is answered with
//! what was read before they asked: as fresh as a read of one's own, and under load a small part
//! of the work.

use rollback_domain::grammar::Request;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// What makes two reads the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Read {
    request: Request,
    /// The channel whose view of the record it is; `None` if every channel sees the same.
    channel: Option<String>,
}

impl Read {
    /// A read that shows the same in every channel.
    pub(crate) fn everywhere(request: Request) -> Self {
        Read {
            request,
            channel: None,
        }
    }

    /// A read that shows what may be seen in a channel.
    pub(crate) fn in_channel(request: Request, channel: &str) -> Self {
        Read {
            request,
            channel: Some(channel.to_owned()),
        }
    }
}

/// Reads that are under way, and who waits for the next one of each.
#[derive(Debug)]
pub struct Reads<K, V>(Arc<Mutex<Waiting<K, V>>>);

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
    pub(crate) async fn share<F, R>(&self, key: K, read: F) -> Option<V>
    where
        F: Fn(K) -> R + Send + 'static,
        R: Future<Output = V> + Send,
    {
        let (sender, receiver) = oneshot::channel();
        let first = self.inside(|reads| match reads.get_mut(&key) {
            Some(waiting) => {
                waiting.push(sender);
                false
            }
            None => {
                reads.insert(key.clone(), vec![sender]);
                true
            }
        });
        if first {
            // On its own: the person who came first may hang up, and the others still get their answers.
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
                    for sender in waiting {
                        let _ = sender.send(value.clone());
                    }
                }
            });
        }
        receiver.await.ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// Reads that end when they are let: each gives how many had begun before it.
    fn gated() -> (Reads<&'static str, usize>, Arc<Semaphore>, Arc<AtomicUsize>) {
        (
            Reads::default(),
            Arc::new(Semaphore::new(0)),
            Arc::new(AtomicUsize::new(0)),
        )
    }

    #[tokio::test]
    async fn whoever_comes_while_it_is_read_gets_the_next_read_and_shares_it() {
        let (reads, gate, begun) = gated();
        let share = || {
            let (reads, gate, begun) = (Reads(reads.0.clone()), gate.clone(), begun.clone());
            tokio::spawn(async move {
                let read = move |_| {
                    let (gate, n) = (gate.clone(), begun.fetch_add(1, Ordering::SeqCst));
                    async move {
                        gate.acquire().await.unwrap().forget();
                        n
                    }
                };
                reads.share("board", read).await
            })
        };
        let first = share();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let (second, third) = (share(), share());
        while reads.inside(|reads| reads["board"].len()) < 2 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Some(0));
        assert_eq!(second.await.unwrap(), Some(1));
        assert_eq!(third.await.unwrap(), Some(1));
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        while !reads.inside(|reads| reads.is_empty()) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_read_that_panics_leaves_nothing_behind() {
        let (reads, _, _) = gated();
        let broken = reads.share("board", |_| async { panic!("cannot read") });
        assert_eq!(broken.await, None);
        assert!(reads.inside(|reads| reads.is_empty()));
        assert_eq!(reads.share("board", |_| async { 7 }).await, Some(7));
    }
}
