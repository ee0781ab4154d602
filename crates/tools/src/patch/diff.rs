//! Unified diffs for people who approve a patch.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use similar::udiff::UnifiedHunkHeader;
use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use super::MAX_DIFF_BYTES;

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;
/// After this the diff stays correct but is no longer the smallest.
const MAX_DIFF_TIME: Duration = Duration::from_millis(500);
const NOWHERE: &str = "/dev/null";

pub(super) fn added(path: &str, new: &[u8]) -> String {
    unified(NOWHERE, &named("b", path), b"", new)
}

pub(super) fn deleted(path: &str, old: &[u8]) -> String {
    unified(&named("a", path), NOWHERE, old, b"")
}

pub(super) fn updated(path: &str, new_path: &str, old: &[u8], new: &[u8]) -> String {
    let body =
        if old == new { String::new() } else { unified(&named("a", path), &named("b", new_path), old, new) };
    if path == new_path { body } else { format!("rename from {path}\nrename to {new_path}\n{body}") }
}

pub(super) fn link_deleted(path: &str, target: &Path) -> String {
    format!("deleted symbolic link {path} -> {}\n", target.display())
}

pub(super) fn link_replaced(path: &str, target: &Path, new: &[u8]) -> String {
    link_deleted(path, target) + &added(path, new)
}

fn named(side: &str, path: &str) -> String {
    format!("{side}/{}", path.trim_start_matches('/'))
}

fn unified(old_name: &str, new_name: &str, old: &[u8], new: &[u8]) -> String {
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        return format!("Binary files {old_name} and {new_name} differ\n");
    };
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let mut out = format!("--- {old_name}\n+++ {new_name}\n");
    for group in group_diff_ops(operations(&old, &new), CONTEXT_LINES) {
        let _ = writeln!(out, "{}", UnifiedHunkHeader::new(&group));
        for change in group.iter().flat_map(|op| op.iter_changes(&old[..], &new[..])) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let line: &str = change.value();
            if out.len() + line.len() > MAX_DIFF_BYTES {
                out.push_str("... the rest of this diff is cut\n");
                return out;
            }
            out.push(sign);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// The difference, with equal lines at both ends set aside first: files are large and patches small.
fn operations(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let deadline = Instant::now() + MAX_DIFF_TIME;
    let middle = capture_diff_slices_deadline(
        Algorithm::Myers,
        &old[head..old_end],
        &new[head..new_end],
        Some(deadline),
    );
    let mut all = Vec::with_capacity(middle.len() + 2);
    if head > 0 {
        all.push(DiffOp::Equal { old_index: 0, new_index: 0, len: head });
    }
    all.extend(middle.into_iter().map(|op| shifted(op, head)));
    if tail > 0 {
        all.push(DiffOp::Equal { old_index: old_end, new_index: new_end, len: tail });
    }
    all
}

fn shifted(op: DiffOp, by: usize) -> DiffOp {
    match op {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + by, new_index: new_index + by, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + by, old_len, new_index: new_index + by }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + by, new_index: new_index + by, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + by, old_len, new_index: new_index + by, new_len }
        }
    }
}
