//! Any platform with an API over HTTP that lists releases and goes to one of them.
//!
//! A request is a method, a path, a query, headers and a JSON body; a placeholder is escaped for
//! the place at which it stands. No redirect is followed. The statuses that are listed mean
//! accepted, refused or busy; any other answer to a change, and none at all, says nothing of what
//! was done. Secrets are sent in headers and nowhere else.

mod request;

use crate::{
    configured::settings,
    registry::{Documentation, Kind},
};
use request::Request;
use rollback_domain::risk::Risk;
use std::sync::Arc;

/// APIs over HTTP, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "http",
    class: Risk::Code,
    documentation: Documentation {
        restores: "What `restores` says, or the preset.",
        leaves: "What `leaves` says, or the preset.",
        pins: "What `pin`, `unpin` and `pinned` say, or the preset; without them nothing is held off.",
        needs: "An API that lists releases, says what serves, and goes to one of them; a token for it.",
        takes: "As long as the platform; `serve_within` says how long is normal.",
        proven: "A stateful fake over real HTTP that cuts, floods and refuses, and every preset against one that answers as the platform does.",
        traps: &[
            "No redirect is followed: api_url must be the final address.",
            "The first page of a list is read; ask for as many releases as the API gives at once.",
        ],
    },
    read: |section| Some(Arc::new(settings::read::<Request>(section, KIND.name)?)),
};

#[cfg(test)]
mod tests;
