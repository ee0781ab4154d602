//! What a second pair of eyes found in the machine of rules 4: each test is one fault.
#![expect(clippy::unwrap_used, clippy::panic, dead_code, reason = "helpers of tests are tests")]

#[path = "it/desk.rs"]
mod desk;
#[path = "it/scenario.rs"]
mod scenario;
#[path = "it/adversary.rs"]
mod adversary;

