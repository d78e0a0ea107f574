//! What people do: approve, withdraw, object, start an emergency run, review, resolve, deny, stop, retarget.

use super::{
    turns::{named, reason, whom},
    *,
};

impl Draft {
    pub(super) fn approve(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        confirmed: Confirmed,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let expires_at = self.open_with(hash)?;
        let case = self.rollback.case(policy, &who.roster);
        let roles = case
            .may_approve(&who.person, &who.membership, self.now)
            .admit()?;
        if let Some(plan) = &self.rollback.plan
            && let Some(what) = confirmed.lacks(case.rule, plan)
        {
            return Err(Refusal::Unconfirmed { what });
        }
        let approved = Approved {
            plan: self.rollback.hash.clone(),
            roles: roles.clone(),
            seeing: match confirmed.ticked.is_empty() {
                true => vec![],
                false => self.cautions(),
            },
            typed: confirmed.typed.map(|typed| typed.trim().to_owned()),
            because: confirmed.because,
            frozen: self.rollback.frozen.clone(),
        };
        self.let_run(
            Approval {
                by: who.person,
                roles,
                at: self.now,
                unopposed: false,
                out_of_band: who.source == Source::OutOfBand,
            },
            who.source,
            PeopleFact::Approved(approved),
            expires_at,
            &who.roster,
            policy,
        );
        Ok(())
    }

    /// Adds an approval, and goes on if it was the last that was missing.
    pub(super) fn let_run(
        &mut self,
        approval: Approval,
        source: Source,
        fact: PeopleFact,
        expires_at: Timestamp,
        roster: &Roster,
        policy: &Policy,
    ) {
        self.record(Actor::Person(approval.by.clone()), source, fact);
        self.rollback.approvals.push(approval);
        self.rollback.waiting.window_ends = None;
        if self.rollback.case(policy, roster).missing().people > 0 {
            self.transition_to(State::Proposed { expires_at });
            self.wait_on(policy);
            return;
        }
        self.rollback.times.approved = Some(self.now);
        self.transition_to(State::Approved { expires_at });
        self.drive_at = Some(self.now);
    }

