//! Taking input: several inputs in one transaction, each table read once and written once.
//!
//! A statement costs a hand-over to another thread (SQLite) or a round trip (Postgres), and a row
//! more in it next to nothing: this is what makes shared commits fast.

use super::{
    Error, NewCourse, NewNote, Outcome, Submission, TickByHand, actions, actions::ChangedAction,
    captures, checklists, complete::jobs_of, drills, enqueue, incidents, refused, updates,
};
use crate::store::{Tx, messages, read, reviews, rollbacks, timelines, written};
use jiff::Timestamp;
use rollback_domain::{
    decide::decide,
    grammar::ExportFormat,
    history::History,
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{
        self, Actor, CourseFact, Incident, IncidentChange, IncidentFact, IncidentRole,
        IncidentState, IncidentStatus, Opening, Placement, TimelineEvent,
    },
    job::{ActRequest, Document, ExportRequest, Job, Post, PostButton, WhenRefused},
    people::{Addressee, Person},
    policy::Policy,
    refusal::{Refusal, Source},
    release::Way,
    rollback::{Command, Message, Proposal, Rollback},
};
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// The counter that numbers rollbacks.
const NUMBERS: &str = "rollback";

/// How long after the timeline as text the same follows as a page: the text comes first.
const PAGE_AFTER_TEXT: Duration = Duration::from_secs(1);

/// What a change leaves behind: rollbacks that it opens, timeline entries, jobs.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) opened: Vec<Rollback>,
    /// What happened, in which incident.
    pub(super) events: Vec<(IncidentId, TimelineEvent)>,
    /// What is to be done, and when.
    pub(super) jobs: Vec<(Job, Timestamp)>,
}

impl Changes {
    /// Opens a rollback: its platform is read next.
    pub(super) fn open(
        &mut self,
        id: RollbackId,
        proposal: Proposal,
        incident: IncidentId,
        now: Timestamp,
    ) {
        let (rollback, event) = proposal.open(id, incident);
        self.opened.push(rollback);
        self.events.push((incident, event));
        self.jobs.push((Job::Advance { rollback: id }, now));
    }

    /// Opens the rollback of a member of a group: it is let run already.
    pub(super) fn open_member(
        &mut self,
        rollback: Rollback,
        events: Vec<(IncidentId, TimelineEvent)>,
        now: Timestamp,
    ) {
        let id = rollback.id;
        self.opened.push(rollback);
        self.events.extend(events);
        self.jobs.push((Job::Advance { rollback: id }, now));
    }

    /// Puts a command to the rollback that was opened last. If that changes nothing, its platform
    /// is read next, as of any other one.
    pub(super) fn put_to_opened(&mut self, command: Command, policy: &Policy, now: Timestamp) {
        let Some(opened) = self.opened.last_mut() else {
            return;
        };
        let Ok(decision) = decide(opened, command, policy, now) else {
            return;
        };
        *opened = decision.rollback;
        let incident = opened.incident;
        let events = decision.events.into_iter();
        self.events.extend(events.map(|event| (incident, event)));
        for (n, notice) in decision.notices.into_iter().enumerate() {
            self.jobs.extend(jobs_of(notice, opened, n, now));
        }
    }

    /// Adds what somebody did to an action item.
    fn add(&mut self, changed: ChangedAction) -> Outcome {
        let ChangedAction {
            action,
            event,
            jobs,
        } = changed;
        let outcome = Outcome::ActionChanged {
            changed: event.is_some(),
            action: Box::new(action),
        };
        self.events.extend(event);
        self.jobs.extend(jobs);
        outcome
    }

    /// Adds what became of several action items by itself.
    fn extend(&mut self, changed: Vec<ChangedAction>) {
        for ChangedAction { event, jobs, .. } in changed {
            self.events.extend(event);
            self.jobs.extend(jobs);
        }
    }

    /// Stores all of it.
    pub(super) async fn write(&self, tx: &mut Tx, now: Timestamp) -> sqlx::Result<()> {
        rollbacks::insert(tx, &self.opened).await?;
        timelines::append(tx, &self.events, now).await?;
        enqueue(tx, &self.jobs, now).await
    }
}

