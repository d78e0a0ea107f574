//! What one statement changes for the release that ran before it.

use crate::{
    Change, Effect, READ_AT_MOST, blocks,
    columns::{self, added_table},
    known::Known,
    objects,
    statements::{Piece, statements},
};
use sqlparser::{
    ast::{
        AlterIndexOperation, AlterTypeOperation, CopySource, CreateFunction, CreateIndex,
        CreateView, DataType, FromTable, FunctionReturnType, ObjectName, Statement, TableFactor,
        TableObject, TableWithJoins,
    },
    tokenizer::Token,
};

/// The changes of one migration.
pub(crate) fn read(sql: &str, known: &mut Known) -> Vec<Change> {
    if sql.len() > READ_AT_MOST {
        return vec![Change::new(
            Effect::Unknown,
            "a migration of more than 1 MiB",
            "it is too long to be read",
        )];
    }
    let Some(pieces) = statements(sql) else {
        return vec![Change::new(
            Effect::Unknown,
            "the whole text",
            "a quotation in it never ends, so it cannot be cut into statements",
        )];
    };
    pieces
        .iter()
        .flat_map(|piece| changes(piece, known))
        .collect()
}

/// The changes of one statement.
fn changes(piece: &Piece, known: &mut Known) -> Vec<Change> {
    if let Some(body) = block(piece) {
        return match blocks::statements_inside(&body) {
            Some(inside) => read(&inside, known),
            None => vec![Change::new(
                Effect::Unknown,
                "DO $$…$$",
                "a block is a program, and what it does is seen only by running it",
            )],
        };
    }
    match piece.parsed.as_deref() {
        Some(statement) => of(statement, piece, known),
        None => vec![objects::not_parsed(piece)],
    }
}

/// The body of an anonymous block.
fn block(piece: &Piece) -> Option<String> {
    if !piece.begins(&["DO"]) {
        return None;
    }
    piece.tokens.iter().find_map(|token| match token {
        Token::DollarQuotedString(body) => Some(body.value.clone()),
        Token::SingleQuotedString(body) => Some(body.clone()),
        _ => None,
    })
}

