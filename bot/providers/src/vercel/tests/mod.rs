//! Tests of the rules next door.

mod answers;
mod progress;
mod survey;

use self::survey::surveyed;
use super::*;
use rollback_domain::{
    grammar::Target,
    history::History,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Person,
    plan::{Aim, Basis, Plan},
    refusal::Source,
    release::{Candidate, Release},
    risk::RiskRules,
    rollback::{Proposal, Rollback},
};
use rollback_settings::Secret;
use serde_json::Value;

/// What the provider is told of a rollback.
fn order(rollback: &Rollback) -> Order {
    rollback.order(None).expect("it has a plan")
}

fn project(last: Value) -> Value {
    json!({
        "id": "prj_1", "name": "frontend", "autoAssignCustomDomains": true,
        "lastAliasRequest": last,
        "targets": {"production": {"id": "dpl_c",
            "alias": ["shop.example.com", "www.example.com", "frontend-git-main-acme.vercel.app"],
            "automaticAliases": ["frontend-git-main-acme.vercel.app"]}}
    })
}

fn deployment(id: &str, created: i64) -> Value {
    json!({
        "uid": id, "created": created, "createdAt": created, "readyState": "READY",
        "readySubstate": "PROMOTED", "aliasAssigned": created + 500, "isRollbackCandidate": true,
        "creator": {"uid": "u1", "username": "sam"},
        "meta": {"githubCommitSha": "9c7e2f4aa11b", "githubCommitMessage": "Fix cart\n\nlong"}
    })
}

fn with(mut deployment: Value, change: Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        deployment[key] = value.clone();
    }
    deployment
}

fn rollback(memory: Value) -> Rollback {
    let (mut rollback, _) = Proposal {
        drill: None,
        channel: "C1".into(),
        service: ServiceKey::new("frontend", "production"),
        requester: Person::new("U1", "sam"),
        because: Some("checkout is down".into()),
        evidence: vec![],
        aim: Aim {
            part: None,
            target: Target::Previous,
            utc_offset: 0,
            undoes: None,
        },
        source: Source::Bot,
        commanded: "2026-03-01T02:40:00Z".parse().unwrap(),
        target_time: None,
        reply_to: None,
        replaces: None,
        waiting: rollback_domain::rollback::Waiting::default(),
        turns: vec![],
        part_of: None,
    }
    .open(RollbackId::new(41), IncidentId::new(1));
    rollback.plan = Some(plan());
    rollback.memory = memory;
    rollback
}

/// One at an address where nothing listens.
fn vercel() -> Vercel {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api_url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    Vercel::new(
        reqwest::Client::new(),
        VercelSettings {
            project: "prj_1".into(),
            team: None,
            token: Secret::new("secret-of-the-test"),
            api_url,
        },
    )
}

/// From dpl_c back to dpl_b.
fn plan() -> Plan {
    let candidate = |id: &str, live_since: &str| Candidate {
        release: Release {
            live_since: Some(live_since.parse().unwrap()),
            ..Release::unknown(id)
        },
        barred: None,
        barred_forward: None,
    };
    let survey = Survey {
        candidates: vec![
            candidate("dpl_c", "2026-03-01T02:00:00Z"),
            candidate("dpl_b", "2026-03-01T01:00:00Z"),
        ],
        surfaces: vec![surface("shop.example.com", "dpl_c")],
        pin: Pin::Off,
        ..Survey::default()
    };
    let effects = vercel().effects(Way::Back);
    let basis = Basis {
        service: &ServiceKey::new("frontend", "production"),
        survey: &survey,
        effects: &effects,
        history: &History::default(),
        risks: &RiskRules::default(),
    };
    let aim = Aim {
        part: None,
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
    };
    Plan::draw(basis, &aim, "2026-03-01T02:40:00Z".parse().unwrap()).unwrap()
}

fn surface(name: &str, live: &str) -> Surface {
    Surface {
        name: name.into(),
        live: Some(live.into()),
    }
}

#[test]
fn the_description_is_one_line_that_fits() {
    let mut rollback = rollback(Value::Null);
    assert_eq!(
        description(&order(&rollback)),
        "RB-41 @sam: checkout is down"
    );
    rollback.because = Some("a\n\tb ".to_owned() + &"🛒".repeat(300));
    let long = description(&order(&rollback));
    assert!(long.starts_with("RB-41 @sam: a b 🛒"));
    assert!(long.ends_with('…'));
    assert!(long.encode_utf16().count() <= 250);
    rollback.because = None;
    assert_eq!(description(&order(&rollback)), "RB-41 @sam");
}

#[tokio::test]
async fn a_request_without_a_connection_was_not_sent() {
    let vercel = vercel();
    assert!(!format!("{vercel:?}").contains("secret"));
    let unpinned = vercel.unpin(&Value::Null).await;
    assert!(
        matches!(unpinned, Err(ProviderError::Busy { .. })),
        "{unpinned:?}"
    );
    let (back, forward) = (vercel.effects(Way::Back), vercel.effects(Way::Forward));
    assert_eq!((back.holds, forward.holds), (Holds::ByItself, Holds::Not));
    assert_eq!(
        forward.after.as_deref(),
        Some("automatic deploys go live again")
    );
    let live = deployment("dpl_d", 4_000);
    let survey = surveyed(&[live.clone(), deployment("dpl_c", 3_000)], &[], &live);
    let aim = Aim {
        part: None,
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
    };
    let now = "2026-03-01T02:41:00Z".parse().unwrap();
    let mut rollback = rollback(Value::Null);
    rollback.plan = Some(
        Plan::draw(
            rollback_domain::plan::Basis {
                service: &ServiceKey::new("frontend", "production"),
                survey: &survey,
                effects: &vercel.effects(Way::Back),
                history: &rollback_domain::history::History::default(),
                risks: &rollback_domain::risk::RiskRules::default(),
            },
            &aim,
            now,
        )
        .unwrap(),
    );
    let asked = vercel.act(&order(&rollback)).await;
    assert!(
        matches!(asked, Err(ProviderError::Busy { .. })),
        "{asked:?}"
    );
    rollback.plan.as_mut().unwrap().to.id = "..".into();
    let asked = vercel.act(&order(&rollback)).await;
    assert!(matches!(asked, Err(ProviderError::Refused(_))), "{asked:?}");
}
