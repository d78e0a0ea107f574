//! Links to the cards of rollbacks, wherever people read of one, and from messages to the pages in
//! the browser.

use crate::{
    App,
    config::WebPage,
    slack::{Words, blocks::context},
    store::messages,
};
use rollback_domain::identity::RollbackId;
use std::collections::{BTreeMap, BTreeSet};

/// Where the card of a rollback is in Slack; `None`: it is not posted, or the workspace's address is
/// not known yet.
pub async fn of_card(app: &App, rollback: RollbackId) -> sqlx::Result<Option<String>> {
    let links = of_cards(app, BTreeSet::from([rollback])).await?;
    Ok(links.into_values().next())
}

/// Where a message is in Slack; `None`: the workspace's address is not known yet.
pub fn of_message(app: &App, channel: &str, ts: &str, thread: Option<&str>) -> Option<String> {
    let workspace = app.known_workspace()?;
    let workspace = workspace.trim_end_matches('/');
    let place = format!("{workspace}/archives/{channel}/p{}", ts.replace('.', ""));
    Some(match thread.filter(|thread| *thread != ts) {
        Some(thread) => format!("{place}?thread_ts={thread}&cid={channel}"),
        None => place,
    })
}

/// The text, mrkdwn, with the first mention of each rollback linked to its card.
pub async fn linked(app: &App, mrkdwn: &str) -> sqlx::Result<String> {
    let named = pieces(mrkdwn).filter_map(|(_, rollback)| rollback);
    let links = of_cards(app, named.collect()).await?;
    Ok(with_links(mrkdwn, links))
}

/// A message with a link to its page in the browser below it, if there are pages.
pub fn with_page(app: &App, words: Words, page: WebPage) -> Words {
    let Some(web) = &app.config.web else {
        return words;
    };
    let mut words = words;
    if !words.blocks.is_empty() {
        let link = format!("<{}|Open in the browser>", web.address(page));
        words.blocks.push(context(&link));
    }
    words
}

/// The rollback or drill that a text begins with; `None`: it begins with something else.
pub fn first_named(mrkdwn: &str) -> Option<RollbackId> {
    pieces(mrkdwn).next().and_then(|(_, rollback)| rollback)
}

async fn of_cards(
    app: &App,
    rollbacks: BTreeSet<RollbackId>,
) -> sqlx::Result<BTreeMap<RollbackId, String>> {
    let Some(workspace) = app.known_workspace() else {
        return Ok(BTreeMap::new());
    };
    let workspace = workspace.trim_end_matches('/');
    let mut links = BTreeMap::new();
    for rollback in rollbacks {
        let place = messages::position(&app.engine.db, &format!("{rollback}:card")).await?;
        if let Some((channel, ts)) = place {
            let ts = ts.replace('.', "");
            links.insert(rollback, format!("{workspace}/archives/{channel}/p{ts}"));
        }
    }
    Ok(links)
}

fn with_links(mrkdwn: &str, mut links: BTreeMap<RollbackId, String>) -> String {
    let linked = |(text, rollback): (&str, Option<RollbackId>)| {
        let link = rollback.and_then(|rollback| links.remove(&rollback));
        match link {
            Some(link) => format!("<{link}|{text}>"),
            None => text.to_owned(),
        }
    };
    pieces(mrkdwn).map(linked).collect()
}

/// The text in pieces: each rollback that is named outside of code and links, and what is between.
fn pieces(mrkdwn: &str) -> impl Iterator<Item = (&str, Option<RollbackId>)> {
    let mut rest = mrkdwn;
    let mut follows_word = false;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let mut prefixes = RollbackId::PREFIXES.iter();
        let after_number = prefixes
            .find_map(|prefix| rest.strip_prefix(prefix))
            .map(|digits| digits.trim_start_matches(|c: char| c.is_ascii_digit()));
        let named = after_number.filter(|after| {
            let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || c == '-');
            !follows_word && !goes_on
        });
        let until = |end: &str| rest[1..].find(end).map_or(rest.len(), |at| at + 2);
        let (length, rollback) = match (named, first) {
            (Some(after), _) => {
                let length = rest.len() - after.len();
                (length, rest[..length].parse().ok())
            }
            (None, '`') => (until("`"), None),
            (None, '<') => (until(">"), None),
            (None, first) => (first.len_utf8(), None),
        };
        let (piece, after) = rest.split_at(length);
        follows_word = piece.ends_with(|c: char| c.is_alphanumeric() || c == '-');
        rest = after;
        Some((piece, rollback))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> BTreeMap<RollbackId, String> {
        let link = |n: u64| (RollbackId::new(n), format!("https://s.test/{n}"));
        BTreeMap::from([link(1), link(12)])
    }

    #[test]
    fn the_first_mention_of_each_is_linked() {
        assert_eq!(
            with_links("RB-12 after RB-1: `/rollback approve RB-1`, RB-12", links()),
            "<https://s.test/12|RB-12> after <https://s.test/1|RB-1>: `/rollback approve RB-1`, RB-12"
        );
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for text in [
            "XRB-1",
            "RB-1x",
            "RB-12-3",
            "RB-",
            "RB-2",
            "<https://x|RB-1>",
            "`RB-1",
            "é<",
        ] {
            assert_eq!(with_links(text, links()), text);
        }
    }
}
