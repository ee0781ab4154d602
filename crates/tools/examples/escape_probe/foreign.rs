//! Reaching into other processes, and the victim they reach for.

use super::{Arguments, Tried, Way, checked};
use std::{
    ffi::c_void,
    io::{self, BufRead, Write},
    os::unix::fs::FileExt,
};

pub(super) const WAYS: &[Way] = &[
    ("victim", victim),
    ("ptrace", ptrace),
    ("vm-read", vm_read),
    ("vm-write", vm_write),
    ("mem-write", mem_write),
    ("pidfd-getfd", pidfd_getfd),
    ("pidfd-signal", pidfd_signal),
    ("sigqueue", sigqueue),
    ("prlimit", prlimit),
    ("renice", renice),
    ("affinity", affinity),
    ("shm-write", shm_write),
    ("msg-send", msg_send),
    ("fd-write", fd_write),
    ("fd-openat", fd_openat),
];

/// What the victim keeps in its memory.
const KEPT: &[u8; 16] = b"victim keeps it.";
/// What an attempt writes there.
const WRITTEN: &[u8; 16] = b"!!! written !!!!";

/// Prints where it keeps something; for each line of input, what is there now. Ends with its input.
fn victim(_: &Arguments) -> Tried {
    let kept: &'static mut [u8; 16] = Box::leak(Box::new(*KEPT));
    let place = std::ptr::from_mut(kept);
    let mut out = io::stdout();
    writeln!(out, "{}", place as usize)?;
    for line in io::stdin().lock().lines() {
        line?;
        // SAFETY: the box is leaked, so it is there for ever. Others write to it behind the compiler's back.
        let now = unsafe { place.read_volatile() };
        writeln!(out, "{}", String::from_utf8_lossy(&now))?;
    }
    std::process::exit(0);
}

fn ptrace(arguments: &Arguments) -> Tried {
    let pid: i32 = arguments.number(0)?;
    // SAFETY: seizing stops nobody and touches no memory of ours.
    checked(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0_usize, 0_usize) })?;
    // SAFETY: as above; the tracee goes on either way.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0_usize, 0_usize) };
    Ok(format!("process {pid} was traced"))
}

fn vectors(buffer: &mut [u8; 16], address: usize) -> (libc::iovec, libc::iovec) {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut c_void, iov_len: buffer.len() };
    (local, remote)
}

fn vm_read(arguments: &Arguments) -> Tried {
    let mut buffer = [0; 16];
    let (local, remote) = vectors(&mut buffer, arguments.number(1)?);
    // SAFETY: the local vector is a live buffer of its length; the kernel checks the remote one.
    let read =
        unsafe { libc::process_vm_readv(arguments.number(0)?, &raw const local, 1, &raw const remote, 1, 0) };
    checked(read as libc::c_long)?;
    Ok(format!("the victim's memory says {}", String::from_utf8_lossy(&buffer)))
}

fn vm_write(arguments: &Arguments) -> Tried {
    let mut buffer = *WRITTEN;
    let (local, remote) = vectors(&mut buffer, arguments.number(1)?);
    // SAFETY: the local vector is a live buffer of its length; the kernel checks the remote one.
    let wrote = unsafe {
        libc::process_vm_writev(arguments.number(0)?, &raw const local, 1, &raw const remote, 1, 0)
    };
    checked(wrote as libc::c_long)?;
    Ok("the victim's memory was written".to_owned())
}

fn mem_write(arguments: &Arguments) -> Tried {
    let memory = std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/mem", arguments.text(0)?))?;
    memory.write_all_at(WRITTEN, arguments.number(1)?)?;
    Ok("the victim's memory was written".to_owned())
}

fn pidfd(arguments: &Arguments) -> io::Result<i32> {
    // SAFETY: two numbers, no memory.
    let handle = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, arguments.number::<i32>(0)?, 0) })?;
    i32::try_from(handle).map_err(io::Error::other)
}

