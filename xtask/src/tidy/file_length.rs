//! No file above 600 lines, tests apart, with a dated list of exceptions which may only shrink.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use toml::Spanned;
use toml::value::Date;

use super::{Finding, Tree};

const MAX_LINES: usize = 600;
const EXCEPTIONS: &str = "xtask/tidy-exceptions.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Exceptions {
    file_length: Vec<Spanned<Exception>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    /// The exact length of the file, so that each line saved is kept.
    lines: usize,
    /// Never empty; for whoever reads the list.
    reason: String,
    /// The last day on which the exception counts.
    until: Date,
}

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut too_long = BTreeMap::new();
    for path in tree.rust_files().filter(|path| !is_test(path)) {
        let lines = tree.read(path)?.lines().count();
        if lines > MAX_LINES {
            too_long.insert(path, lines);
        }
    }
    let mut findings = excuse(tree, &mut too_long)?;
    findings.extend(too_long.into_iter().map(|(path, lines)| {
        let message = format!("{lines} lines, at most {MAX_LINES}: split it by concept");
        Finding::new(path, MAX_LINES + 1, message)
    }));
    Ok(findings)
}

/// Takes the excused files out of `too_long`; returns the faults of the list itself.
fn excuse(tree: &Tree, too_long: &mut BTreeMap<&str, usize>) -> Result<Vec<Finding>> {
    if !tree.contains(EXCEPTIONS) {
        return Ok(Vec::new());
    }
    let text = tree.read(EXCEPTIONS)?;
    let exceptions: Exceptions =
        toml::from_str(&text).with_context(|| format!("{EXCEPTIONS} is not as expected"))?;
    let mut findings = Vec::new();
    for spanned in &exceptions.file_length {
        let line = text[..spanned.span().start].matches('\n').count() + 1;
        let mut fault = |message| findings.push(Finding::new(EXCEPTIONS, line, message));
        let Exception { path, lines, reason, until } = spanned.get_ref();
        if reason.trim().is_empty() {
            fault(format!("the entry of {path} gives no reason: add one"));
        }
        if *until < tree.today() {
            fault(format!("the entry of {path} ended on {until}: split the file and remove the entry"));
            continue;
        }
        match too_long.get(path.as_str()) {
            None => fault(format!("{path} is gone or has at most {MAX_LINES} lines: remove this entry")),
            Some(now) if now < lines => {
                fault(format!("{path} has {now} lines now: shrink this entry from {lines} to {now}"));
                too_long.remove(path.as_str());
            }
            Some(now) if now > lines => {
                fault(format!("{path} grew to {now} lines, the entry says {lines}: entries only shrink"));
                too_long.remove(path.as_str());
            }
            Some(_) => {
                too_long.remove(path.as_str());
            }
        }
    }
    Ok(findings)
}

fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    name == "tests.rs"
        || name.ends_with("_tests.rs")
        || folders
            .split('/')
            .any(|folder| matches!(folder, "tests" | "benches") || folder.ends_with("_tests"))
}
