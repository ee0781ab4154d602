//! What a provider says is wrong, and what that means.

use agent_core::ModelErrorKind;
use serde_json::Value;

/// Codes and types that say that the account has nothing left.
const QUOTA: [&str; 9] = [
    "insufficient_quota",
    "insufficient_user_quota",
    "quota_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "usage_limit_reached",
    "usage_not_included",
    // Anthropic.
    "billing_error",
    "enforced_spend_limit_reached",
];
/// What Anthropic writes instead, with a code for any bad request, in small letters: "Your credit balance is too low to
/// access the Anthropic API", "You have reached your specified API usage limits".
const QUOTA_WORDS: [&str; 2] = ["credit balance is too low", "specified api usage limits"];
/// Codes and types that say that the conversation is too long (OpenAI, llama.cpp; Anthropic for more than 32 MB).
const CONTEXT: [&str; 4] =
    ["context_length_exceeded", "exceed_context_size_error", "context_window_exceeded", "request_too_large"];
/// What servers without such a code write instead, in small letters.
const CONTEXT_WORDS: [&str; 21] = [
    // OpenAI, vLLM, DeepSeek, OpenRouter: "This model's maximum context length is 4096 tokens".
    "maximum context length",
    "context length exceeded",
    // vLLM: "(length 5000) is longer than the maximum model length of 4096".
    "longer than the maximum model length",
    "the model's context length is only",
    // llama.cpp: "the request exceeds the available context size", "Context size has been exceeded".
    "exceeds the available context",
    "exceeds the context",
    "exceed the context window",
    "context size has been exceeded",
    "context the overflows",
    // LM Studio: "Reached context length of 4096 tokens with model (…)", "… is greater than the context length".
    "reached context length of",
    "greater than the context length",
    "loaded with context length of only",
    // Ollama: "prompt too long; exceeded max context length by 5 tokens", "input length exceeds the context length".
    "exceeded max context length",
    "input exceeds context length",
    // Anthropic and those that translate to it: "prompt is too long: 200001 tokens > 200000 maximum", "input length
    // and `max_tokens` exceed context limit".
    "prompt is too long",
    "exceed context limit",
    "input is too long for requested model",
    // Gemini: "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
    "input token count",
    // xAI: "This model's maximum prompt length is 131072 but the request contains 131073 tokens."
    "maximum prompt length",
    // Mistral: "Prompt contains 40000 tokens …, too large for model with 32768 maximum context length".
    "too large for model with",
    // Moonshot: "Your request exceeded model token limit: 131072".
    "exceeded model token limit",
];
/// Codes and types that say that the key is wrong.
const AUTH: [&str; 4] = ["invalid_api_key", "authentication_error", "permission_error", "permission_denied"];
/// Words that say it where the code does not, in small letters: Gemini answers 400 with "API key not valid".
const AUTH_WORDS: [&str; 4] =
    ["api key not valid", "incorrect api key", "invalid api key", "no auth credentials found"];
/// Codes and types that say that there is no such model.
const MODEL: [&str; 3] = ["model_not_found", "model_not_available", "invalid_model"];
/// Words that say it of a model, in small letters: Ollama: `model "x" not found, try pulling it first`; vLLM: "The
/// model `x` does not exist."; OpenRouter: "x is not a valid model ID", "No endpoints found for x."; LM Studio: "No
/// models loaded"; Gemini: "models/x is not found for API version v1".
const MODEL_WORDS: [&str; 10] = [
    "not found",
    "does not exist",
    "not exist",
    "no such model",
    "unknown model",
    "invalid model",
    "not a valid model",
    "try pulling it",
    "no models loaded",
    "model is not supported",
];
/// Words of a model that cannot call tools (Ollama, OpenRouter).
const TOOLS_WORDS: [&str; 2] = ["does not support tools", "that support tool use"];
/// Words of a model that sees no images: llama.cpp; OpenRouter; Ollama; vLLM; DeepSeek, whose messages are text alone.
const IMAGES_WORDS: [&str; 7] = [
    "image input is not supported",
    "that support image input",
    "does not support image",
    "missing data required for image input",
    "is not a multimodal model",
    "at most 0 image",
    "unknown variant `image_url`",
];
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
const REQUEST: [&str; 7] = [
    "invalid_",
    "image_",
    "unsupported_",
    "empty_image",
    "failed_to_download_image",
    "content_policy",
    "BadRequest",
];

/// What a provider's words come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The account has nothing left.
    Quota,
    /// The conversation is too long.
    Context,
    /// The key is missing, wrong, or may not do this.
    Auth,
    /// There is no such model, or not for this key.
    UnknownModel,
    /// The model cannot call tools.
    NoTools,
    /// The model sees no images.
    NoImages,
    /// Asking again may help.
    Passing,
    /// The request is at fault.
    Request,
}

