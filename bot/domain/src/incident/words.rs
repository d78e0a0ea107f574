//! The words of the record: each fact as a clause, whatever the exporter does to people and text.

use super::{
    Approved, AttachedFile, CaptureFact, CapturedMessage, CourseFact, Evidence, Fact, IncidentFact,
    IncidentStatus, Instead, Lacking, MessageAuthor, Moved, NotStarted, Part, PeopleFact,
    ProofFact, ProposedChange, Reopening, RunningFact, Sentence, TimelineEvent, UpdateFact,
    WaitingFact,
};
use crate::{
    aftermath::MovedHow,
    drill::watermarked,
    grammar::Target,
    identity::{RollbackId, ServiceKey},
    matrix::Advice,
    plan::PlanHash,
    proof::{Baseline, Proof, Round, StageResult, spell},
    refusal::{Plain, Tone, list, sentence},
    release::Way,
};
use jiff::Timestamp;
use std::{fmt, time::Duration};

/// What stands where the platform does not say which release it is.
const UNKNOWN: &str = "unknown";

impl TimelineEvent {
    /// What happened, as a clause, with its evidence.
    pub fn clause(&self, tone: &dyn Tone) -> String {
        let mut clause = match self.rollback {
            Some(id) => watermarked(id, &self.fact.clause(tone)).into_owned(),
            None => self.fact.clause(tone),
        };
        for evidence in &self.evidence {
            match evidence {
                Evidence::LastRead { clause: last_read } => {
                    clause.push_str(&format!("; {}", tone.text(last_read)));
                }
                Evidence::Link { url } => {
                    clause.push_str(&format!("; evidence: {}", tone.text(url)));
                }
            }
        }
        clause
    }

    /// The same in plain words, with people by their ids.
    pub fn text(&self) -> String {
        self.clause(&Plain)
    }
}

impl Fact {
    /// It as a clause, without its subject: `denied it: "not now"`.
    pub fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            Fact::Incident(fact) => fact.clause(tone),
            Fact::Course(fact) => fact.clause(tone),
            Fact::Capture(fact) => fact.clause(tone),
            Fact::Update(fact) => fact.clause(tone),
            Fact::Action(fact) => fact.clause(tone),
            Fact::Checklist(fact) => fact.clause(tone),
            Fact::People(fact) => fact.clause(tone),
            Fact::Waiting(fact) => fact.clause(tone),
            Fact::Running(fact) => fact.clause(tone),
            Fact::Proof(fact) => fact.clause(tone),
            Fact::Prose { text, .. } => naming(text, tone),
        }
    }

    /// The same in plain words, with people by their ids.
    pub fn text(&self) -> String {
        self.clause(&Plain)
    }
}