fn pidfd_getfd(arguments: &Arguments) -> Tried {
    let handle = pidfd(arguments)?;
    // SAFETY: three numbers, no memory.
    checked(unsafe { libc::syscall(libc::SYS_pidfd_getfd, handle, arguments.number::<i32>(1)?, 0) })?;
    Ok("a descriptor of the victim is ours".to_owned())
}

fn pidfd_signal(arguments: &Arguments) -> Tried {
    let handle = pidfd(arguments)?;
    // SAFETY: numbers and a null pointer, which stands for no details.
    checked(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle, libc::SIGKILL, 0, 0) })?;
    Ok("the victim was signalled".to_owned())
}

fn sigqueue(arguments: &Arguments) -> Tried {
    let value = libc::sigval { sival_ptr: std::ptr::null_mut() };
    // SAFETY: numbers and a value nobody follows.
    checked(unsafe { libc::sigqueue(arguments.number(0)?, libc::SIGKILL, value) }.into())?;
    Ok("the victim was signalled".to_owned())
}

fn prlimit(arguments: &Arguments) -> Tried {
    let limit = libc::rlimit { rlim_cur: 7, rlim_max: 4_000 };
    // SAFETY: the new limit lives through the call; the old one is not asked for.
    let set = unsafe {
        libc::prlimit(arguments.number(0)?, libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut())
    };
    checked(set.into())?;
    Ok("the victim's limits were changed".to_owned())
}

fn renice(arguments: &Arguments) -> Tried {
    // SAFETY: numbers only.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, arguments.number(0)?, 19) }.into())?;
    Ok("the victim's priority was changed".to_owned())
}

fn affinity(arguments: &Arguments) -> Tried {
    // SAFETY: an all-zero set is a valid value of this plain structure.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: processor 0 is within the set.
    unsafe { libc::CPU_SET(0, &mut set) };
    // SAFETY: the set lives through the call, and its size is its own.
    let done = unsafe { libc::sched_setaffinity(arguments.number(0)?, size_of_val(&set), &raw const set) };
    checked(done.into())?;
    Ok("the victim was bound to one processor".to_owned())
}

fn shm_write(arguments: &Arguments) -> Tried {
    // SAFETY: the kernel chooses the place.
    let place = unsafe { libc::shmat(arguments.number(0)?, std::ptr::null(), 0) };
    checked(place as libc::c_long)?;
    // SAFETY: the segment has at least a page, and it is attached.
    unsafe { place.cast::<[u8; 16]>().write_volatile(*WRITTEN) };
    Ok("shared memory of a process outside was written".to_owned())
}

fn msg_send(arguments: &Arguments) -> Tried {
    let message: (libc::c_long, [u8; 16]) = (1, *WRITTEN);
    let place = (&raw const message).cast::<c_void>();
    // SAFETY: the message is its type and sixteen bytes, as the length says.
    checked(unsafe { libc::msgsnd(arguments.number(0)?, place, 16, libc::IPC_NOWAIT) }.into())?;
    Ok("a message queue of a process outside was written".to_owned())
}

fn fd_write(arguments: &Arguments) -> Tried {
    // SAFETY: the buffer is as long as said.
    let wrote = unsafe { libc::write(arguments.number(0)?, WRITTEN.as_ptr().cast(), WRITTEN.len()) };
    checked(wrote as libc::c_long)?;
    Ok("an inherited descriptor was written".to_owned())
}

fn fd_openat(arguments: &Arguments) -> Tried {
    let folder: i32 = arguments.number(0)?;
    let name = arguments.path(1)?;
    // SAFETY: the name ends with a NUL and lives through the call.
    let opened = unsafe { libc::openat(folder, name.as_ptr(), libc::O_WRONLY | libc::O_APPEND) };
    checked(opened.into())?;
    // SAFETY: the buffer is as long as said.
    checked(unsafe { libc::write(opened, WRITTEN.as_ptr().cast(), WRITTEN.len()) } as libc::c_long)?;
    Ok("a file beside an inherited folder was written".to_owned())
}
