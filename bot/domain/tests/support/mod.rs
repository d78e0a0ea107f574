//! A shop on a platform, and the people around it.

use jiff::Timestamp;
use rollback_domain::{
    authority::{Found, Roster, Source},
    grammar::Target,
    history::History,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Person,
    plan::{Aim, Basis, Plan},
    platform::Effects,
    policy::{Announce, Policy, Preset},
    release::{Candidate, Pin, Release, Surface, Survey},
    risk::{Risk, RiskRules},
    rollback::{Proposal, Rollback},
};
use std::{collections::BTreeMap, time::Duration};

/// The night it happens.
pub fn night() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

/// By id: `U0SAM` is sam.
pub fn person(id: &str) -> Person {
    Person::new(id, id.trim_start_matches("U0").to_lowercase())
}

/// People of roles that the configuration lists.
pub fn roster(roles: &[(&str, &[&str])]) -> Roster {
    let listed = |ids: &[&str]| Found::People {
        ids: ids.iter().map(|id| id.to_string()).collect(),
        unmatched: vec![],
        read_at: None,
    };
    Roster(
        roles
            .iter()
            .map(|(role, ids)| (role.to_string(), vec![(Source::Listed, listed(ids))]))
            .collect(),
    )
}

/// The same roles, and nobody who says who is in them.
pub fn silent(roles: &[&str]) -> Roster {
    let found = Found::Nothing {
        why: "it answered 503".into(),
        read_at: Some(night()),
        answered: false,
    };
    let source = Source::PagerDutySchedule("PSHOP".into());
    let members: BTreeMap<_, _> = roles
        .iter()
        .map(|role| (role.to_string(), vec![(source.clone(), found.clone())]))
        .collect();
    Roster(members)
}

/// A preset's rules with `oncall` as approvers, and short times.
pub fn policy(preset: Preset) -> Policy {
    Policy {
        checklist: [].into(),
        stages: [].into(),
        announce: Announce::default(),
        channels: vec![],
        rules: preset.rules(&["oncall".into()]),
        risks: RiskRules::default(),
        objection_window: None,
        remind: vec![],
        escalate: vec![],
        page_on_break_glass: false,
        review_within: Duration::from_secs(24 * 3600),
        plan_ttl: Duration::from_secs(600),
        target_time: None,
        passes: 1,
        prove_within: Duration::from_secs(300),
        watch: Duration::from_secs(60),
        pass_every: Duration::from_secs(1),
        check_every: Duration::from_secs(5),
        fingerprint: true,
    }
}

/// A platform whose ordinary rollback is of this class.
pub fn effects(class: Risk) -> Effects {
    Effects {
        outage: None,
        timing: rollback_domain::platform::Timing::default(),
        platform: "Vercel".into(),
        restores: vec!["code".into()],
        leaves: vec!["database".into()],
        after: None,
        holds: rollback_domain::platform::Holds::ByItself,
        undoable: true,
        class,
    }
}

/// v214, v213 and v212, all of which have served; two domains, and what each serves.
pub fn survey(live: [&str; 2]) -> Survey {
    Survey {
        candidates: ["v214", "v213", "v212"]
            .map(|id| Candidate {
                release: Release {
                    version: Some(id.into()),
                    live_since: Some(night()),
                    ..Release::unknown(id)
                },
                barred: None,
                barred_forward: None,
            })
            .into(),
        surfaces: surfaces(live),
        pin: Pin::Off,
        ..Survey::default()
    }
}

/// The two domains.
pub fn surfaces(live: [&str; 2]) -> Vec<Surface> {
    ["shop.example.com", "www.example.com"]
        .into_iter()
        .zip(live)
        .map(|(name, live)| Surface {
            name: name.into(),
            live: Some(live.into()),
        })
        .collect()
}

/// What is wanted of `target`.
pub fn aim(target: Target) -> Aim {
    Aim {
        part: None,
        target,
        utc_offset: 0,
        undoes: None,
    }
}

/// The plan of that class for the previous release.
pub fn plan(class: Risk, live: [&str; 2]) -> Plan {
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey: &survey(live),
        effects: &effects(class),
        history: &History::default(),
        risks: &RiskRules::default(),
    };
    Plan::draw(basis, &aim(Target::Previous), night()).unwrap()
}

/// RB-41, which maya asks for: the platform is being read.
pub fn asked() -> Rollback {
    let proposal = Proposal {
        drill: None,
        channel: "C0SHOP".into(),
        service: ServiceKey::new("frontend", "production"),
        requester: person("U0MAYA"),
        because: Some("checkout 500s".into()),
        evidence: vec![],
        aim: aim(Target::Previous),
        source: rollback_domain::refusal::Source::Command,
        commanded: night(),
        target_time: None,
        reply_to: None,
        replaces: None,
        waiting: Default::default(),
        turns: vec![],
        part_of: None,
    };
    proposal.open(RollbackId::new(41), IncidentId::new(1)).0
}
