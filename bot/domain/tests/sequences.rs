//! Whatever anybody does, in whatever order: what never happens.
//!
//! Beside the machine a second book is kept, from what was put to it and let, and the two are
//! compared after every step.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod support;
#[path = "support/there.rs"]
mod there;

use jiff::Timestamp;
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{TestCaseError, TestRunner},
};
use rollback_domain::{
    authority::Roster,
    decide::decide,
    grammar::ReviewAnswer,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Membership,
    plan::PlanHash,
    platform::{Progress, ProviderError, Receipt},
    policy::{Confirm, EscalationStep, Policy, Preset, Rule},
    proof::Round,
    refusal::{Refusal, Source},
    release::Pin,
    risk::Risk,
    rollback::{Act, Command, Confirmed, Decision, Freeze, Rollback, State},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use support::{asked, night, person, plan, roster, silent, surfaces, survey};
use there::everybody_there;

const MAYA: &str = "U0MAYA";
const TOM: &str = "U0TOM";
const GUS: &str = "U0GUS";
const SAM: &str = "U0SAM";
const INA: &str = "U0INA";
const DORA: &str = "U0DORA";
const KIM: &str = "U0KIM";

/// maya asks; none of these has a role, and gus is a guest.
const WITHOUT_AUTHORITY: [&str; 3] = [MAYA, TOM, GUS];
/// sam, ina and dora are on call, dora and kim own the data.
const EVERYBODY: [&str; 7] = [MAYA, TOM, GUS, SAM, INA, DORA, KIM];

/// What is read of the roles at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Whole,
    /// sam is not on call any more, and nobody owns the data.
    Changed,
    /// Who owns the data is not known.
    Half,
    Down,
    NothingConfigured,
}

impl Read {
    /// Who has a role by this; `None`: that is not known.
    fn members(self, role: &str, maya: bool) -> Option<Vec<&'static str>> {
        let mut oncall = vec![SAM, INA, DORA];
        let mut owners = vec![DORA, KIM];
        match self {
            Read::Whole => {}
            Read::Changed => {
                oncall.retain(|id| *id != SAM);
                owners.clear();
            }
            Read::Half if role == "data_owner" => return None,
            Read::Half => {}
            Read::Down => return None,
            Read::NothingConfigured => return Some(vec![]),
        }
        if maya {
            oncall.push(MAYA);
        }
        Some(if role == "oncall" { oncall } else { owners })
    }

    fn roster(self, maya: bool) -> Roster {
        let mut all = Roster::default();
        if self == Read::NothingConfigured {
            return all;
        }
        for role in ["oncall", "data_owner"] {
            all.0.extend(match self.members(role, maya) {
                Some(ids) => roster(&[(role, &ids)]).0,
                None => silent(&[role]).0,
            });
        }
        all
    }
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Right,
    Forged,
    OfTheOtherPlan,
    Typed,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Approve {
        hash: Hash,
        typed: bool,
    },
    Withdraw,
    Object,
    BreakGlass {
        hash: Hash,
        reason: bool,
        promised: bool,
    },
    Review,
    Deny,
    Stop,
    Retarget {
        hash: Hash,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    No,
    Yes,
    Unreadable,
}

#[derive(Clone, Copy, Debug)]
enum Bot {
    Planned { moved: bool },
    CannotPlan,
    Waited,
    WindowEnded { member: bool },
    Renewed(Moved),
    Froze(bool),
    ReviewDue,
    Expire,
    Rechecked(Moved),
    RecheckFailed,
    Accepted,
    Refused,
    NotNow,
    Unanswered,
    LostTrack,
    Serving(usize),
    Partial,
    Failed,
    NotAsked,
    Looked { good: bool, drifted: bool },
    Close { replaced: bool },
}

#[derive(Clone, Debug)]
enum Move {
    /// Somebody acts; gus is a guest, and Slack may not say who somebody is.
    Person {
        id: &'static str,
        readable: bool,
        read: Read,
        does: Does,
    },
    /// Anything the worker may ever put.
    Bot { read: Read, bot: Bot },
    /// What the worker would put now, with more or less luck; a new wish when it has ended.
    GoOn { read: Read, luck: usize },
    /// Time passes.
    Wait { seconds: u64 },
}

