//! Plans of several steps: what a step is answered with, and where that leads.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod support;

use jiff::Timestamp;
use rollback_domain::{
    decide::decide,
    grammar::Target,
    history::{History, Past},
    identity::{RollbackId, ServiceKey},
    people::Membership,
    plan::{Basis, Plan, Unships},
    platform::{
        DryRun, Holds, NextStep, Production, Progress, ProviderError, Receipt, RestorePoint, Task,
    },
    policy::{Policy, Preset},
    refusal::Source,
    release::{Candidate, Pin, RecoveryWindow, Release, Survey, TargetKind, Way},
    risk::{Caution, Risk, RiskRules},
    rollback::{Act, Approval, Command, Decision, Notice, Rollback, State},
};
use serde_json::json;
use std::time::Duration;
use support::{aim, asked, effects, night, person, plan, roster, silent, surfaces, survey};

fn policy() -> Policy {
    support::policy(Preset::SmallTeam)
}

fn at(seconds: i64) -> Timestamp {
    night() + jiff::SignedDuration::from_secs(seconds)
}

fn done(rollback: &Rollback, command: Command, now: Timestamp) -> Decision {
    decide(rollback, command, &policy(), now).unwrap()
}

/// An approved plan of five steps; automatic deploys have to be held off first.
fn approved() -> Rollback {
    let mut plan = five_steps();
    plan.effects.holds = Holds::OnRequest;
    let mut rollback = asked();
    rollback.hash = Some(plan.hash(&ServiceKey::new("frontend", "production")));
    rollback.surfaces = plan.surfaces.clone();
    rollback.plan = Some(plan);
    rollback.plan_until = Some(at(600));
    rollback.times.proposed = Some(night());
    rollback.times.approved = Some(night());
    rollback.approvals = vec![Approval {
        by: person("U0SAM"),
        roles: vec!["oncall".into()],
        at: night(),
        unopposed: false,
        out_of_band: false,
    }];
    rollback.state = State::Approved {
        expires_at: at(600),
    };
    rollback
}

fn five_steps() -> Plan {
    let mut plan = plan(Risk::Code, ["v214", "v214"]);
    plan.pin = Pin::Off;
    plan.steps = ["pull", "create", "stop the old one", "start", "switch"]
        .map(str::to_owned)
        .to_vec();
    plan
}

fn reread(rollback: &Rollback) -> Command {
    let mut survey = survey(["v214", "v214"]);
    survey.pin = Pin::Off;
    survey.before_pin = json!({ "automatic": "on push" });
    Command::Rechecked {
        survey: Box::new(survey),
        plan: Ok(Box::new(rollback.plan.clone().unwrap())),
        roster: Box::new(roster(&[("oncall", &["U0SAM"])])),
    }
}

fn next(number: u32, name: &str) -> NextStep {
    NextStep {
        number,
        name: name.into(),
    }
}

fn accepted(next: Option<NextStep>) -> Command {
    Command::Answered {
        answer: Ok(Receipt {
            said: "done".into(),
            next,
            ..Receipt::default()
        }),
    }
}

fn ready(next: NextStep) -> Command {
    observed(Progress::StepReady {
        next,
        said: "it is safe".into(),
        memory: json!(null),
    })
}

fn observed(progress: Progress) -> Command {
    Command::Observed {
        progress,
        roster: Box::new(roster(&[
            ("oncall", &["U0SAM"]),
            ("data_owner", &["U0DORA"]),
        ])),
    }
}

/// In the third of the five steps, held off by us.
fn in_the_third_step() -> Rollback {
    let rollback = done(&approved(), reread(&approved()), night()).rollback;
    let pinned = Command::PinAnswered {
        answer: Ok("read back".into()),
    };
    let rollback = done(&rollback, pinned, night()).rollback;
    let rollback = done(&rollback, accepted(Some(next(1, "create"))), night()).rollback;
    done(
        &rollback,
        accepted(Some(next(2, "stop the old one"))),
        night(),
    )
    .rollback
}

fn step_of(rollback: &Rollback) -> Option<u32> {
    match rollback.state {
        State::Executing { step, .. } => Some(step),
        _ => None,
    }
}

