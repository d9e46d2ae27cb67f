//! The `rungs` command, one file a subcommand: flags in, plan out, call the room, hand the result
//! to the report.

mod check;
mod compare;
mod interrupt;
mod keys;
mod learn;
mod list;
mod load;
mod times;
mod watch;

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Error, Result};
use clap::{Parser, Subcommand, error::ErrorKind};
use indicatif::{ProgressBar, ProgressDrawTarget};
use nix::{
    errno::Errno,
    unistd::{getpgrp, tcgetpgrp},
};
use std::{
    env, error,
    fmt::{self, Display, Formatter},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// The exit code of a wrong command line.
const MISUSED: u8 = 2;

/// The exit code of who was interrupted, 128 and the number of SIGINT, as of a shell.
const INTERRUPTED: u8 = 130;

const SEE_HELP: &str = "see --help";

const EXAMPLES: &str = "Examples:
  rungs list                              the ladder
  rungs compare                           all rungs, side by side
  rungs compare iterativeserver epollserver --peer nginx
  rungs load 127.0.0.1:8888 --rate 1000   any server, 1,000 requests a second
  rungs watch --port 8888                 its processes, descriptors, sockets
  rungs check -- ./my_server {port}       which rung it has reached, and why
  rungs learn                             climb yourself, checked at each save
  cargo run --bin iterativeserver         one rung, by itself

In the project's folder, `cargo run --release --` stands for `rungs`.";

/// A workbench of progressive socket servers.
#[derive(Debug, Parser)]
#[command(name = "rungs", version, after_help = EXAMPLES, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Check(check::Args),
    Compare(Box<compare::Args>),
    Learn(learn::Args),
    Load(Box<load::Args>),
    Watch(watch::Args),
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
        // Its 1 is a verdict on the server, whatever else went wrong.
        Command::Check(args) => check::run(&args).or_else(|error| {
            fail(&error);
            Ok(ExitCode::from(MISUSED))
        }),
        Command::Compare(args) => compare::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Watch(args) => watch::run(&args),
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
            let printed = error.print().context("write the help to stdout");
            printed.map_or_else(|error| fail(&error), |()| ExitCode::from(code))
        }
        _ => {
            let text = error.render().to_string();
            let mut lines = text.lines().map(str::trim);
            // What is in the way, or missing, stands on lines of its own before the first empty one.
            let mut first: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            // Few are of use here, many fill the screen; the help says where they are.
            first.retain(|line| line.len() < 72 || !line.starts_with("[possible values: "));
            let first = first.join(" ");
            // Clap would pass anything with a dash in front as a value, which nothing here takes.
            let tip = lines.find_map(|line| line.strip_prefix("tip: "));
            let tip = tip.filter(|tip| !tip.starts_with("to pass "));
            let said = first.trim_start_matches("error: ");
            let is_word = said.starts_with("unexpected argument '") && !said.contains(" '-");
            // check and watch have no argument but the server's command.
            let is_bare = is_word && text.contains(" -- ") && text.contains("COMMAND");
            let bare = is_bare.then_some("put -- before the server's command");
            told(said, tip.or(bare).unwrap_or(SEE_HELP));
            ExitCode::from(MISUSED)
        }
    }
}

/// Prints text, all of it; `what` it is goes into the error.
fn print(what: &str, text: &str) -> Result<()> {
    let mut stdout = io::stdout();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.with_context(|| format!("write {what} to stdout"))
}

/// Whether stdout gets colours: if it is a terminal that has them, unless `NO_COLOR` or
/// `CLICOLOR=0` is set; with `CLICOLOR_FORCE` also in a pipe (bixense.com/clicolors).
fn has_colours() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// A path as seen from here.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    match path.strip_prefix(here) {
        Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        inside => inside.unwrap_or(path).display().to_string(),
    }
}

fn told(said: &str, hint: &str) {
    say(&format!("rungs: {said}\nhint: {hint}"));
}

/// An error that its hint may mend.
#[derive(Debug)]
struct Hinted {
    said: String,
    hint: String,
    code: u8,
}

/// A wrong command line, where it takes more than the words on it to find that out. `said` names
/// the flag and says why.
fn misuse(said: String) -> Error {
    misuse_hinting(said, SEE_HELP)
}

fn misuse_hinting(said: String, hint: &str) -> Error {
    Hinted { said, hint: hint.to_owned(), code: MISUSED }.into()
}

impl Display for Hinted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl error::Error for Hinted {}

fn fail(error: &Error) -> ExitCode {
    // Whoever read our output has had enough of it (`rungs compare | head`).
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
        return ExitCode::FAILURE;
    }
    say(&described(error));
    error.downcast_ref().map_or(ExitCode::FAILURE, |hinted: &Hinted| ExitCode::from(hinted.code))
}

/// An error as it is printed: a line, and its hint if it has one.
fn described(error: &Error) -> String {
    if let Some(Hinted { said, hint, .. }) = error.downcast_ref() {
        return format!("rungs: {said}\nhint: {hint}");
    }
    let causes: Vec<_> = error.chain().map(words).collect();
    format!("rungs: {}", causes.join(": "))
}

/// A cause as a person reads it: what the kernel said in strerror(3)'s words, in lower case and
/// without std's "(os error N)".
fn words(cause: &(dyn error::Error + 'static)) -> String {
    match cause.downcast_ref().and_then(io::Error::raw_os_error) {
        Some(code) => Errno::from_raw(code).desc().to_lowercase(),
        None => cause.to_string(),
    }
}

/// A progress bar, hidden where stderr is no terminal, or where another job has it (`rungs load … &`).
fn on_terminal(bar: ProgressBar) -> ProgressBar {
    if tcgetpgrp(io::stderr()).is_ok_and(|group| group != getpgrp()) {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

/// Writes a line to stderr, which may be gone.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}
