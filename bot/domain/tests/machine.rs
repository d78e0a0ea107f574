//! The whole machine: every command in every state. The snapshot is its documentation.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod support;
#[path = "support/there.rs"]
mod there;

use jiff::Timestamp;
use rollback_domain::{
    authority::Roster,
    decide::decide,
    grammar::{ReviewAnswer, Target},
    history::{History, Past},
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Membership,
    plan::{Basis, Plan, PlanHash},
    platform::{Holds, NextStep, Production, Progress, ProviderError, Receipt, Task},
    policy::{EscalationStep, Policy, Preset},
    proof::{CheckResult, Round, StagesEnd},
    refusal::{Refusal, Source},
    release::{Pin, Way},
    risk::{Risk, RiskRules},
    rollback::{
        Act, Approval, BreakGlass, Command, Confirmed, Decision, Freeze, Hold, IncidentThen,
        Message, Notice, Page, Rollback, State,
    },
};
use std::{fmt::Write, time::Duration};
use support::{aim, asked, effects, night, person, plan, roster, silent, surfaces, survey};
use there::everybody_there;

/// A small team's rules. Nobody approves their own code; two people approve data, one of them from
/// `data_owner`.
fn policy() -> Policy {
    support::policy(Preset::SmallTeam)
}

/// maya and sam are on call, dora owns the data, tom is in the team.
fn everybody() -> Roster {
    roster(&[
        ("oncall", &["U0SAM", "U0MAYA"]),
        ("data_owner", &["U0DORA"]),
    ])
}

/// So many seconds into the night.
fn at(seconds: u64) -> Timestamp {
    night().checked_add(Duration::from_secs(seconds)).unwrap()
}

fn approval(id: &str, role: &str) -> Approval {
    Approval {
        by: person(id),
        roles: vec![role.into()],
        at: night(),
        unopposed: false,
        out_of_band: false,
    }
}

fn emergency() -> BreakGlass {
    BreakGlass {
        by: person("U0TOM"),
        because: "carts are lost".into(),
        at: night(),
        due: at(24 * 3600),
        reminded: 0,
        paged: false,
        spent: None,
        review: None,
    }
}

/// RB-41 with its card open: maya asked, v214 → v213.
fn proposed(class: Risk) -> Rollback {
    let plan = plan(class, ["v214", "v214"]);
    let mut rollback = asked();
    rollback.hash = Some(plan.hash(&ServiceKey::new("frontend", "production")));
    rollback.surfaces = plan.surfaces.clone();
    rollback.plan = Some(plan);
    rollback.plan_until = Some(at(600));
    rollback.times.proposed = Some(night());
    rollback.waiting.since = Some(night());
    rollback.state = State::Proposed {
        expires_at: at(600),
    };
    rollback
}

/// RB-41 after it came to `state` in the usual way.
fn came_to(state: State) -> Rollback {
    if matches!(state, State::Planning | State::Blocked { .. }) {
        let mut rollback = asked();
        rollback.times.ended = state.is_ended().then(night);
        rollback.state = state;
        return rollback;
    }
    let mut rollback = proposed(Risk::Code);
    let approved = !matches!(
        state,
        State::Proposed { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. }
    );
    if approved {
        rollback.approvals = vec![approval("U0SAM", "oncall")];
        rollback.times.approved = Some(night());
    }
    if approved && !matches!(state, State::Approved { .. }) {
        rollback.times.asked = Some(night());
    }
    if matches!(state, State::Watching { .. } | State::Closed)
        || matches!(state, State::Serving { n, m } if n == m)
    {
        rollback.surfaces = surfaces(["v213", "v213"]);
        rollback.times.serving = Some(night());
    }
    if state.is_ended() {
        rollback.times.ended = Some(night());
    }
    rollback.state = state;
    rollback
}

/// RB-41 with a plan of five steps for which automatic deploys are held off by us.
fn with_steps(state: State) -> Rollback {
    let mut rollback = came_to(state);
    rollback.asks = 3;
    rollback.step = 2;
    rollback.asked_last = Some(night());
    rollback.tasks = vec![task()];
    rollback.hold = Some(Hold {
        before: serde_json::json!({ "automatic": true }),
        confirmed: true,
    });
    if let Some(plan) = &mut rollback.plan {
        plan.steps = ["pull", "create", "stop the old one", "start", "switch"]
            .map(str::to_owned)
            .to_vec();
        plan.effects.holds = Holds::OnRequest;
    }
    rollback
}

/// A manual task for the owners of the data.
fn task() -> Task {
    Task {
        id: "rotate-key".into(),
        text: "Rotate the key".into(),
        link: None,
        role: Some("data_owner".into()),
        needs_note: false,
        signed: None,
    }
}

/// Every state, and what is special in some of them.
fn situations() -> Vec<(&'static str, Rollback)> {
    let by = || person("U0SAM");
    let expires_at = at(600);
    let over = Rollback {
        plan_until: Some(night()),
        ..came_to(State::Proposed {
            expires_at: night(),
        })
    };
    let mut window = proposed(Risk::Code);
    window.waiting.window_ends = Some(night());
    let one_of_two = Rollback {
        approvals: vec![approval("U0SAM", "oncall")],
        ..proposed(Risk::Data)
    };
    let broken = Rollback {
        approvals: vec![],
        break_glass: Some(emergency()),
        ..came_to(State::Approved { expires_at })
    };
    let closed_on_glass = Rollback {
        approvals: vec![],
        break_glass: Some(emergency()),
        ..came_to(State::Closed)
    };
    vec![
        ("planning", came_to(State::Planning)),
        (
            "blocked",
            came_to(State::Blocked {
                why: "nothing older".into(),
            }),
        ),
        ("proposed", proposed(Risk::Code)),
        ("proposed, and its time is over", over),
        ("proposed, and its objection window is over", window),
        ("proposed, of class data", proposed(Risk::Data)),
        ("proposed, of class data, approved by sam", one_of_two),
        ("approved", came_to(State::Approved { expires_at })),
        ("approved, as an emergency run by tom", broken),
        (
            "executing",
            came_to(State::Executing {
                step: 0,
                asked_at: night(),
            }),
        ),
        (
            "executing step 3 of 5, automatic deploys held off by us",
            with_steps(State::Executing {
                step: 2,
                asked_at: night(),
            }),
        ),
        (
            "waiting for people in step 3 of 5",
            with_steps(State::WaitingForPeople { since: night() }),
        ),
        (
            "unknown in step 3 of 5",
            with_steps(State::Unknown {
                since: night(),
                why: "it timed out".into(),
            }),
        ),
        ("accepted", came_to(State::Accepted { at: night() })),
        ("serving 1/2", came_to(State::Serving { n: 1, m: 2 })),
        ("serving 2/2", came_to(State::Serving { n: 2, m: 2 })),
        (
            "unknown",
            came_to(State::Unknown {
                since: night(),
                why: "it timed out".into(),
            }),
        ),
        ("watching", came_to(State::Watching { until: night() })),
        ("closed", came_to(State::Closed)),
        ("closed, an emergency run by tom", closed_on_glass),
        (
            "failed",
            came_to(State::Failed {
                production: Production::Unknown,
                why: "no".into(),
            }),
        ),
        (
            "partial 1/2",
            came_to(State::Partial {
                n: 1,
                m: 2,
                failed: vec!["www.example.com".into()],
            }),
        ),
        (
            "denied",
            came_to(State::Denied {
                by: by(),
                because: None,
            }),
        ),
        (
            "cancelled",
            came_to(State::Cancelled {
                by: by(),
                because: None,
            }),
        ),
        ("expired", came_to(State::Expired { at: night() })),
        (
            "superseded",
            came_to(State::Superseded {
                why: "another target".into(),
            }),
        ),
    ]
}

