//! The second reader: lines in which the shell finds nothing to do but split them.
//!
//! What is let through without a question must be understood by this reader too, and both must see the same commands. It knows
//! words, quotes, `|`, `&&`, `||`, `;`, line ends, a few redirections that write nothing, and patterns that cannot become
//! options. All else, also what is harmless, it does not read.

/// A simple command of a plain line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// The program and its arguments, at least one.
    pub(crate) words: Vec<Arg>,
}

impl Plain {
    /// A list of arguments, which no shell sees.
    pub(crate) fn of(argv: &[String]) -> Self {
        Self { words: argv.iter().map(|text| Arg::Text(text.clone())).collect() }
    }
}

/// A word of a plain command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// Exactly this.
    Text(String),
    /// A pattern that becomes names of files, each with the pattern's first letter, which is not a dash.
    Pattern(String),
}

impl Arg {
    /// Its text, where it is exactly that.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Pattern(_) => None,
        }
    }
}

/// How long a plain line may be, in bytes.
const MAX_PLAIN_BYTES: usize = 8 * 1024;
/// What stands for itself outside of quotes.
const BARE: &str = "_-./,:+@=^%";

/// Reads a line, if it is plain.
pub(crate) fn plain(line: &str) -> Option<Vec<Plain>> {
    if line.len() > MAX_PLAIN_BYTES {
        return None;
    }
    let mut reader = Reader { rest: line, commands: Vec::new(), words: Vec::new() };
    while reader.next()? {}
    (!reader.commands.is_empty()).then_some(reader.commands)
}

struct Reader<'l> {
    rest: &'l str,
    commands: Vec<Plain>,
    words: Vec<Arg>,
}

impl Reader<'_> {
    /// Reads one thing. False at the end.
    fn next(&mut self) -> Option<bool> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let Some(first) = self.rest.chars().next() else {
            return self.end_at_last().map(|()| false);
        };
        match first {
            '\n' | ';' => self.end(1, first == '\n')?,
            '|' => {
                let length = if self.rest.starts_with("||") { 2 } else { 1 };
                self.end(length, false)?;
                self.more()?;
            }
            '&' if self.rest.starts_with("&&") => {
                self.end(2, false)?;
                self.more()?;
            }
            _ => {
                if !self.redirect()? {
                    self.word()?;
                }
            }
        }
        Some(true)
    }

    /// The command ends here; an empty line is none.
    fn end(&mut self, length: usize, is_line_end: bool) -> Option<()> {
        self.rest = &self.rest[length..];
        if self.words.is_empty() {
            return is_line_end.then_some(());
        }
        self.commands.push(Plain { words: std::mem::take(&mut self.words) });
        Some(())
    }

    fn end_at_last(&mut self) -> Option<()> {
        if !self.words.is_empty() {
            self.commands.push(Plain { words: std::mem::take(&mut self.words) });
        }
        Some(())
    }

    /// Behind an operator there is a command.
    fn more(&self) -> Option<()> {
        let next = self.rest.trim_start_matches([' ', '\t', '\n']).chars().next()?;
        (!matches!(next, '|' | '&' | ';')).then_some(())
    }

    /// A redirection that writes nothing.
    fn redirect(&mut self) -> Option<bool> {
        const NOTHING: [&str; 8] = [
            "2>&1",
            "1>&2",
            "&>/dev/null",
            "2>/dev/null",
            "1>/dev/null",
            "2>>/dev/null",
            ">/dev/null",
            "</dev/null",
        ];
        const SPACED: [&str; 4] = ["2> /dev/null", "&> /dev/null", "> /dev/null", "< /dev/null"];
        let known = NOTHING.iter().chain(&SPACED).find(|redirect| self.rest.starts_with(**redirect));
        if let Some(known) = known {
            let rest = &self.rest[known.len()..];
            // `>/dev/nullx` is another file, and `2>&10` another descriptor.
            let ends = rest.chars().next().is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | ';' | '|' | '&'));
            if !ends || self.words.is_empty() {
                return None;
            }
            self.rest = rest;
            return Some(true);
        }
        let digits = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.starts_with(['<', '>']) || self.rest.starts_with('&') { None } else { Some(false) }
    }

    fn word(&mut self) -> Option<()> {
        let mut text = String::new();
        let mut is_pattern = false;
        let mut chars = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                ' ' | '\t' | '\n' | ';' | '|' | '&' => {
                    end = at;
                    break;
                }
                '\'' => loop {
                    match chars.next()?.1 {
                        '\'' => break,
                        c if is_quotable(c) => text.push(c),
                        _ => return None,
                    }
                },
                '"' => loop {
                    match chars.next()?.1 {
                        '"' => break,
                        '$' | '`' => return None,
                        '\\' => match chars.next()?.1 {
                            c @ ('$' | '`' | '"' | '\\') => text.push(c),
                            c if c.is_ascii_graphic() => text.extend(['\\', c]),
                            _ => return None,
                        },
                        c if is_quotable(c) => text.push(c),
                        _ => return None,
                    }
                },
                // `\(` and the like; `\r` would be a way to hide a name.
                '\\' => match chars.next()?.1 {
                    c if c.is_ascii_punctuation() => text.push(c),
                    _ => return None,
                },
                '*' | '?' if starts_as_a_name(&text) => {
                    is_pattern = true;
                    text.push(c);
                }
                // Not at the start, where it is a home.
                '~' if text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '^') => text.push(c),
                c if c.is_ascii_alphanumeric() || BARE.contains(c) => text.push(c),
                _ => return None,
            }
        }
        self.rest = &self.rest[end..];
        let is_program = self.words.is_empty();
        if is_program && (is_pattern || text.is_empty() || text.contains(['=', ' ', '\n', '\t'])) {
            return None;
        }
        self.words.push(if is_pattern { Arg::Pattern(text) } else { Arg::Text(text) });
        Some(())
    }
}

/// Whether what a pattern becomes cannot look like an option.
fn starts_as_a_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/'))
}

fn is_quotable(c: char) -> bool {
    matches!(c, '\n' | '\t') || !c.is_control() && (c.is_ascii() || !c.is_whitespace() && c != '\u{feff}')
}
