//! Snapshots of real directories and repositories, and going back to them.

mod crashes;
mod properties;
mod real;
mod restoring;
mod store;
mod taking;

use agent_core::{
    EffectId, NetworkAccess, RestoreAnswer, RestoreRequest, RestoreStep, SandboxPolicy, Snapshot,
    SnapshotAnswer, SnapshotMoment, SnapshotRequest, ThreadKey, TurnId,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::Command,
};
use tools::snapshot::{Snapshots, SnapshotsConfig};

/// A workspace, and a data home with the user's home beside it.
struct Site {
    folder: tempfile::TempDir,
    snapshots: Snapshots,
}

impl Site {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SnapshotsConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("user/.config/git")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        Self { snapshots: Snapshots::new(config), folder }
    }

    /// Whose workspace is a repository with one commit of what `fill` wrote.
    fn repository(fill: impl FnOnce(&Self)) -> Self {
        let site = Self::new();
        site.git(&["init", "-q", "-b", "main"]);
        fill(&site);
        site.git(&["add", "-A"]);
        site.git(&["commit", "-q", "--allow-empty", "-m", "first"]);
        site
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("work")
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root().join(path)
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("data/snapshots")
    }

    fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn remove(&self, path: impl AsRef<Path>) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn chmod(&self, path: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The user's own Git.
    fn git(&self, arguments: &[&str]) -> String {
        git(&self.root(), arguments)
    }

    async fn answer(&self) -> SnapshotAnswer {
        self.snapshots.snapshot(request(&self.root())).await
    }

    async fn take(&self) -> Snapshot {
        taken(self.answer().await)
    }

    async fn unavailable(&self) -> String {
        match self.answer().await {
            SnapshotAnswer::Unavailable { why } => why,
            other => panic!("expected no snapshot, got {other:?}"),
        }
    }

    async fn restore(&self, steps: &[(&Snapshot, &Snapshot)]) -> RestoreAnswer {
        self.snapshots.restore(restore_request(&self.root(), steps, 1)).await
    }

    /// Takes back one turn; the files that were restored, and what there is to say.
    async fn undo(&self, before: &Snapshot, after: &Snapshot) -> (Vec<String>, Vec<String>) {
        restored(self.restore(&[(before, after)]).await)
    }

    /// What is in the workspace, its `.git` apart.
    fn state(&self) -> BTreeMap<PathBuf, String> {
        state(&self.root(), &[".git"])
    }
}

fn config(folder: &Path) -> SnapshotsConfig {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let environment = BTreeMap::from([
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ("HOME".to_owned(), text(folder.join("user"))),
        ("GIT_DIR".to_owned(), "/nowhere".to_owned()),
    ]);
    SnapshotsConfig::new(&folder.join("data"), environment)
}

fn request(cwd: &Path) -> SnapshotRequest {
    SnapshotRequest {
        key: ThreadKey::for_test("thread"),
        turn: TurnId(1),
        effect: EffectId(3),
        attempt: 1,
        cwd: cwd.to_str().unwrap().to_owned(),
        sandbox: SandboxPolicy::WorkspaceWrite { writable_roots: Vec::new(), network: NetworkAccess::Off },
        moment: SnapshotMoment::BeforeTurn,
    }
}

fn restore_request(cwd: &Path, steps: &[(&Snapshot, &Snapshot)], attempt: u32) -> RestoreRequest {
    let step = |(before, after): &(&Snapshot, &Snapshot)| RestoreStep {
        before: (*before).clone(),
        after: (*after).clone(),
    };
    RestoreRequest {
        key: ThreadKey::for_test("thread"),
        effect: EffectId(9),
        attempt,
        cwd: cwd.to_str().unwrap().to_owned(),
        steps: steps.iter().map(step).collect(),
    }
}

fn taken(answer: SnapshotAnswer) -> Snapshot {
    match answer {
        SnapshotAnswer::Taken { snapshot } => snapshot,
        SnapshotAnswer::Unavailable { why } => panic!("expected a snapshot: {why}"),
    }
}

fn restored(answer: RestoreAnswer) -> (Vec<String>, Vec<String>) {
    match answer {
        RestoreAnswer::Restored { files, notes } => (files, notes),
        other => panic!("expected a restore, got {other:?}"),
    }
}

/// Runs the user's own Git, with no settings but an author.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=user", "-c", "user.email=user@localhost", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything below a folder: kind, permissions, contents.
fn state(root: &Path, without: &[&str]) -> BTreeMap<PathBuf, String> {
    let (mut open, mut state) = (vec![root.to_owned()], BTreeMap::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if without.iter().any(|without| name == Path::new(without)) {
                continue;
            }
            let found = entry.metadata().unwrap();
            let mode = found.mode() & 0o7777;
            let text = if found.is_dir() {
                open.push(path);
                format!("folder {mode:o}")
            } else if found.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else if found.is_file() {
                let digest = agent_core::BlobId::of(&fs::read(&path).unwrap());
                format!("file {mode:o} {} {}", found.len(), &digest.as_str()[..16])
            } else {
                "special".to_owned()
            };
            state.insert(name, text);
        }
    }
    state
}

/// As [`state`], with the time of each change.
fn exact_state(root: &Path) -> BTreeMap<PathBuf, (String, i64, i64)> {
    let with_time = |(path, text): (PathBuf, String)| {
        let found = fs::symlink_metadata(root.join(&path)).unwrap();
        (path, (text, found.mtime(), found.mtime_nsec()))
    };
    state(root, &[]).into_iter().map(with_time).collect()
}

fn names(state: &BTreeMap<PathBuf, String>) -> Vec<String> {
    state.keys().map(|path| String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()).collect()
}
