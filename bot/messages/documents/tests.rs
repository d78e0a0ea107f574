//! Tests of the text that stays text.

use super::*;

#[test]
fn text_stays_in_its_cell_of_a_table() {
    assert_eq!(
        cell("| a |\n# b\r\n<script>`c` **d** [e](f) ~~g~~ \\"),
        "\\| a \\| # b  &lt;script&gt;\\`c\\` \\*\\*d\\*\\* \\[e\\](f) \\~\\~g\\~\\~ \\\\"
    );
    assert_eq!(cell("a\u{1b}[2J\u{7}\u{9b}1m"), "a \\[2J  1m");
}

#[test]
fn nothing_turns_around_what_stands_beside_it() {
    // Overrides go; letters that are written from right to left are kept to themselves.
    assert_eq!(cell("v2\u{202e}31\u{2066}\u{200b}"), "v231");
    assert_eq!(cell("שלום | x"), "\u{2068}שלום \\| x\u{2069}");
    assert_eq!(readable("a\u{202e}b\nc\u{0}d"), "ab\nc d");
}
