//! The binary `everturn`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