fn acts_as(membership: Membership, id: &str, members: Roster, act: Act) -> Command {
    Command::Person {
        by: person(id),
        membership,
        roster: Box::new(members),
        last_known: None,
        source: Source::Button,
        reply_to: None,
        act,
        prepared: None,
    }
}

fn acts(id: &str, act: Act) -> Command {
    acts_as(Membership::Member, id, everybody(), act)
}

fn approve(hash: Option<PlanHash>) -> Act {
    Act::Approve {
        hash,
        confirmed: Confirmed {
            ticked: vec![],
            typed: Some("v213".into()),
            because: None,
        },
    }
}

fn break_glass(because: &str, promised: bool) -> Act {
    Act::BreakGlass {
        hash: None,
        because: because.into(),
        promised,
    }
}

fn sign_off(task: &str) -> Act {
    Act::SignOff {
        task: task.into(),
        done: true,
        note: None,
    }
}

fn review() -> Act {
    Act::Review {
        answer: ReviewAnswer::Justified,
        because: "nobody answered".into(),
    }
}

/// The platform read again, with these releases live.
fn reread(class: Risk, live: [&str; 2], members: Roster) -> Command {
    Command::Rechecked {
        survey: Box::new(survey(live)),
        plan: Ok(Box::new(plan(class, live))),
        roster: Box::new(members),
    }
}

/// Every command, as it would be put to this rollback.
fn commands(rollback: &Rollback) -> Vec<(&'static str, Command)> {
    let class = rollback.plan.as_ref().map_or(Risk::Code, |plan| plan.risk);
    let hash =
        || Some(plan(class, ["v214", "v214"]).hash(&ServiceKey::new("frontend", "production")));
    let mut commands = what_people_do(hash());
    commands.extend(what_the_bot_does(class));
    commands.extend(what_the_platform_does());
    commands
}

fn what_people_do(hash: Option<PlanHash>) -> Vec<(&'static str, Command)> {
    let hash = || hash.clone();
    let guest = |act| acts_as(Membership::Outsider("a guest"), "U0GUS", everybody(), act);
    let click = Act::Approve {
        hash: hash(),
        confirmed: Confirmed::default(),
    };
    vec![
        ("sam approves", acts("U0SAM", approve(hash()))),
        ("sam approves with a mere click", acts("U0SAM", click)),
        (
            "sam approves another plan",
            acts("U0SAM", approve(Some(PlanHash("0ddba11".into())))),
        ),
        (
            "sam approves while PagerDuty is down",
            acts_as(
                Membership::Member,
                "U0SAM",
                silent(&["oncall", "data_owner"]),
                approve(hash()),
            ),
        ),
        ("dora approves", acts("U0DORA", approve(hash()))),
        ("maya approves her own", acts("U0MAYA", approve(hash()))),
        ("tom approves", acts("U0TOM", approve(hash()))),
        ("a guest approves", guest(approve(hash()))),
        (
            "sam withdraws",
            acts("U0SAM", Act::Withdraw { because: None }),
        ),
        (
            "tom withdraws",
            acts("U0TOM", Act::Withdraw { because: None }),
        ),
        (
            "tom objects",
            acts(
                "U0TOM",
                Act::Object {
                    because: "the sale ends at noon".into(),
                },
            ),
        ),
        (
            "tom runs it as an emergency",
            acts("U0TOM", break_glass("carts are lost", true)),
        ),
        (
            "tom runs it as an emergency without a reason",
            acts("U0TOM", break_glass(" ", true)),
        ),
        (
            "tom runs it as an emergency without a promise",
            acts("U0TOM", break_glass("carts are lost", false)),
        ),
        (
            "a guest runs it as an emergency",
            guest(break_glass("carts are lost", true)),
        ),
        ("sam reviews", acts("U0SAM", review())),
        ("tom reviews", acts("U0TOM", review())),
        ("sam denies", acts("U0SAM", Act::Deny { because: None })),
        ("tom denies", acts("U0TOM", Act::Deny { because: None })),
        ("dora signs off", acts("U0DORA", sign_off("rotate-key"))),
        ("sam signs off", acts("U0SAM", sign_off("rotate-key"))),
        (
            "dora signs off what there is not",
            acts("U0DORA", sign_off("merge-pr")),
        ),
        ("maya stops", acts("U0MAYA", Act::Stop { because: None })),
        ("sam stops", acts("U0SAM", Act::Stop { because: None })),
        ("tom stops", acts("U0TOM", Act::Stop { because: None })),
        (
            "tom retargets",
            acts(
                "U0TOM",
                Act::Retarget {
                    hash: hash(),
                    to: "v212".into(),
                },
            ),
        ),
    ]
}

