//! The chores of this repository, run as `cargo xtask <command>`.
//!
//! * `tidy`: the rules of the house that a compiler does not know (layers, file length, links, …). Each rule is one
//!   module under `tidy/`; [`CHECKS`] lists them. The same code runs as the test `repository_is_tidy`.
//! * `test`: every test of the workspace with one command.
//!
//! Not here: what rustfmt, clippy and cargo-deny already check. Start reading at [`tidy`].

mod test_run;
mod tidy;

pub use test_run::{Runner, Step, run_tests, steps};
pub use tidy::{CHECKS, Check, Finding, Tree, repository_root, tidy};