/// What is configured, and who maya is.
#[derive(Clone, Debug)]
struct Setting {
    class: Risk,
    rule: Rule,
    maya_is_on_call: bool,
    window: Option<u64>,
    escalation: bool,
}

impl Setting {
    fn policy(&self) -> Policy {
        let seconds = Duration::from_secs;
        let mut policy = Policy {
            objection_window: self.window.map(seconds),
            page_on_break_glass: self.escalation,
            ..support::policy(Preset::SmallTeam)
        };
        if self.escalation {
            policy.remind = vec![seconds(60), seconds(240)];
            policy.escalate = vec![EscalationStep {
                after: seconds(700),
                roles: vec!["data_owner".into()],
                people: vec![],
                page: true,
            }];
        }
        for risk in Risk::ALL {
            *policy.rules.of_mut(risk) = self.rule.clone();
        }
        policy
    }
}

fn settings(break_glass: impl Strategy<Value = bool>) -> impl Strategy<Value = Setting> {
    let rule = (
        1..=3_usize,
        any::<bool>(),
        any::<bool>(),
        break_glass,
        any::<bool>(),
    )
        .prop_map(
            |(approvals, one_of, requester_counts, break_glass, typed)| Rule {
                approvals,
                roles: vec!["oncall".into()],
                one_of: one_of.then(|| "data_owner".into()).into_iter().collect(),
                requester_counts,
                break_glass,
                confirm: if typed { Confirm::Type } else { Confirm::Click },
            },
        );
    let window = proptest::option::of(select(vec![60, 180, 900]));
    (
        select(Risk::ALL.to_vec()),
        rule,
        any::<bool>(),
        window,
        any::<bool>(),
    )
        .prop_map(
            |(class, rule, maya_is_on_call, window, escalation)| Setting {
                class,
                rule,
                maya_is_on_call,
                window,
                escalation,
            },
        )
}

fn hashes() -> impl Strategy<Value = Hash> {
    prop_oneof![
        8 => Just(Hash::Right),
        1 => Just(Hash::Forged),
        1 => Just(Hash::OfTheOtherPlan),
        1 => Just(Hash::Typed),
    ]
}

fn moves(people: &'static [&'static str]) -> impl Strategy<Value = Move> {
    let read = || {
        prop_oneof![
            16 => Just(Read::Whole),
            1 => Just(Read::Changed),
            1 => Just(Read::Half),
            1 => Just(Read::Down),
            1 => Just(Read::NothingConfigured),
        ]
    };
    let mostly = proptest::bool::weighted(0.93);
    let does = prop_oneof![
        20 => (hashes(), mostly).prop_map(|(hash, typed)| Does::Approve { hash, typed }),
        2 => Just(Does::Withdraw),
        1 => Just(Does::Object),
        3 => (hashes(), mostly, mostly)
            .prop_map(|(hash, reason, promised)| Does::BreakGlass { hash, reason, promised }),
        2 => Just(Does::Review),
        1 => Just(Does::Deny),
        1 => Just(Does::Stop),
        1 => hashes().prop_map(|hash| Does::Retarget { hash }),
    ];
    let moved = || select(vec![Moved::No, Moved::No, Moved::Yes, Moved::Unreadable]);
    let bot = prop_oneof![
        any::<bool>().prop_map(|moved| Bot::Planned { moved }),
        mostly.prop_map(|member| Bot::WindowEnded { member }),
        moved().prop_map(Bot::Renewed),
        moved().prop_map(Bot::Rechecked),
        any::<bool>().prop_map(Bot::Froze),
        (0..=2_usize).prop_map(Bot::Serving),
        any::<(bool, bool)>().prop_map(|(good, drifted)| Bot::Looked { good, drifted }),
        any::<bool>().prop_map(|replaced| Bot::Close { replaced }),
        select(vec![
            Bot::CannotPlan,
            Bot::Waited,
            Bot::ReviewDue,
            Bot::Expire,
            Bot::RecheckFailed,
            Bot::Accepted,
            Bot::Refused,
            Bot::NotNow,
            Bot::NotNow,
            Bot::Unanswered,
            Bot::LostTrack,
            Bot::Partial,
            Bot::Failed,
            Bot::NotAsked,
        ]),
    ];
    let person = (select(people), mostly, read(), does).prop_map(|(id, readable, read, does)| {
        Move::Person {
            id,
            readable,
            read,
            does,
        }
    });
    prop_oneof![
        12 => person,
        4 => (read(), bot).prop_map(|(read, bot)| Move::Bot { read, bot }),
        8 => (read(), 0..10_usize).prop_map(|(read, luck)| Move::GoOn { read, luck }),
        2 => select(vec![1, 30, 200, 700]).prop_map(|seconds| Move::Wait { seconds }),
    ]
}

