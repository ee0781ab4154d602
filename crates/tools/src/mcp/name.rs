//! What the model calls the tool of a server: `mcp__SERVER__TOOL`.
//!
//! A name depends on nothing but the names of the server and of the tool, so it stays the same whatever other servers there
//! are. Where something had to be changed to make it a name, a digest of both keeps it apart from all others.

use agent_core::BlobId;

/// Every such name begins with it, and no other tool's does.
pub(crate) const PREFIX: &str = "mcp__";
/// Providers take no longer names.
const MAX_NAME_BYTES: usize = 64;
/// How much of a digest keeps names apart, in hexadecimal digits.
const DIGEST_DIGITS: usize = 8;

/// The name of a tool.
pub(crate) fn tool_name(server: &str, tool: &str) -> String {
    let plain = format!("{PREFIX}{}__{}", plain(server), plain(tool));
    // `a__b` and `c` would be taken for `a` and `b__c`, and `a_` and `b` for `a` and `_b`.
    let divides = !server.contains("__") && !server.ends_with('_');
    if divides && plain == format!("{PREFIX}{server}__{tool}") && plain.len() <= MAX_NAME_BYTES {
        return plain;
    }
    let digest = BlobId::of(format!("{server}\0{tool}").as_bytes());
    let room = MAX_NAME_BYTES - DIGEST_DIGITS - 1;
    // All letters are ASCII by now.
    let kept: String = plain.chars().take(room).collect();
    let digits: String = digest.as_str().chars().take(DIGEST_DIGITS).collect();
    format!("{kept}_{digits}")
}

/// Whether a tool of this name may be one of this server.
pub(crate) fn may_be_of(name: &str, server: &str) -> bool {
    let start = format!("{PREFIX}{}__", plain(server));
    let kept = start.len().min(MAX_NAME_BYTES - DIGEST_DIGITS - 1);
    start.get(..kept).is_some_and(|start| name.starts_with(start))
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_plain_name_is_taken_as_it_is() {
        assert_eq!(tool_name("git", "git_log"), "mcp__git__git_log");
        assert_eq!(tool_name("my-server", "read_file"), "mcp__my-server__read_file");
    }

    #[test]
    fn names_are_short_plain_and_never_the_same() {
        let long = "x".repeat(90);
        let longer = format!("{long}y");
        let pairs = [
            ("a", "b__c"),
            ("a__b", "c"),
            ("a_", "b"),
            ("a", "_b"),
            ("a.b", "c"),
            ("a_b", "c"),
            ("a b", "c"),
            ("a", "ünï"),
            ("a", "uni"),
            ("a", &long),
            ("a", &longer),
            (&long, "a"),
            (&longer, "a"),
            ("a", ""),
        ];
        let mut names = BTreeSet::new();
        for (server, tool) in pairs {
            let name = tool_name(server, tool);
            assert!(name.len() <= MAX_NAME_BYTES, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{name}");
            assert!(may_be_of(&name, server), "{name} of {server}");
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }
}
