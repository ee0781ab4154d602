//! How wide the terminal is, and how wide a text is on it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width of what is no terminal, as git takes it.
const NO_TERMINAL_COLUMNS: usize = 80;
/// A terminal that is narrower is written to as if it were so wide.
const MIN_COLUMNS: usize = 20;
const TAB_COLUMNS: usize = 4;

/// How many columns there are to write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// As many as the terminal has when it is asked; it may change.
    OfTerminal,
    #[cfg(test)]
    Exactly(usize),
}

impl Columns {
    pub(super) fn now(self) -> usize {
        match self {
            Self::OfTerminal => {
                let of_error = rustix::termios::tcgetwinsize(std::io::stderr());
                let size = of_error.or_else(|_| rustix::termios::tcgetwinsize(std::io::stdout()));
                let columns = size.map(|size| usize::from(size.ws_col)).ok().filter(|columns| *columns > 0);
                columns.unwrap_or(NO_TERMINAL_COLUMNS).max(MIN_COLUMNS)
            }
            #[cfg(test)]
            Self::Exactly(columns) => columns,
        }
    }
}

/// The columns a line takes.
pub(super) fn width(line: &str) -> usize {
    line.width()
}

/// The line, without its end where it is wider.
pub(super) fn cut_end(line: &str, columns: usize) -> String {
    let line = line.replace('\t', &" ".repeat(TAB_COLUMNS));
    if width(&line) <= columns {
        return line;
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns
    };
    line.chars().take_while(fits).chain(['…']).collect()
}

/// The line, without its beginning where it is wider: of a path the end says most.
pub(super) fn cut_start(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns
    };
    let mut end: Vec<char> = line.chars().rev().take_while(fits).collect();
    end.push('…');
    end.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("日本"), width("e\u{301}"), width("a→b")), (4, 1, 3));
        assert_eq!(cut_end("日本語", 5), "日本…");
        assert_eq!(cut_end("日本語", 6), "日本語");
        assert_eq!(cut_start("src/日本語", 6), "…本語");
        assert_eq!(width(&cut_start("src/日本語", 6)), 5);
        assert_eq!(cut_end("a\tb", 80), "a    b");
    }
}