impl Verdict {
    pub(crate) fn kind(self) -> ModelErrorKind {
        match self {
            Self::Quota => ModelErrorKind::Quota,
            Self::Context => ModelErrorKind::ContextWindowExceeded,
            Self::Auth => ModelErrorKind::Auth,
            Self::Passing => ModelErrorKind::Stream,
            Self::UnknownModel | Self::NoTools | Self::NoImages | Self::Request => {
                ModelErrorKind::InvalidRequest
            }
        }
    }
}

/// A provider's error object, wherever it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProviderFault {
    pub(crate) code: String,
    pub(crate) kind: String,
    pub(crate) message: String,
    /// Which field of the request it is about.
    pub(crate) param: String,
}

impl ProviderFault {
    /// Reads `{"code", "type", "message", "param"}`, each of which may be missing or no text, or the message alone.
    /// OpenRouter puts the words of the provider behind it into `metadata.raw`, Anthropic a code into `details`.
    pub(crate) fn of_value(mut value: Value) -> Self {
        let text = |value: Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        if !value.is_object() {
            return Self { message: text(value), ..Self::default() };
        }
        let mut message = text(value["message"].take());
        if let Some(raw) = value["metadata"]["raw"].as_str() {
            message = format!("{message}: {raw}");
        }
        let mut code = text(value["code"].take());
        if code.is_empty() {
            code = value["details"]["error_code"].as_str().unwrap_or_default().to_owned();
        }
        Self { code, kind: text(value["type"].take()), param: text(value["param"].take()), message }
    }

