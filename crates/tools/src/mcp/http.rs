//! The way to a server that listens at an address.

use super::{
    addressed::Addressed,
    settings::{McpAccess, McpTransport},
    tokens::{Kept, has_login},
    trouble::{Trouble, with_causes},
    watched::MAX_MESSAGE_BYTES,
};
use reqwest::{
    Client, Url,
    header::{HeaderName, HeaderValue},
};
use rmcp::transport::{
    AuthClient, AuthorizationManager, StreamableHttpClientTransport,
    streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError},
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How the server is spoken to.
pub(super) enum HttpTransport {
    /// With what is configured.
    Plain(StreamableHttpClientTransport<Addressed<Client>>),
    /// With the tokens of a login.
    LoggedIn(StreamableHttpClientTransport<AuthClient<Addressed<Client>>>),
}

impl HttpTransport {
    /// The way to a server. Of one that is no address, `None`.
    pub(super) async fn to(transport: &McpTransport, kept: Kept) -> Result<Option<Self>, Trouble> {
        let McpTransport::Http { url, headers, access } = transport else { return Ok(None) };
        let config = || {
            StreamableHttpClientTransportConfig::with_uri(url.as_str()).max_sse_event_size(MAX_MESSAGE_BYTES)
        };
        let config = match headers_of(headers) {
            Ok(headers) => config().custom_headers(headers),
            Err(name) => return Err(Trouble::Header { name }),
        };
        let address = Url::parse(url).map_err(|error| Trouble::Address { why: error.to_string() })?;
        let client = client(&address).map_err(|error| Trouble::Address { why: with_causes(&error) })?;
        let client = Addressed(client);
        let config = match access {
            McpAccess::Missing { variable } => return Err(Trouble::NoToken { variable: variable.clone() }),
            McpAccess::Bearer(token) => config.auth_header(token.expose_secret()),
            McpAccess::Login if has_login(&kept).await => {
                let manager = manager(url, kept).await.map_err(|error| Trouble::of_auth(&error))?;
                let client = AuthClient::new(client, manager);
                return Ok(Some(Self::LoggedIn(StreamableHttpClientTransport::with_client(client, config))));
            }
            McpAccess::Login => config,
        };
        Ok(Some(Self::Plain(StreamableHttpClientTransport::with_client(client, config))))
    }
}

/// What the HTTP client says is wrong, of an error of the transport that hides it.
pub(super) fn client_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a reqwest::Error> {
    match error.downcast_ref::<StreamableHttpError<reqwest::Error>>()? {
        StreamableHttpError::Client(error) => Some(error),
        _ => None,
    }
}

/// What knows the tokens of a login and refreshes them.
async fn manager(url: &str, kept: Kept) -> Result<AuthorizationManager, rmcp::transport::AuthError> {
    let mut manager = new_manager(url).await?;
    manager.set_credential_store(kept);
    if manager.initialize_from_store().await? {
        Ok(manager)
    } else {
        Err(rmcp::transport::AuthError::AuthorizationRequired)
    }
}

/// The same without any tokens.
pub(super) async fn new_manager(url: &str) -> Result<AuthorizationManager, rmcp::transport::AuthError> {
    install_crypto();
    AuthorizationManager::new(url).await
}

fn headers_of(headers: &BTreeMap<String, SecretString>) -> Result<HashMap<HeaderName, HeaderValue>, String> {
    let mut made = HashMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| name.clone())?;
        let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| name.clone())?;
        value.set_sensitive(true);
        made.insert(header, value);
    }
    Ok(made)
}

/// The HTTP client makes no connection without it, and panics. Another part of the program may have done it already.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client(url: &Url) -> reqwest::Result<Client> {
    install_crypto();
    let mut client = Client::builder()
        .user_agent(concat!("everturn/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirected request would carry the token to another host.
        .redirect(reqwest::redirect::Policy::none())
        // Compression would hold messages back until a block is full.
        .no_gzip();
    if url.scheme() == "http" {
        // Nothing here will ask for a certificate.
        client = client.tls_certs_only([]);
    }
    if is_loopback(url) {
        client = client.no_proxy();
    }
    client.build()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
