//! [`Site`]: a data folder with a server of its own; [`Programs`]: what is measured, and the program of the server.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::super::build;
use super::super::home::Place;
use super::super::plan::{Plan, Work};
use super::super::subject::surroundings;

/// Anything that takes longer has gone wrong.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// How often is looked whether something has happened that nobody tells.
pub(super) const LOOK: Duration = Duration::from_millis(2);
/// Names the server's program.
const CLI_VARIABLE: &str = "EVERTURN_TEMPORAL_CLI";

/// What is measured, and the program of the server.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) everturn: PathBuf,
    pub(super) temporal: PathBuf,
}

impl Programs {
    pub(super) fn find(root: &Path, bin: Option<&Path>) -> Result<Self> {
        let temporal = temporal().with_context(|| {
            format!("no Temporal CLI was found: put temporal on PATH, or set {CLI_VARIABLE}")
        })?;
        let everturn = bin.map_or_else(|| build::program(root), |bin| Ok(bin.to_owned()))?;
        let everturn =
            everturn.canonicalize().with_context(|| format!("there is no program {}", everturn.display()))?;
        Ok(Self { everturn, temporal })
    }

    /// What a program says of its version.
    pub(super) fn version(program: &Path) -> String {
        let output = Command::new(program).arg("--version").output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    }
}

/// Where everturn looks too: the variable, `PATH`, what it has fetched for the user or for its tests.
fn temporal() -> Option<PathBuf> {
    let of = |folder: PathBuf| -> Vec<PathBuf> {
        let versions = std::fs::read_dir(folder).into_iter().flatten().flatten();
        versions.map(|version| version.path().join("temporal")).collect()
    };
    let named = std::env::var_os(CLI_VARIABLE).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    named
        .into_iter()
        .map(|named| if named.is_dir() { named.join("temporal") } else { named })
        .chain(std::env::split_paths(&path).map(|folder| folder.join("temporal")))
        .chain(of(home.join(".everturn/cache/temporal")))
        .chain(of(std::env::temp_dir().join("temporal-cli")))
        .find(|file| file.is_file())
}

/// A data folder, a place to work in, and a server that lives as long as this value. The model's url is part of it: a
/// worker knows one.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) programs: Programs,
    pub(super) place: Place,
    /// The NATS server over which words travel between processes, if they do.
    pub(super) bus: Option<String>,
    url: OsString,
    holder: Option<Child>,
}

/// What the lock of a server's database says.
#[derive(serde::Deserialize)]
struct Occupant {
    pid: i32,
    port: u16,
}

impl Site {
    /// A data folder without a server: whoever needs one starts it.
    pub(super) fn cold(programs: &Programs, url: &str) -> Result<Self> {
        Ok(Self {
            programs: programs.clone(),
            place: Place::empty()?,
            url: url.into(),
            bus: None,
            holder: None,
        })
    }

    /// With a server that answers.
    pub(super) fn start(programs: &Programs, url: &str) -> Result<Self> {
        let mut site = Self::cold(programs, url)?;
        let log = site.place.file("server.log");
        let errors = File::create(&log)?;
        let mut command = site.everturn(&["dev-server"]);
        command.stdin(Stdio::null()).stdout(errors.try_clone()?).stderr(errors);
        let child = site.holder.insert(command.spawn().context("could not start the server")?);
        wait_for_text(&log, "Ctrl-C", child)?;
        Ok(site)
    }

    /// A command of ours in this place.
    pub(super) fn everturn(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.programs.everturn);
        surroundings(&mut command, &self.place);
        command.env("EVERTURN_HOME", self.home()).env(CLI_VARIABLE, &self.programs.temporal);
        command.env("OPENAI_BASE_URL", &self.url).env("OPENAI_API_KEY", "key-of-the-benchmark").args(args);
        if let Some(bus) = &self.bus {
            command.args(["--bus", bus]);
        }
        command
    }

    /// A question to the server, answered in JSON.
    pub(super) fn ask(&self, args: &[&str]) -> Result<serde_json::Value> {
        let address = format!("127.0.0.1:{}", self.occupant()?.port);
        let mut command = Command::new(&self.programs.temporal);
        surroundings(&mut command, &self.place);
        let output = command.args(args).args(["--address", &address, "--output", "json"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "temporal {} failed: {}", args.join(" "), said.trim());
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the answer to {} is no JSON", args.join(" ")))
    }

    /// The process of the server.
    pub(super) fn server(&self) -> Result<Pid> {
        Pid::from_raw(self.occupant()?.pid).context("the server has no number")
    }

    fn home(&self) -> PathBuf {
        self.place.home().join(".everturn")
    }

    fn occupant(&self) -> Result<Occupant> {
        let lock = self.home().join("temporal/server.db.lock");
        let note = std::fs::read(&lock).with_context(|| format!("there is no server: {}", lock.display()))?;
        Ok(serde_json::from_slice(&note)?)
    }
}

impl Drop for Site {
    /// The server stops with the last that uses it. One that does not is killed, and its data go.
    fn drop(&mut self) {
        let server = self.server();
        if let Some(holder) = &mut self.holder {
            let _ = kill_process(Pid::from_child(holder), Signal::TERM);
            let _ = holder.wait();
        }
        let Ok(server) = server else { return };
        let begun = Instant::now();
        let program = format!("/proc/{}/exe", server.as_raw_nonzero());
        // Its number may be another process's by now.
        while std::fs::read_link(&program).is_ok_and(|program| program == self.programs.temporal) {
            if begun.elapsed() > STOPPING {
                let _ = kill_process(server, Signal::KILL);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// A server stops within a second.
const STOPPING: Duration = Duration::from_secs(10);

/// A model's plan with a name of its own.
pub(super) fn plan(run: &str, work: Work, calls: usize) -> Plan {
    Plan { run: format!("temporal-{run}"), work, calls }
}

/// Waits until a process has written this into its log.
pub(super) fn wait_for_text(log: &Path, text: &str, child: &mut Child) -> Result<()> {
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap_or_default();
        if said.contains(text) {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status} before it said `{text}`: {}", said.trim());
        }
        ensure!(begun.elapsed() < PATIENCE, "it has not said `{text}`: {}", said.trim());
        std::thread::sleep(LOOK);
    }
}
