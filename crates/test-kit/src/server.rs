//! [`ModelServer`]: a model provider on a local port.

use crate::{
    api::{Asked, WireApi},
    dialect::Dialect,
    line::{Lines, Switch},
    prompt_cache::{Accounting, PromptCache},
    record::{RecordedRequest, Recording},
    render::{Deed, Outcome},
    replies::Replies,
    sending::{pause, response},
};
use axum::{
    Json, Router,
    body::Body,
    extract::{self, ConnectInfo, State},
    http::{HeaderMap, StatusCode, Uri, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::StreamExt;
use serde_json::{Value, json};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    sync::{oneshot, watch},
};

/// A model provider on `127.0.0.1`, on a port of its own.
///
/// It answers `POST /v1/responses`, `POST /v1/chat/completions` and `POST /v1/messages`, each with the same replies in its
/// own shape, and `GET /v1/models`; all of them without `/v1` as well. It lives on a thread and a runtime of its own, so that it serves
/// tests with or without a runtime, and a test that pauses tokio's clock does not pause the server. When it is dropped,
/// its port and all its connections are closed before `drop` returns.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How a server is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerOptions {
    /// What it keeps of its requests.
    pub recording: Recording,
    /// Whose habits it has over Chat Completions.
    pub dialect: Dialect,
    /// The key without which it answers nothing but 401, as OpenAI and Anthropic do; such requests are not recorded. Where
    /// there is none, it does not look at keys.
    pub key: Option<&'static str>,
    /// What it says of the tokens that it was sent.
    pub accounting: Accounting,
}

#[derive(Debug)]
struct Seen {
    recording: Recording,
    requests: Mutex<Vec<RecordedRequest>>,
    count: watch::Sender<usize>,
    connections: Arc<AtomicUsize>,
}

struct Provider {
    replies: Replies,
    dialect: Dialect,
    key: Option<&'static str>,
    /// Where it keeps account of one.
    cache: Option<PromptCache>,
    seen: Arc<Seen>,
}

impl ModelServer {
    /// Starts a server that answers with these replies and records everything.
    ///
    /// # Errors
    /// The operating system gives no port, or no thread.
    pub fn start(replies: impl Into<Replies>) -> io::Result<Self> {
        Self::start_recording(replies, Recording::Everything)
    }

    /// Starts a server that answers with these replies.
    ///
    /// # Errors
    /// The operating system gives no port, or no thread.
    pub fn start_recording(replies: impl Into<Replies>, recording: Recording) -> io::Result<Self> {
        Self::start_with(replies, ServerOptions { recording, ..ServerOptions::default() })
    }

    /// Starts a server that answers with these replies in a dialect, and records everything.
    ///
    /// # Errors
    /// The operating system gives no port, or no thread.
    pub fn start_speaking(replies: impl Into<Replies>, dialect: Dialect) -> io::Result<Self> {
        Self::start_with(replies, ServerOptions { dialect, ..ServerOptions::default() })
    }

    /// Starts a server that answers with these replies.
    ///
    /// # Errors
    /// The operating system gives no port, or no thread.
    pub fn start_with(replies: impl Into<Replies>, options: ServerOptions) -> io::Result<Self> {
        let ServerOptions { recording, dialect, key, accounting } = options;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen {
            recording,
            requests: Mutex::default(),
            count: watch::Sender::new(0),
            connections: Arc::default(),
        });
        let cache = (accounting == Accounting::PromptCache).then(PromptCache::default);
        let replies = replies.into();
        let provider = Arc::new(Provider { replies, dialect, key, cache, seen: Arc::clone(&seen) });
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("model-server".to_owned()).spawn(move || {
            // Dropping the runtime drops every connection with it.
            runtime.block_on(async {
                tokio::select! {
                    _ = serve(listener, provider) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, seen, stop: Some(stop), thread: Some(thread) })
    }

    /// The base url, for example `http://127.0.0.1:4711/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in the order in which they came; empty under [`Recording::Count`].
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.seen.requests().clone()
    }

    /// How many requests have come.
    pub fn request_count(&self) -> usize {
        *self.seen.count.borrow()
    }

    /// Waits until this many requests have come.
    pub async fn reached(&self, count: usize) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.seen.count.subscribe().wait_for(|seen| *seen >= count).await;
    }

    /// How many connections were made. A client that keeps its connections makes one for many requests.
    pub fn connection_count(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed, and a drop must not panic again.
            let _ = thread.join();
        }
    }
}