/// Inputs that share a transaction: what was read for all of them, and what they come to.
#[derive(Debug)]
pub(super) struct Batch {
    now: Timestamp,
    /// What input with these keys was answered, before or in this batch.
    answers: HashMap<String, String>,
    /// The latest of each channel.
    incidents: HashMap<String, Incident>,
    open: HashMap<ServiceKey, Rollback>,
    histories: HashMap<ServiceKey, History>,
    /// The last number that was taken here.
    number: Option<i64>,
    changes: Changes,
    outcome: Vec<(String, String)>,
}

impl Batch {
    /// Reads what these inputs need.
    pub(super) async fn read(
        tx: &mut Tx,
        asked: &[(&str, &Submission)],
        now: Timestamp,
    ) -> sqlx::Result<Batch> {
        let keys: Vec<&str> = asked.iter().map(|(key, _)| *key).collect();
        let answers = messages::answers(tx, &keys).await?;
        let (mut channels, mut services) = (BTreeSet::new(), BTreeSet::new());
        for (_, submission) in asked.iter().filter(|(key, _)| !answers.contains_key(*key)) {
            match submission {
                Submission::Propose(proposal) => {
                    channels.insert(proposal.channel.as_str());
                    services.insert(proposal.service.clone());
                }
                Submission::Note(NewNote { channel, .. })
                | Submission::ChangeIncident(NewCourse { channel, .. })
                | Submission::Record { channel, .. } => {
                    channels.insert(channel.as_str());
                }
                Submission::Capture(_)
                | Submission::Enqueue(_)
                | Submission::Append { .. }
                | Submission::DraftUpdate(_)
                | Submission::AddAction { .. }
                | Submission::FinishAction { .. }
                | Submission::Tick(_)
                | Submission::Review { .. }
                | Submission::Bind { .. } => {}
            }
        }
        let incidents = timelines::latest_of(tx, &channels).await?;
        let open = rollbacks::open_among(tx, &services).await?;
        // What went before counts only where a new one can be opened.
        services.retain(|service| open.get(service).is_none_or(Rollback::gives_way));
        let histories = rollbacks::histories(tx, &services).await?;
        Ok(Batch {
            now,
            answers,
            incidents,
            open,
            histories,
            number: None,
            changes: Changes::default(),
            outcome: vec![],
        })
    }

    /// Takes one input; see [`super::Engine::take`].
    pub(super) async fn take(
        &mut self,
        tx: &mut Tx,
        key: &str,
        submission: &Submission,
        first: bool,
    ) -> Result<Outcome, Error> {
        if let Some(answer) = self.answers.get(key) {
            let outcome = read(answer)?;
            if first {
                self.replayed(tx, key, submission).await?;
            }
            return Ok(outcome);
        }
        let now = self.now;
        let outcome = match submission {
            Submission::Propose(proposal) => self.propose(tx, proposal.clone()).await?,
            Submission::Note(note) => self.note(tx, key, note).await?,
            Submission::ChangeIncident(change) => {
                let outcome = self.change_incident(tx, key, change).await?;
                if let (Some(thread), Outcome::IncidentChanged { message, resolved }) =
                    (&change.echo, &outcome)
                {
                    let NewCourse { channel, by, .. } = change;
                    let id = format!("incident:{key}");
                    let post = echo_of(channel, thread.clone(), by, message.clone(), id);
                    let button = resolved.map(PostButton::PostMortem);
                    self.queue(Job::Post(Post { button, ..post }));
                }
                outcome
            }
            Submission::Capture(capture) => {
                let event = captures::change(tx, capture, now).await?;
                self.changes.events.extend(event);
                Outcome::Queued
            }
            Submission::Record { channel, event } => self.record(channel, event),
            Submission::DraftUpdate(new) => {
                // Large, and for few inputs: kept off the stack.
                let job = Box::pin(updates::draft(tx, new)).await?;
                self.queue(job)
            }
            Submission::AddAction { action, source } => {
                let added = actions::add(tx, action.clone(), *source, now).await?;
                self.changes.add(added)
            }
            Submission::FinishAction {
                number,
                channel,
                by,
                source,
            } => {
                let finished = actions::finish(tx, *number, channel, by, *source, now).await?;
                match finished {
                    Some(finished) => self.changes.add(finished),
                    None => Outcome::NoAction { number: *number },
                }
            }
            Submission::Tick(tick) => self.tick(tx, tick).await?,
            Submission::Review { procedure, review } => {
                reviews::record(tx, procedure, review).await?;
                Outcome::Queued
            }
            Submission::Append { incident, event } => {
                self.changes.events.push((*incident, event.clone()));
                Outcome::Queued
            }
            Submission::Enqueue(job) => self.queue(job.clone()),
            Submission::Bind { digest } => Outcome::Bound {
                digest: digest.clone(),
            },
        };
        self.remember(key, written(&outcome)?);
        Ok(outcome)
    }

