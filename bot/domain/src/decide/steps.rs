//! Plans of more than one step: automatic deploys that are held off first, the step that comes
//! next, and what people do by hand meanwhile.
//!
//! Once the first step was accepted, nothing goes back to *Approved*: whatever a later step is
//! answered with, the provider looks, and only what it saw leads to the next step.

use super::*;

impl Draft {
    /// The platform was asked to hold automatic deploys off, before the first step.
    pub(super) fn pin_answered(
        &mut self,
        answer: Result<String, ProviderError>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        let State::Executing { step: 0, .. } = self.rollback.state else {
            return Err(self.not_open());
        };
        let said = match answer {
            Ok(said) => said,
            // Nothing was asked for yet, and the hold is stored: it is as if the first step had
            // been answered like this.
            Err(error) => return self.answered(Err(error), policy),
        };
        self.record_platform(RunningFact::Pinned { answer: Some(said) });
        self.rollback.pin = Pin::On;
        if let Some(hold) = &mut self.rollback.hold {
            hold.confirmed = true;
        }
        self.ask_for(0);
        Ok(())
    }

    /// The platform is asked for a step, in the commit that this decision becomes.
    pub(super) fn ask_for(&mut self, step: u32) {
        self.rollback.step = step;
        self.rollback.asked_last = Some(self.now);
        self.rollback.untraced = 0;
        self.transition_to(State::Executing {
            asked_at: self.now,
            step,
        });
        self.drive_at = Some(self.now);
    }

    /// The step was accepted and another one may follow at once.
    pub(super) fn go_on_with(&mut self, next: NextStep, policy: &Policy) {
        if self.rollback.asks >= ASKS_AT_MOST {
            let why = self.record_reason(RunningFact::TooManySteps {
                platform: self.platform(),
                asks: self.rollback.asks,
                next: next.name,
            });
            self.lose_sight(why, after(self.now, policy.check_every));
            return;
        }
        self.rollback.asks += 1;
        self.record_own(RunningFact::StepExecuting {
            platform: self.platform(),
            step: self.rollback.step_label(next.number, &next.name),
        });
        self.ask_for(next.number);
    }

    /// It was looked at, and the next step is safe.
    pub(super) fn step_ready(
        &mut self,
        next: NextStep,
        said: String,
        memory: serde_json::Value,
        policy: &Policy,
    ) {
        self.record_platform(RunningFact::StepReady {
            answer: said.clone(),
            next: next.name.clone(),
        });
        self.rollback.said = Some(said);
        self.remember(memory);
        self.go_on_with(next, policy);
    }

    /// Keeps what a provider wants to find again; null keeps what was there.
    pub(super) fn remember(&mut self, memory: serde_json::Value) {
        if !memory.is_null() {
            self.rollback.memory = memory;
        }
    }

    /// It is not known what the platform did: it is looked at, and never asked again blindly.
    pub(super) fn lose_sight(&mut self, why: String, look_at: Timestamp) {
        self.unknown(why);
        self.drive_at = Some(look_at);
    }

    /// What production serves is not known any more: those whom it concerns are told, once.
    pub(super) fn unknown(&mut self, why: String) {
        if !matches!(self.rollback.state, State::Unknown { .. }) {
            let text = format!(
                "I don't know whether {} took effect. {} Don't retry. If you can see the result: `/rollback resolve {} done because …` (or `not-done`).",
                self.named_change(),
                crate::refusal::sentence(&Message::quoted(&why)),
                self.rollback.id
            );
            let key = format!("unknown:{}", self.rollback.asks);
            self.tell(&text, None, false, &key);
        }
        self.transition_to(State::Unknown {
            since: self.now,
            why,
        });
    }

    /// It cannot go on before people have done something.
    pub(super) fn people_needed(
        &mut self,
        tasks: Vec<Task>,
        said: String,
        roster: &Roster,
        policy: &Policy,
    ) {
        let mut added = vec![];
        for task in tasks {
            let existing = self.rollback.tasks.iter_mut().find(|one| one.id == task.id);
            match existing {
                Some(existing) => {
                    existing.text = task.text;
                    existing.link = task.link;
                    existing.role = task.role;
                    existing.needs_note = task.needs_note;
                }
                None => {
                    let task = Task {
                        signed: None,
                        ..task
                    };
                    added.push(task.id.clone());
                    self.rollback.tasks.push(task);
                }
            }
        }
        let waits = matches!(self.rollback.state, State::WaitingForPeople { .. });
        let changed = self.rollback.said.as_ref() != Some(&said);
        if !waits || changed {
            let open = self.rollback.tasks.iter().filter(|task| !task.is_done());
            let fact = RunningFact::PeopleNeeded {
                answer: said.clone(),
                tasks: open.map(|task| task.id.clone()).collect(),
            };
            self.record_platform(fact);
        }
        self.rollback.said = Some(said);
        if !waits {
            self.transition_to(State::WaitingForPeople { since: self.now });
        } else if changed || !added.is_empty() {
            self.notices.push(Notice::Card);
        }
        if !waits || !added.is_empty() {
            self.ask_people(roster);
        }
        let since = if let State::WaitingForPeople { since } = self.rollback.state {
            Some(since)
        } else {
            None
        };
        self.drive_at = Some(self.read_back_at(since, policy));
    }

