//! Logins, at a small server of both MCP and OAuth.

use super::world;
use crate::world::World;
use agent_core::Redactor;
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tools::mcp::{McpAccess, McpConfig, McpLogin, McpLoginError, McpServer, McpTokens, McpTransport};

/// What the server knows.
#[derive(Default)]
struct Site {
    url: String,
    state: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// The challenge of the code that was given out.
    challenge: String,
    scope: String,
    given: u32,
    /// Seconds that a token lasts.
    lasts: u32,
    refreshed: u32,
    refuses: bool,
}

async fn site() -> Arc<Site> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let books = Mutex::new(Books { lasts: 3_600, ..Books::default() });
    let site = Arc::new(Site { url, state: books });
    let router = Router::new()
        .route("/mcp", post(mcp).get(|| async { StatusCode::METHOD_NOT_ALLOWED }))
        .route("/.well-known/oauth-protected-resource/mcp", get(resource))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/register", post(register))
        .route("/authorize", get(authorize))
        .route("/token", post(token))
        .with_state(Arc::clone(&site));
    tokio::spawn(async move { axum::serve(listener, router).await });
    site
}

async fn resource(State(site): State<Arc<Site>>) -> Json<Value> {
    Json(json!({
        "resource": format!("{}/mcp", site.url),
        "authorization_servers": [site.url],
        "scopes_supported": ["read"],
    }))
}

