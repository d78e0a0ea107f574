//! Tests of what Slack gets: escaped, within its limits, and whole.

use super::*;

/// The `<` and `&` of a text that begin nothing whole.
fn broken(mrkdwn: &str) -> Vec<&str> {
    characters(mrkdwn)
        .filter(|one| *one == "<" || *one == "&")
        .collect()
}

#[test]
fn what_cannot_be_seen_is_sent_to_nobody() {
    let text = "v2\u{202e}31\u{2066}\u{200b} <!channel>\u{1b}[2J";
    assert_eq!(escape(text), "v231 &lt;!channel&gt; [2J");
    assert_eq!(inline(text, 80), "v231 &lt;!channel&gt; [2J");
    assert_eq!(plain_text(text, 80).text, "v231 <!channel> [2J");
    assert_eq!(Mrkdwn.words("```*a*"), "a");
    assert_eq!(Mrkdwn.text("```*a*"), "*a*");
}

#[test]
fn a_block_that_is_too_long_keeps_every_line_and_breaks_nothing() {
    let date = "<!date^1790000000^{time_secs}|03:12:00 UTC>";
    let lines = [
        "*Restores*  code".to_owned(),
        format!("*Now*  `v214`  {date}  \"{}\"", "&lt;".repeat(900)),
        format!("*Target*  `{}`", "&amp;x".repeat(500)),
        format!("{}{date}", "a".repeat(740)),
        "*Leaves*  database".to_owned(),
    ];
    for at_most in [500, 900, 1_500, 2_000, 3_000] {
        let fitted = fit(&lines.join("\n"), at_most);
        let length = fitted.chars().count();
        assert!(length <= at_most, "{length} of {at_most}");
        assert_eq!(broken(&fitted), [""; 0], "{fitted}");
        let kept: Vec<&str> = fitted.lines().collect();
        assert_eq!(kept.len(), lines.len());
        assert_eq!(kept[0], lines[0]);
        assert_eq!(kept[4], lines[4]);
        assert!(kept[1].starts_with("*Now*  `v214`  <!date"), "{fitted}");
        assert!(kept[1].ends_with('…'), "{fitted}");
        assert_eq!(kept[2].matches('`').count(), 2, "{fitted}");
    }
    let short = "a\n\nb &lt;";
    assert_eq!(fit(short, 3_000), short);
}

#[test]
fn lines_that_find_no_room_are_counted() {
    let lines: Vec<String> = (0..200)
        .map(|n| format!("{n} {}", "x".repeat(60)))
        .collect();
    let fitted = fit(&lines.join("\n"), 3_000);
    assert!(fitted.chars().count() <= 3_000);
    let kept = fitted.lines().count() - 1;
    assert!(
        fitted.ends_with(&format!("\n… and {} more lines", 200 - kept)),
        "{fitted}"
    );
}

#[test]
fn people_are_mentioned_where_they_stand_and_nowhere_else() {
    let text = format!("{} & {} <x>", Message::whom(0), Message::whom(1));
    let people = vec!["U0SAM".to_owned(), "U0ANA".to_owned()];
    let drawn = message(&Message::Naming(text, people));
    assert_eq!(drawn, "<@U0SAM> &amp; <@U0ANA> &lt;x&gt;");
    let quoted = Message::quoted("\u{1}0\u{1} ```");
    assert_eq!(
        message(&Message::Naming(quoted, vec!["U0SAM".into()])),
        "0 "
    );
}
