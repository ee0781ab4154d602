//! [`ProviderConfig`]: where a provider is and how it is spoken to.

use secrecy::SecretString;

/// Where a provider is and how it is spoken to. [`Default`] is OpenAI without a key.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// What messages call it. `openai` by default.
    pub name: String,
    /// What `/responses`, `/chat/completions` or `/messages` is appended to. `https://api.openai.com/v1` by default.
    pub base_url: String,
    /// The API that it speaks.
    pub wire_api: WireApi,
    /// Sent as `Authorization: Bearer …`, over Anthropic's API as `x-api-key`.
    pub api_key: Option<SecretString>,
    /// What a message tells the user to do about a missing or wrong key. `set OPENAI_API_KEY` by default; empty for
    /// a provider without keys.
    pub key_hint: String,
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

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            name: "openai".to_owned(),
            base_url: "https://api.openai.com/v1".to_owned(),
            wire_api: WireApi::Responses,
            api_key: None,
            key_hint: "set OPENAI_API_KEY".to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            request_retries: 4,
            retry_base_ms: 200,
            connect_timeout_ms: 10_000,
            idle_timeout_ms: 300_000,
        }
    }
}

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireApi {
    /// `POST {base_url}/responses`.
    #[default]
    Responses,
    /// `POST {base_url}/chat/completions`.
    Chat,
    /// Anthropic's Messages: `POST {base_url}/messages`.
    Anthropic,
}

impl WireApi {
    /// What is appended to the base url.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Chat => "chat/completions",
            Self::Anthropic => "messages",
        }
    }
}
