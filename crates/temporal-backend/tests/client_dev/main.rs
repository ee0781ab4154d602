//! The client's tests while they are in the making.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod client;
mod dbg;
mod world;
