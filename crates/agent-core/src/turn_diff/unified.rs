//! Unified diffs, read and written: <https://git-scm.com/docs/diff-format>, and for hunks
//! <https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html>.

use super::script::{Edit, Script};
use crate::protocol::FileChangeKind;
use std::{fmt::Write as _, str::SplitInclusive};

/// Follows a line that has no line end.
const NO_LINE_END: &str = "\\ No newline at end of file\n";
/// The header of a hunk, as everything reads it that reads unified diffs.
const HUNK: &str = "@@ -";

/// The names of a file before and after; at least one is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) before: Option<&'a str>,
    pub(super) after: Option<&'a str>,
}

/// The script that the diff of one file tells; none where it tells something else, or not all of it.
pub(super) fn parse(diff: &str, kind: FileChangeKind) -> Option<Script> {
    let headers = diff.split_inclusive('\n').take_while(|line| !line.starts_with(HUNK));
    let mut header_bytes = 0;
    for line in headers {
        let known =
            ["--- ", "+++ ", "rename from ", "rename to ", "diff --git ", "index ", "similarity index "];
        let mode = ["new file mode 100644\n", "deleted file mode 100644\n"].contains(&line);
        if !mode && !known.iter().any(|start| line.starts_with(start)) {
            return None;
        }
        header_bytes += line.len();
    }
    let edits = parse_hunks(&diff[header_bytes..])?;
    let whole = match kind {
        FileChangeKind::Add => edits.iter().all(|edit| matches!(edit, Edit::Insert(_))),
        FileChangeKind::Delete => edits.iter().all(|edit| matches!(edit, Edit::Delete(_))),
        FileChangeKind::Update => true,
    };
    if whole { Script::new(edits) } else { None }
}

/// The edits of some hunks, read strictly: every number has to be right.
pub(super) fn parse_hunks(hunks: &str) -> Option<Vec<Edit>> {
    let mut lines = hunks.split_inclusive('\n');
    let mut edits = Vec::new();
    let (mut old, mut new) = (0, 0);
    while let Some(line) = lines.next() {
        let header = Header::parse(line)?;
        let gap = header.old_line()?.checked_sub(old)?;
        if header.new_line()?.checked_sub(new)? != gap {
            return None;
        }
        if gap > 0 {
            edits.push(Edit::Gap(gap));
        }
        parse_body(&mut lines, &header, &mut edits)?;
        (old, new) = (old + gap + header.old_lines, new + gap + header.new_lines);
    }
    Some(edits)
}

/// The lines of one hunk, as many as its header says.
fn parse_body(lines: &mut SplitInclusive<'_, char>, header: &Header, edits: &mut Vec<Edit>) -> Option<()> {
    let (mut old, mut new) = (header.old_lines, header.new_lines);
    while old > 0 || new > 0 || lines.clone().next() == Some(NO_LINE_END) {
        let line = lines.next()?;
        if line == NO_LINE_END {
            match edits.last_mut()? {
                Edit::Keep(text) | Edit::Delete(text) | Edit::Insert(text) => {
                    text.pop().filter(|end| *end == '\n')?
                }
                Edit::Gap(_) => return None,
            };
            continue;
        }
        let text = line.get(1..).filter(|_| line.ends_with('\n'))?.to_owned();
        match line.as_bytes().first()? {
            b' ' => {
                edits.push(Edit::Keep(text));
                (old, new) = (old.checked_sub(1)?, new.checked_sub(1)?);
            }
            b'-' => {
                edits.push(Edit::Delete(text));
                old = old.checked_sub(1)?;
            }
            b'+' => {
                edits.push(Edit::Insert(text));
                new = new.checked_sub(1)?;
            }
            _ => return None,
        }
    }
    Some(())
}

/// The header of a hunk: where it is in the old and in the new text, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    old_start: usize,
    pub(super) old_lines: usize,
    new_start: usize,
    pub(super) new_lines: usize,
}

impl Header {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (ranges, _) = line.strip_prefix(HUNK)?.split_once(" @@")?;
        let (old, new) = ranges.split_once(" +")?;
        let range = |range: &str| -> Option<(usize, usize)> {
            let (start, lines) = range.split_once(',').unwrap_or((range, "1"));
            Some((start.parse::<u32>().ok()? as usize, lines.parse::<u32>().ok()? as usize))
        };
        let ((old_start, old_lines), (new_start, new_lines)) = (range(old)?, range(new)?);
        Some(Self { old_start, old_lines, new_start, new_lines })
    }

    /// Lines of the old text in front of it. An empty range names the line before it.
    fn old_line(&self) -> Option<usize> {
        if self.old_lines == 0 { Some(self.old_start) } else { self.old_start.checked_sub(1) }
    }

    fn new_line(&self) -> Option<usize> {
        if self.new_lines == 0 { Some(self.new_start) } else { self.new_start.checked_sub(1) }
    }
}

