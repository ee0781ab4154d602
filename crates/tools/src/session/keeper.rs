//! A session while it runs: a task reads its output, watches its times and stops it.

use super::{BUFFER_BYTES, IDLE, LIFE, QUIET, Size, start::Started, terminal};
use crate::{
    ledger::Child as Record,
    output::{FLUSH_EVERY, LiveOutput, Transcript},
    sandbox::{Report, ReportReader},
    sys::{Input, Root, Stopped, Tree, boot_id},
};
use agent_core::{Grant, Redactor, SandboxPolicy, ToolAnswer, ToolRequest};
use std::{
    io,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::{Receiver, Sender},
    process::Child,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// After the command has ended, its output is read until there is none for so long: what it left running may hold it open.
const DRAIN_IDLE: Duration = Duration::from_millis(50);
/// And at most for so long.
const DRAIN_TOTAL: Duration = Duration::from_millis(500);
/// Between the request to end and the end by force. An interrupt has to be over within 100 ms.
const GRACE: Duration = Duration::from_millis(50);
/// How long a killed command may take to be reaped.
const REAP_WAIT: Duration = Duration::from_millis(200);

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

/// How a session came to its end.
#[derive(Clone, Debug)]
pub(super) enum End {
    Exited {
        status: ExitStatus,
        /// Whether something still holds its output open.
        left_open: bool,
        /// What the sandbox tells, where it was in one.
        report: Option<Report>,
    },
    /// Its end could not be seen.
    Lost { error: String },
    /// It was stopped; so many of its processes could not be.
    Stopped { cause: Cause, survivors: usize },
}

/// Why a session was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The turn was interrupted while the call that started it waited.
    Interrupt,
    /// A call asked for it.
    Closed,
    /// Another one needed its place.
    Crowded,
    /// The thread was closed.
    Released,
    /// It said nothing and was not called for too long.
    Idle,
    /// It ran for so many milliseconds.
    TimeLimit(u64),
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

/// What the keeper and the calls share.
struct Shared {
    state: Mutex<State>,
    progress: watch::Sender<Progress>,
    halt: watch::Sender<Option<Cause>>,
}

struct State {
    transcript: Transcript,
    line_ends: LineEnds,
    touched: Instant,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    pieces: u64,
    ended: bool,
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
        let held = Held { child, tree: tree.clone(), state: Running::Yes };
        // These types serve any file that can be waited for.
        let terminal = match input {
            Input::Terminal => Some(Sender::from_owned_fd_unchecked(stream.try_clone()?)?),
            Input::Plain => None,
        };
        let stream = Receiver::from_owned_fd_unchecked(stream)?;
        let began = Instant::now();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                transcript: Transcript::of_session(redactor, cap_bytes.min(BUFFER_BYTES)),
                line_ends: LineEnds::default(),
                touched: began,
                end: None,
            }),
            progress: watch::Sender::default(),
            halt: watch::Sender::default(),
        });
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
        self.shared.state().touched = Instant::now();
    }

    pub(super) fn touched(&self) -> Instant {
        self.shared.state().touched
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
        self.shared.state().transcript.watch(live);
        Watching(&self.shared)
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

/// A call that shows what a session prints.
pub(super) struct Watching<'a>(&'a Shared);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.state().transcript.unwatch();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.state();
        let bytes = state.line_ends.plain(bytes);
        state.transcript.take(&bytes);
        state.touched = Instant::now();
        drop(state);
        self.progress.send_modify(|progress| progress.pieces += 1);
    }

    fn end(&self, end: End) {
        let mut state = self.state();
        let rest = state.line_ends.finish();
        state.transcript.take(&rest);
        state.end = Some(end);
        drop(state);
        self.progress.send_modify(|progress| progress.ended = true);
    }
}

/// The task of a session.
async fn keep(
    mut held: Held,
    stream: Receiver,
    shared: Arc<Shared>,
    limit: Duration,
    report: Option<ReportReader>,
) {
    let mut reading = Reading { stream: Some(stream), buffer: vec![0; READ_BYTES], shared: &shared };
    let ended = watch_over(&mut held, &mut reading, limit).await;
    let end = match ended {
        Ok(Ok(status)) => exited(&mut reading, status, report).await,
        Ok(Err(error)) => End::Lost { error: error.to_string() },
        // It may have been faster.
        Err(cause) => match held.ended() {
            Some(Ok(status)) => exited(&mut reading, status, report).await,
            Some(Err(_)) | None => stopped(&mut held, &mut reading, cause).await,
        },
    };
    shared.end(end);
}

