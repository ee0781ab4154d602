//! Changes of a text that leave every other letter of it alone.

use super::statements::{Statement, Statements};
use crate::{KEYS, Key, KeyPath, Kind, Value};
use std::{collections::BTreeMap, ops::Range, path::Path};
use toml::de::DeValue;

/// Changes of a text.
#[derive(Debug)]
pub(super) struct Edits<'a> {
    text: &'a str,
    /// Lines that become comments.
    commented: Vec<bool>,
    /// Lines that are added behind another.
    added: BTreeMap<usize, Vec<String>>,
    /// What takes the place of some bytes.
    replaced: BTreeMap<usize, (Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let commented = vec![false; text.lines().count()];
        Self { text, commented, added: BTreeMap::new(), replaced: BTreeMap::new() }
    }

    /// Makes comments of some headers and statements; says whether there were any.
    pub(super) fn comment_out(&mut self, parts: &Statements, which: impl Fn(&KeyPath) -> bool) -> bool {
        let headers = parts.headers.iter().filter(|header| which(&header.path));
        let statements = parts.statements.iter().filter(|statement| which(&statement.path));
        let lines: Vec<Range<usize>> = headers
            .map(|header| header.line..header.line + 1)
            .chain(statements.map(|statement| statement.lines.clone()))
            .collect();
        lines.iter().for_each(|lines| self.comment(lines.clone()));
        !lines.is_empty()
    }

    fn comment(&mut self, lines: Range<usize>) {
        self.commented.iter_mut().take(lines.end).skip(lines.start).for_each(|line| *line = true);
    }

    /// Makes comments of what is dropped; of an inline table what is taken stays, key by key. Paths that are relative to
    /// the file's folder become absolute, because the file goes elsewhere.
    pub(super) fn keep_served(
        &mut self,
        parts: &Statements,
        taken: &[&KeyPath],
        dropped: &[&KeyPath],
        folder: &Path,
    ) {
        let is_dropped = |path: &KeyPath| dropped.iter().any(|dropped| path.is_within(dropped));
        self.comment_out(parts, is_dropped);
        for statement in parts.statements.iter().filter(|statement| !is_dropped(&statement.path)) {
            if statement.values().any(|(path, _)| is_dropped(path)) {
                self.comment(statement.lines.clone());
                let kept = statement.values().filter(|(path, _)| taken.contains(path));
                let lines =
                    kept.map(|(path, value)| self.assignment(statement, path, value, folder)).collect();
                self.add_behind(statement.lines.end.saturating_sub(1), lines);
                continue;
            }
            for (path, value) in statement.values() {
                if let Some(text) = absolute(path, self.source(value), folder) {
                    self.replace(value, text);
                }
            }
        }
    }

    /// Puts something, without a line break, in the place of these bytes.
    pub(super) fn replace(&mut self, span: &Range<usize>, new: String) {
        self.replaced.insert(span.start, (span.clone(), new));
    }

    /// Adds lines behind this one.
    pub(super) fn add_behind(&mut self, line: usize, lines: Vec<String>) {
        self.added.insert(line, lines);
    }

    fn source(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or("")
    }

    /// `key.of.inline.table = value`, for the same place in the file.
    fn assignment(
        &self,
        statement: &Statement,
        path: &KeyPath,
        value: &Range<usize>,
        folder: &Path,
    ) -> String {
        let start = self.text.lines().nth(statement.lines.start).unwrap_or("");
        let key = start.split_once('=').map_or(start, |(key, _)| key).trim();
        let below: KeyPath = path.segments().iter().skip(statement.path.segments().len()).cloned().collect();
        let source = self.source(value);
        format!("{key}.{below} = {}", absolute(path, source, folder).as_deref().unwrap_or(source))
    }

    /// Puts each `[header]` below a table.
    pub(super) fn put_headers_below(&mut self, parts: &Statements, table: &KeyPath) {
        for header in &parts.headers {
            let brackets = self
                .text
                .get(header.start..)
                .map_or(0, |rest| rest.len() - rest.trim_start_matches('[').len());
            let start = header.start + brackets;
            self.replace(&(start..start), format!("{table}."));
        }
    }

    /// The text with the changes.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for (start, (span, new)) in &self.replaced {
            text.push_str(self.text.get(at..*start).unwrap_or(""));
            text.push_str(new);
            at = span.end;
        }
        text.push_str(self.text.get(at..).unwrap_or(""));
        // No replacement has a line break, so that the lines are still those of before.
        let mut out = String::with_capacity(text.len());
        for (index, line) in text.lines().enumerate() {
            if self.commented.get(index).is_some_and(|commented| *commented) {
                out.push_str("# ");
            }
            out.push_str(line);
            out.push('\n');
            for added in self.added.get(&index).into_iter().flatten() {
                out.push_str(added);
                out.push('\n');
            }
        }
        out
    }
}

/// The value of a key that takes paths, with absolute ones; none where it can stay as it is.
fn absolute(path: &KeyPath, source: &str, folder: &Path) -> Option<String> {
    let takes_paths = |key: &&Key| {
        matches!(key.kind, Kind::Path | Kind::Paths)
            && (path.fits(key.path) || path.fits(&format!("profiles.*.{}", key.path)))
    };
    KEYS.iter().find(takes_paths)?;
    let moved = |text: &str| {
        let stays = text.starts_with("~/") || text == "~" || Path::new(text).is_absolute();
        if stays { text.to_owned() } else { folder.join(text).to_string_lossy().into_owned() }
    };
    let value = DeValue::parse(source).ok()?;
    let text = match value.get_ref() {
        DeValue::String(text) => Value::from(moved(text)),
        DeValue::Array(items) => {
            let texts = items.iter().filter_map(|item| match item.get_ref() {
                DeValue::String(text) => Some(moved(text)),
                _ => None,
            });
            Value::from(texts.collect::<Vec<_>>())
        }
        _ => return None,
    };
    Some(text.to_string())
}
