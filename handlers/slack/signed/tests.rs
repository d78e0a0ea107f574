//! Tests of the rules next door.

use super::*;
use axum::http::HeaderValue;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn input(signature: &str, stamp: &str, now: i64, secrets: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-slack-signature",
        HeaderValue::from_str(signature).unwrap(),
    );
    headers.insert(
        "x-slack-request-timestamp",
        HeaderValue::from_str(stamp).unwrap(),
    );
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    verify(
        &headers,
        BODY,
        &secrets,
        Timestamp::from_second(now).unwrap(),
    )
}

#[test]
fn the_published_vector_is_heard() {
    assert!(input(SIGNATURE, "1531420618", 1_531_420_618, &[SECRET]));
    assert_eq!(sign(SECRET, "1531420618", BODY), SIGNATURE);
}

#[test]
fn any_of_our_secrets_will_do_while_one_is_rotated() {
    assert!(input(
        SIGNATURE,
        "1531420618",
        1_531_420_618,
        &["new", SECRET]
    ));
    assert!(!input(SIGNATURE, "1531420618", 1_531_420_618, &["new"]));
    assert!(!input(SIGNATURE, "1531420618", 1_531_420_618, &[]));
}

#[test]
fn old_and_future_requests_are_not() {
    let at = 1_531_420_618;
    for (now, wanted) in [
        (at + 300, true),
        (at + 301, false),
        (at - 300, true),
        (at - 301, false),
    ] {
        assert_eq!(
            input(SIGNATURE, "1531420618", now, &[SECRET]),
            wanted,
            "{now}"
        );
    }
}

#[test]
fn forged_and_malformed_ones_are_not() {
    let now = 1_531_420_618;
    let forged = SIGNATURE.replace('a', "b");
    let upper = SIGNATURE.to_uppercase().replace("V0", "v0");
    for signature in [
        "",
        "v0=",
        "v0=zz",
        "v1=a2114d57",
        &SIGNATURE[3..],
        &SIGNATURE[..40],
        &forged,
        &upper,
    ] {
        assert!(
            !input(signature, "1531420618", now, &[SECRET]),
            "{signature}"
        );
    }
    for stamp in [
        "",
        "now",
        "1531420618.0",
        "+1531420618",
        "-1531420618",
        "99999999999999999999",
    ] {
        assert!(!input(SIGNATURE, stamp, now, &[SECRET]), "{stamp}");
    }
}
