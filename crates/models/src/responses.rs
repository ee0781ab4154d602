//! [`ResponsesModel`]: OpenAI's Responses API with server-sent events, and every server that speaks it.
//!
//! * `request` makes the body from the conversation, which it borrows; `attachments` fetches the blobs for it first.
//! * `stream` reads the answer; `assembly` makes events and whole items of it.
//! * `wire` knows the JSON of both directions. It takes what it knows and skips the rest.
//!
//! Source of the format: OpenAI's API reference, "Responses" and "Streaming events", and the types in OpenAI's Python
//! library that are generated from the same description.

mod assembly;
mod attachments;
mod config;
mod model;
mod request;
mod stream;
mod wire;

pub use config::ResponsesConfig;
pub use model::ResponsesModel;
