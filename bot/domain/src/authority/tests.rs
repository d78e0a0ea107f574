//! Every combination of what decides who may say yes, and how the reasons read.
//!
//! What is expected is worked out a second time here, from flat facts, in [`expected`].

use super::*;
use crate::policy::{Confirm, DATA_OWNER, Policy, Preset};
use std::fmt::Write;

const SAM: &str = "U0SAM";
const INA: &str = "U0INA";
const DORA: &str = "U0DORA";
const MAYA: &str = "U0MAYA";
const TOM: &str = "U0TOM";

/// People by their names: `U0SAM` is @sam.
struct Names;

impl Tone for Names {
    fn person(&self, id: &str) -> String {
        format!("@{}", id.trim_start_matches("U0").to_lowercase())
    }
    fn text(&self, text: &str) -> String {
        text.to_owned()
    }
}

fn night() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().expect("a time")
}

fn before(seconds: u64) -> Option<Timestamp> {
    night().checked_sub(Duration::from_secs(seconds)).ok()
}

fn person(id: &str) -> Person {
    Person::new(id, id)
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn people(ids: &[&str]) -> Found {
    Found::People {
        ids: strings(ids),
        unmatched: vec![],
        read_at: before(12),
    }
}

fn roster(roles: &[(&str, &[(Source, Found)])]) -> Roster {
    let roles = roles
        .iter()
        .map(|(role, sources)| (role.to_string(), sources.to_vec()));
    Roster(roles.collect())
}

/// A roster in which the configuration lists everybody.
fn listed(roles: &[(&str, &[&str])]) -> Roster {
    let roles = roles.iter().map(|(role, ids)| {
        let found = Found::People {
            ids: strings(ids),
            unmatched: vec![],
            read_at: None,
        };
        (role.to_string(), vec![(Source::Listed, found)])
    });
    Roster(roles.collect())
}

fn rule(approvals: usize, roles: &[&str]) -> Rule {
    Rule {
        approvals,
        roles: strings(roles),
        one_of: vec![],
        requester_counts: false,
        break_glass: true,
        confirm: Confirm::Click,
    }
}

fn yes(id: &str, roles: &[&str]) -> Approval {
    Approval {
        by: person(id),
        roles: strings(roles),
        at: night(),
        unopposed: false,
        out_of_band: false,
    }
}

/// A case of maya's, with what it borrows.
struct Desk {
    risk: Risk,
    rule: Rule,
    requester: Person,
    approvals: Vec<Approval>,
    roster: Roster,
}

impl Desk {
    fn new(rule: Rule, roster: Roster) -> Self {
        Self {
            risk: Risk::Code,
            rule,
            requester: person(MAYA),
            approvals: vec![],
            roster,
        }
    }

    fn case(&self) -> Case<'_> {
        Case {
            rollback: Some(RollbackId::new(41)),
            risk: self.risk,
            rule: &self.rule,
            requester: Some(&self.requester),
            approvals: &self.approvals,
            roster: &self.roster,
        }
    }

    fn weigh(&self, id: &str) -> Verdict {
        self.case()
            .may_approve(&person(id), &Membership::Member, night())
    }

    fn tree(&self, id: &str) -> String {
        self.weigh(id).reason.tree(&Names, night())
    }

    /// The tree, what would change it, and the refusal that is said.
    fn why(&self, id: &str) -> String {
        let verdict = self.weigh(id);
        let mut said = verdict.reason.tree(&Names, night());
        let can: Vec<String> = verdict
            .otherwise
            .people
            .iter()
            .map(|id| Names.person(id))
            .collect();
        let _ = write!(
            said,
            "\nwhat would change it: {}",
            verdict.otherwise.sentence
        );
        let _ = write!(said, "\nwho else could: {}", list(&can, "or"));
        if let Some(refusal) = verdict.refusal {
            let _ = write!(said, "\n{}: {}", refusal.code(), refusal.draw(&Names));
        }
        said
    }

    fn needs(&self) -> String {
        self.case().needs(&Names, night())
    }
}

/// What a source may say about sam.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Him,
    HimAndStrangers,
    Others,
    Nobody,
    OnlyStrangers,
    NotAnswering,
    NeverRead,
}

impl Says {
    const ALL: [Says; 7] = [
        Says::Him,
        Says::HimAndStrangers,
        Says::Others,
        Says::Nobody,
        Says::OnlyStrangers,
        Says::NotAnswering,
        Says::NeverRead,
    ];

