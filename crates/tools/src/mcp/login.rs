//! [`McpLogin`]: a login at a server, with OAuth: the authorization server is discovered, this client registered, and the
//! code of the browser's answer, which comes to a port of this machine, exchanged for tokens (with PKCE).

use super::{
    http::new_manager,
    settings::{McpServer, McpTransport},
    tokens::{Kept, McpTokens},
    trouble::with_causes,
};
use agent_core::Redactor;
use rmcp::transport::{
    AuthError, AuthorizationManager, AuthorizationRequest,
    auth::{AuthorizationCallback, AuthorizationSession},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How long the user has to answer in the browser.
const ANSWER_WAIT: Duration = Duration::from_secs(600);
/// How long one request of the browser may take.
const REQUEST_WAIT: Duration = Duration::from_secs(10);
/// The most that is read of a request.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Where the browser's answer goes.
const CALLBACK_PATH: &str = "/callback";

const DONE_PAGE: &str = "Logged in. This window can be closed.";
const REFUSED_PAGE: &str = "The login did not work. The terminal says why.";
const OTHER_PAGE: &str = "There is nothing here.";

/// A login that waits for the user.
pub struct McpLogin {
    session: AuthorizationSession,
    listener: TcpListener,
    origin: String,
}

/// Why a login did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpLoginError {
    /// It is a program of this machine.
    #[error("the MCP server `{0}` is a program of this machine: there is nothing to log in to")]
    NoAddress(String),
    /// No port can be listened at.
    #[error("no port of this machine can be listened at for the browser's answer: {0}")]
    NoPort(#[source] io::Error),
    /// The server does not take logins.
    #[error(
        "the MCP server `{server}` does not say how to log in: {why}. Where it takes a token, set \
         `mcp_servers.{server}.bearer_token_env_var`"
    )]
    NoOauth {
        /// The server.
        server: String,
        /// What it said.
        why: String,
    },
    /// The user, or the authorization server, said no.
    #[error("the login was refused: {0}")]
    Refused(String),
    /// Nobody answered.
    #[error("nobody answered within {} s; begin again", ANSWER_WAIT.as_secs())]
    NoAnswer,
    /// The tokens were not given or cannot be kept.
    #[error("the login did not come to its end: {0}")]
    Failed(String),
}

impl McpLogin {
    /// Begins a login. [`url`](Self::url) is what the user has to open.
    ///
    /// # Errors
    /// The server is not reached or takes no logins.
    pub async fn begin(
        server: &McpServer,
        scopes: &[String],
        tokens: Arc<dyn McpTokens>,
        redactor: Redactor,
    ) -> Result<Self, McpLoginError> {
        let McpTransport::Http { url, .. } = &server.transport else {
            return Err(McpLoginError::NoAddress(server.name.clone()));
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(McpLoginError::NoPort)?;
        let port = listener.local_addr().map_err(McpLoginError::NoPort)?.port();
        let origin = format!("http://127.0.0.1:{port}");
        let no_oauth = |error: &AuthError| McpLoginError::NoOauth {
            server: server.name.clone(),
            why: with_causes(error),
        };
        let kept = Kept { tokens, server: server.name.clone(), redactor };
        let manager = discovered(url, kept).await.map_err(|error| no_oauth(&error))?;
        let scopes = if scopes.is_empty() { &server.scopes } else { scopes };
        let mut request = AuthorizationRequest::new(format!("{origin}{CALLBACK_PATH}"))
            .with_client_name("Everturn")
            .with_initial_scope_selection();
        if !scopes.is_empty() {
            request = request.with_scopes(scopes);
        }
        let session = AuthorizationSession::new(manager, request).await;
        let session = session.map_err(|(_, error)| no_oauth(&error))?;
        Ok(Self { session, listener, origin })
    }

    /// Where the user says yes.
    pub fn url(&self) -> &str {
        self.session.get_authorization_url()
    }

    /// Waits for the user's answer, and keeps the tokens.
    ///
    /// # Errors
    /// The user or the server said no, nobody answered in time, or the tokens cannot be kept.
    pub async fn finish(self) -> Result<(), McpLoginError> {
        let answered = tokio::time::timeout(ANSWER_WAIT, self.answer()).await;
        answered.map_err(|_| McpLoginError::NoAnswer)?
    }

    /// Takes requests until one of them is the answer.
    async fn answer(self) -> Result<(), McpLoginError> {
        loop {
            let (mut browser, _) = self.listener.accept().await.map_err(McpLoginError::NoPort)?;
            let Ok(Ok(Some(target))) = tokio::time::timeout(REQUEST_WAIT, target_of(&mut browser)).await
            else {
                continue;
            };
            if target.split('?').next() != Some(CALLBACK_PATH) {
                reply(&mut browser, "404 Not Found", OTHER_PAGE).await;
                continue;
            }
            let ended = self.exchange(&target).await;
            match &ended {
                Ok(()) => reply(&mut browser, "200 OK", DONE_PAGE).await,
                Err(_) => reply(&mut browser, "400 Bad Request", REFUSED_PAGE).await,
            }
            return ended;
        }
    }

    async fn exchange(&self, target: &str) -> Result<(), McpLoginError> {
        let url = format!("{}{target}", self.origin);
        if let Some(why) = refusal(&url) {
            return Err(McpLoginError::Refused(why));
        }
        let callback = AuthorizationCallback::from_redirect_url(&url);
        let callback = callback.map_err(|error| McpLoginError::Failed(with_causes(&error)))?;
        let exchanged = self.session.handle_callback_with_issuer(
            &callback.code,
            &callback.csrf_token,
            callback.issuer.as_deref(),
        );
        exchanged.await.map(|_| ()).map_err(|error| McpLoginError::Failed(with_causes(&error)))
    }
}

/// What knows where the server's tokens come from. Only what the server itself says counts: addresses that are merely
/// usual may belong to somebody else.
async fn discovered(url: &str, kept: Kept) -> Result<AuthorizationManager, AuthError> {
    let mut manager = new_manager(url).await?;
    let resolution = manager.resolve_metadata().await?;
    if !resolution.source.is_discovered() {
        return Err(AuthError::NoAuthorizationSupport);
    }
    manager.set_metadata(resolution.metadata);
    manager.set_credential_store(kept);
    Ok(manager)
}

/// Why the answer is a no, where it is one.
fn refusal(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let find =
        |key: &str| url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
    let error = find("error")?;
    Some(match find("error_description") {
        Some(about) => format!("{about} ({error})"),
        None => error,
    })
}

/// The target of a request: its path and query.
async fn target_of(browser: &mut TcpStream) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST_BYTES {
        let count = browser.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        request.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&request);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    Ok(match (words.next(), words.next()) {
        (Some("GET"), Some(target)) if target.starts_with('/') => Some(target.to_owned()),
        _ => None,
    })
}

async fn reply(browser: &mut TcpStream, status: &str, page: &str) {
    let body = format!("<!doctype html><meta charset=\"utf-8\"><title>Everturn</title><p>{page}");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = browser.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = browser.shutdown().await;
}
