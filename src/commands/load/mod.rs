//! `rungs load`: a load generator that says what became of every request.

mod args;
mod live;
mod parse;
mod plan;
mod target;
mod url;

use super::{INTERRUPTED, has_colours, interrupt::stop_on_interrupt, misuse};
use crate::harness::{
    load,
    report::{self, LoadRun, ResultFile},
};
use anyhow::{Context, Result};
use live::Live;
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::atomic::Ordering,
    thread,
};

pub(super) use args::Args;

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let plan = plan::plan(args, target::addresses(args)?)?;
    plan.check().map_err(|error| misuse(error.to_string()))?;
    // Before the work, so that it is not lost for a wrong name.
    let files = Files::open(args)?;
    let plan = load::Plan { targets: target::listened_to(&plan.targets)?, ..plan };
    let live = Live::new();
    let (stop, telling) = stop_on_interrupt(&live.bar).context("handle SIGINT")?;
    let outcome = load::run(&plan, &stop, &|snapshot| live.show(&plan, snapshot));
    live.bar.finish_and_clear();
    let outcome = outcome?;
    let interrupted = stop.load(Ordering::Relaxed);
    if interrupted {
        telling.join().ok();
    }
    files.write(&LoadRun {
        url: &args.url.text,
        plan: &plan,
        outcome: &outcome,
        interrupted,
        cores: thread::available_parallelism().map_or(1, Into::into),
    })?;
    Ok(if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// A format of the report.
type Format = fn(&LoadRun<'_>) -> Result<String>;

/// Where the report goes, in its formats.
#[derive(Debug)]
struct Files {
    stdout: Format,
    files: Vec<(&'static str, ResultFile, Format)>,
}

impl Files {
    /// Finds out whether all files can be written.
    fn open(args: &Args) -> Result<Self> {
        let wanted: [(_, _, Format); 3] = [
            ("--json", &args.json, |run| Ok(report::load_json(run)?)),
            ("--csv", &args.csv, |run| Ok(report::load_csv(run))),
            ("--hdr", &args.hdr, report::load_hdr),
        ];
        let mut to_stdout: Vec<(&str, Format)> = Vec::new();
        let mut files = Vec::new();
        for (flag, name, format) in wanted {
            match name.as_deref() {
                None => {}
                Some(name) if name == Path::new("-") => to_stdout.push((flag, format)),
                Some(name) => files.push((flag, ResultFile::open(name).context(flag)?, format)),
            }
        }
        match to_stdout[..] {
            [] => Ok(Self { stdout: |run| Ok(report::load_text(run, has_colours())), files }),
            [(_, stdout)] => Ok(Self { stdout, files }),
            [(one, _), (other, _), ..] => {
                Err(misuse(format!("{one} and {other}: there is only one stdout")))
            }
        }
    }

    /// Files first: whoever reads stdout may take his time, or have gone.
    fn write(self, run: &LoadRun<'_>) -> Result<()> {
        for (flag, file, format) in self.files {
            file.finish(&format(run)?).context(flag)?;
        }
        io::stdout().write_all((self.stdout)(run)?.as_bytes())?;
        Ok(())
    }
}
