//! `rungs compare`: the same clients for many servers, side by side.

use super::{INTERRUPTED, has_colours, interrupt::stop_on_interrupt, on_terminal, print, say};
use crate::{
    harness::{
        cargo::Profile,
        compare::{self, Comparison, Peer, Plan, Subject},
        load::Reuse,
        report::{self, ResultFile},
    },
    ladder::{LADDER, Rung, TO_COME},
};
use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const EXAMPLES: &str = "Examples:
  rungs compare                                   all rungs, about a minute
  rungs compare threadserver epollserver --peer nginx --keep-alive
  rungs compare --levels 64 --json result.json
  rungs compare epollserver --peer './my_server --port {port}'

Exit codes:
  0  all were measured
  1  a server did not start or was not built
  2  a wrong command line
  130  Ctrl-C: what was measured is printed";

/// Give the same clients to all rungs: what broke, and what it cost
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true)]
pub(super) struct Args {
    /// The rungs to compare, as `rungs list` names them; all if none is named
    #[arg(value_name = "RUNG", value_parser = rung(), hide_possible_values = true)]
    rungs: Vec<String>,
    /// Another server: `nginx`, or a command with {addr} or {port} in it
    #[arg(long, value_name = "nginx|COMMAND")]
    peer: Vec<Peer>,
    /// How many clients at once, a table each
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', default_value = "1,16,128",
          allow_hyphen_values = true, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    levels: Vec<u16>,
    /// Let each client keep its connection, where the server does
    #[arg(long)]
    keep_alive: bool,
    /// Turns of half a second that each server has at each level
    #[arg(long, value_name = "N", default_value_t = 2, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Write the figures as JSON after each round; - is stdout, not tables
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Takes the rungs that exist, and says of those to come that they do not.
pub(super) fn rung() -> impl TypedValueParser<Value = String> {
    let exist = LADDER.iter().map(|rung| PossibleValue::new(rung.name));
    let to_come = TO_COME.iter().map(|name| PossibleValue::new(*name).hide(true));
    PossibleValuesParser::new(exist.chain(to_come)).try_map(|name| {
        if TO_COME.contains(&name.as_str()) {
            // In clap's own form.
            Err("it does not exist yet\n\n  tip: `rungs list` shows the rungs that do")
        } else {
            Ok(name)
        }
    })
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let prints_json = args.json.as_deref() == Some(Path::new("-"));
    // Before the minute of work, so that it is not lost for a wrong name.
    let file = args.json.as_deref().filter(|_| !prints_json).map(ResultFile::open).transpose()?;
    let plan = plan(args)?;
    let bar = progress_bar(&plan);
    let (stop, telling) = stop_on_interrupt(&bar).context("handle SIGINT")?;
    let before = |next: &str| {
        bar.set_message(next.to_owned());
        bar.inc(1);
    };
    let comparison = compare::run(&plan, &stop, &before, &|so_far| {
        if let (Some(file), Ok(json)) = (&file, report::comparison_json(so_far)) {
            // What could not be written will be tried again at the end, with an error.
            file.update(&json).ok();
        }
    });
    bar.finish_and_clear();
    if stop.load(Ordering::Relaxed) {
        // So that it is said before the figures, however soon these come.
        telling.join().ok();
    }
    let json = report::comparison_json(&comparison)?;
    let printed = if prints_json {
        print("the comparison", &json)
    } else {
        let on_terminal = io::stdout().is_terminal();
        let text = report::comparison_text(&comparison, on_terminal, has_colours());
        print("the comparison", &text)
    };
    if let Some(file) = file {
        file.finish(&json)?;
    }
    printed?;
    Ok(exit_code(&comparison, &stop))
}

fn plan(args: &Args) -> Result<Plan> {
    let wanted = |rung: &&Rung| args.rungs.is_empty() || args.rungs.iter().any(|n| n == rung.name);
    let rungs: Vec<&Rung> = LADDER.iter().filter(wanted).collect();
    // Behind that of `cargo run`, a second build would be a riddle.
    let is_watched = io::stderr().is_terminal();
    let before = |what: &str| {
        if is_watched {
            say(what);
        }
    };
    let mut subjects = compare::build(&Profile::of_this_program()?, &rungs, &before);
    subjects.extend(args.peer.iter().cloned().map(Subject::Peer));
    Ok(Plan {
        subjects,
        levels: args.levels.iter().map(|&level| usize::from(level)).collect(),
        reuse: if args.keep_alive { Reuse::KeepAlive } else { Reuse::PerRequest },
        rounds: args.rounds,
        warm_up: Duration::from_millis(100),
        duration: Duration::from_millis(500),
    })
}

fn progress_bar(plan: &Plan) -> ProgressBar {
    let bar = on_terminal(ProgressBar::new(plan.steps() as u64));
    // A template that does not parse would only cost the bar its looks.
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len}, {eta} left: {wide_msg}")
    {
        bar.set_style(style);
    }
    bar
}

fn exit_code(comparison: &Comparison, stop: &AtomicBool) -> ExitCode {
    if stop.load(Ordering::Relaxed) {
        ExitCode::from(INTERRUPTED)
    } else if comparison.is_complete() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
