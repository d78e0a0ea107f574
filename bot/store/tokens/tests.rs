use super::*;

fn now() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

fn made() -> (String, Token) {
    make(Person::new("U0SAM", "sam"), now(), Duration::from_secs(90)).unwrap()
}

#[test]
fn a_token_begins_with_its_id_and_is_never_the_same() {
    let (secret, token) = made();
    assert_eq!(id_of(&secret), Some(token.id.as_str()));
    assert_eq!(secret.len(), 4 + 10 + 64);
    assert_ne!(secret, made().0);
    assert!(!format!("{token:?}").contains(&secret[14..]));
}

#[test]
fn the_token_of_an_agent_is_told_from_a_persons() {
    let agent = Person::new("U0SAM", "sam").responsible_for("deploy-watch");
    let (secret, token) = make(agent, now(), Duration::from_secs(90)).unwrap();
    assert_eq!(id_of(&secret), Some(token.id.as_str()));
    assert!(is_of_agent(&secret));
    assert!(!is_of_agent(&made().0));
}

#[test]
fn what_only_looks_like_a_token_has_no_id() {
    let (secret, _) = made();
    let upper = secret.to_uppercase();
    let longer = format!("{secret}0");
    for other in ["", "rbt_", &secret[4..], &secret[..77], &longer, &upper] {
        assert_eq!(id_of(other), None, "{other}");
    }
}

#[test]
fn a_token_counts_until_it_ends_or_is_revoked() {
    let (_, token) = made();
    assert_eq!(token.spent(now()), None);
    let end = token.expires_at;
    let just_before = end.checked_sub(Duration::from_micros(1)).unwrap();
    assert_eq!(token.spent(just_before), None);
    assert_eq!(
        token.spent(end).as_deref(),
        Some("it ended on 2026-03-14 03:13 UTC")
    );
    let revoked = Token {
        revoked_at: Some(now()),
        ..token
    };
    assert_eq!(
        revoked.spent(now()).as_deref(),
        Some("it was revoked on 2026-03-14 03:12 UTC")
    );
}
