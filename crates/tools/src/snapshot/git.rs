//! [`Git`]: the program, held off from everything that is not the shadow repository.
//!
//! It reads no configuration of the system or the user, runs no hook, filter or monitor, asks nobody, and takes no lock that
//! it could do without. Each child is in a process group of its own, so that an interrupt from the terminal does not hit it.

use super::{SnapshotError, SnapshotsConfig, watch::Watch};
use crate::ledger::Durability;
use rustix::process::{Signal, kill_process_group};
use std::{
    ffi::{OsStr, OsString},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

/// More than the names of the largest workspace that is allowed take.
const MAX_OUTPUT_BYTES: u64 = 256 * 1024 * 1024;
/// What is kept of what Git complains of.
const MAX_COMPLAINT_BYTES: u64 = 2_000;
/// What is passed on of the host's environment.
const PASSED_ON: [&str; 3] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH"];

/// The program with a repository, a work tree and an index.
#[derive(Clone, Debug)]
pub(super) struct Git {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// Of the shadow repository. Programs start here: relative entries of `PATH` must not lead into a workspace.
    dir: PathBuf,
    root: PathBuf,
    index: PathBuf,
    settings: Vec<String>,
}

impl Git {
    pub(super) fn new(config: &SnapshotsConfig, dir: &Path, root: &Path) -> Self {
        let mut environment: Vec<(OsString, OsString)> = PASSED_ON
            .into_iter()
            .filter_map(|name| Some((name.into(), config.environment.get(name)?.into())))
            .collect();
        let fixed = [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_AUTHOR_NAME", "everturn"),
            ("GIT_AUTHOR_EMAIL", "everturn@localhost"),
            ("GIT_COMMITTER_NAME", "everturn"),
            ("GIT_COMMITTER_EMAIL", "everturn@localhost"),
        ];
        environment.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        let fsync = match config.durability {
            Durability::Process => "core.fsync=none",
            Durability::Power => "core.fsync=all",
        };
        Self {
            program: config.git.clone(),
            environment,
            dir: dir.to_owned(),
            root: root.to_owned(),
            index: dir.join("index"),
            settings: vec![fsync.to_owned()],
        }
    }

    /// With another index.
    pub(super) fn with_index(&self, index: PathBuf) -> Self {
        Self { index, ..self.clone() }
    }

    /// With one more setting.
    pub(super) fn with_setting(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn index(&self) -> &Path {
        &self.index
    }

    /// In the shadow repository.
    pub(super) fn run(
        &self,
        watch: &Watch,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, SnapshotError> {
        self.finish(watch, self.command(arguments), arguments, input)
    }

    /// In the user's own repository, if the workspace is one; only for what reads, and runs nothing that it configures.
    /// `own` are variables that this call needs besides.
    pub(super) fn run_in_theirs(
        &self,
        watch: &Watch,
        own: &[(&str, &OsStr)],
        arguments: &[&str],
    ) -> Result<Vec<u8>, SnapshotError> {
        let mut command = self.bare();
        command.arg("-C").arg(&self.root).args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ]);
        command.envs(own.iter().copied());
        for (name, value) in own {
            if value.is_empty() {
                command.env_remove(name);
            }
        }
        command.args(arguments);
        self.finish(watch, command, arguments, b"")
    }

    /// A process that gives contents of objects, one after the other.
    pub(super) fn objects(&self) -> Result<Objects, SnapshotError> {
        let arguments = ["cat-file", "--batch"];
        let mut command = self.command(&arguments);
        command.stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| self.not_started(&arguments, error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(SnapshotError::Broken);
        };
        Ok(Objects { child, input: Some(input), output: BufReader::new(output) })
    }

    fn bare(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("HOME", &self.dir).env("XDG_CONFIG_HOME", &self.dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(&self.dir).process_group(0);
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        command.env("GIT_DIR", &self.dir).env("GIT_WORK_TREE", &self.root).env("GIT_INDEX_FILE", &self.index);
        if self.root.is_dir() {
            command.arg("-C").arg(&self.root);
        }
        command.args(self.settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
        command.args(arguments);
        command
    }

    fn finish(
        &self,
        watch: &Watch,
        mut command: Command,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<Vec<u8>, SnapshotError> {
        watch.check()?;
        let child = command.spawn().map_err(|error| self.not_started(arguments, error))?;
        let (ended, output, complaint) = converse(watch, child, input)?;
        if ended {
            return Ok(output);
        }
        Err(self.failed(arguments, String::from_utf8_lossy(&complaint).trim().to_owned()))
    }

    fn not_started(&self, arguments: &[&str], error: io::Error) -> SnapshotError {
        match error.kind() {
            // The second where a folder of `PATH` is closed to this user.
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied if self.dir.is_dir() => {
                SnapshotError::NoGit(self.program.display().to_string())
            }
            _ => self.failed(arguments, error.to_string()),
        }
    }

    fn failed(&self, arguments: &[&str], message: String) -> SnapshotError {
        let command = arguments.first().copied().unwrap_or_default().to_owned();
        SnapshotError::Git { command, root: self.root.clone(), message }
    }
}

/// Gives a child its input and takes what it says, until it ends or must. Whether it did its work, its output, its complaint.
fn converse(
    watch: &Watch,
    mut child: Child,
    input: &[u8],
) -> Result<(bool, Vec<u8>, Vec<u8>), SnapshotError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let result = thread::scope(|scope| {
        let (done, said) = mpsc::channel();
        scope.spawn(move || {
            // A child that ends early does not want the rest.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        let complaint = scope.spawn(move || read(stderr, MAX_COMPLAINT_BYTES));
        let output = scope.spawn(move || {
            let output = read(stdout, MAX_OUTPUT_BYTES);
            let _ = done.send(());
            output
        });
        let waited = loop {
            match said.recv_timeout(watch.pause()) {
                Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => break Ok(()),
                Err(mpsc::RecvTimeoutError::Timeout) => match watch.check() {
                    Ok(()) => {}
                    Err(error) => break Err(error),
                },
            }
        };
        if waited.is_err() {
            // With all that it started: they hold the other ends of the pipes.
            let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        }
        let output = output.join().unwrap_or_default();
        let complaint = complaint.join().unwrap_or_default();
        waited.map(|()| (output, complaint))
    });
    let status = child.wait();
    let (output, complaint) = result?;
    Ok((status.is_ok_and(|status| status.success()), output, complaint))
}

/// All of it up to a bound; what is beyond is read and forgotten, so that the child can end.
fn read(stream: Option<impl Read>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.by_ref().take(limit).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
    }
    bytes
}

/// A process that gives contents of objects. It ends when it is dropped.
pub(super) struct Objects {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Objects {
    /// The contents of one.
    pub(super) fn get(&mut self, id: &str) -> io::Result<Vec<u8>> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(format!("{id}\n").as_bytes())?;
        let mut header = String::new();
        self.output.read_line(&mut header)?;
        // `<id> <type> <size>`, or `<id> missing`.
        let size = header.trim_end().splitn(3, ' ').nth(2).and_then(|size| size.parse::<usize>().ok());
        let Some(size) = size else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("object {}", header.trim_end())));
        };
        let mut bytes = vec![0; size];
        self.output.read_exact(&mut bytes)?;
        self.output.read_exact(&mut [0])?;
        Ok(bytes)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pieces of an output whose records end with a zero byte.
pub(super) fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

/// A path as Git writes it.
pub(super) fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