impl IncidentFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        let text = |text: &str| tone.text(text);
        let place = |service: &ServiceKey| text(&service.to_string());
        match self {
            IncidentFact::IncidentOpened { incident } => {
                format!("opened {incident} in this channel")
            }
            IncidentFact::Note { text } => naming(text, tone),
            IncidentFact::NoteCorrected { note, text } => {
                format!("{} (corrects entry {note})", naming(text, tone))
            }
            IncidentFact::Refused {
                verb,
                code,
                sentence,
            } => format!(
                "tried `{}` and was refused ({code}): {}",
                text(verb),
                sentence.draw(tone)
            ),
            IncidentFact::Frozen { service, because } => format!(
                "asked for a hold on {}, because \"{}\"",
                place(service),
                naming(because, tone)
            ),
            IncidentFact::Unfrozen { service, because } => format!(
                "withdrew the hold request for {}{}",
                place(service),
                because_of(because, tone)
            ),
            IncidentFact::Assessed {
                service,
                known,
                measured,
                advice,
                row,
                decide_by,
                against,
            } => {
                let said = advised(*advice, row.as_deref(), *decide_by, tone);
                let based_on = [known.as_slice(), measured.as_slice(), against.as_slice()];
                assessed(&place(service), based_on, &said, tone)
            }
            IncidentFact::DecisionDue {
                service,
                advice,
                due,
            } => format!(
                "the time to decide about {} is over ({}): the matrix said \"{}\", and nothing was decided",
                place(service),
                due.strftime("%H:%M UTC"),
                advice.sentence().to_lowercase()
            ),
            IncidentFact::MarkedBad {
                service,
                label,
                because,
                release: _,
            } => format!(
                "marked {} of {} as bad, because \"{}\"",
                text(label),
                place(service),
                naming(because, tone)
            ),
            IncidentFact::MarkedGood {
                service,
                label,
                because,
                release: _,
            } => format!(
                "took the mark \"bad\" off {} of {}{}",
                text(label),
                place(service),
                because_of(because, tone)
            ),
            IncidentFact::Unpinned {
                service,
                because,
                answer,
            } => format!(
                "unpinned {}{}: {}",
                place(service),
                because_of(because, tone),
                text(answer)
            ),
            IncidentFact::Paging { summary } => format!("paging PagerDuty: {}", text(summary)),
            IncidentFact::PageTaken { due } => format!(
                "PagerDuty took the page that was to be sent at {}",
                due.strftime("%H:%M UTC")
            ),
            IncidentFact::PageRefused { why } => format!(
                "PagerDuty could not be told, nobody was paged: {}",
                text(why)
            ),
            IncidentFact::PageNotResolved { why } => {
                format!("the page could not be taken back: {}", text(why))
            }
            IncidentFact::Exported {
                file,
                entries,
                bytes,
            } => format!("exported {}, {entries} entries, {bytes} bytes", text(file)),
            IncidentFact::PostMortemProposed { file, link } => {
                format!("proposed {} by a pull request: {}", text(file), text(link))
            }
            IncidentFact::ExportRefused { file, code } => {
                format!("could not export {}: Slack says {}", text(file), text(code))
            }
            IncidentFact::Unreached {
                people,
                channel,
                code,
                instead,
            } => {
                let people: Vec<String> = people.iter().map(|id| tone.person(id)).collect();
                let instead = match instead {
                    Instead::Channel { channel } => format!("posting in {} instead", text(channel)),
                    Instead::Page => "paging PagerDuty instead".into(),
                    Instead::Nothing => "no other way is configured".into(),
                };
                format!(
                    "could not reach {} in {} (Slack says {}): {instead}",
                    list(&people, "and"),
                    text(channel),
                    text(code)
                )
            }
        }
    }
}

impl CourseFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            CourseFact::Declared { because } => {
                format!("declared the incident{}", because_of(because, tone))
            }
            CourseFact::SeveritySet { severity, because } => format!(
                "set the severity to {}{}",
                tone.text(&severity.to_string()),
                because_of(because, tone)
            ),
            CourseFact::RoleAssigned { role, person } => {
                format!("assigned the role {role} to {}", tone.person(person))
            }
            CourseFact::StatusChanged { from, to, because } => {
                let change = match to {
                    IncidentStatus::Resolved => "resolved the incident".to_owned(),
                    IncidentStatus::Investigating
                    | IncidentStatus::Identified
                    | IncidentStatus::Monitoring => {
                        format!("changed the status from {from} to {to}")
                    }
                };
                change + &because_of(because, tone)
            }
            CourseFact::IncidentReopened { because } => {
                format!(
                    "reopened the incident, because \"{}\"",
                    naming(because, tone)
                )
            }
            CourseFact::TimeSet {
                milestone,
                at,
                because,
            } => format!(
                "set {milestone} to {}, because \"{}\"",
                at.strftime("%Y-%m-%d %H:%M:%S UTC"),
                naming(because, tone)
            ),
            CourseFact::Linked { reference } => {
                format!("linked the incident to {}", tone.text(reference))
            }
            CourseFact::Unlinked { reference } => {
                format!("took the link to {} back", tone.text(reference))
            }
            CourseFact::IncidentMoved { from, to } => format!(
                "moved the incident from {} to {}",
                tone.person(from),
                tone.person(to)
            ),
            CourseFact::DeadlinePassed {
                severity,
                due,
                person,
            } => {
                let whom = match person {
                    Some(person) => format!("reminded {}", tone.person(person)),
                    None => "reminded the channel, because nobody leads the incident,".to_owned(),
                };
                format!(
                    "{whom} that it is {} and was to be mitigated by {}",
                    tone.text(&severity.to_string()),
                    due.strftime("%Y-%m-%d %H:%M UTC")
                )
            }
        }
    }
}

