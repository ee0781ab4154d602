//! The grammar: from text to operations. Reads no file.

use super::envelope::{PatchLine, open, quoted, syntax};
use super::error::PatchError;
use super::text::Ending;
use super::{MAX_CHUNKS, MAX_HUNKS, MAX_PATCH_BYTES};

const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const DELETE: &str = "*** Delete File:";
const UPDATE: &str = "*** Update File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

/// A patch as written: nothing in it has been compared with any file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The directory of `cd dir && apply_patch`, relative to the call's working directory or absolute.
    /// [`plan`](super::plan) applies it.
    pub workdir: Option<String>,
    /// At least one, in the order of the text.
    pub hunks: Vec<Hunk>,
}

/// One file operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// 1-based line of its header in the patch text.
    pub line: usize,
    /// The path as written, without white space around it; never empty, without NUL.
    pub path: String,
    /// What to do with the file.
    pub op: FileOp,
}

/// What a patch does with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOp {
    /// Create it.
    Add {
        /// Its lines.
        lines: Vec<String>,
        /// How they end: CRLF only when each of them did, and the header did not.
        ending: Ending,
    },
    /// Remove it.
    Delete,
    /// Change its lines, its name, or both.
    Update {
        /// The new path.
        move_to: Option<String>,
        /// Empty only when `move_to` is there.
        chunks: Vec<Chunk>,
    },
}

/// Lines that are replaced together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// 1-based line of its beginning in the patch text.
    pub line: usize,
    /// The texts after `@@`, outermost first.
    pub headers: Vec<String>,
    /// At least one.
    pub lines: Vec<ChunkLine>,
    /// Whether `*** End of File` follows.
    pub end_of_file: bool,
}

/// A line of a chunk, without its first character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkLine {
    /// Stands in the file and stays.
    Context(String),
    /// Stands in the file and goes.
    Remove(String),
    /// Comes new.
    Add(String),
}

/// Reads a patch text, with or without what models put around it.
pub fn parse(text: &str) -> Result<Patch, PatchError> {
    if text.len() > MAX_PATCH_BYTES {
        let remedy = "send several smaller patches";
        return Err(too_large("the patch", text.len(), MAX_PATCH_BYTES, "bytes", remedy));
    }
    let mut envelope = open(text)?;
    if let Some(last) = envelope.lines.last_mut()
        && last.text.trim() == END
    {
        last.text = END;
    }
    let mut parser = Parser { lines: &envelope.lines, pos: 1, chunks: 0 };
    let hunks = parser.hunks()?;
    Ok(Patch { workdir: envelope.workdir, hunks })
}

fn too_large(
    what: &str,
    actual: usize,
    limit: usize,
    unit: &'static str,
    remedy: &'static str,
) -> PatchError {
    PatchError::TooLarge { what: what.to_owned(), actual, limit, unit, remedy }
}

struct Parser<'a> {
    lines: &'a [PatchLine<'a>],
    pos: usize,
    /// Chunks read so far, in all hunks.
    chunks: usize,
}

impl<'a> Parser<'a> {
    fn hunks(&mut self) -> Result<Vec<Hunk>, PatchError> {
        let mut hunks = Vec::new();
        loop {
            self.skip_blank();
            let Some(line) = self.peek() else {
                return Err(self.unexpected(&format!("`{END}` as the last line")));
            };
            let marker = line.text.trim();
            if marker == END {
                if hunks.is_empty() {
                    return Err(self.unexpected("at least one file operation"));
                }
                self.pos += 1;
                return match self.peek() {
                    None => Ok(hunks),
                    Some(_) => Err(self.unexpected(&format!("nothing after `{END}`"))),
                };
            }
            hunks.push(self.hunk(line, marker)?);
            if hunks.len() > MAX_HUNKS {
                let remedy = "send several smaller patches";
                return Err(too_large("the patch", hunks.len(), MAX_HUNKS, "file operations", remedy));
            }
        }
    }

    fn hunk(&mut self, line: PatchLine<'a>, marker: &str) -> Result<Hunk, PatchError> {
        let expected = || format!("`{ADD} <path>`, `{DELETE} <path>`, `{UPDATE} <path>` or `{END}`");
        let (path, op) = if let Some(path) = marker.strip_prefix(ADD) {
            let path = self.path(path)?;
            self.pos += 1;
            (path, self.added_lines(line)?)
        } else if let Some(path) = marker.strip_prefix(DELETE) {
            let path = self.path(path)?;
            self.pos += 1;
            (path, FileOp::Delete)
        } else if let Some(path) = marker.strip_prefix(UPDATE) {
            let path = self.path(path)?;
            self.pos += 1;
            (path, self.update()?)
        } else {
            return Err(self.unexpected(&expected()));
        };
        Ok(Hunk { line: line.number, path, op })
    }

    fn path(&self, text: &str) -> Result<String, PatchError> {
        let path = text.trim();
        if path.is_empty() || path.contains('\0') {
            return Err(self.unexpected("a path after the colon"));
        }
        Ok(path.to_owned())
    }

