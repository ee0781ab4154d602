//! The providers that are known without being configured.

use crate::{WireApi, environment};

/// A provider that is known without being configured.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// How `model_provider` calls it.
    pub id: &'static str,
    /// How messages call it.
    pub name: &'static str,
    /// Its address.
    pub base_url: &'static str,
    /// What it speaks.
    pub wire_api: WireApi,
    /// The variable with its key.
    pub env_key: Option<&'static str>,
    /// Whether it takes no request without a key. That is known only of its own address.
    pub requires_key: bool,
    /// How to come by a key, or how to start the server.
    pub instructions: &'static str,
}

/// All of them, with the addresses that their documentation gives (read in November 2026). The servers for this machine
/// listen on the loopback address unless they are told otherwise, and ask for a key only when they were started with one.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        id: OPENAI,
        name: "OpenAI",
        base_url: "https://api.openai.com/v1",
        wire_api: WireApi::Responses,
        env_key: Some(environment::OPENAI_API_KEY),
        requires_key: true,
        instructions: "Keys are made at https://platform.openai.com/api-keys.",
    },
    BuiltIn {
        id: "anthropic",
        name: "Anthropic",
        base_url: "https://api.anthropic.com/v1",
        wire_api: WireApi::Anthropic,
        env_key: Some(environment::ANTHROPIC_API_KEY),
        requires_key: true,
        instructions: "Keys are made at https://platform.claude.com/settings/keys.",
    },
    BuiltIn {
        id: "openrouter",
        name: "OpenRouter",
        base_url: "https://openrouter.ai/api/v1",
        wire_api: WireApi::Chat,
        env_key: Some(environment::OPENROUTER_API_KEY),
        requires_key: true,
        instructions: "Keys are made at https://openrouter.ai/settings/keys.",
    },
    BuiltIn {
        id: "ollama",
        name: "Ollama",
        base_url: "http://127.0.0.1:11434/v1",
        wire_api: WireApi::Chat,
        env_key: None,
        requires_key: false,
        instructions: "Start it with `ollama serve`.",
    },
    BuiltIn {
        id: "lmstudio",
        name: "LM Studio",
        base_url: "http://127.0.0.1:1234/v1",
        wire_api: WireApi::Chat,
        env_key: None,
        requires_key: false,
        instructions: "Start its server with `lms server start`.",
    },
    BuiltIn {
        id: "vllm",
        name: "vLLM",
        base_url: "http://127.0.0.1:8000/v1",
        wire_api: WireApi::Chat,
        env_key: Some(environment::VLLM_API_KEY),
        requires_key: false,
        instructions: "Start it with `vllm serve MODEL`.",
    },
    BuiltIn {
        id: "llamacpp",
        name: "llama.cpp",
        base_url: "http://127.0.0.1:8080/v1",
        wire_api: WireApi::Chat,
        env_key: Some(environment::LLAMA_API_KEY),
        requires_key: false,
        instructions: "Start it with `llama-server -m FILE --jinja`.",
    },
];

/// The provider that is asked where nothing else is said.
pub(crate) const OPENAI: &str = "openai";

/// The built-in provider of this name.
pub(crate) fn built_in(id: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|provider| provider.id == id)
}
