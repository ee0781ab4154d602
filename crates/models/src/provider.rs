//! [`Provider`]: an HTTP client for one model provider. Posts a request, again where that may help, and says in a
//! [`ModelError`] what came of it where nothing did.

mod probe;

pub use probe::{KeyStanding, ProbeAnswer, ProbeError};

use crate::{
    endpoint::{Dialect, ProviderError, endpoint, headers, is_loopback, is_nearby, secrets, sends_key},
    fault::{ProviderFault, capped},
    provider_config::{ProviderConfig, WireApi},
    retry::{MAX_RETRY_AFTER_MS, RetryPolicy, retry_after},
};
use agent_core::{ModelError, ModelErrorKind, Redactor};
use bytes::Bytes;
use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use std::{
    error::Error,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

/// What to look at where no HTTP client can be made.
const CLIENT_ADVICE: &str = "are the system's root certificates installed?";
/// Where all APIs list their models, below the base url.
const MODELS_PATH: &str = "models";
/// Anthropic lists twenty models at a time, and a thousand where it is asked to (Anthropic, "List Models").
const WHOLE_LIST: [(&str, &str); 1] = [("limit", "1000")];
/// What Anthropic calls the header for features that are not for everybody yet.
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// How much of an error's body is read, in bytes, and for how long.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a whole message is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 3072;

pub(crate) struct Provider {
    /// Made at the first request: reading the system's certificates takes milliseconds that a command which asks no
    /// model need not spend. The error is why none could be made.
    client: OnceLock<Result<Client, String>>,
    pub(crate) name: String,
    pub(crate) api: WireApi,
    pub(crate) dialect: Dialect,
    url: Url,
    /// Where it lists its models.
    models_url: Url,
    headers: HeaderMap,
    retry: RetryPolicy,
    connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    /// Keeps keys out of messages, even where the provider repeats them.
    pub(crate) redactor: Redactor,
    pub(crate) sends_key: bool,
    pub(crate) key_hint: String,
}

/// What is posted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// JSON.
    pub(crate) body: Bytes,
    /// The features of Anthropic's API that this request needs and that are not for everybody yet.
    pub(crate) beta: Option<&'static str>,
}

