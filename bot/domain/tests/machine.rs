//! The whole machine: every command in every state. The snapshot is its documentation.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use jiff::Timestamp;
use rollback_domain::{
    decide::decide,
    grammar::Target,
    people::{Person, Policy, Standing},
    plan::{Aim, Plan},
    proof::{CheckResult, Round},
    refusal::{Refusal, Source},
    release::{Candidate, Nature, Pin, Progress, Receipt, Release, Surface, Survey, Trouble},
    rollback::{Act, Approval, Command, Proposal, Rollback, State},
};
use std::{collections::BTreeMap, fmt::Write, time::Duration};

fn now() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

fn policy() -> Policy {
    Policy {
        approvers: BTreeMap::from([("oncall".into(), vec!["U0SAM".into()])]),
        requester_may_approve: false,
        plan_ttl: Duration::from_secs(600),
        target_time: None,
        passes: 1,
        prove_within: Duration::from_secs(300),
        watch: Duration::from_secs(60),
        check_every: Duration::from_secs(5),
        fingerprint: true,
    }
}

fn nature() -> Nature {
    Nature {
        platform: "Vercel".into(),
        restores: vec!["code".into()],
        leaves: vec!["database".into()],
        after: None,
        pins: true,
        undoable: true,
        touches_data: false,
    }
}

fn release(id: &str) -> Release {
    Release {
        version: Some(id.into()),
        live_since: Some(now()),
        ..Release::unknown(id)
    }
}

fn survey(live: [&str; 2]) -> Survey {
    Survey {
        candidates: ["v214", "v213", "v212"]
            .map(|id| Candidate {
                release: release(id),
                barred: None,
            })
            .into(),
        surfaces: surfaces(live),
        pin: Pin::Off,
        in_flight: None,
        memory: serde_json::Value::Null,
    }
}

fn surfaces(live: [&str; 2]) -> Vec<Surface> {
    ["shop.example.com", "www.example.com"]
        .into_iter()
        .zip(live)
        .map(|(name, live)| Surface {
            name: name.into(),
            live: Some(live.into()),
        })
        .collect()
}

fn aim(target: Target) -> Aim {
    Aim {
        target,
        utc_offset: 0,
    }
}

fn plan(live: [&str; 2]) -> Plan {
    Plan::draw(&survey(live), &nature(), &aim(Target::Previous), now()).unwrap()
}

/// A rollback that came to `state` in the usual way.
fn at(state: State) -> Rollback {
    let proposal = Proposal {
        channel: "C0SHOP".into(),
        service: "frontend".into(),
        environment: "production".into(),
        requester: Person::new("U0MAYA", "maya"),
        because: None,
        aim: aim(Target::Previous),
        source: Source::Command,
        commanded: now(),
        target_time: None,
        reply_to: None,
        replaces: None,
    };
    let (mut rollback, _) = proposal.open(41, 1);
    if !matches!(state, State::Planning | State::Blocked { .. }) {
        let plan = plan(["v214", "v214"]);
        rollback.hash = Some(plan.hash("frontend", "production"));
        rollback.surfaces = plan.surfaces.clone();
        rollback.plan = Some(plan);
        rollback.times.proposed = Some(now());
    }
    let approved = !matches!(
        state,
        State::Planning
            | State::Blocked { .. }
            | State::Proposed { .. }
            | State::Denied { .. }
            | State::Cancelled { .. }
            | State::Expired { .. }
            | State::Superseded { .. }
    );
    if approved {
        let by = Person::new("U0SAM", "sam");
        rollback.approved = Some(Approval {
            by,
            role: "oncall".into(),
            at: now(),
        });
        rollback.times.approved = Some(now());
    }
    if approved && !matches!(state, State::Approved { .. }) {
        rollback.times.asked = Some(now());
    }
    if matches!(state, State::Watching { .. } | State::Closed)
        || matches!(state, State::Serving { n, m } if n == m)
    {
        rollback.surfaces = surfaces(["v213", "v213"]);
        rollback.times.serving = Some(now());
    }
    if state.is_ended() {
        rollback.times.ended = Some(now());
    }
    rollback.state = state;
    rollback
}

