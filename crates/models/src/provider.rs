//! [`Provider`]: an HTTP client for one model provider. Posts a request, again where that may help, and says in a
//! [`ModelError`] what came of it where nothing did.

use crate::{
    endpoint::{ProviderError, ProviderSettings, endpoint, headers, is_loopback, secrets, sends_key},
    fault::{ProviderFault, capped},
    retry::{MAX_RETRY_AFTER_MS, RetryPolicy, retry_after},
};
use agent_core::{ModelError, ModelErrorKind, Redactor};
use bytes::Bytes;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderMap},
};
use std::{
    error::Error,
    time::{Duration, SystemTime},
};

/// How much of an error's body is read, in bytes, and for how long.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a provider's words is kept, and of a whole message, in bytes.
const MAX_WORDS_BYTES: usize = 2048;
const MAX_MESSAGE_BYTES: usize = 3072;

pub(crate) struct Provider {
    client: Client,
    url: Url,
    headers: HeaderMap,
    retry: RetryPolicy,
    pub(crate) idle_timeout: Duration,
    /// Keeps keys out of messages, even where the provider repeats them.
    redactor: Redactor,
    key: KeyState,
    api_key_env: String,
}

enum KeyState {
    Sent,
    Missing,
}

/// Why one request failed.
struct Refusal {
    error: ModelError,
    again: Again,
}

enum Again {
    /// It would fail again.
    No,
    /// It may help, after this long if the provider said so.
    After(Option<Duration>),
}

impl Provider {
    pub(crate) fn new(settings: &ProviderSettings<'_>) -> Result<Self, ProviderError> {
        let url = endpoint(settings)?;
        // reqwest is built without a crypto provider and panics where none is installed. One that the host has
        // installed already serves as well, so the result does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("everturn/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            // A redirected POST would lose its body or carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            // Compression would hold events back until a block is full.
            .no_gzip();
        if url.scheme() == "http" {
            // Reading the system's certificates takes milliseconds, and nothing here will ask for one.
            client = client.tls_certs_only([]);
        }
        if is_loopback(&url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|source| ProviderError::Client { source })?;
        Ok(Self {
            client,
            headers: headers(settings)?,
            url,
            retry: settings.retry,
            idle_timeout: settings.idle_timeout,
            redactor: Redactor::new(secrets(settings)),
            key: if sends_key(settings) { KeyState::Sent } else { KeyState::Missing },
            api_key_env: settings.api_key_env.to_owned(),
        })
    }

