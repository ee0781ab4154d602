//! The Temporal backend against real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod adversary;
mod client;
mod codec;
mod connect;
mod dev_server;
mod doctor;
mod long_thread;
mod replay;
mod workflow;
mod workspace;
mod world;
