//! The lines of one file, each with its own ending, and the edits made to them.

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
}

impl Ending {
    /// The bytes of the ending.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Lf => "\n",
            Ending::CrLf => "\r\n",
        }
    }
}

/// A file cut into lines, without copying.
pub(super) struct FileText<'a> {
    mark: &'a str,
    /// Each line with its ending; only the last may have none.
    raw: Vec<&'a str>,
}

/// One step of a patch: at a line, drop lines, put others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit<'p> {
    /// Index of the line of the old file before which this happens.
    pub(super) at: usize,
    pub(super) kind: EditKind<'p>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum EditKind<'p> {
    /// The line at `at` goes.
    Remove,
    /// A line comes before the line at `at`.
    Insert(&'p str),
}

impl<'a> FileText<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let (mark, body) = match source.strip_prefix('\u{feff}') {
            Some(body) => ("\u{feff}", body),
            None => ("", source),
        };
        Self { mark, raw: body.split_inclusive('\n').collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The line at `index` without its ending; empty past the end.
    pub(super) fn line(&self, index: usize) -> &'a str {
        let raw = self.raw.get(index).copied().unwrap_or_default();
        raw.strip_suffix("\r\n").or_else(|| raw.strip_suffix('\n')).unwrap_or(raw)
    }

    /// The ending that most lines have; on a tie the one of the first line.
    fn dominant_ending(&self) -> Ending {
        let crlf = self.raw.iter().filter(|raw| raw.ends_with("\r\n")).count();
        let lf = self.raw.iter().filter(|raw| raw.ends_with('\n')).count() - crlf;
        let first_is_crlf = self.raw.first().is_some_and(|raw| raw.ends_with("\r\n"));
        if crlf > lf || (crlf == lf && first_is_crlf) { Ending::CrLf } else { Ending::Lf }
    }

    fn ends_with_newline(&self) -> bool {
        self.raw.last().is_none_or(|raw| raw.ends_with('\n'))
    }

    /// The file after the edits, which must be in the order of their lines.
    pub(super) fn render(&self, edits: &[Edit<'_>]) -> String {
        let ending = self.dominant_ending().as_str();
        let mut lines = Vec::with_capacity(self.raw.len() + edits.len());
        let mut next = 0;
        for edit in edits {
            while next < edit.at {
                lines.push(self.raw.get(next).copied().unwrap_or_default());
                next += 1;
            }
            match edit.kind {
                EditKind::Remove => next = edit.at + 1,
                EditKind::Insert(line) => {
                    // Only the file's last line may lack its ending; it needs one once a line follows.
                    if lines.last().is_some_and(|last: &&str| !last.ends_with('\n')) {
                        lines.push(ending);
                    }
                    lines.push(line);
                    lines.push(ending);
                }
            }
        }
        lines.extend(self.raw.get(next..).unwrap_or_default());
        let mut out = lines.concat();
        if !self.ends_with_newline() {
            let keep = out.strip_suffix("\r\n").or_else(|| out.strip_suffix('\n')).map(str::len);
            out.truncate(keep.unwrap_or(out.len()));
        }
        out.insert_str(0, self.mark);
        out
    }
}