/// How a good answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a stream of events.
    Events,
    /// Whole, as JSON, though a stream was asked for.
    Json,
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
    pub(crate) fn new(config: &ProviderConfig, api: WireApi) -> Result<Self, ProviderError> {
        let url = endpoint(config, api.path())?;
        let mut models_url = endpoint(config, MODELS_PATH)?;
        if api == WireApi::Anthropic {
            models_url.query_pairs_mut().extend_pairs(WHOLE_LIST);
        }
        Ok(Self {
            client: OnceLock::new(),
            name: config.name.clone(),
            api,
            dialect: Dialect::of(&url),
            headers: headers(config, api)?,
            url,
            models_url,
            retry: RetryPolicy { retries: config.request_retries, base_ms: config.retry_base_ms },
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            idle_timeout: Duration::from_millis(config.idle_timeout_ms),
            redactor: Redactor::new(secrets(config)),
            sends_key: sends_key(config),
            key_hint: config.key_hint.clone(),
        })
    }

    fn client(&self) -> Result<&Client, ModelError> {
        self.made_client().map_err(|why| {
            self.error(
                ModelErrorKind::InvalidRequest,
                format!("no HTTP client could be made: {why}; {CLIENT_ADVICE}"),
            )
        })
    }

    fn made_client(&self) -> Result<&Client, &String> {
        self.client.get_or_init(|| self.new_client().map_err(cause)).as_ref()
    }

    fn new_client(&self) -> reqwest::Result<Client> {
        // reqwest is built without a crypto provider and panics where none is installed. One that the host has
        // installed already serves as well, so the result does not matter.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .user_agent(concat!("everturn/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            // A redirected POST would lose its body or carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            // Compression would hold events back until a block is full.
            .no_gzip();
        if self.url.scheme() == "http" {
            // Nothing here will ask for a certificate.
            client = client.tls_certs_only([]);
        }
        if is_loopback(&self.url) {
            client = client.no_proxy();
        }
        client.build()
    }

    /// Posts a JSON body and returns the answer once its head is there and good.
    pub(crate) async fn post(&self, model: &str, message: Message) -> Result<(Response, Form), ModelError> {
        let client = self.client()?;
        let mut retry = 0;
        loop {
            let Refusal { error, again } = match self.post_once(client, model, message.clone()).await {
                Ok(good) => return Ok(good),
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

    async fn post_once(
        &self,
        client: &Client,
        model: &str,
        Message { body, beta }: Message,
    ) -> Result<(Response, Form), Refusal> {
        let mut headers = self.headers.clone();
        if let Some(beta) = beta {
            // Beside what the settings ask for, not in its place.
            headers.append(BETA, HeaderValue::from_static(beta));
        }
        let request = client.post(self.url.clone()).headers(headers).body(body);
        let response = match tokio::time::timeout(self.idle_timeout, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(error)),
            Err(_) => return Err(Refusal { error: self.idle(), again: Again::No }),
        };
        if response.status().is_success() {
            let form = self.form(&response)?;
            return Ok((response, form));
        }
        let status = response.status();
        let wanted = retry_after(response.headers(), SystemTime::now());
        let fault = ProviderFault::of_body(&error_body(response).await);
        let error = self.refused(model, status, &fault, wanted);
        let again = match error.kind {
            ModelErrorKind::Unavailable => Again::After(wanted),
            _ => Again::No,
        };
        Err(Refusal { error, again })
    }

    fn form(&self, response: &Response) -> Result<Form, Refusal> {
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type {
            Some(found) if found.starts_with("text/html") => {
                Err(Refusal { error: self.no_stream(found), again: Again::No })
            }
            Some(found) if found.starts_with("application/json") => Ok(Form::Json),
            _ => Ok(Form::Events),
        }
    }

    /// Something else where a stream should be: somebody else answers at this url.
    pub(crate) fn no_stream(&self, found: &str) -> ModelError {
        let message = format!(
            "{} answered with {found} instead of an event stream; does `base_url` name a provider of this API that \
             can stream?",
            self.host()
        );
        self.error(ModelErrorKind::InvalidRequest, message)
    }

    /// The request did not get there, or no answer came back.
    fn unreachable(&self, error: reqwest::Error) -> Refusal {
        let host = self.host();
        let (kind, again) = if error.is_builder() {
            (ModelErrorKind::InvalidRequest, Again::No)
        } else {
            (ModelErrorKind::Unavailable, Again::After(None))
        };
        let (why, advice) = (cause(error), self.way_advice());
        Refusal { error: self.error(kind, format!("{host} did not answer: {why}; {advice}")), again }
    }

    /// What to look at where nobody answers.
    fn way_advice(&self) -> String {
        if is_nearby(&self.url) {
            format!("is the server at {} running?", self.url.origin().ascii_serialization())
        } else {
            "check the network and `base_url`".to_owned()
        }
    }

    /// The response broke off.
    pub(crate) fn broken(&self, error: reqwest::Error) -> ModelError {
        let message = format!("the response of {} broke off: {}", self.host(), cause(error));
        self.error(ModelErrorKind::Stream, message)
    }

    /// Nothing came for too long.
    pub(crate) fn idle(&self) -> ModelError {
        let ms = self.idle_timeout.as_millis();
        let message = format!(
            "{} sent nothing for {ms} ms; if the model needs longer, raise stream_idle_timeout_ms of the provider \
             \"{}\"",
            self.host(),
            self.name
        );
        self.error(ModelErrorKind::Stream, message)
    }

    /// An error of bounded length that carries none of the provider's secrets.
    pub(crate) fn error(&self, kind: ModelErrorKind, message: impl AsRef<str>) -> ModelError {
        ModelError::new(kind, capped(&self.redactor.scrub(message.as_ref()), MAX_MESSAGE_BYTES))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
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
