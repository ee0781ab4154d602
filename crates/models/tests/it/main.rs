//! The crate's integration tests: one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod anthropic_request;
mod anthropic_thoughts;
mod blobs;
mod catalogue;
mod chat_request;
mod conversation;
mod dialects;
mod golden_streams;
mod http_faults;
mod probe;
mod responses_request;
mod schema_check;
mod script_parsing;
mod scripted_model;
mod translation;
mod web_search;