/// What is known of one rollback from what was let, without looking into it.
#[derive(Default)]
struct Book {
    /// Who said yes to the plan that is open, and by which roles.
    yes: Vec<(&'static str, Vec<&'static str>)>,
    /// Nobody asked for that yes: it is the requester's own, and nobody objected.
    unopposed: bool,
    /// The glass is broken, and nothing has come in between.
    break_glass: bool,
    /// Something spoke against starting by itself.
    spoken_against: bool,
    /// The platform was asked, and may have done it.
    done: bool,
}

struct World {
    setting: Setting,
    policy: Policy,
    rollback: Rollback,
    drive_at: Option<Timestamp>,
    book: Book,
    now: Timestamp,
    /// How often each state was reached, and what else is worth to be seen.
    reached: BTreeMap<&'static str, usize>,
}

type Checked = Result<(), TestCaseError>;

impl World {
    fn new(setting: Setting) -> Self {
        Self {
            policy: setting.policy(),
            setting,
            rollback: asked(),
            drive_at: Some(night()),
            book: Book::default(),
            now: night(),
            reached: BTreeMap::new(),
        }
    }

    fn play(&mut self, step: &Move) -> Checked {
        match *step {
            Move::Person {
                id,
                readable,
                read,
                does,
            } => self.act(id, readable, read, does),
            Move::Bot { read, bot } => self.bot(read, bot),
            Move::GoOn { read, luck } => match self.what_is_next(luck) {
                Some(bot) => self.bot(read, bot),
                None => Ok(()),
            },
            Move::Wait { seconds } => {
                self.pass(seconds);
                Ok(())
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.checked_add(Duration::from_secs(seconds)).unwrap();
    }

    fn roster(&self, read: Read) -> Box<Roster> {
        Box::new(read.roster(self.setting.maya_is_on_call))
    }

    /// The roles of the rule that somebody has by this, for certain.
    fn roles(&self, id: &str, read: Read) -> Vec<&'static str> {
        let eligible = self.setting.rule.eligible();
        ["oncall", "data_owner"]
            .into_iter()
            .filter(|role| eligible.contains(role))
            .filter(|role| {
                read.members(role, self.setting.maya_is_on_call)
                    .is_some_and(|members| members.contains(&id))
            })
            .collect()
    }

    fn hash(&self, hash: Hash) -> Option<PlanHash> {
        match hash {
            Hash::Right => self.rollback.hash.clone(),
            Hash::Forged => Some(PlanHash("0ddba11".into())),
            Hash::OfTheOtherPlan => Some(
                plan(self.setting.class, self.live(true))
                    .hash(&ServiceKey::new("frontend", "production")),
            ),
            Hash::Typed => None,
        }
    }

    /// What production serves, as the plan has it, or moved away from that.
    fn live(&self, moved: bool) -> [&'static str; 2] {
        let plan = self.rollback.plan.as_ref();
        let first = plan.is_some_and(|plan| plan.surfaces == surfaces(["v213", "v214"]));
        match first == moved {
            true => ["v214", "v214"],
            false => ["v213", "v214"],
        }
    }

    /// What the worker would do when it is driven on.
    fn what_is_next(&mut self, luck: usize) -> Option<Bot> {
        let is_over = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.now);
        if let State::Proposed { expires_at } = self.rollback.state {
            // People are waited for.
            return match () {
                () if !is_over(self.drive_at) => None,
                () if is_over(Some(expires_at)) && !self.setting.escalation => Some(Bot::Expire),
                () if is_over(Some(expires_at)) => Some(Bot::Renewed(Moved::No)),
                () if is_over(self.rollback.waiting.window_ends) => {
                    Some(Bot::WindowEnded { member: true })
                }
                () => Some(Bot::Waited),
            };
        }
        if self.rollback.state.is_ended() {
            if luck == 0 {
                let commanded = self.now;
                *self = World {
                    reached: std::mem::take(&mut self.reached),
                    now: commanded,
                    ..World::new(self.setting.clone())
                };
            }
            return None;
        }
        if let Some(at) = self.drive_at {
            self.now = self.now.max(at);
        }
        let one_of = |outcomes: &[Bot]| outcomes.get(luck).copied();
        Some(match self.rollback.state {
            State::Planning => Bot::Planned { moved: false },
            State::Approved { .. } => Bot::Rechecked(Moved::No),
            State::Executing { .. } => one_of(&[
                Bot::NotNow,
                Bot::NotNow,
                Bot::Unanswered,
                Bot::LostTrack,
                Bot::Refused,
            ])
            .unwrap_or(Bot::Accepted),
            State::Serving { n, m } if n == m => Bot::Looked {
                good: luck > 0,
                drifted: luck == 1,
            },
            State::Watching { until } => {
                self.now = self.now.max(until);
                Bot::Close { replaced: false }
            }
            _ => one_of(&[Bot::Serving(0), Bot::Serving(1), Bot::Partial, Bot::Failed])
                .unwrap_or(Bot::Serving(2)),
        })
    }

