//! `rungs compare`: the same clients for many servers, side by side.

mod runs;

use super::{
    INTERRUPTED, has_colours, interrupt::stop_on_interrupt, misuse_hinting, on_terminal, print,
    say, shown, times::some_time,
};
use crate::{
    harness::{
        cargo::Profile,
        compare::{self, Comparison, Extent, Known, Peer, Placement, Plan, Subject, Unit, Work},
        report::{self, Earlier, ResultFile},
    },
    ladder::{LADDER, Rung, TO_COME},
};
use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use runs::{Run, Runs};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt::Write,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const EXAMPLES: &str = "Examples:
  rungs compare                        all rungs, about a minute
  rungs compare threadserver epollserver --work keep-alive --peer nginx
  rungs compare --work wait,burn --levels 64 --json result.json
  rungs compare --base nginx --peer nginx --rounds 10 --duration 1s
  rungs compare epollserver --peer './my_server --port {port}'
  rungs compare --full --markdown report.md        all works, 50 min
  rungs compare --against latest       what has changed since the last run
  rungs compare --from latest --html page.html     the last run again, as a page

Works, of which --quick has the first two:
  hello       a connection per request
  keep-alive  the same on a connection that is kept
  wait        answers that wait 50 ms, as for a back end
  burn        answers that take 2 ms of CPU
  large       answers of a megabyte
  slow        small ones, while a tenth of the clients trickle their requests
  idle        small ones, beside 1,000 connections that are held; with --full
              beside 10,000 too
  overload    an open loop at 50 to 200 % of what the server gives at most; with
              --full from 25 % on

Exit codes:
  0  all were measured
  1  a server did not start or was not built, none could do the work, or results
     could not be written
  2  a wrong command line
  130  Ctrl-C: what was measured is printed";

/// Give the same clients to all rungs: what broke, and what it cost
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true)]
pub(super) struct Args {
    /// The rungs to compare, as `rungs list` names them; all if none is named
    #[arg(value_name = "RUNG", value_parser = rung(), hide_possible_values = true)]
    named: Vec<String>,
    /// The same, with commas between them
    #[arg(long, value_name = "RUNG,…", value_delimiter = ',', value_parser = rung(),
          hide_possible_values = true)]
    rungs: Vec<String>,
    /// Another server: nginx, apache-prefork, apache-event, gunicorn, uvicorn, node,
    /// or a command with {addr} or {port} in it
    #[arg(long, value_name = "NAME|COMMAND")]
    peer: Vec<Peer>,
    /// Relate all servers to this one, round by round
    #[arg(long, value_name = "NAME")]
    base: Option<String>,
    /// What the clients ask for, see below
    #[arg(long, value_name = "WORK,…", value_delimiter = ',', value_parser = work(),
          hide_possible_values = true)]
    work: Vec<Work>,
    /// How many clients at once, a table each (of most works 1,16,128; more with
    /// --full); of idle alone, connections; of overload alone, percent
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    levels: Vec<u32>,
    /// Two works, three turns of a fifth of a second: the default
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// All works, seven turns of half a second and more: about fifty minutes
    #[arg(long)]
    full: bool,
    /// Turns that each server has at each level, if not 3, or 7 with --full
    #[arg(long, value_name = "N", allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// How long a turn counts, if not 200ms, or 500ms with --full: such as 2s
    #[arg(long, value_name = "TIME", value_parser = some_time, allow_hyphen_values = true)]
    duration: Option<Duration>,
    /// Take turns in the order of an earlier run, which names its seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Say what has changed since an earlier run, in the text and on the page: its name,
    /// its folder, or `latest`
    #[arg(long, value_name = "RUN")]
    against: Option<PathBuf>,
    /// Measure nothing: show an earlier run again
    #[arg(long, value_name = "RUN", conflicts_with_all = ["named", "rungs", "peer", "base", "work",
          "levels", "quick", "full", "rounds", "duration", "seed"])]
    from: Option<PathBuf>,
    /// Where runs are kept, instead of target/rungs
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Write the figures as JSON after each round; - is stdout, not tables
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a line a row, comma-separated; - is stdout
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the tables in Markdown; - is stdout
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the page with the charts, which is kept with each run, here too; - is stdout
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn work() -> impl TypedValueParser<Value = Work> {
    let names = PossibleValuesParser::new(Work::ALL.map(Work::name));
    names.map(|name| Work::named(&name).unwrap_or(Work::Hello))
}

