//! What a command does not get: rights of root, open files of the host, use without bounds.

use super::{Fault, Step, processes::Rights};
use crate::sandbox::Limits;
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
    },
};

/// What root keeps: rights over files, which Landlock and the mounts bound, and becoming another user. Not among them are
/// those over the system, devices, the network, other processes, and set-user-id files that outlive their writing.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID);
/// Files one process has open. Each may hold memory of the kernel that no limit counts.
const OPEN_FILES: u64 = 32_768;
/// Threads count as processes for the kernel's limit; so many of them a process may have on the average.
const THREADS_EACH: u64 = 16;

/// Gives up for good what a command must not have.
pub(super) fn drop_capabilities(rights: Rights) -> Result<(), Fault> {
    let held = capabilities(None).step("look at capabilities")?;
    let kept = match rights {
        Rights::Own => held.permitted & KEPT,
        Rights::UserNamespace => CapabilitySet::empty(),
    };
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(kept).iter() {
            match remove_capability_from_bounding_set(capability) {
                // One that this kernel does not know.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(error) => return Err(error).step("give up capabilities for good"),
            }
        }
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).step("give up capabilities")
}

/// Bounds that the kernel keeps by itself.
pub(super) fn limit(limits: &Limits, rights: Option<Rights>) -> Result<(), Fault> {
    lower(Resource::Core, 0)?;
    lower(Resource::Fsize, limits.file_bytes)?;
    lower(Resource::Nofile, OPEN_FILES)?;
    if rights == Some(Rights::UserNamespace) {
        // Elsewhere it would count what the user runs outside.
        lower(Resource::Nproc, u64::from(limits.processes) * THREADS_EACH)?;
    }
    Ok(())
}

/// This process leaves no memory on the disk when it ends by a signal: the environment of the host is in it.
pub(super) fn leave_no_core() {
    let _ = lower(Resource::Core, 0);
}

fn lower(resource: Resource, to: u64) -> Result<(), Fault> {
    let now = getrlimit(resource);
    let lowest = |now: Option<u64>| Some(now.map_or(to, |now| now.min(to)));
    setrlimit(resource, Rlimit { current: lowest(now.current), maximum: lowest(now.maximum) })
        .step("set a limit")
}

/// Nothing but the standard streams gets to the program, whatever the host had open.
pub(super) fn close_rest_at_exec() -> Result<(), Fault> {
    close_range(3, libc::CLOSE_RANGE_CLOEXEC).step("close what the host had open")
}

/// Closes everything, the standard streams too.
pub(super) fn close_all() {
    let _ = close_range(0, 0);
}

#[expect(unsafe_code, reason = "there is no safe interface to it")]
fn close_range(first: libc::c_uint, flags: libc::c_uint) -> std::io::Result<()> {
    // SAFETY: numbers only. Whoever closes for real uses no descriptor afterwards.
    match unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
