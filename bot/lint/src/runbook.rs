//! A runbook, read from Markdown: its passages, its code blocks, and where each stands.

use crate::{
    shell::{self, Command, pattern},
    source::{Extract, Lines, whole_characters},
    sql::{self, Statement},
};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// What a passage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heading of this level, from 1.
    Heading(u8),
    /// Text of its own, or the text before a list.
    Paragraph,
    /// An item of a list, by the number of the list in the runbook.
    Item {
        /// The number of the list.
        list: usize,
        /// Whether the list is numbered.
        is_numbered: bool,
    },
    /// A row of a table, its cells parted by ` | `.
    Row,
}

/// Text without code blocks.
#[derive(Debug)]
pub(crate) struct Passage {
    pub(crate) kind: Kind,
    pub(crate) extract: Extract,
    /// The number of its section; the text before the first heading is section 0.
    pub(crate) section: usize,
    /// Parts of it that are marked as code.
    code: Vec<Range<usize>>,
}

impl Passage {
    pub(crate) fn text(&self) -> &str {
        &self.extract.text
    }
}

/// A heading, and those above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// From the title of the runbook to its own heading.
    pub(crate) path: Vec<String>,
}

impl Section {
    /// Its own heading.
    pub(crate) fn heading(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// In what a code block is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Commands, also where nothing is said.
    Shell,
    /// SQL.
    Sql,
    /// A template of a message: nobody runs it.
    Template,
    /// A program; commands stand in its strings.
    Program,
}

impl Language {
    fn of(info: &str) -> Self {
        let name = info.split([' ', ',', '{']).next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "" | "sh" | "bash" | "shell" | "zsh" | "fish" | "console" | "shell-session"
            | "shellsession" | "terminal" | "text" | "txt" => Language::Shell,
            "sql" | "psql" | "pgsql" | "postgresql" | "postgres" => Language::Sql,
            "markdown" | "md" | "json" | "diff" | "mermaid" => Language::Template,
            _ => Language::Program,
        }
    }
}

/// A command, where it stands in the file.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) command: Command,
    pub(crate) place: Range<usize>,
    /// The comments right above it and behind it.
    pub(crate) comment: String,
    /// Whether it is there to say that it should not be typed.
    pub(crate) is_warned_of: bool,
}

/// A code block, or code inside of a passage.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: Language,
    pub(crate) extract: Extract,
    pub(crate) section: usize,
    pub(crate) commands: Vec<Typed>,
    /// Statements, with where they stand in the file and whether they are warned of.
    pub(crate) statements: Vec<(Statement, Range<usize>, bool)>,
    /// Where comments stand in its text.
    pub(crate) comments: Vec<Range<usize>>,
    /// Whether it is part of a passage.
    pub(crate) is_inline: bool,
}

/// A runbook.
#[derive(Debug)]
pub(crate) struct Runbook {
    pub(crate) text: String,
    pub(crate) lines: Lines,
    pub(crate) sections: Vec<Section>,
    pub(crate) passages: Vec<Passage>,
    /// Code blocks in their order, then the code inside of passages.
    pub(crate) blocks: Vec<Block>,
    /// Where a fence begins that nothing closes.
    pub(crate) open_fence: Option<Range<usize>>,
}

/// Whether a sentence or a comment says that what it names is not to be done.
pub(crate) fn is_warning(sentence: &str) -> bool {
    static WARNING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(never|not|don['’]t|instead of|avoid|rather than|isn['’]t|cannot|no longer)\b",
        )
    });
    WARNING.is_match(sentence)
}

impl Runbook {
    /// Reads Markdown. There is no text that is none.
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader {
            text,
            sections: vec![Section::default()],
            levels: Vec::new(),
            passages: Vec::new(),
            blocks: Vec::new(),
            open_fence: None,
            lists: Vec::new(),
            count_of_lists: 0,
            passage: None,
            block: None,
        };
        let options =
            Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
        for (event, place) in Parser::new_ext(text, options).into_offset_iter() {
            reader.event(event, place);
        }
        reader.end_passage();
        let mut runbook = Runbook {
            text: text.to_owned(),
            lines: Lines::of(text),
            sections: reader.sections,
            passages: reader.passages,
            blocks: reader.blocks,
            open_fence: reader.open_fence,
        };
        for block in &mut runbook.blocks {
            read_code(text, block);
        }
        let inline: Vec<Block> = runbook
            .passages
            .iter()
            .flat_map(|passage| inline(text, passage))
            .collect();
        runbook.blocks.extend(inline);
        runbook
    }

    /// Every command, with its block.
    pub(crate) fn commands(&self) -> impl Iterator<Item = (&Block, &Typed)> {
        self.blocks
            .iter()
            .flat_map(|block| block.commands.iter().map(move |typed| (block, typed)))
    }

    /// Whether any text of it, also in code, matches.
    pub(crate) fn names(&self, regex: &Regex) -> bool {
        regex.is_match(&self.text)
    }
}

