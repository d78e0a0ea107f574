//! Tables and their columns: what is added to them, taken away, and made stricter.

use crate::{
    Change, Effect,
    changes::{NEW, NEW_ITSELF, OLD_NAME, on_table},
    known::Known,
};
use sqlparser::ast::{
    AlterColumnOperation, AlterTableOperation, ColumnDef, ColumnOption, CreateTable,
    ForeignKeyConstraint, GeneratedAs, Ident, ObjectName, ReferentialAction, RenameTableNameKind,
    TableConstraint,
};
use std::fmt::Display;

const REFUSED: &str = "rows that older code writes may be refused";
const POINTS: &str = "where a new row points to a row, older code cannot delete that row any more";

/// A table is created. Only a table to which it points notices.
pub(crate) fn added_table(table: &CreateTable, known: &mut Known) -> Vec<Change> {
    let name = &table.name;
    let mut changes = Vec::new();
    let foreign_keys = table
        .constraints
        .iter()
        .filter_map(|constraint| match constraint {
            TableConstraint::ForeignKey(key) => Some(key),
            _ => None,
        })
        .chain(table.columns.iter().flat_map(keys));
    for key in foreign_keys {
        if holds_rows(key, known) && key.foreign_table != *name {
            changes.push(Change::new(
                Effect::BreaksOlderCode,
                format!("CREATE TABLE {name} … REFERENCES {}", key.foreign_table),
                POINTS,
            ));
        }
    }
    for parent in table.inherits.iter().flatten() {
        changes.push(on_table(
            parent,
            known,
            format!("CREATE TABLE {name} INHERITS ({parent})"),
            "older code that reads the parent gets these rows, too",
        ));
    }
    changes.push(Change::new(
        Effect::Additive,
        format!("CREATE TABLE {name}"),
        NEW,
    ));
    // One that may have been there already is known to older code.
    if !table.if_not_exists {
        known.table(name);
    }
    changes
}

/// The foreign keys that stand in the definition of a column.
fn keys(column: &ColumnDef) -> impl Iterator<Item = &ForeignKeyConstraint> {
    column
        .options
        .iter()
        .filter_map(|option| match &option.option {
            ColumnOption::ForeignKey(key) => Some(key),
            _ => None,
        })
}

/// Whether rows that older code knows cannot be deleted while a row points to them.
fn holds_rows(key: &ForeignKeyConstraint, known: &Known) -> bool {
    let lets_go = matches!(
        key.on_delete,
        Some(
            ReferentialAction::Cascade | ReferentialAction::SetNull | ReferentialAction::SetDefault
        )
    );
    !lets_go && !known.is_new_table(&key.foreign_table)
}

/// One operation of `ALTER TABLE`. The wildcard is over the parser's operations of all databases.
pub(crate) fn altered(
    table: &ObjectName,
    operation: &AlterTableOperation,
    known: &mut Known,
) -> Vec<Change> {
    match operation {
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(new) | RenameTableNameKind::To(new)) = table_name;
            let change = on_table(
                table,
                known,
                format!("ALTER TABLE {table} RENAME TO {new}"),
                OLD_NAME,
            );
            known.renamed(table, new);
            vec![change]
        }
        // Of a table that older code does not know, it notices only to what it points.
        AlterTableOperation::AddConstraint {
            constraint: TableConstraint::ForeignKey(key),
            ..
        } if known.is_new_table(table) => vec![if holds_rows(key, known) {
            Change::new(
                Effect::BreaksOlderCode,
                format!(
                    "ALTER TABLE {table} ADD FOREIGN KEY … REFERENCES {}",
                    key.foreign_table
                ),
                POINTS,
            )
        } else {
            Change::new(
                Effect::Additive,
                format!(
                    "ALTER TABLE {table} ADD FOREIGN KEY … REFERENCES {}",
                    key.foreign_table
                ),
                NEW_ITSELF,
            )
        }],
        AlterTableOperation::AddColumn {
            column_def,
            if_not_exists,
            ..
        } if known.is_new_table(table) && !if_not_exists => {
            let mut changes: Vec<Change> = keys(column_def)
                .filter(|key| holds_rows(key, known))
                .map(|key| {
                    Change::new(
                        Effect::BreaksOlderCode,
                        format!(
                            "ADD COLUMN {table}.{} REFERENCES {}",
                            column_def.name, key.foreign_table
                        ),
                        POINTS,
                    )
                })
                .collect();
            changes.push(Change::new(
                Effect::Additive,
                format!("ADD COLUMN {table}.{}", column_def.name),
                NEW_ITSELF,
            ));
            changes
        }
        _ if known.is_new_table(table) => vec![Change::new(
            Effect::Additive,
            format!("ALTER TABLE {table} {operation}"),
            NEW_ITSELF,
        )],
        AlterTableOperation::AddColumn {
            column_def,
            if_not_exists,
            ..
        } => {
            let changes = added_column(table, column_def, known);
            if !if_not_exists {
                known.column(table, &column_def.name);
            }
            changes
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            vec![altered_column(table, column_name, op, known)]
        }
        AlterTableOperation::DropColumn { column_names, .. } => column_names
            .iter()
            .map(|column| {
                let named = format!("DROP COLUMN {table}.{column}");
                if known.is_new_column(table, column) {
                    Change::new(Effect::Additive, named, NEW_ITSELF)
                } else {
                    Change::new(
                        Effect::BreaksOlderCode,
                        named,
                        "older code may read or write it",
                    )
                }
            })
            .collect(),
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => {
            let named = format!("RENAME COLUMN {table}.{old_column_name} TO {new_column_name}");
            vec![if known.is_new_column(table, old_column_name) {
                known.column(table, new_column_name);
                Change::new(Effect::Additive, named, NEW_ITSELF)
            } else {
                Change::new(Effect::BreaksOlderCode, named, OLD_NAME)
            }]
        }
        _ => vec![otherwise_altered(table, operation, known)],
    }
}

