//! The ways in which Slack can let the app down.

use std::time::Duration;

use jiff::Timestamp;

use axum::response::Response;

use crate::Slack;
use crate::serving::drop_connection;

/// Something going wrong between the app and Slack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers 503 with Slack's HTML page.
    Outage,
    /// Answers 429.
    RateLimited {
        /// The seconds to wait, as in `Retry-After`.
        retry_after: u64,
    },
    /// Never answers; closes the connection once healed.
    Hang,
    /// Closes the connection without doing anything.
    Reset,
    /// Does what was asked, then closes the connection without saying so.
    LoseAnswer,
    /// Does what was asked, then never answers; closes the connection once healed.
    Silent,
    /// Answers `ok: false` with `internal_error`, having done nothing.
    InternalError,
    /// Answers `ok: false` with this code, having done nothing; a response url answers 404.
    Refuses(&'static str),
}

/// A fault in force.
pub(crate) struct LastingFault {
    fault: Fault,
    method: Option<String>,
    left: Option<u32>,
}

impl Slack {
    /// Puts a single fault in force for everything, or heals all.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.heal();
        if let Some(fault) = fault {
            self.fault(fault, None, None);
        }
    }

    /// Puts a fault in force, for one method only (`respond` and `upload` name the other two
    /// doors) and for a number of calls only, if given.
    pub fn fault(&self, fault: Fault, method: Option<&str>, times: Option<u32>) {
        self.change(|state| {
            state.faults.push(LastingFault {
                fault,
                method: method.map(str::to_owned),
                left: times,
            });
        });
    }

    /// Every answer of the Web API takes this long from now on, in real time.
    pub fn set_delay(&self, delay: Duration) {
        self.change(|state| state.delay = delay);
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.change(|state| state.faults.clear());
        self.inner.healed.send_modify(|times| *times += 1);
    }

    /// Remembers what the app was told by a 429; healing does not take it back.
    pub(crate) fn tell_to_wait(&self, counted: &str, now: Timestamp, seconds: u64) {
        let until = now + Duration::from_secs(seconds);
        self.change(|state| state.held.insert(counted.to_owned(), (now, until)));
    }

    /// Holds against the app what it calls before the time that it was told to wait is over. What
    /// was on its way in the moment in which it was told could not know.
    pub(crate) fn check_patience(&self, counted: &str, now: Timestamp) {
        let held = self.look(|state| state.held.get(counted).copied());
        if let Some((told, until)) = held
            && told < now
            && now < until
        {
            let left = until.duration_since(now).as_secs_f64();
            let found = format!("called {left:.1} s before Retry-After was over");
            self.keep_violations(counted, vec![found]);
        }
    }

    /// A fault that lets the call through and keeps the answer back.
    pub(crate) async fn keep_back(&self, fault: Option<Fault>) -> Option<Response> {
        match fault? {
            Fault::LoseAnswer => Some(drop_connection()),
            Fault::Silent => {
                // an error means that the workspace is gone, which ends the wait as well
                let _ = self.inner.healed.subscribe().changed().await;
                Some(drop_connection())
            }
            _ => None,
        }
    }

    /// The fault that hits this call, which uses it up by one.
    pub(crate) fn hit(&self, method: &str) -> Option<Fault> {
        self.change(|state| {
            let at = state.faults.iter().position(|standing| {
                standing.left != Some(0)
                    && standing.method.as_deref().is_none_or(|only| only == method)
            })?;
            let standing = &mut state.faults[at];
            if let Some(left) = &mut standing.left {
                *left -= 1;
            }
            Some(standing.fault)
        })
    }
}

/// The page Slack shows when it is down.
pub(crate) const OUTAGE_PAGE: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\t<meta charset=\"utf-8\">\n\t\
    <title>Server Error | Slack</title>\n</head>\n<body>\n\t<h1>Server Error</h1>\n\t\
    <p>It seems like there\u{2019}s a problem connecting to our servers, and we\u{2019}re \
    investigating the issue.</p>\n</body>\n</html>\n";
