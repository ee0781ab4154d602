//! What a shell line would run: its simple commands, found through everything that holds commands.
//!
//! [`read_argv`] is for a program and its arguments, [`read_line`] for a line. Both follow shells within shells, `env`, `xargs`,
//! `find -exec`, substitutions, pipes into a shell and the rest of `wrappers`, up to a depth. Reading is best effort and says
//! where it ended: a script that is [`Script::opaque`] may do more than its commands tell. So the commands found here may only be
//! used to warn and to refuse. What is to be let through must also be [`plain`], which is a second, much smaller reader.

mod feed;
mod plain;
mod tree;
mod word;
mod wrappers;

pub(crate) use plain::{Arg, Plain, plain};
pub(crate) use word::{Form, Word};

use std::ops::Range;

/// How deep commands within commands are read.
const MAX_DEPTH: usize = 8;
/// How many simple commands are read.
const MAX_COMMANDS: usize = 1_024;
/// How long a line may be, in bytes, with all lines within it.
const MAX_LINE_BYTES: usize = 128 * 1024;

/// What was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// In the order of their beginnings, each before those inside of it.
    pub(crate) commands: Vec<Simple>,
    /// Files and devices that are opened for a command.
    pub(crate) redirects: Vec<Redirect>,
    /// Functions that start themselves again side by side.
    pub(crate) bombs: Vec<String>,
    /// Why it may do more than its commands tell. The first reason that was found.
    pub(crate) opaque: Option<String>,
}

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Simple {
    /// The program first.
    pub(crate) words: Vec<Word>,
    /// The variables that are set for it, or by it where it has no words.
    pub(crate) sets: Vec<String>,
    /// Where its standard input comes from.
    pub(crate) feed: Feed,
    /// Where it was found inside of another command.
    pub(crate) inside: Option<Inside>,
}

impl Simple {
    /// The text of the program, without its folder.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
    }

    /// The texts of the arguments.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(|word| word.text.as_str()).collect()
    }
}

/// Where in another command a command was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Which command.
    pub(crate) command: usize,
    /// Its word that begins the inner one, or holds it.
    pub(crate) word: usize,
    /// How it is held.
    pub(crate) held: Held,
}

/// How a command holds another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// As its further words.
    Words,
    /// In one word, as a line.
    Line,
    /// On its standard input.
    Input,
    /// In a substitution.
    Substitution,
}

/// Where the standard input of a command comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Feed {
    /// From outside.
    #[default]
    Outside,
    /// A text: a here-document or a here-string.
    Text(Word),
    /// The output of these commands.
    Pipe(Range<usize>),
}

/// A redirection to or from a file.
#[derive(Clone, Debug)]
pub(crate) struct Redirect {
    /// `<`, `>`, `>>` and so on.
    pub(crate) operator: String,
    /// The file, or the number of a descriptor.
    pub(crate) target: Word,
}

/// Reads a program and its arguments.
pub(crate) fn read_argv(argv: &[String]) -> Script {
    let mut reader = Reader::default();
    let words = argv.iter().map(|text| Word::literal(text)).collect();
    reader.command(words, Vec::new());
    reader.script
}

/// Reads a line for bash.
#[cfg(test)]
pub(crate) fn read_line(line: &str) -> Script {
    let mut reader = Reader::default();
    reader.line(line);
    reader.script
}

/// Reads with what it has read and where it is.
#[derive(Default)]
struct Reader {
    script: Script,
    depth: usize,
    /// Bytes of lines so far.
    bytes: usize,
    feed: Feed,
    inside: Option<Inside>,
}

impl Reader {
    /// There is something here that cannot be followed.
    fn opaque(&mut self, why: impl Into<String>) {
        if self.script.opaque.is_none() {
            self.script.opaque = Some(why.into());
        }
    }

    /// A simple command, and what is inside of it.
    fn command(&mut self, words: Vec<Word>, sets: Vec<String>) {
        if self.script.commands.len() >= MAX_COMMANDS {
            self.opaque(format!("it has more than {MAX_COMMANDS} commands"));
            return;
        }
        if let Some(program) = words.first()
            && program.form != Form::Literal
        {
            self.opaque(format!("the program `{}` is only known when it runs", shown(&program.text)));
        }
        let command = Simple { words, sets, feed: self.feed.clone(), inside: self.inside };
        self.script.commands.push(command);
        wrappers::look_inside(self, self.script.commands.len() - 1);
    }

    /// Reads what a command holds.
    fn within(&mut self, inside: Inside, feed: Feed, read: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            self.opaque(format!("commands are within commands more than {MAX_DEPTH} deep"));
            return;
        }
        let outer = (self.inside.replace(inside), std::mem::replace(&mut self.feed, feed));
        self.depth += 1;
        read(self);
        self.depth -= 1;
        (self.inside, self.feed) = outer;
    }

    /// A line of a shell.
    fn line(&mut self, line: &str) {
        self.bytes += line.len();
        if self.bytes > MAX_LINE_BYTES {
            self.opaque(format!("it is longer than {MAX_LINE_BYTES} bytes"));
            return;
        }
        tree::read(self, line);
    }
}

/// A text in a message, cut where long.
fn shown(text: &str) -> String {
    const SHOWN_CHARS: usize = 60;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
