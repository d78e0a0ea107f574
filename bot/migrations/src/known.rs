//! What migrations have created themselves, which a release from before them cannot rely on.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use std::collections::BTreeSet;

/// Tables, columns and other objects that were created by the migrations read so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    tables: BTreeSet<String>,
    columns: BTreeSet<(String, String)>,
    others: BTreeSet<String>,
}

impl Known {
    /// Whether the table did not exist before these migrations.
    pub(crate) fn is_new_table(&self, table: &ObjectName) -> bool {
        self.tables.contains(&plain(table))
    }

    /// Whether the column did not exist before these migrations.
    pub(crate) fn is_new_column(&self, table: &ObjectName, column: &Ident) -> bool {
        self.is_new_table(table) || self.columns.contains(&(plain(table), folded(column)))
    }

    /// Whether the index, type, function or view did not exist before these migrations.
    pub(crate) fn is_new(&self, object: &ObjectName) -> bool {
        self.others.contains(&plain(object))
    }

    pub(crate) fn table(&mut self, table: &ObjectName) {
        self.tables.insert(plain(table));
    }

    pub(crate) fn column(&mut self, table: &ObjectName, column: &Ident) {
        self.columns.insert((plain(table), folded(column)));
    }

    pub(crate) fn other(&mut self, object: &ObjectName) {
        self.others.insert(plain(object));
    }

    /// The table has another name from here on.
    pub(crate) fn renamed(&mut self, from: &ObjectName, to: &ObjectName) {
        if self.tables.remove(&plain(from)) {
            self.tables.insert(plain(to));
        }
    }

    /// The table is gone: one that is created under its name later is another one, and what stood
    /// there before these migrations was known to the earlier release.
    pub(crate) fn dropped(&mut self, table: &ObjectName) {
        self.tables.remove(&plain(table));
    }
}

/// A name as PostgreSQL compares it, without the schema that is searched by itself.
pub(crate) fn plain(name: &ObjectName) -> String {
    let mut parts: Vec<String> = name
        .0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => folded(ident),
            ObjectNamePart::Function(function) => function.to_string(),
        })
        .collect();
    if parts.len() == 2 && parts[0] == "public" {
        parts.remove(0);
    }
    parts.join(".")
}

/// An identifier as PostgreSQL compares it: in lower case, unless it is quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