async fn metadata(State(site): State<Arc<Site>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", site.url);
    Json(json!({
        "issuer": site.url,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "registration_endpoint": at("/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    }))
}

async fn register(Json(asked): Json<Value>) -> (StatusCode, Json<Value>) {
    assert_eq!(asked["client_name"], "Everturn");
    let redirects = asked["redirect_uris"].clone();
    (StatusCode::CREATED, Json(json!({ "client_id": "client-1", "redirect_uris": redirects })))
}

async fn authorize(State(site): State<Arc<Site>>, Query(asked): Query<BTreeMap<String, String>>) -> Redirect {
    let mut books = site.state.lock().unwrap();
    assert_eq!(asked["code_challenge_method"], "S256");
    books.challenge = asked["code_challenge"].clone();
    books.scope = asked.get("scope").cloned().unwrap_or_default();
    let (to, state) = (&asked["redirect_uri"], &asked["state"]);
    if books.refuses {
        return Redirect::to(&format!("{to}?error=access_denied&error_description=Not+you&state={state}"));
    }
    Redirect::to(&format!("{to}?code=code-1&state={state}"))
}

async fn token(State(site): State<Arc<Site>>, Form(asked): Form<BTreeMap<String, String>>) -> Response {
    let mut books = site.state.lock().unwrap();
    if asked["grant_type"] == "refresh_token" {
        assert_eq!(asked["refresh_token"], format!("refresh-{}", books.given));
        books.refreshed += 1;
    } else {
        let digest = sha2::Digest::finalize(sha2::Digest::chain_update(
            <sha2::Sha256 as sha2::Digest>::new(),
            asked["code_verifier"].as_bytes(),
        ));
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(digest), books.challenge);
    }
    books.given += 1;
    Json(json!({
        "access_token": format!("access-{}-secret", books.given),
        "refresh_token": format!("refresh-{}", books.given),
        "token_type": "Bearer",
        "expires_in": books.lasts,
    }))
    .into_response()
}

async fn mcp(State(site): State<Arc<Site>>, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    let expected = format!("Bearer access-{}-secret", site.state.lock().unwrap().given);
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&expected) {
        let challenge =
            format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"", site.url);
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    let Some(id) = asked.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let result = match asked["method"].as_str().unwrap() {
        "initialize" => json!({
            "protocolVersion": asked["params"]["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "guarded", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [
            { "name": "who", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } },
        ] }),
        _ => json!({ "content": [{ "type": "text", "text": format!("you came with {expected}") }] }),
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

/// Keeps tokens in memory.
#[derive(Default)]
struct Purse(Mutex<BTreeMap<String, SecretString>>);

impl McpTokens for Purse {
    fn get(&self, server: &str) -> Result<Option<SecretString>, String> {
        Ok(self.0.lock().unwrap().get(server).cloned())
    }

    fn put(&self, server: &str, tokens: &SecretString) -> Result<(), String> {
        self.0.lock().unwrap().insert(server.to_owned(), tokens.clone());
        Ok(())
    }

    fn remove(&self, server: &str) -> Result<bool, String> {
        Ok(self.0.lock().unwrap().remove(server).is_some())
    }
}

fn guarded(site: &Site) -> McpServer {
    McpServer::http("guarded", &format!("{}/mcp", site.url))
}

fn world_of(site: &Site, purse: &Arc<Purse>) -> World {
    let mcp = McpConfig { servers: vec![guarded(site)], tokens: Arc::clone(purse) as _ };
    World::with(|config| config.mcp = mcp)
}

/// Logs in as a user with a browser would.
async fn log_in(site: &Site, purse: &Arc<Purse>, scopes: &[String]) -> Result<(), McpLoginError> {
    let tokens = Arc::clone(purse) as Arc<dyn McpTokens>;
    let login = McpLogin::begin(&guarded(site), scopes, tokens, Redactor::default()).await?;
    let url = login.url().to_owned();
    let browser = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(url).send().await.unwrap().text().await.unwrap()
    });
    let ended = login.finish().await;
    let page = browser.await.unwrap();
    assert_eq!(page.contains("Logged in."), ended.is_ok(), "{page}");
    ended
}

#[tokio::test]
async fn a_server_that_wants_a_login_says_how() {
    let site = site().await;
    let world = world(vec![guarded(&site)]);
    let (names, warnings) = world.tools_of_servers().await;
    assert_eq!(names, Vec::<String>::new());
    assert_eq!(
        warnings,
        ["The MCP server `guarded` is not there: it wants a login: run `everturn mcp login guarded`"]
    );
}

#[tokio::test]
async fn after_a_login_the_tools_are_there_and_tokens_are_hidden() {
    let (site, purse) = (site().await, Arc::new(Purse::default()));
    log_in(&site, &purse, &["read".into(), "write".into()]).await.unwrap();
    assert_eq!(site.state.lock().unwrap().scope, "read write");
    let world = world_of(&site, &purse);
    let (names, warnings) = world.tools_of_servers().await;
    assert_eq!((names, warnings), (vec!["mcp__guarded__who".to_owned()], Vec::new()));
    let told = world.told("mcp__guarded__who", json!({})).await;
    assert!(told.starts_with("you came with Bearer ") && !told.contains("access-1-secret"), "{told}");
}

#[tokio::test]
async fn tokens_are_refreshed_before_they_end() {
    let (site, purse) = (site().await, Arc::new(Purse::default()));
    site.state.lock().unwrap().lasts = 5;
    log_in(&site, &purse, &[]).await.unwrap();
    site.state.lock().unwrap().lasts = 3_600;
    let world = world_of(&site, &purse);
    let told = world.told("mcp__guarded__who", json!({})).await;
    assert!(told.starts_with("you came with Bearer "), "{told}");
    assert_eq!(site.state.lock().unwrap().refreshed, 1);
    let kept = purse.get("guarded").unwrap().unwrap();
    assert!(kept.expose_secret().contains("access-2-secret"));
}

#[tokio::test]
async fn a_refused_login_keeps_nothing() {
    let (site, purse) = (site().await, Arc::new(Purse::default()));
    site.state.lock().unwrap().refuses = true;
    let refused = log_in(&site, &purse, &[]).await.unwrap_err();
    assert_eq!(refused.to_string(), "the login was refused: Not you (access_denied)");
    assert!(purse.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_of_the_configuration_is_sent_and_its_refusal_told() {
    let site = site().await;
    site.state.lock().unwrap().given = 1;
    for (token, refused) in [("access-1-secret", false), ("access-9-secret", true)] {
        let transport = McpTransport::Http {
            url: format!("{}/mcp", site.url),
            headers: BTreeMap::new(),
            access: McpAccess::Bearer(token.to_owned().into()),
        };
        let world = world(vec![McpServer::new("guarded", transport)]);
        let (names, warnings) = world.tools_of_servers().await;
        assert_eq!(names.is_empty(), refused, "{warnings:?}");
        let message = "The MCP server `guarded` is not there: it refuses the token that \
                       `mcp_servers.guarded.bearer_token_env_var` names: renew it";
        assert_eq!(warnings, if refused { vec![message.to_owned()] } else { Vec::new() });
    }
}

#[tokio::test]
async fn a_server_without_logins_and_a_program_say_so() {
    let plain = Router::new().route("/mcp", post(|| async { StatusCode::NOT_FOUND }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, plain).await });
    let begin = async |server: McpServer| {
        let purse = Arc::new(Purse::default());
        match McpLogin::begin(&server, &[], purse, Redactor::default()).await {
            Ok(login) => panic!("{}", login.url()),
            Err(error) => error.to_string(),
        }
    };
    let told = begin(McpServer::http("plain", &url)).await;
    assert!(told.starts_with("the MCP server `plain` does not say how to log in"), "{told}");
    let told = begin(McpServer::stdio("local", "true", &[])).await;
    assert_eq!(told, "the MCP server `local` is a program of this machine: there is nothing to log in to");
}
