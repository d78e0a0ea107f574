use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-14T03:12:00Z")
}

/// A service of which everything is as it should be.
fn ready() -> ServiceFacts {
    ServiceFacts {
        service: ServiceKey::new("frontend", "production"),
        read_at: now(),
        credentials: Checked::Works(Credentials {
            works: "project shop readable".into(),
            until: None,
        }),
        target: Checked::Works(TargetFacts {
            label: "v213".into(),
            live: Some("v214".into()),
            kept: Kept::Unknown,
            class: Risk::Code,
        }),
        pin: Checked::Works(Pin::Off),
        holds: Holds::ByItself,
        times: vec![TimedRollback {
            id: RollbackId::new(7),
            took: Duration::from_secs(9),
        }],
        target_time: Some(Duration::from_secs(120)),
        approvers: ApproverFacts {
            classes: vec![of_class(1, 2, 0)],
            silent: vec![],
            gone: vec![],
        },
        proofs: vec![seen(Importance::Must, Seen::Works("says v214".into()))],
        drills: Some(drilled()),
        review: None,
    }
}

fn drilled() -> DrilledFacts {
    DrilledFacts {
        last: Some(HeldDrill {
            id: RollbackId::drill(3),
            environment: "staging".into(),
            at: at("2026-02-27T13:00:00Z"),
        }),
        next: Some(at("2026-03-27T13:00:00Z")),
        missed: None,
    }
}

fn of_class(needed: usize, could: usize, unread: usize) -> ClassApprovers {
    ClassApprovers {
        class: Risk::Code,
        needed,
        could,
        unread,
        active: None,
    }
}

fn seen(importance: Importance, seen: Seen) -> ProofFacts {
    ProofFacts {
        name: "health".into(),
        importance,
        seen,
    }
}

/// The level and the sentence of the line about this.
fn line(facts: &ServiceFacts, subject: Subject) -> Line {
    let lines = facts.lines(now());
    lines
        .into_iter()
        .find(|line| line.subject == subject)
        .unwrap()
}

fn of_token(until: Option<&str>) -> Line {
    let facts = ServiceFacts {
        credentials: Checked::Works(Credentials {
            works: "project shop readable".into(),
            until: until.map(at),
        }),
        ..ready()
    };
    line(&facts, Subject::Credentials)
}

fn of_target(kept: Kept) -> Line {
    let Checked::Works(target) = ready().target else {
        panic!("it is ready");
    };
    let facts = ServiceFacts {
        target: Checked::Works(TargetFacts { kept, ..target }),
        ..ready()
    };
    line(&facts, Subject::Target)
}

fn of_approvers(approvers: ApproverFacts) -> Line {
    let facts = ServiceFacts {
        approvers,
        ..ready()
    };
    line(&facts, Subject::Approvers)
}

fn of_proofs(proofs: Vec<ProofFacts>) -> Line {
    let facts = ServiceFacts { proofs, ..ready() };
    line(&facts, Subject::Proofs)
}

#[test]
fn a_service_of_which_all_was_read_and_nothing_is_wrong_is_ready() {
    let lines = ready().lines(now());
    assert_eq!(Level::of(&lines), Level::Ready);
    for line in &lines {
        assert_eq!(
            (line.level, &line.next),
            (Level::Ready, &None),
            "{}",
            line.sentence
        );
    }
}

#[test]
fn what_is_not_ready_says_what_to_do() {
    let refused = || "It is not allowed.".to_owned();
    let mut facts = ServiceFacts {
        credentials: Checked::Refused(refused()),
        target: Checked::Refused(refused()),
        pin: Checked::Refused(refused()),
        times: vec![],
        approvers: ApproverFacts {
            classes: vec![of_class(1, 0, 0)],
            ..ApproverFacts::default()
        },
        proofs: vec![seen(Importance::Must, Seen::Fails("answers 503".into()))],
        drills: Some(DrilledFacts {
            missed: Some(at("2026-02-27T13:00:00Z")),
            ..drilled()
        }),
        review: Some(ReviewDate {
            last: None,
            every: Duration::from_secs(90 * 86_400),
        }),
        ..ready()
    };
    let everything = |facts: &ServiceFacts| {
        let lines = facts.lines(now());
        for line in lines.iter().filter(|line| line.subject != Subject::Time) {
            assert_ne!(line.level, Level::Ready, "{}", line.sentence);
            assert!(line.next.is_some(), "{}", line.sentence);
        }
        Level::of(&lines)
    };
    assert_eq!(everything(&facts), Level::NotReady);
    facts.credentials = Checked::Silent(refused());
    facts.target = Checked::Silent(refused());
    facts.approvers.classes = vec![of_class(1, 0, 1)];
    facts.proofs = vec![seen(Importance::Must, Seen::NotKnown("no data".into()))];
    assert_eq!(everything(&facts), Level::NotKnown);
}

