//! Somebody who acts: who they are, and what their roles are, is read for this.

use super::{
    last_known::{self, membership_by},
    retry::{after_named, after_unread},
};
use crate::{
    App,
    engine::Error,
    roster,
    store::jobs::{Lease, Next},
};
use rollback_domain::{
    authority::{Found, Roster, Source as RoleSource},
    people::{Membership, Person},
};

/// Somebody who acts, as they were read for this.
pub(super) struct Acting {
    pub(super) by: Person,
    pub(super) membership: Membership,
    pub(super) roster: Roster,
    /// What each source of roles said, to be remembered.
    pub(super) read: Vec<(RoleSource, Found)>,
    /// What was not read now but is known from an earlier reading, as a clause; `None`: everything
    /// was read now.
    pub(super) last_known: Option<String>,
}

impl Acting {
    /// Reads who somebody is and who is in these roles; otherwise when it is tried
    /// again.
    pub(super) async fn read(
        app: &App,
        lease: &Lease,
        by: &Person,
        roles: &[&str],
    ) -> Result<Result<Self, Next>, Error> {
        let (membership, mut reading) = tokio::join!(
            membership_by(app, lease, by),
            roster::read_first(app, roles)
        );
        let (membership, by, last_read) = match membership? {
            Ok(read) => read,
            Err(failure) => match after_unread(app, lease, &failure) {
                Some(next) => return Ok(Err(next)),
                None => {
                    let membership = Membership::Unreadable(failure.to_string());
                    (membership, by.clone(), None)
                }
            },
        };
        reading.recognise(&app.slack, &by.id);
        // Where Slack is silent, what was last read is what counts, and nothing is waited for.
        if last_read.is_none()
            && let Some((wait, why)) = reading.wait_for(roles, &by.id)
            && let Some(next) = after_named(app, lease, wait, why)
        {
            return Ok(Err(next));
        }
        let (roster, named) = last_known::roster(app, reading.roster, &by, last_read).await?;
        Ok(Ok(Self {
            last_known: last_known::clause(last_read, &named),
            by,
            membership,
            roster,
            read: reading.found,
        }))
    }
}