/// What is done to a table that older code knows, and to none of its columns by name.
fn otherwise_altered(table: &ObjectName, operation: &AlterTableOperation, known: &Known) -> Change {
    let named = format!("ALTER TABLE {table} {operation}");
    let (effect, why) = match operation {
        AlterTableOperation::AddConstraint { constraint, .. } => match constraint {
            // It refuses what older code writes only where older code writes the column.
            TableConstraint::Check(_) => (Effect::BreaksOlderCode, REFUSED),
            TableConstraint::Unique(unique)
                if all_new(
                    table,
                    unique.columns.iter().map(|column| &column.column.expr),
                    known,
                ) =>
            {
                (
                    Effect::Unknown,
                    "older code leaves the new columns at their default, which may be refused the second time",
                )
            }
            TableConstraint::ForeignKey(key) => {
                if key
                    .columns
                    .iter()
                    .all(|column| known.is_new_column(table, column))
                {
                    if holds_rows(key, known) {
                        (Effect::BreaksOlderCode, POINTS)
                    } else {
                        (Effect::Additive, "older code does not write the new column")
                    }
                } else {
                    (Effect::BreaksOlderCode, REFUSED)
                }
            }
            _ => (Effect::BreaksOlderCode, REFUSED),
        },
        AlterTableOperation::DropConstraint { .. } => (
            Effect::BreaksOlderCode,
            "older code may rely on it: ON CONFLICT needs it, and what it refused is written now",
        ),
        AlterTableOperation::RenameConstraint { .. } => (Effect::BreaksOlderCode, OLD_NAME),
        AlterTableOperation::EnableRowLevelSecurity
        | AlterTableOperation::ForceRowLevelSecurity => (
            Effect::BreaksOlderCode,
            "older code reads and writes only the rows that a policy gives it",
        ),
        AlterTableOperation::DisableRowLevelSecurity
        | AlterTableOperation::NoForceRowLevelSecurity => (
            Effect::BreaksOlderCode,
            "older code may rely on it to keep rows from people",
        ),
        AlterTableOperation::ValidateConstraint { .. } => (
            Effect::Additive,
            "new rows were held against it before, and it changes none",
        ),
        AlterTableOperation::ReplicaIdentity { .. }
        | AlterTableOperation::SetOptionsParens { .. }
        | AlterTableOperation::ResetOptions { .. } => (Effect::Additive, "no query names it"),
        AlterTableOperation::OwnerTo { .. } => (
            Effect::Unknown,
            "whether older code keeps its rights is seen only in the database",
        ),
        AlterTableOperation::DisableTrigger { .. }
        | AlterTableOperation::DisableRule { .. }
        | AlterTableOperation::EnableTrigger { .. }
        | AlterTableOperation::EnableAlwaysTrigger { .. }
        | AlterTableOperation::EnableReplicaTrigger { .. }
        | AlterTableOperation::DropPrimaryKey { .. }
        | AlterTableOperation::DropForeignKey { .. }
        | AlterTableOperation::DetachPartition { .. }
        | AlterTableOperation::DetachPartitionOf { .. }
        | AlterTableOperation::NoInherit { .. }
        | AlterTableOperation::ChangeColumn { .. }
        | AlterTableOperation::ModifyColumn { .. } => {
            (Effect::BreaksOlderCode, "older code may rely on how it was")
        }
        _ => (Effect::Unknown, "this change of a table is not judged"),
    };
    Change::new(effect, named, why)
}