fn what_the_bot_does(class: Risk) -> Vec<(&'static str, Command)> {
    let renewed = |live| Command::Renewed {
        plan: Ok(Box::new(plan(class, live))),
    };
    let freeze = Freeze {
        by: person("U0TOM"),
        because: "we migrate".into(),
        at: night(),
    };
    vec![
        (
            "planned",
            Command::Planned {
                objections: vec![],
                audience: everybody_there(),
                plan: Box::new(plan(class, ["v214", "v214"])),
                requester: person("U0MAYA"),
                last_known: None,
                roster: Box::new(everybody()),
                frozen: None,
            },
        ),
        (
            "cannot plan",
            Command::CannotPlan {
                refusal: Refusal::LiveUnknown {
                    service: ServiceKey::new("frontend", "production"),
                },
            },
        ),
        (
            "waited",
            Command::Waited {
                roster: Box::new(everybody()),
            },
        ),
        (
            "window ended",
            Command::WindowEnded {
                audience: everybody_there(),
                membership: Membership::Member,
                roster: Box::new(everybody()),
            },
        ),
        ("renewed, unchanged", renewed(["v214", "v214"])),
        ("renewed, moved", renewed(["v213", "v214"])),
        (
            "renewed, unreadable",
            Command::Renewed {
                plan: Err(ProviderError::Unanswered("Vercel answered 503".into()).into()),
            },
        ),
        (
            "frozen",
            Command::Froze {
                freeze: Some(freeze),
            },
        ),
        ("unfrozen", Command::Froze { freeze: None }),
        ("unpinned", Command::Unpinned),
        (
            "looked after, moved",
            Command::LookedAfter {
                survey: Box::new(survey(["v214", "v214"])),
                bad: Some("left as bad by RB-41".into()),
                unpinners: vec!["U0SAM".into()],
            },
        ),
        (
            "looked at again",
            Command::StageLooked {
                round: Round {
                    version: Some(Ok("v213".into())),
                    instances: vec![],
                    checks: vec![],
                },
                incident: IncidentThen::default(),
            },
        ),
        (
            "not looked at again",
            Command::StagesEnd {
                because: StagesEnd::Deployed("v215".into()),
            },
        ),
        (
            "snoozed",
            Command::Snoozed {
                until: at(90_000),
                by: person("U0SAM"),
                source: Source::Button,
            },
        ),
        (
            "review due",
            Command::ReviewDue {
                roster: Box::new(everybody()),
                explained: true,
            },
        ),
        ("expire", Command::Expire),
        (
            "re-read, unchanged",
            reread(class, ["v214", "v214"], everybody()),
        ),
        (
            "re-read, unchanged, nobody is on call any more",
            reread(
                class,
                ["v214", "v214"],
                roster(&[("oncall", &[]), ("data_owner", &["U0DORA"])]),
            ),
        ),
        (
            "re-read, moved",
            reread(class, ["v213", "v214"], everybody()),
        ),
        (
            "re-reading failed",
            Command::RecheckFailed {
                why: "Vercel answered 503".into(),
            },
        ),
    ]
}

fn what_the_platform_does() -> Vec<(&'static str, Command)> {
    let answered = |answer| Command::Answered { answer };
    let observed = |progress| Command::Observed {
        roster: Box::default(),
        progress,
    };
    let serving = |live| {
        observed(Progress::Serving {
            surfaces: surfaces(live),
            pin: Pin::On,
            said: "in progress".into(),
        })
    };
    let looked = |checks| Command::Probed {
        round: Round {
            version: Some(Ok("v213".into())),
            instances: vec![],
            checks,
        },
        live: None,
    };
    vec![
        (
            "answer: accepted",
            answered(Ok(Receipt {
                next: None,
                restore_point: None,
                said: "accepted".into(),
                memory: serde_json::Value::Null,
            })),
        ),
        (
            "answer: accepted, and the next step",
            answered(Ok(Receipt {
                said: "stopped".into(),
                memory: serde_json::Value::Null,
                next: Some(next_step()),
                restore_point: None,
            })),
        ),
        (
            "answer: no",
            answered(Err(ProviderError::Refused("no".into()))),
        ),
        (
            "answer: not now",
            answered(Err(ProviderError::Busy {
                why: "429".into(),
                retry_after: None,
            })),
        ),
        (
            "answer: none",
            answered(Err(ProviderError::Unanswered("it timed out".into()))),
        ),
        (
            "pin: held off",
            Command::PinAnswered {
                answer: Ok("read back".into()),
            },
        ),
        (
            "pin: no",
            Command::PinAnswered {
                answer: Err(ProviderError::Refused("no".into())),
            },
        ),
        ("lost track", Command::LostTrack),
        ("read back: nothing yet", serving(["v214", "v214"])),
        ("read back: 1 of 2", serving(["v213", "v214"])),
        ("read back: 2 of 2", serving(["v213", "v213"])),
        (
            "read back: the next step is safe",
            observed(Progress::StepReady {
                next: next_step(),
                said: "the old one is stopped".into(),
                memory: serde_json::Value::Null,
            }),
        ),
        (
            "read back: people are needed",
            observed(Progress::PeopleNeeded {
                tasks: vec![task()],
                said: "the key is the old one".into(),
            }),
        ),
        (
            "read back: failed, production as before",
            observed(Progress::Failed {
                why: "put back".into(),
                production: Production::AsBefore,
            }),
        ),
        (
            "read back: partial",
            observed(Progress::Partial {
                surfaces: surfaces(["v213", "v214"]),
                failed: vec!["www.example.com".into()],
            }),
        ),
        (
            "read back: failed",
            observed(Progress::Failed {
                production: Production::Unknown,
                why: "job failed".into(),
            }),
        ),
        ("looked: good", looked(vec![])),
        (
            "looked: failing",
            looked(vec![CheckResult {
                problem: Some("answered 500".into()),
                ..CheckResult::passed("GET /health".into())
            }]),
        ),
        (
            "looked: not known",
            looked(vec![
                CheckResult::passed("error rate".into()).unknown("no data"),
            ]),
        ),
        ("close", Command::Close { replaced_by: None }),
    ]
}

fn next_step() -> NextStep {
    NextStep {
        number: 3,
        name: "start".into(),
    }
}

/// The objection window is on, so that it is seen what its end leads to.
fn with_window() -> Policy {
    Policy {
        objection_window: Some(Duration::from_secs(180)),
        ..policy()
    }
}

