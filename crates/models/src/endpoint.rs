//! Where a provider is: its url, the headers and secrets that go with each request, and what is wrong with them.

use crate::provider_config::{ProviderConfig, WireApi};
use reqwest::{
    Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;
use std::net::IpAddr;

/// The version of Anthropic's API that is spoken (Anthropic, "API versioning"). It is the only one since 2023.
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

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
}

impl ProviderError {
    /// Whether trying again with the same settings may help.
    pub fn retry(&self) -> bool {
        match self {
            Self::BaseUrl { .. } | Self::Header { .. } => false,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BaseUrl { .. } => "base_url",
            Self::Header { .. } => "header",
        }
    }
}

/// The url of what the provider has at this path.
pub(crate) fn endpoint(settings: &ProviderConfig, path: &str) -> Result<Url, ProviderError> {
    let wrong = |reason: String| ProviderError::BaseUrl { url: settings.base_url.to_owned(), reason };
    let mut url = Url::parse(&settings.base_url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("its scheme is `{}`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "it contains a user name; send that as a header".to_owned();
        return Err(ProviderError::BaseUrl { url: url.host_str().unwrap_or_default().to_owned(), reason });
    }
    let path = format!("{}/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    if !settings.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&settings.query);
    }
    Ok(url)
}

pub(crate) fn headers(settings: &ProviderConfig, api: WireApi) -> Result<HeaderMap, ProviderError> {
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
    if api == WireApi::Anthropic {
        headers.extend([ANTHROPIC_VERSION]);
    }
    match &settings.api_key {
        Some(key) if api == WireApi::Anthropic => {
            headers.insert("x-api-key", secret("x-api-key", key.expose_secret().to_owned())?);
        }
        Some(key) => {
            let bearer = format!("Bearer {}", key.expose_secret());
            headers.insert(AUTHORIZATION, secret("Authorization", bearer)?);
        }
        None => {}
    }
    for (name, value) in &settings.headers {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ProviderError::Header { name: name.clone(), part: "name" })?;
        headers.insert(known, secret(name, value.expose_secret().to_owned())?);
    }
    Ok(headers)
}

pub(crate) fn sends_key(settings: &ProviderConfig) -> bool {
    let is_key = |name: &str| {
        ["authorization", "api-key", "x-api-key"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    settings.api_key.is_some() || settings.headers.iter().any(|(name, _)| is_key(name))
}

/// What must not be repeated in a message. Most query parameters may be, such as `api-version`.
pub(crate) fn secrets(settings: &ProviderConfig) -> Vec<String> {
    let headers = settings.headers.iter().map(|(_, value)| value);
    let mut secrets: Vec<String> =
        headers.chain(&settings.api_key).map(|secret| secret.expose_secret().to_owned()).collect();
    for (name, value) in &settings.query {
        let name = name.to_ascii_lowercase();
        if ["key", "token", "secret", "sig"].iter().any(|part| name.contains(part)) {
            secrets.push(value.clone());
        }
    }
    secrets
}

/// Whose server this is, as far as that makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI itself, also at Azure: it knows fields that other servers refuse.
    OpenAi,
    /// DeepSeek and Moonshot: they refuse a tool call without the thoughts before it, be there any or not.
    WantsThoughts,
    /// Anyone else's.
    Usual,
}

impl Dialect {
    pub(crate) fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if is("openai.com") || is("openai.azure.com") {
            Self::OpenAi
        } else if ["deepseek.com", "moonshot.ai", "moonshot.cn", "kimi.com"].into_iter().any(is) {
            Self::WantsThoughts
        } else {
            Self::Usual
        }
    }
}

/// Whether the server is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether the server is on this machine or in its neighbourhood, so that the user can see to it.
pub(crate) fn is_nearby(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    is_loopback(url)
        || match host.parse() {
            Ok(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
            Ok(IpAddr::V6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
            Err(_) => !host.contains('.') || host.ends_with(".local"),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_known_by_their_address() {
        let table = [
            ("http://localhost:11434/v1", true),
            ("http://192.168.1.20:1234/v1", true),
            ("http://[fd00::1]:8000/v1", true),
            ("http://gpu-box:8000/v1", true),
            ("http://gpu.local/v1", true),
            ("http://8.8.8.8/v1", false),
            ("https://api.openai.com/v1", false),
        ];
        for (url, nearby) in table {
            assert_eq!(is_nearby(&Url::parse(url).unwrap()), nearby, "{url}");
        }
    }

    #[test]
    fn dialects_are_known_by_their_host() {
        let table = [
            ("https://api.openai.com/v1", Dialect::OpenAi),
            ("https://acme.openai.azure.com/openai/v1", Dialect::OpenAi),
            ("https://notopenai.com/v1", Dialect::Usual),
            ("https://openai.com.example.org/v1", Dialect::Usual),
            ("https://api.deepseek.com", Dialect::WantsThoughts),
            ("https://api.moonshot.ai/v1", Dialect::WantsThoughts),
            ("http://localhost:11434/v1", Dialect::Usual),
        ];
        for (url, dialect) in table {
            assert_eq!(Dialect::of(&Url::parse(url).unwrap()), dialect, "{url}");
        }
    }
}
