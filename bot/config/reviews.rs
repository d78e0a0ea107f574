//! `[reviews]`: how long a review of what is configured holds, and who is told when one is due.

use super::{Config, DAY, values::member};
use rollback_domain::procedure::{LastReviews, Procedure, ReviewDate};
use rollback_settings::{Section, duration};
use std::time::Duration;

/// How long a review holds, and who is told when one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviews {
    /// How long a review holds; `None`: none is ever due.
    pub every: Option<Duration>,
    /// The Slack id of the person who sees to what has no owner of its own; `None`: nobody by name.
    pub owner: Option<String>,
}

/// Reads the section, which may be missing.
pub(super) fn reviews(section: &Section<'_>) -> Reviews {
    let every = section.optional("every", duration(7 * DAY..=730 * DAY));
    let owner = section.optional("owner", member);
    section.done();
    Reviews { every, owner }
}

impl Config {
    /// Everything in it that goes stale by itself: services, roles, contacts, the decision matrix.
    pub fn procedures(&self) -> Vec<Procedure> {
        let services = self.services.iter();
        let services = services.map(|service| Procedure::Service(service.key.clone()));
        let roles = self.roles.keys().cloned().map(Procedure::Role);
        let contacts = (!self.contacts.is_empty()).then_some(Procedure::Contacts);
        let matrix = (!self.matrix.is_empty()).then_some(Procedure::Matrix);
        services
            .chain(roles)
            .chain(contacts)
            .chain(matrix)
            .collect()
    }

    /// The Slack id of the person who sees to it; `None`: nobody by name.
    pub fn owner_of(&self, procedure: &Procedure) -> Option<&str> {
        let own = match procedure {
            Procedure::Service(key) => self.service(key).and_then(|one| one.owner.as_ref()),
            Procedure::Role(_) | Procedure::Contacts | Procedure::Matrix => None,
        };
        own.or(self.reviews.owner.as_ref()).map(String::as_str)
    }

    /// When something was reviewed, and for how long that holds; `None`: no review is ever due.
    pub fn review_date(&self, procedure: &Procedure, last: &LastReviews) -> Option<ReviewDate> {
        Some(ReviewDate {
            last: last.get(&procedure.typed()).cloned(),
            every: self.reviews.every?,
        })
    }

    /// The channel in which it is told what people have to see to; `None`: there is none.
    pub fn upkeep_channel(&self) -> Option<&str> {
        let configured = self.canary.channel.iter().chain(&self.api.channel);
        let first = configured.chain(&self.announce.every).next();
        first.map(String::as_str)
    }
}
