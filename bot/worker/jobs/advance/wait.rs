//! The card is open: reminders, the escalation, the objection window, and the plan's end.

use super::{Advance, Drawn, NotRead, OnPlatform};
use crate::{
    engine::{Ended, Error, SideEffects},
    roster,
    store::{messages, rosters},
    worker::{
        audience,
        last_known::membership,
        retry::{after_pause, later},
        rollback_message::card_key,
    },
};
use jiff::Timestamp;
use rollback_domain::{authority::Roster, people::Membership, rollback::Command};
use std::time::Duration;

/// How soon it is looked again whether the card is posted.
const CARD_EVERY: Duration = Duration::from_secs(5);

impl Advance<'_> {
    /// Does what is due while the card waits for an answer. `None`: the plan's time is over and it is
    /// still waited for, so the platform is to be read again.
    pub(super) async fn wait(&self, expires_at: Timestamp) -> Result<Option<Ended>, Error> {
        let now = self.now();
        let next_look = self.rollback.next_look(&self.policy, expires_at);
        if now < next_look {
            return Ok(Some(Ended::at(next_look)));
        }
        let waiting = &self.rollback.waiting;
        if waiting.window_ends.is_some_and(|ends| ends <= now) && now < expires_at {
            return Ok(Some(self.end_window().await?));
        }
        if now < expires_at {
            let roster = Box::new(self.last_known_roster().await?);
            return Ok(Some(self.decide(Command::Waited { roster })));
        }
        let since = waiting.since.unwrap_or(now);
        let until = since.checked_add(self.policy.waits()).unwrap_or(now);
        if now < until && self.rollback.hash.is_some() {
            return Ok(None);
        }
        Ok(Some(self.decide(Command::Expire)))
    }

    /// Nobody objected in time. Whether the requester has the authority is read now.
    async fn end_window(&self) -> Result<Ended, Error> {
        let (db, rollback) = (&self.app.engine.db, &self.rollback);
        // One that was put on in the moment in which it was proposed.
        if rollback.frozen.is_none()
            && let Some(freeze) = rosters::frozen_of(db, &rollback.service).await?
        {
            let freeze = Some(freeze);
            return Ok(self.decide(Command::Froze { freeze }));
        }
        // Silence counts only if the card was visible for the whole window.
        let now = self.now();
        let card = messages::get(db, &card_key(rollback.id)).await?;
        let window = self.policy.objection_window.unwrap_or_default();
        let window_ends = match card.ts {
            Some(_) => card.at.checked_add(window).unwrap_or(now),
            None => later(self.app, CARD_EVERY),
        };
        if now < window_ends {
            return Ok(Ended::at(window_ends));
        }
        let roles = self.eligible();
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        let (requester, mut reading) = tokio::join!(
            membership(self.app, &rollback.requester),
            roster::read(self.app, &roles),
        );
        let membership = match requester {
            Ok((membership, _)) => membership,
            Err(failure) => match after_pause(self.app, self.lease, &failure) {
                Some(next) => return Ok(next.into()),
                None => Membership::Unreadable(failure.to_string()),
            },
        };
        reading.recognise(&self.app.slack, &rollback.requester.id);
        let effects = SideEffects {
            rosters: reading.found,
            ..SideEffects::default()
        };
        let command = Command::WindowEnded {
            membership,
            roster: Box::new(reading.roster),
            audience: audience::read(self.app, rollback, &self.policy, rollback.risk()).await,
        };
        Ok(self.decide(command).with(effects))
    }

    /// The roles that may approve this plan.
    fn eligible(&self) -> Vec<String> {
        let roster = Roster::default();
        let case = self.rollback.case(&self.policy, &roster);
        case.rule
            .eligible()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}

impl OnPlatform<'_> {
    /// The plan is too old and still waited for: is it still the same?
    pub(super) async fn renew(&self) -> Result<Ended, Error> {
        let about = self.about().await?;
        let survey = match self.survey(&about).await {
            Ok(survey) => survey,
            Err(not_read) => return Ok(self.not_renewed(not_read)),
        };
        let plan = match self.redraw(&about, &survey).await? {
            Drawn::Plan(plan) => Ok(plan),
            Drawn::Refused(refusal) => Err(refusal),
            Drawn::NotRead(not_read) => return Ok(self.not_renewed(not_read)),
        };
        let ended = self.decide(Command::Renewed { plan });
        Ok(ended.with(self.recorded(&survey)))
    }

    fn not_renewed(&self, not_read: NotRead) -> Ended {
        match not_read {
            NotRead::TryAgain(next) => next.into(),
            NotRead::Failed(error) => {
                let plan = Err(error.into());
                self.decide(Command::Renewed { plan })
            }
        }
    }
}
