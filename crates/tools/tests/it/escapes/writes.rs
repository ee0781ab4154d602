//! Writing outside of the writable roots.

use super::row::{Need, Row, Under, line};

const OWN_MACHINE: &str = "it would touch the machine's own";

pub(super) const ROWS: &[Row] = &[
    line("write by absolute path", "echo changed > {out}/file", "everything but the roots is read-only"),
    line("write through `..`", "echo changed > ../outside/file", "the kernel resolves `..` before it asks"),
    line("append", "echo changed >> {out}/file", "to append is to write"),
    line("new file outside", "echo changed > {out}/new", "a folder outside takes no entries"),
    line("new folder outside", "mkdir {out}/new", "a folder outside takes no entries"),
    line("delete outside", "rm -f {out}/file", "a folder outside loses no entries"),
    line(
        "write through a symlink to a folder",
        "ln -s {out} link && echo changed > link/file",
        "the kernel judges the file, not the name that led to it",
    ),
    line(
        "create through a dangling symlink",
        "ln -s {out}/new dangling && echo changed > dangling",
        "the file would be made where the link points",
    ),
    line(
        "hard link from outside, then write",
        "ln {out}/file hard && echo changed > hard",
        "a file outside gets no name inside: another mount, and no right to refer",
    ),
    line("hard link of ours to outside", "ln file {out}/new", "a folder outside takes no entries"),
    line("move a file in", "mv {out}/file taken", "a folder outside loses no entries"),
    line("move a file over one outside", "mv -f file {out}/file", "a folder outside takes no entries"),
    line("move the workspace away", "mv {ws} {root}/moved", "the folder above is read-only"),
    line("write by /proc/self/root", "echo changed > /proc/self/root{out}/file", "the root is the same one"),
    line(
        "write by /proc/self/cwd",
        "echo changed > /proc/self/cwd/../outside/file",
        "it leads to the same file with the same answer",
    ),
    line(
        "write by the root of a process outside",
        "echo changed > /proc/{victim}/root{out}/file",
        "processes outside are not in the sandbox's /proc",
    ),
    line(
        "reopen a descriptor for writing",
        "exec 9< {out}/file; echo changed > /proc/self/fd/9",
        "opening again is asked again",
    ),
    line(
        "go in by the descriptor of a folder",
        "exec 9< {out}; cd /proc/self/fd/9 && echo changed > file",
        "what is opened relative to a folder is judged by where it is",
    ),
    line(
        "write an inherited descriptor",
        "{probe} fd-write {file}",
        "descriptors of the host are closed before the command starts",
    )
    .told(&["held:"]),
    line(
        "open beside an inherited folder",
        "{probe} fd-openat {folder} file",
        "descriptors of the host are closed before the command starts",
    ),
    line("chmod", "chmod 0777 {out}/file", "modes outside are on a read-only mount"),
    line(
        "chmod by a descriptor",
        "exec 9< {out}/file; chmod 0777 /proc/self/fd/9",
        "the mount is read-only however it is reached",
    ),
    line("chown", "chown 65534 {out}/file", "owners outside are on a read-only mount")
        .control_needs(&[Need::Root]),
    line("touch", "touch -d 2001-01-01 {out}/file", "times outside are on a read-only mount"),
    line("truncate", "truncate -s 0 {out}/file", "to truncate is to write"),
    line(
        "dd without truncation",
        "printf changed | dd of={out}/file conv=notrunc",
        "it still opens for writing",
    ),
    line("edit in place", "sed -i s/kept/changed/ {out}/file", "the folder takes no temporary file"),
    line(
        "extended attribute",
        "{python} -c 'import os; os.setxattr(\"{out}/file\", \"user.new\", b\"x\")'",
        "attributes outside are on a read-only mount",
    )
    .needs(&[Need::Program("python3")]),
    line(
        "access list",
        "{python} -c 'import os, struct
entries = [(1, 6, -1), (2, 6, 65534), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
acl = struct.pack(\"<I\", 2) + b\"\".join(struct.pack(\"<HHi\", *entry) for entry in entries)
os.setxattr(\"{out}/file\", \"system.posix_acl_access\", acl)'",
        "access lists outside are on a read-only mount",
    )
    .needs(&[Need::Program("python3")]),
    line("file flags (chattr)", "{probe} chattr {out}/file", "flags outside are on a read-only mount"),
    line(
        "extended attribute by a newer call",
        "{probe} setxattrat {out}/file",
        "attributes outside are on a read-only mount",
    )
    .control_needs(&[Need::Kernel(6, 13)]),
    line(
        "file flags by a newer call",
        "{probe} file-setattr {out}/file",
        "flags outside are on a read-only mount",
    )
    .control_needs(&[Need::Kernel(6, 17)]),
    line("named pipe made outside", "mkfifo {out}/new", "a folder outside takes no entries"),
    line(
        "write to a named pipe outside",
        "echo changed > {out}/fifo",
        "a read-only mount lets pipes through, Landlock does not",
    ),
    line(
        "device node of our own",
        "{probe} mknod {ws}/null",
        "no right to make nodes, and no mount that takes them",
    )
    .control_needs(&[Need::Root]),
    line(
        "disks and memory of the machine",
        "for device in /dev/vd? /dev/sd? /dev/nvme?n? /dev/mem /dev/port /dev/kmsg \
         /dev/loop-control /dev/fuse /dev/kvm /dev/net/tun /dev/nvram; do
            [ -e $device ] && exec 9<>$device && echo \"GOT OUT $device\"; done; false",
        "only the harmless devices can be opened for writing",
    )
    .untried(OWN_MACHINE),
    line(
        "read a disk raw",
        "for device in /dev/vd? /dev/sd? /dev/nvme?n?; do
            [ -b $device ] && head -c 1 < $device | wc -c | grep -q 1 && echo \"GOT \
         OUT $device\"; done; false",
        "whole disks hold what is hidden, so they cannot be opened",
    )
    .untried(OWN_MACHINE),
    line(
        "settings of the kernel",
        "for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe \
         /proc/sysrq-trigger /sys/kernel/uevent_helper /proc/sys/vm/overcommit_memory; \
         do
            [ -e $file ] && exec 9>>$file && echo \"GOT OUT $file\"; done; false",
        "they are outside of the roots",
    )
    .untried(OWN_MACHINE),
    line(
        "control groups",
        "for file in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs \
         /sys/fs/cgroup/*/release_agent; do
            [ -e $file ] && exec 9>>$file && echo \"GOT OUT $file\"; done; ls \
         /sys/fs/cgroup/nowhere",
        "they are outside of the roots",
    )
    .untried(OWN_MACHINE),
    line("the machine's own settings", "echo new > /etc/new-{token}", "it is outside of the roots")
        .untried(OWN_MACHINE),
    line(
        "shared folder /dev/shm",
        "echo changed > /dev/shm/kept-{token}; echo new > /dev/shm/new-{token}",
        "a command has one of its own, which goes with it",
    )
    .needs(&[Need::Path("/dev/shm")])
    .told(&[]),
    line(
        "shared folder /var/tmp",
        "echo changed > /var/tmp/kept-{token}; echo new > /var/tmp/new-{token}",
        "it is not a writable root",
    ),
    line(
        "shared folder /tmp",
        "echo changed > /tmp/kept-{token}; cp file /tmp/new-{token}",
        "it is not a writable root",
    ),
    line(
        "a symlink swapped while it is written through",
        "mkdir real && touch real/file; (while :; do ln -sfn real swapped; ln -sfn {out} \
         swapped; done) & swapper=$!
         for round in $(seq 300); do echo changed > swapped/file; done; kill $swapper; \
         echo changed > {out}/file",
        "the kernel judges what it opened, so there is nothing to race",
    ),
    line(
        "an archive with `..` in it",
        "echo changed > it && tar -cPf a.tar --transform 's,it,../outside/file,' it && tar -xPf \
         a.tar",
        "whoever unpacks it is in the sandbox too",
    )
    .needs(&[Need::Program("tar")])
    .told(&["Cannot open"]),
    line("open by handle", "{probe} by-handle {out}/file", "the call is refused: it asks for no path")
        .control_needs(&[Need::Root]),
    line("a script run out of memory", "{probe} memfd-exec {out}/file", "what it does is held all the same"),
    line(
        "a program under another name",
        "exec -a everturn sh -c 'echo changed > {out}/file'",
        "names of programs mean nothing",
    ),
    line(
        "another interpreter",
        "perl -e 'open(F, \">\", \"{out}/file\") or die \"$!\\n\"; print F \"changed\"'",
        "the kernel holds every program alike",
    )
    .needs(&[Need::Program("perl")]),
    line("write with the network on", "echo changed > {out}/file", "the network opens no files")
        .under(Under::Network),
];
