//! Model streamers: what a model is asked becomes a provider's request, what it answers becomes [`ModelEvent`]s.
//!
//! * [`ResponsesModel`] asks a provider of OpenAI's Responses API over HTTP.
//! * [`ScriptedModel`] answers from a TOML file; its format is described in [`scripted`].
//!
//! What every provider of HTTP shares is beside them: the client with its retries and errors (`provider`,
//! `endpoint`, `retry`, `fault`), the stream of events (`sse`), the limits in headers (`rate_limit`).
//!
//! Not here: the loop that asks again when a response breaks off (`agent-core`), where keys and provider tables come
//! from (`config`). A provider's JSON never leaves this crate.
//!
//! Start reading at [`scripted`] for a first run, at `responses` for the real thing.
//!
//! [`ModelEvent`]: agent_core::ModelEvent

mod endpoint;
mod fault;
mod provider;
mod rate_limit;
mod responses;
mod retry;
pub mod scripted;
mod sse;

pub use endpoint::ProviderError;
pub use responses::{ResponsesConfig, ResponsesModel};
pub use scripted::{Script, ScriptError, ScriptedModel};
pub use secrecy::SecretString;
