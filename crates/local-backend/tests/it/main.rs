//! The local backend with real files, real processes and fake models and tools.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod budgets;
mod catalogue;
mod cost;
mod damage;
mod earlier_rules;
mod entropy;
mod inbox;
mod lookup;
mod moving;
mod processes;
mod session;
mod storage;
mod world;
