//! The commands of a code block.
//!
//! What stands in a runbook is seldom a script: `vercel rollback [deployment-url]`, `<id>`, quotes
//! that nothing closes. So nothing is refused here. Whatever is nested is read afterwards and not by
//! recursion, and only as far as [`NESTED_AT_MOST`], so that no text is too deep.

use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// How long a substitution can be, in bytes, so that it is read for itself.
const NESTED_AT_MOST: usize = 4096;
/// How deep substitutions are read.
const DEPTH_AT_MOST: usize = 8;

/// A word of a command, without its quotes.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) place: Range<usize>,
}

/// One command: a program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// Without `sudo`, `npx` and variables before it; never empty.
    pub(crate) words: Vec<Word>,
    /// Where it stands in the block.
    pub(crate) place: Range<usize>,
    /// Whether the next command reads what it prints.
    pub(crate) is_piped: bool,
    /// Where the text of its here-document stands in the block.
    pub(crate) here_document: Option<Range<usize>>,
}

impl Command {
    /// Whether it begins with these words, whatever options stand between them.
    pub(crate) fn begins(&self, words: &[&str]) -> bool {
        let mut plain = self.plain();
        words.iter().all(|word| plain.next() == Some(word))
    }

    /// The words that are no options.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &str> {
        let texts = self.words.iter().map(|word| word.text.as_str());
        texts.filter(|text| !text.starts_with('-'))
    }

    /// The options, without their values: `--set=a` is `--set`.
    pub(crate) fn options(&self) -> impl Iterator<Item = &str> {
        let options = self.words.iter().map(|word| word.text.as_str());
        options
            .filter(|text| text.starts_with('-'))
            .map(|text| text.split('=').next().unwrap_or(text))
    }

    /// Whether it has one of these options.
    pub(crate) fn has(&self, options: &[&str]) -> bool {
        self.options().any(|option| options.contains(&option))
    }

    /// The value of an option: `--name shop`, `--name=shop`.
    pub(crate) fn value(&self, names: &[&str]) -> Option<&str> {
        self.words.iter().enumerate().find_map(|(at, word)| {
            if names.contains(&word.text.as_str()) {
                return self.words.get(at + 1).map(|next| next.text.as_str());
            }
            let (name, value) = word.text.split_once('=')?;
            names.contains(&name).then_some(value)
        })
    }

    /// The words as they would be typed, without the options after them.
    pub(crate) fn typed(&self) -> String {
        let texts: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        let typed = texts.join(" ").replace(['\n', '\r'], " ");
        match typed.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", &typed[..at]),
            None => typed,
        }
    }
}

/// What a block has in it.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// In the order in which they stand; what is substituted comes after all others.
    pub(crate) commands: Vec<Command>,
    /// Where comments stand.
    pub(crate) comments: Vec<Range<usize>>,
}

