//! SIGTERM and SIGHUP: a command stops where it is, as on a second Ctrl-C.

use crate::{
    exit::{Exit, Failure},
    output,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Does this until it is done, or until the process is told to end. Then it is dropped: commands are killed, a thread stays
/// as its journal tells it, a temporary folder is removed.
pub(super) async fn until_told_to_end(
    work: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = if hears_hangup() { Some(listen(SignalKind::hangup())?) } else { None };
    let exit = tokio::select! {
        exit = work => return exit,
        _ = terminate.recv() => Exit::Terminated,
        () = heard(hangup.as_mut()) => Exit::HungUp,
    };
    output::remark(if exit == Exit::HungUp {
        "stopped: the terminal was closed"
    } else {
        "stopped by SIGTERM"
    });
    Ok(exit)
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind)
        .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be listened for: {error}")))
}

async fn heard(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP may be listened for. Under `nohup` it is ignored, and listening would undo that. Where the system does not
/// say, it keeps its usual effect.
fn hears_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| !ignores_hangup(&status))
}

/// Reads the line `SigIgn:` of proc_pid_status(5): a mask in hexadecimal digits whose lowest bit is signal 1, SIGHUP.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hangup_that_is_ignored_stays_ignored() {
        let status = |mask: &str| format!("Name:\teverturn\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")));
        assert!(ignores_hangup("no such line"));
    }
}
