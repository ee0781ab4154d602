//! Applying the chunks of one `Update File` to the text of the file.

use super::error::{Mismatch, NearMatch, PatchError, Wanted};
use super::near::nearest;
use super::parse::{Chunk, ChunkLine};
use super::search::{Header, find, find_at_end, find_header};
use super::text::{Edit, EditKind, FileText};

/// Empty lines at the end of the old lines that may turn out not to be in the file.
const MAX_DROPPED_LINES: usize = 4;

/// The text after the chunks. `path` is for messages.
pub(super) fn apply(path: &str, source: &str, chunks: &[Chunk]) -> Result<String, PatchError> {
    let file = FileText::new(source);
    let mut reached = Reached::default();
    let mut edits = Vec::new();
    for chunk in chunks {
        let anchor = anchor(path, &file, chunk, reached)?;
        place(path, &file, chunk, &anchor, &mut reached, &mut edits)?;
    }
    // Lines put at the end of the file by an early chunk come after the edits of a later one.
    edits.sort_by_key(|edit: &Edit<'_>| edit.at);
    Ok(file.render(&edits))
}

/// How far the chunks before have come, as line indexes.
#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    after_chunk: usize,
    /// Below the last line that was removed or added, hence not above `after_chunk`'s trailing context.
    after_change: usize,
}

/// Where a chunk may stand.
struct Anchor {
    /// Line indexes to search from, in this order; never empty.
    starts: [usize; 2],
    /// The line below the innermost header.
    below_header: Option<usize>,
}

fn anchor(path: &str, file: &FileText<'_>, chunk: &Chunk, reached: Reached) -> Result<Anchor, PatchError> {
    let mut anchor = Anchor { starts: [reached.after_chunk, reached.after_change], below_header: None };
    let mut above = Some(reached.after_change);
    for header in &chunk.headers {
        match find_header(file, header, &anchor.starts, above) {
            Some(Header::Below(at)) => {
                // The header line itself is the second choice: a chunk may repeat it as context.
                anchor = Anchor { starts: [at + 1, at], below_header: Some(at + 1) };
                above = None;
            }
            Some(Header::Above(at)) => anchor.below_header = Some(at + 1),
            None => {
                let mismatch = Mismatch {
                    path: path.to_owned(),
                    patch_line: chunk.line,
                    wanted: Wanted::Header(header.clone()),
                    from_line: anchor.starts[0] + 1,
                    near: nearest(file, &[header]),
                };
                return Err(Box::new(mismatch).into());
            }
        }
    }
    Ok(anchor)
}

/// Finds the chunk and records its edits.
fn place<'p>(
    path: &str,
    file: &FileText<'_>,
    chunk: &'p Chunk,
    anchor: &Anchor,
    reached: &mut Reached,
    edits: &mut Vec<Edit<'p>>,
) -> Result<(), PatchError> {
    let candidates = candidates(chunk);
    let not_found = |wanted: Wanted, near: Option<NearMatch>| {
        let from_line = anchor.starts[0] + 1;
        Box::new(Mismatch { path: path.to_owned(), patch_line: chunk.line, wanted, from_line, near }).into()
    };
    let (lines, at) = if chunk.lines.iter().all(|line| matches!(line, ChunkLine::Add(_))) {
        let at = anchor.below_header.filter(|_| !chunk.end_of_file).unwrap_or(file.len());
        if at < reached.after_change {
            let header = chunk.headers.last().cloned().unwrap_or_default();
            let near = NearMatch::Block { line: at, agreeing: 1, of: 1, difference: None };
            return Err(not_found(Wanted::Header(header), Some(near)));
        }
        (chunk.lines.iter().collect(), at)
    } else {
        match locate(file, &candidates, anchor, chunk.end_of_file) {
            Some(found) => found,
            None => {
                let old: Vec<&str> = chunk.lines.iter().filter_map(old_line).collect();
                let near = nearest(file, &old);
                return Err(not_found(
                    Wanted::Lines(old.iter().map(|&line| line.to_owned()).collect()),
                    near,
                ));
            }
        }
    };
    let mut next = at;
    let mut after_change = at;
    for line in &lines {
        match line {
            ChunkLine::Context(_) => next += 1,
            ChunkLine::Remove(_) => {
                edits.push(Edit { at: next, kind: EditKind::Remove });
                next += 1;
                after_change = next;
            }
            ChunkLine::Add(text) => {
                edits.push(Edit { at: next, kind: EditKind::Insert(text) });
                after_change = next;
            }
        }
    }
    // Lines appended to the file say nothing about where the next chunk stands.
    let appended_only = at == file.len() && anchor.below_header != Some(at);
    if !appended_only {
        *reached = Reached { after_chunk: next, after_change };
    }
    Ok(())
}

/// The lines of a chunk as written, then without empty old lines at the end.
fn candidates(chunk: &Chunk) -> Vec<Vec<&ChunkLine>> {
    let mut lines: Vec<&ChunkLine> = chunk.lines.iter().collect();
    let mut all = vec![lines.clone()];
    for _ in 0..MAX_DROPPED_LINES {
        let Some(last) = lines.iter().rposition(|line| old_line(line).is_some()) else { break };
        if old_line(lines[last]) != Some("") {
            break;
        }
        let removed = lines.remove(last);
        // An empty line replaced by an empty line: the same final newline on both sides.
        if matches!(removed, ChunkLine::Remove(_))
            && matches!(lines.last(), Some(ChunkLine::Add(text)) if text.is_empty())
        {
            lines.pop();
        }
        if !lines.iter().any(|line| old_line(line).is_some()) {
            break;
        }
        all.push(lines.clone());
    }
    all
}

fn locate<'p>(
    file: &FileText<'_>,
    candidates: &[Vec<&'p ChunkLine>],
    anchor: &Anchor,
    end_of_file: bool,
) -> Option<(Vec<&'p ChunkLine>, usize)> {
    let [first, second] = anchor.starts;
    let old_lines = |lines: &[&'p ChunkLine]| -> Vec<&'p str> {
        lines.iter().filter_map(|line| old_line(line)).collect()
    };
    if end_of_file {
        let at_end = |lines: &Vec<&'p ChunkLine>| find_at_end(file, &old_lines(lines), first.min(second));
        if let Some(found) = candidates.iter().find_map(|lines| Some((lines.clone(), at_end(lines)?))) {
            return Some(found);
        }
    }
    candidates.iter().find_map(|lines| {
        let old = old_lines(lines);
        let at = anchor.starts.into_iter().find_map(|from| find(file, &old, from))?;
        Some((lines.clone(), at))
    })
}

fn old_line(line: &ChunkLine) -> Option<&str> {
    match line {
        ChunkLine::Context(text) | ChunkLine::Remove(text) => Some(text),
        ChunkLine::Add(_) => None,
    }
}
