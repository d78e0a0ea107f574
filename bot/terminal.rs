//! What the command line prints: the one way to a terminal and to a shell.
//!
//! Text that others wrote moves no cursor, rings no bell and forges no line. When nobody reads any
//! more (`| head -3`), the work goes on and the exit code stays true.

use rollback_http::{is_invisible, one_line};
use serde::Serialize;
use std::{
    env,
    fmt::Display,
    io::{self, ErrorKind, IsTerminal, Write},
    process,
};

/// Prints lines for people on stdout.
pub fn line(text: impl Display) {
    write(io::stdout(), &(clean(&text.to_string()) + "\n"));
}

/// Prints pieces of text on stdout, each with the numbers of its style (`1;31`) where a terminal
/// shows them and nobody has said NO_COLOR.
pub fn styled<'a>(pieces: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    let has_colours = io::stdout().is_terminal() && !is_unwanted && !is_dumb;
    let texts = pieces.into_iter().map(|(style, text)| match clean(text) {
        text if has_colours && !style.is_empty() => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
        text => text,
    });
    write(io::stdout(), &texts.collect::<String>());
}

/// Prints lines for people on stderr.
pub fn error(text: impl Display) {
    // A terminal that is gone cannot be told so.
    let _ = io::stderr().write_all((clean(&text.to_string()) + "\n").as_bytes());
}

/// Prints a question on stdout, whose answer is typed behind it.
pub fn question(text: &str) {
    write(io::stdout(), &clean(text));
}

/// Prints a value for machines on stdout. It is the same value, written in letters that no terminal
/// obeys.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    write(io::stdout(), &(escaped_json(&text) + "\n"));
    Ok(())
}

/// Prints a part of a file on stdout, as it is: an export has nothing that a terminal obeys.
pub fn bytes(part: &[u8]) {
    write_bytes(io::stdout(), part);
}

fn write(to: impl Write, text: &str) {
    write_bytes(to, text.as_bytes());
}

fn write_bytes(mut to: impl Write, bytes: &[u8]) {
    let written = to.write_all(bytes).and_then(|()| to.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            self::error(format!("rollback-bot: nothing can be printed: {error}"));
            process::exit(1);
        }
        Ok(()) | Err(_) => {}
    }
}

/// Lines as a terminal may have them: no control characters, and none that cannot be seen.
fn clean(text: &str) -> String {
    let visible = text.chars().filter(|letter| !is_invisible(*letter));
    visible
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}

/// Others' text inside of one line of ours.
pub fn cell(text: &str) -> String {
    one_line(text)
}

/// Outside of its strings, JSON has none of these characters.
fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        let is_line_break = letter == '\n';
        if is_line_break || !(letter.is_control() || is_invisible(letter)) {
            escaped.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

/// A word as a POSIX shell reads it back: nothing in it runs, expands or ends the word.
pub fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "@%+=:,./_-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with(['=', '%']) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
