//! What others have signed is taken, and what was changed is not.

use super::{Alert, AlertSender, KINDS, Proof};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rollback_domain::alert::AlertState;
use rollback_settings::read;
use serde_json::{Value, json};
use std::{io, sync::Arc};

/// A request that another implementation has signed.
struct Vector {
    kind: &'static str,
    document: Value,
}

fn vectors() -> Vec<Vector> {
    let vector = |kind, text: &str| Vector {
        kind,
        document: serde_json::from_str(text).expect(kind),
    };
    vec![
        vector("generic", include_str!("fixtures/generic.json")),
        vector("grafana", include_str!("fixtures/grafana.json")),
        vector("pagerduty", include_str!("fixtures/pagerduty.json")),
        vector("sentry", include_str!("fixtures/sentry.json")),
    ]
}

impl Vector {
    fn text(&self, key: &str) -> &str {
        self.document[key].as_str().expect(key)
    }

    fn headers(&self) -> Vec<(String, String)> {
        let headers = self.document["headers"].as_object().expect("headers");
        let text = |value: &Value| value.as_str().expect("a header").to_owned();
        let headers = headers.iter();
        headers
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    }

    fn at(&self) -> i64 {
        self.document["at"].as_i64().expect("at")
    }
}

/// A sender of a kind with these lines in its section.
fn sender(kind: &str, lines: &str, secret: &str) -> Result<Arc<dyn AlertSender>, String> {
    let kind = KINDS.iter().find(|one| one.name == kind).expect(kind);
    let env = |name: &str| match name {
        "SECRET" => Some(secret.to_owned()),
        "OTHER" => Some("another-secret-that-nobody-guesses".to_owned()),
        _ => None,
    };
    let no_file = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
    read(lines, &env, &no_file, &[], |section| {
        let sender = (kind.read)(section);
        section.done();
        sender
    })
    .map(|(sender, _)| sender)
    .map_err(|mistakes| mistakes.to_string())
}

fn is_own(sender: &dyn AlertSender, headers: &[(String, String)], body: &str, now: i64) -> bool {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    sender.is_own(&Proof {
        headers: &map,
        body: body.as_bytes(),
        now: Timestamp::from_second(now).expect("a time"),
    })
}

#[test]
fn what_others_have_signed_is_taken_and_what_was_changed_is_not() {
    for vector in vectors() {
        let kind = vector.kind;
        let secret = vector.text("secret");
        let own = sender(kind, "secret = \"env:SECRET\"", secret).expect(kind);
        let (body, headers, at) = (vector.text("body"), vector.headers(), vector.at());
        assert!(is_own(&*own, &headers, body, at), "{kind}");
        // While a secret is replaced there are two.
        if kind != "generic" {
            let both = "secret = [\"env:OTHER\", \"env:SECRET\"]";
            let both = sender(kind, both, secret).expect(kind);
            assert!(is_own(&*both, &headers, body, at), "{kind}");
            let other = sender(kind, "secret = \"env:OTHER\"", secret).expect(kind);
            assert!(!is_own(&*other, &headers, body, at), "{kind}");
        }
        assert!(!is_own(&*own, &headers, &format!("{body} "), at), "{kind}");
        assert!(!is_own(&*own, &[], body, at), "{kind}");
        for (n, (name, value)) in headers.iter().enumerate() {
            let with = |value: Option<String>| {
                let mut headers = headers.clone();
                match value {
                    Some(value) => headers[n].1 = value,
                    None => drop(headers.remove(n)),
                }
                headers
            };
            // Twice is no more certain than once.
            let twice = [headers.clone(), vec![headers[n].clone()]].concat();
            let matters = name.contains("signature")
                || name.contains("timestamp")
                || name.contains("webhook-id");
            if !matters {
                continue;
            }
            for forged in [
                with(None),
                with(Some(value.replace(['2', '7'], "8"))),
                twice,
            ] {
                assert!(!is_own(&*own, &forged, body, at), "{kind} {name}");
            }
            if name.contains("signature") && kind != "generic" {
                let upper = with(Some(value.to_uppercase().replace("V1=", "v1=")));
                assert!(!is_own(&*own, &upper, body, at), "{kind} {name}");
            }
        }
        let is_timed = headers.iter().any(|(name, _)| name.contains("timestamp"));
        for (age, wanted) in [(300, true), (301, !is_timed), (-301, !is_timed)] {
            assert_eq!(
                is_own(&*own, &headers, body, at + age),
                wanted,
                "{kind} {age}"
            );
        }
    }
}

