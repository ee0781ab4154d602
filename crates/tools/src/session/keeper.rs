//! The task of a session: it reads the output, watches the times and stops the command.

use super::{IDLE, shared::Shared};
use crate::{
    output::FLUSH_EVERY,
    sandbox::{Report, ReportReader},
    sys::{Root, Stopped, Tree},
};
use std::{io, process::ExitStatus, sync::Arc, time::Duration};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    process::Child,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

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

/// The task of a session.
pub(super) async fn keep(
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
                let due = reading.shared.state().stirred + IDLE;
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
pub(super) struct Held {
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
    pub(super) fn new(child: Child, tree: Tree) -> Self {
        Self { child, tree, state: Running::Yes }
    }

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
