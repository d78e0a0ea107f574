//! Tests of the calls next door, against the simulated workspace.

use super::*;
use rollback_simulation::{Fault, Options, Person, Slack as Workspace};

async fn workspace() -> (Workspace, Slack) {
    let http = crate::http_client().unwrap();
    let workspace = Workspace::start(Options {
        people: vec![
            Person::member("U0SAM", "sam"),
            Person::member("U0ANA", "ana"),
        ],
        ..Options::default()
    })
    .await
    .unwrap();
    let url = workspace.api_url().parse().unwrap();
    let slack = Slack::new(http, &url, "xoxb-simulation");
    (workspace, slack)
}

#[tokio::test]
async fn a_group_is_who_slack_lists() {
    let (workspace, slack) = workspace().await;
    workspace.changes_group_quietly("S0ONCALL", &["U0SAM", "U0ANA"]);
    workspace.changes_group_quietly("S0EMPTY", &[]);
    assert_eq!(
        slack.group_members("S0ONCALL").await,
        Ok(vec!["U0SAM".into(), "U0ANA".into()])
    );
    assert_eq!(slack.group_members("S0EMPTY").await, Ok(vec![]));
    // Not an empty list: nobody knows who is in it.
    assert_eq!(
        slack.group_members("S0GONE").await,
        Err(Failure::Never("no_such_subteam".into()))
    );
    workspace.set_fault(Some(Fault::RateLimited { retry_after: 7 }));
    assert_eq!(
        slack.group_members("S0ONCALL").await,
        Err(Failure::Later {
            why: "Slack asked to slow down (usergroups.users.list)".into(),
            after: Some(Duration::from_secs(7)),
        })
    );
}

#[tokio::test]
async fn a_person_is_found_by_their_address() {
    let (workspace, slack) = workspace().await;
    assert_eq!(
        slack.by_email("Sam@acme.example").await,
        Ok(Some("U0SAM".into()))
    );
    assert_eq!(slack.by_email("kim+x@acme.example").await, Ok(None));
    workspace.deactivates("U0SAM");
    assert_eq!(slack.by_email("sam@acme.example").await, Ok(None));
    workspace.set_fault(Some(Fault::Outage));
    assert!(matches!(
        slack.by_email("ana@acme.example").await,
        Err(Failure::Later { .. })
    ));
}

#[test]
fn words_for_slack_are_read_aloud_in_plain_words() {
    let text = blocks::plainly(&format!(
        "<@U0SAM> at <!date^1773457920^{{time_secs}}|03:12:00 UTC>: \"{}\" <https://a.example|shop>, see <https://b.example>",
        blocks::escape("a < b && c > <!channel>")
    ));
    assert_eq!(
        text,
        "@U0SAM at 03:12:00 UTC: \"a < b && c > <!channel>\" shop, see https://b.example"
    );
    assert_eq!(blocks::plainly("cut in the mi<!dat"), "cut in the mi!dat");
}

#[test]
fn a_line_of_mrkdwn_is_cut_between_characters_and_mentions_stay_whole() {
    let line = "<@U0SAM> said *stop*:\n`a` &lt; b &amp; c";
    let cut = |at_most| blocks::inline_mrkdwn(line, at_most);
    assert_eq!(cut(300), "<@U0SAM> said stop: a &lt; b &amp; c");
    // The mention and each escaped character count as one.
    assert_eq!(cut(22), "<@U0SAM> said stop: a &lt; b &amp; c");
    assert_eq!(cut(21), "<@U0SAM> said stop: a &lt; b &amp;…");
    assert_eq!(cut(2), "<@U0SAM>…");
    assert_eq!(cut(1), "…");
    // What cannot have come from us is text.
    assert_eq!(blocks::inline_mrkdwn("a < b & c", 300), "a < b & c");
}
