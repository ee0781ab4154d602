//! What a check sees: the files that belong to the repository, and today's date.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use toml::value::Date;

/// The files of one repository: tracked ones, and new ones that are not ignored.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
    today: Date,
}

impl Tree {
    /// Lists the files under `root`, as of today (UTC).
    ///
    /// # Errors
    /// git failed, or there is no file at all: then every check would pass and say nothing.
    pub fn at(root: &Path) -> Result<Self> {
        Self::at_date(root, today()?)
    }

    /// The same, on another day; for tests of rules which end at a date.
    ///
    /// # Errors
    /// As [`Tree::at`].
    pub fn at_date(root: &Path, today: Date) -> Result<Self> {
        // A source archive, or a copy inside some other repository, has no `.git` of its own.
        let mut files = if root.join(".git").exists() { listed_by_git(root)? } else { walked(root)? };
        // A tracked file may be deleted in the work tree; a submodule is listed as a folder.
        files.retain(|path| root.join(path).is_file());
        ensure!(!files.is_empty(), "no files found under {}: tidy would check nothing", root.display());
        let mut folders = BTreeSet::from([String::new()]);
        for file in &files {
            let mut rest = file.as_str();
            while let Some((folder, _)) = rest.rsplit_once('/') {
                folders.insert(folder.to_owned());
                rest = folder;
            }
        }
        Ok(Self { root: root.to_owned(), files, folders, today })
    }

    /// The number of files.
    #[expect(clippy::len_without_is_empty, reason = "a tree without files cannot be made")]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn today(&self) -> Date {
        self.today
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The Rust files that are part of a crate; a `fixtures` folder outside `src` holds data, whatever its names.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &str> {
        self.files().filter(|path| path.ends_with(".rs") && !is_fixture(path))
    }

    /// Whether there is such a file or folder; a folder exists when a file is in it, as for git.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.files.contains(path) || self.folders.contains(path)
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(path)).with_context(|| format!("could not read {path}"))
    }

    /// The text of a file, or `None` for a file that is not text.
    pub(crate) fn read_if_text(&self, path: &str) -> Result<Option<String>> {
        let bytes = std::fs::read(self.root.join(path)).with_context(|| format!("could not read {path}"))?;
        Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
    }
}

/// The root of the repository whose xtask is running.
///
/// cargo and nextest set the variable to the checkout they were started in. The value compiled in can be that of
/// another checkout, where several share one target folder, and is only the fallback.
pub fn repository_root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn is_fixture(path: &str) -> bool {
    let mut in_source = false;
    for folder in path.split('/') {
        in_source |= folder == "src";
        if folder == "fixtures" && !in_source {
            return true;
        }
    }
    false
}

fn listed_by_git(root: &Path) -> Result<BTreeSet<String>> {
    let mut command = Command::new("git");
    // A CI runner may own the checkout under another user id; a listing of names is harmless there.
    command.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    command.current_dir(root);
    // Set inside a git hook, and then about another work tree or index.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    let output = command.output().context("could not start git, which lists the files of the repository")?;
    ensure!(
        output.status.success(),
        "git ls-files failed in {}: {}",
        root.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8: rename it")?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Without git there are no ignore rules: leave out what builds and runs leave behind.
fn walked(root: &Path) -> Result<BTreeSet<String>> {
    const LEFT_OUT: [&str; 3] = [".git", "target", ".everturn"];
    let mut files = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder))
            .with_context(|| format!("could not list {}", root.join(&folder).display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().into_string();
            let name =
                name.map_err(|name| anyhow::anyhow!("the file name {name:?} is not UTF-8: rename it"))?;
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if !entry.file_type()?.is_dir() {
                files.insert(path);
            } else if !LEFT_OUT.contains(&path.as_str()) {
                folders.push(path);
            }
        }
    }
    Ok(files)
}

fn today() -> Result<Date> {
    const SECONDS_PER_DAY: u64 = 86_400;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    civil_date(since_epoch.as_secs() / SECONDS_PER_DAY)
}

/// The Gregorian date of a day counted from 1970-01-01.
fn civil_date(mut days: u64) -> Result<Date> {
    let leap = |year: u16| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year: u16 = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year = year.checked_add(1).context("the clock is beyond the year 65535")?;
    }
    let mut month = 1;
    for length in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    Ok(Date { year, month, day: u8::try_from(days)? + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_since_the_epoch_become_dates() {
        for (days, date) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_513, "2026-03-01"),
            (20_818, "2026-12-31"),
        ] {
            assert_eq!(civil_date(days).unwrap().to_string(), date);
        }
    }

    #[test]
    fn fixtures_are_data_only_outside_src() {
        assert!(is_fixture("tests/it/fixtures/broken.rs"));
        assert!(!is_fixture("crates/tools/src/fixtures/broken.rs"));
    }
}
