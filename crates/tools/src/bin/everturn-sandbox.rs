//! The helper of the sandbox as a program of its own, for hosts that do not serve it themselves.
#![expect(clippy::print_stderr, reason = "a program of this size has nowhere else to say what it is for")]

use std::process::ExitCode;

fn main() -> ExitCode {
    tools::sandbox::serve_launch();
    eprintln!(
        "everturn-sandbox starts commands for a host of Everturn and is not for use by hand. `everturn sandbox -- COMMAND` \
         runs a command in the sandbox."
    );
    ExitCode::from(2)
}
