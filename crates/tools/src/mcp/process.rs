//! [`Process`]: a server that is a program of this machine.
//!
//! It runs outside of the sandbox, in a process group of its own, with the environment that commands get and what is
//! configured for it. What it writes to standard error is logged; the end of it is kept for messages.

use super::settings::McpTransport;
use crate::sys::{MARK_VARIABLE, Root, Tree, start_of};
use agent_core::{BlobId, Redactor};
use secrecy::ExposeSecret;
use std::{
    collections::BTreeMap,
    io,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A server whose input has ended may end by itself within this time.
const LEAVE_WAIT: Duration = Duration::from_millis(300);
/// Between the request to end and the end by force.
const GRACE: Duration = Duration::from_millis(100);
/// How much of standard error is kept.
const KEPT_ERROR_BYTES: usize = 2_048;
/// How much of standard error is logged at once.
const LOGGED_BYTES: usize = 4_096;

/// A server that runs. Dropped, it is killed with all its processes.
pub(super) struct Process {
    /// `None` once it has been stopped.
    child: Mutex<Option<Child>>,
    tree: Tree,
    errors: Arc<Mutex<Vec<u8>>>,
}

/// What a server is started with.
pub(super) struct Start<'a> {
    pub(super) server: &'a str,
    pub(super) transport: &'a McpTransport,
    /// What commands get.
    pub(super) environment: &'a BTreeMap<String, String>,
    /// The thread's directory.
    pub(super) cwd: &'a str,
    pub(super) redactor: &'a Redactor,
}

impl Process {
    /// Starts it. Of a server that is no program, `None`.
    pub(super) fn start(start: &Start<'_>) -> io::Result<Option<(Self, ChildStdout, ChildStdin)>> {
        let McpTransport::Stdio { command, args, env, cwd } = start.transport else { return Ok(None) };
        let mark = mark(start.server);
        let directory = cwd.as_ref().map_or_else(|| start.cwd.into(), Clone::clone);
        let mut child = Command::new(command)
            .args(args)
            .current_dir(&directory)
            .env_clear()
            .envs(start.environment)
            .env("PWD", &directory)
            // `python -m server` would load modules from the directory, which sandboxed commands may write to.
            .env("PYTHONSAFEPATH", "1")
            .envs(env.iter().map(|(name, value)| (name, value.expose_secret())))
            .env(MARK_VARIABLE, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let root = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
        let tree = Tree { root, start: start_of(root).unwrap_or(0), mark };
        let pipes = (child.stdout.take(), child.stdin.take(), child.stderr.take());
        let errors = Arc::new(Mutex::new(Vec::new()));
        let process = Self { child: Mutex::new(Some(child)), tree, errors: Arc::clone(&errors) };
        let (Some(output), Some(input), Some(error)) = pipes else {
            return Err(io::Error::other("it has no standard input and output"));
        };
        tokio::spawn(listen(start.server.to_owned(), error, errors, start.redactor.clone()));
        Ok(Some((process, output, input)))
    }

    /// The end of what it wrote to standard error.
    pub(super) fn errors(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&errors).trim().to_owned()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.try_wait().ok()?
    }

    /// Ends it, once its input is closed, and all that it started.
    pub(super) async fn stop(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut child) = child else { return };
        let left = tokio::time::timeout(LEAVE_WAIT, child.wait()).await.is_ok();
        let root = if left { Root::Lost } else { Root::Held };
        let tree = self.tree.clone();
        let stopped = tokio::task::spawn_blocking(move || tree.stop(root, GRACE)).await;
        if let Ok(stopped) = stopped
            && stopped.survivors > 0
        {
            tracing::warn!(survivors = stopped.survivors, "processes of an MCP server do not end");
        }
        let _ = tokio::time::timeout(LEAVE_WAIT, child.wait()).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let root = if matches!(child.try_wait(), Ok(None)) { Root::Held } else { Root::Lost };
            self.tree.kill_now(root);
        }
    }
}

/// What marks its processes.
fn mark(server: &str) -> String {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let name = format!("mcp {server} {own} {:?} {number}", start_of(own));
    BlobId::of(name.as_bytes()).as_str().chars().take(32).collect()
}

/// Logs what comes, and keeps the end of it.
async fn listen(
    server: String,
    mut error: impl AsyncRead + Unpin,
    kept: Arc<Mutex<Vec<u8>>>,
    redactor: Redactor,
) {
    let mut buffer = vec![0; LOGGED_BYTES];
    while let Ok(count) = error.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return };
        let said = redactor.scrub(String::from_utf8_lossy(bytes).trim_end());
        tracing::debug!(server, said, "an MCP server writes to standard error");
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let excess = kept.len().saturating_sub(KEPT_ERROR_BYTES);
        kept.drain(..excess);
    }
}
