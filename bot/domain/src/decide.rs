//! The machine: what each command leads to.
//!
//! ```text
//! Planning → Proposed → Approved → Executing → Accepted → Serving(n/m) → Watching → Closed
//!          ↘ Blocked  ↘ Denied · Cancelled · Expired · Superseded
//!                                  Executing | Accepted | Serving → Failed | Partial(n/m) | Unknown
//! ```
//!
//! [`decide`] is the only way from one state to the next. It reads no clock and touches nothing:
//! what must happen comes back as a [`Decision`], and the engine stores all of it or none.
//! `tests/snapshots` beside it has every command in every state.

use crate::{
    people::{Person, Policy},
    plan::{Aim, Plan, PlanHash},
    proof::Round,
    refusal::{Refusal, Source},
    release::{Pin, Progress, Receipt, Release, Surface, Survey, Trouble},
    rollback::{Act, Approval, Command, Decision, Proposal, Rollback, Say, Spoken, State},
    timeline::{Actor, Happening, Kind},
};
use jiff::Timestamp;
use std::time::Duration;

/// How often something that got no answer is read back at most.
const READ_BACK_AT_MOST: Duration = Duration::from_secs(60);
/// How long the platform may take from accepting to serving before that is said to be too long.
pub const SERVE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long a request may leave no trace before it counts as never received.
const TRACE_WITHIN: Duration = Duration::from_secs(60);

/// What `command` does to `rollback` at `now`, or why it does nothing.
pub fn decide(
    rollback: &Rollback,
    command: Command,
    policy: &Policy,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let mut next = Draft {
        happenings: vec![],
        drive_at: None,
        says: vec![],
        opens: None,
        rollback: rollback.clone(),
        now,
    };
    match command {
        Command::Person {
            by,
            standing,
            source,
            reply_to,
            act,
        } => {
            standing.admit()?;
            match act {
                Act::Approve { hash } => next.approve(by, hash, source, policy)?,
                Act::Deny { because } => next.deny(by, because, source, policy)?,
                Act::Stop { because } => next.stop(by, because, source, policy)?,
                Act::Retarget { hash, to } => next.retarget(by, hash, to, source, reply_to)?,
            }
        }
        Command::Planned { plan, requester } => next.planned(*plan, requester, policy)?,
        Command::CannotPlan { refusal } => next.cannot_plan(refusal)?,
        Command::Expire => next.expire()?,
        Command::Rechecked { survey, plan } => next.rechecked(*survey, plan, policy)?,
        Command::RecheckFailed { why } => next.recheck_failed(why)?,
        Command::Answered { answer } => next.answered(answer, policy)?,
        Command::LostTrack => next.lost_track()?,
        Command::Observed { progress } => next.observed(progress, policy)?,
        Command::Probed { round, seen } => next.probed(round, seen, policy)?,
        Command::Close { replaced_by } => next.close(replaced_by)?,
    }
    next.rollback.revision += 1;
    Ok(Decision {
        rollback: next.rollback,
        happenings: next.happenings,
        drive_at: next.drive_at,
        says: next.says,
        opens: next.opens,
    })
}

/// A decision being made.
struct Draft {
    rollback: Rollback,
    happenings: Vec<Happening>,
    drive_at: Option<Timestamp>,
    says: Vec<Say>,
    opens: Option<Proposal>,
    now: Timestamp,
}