impl Seen {
    fn requests(&self) -> MutexGuard<'_, Vec<RecordedRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, api: WireApi, uri: &Uri, headers: &HeaderMap, body: &Value) {
        if self.recording == Recording::Everything {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.requests().push(RecordedRequest {
                api,
                path: uri.path().to_owned(),
                query: uri.query().unwrap_or_default().to_owned(),
                headers: headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                    .collect(),
                body: body.clone(),
                at: Instant::now(),
            });
        }
        self.count.send_modify(|count| *count += 1);
    }
}

async fn serve(listener: std::net::TcpListener, provider: Arc<Provider>) -> io::Result<()> {
    let accepted = Arc::clone(&provider.seen.connections);
    let lines = Lines { listener: TcpListener::from_std(listener)?, accepted };
    let mut router = Router::new();
    for base in ["", "/v1"] {
        router = router
            .route(&format!("{base}/responses"), post(respond))
            .route(&format!("{base}/chat/completions"), post(complete))
            .route(&format!("{base}/messages"), post(create))
            .route(&format!("{base}/models"), get(models));
    }
    let router = router.layer(from_fn_with_state(Arc::clone(&provider), guard)).with_state(provider);
    axum::serve(lines, router.into_make_service_with_connect_info::<Switch>()).await
}

/// Lets in who has the key.
async fn guard(State(provider): State<Arc<Provider>>, request: extract::Request, next: Next) -> Response {
    match provider.key.and_then(|key| refusal(key, request.headers())) {
        Some(error) => (StatusCode::UNAUTHORIZED, Json(error)).into_response(),
        None => next.run(request).await,
    }
}

/// What is answered to a request without this key.
fn refusal(key: &str, headers: &HeaderMap) -> Option<Value> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("anthropic-version").is_some() {
        let error = json!({ "type": "authentication_error", "message": "invalid x-api-key" });
        return (header("x-api-key") != Some(key)).then(|| json!({ "type": "error", "error": error }));
    }
    let sent = header(AUTHORIZATION.as_str());
    if sent.and_then(|sent| sent.strip_prefix("Bearer ")) == Some(key) {
        return None;
    }
    // As OpenAI does, with the key in it.
    let message = format!("Incorrect API key provided: {}.", sent.unwrap_or_default());
    let error = json!({ "message": message, "type": "invalid_request_error", "param": null, "code": "invalid_api_key" });
    Some(json!({ "error": error }))
}

/// The list of models, in OpenAI's shape.
async fn models() -> Json<Value> {
    let model =
        |id: &str| json!({ "id": id, "object": "model", "created": 1_700_000_000, "owned_by": "test-kit" });
    Json(json!({ "object": "list", "data": [model("test-model"), model("test-model-mini")] }))
}

async fn respond(
    state: State<Arc<Provider>>,
    line: ConnectInfo<Switch>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    act(state, line, Request { api: WireApi::Responses, uri, headers }, body).await
}

async fn create(
    state: State<Arc<Provider>>,
    line: ConnectInfo<Switch>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    act(state, line, Request { api: WireApi::Anthropic, uri, headers }, body).await
}

async fn complete(
    state: State<Arc<Provider>>,
    line: ConnectInfo<Switch>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    act(state, line, Request { api: WireApi::Chat, uri, headers }, body).await
}

/// A request without its body.
struct Request {
    api: WireApi,
    uri: Uri,
    headers: HeaderMap,
}

async fn act(
    State(provider): State<Arc<Provider>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
    body: Body,
) -> Response {
    let outcome = provider.answer(&request, body).await;
    pause(outcome.delay).await;
    match &outcome.deed {
        Deed::Answer(answer) => response(answer, switch),
        Deed::HangUp => {
            switch.hang_up();
            Response::default()
        }
        Deed::StaySilent => std::future::pending().await,
    }
}

impl Provider {
    /// Reads the body, and looks at it where somebody wants to know.
    async fn answer(&self, request: &Request, body: Body) -> Arc<Outcome> {
        let Request { api, uri, headers } = request;
        let look =
            self.seen.recording == Recording::Everything || self.replies.listen() || self.cache.is_some();
        let mut bytes = Vec::new();
        let mut pieces = body.into_data_stream();
        // A client that goes away within its body is answered like one that sent no JSON: it does not read it.
        while let Some(Ok(piece)) = pieces.next().await {
            if look {
                bytes.extend_from_slice(&piece);
            }
        }
        if !look {
            self.seen.note(*api, uri, headers, &Value::Null);
            return self.replies.answer_unseen(*api, self.dialect);
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        self.seen.note(*api, uri, headers, &body);
        let prompt = self.cache.as_ref().map(|cache| cache.read(*api, &body));
        self.replies.answer(&body, &Asked { prompt, ..Asked::of(*api, self.dialect, &body) })
    }
}
