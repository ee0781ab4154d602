//! Reading what is kept from commands: keys, credentials, and what other processes know.

use super::row::{Need, Row, line, patch, tool};

const UNREADABLE: &str = "the kernel opens nothing below it, whatever name led there";

pub(super) const ROWS: &[Row] = &[
    line("hidden: by path", "cat {home}/.ssh/id_ed25519", UNREADABLE),
    line("hidden: by `..`", "cat ../home/.aws/credentials", UNREADABLE),
    line("hidden: by symlink", "ln -s {home}/.ssh keys && cat keys/id_ed25519", UNREADABLE),
    line(
        "hidden: by hard link",
        "ln {home}/.ssh/id_ed25519 key && cat key",
        "it cannot be given another name",
    ),
    line("hidden: by /proc/self/root", "cat /proc/self/root{home}/.ssh/id_ed25519", UNREADABLE),
    line("hidden: by /proc/self/cwd", "cat /proc/self/cwd/../home/.ssh/id_ed25519", UNREADABLE),
    line(
        "hidden: by the root of a process outside",
        "cat /proc/{victim}/root{home}/.ssh/id_ed25519",
        "processes outside are not in the sandbox's /proc",
    ),
    line(
        "hidden: by the root of the first process",
        "cat /proc/1/root{home}/.ssh/id_ed25519",
        "it has the same view",
    )
    .untried("it takes more rights than a test may have"),
    line("hidden: by find", "find {home} -type f -exec cat {} +; cat {home}/.ssh/*", UNREADABLE),
    line("hidden: by grep", "grep -rh hidden {home}; cat {home}/.ssh/*", UNREADABLE),
    line("hidden: by copy", "cp -r {home} copy; cat copy/.ssh/id_ed25519", UNREADABLE),
    line("hidden: by archive", "tar -cf - -C {home} .ssh | tar -xf - && cat .ssh/id_ed25519", UNREADABLE)
        .needs(&[Need::Program("tar")]),
    line("hidden: by git", "git --no-pager diff --no-index /etc/hostname {home}/.ssh/id_ed25519", UNREADABLE)
        .needs(&[Need::Program("git"), Need::Path("/etc/hostname")])
        .told(&["ermission denied", "Could not access", "could not", "ot permitted", "No such"]),
    line("hidden: by the shell itself", "echo \"$(< {home}/.ssh/id_ed25519)\"", UNREADABLE),
    line(
        "hidden: moved away",
        "mv {home}/.ssh {ws}/keys; cat keys/id_ed25519",
        "its folder loses no entries",
    ),
    line("hidden: the agent's own keys", "cat {policy}/auth.json", UNREADABLE),
    // To root it is an empty file.
    line("hidden: a file of the workspace", "cat .env", UNREADABLE).told(&[]),
    line(
        "hidden: a file of the workspace, renamed",
        "mv .env seen; cat seen .env",
        "its name is held in place",
    ),
    line(
        "hidden: a file of the workspace, linked",
        "ln .env seen; cat seen .env",
        "it cannot be given another name",
    ),
    line(
        "hidden: a file of the workspace, its folder renamed",
        "mv sub moved; cat moved/.env; cat {ws}/sub/.env",
        "what hides it goes where the file goes",
    ),
    line("hidden: a folder as working directory", "cd {home}/.ssh && cat id_ed25519", UNREADABLE),
    tool(
        "hidden: `workdir` in it",
        "shell",
        r#"{"command": ["cat", "id_ed25519"], "workdir": "{home}/.ssh"}"#,
        UNREADABLE,
    )
    .told(&["ermission denied", "No such", "cannot", "hidden", "could not"]),
    line(
        "environment of a process outside",
        "tr '\\0' '\\n' < /proc/{victim}/environ",
        "processes outside are not in the sandbox's /proc",
    ),
    line(
        "environments of all processes",
        "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep ^VICTIM_SECRET= || echo held: none of \
         them tells",
        "only the command's own processes are in the sandbox's /proc",
    )
    .untried("it would read what others keep"),
    line(
        "descriptors of a process outside",
        "ls -l /proc/{victim}/fd && echo GOT OUT",
        "processes outside are not in the sandbox's /proc",
    ),
    line(
        "command lines of other processes",
        "for dir in /proc/[0-9]*; do [ $dir = /proc/{victim} ] && echo GOT OUT; done; ls \
         /proc/{victim}",
        "only the command's own processes are in the sandbox's /proc",
    ),
    tool(
        "read_file: hidden",
        "read_file",
        r#"{"path": "{home}/.ssh/id_ed25519"}"#,
        "tools look through the same door",
    )
    .told(HIDDEN),
    tool(
        "read_file: hidden, by `..`",
        "read_file",
        r#"{"path": "../home/.aws/credentials"}"#,
        "where the path leads counts",
    )
    .told(HIDDEN),
    tool(
        "read_file: hidden, by symlink",
        "read_file",
        r#"{"path": "keys/id_ed25519"}"#,
        "where the path leads counts",
    )
    .arranged(|arena| std::os::unix::fs::symlink(arena.path("home/.ssh"), arena.path("ws/keys")).unwrap())
    .told(HIDDEN),
    tool(
        "read_file: hidden, by /proc/self/root",
        "read_file",
        r#"{"path": "/proc/self/root{home}/.ssh/id_ed25519"}"#,
        "where the path leads counts",
    )
    .told(HIDDEN),
    tool(
        "read_file: a hidden file of the workspace",
        "read_file",
        r#"{"path": "sub/.env"}"#,
        "tools look through the same door",
    )
    .told(HIDDEN),
    tool(
        "read_file: environment of the host",
        "read_file",
        r#"{"path": "/proc/self/environ"}"#,
        "the host's own /proc entries are hidden from its tools",
    )
    .untried("it is no text to this tool")
    .told(HIDDEN),
    tool(
        "read_file: environment of a process outside",
        "read_file",
        r#"{"path": "/proc/{victim}/environ"}"#,
        "environments of processes are hidden from tools",
    )
    .untried("it is no text to this tool")
    .told(HIDDEN),
    tool(
        "read_file: environment of the host, by symlink",
        "read_file",
        r#"{"path": "link"}"#,
        "where the path leads counts",
    )
    .arranged(|arena| std::os::unix::fs::symlink("/proc/thread-self/environ", arena.path("ws/link")).unwrap())
    .untried("it is no text to this tool")
    .told(HIDDEN),
    tool(
        "grep_files: hidden",
        "grep_files",
        r#"{"pattern": "hidden-.*", "path": "{home}/.ssh"}"#,
        "tools look through the same door",
    )
    .told(HIDDEN),
    tool(
        "grep_files: hidden, from above",
        "grep_files",
        r#"{"pattern": "hidden-", "path": "{home}"}"#,
        "tools look through the same door",
    )
    .untried("it leaves dot files out")
    .told(&["o match", "o file", "ermission", "hidden", "othing"]),
    tool(
        "grep_files: environment of the host",
        "grep_files",
        r#"{"pattern": "PATH=.*", "path": "/proc/self/environ"}"#,
        "the host's own /proc entries are hidden from its tools",
    )
    .untried("binary files are left out")
    .told(HIDDEN),
    tool("list_dir: hidden", "list_dir", r#"{"path": "{home}/.ssh"}"#, "tools look through the same door")
        .untried("a listing shows no secret")
        .told(HIDDEN),
    tool(
        "view_image: hidden",
        "view_image",
        r#"{"path": "{home}/.ssh/id_ed25519"}"#,
        "tools look through the same door",
    )
    .untried("it is no picture")
    .told(HIDDEN),
    patch(
        "patch: move a hidden file here",
        "*** Begin Patch\n*** Update File: sub/.env\n*** Move to: seen\n@@\n-hidden-{token}\n\
         +it was hidden-{token}\n*** End Patch\n",
        "it cannot be read, so it cannot be changed",
    )
    .arranged(|arena| arena.write("ws/.git/info/exclude", "# the move shows here\n"))
    .untried("it needs to know what is hidden")
    .told(HIDDEN),
    patch(
        "patch: context that does not fit shows what would",
        "*** Begin Patch\n*** Update File: .env\n@@\n-hidden-{token}x\n+changed\n*** End Patch\n",
        "it cannot be read, so its lines are in no message",
    )
    .told(HIDDEN),
];

const HIDDEN: &[&str] = &["ermission denied", "may not be read", "could not be read", "protected"];
