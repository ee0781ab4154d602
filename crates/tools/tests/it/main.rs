//! The tools through their public surface, with real processes and files.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod command_calls;
mod crashes;
mod file_calls;
mod patch_calls;
mod registry;
mod stopping;
mod world;
