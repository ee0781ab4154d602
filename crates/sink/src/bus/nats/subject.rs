//! Subjects: `everturn.TENANT.THREAD`.

use agent_core::ThreadKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// An encoded id longer than this is replaced by its digest: a server takes 4 kB for a whole line.
const MAX_TOKEN_CHARS: usize = 120;

/// Where the bus asks whether it is heard. Nobody answers there, which the server says at once.
pub(super) const HELLO: &str = "everturn.hello";

/// Where that answer comes.
pub(super) const INBOX: &str = "everturn.inbox";

/// The subject of a thread. No two threads share one, whatever is in their ids.
pub(super) fn subject(key: &ThreadKey) -> String {
    format!("everturn.{}.{}", token(key.tenant.as_str()), token(key.thread.as_str()))
}

/// An id as one token: letters, digits, `-` and `_` stay, every other byte becomes `=` and two digits.
fn token(id: &str) -> String {
    let mut token = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => token.push(char::from(byte)),
            _ => push_hex(&mut token, "=", byte),
        }
    }
    match token.len() {
        // A token must not be empty, and `=` alone is no encoding of anything else.
        0 => "=".to_owned(),
        1..=MAX_TOKEN_CHARS => token,
        _ => digest(id),
    }
}

/// Begins with what no encoding contains.
fn digest(id: &str) -> String {
    let mut token = "=h".to_owned();
    for byte in Sha256::digest(id) {
        push_hex(&mut token, "", byte);
    }
    token
}

fn push_hex(token: &mut String, before: &str, byte: u8) {
    // Writing to a string does not fail.
    let _ = write!(token, "{before}{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::{Tenant, ThreadId};

    fn of(tenant: &str, thread: &str) -> String {
        subject(&ThreadKey { tenant: Tenant::new(tenant), thread: ThreadId::new(thread) })
    }

    #[test]
    fn ids_of_this_repository_stay_readable() {
        let thread = "0199a3f0-7b1c-7c3a-9a52-0c8d1f0e2b11";
        assert_eq!(of("default", thread), format!("everturn.default.{thread}"));
    }

    #[test]
    fn no_id_reaches_beyond_its_token() {
        assert_eq!(of("a.b", "*"), "everturn.a=2Eb.=2A");
        assert_eq!(of(">", " \r\n"), "everturn.=3E.=20=0D=0A");
        assert_eq!(of("", "é="), "everturn.=.=C3=A9=3D");
    }

    #[test]
    fn long_ids_become_digests_and_stay_apart() {
        let (one, other) = ("x".repeat(121), "x".repeat(122));
        let subject = of("t", &one);
        assert!(subject.starts_with("everturn.t.=h"), "{subject}");
        assert_eq!(subject.len(), "everturn.t.=h".len() + 64);
        assert_ne!(subject, of("t", &other));
        assert_eq!(of("t", &"x".repeat(120)), format!("everturn.t.{}", "x".repeat(120)));
    }
}