    /// Stores what all of them came to.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<(), Error> {
        if let Some(last) = self.number {
            rollbacks::set_id(tx, NUMBERS, last).await?;
        }
        self.changes.write(tx, self.now).await?;
        messages::take(tx, &self.outcome, self.now).await?;
        Ok(())
    }

    /// Leaves a job behind that is due now.
    fn queue(&mut self, job: Job) -> Outcome {
        self.changes.jobs.push((job, self.now));
        Outcome::Queued
    }

    /// Writes a note, or the correction of one, into the channel's timeline.
    async fn note(&mut self, tx: &mut Tx, key: &str, note: &NewNote) -> Result<Outcome, Error> {
        let NewNote {
            channel,
            by,
            source,
            at,
            zone,
            text,
            is_correction,
            echo,
        } = note;
        let opening = Opening::UnlessResolved;
        let drill = Box::pin(self.drill_going_on(tx, channel)).await?;
        let incident = match (drill, is_correction, self.incidents.get(channel)) {
            (Some(drill), _, _) => drill,
            (None, false, _) => self.incident_of(tx, channel, opening).await?,
            (None, true, Some(latest)) => latest.id,
            (None, true, None) => return Ok(Outcome::refused(&Refusal::NoIncident)),
        };
        let text = text.clone();
        let (at, corrects, fact) = match is_correction {
            false => (*at, None, IncidentFact::Note { text }),
            true => {
                let Some((note, at)) = timelines::last_note(tx, incident, by).await? else {
                    let refusal = incidents::nothing_noted(incident);
                    return Ok(Outcome::refused(&refusal));
                };
                (at, Some(note), IncidentFact::NoteCorrected { note, text })
            }
        };
        let who = Actor::Person(by.clone());
        let event = TimelineEvent::new(at, who, *source, None, fact);
        self.changes.events.push((incident, event));
        if let Some(thread) = echo {
            let zone = zone.as_ref();
            let echoed = |name: &str| incidents::noted(at, self.now, zone, corrects, name);
            let marked = |message: Message| match incident.drill() {
                Some(drill) => message.about(drill),
                None => message,
            };
            let message = match by.name == by.id {
                // A mention in a message tells no name.
                true => {
                    let text = echoed(&by.with_agent(Message::whom(0)));
                    Message::Naming(text, vec![by.id.clone()])
                }
                false => Message::Text(echoed(&by.called())),
            };
            let id = format!("note:{key}");
            let echo = echo_of(channel, thread.clone(), by, marked(message), id);
            self.queue(Job::Post(echo));
        }
        Ok(Outcome::Noted {
            at,
            recorded_at: self.now,
            corrects,
            drill: incident.drill(),
        })
    }

    /// The record of the drill that goes on in a channel without an incident: what is noted there is
    /// noted of the drill.
    async fn drill_going_on(&self, tx: &mut Tx, channel: &str) -> sqlx::Result<Option<IncidentId>> {
        let is_over = |incident: &Incident| incident.state(self.now) == IncidentState::Silent;
        if !self.incidents.get(channel).is_none_or(is_over) {
            return Ok(None);
        }
        let drill = timelines::latest_drill_in(tx, channel).await?;
        Ok(drill.filter(|drill| !is_over(drill)).map(|drill| drill.id))
    }

    /// Changes the channel's incident as people have decided; declaring it opens one if none is.
    async fn change_incident(
        &mut self,
        tx: &mut Tx,
        key: &str,
        change: &NewCourse,
    ) -> Result<Outcome, Error> {
        let NewCourse {
            channel,
            by,
            source,
            change,
            rules,
            update_every,
            promises,
            told,
            echo: _,
        } = change;
        // The counter before the incident's row: see `propose`.
        rollbacks::hold_numbers(tx).await?;
        let id = match (change, self.incidents.get(channel)) {
            (IncidentChange::Declare { .. }, _) => {
                self.incident_of(tx, channel, Opening::IfNeeded).await?
            }
            (_, Some(latest)) => latest.id,
            (_, None) => return Ok(Outcome::refused(&Refusal::NoIncident)),
        };
        // Another replica may have changed it since it was read.
        let incident = timelines::lock(tx, id).await?;
        let there = match change.moves_to() {
            Some(to) => self.latest_in(tx, to).await?,
            None => None,
        };
        let beside = there.and_then(|there| incident.why_not_beside(&there, self.now));
        let changed = match beside {
            Some(refusal) => Err(refusal),
            None => incident.change(change, rules, self.now),
        };
        let (mut course, facts) = match changed {
            Ok(changed) => changed,
            Err(refusal) => {
                let event = refused(by, *source, "incident", &refusal, None, self.now);
                self.changes.events.push((id, event));
                return Ok(Outcome::refused(&refusal));
            }
        };
        if let Some(every) = *update_every {
            let promised = course.promise_update(every, self.now);
            self.changes.jobs.extend(promised.map(|due| {
                let role = IncidentRole::Communications;
                let incident = id;
                (
                    Job::RemindUpdate {
                        incident,
                        due,
                        role,
                    },
                    due,
                )
            }));
        }
        if let Some(due) = course
            .mitigate_by
            .filter(|due| incident.course.mitigate_by != Some(*due))
        {
            let job = Job::RemindMitigation { incident: id, due };
            self.changes.jobs.push((job, due));
        }
        timelines::set_course(tx, id, &course).await?;
        let message = incidents::changed(id, by, &facts, &course, promises.len());
        for fact in facts {
            if let CourseFact::SeveritySet { severity, .. } = &fact {
                let posts = incidents::severity_posts(id, channel, by, severity, told);
                for post in posts {
                    self.queue(Job::Post(post));
                }
            }
            let who = Actor::Person(by.clone());
            let event = TimelineEvent::new(self.now, who, *source, None, fact);
            self.changes.events.push((id, event));
        }
        let was_resolved = incident.course.status == IncidentStatus::Resolved;
        let is_resolved = course.status == IncidentStatus::Resolved;
        let changed = Incident { course, ..incident };
        match (was_resolved, is_resolved) {
            (false, true) => {
                let promised = actions::promise(tx, &changed, promises, by, self.now).await?;
                self.changes.extend(promised);
                self.export_resolved(key, id, channel);
            }
            (true, false) => {
                let dropped = actions::drop_promises(tx, id, by, *source, self.now).await?;
                self.changes.extend(dropped);
            }
            (true, true) | (false, false) => {}
        }
        match change.moves_to() {
            Some(to) => self.move_incident(tx, &changed, to, by).await?,
            None => {
                self.incidents.insert(channel.to_owned(), changed);
            }
        }
        Ok(Outcome::IncidentChanged {
            message,
            resolved: (!was_resolved && is_resolved).then_some(id),
        })
    }

    /// The latest incident of a channel, as it is stored.
    async fn latest_in(&self, tx: &mut Tx, channel: &str) -> sqlx::Result<Option<Incident>> {
        let mut latest = timelines::latest_of(tx, &BTreeSet::from([channel])).await?;
        Ok(latest.remove(channel))
    }

    /// Goes on with an incident in another channel, with what is to be done after it, and says so
    /// there.
    async fn move_incident(
        &mut self,
        tx: &mut Tx,
        incident: &Incident,
        to: &str,
        by: &Person,
    ) -> sqlx::Result<()> {
        timelines::move_to(tx, incident.id, to).await?;
        actions::move_to(tx, incident.id, to).await?;
        self.queue(Job::Post(incidents::moved(incident, to, by)));
        for channel in [incident.channel.as_str(), to] {
            match self.latest_in(tx, channel).await? {
                Some(latest) => self.incidents.insert(channel.to_owned(), latest),
                None => self.incidents.remove(channel),
            };
        }
        Ok(())
    }

    /// Ticks an item of a checklist for somebody.
    async fn tick(&mut self, tx: &mut Tx, tick: &TickByHand) -> sqlx::Result<Outcome> {
        let Some(ticked) = checklists::tick_by_hand(tx, tick, self.now).await? else {
            return Ok(Outcome::NoItem);
        };
        let changed = ticked.change.is_some();
        self.changes.events.extend(ticked.change);
        if changed {
            let rollback = tick.rollback;
            self.queue(Job::Checklist { rollback });
        }
        Ok(Outcome::Ticked {
            checklist: Box::new(ticked.checklist),
            changed,
        })
    }

    /// Has the timeline of an incident that was resolved uploaded into its channel, as text and as a
    /// page.
    fn export_resolved(&mut self, key: &str, incident: IncidentId, channel: &str) {
        let later = self.now.checked_add(PAGE_AFTER_TEXT).unwrap_or(self.now);
        for (format, id, at) in [
            (ExportFormat::Markdown, format!("resolved:{key}"), self.now),
            (ExportFormat::Html, format!("resolved:{key}:html"), later),
        ] {
            let job = Job::Export(ExportRequest {
                incident,
                document: Document::Timeline,
                format,
                channel: channel.to_owned(),
                rollback: None,
                thread: None,
                asked_by: None,
                reply_to: None,
                id,
            });
            self.changes.jobs.push((job, at));
        }
    }

    /// Writes into the channel's timeline, if an incident is open there.
    fn record(&mut self, channel: &str, event: &TimelineEvent) -> Outcome {
        let latest = self.incidents.get(channel);
        match incident::decide(latest, Opening::Never, self.now) {
            Placement::Incident(id) => self.changes.events.push((id, event.clone())),
            Placement::NewIncident | Placement::Nowhere => {}
        }
        Outcome::Queued
    }

    fn remember(&mut self, key: &str, answer: String) {
        self.answers.insert(key.to_owned(), answer.clone());
        self.outcome.push((key.to_owned(), answer));
    }

    /// The channel's incident, opened if none is there for it.
    async fn incident_of(
        &mut self,
        tx: &mut Tx,
        channel: &str,
        opening: Opening,
    ) -> sqlx::Result<IncidentId> {
        let latest = self.incidents.get(channel);
        match incident::decide(latest, opening, self.now) {
            Placement::Incident(id) => Ok(id),
            Placement::NewIncident | Placement::Nowhere => {
                let incident = incidents::opened(tx, channel, self.now).await?;
                let id = incident.id;
                self.incidents.insert(channel.to_owned(), incident);
                Ok(id)
            }
        }
    }

    /// The next number for a rollback.
    async fn next_number(&mut self, tx: &mut Tx) -> sqlx::Result<i64> {
        let number = match self.number {
            // The counter's row is ours since the first.
            Some(last) => last + 1,
            None => rollbacks::next_id(tx, NUMBERS).await?,
        };
        self.number = Some(number);
        Ok(number)
    }

    async fn propose(&mut self, tx: &mut Tx, mut proposal: Proposal) -> Result<Outcome, Error> {
        let now = self.now;
        // A drill opens no incident, and is in none.
        let incident = match proposal.drill {
            None => Some(
                self.incident_of(tx, &proposal.channel, Opening::IfNeeded)
                    .await?,
            ),
            Some(_) => None,
        };
        let place = proposal.service.clone();
        let gives_way = |open: &&Rollback| proposal.drill.is_none() && open.gives_way();
        let stopped = self
            .open
            .get(&place)
            .filter(gives_way)
            .map(|drill| drill.id);
        let open = self.open.get(&place).filter(|open| !gives_way(open));
        let see = open.map(|open| open.id);
        let snapshot = open.cloned().map(Box::new);
        let history = self.histories.get(&place);
        let overtaken = history
            .and_then(|history| history.rollbacks.first())
            .filter(|past| past.at > proposal.commanded);
        let turns: Vec<String> = history
            .and_then(|history| history.flapping(proposal.aim.way(), now))
            .into_iter()
            .flatten()
            .map(|past| match past.way {
                Way::Back => format!("{} went back", past.id),
                Way::Forward => format!("{} went forward", past.id),
            })
            .collect();
        let refusal = match (open, overtaken) {
            (Some(open), _) => Some(Refusal::AlreadyOpen {
                id: open.id,
                word: open.word(),
                asked_for: None,
                stoppable: open.times.asked.is_none(),
                service: open.service.clone(),
            }),
            // It was asked for before that, and meant what was live then.
            (None, Some(past)) => Some(Refusal::Overtaken {
                id: past.id,
                service: place.clone(),
            }),
            (None, None) if !turns.is_empty() && proposal.because.is_none() => {
                Some(Refusal::Flapping {
                    service: proposal.service.name.clone(),
                    turns: turns.clone(),
                    undoes: proposal.aim.undoes,
                })
            }
            (None, None) => None,
        };
        if let Some(refusal) = refusal {
            let event = refused(
                &proposal.requester,
                proposal.source,
                "propose",
                &refusal,
                None,
                now,
            );
            match incident {
                Some(incident) => self.changes.events.push((incident, event)),
                None => drop(self.record(&proposal.channel, &event)),
            }
            return Ok(Outcome::Refused {
                message: Message::from(&refusal),
                see,
                snapshot,
            });
        }
        proposal.turns = turns;
        let Some(incident) = incident else {
            let (id, record) = drills::begin(tx, &proposal.channel, now).await?;
            return Ok(self.opened(id, record, proposal));
        };
        // Always the counter before the incident's row, so that two of these never wait for each
        // other.
        let id = RollbackId::new(self.next_number(tx).await?.cast_unsigned());
        if let Some(drill) = stopped
            && !drills::make_way(tx, drill, id, &mut self.changes, now).await?
        {
            // Its platform was asked in this very moment: it is looked at again.
            return Err(Error::Raced);
        }
        Ok(self.opened(id, incident, proposal))
    }

    /// Opens a rollback in the record of an incident.
    fn opened(&mut self, id: RollbackId, incident: IncidentId, proposal: Proposal) -> Outcome {
        let place = proposal.service.clone();
        self.changes.open(id, proposal, incident, self.now);
        if let Some(opened) = self.changes.opened.last() {
            self.open.insert(place, opened.clone());
        }
        Outcome::Opened { id }
    }

    /// Writes down, once, that a click came a second time. Slack delivers a click once; somebody
    /// else may have recorded it. A form is no click: it stays open while Slack has not heard the
    /// answer, and a client that sends it again sends the same.
    async fn replayed(
        &mut self,
        tx: &mut Tx,
        key: &str,
        submission: &Submission,
    ) -> Result<(), Error> {
        let Submission::Enqueue(Job::Act(ActRequest {
            rollback,
            by,
            source: source @ Source::Button,
            act,
            ..
        })) = submission
        else {
            return Ok(());
        };
        let again = format!("again:{key}");
        if self.answers.contains_key(&again) || !messages::answers(tx, &[&again]).await?.is_empty()
        {
            return Ok(());
        }
        if let Some(found) = rollbacks::lock(tx, *rollback).await? {
            let refusal = Refusal::Forged {
                what: "the same click arrived again".into(),
            };
            let verb = act.verb();
            let event = refused(by, *source, verb, &refusal, Some(*rollback), self.now);
            self.changes.events.push((found.incident, event));
        }
        self.remember(&again, "null".into());
        Ok(())
    }
}

/// What posts what somebody did, where the answer to it is not seen by everybody.
fn echo_of(
    channel: &str,
    thread: Option<String>,
    by: &Person,
    message: Message,
    id: String,
) -> Post {
    Post {
        channel: channel.to_owned(),
        thread,
        under: None,
        message,
        button: None,
        when_refused: WhenRefused::TellAlone {
            rollback: None,
            people: vec![Addressee {
                person: by.id.clone(),
                reply_to: None,
            }],
        },
        id,
    }
}
