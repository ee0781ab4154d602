//! What may stand around a patch: white space, a here-document, the `apply_patch` command line.

use super::error::{PatchError, clipped};

pub(super) const BEGIN: &str = "*** Begin Patch";

/// One line of the patch text.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatchLine<'a> {
    /// 1-based, in the whole text.
    pub(super) number: usize,
    /// Without `\n` and without one `\r` before it.
    pub(super) text: &'a str,
    /// Whether there was such a `\r`.
    pub(super) had_cr: bool,
}

/// A patch taken out of what was around it.
pub(super) struct Envelope<'a> {
    /// From `*** Begin Patch` on, without blank lines at the end.
    pub(super) lines: Vec<PatchLine<'a>>,
    /// The directory of `cd dir && apply_patch`.
    pub(super) workdir: Option<String>,
}

pub(super) fn open(text: &str) -> Result<Envelope<'_>, PatchError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let all = text.split('\n').zip(1..).map(|(raw, number)| {
        let without = raw.strip_suffix('\r');
        PatchLine { number, text: without.unwrap_or(raw), had_cr: without.is_some() }
    });
    let mut lines = without_blank_ends(all.collect());
    let Some(first) = lines.first().copied() else {
        return Err(syntax(1, "an empty text", &format!("`{BEGIN}`")));
    };
    if first.text.trim() == BEGIN {
        return Ok(Envelope { lines, workdir: None });
    }
    let Some(head) = Head::read(first)? else {
        let expected = format!("`{BEGIN}`, or `apply_patch <<'EOF'` alone or after `cd <dir> && `");
        return Err(syntax(first.number, &quoted(first.text), &expected));
    };
    lines.remove(0);
    if head.strips_tabs {
        for line in &mut lines {
            line.text = line.text.trim_start_matches('\t');
        }
    }
    if let Some(end) = lines.iter().position(|line| line.text.trim_end() == head.delimiter) {
        if let Some(more) = lines[end + 1..].iter().find(|line| !line.text.trim().is_empty()) {
            return Err(syntax(
                more.number,
                &quoted(more.text),
                "nothing after the end of the here-document",
            ));
        }
        lines.truncate(end);
    }
    let lines = without_blank_ends(lines);
    match lines.first() {
        Some(line) if line.text.trim() == BEGIN => Ok(Envelope { lines, workdir: head.workdir }),
        Some(line) => Err(syntax(line.number, &quoted(line.text), &format!("`{BEGIN}`"))),
        None => Err(syntax(first.number + 1, "an empty here-document", &format!("`{BEGIN}`"))),
    }
}

fn without_blank_ends(mut lines: Vec<PatchLine<'_>>) -> Vec<PatchLine<'_>> {
    let blank = |line: &PatchLine<'_>| line.text.trim().is_empty();
    let end = lines.iter().rposition(|line| !blank(line)).map_or(0, |last| last + 1);
    lines.truncate(end);
    let start = lines.iter().position(|line| !blank(line)).unwrap_or(0);
    lines.drain(..start);
    lines
}

/// The line that opens a here-document.
struct Head {
    workdir: Option<String>,
    delimiter: String,
    /// `<<-`
    strips_tabs: bool,
}

impl Head {
    /// `[cd DIR &&] [apply_patch] <<[-]DELIMITER`; `None` when the line is something else.
    fn read(line: PatchLine<'_>) -> Result<Option<Self>, PatchError> {
        let Some(words) = shlex::split(line.text.trim()) else { return Ok(None) };
        let mut words: &[String] = &words;
        let mut workdir = None;
        if let [cd, dir, and, rest @ ..] = words
            && cd == "cd"
            && and == "&&"
        {
            if dir.is_empty() || dir.starts_with('~') || dir.contains(['$', '`', '*', '?', '\0']) {
                return Err(syntax(
                    line.number,
                    &quoted(dir),
                    "a plain directory after `cd`: nothing is expanded here",
                ));
            }
            workdir = Some(dir.clone());
            words = rest;
        }
        match words.split_first() {
            Some((command, rest)) if command == "apply_patch" || command == "applypatch" => words = rest,
            _ if workdir.is_some() => return Ok(None),
            _ => {}
        }
        let Some((redirect, rest)) = words.split_first() else { return Ok(None) };
        let Some(glued) = redirect.strip_prefix("<<") else { return Ok(None) };
        let (strips_tabs, glued) = match glued.strip_prefix('-') {
            Some(glued) => (true, glued),
            None => (false, glued),
        };
        let delimiter = match (glued, rest) {
            ("", [word]) => word.as_str(),
            (word, []) => word,
            _ => return Ok(None),
        };
        if delimiter.is_empty() || delimiter.starts_with(['<', '&', '>']) {
            return Ok(None);
        }
        Ok(Some(Head { workdir, delimiter: delimiter.to_owned(), strips_tabs }))
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", clipped(text))
}

pub(super) fn syntax(line: usize, found: &str, expected: &str) -> PatchError {
    PatchError::Syntax { line, found: found.to_owned(), expected: expected.to_owned() }
}
