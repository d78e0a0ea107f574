//! Writes docs/messages.md, everything that people are told in the stories:
//! `MESSAGES=dir cargo test --test stories`, then `cargo run --example messages -- dir`.

use serde::Deserialize;
use std::{collections::BTreeSet, env, error::Error, fmt::Write as _, fs, path::Path};

/// What the page begins with.
const INTRODUCTION: &str = "\
# Every message

What people read in Slack, in all stories of the tests: when (the story), to whom, and the words. A
message is left out if each of its lines stands in an earlier one, but for numbers and names. Made
by `just messages`.
";

/// What one story was told, in a workspace of its own.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    /// The path of the test, for instance `undo::a_rollback_is_undone`.
    story: String,
    /// To whom, and the words.
    sent: Vec<(String, String)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).ok_or("where are the messages?")?;
    let page = page(&read(Path::new(&directory))?);
    fs::write("docs/messages.md", page)?;
    Ok(())
}

/// What all stories were told, in the order of their names.
fn read(directory: &Path) -> Result<Vec<Told>, Box<dyn Error>> {
    let mut all = vec![];
    for entry in fs::read_dir(directory)? {
        let text = fs::read_to_string(entry?.path())?;
        all.push(serde_json::from_str(&text)?);
    }
    all.sort();
    Ok(all)
}

fn page(all: &[Told]) -> String {
    let mut page = INTRODUCTION.to_owned();
    let (mut known, mut chapter, mut story) = (BTreeSet::new(), "", "");
    for told in all {
        let (module, name) = told.story.split_once("::").unwrap_or(("", &told.story));
        for (to, text) in &told.sent {
            // Every line is looked at: those that are new here are known from here on.
            let new = text.lines().filter(|line| known.insert(shape(line)));
            if new.count() == 0 {
                continue;
            }
            if module != chapter {
                let _ = write!(page, "\n## {}\n", sentence(module));
                chapter = module;
            }
            if told.story != story {
                let _ = write!(page, "\n### {}\n", sentence(name));
                story = &told.story;
            }
            // A fence that nothing in the text can end.
            let fence = "`".repeat(longest_run_of_ticks(text).max(2) + 1);
            let _ = write!(page, "\nTo {to}:\n\n{fence}text\n{text}\n{fence}\n");
        }
    }
    page
}

/// The words of a name.
fn sentence(name: &str) -> String {
    let words = name.replace("::", ", ").replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What two lines have in common that differ in numbers, times, hashes and names of people alone.
fn shape(line: &str) -> String {
    let is_between = |letter: char| " ()·,:;\"*".contains(letter);
    let words = line.split(is_between).filter(|word| !is_particular(word));
    let words = words.map(|word| word.trim_matches(|letter: char| letter.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

/// Whether a word is a number, a unit of time, a hash or the name of a person.
fn is_particular(word: &str) -> bool {
    let is_hash = |hash: &str| hash.chars().all(|letter| letter.is_ascii_hexdigit());
    let code = word
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'));
    let is_unit = ["", "ms", "s", "m", "h", "days", "day"].contains(&word);
    is_unit || word.starts_with('@') || is_hash(word) || code.is_some_and(is_hash)
}

fn longest_run_of_ticks(text: &str) -> usize {
    let runs = text.split(|letter| letter != '`');
    runs.map(str::len).max().unwrap_or_default()
}
