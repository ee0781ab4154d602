//! [`PromptHistory`]: what users have said, remembered across threads in `history.jsonl` of the data folder.
//!
//! One entry a line, the oldest first. Several processes write at the same time, so whoever does holds a lock. A log is known
//! by the number of its file: it changes when the oldest entries are dropped, and with it every address into the log.

use crate::{HistoryPersistence, HistorySettings, trust::hold};
use agent_core::HistoryEntry;
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const NAME: &str = "history.jsonl";
/// Held while the file is changed. It stays: a lock on a file that is removed locks nothing.
const LOCK: &str = "history.jsonl.lock";
const NEW: &str = "history.jsonl.new";
/// What its owner may do, and nobody else.
const MODE: u32 = 0o600;
/// The longest prompt that is remembered, in bytes.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The longest line that is read, in bytes: a text whose every byte is written as six.
const MAX_LINE_BYTES: u64 = 2 * 1024 * 1024;
/// What is left when the log is cut, in hundredths of its bound. Cutting at every prompt would write it all each time.
const KEPT_PERCENT: u64 = 80;

/// The prompts of a data folder.
#[derive(Clone, Debug)]
pub struct PromptHistory {
    home: PathBuf,
    settings: HistorySettings,
}

/// A log as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryMeta {
    /// Its number; 0 where there is none.
    pub log_id: u64,
    /// How many entries it has.
    pub entries: u64,
    /// How many of its lines are broken. They do not count, and stay.
    pub broken: u64,
}

/// Why a prompt was not remembered, or cannot be looked up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// It is longer than anybody types.
    #[error("a prompt of {bytes} bytes is not remembered; {limit} are the most")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// The file cannot be used.
    #[error("{} cannot be used: {source}; history.persistence = \"none\" does without it", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl PromptHistory {
    /// The prompts in a data folder.
    pub fn new(home: &Path, settings: HistorySettings) -> Self {
        Self { home: home.to_owned(), settings }
    }

    /// Remembers a prompt. Secrets have to be out of it already. Where nothing is remembered this does nothing.
    ///
    /// # Errors
    /// Where the prompt is too long, or the file cannot be written.
    pub fn add(&self, entry: &HistoryEntry) -> Result<HistoryMeta, HistoryError> {
        if self.is_off() {
            return Ok(HistoryMeta::default());
        }
        if entry.text.len() > MAX_TEXT_BYTES {
            return Err(HistoryError::TooLong { bytes: entry.text.len(), limit: MAX_TEXT_BYTES });
        }
        self.append(entry).map_err(|source| self.unusable(source))?;
        self.meta()
    }

    /// The log as it stands.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn meta(&self) -> Result<HistoryMeta, HistoryError> {
        self.scan(None).map(|(meta, _)| meta)
    }

    /// An entry, from 0; `None` where there is none, or the log is another one by now.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn entry(&self, log_id: u64, offset: u64) -> Result<Option<HistoryEntry>, HistoryError> {
        let (meta, entry) = self.scan(Some(offset))?;
        Ok(entry.filter(|_| meta.log_id == log_id))
    }

    fn is_off(&self) -> bool {
        self.settings.persistence == HistoryPersistence::None
    }

    fn path(&self) -> PathBuf {
        self.home.join(NAME)
    }

    fn unusable(&self, source: io::Error) -> HistoryError {
        HistoryError::Unusable { path: self.path(), source }
    }

    fn append(&self, entry: &HistoryEntry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let lock = private().write(true).create(true).truncate(false).open(self.home.join(LOCK))?;
        hold(&lock)?;
        let mut file = private().read(true).append(true).create(true).open(self.path())?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        let size = file.seek(SeekFrom::End(0))?;
        // A writer that died in the middle of a line has lost that one; the next one must not go with it.
        if size > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                line.insert(0, b'\n');
            }
        }
        file.write_all(&line)?;
        let size = size + line.len() as u64;
        if size > self.settings.max_bytes { self.trim(&mut file, size) } else { Ok(()) }
    }

    /// Writes the newest lines to another file, which takes the place of this one.
    fn trim(&self, file: &mut File, size: u64) -> io::Result<()> {
        let room = self.settings.max_bytes.saturating_mul(KEPT_PERCENT) / 100;
        file.rewind()?;
        let mut left = size;
        let mut lines = BufReader::new(file);
        let mut skipped = Vec::new();
        // At least the newest line stays, whatever it takes.
        while left > room {
            skipped.clear();
            let read = lines.read_until(b'\n', &mut skipped)? as u64;
            if read == 0 || read == left {
                break;
            }
            left -= read;
        }
        let path = self.home.join(NEW);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = private().write(true).create_new(true).open(&path)?;
        if left <= room || skipped.is_empty() {
            io::copy(&mut lines, &mut new)?;
        } else {
            new.write_all(&skipped)?;
        }
        new.sync_all()?;
        fs::rename(&path, self.path())
    }

    /// Reads the log once: how it stands, and the entry that is asked for. Nobody is waited for, since lines are only added
    /// at its end, and a log that is cut is another file.
    fn scan(&self, wanted: Option<u64>) -> Result<(HistoryMeta, Option<HistoryEntry>), HistoryError> {
        let mut meta = HistoryMeta::default();
        let mut found = None;
        if self.is_off() {
            return Ok((meta, found));
        }
        let file = match File::open(self.path()) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((meta, found)),
            Err(error) => return Err(self.unusable(error)),
        };
        meta.log_id = file.metadata().map_err(|source| self.unusable(source))?.ino();
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            if read.map_err(|source| self.unusable(source))? == 0 {
                return Ok((meta, found));
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice::<HistoryEntry>(&line) {
                Ok(entry) => {
                    if wanted == Some(meta.entries) {
                        found = Some(entry);
                    }
                    meta.entries += 1;
                }
                Err(_) => meta.broken += 1,
            }
        }
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(MODE);
    options
}