fn states() -> Vec<State> {
    let by = || Person::new("U0SAM", "sam");
    let soon = now().checked_add(Duration::from_secs(60)).unwrap();
    vec![
        State::Planning,
        State::Blocked {
            why: "nothing older".into(),
        },
        State::Proposed { expires_at: soon },
        State::Approved { expires_at: soon },
        State::Executing { asked_at: now() },
        State::Accepted { at: now() },
        State::Serving { n: 1, m: 2 },
        State::Serving { n: 2, m: 2 },
        State::Unknown {
            since: now(),
            why: "it timed out".into(),
        },
        State::Watching { until: now() },
        State::Closed,
        State::Failed { why: "no".into() },
        State::Partial {
            n: 1,
            m: 2,
            failed: vec!["www.example.com".into()],
        },
        State::Denied {
            by: by(),
            because: None,
        },
        State::Cancelled {
            by: by(),
            because: None,
        },
        State::Expired { at: now() },
        State::Superseded {
            why: "another target".into(),
        },
    ]
}

fn person(id: &str, name: &str, act: Act) -> Command {
    Command::Person {
        by: Person::new(id, name),
        standing: Standing::Member,
        source: Source::Button,
        reply_to: None,
        act,
    }
}

fn commands() -> Vec<(&'static str, Command)> {
    let hash = || Some(plan(["v214", "v214"]).hash("frontend", "production"));
    let good = Round {
        version: Some(Ok("v213".into())),
        checks: vec![],
    };
    let bad = Round {
        version: Some(Ok("v213".into())),
        checks: vec![CheckResult {
            name: "GET /health".into(),
            problem: Some("answered 500".into()),
        }],
    };
    let fresh = |live| Command::Rechecked {
        survey: Box::new(survey(live)),
        plan: Ok(Box::new(plan(live))),
    };
    let serving = |live| Command::Observed {
        progress: Progress::Serving {
            surfaces: surfaces(live),
            pin: Pin::On,
            said: "in progress".into(),
        },
    };
    vec![
        (
            "sam approves",
            person("U0SAM", "sam", Act::Approve { hash: hash() }),
        ),
        (
            "maya approves her own",
            person("U0MAYA", "maya", Act::Approve { hash: hash() }),
        ),
        (
            "tom approves",
            person("U0TOM", "tom", Act::Approve { hash: hash() }),
        ),
        (
            "a guest approves",
            Command::Person {
                by: Person::new("U0GUS", "gus"),
                standing: Standing::Outsider("a guest"),
                source: Source::Button,
                reply_to: None,
                act: Act::Approve { hash: hash() },
            },
        ),
        (
            "sam denies",
            person("U0SAM", "sam", Act::Deny { because: None }),
        ),
        (
            "tom denies",
            person("U0TOM", "tom", Act::Deny { because: None }),
        ),
        (
            "maya stops",
            person("U0MAYA", "maya", Act::Stop { because: None }),
        ),
        (
            "tom stops",
            person("U0TOM", "tom", Act::Stop { because: None }),
        ),
        (
            "tom retargets",
            person(
                "U0TOM",
                "tom",
                Act::Retarget {
                    hash: hash(),
                    to: "v212".into(),
                },
            ),
        ),
        (
            "planned",
            Command::Planned {
                plan: Box::new(plan(["v214", "v214"])),
                requester: Person::new("U0MAYA", "maya"),
            },
        ),
        (
            "cannot plan",
            Command::CannotPlan {
                refusal: Refusal::LiveUnknown,
            },
        ),
        ("expire", Command::Expire),
        ("re-read, unchanged", fresh(["v214", "v214"])),
        ("re-read, moved", fresh(["v213", "v214"])),
        (
            "re-reading failed",
            Command::RecheckFailed {
                why: "Vercel answered 503".into(),
            },
        ),
        (
            "answer: accepted",
            Command::Answered {
                answer: Ok(Receipt {
                    said: "accepted".into(),
                    memory: serde_json::Value::Null,
                }),
            },
        ),
        (
            "answer: no",
            Command::Answered {
                answer: Err(Trouble::Refused("no".into())),
            },
        ),
        (
            "answer: not now",
            Command::Answered {
                answer: Err(Trouble::Busy {
                    why: "429".into(),
                    retry_after: None,
                }),
            },
        ),
        (
            "answer: none",
            Command::Answered {
                answer: Err(Trouble::Unanswered("it timed out".into())),
            },
        ),
        ("lost track", Command::LostTrack),
        ("read back: nothing yet", serving(["v214", "v214"])),
        ("read back: 1 of 2", serving(["v213", "v214"])),
        ("read back: 2 of 2", serving(["v213", "v213"])),
        (
            "read back: partial",
            Command::Observed {
                progress: Progress::Partial {
                    surfaces: surfaces(["v213", "v214"]),
                    failed: vec!["www.example.com".into()],
                },
            },
        ),
        (
            "read back: failed",
            Command::Observed {
                progress: Progress::Failed {
                    why: "job failed".into(),
                },
            },
        ),
        (
            "looked: good",
            Command::Probed {
                round: good,
                seen: None,
            },
        ),
        (
            "looked: failing",
            Command::Probed {
                round: bad,
                seen: None,
            },
        ),
        ("close", Command::Close { replaced_by: None }),
    ]
}

