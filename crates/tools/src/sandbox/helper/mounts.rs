//! The file tree as a command sees it: read-only but for its places, without what is hidden, with its own processes.

use super::{Fault, Step, confined::has_private_temp};
use crate::sandbox::Confinement;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, openat},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
        OpenTreeFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, mount_bind,
        mount_change, move_mount, open_tree,
    },
};
use std::{
    ffi::CString,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

/// A directory of every system which gets something else mounted over it afterwards anyway.
const PROC: &str = "/proc";
/// The private temporary space, which is also where shared memory is.
const SHARED_MEMORY: &str = "/dev/shm";
const TERMINALS: &str = "/dev/pts";
const NEW_TERMINAL: &str = "/dev/ptmx";
/// Nothing is smaller than this in a kernel that counts process numbers by namespace.
const LEAST_PROCESS_NUMBERS: u32 = 1_024;
/// The first version, major and minor, in which this number belongs to the namespace and not to the machine.
const PROCESS_NUMBERS_BY_NAMESPACE: (u32, u32) = (6, 14);

/// What becomes of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// As it is, and it may be changed.
    Writable,
    /// Likewise, but it keeps its name: on its way something is protected.
    Pinned,
    /// As it is.
    Protected,
    /// Nothing is there.
    Empty,
}

/// What has come of arranging.
pub(super) struct Arranged {
    /// Where temporary files go, if they have a place of their own.
    pub(super) temp: Option<PathBuf>,
    /// The process table of the namespace.
    pub(super) processes: Option<OwnedFd>,
}

/// Every place that is not just read-only, from the outside to the inside: the more special place wins.
pub(super) fn places(confinement: &Confinement) -> Vec<(&Path, Place)> {
    let kept = [&confinement.protected, &confinement.reserved, &confinement.hidden];
    let is_below_a_root =
        |path: &&Path| confinement.writable.iter().any(|root| path.starts_with(root) && *path != root);
    // A folder that could be renamed could be made anew, with something else in it.
    let links = confinement.links.iter().map(|link| &link.path);
    let pinned = kept
        .into_iter()
        .flatten()
        .chain(links)
        .flat_map(|path| path.ancestors().skip(1).filter(is_below_a_root));
    let kinds = [
        (&confinement.writable, Place::Writable),
        (&confinement.protected, Place::Protected),
        (&confinement.reserved, Place::Empty),
        (&confinement.hidden, Place::Empty),
    ];
    let mut places: Vec<(&Path, Place)> = kinds
        .into_iter()
        .flat_map(|(paths, place)| paths.iter().map(move |path| (path.as_path(), place)))
        .collect();
    places.extend(pinned.map(|path| (path, Place::Pinned)));
    places.sort_by_key(|(path, place)| (path.components().count(), *path, *place));
    places.dedup();
    places
}

/// Arranges the tree in this process's mount namespace, which nobody else is in yet.
pub(super) fn arrange(confinement: &Confinement) -> Result<Arranged, Fault> {
    // What the system mounts later would come in as it is there, and not read-only.
    let all = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", all).step("separate the mounts")?;
    let places = places(confinement);
    // Taken before everything is made read-only, so that they are as they were.
    let roots: Vec<OwnedFd> = places
        .iter()
        .filter(|(_, place)| *place == Place::Writable)
        .map(|(path, _)| copy(path).step(format!("take {}", path.display())))
        .collect::<Result<_, _>>()?;
    make_read_only(CWD, "/").step("make the file tree read-only")?;
    if places.iter().any(|(_, place)| *place == Place::Empty) {
        make_vault().step("make empty places")?;
    }
    let mut roots = roots.into_iter();
    for (path, place) in places {
        let put = || format!("arrange {}", path.display());
        let tree = match place {
            Place::Writable => roots.next().map(Ok),
            Place::Pinned | Place::Protected => Some(copy(path)),
            Place::Empty => {
                Some(copy(Path::new(PROC).join(if path.is_dir() { "folder" } else { "file" }).as_path()))
            }
        };
        let Some(tree) = tree.transpose().step(put())? else { continue };
        match place {
            Place::Protected | Place::Empty => make_read_only(&tree, ""),
            // Device files do not belong into a workspace; root could open them there.
            Place::Writable | Place::Pinned => set_attributes(&tree, "", libc::MOUNT_ATTR_NODEV),
        }
        .step(put())?;
        attach(&tree, path).step(put())?;
    }
    let temp = arrange_devices(confinement);
    Ok(Arranged { temp, processes: arrange_processes() })
}