    fn act(&mut self, id: &'static str, readable: bool, read: Read, does: Does) -> Checked {
        let membership = match (id, readable) {
            (GUS, _) => Membership::Outsider("a guest"),
            (_, true) => Membership::Member,
            (_, false) => Membership::Unreadable("Slack answered 503".into()),
        };
        let act = match does {
            Does::Approve { hash, typed } => Act::Approve {
                hash: self.hash(hash),
                confirmed: Confirmed {
                    ticked: vec![],
                    typed: typed.then(|| "v213".into()),
                    because: None,
                },
            },
            Does::Withdraw => Act::Withdraw { because: None },
            Does::Object => Act::Object {
                because: "the sale ends at noon".into(),
            },
            Does::BreakGlass {
                hash,
                reason,
                promised,
            } => Act::BreakGlass {
                hash: self.hash(hash),
                because: if reason { "carts are lost" } else { " " }.into(),
                promised,
            },
            Does::Review => Act::Review {
                answer: ReviewAnswer::Justified,
                because: "nobody answered".into(),
            },
            Does::Deny => Act::Deny { because: None },
            Does::Stop => Act::Stop { because: None },
            Does::Retarget { hash } => Act::Retarget {
                hash: self.hash(hash),
                to: "v212".into(),
            },
        };
        let command = Command::Person {
            by: person(id),
            membership: membership.clone(),
            roster: self.roster(read),
            last_known: None,
            source: Source::Button,
            reply_to: None,
            act: act.clone(),
            prepared: None,
        };
        let Some((before, decision)) = self.put(command) else {
            return Ok(());
        };
        prop_assert_eq!(membership, Membership::Member, "only members do anything");
        let (Act::Approve { hash, .. } | Act::BreakGlass { hash, .. }) = &act else {
            match act {
                Act::Withdraw { .. } => {
                    prop_assert!(self.book.yes.iter().any(|(person, _)| *person == id));
                    self.book.yes.retain(|(person, _)| *person != id);
                    self.book.unopposed = false;
                }
                Act::Object { .. } => {
                    self.book.spoken_against = true;
                    // What only silence had started waits for somebody.
                    if self.book.unopposed && !self.book.break_glass {
                        self.book.yes.clear();
                        self.book.unopposed = false;
                    }
                }
                _ => {}
            }
            return self.check(&before, decision, true);
        };
        prop_assert!(
            hash.is_none() || *hash == before.hash,
            "a button of another plan did something"
        );
        prop_assert_eq!(before.state.name(), "proposed");
        match does {
            Does::Approve { typed, .. } => {
                let roles = self.roles(id, read);
                prop_assert!(!roles.is_empty(), "{} has no role", id);
                prop_assert!(typed || self.setting.rule.confirm == Confirm::Click);
                prop_assert!(
                    self.book.yes.iter().all(|(person, _)| *person != id),
                    "{} twice",
                    id
                );
                prop_assert!(id != MAYA || self.setting.rule.requester_counts);
                self.book.yes.push((id, roles));
            }
            Does::BreakGlass {
                reason, promised, ..
            } => {
                prop_assert!(reason && promised && self.setting.rule.break_glass);
                self.book.break_glass = true;
            }
            _ => {}
        }
        self.check(&before, decision, true)
    }

