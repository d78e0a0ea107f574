//! The file for spreadsheets: RFC 4180, every field in quotes, and none that is a formula.

use super::{Export, pages::Pages};
use crate::messages::{Named, readable};
use rollback_domain::incident::{Actor, Entry, chain::Head};
use std::io::Write;

/// The first line. Columns are added at its end.
const COLUMNS: [&str; 10] = [
    "incident",
    "seq",
    "at",
    "recorded_at",
    "who",
    "who_id",
    "source",
    "rollback",
    "kind",
    "text",
];

/// Writes the timeline, an entry at a time.
pub(super) fn write(export: &Export, pages: &Pages, mut out: impl Write) -> anyhow::Result<()> {
    let names = pages.overview().names;
    write_row(&mut out, COLUMNS.map(str::to_owned))?;
    for place in 0..pages.entries {
        let row = pages.at(place, |entry| row(export, entry, &Named(&names)));
        let row = row.ok_or_else(|| anyhow::anyhow!("an entry cannot be read"))?;
        write_row(&mut out, row)?;
    }
    if let Some(head) = &pages.head {
        write_row(&mut out, head_row(export, head))?;
    }
    Ok(())
}

fn row(export: &Export, entry: &Entry, named: &Named<'_>) -> [String; 10] {
    let event = &entry.event;
    let (who, who_id) = match &event.who {
        Actor::Person(person) => (person.with_agent(person.name.clone()), person.id.clone()),
        Actor::Bot | Actor::Platform(_) => (event.who.to_string(), String::new()),
    };
    let source = serde_json::to_value(event.source).unwrap_or_default();
    [
        export.incident.titled(),
        entry.seq.to_string(),
        event.at.to_string(),
        entry.recorded_at.to_string(),
        who,
        who_id,
        source.as_str().unwrap_or_default().to_owned(),
        event.rollback.map(|id| id.to_string()).unwrap_or_default(),
        event.kind().to_string(),
        event.clause(named),
    ]
}

/// The last row: where the chain of the entries ends.
fn head_row(export: &Export, head: &Head) -> [String; 10] {
    let mut row = [const { String::new() }; 10];
    row[0] = export.incident.titled();
    row[8] = "head of the chain".into();
    row[9] = format!("entry {}, {}", head.seq, head.hash.0);
    row
}

fn write_row(out: &mut impl Write, row: [String; 10]) -> std::io::Result<()> {
    let fields = row.map(|text| field(&text));
    out.write_all(fields.join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

/// A field that a spreadsheet shows and does not compute: what begins like a formula begins with an
/// apostrophe.
fn field(text: &str) -> String {
    let text = readable(text).replace('\n', " ");
    let is_formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let apostrophe = if is_formula { "'" } else { "" };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1", "\r\n=1",
        ] {
            assert!(field(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(field("a = b"), "\"a = b\"");
    }

    #[test]
    fn no_text_ends_its_field() {
        assert_eq!(
            field("a\",\"b\r\n=cmd|' /C calc'!A0"),
            "\"a\"\",\"\"b  =cmd|' /C calc'!A0\""
        );
        assert_eq!(field("\u{1b}[31m\u{202e}x"), "\" [31mx\"");
    }
}