impl CaptureFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            CaptureFact::Captured(message) => {
                format!("captured {}", message.clause(tone))
            }
            CaptureFact::CaptureWithdrawn(message) => {
                format!("withdrew {} from the timeline", message.clause(tone))
            }
            CaptureFact::CaptureRevised(message) => {
                format!(
                    "edited what was captured: now it is {}",
                    message.clause(tone)
                )
            }
            CaptureFact::CaptureDeleted(message) => {
                format!("deleted from the channel {}", message.clause(tone))
            }
        }
    }
}

impl UpdateFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            UpdateFact::UpdatePublished {
                update,
                update_kind,
                corrects,
                title,
                text,
                channels,
                outside,
                because,
            } => {
                let corrects = corrects.map(|first| format!(" (corrects update {first})"));
                let outside = outside.iter().map(|place| tone.text(place));
                let channels = channels.iter().map(|channel| tone.person(channel));
                let channels: Vec<String> = channels.chain(outside).collect();
                format!(
                    "published update {update}, {update_kind}, in {}{}{}: \"{}: {}\"",
                    list(&channels, "and"),
                    corrects.unwrap_or_default(),
                    because_of(because, tone),
                    tone.text(title),
                    tone.text(text)
                )
            }
            UpdateFact::NoticeTaken {
                update,
                place,
                id,
                link,
            } => {
                let link = link.as_ref().map(|link| format!(": {}", tone.text(link)));
                format!(
                    "{} took update {update} as {}{}",
                    tone.text(place),
                    tone.text(id),
                    link.unwrap_or_default()
                )
            }
            UpdateFact::NoticeRefused { update, place, why } => format!(
                "{} did not take update {update}: {}",
                tone.text(place),
                tone.text(why)
            ),
            UpdateFact::UpdateReminded { due, person } => {
                let due = due.strftime("%H:%M UTC");
                match person {
                    Some(person) => format!(
                        "reminded {} of the update that was due at {due}",
                        tone.person(person)
                    ),
                    None => {
                        format!("nobody was to be reminded of the update that was due at {due}")
                    }
                }
            }
        }
    }
}

impl CapturedMessage {
    /// Whose it is, what it says, what is attached to it and where it is.
    fn clause(&self, tone: &dyn Tone) -> String {
        let author = match &self.author {
            MessageAuthor::Person(id) => tone.person(id),
            MessageAuthor::App(name) => tone.text(name),
        };
        let mut clause = format!("a message of {author}");
        if !self.text.is_empty() {
            clause.push_str(&format!(": \"{}\"", naming(&self.text, tone)));
        }
        for AttachedFile { name, link } in &self.files {
            clause.push_str(&format!(" [{}", tone.text(name)));
            if let Some(link) = link {
                clause.push_str(&format!(" {}", tone.text(link)));
            }
            clause.push(']');
        }
        if let Some(link) = &self.link {
            clause.push_str(&format!(" ({})", tone.text(link)));
        }
        if let Some(comment) = &self.comment {
            clause.push_str(&format!(", with the comment \"{}\"", naming(comment, tone)));
        }
        clause
    }
}

impl PeopleFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            PeopleFact::Requested {
                service,
                target,
                undoes,
                because,
                part_of,
            } => {
                let place = tone.text(&service.to_string());
                let aim = match (undoes, target) {
                    (Some(undone), _) => format!("undo {undone} on {place}"),
                    (None, Target::Previous) => {
                        format!("roll back {place} to the previous release")
                    }
                    (None, Target::Named(name) | Target::Id(name)) => {
                        format!("roll back {place} to {}", tone.text(name))
                    }
                    (None, Target::At(_)) => {
                        format!("roll back {place} to what was live at a time")
                    }
                };
                let group = part_of.map(|group| format!(", as a part of {group}"));
                let group = group.unwrap_or_default();
                format!("asked to {aim}{group}{}", because_of(because, tone))
            }
            PeopleFact::Approved(approved) => approved.clause(tone),
            PeopleFact::StartedUnopposed { plan, roles } => format!(
                "started plan {} as {}: nobody objected",
                hash(plan),
                tone.text(&list(roles, "and"))
            ),
            PeopleFact::Withdrawn { because } => {
                reasoned("took their approval back", because, tone)
            }
            PeopleFact::Objected { because } => {
                format!("objected: \"{}\"", naming(because, tone))
            }
            PeopleFact::BreakGlass {
                plan,
                because,
                review_due,
            } => format!(
                "started an emergency run of plan {}, without an approval: \"{}\"; a review is due {}",
                hash(plan),
                naming(because, tone),
                minute(*review_due)
            ),
            PeopleFact::Reviewed { answer, because } => format!(
                "reviewed the emergency run: {answer}: \"{}\"",
                naming(because, tone)
            ),
            PeopleFact::SignedOff { task, done, note } => reasoned(
                &format!("signed {} off as {}", tone.text(task), outcome(*done)),
                note,
                tone,
            ),
            PeopleFact::Resolved { done, because } => format!(
                "resolved it as {}: \"{}\"",
                outcome(*done),
                naming(because, tone)
            ),
            PeopleFact::Denied { because } => reasoned("denied it", because, tone),
            PeopleFact::Cancelled { because } => {
                reasoned("took it back before the platform was asked", because, tone)
            }
            PeopleFact::GroupStopped { not_run, because } => reasoned(
                &format!("stopped it; not run: {}", tone.text(&list(not_run, "and"))),
                because,
                tone,
            ),
            PeopleFact::Retargeted { to } => format!("changed the target to {}", tone.text(to)),
        }
    }
}

