//! Doors of the kernel: mounts, namespaces, privileges, and calls that go around the rules.

use super::row::{Need, Row, line};

const REFUSED: &str = "the call is refused";
const NO_POWER: &str = "the call is refused, and no capability is left for it";

const fn call(name: &'static str, script: &'static str) -> Row {
    line(name, script, REFUSED).told(&["held:"])
}

/// One that needs the rights of root to go through anywhere.
const fn power(name: &'static str, script: &'static str) -> Row {
    line(name, script, NO_POWER).told(&["held:"]).control_needs(&[Need::Root])
}

pub(super) const ROWS: &[Row] =
    &[
        power(
            "bind mount",
            "mkdir -p mounted; {probe} mount {out} {ws}/mounted; echo changed > mounted/file; grep \
         -q changed {out}/file && echo GOT OUT",
        ),
        line(
            "bind mount by the program",
            "mkdir -p mounted; mount --bind {out} mounted && echo changed > mounted/file",
            NO_POWER,
        )
        .control_needs(&[Need::Root])
        .needs(&[Need::Program("mount")])
        .told(&["ermission denied", "ot permitted", "must be superuser"]),
        power("make a protected mount writable", "{probe} remount {ws}/.git && echo changed > .git/config")
            .untried("there is no such mount there"),
        power("take a protecting mount away", "{probe} umount {ws}/.git; echo changed > .git/config")
            .untried("there is no such mount there"),
        power("take a hiding mount away", "{probe} umount {home}/.ssh; cat {home}/.ssh/id_ed25519")
            .untried("there is no such mount there"),
        power("mount_setattr", "{probe} mount-setattr {ws}/.git; echo changed > .git/config")
            .untried("there is no such mount there"),
        power("open_tree", "{probe} open-tree {out}"),
        power("open_tree_attr", "{probe} open-tree-attr {out}")
            .control_needs(&[Need::Root, Need::Kernel(6, 15)]),
        power("fsopen", "{probe} fsopen"),
        power("pivot_root", "{probe} pivot-root"),
        power("chroot", "{probe} chroot {ws}"),
        call("user namespace (unshare)", "{probe} unshare-user"),
        call("user namespace (clone)", "{probe} clone-user"),
        call("user namespace (clone3)", "{probe} clone3-user"),
        power("mount namespace", "{probe} unshare-mount"),
        line(
            "user namespace by the program",
            "unshare -Ur sh -c 'echo GOT OUT'",
            "the call is refused to every program alike",
        )
        .needs(&[Need::Program("unshare")]),
        power("namespaces of a process outside", "{probe} setns /proc/{victim}/ns/mnt"),
        power("namespaces of the first process", "{probe} setns /proc/1/ns/mnt")
            .untried("it would touch the machine's own"),
        call("io_uring", "{probe} io-uring").control_needs(&[Need::Root]),
        power("bpf", "{probe} bpf"),
        power("perf_event_open", "{probe} perf"),
        power("userfaultfd", "{probe} userfaultfd"),
        call("keyring of the user", "{probe} keyctl"),
        call("add_key", "{probe} add-key"),
        power("kexec_load", "{probe} kexec").untried("the kernel may lack it"),
        power("init_module", "{probe} init-module").untried("the kernel may lack it"),
        power("swapon", "{probe} swapon"),
        power("reboot", "{probe} reboot"),
        power("ports of the machine (iopl)", "{probe} iopl").untried("the kernel may lack it"),
        power("name of the machine", "{probe} sethostname"),
        power("clock of the machine", "{probe} clock"),
        call("the 32-bit door", "{probe} compat-32")
            .needs(&[Need::Path("/proc/sys/abi/vsyscall32")])
            .told(&["held:", "SIGSYS", "signal 31", "Bad system call"]),
        call("the x32 table", "{probe} x32").untried("the kernel may lack it").told(&[
            "held:",
            "SIGSYS",
            "signal 31",
            "Bad system call",
        ]),
        power("capabilities that lead out", "{probe} capabilities"),
        line(
            "a program that runs as another user",
            "{out}/probe suid",
            "no_new_privs: nobody becomes somebody else by starting a program",
        )
        .told(&["held:", "ermission denied"])
        .needs(&[Need::Root])
        .arranged(set_id_copy),
        line(
            "a program with capabilities of its own",
            "{out}/probe capabilities",
            "no_new_privs: programs bring no capabilities",
        )
        .told(&["held:", "ermission denied", "ot permitted"])
        .needs(&[Need::Root])
        .arranged(capable_copy),
        line(
            "a file that lends our rights",
            "cp /bin/true mine; chmod 4755 mine; [ -u mine ] && echo GOT OUT",
            "the mode is refused: such a file would outlive the sandbox",
        ),
        line(
            "a file that lends our rights from its birth",
            "{python} -c 'import os; os.write(os.open(\"mine\", os.O_CREAT | os.O_WRONLY, 0o4755), b\"x\")'
         [ -u mine ] && [ -s mine ] && echo GOT OUT || echo held: the bit went with the first write",
            "no capability is left that keeps the bit",
        )
        .told(&["held:", "ot permitted"])
        .needs(&[Need::Program("python3")])
        .control_needs(&[Need::Root]),
        line(
            "a program of the system that becomes root",
            "sleep 2 | su root -c true & sleep 0.4; \
         awk '/^Uid:/ { print ($3 == 0 ? \"GOT OUT\" : \"held: it stayed user \" $3) }' /proc/$!/status",
            "no_new_privs: nobody becomes somebody else by starting a program",
        )
        .needs(&[Need::User, Need::Program("su"), Need::Program("awk")])
        .told(&["held:"]),
        line("su", "su -c 'echo changed > {out}/file' root", "it becomes root without the powers of root")
            .needs(&[Need::Program("su"), Need::Root])
            .told(&["ermission denied", "ead-only", "annot", "ailure", "System error", "ot permitted"]),
        line("newgrp", "echo 'echo changed > {out}/file' | newgrp root", "groups give no way out")
            .needs(&[Need::Program("newgrp"), Need::Root])
            .told(&["ermission denied", "ead-only", "annot", "ot permitted"]),
        line("sudo", "sudo -n sh -c 'echo changed > {out}/file'", "no_new_privs: it cannot become root")
            .needs(&[Need::Program("sudo"), Need::Root])
            .told(&["no new privileges", "ermission denied", "ead-only", "ot permitted", "sudo:"]),
    ];

/// A copy of the probe that runs as another user, whoever starts it.
fn set_id_copy(arena: &super::arena::Arena) {
    let copy = arena.path("outside/probe");
    std::fs::copy(super::outside::probe(), &copy).unwrap();
    std::os::unix::fs::chown(&copy, Some(65_534), None).unwrap();
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
}

/// A copy of the probe that has all capabilities there are here, whoever starts it.
fn capable_copy(arena: &super::arena::Arena) {
    let copy = arena.path("outside/probe");
    std::fs::copy(super::outside::probe(), &copy).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let bound = status.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let bound = u64::from_str_radix(bound, 16).unwrap();
    // Revision 2, effective; permitted and inheritable, the lower and the upper words.
    let words: [u32; 5] = [0x0200_0001, bound as u32, 0, (bound >> 32) as u32, 0];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&copy, "security.capability", &value, flags).unwrap();
}
