//! What a Git repository depends on outside of its `.git`: where a `.git` file leads, where hooks are, and what its
//! configuration includes.

use crate::lexical::normal;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// More than a `.git` file or a configuration that says where hooks are has.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Configurations that are read of one repository, included ones too. Git itself follows ten in a row.
const MAX_CONFIGURATIONS: usize = 64;
/// Submodules of one worktree that are kept. More could make every command be refused.
const MAX_SUBMODULES: usize = 256;

/// The places that what is at `git`, a `.git` file or directory, makes Git run or obey. For anything else, none.
pub(super) fn dependencies(git: &Path) -> Vec<PathBuf> {
    let Some(worktree) = git.parent() else { return Vec::new() };
    let mut found = submodules(worktree);
    let directory = match text_of(git) {
        Some(text) => {
            let Some(path) = text.strip_prefix("gitdir:") else { return Vec::new() };
            let directory = normal(&worktree.join(path.trim()));
            found.push(directory.clone());
            directory
        }
        None if git.join("HEAD").exists() => git.to_owned(),
        None => return Vec::new(),
    };
    let common = text_of(&directory.join("commondir")).map(|path| normal(&directory.join(path.trim())));
    found.extend(common.clone());
    let configurations =
        [common.unwrap_or_else(|| directory.clone()).join("config"), directory.join("config.worktree")];
    let mut open: Vec<PathBuf> = configurations.into_iter().chain(of_user()).collect();
    let mut read = 0;
    while let Some(configuration) = open.pop() {
        read += 1;
        let Some(text) = text_of(&configuration).filter(|_| read <= MAX_CONFIGURATIONS) else { continue };
        let folder = configuration.parent().unwrap_or(worktree);
        for named in names(&text) {
            match named {
                Named::Hooks(path) => found.push(normal(&worktree.join(path))),
                Named::Configuration(path) => {
                    let path = normal(&folder.join(path));
                    found.push(path.clone());
                    open.push(path);
                }
                // A configuration of a repository only has settings of submodules.
                Named::Submodule(_) => {}
            }
        }
    }
    found
}

/// What makes the submodules of a worktree repositories: `git status` further up runs Git in each of them. One that is not
/// checked out is kept empty. The file that names them is kept too, or the next command could leave one out.
fn submodules(worktree: &Path) -> Vec<PathBuf> {
    let file = worktree.join(".gitmodules");
    let Some(text) = text_of(&file) else { return Vec::new() };
    let folders = names(&text).into_iter().filter_map(|named| match named {
        Named::Submodule(path) => Some(normal(&worktree.join(path))),
        Named::Hooks(_) | Named::Configuration(_) => None,
    });
    let kept = folders.filter(|folder| folder != worktree).take(MAX_SUBMODULES).map(|folder| {
        let git = folder.join(".git");
        if fs::symlink_metadata(&git).is_ok() { git } else { folder }
    });
    std::iter::once(file).chain(kept).collect()
}

/// The configurations of the user, which may name a directory of every repository.
fn of_user() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| home.as_ref().map(|home| home.join(".config")));
    let files = [home.map(|home| home.join(".gitconfig")), folder.map(|folder| folder.join("git/config"))];
    files.into_iter().flatten().collect()
}

/// A place that a configuration names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Hooks(PathBuf),
    Configuration(PathBuf),
    Submodule(PathBuf),
}

/// The places that a configuration names, whatever the conditions are. `~` is no place in a repository.
fn names(text: &str) -> Vec<Named> {
    let mut section = String::new();
    let mut names = Vec::new();
    for line in text.lines() {
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            let (name, rest) = rest.split_once(']').unwrap_or((rest, ""));
            section = name.trim().to_lowercase();
            line = rest.trim();
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.split([';', '#']).next().unwrap_or_default().trim().trim_matches('"');
        if value.is_empty() || value.starts_with('~') {
            continue;
        }
        match (section.as_str(), key.trim().to_lowercase().as_str()) {
            ("core", "hookspath") => names.push(Named::Hooks(value.into())),
            (section, "path") if section == "include" || section.starts_with("includeif ") => {
                names.push(Named::Configuration(value.into()));
            }
            (section, "path") if section.starts_with("submodule ") => {
                names.push(Named::Submodule(value.into()));
            }
            _ => {}
        }
    }
    names
}

/// The contents of a small regular file.
fn text_of(path: &Path) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    if !found.is_file() || found.len() > MAX_FILE_BYTES {
        return None;
    }
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("[core]\n\thooksPath = .githooks\n", &[".githooks"])]
    #[case("[core]\n  bare = false\n[user]\nname = x\n[CORE] HOOKSPATH=\"a b\" ; why\n", &["a b"])]
    #[case("[core]\nhookspath = a\nhookspath = b # last\n", &["a", "b"])]
    #[case("[core \"x\"]\nhookspath = a\n", &[])]
    #[case("[core]\nhookspath = ~/hooks\n", &[])]
    #[case("[user]\nhookspath = a\n", &[])]
    #[case("", &[])]
    fn hooks_are_where_the_configuration_says(#[case] text: &str, #[case] expected: &[&str]) {
        let expected: Vec<Named> = expected.iter().map(|path| Named::Hooks(path.into())).collect();
        assert_eq!(names(text), expected);
    }

    #[test]
    fn what_is_included_counts_and_what_it_names() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::write(root.join(".git/HEAD"), "").unwrap();
        let config = "[includeIf \"gitdir:/x/\"]\npath = ../a.conf\n";
        fs::write(root.join(".git/config"), config).unwrap();
        fs::write(root.join("a.conf"), "[include]\n\tpath = b.conf\n[core]\nhooksPath = hooks\n").unwrap();
        let found = dependencies(&root.join(".git"));
        for expected in ["a.conf", "b.conf", "hooks"] {
            assert!(found.contains(&root.join(expected)), "{expected}: {found:?}");
        }
    }

    #[test]
    fn a_worktree_leads_to_its_repository() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let own = root.join("main/.git/worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir(root.join("tree")).unwrap();
        fs::write(root.join("tree/.git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(root.join("main/.git/config"), "[core]\nhooksPath = hooks\n").unwrap();
        let expected = vec![own, root.join("main/.git"), root.join("tree/hooks")];
        assert_eq!(dependencies(&root.join("tree/.git")), expected);
        assert_eq!(dependencies(&root.join("tree")), Vec::<PathBuf>::new());
    }

    #[test]
    fn submodules_are_kept_and_one_that_is_not_checked_out_stays_empty() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::create_dir_all(root.join("here")).unwrap();
        fs::write(root.join(".git/HEAD"), "").unwrap();
        fs::write(root.join("here/.git"), "gitdir: ../.git/modules/here\n").unwrap();
        let text = "[submodule \"Here\"]\n\tpath = here\n\turl = x\n[submodule \"b\"]\npath = deep/away\n";
        fs::write(root.join(".gitmodules"), text).unwrap();
        let found = dependencies(&root.join(".git"));
        let expected = [".gitmodules", "here/.git", "deep/away"].map(|name| root.join(name));
        assert_eq!(found.get(..3), Some(&expected[..]));
    }
}
