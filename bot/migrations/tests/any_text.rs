//! Whatever is called a migration: it is judged, and nothing panics.

use proptest::prelude::*;
use rollback_migrations::{NAMED_AT_MOST, judge};

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC{0,400}") {
        let _ = judge(&[text.as_str()]);
    }

    #[test]
    fn words_of_sql_in_any_order_are_judged(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "ALTER", "TABLE", "DROP", "COLUMN", "CREATE", "INDEX", "DO", "$$", "BEGIN", "END", ";",
                "(", ")", "'", "\"", "--", "/*", "*/", "orders", "é", "NOT", "NULL", "IF", "EXISTS",
                "EXCEPTION", "WHEN", "duplicate_object", "THEN", "UPDATE", "SELECT", "WITH", "AS", ",",
                "$a$", "\\", ".", "::", "REFERENCES", "ADD", "CONSTRAINT", "TYPE",
            ]),
            0..40,
        )
    ) {
        for change in judge(&[words.join(" ").as_str()]).concat() {
            prop_assert!(change.statement.chars().count() <= NAMED_AT_MOST);
            prop_assert!(!change.statement.contains('\n'));
        }
    }
}

/// The parser counts how deep it is; a text cannot exhaust the stack.
#[test]
fn a_text_that_nests_ten_thousand_times_is_judged() {
    for (before, after) in [
        ("(", ")"),
        ("NOT ", ""),
        ("1 OR ", ""),
        ("1 + ", ""),
        ("'x' || ", ""),
        ("- ", ""),
        ("CASE WHEN ", ""),
        ("a = ALL (SELECT ", ")"),
        ("ARRAY[", "]"),
    ] {
        let text = format!("SELECT {}1{}", before.repeat(10_000), after.repeat(10_000));
        assert_eq!(judge(&[text.as_str()]).len(), 1);
    }
}

#[test]
fn a_value_is_not_told() {
    for sql in [
        "ALTER TABLE keys ALTER COLUMN value SET DEFAULT 'sk_live_51H'",
        "ALTER TABLE keys ADD CONSTRAINT c CHECK (value <> 'it''s sk_live_51H')",
        "UPDATE keys SET value = 'sk_live_51H'",
        "FROBNICATE 'sk_live_51H'",
        "FROBNICATE $a$sk_live_51H$a$",
        "FROBNICATE E'\\' sk_live_51H'",
        "SELECT set_key('sk_live_51H')",
        "COMMENT ON TABLE keys IS 'sk_live_51H'",
        "CREATE ROLE app PASSWORD 'sk_live_51H'",
        "ALTER ROLE app PASSWORD 'sk_live_51H'",
    ] {
        for change in judge(&[sql]).concat() {
            assert!(!change.statement.contains("sk_live"), "{change:?}");
        }
    }
}
