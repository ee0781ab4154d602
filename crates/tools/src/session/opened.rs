//! A session as its calls have it.

use super::{
    BUFFER_BYTES, LIFE, QUIET, Size,
    keeper::{Cause, End, Held, keep},
    shared::{Shared, Watching},
    start::Started,
    terminal,
};
use crate::{
    ledger::Child as Record,
    output::{LiveOutput, Transcript},
    sys::{Input, Tree, boot_id},
};
use agent_core::{Grant, Redactor, SandboxPolicy, ToolAnswer, ToolRequest};
use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    net::unix::pipe::{Receiver, Sender},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// A command that may go on when its call is over. Dropped, its whole tree is killed.
pub(super) struct Session {
    /// The effect that started it.
    pub(super) id: u64,
    pub(super) attempt: u32,
    pub(super) name: Name,
    pub(super) began: Instant,
    /// What the call that started it was told.
    pub(super) told: OnceLock<ToolAnswer>,
    /// The policy it was started under, and how far it may go.
    sandbox: SandboxPolicy,
    grant: Grant,
    tree: Tree,
    /// Where it is typed into; there is none without a terminal.
    terminal: Option<Sender>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What a session is called.
pub(super) struct Name {
    /// The program as it was called.
    pub(super) program: String,
    /// The command, without secrets, on one line.
    pub(super) about: String,
}

/// How a wait for a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The session is at its end.
    Ended,
    /// It goes on.
    Yielded,
    /// Whoever waited was interrupted.
    Interrupted,
}

/// How long output is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// For the whole time.
    Whole,
    /// Until some came after this piece, and then none for a while.
    UntilQuiet { since: u64 },
}

impl Session {
    /// Keeps a command that was started. `about` is what it is called.
    pub(super) fn keep(
        request: &ToolRequest,
        started: Started,
        name: Name,
        limit_ms: Option<u64>,
        redactor: &Redactor,
        cap_bytes: usize,
    ) -> io::Result<Self> {
        let Started { child, tree, stream, input, report } = started;
        let held = Held::new(child, tree.clone());
        // These types serve any file that can be waited for.
        let terminal = match input {
            Input::Terminal => Some(Sender::from_owned_fd_unchecked(stream.try_clone()?)?),
            Input::Plain => None,
        };
        let stream = Receiver::from_owned_fd_unchecked(stream)?;
        let began = Instant::now();
        let transcript = Transcript::of_session(redactor, cap_bytes.min(BUFFER_BYTES));
        let shared = Arc::new(Shared::new(transcript, began));
        let limit = limit_ms.map_or(LIFE, Duration::from_millis).min(LIFE);
        let task = tokio::spawn(keep(held, stream, Arc::clone(&shared), limit, report));
        Ok(Self {
            id: request.effect.0,
            attempt: request.attempt,
            name,
            began,
            told: OnceLock::new(),
            sandbox: request.sandbox.clone(),
            grant: request.grant,
            tree,
            terminal,
            shared,
            task,
        })
    }

    /// Whether typing into it needs no more than this policy and grant give.
    pub(super) fn is_within(&self, sandbox: &SandboxPolicy, grant: Grant) -> bool {
        grant == Grant::Unconfined
            || *sandbox == SandboxPolicy::DangerFullAccess
            || self.grant == Grant::Sandboxed && self.sandbox == *sandbox
    }

    /// Why typing into it may break the policy.
    pub(super) fn reach(&self) -> &'static str {
        match self.grant {
            Grant::Sandboxed => "the session runs under the sandbox policy of before",
            _ => "the session runs outside the sandbox",
        }
    }

    pub(super) fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// How its processes are found by whoever comes after this process.
    pub(super) fn record(&self) -> Record {
        Record {
            pid: self.tree.root,
            start: self.tree.start,
            boot: boot_id().to_owned(),
            mark: self.tree.mark.clone(),
        }
    }

    /// It is in use now.
    pub(super) fn touch(&self) {
        let mut state = self.shared.state();
        (state.called, state.stirred) = (Instant::now(), Instant::now());
    }

    /// When it was called for last.
    pub(super) fn called(&self) -> Instant {
        self.shared.state().called
    }

    /// How it ended, once all of its output is there.
    pub(super) fn end(&self) -> Option<End> {
        self.shared.state().end.clone()
    }

    /// The output since it was taken last.
    pub(super) fn take_output(&self) -> String {
        let mut state = self.shared.state();
        match state.end {
            Some(_) => state.transcript.take_rest(),
            None => state.transcript.take_so_far(),
        }
    }

    /// Shows what it prints as the output of a call, until the answer is dropped.
    pub(super) fn watch(&self, live: LiveOutput) -> Watching<'_> {
        Watching::of(&self.shared, live)
    }

    /// How many pieces of output there were.
    pub(super) fn pieces(&self) -> u64 {
        self.shared.progress.borrow().pieces
    }

    /// Waits until it ends, or it is time, or it is quiet, or whoever waits is stopped.
    pub(super) async fn wait(
        &self,
        stop: &CancellationToken,
        deadline: Instant,
        patience: Patience,
    ) -> Waited {
        let mut progress = self.shared.progress.subscribe();
        let mut quiet_at = None;
        loop {
            let now = *progress.borrow_and_update();
            if now.ended {
                return Waited::Ended;
            }
            if let Patience::UntilQuiet { since } = patience
                && now.pieces > since
            {
                quiet_at = Some(Instant::now() + QUIET);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Waited::Interrupted,
                () = sleep_until(deadline) => return Waited::Yielded,
                // The sender is ours.
                _ = progress.changed() => {}
                () = sleep_until(quiet_at.unwrap_or(deadline)), if quiet_at.is_some() => return Waited::Yielded,
            }
        }
    }

    /// Stops it and waits until it is at its end.
    pub(super) async fn stop(&self, cause: Cause) {
        self.shared.halt.send_if_modified(|halt| halt.is_none() && halt.replace(cause).is_none());
        let mut progress = self.shared.progress.subscribe();
        let _ = progress.wait_for(|progress| progress.ended).await;
    }

    /// Types; says how many bytes were taken before it was time, or whoever types was stopped, or the program was gone.
    pub(super) async fn write(&self, bytes: &[u8], stop: &CancellationToken, deadline: Instant) -> usize {
        let mut written = 0;
        let Some(terminal) = &self.terminal else { return written };
        let all = async {
            while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                if terminal.writable().await.is_err() {
                    return;
                }
                match terminal.try_write(rest) {
                    Ok(count) => written += count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        tokio::select! {
            biased;
            () = all => {}
            () = stop.cancelled() => {}
            () = sleep_until(deadline) => {}
        }
        written
    }

    /// Changes the size of its terminal; what is not given stays.
    pub(super) fn resize(&self, rows: Option<u16>, cols: Option<u16>) -> io::Result<()> {
        let Some(terminal) = &self.terminal else { return Ok(()) };
        let now = terminal::size(terminal)?;
        terminal::resize(terminal, Size { rows: rows.unwrap_or(now.rows), cols: cols.unwrap_or(now.cols) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What the task holds is killed with it.
        self.task.abort();
    }
}
