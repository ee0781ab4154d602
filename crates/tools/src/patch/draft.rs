//! The files of a patch in memory: as they are on disk, and as they are after the operations taken so far.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Stat;

use super::chunks;
use super::disk::{Dir, Found, split};
use super::error::{PatchError, Problem};
use super::parse::{Chunk, FileOp, Hunk};
use super::scope::{Place, Resolver};
use super::text::Ending;
use super::{MAX_FILE_BYTES, MAX_TOTAL_BYTES};

/// Every file the patch names, in the order of first mention.
pub(super) struct Draft {
    resolver: Resolver,
    pub(super) entries: Vec<Entry>,
    total_bytes: usize,
}

/// One real path.
pub(super) struct Entry {
    /// 1-based patch line of the first mention.
    pub(super) line: usize,
    pub(super) shown: String,
    pub(super) real: PathBuf,
    pub(super) before: Before,
    pub(super) now: Now,
}

/// What is on disk.
#[derive(Debug, Clone)]
pub(super) enum Before {
    Absent,
    File { bytes: Arc<Vec<u8>>, stat: Stat },
    Link { target: PathBuf },
}

/// What the patch has made of it.
pub(super) enum Now {
    Untouched,
    Absent,
    Written {
        bytes: Arc<Vec<u8>>,
        /// The entry whose file on disk this came from, by updates and moves; `None` for an added file.
        origin: Option<usize>,
    },
}

/// Whether a link as last component is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastLink {
    Follow,
    Keep,
}

impl Entry {
    /// The contents at this point of the patch.
    pub(super) fn bytes(&self) -> Option<&Arc<Vec<u8>>> {
        match (&self.now, &self.before) {
            (Now::Written { bytes, .. }, _) | (Now::Untouched, Before::File { bytes, .. }) => Some(bytes),
            (Now::Absent, _) | (Now::Untouched, Before::Absent | Before::Link { .. }) => None,
        }
    }

    pub(super) fn exists(&self) -> bool {
        match (&self.now, &self.before) {
            (Now::Written { .. }, _) | (Now::Untouched, Before::File { .. } | Before::Link { .. }) => true,
            (Now::Absent, _) | (Now::Untouched, Before::Absent) => false,
        }
    }

    /// The entry whose file on disk the contents came from.
    pub(super) fn origin(&self) -> Option<usize> {
        match self.now {
            Now::Written { origin, .. } => origin,
            Now::Untouched | Now::Absent => None,
        }
    }
}

impl Draft {
    pub(super) fn new(resolver: Resolver) -> Self {
        Self { resolver, entries: Vec::new(), total_bytes: 0 }
    }

    /// Carries out one operation in memory.
    pub(super) fn take(&mut self, hunk: &Hunk) -> Result<(), PatchError> {
        let place = Place { line: hunk.line, path: &hunk.path };
        match &hunk.op {
            FileOp::Add { lines, ending } => self.add(place, lines, *ending),
            FileOp::Delete => {
                let (key, _) = self.locate(place, LastLink::Keep)?;
                if !self.entries[key].exists() {
                    return Err(place.refuse(Problem::Missing));
                }
                self.entries[key].now = Now::Absent;
                Ok(())
            }
            FileOp::Update { move_to, chunks } => self.update(place, move_to.as_deref(), chunks),
        }
    }

    /// Refuses a patch whose result no disk can hold: a file under a file.
    pub(super) fn check_nesting(&self) -> Result<(), PatchError> {
        for entry in self.entries.iter().filter(|entry| entry.exists()) {
            let file_above =
                |dir: &Path| self.entries.iter().any(|other| other.exists() && other.real == dir);
            if entry.real.ancestors().skip(1).any(file_above) {
                let place = Place { line: entry.line, path: &entry.shown };
                return Err(place.refuse(Problem::FileAndDirectory));
            }
        }
        Ok(())
    }

    fn add(&mut self, place: Place<'_>, lines: &[String], ending: Ending) -> Result<(), PatchError> {
        let (key, _) = self.locate(place, LastLink::Follow)?;
        let text: String = lines.iter().flat_map(|line| [line, ending.as_str()]).collect();
        let entry = &mut self.entries[key];
        match entry.bytes() {
            Some(bytes) if bytes.as_slice() == text.as_bytes() => Ok(()),
            Some(_) => Err(place.refuse(Problem::Exists)),
            None if entry.exists() => Err(place.refuse(Problem::Exists)),
            None => {
                entry.now = Now::Written { bytes: Arc::new(text.into_bytes()), origin: None };
                Ok(())
            }
        }
    }

