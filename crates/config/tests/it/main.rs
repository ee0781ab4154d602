//! The configuration from outside: files, flags and variables in, settings and messages out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests may")]

mod complete;
mod credentials;
mod errors;
mod import;
mod layers;
mod mcp;
mod project;
mod providers;
mod scene;
mod surroundings;
mod temporal;
