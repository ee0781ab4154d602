//! The tools that run in the host itself: patches.

use super::{
    arena::Arena,
    row::{Row, patch},
};

const OUTSIDE: &str = "where the path leads is looked at, and the kernel holds the writer";
const REFUSED: &[&str] =
    &["outside", "protected", "refused", "ermission denied", "read-only", "ead-only", "leads"];

const fn held(name: &'static str, text: &'static str, holds: &'static str) -> Row {
    patch(name, text, holds).told(REFUSED)
}

pub(super) const ROWS: &[Row] = &[
    held(
        "patch: absolute path",
        "*** Begin Patch\n*** Add File: {out}/new\n+changed\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: `..`",
        "*** Begin Patch\n*** Update File: ../outside/file\n@@\n-kept\n+changed\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: delete outside",
        "*** Begin Patch\n*** Delete File: ../outside/file\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: move out",
        "*** Begin Patch\n*** Update File: file\n*** Move to: ../outside/new\n@@\n-mine\n\
         +changed\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: move in",
        "*** Begin Patch\n*** Update File: ../outside/secret\n*** Move to: taken\n@@\n-kept\n\
         +changed\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: through a symlink to a folder",
        "*** Begin Patch\n*** Add File: link/new\n+changed\n*** End Patch\n",
        OUTSIDE,
    )
    .arranged(|arena| link(arena, "outside", "link")),
    held(
        "patch: through a symlink to a file",
        "*** Begin Patch\n*** Update File: link\n@@\n-kept\n+changed\n*** End Patch\n",
        OUTSIDE,
    )
    .arranged(|arena| link(arena, "outside/file", "link")),
    held(
        "patch: through a dangling symlink",
        "*** Begin Patch\n*** Add File: link\n+changed\n*** End Patch\n",
        OUTSIDE,
    )
    .untried("no patch is made through such a link")
    .arranged(|arena| link(arena, "outside/new", "link")),
    held(
        "patch: a file with another name outside",
        "*** Begin Patch\n*** Update File: hard\n@@\n-kept\n+changed\n*** End Patch\n",
        "a file with several names is not written in place",
    )
    .arranged(|arena| std::fs::hard_link(arena.path("outside/file"), arena.path("ws/hard")).unwrap())
    .untried("a file with several names is not written in place")
    .told(&[]),
    held(
        "patch: a hook",
        "*** Begin Patch\n*** Add File: .git/hooks/pre-commit\n+evil\n*** End Patch\n",
        "repositories are kept",
    )
    .untried("no patch is made to a repository"),
    held(
        "patch: the configuration of git",
        "*** Begin Patch\n*** Update File: .git/config\n@@\n [core]\n+fsmonitor = evil\n*** End \
         Patch\n",
        "repositories are kept",
    )
    .untried("no patch is made to a repository"),
    held(
        "patch: a repository where there is none",
        "*** Begin Patch\n*** Add File: .git/hooks/pre-commit\n+evil\n*** End Patch\n",
        "repositories are not made either",
    )
    .arranged(|arena| std::fs::remove_dir_all(arena.path("ws/.git")).unwrap())
    .untried("no patch is made to a repository"),
    held(
        "patch: the repository a file names",
        "*** Begin Patch\n*** Add File: meta/repository/hooks/pre-commit\n+evil\n*** End Patch\n",
        "what `.git` points at is kept too",
    )
    .arranged(super::git::named_by_file),
    held(
        "patch: the policy of the project",
        "*** Begin Patch\n*** Update File: .everturn/config.toml\n@@\n-approval_policy = \
         \"untrusted\"\n+approval_policy = \"never\"\n*** End Patch\n",
        "the agent's folders are kept",
    ),
    held(
        "patch: the policy of the user",
        "*** Begin Patch\n*** Update File: {policy}/config.toml\n@@\n-approval_policy = \
         \"untrusted\"\n+approval_policy = \"never\"\n*** End Patch\n",
        "the agent's home is no writable root",
    ),
    held(
        "patch: through /proc/self/root",
        "*** Begin Patch\n*** Add File: /proc/self/root{out}/new\n+changed\n*** End Patch\n",
        OUTSIDE,
    ),
    held(
        "patch: through /proc/self/cwd",
        "*** Begin Patch\n*** Add File: /proc/self/fd/../cwd/new\n+changed\n*** End Patch\n",
        OUTSIDE,
    )
    .untried("the working directory of a test is anywhere"),
    held(
        "patch: the memory of the host",
        "*** Begin Patch\n*** Update File: /proc/self/mem\n@@\n-x\n+y\n*** End Patch\n",
        OUTSIDE,
    )
    .untried("it would harm the test"),
];

fn link(arena: &Arena, to: &str, from: &str) {
    std::os::unix::fs::symlink(arena.path(to), arena.path(&format!("ws/{from}"))).unwrap();
}
