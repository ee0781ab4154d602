//! Running a program with an input, within a time, and with an end: of the program and of all that it started.

use crate::sys::{MARK_VARIABLE, Root, Tree, start_of};
use agent_core::BlobId;
use std::{
    collections::BTreeMap,
    io,
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
};

/// The longest answer, in bytes.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// How much of standard error is kept, in bytes.
const MAX_ERROR_BYTES: usize = 8 * 1024;
/// Between the request to end and the end by force.
const GRACE: Duration = Duration::from_millis(100);
/// How long the output of a program that has ended is waited for, while what it left running holds it open.
const OUTPUT_WAIT: Duration = Duration::from_millis(200);
/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 8 * 1024;

/// What is to be run.
pub(super) struct Run<'a> {
    pub(super) program: &'a str,
    pub(super) arguments: Vec<&'a str>,
    pub(super) cwd: &'a str,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// Written to its standard input. It need not read it.
    pub(super) input: Vec<u8>,
    pub(super) within: Duration,
}

/// What came of it.
pub(super) enum Ran {
    NotStarted(io::Error),
    /// It did not end in time and was killed; so many of its processes are left all the same.
    Hung {
        survivors: usize,
    },
    Ended {
        /// `None` where a signal ended it.
        code: Option<i32>,
        /// `None` where it was too long.
        output: Option<Vec<u8>>,
        /// The beginning of it.
        errors: String,
    },
}

impl Run<'_> {
    pub(super) async fn run(self) -> Ran {
        let mark = mark();
        let started = Command::new(self.program)
            .args(&self.arguments)
            .current_dir(self.cwd)
            .env_clear()
            .envs(self.environment)
            .env("PWD", self.cwd)
            .env(MARK_VARIABLE, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => return Ran::NotStarted(error),
        };
        let root = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let tree = Tree { root, start: start_of(root).unwrap_or(0), mark };
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut running = Running { child, tree, is_over: false };
        // Both are read from the start: a program whose output nobody takes would never end.
        let output = tokio::spawn(read(output, MAX_OUTPUT_BYTES));
        let errors = tokio::spawn(read(errors, MAX_ERROR_BYTES));
        let writing = tokio::spawn(write(input, self.input));
        let status = tokio::time::timeout(self.within, running.wait()).await;
        writing.abort();
        let status = match status {
            Ok(status) => status,
            Err(_) => {
                let survivors = running.stop().await;
                output.abort();
                errors.abort();
                return Ran::Hung { survivors };
            }
        };
        let (output, errors) = (taken(output).await, taken(errors).await);
        let output = output.unwrap_or_default();
        Ran::Ended {
            code: status.ok().and_then(|status| status.code()),
            output: (!output.is_cut).then_some(output.bytes),
            errors: String::from_utf8_lossy(&errors.unwrap_or_default().bytes).into_owned(),
        }
    }
}

/// A program that runs. Dropped, it is killed with all that it started.
struct Running {
    child: Child,
    tree: Tree,
    is_over: bool,
}

impl Running {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.is_over = true;
        status
    }

    /// Kills it, and returns how many of its processes are left.
    async fn stop(&mut self) -> usize {
        let tree = self.tree.clone();
        // It is not reaped before this is done: as long as it is not, its number is its own.
        let stopped = tokio::task::spawn_blocking(move || tree.stop(Root::Held, GRACE)).await;
        let _ = tokio::time::timeout(GRACE, self.wait()).await;
        stopped.map_or(0, |stopped| stopped.survivors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.tree.kill_now(Root::Held);
        }
    }
}

/// What was read.
#[derive(Default)]
struct Read {
    bytes: Vec<u8>,
    /// There was more.
    is_cut: bool,
}

/// Reads to the end, and keeps the beginning.
async fn read(source: Option<impl AsyncRead + Unpin>, keep: usize) -> Read {
    let mut read = Read::default();
    let Some(mut source) = source else { return read };
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = source.read(&mut chunk).await {
        let room = keep - read.bytes.len();
        read.is_cut |= count > room;
        read.bytes.extend_from_slice(chunk.get(..count.min(room)).unwrap_or_default());
    }
    read
}

/// What was read of a program that has ended. Nothing where something that it started keeps writing.
async fn taken(mut reading: tokio::task::JoinHandle<Read>) -> Option<Read> {
    let read = tokio::time::timeout(OUTPUT_WAIT, &mut reading).await;
    reading.abort();
    read.ok()?.ok()
}

/// A program that does not read its input closes it, which is no mistake.
async fn write(input: Option<ChildStdin>, bytes: Vec<u8>) {
    if let Some(mut input) = input {
        let _ = input.write_all(&bytes).await;
        let _ = input.shutdown().await;
    }
}

/// What marks the processes of this run.
fn mark() -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let name = format!("hook {own} {:?} {number}", start_of(own));
    BlobId::of(name.as_bytes()).as_str().chars().take(32).collect()
}