/// Reads a block of shell commands.
pub(crate) fn read(text: &str) -> Script {
    let mut script = Script::default();
    let mut left = vec![(0..text.len(), 0)];
    while let Some((range, depth)) = left.pop() {
        let mut reader = Reader::new(text, range, &mut script);
        reader.read();
        let nested = reader.nested;
        if depth < DEPTH_AT_MOST {
            left.extend(nested.into_iter().map(|range| (range, depth + 1)));
        }
    }
    script.commands.sort_by_key(|command| command.place.start);
    script.comments.sort_by_key(|comment| comment.start);
    script
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    script: &'a mut Script,
    /// Substitutions, which are read later.
    nested: Vec<Range<usize>>,
    words: Vec<Word>,
    word: Option<Word>,
    /// The ends of here-documents that begin on the next line, and the command of each.
    here_documents: Vec<(String, Option<usize>)>,
    /// Whether the next word is the file of a redirection.
    is_redirected: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, range: Range<usize>, script: &'a mut Script) -> Self {
        Reader {
            text,
            at: range.start,
            end: range.end,
            script,
            nested: Vec::new(),
            words: Vec::new(),
            word: None,
            here_documents: Vec::new(),
            is_redirected: false,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..self.end]
    }

    fn read(&mut self) {
        while let Some(letter) = self.rest().chars().next() {
            self.read_one(letter);
        }
        self.end_command(false);
    }

    fn read_one(&mut self, letter: char) {
        let rest = self.rest();
        match letter {
            '\\' => self.read_escape(),
            '\'' | '"' | '`' => self.read_quoted(letter),
            '$' if rest.starts_with("$(") => self.read_substitution(),
            '\n' => {
                self.end_command(false);
                self.at += 1;
                self.read_here_documents();
            }
            letter if letter.is_whitespace() => {
                self.end_word();
                self.at += letter.len_utf8();
            }
            '#' if self.word.is_none() => {
                let length = rest.find('\n').unwrap_or(rest.len());
                self.script.comments.push(self.at..self.at + length);
                self.at += length;
            }
            '<' | '>' => self.read_redirection(letter),
            '|' | '&' | ';' | '(' | ')' => {
                let is_pipe = letter == '|' && !rest.starts_with("||");
                self.end_command(is_pipe);
                self.at += 1;
            }
            letter => self.push(letter, letter.len_utf8()),
        }
    }

    fn push(&mut self, letter: char, length: usize) {
        let at = self.at;
        let word = self.word.get_or_insert_with(|| Word {
            text: String::new(),
            place: at..at,
        });
        word.text.push(letter);
        word.place.end = at + length;
        self.at += length;
    }

    /// Takes a part as it stands into the word.
    fn push_all(&mut self, part: &str, length: usize) {
        let at = self.at;
        let word = self.word.get_or_insert_with(|| Word {
            text: String::new(),
            place: at..at,
        });
        word.text.push_str(part);
        word.place.end = at + length;
        self.at += length;
    }

    fn read_escape(&mut self) {
        let rest = self.rest();
        for line_end in ["\\\n", "\\\r\n"] {
            if rest.starts_with(line_end) {
                self.end_word();
                self.at += line_end.len();
                return;
            }
        }
        match rest[1..].chars().next() {
            Some(letter) => self.push(letter, 1 + letter.len_utf8()),
            None => self.push('\\', 1),
        }
    }

    /// A quote that nothing closes is a letter, and so is one inside of a word: people write `don't`.
    fn read_quoted(&mut self, quote: char) {
        let inside = &self.rest()[1..];
        let inside = &inside[..boundary(inside, NESTED_AT_MOST)];
        let ends_in_letter = |word: &Word| word.text.ends_with(char::is_alphabetic);
        let is_apostrophe = quote == '\''
            && self.word.as_ref().is_some_and(ends_in_letter)
            && inside.starts_with(char::is_alphabetic);
        let Some(length) = closing(inside, quote).filter(|_| !is_apostrophe) else {
            self.push(quote, 1);
            return;
        };
        let start = self.at + 1;
        let part = &self.text[start..start + length];
        match quote {
            '`' => self.nested.push(start..start + length),
            '"' => {
                for (at, _) in part.match_indices("$(") {
                    if let Some(length) = parenthesis(&part[at + 2..]) {
                        let start = start + at + 2;
                        self.nested.push(start..start + length);
                    }
                }
            }
            _ => {}
        }
        self.push_all(part, length + 2);
    }

    fn read_substitution(&mut self) {
        let inside = &self.rest()[2..];
        match parenthesis(inside) {
            Some(length) => {
                let start = self.at + 2;
                self.nested.push(start..start + length);
                let part = &self.text[self.at..start + length + 1];
                self.push_all(part, part.len());
            }
            None => self.push('$', 1),
        }
    }

    fn read_redirection(&mut self, letter: char) {
        static PLACEHOLDER: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"^<[A-Za-z][A-Za-z0-9 _./:-]{0,60}>"));
        static HERE_DOCUMENT: LazyLock<Regex> =
            LazyLock::new(|| pattern(r#"^<<-?\s*['"]?([A-Za-z_][A-Za-z0-9_]{0,60})['"]?"#));
        let rest = self.rest();
        if let Some(found) = PLACEHOLDER.find(rest) {
            self.push_all(found.as_str(), found.len());
            return;
        }
        if let Some(found) = HERE_DOCUMENT.captures(rest) {
            self.here_documents.push((found[1].to_owned(), None));
            self.end_word();
            self.at += found[0].len();
            return;
        }
        // The number of a stream before it is no word.
        let is_stream =
            |word: &Word| word.text.len() == 1 && word.text.as_bytes()[0].is_ascii_digit();
        if self.word.as_ref().is_some_and(is_stream) {
            self.word = None;
        }
        self.end_word();
        let same = rest
            .bytes()
            .take_while(|byte| *byte == letter as u8)
            .count();
        let is_copy = rest[same..].starts_with('&');
        self.at += same + usize::from(is_copy);
        self.is_redirected = true;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else {
            return;
        };
        if !std::mem::take(&mut self.is_redirected) {
            self.words.push(word);
        }
    }

    fn end_command(&mut self, is_piped: bool) {
        self.end_word();
        self.is_redirected = false;
        let words = std::mem::take(&mut self.words);
        let words = words.get(program(&words)..).unwrap_or_default().to_vec();
        if let (Some(first), Some(last)) = (words.first(), words.last()) {
            let place = first.place.start..last.place.end;
            let number = self.script.commands.len();
            for (_, command) in &mut self.here_documents {
                command.get_or_insert(number);
            }
            self.script.commands.push(Command {
                words,
                place,
                is_piped,
                here_document: None,
            });
        }
    }

    /// Passes over the here-documents that begin here.
    fn read_here_documents(&mut self) {
        for (delimiter, command) in std::mem::take(&mut self.here_documents) {
            let start = self.at;
            let mut end = self.end;
            let mut at = start;
            while at < self.end {
                let rest = &self.text[at..self.end];
                let length = rest.find('\n').map_or(rest.len(), |length| length + 1);
                if rest[..length].trim() == delimiter {
                    end = at;
                    at += length;
                    break;
                }
                at += length;
            }
            self.at = at;
            if let Some(command) = command.and_then(|at| self.script.commands.get_mut(at)) {
                command.here_document = Some(start..end);
            }
        }
    }
}

