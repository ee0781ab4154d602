//! Signals of the supervisor: they wait to be read, and most of them are handed on.

use rustix::process::{Pid, Signal};
use std::{
    io, mem,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    ptr,
};

/// What is handed on to the command.
const FORWARDED: [i32; 6] =
    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// What has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// A child has changed its state.
    Child,
    /// Somebody wants something of the command.
    Forward(Signal),
    /// Nothing for us: the terminal has told the command itself.
    Other,
}

/// Signals that wait to be read instead of doing something.
pub(super) struct Mailbox(OwnedFd);

#[expect(unsafe_code, reason = "there is no safe interface to signal sets")]
impl Mailbox {
    pub(super) fn open() -> io::Result<Self> {
        // SAFETY: the set is initialised by `sigemptyset` before anything reads it, and lives until the calls return.
        unsafe {
            let mut set = mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in FORWARDED.into_iter().chain([libc::SIGCHLD]) {
                libc::sigaddset(&raw mut set, signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            // Where it was ignored, the kernel would reap children before they are asked about.
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(Self(OwnedFd::from_raw_fd(descriptor))),
            }
        }
    }

    /// The next one, if there is any.
    pub(super) fn take(&self) -> Option<Arrived> {
        // SAFETY: plain integers, for which zero is a value.
        let mut info: libc::signalfd_siginfo = unsafe { mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes at most `size` bytes, which the structure has.
        let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        Some(match Signal::from_named_raw(number) {
            Some(Signal::CHILD) => Arrived::Child,
            // What a terminal sends, it sends to everybody in the foreground, the command too.
            Some(_) if info.ssi_code == libc::SI_KERNEL => Arrived::Other,
            Some(signal) => Arrived::Forward(signal),
            None => Arrived::Other,
        })
    }
}

impl std::os::fd::AsFd for Mailbox {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Children are reaped by the kernel, and no signal is held back.
#[expect(unsafe_code, reason = "there is no safe interface to signals")]
pub(super) fn reap_by_itself() {
    // SAFETY: this process has one thread, and the handler is none of its own.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    hold_none_back();
}

/// No signal is held back any more: a program inherits what is, and would hear neither Ctrl-C nor a request to end.
#[expect(unsafe_code, reason = "there is no safe interface to signal sets")]
pub(super) fn hold_none_back() {
    // SAFETY: this process has one thread; the set is initialised before it is used.
    unsafe {
        let mut none = mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Does something during which a hang-up of the terminal does not count.
#[expect(unsafe_code, reason = "there is no safe interface to signals")]
pub(super) fn without_hangup(work: impl FnOnce()) {
    // SAFETY: this process has one thread, and both handlers are none of its own.
    let before = unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    work();
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGHUP, before) };
}

/// Ends this process by a signal. Returns where that cannot be.
#[expect(unsafe_code, reason = "there is no safe interface to signals")]
pub(super) fn end_by(number: i32) {
    // SAFETY: this process has one thread; the set is initialised before it is used.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        let mut only = mem::zeroed();
        libc::sigemptyset(&raw mut only);
        libc::sigaddset(&raw mut only, number);
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const only, ptr::null_mut());
        libc::raise(number);
    }
}

/// Sends a signal; a process that is gone needs none.
pub(super) fn send(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}
