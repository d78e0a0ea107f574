//! Groups: the plan of several services, and what follows from what becomes of its members.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use rollback_domain::{
    authority::Roster,
    decide::decide,
    grammar::Target,
    group::{GroupPlan, Member, MemberPlan, Standing},
    identity::{IncidentId, RollbackId, ServiceKey},
    people::{Membership, Person},
    plan::{Plan, PlanHash},
    platform::Production,
    policy::Preset,
    proof::Verdict,
    refusal::Source,
    risk::Risk,
    rollback::{Act, Command, Confirmed, Decision, Rollback, State},
};
use support::{aim, asked, night, person, plan, policy, roster};

fn full() -> ServiceKey {
    ServiceKey::new("full", "production")
}

fn member(name: &str, stage: u32, class: Risk) -> MemberPlan {
    MemberPlan {
        service: ServiceKey::new(name, "production"),
        stage,
        aim: aim(Target::Previous),
        plan: Ok(Box::new(plan(class, ["v214", "v214"]))),
    }
}

fn group(members: Vec<MemberPlan>, goes_on: bool) -> GroupPlan {
    GroupPlan { members, goes_on }
}

/// `backend` and `worker`, and then `frontend`.
fn in_two_stages() -> Vec<MemberPlan> {
    vec![
        member("backend", 0, Risk::Code),
        member("worker", 0, Risk::Code),
        member("frontend", 1, Risk::Code),
    ]
}

fn drawn(group: GroupPlan) -> Plan {
    Plan::of_group(&full(), group, &aim(Target::Previous), night()).unwrap()
}

fn put(rollback: &Rollback, command: Command) -> Decision {
    decide(rollback, command, &policy(Preset::SmallTeam), night()).unwrap()
}

fn on_call() -> Box<Roster> {
    Box::new(roster(&[("oncall", &["U0SAM"])]))
}

/// RB-41 of the group, planned and approved by sam.
fn approved(members: GroupPlan) -> Rollback {
    let mut rollback = asked();
    rollback.service = full();
    let planned = Command::Planned {
        plan: Box::new(drawn(members)),
        requester: person("U0MAYA"),
        last_known: None,
        roster: on_call(),
        frozen: None,
        objections: vec![],
        audience: rollback_domain::audience::Audience::Members(vec![]),
    };
    let rollback = put(&rollback, planned).rollback;
    put(&rollback, approval(None)).rollback
}

fn approval(hash: Option<PlanHash>) -> Command {
    Command::Person {
        by: Person::new("U0SAM", "sam"),
        membership: Membership::Member,
        roster: on_call(),
        last_known: None,
        source: Source::Button,
        reply_to: None,
        act: Act::Approve {
            hash,
            confirmed: Confirmed::default(),
        },
        prepared: None,
    }
}

/// Its first stage has begun, with RB-42 and on, as the engine opens them.
fn begun(members: GroupPlan) -> (Rollback, Vec<Rollback>) {
    let rollback = approved(members);
    let plan = rollback.plan.clone().unwrap();
    let rechecked = Command::Rechecked {
        survey: Box::default(),
        plan: Ok(Box::new(plan)),
        roster: on_call(),
    };
    opened(put(&rollback, rechecked), 42)
}

/// What the engine makes of the members that a decision starts.
fn opened(decision: Decision, first: u64) -> (Rollback, Vec<Rollback>) {
    let mut rollback = decision.rollback;
    let mut opened = vec![];
    for (id, start) in (first..).zip(decision.starts) {
        let id = RollbackId::new(id);
        opened.push(rollback.start_member(start, id, night()).unwrap().0);
    }
    (rollback, opened)
}

fn seen(members: &[&Rollback]) -> Command {
    Command::MembersSeen {
        members: members.iter().map(|member| Member::of(member)).collect(),
    }
}

fn verified(rollback: &Rollback) -> Rollback {
    let mut rollback = rollback.clone();
    rollback.state = State::Watching { until: night() };
    rollback.proof.verdict = Some(Verdict::Verified);
    rollback
}

fn failed(rollback: &Rollback) -> Rollback {
    let mut rollback = rollback.clone();
    rollback.state = State::Failed {
        why: "it did not start".into(),
        production: Production::AsBefore,
    };
    rollback
}

#[test]
fn the_hash_of_a_group_covers_the_plan_of_every_member() {
    let hash = |members| drawn(group(members, false)).hash(&full());
    let before = hash(in_two_stages());
    assert_eq!(before, hash(in_two_stages()));
    let mut other_stage = in_two_stages();
    other_stage[2].stage = 2;
    assert_ne!(before, hash(other_stage));
    for n in 0..3 {
        let mut changed = in_two_stages();
        // The surfaces of one member: nothing of the group's own plan shows them.
        changed[n].plan = Ok(Box::new(plan(Risk::Code, ["v214", "v213"])));
        assert_ne!(before, hash(changed), "member {n}");
        let mut left_out = in_two_stages();
        left_out[n].plan = Err("it has nothing to go back to".into());
        assert_ne!(before, hash(left_out), "member {n}");
    }
    let goes_on = drawn(group(in_two_stages(), true)).hash(&full());
    assert_ne!(before, goes_on);
}

#[test]
fn the_class_of_a_group_is_the_highest_and_counts_for_every_member() {
    let mut members = in_two_stages();
    members[2] = member("frontend", 1, Risk::Caution);
    let plan = drawn(group(members.clone(), false));
    assert_eq!(plan.risk, Risk::Caution);
    let (_, opened) = begun(group(members, false));
    assert_eq!(opened[0].plan.as_ref().unwrap().risk, Risk::Code);
    assert_eq!(opened[0].risk(), Risk::Caution);
}