    pub(super) fn withdraw(
        &mut self,
        who: Who,
        because: Option<String>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let (State::Proposed { expires_at } | State::Approved { expires_at }) = self.rollback.state
        else {
            return Err(self.not_open());
        };
        if self.rollback.part_of.is_some() {
            return Err(self.not_open());
        }
        let given = |approval: &Approval| approval.by.id == who.person.id;
        let Some(at) = self.rollback.approvals.iter().position(given) else {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "You have not approved {0}, so there is nothing to withdraw. To object: `/rollback object {0} because …`.",
                    self.rollback.id
                ),
            });
        };
        self.rollback.approvals.remove(at);
        let what = format!(
            "{} withdrew their approval of {}{}.",
            named(&who.person),
            self.named_change(),
            reason(because.as_deref())
        );
        self.record_by(&who, PeopleFact::Withdrawn { because });
        if self.rollback.is_break_glass() {
            // It never ran on this approval alone.
            self.transition_to(State::Approved { expires_at });
            self.drive_at = Some(self.now);
            return Ok(());
        }
        self.rollback.times.approved = None;
        let next = format!(
            "It needs another one: `/rollback who {}` says whose.",
            self.rollback.id
        );
        self.tell_turn(&format!("{what} {next}"), Some(&who.person), "withdrawn");
        self.transition_to(State::Proposed { expires_at });
        self.wait_on(policy);
        Ok(())
    }

    pub(super) fn object(
        &mut self,
        who: Who,
        because: String,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if !matches!(
            self.rollback.state,
            State::Proposed { .. } | State::Approved { .. }
        ) {
            return Err(self.not_open());
        }
        if self.rollback.objections.len() >= OBJECTIONS_AT_MOST {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "{} has {OBJECTIONS_AT_MOST} objections already; `/rollback note` writes yours down.",
                    self.rollback.id
                ),
            });
        }
        self.record_by(
            &who,
            PeopleFact::Objected {
                because: because.clone(),
            },
        );
        // Before silence is broken, which takes back what it approved.
        let concerned = self.rollback.concerned();
        let waits = match self.break_silence() {
            true => " It won't run automatically now; an approver must decide.",
            false => "",
        };
        let people: Vec<String> = concerned
            .into_iter()
            .map(|addressee| addressee.person)
            .filter(|id| *id != who.person.id)
            .collect();
        let to = match people.len() {
            0 => String::new(),
            count => format!("{}: ", whom(count)),
        };
        let text = format!(
            "{to}{} objects to {}: \"{}\".{waits}",
            named(&who.person),
            self.named_change(),
            Message::quoted(&because)
        );
        self.post(text, people, true, "objection");
        self.rollback.objections.push(Objection {
            by: who.person,
            because,
            at: self.now,
            made_to: None,
        });
        self.notices.push(Notice::Card);
        if matches!(self.rollback.state, State::Proposed { .. }) {
            self.wait_on(policy);
        } else {
            self.drive_at = Some(self.now);
        }
        Ok(())
    }

    /// Ends the objection window, and takes back an approval by silence as long as the platform was
    /// not asked. Gives whether there was anything to end.
    pub(super) fn break_silence(&mut self) -> bool {
        let window = self.rollback.waiting.window_ends.take().is_some();
        let unopposed = self.rollback.approvals.iter().any(|one| one.unopposed);
        if let State::Approved { expires_at } = self.rollback.state
            && unopposed
            && !self.rollback.is_break_glass()
        {
            self.rollback.approvals.clear();
            self.rollback.times.approved = None;
            self.transition_to(State::Proposed { expires_at });
        }
        window || unopposed
    }

    pub(super) fn break_glass(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        because: String,
        promised: bool,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let expires_at = self.open_with(hash)?;
        let case = self.rollback.case(policy, &who.roster);
        let people: Vec<String> = case
            .could_approve(self.now)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        if !case.rule.break_glass {
            return Err(Refusal::NoBreakGlass {
                risk: case.risk,
                people,
                unseen: None,
            });
        }
        if because.trim().is_empty() || !promised {
            return Err(Refusal::Unconfirmed {
                what: "Say why it cannot wait, and tick that you will explain it: the card's *Emergency run…* asks for both.".into(),
            });
        }
        let due = after(self.now, policy.review_within);
        let fact = PeopleFact::BreakGlass {
            plan: self.rollback.hash.clone(),
            because: because.clone(),
            review_due: due,
        };
        self.record_by(&who, fact);
        self.announce(
            format!(
                "{} runs {} without an approval, in {}: {}, because \"{}\".",
                Message::whom(0),
                self.rollback.id,
                Message::whom(1),
                Message::quoted(&self.change().to_string()),
                Message::quoted(&because)
            ),
            vec![who.person.id.clone(), self.rollback.channel.clone()],
            policy,
            "glass",
        );
        if policy.page_on_break_glass {
            let does = match self.rollback.aim.undoes {
                Some(undone) => format!("undoes {undone} on"),
                None => "rolls back".to_owned(),
            };
            let summary = format!(
                "EMERGENCY RUN: @{} {does} {} without approval: {because}",
                who.person.name,
                self.change()
            );
            self.page("glass", summary);
        }
        self.rollback.break_glass = Some(BreakGlass {
            by: who.person,
            because,
            at: self.now,
            due,
            reminded: 0,
            paged: policy.page_on_break_glass,
            spent: None,
            review: None,
        });
        self.rollback.waiting.window_ends = None;
        self.rollback.times.approved = Some(self.now);
        self.notices.push(Notice::BreakGlass);
        self.notices.push(Notice::ReviewAt {
            at: after(self.now, policy.review_within / 2),
        });
        self.transition_to(State::Approved { expires_at });
        self.drive_at = Some(self.now);
        Ok(())
    }

    pub(super) fn review(
        &mut self,
        who: Who,
        answer: ReviewAnswer,
        because: String,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let id = self.rollback.id;
        let nothing = |what: String| Err(Refusal::AlreadySo { what });
        let Some(break_glass) = &self.rollback.break_glass else {
            return nothing(format!("{id} was not an emergency run."));
        };
        if let Some(review) = &break_glass.review {
            return nothing(format!(
                "@{} reviewed {id} already: {}.",
                review.by.name, review.answer
            ));
        }
        if let Some(spent) = &break_glass.spent {
            return nothing(format!("{id} needs no review. {spent}"));
        }
        let case = self.rollback.case(policy, &who.roster);
        // Nobody is their own judge, unless they may be their own approver.
        if who.person.id == break_glass.by.id && !case.rule.requester_counts {
            let others = case.has_authority(&who.person, &who.membership, self.now);
            return Err(Refusal::OwnRequest {
                risk: None,
                agent: None,
                people: others.otherwise.people,
            });
        }
        case.has_authority(&who.person, &who.membership, self.now)
            .admit()?;
        let fact = PeopleFact::Reviewed {
            answer,
            because: because.clone(),
        };
        self.record_by(&who, fact);
        if let Some(break_glass) = &mut self.rollback.break_glass {
            break_glass.review = Some(Review {
                by: who.person,
                answer,
                because,
                at: self.now,
            });
        }
        self.resolve_break_glass_page();
        self.drop_review_request();
        self.notices.push(Notice::BreakGlass);
        self.notices.push(Notice::Card);
        if self.rollback.state.is_ended() {
            // The file that was exported when it ended does not have the answer.
            self.notices.push(Notice::Export {
                why: "reviewed".into(),
            });
        }
        self.go_on(policy);
        Ok(())
    }

    pub(super) fn resolve(
        &mut self,
        who: Who,
        done: bool,
        because: String,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if !matches!(
            self.rollback.state,
            State::Unknown { .. } | State::WaitingForPeople { .. }
        ) {
            return Err(self.not_open());
        }
        self.rollback
            .case(policy, &who.roster)
            .has_authority(&who.person, &who.membership, self.now)
            .admit()?;
        let fact = PeopleFact::Resolved {
            done,
            because: because.clone(),
        };
        self.record_by(&who, fact);
        self.finish_and_announce(State::Resolved {
            done,
            by: who.person,
            because,
        });
        Ok(())
    }

    pub(super) fn deny(
        &mut self,
        who: Who,
        because: Option<String>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if !matches!(
            self.rollback.state,
            State::Proposed { .. } | State::Approved { .. }
        ) {
            return Err(self.not_open());
        }
        self.rollback
            .case(policy, &who.roster)
            .has_authority(&who.person, &who.membership, self.now)
            .admit()?;
        let fact = PeopleFact::Denied {
            because: because.clone(),
        };
        let what = format!(
            "{} denied {}{}.",
            named(&who.person),
            self.named_change(),
            reason(because.as_deref())
        );
        self.record_by(&who, fact);
        self.tell_ending(&what, Some(&who.person), "denied");
        self.finish(State::Denied {
            by: who.person,
            because,
        });
        Ok(())
    }

    pub(super) fn stop(
        &mut self,
        who: Who,
        because: Option<String>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if self.rollback.state.is_ended() || matches!(self.rollback.state, State::Watching { .. }) {
            return Err(self.not_open());
        }
        if who.person.id != self.rollback.requester.id {
            self.rollback
                .case(policy, &who.roster)
                .has_authority(&who.person, &who.membership, self.now)
                .admit()?;
        }
        if let Some(asked_at) = self.rollback.times.asked {
            if !self.rollback.members_to_come().is_empty() {
                self.halt(who, because);
                return Ok(());
            }
            return Err(Refusal::TooLateToStop {
                id: self.rollback.id,
                platform: self.platform(),
                asked_at,
            });
        }
        let fact = PeopleFact::Cancelled {
            because: because.clone(),
        };
        let what = format!(
            "{} cancelled {}{}.",
            named(&who.person),
            self.named_change(),
            reason(because.as_deref())
        );
        self.record_by(&who, fact);
        self.tell_ending(&what, Some(&who.person), "cancelled");
        self.finish(State::Cancelled {
            by: who.person,
            because,
        });
        Ok(())
    }

    pub(super) fn retarget(
        &mut self,
        who: Who,
        hash: Option<PlanHash>,
        to: String,
        reply_to: Option<String>,
        prepared: Option<Result<Box<Plan>, Refusal>>,
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
            .is_some_and(|plan| plan.to.is(&to))
        {
            return Err(Refusal::AlreadySo {
                what: format!(
                    "{} aims at {} already.",
                    self.rollback.id,
                    self.rollback.to_label()
                ),
            });
        }
        let prepared = match prepared {
            Some(Err(refusal)) => {
                self.not_retargeted(&who, &to, reply_to, &refusal);
                return Ok(());
            }
            Some(Ok(plan)) => Some(plan),
            None => None,
        };
        self.record_by(&who, PeopleFact::Retargeted { to: to.clone() });
        let label = prepared
            .as_ref()
            .map_or(to.as_str(), |plan| plan.to.label());
        let label = Message::quoted(label);
        let what = format!(
            "{} changed the target of {} to {label}. A new card takes its place, and approvals of {} don't count for it.",
            named(&who.person),
            self.named_change(),
            self.rollback.id
        );
        self.tell_turn(&what, Some(&who.person), "retargeted");
        let mut proposal = self.again(self.rollback.aim.target.clone());
        proposal.aim = self.rollback.retargeted(&to);
        proposal.requester = who.person.clone();
        // It was for the other target.
        proposal.evidence.clear();
        proposal.source = who.source;
        proposal.reply_to = reply_to;
        self.opens = Some(proposal);
        self.opens_with = prepared.map(|plan| {
            Box::new(Command::Planned {
                plan,
                requester: who.person.clone(),
                last_known: None,
                roster: Box::new(who.roster),
                frozen: self.rollback.frozen.clone(),
                // What takes the place of another card never starts by itself.
                objections: vec![],
                audience: Audience::Members(vec![]),
            })
        });
        self.finish(State::Superseded {
            why: format!("@{} changed the target", who.person.name),
        });
        Ok(())
    }
    /// There is no plan for the other target, so the card stays open as it is.
    fn not_retargeted(&mut self, who: &Who, to: &str, reply_to: Option<String>, refusal: &Refusal) {
        let id = self.rollback.id;
        let fact = Fact::refused("change the target", refusal);
        self.record(Actor::Person(who.person.clone()), who.source, fact);
        let message = match Message::from(refusal) {
            Message::Refused(code, text, people) => {
                Message::Refused(code, format!("{text} {id} stays open as it is."), people)
            }
            other @ (Message::Text(_) | Message::Mrkdwn(_) | Message::Naming(..)) => other,
        };
        self.notices.push(Notice::Tell {
            person: who.person.id.clone(),
            reply_to,
            message,
        });
        let requester = self.rollback.requester.id.clone();
        if requester == who.person.id {
            return;
        }
        let to = Message::quoted(to);
        let what = format!(
            "{} tried to change the target of {} to {to}, and that could not be planned: {refusal} {id} stays open as it is.",
            named(&who.person),
            self.named_change(),
        );
        let text = format!("{}: {}", Message::whom(0), Message::unmarked(&what));
        self.post(text, vec![requester], true, "not-retargeted");
    }
}