impl WaitingFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        let text = |text: &str| tone.text(text);
        match self {
            WaitingFact::Planned {
                from,
                to,
                risk,
                plan,
            } => format!(
                "proposed {} → {}, risk {risk}, plan {plan}",
                text(from.as_deref().unwrap_or(UNKNOWN)),
                text(to)
            ),
            WaitingFact::Blocked { code, sentence } => {
                format!("{code}: {}", sentence.draw(tone))
            }
            WaitingFact::Reminded {
                rollback,
                waited_seconds,
                asked,
            } => format!(
                "{}: {}",
                text(&waited_for(*rollback, *waited_seconds, None)),
                those_asked(asked, false, tone)
            ),
            WaitingFact::Escalated {
                rollback,
                waited_seconds,
                change,
                asked,
                paged,
            } => format!(
                "{}: {}",
                text(&waited_for(*rollback, *waited_seconds, Some(change))),
                those_asked(asked, *paged, tone)
            ),
            WaitingFact::ReviewReminded { due, overdue } => format!(
                "asked again for the review of the emergency run: it {} due {}",
                if *overdue { "was" } else { "is" },
                minute(*due)
            ),
            WaitingFact::WindowEnded { why } => why.clause(tone),
            WaitingFact::NotKeptOpen { why } => format!(
                "not kept open, because no fresh plan could be made. {}",
                sentence(&text(why))
            ),
            WaitingFact::Reopened { why } => match why {
                Reopening::ApprovalsLapsed => {
                    "Nothing was run: not every approval counts any more.".into()
                }
                Reopening::Unreadable { why } => format!(
                    "Nothing was run: the platform could not be read again before executing. {}",
                    sentence(&text(why))
                ),
            },
            WaitingFact::Rechecked { open_until } => {
                let unchanged = "read the platform again: nothing that matters has changed";
                match open_until {
                    None => unchanged.into(),
                    Some(until) => format!("{unchanged}; the plan is open until {}", clock(*until)),
                }
            }
            WaitingFact::Superseded { moved } => {
                format!("Nothing was run: {}", moved.clause(tone))
            }
            WaitingFact::Expired { lacking } => match lacking {
                Lacking::Time => {
                    "approved, but it could not be run before the plan expired; nothing was run"
                }
                Lacking::SomeApprovals => {
                    "not everybody who is needed approved in time; nothing was run"
                }
                Lacking::EveryApproval => "nobody approved in time; nothing was run",
            }
            .into(),
        }
    }
}