/// Takes the rungs that exist, and says of those to come that they do not, and of peers what they are.
pub(super) fn rung() -> impl TypedValueParser<Value = String> {
    let exist = LADDER.iter().map(|rung| PossibleValue::new(rung.name));
    let others = TO_COME.iter().copied().chain(Known::ALL.iter().map(|known| known.name()));
    let others = others.map(|name| PossibleValue::new(name).hide(true));
    PossibleValuesParser::new(exist.chain(others)).try_map(|name| {
        // In clap's own form.
        if TO_COME.contains(&name.as_str()) {
            Err("it does not exist yet\n\n  tip: `rungs list` shows the rungs that do".to_owned())
        } else if Known::ALL.iter().any(|known| known.name() == name) {
            Err(format!("it is no rung\n\n  tip: `rungs compare --peer {name}` has it take part"))
        } else {
            Ok(name)
        }
    })
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    // Before the minute of work, so that it is not lost for a wrong name.
    let runs = Runs::find(args.runs.as_deref())?;
    let mut outputs = Outputs::open(args)?;
    outputs.earlier = earlier(args, runs.as_ref())?;
    if let Some(named) = &args.from {
        let file = runs::file("--from", runs.as_ref(), named)?;
        let comparison = runs::read(&file).with_context(|| file.display().to_string())?;
        outputs.finish(&comparison)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = plan(args)?;
    outputs.run = begin(args, runs.as_ref())?;
    let bar = progress_bar(&plan);
    let (stop, telling) = stop_on_interrupt(&bar).context("handle SIGINT")?;
    let before = |next: &str| {
        bar.set_message(next.to_owned());
        bar.inc(1);
    };
    let (is_watched, told) = (io::stderr().is_terminal(), RefCell::new(BTreeSet::new()));
    let after_round = |so_far: &Comparison| {
        // Who waits for an hour wants to know at once whom it is without.
        for missing in report::missing_texts(so_far, has_colours()).filter(|_| is_watched) {
            if told.borrow_mut().insert(missing.clone()) {
                bar.suspend(|| say(missing.trim_end()));
            }
        }
        outputs.update(so_far);
    };
    let comparison = compare::run(&plan, &stop, &before, &after_round);
    bar.finish_and_clear();
    if stop.load(Ordering::Relaxed) {
        // So that it is said before the figures, however soon these come.
        telling.join().ok();
    }
    outputs.finish(&comparison)?;
    Ok(exit_code(&comparison, &stop))
}

/// A form of the report.
type Form = fn(&Comparison, Option<&Earlier>) -> Result<String>;

/// Where the report goes.
struct Outputs {
    /// What stdout gets: the tables, if no other form is asked for there.
    stdout: Option<Form>,
    files: Vec<(ResultFile, Form)>,
    /// The run that is kept.
    run: Option<Run>,
    /// What it is compared with.
    earlier: Option<Earlier>,
}

impl Outputs {
    fn open(args: &Args) -> Result<Self> {
        let forms: [(&Option<PathBuf>, Form); 4] = [
            (&args.json, |comparison, _| Ok(report::comparison_json(comparison)?)),
            (&args.csv, |comparison, _| Ok(report::comparison_csv(comparison)?)),
            (&args.markdown, |comparison, _| Ok(report::comparison_markdown(comparison))),
            (&args.html, |comparison, earlier| Ok(report::comparison_html(comparison, earlier))),
        ];
        let mut outputs = Self { stdout: None, files: Vec::new(), run: None, earlier: None };
        for (path, form) in forms {
            let Some(path) = path else { continue };
            if path != Path::new("-") {
                outputs.files.push((ResultFile::open(path)?, form));
            } else if outputs.stdout.replace(form).is_some() {
                let hint = "- for one of --json, --csv, --markdown, --html; a file for the others";
                return Err(misuse_hinting("stdout gets one form".to_owned(), hint));
            }
        }
        Ok(outputs)
    }

    /// Writes what there is so far.
    fn update(&self, so_far: &Comparison) {
        if !so_far.is_measured() {
            return;
        }
        if let Some(run) = &self.run {
            run.update(so_far, self.earlier.as_ref());
        }
        for (file, form) in &self.files {
            if let Ok(text) = form(so_far, self.earlier.as_ref()) {
                // What could not be written will be tried again at the end, with an error.
                file.update(&text).ok();
            }
        }
    }

    /// Prints and writes all; the first error is told when all has been tried.
    fn finish(self, comparison: &Comparison) -> Result<()> {
        let earlier = self.earlier.as_ref();
        let text = if let Some(form) = self.stdout {
            form(comparison, earlier)?
        } else {
            let on_terminal = io::stdout().is_terminal();
            report::comparison_text(comparison, on_terminal, has_colours())
        };
        let is_text = self.stdout.is_none();
        let mut printed = print("the comparison", &text);
        let mut last = String::new();
        if let Some(earlier) = earlier {
            let on_terminal = is_text && io::stdout().is_terminal();
            last = report::against_text(comparison, earlier, on_terminal);
        }
        // Printed or not, all is written.
        let mut kept = Ok(());
        if let Some(run) = self.run {
            match run.finish(comparison, earlier) {
                Ok(None) => {}
                // Writing into a String cannot fail.
                Ok(Some(page)) => writeln!(last, "charts: {}", shown(&page)).unwrap_or(()),
                Err(error) => kept = Err(error),
            }
        }
        if is_text {
            printed = printed.and_then(|()| print("the comparison", &last));
        } else if earlier.is_some() {
            // Most of the other forms have no place for it.
            say(last.trim_end());
        }
        let written =
            self.files.into_iter().map(|(file, form)| file.finish(&form(comparison, earlier)?));
        let written: Vec<_> = written.chain([kept, printed]).collect();
        written.into_iter().collect()
    }
}

/// The run that is kept; of a folder that nobody has named it is a pity if it cannot be.
fn begin(args: &Args, runs: Option<&Runs>) -> Result<Option<Run>> {
    match runs.map(Runs::begin).transpose() {
        Err(error) if args.runs.is_none() => {
            say(&format!("rungs: this run is not kept: {error:#}"));
            Ok(None)
        }
        begun => begun,
    }
}

/// The run to compare with, and its name.
fn earlier(args: &Args, runs: Option<&Runs>) -> Result<Option<Earlier>> {
    let Some(named) = &args.against else { return Ok(None) };
    let file = runs::file("--against", runs, named)?;
    match runs::read(&file) {
        Ok(comparison) => Ok(Some(Earlier { name: runs::name(named, &file), comparison })),
        // What is measured now is worth having without it.
        Err(error) => {
            say(&format!("rungs: {}: left out: {error:#}", file.display()));
            Ok(None)
        }
    }
}

fn plan(args: &Args) -> Result<Plan> {
    let extent = if args.full { Extent::Full } else { Extent::Quick };
    let names: Vec<_> = args.named.iter().chain(&args.rungs).collect();
    let wanted = |rung: &&Rung| names.is_empty() || names.iter().any(|name| *name == rung.name);
    let rungs: Vec<&Rung> = LADDER.iter().filter(wanted).collect();
    let peers = args.peer.iter().cloned().map(Subject::Peer);
    let (rounds, warm_up, duration) = match extent {
        Extent::Quick => (3, Duration::from_millis(50), Duration::from_millis(200)),
        // Of seven turns the interval leaves out the worst and the best one; of fewer it does not.
        Extent::Full => (7, Duration::from_millis(100), Duration::from_millis(500)),
    };
    let mut plan = Plan {
        subjects: Vec::new(),
        works: works(args, extent),
        rounds: args.rounds.unwrap_or(rounds),
        warm_up,
        duration: args.duration.unwrap_or(duration),
        base: args.base.clone(),
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        placement: Placement::find(),
    };
    // Behind that of `cargo run`, a second build would be a riddle.
    let is_watched = io::stderr().is_terminal();
    let before = |what: &str| {
        if is_watched {
            say(what);
        }
    };
    check_base(args, &rungs)?;
    plan.subjects = compare::build(&Profile::of_this_program()?, &rungs, &before);
    plan.subjects.extend(peers);
    Ok(plan)
}

/// Refuses a base that does not take part.
fn check_base(args: &Args, rungs: &[&'static Rung]) -> Result<()> {
    let Some(base) = &args.base else { return Ok(()) };
    // Not built yet, but of these names.
    let rungs = rungs.iter().map(|rung| Subject::Rung(rung, Err(String::new())));
    let subjects = rungs.chain(args.peer.iter().cloned().map(Subject::Peer));
    let names = compare::names(&subjects.collect::<Vec<_>>());
    if names.contains(base) {
        return Ok(());
    }
    let hint = if Known::ALL.iter().any(|known| known.name() == base) {
        format!("add --peer {base}")
    } else {
        format!("these do: {}", names.join(", "))
    };
    Err(misuse_hinting(format!("--base {base}: it takes no part"), &hint))
}

/// The works, each with its levels: those that the user names go to all that count clients, or to
/// the one work that is named.
fn works(args: &Args, extent: Extent) -> Vec<(Work, Vec<usize>)> {
    let works = if args.work.is_empty() { extent.works() } else { &args.work };
    // Each once, as works are.
    let mut named: Vec<_> = args.levels.iter().map(|&level| level as usize).collect();
    let mut seen = BTreeSet::new();
    named.retain(|&level| seen.insert(level));
    let levels = |work: Work| {
        let is_meant = work.unit() == Unit::Clients || works.len() == 1;
        let levels = if named.is_empty() || !is_meant { work.levels(extent) } else { &named };
        (work, levels.to_vec())
    };
    let works: BTreeSet<_> = works.iter().copied().collect();
    works.into_iter().map(levels).collect()
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
