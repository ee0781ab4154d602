//! What is told of a session.

use super::{
    IDLE, MAX_SESSIONS,
    keeper::{Cause, End},
    opened::Session,
};
use crate::{
    command::signal_name,
    ledger::Page,
    sandbox::{Report, denial},
    tool::{Host, failed, scrubbed},
};
use agent_core::{Content, OutputStatus, ToolAnswer, ToolOutput};
use std::{os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};
use tokio::time::Instant;

/// Output of a session with what we have to say about it.
pub(super) struct Account {
    text: String,
    began: Instant,
    call: Call,
}

/// Which call is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// The one that started the command. It can be made again outside of the sandbox.
    Opens,
    /// A later one.
    GoesOn,
}

impl Account {
    /// What the session has printed since it was told last. `began` is when the call did.
    pub(super) fn of(session: &Session, began: Instant, call: Call) -> Self {
        Self { text: session.take_output(), began, call }
    }

    /// Adds a line of ours below the output.
    pub(super) fn note(&mut self, note: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&format!("[{note}]\n"));
    }

    /// The session goes on.
    pub(super) fn open(mut self, session: &Session) -> ToolAnswer {
        let id = session.id;
        self.note(&match self.call {
            Call::Opens => {
                format!("It still runs, as session {id}. Go on with `write_stdin` and `session_id` {id}.")
            }
            Call::GoesOn => format!("Session {id} still runs."),
        });
        self.finished(OutputStatus::Ok, None)
    }

    /// The wait was interrupted, the session goes on.
    pub(super) fn left(mut self, session: &Session) -> ToolAnswer {
        self.note(&format!("The turn was interrupted. Session {} still runs.", session.id));
        ToolAnswer::Cancelled { output: self.output(OutputStatus::Cancelled, None) }
    }

    /// The session is at its end.
    pub(super) fn ended(mut self, session: &Session, end: End) -> ToolAnswer {
        let id = session.id;
        match end {
            End::Exited { status, left_open, report } => self.exited(session, status, left_open, report),
            End::Lost { error } => {
                self.note(&format!("The command ran, but its end was lost: {error}."));
                self.finished(OutputStatus::Failed, None)
            }
            End::Stopped { survivors, .. } if survivors > 0 => ToolAnswer::Unknown {
                note: format!("session {id} was told to stop, but {survivors} of its processes do not end"),
            },
            End::Stopped { cause, .. } => {
                self.note(&format!(
                    "The command and all its processes that could be found were stopped {}.",
                    why(cause)
                ));
                match cause {
                    Cause::Interrupt => {
                        ToolAnswer::Cancelled { output: self.output(OutputStatus::Cancelled, None) }
                    }
                    Cause::Closed => self.finished(OutputStatus::Ok, None),
                    Cause::Crowded | Cause::Released | Cause::Idle | Cause::TimeLimit(_) => {
                        self.finished(OutputStatus::Failed, None)
                    }
                }
            }
        }
    }

    fn exited(
        mut self,
        session: &Session,
        status: ExitStatus,
        left_open: bool,
        report: Option<Report>,
    ) -> ToolAnswer {
        let mut looks_denied = None;
        if let Some(report) = report {
            if let Some(why) = report.not_run(&session.name.program) {
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
        if left_open {
            self.note("The command left processes running in the background; what they write is not shown.");
        }
        let status_of = if status.success() { OutputStatus::Ok } else { OutputStatus::Failed };
        let mut output = self.output(status_of, status.code());
        output.denial = looks_denied.filter(|_| !status.success() && self.call == Call::Opens);
        ToolAnswer::Finished { output }
    }

    fn finished(mut self, status: OutputStatus, exit_code: Option<i32>) -> ToolAnswer {
        ToolAnswer::Finished { output: self.output(status, exit_code) }
    }

    fn output(&mut self, status: OutputStatus, exit_code: Option<i32>) -> ToolOutput {
        let content = if self.text.is_empty() {
            Vec::new()
        } else {
            vec![Content::text(std::mem::take(&mut self.text))]
        };
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        ToolOutput {
            status,
            content,
            exit_code,
            duration_ms: Some(duration_ms),
            changes: Vec::new(),
            denial: None,
        }
    }
}

/// How a session that had to make room is told of.
pub(super) fn made_room(crowded: &Session) -> String {
    format!(
        "Session {} (`{}`) was ended to make room: at most {MAX_SESSIONS} are kept, and it was used longest ago.",
        crowded.id, crowded.name.about
    )
}

fn why(cause: Cause) -> String {
    match cause {
        Cause::Interrupt => "because the turn was interrupted".to_owned(),
        Cause::Closed => "as you asked".to_owned(),
        Cause::Crowded => "to make room for another session".to_owned(),
        Cause::Released => "because the thread was closed".to_owned(),
        Cause::Idle => format!("after {} without output or a call", minutes(IDLE)),
        Cause::TimeLimit(ms) => format!("after {ms} ms, its time limit"),
    }
}

fn minutes(time: Duration) -> String {
    format!("{} minutes", time.as_secs() / 60)
}

/// Keeps the answer in the ledger, then gives it.
pub(super) async fn settle(host: &Host, page: Page, answer: ToolAnswer) -> ToolAnswer {
    let answer = scrubbed(&host.redactor, answer);
    let kept = answer.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || page.finish(&kept)).await {
        tracing::warn!(%error, "the answer of a call is not in the ledger");
    }
    answer
}