/// The hunks of a script.
pub(super) fn hunks(script: &Script) -> String {
    let mut out = String::new();
    let (mut old, mut new) = (0, 0);
    for hunk in
        script.edits().chunk_by(|one, other| !matches!(one, Edit::Gap(_)) && !matches!(other, Edit::Gap(_)))
    {
        if let [Edit::Gap(lines)] = hunk {
            (old, new) = (old + lines, new + lines);
            continue;
        }
        let old_lines = hunk.iter().filter(|edit| !matches!(edit, Edit::Insert(_))).count();
        let new_lines = hunk.iter().filter(|edit| !matches!(edit, Edit::Delete(_))).count();
        let _ = writeln!(out, "{HUNK}{} +{} @@", range(old, old_lines), range(new, new_lines));
        (old, new) = (old + old_lines, new + new_lines);
        for edit in hunk {
            match edit {
                Edit::Gap(_) => {}
                Edit::Keep(line) => write_line(&mut out, ' ', line),
                Edit::Delete(line) => write_line(&mut out, '-', line),
                Edit::Insert(line) => write_line(&mut out, '+', line),
            }
        }
    }
    out
}

fn range(before: usize, lines: usize) -> String {
    match lines {
        0 => format!("{before},0"),
        1 => (before + 1).to_string(),
        _ => format!("{},{lines}", before + 1),
    }
}

fn write_line(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push('\n');
        out.push_str(NO_LINE_END);
    }
}

/// The diff of a file in git's form.
pub(super) fn write_file(out: &mut String, names: Names<'_>, script: &Script) {
    write_header(out, names);
    match (names.before, names.after) {
        (None, _) => out.push_str("new file mode 100644\n"),
        (_, None) => out.push_str("deleted file mode 100644\n"),
        (Some(before), Some(after)) if before != after => {
            let _ = writeln!(out, "rename from {}\nrename to {}", quoted("", before), quoted("", after));
        }
        _ => {}
    }
    if !script.is_empty() {
        let name = |side, name: Option<&str>| match name {
            None => "/dev/null".into(),
            // As git does it: a tab ends a name with spaces.
            Some(name) if name.contains(' ') && !needs_quotes(name) => format!("{}\t", quoted(side, name)),
            Some(name) => quoted(side, name),
        };
        let _ = writeln!(out, "--- {}\n+++ {}", name("a/", names.before), name("b/", names.after));
        out.push_str(&hunks(script));
    }
}

/// A diff that was not understood, as it came, under the file's name.
pub(super) fn write_text(out: &mut String, names: Names<'_>, text: &str) {
    if !text.starts_with("diff --git ") {
        write_header(out, names);
    }
    out.push_str(text);
    if !text.is_empty() && !text.ends_with('\n') {
        out.push('\n');
    }
}

/// The file's name and what was left out.
pub(super) fn write_cut(out: &mut String, names: Names<'_>, added: u32, removed: u32) {
    write_file(out, names, &Script::default());
    let _ = writeln!(out, "{CUT}{added} added and {removed} removed; the diff of this turn is too long");
}

const CUT: &str = "# lines left out: ";

/// The numbers of a line that [`write_cut`] wrote.
pub(super) fn parse_cut(line: &str) -> Option<(u32, u32)> {
    let (added, rest) = line.strip_prefix(CUT)?.split_once(" added and ")?;
    let (removed, _) = rest.split_once(" removed")?;
    Some((added.parse().ok()?, removed.parse().ok()?))
}

fn write_header(out: &mut String, names: Names<'_>) {
    let before = names.before.or(names.after).unwrap_or_default();
    let after = names.after.unwrap_or(before);
    let _ = writeln!(out, "diff --git {} {}", quoted("a/", before), quoted("b/", after));
}

fn needs_quotes(name: &str) -> bool {
    name.contains(|c: char| c.is_control() || c == '"' || c == '\\')
}

/// A name as git writes it: relative to the root of the diff, in quotes where a line could not hold it otherwise.
fn quoted(side: &str, name: &str) -> String {
    let name = name.trim_start_matches('/');
    if !needs_quotes(name) {
        return format!("{side}{name}");
    }
    let mut out = format!("\"{side}");
    for c in name.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(out, "\\{byte:03o}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name that [`quoted`] or git wrote, without its side.
pub(super) fn unquoted(side: &str, text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        let name = text.split('\t').next().unwrap_or_default();
        return name.strip_prefix(side).unwrap_or(name).to_owned();
    };
    let mut bytes = Vec::new();
    let mut rest = inner.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(first @ b'0'..=b'3') => {
                let digits = [Some(first), rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'0') & 7);
                bytes.push(digits.iter().fold(0, |all, digit| all << 3 | digit));
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    let name = String::from_utf8_lossy(&bytes);
    name.strip_prefix(side).unwrap_or(&name).to_owned()
}
