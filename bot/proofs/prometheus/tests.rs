//! Tests of the rules next door. The answers are those of Prometheus 2.42.

use super::*;
use rollback_domain::proof::Unit;

fn check() -> PrometheusCheck {
    PrometheusCheck {
        url: Url::parse("https://metrics.example.com/prometheus/").unwrap(),
        query: "up".into(),
        sent: Sent::default(),
        rule: NumberRule {
            unit: Unit::Ratio,
            limit: None,
        },
    }
}

/// What is known after an answer.
fn after(status: u16, body: &str) -> String {
    match check().answered(&Page::of(status, body)) {
        Outcome::Measured(Reading::Number(number)) => format!("number {}", number.value()),
        Outcome::Measured(Reading::NoData) => "no data".into(),
        Outcome::Measured(Reading::Unknown(why)) => format!("not known: {why}"),
        Outcome::Wrong(why) => format!("wrong: {why}"),
        Outcome::Away(why) => format!("away: {why}"),
        Outcome::Passed | Outcome::Failed(_) => unreachable!("it measures"),
    }
}

fn vector(value: &str) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1795855861.242,"{value}"]}}]}}}}"#
    )
}

#[test]
fn only_one_finite_number_is_a_number() {
    let warned = vector("0").replace(
        r#""data""#,
        r#""warnings":["remote read: one store is away"],"data""#,
    );
    let informed = vector("0.072").replace(
        r#""data""#,
        r#""infos":["PromQL info: metric might not be a counter"],"data""#,
    );
    let rows = [
        after(200, &vector("0.072")),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1795855861.28,"1e-3"]}}"#,
        ),
        after(200, &informed),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
        ),
        after(200, &vector("NaN")),
        after(200, &vector("+Inf")),
        after(200, &vector("1e300")),
        after(200, &warned),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"2"]}]}}"#,
        ),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"5"}]}]}}"#,
        ),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,0]}]}}"#,
        ),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"string","result":[1795855861.289,"x"]}}"#,
        ),
        after(
            200,
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1795855860.517,"1"]]}]}}"#,
        ),
        after(
            400,
            r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:10: parse error: unclosed left parenthesis"}"#,
        ),
        after(
            422,
            r#"{"status":"error","errorType":"execution","error":"many-to-many matching\nnot allowed"}"#,
        ),
        after(
            503,
            r#"{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}"#,
        ),
        after(401, "Unauthorized"),
        after(404, "404 page not found\n"),
        after(502, "<html>Bad Gateway</html>"),
        after(200, "<html>log in</html>"),
        after(200, r#"{"data":[]}"#),
    ];
    insta::assert_snapshot!(rows.join("\n"), @r#"
    number 0.072
    number 0.001
    number 0.072
    no data
    not known: the query gives NaN, as 0/0 does where nothing was counted
    not known: the query gives +Inf
    not known: the query gives 1e300
    not known: Prometheus warns: remote read: one store is away
    wrong: the query gives 2 numbers instead of one; wrap it in sum(…) or max(…)
    wrong: the query gives no number
    wrong: the query gives no number
    wrong: the query gives no number
    wrong: the query gives a range instead of one number; take the range away or wrap it in rate(…)
    wrong: the query is refused: invalid parameter "query": 1:10: parse error: unclosed left parenthesis
    away: the query could not be run: many-to-many matching not allowed
    away: the query could not be run: query timed out in expression evaluation
    wrong: Prometheus does not let this bot in (401)
    wrong: what answers is not Prometheus (404)
    away: what answers is not Prometheus (502)
    away: what answers is not Prometheus (200)
    away: what answers is not Prometheus (200)
    "#);
}

#[test]
fn a_proxy_may_have_a_path_of_its_own() {
    assert_eq!(
        check().address().as_str(),
        "https://metrics.example.com/prometheus/api/v1/query"
    );
}
