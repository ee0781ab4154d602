//! [`ModelServer`]: a model provider on a local port.

use crate::{
    line::{Lines, Switch},
    record::{RecordedRequest, Recording},
    reply::{After, Head, Replies, Reply},
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::post,
};
use futures::stream;
use serde_json::Value;
use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    sync::{oneshot, watch},
};

/// A model provider on `127.0.0.1`, on a port of its own.
///
/// It answers `POST /v1/responses` and `POST /responses`. It lives on a thread and a runtime of its own, so that it
/// serves tests with or without a runtime, and a test that pauses tokio's clock does not pause the server. When it is
/// dropped, its port and all its connections are closed before `drop` returns.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
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
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen {
            recording,
            requests: Mutex::default(),
            count: watch::Sender::new(0),
            connections: Arc::default(),
        });
        let provider = Arc::new(Provider { replies: replies.into(), seen: Arc::clone(&seen) });
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

    fn note(&self, uri: &Uri, headers: &HeaderMap, body: &Value) {
        if self.recording == Recording::Everything {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.requests().push(RecordedRequest {
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
    let router = Router::new()
        .route("/v1/responses", post(respond))
        .route("/responses", post(respond))
        .layer(DefaultBodyLimit::disable())
        .with_state(provider);
    axum::serve(lines, router.into_make_service_with_connect_info::<Switch>()).await
}

async fn respond(
    State(provider): State<Arc<Provider>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    provider.seen.note(&uri, &headers, &body);
    let reply = provider.replies.next(&body);
    pause(reply.delay).await;
    match &reply.head {
        Head::Sent { status, headers } => {
            let mut response = Response::builder().status(*status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(streamed(reply)).unwrap_or_else(|error| wrong_reply(&error))
        }
        Head::HungUp => {
            switch.hang_up();
            Response::default()
        }
        Head::Silent => std::future::pending().await,
    }
}

/// The reply cannot be sent, for example because a header's name has a space.
fn wrong_reply(error: &axum::http::Error) -> Response {
    let mut response = Response::new(Body::from(format!("this reply of the test kit is not HTTP: {error}")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

struct Playback {
    chunks: VecDeque<Bytes>,
    chunk_pause: Duration,
    after: After,
}

fn streamed(reply: Reply) -> Body {
    let chunk_pause = reply.chunk_pause;
    let (chunks, after) = reply.body();
    Body::from_stream(stream::unfold(Playback { chunks, chunk_pause, after }, |mut playback| async {
        if let Some(chunk) = playback.chunks.pop_front() {
            pause(playback.chunk_pause).await;
            return Some((Ok(chunk), playback));
        }
        match playback.after {
            After::End => None,
            After::Silence => std::future::pending().await,
            After::Break => {
                // What was sent so far leaves the machine while this waits, and not after.
                tokio::task::yield_now().await;
                let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose");
                Some((Err(broken), playback))
            }
        }
    }))
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