struct Reader<'a> {
    text: &'a str,
    sections: Vec<Section>,
    /// The headings above the one that is read, with their levels.
    levels: Vec<(u8, String)>,
    passages: Vec<Passage>,
    blocks: Vec<Block>,
    open_fence: Option<Range<usize>>,
    /// The lists around what is read: their numbers, and whether they are numbered.
    lists: Vec<(usize, bool)>,
    count_of_lists: usize,
    passage: Option<Passage>,
    block: Option<Block>,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, place: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, place),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.block {
                Some(block) => block.extract.push(&text, place),
                None => self.push(&text, place),
            },
            Event::Code(text) => {
                let start = self
                    .passage
                    .as_ref()
                    .map_or(0, |passage| passage.text().len());
                // The text begins behind as many backticks as it ends before.
                let marks = place.len().saturating_sub(text.len()) / 2;
                self.push(&text, place.start + marks..place.end - marks);
                if let Some(passage) = &mut self.passage {
                    passage.code.push(start..start + text.len());
                }
            }
            Event::SoftBreak | Event::HardBreak => self.push(" ", place),
            Event::InlineHtml(_)
            | Event::Html(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
            Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, place: Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => self.begin(Kind::Heading(level as u8)),
            Tag::Paragraph => match self.passage {
                // The text of an item whose list has blank lines.
                Some(Passage {
                    kind: Kind::Item { .. },
                    ref extract,
                    ..
                }) if extract.is_empty() => {}
                _ => self.begin(Kind::Paragraph),
            },
            Tag::List(first) => {
                self.end_passage();
                self.count_of_lists += 1;
                self.lists.push((self.count_of_lists, first.is_some()));
            }
            Tag::Item => {
                let (list, is_numbered) = self.lists.last().copied().unwrap_or_default();
                self.begin(Kind::Item { list, is_numbered });
            }
            Tag::TableHead | Tag::TableRow => self.begin(Kind::Row),
            Tag::TableCell => {
                let is_first = self
                    .passage
                    .as_ref()
                    .is_none_or(|passage| passage.text().is_empty());
                if !is_first {
                    self.push(" | ", place.start..place.start + 1);
                }
            }
            Tag::CodeBlock(kind) => self.start_block(&kind, place),
            // Paragraphs are inside of these, or nothing that is read.
            Tag::BlockQuote(_)
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Table(_)
            | Tag::MetadataBlock(_) => self.end_passage(),
            // Marks inside of a passage.
            Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::Link { .. }
            | Tag::Image { .. } => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.end_heading(level as u8),
            TagEnd::CodeBlock => {
                if let Some(block) = self.block.take() {
                    self.blocks.push(block);
                }
            }
            TagEnd::List(_) => {
                self.end_passage();
                self.lists.pop();
            }
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::BlockQuote(_)
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Table
            | TagEnd::MetadataBlock(_) => self.end_passage(),
            TagEnd::TableCell
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::Link
            | TagEnd::Image => {}
        }
    }

    fn begin(&mut self, kind: Kind) {
        self.end_passage();
        self.passage = Some(Passage {
            kind,
            extract: Extract::default(),
            section: self.sections.len() - 1,
            code: Vec::new(),
        });
    }

    fn push(&mut self, text: &str, place: Range<usize>) {
        if self.passage.is_none() {
            self.begin(Kind::Paragraph);
        }
        if let Some(passage) = &mut self.passage {
            passage.extract.push(text, place);
        }
    }

    fn end_passage(&mut self) {
        if let Some(passage) = self.passage.take()
            && !passage.extract.is_empty()
        {
            self.passages.push(passage);
        }
    }

    fn end_heading(&mut self, level: u8) {
        let heading = self.passage.as_ref().map_or("", Passage::text).to_owned();
        self.levels.retain(|(above, _)| *above < level);
        self.levels.push((level, heading));
        self.sections.push(Section {
            path: self
                .levels
                .iter()
                .map(|(_, heading)| heading.clone())
                .collect(),
        });
        if let Some(passage) = &mut self.passage {
            passage.section = self.sections.len() - 1;
        }
        self.end_passage();
    }

    fn start_block(&mut self, kind: &CodeBlockKind<'_>, place: Range<usize>) {
        self.end_passage();
        let (info, is_fenced) = match kind {
            CodeBlockKind::Fenced(info) => (info.as_ref(), true),
            CodeBlockKind::Indented => ("", false),
        };
        if is_fenced && !is_closed(&self.text[place.clone()]) {
            let first = self.text[place.clone()].lines().next().map_or(1, str::len);
            self.open_fence = Some(place.start..place.start + first.max(1));
        }
        self.block = Some(Block {
            language: Language::of(info),
            extract: Extract::default(),
            section: self.sections.len() - 1,
            commands: Vec::new(),
            statements: Vec::new(),
            comments: Vec::new(),
            is_inline: false,
        });
    }
}