    fn found(self) -> Found {
        let strangers = |ids: &[&str]| Found::People {
            ids: strings(ids),
            unmatched: strings(&["Ina Roe <ina@old.example>"]),
            read_at: before(12),
        };
        match self {
            Says::Him => people(&[SAM]),
            Says::HimAndStrangers => strangers(&[SAM]),
            Says::Others => people(&[DORA]),
            Says::Nobody => people(&[]),
            Says::OnlyStrangers => strangers(&[]),
            Says::NotAnswering => Found::Nothing {
                why: "it answered 503".into(),
                read_at: before(12),
                answered: false,
            },
            Says::NeverRead => Found::Nothing {
                why: "was not read yet".into(),
                read_at: None,
                answered: false,
            },
        }
    }

    fn truth(self) -> Truth {
        match self {
            Says::Him | Says::HimAndStrangers => Truth::Yes,
            Says::Others | Says::Nobody | Says::OnlyStrangers => Truth::No,
            Says::NotAnswering | Says::NeverRead => Truth::Unknown,
        }
    }
}

fn sources() -> [Source; 4] {
    [
        Source::Listed,
        Source::SlackGroup("SOPS".into()),
        Source::PagerDutySchedule("PSHOP".into()),
        Source::PagerDutyPolicy("PPOL".into()),
    ]
}

/// Yes as soon as one says so; no only if all do.
fn either(notices: &[Says]) -> Truth {
    match () {
        () if notices.iter().any(|notices| notices.truth() == Truth::Yes) => Truth::Yes,
        () if notices.iter().all(|notices| notices.truth() == Truth::No) => Truth::No,
        () => Truth::Unknown,
    }
}

/// The code of a refusal, or `yes`.
fn word(verdict: &Verdict) -> &'static str {
    verdict.refusal.as_ref().map_or("yes", Refusal::code)
}

fn word_of(truth: Truth) -> &'static str {
    match truth {
        Truth::Yes => "yes",
        Truth::No => "NOT_AUTHORISED",
        Truth::Unknown => "AUTHORITY_UNREADABLE",
    }
}

/// What must hold of sam, about whom these sources say this.
fn check_role(desk: &Desk, notices: &[Says]) {
    let truth = either(notices);
    let context = || format!("{notices:?}\n{}", desk.tree(SAM));
    for verdict in [
        desk.weigh(SAM),
        desk.case()
            .has_authority(&person(SAM), &Membership::Member, night()),
    ] {
        assert_eq!(verdict.reason.truth, truth, "{}", context());
        assert_eq!(word(&verdict), word_of(truth), "{}", context());
        assert_eq!(
            verdict.roles.is_empty(),
            truth != Truth::Yes,
            "{}",
            context()
        );
        assert_eq!(verdict.admit().is_ok(), truth == Truth::Yes);
    }
    let could = desk.case().could_approve(night());
    assert_eq!(
        could.iter().any(|(id, _)| id == SAM),
        truth == Truth::Yes,
        "{}",
        context()
    );
    // What was given is taken back only by a no.
    let roles: Vec<&str> = desk.rule.roles.iter().map(String::as_str).collect();
    let given = yes(SAM, &roles);
    assert_eq!(
        desk.case().still_counts(&given),
        truth != Truth::No,
        "{}",
        context()
    );
    // What does not answer is said, once.
    let silent = notices
        .iter()
        .any(|notices| notices.truth() == Truth::Unknown);
    assert_eq!(
        desk.needs().matches("could not be read now").count(),
        usize::from(silent)
    );
}

