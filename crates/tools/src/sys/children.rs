//! Hearing of the end of children.

/// Makes this process hear how its children end, whatever it was started with: where whoever started it ignores SIGCHLD, the
/// kernel would keep that to itself, and every command would seem lost. For `main`, before anything is started.
#[expect(unsafe_code, reason = "there is no safe interface to what a signal does by default")]
pub fn hear_of_children() {
    // SAFETY: the default is no function of this process, and nothing else has asked for the signal yet.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}
