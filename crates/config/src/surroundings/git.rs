//! What is checked out, from the files of a Git repository (git-scm.com/docs/gitrepository-layout).

use super::told;
use std::{
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

/// More than a file with one line ever has, in bytes.
const MAX_LINE_BYTES: u64 = 4096;
/// As much of the packed refs as is read in a fraction of a millisecond, in bytes; some 15,000 refs.
const MAX_PACKED_BYTES: u64 = 1024 * 1024;
/// How much of a commit's name is told.
const SHORT: usize = 7;
const BRANCHES: &str = "refs/heads/";

/// `main @ 1a2b3c4`, `detached at 1a2b3c4`, or `main, no commit yet`.
pub(super) fn checked_out(cwd: &Path) -> Option<String> {
    let cwd = cwd.canonicalize().ok()?;
    let repository = cwd.ancestors().find_map(Repository::at)?;
    match repository.head()? {
        Head::Commit(commit) => Some(format!("detached at {}", &commit[..SHORT])),
        Head::Ref(name) => {
            let short = told(name.strip_prefix(BRANCHES).unwrap_or(&name));
            Some(match repository.commit(&name) {
                Tip::Commit(commit) => format!("{short} @ {}", &commit[..SHORT]),
                Tip::Unborn => format!("{short}, no commit yet"),
                Tip::Unknown => short,
            })
        }
    }
}

struct Repository {
    /// What belongs to this working tree, `HEAD` above all.
    own: PathBuf,
    /// What all working trees of the repository share.
    shared: PathBuf,
}

enum Head {
    Commit(String),
    Ref(String),
}

/// Where a ref leads.
enum Tip {
    Commit(String),
    /// Nowhere: the branch has no commit yet.
    Unborn,
    /// There are more refs than are worth reading.
    Unknown,
}

impl Repository {
    fn at(folder: &Path) -> Option<Self> {
        let git = folder.join(".git");
        // A worktree and a submodule have a file that says where the rest is.
        let own = if git.is_dir() { git } else { folder.join(line(&git)?.strip_prefix("gitdir: ")?) };
        let shared = line(&own.join("commondir")).map_or_else(|| own.clone(), |shared| own.join(shared));
        Some(Self { own, shared })
    }

    fn head(&self) -> Option<Head> {
        let head = line(&self.own.join("HEAD"))?;
        let Some(name) = head.strip_prefix("ref: ") else { return commit(&head).map(Head::Commit) };
        // With a reftable the file is there for old programs only, and leads nowhere.
        if self.shared.join("reftable").is_dir() || !is_ref(name) {
            return None;
        }
        Some(Head::Ref(name.to_owned()))
    }

    fn commit(&self, name: &str) -> Tip {
        let loose = [&self.own, &self.shared].into_iter().find_map(|folder| line(&folder.join(name)));
        if let Some(loose) = loose {
            // A ref that leads to another ref is rare enough to be left alone.
            return commit(&loose).map_or(Tip::Unknown, Tip::Commit);
        }
        let path = self.shared.join("packed-refs");
        if !path.exists() {
            return Tip::Unborn;
        }
        let Some(packed) = content(&path, MAX_PACKED_BYTES) else { return Tip::Unknown };
        let found = packed.lines().find_map(|line| {
            let (id, packed_name) = line.split_once(' ')?;
            (packed_name == name).then(|| commit(id)).flatten()
        });
        found.map_or(Tip::Unborn, Tip::Commit)
    }
}

/// Whether a name is one of a ref, and no way out of the repository.
fn is_ref(name: &str) -> bool {
    name.starts_with("refs/") && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A commit's name, in SHA-1 or SHA-256.
fn commit(text: &str) -> Option<String> {
    let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_owned())
}

/// The text of a file of one line.
fn line(path: &Path) -> Option<String> {
    content(path, MAX_LINE_BYTES).map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
}

/// The text of a file, unless it is longer than this.
fn content(path: &Path, max_bytes: u64) -> Option<String> {
    // Before it is opened: opening a pipe would wait for a writer.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let read = File::open(path).ok()?.take(max_bytes + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= max_bytes).then_some(text)
}
