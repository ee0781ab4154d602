//! The rules of the house, each in a module of its own with a `check` that returns what it found.
//!
//! A check reads the [`Tree`] and nothing else, so that a test can hand it a small tree that breaks the rule.

mod file_length;
mod finding;
mod layering;
mod lib_is_a_map;
mod links;
mod machine_paths;
mod markdown;
mod markers;
mod module_headers;
mod module_names;
mod rust_tokens;
mod tree;

use anyhow::{Context, Result};

pub use finding::Finding;
pub use tree::{Tree, repository_root};

/// One rule.
#[derive(Debug)]
pub struct Check {
    /// How tests and messages call it.
    pub name: &'static str,
    run: fn(&Tree) -> Result<Vec<Finding>>,
}

/// All rules, in the order in which their findings are printed.
pub const CHECKS: &[Check] = &[
    Check { name: "layering", run: layering::check },
    Check { name: "file length", run: file_length::check },
    Check { name: "module headers", run: module_headers::check },
    Check { name: "lib.rs is a map", run: lib_is_a_map::check },
    Check { name: "module names", run: module_names::check },
    Check { name: "links", run: links::check },
    Check { name: "markers", run: markers::check },
    Check { name: "machine paths", run: machine_paths::check },
];

impl Check {
    /// What breaks this rule in the tree.
    ///
    /// # Errors
    /// The check could not do its work, for example because a file could not be read.
    pub fn run(&self, tree: &Tree) -> Result<Vec<Finding>> {
        (self.run)(tree).with_context(|| format!("tidy could not check: {}", self.name))
    }
}

/// Runs every check, whatever the ones before it found.
///
/// # Errors
/// A check could not do its work.
pub fn tidy(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for check in CHECKS {
        findings.extend(check.run(tree)?);
    }
    Ok(findings)
}