impl RunningFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        let text = |text: &str| tone.text(text);
        let all = |items: &[String]| text(&items.join(", "));
        match self {
            RunningFact::Executing { platform, from, to } => {
                format!(
                    "asking {} for {} → {}",
                    text(platform),
                    text(from),
                    text(to)
                )
            }
            RunningFact::FaultBegun { program } => {
                format!("breaking it with {}, once", text(program))
            }
            RunningFact::FaultMade { said } => match said.is_empty() {
                true => "it is broken".to_owned(),
                false => format!("it is broken: {}", text(said)),
            },
            RunningFact::FaultFailed { why } => format!("it was not broken: {}", text(why)),
            RunningFact::Rehearsed {
                platform,
                from,
                to,
                steps,
            } => format!(
                "would have asked {} for {} → {} ({}); nothing was asked, and nothing has changed",
                text(platform),
                text(from),
                text(to),
                all(steps)
            ),
            RunningFact::GaveWay { to } => {
                format!("stopped, because {to} was asked for: a drill is in nobody's way")
            }
            RunningFact::StepExecuting { platform, step } => {
                format!("asking {} for {}", text(platform), text(step))
            }
            RunningFact::StageBegun {
                stage,
                stages,
                members,
            } => format!("stage {stage}/{stages} begins: {}", all(members)),
            RunningFact::GroupEnded {
                verified,
                members,
                others,
            } => {
                let counted = format!("{verified} of {members} verified");
                match others.is_empty() {
                    true => counted,
                    false => format!("{counted}, {}", all(others)),
                }
            }
            RunningFact::TooManySteps {
                platform,
                asks,
                next,
            } => format!(
                "{} was asked for {asks} steps, and there is still another one ({})",
                text(platform),
                text(next)
            ),
            RunningFact::Accepted { answer }
            | RunningFact::StepReady { answer, .. }
            | RunningFact::PeopleNeeded { answer, .. } => text(answer),
            RunningFact::PlatformRefused { why } => format!("refused: {}", text(why)),
            RunningFact::PlatformBusy { why } => format!("not now: {}", text(why)),
            RunningFact::Unanswered { why } | RunningFact::Failed { why, .. } => text(why),
            RunningFact::AnswerLost { platform, asked_at } => format!(
                "{} was asked at {} and the answer was lost",
                text(platform),
                clock(*asked_at)
            ),
            RunningFact::AnsweredLate { answer } => {
                format!("answered after its answer was given up: {}", text(answer))
            }
            RunningFact::Pinned { answer } => match answer {
                Some(answer) => format!("automatic deploys are held off: {}", text(answer)),
                None => "automatic deploys are held off (checked)".into(),
            },
            RunningFact::PinLost => "automatic deploys are on again (checked)".into(),
            RunningFact::PinSnoozed { until } => format!(
                "put the reminder of the pin off until {}",
                until.strftime("%Y-%m-%d %H:%M UTC")
            ),
            RunningFact::Serving { to, n, m } => format!("serves {} on {n}/{m}", text(to)),
            RunningFact::Progress { answer, to, n, m } => {
                format!("{}, {n}/{m} on {}", text(answer), text(to))
            }
            RunningFact::GaveUp {
                to,
                n,
                m,
                after_seconds,
                missing,
            } => format!(
                "{n}/{m} on {} after {}; gave up on {}",
                text(to),
                spell(Duration::from_secs(*after_seconds)),
                all(missing)
            ),
            RunningFact::Partial { to, n, m, missing } => {
                format!("{n}/{m} on {}; could not move {}", text(to), all(missing))
            }
            RunningFact::NeverTookEffect { why, .. } => {
                format!("the platform never started it: {}", text(why))
            }
            RunningFact::PinTakenBack { answer } => {
                format!("nothing was changed, so {}", text(answer))
            }
            RunningFact::PinStays { why } => format!(
                "automatic deploys could not be let go live again: {}",
                text(why)
            ),
        }
    }
}