    /// Reads the body of an HTTP error: `{"error": {…}}`, `{"error": "…"}`, `{"message": "…"}`, `{"detail": "…"}`, a
    /// list of one of these (Gemini), or whatever text it is.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        let mut value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if let Value::Array(list) = &mut value
            && let Some(first) = list.first_mut()
        {
            value = first.take();
        }
        for key in ["error", "detail"] {
            match value.get_mut(key).map(Value::take) {
                None | Some(Value::Null) => {}
                Some(fault) => return Self::of_value(fault),
            }
        }
        if value.get("message").is_some() {
            return Self::of_value(value);
        }
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        // A gateway's page says in many lines what the status says in one.
        let is_page = text.starts_with('<');
        let message = if is_page { "(a page of HTML)".to_owned() } else { text.to_owned() };
        Self { message, ..Self::default() }
    }

    /// Reads the body of an answer with a status of success; `None` where it holds no error.
    pub(crate) fn of_success(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        Self::of_event(value)
    }

    /// Reads an event: `{"error": …}`, or the error itself marked as one (vLLM before 0.10). `None` where it is none.
    pub(crate) fn of_event(mut event: Value) -> Option<Self> {
        if let Some(fault) = event.get_mut("error").map(Value::take).filter(|fault| !fault.is_null()) {
            return Some(Self::of_value(fault));
        }
        if event["type"] == "error" {
            // The type of the event, not of what is wrong.
            event["type"] = Value::Null;
            return Some(Self::of_value(event));
        }
        (event["object"] == "error").then(|| Self::of_value(event))
    }

    /// What this is by its own words; `None` where they do not tell.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let says =
            |names: &[&str]| names.contains(&self.code.as_str()) || names.contains(&self.kind.as_str());
        let lower = self.message.to_ascii_lowercase();
        let words = |known: &[&str]| known.iter().any(|words| lower.contains(words));
        if says(&QUOTA) || words(&QUOTA_WORDS) {
            Some(Verdict::Quota)
        } else if says(&CONTEXT) || words(&CONTEXT_WORDS) {
            Some(Verdict::Context)
        } else if says(&AUTH) || words(&AUTH_WORDS) {
            Some(Verdict::Auth)
        } else if words(&TOOLS_WORDS) {
            Some(Verdict::NoTools)
        } else if words(&IMAGES_WORDS) {
            Some(Verdict::NoImages)
        } else if says(&MODEL) || self.blames_model(&lower) {
            Some(Verdict::UnknownModel)
        } else if says(&PASSING) {
            Some(Verdict::Passing)
        } else if REQUEST.iter().any(|start| self.code.starts_with(start) || self.kind.starts_with(start)) {
            Some(Verdict::Request)
        } else {
            self.by_number()
        }
    }

    fn blames_model(&self, lower: &str) -> bool {
        let says = |words: &&str| lower.contains(*words);
        (lower.contains("model") && MODEL_WORDS.iter().any(says))
            || lower.starts_with("no endpoints found for")
            // Anthropic: "model: claude-opus-9".
            || (self.kind == "not_found_error" && lower.starts_with("model:"))
            // An unsupported value of another field names that field; a name that is no model names `model`.
            || (self.param == "model" && !lower.contains("support"))
    }

    /// OpenRouter and vLLM give the status that they would have answered with as the code of an error in the stream.
    fn by_number(&self) -> Option<Verdict> {
        match self.code.parse::<u16>().ok()? {
            401 | 403 => Some(Verdict::Auth),
            402 => Some(Verdict::Quota),
            400 | 404 | 413 | 422 => Some(Verdict::Request),
            408 | 429 | 500.. => Some(Verdict::Passing),
            _ => None,
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
            (r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#, "m (400)"),
            (r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#, "m (400)"),
            (r#"{"error":{"message":"m","code":502,"metadata":{"raw":"r"}}}"#, "m: r (502)"),
            (r#"{"error":null}"#, r#"{"error":null}"#),
            ("<html>Bad Gateway</html>\n", "(a page of HTML)"),
            ("Bad Gateway\n", "Bad Gateway"),
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
    fn codes_and_words_tell_what_is_wrong() {
        let table = [
            ("insufficient_quota", "", Some(Verdict::Quota)),
            ("402", "Insufficient credits", Some(Verdict::Quota)),
            ("", "Your credit balance is too low to access the Anthropic API.", Some(Verdict::Quota)),
            ("request_too_large", "", Some(Verdict::Context)),
            ("context_length_exceeded", "", Some(Verdict::Context)),
            ("exceed_context_size_error", "", Some(Verdict::Context)),
            ("invalid_api_key", "", Some(Verdict::Auth)),
            ("400", "API key not valid. Please pass a valid API key.", Some(Verdict::Auth)),
            ("401", "User not found.", Some(Verdict::Auth)),
            ("model_not_found", "", Some(Verdict::UnknownModel)),
            ("", "model \"llama9\" not found, try pulling it first", Some(Verdict::UnknownModel)),
            ("404", "The model `x` does not exist.", Some(Verdict::UnknownModel)),
            ("400", "vendor/x is not a valid model ID", Some(Verdict::UnknownModel)),
            ("404", "No endpoints found for vendor/x.", Some(Verdict::UnknownModel)),
            ("404", "No endpoints found that support tool use.", Some(Verdict::NoTools)),
            ("", "registry.ollama.ai/library/gemma:2b does not support tools", Some(Verdict::NoTools)),
            ("500", "image input is not supported - hint: provide the mmproj", Some(Verdict::NoImages)),
            ("404", "No endpoints found that support image input", Some(Verdict::NoImages)),
            ("invalid_prompt", "", Some(Verdict::Request)),
            ("image_too_large", "", Some(Verdict::Request)),
            ("400", "bad", Some(Verdict::Request)),
            ("rate_limit_exceeded", "", Some(Verdict::Passing)),
            ("502", "Provider disconnected", Some(Verdict::Passing)),
            ("", "who knows", None),
            ("", "File Not Found", None),
        ];
        for (code, message, verdict) in table {
            let fault = ProviderFault {
                code: code.to_owned(),
                message: message.to_owned(),
                ..ProviderFault::default()
            };
            assert_eq!(fault.verdict(), verdict, "{code} {message}");
        }
        let param = |message: &str| {
            let body = format!(r#"{{"error":{{"message":"{message}","param":"model","code":null}}}}"#);
            ProviderFault::of_body(body.as_bytes()).verdict()
        };
        assert_eq!(param("you must provide another one"), Some(Verdict::UnknownModel));
        assert_eq!(param("Unsupported value"), None);
    }

    #[test]
    fn conversations_that_are_too_long_are_known_by_the_words_of_each_server() {
        let table = [
            "This model's maximum context length is 8192 tokens. However, you requested 8334 tokens.",
            "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens \
             (139000 of text input, 1000 of tool input).",
            "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
            "You passed 5000 input tokens and requested 0 output tokens. However, the model's context length is only \
             4096 tokens.",
            "the request exceeds the available context size. try increasing the context size or enable context shift",
            "request (14429 tokens) exceeds the available context size (8192 tokens), try increasing it",
            "Context size has been exceeded.",
            "Trying to keep the first 10136 tokens when context the overflows. However, the model is loaded with \
             context length of only 7866 tokens, which is not enough.",
            "The number of tokens to keep from the initial prompt is greater than the context length.",
            "Reached context length of 4096 tokens with model (arch: qwen3vlmoe) that does not currently support \
             mid-generation context overflow.",
            "prompt too long; exceeded max context length by 12 tokens",
            "the input length exceeds the context length",
            "input exceeds context length",
            "prompt is too long: 200001 tokens > 200000 maximum",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
            "This model's maximum prompt length is 131072 but the request contains 131073 tokens.",
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            "Invalid request: Your request exceeded model token limit: 131072",
            "Your input exceeds the context window of this model.",
        ];
        for message in table {
            let fault = ProviderFault { message: message.to_owned(), ..ProviderFault::default() };
            assert_eq!(fault.verdict(), Some(Verdict::Context), "{message}");
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
