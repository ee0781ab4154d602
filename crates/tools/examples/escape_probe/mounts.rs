//! Changing what is where: mounts, namespaces, roots.

use super::{Arguments, Tried, Way, checked, let_through};
use std::{ffi::CString, io, ptr};

pub(super) const WAYS: &[Way] = &[
    ("mount", mount),
    ("remount", remount),
    ("umount", umount),
    ("open-tree", open_tree),
    ("open-tree-attr", open_tree_attr),
    ("mount-setattr", mount_setattr),
    ("fsopen", fsopen),
    ("pivot-root", pivot_root),
    ("chroot", chroot),
    ("unshare-user", unshare_user),
    ("unshare-mount", unshare_mount),
    ("clone-user", clone_user),
    ("clone3-user", clone3_user),
    ("setns", setns),
    ("mknod", mknod),
];

fn mounted(from: &CString, to: &CString, flags: libc::c_ulong) -> io::Result<()> {
    // SAFETY: both paths end with a NUL; no file system type and no options are needed for these.
    checked(unsafe { libc::mount(from.as_ptr(), to.as_ptr(), ptr::null(), flags, ptr::null()) }.into())?;
    Ok(())
}

/// Binds a folder over another.
fn mount(arguments: &Arguments) -> Tried {
    mounted(&arguments.path(0)?, &arguments.path(1)?, libc::MS_BIND)?;
    Ok("a folder from outside is mounted inside".to_owned())
}

/// Makes a read-only mount writable again.
fn remount(arguments: &Arguments) -> Tried {
    let place = arguments.path(0)?;
    mounted(&place, &place, libc::MS_BIND | libc::MS_REMOUNT)?;
    Ok("a mount was made writable".to_owned())
}

fn umount(arguments: &Arguments) -> Tried {
    // SAFETY: the path ends with a NUL.
    let_through(unsafe { libc::umount2(arguments.path(0)?.as_ptr(), libc::MNT_DETACH) }.into())
}

fn open_tree(arguments: &Arguments) -> Tried {
    const CLONE: libc::c_uint = 1;
    // SAFETY: the path ends with a NUL.
    let tree = unsafe {
        libc::syscall(
            libc::SYS_open_tree,
            libc::AT_FDCWD,
            arguments.path(0)?.as_ptr(),
            CLONE | libc::O_CLOEXEC as u32,
        )
    };
    checked(tree)?;
    Ok("a copy of a mount".to_owned())
}

/// Copies a mount and makes the copy writable in one call, which older filters do not know.
fn open_tree_attr(arguments: &Arguments) -> Tried {
    const OPEN_TREE_ATTR: libc::c_long = 467;
    const CLONE: libc::c_uint = 1;
    let attributes: [u64; 4] = [0, 1, 0, 0];
    // SAFETY: the path ends with a NUL, the attributes are as long as said.
    let tree = unsafe {
        libc::syscall(
            OPEN_TREE_ATTR,
            libc::AT_FDCWD,
            arguments.path(0)?.as_ptr(),
            CLONE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    checked(tree)?;
    Ok("a writable copy of a mount".to_owned())
}

fn mount_setattr(arguments: &Arguments) -> Tried {
    // Set nothing, clear read-only.
    let attributes: [u64; 4] = [0, 1, 0, 0];
    // SAFETY: the path ends with a NUL, the attributes are as long as said.
    let_through(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            arguments.path(0)?.as_ptr(),
            0,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    })
}

fn fsopen(_: &Arguments) -> Tried {
    // SAFETY: the name ends with a NUL.
    checked(unsafe { libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 0) })?;
    Ok("a file system in the making".to_owned())
}

fn pivot_root(_: &Arguments) -> Tried {
    let nowhere = c"/nowhere/everturn-escape";
    // SAFETY: two paths that are not there.
    let_through(unsafe { libc::syscall(libc::SYS_pivot_root, nowhere.as_ptr(), nowhere.as_ptr()) })
}

fn chroot(arguments: &Arguments) -> Tried {
    // SAFETY: the path ends with a NUL.
    checked(unsafe { libc::chroot(arguments.path(0)?.as_ptr()) }.into())?;
    Ok("another root".to_owned())
}

fn unshared(flags: libc::c_int) -> Tried {
    // SAFETY: a number only, and this process has one thread.
    checked(unsafe { libc::unshare(flags) }.into())?;
    Ok("a namespace with powers of its own".to_owned())
}

fn unshare_user(_: &Arguments) -> Tried {
    unshared(libc::CLONE_NEWUSER)
}

fn unshare_mount(_: &Arguments) -> Tried {
    unshared(libc::CLONE_NEWNS)
}

fn born(child: libc::c_long) -> Tried {
    match checked(child)? {
        // SAFETY: the child ends at once, without running anything of its parent's.
        0 => unsafe { libc::_exit(0) },
        _ => Ok("a child with a user namespace of its own".to_owned()),
    }
}

fn clone_user(_: &Arguments) -> Tried {
    let flags = libc::CLONE_NEWUSER | libc::SIGCHLD;
    // SAFETY: without a stack of its own and without shared memory this is a fork; the child only ends.
    born(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })
}

fn clone3_user(_: &Arguments) -> Tried {
    let mut arguments = [0_u64; 11];
    arguments[0] = libc::CLONE_NEWUSER as u64;
    arguments[4] = libc::SIGCHLD as u64;
    // SAFETY: as `clone_user`; the arguments are as long as said.
    born(unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) })
}

fn setns(arguments: &Arguments) -> Tried {
    let namespace = std::fs::File::open(arguments.text(0)?)?;
    // SAFETY: a descriptor that is open.
    checked(unsafe { libc::setns(std::os::fd::AsRawFd::as_raw_fd(&namespace), 0) }.into())?;
    Ok("in a namespace of others".to_owned())
}

/// Makes a node of a device: the null device, so that nothing is harmed.
fn mknod(arguments: &Arguments) -> Tried {
    let mode = libc::S_IFCHR | 0o666;
    // SAFETY: the path ends with a NUL.
    checked(unsafe { libc::mknod(arguments.path(0)?.as_ptr(), mode, libc::makedev(1, 3)) }.into())?;
    Ok("a device of our own".to_owned())
}
