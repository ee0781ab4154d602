//! [`OpenCall`]: a call that was sent to a server, in a task of its own, so that it outlives the attempt that began it while
//! the user is asked something.

use super::{
    connection::Connection,
    running::{HAPPENINGS, Happening, Origin},
};
use rmcp::{
    ServiceError,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ElicitRequestParams,
        ElicitResult, ElicitationAction, ErrorCode, ErrorData, InputRequest, InputRequiredResult,
        InputResponses, JsonObject, NumberOrString, ProgressToken, ServerResult,
    },
    service::{PeerRequestOptions, RequestHandle},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often a server may want something more before it answers.
const MAX_ROUNDS: usize = 32;
/// The error of a server that wants the user at an address first.
/// See <https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation>.
const VISIT_FIRST: ErrorCode = ErrorCode(-32042);
/// Between two rounds of a server that wants nothing but time.
const ROUND_WAIT: Duration = Duration::from_millis(500);

/// A call that was sent. Dropped, the server is told to stop it.
pub(super) struct OpenCall {
    /// What happens to it. The last is [`Happening::Ended`].
    pub(super) happenings: mpsc::Receiver<Happening>,
    /// Where the answer to the open question goes.
    pub(super) reply: Option<oneshot::Sender<ElicitResult>>,
    /// The server that serves it.
    pub(super) connection: Arc<Connection>,
    cancel: CancellationToken,
    _guard: DropGuard,
}

impl OpenCall {
    /// Sends a call.
    pub(super) fn send(connection: Arc<Connection>, tool: &str, arguments: JsonObject) -> Self {
        let (sender, happenings) = mpsc::channel(HAPPENINGS);
        let cancel = CancellationToken::new();
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let carried = Carried {
            connection: Arc::clone(&connection),
            params,
            happenings: sender,
            cancel: cancel.clone(),
        };
        tokio::spawn(carried.carry());
        Self { happenings, reply: None, connection, cancel: cancel.clone(), _guard: cancel.drop_guard() }
    }

    /// Tells the server to stop it, and waits until that has been sent or the call has ended otherwise.
    pub(super) async fn stop(&mut self) {
        self.cancel.cancel();
        while let Some(happening) = self.happenings.recv().await {
            if let Happening::Ended(_) = happening {
                return;
            }
        }
    }
}

/// The task of a call.
struct Carried {
    connection: Arc<Connection>,
    params: CallToolRequestParams,
    happenings: mpsc::Sender<Happening>,
    cancel: CancellationToken,
}

impl Carried {
    async fn carry(mut self) {
        let ended = self.rounds().await;
        let _ = self.happenings.send(Happening::Ended(ended)).await;
    }

    /// A server of the newest protocol answers with what it wants to know, and is asked again with that.
    async fn rounds(&mut self) -> Result<CallToolResult, ServiceError> {
        for _ in 0..MAX_ROUNDS {
            match self.round().await {
                Ok(ServerResult::CallToolResult(result)) => return Ok(result),
                Ok(ServerResult::InputRequiredResult(wanted)) => self.fulfil(wanted).await?,
                Ok(_) => return Err(ServiceError::UnexpectedResponse),
                Err(ServiceError::McpError(error)) if error.code == VISIT_FIRST => {
                    self.visit(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(ServiceError::InputRequiredRoundsExceeded { max_rounds: MAX_ROUNDS })
    }

    async fn round(&self) -> Result<ServerResult, ServiceError> {
        let request = CallToolRequest::new(self.params.clone());
        let peer = self.connection.peer();
        let options = PeerRequestOptions::no_options();
        let mut handle: RequestHandle<_> =
            peer.send_request_with_option(ClientRequest::CallToolRequest(request), options).await?;
        let _running = self.connection.running().register(
            handle.id.clone(),
            handle.progress_token.clone(),
            self.happenings.clone(),
        );
        tokio::select! {
            biased;
            answered = &mut handle.rx => answered.map_err(|_| ServiceError::TransportClosed)?,
            () = self.cancel.cancelled() => {
                let reason = "the call is not wanted any more".to_owned();
                let _ = handle.cancel(Some(reason.clone())).await;
                Err(ServiceError::Cancelled { reason: Some(reason) })
            }
        }
    }

    async fn fulfil(&mut self, wanted: InputRequiredResult) -> Result<(), ServiceError> {
        let requests = wanted.input_requests.unwrap_or_default();
        if requests.is_empty() {
            sleep(ROUND_WAIT).await;
        }
        let mut responses = InputResponses::new();
        for (key, request) in requests {
            responses.insert(key, self.respond(request).await?);
        }
        self.params.input_responses = (!responses.is_empty()).then_some(responses);
        self.params.request_state = wanted.request_state;
        Ok(())
    }

    /// A server refuses the call until the user has been at an address, and is asked again after that.
    async fn visit(&self, error: ErrorData) -> Result<(), ServiceError> {
        let wanted = error.data.as_ref().and_then(|data| data.get("elicitations")?.as_array().cloned());
        let wanted = wanted.filter(|wanted| !wanted.is_empty());
        let Some(wanted) = wanted else { return Err(ServiceError::McpError(error)) };
        for params in wanted {
            let Ok(params) = serde_json::from_value(params) else {
                return Err(ServiceError::McpError(error));
            };
            if self.ask(params).await.action != ElicitationAction::Accept {
                return Err(ServiceError::McpError(error));
            }
        }
        Ok(())
    }

    /// Asks the user something between two requests of this call.
    async fn ask(&self, params: ElicitRequestParams) -> ElicitResult {
        // No request runs now, so the call is named like none of them.
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let id = NumberOrString::String(format!("input-{}", ASKED.fetch_add(1, Ordering::Relaxed)).into());
        let running = self.connection.running();
        let _running = running.register(id.clone(), ProgressToken(id.clone()), self.happenings.clone());
        let asked = self.connection.handler().elicit(params, Origin::Request(id));
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => ElicitResult::new(ElicitationAction::Cancel),
            answer = asked => answer,
        }
    }

    async fn respond(&self, request: InputRequest) -> Result<serde_json::Value, ServiceError> {
        match request {
            InputRequest::Elicitation(request) => serde_json::to_value(self.ask(request.params).await),
            InputRequest::ListRoots(_) => serde_json::to_value(self.connection.handler().roots()),
            _ => {
                let error = ErrorData::invalid_request("sampling is not offered by this client", None);
                return Err(ServiceError::McpError(error));
            }
        }
        .map_err(|error| ServiceError::McpError(ErrorData::internal_error(error.to_string(), None)))
    }
}
