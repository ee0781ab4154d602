//! Under the policy that nothing may be written: the same things inside of the workspace.

use super::row::{Need, Row, Under, line, patch};

const fn held(name: &'static str, script: &'static str) -> Row {
    line(name, script, "nothing can be written anywhere").under(Under::ReadOnly)
}

/// What is inside counts as outside here: the rows keep their traces in places that are compared.
pub(super) const ROWS: &[Row] = &[
    held("read-only: new file", "echo x > new && echo GOT OUT"),
    held("read-only: existing file", "echo x > file && echo GOT OUT"),
    held("read-only: new folder", "mkdir new && echo GOT OUT"),
    held("read-only: delete", "rm -f file && echo GOT OUT"),
    held("read-only: rename", "mv file renamed && echo GOT OUT"),
    held("read-only: symlink", "ln -s file new && echo GOT OUT"),
    held("read-only: hard link", "ln file new && echo GOT OUT"),
    held("read-only: chmod", "chmod 0777 file && echo GOT OUT"),
    held("read-only: touch", "touch -d 2001-01-01 file && echo GOT OUT"),
    held("read-only: truncate", "truncate -s 0 file && echo GOT OUT"),
    held("read-only: named pipe", "mkfifo new && echo GOT OUT"),
    held(
        "read-only: extended attribute",
        "{python} -c 'import os; os.setxattr(\"file\", \"user.new\", b\"x\")' && echo GOT OUT",
    )
    .needs(&[Need::Program("python3")]),
    held("read-only: file flags", "{probe} chattr {ws}/file"),
    held("read-only: another root", "echo x > {root}/second/file && echo GOT OUT"),
    held("read-only: outside", "echo changed > {out}/file"),
    held("read-only: home", "echo changed >> {home}/.bashrc"),
    held(
        "read-only: shared folders",
        "echo x > /tmp/new-{token}; echo x > /dev/shm/new-{token}; echo x > /var/tmp/new-{token}",
    ),
    held("read-only: hooks", "echo x > .git/hooks/pre-commit"),
    held("read-only: the network", "{probe} tcp {tcp}").told(&["held:"]),
    patch(
        "read-only: patch",
        "*** Begin Patch\n*** Add File: .everturn/new\n+x\n*** End Patch\n",
        "patches go through the same door",
    )
    .under(Under::ReadOnly),
];
