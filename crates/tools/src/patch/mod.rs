//! The engine of the `apply_patch` tool: the Codex patch format, from text to changed files.
//!
//! Start reading at [`parse`], then [`plan`], then [`Plan::commit`]. Not here: the tool call around it (approval,
//! sandbox, ledger), and any async code; this module is plain `std::fs` and `rustix` calls on the calling thread.
//!
//! ```text
//! text ──parse──▶ Patch ──plan──▶ Plan { changes } ──commit──▶ Summary
//!        grammar         reads and       shown to        writes, or rolls
//!        only            checks all      the user        everything back
//! ```
//!
//! # Format
//!
//! ```text
//! *** Begin Patch
//! *** Add File: <path>            lines with `+`; no line at all makes an empty file
//! *** Delete File: <path>
//! *** Update File: <path>
//! *** Move to: <path>             optional, directly after `Update File`; may stand without chunks
//! @@ class Shape                  optional headers, each searched below the one before
//! @@     def area(self):
//!  context                        a line of the file
//! -removed                        a line of the file
//! +added
//! *** End of File                 optional: the chunk ends where the file ends
//! *** End Patch
//! ```
//!
//! Accepted beside that: white space around the whole text and around marker lines, CRLF in the patch text (one `\r`
//! a line is dropped), a first chunk without `@@`, an empty line as an empty context line, line ranges after `@@`
//! (`@@ -1,3 +1,4 @@`, ignored), a here-document around the patch (`<<EOF`, `<<'EOF'`, `<<"EOF"`), and the script
//! forms `apply_patch <<'EOF'` and `cd dir && apply_patch <<'EOF'`, where `dir` becomes [`Patch::workdir`] and nothing
//! is expanded.
//!
//! # How the lines of a chunk are found
//!
//! The context and removed lines of a chunk, in order, are its *old lines*. They are searched from the position after
//! the previous chunk (or after the chunk's header), and the first hit counts:
//!
//! 1. exact;
//! 2. ignoring white space at the end of lines;
//! 3. ignoring white space at both ends of lines;
//! 4. as 3, with typography made plain: dashes to `-`, curly quotes to `'` and `"`, exotic spaces to a space.
//!
//! Each way is tried over the rest of the file before the next. With `*** End of File` the end of the file is tried
//! first, in all four ways. Then, in this order: the same from the last changed line of the previous chunk (two chunks
//! that share context) or from the header line itself (a chunk that repeats its header); then again without the empty
//! lines at the end of the old lines (a final newline taken for a line).
//!
//! A header is searched in the same four ways from the end of the previous chunk; then upwards, nearest first, because
//! it may enclose both chunks; then both once more as the beginning of a line (`@@ class Shape` finds
//! `class Shape(Base):`). A chunk with only `+` lines goes directly below its header, or to the end of the file when it
//! has none.
//!
//! # What is kept
//!
//! Bytes outside the removed lines stay as they are, context found by a loose match included: the file's own bytes
//! win. Inserted lines take the file's dominant line ending. A byte order mark stays. The final newline of an updated
//! file stays as it was, present or absent; an empty file that gets lines ends with one; an added file always ends with
//! one. Files that are not UTF-8 can be deleted and moved, not patched; the error names the file.
//!
//! # What is refused
//!
//! Paths are taken relative to [`Scope::workdir`] (then the `cd` of the script form), `..` is resolved by name, and
//! links by the file system: what counts is where a write would really land. That place must be inside a writable
//! root, outside the protected paths and outside every `.git`. A link as last component is written through; `Delete
//! File` removes the link itself. A file is always replaced by renaming a new file over it, so a hard link under
//! another name, perhaps outside the roots, keeps the old contents. Permission bits are kept (not set-uid and set-gid);
//! access control lists and extended attributes are not.
//!
//! Every directory is opened from `/` one component at a time without following links, so a directory swapped for a
//! link between the check and the write makes the write fail. [`Plan::commit`] compares every file with what was
//! planned before it writes. The gap that stays is the instant between that comparison and the rename.
//!
//! # All or nothing
//!
//! [`plan`] checks every operation against the result of the ones before it, in memory. [`Plan::commit`] first writes
//! all new contents to temporary files beside their targets, then renames. When anything fails, everything done is
//! undone, created directories included. A process killed in between leaves each file whole, old or new, and possibly
//! temporary files named `.everturn-patch-*`, which hold the old or the new contents.

mod chunks;
mod commit;
mod diff;
mod disk;
mod draft;
mod envelope;
mod error;
mod near;
mod parse;
mod plan;
mod scope;
mod search;
mod text;

#[cfg(test)]
mod tests;

pub use error::{Difference, Mismatch, NearMatch, PatchError, Problem, Wanted};
pub use parse::{Chunk, ChunkLine, FileOp, Hunk, Patch, parse};
pub use plan::{ChangeKind, FileChange, Plan, Summary, plan};
pub use scope::Scope;
pub use text::Ending;

/// Longest patch text, in bytes.
pub const MAX_PATCH_BYTES: usize = 1024 * 1024;
/// Most file operations in one patch.
pub const MAX_HUNKS: usize = 500;
/// Most chunks in one patch, over all its files.
pub const MAX_CHUNKS: usize = 5_000;
/// Largest file that is read or written, in bytes.
pub const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;
/// Most bytes of all files of one patch together, as read.
pub const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;
/// Longest unified diff shown for one file, in bytes; the rest is cut with a note.
pub const MAX_DIFF_BYTES: usize = 1024 * 1024;
