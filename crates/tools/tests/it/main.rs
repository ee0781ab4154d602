//! The tools through their public surface, with real processes and files.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod command_calls;
mod commands_policy;
mod commands_properties;
mod commands_table;
mod crashes;
mod escapes;
mod file_calls;
#[cfg(feature = "mcp")]
mod mcp;
mod patch_calls;
mod questions;
mod registry;
mod sandbox;
mod sessions;
mod snapshots;
mod stopping;
mod world;
