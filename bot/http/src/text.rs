//! Other people's text, cut to what a sentence, a field or a line of the log has room for.

/// The text, of at most so many characters: what is cut off is replaced by `…`.
pub fn cut(text: &str, at_most: usize) -> String {
    cut_by(text, at_most, |_| 1)
}

/// The same, counted in UTF-16, as JavaScript counts.
pub fn cut_utf16(text: &str, at_most: usize) -> String {
    cut_by(text, at_most, char::len_utf16)
}

fn cut_by(text: &str, at_most: usize, width: impl Fn(char) -> usize) -> String {
    let mut taken = 0;
    // Where it is cut if it turns out to be too long: there must be room for the `…`.
    let mut end = 0;
    for (at, letter) in text.char_indices() {
        taken += width(letter);
        if taken > at_most {
            return format!("{}…", &text[..end]);
        }
        if taken < at_most {
            end = at + letter.len_utf8();
        }
    }
    text.to_owned()
}

/// The text without control characters, line breaks and what cannot be seen, one space between two
/// words.
pub fn one_line(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    visible
        .split(|letter: char| letter.is_control() || letter.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a character shows nothing by itself, or turns the order of what others show: with these,
/// two texts look alike that are not, or one reads as another.
pub fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}
