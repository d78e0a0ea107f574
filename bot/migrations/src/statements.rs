//! A text cut into statements, each parsed by itself: what the parser does not know of one takes
//! nothing from the others.

use sqlparser::{
    ast::Statement,
    dialect::PostgreSqlDialect,
    parser::Parser,
    tokenizer::{Token, Tokenizer, Whitespace},
};

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// How many words and signs of one statement are parsed: a longer chain of operators would be a
/// deeper tree than a stack holds.
const PARSED_AT_MOST: usize = 20_000;

/// One statement of a migration.
#[derive(Debug)]
pub(crate) struct Piece {
    /// What it consists of, without comments and space between words.
    pub(crate) tokens: Vec<Token>,
    /// What it is, if the parser knows it.
    pub(crate) parsed: Option<Box<Statement>>,
}

impl Piece {
    /// The first words in upper case, for what the parser does not know.
    pub(crate) fn words(&self) -> Vec<String> {
        self.tokens
            .iter()
            .map_while(|token| match token {
                Token::Word(word) => Some(word.value.to_uppercase()),
                Token::Period => Some(".".to_owned()),
                _ => None,
            })
            .take(6)
            .collect()
    }

    /// Whether the words stand at its beginning.
    pub(crate) fn begins(&self, words: &[&str]) -> bool {
        let own = self.words();
        own.len() >= words.len() && own.iter().zip(words).all(|(own, word)| own == word)
    }

    /// Its text, as far as it is told.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for token in &self.tokens {
            let token = match token {
                // The body of a function, or a value: neither is told.
                Token::DollarQuotedString(_) => "$$…$$".to_owned(),
                Token::SingleQuotedString(_)
                | Token::EscapedStringLiteral(_)
                | Token::NationalStringLiteral(_)
                | Token::UnicodeStringLiteral(_) => "'…'".to_owned(),
                token => token.to_string(),
            };
            let joins = matches!(token.as_str(), "." | "," | ")" | "(" | "[" | "]" | "::")
                || text.ends_with(['.', '(', '[', ':']);
            if !text.is_empty() && !joins {
                text.push(' ');
            }
            text.push_str(&token);
        }
        text
    }
}

/// The statements of a text. `None` if it cannot be cut: a quotation that never ends.
pub(crate) fn statements(sql: &str) -> Option<Vec<Piece>> {
    let tokens = Tokenizer::new(&DIALECT, sql).tokenize().ok()?;
    let mut pieces = Vec::new();
    for group in tokens.split(|token| *token == Token::SemiColon) {
        // A comment separates words, as a space does; the parser passes over both.
        let tokens: Vec<Token> = group
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .cloned()
            .collect();
        if tokens.is_empty() {
            continue;
        }
        if tokens.len() > PARSED_AT_MOST {
            pieces.push(Piece {
                tokens,
                parsed: None,
            });
            continue;
        }
        let spaced = tokens
            .iter()
            .flat_map(|token| [token.clone(), Token::Whitespace(Whitespace::Space)])
            .collect();
        let parsed = Parser::new(&DIALECT)
            .with_tokens(spaced)
            .parse_statements()
            .ok()
            .filter(|statements| statements.len() == 1)
            .and_then(|mut statements| statements.pop());
        pieces.push(Piece {
            tokens,
            parsed: parsed.map(Box::new),
        });
    }
    Some(pieces)
}