#[test]
fn a_hold_is_stored_before_it_is_asked_for_and_keeps_what_was_before() {
    let asking = done(&approved(), reread(&approved()), night()).rollback;
    let hold = asking.hold.clone().unwrap();
    assert_eq!(hold.before, json!({ "automatic": "on push" }));
    assert!(!hold.confirmed);
    assert_eq!(step_of(&asking), Some(0));
    // The platform is busy after that: it is read again, and what we hold off is no change.
    let pinned = Command::PinAnswered {
        answer: Ok("read back".into()),
    };
    let pinned = done(&asking, pinned, night()).rollback;
    assert!(pinned.hold.as_ref().unwrap().confirmed);
    let busy = Command::Answered {
        answer: Err(ProviderError::Busy {
            why: "429".into(),
            retry_after: None,
        }),
    };
    let again = done(&pinned, busy, night()).rollback;
    assert!(matches!(again.state, State::Approved { .. }));
    let mut fresh = again.plan.clone().unwrap();
    fresh.pin = Pin::On;
    let mut survey = survey(["v214", "v214"]);
    survey.pin = Pin::On;
    survey.before_pin = json!({ "automatic": "off" });
    let reread = Command::Rechecked {
        survey: Box::new(survey),
        plan: Ok(Box::new(fresh)),
        roster: Box::new(roster(&[("oncall", &["U0SAM"])])),
    };
    let asking = done(&again, reread, night()).rollback;
    assert_eq!(step_of(&asking), Some(0));
    assert_eq!(
        asking.hold.unwrap().before,
        json!({ "automatic": "on push" })
    );
}

#[test]
fn an_accepted_step_leads_to_the_next_under_the_same_plan() {
    let third = in_the_third_step();
    assert_eq!(step_of(&third), Some(2));
    assert_eq!((third.asks, third.word().as_str()), (3, "STEP 3/5"));
    let last = done(&third, accepted(None), at(1));
    assert_eq!(last.rollback.state, State::Accepted { at: at(1) });
}

#[test]
fn after_the_first_step_only_looking_leads_on() {
    for error in [
        ProviderError::Refused("no".into()),
        ProviderError::Busy {
            why: "429".into(),
            retry_after: Some(1_000),
        },
        ProviderError::Unanswered("it timed out".into()),
    ] {
        let answer = Command::Answered {
            answer: Err(error.clone()),
        };
        let lost = done(&in_the_third_step(), answer, night());
        assert!(
            matches!(lost.rollback.state, State::Unknown { .. }),
            "{error}"
        );
        assert!(lost.drive_at.is_some());
        let on = done(&lost.rollback, ready(next(3, "start")), at(5)).rollback;
        assert_eq!(step_of(&on), Some(3), "{error}");
    }
    let lost = done(&in_the_third_step(), Command::LostTrack, night()).rollback;
    let same = done(&lost, ready(next(2, "stop the old one")), at(5)).rollback;
    assert_eq!(
        step_of(&same),
        Some(2),
        "the same step, when it was certainly not done"
    );
}

#[test]
fn putting_back_ends_as_before_and_takes_the_pin_back() {
    let lost = done(&in_the_third_step(), Command::LostTrack, night()).rollback;
    let back = done(&lost, ready(next(5, "start the old one")), at(5)).rollback;
    assert_eq!(back.word(), "PUTTING BACK");
    let back = done(&back, accepted(None), at(6)).rollback;
    let failed = observed(Progress::Failed {
        why: "the new one did not start".into(),
        production: Production::AsBefore,
    });
    let failed = done(&back, failed, at(7));
    assert!(failed.rollback.state.is_ended());
    assert_eq!(
        failed.rollback.what_failure_left(),
        "Production is as it was before."
    );
    assert!(failed.notices.contains(&Notice::TakePinBack));

    let changed = observed(Progress::Failed {
        why: "nothing starts".into(),
        production: Production::Changed,
    });
    let changed = done(&back, changed, at(7));
    assert!(!changed.notices.contains(&Notice::TakePinBack));
}

#[test]
fn a_pin_is_taken_back_however_nothing_came_of_it() {
    let asking = done(&approved(), reread(&approved()), night()).rollback;
    let refused = Command::PinAnswered {
        answer: Err(ProviderError::Refused("the project is locked".into())),
    };
    let refused = done(&asking, refused, night());
    assert!(matches!(refused.rollback.state, State::Failed { .. }));
    assert!(refused.notices.contains(&Notice::TakePinBack));

    let lost = done(&asking, Command::LostTrack, night()).rollback;
    let no_trace = observed(Progress::NotAsked {
        why: "nothing is running".into(),
    });
    let looked = done(&lost, no_trace.clone(), at(60)).rollback;
    let ended = done(&looked, no_trace, at(120));
    assert!(ended.notices.contains(&Notice::TakePinBack));
}

#[test]
fn a_provider_that_always_has_another_step_is_stopped() {
    let mut rollback = in_the_third_step();
    for asks in 0..100 {
        let lost = done(&rollback, Command::LostTrack, at(asks)).rollback;
        rollback = done(&lost, ready(next(2, "stop the old one")), at(asks)).rollback;
        if let State::Unknown { why, .. } = &rollback.state {
            assert!(why.contains("asked for 60 steps"), "{why}");
            return;
        }
    }
    panic!("it was asked for ever");
}

