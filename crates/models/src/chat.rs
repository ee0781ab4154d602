//! [`ChatModel`]: OpenAI's Chat Completions with server-sent events, as many servers speak it: Ollama, vLLM, llama.cpp,
//! LM Studio, OpenRouter, DeepSeek, Gemini's compatibility layer.
//!
//! * `request` makes the body, `messages` the conversation in it, in a form that the strictest of these servers takes.
//! * `assembly` makes events and whole items of the answer, `calls` the tool calls in it, which every server cuts into
//!   other pieces, `details` what OpenRouter seals.
//! * `wire` knows the JSON of both directions. It takes what it knows and skips the rest.
//!
//! Source of the format: OpenAI's API reference, "Chat Completions" and "Chat Completions streaming"; for the servers
//! their documentation and their issue trackers, named where it matters.

mod assembly;
mod calls;
mod details;
mod messages;
mod model;
mod request;
mod wire;

pub use model::ChatModel;