#[test]
fn a_token_that_was_good_when_it_was_read_may_have_expired_since() {
    assert_eq!(of_token(None).level, Level::Ready);
    assert_eq!(of_token(Some("2026-06-01T00:00:00Z")).level, Level::Ready);
    let soon = of_token(Some("2026-03-20T03:12:00Z"));
    assert_eq!(soon.level, Level::Attention);
    assert_eq!(
        soon.sentence,
        "The token works, and expires at 2026-03-20 03:12 UTC, in 6 d."
    );
    let over = of_token(Some("2026-03-14T03:12:00Z"));
    assert_eq!(over.level, Level::NotReady);
    assert_eq!(over.sentence, "The token expired at 2026-03-14 03:12 UTC.");
}

#[test]
fn a_target_is_there_for_as_long_as_the_platform_keeps_it() {
    let sentences = |kept| {
        let line = of_target(kept);
        (line.level, line.sentence)
    };
    assert_eq!(
        sentences(Kept::Unknown),
        (
            Level::Ready,
            "It could go back from v214 to v213 (code).".into()
        )
    );
    assert_eq!(
        sentences(Kept::Until(at("2026-03-16T03:12:00Z"))),
        (
            Level::Attention,
            "It could go back from v214 to v213 (code), which is kept until 2026-03-16 03:12 UTC, for 2 d more.".into()
        )
    );
    let over = Kept::Until(at("2026-03-14T03:00:00Z"));
    assert_eq!(sentences(over).0, Level::NotReady);
    let gone = Kept::Gone("the retention policy removed it".into());
    assert_eq!(
        sentences(gone),
        (
            Level::NotReady,
            "v213 cannot be gone back to: the retention policy removed it.".into()
        )
    );
}

#[test]
fn how_long_it_takes_is_compared_with_the_goal() {
    let took = |seconds| TimedRollback {
        id: RollbackId::new(8),
        took: Duration::from_secs(seconds),
    };
    let of = |times: Vec<TimedRollback>| {
        let facts = ServiceFacts { times, ..ready() };
        let level = Level::of(&facts.lines(now()));
        (line(&facts, Subject::Time), level)
    };
    let (slow, _) = of(vec![took(150), took(9)]);
    assert_eq!(slow.level, Level::Attention);
    assert_eq!(
        slow.sentence,
        "Going back took 2 m 30 s (RB-8) and 9 s (RB-8); the goal is 2 m."
    );
    // The last one was fast enough.
    assert_eq!(of(vec![took(9), took(150)]).0.level, Level::Ready);
    let (never, service) = of(vec![]);
    assert_eq!(never.level, Level::NotKnown);
    assert_eq!(
        service,
        Level::Ready,
        "a service that was never rolled back can be"
    );
}

#[test]
fn nobody_counts_as_an_approver_who_was_not_read() {
    let counts = |needed, could, unread| {
        of_approvers(ApproverFacts {
            classes: vec![of_class(needed, could, unread)],
            ..ApproverFacts::default()
        })
        .level
    };
    assert_eq!(counts(1, 1, 0), Level::Ready);
    assert_eq!(counts(2, 1, 1), Level::NotKnown);
    assert_eq!(counts(2, 1, 0), Level::NotReady);
}