/// How many words stand before the program: what runs another program, and variables.
fn program(words: &[Word]) -> usize {
    const BEFORE: [&str; 22] = [
        "$", ">", "%", "sudo", "npx", "bunx", "pnpx", "time", "exec", "env", "command", "if",
        "then", "else", "elif", "while", "until", "do", "!", "{", "}", "nohup",
    ];
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.text.as_str();
        let next = words.get(at + 1).map(|word| word.text.as_str());
        at += match (text, next) {
            ("pnpm" | "yarn", Some("dlx" | "exec")) | ("npm", Some("exec")) => 2,
            (text, _) if BEFORE.contains(&text) || is_assignment(text) => 1,
            // An option of `npx` or `sudo`.
            (text, _) if text.starts_with('-') && at > 0 => 1,
            _ => break,
        };
    }
    at
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else {
        return false;
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    !name.is_empty() && name.chars().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Where a quote ends.
fn closing(inside: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if quote != '\'' => is_escaped = true,
            letter if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the parenthesis ends that was opened before this.
fn parenthesis(inside: &str) -> Option<usize> {
    let inside = &inside[..boundary(inside, NESTED_AT_MOST)];
    if !inside.contains(')') {
        return None;
    }
    let mut depth = 1;
    for (at, letter) in inside.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The last place before `at_most` between two characters.
fn boundary(text: &str, at_most: usize) -> usize {
    let mut at = at_most.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A pattern of ours.
#[expect(clippy::expect_used, reason = "patterns of ours are tried by tests")]
pub(crate) fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<String> {
        let script = read(text);
        let typed = script.commands.iter().map(|command| {
            let words: Vec<&str> = command
                .words
                .iter()
                .map(|word| word.text.as_str())
                .collect();
            words.join("·") + if command.is_piped { " |" } else { "" }
        });
        typed.collect()
    }

    #[test]
    fn what_runbooks_have_in_them_is_read() {
        for (text, expected) in [
            (
                "vercel rollback [url]  # now",
                vec!["vercel·rollback·[url]"],
            ),
            (
                "supabase link --project-ref <project-id>",
                vec!["supabase·link·--project-ref·<project-id>"],
            ),
            (
                "$ sudo docker stop web && docker rm web",
                vec!["docker·stop·web", "docker·rm·web"],
            ),
            ("npx --yes prisma migrate dev", vec!["prisma·migrate·dev"]),
            (
                "curl -X POST \\\n  -d '{\n \"a\": 1}' x",
                vec!["curl·-X·POST·-d·{\n \"a\": 1}·x"],
            ),
            (
                "vercel ls 2>&1 > out.txt | tail -1",
                vec!["vercel·ls |", "tail·-1"],
            ),
            ("echo don't\r\nnpm ci\r\n", vec!["echo·don't", "npm·ci"]),
            ("PATH=/x A=1 git push", vec!["git·push"]),
            (
                "if [ -z \"$A\" ]; then exit 1; fi",
                vec!["[·-z·$A·]", "exit·1", "fi"],
            ),
            ("", vec![]),
        ] {
            assert_eq!(commands(text), expected, "{text}");
        }
    }

    #[test]
    fn substitutions_and_here_documents_are_read_too() {
        assert_eq!(
            commands("A=$(vercel ls | head -n 2)"),
            ["vercel·ls |", "head·-n·2"]
        );
        assert_eq!(
            commands("echo \"at $(supabase db version)\" `date`"),
            [
                "echo·at $(supabase db version)·date",
                "supabase·db·version",
                "date"
            ]
        );
        let script = read("psql x << 'EOF'\nDROP TABLE a;\nEOF\necho done");
        assert_eq!(script.commands.len(), 2);
        assert_eq!(script.commands[0].here_document, Some(16..30));
    }

    #[test]
    fn nothing_is_too_deep_or_too_long() {
        for part in [
            "$(", "`", "'", "\"", "<<A\n", "(", "\\", "|", "$(`", "<", "é",
        ] {
            let _ = read(&part.repeat(20_000));
        }
    }
}