/// A copy of what is mounted at a path, with everything mounted in it, that is not part of any tree yet.
fn copy(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    open_tree(CWD, path, flags)
}

fn attach(tree: &OwnedFd, path: &Path) -> rustix::io::Result<()> {
    move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Makes a tree read-only, with everything mounted in it.
fn make_read_only(tree: impl AsFd, path: &str) -> std::io::Result<()> {
    set_attributes(tree, path, libc::MOUNT_ATTR_RDONLY)
}

#[expect(unsafe_code, reason = "there is no safe interface to it")]
fn set_attributes(tree: impl AsFd, path: &str, attributes: u64) -> std::io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: plain old data, for which zero is a value.
    let mut wanted: libc::mount_attr = unsafe { std::mem::zeroed() };
    wanted.attr_set = attributes;
    let flags = libc::AT_RECURSIVE | libc::AT_EMPTY_PATH;
    // SAFETY: the path and the structure live until the call returns, and the size is the structure's.
    let made = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if made == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Puts an empty folder and an empty file where the process table will be. They can be read, or every `grep -r` and `find`
/// of anybody but root would fail at them.
fn make_vault() -> rustix::io::Result<()> {
    let made = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&made, "size", "64k")?;
    fsconfig_set_string(&made, "mode", "0755")?;
    fsconfig_create(&made)?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let vault = fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    rustix::fs::mkdirat(&vault, "folder", Mode::from_raw_mode(0o555))?;
    let new = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(&vault, "file", new, Mode::from_raw_mode(0o444))?;
    attach(&vault, Path::new(PROC))
}

/// Terminals and shared memory of its own, where the system has such folders. Where temporary files go.
fn arrange_devices(confinement: &Confinement) -> Option<PathBuf> {
    let hardened = MountFlags::NOSUID | MountFlags::NODEV;
    if text("newinstance,ptmxmode=0666,mode=620").is_some_and(|options| {
        mount("devpts", TERMINALS, "devpts", MountFlags::NOSUID | MountFlags::NOEXEC, options.as_c_str())
            .is_ok()
    }) && rustix::fs::lstat(NEW_TERMINAL).is_ok_and(|found| {
        rustix::fs::FileType::from_raw_mode(found.st_mode) != rustix::fs::FileType::Symlink
    }) {
        let _ = mount_bind(format!("{TERMINALS}/ptmx"), NEW_TERMINAL);
    }
    let options = text(&format!("mode=1777,size={}", confinement.limits.temp_bytes))?;
    mount("tmpfs", SHARED_MEMORY, "tmpfs", hardened, options.as_c_str()).ok()?;
    has_private_temp(confinement.temp, !confinement.writable.is_empty()).then(|| PathBuf::from(SHARED_MEMORY))
}

/// The process table of the namespace. Where the system does not let it be mounted, the old one stays, which names
/// processes that the command cannot touch.
fn arrange_processes() -> Option<OwnedFd> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    if mount("proc", PROC, "proc", flags, None).is_err() {
        // An empty table would be worse than the old one; it is there only where something was to be empty.
        if rustix::fs::statat(CWD, format!("{PROC}/folder"), AtFlags::empty()).is_ok() {
            let _ = rustix::mount::unmount(PROC, rustix::mount::UnmountFlags::DETACH);
        }
        return None;
    }
    openat(CWD, PROC, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Lets the kernel itself refuse more processes, where that does not bound the whole machine.
pub(super) fn bound_processes(processes: u32) {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= PROCESS_NUMBERS_BY_NAMESPACE {
        // Threads have numbers too; the limit itself is kept by counting.
        let most = processes.saturating_mul(4).max(LEAST_PROCESS_NUMBERS);
        let _ = std::fs::write(format!("{PROC}/sys/kernel/pid_max"), most.to_string());
    }
}

fn text(text: &str) -> Option<CString> {
    CString::new(std::ffi::OsStr::new(text).as_bytes()).ok()
}
