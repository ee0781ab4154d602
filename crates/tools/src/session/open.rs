//! `exec_command` where the command may go on.

use super::{
    Opening,
    answer::{Account, Call, made_room, settle},
    keeper::Cause,
    opened::{Name, Patience, Session, Waited},
    start::{Begin, Job, begin},
};
use crate::{
    command::directory_fault,
    ledger::Page,
    output::LiveOutput,
    tool::{Host, cancelled_early, failed, no_ledger},
};
use agent_core::{ToolAnswer, ToolRequest};
use std::{io, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How much of a command names its session, in characters.
const ABOUT_CHARS: usize = 80;

/// A command that may go on.
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    pub(crate) cwd: String,
    pub(crate) opening: Opening,
}

/// Starts a command and waits for it as long as the call says.
pub(crate) async fn open(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    command: Command,
) -> ToolAnswer {
    if stop.is_cancelled() {
        return cancelled_early();
    }
    if let Some(fault) = directory_fault(&command.cwd) {
        return failed(fault);
    }
    let program = command.argv.first().cloned().unwrap_or_default();
    let about = about(host, &command.argv);
    let opening = command.opening;
    let job = Job {
        argv: command.argv,
        cwd: command.cwd,
        environment: host.environment.clone(),
        stream: opening.stream,
    };
    let (ledger, sandbox, run) = (Arc::clone(&host.ledger), Arc::clone(&host.sandbox), request.clone());
    let begun = tokio::task::spawn_blocking(move || begin(&ledger, &sandbox, &run, job)).await;
    match begun {
        Ok(Begin::Running { started, page }) => {
            let kept = Session::keep(
                request,
                *started,
                Name { program, about },
                opening.limit_ms,
                &host.redactor,
                host.output_bytes,
            );
            match kept {
                Ok(session) => wait(host, request, stop, &Arc::new(session), page, opening).await,
                Err(error) => {
                    let note = format!("it was started, but its output cannot be read: {error}");
                    settle(host, page, ToolAnswer::Unknown { note }).await
                }
            }
        }
        Ok(Begin::Known) => host.recover(request.clone()).await,
        Ok(Begin::Failed { page, error }) => settle(host, page, not_started(&program, &error)).await,
        Ok(Begin::NotStarted { error }) => match error.kind() {
            // Trying again would not help: the directory went away or may not be entered.
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                not_started(&program, &error)
            }
            _ => {
                tracing::warn!(program, %error, "a command could not be started");
                ToolAnswer::NotStarted
            }
        },
        Ok(Begin::NoLedger { error }) => no_ledger(&error),
        Ok(Begin::NoSandbox { error }) => failed(format!("The command did not run: {error}")),
        Err(error) => ToolAnswer::Unknown { note: format!("the harness failed while starting it: {error}") },
    }
}

fn not_started(program: &str, error: &io::Error) -> ToolAnswer {
    failed(format!("`{program}` could not be started: {error}"))
}

async fn wait(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    session: &Arc<Session>,
    page: Page,
    opening: Opening,
) -> ToolAnswer {
    let began = session.began;
    let watching = session.watch(LiveOutput::new(Arc::clone(&host.sink), request));
    let deadline = began + Duration::from_millis(opening.yield_ms);
    let waited = session.wait(stop, deadline, Patience::Whole).await;
    if waited == Waited::Interrupted {
        session.stop(Cause::Interrupt).await;
    }
    drop(watching);
    let crowded = match (waited, session.end()) {
        (Waited::Yielded, None) => host.sessions.keep(&request.key, session),
        _ => Ok(None),
    };
    let mut refused = None;
    if let Err(error) = &crowded {
        session.stop(Cause::Released).await;
        refused = Some(format!("The command was stopped: {error}."));
    }
    let crowded = crowded.ok().flatten();
    if let Some(crowded) = &crowded {
        crowded.stop(Cause::Crowded).await;
    }
    let mut account = Account::of(session, began, Call::Opens);
    for note in crowded.iter().map(|crowded| made_room(crowded)).chain(refused) {
        account.note(&note);
    }
    let answer = match session.end() {
        Some(end) if host.sessions.find(&request.key, session.id).is_none() => account.ended(session, end),
        // One that ended in this very moment is told of by the next call.
        _ => account.open(session),
    };
    let answer = settle(host, page, answer).await;
    session.touch();
    let _ = session.told.set(answer.clone());
    answer
}

/// The command on one line, without secrets, cut where long.
fn about(host: &Host, argv: &[String]) -> String {
    let line = match argv {
        [_, flag, line] if flag == "-c" => line.clone(),
        words => words.join(" "),
    };
    let line = host.redactor.scrub(&line).replace(char::is_control, " ");
    match line.char_indices().nth(ABOUT_CHARS) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
        None => line,
    }
}
