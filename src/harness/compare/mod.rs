//! The same work for many servers, side by side.
//!
//! Rounds are interleaved: every server takes its short turn in each round, so that what else the
//! machine does meanwhile falls on all of them. Each turn has a server of its own, freshly
//! started: some of these servers do not survive their first clients, others never forget one.
//!
//! # Layout
//! - `subject`: what is compared, and the command that starts it
//! - `binaries`: the rungs' programs, and cargo to make them
//! - `turn`: one server under one load, once
//! - `result`: what came of it all, as plain data

mod binaries;
mod result;
mod subject;
mod turn;

use super::load::Reuse;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

pub use binaries::build;
pub use result::{Broke, Comparison, Row, TurnFigures, Work};
pub use subject::{Peer, Subject};
use turn::BesideSilent;

/// What to compare, and under what load.
#[derive(Debug)]
pub struct Plan {
    /// The servers, in the order of the report.
    pub subjects: Vec<Subject>,
    /// How many clients at once; each level is a row of every server.
    pub levels: Vec<usize>,
    /// A connection per request or keep-alive, never both in one comparison.
    pub reuse: Reuse,
    /// How many turns each server has at each level.
    pub rounds: u32,
    /// How long a server is loaded before a turn counts.
    pub warm_up: Duration,
    /// How long a turn counts.
    pub duration: Duration,
}

impl Plan {
    /// How many times `before` is called in a whole run.
    pub fn steps(&self) -> usize {
        self.subjects.len() + self.rounds as usize * self.rows().count()
    }

    /// The rows of the report in their order: all servers at one level, then the next.
    fn rows(&self) -> impl Iterator<Item = (usize, &Subject)> {
        self.levels.iter().flat_map(|&level| self.subjects.iter().map(move |one| (level, one)))
    }
}

/// Runs the plan, calling `before` with what comes next, and `after_round` with what there is by
/// then, if it is not all. When `stop` is set, what was measured until then is returned and said
/// to be partial.
pub fn run(
    plan: &Plan,
    stop: &AtomicBool,
    before: &dyn Fn(&str),
    after_round: &dyn Fn(&Comparison),
) -> Comparison {
    let is_stopped = || stop.load(Ordering::Relaxed);
    let mut comparison = Comparison::of(plan);
    probe(plan, stop, before, &mut comparison);
    for round in 1..=plan.rounds {
        if round > 1 {
            after_round(&comparison);
        }
        for ((level, subject), row) in plan.rows().zip(&mut comparison.rows) {
            if is_stopped() {
                return comparison;
            }
            before(&format!("{}, {level} at once, round {round}", row.name));
            // A server that did not come up once is not waited for again.
            if row.error.is_none() {
                match turn::take(plan, subject, level, stop) {
                    // Interrupted before anything came of it.
                    Ok(turn) if turn.is_empty() && is_stopped() => {}
                    Ok(turn) => {
                        // An interrupted turn is shorter than the others, and this may be one.
                        let cut_short = is_stopped();
                        row.add(turn, cut_short);
                        row.partial = round < plan.rounds || cut_short;
                    }
                    Err(error) => row.error = Some(format!("{error:#}")),
                }
            }
        }
    }
    comparison.partial = is_stopped();
    comparison
}

/// Finds out who keeps a client waiting for another one.
fn probe(plan: &Plan, stop: &AtomicBool, before: &dyn Fn(&str), comparison: &mut Comparison) {
    for (index, subject) in plan.subjects.iter().enumerate() {
        before(&format!("{}, beside a silent client", comparison.rows[index].name));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let found = turn::beside_silent(subject).map_err(|error| format!("{error:#}"));
        for row in comparison.rows.iter_mut().skip(index).step_by(plan.subjects.len()) {
            row.one_at_a_time = found == Ok(BesideSilent::Waits);
            row.no_answer = found == Ok(BesideSilent::NoAnswer);
            row.error = found.clone().err();
        }
    }
}