impl Draft {
    fn approve(
        &mut self,
        by: Person,
        hash: Option<PlanHash>,
        source: Source,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Proposed { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if hash.is_some() && hash != self.rollback.hash {
            return Err(Refusal::OldCard {
                id: self.rollback.id,
            });
        }
        if self.now >= expires_at {
            return Err(self.expired(expires_at));
        }
        let role = policy.may_approve(&by, &self.rollback.requester)?;
        let plan = self
            .rollback
            .hash
            .as_ref()
            .map(PlanHash::to_string)
            .unwrap_or_default();
        self.happened(
            Actor::Person(by.clone()),
            source,
            Kind::Approved,
            format!("approved plan {plan} as {role}"),
        );
        self.rollback.times.approved = Some(self.now);
        self.rollback.approved = Some(Approval {
            by,
            role,
            at: self.now,
        });
        self.become_(State::Approved { expires_at });
        self.drive_at = Some(self.now);
        Ok(())
    }

    fn deny(
        &mut self,
        by: Person,
        because: Option<String>,
        source: Source,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        match self.rollback.state {
            State::Proposed { .. } | State::Approved { .. } => {}
            _ => return Err(self.not_open()),
        }
        if policy.role_of(&by.id).is_none() {
            return Err(Refusal::NotAuthorised {
                roles: policy.approvers.keys().cloned().collect(),
                people: policy
                    .could_approve("")
                    .into_iter()
                    .map(|(id, _)| id)
                    .collect(),
            });
        }
        self.happened(
            Actor::Person(by.clone()),
            source,
            Kind::Denied,
            reasoned("denied it", &because),
        );
        self.end(State::Denied { by, because });
        Ok(())
    }

    fn stop(
        &mut self,
        by: Person,
        because: Option<String>,
        source: Source,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if self.rollback.state.is_ended() || matches!(self.rollback.state, State::Watching { .. }) {
            return Err(self.not_open());
        }
        if by.id != self.rollback.requester.id && policy.role_of(&by.id).is_none() {
            return Err(Refusal::NotYours {
                id: self.rollback.id,
                people: policy
                    .could_approve("")
                    .into_iter()
                    .map(|(id, _)| id)
                    .collect(),
            });
        }
        if let Some(asked_at) = self.rollback.times.asked {
            return Err(Refusal::TooLateToStop {
                id: self.rollback.id,
                platform: self.platform(),
                asked_at,
            });
        }
        self.happened(
            Actor::Person(by.clone()),
            source,
            Kind::Cancelled,
            reasoned("took it back before the platform was asked", &because),
        );
        self.end(State::Cancelled { by, because });
        Ok(())
    }

    fn retarget(
        &mut self,
        by: Person,
        hash: Option<PlanHash>,
        to: String,
        source: Source,
        reply_to: Option<String>,
    ) -> Result<(), Refusal> {
        if !matches!(self.rollback.state, State::Proposed { .. }) {
            return Err(self.not_open());
        }
        if hash.is_some() && hash != self.rollback.hash {
            return Err(Refusal::OldCard {
                id: self.rollback.id,
            });
        }
        if self
            .rollback
            .plan
            .as_ref()
            .is_some_and(|plan| plan.to.is_called(&to))
        {
            return Err(Refusal::SameTarget {
                id: self.rollback.id,
                target: self.rollback.to_label().to_owned(),
            });
        }
        self.happened(
            Actor::Person(by.clone()),
            source,
            Kind::Superseded,
            format!("changed the target to {to}"),
        );
        let mut proposal = self.again(crate::grammar::Target::Named(to));
        proposal.requester = by.clone();
        proposal.source = source;
        proposal.reply_to = reply_to;
        self.opens = Some(proposal);
        self.end(State::Superseded {
            why: format!("@{} changed the target", by.name),
        });
        Ok(())
    }

    fn planned(&mut self, plan: Plan, requester: Person, policy: &Policy) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        // A mention does not carry its author's name; by now Slack has told it.
        self.rollback.requester = requester;
        let hash = plan.hash(&self.rollback.service, &self.rollback.environment);
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Planned,
            format!(
                "proposed {} → {}, risk {}, plan {hash}",
                plan.from.as_ref().map_or("unknown", Release::label),
                plan.to.label(),
                plan.risk
            ),
        );
        let expires_at = after(self.now, policy.plan_ttl);
        self.rollback.surfaces = plan.surfaces.clone();
        self.rollback.pin = plan.pin;
        self.rollback.plan = Some(plan);
        self.rollback.hash = Some(hash);
        self.rollback.times.proposed = Some(self.now);
        self.become_(State::Proposed { expires_at });
        self.drive_at = Some(expires_at);
        Ok(())
    }

    fn cannot_plan(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        let why = refusal.to_string();
        self.happened(
            Actor::Bot,
            Source::Bot,
            Kind::Blocked,
            format!("{}: {why}", refusal.code()),
        );
        self.says.push(Say::Tell {
            person: self.rollback.requester.id.clone(),
            reply_to: self.rollback.reply_to.clone(),
            spoken: Spoken::from(&refusal),
        });
        self.rollback.times.ended = Some(self.now);
        self.rollback.state = State::Blocked { why };
        Ok(())
    }

    fn expire(&mut self) -> Result<(), Refusal> {
        match self.rollback.state {
            State::Proposed { expires_at } | State::Approved { expires_at }
                if self.now >= expires_at =>
            {
                self.happened(
                    Actor::Bot,
                    Source::Bot,
                    Kind::Expired,
                    match &self.rollback.approved {
                        Some(approval) => format!(
                            "approved by @{}, but it could not be run before the plan expired; nothing was run",
                            approval.by.name
                        ),
                        None => "nobody approved in time; nothing was run".into(),
                    },
                );
                self.end(State::Expired { at: expires_at });
                Ok(())
            }
            _ => Err(self.not_open()),
        }
    }

    fn rechecked(
        &mut self,
        survey: Survey,
        plan: Result<Box<Plan>, Refusal>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Approved { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now >= expires_at {
            return self.expire();
        }
        let fresh = plan
            .as_ref()
            .ok()
            .map(|plan| plan.hash(&self.rollback.service, &self.rollback.environment));
        if fresh.is_some() && fresh == self.rollback.hash {
            // The approver may have lost the role between the click and now.
            if let Some(approval) = &self.rollback.approved
                && let Err(refusal) = policy.may_approve(&approval.by, &self.rollback.requester)
            {
                return self.open_again(format!("The approval does not count any more: {refusal}"));
            }
            self.happened(
                Actor::Bot,
                Source::Bot,
                Kind::Rechecked,
                "read the platform again: nothing that matters has changed".into(),
            );
            let asking = format!(
                "asking {} for {} → {}",
                self.platform(),
                self.rollback.from_label(),
                self.rollback.to_label()
            );
            self.happened(Actor::Bot, Source::Bot, Kind::Executing, asking);
            self.rollback.memory = survey.memory;
            self.rollback.said = None;
            self.rollback.times.asked = Some(self.now);
            // In one commit with the reading: nothing is asked on an old one.
            self.become_(State::Executing { asked_at: self.now });
            self.drive_at = Some(self.now);
            return Ok(());
        }
        let moved = match &plan {
            Ok(fresh) => drift(self.rollback.plan.as_ref(), fresh),
            Err(refusal) => refusal.to_string(),
        };
        let why = format!("Nothing was run: {moved}");
        self.happened(Actor::Bot, Source::Bot, Kind::Superseded, why.clone());
        if let Some(approval) = &self.rollback.approved {
            self.says.push(Say::Tell {
                person: approval.by.id.clone(),
                reply_to: None,
                spoken: Spoken::Text(format!("{why} A fresh plan is being made.")),
            });
        }
        let mut proposal = self.again(self.rollback.aim.target.clone());
        proposal.source = Source::Bot;
        self.opens = Some(proposal);
        self.end(State::Superseded { why });
        Ok(())
    }

    fn recheck_failed(&mut self, why: String) -> Result<(), Refusal> {
        self.open_again(format!(
            "Nothing was run: the platform could not be read again before executing. {}",
            crate::refusal::sentence(&why)
        ))
    }

    /// Takes the yes back: the card waits for another one.
    fn open_again(&mut self, text: String) -> Result<(), Refusal> {
        let State::Approved { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        self.happened(Actor::Bot, Source::Bot, Kind::Refused, text.clone());
        if let Some(approval) = self.rollback.approved.take() {
            self.says.push(Say::Tell {
                person: approval.by.id,
                reply_to: None,
                spoken: Spoken::Text(format!("{text} The card is open again.")),
            });
        }
        self.rollback.times.approved = None;
        self.become_(State::Proposed { expires_at });
        self.drive_at = Some(expires_at);
        Ok(())
    }

    fn answered(
        &mut self,
        answer: Result<Receipt, Trouble>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Executing { .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let platform = Actor::Platform(self.platform());
        match answer {
            Ok(receipt) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Accepted,
                    receipt.said.clone(),
                );
                self.rollback.times.accepted = Some(self.now);
                self.rollback.said = Some(receipt.said);
                if !receipt.memory.is_null() {
                    self.rollback.memory = receipt.memory;
                }
                self.become_(State::Accepted { at: self.now });
                self.drive_at = Some(self.now);
            }
            Err(Trouble::Refused(why)) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Failed,
                    format!("refused: {why}"),
                );
                self.end_loudly(State::Failed { why });
            }
            // Certainly not done. Before it is asked again the platform is read again, as long as
            // the plan lives.
            Err(Trouble::Busy { why, retry_after }) => {
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Progress,
                    format!("not now: {why}"),
                );
                let proposed = self.rollback.times.proposed.unwrap_or(self.now);
                self.rollback.times.asked = None;
                self.rollback.said = Some(why);
                self.become_(State::Approved {
                    expires_at: after(proposed, policy.plan_ttl),
                });
                self.drive_at = Some(after(
                    self.now,
                    Duration::from_millis(retry_after.unwrap_or(5_000)),
                ));
            }
            Err(Trouble::Unanswered(why)) => {
                self.happened(platform, Source::Platform, Kind::Unanswered, why.clone());
                self.become_(State::Unknown {
                    since: self.now,
                    why,
                });
                self.drive_at = Some(after(self.now, policy.check_every));
            }
        }
        Ok(())
    }

    fn lost_track(&mut self) -> Result<(), Refusal> {
        let State::Executing { asked_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        let why = format!(
            "{} was asked at {} and the answer was lost",
            self.platform(),
            asked_at.strftime("%H:%M:%S UTC")
        );
        self.happened(Actor::Bot, Source::Bot, Kind::Unanswered, why.clone());
        self.become_(State::Unknown {
            since: self.now,
            why,
        });
        self.drive_at = Some(self.now);
        Ok(())
    }

    fn observed(&mut self, progress: Progress, policy: &Policy) -> Result<(), Refusal> {
        let unknown_since = match self.rollback.state {
            State::Accepted { .. } | State::Serving { .. } => None,
            State::Unknown { since, .. } => Some(since),
            _ => return Err(self.not_open()),
        };
        let platform = Actor::Platform(self.platform());
        match progress {
            Progress::Serving {
                surfaces,
                pin,
                said,
            } => {
                if pin != self.rollback.pin && pin == Pin::On {
                    self.happened(
                        platform.clone(),
                        Source::Platform,
                        Kind::Pinned,
                        "automatic deploys are held off (read back)".into(),
                    );
                }
                self.rollback.pin = pin;
                let before = self.rollback.served();
                let changed = self.rollback.said.as_deref() != Some(said.as_str());
                self.rollback.surfaces = surfaces;
                self.rollback.said = Some(said.clone());
                let (n, m) = self.rollback.served();
                if n > 0 && n == m {
                    self.happened(
                        platform,
                        Source::Platform,
                        Kind::Serving,
                        format!("serves {} on {n}/{m}", self.rollback.to_label()),
                    );
                    self.rollback.times.serving = Some(self.now);
                    self.become_(State::Serving { n, m });
                    self.drive_at = Some(self.now);
                    return Ok(());
                }
                if (n, m) != before || changed {
                    self.happened(
                        platform,
                        Source::Platform,
                        Kind::Progress,
                        format!("{said}, {n}/{m} on {}", self.rollback.to_label()),
                    );
                }
                let late = self
                    .rollback
                    .times
                    .asked
                    .is_some_and(|at| since(at, self.now) > SERVE_WITHIN);
                match unknown_since {
                    // While nothing has moved, the truth is still not known.
                    Some(_) if n == 0 => {}
                    _ if n > 0 && late => {
                        let failed = self.rollback.waiting_for();
                        self.happened(
                            Actor::Bot,
                            Source::Bot,
                            Kind::Partial,
                            format!(
                                "{n}/{m} on {} after {}; gave up on {}",
                                self.rollback.to_label(),
                                crate::proof::spell(SERVE_WITHIN),
                                failed.join(", ")
                            ),
                        );
                        self.end_loudly(State::Partial { n, m, failed });
                        return Ok(());
                    }
                    _ if n > 0 && self.rollback.state != (State::Serving { n, m }) => {
                        self.become_(State::Serving { n, m });
                    }
                    _ if late => self.become_(State::Unknown {
                        since: self.now,
                        why: format!(
                            "{} accepted the request and after {} nothing serves the target",
                            self.platform(),
                            crate::proof::spell(SERVE_WITHIN)
                        ),
                    }),
                    _ if changed => self.says.push(Say::Card),
                    _ => {}
                }
                self.drive_at = Some(self.read_back_at(unknown_since, policy));
            }
            Progress::Partial { surfaces, failed } => {
                self.rollback.surfaces = surfaces;
                self.rollback.said = Some("it could not move everything".into());
                let (n, m) = self.rollback.served();
                self.happened(
                    platform,
                    Source::Platform,
                    Kind::Partial,
                    format!(
                        "{n}/{m} on {}; could not move {}",
                        self.rollback.to_label(),
                        failed.join(", ")
                    ),
                );
                self.end_loudly(State::Partial { n, m, failed });
            }
            Progress::Failed { why } => {
                self.happened(platform, Source::Platform, Kind::Failed, why.clone());
                self.end_loudly(State::Failed { why });
            }
            Progress::NotAsked { why } => {
                let asked = self.rollback.times.asked.unwrap_or(self.now);
                if since(asked, self.now) < TRACE_WITHIN {
                    self.drive_at = Some(self.read_back_at(unknown_since, policy));
                    return Ok(());
                }
                let why = format!("the request never took effect: {why}");
                self.happened(platform, Source::Platform, Kind::Failed, why.clone());
                self.end_loudly(State::Failed { why });
            }
        }
        Ok(())
    }

    fn probed(
        &mut self,
        round: Round,
        seen: Option<(Vec<Surface>, Pin)>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let watching = match self.rollback.state {
            State::Serving { n, m } if n == m => None,
            State::Watching { until } => Some(until),
            _ => return Err(self.not_open()),
        };
        if let Some((surfaces, pin)) = seen {
            self.rollback.surfaces = surfaces;
            self.rollback.pin = pin;
            let (n, m) = self.rollback.served();
            if n < m {
                let text = format!(
                    "production moved away: {} serve something else",
                    self.rollback.waiting_for().join(", ")
                );
                self.happened(
                    Actor::Platform(self.platform()),
                    Source::Platform,
                    Kind::Drifted,
                    text,
                );
                self.rollback.proof.drifted = Some(self.rollback.waiting_for());
                self.end_loudly(State::Closed);
                return Ok(());
            }
        }
        let target = self.rollback.plan.as_ref().map(|plan| plan.to.clone());
        let news = self.rollback.proof.take(round, target.as_ref());
        if let Some(news) = news {
            self.happened(Actor::Bot, Source::Check, Kind::Checked, news);
            self.says.push(Say::Card);
        }
        let fingerprint = policy.fingerprint;
        if let Some(until) = watching {
            // The verdict follows what is seen, once it is seen often enough.
            let before = self.rollback.proof.verdict;
            let proof = &mut self.rollback.proof;
            if proof.streak >= policy.passes || proof.failing >= policy.passes {
                proof.conclude(fingerprint, proof.streak > 0, target.as_ref());
            }
            if self.rollback.proof.verdict != before {
                self.concluded();
            }
            self.drive_at = Some(after(self.now, watch_every(policy)).min(until.max(self.now)));
            return Ok(());
        }
        let serving = self.rollback.times.serving.unwrap_or(self.now);
        let late = since(serving, self.now) >= policy.prove_within;
        let ready = self.rollback.proof.streak >= policy.passes;
        // A good look that came late is followed by more of them.
        if !ready && (!late || self.rollback.proof.streak > 0) {
            self.drive_at = Some(after(self.now, policy.check_every));
            return Ok(());
        }
        self.rollback
            .proof
            .conclude(policy.fingerprint, ready, target.as_ref());
        self.concluded();
        let until = after(self.now, policy.watch);
        self.become_(State::Watching { until });
        self.drive_at = Some(after(self.now, policy.watch.min(watch_every(policy))));
        Ok(())
    }

    fn concluded(&mut self) {
        self.rollback.times.proven = Some(self.now);
        let (kind, text) = self.rollback.proof.verdict_text(self.rollback.to_label());
        self.happened(Actor::Bot, Source::Check, kind, text);
        self.says.push(Say::Card);
        self.says.push(Say::Outcome);
    }

    fn close(&mut self, replaced_by: Option<u64>) -> Result<(), Refusal> {
        let State::Watching { until } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now < until && replaced_by.is_none() {
            return Err(self.not_open());
        }
        let word = self.rollback.proof.word().to_lowercase();
        let text = match replaced_by {
            Some(id) => format!("closed as {word}; RB-{id} has taken over"),
            None => format!("closed as {word}"),
        };
        self.happened(Actor::Bot, Source::Bot, Kind::Closed, text);
        self.end(State::Closed);
        self.says.push(Say::Export);
        Ok(())
    }

    /// Why a command that needs another state does nothing: the fact, as a refusal.
    fn not_open(&self) -> Refusal {
        let id = self.rollback.id;
        match &self.rollback.state {
            State::Planning => Refusal::StillPlanning { id },
            State::Expired { at } => self.expired(*at),
            State::Proposed { .. } => Refusal::OldCard { id },
            state if state.is_ended() => Refusal::AlreadyEnded {
                id,
                word: self.rollback.word(),
                at: self.rollback.times.ended.unwrap_or(self.now),
            },
            _ => match &self.rollback.approved {
                Some(approval) => Refusal::AlreadyApproved {
                    id,
                    by: approval.by.name.clone(),
                    at: approval.at,
                },
                None => Refusal::AlreadyRunning {
                    id,
                    word: self.rollback.word(),
                },
            },
        }
    }

    fn expired(&self, expired_at: Timestamp) -> Refusal {
        Refusal::PlanExpired {
            id: self.rollback.id,
            read_at: self
                .rollback
                .plan
                .as_ref()
                .map_or(expired_at, |plan| plan.read_at),
            expired_at,
        }
    }

    /// The same wish once more, in a new rollback.
    fn again(&self, target: crate::grammar::Target) -> Proposal {
        let rollback = &self.rollback;
        Proposal {
            channel: rollback.channel.clone(),
            service: rollback.service.clone(),
            environment: rollback.environment.clone(),
            requester: rollback.requester.clone(),
            because: rollback.because.clone(),
            aim: Aim {
                target,
                utc_offset: rollback.aim.utc_offset,
            },
            source: Source::Bot,
            commanded: self.now,
            target_time: rollback.target_time,
            reply_to: rollback.reply_to.clone(),
            replaces: Some(rollback.id),
        }
    }

    fn read_back_at(&self, unknown_since: Option<Timestamp>, policy: &Policy) -> Timestamp {
        let every = match unknown_since {
            // Backs off with the age of the question.
            Some(at) => policy
                .check_every
                .max(since(at, self.now) / 4)
                .min(READ_BACK_AT_MOST),
            None => policy.check_every,
        };
        after(self.now, every)
    }

    fn platform(&self) -> String {
        self.rollback.plan.as_ref().map_or_else(
            || "the platform".into(),
            |plan| plan.nature.platform.clone(),
        )
    }

    fn happened(&mut self, who: Actor, source: Source, kind: Kind, text: String) {
        self.happenings.push(Happening {
            at: self.now,
            who,
            source,
            kind,
            text,
            rollback: Some(self.rollback.id),
        });
    }

    fn become_(&mut self, state: State) {
        self.rollback.state = state;
        self.says.push(Say::Card);
    }

    fn end(&mut self, state: State) {
        self.rollback.times.ended = Some(self.now);
        self.become_(state);
        self.drive_at = None;
    }

    /// Ended after the platform was asked: the channel hears how, and the timeline is exported.
    fn end_loudly(&mut self, state: State) {
        self.end(state);
        self.says.push(Say::Outcome);
        self.says.push(Say::Export);
    }
}

