//! What a provider says is wrong, and which [`ModelErrorKind`] that is.

use agent_core::ModelErrorKind;
use serde_json::Value;

/// Codes and types that say that the account has nothing left.
const QUOTA: [&str; 7] = [
    "insufficient_quota",
    "insufficient_user_quota",
    "quota_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "usage_limit_reached",
    "usage_not_included",
];
/// Codes and types that say that the conversation is too long.
const CONTEXT: [&str; 3] =
    ["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"];
/// What servers without such a code write instead (vLLM, llama.cpp, LM Studio, proxies).
const CONTEXT_WORDS: [&str; 6] = [
    "maximum context length",
    "context length exceeded",
    "exceeds the context",
    "exceeds the available context",
    "exceed the context window",
    "prompt is too long",
];
/// Codes and types that say that the key is wrong.
const AUTH: [&str; 4] = ["invalid_api_key", "authentication_error", "permission_error", "permission_denied"];
/// Codes and types that blame the provider, or the moment: asking again may help.
const PASSING: [&str; 7] = [
    "server_error",
    "internal_server_error",
    "rate_limit_exceeded",
    "rate_limit_error",
    "server_is_overloaded",
    "overloaded_error",
    "slow_down",
];
/// How codes begin that blame the request: `invalid_prompt`, `invalid_image_url`, `image_too_large` and so on
/// (OpenAI, `ResponseError.code`).
const REQUEST: [&str; 6] =
    ["invalid_", "image_", "unsupported_", "empty_image", "failed_to_download_image", "content_policy"];

/// A provider's error object, wherever it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProviderFault {
    pub(crate) code: String,
    pub(crate) kind: String,
    pub(crate) message: String,
}

impl ProviderFault {
    /// Reads `{"code", "type", "message"}`, each of which may be missing or no text, or the message alone.
    pub(crate) fn of_value(mut value: Value) -> Self {
        let text = |value: Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        if !value.is_object() {
            return Self { message: text(value), ..Self::default() };
        }
        Self {
            code: text(value["code"].take()),
            kind: text(value["type"].take()),
            message: text(value["message"].take()),
        }
    }

    /// Reads the body of an HTTP error: `{"error": {…}}`, `{"error": "…"}`, `{"message": "…"}`, `{"detail": "…"}`,
    /// or whatever text it is.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(body)
            && let Some(fault) = ["error", "message", "detail"].iter().find_map(|key| body.remove(*key))
        {
            return Self::of_value(fault);
        }
        Self { message: String::from_utf8_lossy(body).trim().to_owned(), ..Self::default() }
    }

    /// What kind of error this is by its own words; `None` where they do not tell.
    pub(crate) fn verdict(&self) -> Option<ModelErrorKind> {
        let says =
            |names: &[&str]| names.contains(&self.code.as_str()) || names.contains(&self.kind.as_str());
        let lower = self.message.to_ascii_lowercase();
        if says(&QUOTA) {
            Some(ModelErrorKind::Quota)
        } else if says(&CONTEXT) || CONTEXT_WORDS.iter().any(|words| lower.contains(words)) {
            Some(ModelErrorKind::ContextWindowExceeded)
        } else if says(&AUTH) {
            Some(ModelErrorKind::Auth)
        } else if says(&PASSING) {
            Some(ModelErrorKind::Stream)
        } else if REQUEST.iter().any(|start| self.code.starts_with(start) || self.kind.starts_with(start)) {
            Some(ModelErrorKind::InvalidRequest)
        } else {
            None
        }
    }

    /// The message and the code, as far as there are any.
    pub(crate) fn words(&self) -> String {
        let code = if self.code.is_empty() { &self.kind } else { &self.code };
        match (self.message.is_empty(), code.is_empty()) {
            (true, true) => "it gave no reason".to_owned(),
            (true, false) => code.clone(),
            (false, true) => self.message.clone(),
            (false, false) => format!("{} ({code})", self.message),
        }
    }
}

/// The wait that a message such as "Please try again in 1.5s." names, in milliseconds. Faults that come within a
/// stream have no headers to say it.
pub(crate) fn try_again_ms(message: &str) -> Option<u64> {
    let (_, after) = message.split_once("try again in ")?;
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = after[..end].trim_end_matches('.').parse().ok()?;
    let unit = after[end..].trim_start();
    let unit_ms = if unit.starts_with("ms") {
        1.0
    } else if unit.starts_with('s') {
        1000.0
    } else {
        return None;
    };
    Some((number * unit_ms).ceil() as u64)
}

/// The text, cut between characters where it is longer than this.
pub(crate) fn capped(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max_bytes)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_all_shapes_are_read() {
        let table = [
            (r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#, "m (c)"),
            (r#"{"error":{"message":"m","type":"t","code":null}}"#, "m (t)"),
            (r#"{"error":{"message":"m","code":400}}"#, "m (400)"),
            (r#"{"error":"model not found"}"#, "model not found"),
            (r#"{"detail":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"message":"no"}"#, "no"),
            ("<html>Bad Gateway</html>\n", "<html>Bad Gateway</html>"),
            ("", "it gave no reason"),
        ];
        for (body, words) in table {
            assert_eq!(ProviderFault::of_body(body.as_bytes()).words(), words, "{body}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(capped("éé", 4), "éé");
        assert_eq!(capped("ééé", 5), "éé…");
    }

    #[test]
    fn codes_and_words_tell_the_kind() {
        use ModelErrorKind::{Auth, ContextWindowExceeded, InvalidRequest, Quota, Stream};
        let table = [
            ("insufficient_quota", "", Some(Quota)),
            ("context_length_exceeded", "", Some(ContextWindowExceeded)),
            ("400", "This model's maximum context length is 4096 tokens.", Some(ContextWindowExceeded)),
            ("invalid_api_key", "", Some(Auth)),
            ("invalid_prompt", "", Some(InvalidRequest)),
            ("image_too_large", "", Some(InvalidRequest)),
            ("rate_limit_exceeded", "", Some(Stream)),
            ("", "who knows", None),
        ];
        for (code, message, kind) in table {
            let fault =
                ProviderFault { code: code.to_owned(), kind: String::new(), message: message.to_owned() };
            assert_eq!(fault.verdict(), kind, "{code} {message}");
        }
    }

    #[test]
    fn waits_are_found_in_words() {
        let table = [
            ("Rate limit reached. Please try again in 1.5s. Visit x", Some(1500)),
            ("Please try again in 28ms.", Some(28)),
            ("try again in 3 seconds", Some(3000)),
            ("try again in a while", None),
            ("try again in 6m0s", None),
            ("no", None),
        ];
        for (message, ms) in table {
            assert_eq!(try_again_ms(message), ms, "{message}");
        }
    }
}
