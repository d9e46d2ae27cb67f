//! `rungs watch`: the kernel's objects of a running server, live.

mod draw;
mod live;
mod screen;
mod target;

use super::{INTERRUPTED, has_colours, interrupt::stop_flag, misuse, print};
use crate::harness::{
    observe::{Snapshot, Watcher},
    report,
};
use anyhow::{Context, Result};
use clap::ArgGroup;
use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
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
  1  it is not there, or the server that was started here failed
  2  a wrong command line, or a command that did not start, or never listened
  130  Ctrl-C";

/// How long a server that was started here may take to listen, before `--once` looks.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether something has come that is waited for.
const STEP: Duration = Duration::from_millis(20);

/// Show processes, descriptors, sockets and connections of a running server
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true,
          group(ArgGroup::new("watched").required(true).args(["pid", "port", "command"])))]
pub(super) struct Args {
    /// The server to start, and to end again
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Watch this process and its descendants
    #[arg(long, value_name = "P", allow_hyphen_values = true,
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
    /// How often to look, 50ms to 1h
    #[arg(long, value_name = "TIME", default_value = "1s", allow_hyphen_values = true)]
    interval: humantime::Duration,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let interval = *args.interval;
    if !(Duration::from_millis(50)..=Duration::from_secs(3600)).contains(&interval) {
        return Err(misuse("--interval: it takes 50ms to 1h".to_owned()));
    }
    let stop = stop_flag().context("handle SIGINT")?;
    let target = Target::find(args)?;
    let mut watcher = Watcher::new(target.root());
    let has_listened = if args.once {
        once(&mut watcher, &target, args.json, &stop)?
    } else if io::stdout().is_terminal() && !args.json {
        live::run(&mut watcher, &target, interval, &stop)?
    } else {
        frames(&mut watcher, &target, (interval, args.json), &stop)?
    };
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    target.done(has_listened)?;
    Ok(ExitCode::SUCCESS)
}

/// One frame, of a server that was started here when it listens. Says whether it does, as far as
/// that may be known.
fn once(watcher: &mut Watcher, target: &Target, json: bool, stop: &AtomicBool) -> Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    let snapshot = loop {
        // Before the look, so that what is shown of one that has ended is its end.
        let has_ended = target.has_ended();
        let snapshot = watcher.look(None);
        let is_over = Instant::now() >= deadline || stop.load(Ordering::Relaxed);
        if is_over || has_ended || !target.is_silent(&snapshot) {
            break snapshot;
        }
        thread::sleep(STEP);
    };
    show(&snapshot, json)?;
    Ok(!target.is_silent(&snapshot))
}

/// One frame after another, until nobody is left. Says whether it was seen to listen.
fn frames(
    watcher: &mut Watcher,
    target: &Target,
    (interval, json): (Duration, bool),
    stop: &AtomicBool,
) -> Result<bool> {
    let mut next = Instant::now();
    let mut has_listened = false;
    while !stop.load(Ordering::Relaxed) {
        let snapshot = watcher.look(Some(interval / 4));
        has_listened |= !target.is_silent(&snapshot);
        show(&snapshot, json)?;
        if snapshot.is_over() {
            break;
        }
        if !json {
            print("the frame", "\n")?;
        }
        // What took longer than the interval is not made up for.
        next = (next + interval).max(Instant::now());
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            if left.is_zero() || stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(left.min(STEP));
        }
    }
    Ok(has_listened)
}

fn show(snapshot: &Snapshot, json: bool) -> Result<()> {
    let text = if json {
        report::snapshot_json(snapshot)?
    } else {
        report::snapshot_text(snapshot, io::stdout().is_terminal(), has_colours())
    };
    print("the frame", &text)
}
