//! What `cargo xtask bench local` was asked for.

use std::path::PathBuf;

/// What to measure, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How often each run is made.
    pub repeats: usize,
    /// The numbers of tool calls.
    pub calls: Vec<usize>,
    /// A program to measure beside ours.
    pub peer: Option<Peer>,
    /// Where that is, when it is not the one on `PATH`.
    pub peer_bin: Option<PathBuf>,
    /// A build of ours to measure instead of building one.
    pub bin: Option<PathBuf>,
    /// Another build of ours to measure beside it, to tell what a change is worth.
    pub before: Option<PathBuf>,
    /// Where to put everything that was measured, as JSON.
    pub out: Option<PathBuf>,
    /// Whether a missed target is a failure.
    pub check: bool,
    /// What to measure; everything when it is empty.
    pub only: Vec<Part>,
}

/// A program that does the same as ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// `@openai/codex`.
    Codex,
}

/// One of the things that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Start, time, memory and storage per step.
    Steps,
    /// A thread of 1,000 calls.
    Length,
    /// The way of a delta from the socket to a reader.
    Delta,
    /// How long an interrupted command lives on.
    Interrupt,
}

/// The command line cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError {
    why: String,
}

pub(super) const USAGE: &str = "\
usage: cargo xtask bench local [options]

  --repeats N       make each run so often [7]
  --calls LIST      the numbers of tool calls [0,1,10,50,200]
  --peer codex      measure codex from PATH beside it and print the ratios
  --peer-bin FILE   the codex to measure
  --bin FILE        the everturn to measure, instead of building one
  --before FILE     another everturn to measure beside it, for example of an earlier commit
  --only LIST       of steps, length, delta, interrupt [all]
  --out FILE        write every sample as JSON
  --check           exit 1 when a target is missed
";

impl Default for Options {
    fn default() -> Self {
        Self {
            repeats: 7,
            calls: vec![0, 1, 10, 50, 200],
            peer: None,
            peer_bin: None,
            bin: None,
            before: None,
            out: None,
            check: false,
            only: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the arguments behind `bench local`.
    ///
    /// # Errors
    /// An argument is not known, or its value makes no sense.
    pub fn parse(args: &[String]) -> Result<Self, UsageError> {
        let mut options = Self::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| UsageError::new(format!("{arg} needs a value behind it")));
            match arg {
                "--check" => options.check = true,
                "--repeats" => options.repeats = number(arg, value()?)?.max(1),
                "--calls" => options.calls = calls(value()?)?,
                "--peer" => options.peer = Some(peer(value()?)?),
                "--peer-bin" => options.peer_bin = Some(value()?.into()),
                "--bin" => options.bin = Some(value()?.into()),
                "--before" => options.before = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                "--only" => options.only = value()?.split(',').map(part).collect::<Result<_, _>>()?,
                _ => return Err(UsageError::new(format!("there is no option {arg}"))),
            }
        }
        if options.peer_bin.is_some() && options.peer.is_none() {
            options.peer = Some(Peer::Codex);
        }
        Ok(options)
    }

    /// Whether this is to be measured.
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

impl UsageError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n\n{USAGE}", self.why)
    }
}

impl std::error::Error for UsageError {}

fn number(arg: &str, text: &str) -> Result<usize, UsageError> {
    text.parse().map_err(|_| UsageError::new(format!("{arg} takes a whole number, not `{text}`")))
}

/// The numbers in rising order; two different ones at least, so that a line goes through them.
fn calls(text: &str) -> Result<Vec<usize>, UsageError> {
    let mut calls =
        text.split(',').map(|one| number("--calls", one.trim())).collect::<Result<Vec<_>, _>>()?;
    calls.sort_unstable();
    calls.dedup();
    if calls.len() < 2 {
        return Err(UsageError::new("--calls needs two different numbers, so that a slope can be told"));
    }
    Ok(calls)
}

fn peer(text: &str) -> Result<Peer, UsageError> {
    match text {
        "codex" => Ok(Peer::Codex),
        _ => Err(UsageError::new(format!("there is no peer `{text}`; it can be codex"))),
    }
}

fn part(text: &str) -> Result<Part, UsageError> {
    match text {
        "steps" => Ok(Part::Steps),
        "length" => Ok(Part::Length),
        "delta" => Ok(Part::Delta),
        "interrupt" => Ok(Part::Interrupt),
        _ => Err(UsageError::new(format!(
            "--only does not know `{text}`; it can be steps, length, delta, interrupt"
        ))),
    }
}