    fn bot(&mut self, read: Read, bot: Bot) -> Checked {
        let membership = Membership::Member;
        let class = self.setting.class;
        let drawn = |world: &World, moved| match moved {
            Moved::Unreadable => Err(Refusal::LiveUnknown {
                service: ServiceKey::new("frontend", "production"),
            }),
            moved => Ok(Box::new(plan(class, world.live(moved == Moved::Yes)))),
        };
        let answered = |answer| Command::Answered { answer };
        let observed = |progress| Command::Observed {
            roster: Box::default(),
            progress,
        };
        let serving = |n| match n {
            0 => ["v214", "v214"],
            1 => ["v213", "v214"],
            _ => ["v213", "v213"],
        };
        let command = match bot {
            Bot::Planned { moved } => Command::Planned {
                objections: vec![],
                audience: everybody_there(),
                plan: Box::new(plan(class, self.live(moved))),
                requester: person(MAYA),
                last_known: None,
                roster: self.roster(read),
                frozen: None,
            },
            Bot::CannotPlan => Command::CannotPlan {
                refusal: Refusal::LiveUnknown {
                    service: ServiceKey::new("frontend", "production"),
                },
            },
            Bot::Waited => Command::Waited {
                roster: self.roster(read),
            },
            Bot::WindowEnded { member } => Command::WindowEnded {
                audience: everybody_there(),
                membership: match member {
                    true => membership,
                    false => Membership::Outsider("deactivated"),
                },
                roster: self.roster(read),
            },
            Bot::Renewed(moved) => Command::Renewed {
                plan: drawn(self, moved),
            },
            Bot::Froze(on) => Command::Froze {
                freeze: on.then(|| Freeze {
                    by: person(TOM),
                    because: "we migrate".into(),
                    at: self.now,
                }),
            },
            Bot::ReviewDue => Command::ReviewDue {
                roster: self.roster(read),
                explained: false,
            },
            Bot::Expire => Command::Expire,
            Bot::Rechecked(moved) => Command::Rechecked {
                survey: Box::new(survey(self.live(moved == Moved::Yes))),
                plan: drawn(self, moved),
                roster: self.roster(read),
            },
            Bot::RecheckFailed => Command::RecheckFailed {
                why: "Vercel answered 503".into(),
            },
            Bot::Accepted => answered(Ok(Receipt {
                next: None,
                restore_point: None,
                said: "accepted".into(),
                memory: serde_json::Value::Null,
            })),
            Bot::Refused => answered(Err(ProviderError::Refused("no".into()))),
            Bot::NotNow => answered(Err(ProviderError::Busy {
                why: "429".into(),
                retry_after: None,
            })),
            Bot::Unanswered => answered(Err(ProviderError::Unanswered("it timed out".into()))),
            Bot::LostTrack => Command::LostTrack,
            Bot::Serving(n) => observed(Progress::Serving {
                surfaces: surfaces(serving(n)),
                pin: Pin::On,
                said: "in progress".into(),
            }),
            Bot::Partial => observed(Progress::Partial {
                surfaces: surfaces(serving(1)),
                failed: vec!["www.example.com".into()],
            }),
            Bot::Failed => observed(Progress::Failed {
                production: rollback_domain::platform::Production::Unknown,
                why: "job failed".into(),
            }),
            Bot::NotAsked => observed(Progress::NotAsked {
                why: "no trace".into(),
            }),
            Bot::Looked { good, drifted } => Command::Probed {
                round: Round {
                    instances: vec![],
                    version: Some(match good {
                        true => Ok("v213".into()),
                        false => Err("it timed out".into()),
                    }),
                    checks: vec![],
                },
                live: drifted.then(|| (surfaces(serving(1)), Pin::On)),
            },
            Bot::Close { replaced } => Command::Close {
                replaced_by: replaced.then_some(RollbackId::new(99)),
            },
        };
        let Some((before, decision)) = self.put(command) else {
            return Ok(());
        };
        let after = decision.rollback.state.name();
        match bot {
            // Before there is a window, a freeze that is taken off again was none.
            Bot::Froze(on) if before.state.name() == "planning" => self.book.spoken_against = on,
            Bot::Froze(true) => self.book.spoken_against = true,
            Bot::WindowEnded { member } if after == "approved" => {
                let rule = &self.setting.rule;
                let roles = self.roles(MAYA, read);
                let window = self.setting.window.map(Duration::from_secs).unwrap();
                let proposed = before.times.proposed.unwrap();
                prop_assert!(member && !roles.is_empty() && !self.book.spoken_against);
                prop_assert!(self.setting.class <= Risk::Code && before.replaces.is_none());
                prop_assert!(rule.approvals == 1 && rule.one_of.is_empty());
                prop_assert!(proposed.checked_add(window).unwrap() <= self.now);
                self.book.yes.push((MAYA, roles));
                self.book.unopposed = true;
            }
            _ => {}
        }
        if after == "executing" && before.state.name() != "executing" {
            prop_assert_eq!(before.state.name(), "approved");
            prop_assert!(matches!(bot, Bot::Rechecked(Moved::No)));
            prop_assert!(!self.book.done, "the platform was asked twice");
            prop_assert!(
                self.book.break_glass || self.is_enough(Some(read)),
                "{:?}",
                before
            );
            prop_assert!(before.plan_until.is_some_and(|until| self.now < until));
        }
        if before.state.name() == "approved" && after == "proposed" {
            self.book.yes.clear();
            self.book.unopposed = false;
            self.book.break_glass = false;
        }
        if before.state.name() == "executing" && !matches!(bot, Bot::NotNow) {
            self.book.done = after != "executing";
        }
        self.check(&before, decision, !matches!(bot, Bot::ReviewDue))
    }

