//! `lib.rs` is a map: what the crate is, its modules, what it exports. Code has a module of its own.

use anyhow::Result;

use super::{Finding, Tree};

const MAX_LINES: usize = 120;

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree.rust_files().filter(|path| path.ends_with("src/lib.rs")) {
        let lines = tree.read(path)?.lines().count();
        if lines > MAX_LINES {
            let message = format!(
                "{lines} lines, at most {MAX_LINES} in a lib.rs: it is a map, move code to a module of its own"
            );
            findings.push(Finding::new(path, MAX_LINES + 1, message));
        }
    }
    Ok(findings)
}
