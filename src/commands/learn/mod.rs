//! `rungs learn`: the learner's way up the ladder.
//!
//! - `place`: where the learner is: the folder, the progress, the current step
//! - `session`: the loop that checks at each save, and its keys
//! - `terminal`: a terminal that tells each key at once, and lines that scroll up it
//! - `pager`: a lesson, page by page

mod pager;
mod place;
mod session;
mod terminal;

use super::{
    INTERRUPTED, MISUSED, check::read_on, compare::rung, fail, has_colours, interrupt::stop_flag,
    misuse_hinting, print, say,
};
use crate::{
    harness::{
        check::Verdict,
        learn::{Event, Language, Outcome, State, Step, attempt},
        report,
    },
    ladder::Rung,
};
use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use place::Place;
use std::{
    cell::Cell,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    sync::atomic::Ordering,
};
use terminal::Signals;

const EXAMPLES: &str = "Examples:
  rungs learn                                 go on where you were
  rungs learn start iterativeserver           begin a step by itself
  rungs learn start concurrentserver --lang python
  rungs learn list                            the ladder, and how far you are
  rungs learn read concurrentserver           its lesson
  rungs learn check concurrentserver          check that step once

Your servers are in my/NAME of the project's folder, how far you are in
my/progress: a text file. Save, and the server is built and checked again.

Exit codes:
  0  done; of check: the step is reached
  1  an error; of check: a probe failed
  2  a wrong command line; of check: it could not be told, or not be checked
  130  Ctrl-C";

/// Climb the ladder yourself: your server is checked at each save
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, next_line_help = true, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    work: Option<Work>,
    /// Where your servers are, instead of my/ in the project's folder
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    /// What new steps are written in; else as the last
    #[arg(long, global = true, value_parser = language())]
    lang: Option<Language>,
}

#[derive(Debug, clap::Subcommand)]
enum Work {
    /// Show the ladder, and how far you are
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Begin a step: a copy of the rung below it, for you to change
    Start {
        /// The rung to reach
        #[arg(value_name = "RUNG", value_parser = rung(), hide_possible_values = true)]
        name: String,
    },
    /// Read a lesson, page by page on a terminal ($PAGER, or less)
    Read {
        /// The rung; the current one, if none is named
        #[arg(value_name = "RUNG", value_parser = rung(), hide_possible_values = true)]
        name: Option<String>,
    },
    /// Check a step once
    Check {
        /// The rung; the current one, if none is named
        #[arg(value_name = "RUNG", value_parser = rung(), hide_possible_values = true)]
        name: Option<String>,
    },
}

fn language() -> impl TypedValueParser<Value = Language> {
    let names = PossibleValuesParser::new(Language::ALL.map(Language::name));
    names.map(|name| Language::named(&name).unwrap_or_default())
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let mut place = Place::find(args.folder.as_deref(), args.lang)?;
    for fault in place.faults.drain(..) {
        say(&fault);
    }
    match &args.work {
        None if io::stdin().is_terminal() && io::stdout().is_terminal() => session::run(place),
        None => {
            let next = match place.current {
                Some(step) => format!("\n{}", place.step_text(&step)),
                None => String::new(),
            };
            let table = report::way_table(&place.rows(), false);
            print("the ladder", &(table + &next)).map(|()| ExitCode::SUCCESS)
        }
        Some(Work::List { json }) => {
            let text = if *json {
                report::way_json(&place.rows())?
            } else {
                report::way_table(&place.rows(), io::stdout().is_terminal())
            };
            print("the ladder", &text).map(|()| ExitCode::SUCCESS)
        }
        Some(Work::Start { name }) => start(&mut place, &step(name)?),
        Some(Work::Read { name }) => {
            let step = place.named_or_current(name.as_deref())?;
            read(&mut place, &step)
        }
        // Its 1 is a verdict on the server, whatever else went wrong.
        Some(Work::Check { name }) => {
            let checked = place.named_or_current(name.as_deref());
            checked.and_then(|step| check(&mut place, &step)).or_else(|error| {
                fail(&error);
                Ok(ExitCode::from(MISUSED))
            })
        }
    }
}

fn step(name: &str) -> Result<Step> {
    Ok(Step::of(Rung::named(name).context("no such rung")?))
}

fn start(place: &mut Place, step: &Step) -> Result<ExitCode> {
    let said = place.start(step)?;
    print("the step", &format!("{said}{}", place.step_text(step)))?;
    place.set(step, State::Begun)?;
    Ok(ExitCode::SUCCESS)
}

fn read(place: &mut Place, step: &Step) -> Result<ExitCode> {
    match place.lesson(step.rung) {
        Some(lesson) if io::stdout().is_terminal() => {
            pager::show(&lesson, &Signals::new().context("handle SIGINT")?)?;
        }
        Some(lesson) => {
            let text = std::fs::read_to_string(&lesson)
                .with_context(|| format!("read {}", lesson.display()))?;
            print("the lesson", &text)?;
        }
        None => print("the step", &place.step_text(step))?,
    }
    if step.goal.is_none() {
        place.set(step, State::Read)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One attempt, told as it goes, in the manner of `rungs check`.
fn check(place: &mut Place, step: &Step) -> Result<ExitCode> {
    let name = step.rung.name;
    if step.goal.is_none() {
        let hint = format!("`{}` is all there is to do", place.call(&format!("read {name}")));
        return Err(misuse_hinting(format!("{name} has no probe of its own"), &hint));
    }
    if place.program(step).is_none() {
        return Err(place.not_begun(step));
    }
    let stop = stop_flag().context("handle SIGINT")?;
    let unwritten = Cell::new(None);
    let tell = |event| match event {
        Event::Put(checked) => {
            let read_on = read_on(checked.probe.milestone);
            let text = report::checked_text(&checked, 1, has_colours(), &read_on);
            // Nobody reads the rest when the reader has gone, or the disk is full.
            if let Err(error) = print("the check", &text) {
                unwritten.set(Some(error));
                stop.store(true, Ordering::Relaxed);
            }
        }
        Event::Building if io::stderr().is_terminal() => say("building with cargo"),
        Event::Building | Event::Starting | Event::Putting(_) => {}
    };
    let outcome = attempt(step, &place.workshop.folder_of(step.rung), &stop, &tell);
    if let Some(error) = unwritten.take() {
        return Err(error);
    }
    let said = |outcome| {
        report::outcome_text(outcome, step, has_colours(), &|one| read_on(one.probe.milestone))
    };
    match &outcome {
        Outcome::Stopped => Ok(ExitCode::from(INTERRUPTED)),
        Outcome::Missing | Outcome::NotBuilt(_) | Outcome::Unfit(_) => {
            print("the check", &said(&outcome))?;
            Ok(ExitCode::from(MISUSED))
        }
        Outcome::Open(checkup) => {
            print("the check", &format!("not reached: rung {}, {name}\n", step.rung.number))?;
            let is_known = checkup.has(Verdict::Fail) || !checkup.has(Verdict::Unknown);
            Ok(ExitCode::from(if is_known { 1 } else { MISUSED }))
        }
        Outcome::Reached(_) => {
            // The verdict holds, whatever becomes of the file.
            let kept = place.set(step, State::Passed);
            let next = place.progress.next_after(step.rung);
            let next = next.map_or_else(String::new, |next| {
                let verb = if next.goal.is_some() { "start" } else { "read" };
                format!("next: {}\n", place.call(&format!("{verb} {}", next.rung.name)))
            });
            print("the check", &format!("reached: rung {}, {name}\n{next}", step.rung.number))?;
            kept.map(|()| ExitCode::SUCCESS)
        }
    }
}
