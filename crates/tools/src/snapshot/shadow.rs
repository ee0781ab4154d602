//! [`Shadow`]: the repository beside a workspace in which its snapshots are.
//!
//! `<home>/snapshots/<name>/` has the bare repository `git`, the text file `root`, and while a restore writes, the file
//! `restoring`. Beside it, `<name>.lock` is locked by whoever takes a snapshot or restores. Git itself works on an index of
//! its own, which becomes the index when it is done: one that outlives its harness can spoil nothing.

use super::{
    Snapshot, SnapshotError, SnapshotsConfig,
    git::{Git, path_of, records},
    ignore_rules,
    notes::notes,
    root::Root,
    survey::{Rules, Survey},
    watch::Watch,
};
use crate::kill_point::kill_point;
use agent_core::BlobId;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the refs are that keep snapshots.
pub(super) const REFS: &str = "refs/snapshots";
/// A file with no name as Git writes it in the list that takes it away.
const NOTHING: &str = "0 0000000000000000000000000000000000000000\t";
/// The index that a Git works on, before it becomes the index.
const DRAFT_PREFIX: &str = "index.new-";
/// Writes every file of a first snapshot into one pack instead of a file each.
const ONE_PACK: &str = "core.bigFileThreshold=1";
/// Attributes of the workspace must not change what is kept.
const ATTRIBUTES: &str = "* -text !eol !crlf -ident -filter !working-tree-encoding -diff -merge\n";
/// The shadow repository's own settings.
const SETTINGS: &str = "[core]\n\
    \trepositoryformatversion = 0\n\
    \tbare = false\n\
    \tfileMode = true\n\
    \tsymlinks = true\n\
    \tignoreCase = false\n\
    \tprecomposeUnicode = false\n\
    \tprotectNTFS = false\n\
    \tprotectHFS = false\n\
    \tautocrlf = false\n\
    \tfsmonitor = false\n\
    \tuntrackedCache = false\n\
    \tsplitIndex = false\n\
    \thooksPath = /dev/null\n\
    \tattributesFile = /dev/null\n\
    \tlogAllRefUpdates = false\n\
    \tcompression = 1\n\
    [gc]\n\
    \tauto = 0\n\
    [commit]\n\
    \tgpgSign = false\n\
    [maintenance]\n\
    \tauto = false\n";

/// The repository beside a workspace, locked.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) root: Root,
    pub(super) folder: PathBuf,
    pub(super) git: Git,
    _lock: File,
}

/// A snapshot that was just taken, and what was seen for it.
pub(super) struct Taken {
    pub(super) snapshot: Snapshot,
    pub(super) survey: Survey,
}

impl Shadow {
    /// Opens it, waiting until nobody else works with it. Makes it where there is none.
    pub(super) fn open(config: &SnapshotsConfig, root: Root, watch: &Watch) -> Result<Self, SnapshotError> {
        let store = config.store();
        make_folder(&store)?;
        // The home may only now be a real path.
        let folder = config.store().join(name_of(&root.path));
        let lock = lock(&folder, &root.path, watch)?;
        make_folder(&folder)?;
        let git = Git::new(config, &folder.join("git"), &root.path);
        let shadow = Self { root, folder, git, _lock: lock };
        shadow.make()?;
        Ok(shadow)
    }

    /// Takes a snapshot and keeps it under a ref of this name.
    pub(super) fn take(
        &self,
        config: &SnapshotsConfig,
        watch: &Watch,
        name: &str,
    ) -> Result<Taken, SnapshotError> {
        match self.take_once(config, watch, name) {
            // A file that went, or was closed to this user, at the wrong moment; or an index that cannot be read.
            Err(SnapshotError::Git { command, message, .. }) => {
                tracing::debug!(%command, %message, "a snapshot is tried once more, with a new index");
                let _ = fs::remove_file(self.git.index());
                self.take_once(config, watch, name)
            }
            other => other,
        }
    }