/// Reads until the command ends or has to be stopped.
async fn watch_over(
    held: &mut Held,
    reading: &mut Reading<'_>,
    limit: Duration,
) -> Result<io::Result<ExitStatus>, Cause> {
    let mut halt = reading.shared.halt.subscribe();
    let life = sleep(limit);
    let idle = sleep(IDLE);
    tokio::pin!(life, idle);
    loop {
        tokio::select! {
            biased;
            // The sender is ours.
            _ = halt.changed() => if let Some(cause) = *halt.borrow_and_update() { return Err(cause) },
            () = &mut life => {
                return Err(Cause::TimeLimit(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)));
            }
            () = &mut idle => {
                let due = reading.shared.state().touched + IDLE;
                if due <= Instant::now() {
                    return Err(Cause::Idle);
                }
                idle.as_mut().reset(due);
            }
            status = held.wait() => return Ok(status),
            () = reading.some() => {}
        }
    }
}

async fn exited(reading: &mut Reading<'_>, status: ExitStatus, report: Option<ReportReader>) -> End {
    let left_open = reading.drain().await;
    End::Exited { status, left_open, report: report.map(ReportReader::read) }
}

async fn stopped(held: &mut Held, reading: &mut Reading<'_>, cause: Cause) -> End {
    let mut stopping = held.stop();
    let survivors = loop {
        tokio::select! {
            biased;
            stopped = &mut stopping => break stopped.map_or(1, |stopped| stopped.survivors),
            () = reading.some() => {}
        }
    };
    let reaped = timeout(REAP_WAIT, held.wait()).await.is_ok();
    reading.drain().await;
    End::Stopped { cause, survivors: if reaped { survivors } else { survivors.max(1) } }
}

/// The command and its tree. Dropped while it runs, the tree is killed.
struct Held {
    child: Child,
    tree: Tree,
    state: Running,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    Yes,
    No,
}

impl Held {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.state = Running::No;
        status
    }

    fn ended(&mut self) -> Option<io::Result<ExitStatus>> {
        let status = self.child.try_wait().transpose();
        if status.is_some() {
            self.state = Running::No;
        }
        status
    }

    /// Stops the tree, on a thread of its own. It is not waited for before this is done: as long as it is not reaped, its
    /// number is its own.
    fn stop(&self) -> JoinHandle<Stopped> {
        let (tree, root) = (self.tree.clone(), self.root());
        tokio::task::spawn_blocking(move || tree.stop(root, GRACE))
    }

    fn root(&self) -> Root {
        match self.state {
            Running::Yes => Root::Held,
            Running::No => Root::Lost,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.state == Running::Yes {
            self.tree.kill_now(Root::Held);
        }
    }
}

/// The end of a session from which its output is read.
struct Reading<'a> {
    /// `None` once it is at its end.
    stream: Option<Receiver>,
    buffer: Vec<u8>,
    shared: &'a Shared,
}

impl Reading<'_> {
    /// Takes some output, or shows what waits after a while without any. Never returns once there can be no more.
    async fn some(&mut self) {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        let has_waiting = self.shared.state().transcript.has_waiting();
        let read = tokio::select! {
            read = stream.read(&mut self.buffer) => read,
            () = sleep(FLUSH_EVERY), if has_waiting => return self.shared.state().transcript.flush(),
        };
        match read {
            Ok(count) if count > 0 => self.shared.take(self.buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A terminal that nobody has open any more is an error.
            Ok(_) | Err(_) => self.stream = None,
        }
    }

    /// Takes what is left when the command has ended; whether something still holds it open.
    async fn drain(&mut self) -> bool {
        let begun = Instant::now();
        while self.stream.is_some() && begun.elapsed() < DRAIN_TOTAL {
            self.shared.state().transcript.flush();
            if timeout(DRAIN_IDLE, self.some()).await.is_err() {
                break;
            }
        }
        self.stream.is_some()
    }
}

/// Makes the line ends of a terminal, `\r\n`, plain ones.
#[derive(Default)]
struct LineEnds {
    /// Carriage returns whose next character has not come yet.
    returns: usize,
}

impl LineEnds {
    fn plain(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(bytes.len() + self.returns);
        for byte in bytes {
            match byte {
                // More than one means the same.
                b'\r' => self.returns = 1,
                b'\n' => {
                    self.returns = 0;
                    plain.push(b'\n');
                }
                other => {
                    plain.extend(self.finish());
                    plain.push(*other);
                }
            }
        }
        plain
    }

    fn finish(&mut self) -> Vec<u8> {
        vec![b'\r'; std::mem::take(&mut self.returns)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_plain_wherever_they_are_cut() {
        let text = b"a\r\nb\r\r\nc\rd\n\r\r";
        for cut in 0..=text.len() {
            let mut line_ends = LineEnds::default();
            let (before, after) = text.split_at(cut);
            let mut plain = line_ends.plain(before);
            plain.extend(line_ends.plain(after));
            plain.extend(line_ends.finish());
            assert_eq!(plain, b"a\nb\nc\rd\n\r", "cut at {cut}");
        }
    }
}
