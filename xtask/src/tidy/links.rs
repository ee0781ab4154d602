//! Every relative link of every Markdown file leads to a file of the repository, and its `#anchor` to a heading there.
//!
//! Links to other sites are not followed: a check must not depend on the network.

use std::collections::BTreeMap;

use anyhow::Result;

use super::markdown::{Document, Target};
use super::{Finding, Tree};

pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut documents = BTreeMap::new();
    for path in tree.files().filter(|path| path.ends_with(".md")) {
        documents.insert(path, Document::parse(&tree.read(path)?));
    }
    let mut findings = Vec::new();
    for (path, document) in &documents {
        for link in &document.links {
            let fault = match &link.target {
                Target::UndefinedLabel(label) => Some(format!("nothing defines the link label [{label}]")),
                Target::Address(address) => dead(tree, &documents, path, address),
            };
            findings.extend(fault.map(|message| Finding::new(*path, link.line, message)));
        }
    }
    Ok(findings)
}

/// Why the link is dead, if it is.
fn dead(tree: &Tree, documents: &BTreeMap<&str, Document>, from: &str, address: &str) -> Option<String> {
    if leaves_the_repository(address) {
        return None;
    }
    let (target, anchor) = match address.split_once('#') {
        Some((target, anchor)) => (target, Some(anchor)),
        None => (address, None),
    };
    let target = target.split('?').next().unwrap_or(target);
    if target.is_empty() && anchor.is_none() {
        return Some("the link is empty".to_owned());
    }
    let Some(resolved) = resolve(from, &percent_decoded(target)) else {
        return Some(format!("the link `{address}` leads out of the repository"));
    };
    if !tree.contains(&resolved) {
        return Some(format!("the link `{address}` is dead: there is no `{resolved}`"));
    }
    let anchor = percent_decoded(anchor?);
    // Other files have anchors too (`#L10`), made by whoever shows them.
    let document = documents.get(resolved.as_str())?;
    (!document.anchors.contains(&anchor))
        .then(|| format!("the link `{address}` is dead: no heading of `{resolved}` has the anchor #{anchor}"))
}

/// `https:`, `mailto:` and the like, and `//host`.
fn leaves_the_repository(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    address.starts_with("//")
        || scheme.is_some_and(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        })
}

/// The path from the root of the repository, or `None` when the link climbs above it.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.split('/').collect(),
    };
    // The file itself; what is left is its folder.
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
