//! `rungs list`: the ladder.

use super::print;
use crate::{harness::report, ladder::LADDER};
use anyhow::Result;
use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

/// Show the ladder: number, name, base, idea, what still breaks
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let text = if args.json {
        report::ladder_json(LADDER)?
    } else {
        report::ladder_table(LADDER, io::stdout().is_terminal())
    };
    print("the ladder", &text)?;
    Ok(ExitCode::SUCCESS)
}
