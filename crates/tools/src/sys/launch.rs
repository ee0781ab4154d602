//! Starting a child that writes its own ledger entry before it becomes the program.

use super::table;
use crate::kill_point::Held;
use std::{fs::File, io};
use tokio::process::{Child, Command};

/// More than any entry has; a longer one is not written, and the child does not start.
const ENTRY_BYTES: usize = 512;

/// What a child has to write, and where.
pub(crate) struct Recording {
    /// Open for appending.
    pub(crate) ledger: File,
    /// The entry is `before`, the pid, `between`, the start time, `after`.
    pub(crate) before: String,
    pub(crate) between: String,
    pub(crate) after: String,
    /// Whether the entry has to survive the loss of power.
    pub(crate) durability: crate::ledger::Durability,
    /// A test wants the child held after its entry.
    pub(crate) held: Option<Held>,
    /// What its standard input is.
    pub(crate) input: Input,
}

/// What a child's standard input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// No terminal.
    Plain,
    /// A terminal, which becomes the one that controls its session.
    Terminal,
}

/// Starts the command in a session of its own. On `Ok` the entry is in the ledger. On an error it is there if the
/// program itself could not be started, and not there if the child did not get so far.
#[expect(
    unsafe_code,
    reason = "a hook between fork and exec is the only place from which the child can write"
)]
pub(crate) fn launch(mut command: Command, recording: Recording) -> io::Result<Child> {
    let hook = move || recording.write();
    // SAFETY: between fork and exec only async-signal-safe things may be done. `Recording::write` makes system calls
    // on memory made before the fork and on its own stack; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(hook) };
    command.spawn()
}

impl Recording {
    fn write(&self) -> io::Result<()> {
        rustix::process::setsid()?;
        if self.input == Input::Terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        let mut entry = Entry { bytes: [0; ENTRY_BYTES], len: 0 };
        entry.text(&self.before)?;
        entry.number(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs().into())?;
        entry.text(&self.between)?;
        entry.number(table::own_start())?;
        entry.text(&self.after)?;
        let bytes = entry.bytes.get(..entry.len).unwrap_or_default();
        if rustix::io::write(&self.ledger, bytes)? != bytes.len() {
            return Err(rustix::io::Errno::NOSPC.into());
        }
        if self.durability == crate::ledger::Durability::Power {
            rustix::fs::fdatasync(&self.ledger)?;
        }
        if let Some(held) = &self.held {
            held.hold();
        }
        Ok(())
    }
}

/// A line in the making, on the stack.
struct Entry {
    bytes: [u8; ENTRY_BYTES],
    len: usize,
}

impl Entry {
    fn text(&mut self, text: &str) -> io::Result<()> {
        let end = self.len + text.len();
        let Some(place) = self.bytes.get_mut(self.len..end) else {
            return Err(rustix::io::Errno::MSGSIZE.into());
        };
        place.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }

    fn number(&mut self, mut number: u64) -> io::Result<()> {
        let mut digits = [b'0'; 20];
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            first -= 1;
            if number == 0 {
                break;
            }
        }
        self.text(std::str::from_utf8(digits.get(first..).unwrap_or_default()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut entry = Entry { bytes: [0; ENTRY_BYTES], len: 0 };
            entry.text("<").unwrap();
            entry.number(number).unwrap();
            entry.text(">").unwrap();
            assert_eq!(&entry.bytes[..entry.len], format!("<{number}>").as_bytes());
        }
    }

    #[test]
    fn an_entry_that_is_too_long_is_an_error() {
        let mut entry = Entry { bytes: [0; ENTRY_BYTES], len: 0 };
        assert!(entry.text(&"x".repeat(ENTRY_BYTES + 1)).is_err());
        assert_eq!(entry.len, 0);
    }
}
