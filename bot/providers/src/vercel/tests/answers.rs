//! What each status means, and how long is waited.

use crate::{
    rest::{Answer, Setting},
    vercel::{answers::judge_move, api::API},
};
use reqwest::header::HeaderMap;
use rollback_domain::{
    platform::ProviderError,
    release::{Pin, Way},
};
use serde_json::{Value, json};

fn answered(status: u16, message: &str) -> Answer {
    let body = json!({"error": {"code": "x", "message": message}});
    Answer::new(&API, status, HeaderMap::new(), body)
}

#[test]
fn every_status_becomes_the_right_trouble() {
    let judged = |status, message: &str| judge_move(Way::Back, &answered(status, message), "v212");
    assert_eq!(judged(201, "").unwrap().said, "job accepted");
    let already =
        "The provided deploymentId (dpl_x) is already the current production deployment. (409)";
    assert!(judged(409, already).is_ok());
    for (status, message, part) in [
        (400, "Bad", "would not roll back to v212 (400: Bad)"),
        (
            401,
            "No",
            "token is unknown, expired or lacks access (401: No)",
        ),
        (402, "", "Hobby plan (402)"),
        (
            400,
            "To roll back further than the previous production deployment, upgrade to pro",
            "Hobby plan",
        ),
        (403, "Not authorized.", "(403: Not authorized). Create"),
        (404, "Gone", "no longer has the deployment v212"),
        (409, "Conflict", "as things are (409: Conflict)"),
        (410, "", "no longer has"),
        (422, "Odd\nline", "(422: Odd line)"),
        (308, "", "a redirect"),
    ] {
        match judged(status, message) {
            Err(ProviderError::Refused(why)) => {
                assert!(why.contains(part), "{status}: {why}");
                assert!(why.starts_with("Vercel"), "{why}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    let promoted = |status, message: &str| {
        judge_move(Way::Forward, &answered(status, message), "v213").map(|receipt| receipt.said)
    };
    assert_eq!(promoted(201, ""), Ok("job accepted".into()));
    assert_eq!(
        promoted(202, ""),
        Ok("job queued behind the rolling release that is under way".into())
    );
    assert!(promoted(409, already).is_ok());
    for (status, message, part) in [
        (400, "Bad", "would not promote v213 (400: Bad). Look at"),
        (402, "", "before it promotes v213 (402)"),
        (409, "Conflict", "cannot promote v213 as things are"),
        (410, "Gone", "no longer has the deployment v213"),
        (422, "Odd", "would not promote v213 (422: Odd)"),
    ] {
        match promoted(status, message) {
            Err(ProviderError::Refused(why)) => assert!(why.contains(part), "{status}: {why}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    for status in [408, 500, 502, 503, 504, 599] {
        assert!(matches!(
            judged(status, ""),
            Err(ProviderError::Unanswered(_))
        ));
        assert!(matches!(
            promoted(status, ""),
            Err(ProviderError::Unanswered(_))
        ));
        assert!(matches!(
            answered(status, "").unread("it"),
            ProviderError::Busy { .. }
        ));
    }
    assert!(matches!(judged(429, ""), Err(ProviderError::Busy { .. })));
    assert!(matches!(
        answered(429, "").unread("it"),
        ProviderError::Busy { .. }
    ));
    assert!(matches!(
        answered(403, "").unread("it"),
        ProviderError::Refused(_)
    ));
}

#[test]
fn a_refused_change_of_a_setting_says_where_to_look() {
    let setting = Setting::automatic_deploys(Pin::Off, "the settings of frontend".into());
    for (status, part) in [
        (
            400,
            "would not let automatic deploys go live (400: No). Look at the settings of frontend",
        ),
        (401, "token is unknown, expired or lacks access"),
        (402, "paid plan or a paid bill"),
        (403, "token is unknown, expired or lacks access"),
        (409, "(409: No)"),
    ] {
        match answered(status, "No.").set(&setting) {
            Err(ProviderError::Refused(why)) => assert!(why.contains(part), "{status}: {why}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    for (status, clause) in [(200, "took it"), (502, "broke off (502: No)")] {
        assert_eq!(answered(status, "No.").set(&setting).as_deref(), Ok(clause));
    }
    assert!(matches!(
        answered(429, "No.").set(&setting),
        Err(ProviderError::Busy { .. })
    ));
}

#[test]
fn waits_are_read_in_every_form_they_come_in() {
    let wait = |pairs: &[(&'static str, &str)], error: &Value| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        match Answer::new(&API, 429, headers, error.clone()).unread("it") {
            ProviderError::Busy { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        }
    };
    let date = ("date", "Sun, 01 Mar 2026 02:41:07 GMT");
    let limit = json!({"error": {"limit": {"reset": 1_772_332_872}}});
    assert_eq!(wait(&[("retry-after", "7")], &Value::Null), Some(7_000));
    assert_eq!(
        wait(
            &[date, ("retry-after", "Sun, 01 Mar 2026 02:41:19 GMT")],
            &Value::Null
        ),
        Some(12_000)
    );
    assert_eq!(wait(&[date], &limit), Some(5_000));
    assert_eq!(
        wait(&[], &limit),
        None,
        "without their clock there is no duration"
    );
    assert_eq!(wait(&[("retry-after", "-3")], &Value::Null), Some(1_000));
    assert_eq!(wait(&[("retry-after", "soon")], &Value::Null), None);
}

#[test]
fn a_404_that_is_not_vercels_says_nothing_of_the_deployment() {
    for error in [Value::Null, json!({"message": "no Route matched"})] {
        let answer = Answer::new(&API, 404, HeaderMap::new(), error);
        match judge_move(Way::Back, &answer, "v212") {
            Err(ProviderError::Unanswered(why)) => {
                assert!(why.contains("it is not Vercel"), "{why}");
                assert!(!why.contains("no longer has"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        let read = answer.unread("the project").to_string();
        assert!(read.contains("it is not Vercel"), "{read}");
    }
}
