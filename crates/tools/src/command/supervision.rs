//! A command from its start to its answer.

use super::process::{Begin, Job, Running, begin, directory_fault};
use crate::{
    ledger::Page,
    output::{FLUSH_EVERY, LiveOutput, Transcript},
    sandbox::{Report, denial},
    tool::{Host, cancelled_early, failed, no_ledger, scrubbed},
};
use agent_core::{Content, OutputStatus, ToolAnswer, ToolOutput, ToolRequest};
use std::{
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, time::sleep};
use tokio_util::sync::CancellationToken;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// After the command has ended, its output is read until there is none for so long: what it left running may hold the
/// pipe open for ever.
const DRAIN_IDLE: Duration = Duration::from_millis(50);
/// And at most for so long.
const DRAIN_TOTAL: Duration = Duration::from_millis(500);
/// How long a killed command may take to be reaped.
const REAP_WAIT: Duration = Duration::from_millis(200);

/// How a command came to its end.
enum Ending {
    Exited(io::Result<ExitStatus>),
    /// It was stopped; so many of its processes could not be.
    Stopped {
        survivors: usize,
        cause: Cause,
    },
}

/// Why a command was stopped.
#[derive(Clone, Copy)]
enum Cause {
    TimeLimit,
    Interrupt,
}

/// Whether the command's output came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Open,
    Closed,
}

/// Runs a command.
pub(super) async fn run(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    argv: Vec<String>,
    cwd: String,
) -> ToolAnswer {
    if stop.is_cancelled() {
        return cancelled_early();
    }
    if let Some(fault) = directory_fault(&cwd) {
        return failed(fault);
    }
    let program = argv.first().cloned().unwrap_or_default();
    let environment = host.environment.clone();
    let (ledger, sandbox, run) = (Arc::clone(&host.ledger), Arc::clone(&host.sandbox), request.clone());
    let begun = tokio::task::spawn_blocking(move || {
        let launch = sandbox.launch(&run, argv)?;
        Ok::<_, String>(begin(&ledger, &run, Job { launch, cwd, environment }))
    });
    let begun = match begun.await {
        Ok(Err(why)) => return failed(format!("The command did not run: {why}.")),
        Ok(Ok(begun)) => Ok(begun),
        Err(error) => Err(error),
    };
    match begun {
        Ok(Begin::Running(running)) => supervise(host, request, stop, *running, &program).await,
        Ok(Begin::Known) => host.recover(request.clone()).await,
        Ok(Begin::Failed { page, error }) => {
            close(host, page, failed(format!("`{program}` could not be started: {error}"))).await
        }
        Ok(Begin::NotStarted { error }) => not_started(&program, &error),
        Ok(Begin::NoLedger { error }) => no_ledger(&error),
        Err(error) => ToolAnswer::Unknown { note: format!("the harness failed while starting it: {error}") },
    }
}

fn not_started(program: &str, error: &io::Error) -> ToolAnswer {
    match error.kind() {
        // Trying again would not help: the directory went away or may not be entered.
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
            failed(format!("`{program}` could not be started: {error}"))
        }
        _ => {
            tracing::warn!(program, %error, "a command could not be started");
            ToolAnswer::NotStarted
        }
    }
}

/// Keeps the answer in the ledger, then gives it.
async fn close(host: &Host, page: Page, answer: ToolAnswer) -> ToolAnswer {
    let answer = scrubbed(&host.redactor, answer);
    let kept = answer.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || page.finish(&kept)).await {
        tracing::warn!(%error, "the answer of a call is not in the ledger");
    }
    answer
}

async fn supervise(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    mut running: Running,
    program: &str,
) -> ToolAnswer {
    let begun = Instant::now();
    let live = LiveOutput::new(Arc::clone(&host.sink), request);
    let mut reading = Reading {
        pipe: running.output.take().and_then(|pipe| Receiver::from_owned_fd(OwnedFd::from(pipe)).ok()),
        buffer: vec![0; READ_BYTES],
        transcript: Transcript::new(&host.redactor, host.output_bytes, live),
    };
    let limit_ms = request.preparation.timeout_ms;
    let ending = watch(&mut running, &mut reading, stop, Duration::from_millis(limit_ms)).await;
    let pipe = reading.drain().await;
    let sandboxed = match running.report.take() {
        Some(report) if !matches!(ending, Ending::Stopped { .. }) => Sandboxed::Told(report.read()),
        Some(_) => Sandboxed::Stopped,
        None => Sandboxed::No,
    };
    let output = Output {
        text: reading.transcript.finish(),
        sandboxed,
        pipe,
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        limit_ms,
    };
    let answer = match ending {
        Ending::Exited(Ok(status)) => output.exited(status, program),
        Ending::Exited(Err(error)) => {
            ToolAnswer::Unknown { note: format!("it ran, but its end was lost: {error}") }
        }
        Ending::Stopped { survivors, cause } => match (survivors, reaped(&mut running).await) {
            (0, true) => output.stopped(cause),
            (survivors, _) => ToolAnswer::Unknown {
                note: format!("it was told to stop, but {} of its processes do not end", survivors.max(1)),
            },
        },
    };
    match running.page.take() {
        Some(page) => close(host, page, answer).await,
        None => answer,
    }
}