/// Whether a fenced block ends with the marks that it begins with.
fn is_closed(block: &str) -> bool {
    let first = block.trim_start();
    let Some(mark) = first.chars().next() else {
        return false;
    };
    let count = |line: &str| line.chars().take_while(|letter| *letter == mark).count();
    let opened = count(first);
    let last = block.trim_end().rsplit_once('\n').map(|(_, last)| last);
    // Inside of a quotation each line begins with its mark.
    let last = last.map(|line| line.trim_start_matches(['>', ' ', '\t']));
    last.is_some_and(|line| count(line) >= opened && line.trim_end().chars().all(|c| c == mark))
}

/// Reads what is in a block by its language.
fn read_code(text: &str, block: &mut Block) {
    match block.language {
        Language::Shell => read_shell(block),
        Language::Sql => {
            let code = block.extract.text.clone();
            read_sql(block, &code, 0);
        }
        Language::Program => read_strings(block),
        Language::Template => {}
    }
    for typed in &mut block.commands {
        typed.place = whole_characters(text, &typed.place);
    }
    for (_, place, _) in &mut block.statements {
        *place = whole_characters(text, place);
    }
}

fn read_shell(block: &mut Block) {
    let code = block.extract.text.clone();
    let script = shell::read(&code);
    block.comments = script.comments;
    for command in script.commands {
        if let Some(body) = command.here_document.clone() {
            let mentions_sql = |word: &shell::Word| word.text.contains("sql");
            if command.words.iter().any(mentions_sql) || command.plain().next() == Some("cat") {
                read_sql(block, &code[body.clone()], body.start);
            }
        }
        let statement = command.words.iter().enumerate().find_map(|(at, word)| {
            let is_given = matches!(word.text.as_str(), "-c" | "--command");
            command.words.get(at + 1).filter(|_| is_given)
        });
        if let Some(word) = statement.filter(|_| command.begins(&["psql"])) {
            read_sql(block, &word.text.clone(), word.place.start);
        }
        let comment = comment_of(&code, &block.comments, &command.place);
        block.commands.push(Typed {
            place: block.extract.place(&command.place),
            is_warned_of: is_warning(&comment),
            comment,
            command,
        });
    }
}

/// Reads statements that begin at `offset` in the text of the block.
fn read_sql(block: &mut Block, code: &str, offset: usize) {
    let moved = |place: &Range<usize>| place.start + offset..place.end + offset;
    let found = sql::read(code);
    let comments: Vec<Range<usize>> = found.comments.iter().map(moved).collect();
    let whole = block.extract.text.clone();
    for statement in found.statements {
        let place = moved(&statement.place);
        let comment = comment_of(&whole, &comments, &place);
        let place = block.extract.place(&place);
        block
            .statements
            .push((statement, place, is_warning(&comment)));
    }
    block.comments.extend(comments);
}

/// Reads the strings of a program, as far as they begin with the name of a program.
fn read_strings(block: &mut Block) {
    static STRING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r#"["'`]((?:npx |sudo )?(?:vercel|railway|render|supabase|docker|kubectl|prisma|git|heroku|fly|flyctl"#,
            r#"|netlify|wrangler|psql|helm|terraform)\s[^"'`\n]{1,400})["'`]"#
        ))
    });
    static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?m)^\s*(?://|#)[^\n]*"));
    let code = block.extract.text.clone();
    block.comments = COMMENT
        .find_iter(&code)
        .map(|found| found.range())
        .collect();
    for found in STRING.captures_iter(&code) {
        let Some(string) = found.get(1) else { continue };
        for command in shell::read(string.as_str()).commands {
            let place = command.place.start + string.start()..command.place.end + string.start();
            let comment = comment_of(&code, &block.comments, &place);
            block.commands.push(Typed {
                place: block.extract.place(&place),
                is_warned_of: is_warning(&comment),
                comment,
                command: Command { place, ..command },
            });
        }
    }
}

