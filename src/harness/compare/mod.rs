//! The same work for many servers, side by side.
//!
//! Turns are interleaved: every server takes its short turn at each work and level in each round, in
//! an order that is drawn anew for each, so that what else the machine does meanwhile falls on all
//! of them alike. Each turn has a server of its own, freshly started: some of these servers do not
//! survive their first clients, others never forget one. Server and load generator run on different
//! processors, where there are two.
//!
//! # Layout
//! - `work`: what the clients ask for, and how
//! - `subject`: what is compared, and the command that starts it; `peers`: servers that people run
//! - `binaries`: the rungs' programs, and cargo to make them
//! - `placement`: who runs on which processor
//! - `probe`: what is to be known of a server before
//! - `turn`: one server under one load, once; `loads`: the loads
//! - `statistics`: what some turns say of the next
//! - `result`: what came of it all, as plain data; `against`: beside an earlier one;
//!   `predict`: beside what the laws of queues say; `why`: why it is not as they say

mod against;
mod binaries;
mod figures;
mod loads;
mod peers;
mod placement;
mod predict;
mod probe;
mod queue;
mod result;
mod statistics;
mod subject;
mod turn;
mod why;
mod work;

use super::{
    cargo::Profile,
    supervise::{self, Launch},
};
use anyhow::Result;
use fastrand::Rng;
use placement::Kept;
use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use turn::Turn;

pub use against::{Change, Figure, against};
pub use binaries::build;
pub use figures::TurnFigures;
pub use peers::Known;
pub use placement::Placement;
pub use predict::{Law, Leaving, Prediction, predict};
pub use result::{Broke, Comparison, Ratios, Row, Server, names};
pub use statistics::{Estimate, by_chance, coverage};
pub use subject::{Peer, Subject};
pub use why::Why;
pub use work::{Extent, Unit, Work};

/// How many turns are made again for being disturbed, at most: one of so many.
const AGAIN: usize = 8;

/// What to compare, and under what loads.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The servers, in the order of the report.
    pub subjects: Vec<Subject>,
    /// The works, and at which levels each is done: a row of every server.
    pub works: Vec<(Work, Vec<usize>)>,
    /// How many turns each server has at each level.
    pub rounds: u32,
    /// How long a server is loaded before a turn counts.
    pub warm_up: Duration,
    /// How long a turn counts; of some works, and of many clients, [longer](Work::turn).
    pub duration: Duration,
    /// The name of the server that all others are compared with.
    pub base: Option<String>,
    /// Where the order of the turns begins.
    pub seed: u64,
    /// Who runs where; `None` if all run everywhere.
    pub placement: Option<Placement>,
}

/// A row of the report.
#[derive(Clone, Copy, Debug)]
struct Place {
    subject: usize,
    work: Work,
    level: usize,
}

impl Plan {
    /// One turn of a second for servers that are only names, for tests of what is drawn.
    #[cfg(test)]
    pub(super) fn of_peers(names: &[&str], works: &[(Work, &[usize])]) -> Self {
        let peer = |name: &&str| Subject::Peer(Peer::Command(format!("{name} {{port}}")));
        Self {
            subjects: names.iter().map(peer).collect(),
            works: works.iter().map(|(work, levels)| (*work, levels.to_vec())).collect(),
            rounds: 1,
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(1),
            base: None,
            seed: 0,
            placement: None,
        }
    }
}

impl Plan {
    /// How many times `before` is called in a whole run, if no turn is made again.
    pub fn steps(&self) -> usize {
        self.subjects.len() + self.rounds as usize * self.places().count()
    }

    /// The rows of the report in their order: all servers at one level, then the next, then the next
    /// work.
    fn places(&self) -> impl Iterator<Item = Place> {
        let levels = self
            .works
            .iter()
            .flat_map(|(work, levels)| levels.iter().map(move |&level| (*work, level)));
        levels.flat_map(|(work, level)| {
            (0..self.subjects.len()).map(move |subject| Place { subject, work, level })
        })
    }
}

/// Runs the plan, calling `before` with what comes next, and `after_round` with what there is by
/// then, if it is not all: at first when it is known who can take part. When `stop` is set, what was measured until then is returned and said
/// to be partial.
pub fn run(
    plan: &Plan,
    stop: &AtomicBool,
    before: &dyn Fn(&str),
    after_round: &dyn Fn(&Comparison),
) -> Comparison {
    let is_stopped = || stop.load(Ordering::Relaxed);
    let kept = plan.placement.as_ref().and_then(Kept::to);
    // Where the kernel refuses, all run everywhere.
    let plan =
        &Plan { placement: plan.placement.clone().filter(|_| kept.is_some()), ..plan.clone() };
    let mut comparison = Comparison::of(plan);
    comparison.program.extend(commit());
    comparison.command = command();
    probe::all(plan, stop, before, &mut comparison);
    let places: Vec<_> = plan.places().collect();
    let mut random = Rng::with_seed(plan.seed);
    let mut order: Vec<_> = (0..places.len()).collect();
    let mut spare = plan.steps() / AGAIN;
    let mut taken = 0;
    for round in 1..=plan.rounds {
        comparison.relate();
        after_round(&comparison);
        random.shuffle(&mut order);
        for (&place, row) in order.iter().map(|&index| (&places[index], index)) {
            if is_stopped() {
                comparison.relate();
                return comparison;
            }
            let row = &mut comparison.rows[row];
            before(&format!("{}, {}, round {round}", row.name, row.at()));
            // A server that did not come up once is not waited for again.
            if row.error.is_some() || row.not_done.is_some() {
                continue;
            }
            match take(plan, place, round, stop, &mut spare) {
                // Interrupted before anything came of it.
                Ok(turn) if turn.is_empty() && is_stopped() => {}
                Ok(turn) => {
                    // An interrupted turn is shorter than the others, and this may be one.
                    let cut_short = is_stopped();
                    taken += 1;
                    row.add(turn, round, taken, cut_short);
                    row.partial = round < plan.rounds || cut_short;
                }
                Err(error) => row.error = Some(format!("{error:#}")),
            }
        }
    }
    comparison.relate();
    comparison.partial = is_stopped();
    comparison
}

/// The state of the source that this program stands in, if git knows it.
fn commit() -> Option<String> {
    let manifest = Profile::of_this_program().ok()?.manifest?;
    let folder = manifest.parent()?.to_str()?;
    let git = Launch::new("git").arguments(["-C", folder, "describe", "--always", "--dirty"]);
    let said = supervise::run(&git).ok()?.stdout;
    Some(said.trim()).filter(|said| !said.is_empty()).map(|said| format!(" ({said})"))
}

/// How it was called.
fn command() -> String {
    let words: Vec<_> =
        env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    // A word with a zero byte, which no shell could pass, does not come here.
    let words = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
    format!("rungs {words}")
}

/// A turn, or the better of two if others disturbed the first.
fn take(
    plan: &Plan,
    place: Place,
    round: u32,
    stop: &AtomicBool,
    spare: &mut usize,
) -> Result<Turn> {
    let turn = turn::take(plan, place, round, stop)?;
    if !turn.is_disturbed() || *spare == 0 || stop.load(Ordering::Relaxed) {
        return Ok(turn);
    }
    *spare -= 1;
    // One that fails or is cut short makes nothing better.
    let again = turn::take(plan, place, round, stop).ok().filter(|_| !stop.load(Ordering::Relaxed));
    Ok(match again {
        Some(again) if again.is_better(&turn) => again,
        _ => turn,
    })
}
