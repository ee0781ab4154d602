//! The configuration from outside: files, flags and variables in, settings and messages out.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may panic as tests may")]

mod complete;
mod credentials;
mod custom_prompts;
mod errors;
mod features;
mod history;
mod hooks;
mod import;
mod layers;
mod managed;
mod mcp;
mod project;
mod project_settings;
mod providers;
mod scene;
mod skills;
mod surroundings;
mod temporal;
mod trust;
