//! What takes something away, and what the parser does not know.

use crate::{
    Change, Effect,
    changes::{CHANGED, NEW_ITSELF, OLD_NAME},
    known::Known,
    statements::Piece,
};
use sqlparser::ast::{ObjectName, ObjectType, Statement};

/// Something is gone. What these migrations have created before, older code does not miss.
pub(crate) fn dropped(statement: &Statement, piece: &Piece, known: &mut Known) -> Vec<Change> {
    let Statement::Drop {
        object_type,
        names,
        cascade,
        ..
    } = statement
    else {
        return vec![gone(statement, piece, known)];
    };
    names
        .iter()
        .map(|name| {
            let named = format!(
                "DROP {object_type} {name}{}",
                if *cascade { " CASCADE" } else { "" }
            );
            if !cascade && is_new(*object_type, name, known) {
                known.dropped(name);
                return Change::new(Effect::Additive, named, NEW_ITSELF);
            }
            known.dropped(name);
            Change::new(Effect::BreaksOlderCode, named, missed(*object_type))
        })
        .collect()
}

fn is_new(kind: ObjectType, name: &ObjectName, known: &Known) -> bool {
    match kind {
        ObjectType::Table => known.is_new_table(name),
        _ => known.is_new(name),
    }
}

const fn missed(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::Index => {
            "older code may rely on it: ON CONFLICT needs its unique index, and reading may take long without one"
        }
        _ => "older code may use it",
    }
}

/// What has a statement of its own to drop it.
fn gone(statement: &Statement, piece: &Piece, known: &Known) -> Change {
    let (new, why) = match statement {
        Statement::DropFunction(functions) => (
            functions
                .func_desc
                .iter()
                .all(|function| known.is_new(&function.name)),
            "older code may call it",
        ),
        Statement::DropPolicy(policy) => (
            known.is_new_table(&policy.table_name),
            "it decided which rows older code reads and writes",
        ),
        Statement::DropTrigger(trigger) => (
            trigger
                .table_name
                .as_ref()
                .is_some_and(|table| known.is_new_table(table)),
            "older code may rely on what it did",
        ),
        _ => (false, "older code may use it"),
    };
    if new {
        Change::new(Effect::Additive, piece.text(), NEW_ITSELF)
    } else {
        Change::new(Effect::BreaksOlderCode, piece.text(), why)
    }
}

/// What the parser does not know is judged by its first words, and never safe where these do not
/// say it.
pub(crate) fn not_parsed(piece: &Piece) -> Change {
    let starts = |words: &[&[&str]]| words.iter().any(|words| piece.begins(words));
    let has = |word: &str| piece.words().iter().any(|own| own == word);
    let (effect, why) = if starts(&[&["DROP", "INDEX"]]) {
        (Effect::BreaksOlderCode, missed(ObjectType::Index))
    } else if starts(&[
        &["INSERT"],
        &["UPDATE"],
        &["DELETE"],
        &["MERGE"],
        &["TRUNCATE"],
    ]) {
        (Effect::ChangesData, CHANGED)
    } else if starts(&[&["DROP"], &["REVOKE"], &["REASSIGN"]]) {
        (Effect::BreaksOlderCode, "older code may use it")
    } else if starts(&[&["ALTER"]]) && has("RENAME") {
        (Effect::BreaksOlderCode, OLD_NAME)
    } else if starts(QUIET) {
        (Effect::Additive, "it changes no table and no row")
    } else if starts(&[&["CREATE", "RULE"], &["CREATE", "EVENT", "TRIGGER"]]) {
        (
            Effect::BreaksOlderCode,
            "what older code does sets it off, too",
        )
    } else if starts(&[&["CALL"], &["EXECUTE"]]) {
        (
            Effect::Unknown,
            "what a procedure does is seen only by calling it",
        )
    } else {
        (Effect::Unknown, "this kind of statement is not judged")
    };
    Change::new(effect, piece.text(), why)
}

/// First words of what older code does not notice.
const QUIET: &[&[&str]] = &[
    &["GRANT"],
    &["COMMENT"],
    &["SET"],
    &["RESET"],
    &["NOTIFY"],
    &["LISTEN"],
    &["CHECKPOINT"],
    &["REINDEX"],
    &["CLUSTER"],
    &["REFRESH", "MATERIALIZED", "VIEW"],
    &["CREATE", "PUBLICATION"],
    &["CREATE", "STATISTICS"],
    &["ALTER", "DEFAULT", "PRIVILEGES", "GRANT"],
    &["SECURITY", "LABEL"],
];
