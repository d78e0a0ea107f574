//! Others' words inside of ours: they are text there, and format nothing.

/// The longest that a quotation in an announcement may be, in characters. The timeline has all of
/// it.
const QUOTED_AT_MOST: usize = 700;

/// The text on one line, without the characters by which Slack would make bold, struck or code of
/// it, or of what follows. They stay where Slack makes nothing of them: `1.0~beta`, `2 * 3`.
pub fn unformatted(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_word = |at: Option<usize>| {
        at.and_then(|at| letters.get(at))
            .is_some_and(|letter| letter.is_alphanumeric())
    };
    let is_space = |at: Option<usize>| {
        at.and_then(|at| letters.get(at))
            .is_some_and(|letter| letter.is_whitespace())
    };
    let mut plain = String::with_capacity(text.len());
    for (at, letter) in letters.iter().enumerate() {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        match letter {
            '`' => {}
            '*' | '~' => {
                let stays =
                    (is_word(before) && is_word(after)) || (is_space(before) && is_space(after));
                if stays {
                    plain.push(*letter);
                }
            }
            letter if letter.is_control() => plain.push(' '),
            letter => plain.push(*letter),
        }
    }
    plain
}

/// The text without its marks of code, if one of them would be left open: it would make code of
/// what follows. What the bot itself writes closes its own.
pub fn closed(text: &str) -> String {
    match text.contains("```") || text.matches('`').count() % 2 == 1 {
        true => text.replace('`', ""),
        false => text.to_owned(),
    }
}

/// Somebody's words as they are quoted where everybody reads them: unformatted, and cut when they
/// would push out what follows them.
pub fn quotation(words: &str) -> String {
    let plain = unformatted(words);
    if plain.chars().count() <= QUOTED_AT_MOST {
        return plain;
    }
    let start: String = plain.chars().take(QUOTED_AT_MOST - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_formats_what_stands_around_it() {
        for (text, plain) in [
            ("*RB-1 VERIFIED*", "RB-1 VERIFIED"),
            ("```rm -rf", "rm -rf"),
            ("`a` ~b~", "a b"),
            ("v1*", "v1"),
            ("1.0~beta", "1.0~beta"),
            ("SELECT * FROM a", "SELECT * FROM a"),
            ("* FROM a", " FROM a"),
            ("2*3", "2*3"),
            ("one\n*two*\u{1b}", "one two "),
            ("my_service_name", "my_service_name"),
        ] {
            assert_eq!(unformatted(text), plain, "{text}");
        }
    }

    #[test]
    fn code_that_is_closed_stays_code() {
        assert_eq!(closed("write `stop RB-1`"), "write `stop RB-1`");
        assert_eq!(closed("write `stop RB-1"), "write stop RB-1");
        assert_eq!(closed("```a``` `"), "a ");
        assert_eq!(closed("```a```"), "a");
    }

    #[test]
    fn a_long_quotation_leaves_room_for_the_rest() {
        assert_eq!(quotation(&"<".repeat(700)).chars().count(), 700);
        let cut = quotation(&"<".repeat(2_900));
        assert_eq!(cut.chars().count(), 700);
        assert!(cut.ends_with("<…"), "{cut}");
    }
}
