//! Pseudo-terminals.

use super::{COLS, ROWS};
use crate::arguments::Arguments;
use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcgetwinsize, tcsetwinsize},
};
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rows: u16,
    pub(crate) cols: u16,
}

impl Size {
    pub(super) const USUAL: Self = Self { rows: 24, cols: 80 };

    /// What the arguments say, and `otherwise` where they say nothing.
    pub(super) fn of(arguments: &Arguments, otherwise: Self) -> Self {
        let side = |name, otherwise: u16| {
            arguments.whole(name).and_then(|side| u16::try_from(side).ok()).unwrap_or(otherwise)
        };
        Self { rows: side(ROWS.name, otherwise.rows), cols: side(COLS.name, otherwise.cols) }
    }

    fn winsize(self) -> Winsize {
        Winsize { ws_row: self.rows, ws_col: self.cols, ws_xpixel: 0, ws_ypixel: 0 }
    }
}

/// The two ends of a terminal.
pub(super) struct Ends {
    /// Where this process reads and types.
    pub(super) ours: OwnedFd,
    /// What the command has.
    pub(super) theirs: OwnedFd,
}

/// Opens a terminal.
pub(super) fn open(size: Size) -> io::Result<Ends> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    resize(&ours, size)?;
    Ok(Ends { ours, theirs })
}

/// Its size.
pub(super) fn size(terminal: impl AsFd) -> io::Result<Size> {
    let size = tcgetwinsize(terminal)?;
    Ok(Size { rows: size.ws_row, cols: size.ws_col })
}

/// Changes the size; the program in the foreground is told by a signal.
pub(super) fn resize(terminal: impl AsFd, size: Size) -> io::Result<()> {
    Ok(tcsetwinsize(terminal, size.winsize())?)
}
