//! Running a call of a server's tool, from its start to its answer.
//!
//! A call that may change something is written into the ledger before it is sent, and is never sent twice unless the server
//! says that this is harmless. What becomes of one that was sent and got no answer, nobody knows.

use super::{
    answer, http::client_error, open_call::OpenCall, prepare::arguments, running::Happening, server::Wait,
    servers::Found, state::McpTools, trouble::with_causes,
};
use crate::{
    ledger::{Opened, Page},
    output::LiveOutput,
    tool::{Host, cancelled_early, failed, no_ledger, scrubbed},
};
use agent_core::{
    Access, ElicitationAction, ElicitationReply, OutputStatus, Repeat, ToolAnswer, ToolOutput, ToolRequest,
};
use rmcp::{ServiceError, model::ElicitResult};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long a stopped call may take to tell its server.
const STOP_WAIT: Duration = Duration::from_millis(100);
/// How often a call is sent that may be sent again, when its server ends in the middle of it.
const MAX_SENDS: u32 = 2;

/// Runs a call.
pub(super) async fn run(
    tools: &McpTools,
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
) -> ToolAnswer {
    tools.held.drop_abandoned(request);
    if stop.is_cancelled() {
        return cancelled_early();
    }
    let call = match &request.reply {
        None => None,
        Some(reply) => match go_on(tools, request, reply) {
            Some(call) => Some(call),
            None => {
                return ToolAnswer::Unknown {
                    note: "it waited for the user's answer, and the process that held it is gone".to_owned(),
                };
            }
        },
    };
    let page = match open_page(host, request) {
        Ok(page) => page,
        Err(Refused::Known) => return host.recover(request.clone()).await,
        Err(Refused::NoLedger(answer)) => return answer,
    };
    let run = Run { tools, host, request, stop };
    let answer = scrubbed(&host.redactor, run.from(call).await);
    match page {
        Some(page) => close(page, answer).await,
        None => answer,
    }
}

/// The call that this attempt goes on with, once its server has the user's answer.
fn go_on(tools: &McpTools, request: &ToolRequest, reply: &ElicitationReply) -> Option<OpenCall> {
    let mut call = tools.held.take(request)?;
    let waits = call.reply.take()?;
    // The server may have ended meanwhile; then the call has too, and says so.
    let _ = waits.send(elicited(reply));
    Some(call)
}

fn elicited(reply: &ElicitationReply) -> ElicitResult {
    match reply.action {
        ElicitationAction::Accept => {
            let result = ElicitResult::new(rmcp::model::ElicitationAction::Accept);
            if reply.content.is_null() { result } else { result.with_content(reply.content.clone()) }
        }
        ElicitationAction::Decline => ElicitResult::new(rmcp::model::ElicitationAction::Decline),
        _ => ElicitResult::new(rmcp::model::ElicitationAction::Cancel),
    }
}

/// Why a call that may change something does not run.
enum Refused {
    /// It ran before.
    Known,
    NoLedger(ToolAnswer),
}

/// The page of a call that may change something.
fn open_page(host: &Host, request: &ToolRequest) -> Result<Option<Page>, Refused> {
    if request.preparation.access == Access::ReadOnly {
        return Ok(None);
    }
    match host.ledger.open(request) {
        Ok(Opened::Known) => Err(Refused::Known),
        Err(error) => Err(Refused::NoLedger(no_ledger(&error))),
        Ok(Opened::Fresh(mut page)) => match page.begin_here() {
            Ok(()) => Ok(Some(page)),
            Err(error) => {
                page.discard();
                Err(Refused::NoLedger(no_ledger(&error)))
            }
        },
    }
}

/// Keeps the answer in the ledger, then gives it. A call that was not sent leaves no trace.
async fn close(page: Page, answer: ToolAnswer) -> ToolAnswer {
    if answer == ToolAnswer::NotStarted {
        page.discard();
        return answer;
    }
    let kept = answer.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || page.finish(&kept)).await {
        tracing::warn!(%error, "the answer of a call is not in the ledger");
    }
    answer
}

/// One attempt.
struct Run<'a> {
    tools: &'a McpTools,
    host: &'a Host,
    request: &'a ToolRequest,
    stop: &'a CancellationToken,
}

/// What came of a call that was sent.
enum Came {
    Answer(ToolAnswer),
    /// The server ended in the middle of it.
    Broke {
        how: String,
    },
}

