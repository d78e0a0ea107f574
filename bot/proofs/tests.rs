//! Tests of the rules next door.

use super::*;
use axum::{Router, extract::Request, http::StatusCode, routing::any};
use std::{path::Path, time::Instant};

/// The secret of these tests' environment.
const SECRET: &str = "a-secret-of-the-health-page";

/// The checks that a configuration has, or what is wrong with it.
fn checks(text: &str) -> Result<Vec<Check>, String> {
    let env = |name: &str| match name {
        "TOKEN" => Some(SECRET.to_owned()),
        "DATABASE" => Some(format!("postgres://reader:{SECRET}@127.0.0.1:1/shop")),
        _ => None,
    };
    let files = |_: &Path| Err(std::io::Error::other("no files here"));
    let read = |section: &Section<'_>| read(&section.sections("verify")?);
    let read = rollback_settings::read(text, &env, &files, &[], read);
    read.map(|(checks, _)| checks)
        .map_err(|mistakes| mistakes.to_string())
}

fn check(lines: &str) -> Check {
    let read = checks(&format!("[[verify]]\n{lines}"));
    read.unwrap().remove(0)
}

/// A page with one answer for everything, which repeats who asks.
async fn page(status: u16, body: &'static str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = move |request: Request| async move {
        let (parts, sent) = request.into_parts();
        let who = parts.headers.get("authorization");
        let who = who.and_then(|who| who.to_str().ok()).unwrap_or_default();
        let sent = axum::body::to_bytes(sent, 1 << 20).await;
        let sent = String::from_utf8(sent.unwrap().to_vec()).unwrap();
        let body = body
            .replace("{who}", who)
            .replace("{method}", parts.method.as_str())
            .replace("{sent}", &sent.replace('"', "'"));
        (status, body)
    };
    serve(Router::new().fallback(any(answer))).await
}

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// An address that takes a connection and never answers.
async fn silent() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = vec![];
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    url
}

/// What a check of a page finds wrong.
async fn problem(lines: &str) -> Option<String> {
    let http = crate::http_client().unwrap();
    let check = check(&format!("kind = \"http\"\n{lines}"));
    check.look(&http, &[]).await.problem
}

