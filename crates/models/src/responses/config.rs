//! [`ResponsesConfig`]: where a provider is and how it is spoken to.

use crate::{endpoint::ProviderSettings, retry::RetryPolicy};
use secrecy::SecretString;
use std::time::Duration;

/// Where a provider is and how it is spoken to. [`Default`] is OpenAI without a key.
#[derive(Clone, Debug)]
pub struct ResponsesConfig {
    /// What `/responses` is appended to. `https://api.openai.com/v1` by default.
    pub base_url: String,
    /// Sent as `Authorization: Bearer …`.
    pub api_key: Option<SecretString>,
    /// The environment variable that the key comes from; only messages name it. `OPENAI_API_KEY` by default.
    pub api_key_env: String,
    /// Headers sent with each request, over those of this crate where the names are equal. Never shown.
    pub headers: Vec<(String, SecretString)>,
    /// Query parameters sent with each request. No message shows one whose name looks like that of a key.
    pub query: Vec<(String, String)>,
    /// How often a request that brought no response is made again: 429, 408, 409, 5xx, no connection. 4 by default.
    pub request_retries: u32,
    /// The wait before the first of these, in milliseconds; it doubles each time, give or take a fifth. 200 by
    /// default. A `Retry-After` of the provider up to a minute lengthens it; a longer one ends the call.
    pub retry_base_ms: u64,
    /// How long a connection may take, in milliseconds. 10,000 by default.
    pub connect_timeout_ms: u64,
    /// How long the provider may send nothing, before the response and within it, in milliseconds. 300,000 by
    /// default.
    pub idle_timeout_ms: u64,
}

impl Default for ResponsesConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: None,
            api_key_env: "OPENAI_API_KEY".to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            request_retries: 4,
            retry_base_ms: 200,
            connect_timeout_ms: 10_000,
            idle_timeout_ms: 300_000,
        }
    }
}

impl ResponsesConfig {
    pub(super) fn provider(&self) -> ProviderSettings<'_> {
        ProviderSettings {
            base_url: &self.base_url,
            path: "responses",
            api_key: self.api_key.as_ref(),
            api_key_env: &self.api_key_env,
            headers: &self.headers,
            query: &self.query,
            retry: RetryPolicy { retries: self.request_retries, base_ms: self.retry_base_ms },
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
        }
    }
}
