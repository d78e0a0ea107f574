//! The releases in a platform's list: which ids are one content, and which can be gone to.

use super::{
    fields::{Field, Misfit, rows},
    settings::{Order, ReleaseRows},
};
use jiff::Timestamp;
use rollback_domain::release::{Candidate, Kept, Release};
use rollback_http::{cut, one_line};
use serde_json::Value;
use std::cmp::Reverse;

/// The longest text that is taken of a platform, in characters.
const TEXT_AT_MOST: usize = 200;
/// The longest id, in characters: what is longer is no id.
const ID_AT_MOST: usize = 500;

/// One row of the list.
struct Row<'a> {
    row: &'a Value,
    id: String,
    /// What names its content, as far as the row says it.
    content: String,
    copy_of: Option<String>,
}

/// Every release that is listed, newest first, each content once.
///
/// A content has the place of its oldest row: a copy that was made to serve it again does not make
/// it newer than what it replaced. It is described, and asked for, by its newest row that can be
/// gone to.
pub(super) fn candidates(
    releases: &ReleaseRows,
    document: &Value,
) -> Result<Vec<Candidate>, Misfit> {
    let rows = read_rows(releases, document)?;
    let contents: Vec<String> = rows.iter().map(|row| content_of(row, &rows)).collect();
    let mut candidates: Vec<Candidate> = vec![];
    // From the oldest on, each new content goes to the front.
    for (row, content) in rows.iter().zip(&contents).rev() {
        let why_not = releases.eligible.unfit(row.row);
        let known = candidates
            .iter_mut()
            .find(|candidate| candidate.release.id == *content);
        match known {
            None => candidates.insert(0, candidate(releases, row, content, why_not)),
            // A copy that cannot be gone to changes nothing.
            Some(_) if why_not.is_some() => {}
            Some(known) => {
                let mut newer = candidate(releases, row, content, None);
                let copies = std::mem::take(&mut known.release.also);
                for copy in copies.into_iter().filter(|copy| *copy != row.id) {
                    newer.release.also.push(copy);
                }
                newer.release.has_served |= known.release.has_served;
                newer.release.live_since = newer.release.live_since.or(known.release.live_since);
                *known = newer;
            }
        }
    }
    Ok(candidates)
}

/// The id by which a release is asked for: that of its newest copy.
pub(super) fn request_id(release: &Release) -> &str {
    release.also.first().unwrap_or(&release.id)
}

/// The id of the release that a platform calls `id`, if it is listed.
pub(super) fn content(candidates: &[Candidate], id: &str) -> Option<String> {
    let known = candidates.iter().find(|candidate| candidate.release.is(id));
    known.map(|candidate| candidate.release.id.clone())
}

/// The content of one row of the list.
pub(super) fn content_of_row(
    releases: &ReleaseRows,
    row: &Value,
    candidates: &[Candidate],
) -> Option<String> {
    let own = releases.id.of(row).and_then(|own| id(&own))?;
    let listed = content(candidates, &own);
    let of_row = |field: &Option<Field>| field.as_ref().and_then(|field| field.of(row));
    let named = listed.or_else(|| of_row(&releases.content));
    let named = named.or_else(|| of_row(&releases.copy_of));
    Some(named.and_then(|named| id(&named)).unwrap_or(own))
}

