//! Where output goes: results to standard output, everything about them to standard error.

use crate::{
    exit::{Exit, Failure},
    view::Style,
};
use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    sync::OnceLock,
};

/// Why a result could not be written, the first time that happened.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes a line to standard output.
pub(crate) fn result(text: &str) {
    let mut out = anstream::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    keep_error(written);
}

/// Standard output for whoever writes more than lines. A reader that went away ends nothing; anything else that keeps the
/// output from arriving makes the command fail in the end.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        keep_error(std::io::stdout().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        keep_error(std::io::stdout().flush());
        Ok(())
    }
}

fn keep_error(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| format!("standard output could not be written: {error}"));
    }
}

/// Writes a file that the user asked for. That it could not be written makes the command fail in the end.
pub(crate) fn write_file(path: &Path, text: &str) {
    if let Err(error) = std::fs::write(path, text) {
        LOST.get_or_init(|| format!("{} could not be written: {error}", path.display()));
    }
}

/// Writes a line to standard error.
pub(crate) fn remark(text: &str) {
    let mut out = anstream::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Writes a line to standard error about something that is not as it should be; the command goes on.
pub(crate) fn warn(text: &str) {
    let style = style_of(&anstream::stderr());
    remark(&format!("{} {text}", style.yellow("warning:")));
}

/// Turns what a command came to into the process's exit code, and says why it failed.
pub(crate) fn report(result: Result<Exit, Failure>) -> ExitCode {
    let result = match (result, LOST.get()) {
        (Ok(Exit::Done), Some(why)) => Err(Failure::new(Exit::Failed, why)),
        (result, _) => result,
    };
    match result {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            let style = style_of(&anstream::stderr());
            remark(&format!("{} {message}", style.red("error:")));
            exit.into()
        }
    }
}

/// Whether a stream is written to in colour: it is a terminal, and `NO_COLOR` and the like do not forbid it.
pub(crate) fn style_of<S: anstream::stream::RawStream>(stream: &anstream::AutoStream<S>) -> Style {
    match stream.current_choice() {
        anstream::ColorChoice::Never => Style::Plain,
        anstream::ColorChoice::Auto | anstream::ColorChoice::AlwaysAnsi | anstream::ColorChoice::Always => {
            Style::Colour
        }
    }
}

/// Whether somebody sits there.
pub(crate) fn on_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Logs to standard error what the key `log` asks for. Only the first call counts.
pub(crate) fn log(filter: Option<&str>) {
    if let Some(filter) = filter {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init();
    }
}
