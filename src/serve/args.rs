//! The command line of a rung: `--listen ADDR:PORT`, and the knobs that only some rungs have.

use super::{
    connection,
    error::{Result, log, program},
    process::{_exit, return_free_memory},
};
use clap::{
    Parser,
    error::{ContextKind, ErrorKind},
};
use std::{
    net::SocketAddr,
    process::{self, ExitCode},
    time::Duration,
};

const DEFAULT_ADDRESS: &str = "127.0.0.1:8888";

/// Where `rungs check` tells a server its address, among other places (lessons/contract.md).
const ADDRESS_VARIABLE: &str = "RUNGS_ADDR";

/// How wide help is at most, as a terminal is.
const COLUMNS: usize = 80;

const ABOUT: &str = "A rung of the ladder.
It answers /, /hello, /sleep/MS, /burn/MS, /bytes/N and POST /echo.";

const EXAMPLES: &str = "Examples:
  cargo run --bin NAME
      serve http://127.0.0.1:8888/
  cargo run --bin NAME -- --listen 127.0.0.1:0
      let the kernel pick a free port
  curl http://127.0.0.1:8888/hello
      ask it, from another terminal";

/// What every rung takes.
#[derive(Debug, Parser)]
#[command(about = ABOUT, after_help = EXAMPLES, max_term_width = COLUMNS)]
pub struct Args {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", env = ADDRESS_VARIABLE, default_value = DEFAULT_ADDRESS)]
    pub listen: SocketAddr,
}

/// What `sleepserver` takes.
#[derive(Debug, Parser)]
#[command(about = ABOUT, after_help = EXAMPLES, max_term_width = COLUMNS)]
pub struct SleepArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", env = ADDRESS_VARIABLE, default_value = DEFAULT_ADDRESS)]
    pub listen: SocketAddr,
    /// How long to block after each answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub sleep: Duration,
}

/// What `preforkserver` takes.
#[derive(Debug, Parser)]
#[command(about = ABOUT, after_help = EXAMPLES, max_term_width = COLUMNS)]
pub struct PreforkArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", env = ADDRESS_VARIABLE, default_value = DEFAULT_ADDRESS)]
    pub listen: SocketAddr,
    /// How many worker processes to make
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub workers: u32,
}

/// What `client1` takes.
#[derive(Debug, Parser)]
#[command(about = "One request, and all that goes over the wire for it.", max_term_width = COLUMNS)]
pub struct Client1Args {
    /// The server
    #[arg(long, value_name = "ADDR:PORT", env = ADDRESS_VARIABLE, default_value = DEFAULT_ADDRESS)]
    pub connect: SocketAddr,
    /// What to ask for
    #[arg(long, value_name = "PATH", default_value = "/hello")]
    pub path: String,
}

/// What `client2` takes.
#[derive(Debug, Parser)]
#[command(about = "Forked clients that open connections and hold them.", max_term_width = COLUMNS)]
pub struct Client2Args {
    /// The server, which must be on this machine
    #[arg(long, value_name = "ADDR:PORT", env = ADDRESS_VARIABLE, default_value = DEFAULT_ADDRESS, value_parser = loopback)]
    pub connect: SocketAddr,
    /// How many client processes to fork
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_clients: u32,
    /// How many connections each of them opens
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_conns: u32,
    /// How long to hold them, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    pub hold: Duration,
}

/// Thousands of held connections are an attack on any server but one's own.
fn loopback(
    text: &str,
) -> std::result::Result<SocketAddr, Box<dyn std::error::Error + Send + Sync>> {
    let address: SocketAddr = text.parse()?;
    if address.ip().is_loopback() { Ok(address) } else { Err("not a loopback address".into()) }
}

/// Seconds, with a fraction if need be.
fn seconds(text: &str) -> std::result::Result<Duration, Box<dyn std::error::Error + Send + Sync>> {
    let Ok(seconds) = text.parse() else { return Err("not a number of seconds".into()) };
    Ok(Duration::try_from_secs_f64(seconds)?)
}

/// Parses the command line and runs `serve` with it. An error ends the program with one line and
/// exit code 1, a wrong command line with exit code 2.
#[expect(clippy::used_underscore_items, reason = "_exit is the system call's name")]
pub fn run<A: Parser>(serve: impl FnOnce(&A) -> Result<()>) -> ExitCode {
    let args = match parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    // fork(2) copies page tables, so what parsing has left behind would be paid for each time.
    return_free_memory();
    connection::rehearse();
    let main_process = process::id();
    let served = serve(&args).inspect_err(|error| log(error));
    if process::id() != main_process {
        // A forked child came out here, and must not run the parent's clean-up.
        _exit(i32::from(served.is_err()));
    }
    served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn parse<A: Parser>() -> std::result::Result<A, ExitCode> {
    let command = A::command().bin_name(program()).next_line_help(true);
    let examples =
        command.get_after_help().map(|text| text.to_string().replace("NAME", &program()));
    let command = command.after_help(examples.unwrap_or_default());
    let parsed =
        command.try_get_matches().and_then(|mut found| A::from_arg_matches_mut(&mut found));
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            error.print().ok();
            ExitCode::SUCCESS
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            log(format_args!("{line}\nhint: {}", hint(&error)));
            ExitCode::from(2)
        }
    })
}

/// What may mend a wrong command line.
fn hint(error: &clap::Error) -> String {
    let flag = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    match (error.kind(), flag.strip_suffix(" <ADDR:PORT>")) {
        (ErrorKind::ValueValidation, Some(flag)) => format!("for example {flag} {DEFAULT_ADDRESS}"),
        _ => "--help lists the flags".to_owned(),
    }
}
