//! The table of processes, from `/proc`.

use super::Process;
use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    ffi::{CStr, CString},
    fs,
    io::Read,
    path::PathBuf,
    sync::LazyLock,
};

/// More than one line of `/proc/<pid>/stat` ever has.
const STAT_BYTES: usize = 1024;
/// The flag of a process that has begun to end, `PF_EXITING`: it runs no code of its own any more. The first process of a
/// namespace stays so until all others of it are reaped, which may be up to somebody else.
const EXITING: u64 = 0x4;
/// How much of a process's environment is searched for a mark.
const ENVIRONMENT_BYTES: u64 = 256 * 1024;

/// The boot this machine is in, empty where unknown. No process lives through two.
pub(crate) fn boot_id() -> &'static str {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    });
    &BOOT
}

/// When a process started, in clock ticks since boot; `None` where there is none of this number.
pub(crate) fn start_of(pid: i32) -> Option<u64> {
    process(pid).map(|process| process.start)
}

/// When the calling process started, 0 where unknown. Only system calls: a child calls it between fork and exec.
pub(super) fn own_start() -> u64 {
    look_at(c"/proc/self/stat").map_or(0, |process| process.start)
}

pub(super) fn process(pid: i32) -> Option<Process> {
    look_at(&CString::new(format!("/proc/{pid}/stat")).ok()?)
}

/// The process that a file is about. The kernel writes the whole line at the first read.
fn look_at(path: &CStr) -> Option<Process> {
    let mut stat = [0; STAT_BYTES];
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let count = rustix::io::read(&file, &mut stat).ok()?;
    parse(stat.get(..count)?)
}

/// All of them that can be seen.
pub(super) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

/// Whether the process was started with this variable, `NAME=value`, or by one that was.
pub(super) fn has_variable(pid: i32, variable: &str) -> bool {
    let Ok(file) = fs::File::open(PathBuf::from(format!("/proc/{pid}/environ"))) else { return false };
    let mut environment = Vec::new();
    // What was read before an error counts.
    let _ = file.take(ENVIRONMENT_BYTES).read_to_end(&mut environment);
    environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
}

/// Sends a signal to exactly this process, never to a later one of the same number.
pub(super) fn signal(target: Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(target.pid) else { return };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => {
            if process(target.pid).is_some_and(|now| now.start == target.start) {
                let _ = pidfd_send_signal(handle, signal);
            }
        }
        Err(rustix::io::Errno::NOSYS) => {
            let _ = rustix::process::kill_process(pid, signal);
        }
        Err(_) => {}
    }
}

/// Reads a line of `stat`. The name of the program stands in parentheses and may hold anything. Allocates nothing.
fn parse(stat: &[u8]) -> Option<Process> {
    let pid = number(stat.split(|byte| *byte == b' ').next()?)?;
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(name_end + 2..)?.split(|byte| *byte == b' ');
    let state = fields.next()?;
    let parent = number(fields.next()?)?;
    let group = number(fields.next()?)?;
    let session = number(fields.next()?)?;
    // The fields before were 3 to 6; the flags are field 9, the start is field 22.
    let flags = number(fields.nth(2)?)?;
    let start = number(fields.nth(12)?)?;
    let dead = matches!(state, b"Z" | b"X" | b"x") || flags & EXITING != 0;
    let narrow = |number: u64| i32::try_from(number).ok();
    Some(Process {
        pid: narrow(pid)?,
        parent: narrow(parent)?,
        group: narrow(group)?,
        session: narrow(session)?,
        start,
        dead,
    })
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_and_parentheses_does_not_confuse() {
        let line = b"42 (a) b (c) Z 7 40 39 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20 30\n";
        let expected = Process { pid: 42, parent: 7, group: 40, session: 39, start: 987_654, dead: true };
        assert_eq!(parse(line), Some(expected));
        let ending = b"42 (a) S 7 40 39 0 -1 4194308 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20 30\n";
        assert!(parse(ending).is_some_and(|process| process.dead && process.start == 987_654));
        assert_eq!(parse(b"42 (a"), None);
        assert_eq!(parse(b"42 (a) R x"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let own = i32::try_from(std::process::id()).unwrap();
        let found = processes().into_iter().find(|process| process.pid == own).unwrap();
        assert_eq!(Some(found.start), start_of(own));
        assert_eq!(found.start, own_start());
        assert!(!found.dead && found.start > 0);
        assert!(!boot_id().is_empty());
    }
}