fn all_new<'a>(
    table: &ObjectName,
    mut columns: impl Iterator<Item = &'a sqlparser::ast::Expr>,
    known: &Known,
) -> bool {
    columns.all(|column| match column {
        sqlparser::ast::Expr::Identifier(column) => known.is_new_column(table, column),
        _ => false,
    })
}

/// A column is added to a table that older code writes.
fn added_column(table: &ObjectName, column: &ColumnDef, known: &Known) -> Vec<Change> {
    let named = format!("ADD COLUMN {table}.{}", column.name);
    let has = |wanted: fn(&ColumnOption) -> bool| {
        column.options.iter().any(|option| wanted(&option.option))
    };
    let by_itself = has(|option| match option {
        ColumnOption::Generated { generated_as, .. } => matches!(
            generated_as,
            GeneratedAs::Always | GeneratedAs::ByDefault | GeneratedAs::ExpStored
        ),
        ColumnOption::Identity(_) => true,
        _ => false,
    }) || column
        .data_type
        .to_string()
        .to_lowercase()
        .contains("serial");
    let default = column
        .options
        .iter()
        .find_map(|option| match &option.option {
            ColumnOption::Default(value) => Some(value.to_string()),
            _ => None,
        });
    let empty = default
        .as_deref()
        .is_none_or(|value| value.eq_ignore_ascii_case("null"));
    let required =
        has(|option| matches!(option, ColumnOption::NotNull | ColumnOption::PrimaryKey(_)));
    let mut changes = Vec::new();
    for key in keys(column).filter(|key| holds_rows(key, known)) {
        changes.push(Change::new(
            Effect::BreaksOlderCode,
            format!("{named} REFERENCES {}", key.foreign_table),
            POINTS,
        ));
    }
    changes.push(if required && empty && !by_itself {
        Change::new(
            Effect::BreaksOlderCode,
            format!("{named} NOT NULL"),
            "older code does not write it, and it has no default, so its rows are refused",
        )
    } else if !empty && !by_itself && has(|option| matches!(option, ColumnOption::Unique(_))) {
        Change::new(
            Effect::BreaksOlderCode,
            format!("{named} UNIQUE"),
            "older code leaves it at its default, which may be refused the second time",
        )
    } else if empty && !by_itself {
        Change::new(
            Effect::NeedsBackfill,
            named,
            "rows that older code writes have no value in it: fill them before going forward again",
        )
    } else {
        Change::new(
            Effect::Additive,
            named,
            "rows that older code writes get its default",
        )
    });
    changes
}

/// A column of a table that older code writes is changed.
fn altered_column(
    table: &ObjectName,
    column: &Ident,
    operation: &AlterColumnOperation,
    known: &Known,
) -> Change {
    let named = format!("ALTER COLUMN {table}.{column} {operation}");
    let new = known.is_new_column(table, column);
    let (effect, why) = match operation {
        AlterColumnOperation::SetNotNull => (
            Effect::BreaksOlderCode,
            if new {
                "older code does not write it, so its rows are refused unless it has a default"
            } else {
                "older code may leave it empty, which is refused now"
            },
        ),
        AlterColumnOperation::DropDefault => (
            Effect::BreaksOlderCode,
            "older code may leave it to its default",
        ),
        AlterColumnOperation::SetDefault { .. } if new => (
            Effect::Additive,
            "rows that older code writes get its default",
        ),
        AlterColumnOperation::SetDefault { .. } => (
            Effect::BreaksOlderCode,
            "rows that older code writes get another value than before",
        ),
        AlterColumnOperation::DropNotNull | AlterColumnOperation::SetDataType { .. } if new => {
            (Effect::Additive, NEW_ITSELF)
        }
        AlterColumnOperation::DropNotNull => (
            Effect::BreaksOlderCode,
            "older code may read an empty value where it expects none",
        ),
        AlterColumnOperation::SetDataType { .. } => {
            (Effect::BreaksOlderCode, "older code expects the old type")
        }
        AlterColumnOperation::AddGenerated { .. } => (
            Effect::BreaksOlderCode,
            "a value that older code writes itself may be refused",
        ),
        AlterColumnOperation::GenericOptions { .. } => {
            (Effect::Unknown, "this change of a column is not judged")
        }
    };
    Change::new(effect, named, why)
}

/// Things with commas between them.
pub(crate) fn list(items: impl Iterator<Item = impl Display>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
