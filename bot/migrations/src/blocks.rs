//! Anonymous blocks: `DO $$ … $$`. Generators write one around each statement that may have run
//! before, and those are read through. Everything else in one is a program, and is not.

/// The statements inside a block that does nothing else than run them, and nothing when what they
/// create is there already. `None` for every other block.
pub(crate) fn statements_inside(body: &str) -> Option<String> {
    let words: Vec<(usize, &str)> = words(body);
    let (first, last) = (words.first()?, words.last()?);
    if !first.1.eq_ignore_ascii_case("begin") || !last.1.eq_ignore_ascii_case("end") {
        return None;
    }
    let end = words
        .iter()
        .position(|(_, word)| word.eq_ignore_ascii_case("exception"))
        .map_or(Some(last.0), |at| {
            let handler: Vec<String> = words[at..words.len() - 1]
                .iter()
                .map(|(_, word)| word.to_lowercase())
                .collect();
            let handler: Vec<&str> = handler.iter().map(String::as_str).collect();
            // Nothing else is done where it has run before.
            let quiet = matches!(
                handler.as_slice(),
                [
                    "exception",
                    "when",
                    "duplicate_object" | "duplicate_table" | "duplicate_column",
                    "then",
                    "null"
                ]
            );
            quiet.then(|| words[at].0)
        })?;
    let inside = &body[first.0 + first.1.len()..end];
    // What is a program says so by its words.
    let program = words.iter().any(|(at, word)| {
        *at < end
            && [
                "if", "loop", "for", "while", "case", "declare", "execute", "perform", "raise",
                "return",
            ]
            .iter()
            .any(|control| word.eq_ignore_ascii_case(control))
            && !is_part_of_ddl(body, *at)
    });
    (!program).then(|| inside.to_owned())
}

/// Whether `IF` at this place is that of `IF EXISTS` or `IF NOT EXISTS`.
fn is_part_of_ddl(body: &str, at: usize) -> bool {
    let following: Vec<String> = words(&body[at..])
        .into_iter()
        .take(3)
        .map(|(_, word)| word.to_lowercase())
        .collect();
    let following: Vec<&str> = following.iter().map(String::as_str).collect();
    matches!(
        following.as_slice(),
        ["if", "exists", ..] | ["if", "not", "exists"]
    )
}

/// The words of a text with where they begin.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        let inside = character.is_alphanumeric() || character == '_';
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                words.push((from, &text[from..at]));
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    if let Some(from) = start {
        words.push((from, &text[from..]));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::statements_inside;

    #[test]
    fn what_a_generator_wraps_is_read_and_a_program_is_not() {
        assert_eq!(
            statements_inside(
                "BEGIN CREATE TYPE s AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN null; END"
            )
            .as_deref()
            .map(str::trim),
            Some("CREATE TYPE s AS ENUM ('a');")
        );
        for program in [
            "BEGIN IF NOT EXISTS (SELECT 1) THEN DROP TABLE t; END IF; END",
            "BEGIN DROP TABLE t; EXCEPTION WHEN others THEN DELETE FROM u; END",
            "BEGIN EXECUTE 'DROP TABLE t'; END",
            "DECLARE x int; BEGIN DROP TABLE t; END",
            "begin",
            "",
        ] {
            let inside = statements_inside(program);
            assert!(
                inside.is_none_or(|inside| inside.trim().is_empty()),
                "{program}"
            );
        }
    }
}