fn task(role: Option<&str>, needs_note: bool) -> Task {
    Task {
        id: "rotate-key".into(),
        text: "Rotate the key".into(),
        link: None,
        role: role.map(str::to_owned),
        needs_note,
        signed: None,
    }
}

fn waits_for(task: Task) -> Decision {
    let third = done(&in_the_third_step(), accepted(None), night()).rollback;
    let needed = observed(Progress::PeopleNeeded {
        tasks: vec![task],
        said: "the key is the old one".into(),
    });
    done(&third, needed, night())
}

fn signs(id: &str, note: Option<&str>) -> Command {
    Command::Person {
        by: person(id),
        membership: Membership::Member,
        roster: Box::new(roster(&[
            ("oncall", &["U0SAM"]),
            ("data_owner", &["U0DORA"]),
        ])),
        last_known: None,
        source: Source::Command,
        reply_to: None,
        act: Act::SignOff {
            task: "rotate-key".into(),
            done: true,
            note: note.map(str::to_owned),
        },
        prepared: None,
    }
}

#[test]
fn people_who_are_needed_are_asked_once_and_only_their_role_signs() {
    let waits = waits_for(task(Some("data_owner"), true));
    assert!(matches!(
        waits.rollback.state,
        State::WaitingForPeople { .. }
    ));
    assert!(waits.rollback.state.holds());
    let asks = |decision: &Decision| {
        let is_post = |notice: &&Notice| matches!(notice, Notice::Post { .. });
        decision.notices.iter().filter(is_post).count()
    };
    assert_eq!(asks(&waits), 1);
    let needed = observed(Progress::PeopleNeeded {
        tasks: vec![task(Some("data_owner"), true)],
        said: "the key is the old one".into(),
    });
    let still = done(&waits.rollback, needed.clone(), at(10));
    assert_eq!(asks(&still), 0, "they were asked already");

    let no = |command| {
        decide(&still.rollback, command, &policy(), at(20))
            .unwrap_err()
            .code()
            .to_owned()
    };
    assert_eq!(no(signs("U0SAM", Some("done"))), "NOT_AUTHORISED");
    assert_eq!(no(signs("U0DORA", None)), "UNCONFIRMED");

    let signed = done(
        &still.rollback,
        signs("U0DORA", Some("in the vault")),
        at(20),
    );
    assert!(signed.rollback.tasks[0].is_done());
    assert_eq!(signed.drive_at, Some(at(20)), "it is looked at once");
    let looked = done(&signed.rollback, needed, at(21)).rollback;
    assert!(looked.tasks[0].is_done(), "a signature stays");
    let on = done(&looked, ready(next(3, "start")), at(22)).rollback;
    assert_eq!(step_of(&on), Some(3));
}

#[test]
fn a_task_without_a_role_is_signed_by_an_approver() {
    let waits = waits_for(task(None, false)).rollback;
    let tom = decide(&waits, signs("U0TOM", None), &policy(), night());
    assert_eq!(tom.unwrap_err().code(), "NOT_AUTHORISED");
    done(&waits, signs("U0SAM", None), night());
}

#[test]
fn a_role_that_cannot_be_read_signs_nothing() {
    let waits = waits_for(task(Some("data_owner"), false)).rollback;
    let Command::Person {
        by,
        membership,
        source,
        act,
        ..
    } = signs("U0DORA", None)
    else {
        unreachable!("somebody signs");
    };
    let command = Command::Person {
        by,
        membership,
        roster: Box::new(silent(&["data_owner"])),
        last_known: None,
        source,
        reply_to: None,
        act,
        prepared: None,
    };
    let refused = decide(&waits, command, &policy(), night()).unwrap_err();
    assert_eq!(refused.code(), "AUTHORITY_UNREADABLE");
}

#[test]
fn timing_belongs_to_the_platform() {
    let mut rollback = in_the_third_step();
    if let Some(plan) = &mut rollback.plan {
        plan.effects.timing.serve_within = Duration::from_secs(6 * 3600);
        plan.effects.timing.look_every = Some(Duration::from_secs(120));
    }
    let restoring = || {
        observed(Progress::Serving {
            surfaces: surfaces(["v214", "v214"]),
            pin: Pin::On,
            said: "restoring".into(),
        })
    };
    let accepted = done(&rollback, accepted(None), night()).rollback;
    let looked = done(&accepted, restoring(), at(40 * 60));
    assert!(matches!(looked.rollback.state, State::Accepted { .. }));
    assert_eq!(looked.drive_at, Some(at(42 * 60)));
    let overdue = done(&looked.rollback, restoring(), at(7 * 3600)).rollback;
    assert!(matches!(overdue.state, State::Unknown { .. }));
}