    /// Whether enough people said yes; with a reading, of those who have not lost the role by it.
    fn is_enough(&self, read: Option<Read>) -> bool {
        if self.book.unopposed {
            return true;
        }
        let rule = &self.setting.rule;
        let lost = |id: &str, role: &str| {
            let members = |read: Read| read.members(role, self.setting.maya_is_on_call);
            read.and_then(members)
                .is_some_and(|members| !members.contains(&id))
        };
        let kept: Vec<(&str, Vec<&str>)> = self
            .book
            .yes
            .iter()
            .map(|(id, roles)| {
                let roles = roles.iter().copied();
                (*id, roles.filter(|role| !lost(id, role)).collect())
            })
            .filter(|(_, roles): &(&str, Vec<&str>)| !roles.is_empty())
            .collect();
        let people: BTreeSet<&str> = kept.iter().map(|(id, _)| *id).collect();
        people.len() >= rule.approvals
            && (rule.one_of.is_empty()
                || kept.iter().any(|(_, roles)| roles.contains(&"data_owner")))
            && (rule.requester_counts || !people.contains(MAYA))
    }

    /// Puts a command; gives the rollback as it was, and what was decided, if it was let.
    fn put(&mut self, command: Command) -> Option<(Rollback, Decision)> {
        let decision = decide(&self.rollback, command, &self.policy, self.now).ok()?;
        Some((self.rollback.clone(), decision))
    }