#[test]
fn what_one_source_says() {
    let mut table = String::new();
    for notices in Says::ALL {
        let _ = write!(table, "{:16}", format!("{notices:?}"));
        for source in sources() {
            let roster = roster(&[("oncall", &[(source.clone(), notices.found())])]);
            let desk = Desk::new(rule(1, &["oncall"]), roster);
            check_role(&desk, &[notices]);
            if source == Source::Listed {
                let _ = writeln!(table, " {}", word(&desk.weigh(SAM)));
            }
            // The reason is the source's own, with its name and age.
            let verdict = desk.weigh(SAM);
            let leaf = &verdict.reason.parts[2].parts[0];
            assert!(leaf.parts.is_empty());
            let origin = leaf.origin.as_ref().expect("an origin");
            assert_eq!(origin.from, source.to_string());
            assert_eq!(origin.read_at.is_none(), notices == Says::NeverRead);
        }
    }
    insta::assert_snapshot!(table, @"
    Him              yes
    HimAndStrangers  yes
    Others           NOT_AUTHORISED
    Nobody           NOT_AUTHORISED
    OnlyStrangers    NOT_AUTHORISED
    NotAnswering     AUTHORITY_UNREADABLE
    NeverRead        AUTHORITY_UNREADABLE
    ");
}

#[test]
fn two_sources_of_one_role_are_as_good_as_the_better_one() {
    for first in Says::ALL {
        for second in Says::ALL {
            for (one, other) in pairs() {
                let both = [(one.clone(), first.found()), (other, second.found())];
                let desk = Desk::new(rule(1, &["oncall"]), roster(&[("oncall", &both)]));
                check_role(&desk, &[first, second]);
            }
        }
    }
}

#[test]
fn two_roles_are_as_good_as_the_better_one() {
    for first in Says::ALL {
        for second in Says::ALL {
            for (one, other) in pairs() {
                let roster = roster(&[
                    ("oncall", &[(one, first.found())]),
                    ("lead", &[(other, second.found())]),
                ]);
                let desk = Desk::new(rule(1, &["lead", "oncall"]), roster);
                check_role(&desk, &[first, second]);
                let held: Vec<&str> = [("lead", second), ("oncall", first)]
                    .into_iter()
                    .filter(|(_, notices)| notices.truth() == Truth::Yes)
                    .map(|(role, _)| role)
                    .collect();
                assert_eq!(desk.weigh(SAM).roles, held);
            }
        }
    }
}

fn pairs() -> Vec<(Source, Source)> {
    let mut pairs = vec![];
    for one in sources() {
        for other in sources() {
            if one != other {
                pairs.push((one.clone(), other));
            }
        }
    }
    pairs
}

#[test]
fn a_role_that_is_not_configured_lets_nobody_in() {
    for members in [Roster::default(), roster(&[("oncall", &[])])] {
        let desk = Desk::new(rule(1, &["oncall"]), members);
        assert_eq!(word(&desk.weigh(SAM)), "NOT_AUTHORISED");
        assert!(!desk.case().still_counts(&yes(SAM, &["oncall"])));
    }
    // An approval counts by a role of the rule, and by one that it was given with.
    let desk = Desk::new(
        rule(1, &["oncall"]),
        listed(&[("oncall", &[SAM]), ("lead", &[SAM])]),
    );
    assert!(desk.case().still_counts(&yes(SAM, &["oncall"])));
    assert!(!desk.case().still_counts(&yes(SAM, &["lead"])));
    assert!(!desk.case().still_counts(&yes(SAM, &[])));
    // The requester counts where the rule says so, also when it says so no more.
    for requester_counts in [false, true] {
        let rule = Rule {
            requester_counts,
            ..rule(1, &["oncall"])
        };
        let desk = Desk::new(rule, listed(&[("oncall", &[MAYA])]));
        let own = yes(MAYA, &["oncall"]);
        assert_eq!(desk.case().still_counts(&own), requester_counts);
    }
}

/// Flat facts about one person and one plan.
#[derive(Clone, Debug)]
struct Facts {
    membership: Membership,
    approved_already: bool,
    asked: bool,
    /// Whether they are on call, and whether they own the data.
    oncall: Truth,
    owner: Truth,
    /// How many said yes, and whether an owner was among them.
    given: usize,
    owner_gave: bool,
    /// The rule: how many, one of them an owner, and whether the requester counts.
    approvals: usize,
    one_owner: bool,
    requester_counts: bool,
}

/// The rule once more, as it would be explained to somebody.
fn expected(facts: &Facts) -> &'static str {
    match facts.membership {
        Membership::Outsider(_) => return "NOT_A_MEMBER",
        Membership::Unreadable(_) => return "AUTHORITY_UNREADABLE",
        Membership::Member => {}
    }
    if facts.approved_already {
        return "ALREADY_SO";
    }
    let owner_is_missing = facts.one_owner && !facts.owner_gave;
    let last_one = facts.given + 1 >= facts.approvals;
    let roles = match (facts.one_owner, owner_is_missing && last_one) {
        (_, true) => vec![facts.owner],
        (true, false) => vec![facts.oncall, facts.owner],
        (false, false) => vec![facts.oncall],
    };
    let has = roles.contains(&Truth::Yes);
    let may_have = roles.contains(&Truth::Unknown);
    match (has, may_have) {
        (false, false) => "NOT_AUTHORISED",
        _ if facts.asked && !facts.requester_counts => "OWN_REQUEST",
        (true, _) => "yes",
        (false, true) => "AUTHORITY_UNREADABLE",
    }
}