/// The changes of a statement that the parser knows. The wildcard is over the parser's statements
/// of all databases: what is not named here is not called safe.
fn of(statement: &Statement, piece: &Piece, known: &mut Known) -> Vec<Change> {
    match statement {
        Statement::CreateTable(table) => added_table(table, known),
        Statement::AlterTable(table) => table
            .operations
            .iter()
            .flat_map(|operation| columns::altered(&table.name, operation, known))
            .collect(),
        Statement::CreateIndex(index) => vec![index_created(index, known)],
        Statement::AlterIndex { name, operation } => match operation {
            AlterIndexOperation::RenameIndex { index_name } => vec![Change::new(
                Effect::Additive,
                format!("ALTER INDEX {name} RENAME TO {index_name}"),
                "no query names an index",
            )],
        },
        Statement::CreateView(view) => vec![view_created(view, known)],
        Statement::CreateFunction(function) => vec![function_created(function, known)],
        Statement::CreateTrigger(trigger) => vec![on_table(
            &trigger.table_name,
            known,
            format!("CREATE TRIGGER {} ON {}", trigger.name, trigger.table_name),
            "what older code writes to the table sets it off, too",
        )],
        Statement::CreatePolicy(policy) => vec![on_table(
            &policy.table_name,
            known,
            format!("CREATE POLICY {} ON {}", policy.name, policy.table_name),
            "it decides which rows older code reads and writes",
        )],
        Statement::Drop { .. }
        | Statement::DropFunction(_)
        | Statement::DropProcedure { .. }
        | Statement::DropDomain(_)
        | Statement::DropPolicy(_)
        | Statement::DropTrigger(_)
        | Statement::DropRule(_)
        | Statement::DropExtension(_)
        | Statement::DropOperator(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropOperatorClass(_) => objects::dropped(statement, piece, known),
        Statement::AlterType(changed) if known.is_new(&changed.name) => {
            vec![additive(piece, NEW_ITSELF)]
        }
        Statement::AlterType(changed) => vec![match &changed.operation {
            AlterTypeOperation::AddValue(_) => Change::new(
                Effect::BreaksOlderCode,
                piece.text(),
                "older code may read a value that it does not know",
            ),
            AlterTypeOperation::Rename(_) | AlterTypeOperation::RenameValue(_) => {
                Change::new(Effect::BreaksOlderCode, piece.text(), OLD_NAME)
            }
        }],
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Merge(_)
        | Statement::Truncate(_)
        | Statement::Copy { to: false, .. } => vec![data(statement, piece, known)],
        Statement::Query(_) => vec![query(piece)],
        Statement::CreateType { name, .. } => {
            known.other(name);
            vec![additive(piece, NEW)]
        }
        Statement::CreateDomain(_)
        | Statement::CreateSequence { .. }
        | Statement::CreateSchema { .. }
        | Statement::CreateExtension(_)
        | Statement::CreateRole(_)
        | Statement::CreateCollation(_)
        | Statement::CreateServer(_)
        | Statement::CreateForeignTable(_)
        | Statement::CreateForeignDataWrapper(_)
        | Statement::CreateAggregate(_)
        | Statement::CreateTextSearch(_) => vec![additive(piece, NEW)],
        Statement::Grant(_) => vec![additive(piece, "it takes no right away")],
        Statement::Revoke(_) => vec![Change::new(
            Effect::BreaksOlderCode,
            piece.text(),
            "older code may need the right",
        )],
        Statement::Comment { .. }
        | Statement::Set(_)
        | Statement::Reset(_)
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Analyze(_)
        | Statement::Vacuum(_)
        | Statement::Lock(_)
        | Statement::Copy { to: true, .. } => {
            vec![additive(piece, "it changes no table and no row")]
        }
        _ => vec![objects::not_parsed(piece)],
    }
}

pub(crate) const NEW: &str = "older code does not know it";
pub(crate) const NEW_ITSELF: &str =
    "these migrations have created it, so older code does not know it";
pub(crate) const OLD_NAME: &str = "older code uses the old name";

fn additive(piece: &Piece, why: &'static str) -> Change {
    Change::new(Effect::Additive, piece.text(), why)
}

/// Something on a table, which older code notices unless the table is new.
pub(crate) fn on_table(
    table: &ObjectName,
    known: &Known,
    statement: String,
    why: &'static str,
) -> Change {
    if known.is_new_table(table) {
        Change::new(Effect::Additive, statement, NEW_ITSELF)
    } else {
        Change::new(Effect::BreaksOlderCode, statement, why)
    }
}

fn index_created(index: &CreateIndex, known: &mut Known) -> Change {
    if let Some(name) = &index.name {
        known.other(name);
    }
    let name = index.name.as_ref().map(|name| format!("{name} "));
    let name = name.unwrap_or_default();
    let columns = columns::list(index.columns.iter().map(|column| &column.column));
    if !index.unique {
        return Change::new(
            Effect::Additive,
            format!("CREATE INDEX {name}ON {}({columns})", index.table_name),
            "it makes reading faster and refuses nothing",
        );
    }
    on_table(
        &index.table_name,
        known,
        format!(
            "CREATE UNIQUE INDEX {name}ON {}({columns})",
            index.table_name
        ),
        "older code may write a row twice, which is refused now",
    )
}

fn view_created(view: &CreateView, known: &mut Known) -> Change {
    let word = if view.materialized {
        "MATERIALIZED VIEW"
    } else {
        "VIEW"
    };
    if view.or_replace && !known.is_new(&view.name) {
        return Change::new(
            Effect::BreaksOlderCode,
            format!("CREATE OR REPLACE {word} {}", view.name),
            "older code that reads it gets the new one",
        );
    }
    known.other(&view.name);
    Change::new(
        Effect::Additive,
        format!("CREATE {word} {}", view.name),
        NEW,
    )
}

fn function_created(function: &CreateFunction, known: &mut Known) -> Change {
    let name = &function.name;
    // Nobody calls the function of a trigger by name, so another of its name is in nobody's way.
    let of_a_trigger = matches!(
        function.return_type,
        Some(FunctionReturnType::DataType(DataType::Trigger))
    );
    let new = known.is_new(name);
    if function.or_replace && !new {
        return Change::new(
            Effect::BreaksOlderCode,
            format!("CREATE OR REPLACE FUNCTION {name}"),
            "older code that calls it gets the new one",
        );
    }
    known.other(name);
    if of_a_trigger || new {
        return Change::new(Effect::Additive, format!("CREATE FUNCTION {name}"), NEW);
    }
    Change::new(
        Effect::Unknown,
        format!("CREATE FUNCTION {name}"),
        "if another function has this name, a call that fits both is refused",
    )
}

/// Rows that are changed. Those of a new table are nobody's but the new release's.
fn data(statement: &Statement, piece: &Piece, known: &Known) -> Change {
    let (word, table) = match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => ("INSERT INTO", Some(name)),
            _ => ("INSERT", None),
        },
        Statement::Update(update) => ("UPDATE", name_of(&update.table)),
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            ("DELETE FROM", from.first().and_then(name_of))
        }
        Statement::Truncate(truncate) => match truncate.table_names.as_slice() {
            [only] => ("TRUNCATE", Some(&only.name)),
            _ => ("TRUNCATE", None),
        },
        Statement::Copy {
            source: CopySource::Table { table_name, .. },
            ..
        } => ("COPY", Some(table_name)),
        _ => ("", None),
    };
    let Some(table) = table else {
        return Change::new(Effect::ChangesData, piece.text(), CHANGED);
    };
    let named = format!("{word} {table}");
    if known.is_new_table(table) && !has_writing_query(piece, 1) {
        return Change::new(Effect::Additive, named, NEW_ITSELF);
    }
    let why = match word {
        "DELETE FROM" | "TRUNCATE" => {
            "the rows are gone, and going back to older code does not bring them back"
        }
        "INSERT INTO" | "COPY" => {
            "older code reads the rows, and going back does not take them away"
        }
        _ => CHANGED,
    };
    Change::new(Effect::ChangesData, named, why)
}

