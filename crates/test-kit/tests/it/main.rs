//! The crate's integration tests: one binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anthropic;
mod chat;
mod client;
mod cost;
mod dialects;
mod faults;
mod model_server;
mod prompt_cache;
