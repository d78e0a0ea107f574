//! While it is planned and waited for: the card, its objection window, reminders, the escalation, the
//! renewal of its plan, and the review of an emergency run.

use super::{turns::whom, *};
use crate::changes::LostChanges;

impl Draft {
    /// What the matrix says stands on the card, and is in nobody's way.
    pub(super) fn assessed(
        &mut self,
        assessed: Assessed,
        by: Option<Person>,
    ) -> Result<(), Refusal> {
        self.open_with(None)?;
        if by.is_none() && !assessed.is_news(self.rollback.assessed.as_ref()) {
            return Ok(());
        }
        let fact = assessed.fact(&self.rollback.service);
        match by {
            Some(by) => self.record(Actor::Person(by), Source::Modal, fact),
            None => self.record_own(fact),
        }
        self.rollback.assessed = Some(assessed);
        self.notices.push(Notice::Card);
        Ok(())
    }

    pub(super) fn review_due(
        &mut self,
        roster: &Roster,
        explained: bool,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let id = self.rollback.id;
        let people: Vec<String> = {
            let Some(break_glass) = self
                .rollback
                .break_glass
                .as_ref()
                .filter(|break_glass| break_glass.wants_review())
            else {
                return Err(Refusal::AlreadySo {
                    what: format!("{id} needs no review."),
                });
            };
            let case = self.rollback.case(policy, roster);
            case.has_authority(&break_glass.by, &Membership::Member, self.now)
                .otherwise
                .people
        };
        let Some(break_glass) = &mut self.rollback.break_glass else {
            return Ok(());
        };
        // After an outage, reminders that were due meanwhile are not sent one by one.
        let half = (policy.review_within / 2).max(Duration::from_secs(60));
        let over = since(break_glass.at, self.now).as_secs() / half.as_secs().max(1);
        break_glass.reminded =
            (break_glass.reminded + 1).max(u32::try_from(over).unwrap_or(u32::MAX));
        let (due, n, by) = (
            break_glass.due,
            break_glass.reminded,
            break_glass.by.id.clone(),
        );
        let overdue = self.now >= due;
        self.record_own(WaitingFact::ReviewReminded { due, overdue });
        let (text, named) = self.review_request(people, by, due, overdue, explained);
        self.post(text, named, false, &format!("review:{n}"));
        // The message about it says by now that it was due.
        if overdue {
            self.notices.push(Notice::BreakGlass);
        }
        // When the review is asked for next; what drives the rollback itself is not touched.
        let break_glass = self.rollback.break_glass.as_ref();
        self.drive_at =
            break_glass.map(|break_glass| break_glass.asks_again_at(policy.review_within));
        Ok(())
    }

    /// What asks for the review of an emergency run, and of its author for their explanation, with
    /// the people that it names.
    fn review_request(
        &self,
        people: Vec<String>,
        author: String,
        due: Timestamp,
        overdue: bool,
        explained: bool,
    ) -> (String, Vec<String>) {
        let id = self.rollback.id;
        let at = due.strftime("%Y-%m-%d %H:%M UTC");
        let due = match overdue {
            true => format!("was due {at}"),
            false => format!("is due {at}"),
        };
        let mut named: Vec<String> = people.into_iter().take(5).collect();
        let asked = match named.len() {
            0 => "An approver must review it".to_owned(),
            count => {
                let whom: Vec<String> = (0..count).map(Message::whom).collect();
                format!("{}, please review it", list(&whom, "or"))
            }
        };
        let mut text = format!(
            "{} ran without approval, and its review {due}. {asked}: `/rollback review {id} justified because …`, or `should-have-waited`, or `policy-too-strict`.",
            self.named_change()
        );
        if !explained {
            text.push_str(&format!(
                " {}, you promised to explain why it could not wait: `/rollback note …` in this channel records it.",
                Message::whom(named.len())
            ));
            named.push(author);
        }
        (text, named)
    }