fn memberships() -> Vec<Membership> {
    let outsiders = [
        "a guest",
        "a bot",
        "deactivated",
        "from another workspace",
        "not known in this workspace",
    ];
    let mut memberships = vec![Membership::Member];
    memberships.extend(outsiders.map(Membership::Outsider));
    memberships.push(Membership::Unreadable("Slack answered 503".into()));
    memberships
}

/// Nobody, or some of these three, with what they approved as.
fn given() -> Vec<Vec<Approval>> {
    let all = [
        yes(SAM, &["oncall"]),
        yes(DORA, &[DATA_OWNER]),
        yes(MAYA, &["oncall"]),
    ];
    (0..8)
        .map(|bits| {
            let chosen = |n: &usize| bits & (1 << n) != 0;
            (0..3).filter(chosen).map(|n| all[n].clone()).collect()
        })
        .collect()
}

fn members(truth: Truth, id: &str, others: &[&str]) -> (Source, Found) {
    let found = match truth {
        Truth::Yes => people(&[others, &[id]].concat()),
        Truth::No => people(others),
        Truth::Unknown => Says::NotAnswering.found(),
    };
    (Source::PagerDutySchedule("PSHOP".into()), found)
}

#[test]
fn every_knob_and_every_person() {
    let truths = [Truth::Yes, Truth::No, Truth::Unknown];
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for approvals in 1..=3 {
        for one_owner in [false, true] {
            for requester_counts in [false, true] {
                for break_glass in [false, true] {
                    let rule = Rule {
                        one_of: match one_owner {
                            true => strings(&[DATA_OWNER]),
                            false => vec![],
                        },
                        requester_counts,
                        break_glass,
                        ..rule(approvals, &["oncall"])
                    };
                    for given in given() {
                        for (oncall, owner) in truths
                            .into_iter()
                            .flat_map(|oncall| truths.map(|owner| (oncall, owner)))
                        {
                            for id in [INA, MAYA, SAM, DORA] {
                                let roster = roster(&[
                                    ("oncall", &[members(oncall, id, &[])]),
                                    (DATA_OWNER, &[members(owner, id, &[])]),
                                ]);
                                let desk = Desk {
                                    approvals: given.clone(),
                                    ..Desk::new(rule.clone(), roster)
                                };
                                for membership in memberships() {
                                    let facts = Facts {
                                        membership,
                                        approved_already: given
                                            .iter()
                                            .any(|approval| approval.by.id == id),
                                        asked: id == MAYA,
                                        oncall,
                                        owner,
                                        given: given.len(),
                                        owner_gave: given
                                            .iter()
                                            .any(|approval| approval.by.id == DORA),
                                        approvals,
                                        one_owner,
                                        requester_counts,
                                    };
                                    *outcomes.entry(check(&desk, id, &facts)).or_default() += 1;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    // Nothing of this was left out by accident.
    insta::assert_debug_snapshot!(outcomes, @r#"
    {
        "ALREADY_SO": 2592,
        "AUTHORITY_UNREADABLE": 8208,
        "NOT_AUTHORISED": 1136,
        "NOT_A_MEMBER": 34560,
        "OWN_REQUEST": 324,
        "yes": 1564,
    }
    "#);
}

/// Compares what is decided with what is [`expected`].
fn check(desk: &Desk, id: &str, facts: &Facts) -> &'static str {
    let case = desk.case();
    let verdict = case.may_approve(&person(id), &facts.membership, night());
    let expected = expected(facts);
    assert_eq!(word(&verdict), expected, "{facts:?}\n{}", desk.tree(id));
    assert_eq!(
        verdict.reason.truth == Truth::Yes,
        expected == "yes",
        "{facts:?}"
    );
    let unreadable = expected == "AUTHORITY_UNREADABLE" && facts.membership == Membership::Member;
    if let Some(Refusal::AuthorityUnreadable { break_glass, .. }) = &verdict.refusal {
        assert_eq!(*break_glass, unreadable && desk.rule.break_glass);
    }
    if facts.membership == Membership::Member {
        // Everybody named as an approver can approve.
        let could = case.could_approve(night());
        assert_eq!(
            could.iter().any(|(person, _)| person == id),
            expected == "yes",
            "{facts:?}"
        );
        assert!(verdict.otherwise.people.iter().all(|known| known != id));
    }
    let missing = case.missing();
    let more = facts.approvals.saturating_sub(facts.given);
    let owner_is_missing = facts.one_owner && !facts.owner_gave;
    assert_eq!(missing.people, more.max(usize::from(owner_is_missing)));
    assert_eq!(missing.one_of, owner_is_missing);
    // To deny it, or to take it back, takes a role and nothing else.
    let authority = case.has_authority(&person(id), &facts.membership, night());
    let roles = match facts.one_owner {
        true => vec![facts.oncall, facts.owner],
        false => vec![facts.oncall],
    };
    let wanted = match facts.membership {
        Membership::Outsider(_) => "NOT_A_MEMBER",
        Membership::Unreadable(_) => "AUTHORITY_UNREADABLE",
        Membership::Member if roles.contains(&Truth::Yes) => "yes",
        Membership::Member if roles.contains(&Truth::Unknown) => "AUTHORITY_UNREADABLE",
        Membership::Member => "NOT_AUTHORISED",
    };
    assert_eq!(word(&authority), wanted, "{facts:?}");
    expected
}

#[test]
fn presets_by_class_and_person() {
    let members = listed(&[("oncall", &[SAM, INA, MAYA]), (DATA_OWNER, &[DORA])]);
    let row = |title: &str, cells: [&str; 6]| {
        let cells = cells.map(|cell| format!("{cell:15}")).join(" ");
        format!("{title:22} {cells}").trim_end().to_owned()
    };
    let mut lines = vec![
        "maya, ina and sam are on call, dora owns the data; after somebody's name: they approved."
            .to_owned(),
        row(
            "",
            [
                "maya, who asked",
                "tom, who asked",
                "ina",
                "sam",
                "dora",
                "tom",
            ],
        ),
    ];
    for preset in Preset::ALL {
        let rules = preset.rules(&strings(&["oncall"]));
        for risk in Risk::ALL {
            for given in [
                vec![],
                vec![yes(SAM, &["oncall"])],
                vec![yes(DORA, &[DATA_OWNER])],
            ] {
                let desk = Desk {
                    risk,
                    approvals: given.clone(),
                    ..Desk::new(rules.of(risk).clone(), members.clone())
                };
                // Given what was given, is there anything left to decide?
                let eligible = given.iter().all(|approval| {
                    approval
                        .roles
                        .iter()
                        .all(|role| desk.rule.eligible().contains(&role.as_str()))
                });
                if !eligible || desk.case().missing().people == 0 {
                    continue;
                }
                let by_tom = Desk {
                    requester: person(TOM),
                    risk,
                    approvals: given.clone(),
                    ..Desk::new(rules.of(risk).clone(), members.clone())
                };
                let cells = [
                    word(&desk.weigh(MAYA)),
                    word(&by_tom.weigh(TOM)),
                    word(&desk.weigh(INA)),
                    word(&desk.weigh(SAM)),
                    word(&desk.weigh(DORA)),
                    word(&desk.weigh(TOM)),
                ];
                let after = match given.first() {
                    None => String::new(),
                    Some(approval) => format!(" {}", Names.person(&approval.by.id)),
                };
                lines.push(row(&format!("{} {risk}{after}", preset.name()), cells));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    maya, ina and sam are on call, dora owns the data; after somebody's name: they approved.
                           maya, who asked tom, who asked  ina             sam             dora            tom
    solo toggle            yes             NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    solo code              yes             NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    solo caution           yes             NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    solo data              yes             NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    small-team toggle      yes             NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    small-team code        OWN_REQUEST     NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    small-team caution     OWN_REQUEST     NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    small-team data        yes             NOT_AUTHORISED  yes             yes             yes             NOT_AUTHORISED
    small-team data @sam   NOT_AUTHORISED  NOT_AUTHORISED  NOT_AUTHORISED  ALREADY_SO      yes             NOT_AUTHORISED
    small-team data @dora  yes             NOT_AUTHORISED  yes             yes             ALREADY_SO      NOT_AUTHORISED
    strict toggle          OWN_REQUEST     NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    strict code            OWN_REQUEST     NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    strict caution         OWN_REQUEST     NOT_AUTHORISED  yes             yes             NOT_AUTHORISED  NOT_AUTHORISED
    strict caution @sam    OWN_REQUEST     NOT_AUTHORISED  yes             ALREADY_SO      NOT_AUTHORISED  NOT_AUTHORISED
    strict data            OWN_REQUEST     NOT_AUTHORISED  yes             yes             yes             NOT_AUTHORISED
    strict data @sam       NOT_AUTHORISED  NOT_AUTHORISED  NOT_AUTHORISED  ALREADY_SO      yes             NOT_AUTHORISED
    strict data @dora      OWN_REQUEST     NOT_AUTHORISED  yes             yes             ALREADY_SO      NOT_AUTHORISED
    ");
}

#[test]
fn a_plain_yes() {
    let roster = roster(&[(
        "oncall",
        &[(Source::PagerDutySchedule("PSHOP".into()), people(&[SAM]))],
    )]);
    let desk = Desk::new(rule(1, &["oncall"]), roster);
    insta::assert_snapshot!(desk.why(SAM), @"
    yes · may approve RB-41 (code, one approval): @sam
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        yes · has the role oncall
            yes · oncall: @sam (PagerDuty schedule PSHOP, read 12 s ago)
        yes · someone other than the requester: @maya asked
    what would change it: 
    who else could:
    ");
    insta::assert_snapshot!(desk.needs(), @"one approval: @sam (oncall), not @maya");
}

/// On call by PagerDuty, a Slack group and the configuration, and leads by the configuration.
fn mixed(schedule: Found) -> Roster {
    let strangers = Found::People {
        ids: strings(&[INA]),
        unmatched: strings(&["Joe Bloggs <joe@contractor.example>"]),
        read_at: before(75),
    };
    roster(&[
        (
            "oncall",
            &[
                (Source::PagerDutySchedule("PSHOP".into()), schedule),
                (Source::SlackGroup("SOPS".into()), strangers),
            ],
        ),
        (
            "lead",
            &[(
                Source::Listed,
                Found::People {
                    ids: strings(&["U0ANA"]),
                    unmatched: vec![],
                    read_at: None,
                },
            )],
        ),
    ])
}

#[test]
fn a_no_for_somebody_without_the_role() {
    let desk = Desk::new(rule(1, &["oncall", "lead"]), mixed(people(&[SAM])));
    insta::assert_snapshot!(desk.why(TOM), @"
    no · may approve RB-41 (code, one approval): @tom
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        no · has the role oncall or lead
            no · oncall: none of its sources names them
                no · oncall: @sam (PagerDuty schedule PSHOP, read 12 s ago)
                no · oncall: @ina; not in Slack: Joe Bloggs <joe@contractor.example> (Slack group SOPS, read 1 m 15 s ago)
            no · lead: @ana (configuration)
        yes · someone other than the requester: @maya asked
    what would change it: Having the role oncall or lead: oncall comes from PagerDuty schedule PSHOP and Slack group SOPS; lead comes from the configuration.
    who else could: @sam, @ina or @ana
    NOT_AUTHORISED: This needs somebody with the role oncall or lead, and you do not have it. @sam, @ina or @ana can. Nothing was run.
    ");
    insta::assert_snapshot!(desk.needs(), @"one approval: @sam (oncall), @ina (oncall) or @ana (lead), not @maya");
}

#[test]
fn not_known_because_pagerduty_is_down() {
    let down = Found::Nothing {
        why: "PagerDuty answered 503".into(),
        read_at: before(1),
        answered: false,
    };
    let desk = Desk::new(rule(1, &["oncall", "lead"]), mixed(down));
    insta::assert_snapshot!(desk.why(SAM), @"
    unknown · may approve RB-41 (code, one approval): @sam
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        unknown · has the role oncall or lead
            unknown · oncall: not all of its sources answer
                unknown · oncall: PagerDuty answered 503 (PagerDuty schedule PSHOP, asked just now)
                no · oncall: @ina; not in Slack: Joe Bloggs <joe@contractor.example> (Slack group SOPS, read 1 m 15 s ago)
            no · lead: @ana (configuration)
        yes · someone other than the requester: @maya asked
    what would change it: An answer from PagerDuty schedule PSHOP.
    who else could: @ina or @ana
    AUTHORITY_UNREADABLE: I can't check your permission: PagerDuty schedule PSHOP could not be read (PagerDuty answered 503). Try again in a moment. Or ask @ina or @ana. If it can't wait: *Emergency run…* in the card's menu. Nothing was run.
    ");
    insta::assert_snapshot!(desk.needs(), @"one approval: @ina (oncall) or @ana (lead), not @maya (could not be read now: PagerDuty schedule PSHOP; others may be able to)");
    // Somebody who has the role by another source does not notice.
    assert_eq!(word(&desk.weigh(INA)), "yes");
    assert_eq!(word(&desk.weigh("U0ANA")), "yes");
    // To deny is no emergency: no glass is offered.
    let denied = desk
        .case()
        .has_authority(&person(SAM), &Membership::Member, night());
    insta::assert_snapshot!(denied.refusal.map_or_else(String::new, |refusal| refusal.draw(&Names)), @"I can't check your permission: PagerDuty schedule PSHOP could not be read (PagerDuty answered 503). Try again in a moment. Or ask @ina or @ana. Nothing was run.");
}

#[test]
fn an_own_request() {
    let desk = Desk::new(rule(1, &["oncall"]), listed(&[("oncall", &[SAM, MAYA])]));
    insta::assert_snapshot!(desk.why(MAYA), @"
    no · may approve RB-41 (code, one approval): @maya
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        yes · has the role oncall
            yes · oncall: @sam and @maya (configuration)
        no · someone other than the requester: @maya asked
    what would change it: Somebody else's yes, or `requester_may_approve` in the configuration.
    who else could: @sam
    OWN_REQUEST: You requested this, so someone else must approve it (class code). @sam can. Nothing was run.
    ");
    insta::assert_snapshot!(desk.needs(), @"one approval: @sam (oncall), not @maya");
    let alone = Desk::new(rule(1, &["oncall"]), listed(&[("oncall", &[MAYA])]));
    insta::assert_snapshot!(alone.why(MAYA), @"
    no · may approve RB-41 (code, one approval): @maya
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        yes · has the role oncall
            yes · oncall: @maya (configuration)
        no · someone other than the requester: @maya asked
    what would change it: Somebody else's yes, or `requester_may_approve` in the configuration.
    who else could: 
    OWN_REQUEST: You requested this, so someone else must approve it (class code). I know of nobody else who can: `/rollback contacts` says who can help. Nothing was run.
    ");
    insta::assert_snapshot!(alone.needs(), @"one approval: nobody is known who could give it besides @maya, who asked");
}

#[test]
fn data_that_still_needs_its_owner() {
    let members = listed(&[("oncall", &[SAM, INA, MAYA]), (DATA_OWNER, &[DORA])]);
    let rules = Preset::SmallTeam.rules(&strings(&["oncall"]));
    let mut desk = Desk {
        risk: Risk::Data,
        ..Desk::new(rules.data, members)
    };
    insta::assert_snapshot!(desk.needs(), @"2 approvals, one of them from data_owner: @dora (data_owner), @sam (oncall), @ina (oncall) or one more");
    desk.approvals.push(yes(SAM, &["oncall"]));
    insta::assert_snapshot!(desk.needs(), @"2 approvals, one of them from data_owner; has @sam (oncall); still needs one more, from data_owner: @dora (data_owner)");
    insta::assert_snapshot!(desk.why(INA), @"
    no · may approve RB-41 (data, 2 approvals): @ina
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        no · has the role that is still missing: data_owner
            no · data_owner: @dora (configuration)
        yes · the requester may approve it too: @maya asked
    what would change it: Having the role data_owner: data_owner comes from the configuration.
    who else could: @dora
    NOT_AUTHORISED: This needs somebody with the role data_owner, and you do not have it. @dora can. Nothing was run.
    ");
    insta::assert_snapshot!(desk.why(DORA), @"
    yes · may approve RB-41 (data, 2 approvals): @dora
        yes · a full member of this workspace: is one (Slack, read just now)
        yes · has not approved it yet
        yes · has the role that is still missing: data_owner
            yes · data_owner: @dora (configuration)
        yes · the requester may approve it too: @maya asked
    what would change it: 
    who else could:
    ");
    insta::assert_snapshot!(desk.why(SAM), @"
    no · may approve RB-41 (data, 2 approvals): @sam
        yes · a full member of this workspace: is one (Slack, read just now)
        no · has not approved it yet: did at 03:12:00 UTC
        no · has the role that is still missing: data_owner
            no · data_owner: @dora (configuration)
        yes · the requester may approve it too: @maya asked
    what would change it: A yes by somebody else.
    who else could: @dora
    ALREADY_SO: You already approved RB-41. It still needs one more, from data_owner, from somebody else. Nothing was changed.
    ");
    desk.approvals.push(yes(DORA, &[DATA_OWNER]));
    insta::assert_snapshot!(desk.needs(), @"2 approvals, one of them from data_owner; has @sam (oncall) and @dora (data_owner)");
}

#[test]
fn somebody_from_outside() {
    let desk = Desk::new(rule(1, &["oncall"]), listed(&[("oncall", &["U0GUS"])]));
    let said = |membership: Membership| {
        let verdict = desk
            .case()
            .may_approve(&person("U0GUS"), &membership, night());
        let refusal = verdict.refusal.as_ref().map(|refusal| refusal.draw(&Names));
        format!(
            "{}\n{}\n{}",
            verdict.reason.tree(&Names, night()),
            verdict.otherwise.sentence,
            refusal.unwrap_or_default()
        )
    };
    insta::assert_snapshot!(said(Membership::Outsider("a guest")), @"
    no · may approve RB-41 (code, one approval): @gus
        no · a full member of this workspace: is a guest (Slack, read just now)
        yes · has not approved it yet
        yes · has the role oncall
            yes · oncall: @gus (configuration)
        yes · someone other than the requester: @maya asked
    Only full members of this workspace ever can.
    Only full members of this workspace can use /rollback, and you are a guest. Ask someone on the team. Nothing was run.
    ");
    insta::assert_snapshot!(said(Membership::Unreadable("Slack answered 503".into())), @"
    unknown · may approve RB-41 (code, one approval): @gus
        unknown · a full member of this workspace: Slack answered 503 (Slack, asked just now)
        yes · has not approved it yet
        yes · has the role oncall
            yes · oncall: @gus (configuration)
        yes · someone other than the requester: @maya asked
    An answer from Slack.
    I can't check your permission: Slack could not be read (Slack answered 503). Try again in a moment. Nothing was run.
    ");
}

#[test]
fn what_is_needed_in_other_cases() {
    let crowd = listed(&[("oncall", &[SAM, INA, MAYA, "U0ANA", "U0BEN", TOM])]);
    let three = Rule {
        one_of: strings(&[DATA_OWNER]),
        ..rule(3, &["oncall"])
    };
    let nobody = Desk::new(three.clone(), Roster::default());
    let crowded = Desk {
        approvals: vec![yes(SAM, &["oncall"])],
        ..Desk::new(three.clone(), crowd)
    };
    let few = Desk::new(three, listed(&[("oncall", &[SAM]), (DATA_OWNER, &[DORA])]));
    let four = Desk::new(
        rule(5, &["oncall"]),
        listed(&[("oncall", &[SAM, INA, MAYA, "U0ANA", "U0BEN"])]),
    );
    let requester_counts = Desk::new(
        Rule {
            requester_counts: true,
            ..rule(1, &["oncall"])
        },
        listed(&[("oncall", &[MAYA])]),
    );
    let down = Desk::new(
        rule(1, &["oncall"]),
        roster(&[(
            "oncall",
            &[(
                Source::PagerDutyPolicy("PPOL".into()),
                Says::NeverRead.found(),
            )],
        )]),
    );
    let lines = [nobody, crowded, few, four, requester_counts, down].map(|desk| desk.needs());
    insta::assert_snapshot!(lines.join("\n"), @"
    3 approvals, one of them from data_owner: nobody is known who could give it
    3 approvals, one of them from data_owner; has @sam (oncall); still needs 2 more, one of them from data_owner: @ina (oncall), @ana (oncall), @ben (oncall) or one more, not @maya; nobody is known from data_owner
    3 approvals, one of them from data_owner: @dora (data_owner) and @sam (oncall), not @maya; nobody else is known
    5 approvals: @sam (oncall), @ina (oncall), @ana (oncall) and one more, not @maya; nobody else is known
    one approval: @maya (oncall)
    one approval: nobody is known who could give it (could not be read now: PagerDuty escalation policy PPOL; others may be able to)
    ");
}

/// The policy's own doors: which rule a rollback is weighed by.
#[test]
fn each_class_has_its_rule() {
    let rules = Preset::Strict.rules(&strings(&["oncall"]));
    for risk in Risk::ALL {
        let approvals = if risk >= Risk::Caution { 2 } else { 1 };
        assert_eq!(rules.of(risk).approvals, approvals);
        assert_eq!(rules.of(risk).one_of.is_empty(), risk != Risk::Data);
    }
    let waits = |escalate| {
        let policy = Policy {
            announce: crate::policy::Announce::default(),
            channels: vec![],
            checklist: [].into(),
            stages: [].into(),
            rules: rules.clone(),
            risks: crate::risk::RiskRules::default(),
            objection_window: None,
            remind: vec![],
            escalate,
            page_on_break_glass: false,
            review_within: Duration::from_secs(1),
            plan_ttl: Duration::from_secs(600),
            target_time: None,
            passes: 1,
            prove_within: Duration::from_secs(1),
            watch: Duration::from_secs(1),
            pass_every: Duration::from_secs(1),
            check_every: Duration::from_secs(1),
            fingerprint: true,
        };
        policy.waits().as_secs()
    };
    let step = crate::policy::EscalationStep {
        after: Duration::from_secs(900),
        roles: vec![],
        people: vec![],
        page: true,
    };
    assert_eq!(waits(vec![]), 600);
    assert_eq!(waits(vec![step]), 1500);
}
