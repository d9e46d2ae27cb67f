//! The `rungs` command: parse, dispatch, print the error chain.

use std::process::ExitCode;

fn main() -> ExitCode {
    rungs::commands::run()
}