    /// Asks the people whom the open tasks are for, in the card's thread.
    fn ask_people(&mut self, roster: &Roster) {
        let id = self.rollback.id;
        let mut people: Vec<String> = vec![];
        let mut lines = vec![];
        for task in self.rollback.tasks.iter().filter(|task| !task.is_done()) {
            let members = match &task.role {
                Some(role) => roster.members(role),
                None => vec![],
            };
            for member in members.into_iter().take(5) {
                if !people.iter().any(|listed| listed == member) {
                    people.push(member.to_owned());
                }
            }
            let link = match &task.link {
                Some(link) => format!(" ({link})"),
                None => String::new(),
            };
            lines.push(format!(
                "{}{link} Then: `/rollback signoff {id} {} done`.",
                crate::refusal::sentence(&Message::quoted(&task.text)),
                task.id
            ));
        }
        let whom: Vec<String> = (0..people.len()).map(Message::whom).collect();
        let whom = match whom.is_empty() {
            true => String::new(),
            false => format!("{}: ", list(&whom, "and")),
        };
        let text = format!(
            "{whom}{} needs people to go on. {}",
            self.named_change(),
            lines.join(" ")
        );
        let key = format!("tasks:{}", self.rollback.tasks.len());
        self.post(text, people, true, &key);
    }

    /// Somebody says that a manual task is done, or that it cannot be done.
    pub(super) fn sign_off(
        &mut self,
        who: Who,
        task: &str,
        done: bool,
        note: Option<String>,
        policy: &Policy,
    ) -> Result<(), Refusal> {
        if self.rollback.times.asked.is_none() || self.rollback.state.is_ended() {
            return Err(self.not_open());
        }
        let id = self.rollback.id;
        let found = self.rollback.tasks.iter().find(|one| one.id == task);
        let Some(found) = found.cloned() else {
            return Err(Refusal::Unconfirmed {
                what: self.no_such_task(task),
            });
        };
        if let Some(signed) = found.signed.as_ref().filter(|signed| signed.done) {
            return Err(Refusal::AlreadySo {
                what: format!("@{} signed {task} of {id} off already.", signed.by.name),
            });
        }
        let case = self.rollback.case(policy, &who.roster);
        let rule = match &found.role {
            Some(role) => Rule {
                roles: vec![role.clone()],
                one_of: vec![],
                ..case.rule.clone()
            },
            None => case.rule.clone(),
        };
        Case {
            rule: &rule,
            ..case
        }
        .has_authority(&who.person, &who.membership, self.now)
        .admit()?;
        if found.needs_note && note.is_none() {
            return Err(Refusal::Unconfirmed {
                what: format!("Say what was done: `/rollback signoff {id} {task} done because …`."),
            });
        }
        let fact = PeopleFact::SignedOff {
            task: task.to_owned(),
            done,
            note: note.clone(),
        };
        self.record_by(&who, fact);
        if let Some(found) = self.rollback.tasks.iter_mut().find(|one| one.id == task) {
            found.signed = Some(SignOff {
                by: who.person,
                at: self.now,
                done,
                note,
            });
        }
        self.notices.push(Notice::Card);
        // What was waited for counts from now, not from when the platform was asked.
        self.rollback.asked_last = Some(self.now);
        if let State::WaitingForPeople { .. } = self.rollback.state {
            self.drive_at = Some(self.now);
        }
        Ok(())
    }

    /// What somebody is told who signs off a task that there is not.
    fn no_such_task(&self, task: &str) -> String {
        let id = self.rollback.id;
        let open: Vec<String> = self
            .rollback
            .tasks
            .iter()
            .filter(|one| !one.is_done())
            .map(|one| one.id.clone())
            .collect();
        match open.first() {
            Some(first) => format!(
                "{id} has no task \"{task}\". Open: {}. To sign one off: `/rollback signoff {id} {first} done`.",
                list(&open, "and")
            ),
            None => format!(
                "{id} has no task \"{task}\", and none that is open. `/rollback status {id}` shows where it stands."
            ),
        }
    }

    /// A failed rollback must not leave automatic deploys off without a word: what we held off for
    /// it goes back to what it was.
    pub(super) fn take_pin_back(&mut self) {
        if self.rollback.hold.is_some() {
            self.notices.push(Notice::TakePinBack);
        }
    }
}
