//! Error objects as the servers of each dialect write them.

use crate::{
    api::{Asked, WireApi},
    dialect::Dialect,
    said::Trouble,
};
use serde_json::{Value, json};

/// The status that goes with a trouble where the test names none.
pub(crate) fn status(trouble: &Trouble, asked: &Asked) -> u16 {
    match trouble {
        Trouble::UnknownModel(_) if asked.api == WireApi::Responses => 400,
        Trouble::UnknownModel(_) if asked.api == WireApi::Anthropic => 404,
        Trouble::UnknownModel(_) => match asked.dialect {
            Dialect::LlamaCpp | Dialect::OpenRouter | Dialect::DeepSeek => 400,
            _ => 404,
        },
        Trouble::Overflow | Trouble::Coded { .. } => 400,
    }
}

/// The body of an HTTP error.
pub(crate) fn body(trouble: &Trouble, status: u16, asked: &Asked) -> Value {
    let error = object(trouble, status, asked);
    if asked.api == WireApi::Anthropic {
        return json!({ "type": "error", "error": error, "request_id": "req_1" });
    }
    match dialect(asked) {
        Dialect::Gemini => json!([{ "error": error }]),
        _ => json!({ "error": error }),
    }
}

/// The error itself.
pub(crate) fn object(trouble: &Trouble, status: u16, asked: &Asked) -> Value {
    if asked.api == WireApi::Anthropic {
        return anthropic(trouble, status);
    }
    match trouble {
        Trouble::Coded { code, message } => coded(code, message, status, dialect(asked)),
        Trouble::Overflow => overflow(asked),
        Trouble::UnknownModel(name) => unknown_model(name, asked),
    }
}

/// Dialects are of chat.
fn dialect(asked: &Asked) -> Dialect {
    match asked.api {
        WireApi::Responses | WireApi::Anthropic => Dialect::OpenAi,
        WireApi::Chat => asked.dialect,
    }
}

/// As Anthropic writes them ("Errors"), with the name that it has for a code of OpenAI's.
fn anthropic(trouble: &Trouble, status: u16) -> Value {
    let (kind, message) = match trouble {
        Trouble::Overflow => {
            ("invalid_request_error", "prompt is too long: 214003 tokens > 200000 maximum".to_owned())
        }
        Trouble::UnknownModel(name) => ("not_found_error", format!("model: {name}")),
        Trouble::Coded { code, message } => {
            let kind = match code.as_str() {
                "rate_limit_exceeded" => "rate_limit_error",
                "insufficient_quota" => "billing_error",
                "invalid_api_key" => "authentication_error",
                "permission_denied" => "permission_error",
                "model_not_found" => "not_found_error",
                "server_error" if status == 529 => "overloaded_error",
                "server_error" => "api_error",
                other => other,
            };
            (kind, message.clone())
        }
    };
    json!({ "type": kind, "message": message })
}

fn coded(code: &str, message: &str, status: u16, dialect: Dialect) -> Value {
    match dialect {
        Dialect::OpenAi | Dialect::DeepSeek => {
            let kind = if code == "insufficient_quota" { code } else { "invalid_request_error" };
            openai(code, message, kind, None)
        }
        Dialect::Ollama => json!({ "message": message, "type": "api_error", "param": null, "code": null }),
        Dialect::Vllm => json!({ "message": message, "type": code, "param": null, "code": status }),
        Dialect::LlamaCpp => json!({ "code": status, "message": message, "type": code }),
        Dialect::LmStudio => json!(message),
        Dialect::OpenRouter => {
            json!({ "code": status, "message": message, "metadata": { "error_type": code } })
        }
        Dialect::Gemini => json!({ "code": status, "message": message, "status": code.to_uppercase() }),
        Dialect::LiteLlm => {
            json!({ "message": message, "type": code, "param": null, "code": status.to_string() })
        }
    }
}