/// The rows that are releases of this service, newest first.
fn read_rows<'a>(releases: &ReleaseRows, document: &'a Value) -> Result<Vec<Row<'a>>, Misfit> {
    let all = rows(document, &releases.rows)?;
    let of_service = all.iter().filter(|row| releases.only.holds(row));
    let mut read = vec![];
    for row in of_service {
        let text_of = |field: &Option<Field>| field.as_ref().and_then(|field| field.of(row));
        let Some(own) = releases.id.of(row).and_then(|own| id(&own)) else {
            // A line that does not match is no release; an object without an id is something else.
            if releases.id.selects() {
                continue;
            }
            let expected = format!("an id {}", releases.id.place());
            return Err(Misfit::new(expected, &row.to_string()));
        };
        let content = match &releases.content {
            None => own.clone(),
            Some(_) => match text_of(&releases.content).and_then(|content| id(&content)) {
                Some(content) => content,
                // It has no content of its own, so it cannot be gone to.
                None => continue,
            },
        };
        read.push(Row {
            row,
            id: own,
            content,
            copy_of: text_of(&releases.copy_of).and_then(|origin| id(&origin)),
        });
    }
    if read.is_empty() && !all.is_empty() && releases.id.selects() {
        let expected = format!("a release {}", releases.id.place());
        return Err(Misfit::new(expected, &document.to_string()));
    }
    match releases.order {
        Order::NewestFirst => {}
        Order::OldestFirst => read.reverse(),
        // One of which that is not known counts as the oldest.
        Order::CreatedAt => {
            read.sort_by_key(|row| Reverse(time(&releases.created_at, row.row)));
        }
    }
    Ok(read)
}

/// The content of a row: of the release that it is a copy of, however often it was copied.
fn content_of(row: &Row<'_>, rows: &[Row<'_>]) -> String {
    let mut at = row;
    // A list that names itself as its origin ends, too.
    for _ in 0..rows.len() {
        let Some(origin) = &at.copy_of else {
            break;
        };
        match rows.iter().find(|other| other.id == *origin) {
            Some(other) => at = other,
            // The origin is not listed any more, and its id still names the content.
            None => return origin.clone(),
        }
    }
    at.content.clone()
}

fn candidate(
    releases: &ReleaseRows,
    row: &Row<'_>,
    content: &str,
    barred: Option<String>,
) -> Candidate {
    let text = |field: &Option<Field>| {
        let text = field.as_ref()?.of(row.row)?;
        Some(cut(&one_line(&text), TEXT_AT_MOST)).filter(|text| !text.is_empty())
    };
    let also = match row.id == content {
        true => vec![],
        false => vec![row.id.clone()],
    };
    let served = releases.served.as_ref();
    let release = Release {
        also,
        version: text(&releases.version),
        sha: text(&releases.sha),
        created_at: time(&releases.created_at, row.row),
        live_since: time(&releases.live_since, row.row),
        has_served: served.is_some_and(|served| served.holds(row.row)),
        by: text(&releases.by),
        message: text(&releases.message),
        kept: time(&releases.kept_until, row.row).map_or(Kept::Unknown, Kept::Until),
        ..Release::unknown(content)
    };
    Candidate {
        release,
        barred_forward: barred.clone(),
        barred,
    }
}

/// A moment that a row names.
fn time(field: &Option<Field>, row: &Value) -> Option<Timestamp> {
    field.as_ref()?.of(row).and_then(|text| moment(&text))
}

/// A platform's id as it is asked for; `None` when it cannot be one.
fn id(text: &str) -> Option<String> {
    let id = one_line(text);
    (!id.is_empty() && id.chars().count() <= ID_AT_MOST).then_some(id)
}

/// A moment as platforms write it: RFC 3339, or seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            ..100_000_000_000 => Timestamp::from_second(number).ok(),
            _ => Timestamp::from_millisecond(number).ok(),
        };
    }
    // A date without an offset is one in UTC.
    let moment: Option<Timestamp> = text.parse().ok();
    moment.or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_platforms_write_them() {
        for written in [
            "2026-03-12T02:41:00Z",
            "2026-03-12T03:41:00.000+0100",
            "2026-03-12 02:41:00",
            "1773283260",
            "1773283260000",
        ] {
            let read = moment(written).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), Some("2026-03-12T02:41:00Z"), "{written}");
        }
        assert_eq!(moment("2 hours ago"), None);
    }

    #[test]
    fn what_is_too_long_or_empty_is_no_id() {
        assert_eq!(id(" v1\n"), Some("v1".to_owned()));
        assert_eq!(id("\u{200b}"), None);
        assert_eq!(id(&"x".repeat(501)), None);
    }
}
