//! The server's log: a bounded file, and its last lines for messages.

use super::DevServerError;
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A log that has grown larger is emptied by the next who joins; the server appends, so it goes on from the start.
const LOG_BYTES: u64 = 8 * 1024 * 1024;
/// How much of the beginning is read for what a server says at its start. Complaints may stand before and after it.
const HEAD_BYTES: u64 = 256 * 1024;
/// How much of the end is read for messages.
const TAIL_BYTES: u64 = 8 * 1024;
/// How many of its last lines a message shows.
const TAIL_LINES: usize = 8;
/// A longer line is cut in a message.
const LINE_CHARS: usize = 300;

/// Opens the log for a new server. The log of the one before is kept beside it, for it may say why that one died.
pub(super) fn fresh(path: &Path) -> Result<File, DevServerError> {
    if std::fs::metadata(path).is_ok_and(|found| found.len() > 0) {
        std::fs::rename(path, before(path)).map_err(DevServerError::files(path))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(DevServerError::files(path))
}

/// Empties a log that has grown too large. That it cannot be emptied keeps nobody from working.
pub(super) fn bound(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|found| found.len() > LOG_BYTES)
        && let Ok(file) = OpenOptions::new().write(true).open(path)
    {
        let _ = file.set_len(0);
    }
}

/// The last lines; nothing where there is no log.
pub(super) fn last_lines(path: &Path) -> String {
    let text = tail(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default();
    last.iter().map(|line| shortened(line)).collect::<Vec<_>>().join("\n")
}

/// Whether these words are in the beginning of the log.
pub(super) fn says(path: &Path, words: &str) -> bool {
    let mut bytes = Vec::new();
    let head = File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut bytes));
    head.is_ok() && String::from_utf8_lossy(&bytes).contains(words)
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{} …", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".old");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_new_log_keeps_the_one_before_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        for words in ["first\n", "second\n", "third\n"] {
            write!(fresh(&path).unwrap(), "{words}").unwrap();
        }
        assert_eq!(last_lines(&path), "third");
        assert_eq!(last_lines(&before(&path)), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_log_that_has_grown_too_large_is_emptied_and_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut file = fresh(&path).unwrap();
        file.set_len(LOG_BYTES).unwrap();
        bound(&path);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), LOG_BYTES);
        file.set_len(LOG_BYTES + 1).unwrap();
        bound(&path);
        writeln!(file, "on").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "on\n");
    }

    #[test]
    fn what_was_said_at_the_start_is_found_among_many_complaints() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        assert!(!says(&path, "Server:"));
        let mut file = fresh(&path).unwrap();
        write!(file, "{}Temporal Server: here\n{}", "no\n".repeat(5_000), "no\n".repeat(5_000)).unwrap();
        assert!(says(&path, "Temporal Server:") && !says(&path, "yes"));
    }

    #[test]
    fn a_message_shows_a_few_lines_each_of_bounded_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let mut file = fresh(&path).unwrap();
        for n in 0..100 {
            writeln!(file, "{n} {}", "ä".repeat(400)).unwrap();
        }
        let shown = last_lines(&path);
        assert_eq!(shown.lines().count(), TAIL_LINES);
        assert!(shown.lines().all(|line| line.chars().count() == LINE_CHARS + 2), "{shown}");
        assert!(shown.lines().last().unwrap().starts_with("99 ä"), "{shown}");
    }
}