#[test]
fn a_stage_begins_for_all_of_its_members_with_the_approval_of_the_group() {
    let (rollback, opened) = begun(group(in_two_stages(), false));
    let names: Vec<&str> = opened.iter().map(|one| one.service.name.as_str()).collect();
    assert_eq!(names, ["backend", "worker"]);
    for member in &opened {
        assert!(matches!(member.state, State::Approved { .. }));
        assert_eq!(member.approvals, rollback.approvals);
        assert_eq!(member.part_of.as_ref().unwrap().rollback, rollback.id);
        assert_eq!(member.incident, IncidentId::new(1));
    }
    assert_eq!(rollback.word(), "RUNNING 0/3");
    // One is done, and the other is not: nothing else begins.
    let decision = put(&rollback, seen(&[&verified(&opened[0]), &opened[1]]));
    assert!(decision.starts.is_empty());
    assert_eq!(decision.rollback.word(), "RUNNING 1/3");
}

#[test]
fn the_next_stage_begins_when_all_of_the_one_before_are_done() {
    let (rollback, first) = begun(group(in_two_stages(), false));
    let both = seen(&[&verified(&first[0]), &verified(&first[1])]);
    let (rollback, second) = opened(put(&rollback, both), 44);
    assert_eq!(second[0].service.name, "frontend");
    let decision = put(&rollback, seen(&[&verified(&second[0])]));
    let rollback = decision.rollback;
    assert!(matches!(rollback.state, State::Watching { .. }));
    assert_eq!(rollback.word(), "VERIFIED");
    assert_eq!(rollback.members_counted(), "3 of 3 verified");
    assert_eq!(rollback.served(), (3, 3));

    // A member that leaves its target again while it is watched changes the verdict.
    let mut drifted = verified(&second[0]);
    drifted.state = State::Closed;
    drifted.proof.drifted = Some(vec!["shop.example.com".into()]);
    let rollback = put(&rollback, seen(&[&drifted])).rollback;
    assert_eq!(rollback.word(), "DRIFTED");
    assert_eq!(
        rollback.members_counted(),
        "2 of 3 verified, frontend drifted"
    );
    // It is closed when the last of them is.
    let closed = |member: &Rollback| Rollback {
        state: State::Closed,
        ..verified(member)
    };
    let rest = seen(&[&closed(&first[0]), &closed(&first[1])]);
    assert_eq!(put(&rollback, rest).rollback.state, State::Closed);
}

#[test]
fn a_failure_stops_the_group_after_its_stage_unless_it_is_to_go_on() {
    let (rollback, first) = begun(group(in_two_stages(), false));
    let one_failed = || seen(&[&verified(&first[0]), &failed(&first[1])]);
    let decision = put(&rollback, one_failed());
    assert!(decision.starts.is_empty());
    let State::Partial { n, m, failed: left } = &decision.rollback.state else {
        panic!("{:?}", decision.rollback.state);
    };
    assert_eq!((*n, *m), (1, 3));
    assert_eq!(
        *left,
        ["worker failed (production as before)", "frontend not run"]
    );

    let (rollback, _) = begun(group(in_two_stages(), true));
    let decision = put(&rollback, one_failed());
    assert_eq!(decision.starts.len(), 1);
}

#[test]
fn where_nothing_was_changed_the_group_has_failed_with_production_as_before() {
    let members = vec![
        member("backend", 0, Risk::Code),
        member("frontend", 1, Risk::Code),
    ];
    let (rollback, first) = begun(group(members, false));
    let State::Failed { production, why } =
        put(&rollback, seen(&[&failed(&first[0])])).rollback.state
    else {
        panic!("it has not failed");
    };
    assert_eq!(production, Production::AsBefore);
    assert_eq!(
        why,
        "0 of 2 verified, backend failed (production as before), frontend not run"
    );
}

#[test]
fn a_part_of_a_group_ends_where_another_rollback_would_be_open_again() {
    let (_, opened) = begun(group(in_two_stages(), false));
    let unread = Command::RecheckFailed {
        why: "Vercel does not answer".into(),
    };
    let decision = put(&opened[0], unread);
    assert!(matches!(decision.rollback.state, State::Blocked { .. }));
    assert_eq!(
        Member::of(&decision.rollback).standing,
        Standing::Failed(Production::AsBefore)
    );
    // Its approval is the group's, and nobody takes it back there.
    let mut withdrawn = approval(None);
    if let Command::Person { act, .. } = &mut withdrawn {
        *act = Act::Withdraw { because: None };
    }
    let refused = decide(&opened[0], withdrawn, &policy(Preset::SmallTeam), night());
    assert_eq!(refused.unwrap_err().code(), "ALREADY_UNDER_WAY");
    // Another plan takes nobody's place: the group was approved for this one.
    let mut other = *opened[0].plan.clone().map(Box::new).unwrap();
    other.to.id = "v212".into();
    let changed = Command::Rechecked {
        survey: Box::default(),
        plan: Ok(Box::new(other)),
        roster: on_call(),
    };
    let decision = put(&opened[0], changed);
    assert!(matches!(decision.rollback.state, State::Superseded { .. }));
    assert!(decision.opens.is_none());
}

#[test]
fn a_group_of_which_everybody_is_left_out_has_no_plan() {
    let mut members = in_two_stages();
    for member in &mut members {
        member.plan = Err("it has nothing to go back to".into());
    }
    let refused = Plan::of_group(
        &full(),
        group(members, false),
        &aim(Target::Previous),
        night(),
    );
    assert_eq!(refused.unwrap_err().code(), "NO_ELIGIBLE_TARGET");
}