#[tokio::test]
async fn a_check_wants_all_it_was_given() {
    let url = page(200, r#"{"db":{"ok":true},"name":"shop"}"#).await;
    let html = page(200, "<html>").await;
    let good = [
        "",
        "json = \"/db/ok\"\nequals = \"true\"",
        "json = \"/name\"\nequals = \"shop\"",
        "contains = '\"db\"'",
    ];
    for lines in good {
        assert_eq!(
            problem(&format!("url = \"{url}\"\n{lines}")).await,
            None,
            "{lines}"
        );
    }
    let wrong = [
        (
            &url,
            "json = \"/db/ok\"\nequals = \"false\"",
            "has true at /db/ok instead of false",
        ),
        (
            &url,
            "json = \"/cache\"\nequals = \"true\"",
            "has nothing at /cache",
        ),
        (&url, "contains = \"sale\"", "does not contain \"sale\""),
        (&url, "status = 204", "answered 200 instead of 204"),
        (
            &html,
            "json = \"/x\"\nequals = \"1\"",
            "did not answer with JSON",
        ),
        (
            &"http://127.0.0.1:1/".to_owned(),
            "",
            "no connection (connection refused)",
        ),
    ];
    for (url, lines, expected) in wrong {
        let problem = problem(&format!("url = \"{url}\"\n{lines}")).await;
        assert_eq!(problem.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_request_has_the_method_the_body_and_the_token_that_are_configured() {
    let url = page(
        200,
        r#"{"who":"{who}","method":"{method}","sent":"{sent}"}"#,
    )
    .await;
    let lines = format!(
        "url = \"{url}\"\nmethod = \"POST\"\nbody = '{{\"order\":1}}'\ntoken = \"env:TOKEN\""
    );
    let is = |pointer: &str, wanted: &str| {
        format!("{lines}\njson = \"/{pointer}\"\nequals = \"{wanted}\"")
    };
    assert_eq!(problem(&is("method", "POST")).await, None);
    assert_eq!(problem(&is("sent", "{'order':1}")).await, None);
    assert_eq!(problem(&is("who", &format!("Bearer {SECRET}"))).await, None);
}

#[tokio::test]
async fn a_secret_that_a_page_repeats_is_not_repeated_to_people() {
    let url = page(200, r#"{"who":"{who}"}"#).await;
    let ways = [
        "token = \"env:TOKEN\"",
        "user = \"bot\"\npassword = \"env:TOKEN\"",
        "headers = { authorization = \"env:TOKEN\" }",
    ];
    let mut seen = vec![];
    for way in ways {
        let lines = format!("url = \"{url}\"\n{way}\njson = \"/who\"\nequals = \"nobody\"");
        seen.push(problem(&lines).await.unwrap());
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    has Bearer … at /who instead of nobody
    has Basic … at /who instead of nobody
    has … at /who instead of nobody
    ");
}

#[tokio::test]
async fn every_address_has_to_pass() {
    let (good, bad) = (page(200, "").await, page(500, "").await);
    let urls = |urls: &[&String]| format!("urls = {urls:?}");
    let other = page(200, "").await;
    assert_eq!(problem(&urls(&[&good, &other])).await, None);
    let seen = problem(&urls(&[&good, &bad, &other])).await.unwrap();
    assert_eq!(
        seen,
        format!("passes at 2/3: {bad} answered 500 instead of 200")
    );
}

#[tokio::test]
async fn checks_are_made_at_once_and_each_has_its_own_limit() {
    let http = crate::http_client().unwrap();
    let mut lines = vec![];
    for _ in 0..8 {
        let url = silent().await;
        lines.push(format!("kind = \"http\"\nurl = \"{url}\""));
        lines.push(format!(
            "kind = \"prometheus\"\nname = \"{url}\"\nurl = \"{url}\"\nquery = \"up\"\nbelow = 1"
        ));
    }
    let good = page(200, "fine").await;
    lines.insert(3, format!("kind = \"http\"\nurl = \"{good}\""));
    let sections = lines.iter();
    let text: String = sections
        .map(|lines| format!("[[verify]]\nwithin = \"1s\"\n{lines}\n"))
        .collect();
    let checks = checks(&text).unwrap();
    let began = Instant::now();
    let round = look(&http, None, &checks, &[]).await;
    // One after the other they would take sixteen.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let passed: Vec<usize> = (0..17)
        .filter(|n| round.checks[*n].problem.is_none())
        .collect();
    assert_eq!(passed, [3]);
    assert!(round.checks[3].name.ends_with("/health"));
    assert!(!round.checks[0].is_unknown && round.checks[1].is_unknown);
    assert_eq!(
        round.checks[0].problem.as_deref(),
        Some("did not answer within 1 s")
    );
}

#[tokio::test]
async fn what_cannot_be_asked_before_a_rollback_is_not_known_and_keeps_nobody_waiting() {
    let http = crate::http_client().unwrap();
    let url = silent().await;
    let lines = format!(
        "kind = \"prometheus\"\nname = \"errors\"\nurl = \"{url}\"\nquery = \"up\"\nbelow = 1\nwithin = \"1m\"\nmatrix = \"slower\""
    );
    let began = Instant::now();
    let checks = [check(&lines)];
    let (baselines, samples) = tokio::join!(
        measure(&http, &checks, Timestamp::UNIX_EPOCH),
        for_the_matrix(&http, &checks, None),
    );
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(samples[0].reading, baselines[0].reading);
    insta::assert_snapshot!(baselines[0].clause(), @"errors not known, Prometheus is not answering (did not answer within 3 s)");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let http = "kind = \"http\"\nurl = \"https://shop.example.com/\"";
    let metric = "kind = \"prometheus\"\nname = \"errors\"\nurl = \"http://prometheus:9090\"\nquery = \"up\"";
    let sql = "kind = \"sql\"\nname = \"orders\"\nurl = \"env:DATABASE\"";
    let rows = [
        "kind = \"ping\"".to_owned(),
        format!("{http}\nrequire = \"maybe\""),
        format!("{http}\nurls = [\"https://a.example.com/\"]"),
        "kind = \"http\"\nurls = []".to_owned(),
        format!("{http}\nmethod = \"FETCH\""),
        format!("{http}\nbody = \"x\""),
        format!("{http}\nmethod = \"HEAD\"\ncontains = \"x\""),
        format!("{http}\nuser = \"bot\""),
        format!("{http}\npassword = \"env:TOKEN\""),
        format!("{http}\ntoken = \"env:TOKEN\"\nuser = \"bot\""),
        format!("{http}\ntoken = \"{SECRET}\""),
        format!("{http}\nheaders = {{ authorization = \"Bearer x\" }}"),
        format!("{http}\nheaders = {{ \"a b\" = \"x\" }}"),
        format!("{http}\nheaders = {{ host = \"x\" }}"),
        format!("{http}\nname = \"{}\"", "x".repeat(61)),
        format!("{http}\nquery = \"up\""),
        metric.to_owned(),
        format!("{metric}\nthreshold = 0.1"),
        format!("{metric}\nbelow = 1\nabove = 2"),
        format!("{metric}\nbelow = \"1\""),
        format!("{metric}\nbelow = nan"),
        format!("{metric}\nfalls_to = 0.5"),
        format!("{metric}\nfalls_to = \"half\""),
        format!("{metric}\nbelow = 1\nunit = \"furlongs per fortnight\""),
        "kind = \"prometheus\"\nbelow = 1".to_owned(),
        sql.to_owned(),
        format!("{sql}\ntable = \"orders\""),
        format!("{sql}\ntable = \"orders; drop\"\nbelow = 1"),
        format!("{sql}\ntable = \"orders\"\nquery = \"select 1\"\nbelow = 1"),
        format!("{sql}\nquery = \"delete from orders\"\nbelow = 1"),
        format!("{sql}\nexist = [\"orders(\"]"),
        format!("{sql}\nexist = [\"orders\"]\nbelow = 1"),
        format!("{}\ntable = \"orders\"\nbelow = 1", sql.replace("DATABASE", "TOKEN")),
        "kind = \"command\"\nname = \"smoke\"".to_owned(),
        "kind = \"command\"\nname = \"smoke\"\ncommand = \"smoke --all\"".to_owned(),
        "kind = \"command\"\nname = \"smoke\"\ncommand = [\"/bin/true\"]\nenvironment = { \"A=B\" = \"1\" }".to_owned(),
        format!("{http}\nname = \"errors\"\n[[verify]]\n{metric}\nbelow = 1"),
        format!("{http}\nmatrix = \"slower\""),
        format!("{metric}\nbelow = 1\nmatrix = \"error_rate\""),
        format!(
            "{metric}\nbelow = 1\nmatrix = \"slower\"\n[[verify]]\n{}\nbelow = 1\nmatrix = \"slower\"",
            metric.replace("errors", "p95")
        ),
    ];
    let seen = rows.map(|lines| checks(&format!("[[verify]]\n{lines}")).unwrap_err());
    assert!(!seen.concat().contains(SECRET));
    insta::assert_snapshot!(seen.join("\n"), @r#"
    verify[0].kind: "ping" is not known; write "http" or "flow" or "prometheus" or "sql" or "command"
    verify[0].require: "maybe" is not known; write "must" or "should" or "watch"
    verify[0].url: is there, and urls is too; keep one of them
    verify[0].urls: is empty; write urls = ["https://shop.example.com/api/health"]
    verify[0].method: "FETCH" is not known; did you mean "PATCH"?
    verify[0].body: is not sent with GET; add method = "POST"
    verify[0].method: HEAD has no body to look into; write "GET"
    verify[0].user: has no password; add password = "env:…"
    verify[0].password: has no user; add user = "…"
    verify[0].token: is there, and user or password too; keep one way
    verify[0].token: a secret does not belong in this file; write "env:NAME" or "file:PATH"
    verify[0].headers.authorization: is a secret, which does not belong in this file; write "env:NAME" or "file:PATH"
    verify[0].headers."a b": "a b" is not the name of a header; write it like "x-release"
    verify[0].headers.host: is set by the request itself; remove it
    verify[0].name: is no name; write at most 60 letters on one line
    verify[0].query: is not a key here; remove it, or use one of kind, matrix, require, within, name, urls, url, method, body, headers, token, user, password, status, json, equals, contains
    verify[0]: does not say what its number must be; write below = 0.001 or above = 0.99, or against what it was before: falls_to = "50%", rises_to = "90%", stays_within = "20%"
    verify[0].threshold: does not say in which direction; write below = 0.001 or above = 0.99, or against what it was before: falls_to = "50%", rises_to = "90%", stays_within = "20%"
    verify[0]: has 2 limits; keep one of below, above
    verify[0].below: is text; write a number, without quotes
    verify[0].below: is no number that can be measured
    verify[0].falls_to: is a number; write text in quotes
    verify[0].falls_to: "half" is not a part of what it was; write it from "0%" to "10000%"
    verify[0].unit: is no unit; write "ratio" for a part of one, or at most 12 letters like "ms"
    verify[0].name: is missing; write name = "error rate"
    verify[0].url: is missing; write url = "http://prometheus:9090"
    verify[0].query: is missing; write query = "sum(rate(errors_total[1m]))"
    verify[0]: asks for nothing or for several things; write one of query = "select …" and table = "orders", or exist and gone
    verify[0]: does not say what its number must be; write below = 0.001 or above = 0.99, or against what it was before: falls_to = "50%", rises_to = "90%", stays_within = "20%"
    verify[0].table: "orders; drop" is no name of a table; write it like "orders" or "public.orders", or use query
    verify[0]: asks for nothing or for several things; write one of query = "select …" and table = "orders", or exist and gone
    verify[0].below: is not a key here; remove it, or use one of kind, matrix, require, within, name, url, query, table, exist, gone
    verify[0].query: does not begin with SELECT; a check only reads
    verify[0].exist[0]: "orders(" names no column; write it like "public.orders(note)"
    verify[0].below: is not a key here; remove it, or use one of kind, matrix, require, within, name, url, query, table, exist, gone
    verify[0].url: is not the address of a PostgreSQL; it looks like postgres://reader:password@host:5432/database
    verify[0].command: is missing; write command = ["/usr/local/bin/smoke-test"]
    verify[0].command: is text; write a list: command = ["/usr/local/bin/smoke-test"]
    verify[0].environment."A=B": is no name of a variable; use letters, digits and "_"
    verify[1].name: is the name of verify[0] too; give it another one
    verify[0].matrix: is for checks that measure a number
    verify[0].matrix: needs a part of one; write unit = "ratio" beside it
    verify[1].matrix: is measured by verify[0] already; keep one
    "#);
}

/// What a program ends with, run by a shell that the configuration names itself.
async fn command(script: &str, more: &str) -> CheckResult {
    let lines = format!(
        "kind = \"command\"\nname = \"smoke\"\ncommand = [\"/bin/sh\", \"-c\", '{script}']\n{more}"
    );
    check(&lines)
        .look(&crate::http_client().unwrap(), &[])
        .await
}

#[tokio::test]
async fn a_program_passes_when_it_ends_well_and_says_why_when_not() {
    let environment = "environment = { WHO = \"bot\", KEY = \"env:TOKEN\" }";
    let rows = [
        command("test \"$WHO\" = bot && test -n \"$KEY\"", environment).await,
        // What the bot itself has in its environment is not there.
        command("test -z \"$CARGO_MANIFEST_DIR\"", "").await,
        command("echo \"the key is $KEY\" >&2; exit 3", environment).await,
        command("yes | head -c 100000; exit 1", "").await,
        command("kill -9 $$", "").await,
        command("sleep 60", "within = \"200ms\"").await,
    ];
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(rows.iter().all(|row| !row.is_unknown));
    let seen = rows.map(|row| row.problem.unwrap_or_else(|| "passes".into()));
    assert!(!seen.concat().contains(SECRET));
    let seen = seen.map(|text| text.chars().take(60).collect::<String>());
    insta::assert_snapshot!(seen.join("\n"), @"
    passes
    passes
    fails (exit 3: the key is …)
    fails (exit 1: … y y y y y y y y y y y y y y y y y y y y y y
    fails (stopped by a signal)
    fails (no end after 0.2 s, killed)
    ");
    let missing = check("kind = \"command\"\nname = \"smoke\"\ncommand = [\"/no/such\"]");
    let http = crate::http_client().unwrap();
    assert!(missing.look(&http, &[]).await.is_unknown);
    insta::assert_debug_snapshot!(missing.try_out(&http).await, @r#"
    Wrong(
        "there is no program /no/such on this machine",
    )
    "#);
    let there = check("kind = \"command\"\nname = \"smoke\"\ncommand = [\"/bin/true\"]");
    assert_eq!(there.try_out(&http).await, Tried::Untried);
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let started = dir.path().join("child");
    let script = format!("sleep 60 & echo $! > {}; wait", started.display());
    let result = command(&script, "within = \"500ms\"").await;
    insta::assert_snapshot!(result.problem.unwrap(), @"fails (no end after 0.5 s, killed)");
    let child = std::fs::read_to_string(&started).unwrap();
    let status = format!("/proc/{}/stat", child.trim());
    // It was told to end, and ends when it is its turn; it may be there as a zombie until somebody
    // has taken note of that.
    let runs = || std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z"));
    let began = std::time::Instant::now();
    while runs() && began.elapsed() < Duration::from_secs(10) {
        tokio::task::yield_now().await;
    }
    assert!(!runs());
}
