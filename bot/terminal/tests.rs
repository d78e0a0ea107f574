//! Tests of what reaches a terminal and a shell.

use super::*;
use std::process::Command;

#[test]
fn a_terminal_gets_nothing_that_it_obeys() {
    let text = "v1\u{1b}[2J\u{7}\u{9b}1m\u{202e}\u{200b}x\r\nnext\tcolumn";
    assert_eq!(clean(text), "v1 [2J  1mx \nnext\tcolumn");
    assert_eq!(
        cell("fine\n2026-11-27  RB-1 approved"),
        "fine 2026-11-27 RB-1 approved"
    );
}

#[test]
fn json_stays_the_same_value() {
    let value = serde_json::json!({ "text": "a\u{1b}[1m\u{9b}\u{202e}\u{e0041}\n\"é\"" });
    let text = escaped_json(&serde_json::to_string_pretty(&value).unwrap());
    let back: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(back, value);
    assert!(
        text.chars()
            .all(|c| c == '\n' || !c.is_control() && !is_invisible(c))
    );
}

#[test]
fn a_shell_reads_back_the_word_and_runs_nothing() {
    for word in [
        "v213",
        "v1;touch${IFS}x",
        "$(id)",
        "it's",
        "a b",
        "",
        "~root",
        "*",
        "-n",
        "a\nb",
        "!!",
        "`id`",
        "é",
        "=ls",
    ] {
        let script = format!("printf '%s' {}", shell_word(word));
        let printed = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), word);
    }
    assert_eq!(shell_word("2026-11-27_1.0"), "2026-11-27_1.0");
}
