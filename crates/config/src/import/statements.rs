//! Which lines of a file say what: its `key = value` statements and its `[headers]`.

use crate::{ConfigError, KeyPath, origin::Lines, read::parse};
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// What a file is made of.
#[derive(Debug, Default)]
pub(super) struct Statements {
    pub(super) headers: Vec<Header>,
    pub(super) statements: Vec<Statement>,
}

/// `[table]` or `[[table]]`.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) path: KeyPath,
    pub(super) line: usize,
    /// The first byte of the header.
    pub(super) start: usize,
}

/// `key = value`.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) path: KeyPath,
    /// Its lines, from 0.
    pub(super) lines: Range<usize>,
    /// The bytes of the value.
    pub(super) value: Range<usize>,
    /// What is in it, if it is an inline table: each value with its bytes.
    pub(super) inner: Vec<(KeyPath, Range<usize>)>,
}

impl Statement {
    /// Its values with their bytes: its own, or those of its inline table.
    pub(super) fn values(&self) -> impl Iterator<Item = (&KeyPath, &Range<usize>)> {
        let own = self.inner.is_empty().then_some((&self.path, &self.value));
        own.into_iter().chain(self.inner.iter().map(|(path, value)| (path, value)))
    }
}

/// Takes a file apart.
pub(super) fn statements(lines: &Lines<'_>) -> Result<Statements, ConfigError> {
    let document = parse(lines)?;
    let mut found = Statements::default();
    table(document.get_ref(), &KeyPath::default(), lines, &mut found);
    Ok(found)
}

fn table(table_of: &DeTable<'_>, path: &KeyPath, lines: &Lines<'_>, found: &mut Statements) {
    for (key, value) in table_of {
        let path = path.with(key.get_ref().as_ref());
        let source = lines.text().get(value.span()).unwrap_or("");
        match value.get_ref() {
            // A table's span is its header; that of a table which is only named in a longer key is that name.
            DeValue::Table(below) if !source.starts_with('{') => {
                if source.starts_with('[') {
                    header(&path, value.span().start, lines, found);
                }
                table(below, &path, lines, found);
            }
            DeValue::Array(items) if is_array_of_tables(items, lines) => {
                for item in items {
                    header(&path, item.span().start, lines, found);
                    if let DeValue::Table(below) = item.get_ref() {
                        table(below, &path, lines, found);
                    }
                }
            }
            value_of => {
                let mut inner = Vec::new();
                if let DeValue::Table(below) = value_of {
                    leaves(below, &path, &mut inner);
                }
                found.statements.push(Statement {
                    lines: lines.index(key.span().start)..lines.index(value.span().end.saturating_sub(1)) + 1,
                    value: value.span(),
                    path,
                    inner,
                });
            }
        }
    }
}

fn header(path: &KeyPath, start: usize, lines: &Lines<'_>, found: &mut Statements) {
    found.headers.push(Header { path: path.clone(), line: lines.index(start), start });
}

fn is_array_of_tables(items: &toml::de::DeArray<'_>, lines: &Lines<'_>) -> bool {
    let first = items.iter().next();
    first.is_some_and(|item| {
        matches!(item.get_ref(), DeValue::Table(_))
            && lines.text().get(item.span()).is_some_and(|source| source.starts_with("[["))
    })
}

fn leaves(table: &DeTable<'_>, path: &KeyPath, found: &mut Vec<(KeyPath, Range<usize>)>) {
    for (key, value) in table {
        let path = path.with(key.get_ref().as_ref());
        match value.get_ref() {
            DeValue::Table(below) => leaves(below, &path, found),
            _ => found.push((path, value.span())),
        }
    }
}
