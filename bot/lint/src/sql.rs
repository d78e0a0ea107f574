//! The statements of a block of SQL.

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};
use std::ops::Range;

/// One statement: its words in upper case, without texts and comments.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    words: Vec<String>,
    /// Where it stands in the block.
    pub(crate) place: Range<usize>,
}

impl Statement {
    /// Whether these words stand in it, one after another.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.words
            .windows(words.len())
            .any(|window| window.iter().zip(words).all(|(left, right)| left == right))
    }

    /// Whether it begins with these words.
    pub(crate) fn starts(&self, words: &[&str]) -> bool {
        self.words.len() >= words.len()
            && self
                .words
                .iter()
                .zip(words)
                .all(|(left, right)| left == right)
    }
}

/// What a block has in it.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    pub(crate) statements: Vec<Statement>,
    /// Where comments stand.
    pub(crate) comments: Vec<Range<usize>>,
}

/// Reads a block of SQL, as far as it can be told what is text in it and what is not.
pub(crate) fn read(text: &str) -> Statements {
    let mut tokens = Vec::new();
    // What is behind an open quote is text; the tokens before it are there.
    let _ =
        Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location_into_buf(&mut tokens);
    let mut found = Statements::default();
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    let mut place: Option<Range<usize>> = None;
    for TokenWithSpan { token, span } in tokens {
        let start = cursor.offset(span.start.line, span.start.column);
        let end = cursor.offset(span.end.line, span.end.column);
        match token {
            Token::Whitespace(space) => {
                use sqlparser::tokenizer::Whitespace::{MultiLineComment, SingleLineComment};
                if matches!(space, MultiLineComment(_) | SingleLineComment { .. }) {
                    found.comments.push(start..end);
                }
            }
            Token::SemiColon => {
                if let Some(place) = place.take() {
                    let words = std::mem::take(&mut words);
                    found.statements.push(Statement { words, place });
                }
            }
            token => {
                place.get_or_insert(start..end).end = end;
                words.push(match token {
                    Token::Word(word) => word.value.to_uppercase(),
                    Token::SingleQuotedString(value) => format!("'{value}'"),
                    token => token.to_string(),
                });
            }
        }
    }
    if let Some(place) = place {
        found.statements.push(Statement { words, place });
    }
    found
}

/// Goes from lines and columns to offsets, forwards only.
struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    length: usize,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Cursor {
            rest: text.chars(),
            length: text.len(),
            line: 1,
            column: 1,
        }
    }

    fn offset(&mut self, line: u64, column: u64) -> usize {
        while (self.line, self.column) < (line, column) {
            match self.rest.next() {
                Some('\n') => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => break,
            }
        }
        self.length - self.rest.as_str().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_their_words_and_places() {
        let text = "-- é DROP TABLE no;\nDROP TABLE IF EXISTS a CASCADE;\nSELECT 'DROP TABLE b', $$ DROP $$";
        let found = read(text);
        assert_eq!(found.statements.len(), 2);
        assert!(found.statements[0].has(&["DROP", "TABLE"]));
        assert!(found.statements[0].starts(&["DROP", "TABLE", "IF"]));
        assert_eq!(
            &text[found.statements[0].place.clone()],
            "DROP TABLE IF EXISTS a CASCADE"
        );
        assert!(!found.statements[1].has(&["DROP"]));
        assert_eq!(found.comments.len(), 1);
    }

    #[test]
    fn an_open_quote_hides_only_what_is_behind_it() {
        let found = read("DELETE FROM a; SELECT 'it");
        assert!(found.statements[0].has(&["DELETE", "FROM", "A"]));
    }
}
