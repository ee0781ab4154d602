//! What can be wrong with a patch, in words the model can act on.

use std::fmt;
use std::io;

/// Lines of a chunk repeated in a message.
const SHOWN_LINES: usize = 12;
/// Characters of one line repeated in a message.
const SHOWN_CHARS: usize = 160;

/// Why a patch was not applied. Unless it is [`PatchError::RollBack`], no file has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The text is not a patch.
    #[error("patch line {line}: found {found}, expected {expected}")]
    Syntax {
        /// 1-based line of the patch text.
        line: usize,
        /// What stands there, quoted.
        found: String,
        /// What the grammar allows there.
        expected: String,
    },
    /// A limit of this module was passed.
    #[error("{what}: {actual} {unit}, but at most {limit} are allowed; {remedy}")]
    TooLarge {
        /// The thing that is too large; a path when it is a file.
        what: String,
        /// Its size.
        actual: usize,
        /// The named limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A path cannot be changed the way the patch asks.
    #[error("patch line {line}: {path}: {problem}")]
    Target {
        /// 1-based line of the patch text.
        line: usize,
        /// The path as the patch wrote it.
        path: String,
        /// What stands in the way.
        problem: Problem,
    },
    /// A header or the old lines of a chunk are not in the file.
    #[error(transparent)]
    NotFound(#[from] Box<Mismatch>),
    /// A file is not what it was when the patch was planned.
    #[error("{path}: changed since the patch was checked; read it again and send a new patch")]
    Stale {
        /// The path as shown.
        path: String,
    },
    /// The operating system refused; everything done before was undone.
    #[error("{path}: could not {action}: {source}")]
    Io {
        /// The path as shown.
        path: String,
        /// What was tried, as a verb with its object.
        action: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The commit failed and could not be undone completely.
    #[error("{cause}; UNDOING THE PATCH FAILED TOO, look at these paths before you go on: {}", left.join("; "))]
    RollBack {
        /// Why the commit failed.
        #[source]
        cause: Box<PatchError>,
        /// Paths that are not as before, with the reason for each.
        left: Vec<String>,
    },
}

impl PatchError {
    /// A stable name for logs, events and tests.
    pub fn code(&self) -> &'static str {
        match self {
            PatchError::Syntax { .. } => "patch_syntax",
            PatchError::TooLarge { .. } => "patch_too_large",
            PatchError::Target { problem, .. } => problem.code(),
            PatchError::NotFound(_) => "patch_lines_not_found",
            PatchError::Stale { .. } => "patch_file_changed",
            PatchError::Io { .. } => "patch_io",
            PatchError::RollBack { .. } => "patch_roll_back_failed",
        }
    }

    /// Whether planning and committing the same patch again may succeed without anybody changing anything.
    pub fn retry(&self) -> bool {
        match self {
            PatchError::Stale { .. } => true,
            PatchError::Syntax { .. }
            | PatchError::TooLarge { .. }
            | PatchError::Target { .. }
            | PatchError::NotFound(_)
            | PatchError::Io { .. }
            | PatchError::RollBack { .. } => false,
        }
    }
}

/// What stands in the way of changing a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Its real place is outside every writable root.
    Outside(String),
    /// It is, or lies in, a protected path.
    Protected,
    /// It is, or lies in, a `.git`.
    GitFolder,
    /// A link on the way leads nowhere, or round in a circle.
    BrokenLink,
    /// There is no such file.
    Missing,
    /// There is no such directory to run in.
    NoWorkdir,
    /// `Add File` names a file that exists.
    Exists,
    /// `Move to` names a file that exists.
    MoveTargetExists,
    /// It is a directory.
    Directory,
    /// Something above it is a file.
    ParentNotDirectory,
    /// The patch makes it a file and a directory at once.
    FileAndDirectory,
    /// A device, socket or pipe.
    Special,
    /// Its permission bits forbid writing.
    ReadOnly,
    /// The contents are not UTF-8.
    NotUtf8,
    /// `Move to` on a symbolic link.
    MovesLink,
}

