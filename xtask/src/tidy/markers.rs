//! Nothing half-done or silenced without a reason: `todo!`, `unimplemented!`, `dbg!`, `#[allow]`, a bare `#[ignore]`.
//!
//! Clippy denies some of these too, but only in code that this machine's target and features compile.

use anyhow::Result;
use proc_macro2::{Delimiter, Group, TokenTree};

use super::rust_tokens::{is_punct, line, suffixes, visit_groups};
use super::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tree.rust_files() {
        let mut found: Vec<(usize, String)> = Vec::new();
        let lexed = visit_groups(&tree.read(path)?, &mut |tokens| {
            for rest in suffixes(tokens) {
                found.extend(unfinished(rest));
                found.extend(attribute(rest).into_iter().flat_map(|group| faults(&group)));
            }
        });
        if let Err(error) = lexed {
            found.push((error.span().start().line, format!("this file is not Rust: {error}")));
        }
        found.sort();
        findings.extend(found.into_iter().map(|(line, message)| Finding::new(path, line, message)));
    }
    Ok(findings)
}

fn unfinished(tokens: &[TokenTree]) -> Option<(usize, String)> {
    match tokens {
        [TokenTree::Ident(name), bang, TokenTree::Group(_), ..] if is_punct(bang, '!') => {
            let name = name.to_string();
            let advice = match name.as_str() {
                "todo" | "unimplemented" => "write it, or return a typed error",
                "dbg" => "remove it, or use tracing",
                _ => return None,
            };
            Some((line(&tokens[0]), format!("`{name}!` is left in the code: {advice}")))
        }
        _ => None,
    }
}

/// The brackets of an attribute which starts here, outer or inner.
fn attribute(tokens: &[TokenTree]) -> Option<Group> {
    let bracketed = |group: &Group| (group.delimiter() == Delimiter::Bracket).then(|| group.clone());
    match tokens {
        [hash, TokenTree::Group(group), ..] if is_punct(hash, '#') => bracketed(group),
        [hash, bang, TokenTree::Group(group), ..] if is_punct(hash, '#') && is_punct(bang, '!') => {
            bracketed(group)
        }
        _ => None,
    }
}

/// The faults of an attribute, given what is between its brackets.
fn faults(brackets: &Group) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut pending: Vec<Vec<TokenTree>> = vec![brackets.stream().into_iter().collect()];
    while let Some(tokens) = pending.pop() {
        let (Some(TokenTree::Ident(name)), arguments) = (tokens.first(), tokens.get(1)) else { continue };
        let message = match (name.to_string().as_str(), arguments) {
            ("allow", Some(TokenTree::Group(_))) => {
                "`#[allow(..)]` outlives its cause in silence: use `#[expect(.., reason = \"..\")]`"
            }
            ("expect", Some(TokenTree::Group(lints))) if !gives_a_reason(lints) => {
                "`#[expect(..)]` does not say why: add `reason = \"..\"`"
            }
            ("ignore", None) => "`#[ignore]` does not say why: write `#[ignore = \"..\"]`",
            ("cfg_attr", Some(TokenTree::Group(group))) => {
                pending.extend(conditional(group));
                continue;
            }
            _ => continue,
        };
        found.push((line(&tokens[0]), message.to_owned()));
    }
    found
}

fn gives_a_reason(lints: &Group) -> bool {
    lints.stream().into_iter().any(|token| matches!(&token, TokenTree::Ident(name) if name == "reason"))
}

/// The attributes in `cfg_attr(condition, first, second)`.
fn conditional(arguments: &Group) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = arguments.stream().into_iter().collect();
    tokens.split(|token| is_punct(token, ',')).skip(1).map(<[TokenTree]>::to_vec).collect()
}
