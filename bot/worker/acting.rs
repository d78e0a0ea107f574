//! Somebody who acts: who they are, and what their roles are, is read for this.

use super::{
    last_known::{self, membership_by},
    retry::{PATIENCE, backoff},
};
use crate::{
    App,
    engine::Error,
    roster,
    slack::Failure,
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
        let (membership, (roster, read)) =
            tokio::join!(membership_by(app, by), roster::read(app, roles));
        let (membership, by, last_read) = match membership? {
            Ok(read) => read,
            Err(failure) if lease.attempt < PATIENCE && !matches!(failure, Failure::Never(_)) => {
                let at = backoff(app, lease.attempt - 1);
                return Ok(Err(Next::Retry(at, failure.to_string())));
            }
            Err(failure) => {
                let membership = Membership::Unreadable(failure.to_string());
                (membership, by.clone(), None)
            }
        };
        let (roster, named) = last_known::roster(app, roster, &by, last_read).await?;
        Ok(Ok(Self {
            last_known: last_known::clause(last_read, &named),
            by,
            membership,
            roster,
            read,
        }))
    }
}