impl ProofFact {
    fn clause(&self, tone: &dyn Tone) -> String {
        let text = |text: &str| tone.text(text);
        match self {
            ProofFact::Drifted { surfaces } => format!(
                "production moved away: {} serve something else",
                text(&surfaces.join(", "))
            ),
            ProofFact::MovedAfterwards { to, because } => {
                let to = text(to);
                match because {
                    MovedHow::ToKnownBad(why) => format!(
                        "production serves {to}, which was {}; that was not done from here",
                        text(why)
                    ),
                    MovedHow::Back => {
                        format!("production was taken back to {to}, and not from here")
                    }
                    MovedHow::AlthoughPinned => format!(
                        "production serves {to}, although automatic deploys are held off; that was not done from here"
                    ),
                }
            }
            ProofFact::TargetExpires { target, until } => format!(
                "{} is kept until {}",
                text(target),
                until.strftime("%Y-%m-%d %H:%M UTC")
            ),
            ProofFact::TargetGone { target, why } => {
                format!("{} is not kept any more: {}", text(target), text(why))
            }
            ProofFact::Measured { baselines } => {
                let clauses: Vec<String> = baselines.iter().map(Baseline::clause).collect();
                text(&format!("before the rollback: {}", clauses.join("; ")))
            }
            ProofFact::Checked { round } => text(&round.text()),
            ProofFact::Concluded {
                verdict,
                to,
                way,
                round,
                unseen,
            } => {
                let proof = Proof {
                    last: round.clone(),
                    verdict: Some(*verdict),
                    unseen: unseen.clone(),
                    unproven_by: match round {
                        Some(round) => round.unproven_by(),
                        None => vec![],
                    },
                    ..Proof::default()
                };
                let numbers = round.as_ref().and_then(Round::numbers);
                let numbers = numbers.map(|numbers| format!(" Measured: {numbers}."));
                text(&(concluded(&proof, to, *way) + &numbers.unwrap_or_default()))
            }
            ProofFact::LookedAgain {
                after_seconds,
                result,
                round,
            } => {
                let after = spell(Duration::from_secs(*after_seconds));
                let how = match result {
                    StageResult::Stable => "stable",
                    StageResult::Failed => "fails",
                    StageResult::Unproven => "not proven",
                };
                text(&format!(
                    "{after} after it was verified: {how}, {}",
                    round.text()
                ))
            }
            ProofFact::StagesEnded { because } => {
                text(&format!("not looked at again: {}", because.clause()))
            }
            ProofFact::Closed {
                verdict,
                replaced_by,
            } => {
                let proof = Proof {
                    verdict: *verdict,
                    ..Proof::default()
                };
                let word = proof.word().to_lowercase();
                match replaced_by {
                    Some(id) => format!("closed as {word}; {id} has taken over"),
                    None => format!("closed as {word}"),
                }
            }
        }
    }
}

impl Approved {
    fn clause(&self, tone: &dyn Tone) -> String {
        let roles = tone.text(&list(&self.roles, "and"));
        let mut clause = format!("approved plan {} as {roles}", hash(&self.plan));
        if !self.seeing.is_empty() {
            clause.push_str(", seeing: ");
            clause.push_str(&tone.text(&self.seeing.join("; ")));
        }
        if let Some(typed) = &self.typed {
            clause.push_str(", typing ");
            clause.push_str(&naming(typed, tone));
        }
        clause.push_str(&because_of(&self.because, tone));
        if let Some(frozen) = &self.frozen {
            clause.push_str(&format!(
                ", although @{} asked for a hold because \"{}\"",
                tone.text(&frozen.by.name),
                naming(&frozen.because, tone)
            ));
        }
        clause
    }
}

impl NotStarted {
    fn clause(&self, tone: &dyn Tone) -> String {
        match self {
            NotStarted::NotConfigured => {
                "did not start by itself: that is not configured any more".into()
            }
            NotStarted::AuthorityUnconfirmed { requester } => format!(
                "did not start by itself: the authority of @{} could not be confirmed",
                tone.text(&requester.name)
            ),
            NotStarted::PlanEnded => {
                "does not start by itself any more: its first plan ended before".into()
            }
            NotStarted::Frozen => {
                "does not start by itself any more: somebody asked for a hold".into()
            }
            NotStarted::Objected => {
                "does not start by itself: somebody objected to the same change before".into()
            }
            NotStarted::Unseen { why } => format!("does not start by itself: {}", tone.text(why)),
        }
    }
}

impl Moved {
    fn clause(&self, tone: &dyn Tone) -> String {
        let label = |release: &Option<String>| tone.text(release.as_deref().unwrap_or(UNKNOWN));
        match self {
            Moved::NoPlan => "there was no plan".into(),
            Moved::Live { from, to } => format!(
                "production moved from {} to {} after the card was made.",
                label(from),
                label(to)
            ),
            Moved::Target { from, to } => format!(
                "the target would now be {} and not {}.",
                tone.text(to),
                tone.text(from)
            ),
            Moved::Content { to } => format!(
                "the files of {} changed after the card was made.",
                tone.text(to)
            ),
            Moved::Surfaces => "what the domains serve changed after the card was made.".into(),
            Moved::Pin => {
                "automatic deploys were switched on or off after the card was made.".into()
            }
            Moved::Effects => {
                "what it would restore or remove changed after the card was made.".into()
            }
        }
    }
}

impl ProposedChange {
    /// What an approval of it would let happen, as a verb.
    pub fn aim(&self) -> String {
        match self.undoes {
            Some(undone) => format!("undo {undone} on {self}"),
            None => format!("roll back {self}"),
        }
    }
}

