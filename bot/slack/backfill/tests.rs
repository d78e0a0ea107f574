//! Tests of the words next door.

use super::*;

fn at(time: &str) -> Timestamp {
    format!("2026-03-14T{time}Z").parse().unwrap()
}

fn line(time: &str, text: &str) -> Line {
    Line {
        at: at(time),
        text: text.into(),
    }
}

/// As somebody in UTC reads it.
fn read(words: &Words) -> String {
    let mut text = String::new();
    for part in words.text.split('<') {
        match part
            .strip_prefix("!date")
            .and_then(|date| date.split_once('|'))
        {
            Some((_, shown)) => text.push_str(&shown.replacen('>', "", 1)),
            None => text.push_str(part),
        }
    }
    text
}

#[test]
fn what_was_missed_is_told_in_order_with_its_times() {
    let lines = [
        line("03:13:00", "RB-1 has waited."),
        line("03:16:00", "ROLLBACK VERIFIED\nWhy  checkout 500s\n"),
    ];
    insta::assert_snapshot!(read(&message(&lines, at("03:17:20"))), @r"
    *Late:* Slack took no messages from 03:13:00 UTC to 03:17:20 UTC. What happened meanwhile:
    • 03:13:00 UTC  RB-1 has waited.
    • 03:16:00 UTC  ROLLBACK VERIFIED
    Why  checkout 500s
    ");
}

#[test]
fn an_outage_over_night_has_dates() {
    let text = read(&message(
        &[line("03:13:00", "RB-1 has waited.")],
        "2026-03-15T09:00:00Z".parse().unwrap(),
    ));
    assert!(
        text.contains("from 2026-03-14 03:13 UTC to 09:00:00 UTC"),
        "{text}"
    );
}

#[test]
fn what_does_not_fit_is_shortened_then_counted_and_the_newest_is_whole() {
    let long = format!("first line\n{}", "x".repeat(900));
    let lines: Vec<Line> = (0..200)
        .map(|n| line("03:13:00", &format!("{n}: {long}")))
        .collect();
    let words = message(&lines, at("03:17:20"));
    assert!(words.text.chars().count() <= AT_MOST);
    let text = read(&words);
    assert!(text.ends_with(&format!("199: {long}")), "{text}");
    assert!(
        text.contains("\n• 03:13:00 UTC  190: first line\n"),
        "{text}"
    );
    let shown = text.matches("UTC  ").count();
    assert!(
        text.contains(&format!("and {} more before these", 200 - shown)),
        "{text}"
    );
    // Every one that is not shown is counted.
    assert!(
        !text.contains(&format!(" {}: first", 199 - shown)),
        "{text}"
    );
    assert!(text.contains(&format!(" {}: first", 200 - shown)), "{text}");
}
