//! Probes that any server can be put to, and the verdicts.
//!
//! # Layout
//!
//! ```text
//! mod.rs        run: one probe after another, the server's model, the rung that it has reached
//! target.rs     Target: the command, and a fresh server of it for each probe
//! bench.rs      what a probe works with: servers, clients, what has been learned so far
//! client.rs     a client that does what it is told, and remembers every byte
//! model.rs      what the server is: iterative, prefork, event loop, ...
//! limit.rs      limits that are lowered under a running server
//! processor.rs  who has run, and who has waited for a processor
//! finding.rs    Finding: a verdict and what it rests on
//! probe.rs      the probes as data: name, rung, words, hints
//! probes/       the probes, a file each
//! ```
//!
//! All is seen from outside: over sockets, by signals, in /proc. A probe has a fresh server, is
//! bounded in time, and gives the same verdict each time: it waits for facts with a deadline that a
//! healthy server never needs, and where the order of events decides it makes that order itself, by
//! stopping the server (SIGSTOP) while they happen.

mod bench;
mod client;
mod finding;
mod limit;
mod model;
mod probe;
mod probes;
mod processor;
mod target;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bench::Bench;

pub use finding::{Exchange, Finding, Verdict};
pub use model::{Kind, Model};
pub use probe::{Milestone, PROBES, Probe};
pub use target::{Target, Unfit};

/// What came of one probe.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The probe.
    pub probe: &'static Probe,
    /// What it has found.
    pub finding: Finding,
    /// How long that took.
    pub took: Duration,
}

impl Checked {
    /// What to think of, the first first: the finding's own, and then the probe's.
    pub fn hints(&self) -> impl Iterator<Item = &'static str> {
        let own = self.finding.hint;
        let others = self.probe.hints.iter().copied().filter(move |&hint| Some(hint) != own);
        own.into_iter().chain(others)
    }
}

/// A server that has been through its probes.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// What it is, or why that is not known; `None` if no probe has asked for it.
    pub model: Option<Result<Model, String>>,
    /// The probes in the order of their table.
    pub checked: Vec<Checked>,
    /// How many more were to be put when it was interrupted; `None` if it was not.
    pub left_out: Option<usize>,
}

impl Checkup {
    /// Whether one of the probes has this verdict.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.checked.iter().any(|one| one.finding.verdict == verdict)
    }

    /// The last rung on the way up that one of the probes shows it to have reached, before the
    /// first that one shows it to have missed. `None` also if a probe of a rung up to those that
    /// were looked at was not put.
    pub fn reached(&self) -> Option<Milestone> {
        if self.left_out.is_some() {
            return None;
        }
        let of = |verdict| {
            let all = self.checked.iter().filter(move |one| one.finding.verdict == verdict);
            all.map(|one| one.probe.milestone)
        };
        let missed = of(Verdict::Fail).min();
        let is_below = |one: Milestone| missed.is_none_or(|missed| one < missed);
        let reached = of(Verdict::Pass).filter(|&one| is_below(one)).max()?;
        let was_put = |probe: &Probe| self.checked.iter().any(|one| one.probe.name == probe.name);
        let highest = self.checked.iter().map(|one| one.probe.milestone).max()?;
        let is_climbed = PROBES.iter().filter(|probe| probe.milestone <= highest).all(was_put);
        is_climbed.then_some(reached)
    }

    /// The failure to mend first: that of the lowest rung.
    pub fn first_to_mend(&self) -> Option<&Checked> {
        let failed = self.checked.iter().filter(|one| one.finding.verdict == Verdict::Fail);
        failed.min_by_key(|one| one.probe.milestone)
    }
}

/// Puts a server to `probes`, in the order of their table; `before` and `after` are told of each.
///
/// The first probe of the table, whether it answers at all, is always put: of a server that does
/// not, nothing else can be known.
///
/// # Errors
/// A server that could not be started as the contract has it.
pub fn run(
    target: &Target,
    probes: &[&'static Probe],
    stop: &AtomicBool,
    before: &dyn Fn(&'static Probe),
    after: &dyn Fn(&Checked),
) -> Result<Checkup, Unfit> {
    let (address, _claim) = target.address()?;
    drop(target.start(&target.launch(address), address, stop)?);
    let bench = Bench::new(target, stop);
    let mut checked: Vec<Checked> = Vec::new();
    let is_first = |probe: &&Probe| probe.name == PROBES[0].name;
    let others = probes.iter().copied().filter(|probe| !is_first(probe));
    for probe in [&PROBES[0]].into_iter().chain(others) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        before(probe);
        let start = Instant::now();
        let is_mute = checked.first().is_some_and(|one| one.finding.verdict != Verdict::Pass);
        let finding = if is_mute {
            Finding::unknown("it does not answer")
        } else {
            let may_put = if probe.many { bench.outlives_clients() } else { Ok(()) };
            may_put.and_then(|()| (probe.put)(&bench)).unwrap_or_else(|finding| finding)
        };
        // What was interrupted has no verdict.
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let one = Checked { probe, finding, took: start.elapsed() };
        after(&one);
        checked.push(one);
    }
    let is_mute = checked.first().is_none_or(|one| one.finding.verdict != Verdict::Pass);
    let is_wanted = (probes.len() > 1 || bench.knows_model()) && !is_mute;
    let is_wanted = is_wanted && !stop.load(Ordering::Relaxed);
    let model = is_wanted.then(|| bench.model().cloned().map_err(|why| why.evidence));
    let is_stopped = stop.load(Ordering::Relaxed);
    let all = probes.iter().filter(|probe| !is_first(probe)).count() + 1;
    let left_out = is_stopped.then(|| all - checked.len());
    Ok(Checkup { model, checked, left_out })
}
