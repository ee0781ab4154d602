//! A shell that reads its commands from its standard input.

use super::{Feed, Form, Held, Inside, Reader, Word};

/// What a shell without a script reads.
pub(super) fn read(reader: &mut Reader, command: usize) {
    let inside = Inside { command, word: 0, held: Held::Input };
    let feed = reader.script.commands[command].feed.clone();
    match text_of(reader, &feed) {
        Source::Outside => {}
        Source::Text(word) => {
            if word.form != Form::Literal {
                reader.opaque("a shell reads commands that are only known when it runs");
            }
            reader.within(inside, Feed::Outside, |reader| reader.line(&word.text));
        }
        Source::Hidden => reader.opaque("a shell reads commands from the output of another command"),
    }
}

enum Source {
    /// Nothing inside of the line.
    Outside,
    Text(Word),
    /// Something that only running it tells.
    Hidden,
}

/// What comes through a pipe, where it is plain to see.
fn text_of(reader: &Reader, feed: &Feed) -> Source {
    let range = match feed {
        Feed::Outside => return Source::Outside,
        Feed::Text(word) => return Source::Text(word.clone()),
        Feed::Pipe(range) => range.clone(),
    };
    let mut source = Source::Hidden;
    for command in reader.script.commands.get(range).unwrap_or_default() {
        if matches!(source, Source::Text(_)) {
            // Several commands write into the pipe.
            return Source::Hidden;
        }
        source = match command.name() {
            "echo" | "printf" => {
                let texts = command.arguments().into_iter().filter(|text| !is_echo_option(text));
                let text = texts.collect::<Vec<_>>().join(" ").replace("\\n", "\n");
                let known = command.words.iter().all(|word| word.form == Form::Literal);
                Source::Text(Word { text, form: if known { Form::Literal } else { Form::Unknown } })
            }
            "cat" | "tee" if command.words.len() == 1 => text_of(reader, &command.feed),
            _ => Source::Hidden,
        };
    }
    source
}

fn is_echo_option(text: &str) -> bool {
    matches!(text, "-n" | "-e" | "-ne" | "-en")
}
