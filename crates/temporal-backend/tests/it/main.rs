//! The Temporal backend against real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod dev_server;
mod workflow;
mod world;