/// `name` goes into the group of its outcome.
fn group(groups: &mut Vec<(String, Vec<&'static str>)>, outcome: String, name: &'static str) {
    match groups.iter_mut().find(|(existing, _)| *existing == outcome) {
        Some((_, names)) => names.push(name),
        None => groups.push((outcome, vec![name])),
    }
}

#[test]
fn the_whole_machine() {
    let every: Vec<&str> = commands(&proposed(Risk::Code))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let mut table = format!(
        "sam and maya are on call, dora owns the data, tom is in the team; maya asked.\n\nEvery command: {}.\n",
        every.join(" · ")
    );
    // What is the same in several situations is printed once.
    let mut bodies: Vec<(Vec<&str>, String)> = vec![];
    for (heading, rollback) in situations() {
        let body = what_can_be_done(&rollback);
        match bodies.iter_mut().find(|(_, existing)| *existing == body) {
            Some((headings, _)) => headings.push(heading),
            None => bodies.push((vec![heading], body)),
        }
    }
    for (headings, body) in bodies {
        let _ = write!(table, "\n{}\n{body}", headings.join(" · "));
    }
    insta::assert_snapshot!(table);
}

/// One line for each outcome and for each refusal.
fn what_can_be_done(rollback: &Rollback) -> String {
    let (mut done, mut refused) = (vec![], vec![]);
    for (name, command) in commands(rollback) {
        match decide(rollback, command, &with_window(), night()) {
            Ok(decision) => {
                assert_eq!(decision.rollback.revision, rollback.revision + 1);
                group(&mut done, outcome(&decision), name);
            }
            Err(refusal) => group(&mut refused, refusal.code().to_owned(), name),
        }
    }
    let mut table = String::new();
    for (outcome, names) in done {
        let _ = writeln!(table, "    {} → {outcome}", names.join(" · "));
    }
    // What most are told is said last, and not of each.
    refused.sort_by_key(|(code, names)| (names.len(), code.clone()));
    if let Some((most, _)) = refused.pop() {
        for (code, names) in refused {
            let _ = writeln!(table, "    {code}: {}", names.join(" · "));
        }
        let _ = writeln!(table, "    {most}: everything else");
    }
    table
}

/// What a decision leads to, with what is special about it.
fn outcome(decision: &Decision) -> String {
    let rollback = &decision.rollback;
    let mut outcome = title(&rollback.state);
    if let State::Proposed { .. } = rollback.state {
        match rollback.approvals.len() {
            0 => {}
            n => outcome.push_str(&format!(", {n} of 2 approved")),
        }
    }
    if let Some(break_glass) = &rollback.break_glass {
        outcome.push_str(
            match (
                &break_glass.spent,
                &break_glass.review,
                break_glass.reminded,
            ) {
                (Some(_), _, _) => ", the emergency run unused",
                (None, Some(_), _) => ", the emergency run reviewed",
                (None, None, 0) => ", an emergency run",
                (None, None, _) => ", the review asked for again",
            },
        );
    }
    if decision.notices.contains(&Notice::TakePinBack) {
        outcome.push_str(", the pin is taken back");
    }
    if decision.opens.is_some() {
        outcome.push_str(", opens another");
    }
    outcome
}

fn title(state: &State) -> String {
    match state {
        State::Serving { n, m } => format!("serving {n}/{m}"),
        State::Partial { n, m, .. } => format!("partial {n}/{m}"),
        State::Executing { step, .. } if *step > 0 => format!("executing step {}", step + 1),
        State::Failed {
            production: Production::AsBefore,
            ..
        } => "failed, production as before".into(),
        state => state.name().into(),
    }
}

#[test]
fn what_has_ended_stays_ended() {
    for (heading, rollback) in situations() {
        if !rollback.state.is_ended() {
            continue;
        }
        for (name, command) in commands(&rollback) {
            let Ok(decision) = decide(&rollback, command, &policy(), night()) else {
                continue;
            };
            assert_eq!(decision.rollback.state, rollback.state, "{heading}: {name}");
            assert!(
                ["sam reviews", "review due", "looked after, moved"].contains(&name),
                "{heading}: {name}"
            );
        }
    }
}

#[test]
fn the_platform_is_asked_only_after_a_yes_and_a_second_look() {
    for (heading, rollback) in situations() {
        for (name, command) in commands(&rollback) {
            let Ok(decision) = decide(&rollback, command, &policy(), night()) else {
                continue;
            };
            if !matches!(decision.rollback.state, State::Executing { .. }) {
                continue;
            }
            assert!(rollback.is_let_run(), "{heading}: {name}");
            if rollback.times.asked.is_some() {
                // It was asked before: an accepted step or a look leads to the next one.
                let asks = decision.rollback.asks > rollback.asks;
                let leads_on = name.ends_with("next step") || name.ends_with("step is safe");
                assert_eq!(asks, leads_on, "{heading}: {name}");
            } else {
                assert_eq!(rollback.state.name(), "approved", "{heading}: {name}");
                assert!(name.starts_with("re-read, unchanged"), "{heading}: {name}");
            }
        }
    }
}

/// What comes of it, when it is let.
fn put(rollback: &Rollback, command: Command) -> Rollback {
    decide(rollback, command, &with_window(), at(1))
        .unwrap()
        .rollback
}

/// What is answered, when it is not.
fn refused(rollback: &Rollback, command: Command) -> String {
    decide(rollback, command, &with_window(), at(1))
        .unwrap_err()
        .to_string()
}

#[test]
fn two_people_approve_data_and_one_of_them_owns_it() {
    let open = proposed(Risk::Data);
    let yes = |id| acts(id, approve(open.hash.clone()));
    let once = put(&open, yes("U0SAM"));
    assert_eq!(title(&once.state), "proposed");
    let click = Act::Approve {
        hash: open.hash.clone(),
        confirmed: Confirmed::default(),
    };
    let answers = [
        ("sam, again", refused(&once, yes("U0SAM"))),
        ("maya", refused(&once, yes("U0MAYA"))),
        ("tom", refused(&once, yes("U0TOM"))),
        ("dora, with a click", refused(&once, acts("U0DORA", click))),
        (
            "tom, as an emergency run",
            refused(&once, acts("U0TOM", break_glass("now", true))),
        ),
    ];
    let answers: Vec<String> = answers
        .into_iter()
        .map(|(who, answer)| format!("{who}: {answer}"))
        .collect();
    insta::assert_snapshot!(answers.join("\n"), @"
    sam, again: You already approved RB-41. It still needs one more, from data_owner, from somebody else. Nothing was changed.
    maya: This needs somebody with the role data_owner, and you do not have it. @U0DORA can. Nothing was run.
    tom: This needs somebody with the role data_owner, and you do not have it. @U0DORA can. Nothing was run.
    dora, with a click: Type the exact target before you approve, as the card names it: v213. The card's *Approve* button asks for it. Nothing was run.
    tom, as an emergency run: Emergency runs are off for data rollbacks. @U0DORA can approve. Nothing was run.
    ");
    let twice = put(&once, yes("U0DORA"));
    assert_eq!(title(&twice.state), "approved");

    // The requester may be one of the two, and the owner may be the first.
    let once = put(&open, yes("U0DORA"));
    let twice = put(&once, yes("U0MAYA"));
    assert_eq!(title(&twice.state), "approved");
    let once = put(&twice, acts("U0MAYA", Act::Withdraw { because: None }));
    assert_eq!(title(&once.state), "proposed");
    assert_eq!(once.approvals.len(), 1);
}

#[test]
fn a_yes_to_data_does_not_count_without_the_owner_who_gave_it() {
    let open = proposed(Risk::Data);
    let members = roster(&[
        ("oncall", &["U0SAM", "U0DORA"]),
        ("data_owner", &["U0DORA"]),
    ]);
    let yes = |id| acts_as(Membership::Member, id, members.clone(), approve(None));
    let approved = put(&put(&open, yes("U0SAM")), yes("U0DORA"));
    let same = |members| reread(Risk::Data, ["v214", "v214"], members);
    // dora is on call still, and does not own the data any more.
    let lost = roster(&[("oncall", &["U0SAM", "U0DORA"]), ("data_owner", &["U0ANA"])]);
    let reopened = put(&approved, same(lost));
    assert_eq!(title(&reopened.state), "proposed");
    assert_eq!(reopened.approvals, []);
    // What is not known takes nothing back: it was read when she said it.
    for members in [members, silent(&["oncall", "data_owner"])] {
        assert_eq!(title(&put(&approved, same(members)).state), "executing");
    }
}

#[test]
fn each_caution_is_ticked_by_name() {
    let mut survey = survey(["v214", "v214"]);
    survey.candidates[1].release.live_since = None;
    survey.candidates[2].barred = Some("its files are gone".into());
    let history = History::from(vec![Past::asked(
        RollbackId::new(38),
        Way::Back,
        Some("v213".into()),
        "v0".into(),
        night(),
    )]);
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey: &survey,
        effects: &effects(Risk::Code),
        history: &history,
        risks: &RiskRules::default(),
    };
    let plan = Plan::draw(basis, &aim(Target::Named("v213".into())), night()).unwrap();
    let open = Rollback {
        hash: Some(plan.hash(&ServiceKey::new("frontend", "production"))),
        plan: Some(plan),
        ..proposed(Risk::Code)
    };
    let yes = |ticked: &[&str]| {
        let confirmed = Confirmed {
            ticked: ticked.iter().map(|name| name.to_string()).collect(),
            typed: None,
            because: None,
        };
        let hash = open.hash.clone();
        acts("U0SAM", Act::Approve { hash, confirmed })
    };
    let answers = [
        refused(&open, yes(&[])),
        refused(&open, yes(&["never_served", "old"])),
    ];
    insta::assert_snapshot!(answers.join("\n"), @"
    Tick what you have seen before you approve: v213 is not known to have served production and v213 was rolled back by RB-38 at 2026-03-14 03:12 UTC. The card's *Approve* button asks for it. Nothing was run.
    Tick what you have seen before you approve: v213 was rolled back by RB-38 at 2026-03-14 03:12 UTC. The card's *Approve* button asks for it. Nothing was run.
    ");
    let decided = decide(
        &open,
        yes(&["never_served", "once_bad"]),
        &policy(),
        night(),
    );
    insta::assert_snapshot!(decided.unwrap().events[0].text(), @"approved plan 7097 as oncall, seeing: v213 is not known to have served production; v213 was rolled back by RB-38 at 2026-03-14 03:12 UTC");
}

#[test]
fn an_emergency_run_lets_nothing_else_run() {
    let open = proposed(Risk::Code);
    let broken = put(&open, acts("U0TOM", break_glass("carts are lost", true)));
    assert_eq!(title(&broken.state), "approved");
    let failed = || Command::RecheckFailed {
        why: "Vercel answered 503".into(),
    };

    // Reviewed before anything ran, and then nothing ran.
    let reviewed = put(&broken, acts("U0SAM", review()));
    let reopened = put(&reviewed, failed());
    assert_eq!(title(&reopened.state), "proposed");
    assert!(!reopened.is_let_run());

    // What it lets run is the plan it was broken for, once; the next one needs its own approvals.
    let reopened = put(&broken, failed());
    let approved = put(&reopened, acts("U0SAM", approve(None)));
    let nobody = roster(&[("oncall", &[])]);
    let reopened = put(&approved, reread(Risk::Code, ["v214", "v214"], nobody));
    assert_eq!(title(&reopened.state), "proposed");
}

#[test]
fn withdrawing_an_approval_does_not_end_an_emergency_run() {
    let mut two = with_window();
    two.rules.code.approvals = 2;
    let put = |rollback: &Rollback, command| decide(rollback, command, &two, at(1)).unwrap();
    let once = put(&proposed(Risk::Code), acts("U0SAM", approve(None))).rollback;
    let broken = put(&once, acts("U0TOM", break_glass("carts are lost", true))).rollback;
    assert_eq!(title(&broken.state), "approved");
    // It never ran on this approval.
    let withdrawn = put(&broken, acts("U0SAM", Act::Withdraw { because: None }));
    assert_eq!(outcome(&withdrawn), "approved, an emergency run");
    assert_eq!(withdrawn.drive_at, Some(at(1)));
    // Somebody with authority ends it by a no.
    let denied = put(&broken, acts("U0SAM", Act::Deny { because: None }));
    assert_eq!(outcome(&denied), "denied, the emergency run unused");
}

#[test]
fn the_page_about_an_emergency_run_is_resolved_when_it_is_reviewed() {
    let paging = Policy {
        page_on_break_glass: true,
        ..policy()
    };
    let put = |rollback: &Rollback, command| decide(rollback, command, &paging, at(1)).unwrap();
    let broken = put(
        &proposed(Risk::Code),
        acts("U0TOM", break_glass("carts are lost", true)),
    );
    insta::assert_snapshot!(said(&broken), @"page RB-41:glass: EMERGENCY RUN: @tom rolls back frontend (production), v214 → v213 without approval: carts are lost");
    let reviewed = put(&broken.rollback, acts("U0SAM", review()));
    assert_eq!(said(&reviewed), "page RB-41:glass taken back");
    let denied = put(&broken.rollback, acts("U0SAM", Act::Deny { because: None }));
    let taken_back = "page RB-41:glass taken back";
    assert!(said(&denied).contains(taken_back));
    let denied = put(
        &reviewed.rollback,
        acts("U0SAM", Act::Deny { because: None }),
    );
    assert!(!said(&denied).contains(taken_back), "once");
}

/// A card whose window ends three minutes after it was posted.
fn with_a_window_open() -> Rollback {
    let mut rollback = proposed(Risk::Code);
    rollback.waiting.window_ends = Some(at(180));
    rollback
}

fn window_ended(membership: Membership, members: Roster) -> Command {
    Command::WindowEnded {
        audience: everybody_there(),
        membership,
        roster: Box::new(members),
    }
}

#[test]
fn an_authority_s_own_rollback_starts_by_itself_when_nobody_objects() {
    let planned = |class| Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan(class, ["v214", "v214"])),
        requester: person("U0MAYA"),
        last_known: None,
        roster: Box::new(everybody()),
        frozen: None,
    };
    let open = decide(&asked(), planned(Risk::Code), &with_window(), night()).unwrap();
    assert_eq!(open.drive_at, Some(at(180)));
    let ended = window_ended(Membership::Member, everybody());
    assert!(decide(&open.rollback, ended.clone(), &with_window(), at(179)).is_err());
    let started = decide(&open.rollback, ended, &with_window(), at(180)).unwrap();
    assert_eq!(title(&started.rollback.state), "approved");
    assert!(started.rollback.approvals[0].unopposed);

    // It was frozen while the platform was read.
    let freeze = Command::Froze {
        freeze: Some(Freeze {
            by: person("U0TOM"),
            because: "we migrate".into(),
            at: night(),
        }),
    };
    let frozen = put(&put(&asked(), freeze), planned(Risk::Code));
    assert_eq!(frozen.waiting.window_ends, None);
    assert!(frozen.frozen.is_some());

    for class in [Risk::Caution, Risk::Data] {
        let open = decide(&asked(), planned(class), &with_window(), night()).unwrap();
        assert_eq!(open.rollback.waiting.window_ends, None, "{class}");
    }
}

