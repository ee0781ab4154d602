//! [`Tree`]: a snapshot's files, and what is known of what it does not hold.

use super::{
    SnapshotError,
    about::{self, About, Left, VERSION, path_to_text, text_to_path},
    git::{Git, path_of, records},
    watch::Watch,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The permissions that count: not set-uid, set-gid and sticky.
pub(super) const PERMISSIONS: u32 = 0o777;

/// A snapshot's files, and what is known of what it does not hold. Paths are relative to its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<PathBuf, Entry>,
    /// Every folder that was there and was looked into, with its permissions.
    pub(super) folders: BTreeMap<PathBuf, u32>,
    /// Those with nothing in them.
    pub(super) empty: BTreeSet<PathBuf>,
    pub(super) left: BTreeMap<PathBuf, Left>,
}

/// A file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Names its contents.
    pub(super) content: String,
    /// Zero for a link.
    pub(super) permissions: u32,
}

/// What kind of thing has contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Link,
}

/// What a snapshot says of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No file or link was there.
    Absent,
    Kept(Entry),
    /// Something may have been there.
    Unknown(Left),
}

impl Tree {
    /// Reads a snapshot.
    pub(super) fn read(git: &Git, watch: &Watch, id: &str) -> Result<Self, SnapshotError> {
        let about = about_of(git, watch, id)?;
        let damaged = |why: &str| SnapshotError::Damaged { id: id.to_owned(), why: why.to_owned() };
        let listed = git.run(watch, &["ls-tree", "-r", "-z", "--full-tree", id], b"")?;
        let mut tree = Self::default();
        for record in records(&listed) {
            let (file, entry) = entry(record, &about).ok_or_else(|| damaged("its list of files"))?;
            tree.add_folders_of(&file, &about);
            tree.files.insert(file, entry);
        }
        for folder in &about.empty {
            let folder = text_to_path(folder);
            tree.add_folders_of(&folder, &about);
            tree.folders.insert(folder.clone(), about.folder_mode(&folder));
            tree.empty.insert(folder);
        }
        for (place, why) in &about.left {
            let place = text_to_path(place);
            tree.add_folders_of(&place, &about);
            tree.left.insert(place, *why);
        }
        let outside = |path: &Path| {
            path.as_os_str().is_empty()
                || path.components().any(|part| !matches!(part, std::path::Component::Normal(_)))
        };
        if tree.files.keys().chain(tree.folders.keys()).any(|path| outside(path)) {
            return Err(damaged("a path in it leads out of it"));
        }
        Ok(tree)
    }

    /// What is said of one path.
    pub(super) fn state(&self, path: &Path) -> State {
        if let Some(entry) = self.files.get(path) {
            return State::Kept(entry.clone());
        }
        match path.ancestors().find_map(|place| self.left.get(place)) {
            Some(why) => State::Unknown(*why),
            None => State::Absent,
        }
    }

    /// The paths of which two snapshots do not say the same.
    pub(super) fn differences<'t>(&'t self, other: &'t Self) -> impl Iterator<Item = &'t Path> {
        let changed = self.files.iter().filter(|(path, entry)| other.files.get(*path) != Some(entry));
        let added = other.files.keys().filter(|path| !self.files.contains_key(*path));
        changed.map(|(path, _)| path.as_path()).chain(added.map(PathBuf::as_path))
    }

    fn add_folders_of(&mut self, path: &Path, about: &About) {
        for folder in path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty()) {
            if self.folders.contains_key(folder) {
                return;
            }
            self.folders.insert(folder.to_owned(), about.folder_mode(folder));
        }
    }
}

impl About {
    fn folder_mode(&self, folder: &Path) -> u32 {
        self.mode(folder, self.usual.folder)
    }

    fn mode(&self, path: &Path, usual: u32) -> u32 {
        if self.modes.is_empty() {
            return usual;
        }
        self.modes.get(&path_to_text(path)).copied().unwrap_or(usual) & PERMISSIONS
    }
}

/// What the commit of a snapshot says of it.
fn about_of(git: &Git, watch: &Watch, id: &str) -> Result<About, SnapshotError> {
    let gone = || SnapshotError::Gone(id.to_owned());
    // Nothing else may become an argument.
    if id.len() < 40 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(gone());
    }
    let commit = git.run(watch, &["cat-file", "commit", id], b"").map_err(|error| match error {
        SnapshotError::Git { .. } => gone(),
        other => other,
    })?;
    let commit = String::from_utf8_lossy(&commit);
    let message = commit.split_once("\n\n").map(|(_, message)| message).unwrap_or_default();
    let damaged = |why: String| SnapshotError::Damaged { id: id.to_owned(), why };
    let about: About = serde_json::from_str(message).map_err(|error| damaged(error.to_string()))?;
    if about.version != about::VERSION {
        return Err(damaged(format!("it is of version {}, this program reads {VERSION}", about.version)));
    }
    Ok(about)
}

/// `<mode> <type> <id>\t<path>`.
fn entry(record: &[u8], about: &About) -> Option<(PathBuf, Entry)> {
    let tab = record.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (std::str::from_utf8(record.get(..tab)?).ok()?, path_of(record.get(tab + 1..)?));
    let mut words = head.split(' ');
    let (mode, _, content) = (words.next()?, words.next()?, words.next()?.to_owned());
    let (kind, permissions) = match mode {
        "100644" => (Kind::File, about.mode(path, about.usual.file)),
        "100755" => (Kind::File, about.mode(path, about.usual.program)),
        "120000" => (Kind::Link, 0),
        _ => return None,
    };
    Some((path.to_owned(), Entry { kind, content, permissions }))
}