fn openai(code: &str, message: &str, kind: &str, param: Option<&str>) -> Value {
    json!({ "message": message, "type": kind, "param": param, "code": code })
}

fn overflow(asked: &Asked) -> Value {
    let deepseek = "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens (70000 in \
                    the messages, 0 in the completion). Please reduce the length of the messages or completion.";
    match dialect(asked) {
        Dialect::OpenAi => {
            let (message, param) = match asked.api {
                WireApi::Responses | WireApi::Anthropic => (
                    "Your input exceeds the context window of this model. Please adjust your input and try again.",
                    "input",
                ),
                WireApi::Chat => (
                    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 \
                     tokens. Please reduce the length of the messages.",
                    "messages",
                ),
            };
            openai("context_length_exceeded", message, "invalid_request_error", Some(param))
        }
        Dialect::Ollama => {
            coded("", "prompt too long; exceeded max context length by 905 tokens", 400, Dialect::Ollama)
        }
        Dialect::Vllm => coded(
            "BadRequestError",
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4500 in the \
             messages, 500 in the completion). Please reduce the length of the messages or completion.",
            400,
            Dialect::Vllm,
        ),
        Dialect::LlamaCpp => json!({
            "code": 400, "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096,
        }),
        Dialect::LmStudio => json!(
            "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 13055>= \
             n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input."
        ),
        Dialect::OpenRouter => json!({
            "message": "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 \
                        tokens (140000 of text input). Please reduce the length of either one, or use the \
                        \"middle-out\" transform to compress your prompt automatically.",
            "code": 400, "metadata": { "provider_name": null },
        }),
        Dialect::Gemini => json!({
            "code": 400, "status": "INVALID_ARGUMENT",
            "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        }),
        Dialect::DeepSeek => openai("invalid_request_error", deepseek, "invalid_request_error", None),
        Dialect::LiteLlm => {
            let message = format!("litellm.ContextWindowExceededError: litellm.BadRequestError: {deepseek}");
            json!({ "message": message, "type": null, "param": null, "code": "400" })
        }
    }
}

fn unknown_model(name: &str, asked: &Asked) -> Value {
    let status = status(&Trouble::UnknownModel(String::new()), asked);
    match dialect(asked) {
        Dialect::OpenAi => {
            let (message, param) = match asked.api {
                WireApi::Responses | WireApi::Anthropic => {
                    (format!("The requested model '{name}' does not exist."), Some("model"))
                }
                WireApi::Chat => {
                    (format!("The model `{name}` does not exist or you do not have access to it."), None)
                }
            };
            openai("model_not_found", &message, "invalid_request_error", param)
        }
        Dialect::Ollama => {
            let message = format!("model \"{name}\" not found, try pulling it first");
            json!({ "message": message, "type": "not_found_error", "param": null, "code": null })
        }
        Dialect::Vllm => {
            coded("NotFoundError", &format!("The model `{name}` does not exist."), status, Dialect::Vllm)
        }
        Dialect::LlamaCpp => {
            coded("invalid_request_error", &format!("model '{name}' not found"), status, Dialect::LlamaCpp)
        }
        Dialect::LmStudio => {
            let message =
                "No models loaded. Please load a model in the developer page or use the `lms load` command.";
            openai("model_not_found", message, "invalid_request_error", Some("model"))
        }
        Dialect::OpenRouter => {
            json!({ "message": format!("{name} is not a valid model ID"), "code": status })
        }
        Dialect::Gemini => json!({
            "code": status, "status": "NOT_FOUND",
            "message": format!("models/{name} is not found for API version v1main, or is not supported for generateContent."),
        }),
        Dialect::DeepSeek => {
            openai("invalid_request_error", "Model Not Exist", "invalid_request_error", None)
        }
        Dialect::LiteLlm => {
            let message = format!(
                "/chat/completions: Invalid model name passed in model={name}. Call `/v1/models` to view available models for your key."
            );
            json!({ "message": message, "type": "None", "param": "None", "code": status.to_string() })
        }
    }
}