#[test]
fn an_agent_starts_nothing_by_itself_and_does_nothing_to_a_rollback() {
    let agent = person("U0MAYA").responsible_for("deploy-watch");
    let planned = Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan(Risk::Code, ["v214", "v214"])),
        requester: agent.clone(),
        last_known: None,
        roster: Box::new(everybody()),
        frozen: None,
    };
    let open = decide(&asked(), planned, &with_window(), night()).unwrap();
    assert_eq!(open.rollback.waiting.window_ends, None);
    for act in [
        approve(open.rollback.hash.clone()),
        Act::Stop { because: None },
    ] {
        let mut command = acts("U0MAYA", act);
        if let Command::Person { by, .. } = &mut command {
            *by = agent.clone();
        }
        let refused = decide(&open.rollback, command, &with_window(), at(1));
        assert_eq!(
            refused.map(|decision| decision.rollback),
            Err(agent.refuse_agent().unwrap_err())
        );
    }
}

#[test]
fn what_speaks_against_a_window_ends_it() {
    let open = with_a_window_open();
    let objected = decide(
        &open,
        acts(
            "U0TOM",
            Act::Object {
                because: "the sale ends at noon".into(),
            },
        ),
        &with_window(),
        at(10),
    )
    .unwrap();
    assert_eq!(objected.rollback.waiting.window_ends, None);
    insta::assert_snapshot!(said(&objected), @r#"thread: @U0MAYA: @tom objects to RB-41 (frontend (production), v214 → v213): "the sale ends at noon". It won't run automatically now; an approver must decide."#);
    let freeze = Command::Froze {
        freeze: Some(Freeze {
            by: person("U0TOM"),
            because: "we migrate".into(),
            at: at(10),
        }),
    };
    let frozen = decide(&open, freeze, &with_window(), at(10)).unwrap();
    assert_eq!(frozen.rollback.waiting.window_ends, None);

    let unsure = [
        window_ended(Membership::Unreadable("it timed out".into()), everybody()),
        window_ended(Membership::Outsider("deactivated"), everybody()),
        window_ended(Membership::Member, silent(&["oncall"])),
        window_ended(Membership::Member, roster(&[("oncall", &["U0SAM"])])),
    ];
    for command in unsure {
        let waits = decide(&open, command, &with_window(), at(180)).unwrap();
        assert_eq!(title(&waits.rollback.state), "proposed");
        assert_eq!(waits.rollback.waiting.window_ends, None);
    }
    // It was taken out of the configuration meanwhile.
    let ended = window_ended(Membership::Member, everybody());
    let waits = decide(&open, ended, &policy(), at(180)).unwrap();
    assert_eq!(title(&waits.rollback.state), "proposed");
    insta::assert_snapshot!(waits.events[0].text(), @"did not start by itself: that is not configured any more");
}

/// RB-41 after its window ended in silence, and before its platform is asked.
fn started_by_silence() -> Rollback {
    let ended = window_ended(Membership::Member, everybody());
    decide(&with_a_window_open(), ended, &with_window(), at(180))
        .unwrap()
        .rollback
}

#[test]
fn what_silence_started_and_was_not_asked_for_yet_waits_again_when_it_is_frozen() {
    let freeze = |freeze| {
        let froze = Command::Froze { freeze };
        decide(&started_by_silence(), froze, &with_window(), at(181)).unwrap()
    };
    let frozen = freeze(Some(Freeze {
        by: person("U0TOM"),
        because: "we migrate".into(),
        at: at(181),
    }));
    assert_eq!(title(&frozen.rollback.state), "proposed");
    assert_eq!(frozen.rollback.approvals, vec![]);
    let thawed = freeze(None);
    assert_eq!(title(&thawed.rollback.state), "approved");
}

#[test]
fn silence_is_no_approval_of_somebody_who_lost_the_role() {
    let rechecked = |members| {
        let command = Command::Rechecked {
            survey: Box::new(survey(["v214", "v214"])),
            plan: Ok(Box::new(plan(Risk::Code, ["v214", "v214"]))),
            roster: Box::new(members),
        };
        decide(&started_by_silence(), command, &with_window(), at(181)).unwrap()
    };
    let lost = rechecked(roster(&[("oncall", &["U0SAM"])]));
    assert_eq!(title(&lost.rollback.state), "proposed");
    for members in [everybody(), silent(&["oncall"])] {
        assert_eq!(title(&rechecked(members).rollback.state), "executing");
    }
}

#[test]
fn a_window_that_ended_with_its_plan_starts_nothing() {
    // The bot was not running: nobody could have objected.
    let again = Command::Renewed {
        plan: Ok(Box::new(plan(Risk::Code, ["v214", "v214"]))),
    };
    let open = decide(&with_a_window_open(), again, &with_window(), at(700)).unwrap();
    assert_eq!(title(&open.rollback.state), "proposed");
    let ended = window_ended(Membership::Member, everybody());
    assert!(decide(&open.rollback, ended, &with_window(), at(701)).is_err());
}

#[test]
fn a_card_that_takes_another_one_s_place_never_starts_by_itself() {
    let moved = Command::Renewed {
        plan: Ok(Box::new(plan(Risk::Code, ["v213", "v214"]))),
    };
    let long = Policy {
        objection_window: Some(Duration::from_secs(900)),
        ..policy()
    };
    let mut open = proposed(Risk::Code);
    open.waiting.window_ends = Some(at(900));
    open.waiting.reminded = 1;
    let replaced = decide(&open, moved, &long, at(600)).unwrap();
    let (next, _) = replaced
        .opens
        .unwrap()
        .open(RollbackId::new(42), IncidentId::new(1));
    assert_eq!(next.waiting.since, Some(night()), "it is still waited for");
    assert_eq!(next.waiting.reminded, 1);
    let planned = Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan(Risk::Code, ["v213", "v214"])),
        requester: person("U0MAYA"),
        last_known: None,
        roster: Box::new(everybody()),
        frozen: None,
    };
    let next = decide(&next, planned, &long, at(601)).unwrap().rollback;
    assert_eq!(next.waiting.window_ends, None);
    let ended = window_ended(Membership::Member, everybody());
    assert!(decide(&next, ended, &long, at(900)).is_err());
}

