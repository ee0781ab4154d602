//! [`denial`]: whether a command that failed looks as if the sandbox stopped it.

/// So much of the end of the output is looked at: what stops a program is the last it talks about.
const LOOKED_AT_BYTES: usize = 16 * 1024;

const FILES: [&str; 4] = ["read-only file system", "permission denied", "erofs", "eacces"];
const NETWORK: [&str; 14] = [
    "could not resolve",
    "couldn't resolve",
    "temporary failure in name resolution",
    "name or service not known",
    "network is unreachable",
    "enetunreach",
    "eai_again",
    "getaddrinfo",
    "dns error",
    "failed to lookup address",
    "no route to host",
    "failed to connect to",
    "connection error",
    "unable to connect",
];
const SYSTEM: [&str; 2] = ["operation not permitted", "eperm"];
const SOCKET: [&str; 2] = ["socket", "docker daemon"];

/// Whether a command that ended like this in the sandbox looks as if the sandbox stopped it, and how, for people. It is a
/// guess from what was printed: `None` where nothing of the kind was.
///
/// `code` is the exit code, `None` where a signal ended it.
pub fn denial(output: &str, code: Option<i32>) -> Option<String> {
    if code == Some(0) {
        return None;
    }
    let start = output.len().saturating_sub(LOOKED_AT_BYTES);
    let tail = output.get(output.floor_char_boundary(start)..)?;
    // The last line that tells of anything is the nearest to the end of the program.
    tail.lines().rev().find_map(|line| {
        let small = line.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| small.contains(word));
        let how = if says(&NETWORK) {
            "the network is switched off in the sandbox"
        } else if says(&FILES) {
            "the sandbox does not let it touch a file"
        } else if says(&SYSTEM) && says(&SOCKET) {
            "the sandbox does not let it use a socket"
        } else if says(&SYSTEM) {
            "the sandbox does not let it do something to the system"
        } else {
            return None;
        };
        Some(format!("{how}: {}", shown(line.trim())))
    })
}

/// Enough of a line to know it by.
fn shown(line: &str) -> String {
    const CHARS: usize = 200;
    if line.chars().count() <= CHARS {
        return line.to_owned();
    }
    line.chars().take(CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("touch: cannot touch '/etc/x': Read-only file system\n", Some("file"))]
    #[case("bash: line 1: /etc/x: Permission denied", Some("file"))]
    #[case("curl: (6) Could not resolve host: example.com", Some("network"))]
    #[case("fatal: unable to access: Could not resolve host\nPermission denied\nnothing more", Some("file"))]
    #[case("Cannot connect to the Docker daemon\nsocket: Operation not permitted", Some("socket"))]
    #[case("strace: ptrace(PTRACE_TRACEME): Operation not permitted", Some("system"))]
    #[case("assertion failed: left == right", None)]
    #[case("", None)]
    fn what_was_printed_is_judged(#[case] output: &str, #[case] expected: Option<&str>) {
        let denial = denial(output, Some(1));
        assert_eq!(denial.is_some(), expected.is_some(), "{denial:?}");
        assert!(denial.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn success_is_no_denial() {
        assert_eq!(denial("rm: Permission denied", Some(0)), None);
        assert!(denial("rm: Permission denied", None).is_some());
    }

    #[test]
    fn only_the_end_counts_and_long_lines_are_cut() {
        let far = format!("permission denied\n{}", "é\n".repeat(LOOKED_AT_BYTES));
        assert_eq!(denial(&far, Some(1)), None);
        let long = format!("{} permission denied", "é".repeat(400));
        assert!(denial(&long, Some(1)).is_some_and(|denial| denial.ends_with('…') && denial.len() < 600));
    }
}
