//! Tests of agent-core by boundary: the pure machine, the driver with fakes, approvals, mocks.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod adversary;
mod answers;
mod approval;
mod asking;
mod budgets;
mod conformance;
mod crash;
mod desk;
mod driver;
mod endurance;
mod generate;
mod histories;
mod hooks;
mod ledger;
mod long_lived;
mod machine;
mod modes;
mod output_schema;
mod reviews;
mod scenario;
mod summaries;
mod telling;
mod turn_diff;
mod undo;
mod user_commands;
mod web_search;
