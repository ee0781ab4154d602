//! The crate's integration tests: one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod conversation;
mod golden_streams;
mod responses_faults;
mod responses_request;
mod script_parsing;
mod scripted_model;
