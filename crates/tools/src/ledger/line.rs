//! The lines of a ledger file, and reading a file that may have been cut anywhere.

use agent_core::ToolAnswer;
use serde::{Deserialize, Serialize};

/// One line, a JSON object with one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// Written by a child before it became its program.
    Child(Child),
    /// Written by a process before it did the work itself.
    Process(Holder),
    /// How the call ended.
    Answer(ToolAnswer),
}

/// A child and how to find what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// Also its process group and session.
    pub(crate) pid: i32,
    /// Its start time in clock ticks since boot, 0 where unknown.
    pub(crate) start: u64,
    /// The boot in which these count.
    pub(crate) boot: String,
    /// What its environment, and that of its descendants, is marked with.
    pub(crate) mark: String,
}

/// A process that works itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) pid: i32,
    pub(super) start: u64,
    pub(super) boot: String,
}

impl Line {
    pub(super) fn process(pid: i32, start: u64, boot: String) -> Self {
        Self::Process(Holder { pid, start, boot })
    }
}

/// A child's line in three parts, with the pid between the first two and the start time between the last two.
pub(super) fn child_entry(boot: &str, mark: &str) -> [String; 3] {
    let plain = |text: &str| -> String { text.chars().filter(char::is_ascii_graphic).collect() };
    let (boot, mark) = (plain(boot), plain(mark));
    [
        r#"{"child":{"pid":"#.to_owned(),
        r#","start":"#.to_owned(),
        format!(r#","boot":"{boot}","mark":"{mark}"}}}}{}"#, '\n'),
    ]
}

/// What a file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Account {
    /// The call did not begin.
    Blank,
    /// It began; of its first line only a part is there.
    TornBeginning,
    /// It began in a child.
    Child { child: Child, end: End },
    /// It began in a process of the harness.
    Process { end: End },
}

/// What a file says of the end of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// Nothing.
    Open,
    /// It ended, but only a part of its answer is there.
    Torn,
    /// Its answer.
    Answered(Box<ToolAnswer>),
}

/// Reads a file. A line counts only with its end and only if it makes sense.
pub(super) fn read(bytes: &[u8]) -> Account {
    if bytes.is_empty() {
        return Account::Blank;
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let whole = line.strip_suffix(b"\n")?;
        serde_json::from_slice::<Line>(whole).ok()
    });
    let first = lines.next().flatten();
    let end = match lines.next() {
        None => End::Open,
        Some(Some(Line::Answer(answer))) => End::Answered(Box::new(answer)),
        Some(_) => End::Torn,
    };
    match first {
        Some(Line::Child(child)) => Account::Child { child, end },
        Some(Line::Process(_)) => Account::Process { end },
        Some(Line::Answer(_)) | None => Account::TornBeginning,
    }
}