    fn update(
        &mut self,
        place: Place<'_>,
        move_to: Option<&str>,
        chunks: &[Chunk],
    ) -> Result<(), PatchError> {
        let (key, through_link) = self.locate(place, LastLink::Follow)?;
        let entry = &self.entries[key];
        let Some(bytes) = entry.bytes().cloned() else { return Err(place.refuse(Problem::Missing)) };
        let origin = match entry.now {
            Now::Written { origin, .. } => origin,
            Now::Untouched | Now::Absent => Some(key),
        };
        let after = if chunks.is_empty() {
            bytes
        } else {
            self.refuse_read_only(place, key)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| place.refuse(Problem::NotUtf8))?;
            let text = chunks::apply(place.path, text, chunks)?;
            check_size(place, text.len())?;
            Arc::new(text.into_bytes())
        };
        let written = Now::Written { bytes: after, origin };
        let Some(move_to) = move_to else {
            self.entries[key].now = written;
            return Ok(());
        };
        let target = Place { line: place.line, path: move_to };
        let (target_key, _) = self.locate(target, LastLink::Follow)?;
        if target_key == key {
            self.entries[key].now = written;
            return Ok(());
        }
        if through_link {
            return Err(place.refuse(Problem::MovesLink));
        }
        if self.entries[target_key].exists() {
            return Err(target.refuse(Problem::MoveTargetExists));
        }
        self.entries[key].now = Now::Absent;
        self.entries[target_key].now = written;
        Ok(())
    }

    fn refuse_read_only(&self, place: Place<'_>, key: usize) -> Result<(), PatchError> {
        let entry = &self.entries[key];
        let (Now::Untouched, Before::File { .. }) = (&entry.now, &entry.before) else { return Ok(()) };
        let open = |real| split(real).and_then(|(parent, name)| Ok((Dir::open(parent)?, name)));
        let (dir, name) = open(&entry.real).map_err(|e| place.io("open its directory", e))?;
        if dir.is_writable(name) { Ok(()) } else { Err(place.refuse(Problem::ReadOnly)) }
    }

    /// The entry a path means now, read from disk at its first mention, and whether a link led to it.
    fn locate(&mut self, place: Place<'_>, last_link: LastLink) -> Result<(usize, bool), PatchError> {
        let target = self.resolver.resolve(place)?;
        // A link that the patch has deleted is a free name.
        let is_draft = self.entries.iter().any(|entry| entry.real == target.entry);
        let (real, through_link) = match target.link {
            Some(real) if last_link == LastLink::Follow && !is_draft => (real, true),
            Some(_) | None => (target.entry, false),
        };
        self.resolver.allow(place, &real)?;
        if let Some(key) = self.entries.iter().position(|entry| entry.real == real) {
            return Ok((key, through_link));
        }
        let before = self.load(place, &real)?;
        self.entries.push(Entry { line: place.line, shown: target.shown, real, before, now: Now::Untouched });
        Ok((self.entries.len() - 1, through_link))
    }

    fn load(&mut self, place: Place<'_>, real: &Path) -> Result<Before, PatchError> {
        let look = || {
            let (parent, name) = split(real)?;
            match Dir::open(parent) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Absent),
                dir => dir?.look(name),
            }
        };
        match look().map_err(|error| place.io("read it", error))? {
            Found::Absent => Ok(Before::Absent),
            Found::Link { target, .. } => Ok(Before::Link { target }),
            Found::Directory => Err(place.refuse(Problem::Directory)),
            Found::Special => Err(place.refuse(Problem::Special)),
            Found::TooLarge(size) => check_size(place, size).map(|()| Before::Absent),
            Found::File { bytes, stat } => {
                self.total_bytes += bytes.len();
                if self.total_bytes > MAX_TOTAL_BYTES {
                    return Err(PatchError::TooLarge {
                        what: "the files of this patch together".to_owned(),
                        actual: self.total_bytes,
                        limit: MAX_TOTAL_BYTES,
                        unit: "bytes",
                        remedy: "send several smaller patches",
                    });
                }
                Ok(Before::File { bytes, stat })
            }
        }
    }
}

fn check_size(place: Place<'_>, actual: usize) -> Result<(), PatchError> {
    if actual <= MAX_FILE_BYTES {
        return Ok(());
    }
    let remedy = "change this file with a command";
    Err(PatchError::TooLarge {
        what: place.path.to_owned(),
        actual,
        limit: MAX_FILE_BYTES,
        unit: "bytes",
        remedy,
    })
}