fn reasoned(what: &str, because: &Option<String>) -> String {
    match because {
        Some(because) => format!("{what}: \"{because}\""),
        None => what.to_owned(),
    }
}

/// What moved between the card and now, as a clause.
fn drift(before: Option<&Plan>, fresh: &Plan) -> String {
    let Some(before) = before else {
        return "there was no plan".into();
    };
    let label = |release: &Option<Release>| {
        release
            .as_ref()
            .map_or("unknown", Release::label)
            .to_owned()
    };
    if before.from.as_ref().map(|from| &from.id) != fresh.from.as_ref().map(|from| &from.id) {
        return format!(
            "production moved from {} to {} after the card was made.",
            label(&before.from),
            label(&fresh.from)
        );
    }
    if before.to.id != fresh.to.id {
        return format!(
            "the target would now be {} and not {}.",
            fresh.to.label(),
            before.to.label()
        );
    }
    if before.surfaces != fresh.surfaces {
        return "what the domains serve changed after the card was made.".into();
    }
    if before.pin != fresh.pin {
        return "automatic deploys were switched on or off after the card was made.".into();
    }
    "what it would restore or un-ship changed after the card was made.".into()
}

fn watch_every(policy: &Policy) -> Duration {
    policy.check_every.max(Duration::from_secs(15))
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}