#[test]
fn a_secret_that_is_sent_counts_only_where_it_belongs() {
    let secret = "a-secret-that-nobody-guesses";
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    // `printf alertmanager:a-secret-that-nobody-guesses | base64`
    let basic = "Basic YWxlcnRtYW5hZ2VyOmEtc2VjcmV0LXRoYXQtbm9ib2R5LWd1ZXNzZXM=";
    let bearer = format!("Bearer {secret}");
    for kind in ["alertmanager", "datadog", "generic", "grafana"] {
        let lines = "token = \"env:SECRET\"";
        let with = |more: &str| sender(kind, &format!("{lines}\n{more}"), secret).expect(kind);
        let (by_bearer, by_user) = (with(""), with("user = \"alertmanager\""));
        let by_header = with("header = \"x-alerts\"");
        for (own, name, value, wanted) in [
            (&by_bearer, "authorization", bearer.as_str(), true),
            (&by_bearer, "authorization", secret, false),
            (&by_bearer, "authorization", basic, false),
            (&by_bearer, "x-alerts", secret, false),
            (&by_bearer, "authorization", "Bearer ", false),
            (
                &by_bearer,
                "authorization",
                "Bearer a-secret-that-nobody-guesse",
                false,
            ),
            (&by_user, "authorization", basic, true),
            (&by_user, "authorization", bearer.as_str(), false),
            (&by_user, "authorization", "Basic !", false),
            (&by_header, "x-alerts", secret, true),
            (&by_header, "x-alerts", bearer.as_str(), false),
        ] {
            let is_own = is_own(&**own, &header(name, value), "{}", 0);
            assert_eq!(is_own, wanted, "{kind} {name} {value}");
        }
        assert!(!is_own(&*by_bearer, &[], "{}", 0));
    }
}

#[test]
fn secrets_that_prove_nothing_are_mistakes() {
    for (kind, lines, secret, told) in [
        (
            "alertmanager",
            "token = \"env:SECRET\"",
            "too-short",
            "can be guessed",
        ),
        ("alertmanager", "", "", "token: is missing"),
        (
            "alertmanager",
            "token = \"hunter2\"",
            "",
            "a secret does not belong",
        ),
        (
            "datadog",
            "token = \"env:SECRET\"\nuser = \"a\"\nheader = \"b\"",
            "a-secret-that-nobody-guesses",
            "keep one of them",
        ),
        (
            "sentry",
            "token = \"env:SECRET\"",
            "a-secret-that-nobody-guesses",
            "secret: is missing",
        ),
        (
            "generic",
            "secret = \"env:SECRET\"",
            "a-secret-that-nobody-guesses",
            "whsec_",
        ),
        ("pagerduty", "secret = \"env:GONE\"", "", "GONE is not set"),
    ] {
        let mistakes = sender(kind, lines, secret).map(drop).expect_err(lines);
        assert!(mistakes.contains(told), "{kind} {lines}: {mistakes}");
    }
}

/// What a program's body says.
fn alerts(kind: &str, body: &Value) -> Vec<Alert> {
    let lines = match kind {
        "alertmanager" | "datadog" => "token = \"env:SECRET\"",
        _ => "secret = \"env:SECRET\"",
    };
    let sender = sender(kind, lines, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect(kind);
    sender.alerts(body)
}

#[test]
fn every_program_is_understood() {
    for vector in vectors() {
        let body = serde_json::from_str(vector.text("body")).expect("a body");
        let found = alerts(vector.kind, &body);
        let [alert] = &found[..] else {
            panic!("{}: {found:?}", vector.kind);
        };
        assert_eq!(alert.state, AlertState::Firing, "{}", vector.kind);
        assert!(!alert.title.is_empty() && alert.link.is_some());
        assert!(!alert.fields.is_empty(), "{}", vector.kind);
    }
    let datadog = |transition: &str| {
        alerts(
            "datadog",
            &json!({
                "id": "12345", "cycle": "6543210", "transition": transition,
                "title": "Error rate", "scope": "service:frontend,env:production",
                "date": "1773457812000", "priority": "P1",
                "link": "https://app.datadoghq.com/monitors/12345",
            }),
        )
    };
    let [triggered, recovered] = ["Triggered", "Recovered"].map(|one| datadog(one).remove(0));
    assert_eq!(triggered.fingerprint, recovered.fingerprint);
    assert_eq!(triggered.fields["service"], "frontend");
    assert_eq!(triggered.fields["priority"], "P1");
    assert_eq!(
        (triggered.state, recovered.state),
        (AlertState::Firing, AlertState::Resolved)
    );
    let metric = |action: &str| {
        alerts(
            "sentry",
            &json!({"action": action, "data": {"metric_alert": {
                "id": "8", "alert_rule": {"id": 7, "name": "Failure rate", "environment": "production"},
                "projects": ["shop"], "date_started": "2026-03-14T03:10:12Z",
                "date_closed": "2026-03-14T03:20:00Z",
            }}}),
        )
    };
    let [critical, resolved] = ["critical", "resolved"].map(|one| metric(one).remove(0));
    assert_eq!(critical.fingerprint, resolved.fingerprint);
    assert_eq!(critical.started_at, resolved.started_at);
    assert_eq!(critical.fields["project"], "shop");
    assert_eq!(
        (critical.ended_at.is_some(), resolved.ended_at.is_some()),
        (false, true)
    );
}

#[test]
fn what_is_no_alert_is_none() {
    for kind in KINDS {
        for body in [
            json!(null),
            json!([]),
            json!({}),
            json!({"alerts": 7}),
            json!({"alerts": [7, {}, {"status": "other", "labels": []}]}),
            json!({"event": {"event_type": "incident.acknowledged", "data": {"id": "Q1"}}}),
            json!({"action": "created", "data": {"issue": {"id": "1"}}}),
            json!({"transition": "Renotify", "id": "1"}),
        ] {
            assert_eq!(alerts(kind.name, &body), vec![], "{} {body}", kind.name);
        }
    }
}