#[test]
fn what_was_said_of_the_target_is_hashed_and_one_request_keeps_its_hash() {
    let one = plan(Risk::Code, ["v214", "v214"]);
    let hash = |plan: &Plan| plan.hash(&ServiceKey::new("frontend", "production"));
    let dry_run = || DryRun::of(one.effects.clone());
    let rules = RiskRules::default();
    assert_eq!(
        hash(&one),
        hash(&one.clone().with_dry_run(dry_run(), &rules))
    );
    let point = RestorePoint {
        id: "backup-1".into(),
        what: "backup of 02:55".into(),
        made_at: night(),
        until: None,
        proof: vec![],
    };
    let others = [
        DryRun {
            steps: vec!["pull".into(), "start".into()],
            ..dry_run()
        },
        DryRun {
            details: vec!["312 rows".into()],
            ..dry_run()
        },
        DryRun {
            restore_point: Some(point),
            ..dry_run()
        },
        DryRun {
            tasks: vec![task(None, false)],
            ..dry_run()
        },
        DryRun {
            warnings: vec![Caution::Platform {
                name: "secrets_changed".into(),
                text: "secrets were changed since".into(),
                class: Risk::Caution,
            }],
            ..dry_run()
        },
    ];
    for other in others {
        let plan = one.clone().with_dry_run(other.clone(), &rules);
        assert_ne!(hash(&one), hash(&plan), "{other:?}");
        if !other.warnings.is_empty() {
            assert_eq!(plan.risk, Risk::Caution);
        }
    }
}

fn drawn(survey: &Survey, history: &History, target: Target) -> Result<Plan, String> {
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey,
        effects: &effects(Risk::Code),
        history,
        risks: &RiskRules::default(),
    };
    Plan::draw(basis, &aim(target), night()).map_err(|refusal| refusal.code().to_owned())
}

#[test]
fn a_moment_in_the_recovery_window_is_a_target() {
    let survey = Survey {
        candidates: vec![],
        window: Some(RecoveryWindow {
            from: at(-86_400),
            to: at(-60),
        }),
        ..survey(["v214", "v214"])
    };
    let history = History::default();
    let ago = |seconds| Target::At(rollback_domain::grammar::Moment::Ago { seconds });
    let plan = drawn(&survey, &history, ago(3600)).unwrap();
    assert_eq!(plan.to.kind, TargetKind::Moment);
    assert_eq!(plan.to.id, at(-3600).to_string());
    assert_eq!(plan.unships, Unships::After(at(-3600)));
    assert!(
        plan.cautions.is_empty(),
        "a moment is no release that never served"
    );
    assert_eq!(
        drawn(&survey, &history, ago(90_000)).unwrap_err(),
        "UNKNOWN_TARGET"
    );
    assert_eq!(
        drawn(&survey, &history, ago(30)).unwrap_err(),
        "UNKNOWN_TARGET"
    );
    assert_eq!(
        drawn(&survey, &history, Target::Previous).unwrap_err(),
        "ONLY_MOMENTS"
    );
}

#[test]
fn a_copy_is_the_release_and_the_one_just_left_is_never_previous() {
    let release = |id: &str, also: &[&str], seconds| Candidate {
        release: Release {
            also: also.iter().map(ToString::to_string).collect(),
            live_since: Some(at(seconds)),
            ..Release::unknown(id)
        },
        barred: None,
        barred_forward: None,
    };
    // v105 is the copy that the platform made of v102 when it went back from v104.
    let mut survey = survey(["v105", "v105"]);
    survey.candidates = vec![
        release("v102", &["v105"], -60),
        release("v104", &[], -3600),
        release("v103", &[], -7200),
    ];
    assert_eq!(survey.live().unwrap().id, "v102");
    let left = History::from(vec![Past::asked(
        RollbackId::new(1),
        Way::Back,
        Some("v104".into()),
        "v102".into(),
        at(-60),
    )]);
    assert_eq!(
        drawn(&survey, &left, Target::Previous).unwrap().to.id,
        "v103"
    );
    let named = Target::Named("v105".into());
    assert_eq!(drawn(&survey, &left, named).unwrap_err(), "TARGET_IS_LIVE");
    let without = drawn(&survey, &History::default(), Target::Previous);
    assert_eq!(without.unwrap().to.id, "v104");
}
