//! Tests of addresses as the drivers understand them.

use super::*;

fn path(url: &str) -> String {
    match Address::parse(url) {
        Ok(Address::Sqlite(path)) => path.display().to_string(),
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn a_file_is_where_the_driver_looks_for_it() {
    assert_eq!(path("sqlite:a.db"), "a.db");
    assert_eq!(path("sqlite://a.db"), "a.db");
    assert_eq!(path("sqlite:///var/lib/a.db"), "/var/lib/a.db");
    assert_eq!(path("sqlite:////var/lib/a.db"), "//var/lib/a.db");
    assert_eq!(path("sqlite://a%3Fb%20c+d.db?mode=rwc"), "a?b c+d.db");
    assert_eq!(path("sqlite://a.db?mode=rw"), "a.db");
}

#[test]
fn what_is_shown_has_no_password() {
    let address = Address::parse("postgres://bot:p%2Fw@db.example.com/records").unwrap();
    assert_eq!(address.to_string(), "db.example.com:5432/records");
    let address = Address::parse("postgres:///records?host=/run/postgresql&user=bot").unwrap();
    assert_eq!(address.to_string(), "/run/postgresql records");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_cause() {
    let address = Address::parse("postgres://bot@127.0.0.1:1/bot").unwrap();
    assert_eq!(address.try_it().await, Err("connection refused".to_owned()));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let address = Address::parse(&format!("postgres://bot@127.0.0.1:{port}/bot")).unwrap();
    let told = address.try_it().await.unwrap_err();
    assert_eq!(told, "it did not answer within 5 s");
}
