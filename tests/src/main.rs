//! The program `everturn` with its kill points armed, for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
