//! One attempt at a step: its server is built, and put to probes up to the first that fails.

use super::{
    super::{
        cargo::{self, Built},
        check::{self, Checked, Checkup, Probe, Target, Unfit, Verdict},
    },
    language::Language,
    step::Step,
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// What is under way.
#[derive(Debug)]
pub enum Event {
    /// Cargo builds.
    Building,
    /// The server is started.
    Starting,
    /// A probe begins.
    Putting(&'static Probe),
    /// A probe is over.
    Put(Box<Checked>),
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// There is no program.
    Missing,
    /// What the compiler has said.
    NotBuilt(String),
    /// It could not be built or checked at all.
    Unfit(Unfit),
    /// A probe failed, or could not be told, or there was none that would show the goal.
    Open(Checkup),
    /// The goal is reached.
    Reached(Checkup),
    /// Somebody stopped it.
    Stopped,
}

/// Builds and checks the program in a folder; `tell` learns how it goes. The first probe that fails
/// raises `stop`, and so may anybody else.
pub fn attempt(step: &Step, folder: &Path, stop: &AtomicBool, tell: &dyn Fn(Event)) -> Outcome {
    let Some(language) = Language::of(folder) else { return Outcome::Missing };
    let command = match language {
        Language::Rust => {
            tell(Event::Building);
            match cargo::build_alone(folder, stop) {
                Ok(Built::Yes(program)) => vec![program.into(), "--listen".into(), "{addr}".into()],
                Ok(Built::No(said)) => return Outcome::NotBuilt(said),
                Ok(Built::Stopped) => return Outcome::Stopped,
                Err(error) => return Outcome::Unfit(error.into()),
            }
        }
        Language::Python => {
            vec!["python3".into(), folder.join(language.file()).into(), "{port}".into()]
        }
    };
    tell(Event::Starting);
    let target = Target { command, port: None };
    let before = |probe| tell(Event::Putting(probe));
    let after = |checked: &Checked| {
        if checked.finding.verdict == Verdict::Fail {
            stop.store(true, Ordering::Relaxed);
        }
        tell(Event::Put(checked.clone().into()));
    };
    match check::run(&target, &step.probes(), stop, &before, &after) {
        Ok(checkup) if checkup.has(Verdict::Fail) => Outcome::Open(checkup),
        _ if stop.load(Ordering::Relaxed) => Outcome::Stopped,
        Ok(checkup) if step.is_reached(&checkup) => Outcome::Reached(checkup),
        Ok(checkup) => Outcome::Open(checkup),
        Err(unfit) => Outcome::Unfit(unfit),
    }
}
