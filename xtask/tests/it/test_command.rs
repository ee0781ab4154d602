//! What `cargo xtask test` asks cargo for.

use xtask::{Runner, steps};

fn command_lines(runner: Runner, args: &[&str]) -> Vec<String> {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    steps(runner, &args).iter().map(|step| step.args.join(" ")).collect()
}

#[test]
fn doc_tests_come_first_so_that_the_summary_of_nextest_comes_last() {
    assert_eq!(
        command_lines(Runner::Nextest, &["--retries", "1"]),
        ["test --workspace --no-fail-fast --doc", "nextest run --workspace --retries 1"]
    );
}

#[test]
fn without_nextest_each_test_still_runs_once() {
    assert_eq!(
        command_lines(Runner::CargoTest, &[]),
        [
            "test --workspace --no-fail-fast --doc",
            "test --workspace --no-fail-fast --lib --bins --tests --examples",
        ]
    );
}
