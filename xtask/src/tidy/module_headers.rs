//! Each Rust file starts with a `//!` that says what it is for.

use anyhow::Result;

use super::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree.rust_files() {
        let text = tree.read(path)?;
        let header = text.lines().next().and_then(|first| first.strip_prefix("//!"));
        match header {
            Some(says) if !says.trim().is_empty() => {}
            Some(_) => {
                findings.push(Finding::new(path, 1, "the first `//!` line is empty: say what this is"))
            }
            None => {
                findings.push(Finding::new(path, 1, "the file does not start with `//!`: say what it is"))
            }
        }
    }
    Ok(findings)
}