    /// What holds after every step that was let, whatever it was. `drives`: it says when the
    /// rollback is looked at next, and not when its review is asked for again.
    fn check(&mut self, before: &Rollback, decision: Decision, drives: bool) -> Checked {
        let after = &decision.rollback;
        let mut reach = |what| *self.reached.entry(what).or_default() += 1;
        reach(after.state.name());
        match after.state {
            State::Approved { .. } if self.book.unopposed => reach("approved by silence"),
            State::Approved { .. } if self.book.yes.len() > 1 => reach("approved by several"),
            State::Executing { .. } if self.book.break_glass => reach("an emergency run"),
            _ => {}
        }
        prop_assert_eq!(after.revision, before.revision + 1);
        prop_assert!(
            before.hash.is_none() || after.hash == before.hash,
            "another plan"
        );
        let approved: Vec<&str> = after
            .approvals
            .iter()
            .map(|yes| yes.by.id.as_str())
            .collect();
        prop_assert!(
            approved.len() <= self.setting.rule.approvals,
            "more than are needed"
        );
        let booked: Vec<&str> = self.book.yes.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(approved, booked);

        if before.state.is_ended() {
            prop_assert_eq!(&after.state, &before.state);
            prop_assert!(decision.opens.is_none());
            // All that may still come is what is thought of an emergency run.
            let without_glass = |rollback: &Rollback| Rollback {
                revision: 0,
                break_glass: None,
                ..rollback.clone()
            };
            prop_assert_eq!(without_glass(after), without_glass(before));
            prop_assert!(
                before
                    .break_glass
                    .as_ref()
                    .is_some_and(|break_glass| break_glass.wants_review())
            );
        }
        match after.state {
            State::Approved { .. } => {
                prop_assert!(self.book.break_glass || self.is_enough(None), "{:?}", after);
            }
            State::Proposed { .. } => {
                prop_assert!(!after.is_break_glass(), "an emergency run is left over");
                prop_assert!(!self.is_enough(None), "it waits for nobody");
            }
            _ => {}
        }
        // A timer is never lost.
        prop_assert_eq!(
            decision.drive_at.is_some(),
            !drives || !after.state.is_ended(),
            "{:?}",
            after
        );
        if after.state.is_ended() && after.times.asked.is_none() {
            let wants_review = after
                .break_glass
                .as_ref()
                .is_some_and(|break_glass| break_glass.wants_review());
            prop_assert!(!wants_review, "nothing was run, and a review is wanted");
        }
        if drives {
            self.drive_at = decision.drive_at;
        }
        self.rollback = decision.rollback;
        if let Some(proposal) = decision.opens {
            prop_assert!(self.rollback.state.is_ended());
            let (next, _) = proposal.open(
                RollbackId::stored(self.rollback.id.number() + 1),
                IncidentId::new(1),
            );
            prop_assert_eq!(next.waiting.window_ends, None, "it would start by itself");
            prop_assert_eq!(&next.state, &State::Planning);
            prop_assert!(next.approvals.is_empty() && next.break_glass.is_none());
            self.rollback = next;
            self.drive_at = Some(self.now);
            self.book = Book::default();
        }
        Ok(())
    }
}

/// Plays many sequences, and gives how often each state was reached.
fn play(
    people: &'static [&'static str],
    settings: impl Strategy<Value = Setting>,
    after_each: impl Fn(&World) -> Checked,
) -> BTreeMap<&'static str, usize> {
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let reached = RefCell::new(BTreeMap::new());
    let sequences = (settings, proptest::collection::vec(moves(people), 1..60));
    let played = runner.run(&sequences, |(setting, moves)| {
        let mut world = World::new(setting);
        // The first card, so that fewer sequences are about nothing.
        world.play(&Move::GoOn {
            read: Read::Whole,
            luck: 9,
        })?;
        for step in &moves {
            world.play(step)?;
            after_each(&world)?;
        }
        for (state, n) in world.reached {
            *reached.borrow_mut().entry(state).or_default() += n;
        }
        Ok(())
    });
    if let Err(failed) = played {
        panic!("{failed}");
    }
    reached.into_inner()
}

