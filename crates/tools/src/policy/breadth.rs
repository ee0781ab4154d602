//! Which prefixes would allow too much to be offered or written down with one yes.

/// Programs that run whatever they are told, or reach everything. No rule for them comes from an approval.
const RUN_ANYTHING: [&str; 101] = [
    ".",
    "ash",
    "at",
    "awk",
    "batch",
    "builtin",
    "busybox",
    "chroot",
    "command",
    "coproc",
    "crontab",
    "csh",
    "dash",
    "dd",
    "doas",
    "entr",
    "env",
    "eval",
    "exec",
    "expect",
    "fd",
    "fdfind",
    "find",
    "fish",
    "flock",
    "gawk",
    "gdb",
    "ionice",
    "ksh",
    "make-kpkg",
    "mawk",
    "mksh",
    "nc",
    "ncat",
    "nice",
    "nohup",
    "npx",
    "nsenter",
    "parallel",
    "pkexec",
    "rm",
    "runuser",
    "scp",
    "script",
    "sed",
    "setsid",
    "sftp",
    "socat",
    "source",
    "ssh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "tclsh",
    "time",
    "timeout",
    "toybox",
    "trap",
    "unshare",
    "uvx",
    "watch",
    "xargs",
    "bunx",
    "pipx",
    "R",
    "Rscript",
    "ansible",
    "bwrap",
    "emacs",
    "faketime",
    "ghci",
    "hyperfine",
    "ipython",
    "irb",
    "java",
    "jshell",
    "julia",
    "less",
    "linux32",
    "linux64",
    "lldb",
    "man",
    "more",
    "nawk",
    "nodejs",
    "numactl",
    "nvim",
    "perf",
    "prlimit",
    "pwsh",
    "pypy",
    "rbash",
    "screen",
    "setarch",
    "tmux",
    "ts-node",
    "tsx",
    "vi",
    "vim",
];
/// Interpreters: a rule must say at least which script or module.
const INTERPRETERS: [&str; 14] = [
    "bash",
    "sh",
    "zsh",
    "python",
    "python2",
    "python3",
    "node",
    "deno",
    "bun",
    "ruby",
    "perl",
    "php",
    "lua",
    "osascript",
];
/// Programs with subcommands, and how many words name what they do.
const SUBCOMMANDS: &[(&str, usize)] = &[
    ("git", 2),
    ("cargo", 2),
    ("npm", 2),
    ("pnpm", 2),
    ("yarn", 2),
    ("bun", 2),
    ("deno", 2),
    ("pip", 2),
    ("pip3", 2),
    ("uv", 2),
    ("poetry", 2),
    ("pipenv", 2),
    ("go", 2),
    ("make", 2),
    ("just", 2),
    ("task", 2),
    ("rake", 2),
    ("bundle", 2),
    ("gem", 2),
    ("mvn", 2),
    ("gradle", 2),
    ("gradlew", 2),
    ("dotnet", 2),
    ("docker", 2),
    ("podman", 2),
    ("kubectl", 2),
    ("helm", 2),
    ("gh", 2),
    ("terraform", 2),
    ("tofu", 2),
    ("rustup", 2),
    ("apt", 2),
    ("apt-get", 2),
    ("brew", 2),
    ("systemctl", 2),
    ("aws", 3),
    ("gcloud", 3),
    ("az", 3),
    ("mise", 2),
    ("composer", 2),
    ("mix", 2),
    ("cabal", 2),
    ("stack", 2),
    ("bazel", 2),
    ("nx", 2),
    ("turbo", 2),
];
/// Programs whose second word is a name that the workspace gives, or not one of [`RUNNING`].
const OWN_NAMES: [&str; 6] = ["cargo", "git", "just", "make", "rake", "task"];
/// Subcommands that run what follows them: the word after them belongs to the rule.
const RUNNING: [&str; 9] = ["run", "run-script", "exec", "x", "dlx", "watch", "tool", "start", "task"];
/// Subcommands of git that run commands, or set what git runs.
const GIT_RUNNING: [&str; 6] = ["bisect", "config", "filter-branch", "filter-repo", "rebase", "submodule"];
/// Subcommands of these run anything that follows.
const CONTAINERS: [&str; 3] = ["docker", "podman", "kubectl"];
/// Subcommands of those that have subcommands of their own.
const NESTED: [&str; 9] =
    ["builder", "buildx", "compose", "container", "context", "image", "network", "system", "volume"];

/// How many words a rule for a program with subcommands needs; `None` for other programs.
pub(super) fn words_needed(words: &[String]) -> Option<usize> {
    let program = words.first()?;
    let (_, needed) = SUBCOMMANDS.iter().find(|(name, _)| name == program)?;
    Some(needed + usize::from(runs_what_follows(words)) + usize::from(is_nested(words)))
}

/// `docker container run`.
fn is_nested(words: &[String]) -> bool {
    let is_container = words.first().is_some_and(|program| CONTAINERS.contains(&program.as_str()));
    is_container && words.get(1).is_some_and(|word| NESTED.contains(&word.as_str()))
}

fn runs_what_follows(words: &[String]) -> bool {
    let named = words.first().is_some_and(|program| OWN_NAMES.contains(&program.as_str()));
    !named && words.get(1).is_some_and(|word| RUNNING.contains(&word.as_str()))
}

/// Why a prefix would allow too much.
pub(super) fn too_broad(prefix: &[String]) -> Option<String> {
    let Some(program) = prefix.first().filter(|program| !program.is_empty()) else {
        return Some("it has no words and would allow every command".to_owned());
    };
    let name = program.rsplit('/').next().unwrap_or(program);
    let second = prefix.get(1).map_or("", String::as_str);
    // `python3.12` is python.
    let unversioned = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if RUN_ANYTHING.contains(&name) || RUN_ANYTHING.contains(&unversioned) || name.starts_with("mkfs") {
        return Some(format!("`{name}` can run or reach anything"));
    }
    if let Some(interpreter) = INTERPRETERS.iter().find(|known| **known == name || **known == unversioned) {
        let is_module = second == "-m" && prefix.len() > 2 && !prefix[2].starts_with('-');
        if second.is_empty() || second.starts_with('-') && !is_module {
            return Some(format!("`{interpreter}` runs any program it is given"));
        }
    }
    if let Some(needed) = words_needed(prefix) {
        if prefix.len() < needed {
            return Some(format!(
                "`{}` has many subcommands; name at least {needed} words",
                prefix.join(" ")
            ));
        }
        if prefix[1..needed].iter().any(|word| word.starts_with(['-', '+'])) {
            return Some(format!("`{}` names an option where the subcommand should be", prefix.join(" ")));
        }
        if name == "git" && GIT_RUNNING.contains(&second) {
            return Some(format!("`git {second}` can run or set anything"));
        }
        // `uv run python` is python.
        if runs_what_follows(prefix) && prefix.len() > 2 && too_broad(&prefix[2..]).is_some() {
            return Some(format!("`{}` can run anything", prefix.join(" ")));
        }
        if CONTAINERS.contains(&name)
            && prefix[1..needed].iter().any(|word| matches!(word.as_str(), "run" | "exec"))
        {
            return Some(format!("`{}` runs anything", prefix[..needed].join(" ")));
        }
    }
    None
}
