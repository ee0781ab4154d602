//! Addresses with parameters, as Azure's are often written: the parameters go to `query_params`.

use super::{
    edit::Edits,
    statements::{Statement, statements},
};
use crate::{ConfigError, KeyPath, origin::Lines, read::parse, value::quoted};
use std::{ops::Range, path::Path};
use toml::de::{DeTable, DeValue};

/// The key of an address in the table of a provider.
const BASE_URL: &str = "base_url";

/// The table that the parameters go to.
const QUERY_PARAMS: &str = "query_params";

/// The text with the parameters of every address in the table for them. An address that cannot be taken apart with
/// certainty stays what it is; it is found wrong later, as any other value would be.
///
/// # Errors
/// Where the text is not TOML.
pub(super) fn without_queries(from: &Path, text: &str) -> Result<String, ConfigError> {
    let mut text = text.to_owned();
    loop {
        let lines = Lines::new(from, &text);
        let parts = statements(&lines)?;
        let values = parts.statements.iter().flat_map(|of| of.values().map(move |value| (of, value)));
        // Each round leaves an address less with parameters, so there is a last one.
        let Some(next) = values.filter(|(_, (path, _))| is_address(path)).find_map(|(of, (path, span))| {
            let next = split(&text, of, path, span)?;
            parse(&Lines::new(from, &next.text))
                .ok()
                .filter(|document| next.is_said_by(document.get_ref()))?;
            Some(next.text)
        }) else {
            return Ok(text);
        };
        text = next;
    }
}

fn is_address(path: &KeyPath) -> bool {
    let key = format!("model_providers.*.{BASE_URL}");
    path.fits(&key) || path.fits(&format!("profiles.*.{key}"))
}

/// A text with one address taken apart, and what it has to say now.
struct Split {
    text: String,
    says: Vec<(KeyPath, String)>,
}

impl Split {
    fn is_said_by(&self, document: &DeTable<'_>) -> bool {
        self.says.iter().all(|(path, value)| string_at(document, path).is_some_and(|said| said == value))
    }
}

/// Takes one address apart; none where it has no parameters, or some that have to be decoded.
fn split(text: &str, statement: &Statement, path: &KeyPath, span: &Range<usize>) -> Option<Split> {
    let source = text.get(span.clone()).filter(|source| !source.contains('\n'))?;
    let DeValue::String(address) = DeValue::parse(source).ok()?.into_inner() else { return None };
    let (base, query) = address.split_once('?')?;
    if query.contains(['%', '+', '#']) {
        return None;
    }
    let table = path.parents().next()?.with(QUERY_PARAMS);
    let (mut says, mut assignments) = (vec![(path.clone(), base.to_owned())], Vec::new());
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let key = KeyPath::bare(QUERY_PARAMS).with(name);
        assignments.push(format!("{key} = {}", quoted(value)));
        says.push((table.with(name), value.to_owned()));
    }
    let mut edits = Edits::new(text);
    if statement.inner.is_empty() {
        let line = text.lines().nth(statement.lines.start)?;
        let before = line.split_once('=')?.0.trim_end().strip_suffix(BASE_URL)?;
        let lines = assignments.iter().map(|assignment| format!("{before}{assignment}"));
        edits.add_behind(statement.lines.end.saturating_sub(1), lines.collect());
        edits.replace(span, quoted(base));
    } else {
        assignments.insert(0, quoted(base));
        edits.replace(span, assignments.join(", "));
    }
    Some(Split { text: edits.text(), says })
}

/// The string at a path.
fn string_at<'a>(table: &'a DeTable<'_>, path: &KeyPath) -> Option<&'a str> {
    let (last, tables) = path.segments().split_last()?;
    let below = tables.iter().try_fold(table, |table, name| match table.get(name.as_str())?.get_ref() {
        DeValue::Table(below) => Some(below),
        _ => None,
    })?;
    match below.get(last.as_str())?.get_ref() {
        DeValue::String(text) => Some(text.as_ref()),
        _ => None,
    }
}