impl Problem {
    fn code(&self) -> &'static str {
        match self {
            Problem::Outside(_) => "patch_outside_roots",
            Problem::Protected => "patch_protected",
            Problem::GitFolder => "patch_git_folder",
            Problem::BrokenLink => "patch_broken_link",
            Problem::Missing => "patch_file_missing",
            Problem::NoWorkdir => "patch_no_workdir",
            Problem::Exists => "patch_file_exists",
            Problem::MoveTargetExists => "patch_move_target_exists",
            Problem::Directory => "patch_is_directory",
            Problem::ParentNotDirectory => "patch_parent_not_directory",
            Problem::FileAndDirectory => "patch_file_and_directory",
            Problem::Special => "patch_special_file",
            Problem::ReadOnly => "patch_read_only",
            Problem::NotUtf8 => "patch_not_utf8",
            Problem::MovesLink => "patch_moves_link",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::Outside(real) => {
                return write!(
                    f,
                    "its real place {real} is outside the writable roots; choose a path inside them"
                );
            }
            Problem::Protected => "this path is protected and may not be changed by a patch",
            Problem::GitFolder => "files of a .git may not be changed by a patch; use git commands",
            Problem::BrokenLink => {
                "a symbolic link on this path leads nowhere; remove or repair the link first"
            }
            Problem::Missing => "there is no such file; check the path, or use `*** Add File: ` to create it",
            Problem::NoWorkdir => "there is no such directory to change into",
            Problem::Exists => "the file exists already; use `*** Update File: ` to change it",
            Problem::MoveTargetExists => {
                "the file to move to exists already; delete it first or choose another name"
            }
            Problem::Directory => "this is a directory; a patch changes files only",
            Problem::ParentNotDirectory => {
                "something above it is a file, not a directory; delete that in a patch before"
            }
            Problem::FileAndDirectory => "the patch needs this path both as a file and as a directory",
            Problem::Special => "this is not a regular file",
            Problem::ReadOnly => "the file is read-only; make it writable first if it is meant to change",
            Problem::NotUtf8 => {
                "the file is not UTF-8 text, so lines cannot be patched; change it with a command"
            }
            Problem::MovesLink => "this is a symbolic link and cannot be moved; move the file it points to",
        })
    }
}

/// What was searched in vain, and where something like it is.
#[derive(Debug, thiserror::Error)]
pub struct Mismatch {
    /// The file as the patch names it.
    pub path: String,
    /// 1-based line of the patch text where the chunk begins.
    pub patch_line: usize,
    /// What was searched.
    pub wanted: Wanted,
    /// 1-based line of the file from which it was searched.
    pub from_line: usize,
    /// The most similar place.
    pub near: Option<NearMatch>,
}

/// The part of a chunk that was searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The line after `@@`.
    Header(String),
    /// The context and removed lines.
    Lines(Vec<String>),
}

/// A place in the file like the one that was searched. Lines are 1-based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearMatch {
    /// At least half of the lines stand here.
    Block {
        /// First line of the place.
        line: usize,
        /// How many lines agree, blank ones not counted.
        agreeing: usize,
        /// Of how many.
        of: usize,
        /// The first line that differs; `None` when the place agrees wholly but lies above the search.
        difference: Option<Difference>,
    },
    /// One line is like the first one searched.
    Line {
        /// Where.
        line: usize,
        /// The line.
        text: String,
    },
}

/// Two lines that should have been equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// 1-based line of the file.
    pub line: usize,
    /// The file's line, or `None` past its end.
    pub in_file: Option<String>,
    /// The patch's line.
    pub in_patch: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { path, patch_line, wanted, from_line, near } = self;
        match wanted {
            Wanted::Header(header) => {
                write!(f, "{path}: the line of the header at patch line {patch_line} is not in the file: ")?;
                write!(f, "`{}`.", clipped(header))?;
            }
            Wanted::Lines(lines) => {
                write!(f, "{path}: the lines of the chunk at patch line {patch_line} are not in the file ")?;
                write!(f, "(searched from its line {from_line}):")?;
                for line in lines.iter().take(SHOWN_LINES) {
                    write!(f, "\n    {}", clipped(line))?;
                }
                if lines.len() > SHOWN_LINES {
                    write!(f, "\n    ... and {} more", lines.len() - SHOWN_LINES)?;
                }
            }
        }
        match near {
            Some(near) => write!(f, "\n{near}"),
            None => write!(f, "\nNothing in the file is like them; read it again."),
        }
    }
}

impl fmt::Display for NearMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NearMatch::Block { line, difference: None, .. } => write!(
                f,
                "They stand at line {line} of the file, above the place where the search began; \
                 write the chunks in the order of the file and do not repeat changed lines."
            ),
            NearMatch::Block { line, agreeing, of, difference: Some(difference) } => {
                write!(
                    f,
                    "The closest place is line {line} of the file, where {agreeing} of {of} lines agree; "
                )?;
                match &difference.in_file {
                    Some(text) => write!(f, "line {} there is `{}`", difference.line, clipped(text))?,
                    None => write!(f, "the file ends before line {}", difference.line)?,
                }
                write!(f, ", the patch has `{}`.", clipped(&difference.in_patch))
            }
            NearMatch::Line { line, text } => {
                write!(f, "The most similar line is line {line} of the file: `{}`.", clipped(text))
            }
        }
    }
}

/// A line cut to a length that fits a message.
pub(super) fn clipped(line: &str) -> String {
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
