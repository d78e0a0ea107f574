//! Who has a connection, and who makes room when all places are taken.

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The places of a listener.
pub(super) struct Seats {
    pub(super) room: Arc<Semaphore>,
    taken: Arc<Occupied>,
}

/// The connections that there are.
#[derive(Default)]
struct Occupied {
    connections: Mutex<Connections>,
    /// Rung when the bot has answered one of them.
    answered: Notify,
}

impl Occupied {
    fn inside(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same by their numbers.
#[derive(Default)]
struct Connections {
    /// The number of the next one.
    next: u64,
    states: HashMap<u64, State>,
}

struct State {
    /// Since when the other side is waited for; `None`: the bot works for it.
    waits_since: Option<Instant>,
    /// Rung when it is to make room.
    leave: Arc<Notify>,
}

/// The place of one connection. Clones are the same place.
#[derive(Clone)]
pub(super) struct Seat(Arc<Inner>);

struct Inner {
    number: u64,
    taken: Arc<Occupied>,
    leave: Arc<Notify>,
}

impl Seats {
    /// So many free places.
    pub(super) fn new(connections: u32) -> Self {
        Self {
            room: Arc::new(Semaphore::new(connections as usize)),
            taken: Arc::default(),
        }
    }

    /// Takes a place for a connection, which the other side is waited for from now on. When there is
    /// none, whoever has kept the bot waiting longest makes room; while it works for all of them, the
    /// first that is answered does.
    pub(super) async fn take(&self) -> (Seat, Option<OwnedSemaphorePermit>) {
        loop {
            if self.room.available_permits() == 0 && !self.make_room() {
                tokio::select! {
                    () = self.taken.answered.notified() => continue,
                    place = self.room.clone().acquire_owned() => {
                        return (Seat::new(self.taken.clone()), place.ok());
                    }
                }
            }
            let place = self.room.clone().acquire_owned().await.ok();
            return (Seat::new(self.taken.clone()), place);
        }
    }

    /// Has a connection end for which the bot does not work, and gives whether there is one.
    fn make_room(&self) -> bool {
        let mut taken = self.taken.inside();
        let waiting = taken.states.iter().filter_map(|(number, state)| {
            let since = state.waits_since?;
            Some((since, *number))
        });
        // The lowest number of those that wait equally long came first.
        let longest = waiting.min().map(|(_, number)| number);
        let Some(state) = longest.and_then(|number| taken.states.get_mut(&number)) else {
            return false;
        };
        state.waits_since = None;
        state.leave.notify_one();
        true
    }
}

impl Seat {
    fn new(taken: Arc<Occupied>) -> Self {
        let leave = Arc::new(Notify::new());
        let state = State {
            waits_since: Some(Instant::now()),
            leave: leave.clone(),
        };
        let number = {
            let mut taken = taken.inside();
            let number = taken.next;
            taken.next += 1;
            taken.states.insert(number, state);
            number
        };
        Self(Arc::new(Inner {
            number,
            taken,
            leave,
        }))
    }

    /// The bot waits for the other side from now on.
    pub(super) fn waits(&self) {
        self.set(Some(Instant::now()));
        self.0.taken.answered.notify_one();
    }

    /// The bot works for the other side from now on.
    pub(super) fn works(&self) {
        self.set(None);
    }

    /// Ends when this connection is to make room for another one.
    pub(super) async fn leave(&self) {
        self.0.leave.notified().await;
    }

    fn set(&self, waits_since: Option<Instant>) {
        if let Some(state) = self.0.taken.inside().states.get_mut(&self.0.number) {
            state.waits_since = waits_since;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.taken.inside().states.remove(&self.number);
    }
}

/// The body of a request: as long as it has not arrived as a whole, the other side is waited for.
pub(super) struct Received {
    pub(super) body: Incoming,
    pub(super) seat: Seat,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.seat.works();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
