//! Do the rules of the exec policy hold?

use super::Finding;
use crate::settings::Wishes;
use std::path::Path;
use tools::policy::{PolicySources, list};

const RULES: &str = "exec policy";

/// One finding for each file that is broken; one for all where none is; none where there is no file.
pub(super) fn examine(wishes: &Wishes, root: &Path) -> Vec<Finding> {
    let files = list(&PolicySources::of_home(root, wishes.config().exec_policy_files.clone()));
    let broken = files.iter().filter_map(|file| file.rules.as_ref().err());
    let broken: Vec<Finding> = broken
        .map(|fault| {
            Finding::problem(RULES, fault.to_string(), "mend the file: until then every command needs a yes")
        })
        .collect();
    if !broken.is_empty() || files.is_empty() {
        return broken;
    }
    let rules: usize = files.iter().filter_map(|file| file.rules.as_ref().ok()).map(Vec::len).sum();
    vec![Finding::ok(RULES, format!("{rules} rules in {} files", files.len()))]
}