    /// Posts a JSON body and returns the answer once its head is there and good.
    pub(crate) async fn post(&self, body: Bytes) -> Result<Response, ModelError> {
        let mut retry = 0;
        loop {
            let Refusal { error, again } = match self.post_once(body.clone()).await {
                Ok(response) => return Ok(response),
                Err(refusal) => refusal,
            };
            let Again::After(wanted) = again else { return Err(error) };
            if wanted.is_some_and(|wait| wait.as_millis() > u128::from(MAX_RETRY_AFTER_MS)) {
                return Err(error);
            }
            if retry == self.retry.retries {
                let message = format!("{} (tried {} times)", error.message, retry + 1);
                return Err(ModelError { message, ..error });
            }
            retry += 1;
            let wait = self.retry.wait(retry, wanted);
            tracing::debug!(retry, wait_ms = wait.as_millis() as u64, reason = %error.message, "request is made again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn post_once(&self, body: Bytes) -> Result<Response, Refusal> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let response = match tokio::time::timeout(self.idle_timeout, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(error)),
            Err(_) => return Err(Refusal { error: self.idle(), again: Again::No }),
        };
        if response.status().is_success() {
            self.check_content_type(&response)?;
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    /// A page where a stream should be: somebody else answers at this url.
    fn check_content_type(&self, response: &Response) -> Result<(), Refusal> {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type {
            Some(found) if found.starts_with("text/html") || found.starts_with("application/json") => {
                let message = format!(
                    "{} answered with {found} instead of an event stream; does `base_url` name a provider of this \
                     API that can stream?",
                    self.host()
                );
                Err(Refusal { error: self.error(ModelErrorKind::InvalidRequest, message), again: Again::No })
            }
            _ => Ok(()),
        }
    }

    async fn refused(&self, response: Response) -> Refusal {
        let status = response.status();
        let wanted = retry_after(response.headers(), SystemTime::now());
        let fault = ProviderFault::of_body(&error_body(response).await);
        let host = self.host();
        // First scrubbed, then cut: the other way round, half a key could remain.
        let words = capped(&self.redactor.scrub(&fault.words()), MAX_WORDS_BYTES);
        let verdict = match fault.verdict() {
            // A 429 for an empty account is not cured by waiting.
            Some(kind @ (ModelErrorKind::Quota | ModelErrorKind::ContextWindowExceeded)) => kind,
            _ => by_status(status),
        };
        let (message, again) = match verdict {
            ModelErrorKind::Auth => (
                format!("{host} refused the request with status {status}: {words}; {}", self.key_advice()),
                Again::No,
            ),
            ModelErrorKind::Quota => {
                let advice = "the account has nothing left: add credit or choose another provider";
                (format!("{host} refused the request with status {status}: {words}; {advice}"), Again::No)
            }
            ModelErrorKind::ContextWindowExceeded => {
                (format!("the conversation does not fit the model's window, says {host}: {words}"), Again::No)
            }
            ModelErrorKind::Unavailable => {
                let when = match wanted {
                    Some(wait) => format!("it asks to wait {} ms", wait.as_millis()),
                    None => "try again later".to_owned(),
                };
                (format!("{host} answered with status {status}: {words}; {when}"), Again::After(wanted))
            }
            _ => {
                let advice = if status == StatusCode::NOT_FOUND || status.is_redirection() {
                    "; are `base_url` and the model's name right?"
                } else {
                    ""
                };
                (format!("{host} does not take the request, status {status}: {words}{advice}"), Again::No)
            }
        };
        let mut error = self.error(verdict, message);
        error.retry_after_ms = wanted.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        Refusal { error, again }
    }

    fn key_advice(&self) -> String {
        match self.key {
            KeyState::Missing => format!("no key was sent: set {}", self.api_key_env),
            KeyState::Sent => format!("check the key in {}", self.api_key_env),
        }
    }

    /// The request did not get there, or no answer came back.
    fn unreachable(&self, error: reqwest::Error) -> Refusal {
        let host = self.host();
        let (kind, again) = if error.is_builder() {
            (ModelErrorKind::InvalidRequest, Again::No)
        } else {
            (ModelErrorKind::Unavailable, Again::After(None))
        };
        let why = cause(error);
        let advice = if is_loopback(&self.url) {
            format!("is the server at {} running?", self.url.origin().ascii_serialization())
        } else {
            "check the network and `base_url`".to_owned()
        };
        Refusal { error: self.error(kind, format!("{host} did not answer: {why}; {advice}")), again }
    }

    /// The response broke off.
    pub(crate) fn broken(&self, error: reqwest::Error) -> ModelError {
        let message = format!("the response of {} broke off: {}", self.host(), cause(error));
        self.error(ModelErrorKind::Stream, message)
    }

    /// Nothing came for too long.
    pub(crate) fn idle(&self) -> ModelError {
        let ms = self.idle_timeout.as_millis();
        let message = format!("{} sent nothing for {ms} ms (idle_timeout_ms)", self.host());
        self.error(ModelErrorKind::Stream, message)
    }

    /// An error of bounded length that carries none of the provider's secrets.
    pub(crate) fn error(&self, kind: ModelErrorKind, message: impl AsRef<str>) -> ModelError {
        ModelError::new(kind, capped(&self.redactor.scrub(message.as_ref()), MAX_MESSAGE_BYTES))
    }

    /// The host and the port, as far as it is not the usual one.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or("the provider");
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

fn by_status(status: StatusCode) -> ModelErrorKind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ModelErrorKind::Auth,
        StatusCode::PAYMENT_REQUIRED => ModelErrorKind::Quota,
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            ModelErrorKind::Unavailable
        }
        status if status.is_server_error() => ModelErrorKind::Unavailable,
        _ => ModelErrorKind::InvalidRequest,
    }
}

/// As much of an error's body as is worth reading.
async fn error_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ERROR_BODY_BYTES {
                break;
            }
        }
    };
    // What has come by then is enough to report.
    let _ = tokio::time::timeout(ERROR_BODY_TIMEOUT, read).await;
    body.truncate(MAX_ERROR_BODY_BYTES);
    body
}

/// The innermost cause of an error, without the url: its query may hold a key.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
