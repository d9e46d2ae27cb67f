//! `rungs watch`: the kernel's objects of a running server, live.

mod draw;
mod live;
mod screen;
mod target;

use super::{has_colours, misuse, print};
use crate::harness::{
    observe::{Snapshot, Watcher},
    report,
};
use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use target::Target;

const EXAMPLES: &str = "Examples:
  rungs watch -- target/release/concurrentserver2   start a server, and watch it
  rungs watch --port 8888                           whoever listens there
  rungs watch --pid 4711 --once                     one look, as text
  rungs watch --port 8888 --json | jq .processes    a line of JSON each second

Of another user's processes the kernel shows little: what is not known is a ?.
Where stdout is no terminal, one text follows another.

Exit codes:
  0  it was watched
  1  the server could not be started, or nobody listens there
  2  a wrong command line
  130  Ctrl-C";

/// How long a server that was started here may take to listen, before `--once` looks.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether something has come that is waited for.
const STEP: Duration = Duration::from_millis(20);

/// Show processes, descriptors, sockets and connections of a running server
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true)]
pub(super) struct Args {
    /// The server to start, and to end again
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["pid", "port"],
          required_unless_present_any = ["pid", "port"])]
    command: Vec<OsString>,
    /// Watch this process and its descendants
    #[arg(long, value_name = "P", allow_hyphen_values = true, conflicts_with = "port",
          value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pid: Option<u32>,
    /// Watch whoever listens on this TCP port, with its descendants
    #[arg(long, value_name = "N", allow_hyphen_values = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Look once; at a server that is started here, when it listens
    #[arg(long)]
    once: bool,
    /// Print each look as a line of JSON
    #[arg(long)]
    json: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "1s", allow_hyphen_values = true)]
    interval: humantime::Duration,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let interval = *args.interval;
    if !(Duration::from_millis(50)..=Duration::from_secs(3600)).contains(&interval) {
        return Err(misuse("--interval: it takes 50ms to 1h".to_owned()));
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&stop)).context("handle signals")?;
    }
    let target = Target::find(args)?;
    let mut watcher = Watcher::new(target.root(), args.port);
    if args.once {
        let deadline = Instant::now() + PATIENCE;
        while target.is_starting(&mut watcher, deadline)? && !stop.load(Ordering::Relaxed) {
            thread::sleep(STEP);
        }
        show(&watcher.look(None).context("look at the sockets")?, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if io::stdout().is_terminal() && !args.json {
        return live::run(&mut watcher, interval, &stop);
    }
    frames(&mut watcher, interval, args.json, &stop)
}

/// One frame after another, until nobody is left.
fn frames(
    watcher: &mut Watcher,
    interval: Duration,
    json: bool,
    stop: &AtomicBool,
) -> Result<ExitCode> {
    let mut next = Instant::now();
    loop {
        let snapshot = watcher.look(Some(interval / 4)).context("look at the sockets")?;
        show(&snapshot, json)?;
        if snapshot.is_over() {
            return Ok(ExitCode::SUCCESS);
        }
        if !json {
            print("the frame", "\n")?;
        }
        // What took longer than the interval is not made up for.
        next = (next + interval).max(Instant::now());
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(ExitCode::from(130));
            }
            let Some(left) = next.checked_duration_since(Instant::now()) else { break };
            thread::sleep(left.min(STEP));
        }
    }
}

fn show(snapshot: &Snapshot, json: bool) -> Result<()> {
    let text = if json {
        report::snapshot_json(snapshot)?
    } else {
        report::snapshot_text(snapshot, io::stdout().is_terminal(), has_colours())
    };
    print("the frame", &text)
}
