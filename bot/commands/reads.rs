//! Answers several people with one read of the record.

use super::{Answer, Failure, Result, SharedWords};
pub(super) use crate::reads::Read;
use crate::{App, store::within};
use std::sync::Arc;

/// The answer that `perform` gives, read once for all who want it at this moment.
pub(super) async fn share<F, R>(app: &App, read: Read, perform: F) -> Answer
where
    F: Fn(App) -> R + Send + 'static,
    R: Future<Output = Result> + Send,
{
    let bot = app.clone();
    let perform = move |read: Read| {
        let answer = perform(bot.clone());
        async move {
            match within(answer).await {
                Ok(Answer::Private(words)) => Answer::Shared(Arc::new(SharedWords::from(words))),
                Ok(answer) => answer,
                Err(Failure::Refused(refusal)) => Answer::Refused(refusal),
                Err(Failure::Engine(error)) => {
                    tracing::error!(%error, ?read, "the record could not be read");
                    Answer::busy()
                }
            }
        }
    };
    let answer = app.reads.share(read, perform).await;
    answer.unwrap_or_else(Answer::busy)
}
