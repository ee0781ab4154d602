//! Which tools there are, told so that nothing is told twice.

use agent_core::{BlobId, Collected, Shared, ToolSpec};

/// Between the parts of a digest: that of the tools, then one of each warning.
const SEPARATOR: char = '.';
/// How many hexadecimal digits name tools.
const TOOLS_DIGITS: usize = 32;
/// How many hexadecimal digits name a warning.
const WARNING_DIGITS: usize = 12;

/// The tools where they are others than those that `known` names, and the warnings that it does not name.
pub(crate) fn collected(specs: Vec<ToolSpec>, warnings: Vec<String>, known: &str) -> Collected {
    let json = serde_json::to_vec(&specs).unwrap_or_else(|error| format!("{error} {specs:?}").into());
    let tools = digits(&json, TOOLS_DIGITS);
    let mut told = known.split(SEPARATOR);
    let are_known = told.next() == Some(&tools);
    let told: Vec<&str> = told.collect();
    let mut digest = tools;
    let mut fresh = Vec::new();
    for warning in warnings {
        let name = digits(warning.as_bytes(), WARNING_DIGITS);
        digest.push(SEPARATOR);
        digest.push_str(&name);
        if !told.contains(&name.as_str()) {
            fresh.push(warning);
        }
    }
    Collected { tools: (!are_known).then(|| Shared::new(specs)), digest, warnings: fresh, skills: Vec::new() }
}

fn digits(bytes: &[u8], count: usize) -> String {
    BlobId::of(bytes).as_str().chars().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::ToolKind;

    #[test]
    fn nothing_is_told_twice() {
        let spec = ToolSpec::new("a", "", ToolKind::Freeform { grammar: None });
        let warnings = || vec!["one".to_owned(), "two".to_owned()];
        let first = collected(vec![spec.clone()], warnings(), "");
        assert_eq!(first.tools, Some(Shared::new(vec![spec.clone()])));
        assert_eq!(first.warnings, warnings());

        let again = collected(vec![spec.clone()], warnings(), &first.digest);
        assert_eq!(again, Collected { digest: first.digest.clone(), ..Collected::default() });

        let worse = collected(vec![spec], vec!["two".to_owned(), "three".to_owned()], &first.digest);
        assert_eq!((worse.tools, worse.warnings), (None, vec!["three".to_owned()]));

        let fewer = collected(Vec::new(), Vec::new(), &first.digest);
        assert_eq!((fewer.tools, fewer.warnings), (Some(Shared::new(Vec::new())), Vec::new()));
    }
}
