//! Tests of the rules next door.

use super::*;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{delete, get, post},
};
use rollback_domain::proof::CheckResult;
use std::sync::{Arc, Mutex};

/// The password with which the shop lets a test customer in.
const PASSWORD: &str = "a \"password\" & more";

/// A shop in which one can log in, order and delete an order.
#[derive(Default)]
struct Shop {
    orders: Vec<String>,
    /// Whether reading an order fails.
    is_broken: bool,
}

type Shared = Arc<Mutex<Shop>>;

async fn shop(shop: Shared) -> String {
    let routes = Router::new()
        .route("/login", post(log_in))
        .route("/orders", post(order))
        .route("/orders/{id}", get(read))
        .route("/orders/{id}", delete(remove))
        .with_state(shop);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn log_in(body: String) -> impl IntoResponse {
    let body: Json = serde_json::from_str(&body).unwrap();
    match body["password"] == PASSWORD {
        true => (
            StatusCode::OK,
            [("set-cookie", "session=s-1234; Path=/; HttpOnly")],
            r#"{"token":"t-5678"}"#.to_owned(),
        ),
        false => (StatusCode::UNAUTHORIZED, [("x-no", "")], body.to_string()),
    }
}

async fn order(State(shop): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    if headers["authorization"] != "Bearer t-5678" || headers["cookie"] != "session=s-1234" {
        return (StatusCode::FORBIDDEN, String::new());
    }
    // An id that has to be encoded in an address.
    shop.lock().unwrap().orders.push("7/7 a".into());
    (
        StatusCode::CREATED,
        r#"{"order":{"id":"7/7 a"}}"#.to_owned(),
    )
}

async fn read(State(shop): State<Shared>, Path(id): Path<String>) -> impl IntoResponse {
    let shop = shop.lock().unwrap();
    match shop.is_broken || !shop.orders.contains(&id) {
        true => (StatusCode::INTERNAL_SERVER_ERROR, "t-5678"),
        false => (StatusCode::OK, "your order"),
    }
}

async fn remove(State(shop): State<Shared>, Path(id): Path<String>) -> impl IntoResponse {
    shop.lock().unwrap().orders.retain(|order| *order != id);
    StatusCode::NO_CONTENT
}

/// Logs in, orders, looks at the order and deletes it.
const CHECKOUT: &str = r#"
[[verify]]
kind = "flow"
name = "checkout"
secrets = { password = "env:PASSWORD" }
[[verify.steps]]
name = "log in"
method = "POST"
url = "{shop}/login"
body = '{"user":"smoke","password":"{password}"}'
capture = { token = "/token", session = "cookie:session" }
[[verify.steps]]
name = "order"
method = "POST"
url = "{shop}/orders"
headers = { authorization = "Bearer {token}", cookie = "session={session}" }
status = 201
capture = { order = "/order/id" }
[[verify.steps]]
name = "read the order"
url = "{shop}/orders/{order}"
contains = "your order"
[[verify.steps]]
name = "delete the order"
method = "DELETE"
url = "{shop}/orders/{order}"
status = 204
always = true
"#;

fn check(text: &str, password: &str) -> Result<super::super::Check, String> {
    let env = |name: &str| (name == "PASSWORD").then(|| password.to_owned());
    let files = |_: &std::path::Path| Err(std::io::Error::other("no files here"));
    let read = |section: &Section<'_>| super::super::read(&section.sections("verify")?);
    let read = rollback_settings::read(text, &env, &files, &[], read);
    let (mut checks, _) = read.map_err(|mistakes| mistakes.to_string())?;
    Ok(checks.remove(0))
}

async fn look(text: &str, password: &str) -> CheckResult {
    let http = crate::http_client().unwrap();
    check(text, password).unwrap().look(&http, &[]).await
}

#[tokio::test]
async fn each_step_has_what_the_ones_before_were_answered() {
    let state = Shared::default();
    let text = CHECKOUT.replace("{shop}", &shop(state.clone()).await);
    assert_eq!(
        look(&text, PASSWORD).await,
        CheckResult::passed("checkout".into())
    );
    assert_eq!(state.lock().unwrap().orders, [""; 0]);
}

#[tokio::test]
async fn a_step_that_fails_is_named_and_what_was_made_is_cleaned_up() {
    let state = Shared::default();
    let text = CHECKOUT.replace("{shop}", &shop(state.clone()).await);
    state.lock().unwrap().is_broken = true;
    let problem = look(&text, PASSWORD).await.problem.unwrap();
    insta::assert_snapshot!(problem, @r#"step 3 of 4 "read the order" answered 500 instead of 200"#);
    assert_eq!(state.lock().unwrap().orders, [""; 0]);
}

#[tokio::test]
async fn nothing_is_cleaned_up_that_was_not_made_and_no_secret_is_repeated() {
    let state = Shared::default();
    let text = CHECKOUT
        .replace("{shop}", &shop(state.clone()).await)
        .replace(
            "capture = { token",
            "json = \"/password\"\nequals = \"x\"\nstatus = 401\ncapture = { token",
        );
    let problem = look(&text, "a wrong password").await.problem.unwrap();
    insta::assert_snapshot!(problem, @r#"step 1 of 4 "log in" has … at /password instead of x"#);
}

#[tokio::test]
async fn a_flow_ends_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let text = CHECKOUT.replace("{shop}", &silent).replace(
        "name = \"checkout\"",
        "name = \"checkout\"\nwithin = \"400ms\"",
    );
    let problem = look(&text, PASSWORD).await.problem.unwrap();
    let expected = "step 1 of 4 \"log in\" did not answer within 0.";
    assert!(problem.starts_with(expected), "{problem}");
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let flow = |steps: &str| format!("[[verify]]\nkind = \"flow\"\nname = \"checkout\"\n{steps}");
    let step = |lines: &str| {
        flow(&format!(
            "[[verify.steps]]\nname = \"log in\"\nurl = \"https://shop.example.com/\"\n{lines}"
        ))
    };
    let rows = [
        flow(""),
        flow("[[verify.steps]]\nstatus = 200"),
        step("headers = { authorization = \"Bearer x\" }"),
        step("headers = { x-order = \"{order}\" }"),
        step("body = \"x\""),
        step("capture = { token = \"token\" }"),
        step("capture = { \"a-b\" = \"/token\" }"),
        step("always = 1"),
        flow(
            "secrets = { host = \"env:PASSWORD\" }\n[[verify.steps]]\nname = \"a\"\nurl = \"https://{host}.example.com/\"",
        ),
        flow(
            "secrets = { password = \"hunter2\" }\n[[verify.steps]]\nname = \"a\"\nurl = \"https://a.example.com/\"",
        ),
    ];
    let seen = rows.map(|text| check(&text, PASSWORD).unwrap_err());
    assert!(!seen.concat().contains("hunter2"));
    insta::assert_snapshot!(seen.join("\n"), @r#"
    verify[0].steps: has 0 steps; write 1 to 20 sections [[verify[0].steps]]
    verify[0].steps[0].name: is missing; write name = "log in"
    verify[0].steps[0].url: is missing; write url = "https://shop.example.com/login"
    verify[0].steps[0].headers.authorization: is a secret, which does not belong in this file; write {name}, and name = "env:NAME" under secrets
    verify[0].steps[0].headers.x-order: has {order}, which no step before captures and secrets does not name
    verify[0].steps[0].body: is not sent with GET; add method = "POST"
    verify[0].steps[0].capture.token: "token" is no place in an answer; write a JSON pointer like "/token", "header:location" or "cookie:session"
    verify[0].steps[0].capture.a-b: is no name of a value; use a-z, 0-9 and "_"
    verify[0].steps[0].always: is a number; write true or false, without quotes
    verify[0].steps[0].url: has a value before its path, where none can stand
    verify[0].secrets.password: a secret does not belong in this file; write "env:NAME" or "file:PATH"
    "#);
}

#[test]
fn a_value_is_encoded_for_where_it_is_written() {
    let value = "a\"b/../c?d&é";
    let rows = [Sink::Address, Sink::Json, Sink::Text].map(|sink| sink.encode(value));
    insta::assert_snapshot!(rows.join("\n"), @r#"
    a%22b%2F..%2Fc%3Fd%26%C3%A9
    a\"b/../c?d&é
    a"b/../c?d&é
    "#);
}
