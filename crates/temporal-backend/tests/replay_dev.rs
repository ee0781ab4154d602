//! Temporary: the replay tests on their own.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]
#![allow(dead_code, clippy::allow_attributes_without_reason)]
#[path = "it/replay.rs"]
mod replay;
#[path = "it/world.rs"]
mod world;
