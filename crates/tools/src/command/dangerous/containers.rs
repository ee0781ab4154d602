//! Containers that are no containers, and what is removed with them.

use super::Words;

/// Why a call of docker or its relatives is dangerous, by its arguments.
pub(super) fn reason(words: &Words<'_>) -> Option<String> {
    let mounts_root = |word: &&str| {
        let source = word.trim_start_matches("--volume=").trim_start_matches("-v");
        source.starts_with("/:")
            || source.contains("docker.sock")
            || word.contains("source=/,")
            || word.contains("src=/,")
    };
    let shares_host = ["--pid=host", "--net=host", "--network=host", "--userns=host", "--ipc=host"];
    let why = if words.has(&["--privileged", "--cap-add", "--device"])
        || words.0.iter().any(|word| shares_host.contains(word))
    {
        "the container has the rights of the machine"
    } else if words.0.iter().any(mounts_root) {
        "the container can change the whole machine"
    } else if words.has(&["prune"]) || words.has(&["volume"]) && words.has(&["rm", "remove"]) {
        "it removes what containers kept"
    } else {
        return None;
    };
    Some(why.to_owned())
}