#[test]
fn the_whole_machine() {
    let mut table = String::new();
    for state in states() {
        let rollback = at(state);
        let _ = writeln!(table, "{}", title(&rollback.state));
        let mut refused = vec![];
        for (name, command) in commands() {
            match decide(&rollback, command, &policy(), now()) {
                Ok(decision) => {
                    let opens = if decision.opens.is_some() {
                        ", opens another"
                    } else {
                        ""
                    };
                    let _ = writeln!(
                        table,
                        "    {name} → {}{opens}",
                        title(&decision.rollback.state)
                    );
                    assert_eq!(decision.rollback.revision, rollback.revision + 1);
                }
                Err(refusal) => refused.push((name, refusal.code())),
            }
        }
        let mut by_code: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, code) in refused {
            by_code.entry(code).or_default().push(name);
        }
        for (code, names) in by_code {
            let _ = writeln!(table, "    {code}: {}", names.join(" · "));
        }
    }
    insta::assert_snapshot!(table);
}

fn title(state: &State) -> String {
    match state {
        State::Serving { n, m } => format!("serving {n}/{m}"),
        State::Partial { n, m, .. } => format!("partial {n}/{m}"),
        state => state.name().into(),
    }
}

#[test]
fn what_has_ended_stays_ended() {
    for state in states().into_iter().filter(State::is_ended) {
        let rollback = at(state);
        for (name, command) in commands() {
            let decided = decide(&rollback, command, &policy(), now());
            assert!(decided.is_err(), "{name} moved {}", title(&rollback.state));
        }
    }
}

#[test]
fn the_platform_is_asked_only_after_a_yes_and_a_second_look() {
    for state in states() {
        for (name, command) in commands() {
            let rollback = at(state.clone());
            let Ok(decision) = decide(&rollback, command, &policy(), now()) else {
                continue;
            };
            if matches!(decision.rollback.state, State::Executing { .. }) {
                assert_eq!(
                    (rollback.state.name(), name),
                    ("approved", "re-read, unchanged")
                );
            }
        }
    }
}

#[test]
fn the_hash_changes_with_what_matters_and_with_nothing_else() {
    let base = plan(["v214", "v214"]);
    let hash = |plan: &Plan| plan.hash("frontend", "production");
    let mut older = base.clone();
    older.read_at = now().checked_add(Duration::from_secs(60)).unwrap();
    older.memory = serde_json::json!({ "job": 1 });
    older.surfaces.reverse();
    assert_eq!(hash(&base), hash(&older));

    let mut pinned = base.clone();
    pinned.pin = Pin::On;
    let mut leaves = base.clone();
    leaves.nature.leaves.push("flags".into());
    for changed in [plan(["v213", "v214"]), pinned, leaves] {
        assert_ne!(hash(&base), hash(&changed));
    }
    assert_ne!(hash(&base), base.hash("frontend", "staging"));
}

#[test]
fn a_target_that_cannot_be_is_refused_with_the_one_that_could() {
    let said = |target: &str, live| {
        let mut survey = survey(live);
        survey.candidates[2].barred = Some("its files are gone".into());
        match Plan::draw(
            &survey,
            &nature(),
            &aim(Target::Named(target.into())),
            now(),
        ) {
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
