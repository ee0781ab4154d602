//! Tests of the patch engine by boundary. The harness is [`check`]: files before, a patch, files after or an error.

mod committing;
mod grammar;
mod matching;
mod planning;
mod properties;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{PatchError, Plan, Scope, Summary, parse, plan};

/// What stands under a path of a test directory.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(Vec<u8>),
    Link(PathBuf),
    Dir,
}

/// Everything under a directory, by relative path.
fn snapshot(root: &Path) -> BTreeMap<String, Node> {
    let mut all = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let node = if meta.is_symlink() {
                Node::Link(fs::read_link(&path).unwrap())
            } else if meta.is_dir() {
                todo.push(path);
                Node::Dir
            } else {
                Node::File(fs::read(&path).unwrap())
            };
            all.insert(name, node);
        }
    }
    all
}

/// The files of a snapshot; directories are left out.
fn files(root: &Path) -> BTreeMap<String, String> {
    let text = |node| match node {
        Node::File(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Node::Link(_) | Node::Dir => None,
    };
    snapshot(root).into_iter().filter_map(|(name, node)| Some((name, text(node)?))).collect()
}

fn write(root: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A temporary directory with a `work` folder, which is working directory and only root.
struct Sandbox {
    temp: tempfile::TempDir,
    scope: Scope,
}

impl Sandbox {
    fn new(before: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let work = temp.path().join("work");
        fs::create_dir(&work).unwrap();
        for (name, text) in before {
            write(&work, name, text);
        }
        let scope = Scope { workdir: work.clone(), writable_roots: Some(vec![work]), protected: Vec::new() };
        Self { temp, scope }
    }

    fn work(&self) -> &Path {
        &self.scope.workdir
    }

    fn outside(&self) -> &Path {
        self.temp.path()
    }

    fn plan(&self, patch: &str) -> Result<Plan, PatchError> {
        plan(&parse(patch)?, &self.scope)
    }

    fn apply(&self, patch: &str) -> Result<Summary, PatchError> {
        self.plan(patch)?.commit()
    }

    /// Expects an error with this text and everything, outside included, as before.
    #[track_caller]
    fn refuses(&self, patch: &str, part: &str) -> PatchError {
        let before = snapshot(self.outside());
        let error = self.apply(patch).expect_err("the patch should be refused");
        let message = error.to_string();
        assert!(message.contains(part), "expected `{part}` in: {message}");
        assert_eq!(snapshot(self.outside()), before, "a refused patch changed files");
        error
    }
}

/// Applies `patch` to the files `before` and expects the files after, or an error that contains a text and no change.
#[track_caller]
fn check(before: &[(&str, &str)], patch: &str, expected: Result<&[(&str, &str)], &str>) {
    let sandbox = Sandbox::new(before);
    match expected {
        Ok(after) => {
            if let Err(error) = sandbox.apply(patch) {
                panic!("refused: {error}");
            }
            let after: BTreeMap<String, String> =
                after.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            assert_eq!(files(sandbox.work()), after);
        }
        Err(part) => {
            sandbox.refuses(patch, part);
        }
    }
}

/// A patch around its operations.
fn envelope(operations: &str) -> String {
    format!("*** Begin Patch\n{operations}\n*** End Patch\n")
}

/// [`check`] for an update of one file, `f.txt`.
#[track_caller]
fn check_update(before: &str, chunks: &str, expected: Result<&str, &str>) {
    let patch = envelope(&format!("*** Update File: f.txt\n{chunks}"));
    match expected {
        Ok(after) => check(&[("f.txt", before)], &patch, Ok(&[("f.txt", after)])),
        Err(part) => check(&[("f.txt", before)], &patch, Err(part)),
    }
}