#[test]
fn a_source_of_roles_that_is_silent_is_not_nobody() {
    let silent = |needed| {
        of_approvers(ApproverFacts {
            classes: vec![of_class(needed, 1, 0)],
            silent: vec![SilentSource {
                source: Source::PagerDutySchedule("P1".into()),
                why: "no answer within 4 s".into(),
            }],
            gone: vec![],
        })
    };
    assert_eq!(silent(1).level, Level::Attention);
    assert_eq!(silent(2).level, Level::NotKnown);
}

#[test]
fn somebody_who_has_left_and_is_still_in_the_role_needs_attention() {
    let line = of_approvers(ApproverFacts {
        classes: vec![of_class(1, 1, 0)],
        silent: vec![],
        gone: vec![Gone {
            name: "oleg".into(),
            role: "oncall".into(),
            what: "deactivated".into(),
        }],
    });
    assert_eq!(line.level, Level::Attention);
    assert_eq!(
        line.sentence,
        "code needs 1 approval, and 1 person could give one; oleg has the role oncall and is deactivated."
    );
}

#[test]
fn only_a_check_that_must_pass_says_that_production_does_not_work() {
    let fails = |importance| of_proofs(vec![seen(importance, Seen::Fails("answers 503".into()))]);
    let must = fails(Importance::Must);
    assert_eq!(
        (must.level, must.affects_production),
        (Level::NotReady, true)
    );
    let should = fails(Importance::Should);
    assert_eq!(
        (should.level, should.affects_production),
        (Level::Attention, false)
    );
    let wrong = of_proofs(vec![seen(
        Importance::Must,
        Seen::Wrong("no such host".into()),
    )]);
    assert_eq!(
        (wrong.level, wrong.affects_production),
        (Level::NotReady, false)
    );
    assert_eq!(wrong.sentence, "health: no such host.");
    assert_eq!(of_proofs(vec![]).level, Level::Attention);
    assert_eq!(
        of_proofs(vec![seen(Importance::Must, Seen::Untried)]).level,
        Level::Ready
    );
}

#[test]
fn a_pin_that_cannot_be_read_needs_attention() {
    let of_pin = |pin, holds| {
        let facts = ServiceFacts {
            pin: Checked::Works(pin),
            holds,
            ..ready()
        };
        line(&facts, Subject::Pin).level
    };
    assert_eq!(of_pin(Pin::On, Holds::ByItself), Level::Ready);
    assert_eq!(of_pin(Pin::Unknown, Holds::OnRequest), Level::Attention);
    assert_eq!(of_pin(Pin::Unknown, Holds::Not), Level::Ready);
}

#[test]
fn facts_are_read_back_as_they_were_stored() {
    let facts = ready();
    let stored = serde_json::to_string(&facts).unwrap();
    assert_eq!(
        serde_json::from_str::<ServiceFacts>(&stored).unwrap(),
        facts
    );
    // What is stored keeps its names.
    for name in [
        "\"service\":\"frontend\"",
        "\"environment\"",
        "\"read_at\"",
        "\"works\"",
    ] {
        assert!(stored.contains(name), "{name} in {stored}");
    }
}

#[test]
fn what_every_rollback_needs_has_lines_too() {
    let facts = BotFacts {
        read_at: now(),
        notices: vec![
            (
                "status".into(),
                Checked::Refused("Statuspage refuses the token (401).".into()),
            ),
            ("hook".into(), Checked::Works("answers".into())),
        ],
        database: Err("the disk is full".into()),
        clock_is_off: Some(SignedDuration::from_secs(-42)),
    };
    let lines: Vec<(Level, String)> = facts
        .lines()
        .into_iter()
        .map(|line| (line.level, line.sentence))
        .collect();
    assert_eq!(
        lines,
        [
            (
                Level::NotReady,
                "status: Statuspage refuses the token (401).".into()
            ),
            (
                Level::NotReady,
                "The database does not take what is written: the disk is full.".into()
            ),
            (
                Level::Attention,
                "The clock of the machine is 42 s away from the database's.".into()
            ),
        ]
    );
    let right = BotFacts {
        read_at: now(),
        notices: vec![],
        database: Ok(()),
        clock_is_off: None,
    };
    assert_eq!(Level::of(&right.lines()), Level::Ready);
}