    fn added_lines(&mut self, header: PatchLine<'a>) -> Result<FileOp, PatchError> {
        let mut lines = Vec::new();
        let mut all_cr = !header.had_cr;
        while let Some(line) = self.peek() {
            if let Some(text) = line.text.strip_prefix('+') {
                lines.push(text.to_owned());
                all_cr &= line.had_cr;
                self.pos += 1;
            } else if line.text.trim().is_empty() {
                // An empty line between `+` lines has lost its `+`; elsewhere it only separates.
                let blank = self.blank_run();
                if !self.peek_at(blank).is_some_and(|next| next.text.starts_with('+')) {
                    break;
                }
                lines.resize(lines.len() + blank, String::new());
                self.pos += blank;
            } else if line.text.trim_start().starts_with("***") {
                break;
            } else {
                return Err(self.unexpected("a line of the added file, beginning with `+`, or a `*** ` line"));
            }
        }
        self.take_end_of_file();
        let ending = if all_cr && !lines.is_empty() { Ending::CrLf } else { Ending::Lf };
        Ok(FileOp::Add { lines, ending })
    }

    fn update(&mut self) -> Result<FileOp, PatchError> {
        self.skip_blank();
        let mut move_to = None;
        if let Some(line) = self.peek()
            && let Some(path) = line.text.trim().strip_prefix(MOVE)
        {
            move_to = Some(self.path(path)?);
            self.pos += 1;
        }
        let mut chunks = Vec::new();
        loop {
            self.skip_blank();
            match self.peek() {
                Some(line) if line.text.starts_with("@@") => chunks.push(self.chunk()?),
                Some(line) if line.text.trim_start().starts_with("***") => break,
                Some(_) if chunks.is_empty() => chunks.push(self.chunk()?),
                Some(_) => return Err(self.unexpected("`@@`, or a `*** ` line")),
                None => break,
            }
        }
        if chunks.is_empty() && move_to.is_none() {
            return Err(self.unexpected(&format!("`@@` and the lines to change, or `{MOVE} <path>`")));
        }
        Ok(FileOp::Update { move_to, chunks })
    }

    fn chunk(&mut self) -> Result<Chunk, PatchError> {
        self.chunks += 1;
        if self.chunks > MAX_CHUNKS {
            let remedy = "send several smaller patches";
            return Err(too_large("the patch", self.chunks, MAX_CHUNKS, "chunks", remedy));
        }
        let line = self.peek().map_or(0, |line| line.number);
        let headers = self.headers();
        let mut lines = Vec::new();
        let mut solid = 0;
        while let Some(next) = self.peek() {
            let text = next.text;
            if text.starts_with("@@") || text.starts_with("***") {
                break;
            }
            match text.chars().next() {
                None => lines.push(ChunkLine::Context(String::new())),
                Some(' ') => lines.push(ChunkLine::Context(text[1..].to_owned())),
                Some('-') => lines.push(ChunkLine::Remove(text[1..].to_owned())),
                Some('+') => lines.push(ChunkLine::Add(text[1..].to_owned())),
                Some(_) => {
                    let expected = "a line of the chunk, beginning with ` ` (stays), `-` (goes) or `+` (comes), \
                                    or `@@`, or a `*** ` line";
                    return Err(self.unexpected(expected));
                }
            }
            self.pos += 1;
            if !text.is_empty() {
                solid = lines.len();
            }
        }
        // Empty lines after lines that only add are layout of the patch, not lines of the file.
        if lines[..solid].iter().all(|line| matches!(line, ChunkLine::Add(_))) {
            lines.truncate(solid);
        }
        if lines.is_empty() {
            return Err(self.unexpected("at least one line beginning with ` `, `-` or `+` after `@@`"));
        }
        let end_of_file = self.take_end_of_file();
        Ok(Chunk { line, headers, lines, end_of_file })
    }

    /// The `@@` lines that open a chunk; empty lines between two of them do not count.
    fn headers(&mut self) -> Vec<String> {
        let mut headers = Vec::new();
        while let Some(text) = self.peek().and_then(|line| line.text.strip_prefix("@@")) {
            let header = text.strip_prefix(' ').unwrap_or(text).trim_end();
            if !header.trim().is_empty() && !is_line_range(header) {
                headers.push(header.to_owned());
            }
            self.pos += 1;
            let blank = self.blank_run();
            if self.peek_at(blank).is_some_and(|line| line.text.starts_with("@@")) {
                self.pos += blank;
            }
        }
        headers
    }

    fn take_end_of_file(&mut self) -> bool {
        let found = self.peek().is_some_and(|line| line.text.trim_end() == END_OF_FILE);
        self.pos += usize::from(found);
        found
    }

    fn peek(&self) -> Option<PatchLine<'a>> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Option<PatchLine<'a>> {
        self.lines.get(self.pos + ahead).copied()
    }

    /// How many blank lines come next.
    fn blank_run(&self) -> usize {
        self.lines[self.pos.min(self.lines.len())..]
            .iter()
            .take_while(|line| line.text.trim().is_empty())
            .count()
    }

    fn skip_blank(&mut self) {
        self.pos += self.blank_run();
    }

    fn unexpected(&self, expected: &str) -> PatchError {
        match self.peek() {
            Some(line) => syntax(line.number, &quoted(line.text), expected),
            None => {
                let last = self.lines.last().map_or(0, |line| line.number);
                syntax(last + 1, "the end of the text", expected)
            }
        }
    }
}

/// `-1,3 +1,4 @@ anything`, the rest of a header that follows the unified format.
fn is_line_range(header: &str) -> bool {
    let mut words = header.split_whitespace();
    let mut range = |sign: char| {
        words.next().and_then(|word| word.strip_prefix(sign)).is_some_and(|digits| {
            digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit() || c == ',')
        })
    };
    range('-') && range('+') && words.next().is_some_and(|word| word.starts_with("@@"))
}
