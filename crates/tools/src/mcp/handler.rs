//! [`Handler`]: what a server may ask of this side, and what it may tell.

use super::running::{Origin, Running, nobody};
use agent_core::{Elicitation, Redactor};
use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, FormElicitationCapability, Implementation, ProgressNotificationParam,
        ProtocolVersion, UrlElicitationCapability,
    },
    service::{InboundStreamOrigin, NotificationContext, RequestContext},
};
use serde_json::Value;
use std::{path::Path, sync::Arc, time::Duration};

/// How long a server waits for the user's answer at most. Then it is told that there is none.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(3_600);
/// A question is cut to so many characters.
const MAX_QUESTION_CHARS: usize = 4_000;
/// What a server logs is cut to so many characters.
const MAX_LOG_CHARS: usize = 500;

/// This side of a connection.
#[derive(Debug)]
pub(super) struct Handler {
    pub(super) server: String,
    /// The directory that the server is told of as its root.
    pub(super) root: String,
    pub(super) running: Arc<Running>,
    pub(super) redactor: Redactor,
}

impl Handler {
    /// Puts a question to the user through the call that runs.
    pub(super) async fn elicit(&self, request: ElicitRequestParams, origin: Origin) -> ElicitResult {
        let Some(elicitation) = self.elicitation(request) else {
            tracing::warn!(server = %self.server, "an MCP server asks the user in a way that is not known here");
            return nobody(ElicitationAction::Decline);
        };
        match self.running.ask(&origin, elicitation) {
            Ok(answer) => match tokio::time::timeout(ANSWER_WAIT, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => nobody(ElicitationAction::Cancel),
            },
            Err(why) => {
                tracing::warn!(server = %self.server, why, "a question of an MCP server was declined");
                nobody(ElicitationAction::Decline)
            }
        }
    }

    /// The directory as the server is told of it.
    #[expect(deprecated, reason = "servers of today's protocol still ask for roots")]
    pub(super) fn roots(&self) -> rmcp::model::ListRootsResult {
        let name = Path::new(&self.root).file_name().map(|name| name.to_string_lossy().into_owned());
        let root = rmcp::model::Root::new(file_url(&self.root));
        let root = match name {
            Some(name) => root.with_name(name),
            None => root,
        };
        rmcp::model::ListRootsResult::new(vec![root])
    }

    fn elicitation(&self, request: ElicitRequestParams) -> Option<Elicitation> {
        let server = self.server.clone();
        let short = |text: String| text.chars().take(MAX_QUESTION_CHARS).collect::<String>();
        match request {
            ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
                let schema = serde_json::to_value(requested_schema).unwrap_or(Value::Null);
                Some(Elicitation { server, message: short(message), schema, url: None })
            }
            ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
                Some(Elicitation { server, message: short(message), schema: Value::Null, url: Some(url) })
            }
            _ => None,
        }
    }
}

#[expect(deprecated, reason = "servers of today's protocol still log and ask for roots")]
impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(
            ElicitationCapability::new()
                .with_form(FormElicitationCapability::new())
                .with_url(UrlElicitationCapability::new()),
        );
        capabilities.roots = Some(rmcp::model::RootsCapabilities::default());
        let info = Implementation::new("everturn", env!("CARGO_PKG_VERSION")).with_title("Everturn");
        ClientConfig::new(capabilities, info).with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<rmcp::model::ListRootsResult, ErrorData> {
        Ok(self.roots())
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let origin = match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => Origin::Request(id.clone()),
            Some(InboundStreamOrigin::Unassociated) | None => Origin::Unknown,
        };
        Ok(self.elicit(request, origin).await)
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let amount = match params.total {
            Some(total) => format!("{} of {total}", params.progress),
            None => params.progress.to_string(),
        };
        let line = match params.message {
            Some(message) => format!("{amount}: {message}\n"),
            None => format!("{amount}\n"),
        };
        self.running.progress(&params.progress_token, line);
    }

    async fn on_logging_message(
        &self,
        params: rmcp::model::LoggingMessageNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let said: String =
            self.redactor.scrub(&params.data.to_string()).chars().take(MAX_LOG_CHARS).collect();
        tracing::debug!(server = %self.server, level = ?params.level, said, "an MCP server logs");
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.running.tools_changed();
    }

    async fn on_resource_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.running.tools_changed();
    }
}

/// A directory as an address: what is not plain is percent-encoded.
fn file_url(path: &str) -> String {
    let mut url = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_an_address_that_every_server_reads() {
        assert_eq!(file_url("/a b/ü.x"), "file:///a%20b/%C3%BC.x");
    }
}
