//! What the workspace's rules ignore. Git itself is asked, so that they mean what the user is used to.

use super::{SnapshotError, SnapshotsConfig, git::Git, git::path_of, git::records, root::Root, watch::Watch};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// What is ignored in a directory that is no repository, unless its own `.gitignore` says otherwise: what tools make again.
const DEFAULT_RULES: &str = "node_modules/\ntarget/\n.venv/\nvenv/\n__pycache__/\n.tox/\n.mypy_cache/\n.pytest_cache/\n\
    .ruff_cache/\n.gradle/\n.cache/\n.next/\n.nuxt/\n.terraform/\n.direnv/\n.DS_Store\n*.pyc\n*.o\n*.obj\n*.class\n";
/// Variables by which Git finds the user's settings.
const OF_THE_USER: [&str; 2] = ["HOME", "XDG_CONFIG_HOME"];

/// Files and folders that are ignored. Of an ignored folder only itself.
pub(super) fn ignored(
    git: &Git,
    root: &Root,
    config: &SnapshotsConfig,
    watch: &Watch,
) -> Result<BTreeSet<PathBuf>, SnapshotError> {
    // With an empty index: Git never ignores what an index has.
    let git = git.with_index(git.dir().join("index.none"));
    let list = git.dir().join("info/exclude");
    fs::write(&list, rules_of(root)).map_err(SnapshotError::io("write it", &list))?;
    let git = match of_the_user(&git, config, watch) {
        Some(file) => git.with_setting(&format!("core.excludesFile={}", file.display())),
        None => git.with_setting("core.excludesFile=/dev/null"),
    };
    let arguments = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
    let output = git.run(watch, &arguments, b"")?;
    Ok(records(&output).map(|path| path_of(path.strip_suffix(b"/").unwrap_or(path)).to_owned()).collect())
}

/// Files that the user's repository tracks although its rules ignore them. None where it does not say.
pub(super) fn tracked_all_the_same(
    git: &Git,
    root: &Root,
    config: &SnapshotsConfig,
    watch: &Watch,
) -> BTreeSet<PathBuf> {
    if root.repository.is_none() {
        return BTreeSet::new();
    }
    let exclude = of_the_user(git, config, watch);
    let setting =
        format!("core.excludesFile={}", exclude.as_deref().unwrap_or(Path::new("/dev/null")).display());
    let arguments = ["-c", &setting, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"];
    match git.run_in_theirs(watch, &[], &arguments) {
        Ok(output) => records(&output).map(|path| path_of(path).to_owned()).collect(),
        Err(error) => {
            tracing::debug!(root = %root.path.display(), %error, "tracked files that are ignored are not known");
            BTreeSet::new()
        }
    }
}

/// The repository's own list, or the default one.
fn rules_of(root: &Root) -> Vec<u8> {
    if root.repository.is_none() {
        return DEFAULT_RULES.into();
    }
    root.exclude_file().and_then(|file| fs::read(file).ok()).unwrap_or_default()
}

/// The user's own list of ignored files, for all repositories or this one.
fn of_the_user(git: &Git, config: &SnapshotsConfig, watch: &Watch) -> Option<PathBuf> {
    let variable = |name: &str| config.environment.get(name).filter(|value| !value.is_empty());
    let mut own: Vec<(&str, &OsStr)> =
        vec![("GIT_CONFIG_NOSYSTEM", OsStr::new("")), ("GIT_CONFIG_GLOBAL", OsStr::new(""))];
    own.extend(OF_THE_USER.into_iter().map(|name| (name, variable(name).map_or(OsStr::new(""), OsStr::new))));
    let named =
        git.run_in_theirs(watch, &own, &["config", "--null", "--type=path", "--get", "core.excludesFile"]);
    if let Some(file) = named.ok().as_deref().and_then(|output| records(output).next()) {
        return Some(git.root().join(path_of(file)));
    }
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(Path::new(variable("HOME")?).join(".config")))?;
    Some(folder.join("git/ignore"))
}