impl fmt::Display for ProposedChange {
    /// The change in short: `frontend (production), v214 → v213`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProposedChange {
            service,
            from,
            to,
            undoes: _,
        } = self;
        write!(f, "{service}, {from} → {to}")
    }
}

impl Sentence {
    /// The sentence, with people and text as the tone has them.
    pub fn draw(&self, tone: &dyn Tone) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => tone.text(text),
            Part::Person { person } => tone.person(person),
        });
        parts.collect()
    }
}

/// How long a rollback has waited for an approval, and for what, as a clause.
fn waited_for(rollback: RollbackId, seconds: u64, change: Option<&ProposedChange>) -> String {
    let waited = spell(Duration::from_secs(seconds));
    let aim = change.map_or_else(String::new, |change| format!(" to {}", change.aim()));
    format!("{rollback} has waited {waited} for an approval{aim}")
}

/// The conclusion of a proof for the record: its word, and the sentence people act on.
fn concluded(proof: &Proof, target: &str, way: Way) -> String {
    let word = proof.word().to_lowercase();
    format!("{word}: {}", proof.sentence(target, way))
}

fn those_asked(people: &[String], paged: bool, tone: &dyn Tone) -> String {
    let mut asked: Vec<String> = people.iter().map(|id| tone.person(id)).collect();
    asked.extend(paged.then(|| "PagerDuty".to_owned()));
    match asked.is_empty() {
        true => "nobody is known who could".into(),
        false => format!("asked {}", list(&asked, "and")),
    }
}

fn because_of(because: &Option<String>, tone: &dyn Tone) -> String {
    match because {
        Some(because) => format!(", because \"{}\"", naming(because, tone)),
        None => String::new(),
    }
}

fn reasoned(clause: &str, because: &Option<String>, tone: &dyn Tone) -> String {
    match because {
        Some(because) => format!("{clause}: \"{}\"", naming(because, tone)),
        None => clause.to_owned(),
    }
}

/// Text that somebody wrote, with the people that it names by their Slack id.
pub fn naming(text: &str, tone: &dyn Tone) -> String {
    let mut drawn = String::with_capacity(text.len());
    let mut rest = 0;
    for (at, _) in text.match_indices('@') {
        let id = user_id(&text[at + 1..]);
        if !id.is_empty() {
            drawn.push_str(&tone.words(&text[rest..at]));
            drawn.push_str(&tone.person(id));
            rest = at + 1 + id.len();
        }
    }
    drawn.push_str(&tone.words(&text[rest..]));
    drawn
}

/// The Slack user id that a text begins with, or nothing.
fn user_id(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit())
        .unwrap_or(text.len());
    match text.starts_with(['U', 'W']) && end >= 4 {
        true => &text[..end],
        false => "",
    }
}

fn outcome(done: bool) -> &'static str {
    match done {
        true => "done",
        false => "not done",
    }
}

fn hash(plan: &Option<PlanHash>) -> String {
    plan.as_ref().map(PlanHash::to_string).unwrap_or_default()
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What the decision matrix said.
fn assessed(
    service: &str,
    [known, measured, against]: [&[String]; 3],
    said: &str,
    tone: &dyn Tone,
) -> String {
    let texts = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|one| tone.text(one)).collect();
        texts.join("; ")
    };
    let known = match known {
        [] => "nothing was said about it".to_owned(),
        known => texts(known),
    };
    let measured = match measured {
        [] => String::new(),
        measured => format!(". Measured: {}", texts(measured)),
    };
    let against = match against {
        [] => String::new(),
        against => format!(". Against going back: {}", texts(against)),
    };
    format!("assessed {service}: {known}{measured}. The decision matrix says: {said}{against}")
}

/// What the matrix advises, with the row and the time it leaves.
fn advised(
    advice: Option<Advice>,
    row: Option<&str>,
    decide_by: Option<Timestamp>,
    tone: &dyn Tone,
) -> String {
    let Some(advice) = advice else {
        return "not decided".into();
    };
    let mut said = advice.sentence().to_lowercase();
    if let Some(by) = decide_by {
        said.push_str(&format!(" by {}", by.strftime("%H:%M UTC")));
    }
    if let Some(row) = row {
        said.push_str(&format!(" (\"{}\")", tone.text(row)));
    }
    said
}
