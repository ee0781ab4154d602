//! Sessions: commands that go on after the call that started them has answered.
//!
//! ```text
//! exec_command ──▶ start: ledger page, pipe or terminal, sandbox ──▶ Session ── keeper: reads, watches times, stops
//!                                                                      │ still runs after `yield_time_ms`
//! write_stdin ──▶ Sessions (by thread and number) ◀────────────────────┘ a notice on disk, then the table
//! ```
//!
//! A session's number is that of the effect that started it, so no two of a thread ever share one, whatever process ran them.
//! A session lives in this process. Its notice on disk outlives it: whoever works on the thread next stops what is left of the
//! session and can say that it is lost.
//!
//! A session without a terminal has no input: programs that read their standard input when it is no terminal would wait for
//! ever. Output of a session is kept from one call to the next, its beginning and its end.
//!
//! Start reading at `open.rs` and `write_stdin.rs` (the two calls), then `opened.rs` (a session as they have it) and
//! `keeper.rs` (its task).

mod answer;
mod keeper;
mod keys;
mod line_ends;
mod notice;
mod open;
mod opened;
mod shared;
mod start;
mod table;
mod terminal;
mod write_stdin;

pub(crate) use open::{Command, open};
pub(crate) use table::Sessions;
pub(crate) use terminal::Size;
pub(crate) use write_stdin::WriteStdin;

use crate::{
    arguments::{Arguments, Field, Need, Shape},
    sys::Input,
};
use std::time::Duration;

/// Sessions a thread keeps. One more, and the one that was used longest ago is ended.
const MAX_SESSIONS: usize = 16;
/// Sessions a process keeps, of all threads.
const MAX_SESSIONS_OF_ALL: usize = 256;
/// Output kept of a session from one call to the next, at most; less where an answer may not be so long.
const BUFFER_BYTES: usize = 1024 * 1024;
/// A session that says nothing and is not called for so long is ended.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// So long a session goes on at most, where its call does not say.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);
/// How long `exec_command` waits where the call does not say.
const OPEN_YIELD_MS: u64 = 10_000;
/// How long `write_stdin` waits where the call does not say.
const WRITE_YIELD_MS: u64 = 250;
/// How long a call waits at most.
const MAX_YIELD_MS: u64 = 30_000;
/// After something was typed, output is waited for until there is none for so long.
const QUIET: Duration = Duration::from_millis(300);
/// Rows and columns of a terminal, at most.
const MAX_SIDE: u64 = 1_000;

/// Fields of `exec_command` that make its command a session.
pub(crate) const TTY: Field = Field {
    name: "tty",
    about: "Whether it gets a terminal, for programs that talk: shells, REPLs, debuggers. TERM is `dumb` there; set another \
            in the line for full-screen programs.",
    shape: Shape::Flag,
    need: Need::Optional,
};
/// See [`TTY`].
pub(crate) const YIELD: Field = Field {
    name: "yield_time_ms",
    about: "If it still runs after so many milliseconds, you get what it printed and a session_id for `write_stdin`, and it \
            goes on, up to `timeout_ms` (six hours by default then). 10000 by default with `tty`; without both it runs to its end.",
    shape: Shape::Whole { min: 1, max: MAX_YIELD_MS },
    need: Need::Optional,
};
/// The height of a terminal.
pub(crate) const ROWS: Field = Field {
    name: "rows",
    about: "Rows of the terminal. 24 by default.",
    shape: Shape::Whole { min: 1, max: MAX_SIDE },
    need: Need::Optional,
};
/// The width of a terminal.
pub(crate) const COLS: Field = Field {
    name: "cols",
    about: "Columns of the terminal. 80 by default.",
    shape: Shape::Whole { min: 1, max: MAX_SIDE },
    need: Need::Optional,
};

/// How a command is to be started so that it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) stream: Stream,
    /// How long the call waits.
    pub(crate) yield_ms: u64,
    /// When the command is stopped, where the call says it.
    pub(crate) limit_ms: Option<u64>,
}

/// How a session's command talks to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// It writes into a pipe and has no input.
    Pipe,
    /// It has a terminal of this size.
    Terminal(Size),
}

impl Stream {
    fn input(self) -> Input {
        match self {
            Self::Pipe => Input::Plain,
            Self::Terminal(_) => Input::Terminal,
        }
    }
}

impl Opening {
    /// What the arguments of `exec_command` ask for; `None` for a command that runs to its end.
    pub(crate) fn of(arguments: &Arguments) -> Option<Self> {
        let tty = arguments.flag(TTY.name);
        let yield_ms = arguments.whole(YIELD.name);
        let stream = if tty { Stream::Terminal(Size::of(arguments, Size::USUAL)) } else { Stream::Pipe };
        (tty || yield_ms.is_some()).then(|| Self {
            stream,
            yield_ms: yield_ms.unwrap_or(OPEN_YIELD_MS),
            limit_ms: arguments.whole("timeout_ms"),
        })
    }
}