/// Code inside of a passage, each part a block of its own.
fn inline(text: &str, passage: &Passage) -> Vec<Block> {
    let blocks = passage.code.iter().map(|part| {
        let code = &passage.text()[part.clone()];
        let mut extract = Extract::default();
        extract.push(code, passage.extract.place(part));
        let sentence = sentence(passage.text(), part);
        let commands = shell::read(code).commands.into_iter().map(|command| Typed {
            place: whole_characters(text, &extract.place(&command.place)),
            comment: String::new(),
            is_warned_of: is_warning(sentence),
            command,
        });
        Block {
            language: Language::Shell,
            commands: commands.collect(),
            extract,
            section: passage.section,
            statements: Vec::new(),
            comments: Vec::new(),
            is_inline: true,
        }
    });
    blocks.collect()
}

/// The sentence of a text in which a part of it stands, as far as it is not longer than sentences
/// are.
pub(crate) fn sentence<'a>(text: &'a str, part: &Range<usize>) -> &'a str {
    const LONG: usize = 400;
    const ENDS: [&str; 5] = [". ", "! ", "? ", "; ", ": "];
    let near = part.start.saturating_sub(LONG)..part.end + LONG;
    let near = whole_characters(text, &near);
    let before = &text[near.start..part.start];
    let start = ENDS.iter().filter_map(|end| before.rfind(end)).max();
    let after = &text[part.end..near.end];
    let end = ENDS.iter().filter_map(|end| after.find(end)).min();
    let start = near.start + start.map_or(0, |at| at + 2);
    &text[start..part.end + end.unwrap_or(after.len())]
}

/// The comments on the lines right above a part of a block, and the one behind it.
fn comment_of(code: &str, comments: &[Range<usize>], part: &Range<usize>) -> String {
    let mut found = Vec::new();
    const LONG: usize = 1000;
    let line_before = |at: usize| {
        let near = whole_characters(code, &(at.saturating_sub(LONG)..at));
        code[near.clone()]
            .rfind('\n')
            .map_or(near.start, |found| near.start + found)
    };
    let mut above = line_before(part.start);
    let first = comments.partition_point(|comment| comment.start < part.start);
    for comment in comments[..first].iter().rev().take(8) {
        let Some(between) = code.get(comment.end..above.max(comment.end)) else {
            break;
        };
        if !between.trim().is_empty() || between.contains('\n') {
            break;
        }
        found.push(&code[comment.clone()]);
        above = line_before(comment.start);
    }
    found.reverse();
    let behind = comments.get(first..).and_then(<[_]>::first);
    if let Some(comment) = behind
        && code
            .get(part.end..comment.start)
            .is_some_and(|between| !between.contains('\n'))
    {
        found.push(&code[comment.clone()]);
    }
    found.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_have_their_sections_and_places() {
        let text = "# Title\n\nText with *marks*.\n\n1. **First** item\n   ```sh\n   vercel rollback x # never\n   ```\n2. second\n\n| a | b |\n|---|---|\n| c | d |\n\n## Part\n\n- [ ] tick\n";
        let runbook = Runbook::read(text);
        let passages: Vec<&str> = runbook.passages.iter().map(Passage::text).collect();
        assert_eq!(
            passages,
            [
                "Title",
                "Text with marks.",
                "First item",
                "second",
                "a | b",
                "c | d",
                "Part",
                "tick"
            ]
        );
        assert_eq!(runbook.sections[2].path, ["Title", "Part"]);
        let (block, typed) = runbook.commands().next().unwrap();
        assert_eq!(&text[typed.place.clone()], "vercel rollback x");
        assert_eq!(block.section, 1);
        assert!(typed.is_warned_of);
        let marks = runbook.passages[1].extract.place(&(10..15));
        assert_eq!(&text[marks], "marks");
    }

    #[test]
    fn a_fence_that_nothing_closes_is_told() {
        let open = |text: &str| Runbook::read(text).open_fence.is_some();
        assert!(open("```sh\nls\n"));
        assert!(open("```sh"));
        assert!(!open("```sh\nls\n```\n"));
        assert!(!open("- a\n  ~~~~\n  ls\n  ~~~~\n"));
        assert!(!open("> ```\n> ls\n> ```\n"));
        assert!(open("````\nls\n```\n"));
    }
}
