//! What is run later, or by the host: start-up files, programs in the path, the host's own helper.

use super::{
    arena::Arena,
    row::{Row, line},
};

const AGAIN: &str = "inside nothing can be loosened: rules only add up";
const HOME: &str = "the home is not a writable root";

pub(super) const ROWS: &[Row] = &[
    line("shell start-up file", "echo evil >> ~/.bashrc", HOME),
    line("login start-up file", "echo evil >> ~/.profile", HOME),
    line("a start-up file that was not there", "echo evil > ~/.bash_profile", HOME),
    line("keys that may log in", "echo evil > ~/.ssh/authorized_keys", HOME),
    line("configuration of git", "echo '[core] fsmonitor = evil' >> ~/.gitconfig", HOME),
    line("unit of the user's service manager", "echo evil > ~/.config/systemd/user/evil.service", HOME),
    line(
        "program started with the desktop",
        "mkdir -p ~/.config/autostart; echo evil > ~/.config/autostart/evil.desktop",
        HOME,
    ),
    line("program in the user's path", "mkdir -p ~/bin; echo evil > ~/bin/ls", HOME),
    line(
        "library loaded into every program",
        "[ -e /etc/ld.so.preload ] && exec 9>>/etc/ld.so.preload && echo GOT OUT; echo x > \
         /etc/new-{token}",
        "it is outside of the roots",
    )
    .untried("it would touch the machine's own"),
    line(
        "programs of the system",
        "for file in /bin/sh /bin/bash /usr/bin/env /usr/bin/git; do exec 9>>$file && echo GOT \
         OUT $file; done; echo x > /etc/new-{token}",
        "they are outside of the roots",
    )
    .untried("it would touch the machine's own"),
    line(
        "start-up file of the shell of calls",
        "echo held: the line itself",
        "the file is run inside as well",
    )
    .arranged(|arena| arena.write("ws/startup.sh", &arena.fill("echo changed > {out}/file\n"))),
    line(
        "programs of the workspace before the system's",
        "true; git --version; echo held: the line itself",
        "the host starts nothing of the workspace, and what the line starts is inside",
    )
    .arranged(plant_programs)
    .told(&["held:"]),
    line(
        "the linker of the helper",
        "echo held: the line itself",
        "what tells a linker what to do is kept from the helper's and passed on to the line's",
    )
    .environment(&[("LD_DEBUG", "files"), ("LD_DEBUG_OUTPUT", "{out}/linker")])
    .told(&[]),
    line(
        "a library of the workspace",
        "LD_PRELOAD={ws}/evil.so LD_LIBRARY_PATH={ws} sh -c 'echo changed > {out}/file'",
        "libraries are held as their programs are",
    ),
    line(
        "the host's helper, overwritten",
        "exec 9>>{helper} && echo GOT OUT; echo changed > {out}/file",
        "it is outside of the roots",
    )
    .untried("it would break this test"),
    line(
        "the helper once more, with another root",
        "mapfile -d '' -t asked < /proc/1/cmdline; exec 7> report
         order=${asked[3]/'\"writable\":['/'\"writable\":[\"{out}\",'}
         {helper} sandboxed-launch 7 \"$order\" -- sh -c 'echo changed > {out}/file'; cat report
         echo changed > {out}/file",
        AGAIN,
    )
    .untried("the helper outside does as it is told"),
    line(
        "a copy of the helper, with another root and less to hold it",
        "mapfile -d '' -t asked < /proc/1/cmdline; exec 7> report; cp {helper} mine
         order=${asked[3]/'\"writable\":['/'\"writable\":[\"{out}\",'}
         order=${order/'\"means\":\"namespaces\"'/'\"means\":\"landlock\"'}
         ./mine sandboxed-launch 7 \"$order\" -- sh -c 'echo changed > {out}/file'; cat report
         echo changed > {out}/file",
        AGAIN,
    )
    .untried("the helper outside does as it is told"),
];

/// Programs that everybody starts by name, first in the path of the environment; each tries to write outside.
fn plant_programs(arena: &Arena) {
    let evil = arena.fill("#!/bin/sh\necho changed >> {out}/file\n");
    for name in ["bwrap", "everturn", "everturn-sandbox", "sh", "bash", "git", "true", "unshare", "newuidmap"]
    {
        let path = format!("ws/bin/{name}");
        arena.write(&path, &evil);
        std::fs::set_permissions(arena.path(&path), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    }
}
