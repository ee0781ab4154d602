//! The chores of this repository, run as `cargo xtask <command>`.
//!
//! * `tidy`: the rules of the house that a compiler does not know (layers, file length, links, …). Each rule is one
//!   module under `tidy/`; [`CHECKS`] lists them. The same code runs as the test `repository_is_tidy`.
//! * `test`: every test of the workspace with one command.
//! * `gen`: writes what is made from code, the reference and the schema of the configuration; see `generate.rs`.
//! * `bench local`: what a step costs, beside a peer and against the targets; see `bench.rs`.
//!
//! Not here: what rustfmt, clippy and cargo-deny already check. Start reading at [`tidy`].

mod bench;
mod generate;
mod test_run;
mod tidy;

pub use bench::{
    Exchange, Line, Options, Part, Plan, Report, Server, Table, Target, UsageError, Verdict, Work, judge,
    line_through, median, percentile, run_bench,
};
pub use generate::{GENERATED, Generated, generate, stale};
pub use test_run::{Runner, Step, run_tests, steps};
pub use tidy::{CHECKS, Check, Finding, Tree, repository_root, tidy};
