//! Whether services could be rolled back now, as people read it in Slack.

use super::{
    Words,
    blocks::{context, escape, fit_text, header, inline, section},
};
use jiff::Timestamp;
use rollback_domain::{
    proof::spell,
    readiness::{Level, Line, ServiceFacts},
};
use std::time::Duration;

/// The longest sentence that is shown of one line.
const SENTENCE_AT_MOST: usize = 600;

/// Everything that is known of one service, a line each.
pub fn of_service(facts: &ServiceFacts, now: Timestamp) -> Words {
    let lines = facts.lines(now);
    let title = format!("{}: {}", facts.service, Level::of(&lines));
    let lines: Vec<String> = lines.iter().map(whole).collect();
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(3).map(|lines| section(&lines.join("\n"))));
    blocks.push(context(&format!(
        "Read {}; nothing was changed.",
        ago(facts.read_at, now)
    )));
    Words {
        text: fit_text(&format!("{title}. {}", lines.join("\n"))),
        blocks,
    }
}

/// One service in one line: how ready it is, and what speaks most against it.
pub fn in_one_line(facts: &ServiceFacts, now: Timestamp) -> String {
    let lines = facts.lines(now);
    let level = Level::of(&lines);
    let name = inline(&facts.service.name, 80);
    let environment = inline(&facts.service.environment, 80);
    let worst = worst(&lines, level).map_or_else(String::new, |line| format!("  {line}"));
    let read = ago(facts.read_at, now);
    format!("*{name}* ({environment})  {level} · read {read}{worst}")
}

/// What the board says of a service after what serves it.
pub fn on_the_board(facts: &ServiceFacts, now: Timestamp) -> String {
    let lines = facts.lines(now);
    let level = Level::of(&lines);
    match worst(&lines, level) {
        None => format!(" · {level} to roll back"),
        Some(worst) => {
            let read = ago(facts.read_at, now);
            format!("\n      {level} to roll back: {worst} (read {read})")
        }
    }
}

/// The sentence of the first line that has this level; `None`: nothing speaks against a rollback.
fn worst(lines: &[Line], level: Level) -> Option<String> {
    let mut lines = lines.iter().filter(|_| level != Level::Ready);
    let worst = lines.find(|line| line.level == level)?;
    Some(inline(&worst.sentence, 200))
}

fn whole(line: &Line) -> String {
    let next = line
        .next
        .as_ref()
        .map_or_else(String::new, |next| format!("\n      {}", escape(next)));
    format!(
        "*{}* {}: {}{next}",
        line.subject.name(),
        line.level,
        inline(&line.sentence, SENTENCE_AT_MOST)
    )
}

fn ago(read_at: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(now.duration_since(read_at)).unwrap_or_default() {
        age if age < Duration::from_secs(5) => "just now".to_owned(),
        age => format!("{} ago", spell(age)),
    }
}