    pub(super) fn planned(
        &mut self,
        plan: Plan,
        requester: Person,
        roster: &Roster,
        frozen: Option<Freeze>,
        audience: &Audience,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        // A mention does not carry its author's name; by now Slack has told it.
        self.rollback.requester = requester;
        let hash = plan.hash(&self.rollback.service);
        self.record_own(WaitingFact::Planned {
            from: plan.from.as_ref().map(|from| from.label().to_owned()),
            to: plan.to.label().to_owned(),
            risk: plan.risk,
            plan: hash.clone(),
        });
        if !plan.baselines.is_empty() {
            let baselines = plan.baselines.clone();
            self.record(Actor::Bot, Source::Check, ProofFact::Measured { baselines });
        }
        if let Some(LostChanges::Known(lost)) = &plan.lost_changes
            && lost.count > 0
        {
            let list = lost.list(&self.rollback.service.to_string(), plan.to.label());
            self.post(list, vec![], true, "lost-changes");
        }
        let expires_at = after(self.now, policy.plan_ttl);
        let risk = plan.risk;
        self.rollback.surfaces = plan.surfaces.clone();
        self.rollback.pin = plan.pin;
        self.rollback.plan = Some(plan);
        self.rollback.hash = Some(hash);
        // It may have been frozen while the platform was read.
        self.rollback.frozen = frozen.or(self.rollback.frozen.take());
        self.rollback.plan_until = Some(expires_at);
        self.rollback.times.proposed = Some(self.now);
        self.rollback.waiting.since.get_or_insert(self.now);
        if let Some(window) = policy.objection_window
            && risk <= Risk::Code
            && self.rollback.frozen.is_none()
            && self.rollback.replaces.is_none()
            // While nobody can see a card, silence says nothing.
            && !self.rollback.out_of_band
            && self.may_start_unopposed(&Membership::Member, roster, policy)
        {
            match self.why_not_silently(audience, roster, policy) {
                None => self.open_window(window, policy),
                Some(why) => self.does_not_start(why),
            }
        }
        self.transition_to(State::Proposed { expires_at });
        self.wait_on(policy);
        // What is due already, because a card before this one waited, is said below this one.
        let card = after(self.now, CARD_FIRST);
        self.drive_at = self.drive_at.map(|at| at.max(card));
        Ok(())
    }

    /// Why silence would say nothing.
    fn why_not_silently(
        &self,
        audience: &Audience,
        roster: &Roster,
        policy: &Policy,
    ) -> Option<NotStarted> {
        if !self.rollback.objections.is_empty() {
            return Some(NotStarted::Objected);
        }
        let case = self.rollback.case(policy, roster);
        let why = audience.lacks(&case, &self.rollback.requester)?;
        Some(NotStarted::Unseen { why })
    }

    /// From now on it starts by itself, unless somebody objects.
    fn open_window(&mut self, window: Duration, policy: &Policy) {
        let ends = after(self.now, window);
        self.rollback.waiting.window_ends = Some(ends);
        let id = self.rollback.id;
        let text = format!(
            "{id} starts by itself at {}, unless somebody objects in {}: {}, asked for by {}. `/rollback object {id} because …` stops that.",
            ends.strftime("%H:%M:%S UTC"),
            Message::whom(0),
            Message::quoted(&self.change().to_string()),
            Message::whom(1),
        );
        let people = vec![
            self.rollback.channel.clone(),
            self.rollback.requester.id.clone(),
        ];
        self.announce(text, people, policy, "window");
    }

    /// It waits for an approval; says why where the card is.
    fn does_not_start(&mut self, why: NotStarted) {
        self.rollback.waiting.window_ends = None;
        self.tell_window_ended(why);
    }

    /// Whether the requester has the authority that an objection window stands for.
    pub(super) fn may_start_unopposed(
        &self,
        membership: &Membership,
        roster: &Roster,
        policy: &Policy,
    ) -> bool {
        let case = self.rollback.case(policy, roster);
        let requester = &self.rollback.requester;
        let verdict = case.has_authority(requester, membership, self.now);
        // Silence agrees with people, and never with an agent.
        requester.agent.is_none()
            && case.rule.approvals == 1
            && case.rule.one_of.is_empty()
            && verdict.reason.truth == Truth::Yes
    }