/// Reads output until the command ends, runs out of time or is to stop; stopped, it is stopped on return.
async fn watch(
    running: &mut Running,
    reading: &mut Reading,
    stop: &CancellationToken,
    limit: Duration,
) -> Ending {
    let deadline = sleep(limit);
    tokio::pin!(deadline);
    let cause = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break Cause::Interrupt,
            () = &mut deadline => break Cause::TimeLimit,
            status = running.wait() => return Ending::Exited(status),
            () = reading.some() => {}
        }
    };
    // It may have been faster.
    if let Some(status) = running.ended() {
        return Ending::Exited(status);
    }
    let mut stopping = running.stop();
    loop {
        tokio::select! {
            biased;
            stopped = &mut stopping => {
                let survivors = stopped.map_or(1, |stopped| stopped.survivors);
                return Ending::Stopped { survivors, cause };
            }
            () = reading.some() => {}
        }
    }
}

async fn reaped(running: &mut Running) -> bool {
    tokio::time::timeout(REAP_WAIT, running.wait()).await.is_ok()
}

/// The reading end of a command's output.
struct Reading {
    /// `None` once it is at its end.
    pipe: Option<Receiver>,
    buffer: Vec<u8>,
    transcript: Transcript,
}

impl Reading {
    /// Takes some output, or shows what waits after a while without any. Never returns once the pipe is at its end.
    async fn some(&mut self) {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        let read = tokio::select! {
            read = pipe.read(&mut self.buffer) => read,
            () = sleep(FLUSH_EVERY), if self.transcript.has_waiting() => return self.transcript.flush(),
        };
        match read {
            Ok(count) if count > 0 => self.transcript.take(self.buffer.get(..count).unwrap_or_default()),
            Ok(_) | Err(_) => self.pipe = None,
        }
    }

    /// Takes what is left when the command has ended.
    async fn drain(&mut self) -> Pipe {
        let begun = Instant::now();
        while self.pipe.is_some() && begun.elapsed() < DRAIN_TOTAL {
            self.transcript.flush();
            if tokio::time::timeout(DRAIN_IDLE, self.some()).await.is_err() {
                break;
            }
        }
        if self.pipe.is_some() { Pipe::Open } else { Pipe::Closed }
    }
}

/// What the sandbox says of a command.
enum Sandboxed {
    /// It was not in it.
    No,
    /// It was stopped from here.
    Stopped,
    Told(Report),
}

/// What is told of a command.
struct Output {
    text: String,
    sandboxed: Sandboxed,
    pipe: Pipe,
    duration_ms: u64,
    limit_ms: u64,
}

impl Output {
    fn exited(mut self, status: ExitStatus, program: &str) -> ToolAnswer {
        let mut looks_denied = None;
        if let Sandboxed::Told(report) = &self.sandboxed {
            if let Some(why) = report.not_run(program) {
                return failed(why);
            }
            if !report.started {
                let note =
                    format!("its supervisor in the sandbox ended ({status}) before it told how far it was");
                return ToolAnswer::Unknown { note };
            }
            looks_denied = report.limit.clone().or_else(|| denial(&self.text, status.code()));
            for remark in report.remarks() {
                self.note(&remark);
            }
        }
        if let Some(signal) = status.signal() {
            self.note(&format!("The command was ended by signal {signal}{}.", signal_name(signal)));
        }
        if self.pipe == Pipe::Open {
            self.note("The command left processes running in the background; what they write is not shown.");
        }
        let ok = status.success();
        let mut output = self.output(if ok { OutputStatus::Ok } else { OutputStatus::Failed }, status.code());
        output.denial = looks_denied.filter(|_| !ok);
        ToolAnswer::Finished { output }
    }

    fn stopped(mut self, cause: Cause) -> ToolAnswer {
        match cause {
            Cause::TimeLimit => {
                let limit_ms = self.limit_ms;
                self.note(&format!(
                    "The command and all its processes that could be found were stopped after {limit_ms} ms, its time limit."
                ));
                ToolAnswer::Finished { output: self.output(OutputStatus::Failed, None) }
            }
            Cause::Interrupt => {
                self.note("The command and all its processes that could be found were stopped because the turn was interrupted.");
                ToolAnswer::Cancelled { output: self.output(OutputStatus::Cancelled, None) }
            }
        }
    }

    /// Adds a line of ours below the output.
    fn note(&mut self, note: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&format!("[{note}]\n"));
    }

    fn output(self, status: OutputStatus, exit_code: Option<i32>) -> ToolOutput {
        let content = if self.text.is_empty() { Vec::new() } else { vec![Content::text(self.text)] };
        ToolOutput {
            status,
            content,
            exit_code,
            duration_ms: Some(self.duration_ms),
            changes: Vec::new(),
            denial: None,
        }
    }
}

/// The name of a signal, in parentheses, where it has a usual one.
pub(crate) fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGHUP => " (SIGHUP)",
        libc::SIGINT => " (SIGINT)",
        libc::SIGQUIT => " (SIGQUIT)",
        libc::SIGILL => " (SIGILL)",
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGBUS => " (SIGBUS)",
        libc::SIGFPE => " (SIGFPE)",
        libc::SIGKILL => " (SIGKILL)",
        libc::SIGSEGV => " (SIGSEGV)",
        libc::SIGPIPE => " (SIGPIPE)",
        libc::SIGTERM => " (SIGTERM)",
        libc::SIGXCPU => " (SIGXCPU)",
        _ => "",
    }
}
