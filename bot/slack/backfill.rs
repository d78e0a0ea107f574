//! Renders the one message with everything that a channel missed while Slack took nothing.

use super::{
    Words,
    blocks::cut,
    card::{moment, time},
};
use jiff::Timestamp;

/// The longest that all of it may be, in characters; with what says that there is more.
const AT_MOST: usize = 3_900;
const MORE: usize = 120;
/// The longest that one thing may be when not all of it fits, in characters.
const SHORT: usize = 300;

/// One missed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was due.
    pub at: Timestamp,
    /// Its text: mrkdwn, already escaped.
    pub text: String,
}

/// Renders the message at `now`: in order, each with its time. Lines that do not fit are cut to
/// their first line, the oldest first; those that do not fit even so are counted.
pub fn message(lines: &[Line], now: Timestamp) -> Words {
    let from = lines.first().map_or(now, |line| line.at);
    let head = format!(
        "*Late:* Slack took no messages from {} to {}. What happened meanwhile:",
        moment(from, now),
        time(now)
    );
    let mut left = AT_MOST.saturating_sub(MORE + head.chars().count());
    let mut kept: Vec<String> = vec![];
    for line in lines.iter().rev() {
        let said = |text: &str| format!("• {}  {text}", moment(line.at, now));
        let full = said(line.text.trim());
        let short = || said(&cut(line.text.trim().lines().next().unwrap_or(""), SHORT));
        let length = |text: &str| text.chars().count() + 1;
        let text = match length(&full) <= left {
            true => full,
            false => short(),
        };
        if length(&text) > left {
            break;
        }
        left -= length(&text);
        kept.push(text);
    }
    let more = lines.len() - kept.len();
    let mut all = vec![head];
    if more > 0 {
        all.push(format!(
            "• and {more} more before these: `/rollback export md` has them"
        ));
    }
    all.extend(kept.into_iter().rev());
    Words::plain(all.join("\n"))
}

#[cfg(test)]
mod tests;
