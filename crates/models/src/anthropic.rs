//! [`AnthropicModel`]: Anthropic's Messages API with server-sent events, and every server that speaks it.
//!
//! * `request` makes the body: `messages` the conversation in it, `thinking` how much the model is to think, `breakpoints`
//!   where the provider may cache. `fingerprint` tells whether what was sent before a thought is still the same.
//! * `assembly` makes events and whole items of the answer.
//! * `wire` knows the JSON of both directions. It takes what it knows and skips the rest; `search` knows the provider's
//!   searches of the web, `ordered` keeps the arguments of a call as the model wrote them.
//!
//! Source of the format: Anthropic's API reference, "Messages" and "Streaming messages", and its pages on thinking, prompt
//! caching, structured outputs and stop reasons (platform.claude.com/docs, read on 2026-11-21), named where it matters.

mod assembly;
mod breakpoints;
mod fingerprint;
mod messages;
mod model;
mod ordered;
mod request;
mod search;
mod thinking;
mod wire;

pub use model::AnthropicModel;