pub(crate) const CHANGED: &str = "the rows keep their new values when older code is back";

fn name_of(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

/// Whether more words that write are in it than the statement's own: those of a `WITH`.
fn has_writing_query(piece: &Piece, own: usize) -> bool {
    let mut before = None;
    let writing = piece
        .tokens
        .iter()
        .filter(|token| {
            let Token::Word(word) = token else {
                before = None;
                return false;
            };
            let word = word.value.to_uppercase();
            let writes = matches!(word.as_str(), "INSERT" | "DELETE" | "MERGE")
                // `FOR UPDATE` locks, and `DO UPDATE` and `ON UPDATE` belong to their statement.
                || word == "UPDATE"
                    && !matches!(before.as_deref(), Some("FOR" | "DO" | "ON" | "KEY"));
            before = Some(word);
            writes
        })
        .count();
    writing > own
}

/// A statement that only reads, unless it says otherwise.
fn query(piece: &Piece) -> Change {
    if has_writing_query(piece, 0) {
        return Change::new(Effect::ChangesData, piece.text(), CHANGED);
    }
    let calls = piece.tokens.windows(2).any(|pair| match pair {
        [Token::Word(word), Token::LParen] => !READS.contains(&word.value.to_lowercase().as_str()),
        _ => false,
    });
    if calls || piece.begins(&["SELECT", "INTO"]) {
        return Change::new(
            Effect::Unknown,
            piece.text(),
            "what a function does is seen only by calling it",
        );
    }
    additive(piece, "it only reads")
}

/// Functions, and words before a bracket, that change nothing which outlives the migration.
const READS: [&str; 22] = [
    "set_config",
    "current_setting",
    "count",
    "sum",
    "min",
    "max",
    "coalesce",
    "now",
    "in",
    "exists",
    "any",
    "all",
    "values",
    "as",
    "and",
    "or",
    "not",
    "where",
    "from",
    "pg_advisory_lock",
    "pg_advisory_xact_lock",
    "version",
];