impl Run<'_> {
    /// Goes on with a call, or sends it.
    async fn from(&self, call: Option<OpenCall>) -> ToolAnswer {
        let mut sends = 1;
        let mut call = call;
        loop {
            let open = match call.take() {
                Some(open) => open,
                None => match self.send().await {
                    Ok(open) => open,
                    Err(answer) => return answer,
                },
            };
            let how = match self.follow(open).await {
                Came::Answer(answer) => return answer,
                Came::Broke { how } => how,
            };
            if self.request.preparation.repeat == Repeat::Never {
                return ToolAnswer::Unknown {
                    note: format!("its server went away before it answered: {how}"),
                };
            }
            if sends == MAX_SENDS {
                return failed(format!("The server went away twice before it answered: {how}"));
            }
            sends += 1;
        }
    }

    /// Sends the call, to a server that is started for it where it does not run. Nothing was sent where this fails.
    async fn send(&self) -> Result<OpenCall, ToolAnswer> {
        let name = &self.request.call.name;
        let arguments = arguments(name, &self.request.call.payload).map_err(failed)?;
        let ready = async {
            let Found { server, offered } = self.tools.servers.find(&self.request.cwd, name).await?;
            let connection = server.connection(Wait::Fully).await;
            let connection = connection.map_err(|trouble| {
                format!(
                    "The call was not sent. {}.",
                    self.host.redactor.scrub(&trouble.told(&server.settings))
                )
            })?;
            Ok::<_, String>((connection, offered))
        };
        let (connection, offered) = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(cancelled_early()),
            ready = ready => ready.map_err(failed)?,
        };
        Ok(OpenCall::send(connection, &offered.tool, arguments))
    }

    /// Waits for the answer.
    async fn follow(&self, mut call: OpenCall) -> Came {
        let begun = Instant::now();
        let mut live = LiveOutput::new(Arc::clone(&self.host.sink), self.request);
        let limit_ms = self.request.preparation.timeout_ms;
        let deadline = tokio::time::sleep(Duration::from_millis(limit_ms));
        tokio::pin!(deadline);
        loop {
            let happening = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    stopped(&mut call).await;
                    return Came::Answer(self.interrupted());
                }
                happening = call.happenings.recv() => happening,
                () = &mut deadline => {
                    stopped(&mut call).await;
                    return Came::Answer(self.too_slow(limit_ms));
                }
            };
            match happening {
                Some(Happening::Progress(line)) => live.push(&self.host.redactor.scrub(&line)),
                Some(Happening::Asks { elicitation, reply }) => {
                    live.flush();
                    call.reply = Some(reply);
                    self.tools.held.keep(self.request, call);
                    return Came::Answer(ToolAnswer::Asks { elicitation });
                }
                Some(Happening::TooLong { bytes }) => {
                    stopped(&mut call).await;
                    return Came::Answer(failed(format!(
                        "The call ran, but its answer has {bytes} bytes, more than are taken. Ask for less at once."
                    )));
                }
                Some(Happening::Ended(ended)) => {
                    live.flush();
                    return self.ended(&call, ended, begun).await;
                }
                None => return Came::Broke { how: "the harness lost it".to_owned() },
            }
        }
    }

    async fn ended(
        &self,
        call: &OpenCall,
        ended: Result<rmcp::model::CallToolResult, ServiceError>,
        begun: Instant,
    ) -> Came {
        let error = match ended {
            Ok(result) => {
                let output = answer::of_call(self.host, &self.request.key, result).await;
                let duration_ms = u64::try_from(begun.elapsed().as_millis()).ok();
                return Came::Answer(ToolAnswer::Finished { output: ToolOutput { duration_ms, ..output } });
            }
            Err(error) => error,
        };
        match error {
            ServiceError::McpError(error) => Came::Answer(failed(format!(
                "The server refuses the call: {} ({})",
                error.message, error.code.0
            ))),
            ServiceError::TransportClosed => Came::Broke { how: call.connection.end().await },
            ServiceError::TransportSend(error) => match client_error(&*error.error) {
                Some(error) if error.is_connect() => {
                    Came::Answer(failed(format!("The call was not sent: {}", with_causes(error))))
                }
                Some(error) => Came::Broke { how: with_causes(error) },
                None => Came::Broke { how: with_causes(&*error.error) },
            },
            other => Came::Broke { how: with_causes(&other) },
        }
    }

    fn interrupted(&self) -> ToolAnswer {
        let text = "Stopped because the turn was interrupted. The server was told to stop it.";
        match self.request.preparation.access {
            Access::ReadOnly => {
                ToolAnswer::Cancelled { output: ToolOutput::text(OutputStatus::Cancelled, text) }
            }
            Access::Mutating => ToolAnswer::Unknown {
                note: "it was interrupted; the server was told to stop it, and may have done some of it"
                    .to_owned(),
            },
        }
    }

    fn too_slow(&self, limit_ms: u64) -> ToolAnswer {
        let server = match &self.request.preparation.subject {
            agent_core::Subject::Mcp { server, .. } => server.as_str(),
            _ => "NAME",
        };
        let seconds = Duration::from_millis(limit_ms).as_secs_f32();
        let text = format!(
            "no answer came within {seconds} s (`mcp_servers.{server}.tool_timeout_sec`), and the server was told to stop it"
        );
        match self.request.preparation.access {
            Access::ReadOnly => failed(format!("Stopped: {text}.")),
            Access::Mutating => ToolAnswer::Unknown { note: format!("{text}; it may have done some of it") },
        }
    }
}

/// Tells the server to stop a call, within a bound.
async fn stopped(call: &mut OpenCall) {
    if tokio::time::timeout(STOP_WAIT, call.stop()).await.is_err() {
        tracing::debug!("an MCP server could not be told in time to stop a call");
    }
}