/// What was posted, and who was paged.
fn said(decision: &Decision) -> String {
    let lines: Vec<String> = decision
        .notices
        .iter()
        .filter_map(|say| match say {
            Notice::Post {
                message: Message::Naming(text, people),
                in_thread,
                ..
            } => {
                let place = if *in_thread { "thread" } else { "channel" };
                let text = (0..people.len()).fold(text.clone(), |text, n| {
                    text.replace(&format!("\u{1}{n}\u{1}"), &format!("@{}", people[n]))
                });
                Some(format!("{place}: {text}"))
            }
            Notice::Page {
                page: Page::Trigger { key, summary },
            } => Some(format!("page {key}: {summary}")),
            Notice::Page {
                page: Page::Resolve { key },
            } => Some(format!("page {key} taken back")),
            _ => None,
        })
        .collect();
    lines.join("\n")
}

#[test]
fn nobody_answers() {
    let escalation = Policy {
        remind: vec![Duration::from_secs(120)],
        escalate: vec![
            EscalationStep {
                after: Duration::from_secs(300),
                roles: vec!["data_owner".into()],
                people: vec![],
                page: false,
            },
            EscalationStep {
                after: Duration::from_secs(900),
                roles: vec!["nobody".into()],
                people: vec![],
                page: true,
            },
        ],
        ..policy()
    };
    let waited = || Command::Waited {
        roster: Box::new(everybody()),
    };
    let mut rollback = proposed(Risk::Code);
    let mut story = String::new();
    let mut next = rollback.next_look(&escalation, at(600));
    while rollback.waiting.escalated < escalation.escalate.len() {
        let command = match rollback.state {
            State::Proposed { expires_at } if next >= expires_at => Command::Renewed {
                plan: Ok(Box::new(plan(Risk::Code, ["v214", "v214"]))),
            },
            _ => waited(),
        };
        let decision = decide(&rollback, command, &escalation, next).unwrap();
        for event in &decision.events {
            let _ = writeln!(story, "{} {}", next.strftime("%H:%M"), event.text());
        }
        let _ = writeln!(story, "{}", said(&decision));
        rollback = decision.rollback;
        next = decision.drive_at.unwrap();
    }
    let answered = decide(
        &rollback,
        acts("U0SAM", approve(None)),
        &escalation,
        at(930),
    )
    .unwrap();
    let _ = writeln!(story, "{}", said(&answered));
    insta::assert_snapshot!(story, @r#"
    03:14 RB-41 has waited 2 m for an approval: asked @U0SAM
    thread: @U0SAM: approve or deny RB-41? frontend (production), v214 → v213, "checkout 500s", waiting 2 m.
    03:17 RB-41 has waited 5 m for an approval to roll back frontend (production), v214 → v213: asked @U0DORA
    channel: @U0DORA: approve or deny RB-41? frontend (production), v214 → v213, "checkout 500s", waiting 5 m.
    03:22 read the platform again: nothing that matters has changed; the plan is open until 03:32:00 UTC

    03:27 RB-41 has waited 15 m for an approval to roll back frontend (production), v214 → v213: asked PagerDuty
    03:27 paging PagerDuty: RB-41 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    channel: RB-41 needs an approval: frontend (production), v214 → v213, "checkout 500s", waiting 15 m. Paging PagerDuty.
    page RB-41:approval: RB-41 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    page RB-41:approval taken back
    "#);

    // Another plan has taken its place meanwhile: its card pages for itself.
    let moved = Command::Renewed {
        plan: Ok(Box::new(plan(Risk::Code, ["v213", "v214"]))),
    };
    let replaced = decide(&rollback, moved, &escalation, at(1200)).unwrap();
    assert!(said(&replaced).ends_with("page RB-41:approval taken back"));
    let (next, _) = replaced
        .opens
        .unwrap()
        .open(RollbackId::new(42), IncidentId::new(1));
    let planned = Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan(Risk::Code, ["v213", "v214"])),
        requester: person("U0MAYA"),
        last_known: None,
        roster: Box::new(everybody()),
        frozen: None,
    };
    let next = decide(&next, planned, &escalation, at(1201)).unwrap();
    assert_eq!(next.drive_at, Some(at(1206)), "below its card");
    let again = decide(&next.rollback, waited(), &escalation, at(1201)).unwrap();
    insta::assert_snapshot!(said(&again), @r#"
    channel: RB-42 needs an approval: frontend (production), v213 → v212, "checkout 500s", waiting 20 m 1 s. Paging PagerDuty.
    page RB-42:approval: RB-42 has waited since 03:12 UTC for an approval to roll back frontend (production), v213 → v212; asked for by @maya, because "checkout 500s"
    "#);

    // After an outage one reminder says it, and every escalation step runs.
    let overdue = decide(&proposed(Risk::Code), waited(), &escalation, at(1000)).unwrap();
    assert_eq!(overdue.rollback.waiting.reminded, 1);
    assert_eq!(overdue.rollback.waiting.escalated, 2);
    assert_eq!(overdue.drive_at, Some(at(600)), "its plan is over by now");
    insta::assert_snapshot!(said(&overdue), @r#"
    thread: @U0SAM: approve or deny RB-41? frontend (production), v214 → v213, "checkout 500s", waiting 16 m 40 s.
    channel: @U0DORA: approve or deny RB-41? frontend (production), v214 → v213, "checkout 500s", waiting 16 m 40 s. Paging PagerDuty too.
    page RB-41:approval: RB-41 has waited since 03:12 UTC for an approval to roll back frontend (production), v214 → v213; asked for by @maya, because "checkout 500s"
    "#);

    // Without a fresh plan it is not kept open, and the people who were asked read why.
    let renewed = Command::Renewed {
        plan: Err(ProviderError::Unanswered("it answered 503".into()).into()),
    };
    let given_up = decide(&overdue.rollback, renewed, &escalation, at(1000)).unwrap();
    assert_eq!(given_up.rollback.state.name(), "expired");
    insta::assert_snapshot!(said(&given_up), @"
    channel: @U0MAYA: RB-41 (frontend (production), v214 → v213) expired: not kept open, because no fresh plan could be made. It answered 503. Nothing was changed. To propose it again: `/rollback frontend@production to v213 because …`.
    page RB-41:approval taken back
    ");
}

#[test]
fn a_yes_to_what_cannot_be_done_any_more_ends_it() {
    let approved = put(&proposed(Risk::Code), acts("U0SAM", approve(None)));
    let reread = Command::Rechecked {
        survey: Box::new(survey(["v214", "v214"])),
        plan: Err(Refusal::LiveUnknown {
            service: ServiceKey::new("frontend", "production"),
        }),
        roster: Box::new(everybody()),
    };
    let decision = decide(&approved, reread, &policy(), at(2)).unwrap();
    assert_eq!(decision.rollback.state.name(), "blocked");
    assert_eq!(decision.opens, None, "the same aim would come to the same");
    insta::assert_snapshot!(said(&decision), @r#"channel: @U0MAYA and @U0SAM: RB-41 (frontend (production), v214 → v213) was not run. The platform does not say what frontend (production) serves now, so "previous" would be a guess. Name the release with `to`; `/rollback list frontend@production` shows them. Nothing was run."#);
}

#[test]
fn a_review_is_somebody_else_s() {
    let (_, closed) = situations()
        .into_iter()
        .find(|(heading, _)| heading.starts_with("closed, an emergency run"))
        .unwrap();
    let mut by_sam = closed.clone();
    by_sam.break_glass.as_mut().unwrap().by = person("U0SAM");
    let reviewed = put(&closed, acts("U0SAM", review()));
    let answers = [
        (
            "tom, who broke it",
            refused(&closed, acts("U0TOM", review())),
        ),
        (
            "sam, if he broke it",
            refused(&by_sam, acts("U0SAM", review())),
        ),
        (
            "maya, after sam",
            refused(&reviewed, acts("U0MAYA", review())),
        ),
        (
            "sam, where none was broken",
            refused(&came_to(State::Closed), acts("U0SAM", review())),
        ),
    ];
    let answers: Vec<String> = answers
        .into_iter()
        .map(|(who, answer)| format!("{who}: {answer}"))
        .collect();
    insta::assert_snapshot!(answers.join("\n"), @"
    tom, who broke it: You ran this as an emergency, so someone else must review it. @U0SAM or @U0MAYA can. Nothing was changed.
    sam, if he broke it: You ran this as an emergency, so someone else must review it. @U0MAYA can. Nothing was changed.
    maya, after sam: @sam reviewed RB-41 already: justified. Nothing was changed.
    sam, where none was broken: RB-41 was not an emergency run. Nothing was changed.
    ");

    let reminded = decide(
        &closed,
        Command::ReviewDue {
            roster: Box::new(everybody()),
            explained: false,
        },
        &policy(),
        at(12 * 3600),
    )
    .unwrap();
    assert_eq!(reminded.rollback.state, State::Closed);
    insta::assert_snapshot!(said(&reminded), @"channel: RB-41 (frontend (production), v214 → v213) ran without approval, and its review is due 2026-03-15 03:12 UTC. @U0SAM or @U0MAYA, please review it: `/rollback review RB-41 justified because …`, or `should-have-waited`, or `policy-too-strict`. @U0TOM, you promised to explain why it could not wait: `/rollback note …` in this channel records it.");
}

#[test]
fn what_can_be_undone() {
    let lines: Vec<String> = situations()
        .into_iter()
        .map(|(heading, rollback)| match rollback.why_not_undone() {
            Some(why) => format!("{heading}: not, because {why}"),
            None => format!("{heading}: yes"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    planning: not, because it never had a plan
    blocked: not, because it never had a plan
    proposed: not, because it was not run
    proposed, and its time is over: not, because it was not run
    proposed, and its objection window is over: not, because it was not run
    proposed, of class data: not, because it was not run
    proposed, of class data, approved by sam: not, because it was not run
    approved: not, because it was not run
    approved, as an emergency run by tom: not, because it was not run
    executing: not, because it is asking
    executing step 3 of 5, automatic deploys held off by us: not, because it is still running
    waiting for people in step 3 of 5: not, because it is waiting for people
    unknown in step 3 of 5: not, because it is unknown
    accepted: not, because it is accepted
    serving 1/2: not, because it is serving 1/2
    serving 2/2: not, because it is serving 2/2
    unknown: not, because it is unknown
    watching: yes
    closed: yes
    closed, an emergency run by tom: yes
    failed: not, because it failed
    partial 1/2: yes
    denied: not, because it was not run
    cancelled: not, because it was not run
    expired: not, because it was not run
    superseded: not, because it was not run
    ");
}

#[test]
fn the_hash_changes_with_what_matters_and_with_nothing_else() {
    let base = plan(Risk::Code, ["v214", "v214"]);
    let hash = |plan: &Plan| plan.hash(&ServiceKey::new("frontend", "production"));
    let mut older = base.clone();
    older.read_at = at(60);
    older.memory = serde_json::json!({ "job": 1 });
    older.in_flight = Some("a deploy".into());
    older.surfaces.reverse();
    assert_eq!(hash(&base), hash(&older));

    let mut pinned = base.clone();
    pinned.pin = Pin::On;
    let mut leaves = base.clone();
    leaves.effects.leaves.push("flags".into());
    let mut forward = base.clone();
    forward.way = Way::Forward;
    let mut cautious = base.clone();
    cautious
        .cautions
        .push(rollback_domain::risk::Caution::NeverServed);
    let moved = plan(Risk::Code, ["v213", "v214"]);
    let riskier = plan(Risk::Caution, ["v214", "v214"]);
    for changed in [moved, riskier, pinned, leaves, forward, cautious] {
        assert_ne!(hash(&base), hash(&changed));
    }
    assert_ne!(
        hash(&base),
        base.hash(&ServiceKey::new("frontend", "staging"))
    );
}

#[test]
fn a_target_that_cannot_be_is_refused_with_the_one_that_could() {
    let said = |target: &str, live| {
        let mut survey = survey(live);
        survey.candidates[2].barred = Some("its files are gone".into());
        let basis = Basis {
            service: &ServiceKey::new("frontend", "production"),
            survey: &survey,
            effects: &effects(Risk::Code),
            history: &History::default(),
            risks: &RiskRules::default(),
        };
        match Plan::draw(basis, &aim(Target::Named(target.into())), night()) {
            Ok(plan) => format!("{target}: {}", plan.chosen),
            Err(refusal) => format!("{target}: {refusal}"),
        }
    };
    let lines = [
        said("v214", ["v214", "v214"]),
        said("v214", ["v213", "v213"]),
        said("v212", ["v214", "v214"]),
        said("v999", ["v214", "v214"]),
        said("v213", ["v214", "v214"]),
        said("v213", ["v213", "v214"]),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_was_believed_is_said_where_it_counted() {
    let last_known =
        Some("Slack did not answer; a full member when last read at 02:58 UTC".to_owned());
    let (open, hash) = {
        let open = proposed(Risk::Code);
        let hash = open.hash.clone();
        (open, hash)
    };
    let approves = |source, last_known| Command::Person {
        by: person("U0SAM"),
        membership: Membership::Member,
        roster: Box::new(everybody()),
        last_known,
        source,
        reply_to: None,
        act: Act::Approve {
            hash: hash.clone(),
            confirmed: Confirmed::default(),
        },
        prepared: None,
    };
    let by = |source, last_known| {
        decide(&open, approves(source, last_known), &policy(), at(60)).unwrap()
    };
    let out_of_band = by(Source::OutOfBand, last_known.clone());
    assert_eq!(
        out_of_band.events[0].text().split_once("; ").unwrap().1,
        last_known.as_deref().unwrap()
    );
    assert!(out_of_band.rollback.approvals[0].out_of_band);
    let clicked = by(Source::Button, None);
    assert!(!clicked.events[0].text().contains("did not answer"));
    assert!(!clicked.rollback.approvals[0].out_of_band);

    // The requester's last known roles count for the plan in the same way, and for the one that takes its place.
    let planned = Command::Planned {
        objections: vec![],
        audience: everybody_there(),
        plan: Box::new(plan(Risk::Code, ["v214", "v214"])),
        requester: person("U0MAYA"),
        last_known,
        roster: Box::new(everybody()),
        frozen: None,
    };
    let mut asked = asked();
    asked.out_of_band = true;
    let decision = decide(&asked, planned, &policy(), at(1)).unwrap();
    assert!(decision.events[0].text().contains("Slack did not answer"));
    let retarget = Act::Retarget {
        hash: None,
        to: "v212".into(),
    };
    let moved = decide(
        &decision.rollback,
        acts("U0SAM", retarget),
        &policy(),
        at(60),
    )
    .unwrap();
    assert_eq!(moved.opens.unwrap().source, Source::Button);
}
