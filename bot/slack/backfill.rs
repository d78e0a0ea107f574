//! The one message that tells a channel what it missed while Slack took nothing.

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

/// One thing that was missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was to be said.
    pub at: Timestamp,
    /// What was to be said: mrkdwn, already escaped.
    pub text: String,
}

/// The message as it is told at `now`: in order, each with its time. What does not fit is told in
/// its first line, the newest in full first; what does not fit even so is counted.
pub fn message(lines: &[Line], now: Timestamp) -> Words {
    let from = lines.first().map_or(now, |line| line.at);
    let head = format!(
        "*Late:* Slack took no messages from {} to {}. What happened meanwhile:",
        moment(from, now),
        time(now)
    );
    let mut left = AT_MOST.saturating_sub(MORE + head.chars().count());
    let mut told: Vec<String> = vec![];
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
        told.push(text);
    }
    let more = lines.len() - told.len();
    let mut all = vec![head];
    if more > 0 {
        all.push(format!(
            "• and {more} more before these: `/rollback timeline` and `/rollback export md` have them"
        ));
    }
    all.extend(told.into_iter().rev());
    Words::plain(all.join("\n"))
}

#[cfg(test)]
mod tests;
