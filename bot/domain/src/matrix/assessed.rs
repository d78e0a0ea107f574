//! What the matrix has said of a service, with what that was based on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Advice;
use crate::{identity::ServiceKey, incident::IncidentFact};

/// What the matrix said of a service at one moment, with what that was based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessed {
    /// When.
    pub at: Timestamp,
    /// What people and the platform say, a clause each; empty: nothing.
    pub known: Vec<String>,
    /// What was measured, a clause each, with what could not be measured; empty: nothing is.
    pub measured: Vec<String>,
    /// What the matrix advises; `None`: no row fits, or too little was known.
    pub advice: Option<Advice>,
    /// The row that decided, by its name; `None` where there is no advice.
    pub row: Option<String>,
    /// Until when that is to be decided; `None`: the row names no time.
    pub decide_by: Option<Timestamp>,
    /// What speaks against going back, a clause each; empty: nothing that is known.
    pub against: Vec<String>,
    /// Whether more could be known that would change it.
    pub is_open: bool,
}

impl Assessed {
    /// The same for the timeline.
    pub fn fact(&self, service: &ServiceKey) -> IncidentFact {
        let Assessed {
            at: _,
            known,
            measured,
            advice,
            row,
            decide_by,
            against,
            is_open: _,
        } = self.clone();
        IncidentFact::Assessed {
            service: service.clone(),
            known,
            measured,
            advice,
            row,
            decide_by,
            against,
        }
    }
}
