//! The chores, from outside: the repository keeps its rules, and each rule can be broken.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may panic as tests may")]

mod bench_figures;
mod bench_server;
mod generate;
mod repository;
mod rules;
mod test_command;
mod tree;
