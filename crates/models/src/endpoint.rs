//! Where a provider is: its url, the headers and secrets that go with each request, and what is wrong with them.

use crate::retry::RetryPolicy;
use reqwest::{
    Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use std::{net::IpAddr, time::Duration};

/// Where a provider is and how it is spoken to.
pub(crate) struct ProviderSettings<'a> {
    pub(crate) base_url: &'a str,
    /// What is appended to the base url, for example `responses`.
    pub(crate) path: &'a str,
    pub(crate) api_key: Option<&'a SecretString>,
    /// The environment variable that the key comes from, for messages.
    pub(crate) api_key_env: &'a str,
    pub(crate) headers: &'a [(String, SecretString)],
    pub(crate) query: &'a [(String, String)],
    pub(crate) retry: RetryPolicy,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

/// Why a provider's settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The base url is no HTTP url.
    #[error("`{url}` cannot be a provider's base_url: {reason}; it looks like https://api.openai.com/v1")]
    BaseUrl {
        /// What it is, without a password.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A header has a name or a value that HTTP does not have.
    #[error(
        "the provider's header `{name}` is not an HTTP header: its {part} has characters that HTTP forbids"
    )]
    Header {
        /// Its name.
        name: String,
        /// `name` or `value`.
        part: &'static str,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client could be made: {source}; are the system's root certificates installed?")]
    Client {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

impl ProviderError {
    /// Whether trying again with the same settings may help.
    pub fn retry(&self) -> bool {
        match self {
            Self::BaseUrl { .. } | Self::Header { .. } | Self::Client { .. } => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BaseUrl { .. } => "base_url",
            Self::Header { .. } => "header",
            Self::Client { .. } => "http_client",
        }
    }
}

pub(crate) fn endpoint(settings: &ProviderSettings<'_>) -> Result<Url, ProviderError> {
    let wrong = |reason: String| ProviderError::BaseUrl { url: settings.base_url.to_owned(), reason };
    let mut url = Url::parse(settings.base_url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("its scheme is `{}`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "it contains a user name; send that as a header".to_owned();
        return Err(ProviderError::BaseUrl { url: url.host_str().unwrap_or_default().to_owned(), reason });
    }
    let path = format!("{}/{}", url.path().trim_end_matches('/'), settings.path);
    url.set_path(&path);
    if !settings.query.is_empty() {
        url.query_pairs_mut().extend_pairs(settings.query);
    }
    Ok(url)
}

pub(crate) fn headers(settings: &ProviderSettings<'_>) -> Result<HeaderMap, ProviderError> {
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("text/event-stream")),
    ]);
    let secret = |name: &str, value: String| {
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| ProviderError::Header { name: name.to_owned(), part: "value" })?;
        value.set_sensitive(true);
        Ok(value)
    };
    if let Some(key) = settings.api_key {
        headers.insert(AUTHORIZATION, secret("Authorization", format!("Bearer {}", key.expose_secret()))?);
    }
    for (name, value) in settings.headers {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ProviderError::Header { name: name.clone(), part: "name" })?;
        headers.insert(known, secret(name, value.expose_secret().to_owned())?);
    }
    Ok(headers)
}

pub(crate) fn sends_key(settings: &ProviderSettings<'_>) -> bool {
    let is_key = |name: &str| {
        ["authorization", "api-key", "x-api-key"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    settings.api_key.is_some() || settings.headers.iter().any(|(name, _)| is_key(name))
}

/// What must not be repeated in a message. Most query parameters may be, such as `api-version`.
pub(crate) fn secrets(settings: &ProviderSettings<'_>) -> Vec<String> {
    let headers = settings.headers.iter().map(|(_, value)| value);
    let mut secrets: Vec<String> =
        headers.chain(settings.api_key).map(|secret| secret.expose_secret().to_owned()).collect();
    for (name, value) in settings.query {
        let name = name.to_ascii_lowercase();
        if ["key", "token", "secret", "sig"].iter().any(|part| name.contains(part)) {
            secrets.push(value.clone());
        }
    }
    secrets
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
