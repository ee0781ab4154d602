//! A module is named by the noun of the field; these names say nothing about what is inside.

use anyhow::Result;
use proc_macro2::{Delimiter, TokenTree};

use super::rust_tokens::{is_punct, line, suffixes, visit_groups};
use super::{Finding, Tree};

const FORBIDDEN: [&str; 4] = ["utils", "common", "helpers", "prelude"];

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree.rust_files() {
        let file = path.strip_suffix(".rs").unwrap_or(path);
        if let Some(name) = file.split('/').find(|name| FORBIDDEN.contains(name)) {
            findings.push(Finding::new(path, 1, advice(name)));
        }
        // A file that does not lex is reported by the check of markers.
        let _ = visit_groups(&tree.read(path)?, &mut |tokens| {
            for rest in suffixes(tokens) {
                if let Some(name) = inline_module(rest).filter(|name| FORBIDDEN.contains(&name.as_str())) {
                    findings.push(Finding::new(path, line(&rest[0]), advice(&name)));
                }
            }
        });
    }
    Ok(findings)
}

/// The name in `mod name { .. }`. For `mod name;` the file is reported, once.
fn inline_module(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Group(body), ..]
            if keyword == "mod" && body.delimiter() == Delimiter::Brace =>
        {
            Some(name.to_string())
        }
        // `pub use inner as prelude;` makes the same name.
        [TokenTree::Ident(keyword), TokenTree::Ident(name), end, ..]
            if keyword == "as" && (is_punct(end, ';') || is_punct(end, ',')) =>
        {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn advice(name: &str) -> String {
    format!("a module named `{name}` says nothing: name it by the concept it holds")
}
