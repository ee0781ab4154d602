//! Model streamers: what a model is asked becomes a provider's request, what it answers becomes [`ModelEvent`]s.
//!
//! * [`HttpModel`] asks a provider over HTTP: through [`ResponsesModel`], OpenAI's Responses API, [`ChatModel`], Chat
//!   Completions, or [`AnthropicModel`], Anthropic's Messages, as its [`ProviderConfig`] says.
//! * [`ScriptedModel`] answers from a TOML file; its format is described in [`scripted`].
//! * [`SchemaChecked`] wraps any of them and says where a final message misses its output schema.
//! * [`Catalogue`] says what is known of a model: its window, what it can do, what it costs.
//! * [`web_search_tool`] lets a thread search the web, through providers that do so themselves.
//!
//! What these APIs share is beside them: the client with its retries (`connection`, `provider`, `endpoint`, `retry`) and its
//! question whether a provider is there and takes the key ([`HttpModel::probe`]), what a provider's refusals mean (`fault`, `refusal`), the stream of events (`reading`, `sse`), the limits in headers
//! (`rate_limit`), what content is told as (`content`, `attachments`), what a message cites (`citations`), and what stands in for what an API does not have
//! (`freeform`, `seal`).
//!
//! Not here: the loop that asks again when a response breaks off (`agent-core`), where keys and provider tables come
//! from (`config`). A provider's JSON never leaves this crate.
//!
//! Start reading at [`scripted`] for a first run, at `responses`, `chat` or `anthropic` for the real thing.
//!
//! [`ModelEvent`]: agent_core::ModelEvent

mod anthropic;
mod attachments;
mod catalogue;
mod chat;
mod citations;
mod connection;
mod content;
mod effort;
mod endpoint;
mod fault;
mod freeform;
mod http_model;
mod output_schema;
mod provider;
mod provider_config;
mod rate_limit;
mod reading;
mod refusal;
mod responses;
mod retry;
mod schema_check;
pub mod scripted;
mod seal;
mod sse;
mod web_search;

pub use anthropic::AnthropicModel;
pub use catalogue::{Catalogue, ModelInfo, ModelOverrides, Price, PriceOverrides};
pub use chat::ChatModel;
pub use endpoint::ProviderError;
pub use http_model::HttpModel;
pub use provider::{KeyStanding, ProbeAnswer, ProbeError};
pub use provider_config::{ProviderConfig, WireApi};
pub use responses::ResponsesModel;
pub use schema_check::{SchemaChecked, SchemaError, check_schema};
pub use scripted::{Script, ScriptError, ScriptedModel};
pub use secrecy::SecretString;
pub use web_search::{WebPages, WebSearch, web_search_tool};