/// maya has no role, unless a test says so.
fn without_a_role(settings: impl Strategy<Value = Setting>) -> impl Strategy<Value = Setting> {
    settings.prop_map(|setting| Setting {
        maya_is_on_call: false,
        ..setting
    })
}

#[test]
fn somebody_without_authority_never_makes_it_run() {
    let settings = without_a_role(settings(Just(false)));
    let reached = play(&WITHOUT_AUTHORITY, settings, |world| {
        let state = world.rollback.state.name();
        prop_assert!(
            !["approved", "executing"].contains(&state),
            "it is {}",
            state
        );
        prop_assert_eq!(world.rollback.times.asked, None);
        Ok(())
    });
    assert!(reached["proposed"] > 100, "{reached:?}");
    assert!(!reached.contains_key("approved"), "{reached:?}");
}

#[test]
fn without_authority_only_an_emergency_run_makes_it_run() {
    let settings = without_a_role(settings(Just(true)));
    let reached = play(&WITHOUT_AUTHORITY, settings, |world| {
        prop_assert!(world.rollback.approvals.is_empty());
        if let Some(break_glass) = &world.rollback.break_glass {
            prop_assert!(break_glass.by.id != GUS, "a guest broke it");
        }
        if world.rollback.times.asked.is_some() {
            prop_assert!(world.rollback.is_break_glass());
        }
        Ok(())
    });
    assert!(reached["executing"] > 10, "{reached:?}");
}

#[test]
fn with_authority_every_yes_is_counted_and_nothing_runs_twice() {
    let reached = play(&EVERYBODY, settings(any::<bool>()), |_| Ok(()));
    for state in [
        "proposed",
        "approved",
        "executing",
        "accepted",
        "serving",
        "unknown",
        "watching",
        "closed",
        "failed",
        "denied",
        "cancelled",
        "expired",
        "superseded",
        "approved by several",
        "an emergency run",
    ] {
        assert!(reached.contains_key(state), "{state}: {reached:?}");
    }
}

#[test]
fn only_silence_starts_what_an_authority_asked_for() {
    let windows =
        (settings(Just(false)), select(vec![60, 180, 900])).prop_map(|(setting, window)| Setting {
            maya_is_on_call: true,
            window: Some(window),
            class: match setting.class {
                Risk::Data => Risk::Code,
                class => class,
            },
            rule: Rule {
                approvals: setting.rule.approvals.div_ceil(2),
                one_of: vec![],
                ..setting.rule
            },
            ..setting
        });
    let reached = play(&[TOM, GUS], windows, |world| {
        let rollback = &world.rollback;
        prop_assert!(rollback.approvals.iter().all(|yes| yes.unopposed));
        let spoken_against = !rollback.objections.is_empty() || rollback.frozen.is_some();
        prop_assert!(!spoken_against || rollback.waiting.window_ends.is_none());
        Ok(())
    });
    assert!(reached.contains_key("approved by silence"), "{reached:?}");
}

#[test]
fn alone_a_solo_owner_needs_nobody_and_an_outsider_gets_nowhere() {
    let alone = settings(any::<bool>()).prop_map(|setting| Setting {
        maya_is_on_call: true,
        rule: Rule {
            approvals: 1,
            one_of: vec![],
            requester_counts: true,
            ..setting.rule
        },
        ..setting
    });
    let reached = play(&[MAYA], alone, |_| Ok(()));
    assert!(reached["executing"] > 10, "{reached:?}");
    let reached = play(&[GUS], settings(any::<bool>()), |world| {
        // What starts by itself is maya's.
        prop_assert!(world.rollback.approvals.iter().all(|yes| yes.unopposed));
        prop_assert_eq!(&world.rollback.break_glass, &None);
        Ok(())
    });
    assert!(!reached.contains_key("denied"), "{reached:?}");
    assert!(!reached.contains_key("cancelled"), "{reached:?}");
}