    fn take_once(&self, config: &SnapshotsConfig, watch: &Watch, name: &str) -> Result<Taken, SnapshotError> {
        let draft = self.draft()?;
        let git = self.git.with_index(draft.clone());
        let first = !draft.exists();
        let indexed: BTreeSet<PathBuf> = match first {
            true => BTreeSet::new(),
            false => records(&git.run(watch, &["ls-files", "-z"], b"")?)
                .map(|path| path_of(path).to_owned())
                .collect(),
        };
        let ignored = ignore_rules::ignored(&self.git, &self.root, config, watch)?;
        let mut known = ignore_rules::tracked_all_the_same(&self.git, &self.root, config, watch);
        known.extend(indexed.iter().cloned());
        let survey = Survey::take(&self.root, &Rules { ignored, known }, config, watch)?;

        let mut gone = Vec::new();
        for path in indexed.iter().filter(|path| !survey.files.contains_key(*path)) {
            gone.extend_from_slice(NOTHING.as_bytes());
            gone.extend_from_slice(path.as_os_str().as_bytes());
            gone.push(0);
        }
        if !gone.is_empty() {
            git.run(watch, &["update-index", "-z", "--index-info"], &gone)?;
        }
        let mut present = Vec::new();
        for path in survey.files.keys() {
            present.extend_from_slice(path.as_os_str().as_bytes());
            present.push(0);
        }
        let writer = if first { git.clone().with_setting(ONE_PACK) } else { git.clone() };
        let update = ["update-index", "-z", "--add", "--remove", "--replace", "--stdin"];
        writer.run(watch, &update, &present)?;
        kill_point("snapshot.indexed");
        let id = self.commit(&git, watch, &survey, name)?;
        // Only to be faster the next time.
        let _ = fs::rename(&draft, self.git.index());
        let root = self.root.path.to_string_lossy().into_owned();
        let snapshot = Snapshot { id, root, notes: notes(&survey.left, config) };
        Ok(Taken { snapshot, survey })
    }

    fn commit(&self, git: &Git, watch: &Watch, survey: &Survey, name: &str) -> Result<String, SnapshotError> {
        let tree = line(git.run(watch, &["write-tree"], b"")?);
        let about = serde_json::to_vec(&survey.about()).map_err(|_| SnapshotError::Broken)?;
        let commit = line(git.run(watch, &["commit-tree", &tree, "-F", "-"], &about)?);
        kill_point("snapshot.committed");
        let reference = format!("{REFS}/{name}-{}", now_ms());
        git.run(watch, &["update-ref", &reference, &commit], b"")?;
        kill_point("snapshot.kept");
        Ok(commit)
    }

    /// An index to work on: the last one under another name. Not a copy: what Git believes of files depends on when their
    /// index was written.
    fn draft(&self) -> Result<PathBuf, SnapshotError> {
        let folder = self.git.dir();
        for entry in
            fs::read_dir(folder).map_err(SnapshotError::io("list it", folder))?.filter_map(Result::ok)
        {
            if entry.file_name().as_bytes().starts_with(DRAFT_PREFIX.as_bytes()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let draft = folder.join(format!("{DRAFT_PREFIX}{}-{}", std::process::id(), now_ms()));
        match fs::hard_link(self.git.index(), &draft) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // Not every file system can: then every file is read again.
            Err(_) => drop(fs::remove_file(self.git.index())),
        }
        Ok(draft)
    }

    /// By hand: `git init` would look at templates and settings.
    fn make(&self) -> Result<(), SnapshotError> {
        let git = self.git.dir();
        if git.join("HEAD").is_file() {
            return Ok(());
        }
        // Under another name until it is whole.
        let draft = self.folder.join("git.new");
        let _ = fs::remove_dir_all(&draft);
        make_folder(&draft)?;
        for folder in ["objects", "refs", "info"] {
            make_folder(&draft.join(folder))?;
        }
        let write =
            |path: &Path, text: &[u8]| fs::write(path, text).map_err(SnapshotError::io("write it", path));
        write(&draft.join("HEAD"), b"ref: refs/heads/none\n")?;
        write(&draft.join("config"), SETTINGS.as_bytes())?;
        write(&draft.join("info/attributes"), ATTRIBUTES.as_bytes())?;
        write(&self.folder.join("root"), self.root.path.as_os_str().as_bytes())?;
        let _ = fs::remove_dir_all(git);
        fs::rename(&draft, git).map_err(SnapshotError::io("name it", git))
    }
}

/// The name of the folder for a root.
pub(super) fn name_of(root: &Path) -> String {
    BlobId::of(root.as_os_str().as_bytes()).as_str()[..24].to_owned()
}

/// Locks the folder of a shadow repository.
pub(super) fn lock(folder: &Path, root: &Path, watch: &Watch) -> Result<File, SnapshotError> {
    let path = folder.with_extension("lock");
    let options = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).clone();
    let file = options.open(&path).map_err(SnapshotError::io("open it", &path))?;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {}
            Err(error) => return Err(SnapshotError::io("lock it", &path)(error.into())),
        }
        match watch.check() {
            Err(SnapshotError::TooSlow(_)) => return Err(SnapshotError::Busy(root.to_owned())),
            other => other?,
        }
        // The system tells nobody who waits with a time limit.
        std::thread::sleep(watch.pause());
    }
}

pub(super) fn make_folder(path: &Path) -> Result<(), SnapshotError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(SnapshotError::io("make it", path))
}

pub(super) fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis())
}

fn line(output: Vec<u8>) -> String {
    String::from_utf8_lossy(&output).trim_end().to_owned()
}
