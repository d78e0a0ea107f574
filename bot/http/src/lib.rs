//! Requests to services that we do not run, and what can be said of their answers.
//!
//! Everything that this bot asks over HTTP is asked through [`send`]: platforms, Slack, PagerDuty,
//! and the services that are looked at from outside. It takes a time limit, so nobody is waited
//! for without end; bodies are read up to a limit, so nobody fills the memory; and when there is
//! no answer, [`Lost`] says whether something may have been done.

mod cause;
mod json;
mod text;
mod wait;

pub use cause::cause;
pub use json::{NotJson, json};
pub use text::{cut, cut_utf16, is_invisible, one_line};
pub use wait::{WAIT_AT_LEAST, WAIT_AT_MOST, retry_after, wait_in, wait_until};

use reqwest::{RequestBuilder, Response, StatusCode, Upgraded, header::HeaderMap};
use std::{error::Error, fmt, ops::Deref, time::Duration};

/// Sends a request, once. The time limit is for all of it, from connecting to the last byte of the
/// body. An answer of whatever status is an answer.
pub async fn send(request: RequestBuilder, within: Duration) -> Result<Answer, Lost> {
    let (client, request) = request.timeout(within).build_split();
    let request = request.map_err(|error| Lost::of(error, within))?;
    let url = request.url().clone();
    let response = client.execute(request).await;
    let response = response.map_err(|error| Lost::of(error, within))?;
    // A client that follows redirects turns a request to change something into a read.
    if *response.url() != url {
        return Err(Lost::Silent(Silence::SentOn));
    }
    Ok(Answer { response, within })
}

/// An answer whose status and headers are there; its body is still to be read.
#[derive(Debug)]
pub struct Answer {
    response: Response,
    within: Duration,
}

impl Answer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The connection itself, once the other side has agreed (101) to speak something else on it.
    /// From then on no time limit holds.
    pub async fn connection(self) -> Result<Upgraded, Lost> {
        let upgraded = self.response.upgrade().await;
        upgraded.map_err(|error| Lost::of(error, self.within))
    }

    /// The whole body, if it has at most so many bytes.
    pub async fn body(self, at_most: usize) -> Result<Vec<u8>, Unread> {
        let (body, is_whole) = self.read(at_most).await.map_err(Unread::Lost)?;
        match is_whole {
            true => Ok(body),
            false => Err(Unread::TooLarge { at_most }),
        }
    }

    /// The first bytes of the body, at most so many.
    pub async fn start_of_body(self, at_most: usize) -> Result<Vec<u8>, Lost> {
        let (body, _) = self.read(at_most).await?;
        Ok(body)
    }

    /// The last bytes of the body, at most so many: all of it is read, and the rest is let go.
    pub async fn end_of_body(mut self, at_most: usize) -> Result<Vec<u8>, Lost> {
        let mut end = vec![];
        while let Some(chunk) = self.chunk().await? {
            end.extend_from_slice(&chunk);
            let too_many = end.len().saturating_sub(at_most);
            end.drain(..too_many);
        }
        Ok(end)
    }

    /// As much of the body as there may be, and whether that is all of it.
    async fn read(mut self, at_most: usize) -> Result<(Vec<u8>, bool), Lost> {
        let mut body = vec![];
        loop {
            match self.chunk().await? {
                None => return Ok((body, true)),
                Some(chunk) if chunk.len() <= at_most - body.len() => {
                    body.extend_from_slice(&chunk)
                }
                Some(chunk) => {
                    let fits = at_most - body.len();
                    body.extend_from_slice(&chunk[..fits]);
                    return Ok((body, false));
                }
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<impl Deref<Target = [u8]>>, Lost> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|error| Lost::of(error, self.within))
    }
}

/// Why there is no answer, or only a part of it. As a clause: `{}` is short, `{:#}` also says how a
/// connection broke. Neither has the address, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The request could not be made of its parts: nothing was sent, and nothing ever will be.
    Unsent,
    /// There was no connection: nothing was sent.
    Unreachable {
        /// Why not, as a clause.
        cause: String,
    },
    /// It may have arrived, and may have been done.
    Silent(Silence),
}

/// How an answer stayed away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It did not come, or not as a whole, within this time.
    TimedOut(Duration),
    /// The connection broke.
    Broke {
        /// What the system says about it, on one line.
        cause: String,
    },
    /// The request was sent on to another address.
    SentOn,
}

impl Lost {
    fn of(error: reqwest::Error, within: Duration) -> Self {
        if error.is_builder() {
            return Lost::Unsent;
        }
        let (is_connect, is_timeout) = (error.is_connect(), error.is_timeout());
        let cause = cause(&error.without_url());
        match (is_connect, is_timeout) {
            (true, _) => Lost::Unreachable { cause },
            (false, true) => Lost::Silent(Silence::TimedOut(within)),
            (false, false) => Lost::Silent(Silence::Broke { cause }),
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Unsent => f.write_str("its address or its token cannot be sent"),
            Lost::Unreachable { cause } => write!(f, "no connection ({cause})"),
            Lost::Silent(silence) => silence.fmt(f),
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silence::TimedOut(within) if f.alternate() => {
                write!(f, "it timed out after {} s", within.as_secs_f32())
            }
            Silence::TimedOut(_) => f.write_str("it timed out"),
            Silence::Broke { cause } if f.alternate() => {
                write!(f, "the connection broke ({cause})")
            }
            Silence::Broke { .. } => f.write_str("the connection broke"),
            Silence::SentOn => f.write_str("it was sent on to another address"),
        }
    }
}

impl Error for Lost {}

/// Why there is no whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is larger than it may be.
    TooLarge {
        /// How many bytes it may have.
        at_most: usize,
    },
    /// It did not come to its end.
    Lost(Lost),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::TooLarge { at_most } => {
                write!(f, "it is larger than {} MiB", at_most / 1024 / 1024)
            }
            Unread::Lost(lost) => lost.fmt(f),
        }
    }
}

impl Error for Unread {}

#[cfg(test)]
mod tests;
