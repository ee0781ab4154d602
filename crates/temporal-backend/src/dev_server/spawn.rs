//! The command line of the server, and the note it leaves in the lock it holds.

use super::{
    DevServerError, TemporalCli,
    lock::{self, Lock},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::{Child, Command};

/// The search attributes of threads, which the server makes at its start. They are never encrypted, so there are no others.
pub const SEARCH_ATTRIBUTES: [(&str, &str); 2] =
    [("EverturnStatus", "Keyword"), ("EverturnModel", "Keyword")];

/// With the server's own settings a step takes 50 to 100 ms and a timer a second; with these, 12 ms.
const TUNED: [&str; 4] = [
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxTimeShift=\"1ms\"",
];
/// Continue-as-new waits a second in each run otherwise, which long tests are made of.
const TUNED_FOR_TESTS: &str = "history.workflowIdReuseMinimalInterval=\"1ms\"";
/// A commit survives the death of the server; after power loss the last ones may be gone.
const PRAGMAS: [&str; 2] = ["journal_mode=WAL", "synchronous=NORMAL"];

/// Becomes the server, after it has written its own number into the lock that is its standard input: no process can die
/// between the start of a server and the note of it. A terminal that is closed does not end it, and its files are its owner's.
const SCRIPT: &str =
    r#"trap '' HUP; umask 077; printf '%s%s%s\n' "$0" "$$" "$1" >&0 || exit 1; shift; exec "$@""#;
const SHELL: &str = "/bin/sh";

/// Whether the server shows its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Ui {
    /// It does not.
    #[default]
    None,
    /// It does, on such a port.
    On(super::Port),
}

/// For whom the server is tuned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tuning {
    /// For users.
    #[default]
    Users,
    /// For tests, where a run that continues as new need not last a second.
    Tests,
}

/// A server that has a database open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupant {
    /// Its process, which leads a process group of its own.
    pub pid: u32,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    /// Where its pages are, if it shows them.
    pub ui_port: Option<u16>,
    /// The version of the program.
    pub cli_version: String,
}

impl Occupant {
    /// Where it answers, `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where its pages are.
    pub fn ui(&self) -> Option<String> {
        self.ui_port.map(|port| format!("http://127.0.0.1:{port}"))
    }
}

/// What a database's lock says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Occupancy {
    /// No server has the database open.
    Free,
    /// One is being started, or has left no note.
    Unknown,
    /// This one has it open.
    By(Occupant),
}

/// Where a database's lock is.
pub(super) fn lock_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Who has a database open.
pub(super) fn occupancy(database: &Path) -> Result<Occupancy, DevServerError> {
    let lock = lock_of(database);
    if !lock::is_held(&lock)? {
        return Ok(Occupancy::Free);
    }
    match std::fs::read(&lock) {
        Ok(note) => Ok(serde_json::from_slice(&note).map_or(Occupancy::Unknown, Occupancy::By)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Occupancy::Free),
        Err(source) => Err(DevServerError::files(lock)(source)),
    }
}

/// What is to be started.
pub(super) struct Birth<'a> {
    pub(super) cli: &'a TemporalCli,
    pub(super) database: &'a Path,
    pub(super) port: u16,
    pub(super) ui_port: Option<u16>,
    pub(super) tuning: Tuning,
}

impl Birth<'_> {
    /// Starts it, with the lock of its database and its log. It has no environment: it needs none, it lives long, and what
    /// starts it may hold keys.
    pub(super) fn start(&self, lock: Lock, log: File) -> Result<Child, DevServerError> {
        let files = || DevServerError::files(SHELL);
        let note = lock.into_file();
        note.set_len(0).map_err(files())?;
        let errors = log.try_clone().map_err(files())?;
        let folder = self.database.parent().unwrap_or(Path::new("/"));
        Command::new(SHELL)
            .args(["-c", SCRIPT, "{\"pid\":", &self.rest_of_note()])
            .arg(&self.cli.path)
            .args(self.arguments())
            .env_clear()
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::from(note))
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(errors))
            .spawn()
            .map_err(files())
    }

    /// An [`Occupant`] without the pid, which is the first thing in it.
    fn rest_of_note(&self) -> String {
        let rest = serde_json::json!({
            "port": self.port, "ui_port": self.ui_port, "cli_version": self.cli.version,
        });
        format!(",{}", rest.to_string().trim_start_matches('{'))
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = ["server", "start-dev", "--db-filename"].map(str::to_owned).into();
        arguments.push(self.database.to_string_lossy().into_owned());
        let mut set = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        set("--ip", "127.0.0.1".to_owned());
        set("--port", self.port.to_string());
        set("--log-level", "error".to_owned());
        let for_tests = (self.tuning == Tuning::Tests).then_some(TUNED_FOR_TESTS);
        for setting in TUNED.into_iter().chain(for_tests) {
            set("--dynamic-config-value", setting.to_owned());
        }
        for pragma in PRAGMAS {
            set("--sqlite-pragma", pragma.to_owned());
        }
        for (name, kind) in SEARCH_ATTRIBUTES {
            set("--search-attribute", format!("{name}={kind}"));
        }
        match self.ui_port {
            Some(port) => {
                set("--ui-port", port.to_string());
                arguments.push("--ui-disable-news-fetch".to_owned());
            }
            None => arguments.push("--headless".to_owned()),
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_a_server_reads_back() {
        let cli = TemporalCli { path: "/bin/temporal".into(), version: "1.9.1".to_owned() };
        let birth = |ui_port| Birth {
            cli: &cli,
            database: Path::new("/server.db"),
            port: 20_007,
            ui_port,
            tuning: Tuning::Users,
        };
        for ui_port in [None, Some(8_233)] {
            let note = format!("{{\"pid\":42{}\n", birth(ui_port).rest_of_note());
            let expected = Occupant { pid: 42, port: 20_007, ui_port, cli_version: "1.9.1".to_owned() };
            assert_eq!(serde_json::from_str::<Occupant>(&note).unwrap(), expected, "{note}");
        }
    }
}
