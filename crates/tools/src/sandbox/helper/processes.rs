//! Making processes, and the namespaces they live in.

use super::{Fault, Step};
use rustix::{
    process::{Pid, PidfdFlags, Signal, getegid, geteuid, getpid, pidfd_open},
    thread::{CapabilitySet, UnshareFlags, capabilities},
};
use std::{fs, io, os::fd::OwnedFd};

/// In whose name namespaces were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// This process may make them as it is.
    Own,
    /// In a user namespace, in which this user may do what belongs to it.
    UserNamespace,
}

/// Which side of a fork this is.
pub(super) enum Forked {
    Parent(Pid),
    Child,
}

#[expect(unsafe_code, reason = "forking is")]
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: this process has one thread, so the child finds every lock free and may do anything.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => {
            Pid::from_raw(pid).map(Forked::Parent).ok_or_else(|| io::Error::other("a child without a number"))
        }
    }
}

/// Makes a process namespace for the children of this process.
pub(super) fn separate_processes() -> Result<Rights, Fault> {
    let is_root = geteuid().is_root()
        && capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    if is_root && unshare(UnshareFlags::NEWPID).is_ok() {
        return Ok(Rights::Own);
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWPID).step("make a user namespace")?;
    // Without this nobody without rights may map a group.
    fs::write("/proc/self/setgroups", "deny").step("give up groups")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1")).step("map the user")?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1")).step("map the group")?;
    Ok(Rights::UserNamespace)
}

#[expect(
    unsafe_code,
    reason = "rustix marks it so because of what it may do to threads that share descriptors"
)]
pub(super) fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: this process has one thread, and no descriptor table is separated.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// A handle on this process, by which its children see that it is gone.
pub(super) fn own_handle() -> Result<OwnedFd, Fault> {
    pidfd_open(getpid(), PidfdFlags::empty()).step("open a handle on the supervisor")
}

/// Makes this process end with its parent, of which it has a handle.
pub(super) fn end_with(parent: &OwnedFd) -> Result<(), Fault> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).step("end with the supervisor")?;
    let mut look = [rustix::event::PollFd::new(parent, rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match rustix::event::poll(&mut look, Some(&now)) {
        Ok(0) => Ok(()),
        _ => Err(Fault::Other("the supervisor is gone".to_owned())),
    }
}

/// The first process of the namespace: what its processes leave behind comes to it, and its end is the end of all.
#[expect(unsafe_code, reason = "there is no other way to wait for nothing")]
pub(super) fn be_init(parent: &OwnedFd) -> ! {
    if end_with(parent).is_ok() {
        super::privileges::close_all();
        super::signals::reap_by_itself();
        loop {
            // SAFETY: it takes nothing and touches nothing.
            unsafe { libc::pause() };
        }
    }
    std::process::exit(super::NOT_CONFINED)
}
