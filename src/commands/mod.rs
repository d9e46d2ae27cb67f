//! The `rungs` command, one file a subcommand: flags in, plan out, call the room, hand the result
//! to the report.

mod compare;
mod list;

use anyhow::Error;
use clap::{Parser, Subcommand, error::ErrorKind};
use nix::errno::Errno;
use std::{
    error,
    io::{self, Write},
    process::ExitCode,
};

const EXAMPLES: &str = "Examples:
  rungs list                              the ladder
  rungs compare                           all rungs, side by side
  rungs compare iterativeserver epollserver --peer nginx
  cargo run --bin iterativeserver         one rung, by itself";

/// A workbench of progressive socket servers.
#[derive(Debug, Parser)]
#[command(name = "rungs", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Compare(compare::Args),
}

/// Parses the command line and does what it says. Exit codes: 0 done, 1 failed or incomplete, 2 a
/// wrong command line, 130 ended by Ctrl-C.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        Command::List(args) => list::run(&args),
        Command::Compare(args) => compare::run(&args),
    };
    done.unwrap_or_else(|error| fail(&error))
}

/// Help goes to stdout as it is; a mistake becomes one line and a hint.
fn usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            error.print().map_or(ExitCode::FAILURE, |()| ExitCode::from(code))
        }
        _ => {
            let text = error.render().to_string();
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let tip = lines.find_map(|line| line.strip_prefix("tip: ")).unwrap_or("see --help");
            say(&format!("rungs: {first}\nhint: {tip}"));
            ExitCode::from(2)
        }
    }
}

fn fail(error: &Error) -> ExitCode {
    // Whoever read our output has had enough of it (`rungs compare | head`).
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::FAILURE;
    }
    let causes: Vec<_> = error.chain().map(words).collect();
    say(&format!("rungs: {}", causes.join(": ")));
    ExitCode::FAILURE
}

/// A cause as a person reads it: what the kernel said in strerror(3)'s words, in lower case and
/// without std's "(os error N)".
fn words(cause: &(dyn error::Error + 'static)) -> String {
    match cause.downcast_ref().and_then(io::Error::raw_os_error) {
        Some(code) => Errno::from_raw(code).desc().to_lowercase(),
        None => cause.to_string(),
    }
}

/// Writes a line to stderr, which may be gone.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}