    pub(super) fn window_ended(
        &mut self,
        membership: &Membership,
        roster: &Roster,
        audience: &Audience,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Proposed { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        let window_ends = self.rollback.waiting.window_ends;
        if window_ends.is_none_or(|ends| self.now < ends) || self.now >= expires_at {
            return Err(self.not_open());
        }
        let is_confirmed = policy.objection_window.is_some()
            && self.may_start_unopposed(membership, roster, policy);
        if is_confirmed && let Some(why) = self.why_not_silently(audience, roster, policy) {
            self.does_not_start(why);
            self.notices.push(Notice::Card);
            self.wait_on(policy);
            return Ok(());
        }
        if is_confirmed {
            let requester = self.rollback.requester.clone();
            let roles = self
                .rollback
                .case(policy, roster)
                .has_authority(&requester, membership, self.now)
                .roles;
            let fact = PeopleFact::StartedUnopposed {
                plan: self.rollback.hash.clone(),
                roles: roles.clone(),
            };
            let approval = Approval {
                by: requester,
                roles,
                at: self.now,
                unopposed: true,
                out_of_band: false,
            };
            let text = format!(
                "{} has started by itself, because nobody objected: {}.",
                self.rollback.id,
                Message::quoted(&self.change().to_string())
            );
            self.announce(text, vec![], policy, "started");
            self.let_run(approval, Source::Bot, fact, expires_at, roster, policy);
            return Ok(());
        }
        self.rollback.waiting.window_ends = None;
        let why = match policy.objection_window {
            None => NotStarted::NotConfigured,
            Some(_) => NotStarted::AuthorityUnconfirmed {
                requester: self.rollback.requester.clone(),
            },
        };
        self.tell_window_ended(why);
        self.notices.push(Notice::Card);
        self.wait_on(policy);
        Ok(())
    }

    /// It does not run without an approval any more.
    fn tell_window_ended(&mut self, why: NotStarted) {
        let why = self.record_reason(WaitingFact::WindowEnded { why });
        let what = format!(
            "{} {why}. `/rollback who {}` says who can approve it.",
            self.named_change(),
            self.rollback.id
        );
        self.tell_turn(&what, None, "window-ended");
    }

    /// Reminds the approvers while nobody answers, and runs the escalation steps that are due.
    pub(super) fn waited(&mut self, roster: &Roster, policy: &Policy) -> Result<(), Refusal> {
        let State::Proposed { .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let waited_since = self.rollback.waiting.since.unwrap_or(self.now);
        let waited = since(waited_since, self.now);
        let id = self.rollback.id;
        let due = |times: &[Duration], over: usize| {
            times
                .iter()
                .skip(over)
                .filter(|after| **after <= waited)
                .count()
        };
        // After an outage several may be due: one reminder says it.
        let reminders = due(&policy.remind, self.rollback.waiting.reminded);
        if reminders > 0 {
            self.rollback.waiting.reminded += reminders;
            let n = self.rollback.waiting.reminded;
            let people: Vec<String> = self
                .rollback
                .case(policy, roster)
                .could_approve(self.now)
                .into_iter()
                .map(|(person, _)| person)
                .take(5)
                .collect();
            let waited_seconds = waited.as_secs();
            self.record_own(WaitingFact::Reminded {
                rollback: id,
                waited_seconds,
                asked: people.clone(),
            });
            self.ask(waited_seconds, people, None, true, &format!("reminder:{n}"));
        }
        self.escalate(waited_since, roster, policy);
        self.notices.push(Notice::Card);
        self.wait_on(policy);
        Ok(())
    }

    /// Runs the escalation steps that are due; several at once ask all their people in one message.
    pub(super) fn escalate(&mut self, waited_since: Timestamp, roster: &Roster, policy: &Policy) {
        let waited = since(waited_since, self.now);
        let left = policy.escalate.iter().skip(self.rollback.waiting.escalated);
        let due: Vec<&EscalationStep> = left.take_while(|step| step.after <= waited).collect();
        if due.is_empty() {
            return;
        }
        self.rollback.waiting.escalated += due.len();
        let n = self.rollback.waiting.escalated;
        let mut people: Vec<String> = vec![];
        for step in &due {
            let members = step.roles.iter().flat_map(|role| roster.members(role));
            for id in step.people.iter().map(String::as_str).chain(members) {
                if !people.iter().any(|listed| listed == id) {
                    people.push(id.to_owned());
                }
            }
        }
        people.truncate(10);
        let pages = due.iter().any(|step| step.page);
        let id = self.rollback.id;
        let change = self.change();
        let waited_seconds = waited.as_secs();
        self.record_own(WaitingFact::Escalated {
            rollback: id,
            waited_seconds,
            change: change.clone(),
            asked: people.clone(),
            paged: pages,
        });
        self.ask(
            waited_seconds,
            people,
            pages.then(|| "PagerDuty".to_owned()),
            false,
            &format!("escalation:{n}"),
        );
        if pages {
            let because = match &self.rollback.because {
                Some(because) => format!(", because \"{because}\""),
                None => String::new(),
            };
            let summary = format!(
                "{id} has waited since {} for an approval to {}; asked for by {}{because}",
                waited_since.strftime("%H:%M UTC"),
                change.aim(),
                self.rollback.requester.called(),
            );
            self.rollback.waiting.paged = true;
            self.page("approval", summary);
        }
    }

    /// Asks people, in the card's thread or in the channel, and remembers that they were asked.
    pub(super) fn ask(
        &mut self,
        waited_seconds: u64,
        people: Vec<String>,
        else_: Option<String>,
        in_thread: bool,
        key: &str,
    ) {
        let id = self.rollback.id;
        let change = self.change();
        let because = match &self.rollback.because {
            Some(because) => format!(", \"{because}\""),
            None => String::new(),
        };
        let waiting = crate::proof::spell(Duration::from_secs(waited_seconds));
        let about = format!("{change}{because}, waiting {waiting}");
        let about = Message::quoted(&about);
        let verb = match change.undoes {
            Some(undone) => format!("{id}, an undo of {undone}"),
            None => id.to_string(),
        };
        let text = match (people.len(), &else_) {
            (0, None) => format!(
                "I know of nobody who can approve {verb}: {about}. `/rollback contacts` says who can help."
            ),
            (0, Some(else_)) => format!("{verb} needs an approval: {about}. Paging {else_}."),
            (count, None) => format!("{}: approve or deny {verb}? {about}.", whom(count)),
            (count, Some(else_)) => format!(
                "{}: approve or deny {verb}? {about}. Paging {else_} too.",
                whom(count)
            ),
        };
        self.post(text, people.clone(), in_thread, key);
        if !people.is_empty() || else_.is_some() {
            self.rollback.waiting.asked.push(Asked {
                people,
                else_,
                at: self.now,
            });
        }
    }

    /// The plan's time is over and it is still waited for: the same plan goes on, another one
    /// takes its place.
    pub(super) fn renewed(
        &mut self,
        plan: Result<Box<Plan>, Refusal>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Proposed { expires_at } = self.rollback.state else {
            return Err(self.not_open());
        };
        if self.now < expires_at {
            return Err(self.not_open());
        }
        let fresh = match plan {
            Ok(fresh) => fresh,
            Err(refusal) => {
                let why = match refusal {
                    Refusal::PlatformTrouble { why, .. } => why,
                    refusal => refusal.to_string(),
                };
                let why = self.record_reason(WaitingFact::NotKeptOpen { why });
                return self.expire_because(Some(&why));
            }
        };
        let hash = fresh.hash(&self.rollback.service);
        if Some(&hash) == self.rollback.hash.as_ref() {
            let until = after(self.now, policy.plan_ttl);
            self.record_own(WaitingFact::Rechecked {
                open_until: Some(until),
            });
            // The bot was not running when it would have started: nobody could have objected.
            if self.rollback.waiting.window_ends.take().is_some() {
                self.tell_window_ended(NotStarted::PlanEnded);
            }
            // `read_at` stays: an aim like "45 minutes ago" means the card's moment.
            self.rollback.plan_until = Some(until);
            self.transition_to(State::Proposed { expires_at: until });
            self.wait_on(policy);
            return Ok(());
        }
        let why = self.record_reason(WaitingFact::Superseded {
            moved: moved(self.rollback.plan.as_ref(), &fresh),
        });
        let mut proposal = self.again(self.rollback.aim.target.clone());
        proposal.waiting = self.rollback.waiting.clone();
        // Nobody had the time to object to what it is now.
        proposal.waiting.window_ends = None;
        // The page is taken back with this card; the next one pages for itself.
        proposal.waiting.paged = false;
        self.tell_superseded(&why);
        self.opens = Some(proposal);
        self.finish(State::Superseded { why });
        Ok(())
    }

    pub(super) fn froze(&mut self, freeze: Option<Freeze>, policy: &Policy) -> Result<(), Refusal> {
        if self.rollback.times.asked.is_some() || self.rollback.state.is_ended() {
            return Err(self.not_open());
        }
        if freeze.is_some() && self.break_silence() {
            self.tell_window_ended(NotStarted::Frozen);
        }
        self.rollback.frozen = freeze;
        self.notices.push(Notice::Card);
        self.go_on(policy);
        Ok(())
    }

    /// Nobody can read its platform any more, and none of the rules for its service is known. What
    /// was not run ends; what was is not known, and somebody can say how it ended.
    pub(super) fn unconfigured(&mut self) -> Result<(), Refusal> {
        let why = format!(
            "the service {} is not in the configuration any more",
            self.rollback.service
        );
        match self.rollback.state {
            State::Planning => {
                let is_final = true;
                return self.cannot_plan(Refusal::PlatformTrouble { why, is_final });
            }
            State::Executing { .. } | State::Accepted { .. } | State::Serving { .. } => {
                self.record_own(RunningFact::Unanswered { why: why.clone() });
                self.unknown(format!(
                    "{why}, so I can't look at what {} did: look there yourself",
                    self.platform()
                ));
            }
            State::Watching { .. } => {
                self.record_own(ProofFact::Closed {
                    verdict: self.rollback.proof.verdict,
                    replaced_by: None,
                });
                self.finish(State::Closed);
                return Ok(());
            }
            State::Proposed { expires_at } | State::Approved { expires_at }
                if self.now >= expires_at =>
            {
                return self.expire();
            }
            State::Proposed { .. }
            | State::Approved { .. }
            | State::WaitingForPeople { .. }
            | State::Unknown { .. }
            | State::Blocked { .. }
            | State::Closed
            | State::Failed { .. }
            | State::Partial { .. }
            | State::Rehearsed
            | State::Resolved { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. } => return Err(self.not_open()),
        }
        self.drive_at = Some(after(self.now, UNCONFIGURED_EVERY));
        Ok(())
    }

    pub(super) fn cannot_plan(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.rollback.state != State::Planning {
            return Err(self.not_open());
        }
        let why = refusal.to_string();
        self.record_own(WaitingFact::blocked(&refusal));
        let requester = self.rollback.requester.id.clone();
        match self.rollback.replaces {
            // It was not asked for just now: who asked is not looking.
            Some(before) => {
                let text = format!(
                    "{}: there is no new plan for {} in place of {before}: {}",
                    Message::whom(0),
                    self.rollback.service,
                    Message::unmarked(&why)
                );
                self.post(text, vec![requester], false, "no-new-plan");
            }
            None => self.notices.push(Notice::Tell {
                person: requester,
                reply_to: self.rollback.reply_to.clone(),
                message: Message::from(&refusal),
            }),
        }
        self.rollback.times.ended = Some(self.now);
        self.rollback.state = State::Blocked { why };
        Ok(())
    }

    /// Something has changed since the card was made.
    pub(super) fn tell_superseded(&mut self, why: &str) {
        let what = format!(
            "{} is out of date. {why} Approvals of it don't count for another plan; if there is one, its card appears here.",
            self.named_change()
        );
        self.tell_turn(&what, None, "superseded");
    }

    pub(super) fn expire(&mut self) -> Result<(), Refusal> {
        self.expire_because(None)
    }

    /// Ends it by the clock; `why` it was not kept open, if that was to be done.
    fn expire_because(&mut self, why: Option<&str>) -> Result<(), Refusal> {
        let (State::Proposed { expires_at } | State::Approved { expires_at }) = self.rollback.state
        else {
            return Err(self.not_open());
        };
        if self.now < expires_at {
            return Err(self.not_open());
        }
        let lacking = if matches!(self.rollback.state, State::Approved { .. }) {
            Lacking::Time
        } else if !self.rollback.approvals.is_empty() {
            Lacking::SomeApprovals
        } else {
            Lacking::EveryApproval
        };
        self.record_own(WaitingFact::Expired { lacking });
        let change = self.named_change();
        let what = match (why, lacking) {
            (Some(why), _) => format!("{change} expired: {why}"),
            (None, Lacking::Time) => {
                let until = expires_at.strftime("%H:%M UTC");
                format!("{change} expired: it was approved, but could not run before {until}.")
            }
            (None, Lacking::SomeApprovals) => {
                format!("{change} expired: not everyone who is needed approved it in time.")
            }
            (None, Lacking::EveryApproval) => {
                format!("{change} expired: nobody approved it in time.")
            }
        };
        self.tell_ending(&what, None, "expired");
        self.finish(State::Expired { at: expires_at });
        Ok(())
    }
}
