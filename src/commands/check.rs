//! `rungs check`: put any server to the ladder's failures.

use super::{
    Hinted, INTERRUPTED, MISUSED, has_colours, interrupt::stop_on_interrupt, on_terminal, print,
};
use crate::{
    harness::{
        check::{self, Checkup, Milestone, PROBES, Probe, Target, Unfit, Verdict},
        report::{self, ResultFile},
    },
    ladder::{LADDER, Rung},
};
use anyhow::{Context, Result};
use clap::{
    ArgGroup,
    builder::{StringValueParser, TypedValueParser},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const EXAMPLES: &str = "Examples:
  rungs check -- python3 server.py {port}    the port is given as an argument
  rungs check -- ./server --listen {addr}    or the address, 127.0.0.1:PORT
  rungs check --port 8888 -- ./server        the port is built in
  rungs check --until concurrentserver3 -- ./server {port}
  rungs check --only zombie-burst --hints -- ./server {port}

The environment has the address too, in RUNGS_ADDR and PORT. A server is ready
when it listens, and answers GET / with anything that is HTTP.
lessons/contract.md says it all.

Exit codes:
  0  no probe failed
  1  one did
  2  none failed, but of one it could not be told; or the server could not be
     checked, or the command line was wrong
  130  Ctrl-C";

/// Find out which rung a server has reached, in any language, and what to mend
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true,
          override_usage = "rungs check [OPTIONS] -- COMMAND…\n       rungs check --list [--json]",
          group(ArgGroup::new("work").required(true).multiple(true).args(["list", "command"])))]
pub(super) struct Args {
    /// The server: {addr} stands for its address, {port} for its port
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// List the probes, and do nothing
    #[arg(long, conflicts_with_all = ["command", "only", "until", "port"])]
    list: bool,
    /// The probes to put, instead of all
    #[arg(long, value_name = "PROBE,…", value_delimiter = ',', value_parser = probe())]
    only: Vec<&'static Probe>,
    /// Put the probes of the rungs up to this one
    #[arg(long, value_name = "RUNG", value_parser = rung, conflicts_with = "only")]
    until: Option<Milestone>,
    /// The port that is built into the server
    #[arg(long, value_name = "N", allow_hyphen_values = true,
          value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Give all hints, not the first alone
    #[arg(long)]
    hints: bool,
    /// Print JSON, of a check at its end
    #[arg(long)]
    json: bool,
    // No doc comment, whose backticks would be printed.
    #[arg(long, value_name = "FILE", help = "Write a JUnit report, for classrooms and CI")]
    junit: Option<PathBuf>,
}

fn probe() -> impl TypedValueParser<Value = &'static Probe> {
    StringValueParser::new().try_map(|name| {
        Probe::named(&name).ok_or("no such probe\n\n  tip: `rungs check --list` names them")
    })
}

/// The last rung of those with probes that is no higher than the one that is named.
fn rung(name: &str) -> Result<Milestone, String> {
    let all = || PROBES.iter().map(|probe| probe.milestone);
    if let Some(milestone) =
        all().find(|milestone| milestone.name() == name || milestone.number() == name)
    {
        return Ok(milestone);
    }
    let is_it = |rung: &&Rung| rung.name == name || rung.number.to_string() == name;
    let rung = LADDER.iter().find(is_it).ok_or("no such rung; `rungs list` names them")?;
    // The gateway rungs, whose number is none, stand above.
    let is_below =
        |one: &Milestone| one.number().parse().is_ok_and(|number: u8| number <= rung.number);
    all().filter(is_below).max().ok_or_else(|| "no probe is for a rung as low".to_owned())
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        let list = if args.json { report::probes_json()? } else { report::probes_text() };
        return print("the probes", &list).map(|()| ExitCode::SUCCESS);
    }
    // Before the work, so that it is not lost for a wrong name.
    let file = args.junit.as_deref().map(ResultFile::open).transpose()?;
    let target = Target { command: args.command.clone(), port: args.port };
    let bar = progress_bar();
    let (stop, _) = stop_on_interrupt(&bar).context("handle SIGINT")?;
    let result = put(args, &target, &bar, &stop);
    bar.finish_and_clear();
    if result.is_err() && stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let words: Vec<_> =
        args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let printed = match &result {
        _ if args.json => print("the check", &report::checkup_json(&words, result.as_ref())?),
        Ok(checkup) => print("the check", &format!("\n{}", report::checkup_text(checkup))),
        Err(_) => Ok(()),
    };
    if let Some(file) = file {
        file.finish(&report::checkup_junit(&words, result.as_ref()).context("write JUnit XML")?)?;
    }
    printed?;
    let checkup = result.map_err(|Unfit { said, hint }| Hinted { said, hint, code: MISUSED })?;
    Ok(exit_code(&checkup, &stop))
}

fn put(
    args: &Args,
    target: &Target,
    bar: &ProgressBar,
    stop: &AtomicBool,
) -> Result<Checkup, Unfit> {
    let is_wanted = |probe: &&Probe| {
        let is_named = args.only.is_empty() || args.only.iter().any(|one| one.name == probe.name);
        is_named && args.until.is_none_or(|until| probe.milestone <= until)
    };
    let probes: Vec<_> = PROBES.iter().filter(is_wanted).collect();
    let has_colours = has_colours();
    let before = |probe: &'static Probe| {
        bar.set_message(format!("{}: {}", probe.name, probe.about));
        bar.enable_steady_tick(Duration::from_millis(100));
    };
    let after = |checked: &check::Checked| {
        if args.json {
            return;
        }
        let read_on = read_on(checked.probe.milestone);
        let hints = if args.hints { usize::MAX } else { 1 };
        let text = report::checked_text(checked, hints, has_colours, &read_on);
        // Nobody reads the rest when the reader has gone.
        if bar.suspend(|| print("the check", &text)).is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    check::run(target, &probes, stop, &before, &after)
}

/// Where a rung is explained: in its lesson, in its program, or not yet.
pub(super) fn read_on(rung: Milestone) -> String {
    if Path::new(env!("CARGO_MANIFEST_DIR")).join(rung.lesson()).is_file() {
        rung.lesson()
    } else if LADDER.iter().any(|one| one.name == rung.name()) {
        format!("src/bin/{}.rs", rung.name())
    } else {
        "a gateway rung, to come".to_owned()
    }
}

fn progress_bar() -> ProgressBar {
    let bar = on_terminal(ProgressBar::new_spinner());
    // A template that does not parse would only cost it its looks.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

fn exit_code(checkup: &Checkup, stop: &AtomicBool) -> ExitCode {
    if stop.load(Ordering::Relaxed) {
        ExitCode::from(INTERRUPTED)
    } else if checkup.has(Verdict::Fail) {
        ExitCode::FAILURE
    } else if checkup.has(Verdict::Unknown) {
        ExitCode::from(MISUSED)
    } else {
        ExitCode::SUCCESS
    }
}
