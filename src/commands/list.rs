//! `rungs list`: the ladder.

use crate::{harness::report, ladder::LADDER};
use anyhow::Result;
use std::{
    io::{self, IsTerminal, Write},
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
    io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
