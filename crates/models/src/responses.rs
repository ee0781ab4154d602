//! [`ResponsesModel`]: OpenAI's Responses API with server-sent events, and every server that speaks it.
//!
//! * `request` makes the body from the conversation, which it borrows.
//! * `assembly` makes events and whole items of the answer.
//! * `wire` knows the JSON of both directions. It takes what it knows and skips the rest; `search_call` knows the
//!   provider's searches of the web.
//!
//! Source of the format: OpenAI's API reference, "Responses" and "Streaming events", and the types in OpenAI's Python
//! library that are generated from the same description.

mod assembly;
mod model;
mod request;
mod search_call;
mod wire;

pub use model::ResponsesModel;
