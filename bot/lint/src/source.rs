//! From the bytes of a file to text, and from an offset in it to a line and a column.

use std::{fmt, ops::Range};

/// The largest file that is read, in bytes.
pub const AT_MOST: usize = 1 << 20;

/// Why a file is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It has more than [`AT_MOST`] bytes.
    TooLarge,
    /// It has a zero byte, as programs and pictures do.
    Binary,
    /// It begins as UTF-16 does.
    Utf16,
    /// It is no UTF-8 from this line on, counted from one.
    NotUtf8(usize),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::TooLarge => write!(
                f,
                "is larger than 1 MB, which nobody reads in an emergency; split it, and name its parts"
            ),
            Unreadable::Binary => write!(f, "is no text; name a runbook in Markdown"),
            Unreadable::Utf16 => write!(f, "is UTF-16; save it as UTF-8"),
            Unreadable::NotUtf8(line) => write!(f, "is not UTF-8 at line {line}; save it as UTF-8"),
        }
    }
}

/// The text of a file.
pub fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    if bytes.len() > AT_MOST {
        return Err(Unreadable::TooLarge);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Unreadable::Utf16);
    }
    if bytes.contains(&0) {
        return Err(Unreadable::Binary);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        Unreadable::NotUtf8(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A place in a file, as people count: lines and columns from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// The number of the line at an offset, from zero.
    pub(crate) fn index(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at) - 1
    }

    pub(crate) fn place(&self, text: &str, at: usize) -> Place {
        let line = self.index(at);
        let before = text.get(self.starts[line]..at).unwrap_or_default();
        Place {
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The line at an offset, without its end.
    pub(crate) fn text<'a>(&self, text: &'a str, at: usize) -> &'a str {
        let line = self.index(at);
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        text[self.starts[line]..end].trim_end_matches(['\n', '\r'])
    }
}

/// Text that was taken out of a file piece by piece, and where each piece was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extract {
    pub(crate) text: String,
    /// Where a piece begins in the text, and where it was in the file.
    pieces: Vec<(usize, Range<usize>)>,
}

impl Extract {
    pub(crate) fn push(&mut self, piece: &str, place: Range<usize>) {
        self.pieces.push((self.text.len(), place));
        self.text.push_str(piece);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where a part of the text was in the file. What is written otherwise there, such as `&amp;`,
    /// is found to the piece that it belongs to.
    pub(crate) fn place(&self, part: &Range<usize>) -> Range<usize> {
        let start = self.offset(part.start);
        let last = self.offset(part.end.saturating_sub(1).max(part.start));
        start..(last + 1).max(start + 1)
    }

    fn offset(&self, at: usize) -> usize {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        match self.pieces.get(after.wrapping_sub(1)) {
            Some((start, place)) => (place.start + (at - start)).min(place.end.max(1) - 1),
            None => 0,
        }
    }
}

/// The same range, widened to whole characters and kept inside of the text.
pub(crate) fn whole_characters(text: &str, range: &Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_with_a_sentence() {
        assert_eq!(text_of(b"\x7fELF\0"), Err(Unreadable::Binary));
        assert_eq!(text_of(b"\xff\xfeh\0i\0"), Err(Unreadable::Utf16));
        assert_eq!(text_of(b"one\ntwo \xff"), Err(Unreadable::NotUtf8(2)));
        assert_eq!(text_of(&vec![b' '; 10 << 20]), Err(Unreadable::TooLarge));
        assert_eq!(text_of(b"\xef\xbb\xbf# Title"), Ok("# Title"));
        assert_eq!(text_of(b""), Ok(""));
        assert_eq!(
            Unreadable::NotUtf8(2).to_string(),
            "is not UTF-8 at line 2; save it as UTF-8"
        );
    }

    #[test]
    fn columns_are_counted_in_characters() {
        let text = "é é\nsecond\r\nthird";
        let lines = Lines::of(text);
        assert_eq!(
            lines.place(text, text.find(" é").unwrap()),
            Place { line: 1, column: 2 }
        );
        assert_eq!(lines.place(text, text.len()), Place { line: 3, column: 6 });
        assert_eq!(lines.text(text, text.find("con").unwrap()), "second");
    }
}
