//! What the figures say: whether they are the generator's own, and where a ramp has its knee.

use super::{
    super::super::load::{Outcome, Step},
    LoadRun,
    units::float,
};
use std::time::Duration;

/// The part of its CPU time from which on a generator is taken to be at its limit.
const BUSY: f64 = 0.9;

/// How late a generator may turn to one request in a hundred. A tenth of it is usual.
const LATE: Duration = Duration::from_millis(1);

/// The part of the requests that must be taken up, or answered, to say that the rate was kept.
const KEPT: f64 = 0.99;

/// How many times the first step's p99 a step of a ramp may have.
const SLOWER: u64 = 10;

/// A p99 that is no sign of a queue, whatever the first step's was.
const QUICK: Duration = Duration::from_millis(10);

/// A reason not to take the figures for the server's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Concern {
    /// The event loops had next to no CPU time left: the part that they used.
    AtLimit(f64),
    /// They were late by more than this in one request of a hundred, in nanoseconds.
    Behind(u64),
    /// So many of the requests that were due found no free connection in time.
    NoneFree(f64),
}

/// The concerns about a run, the worst first.
pub(super) fn concerns(run: &LoadRun<'_>) -> Vec<Concern> {
    let LoadRun { outcome, cores, .. } = *run;
    let mut concerns = Vec::new();
    // Threads that share a core cannot be busy all the time, each of them.
    let threads = float(outcome.threads as u64);
    let busy = outcome.own_cpu_share() * (threads / float(cores as u64)).max(1.0);
    if busy > BUSY {
        concerns.push(Concern::AtLimit(busy.min(1.0)));
    }
    let lag = outcome.lag.value_at_quantile(0.99);
    if u128::from(lag) > LATE.as_nanos() {
        concerns.push(Concern::Behind(lag));
    }
    let waited = outcome.started.saturating_sub(outcome.taken_up);
    // A ramp is meant to go where this happens; its table shows it.
    if outcome.steps.len() < 2 && float(waited) > (1.0 - KEPT) * float(outcome.started) {
        concerns.push(Concern::NoneFree(float(waited) / float(outcome.started)));
    }
    concerns
}

/// Where a ramp has its knee.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Knee {
    /// The rate of the last step before the first one that did not hold.
    At(f64),
    /// The first step did not hold.
    Below(f64),
    /// All steps held.
    Above(f64),
}

/// Looks for the knee of a ramp; `None` if the run was not one, or ended in its first step.
pub(super) fn knee(outcome: &Outcome) -> Option<Knee> {
    let steps: Vec<&Step> = outcome.steps.iter().filter(|step| step.started > 0).collect();
    let [first, .., last] = steps[..] else { return None };
    let bound = p99_bound(first);
    let holding = steps.iter().take_while(|step| holds(step, bound)).last();
    Some(match holding {
        None => Knee::Below(first.rate),
        Some(step) if std::ptr::eq(*step, last) => Knee::Above(last.rate),
        Some(step) => Knee::At(step.rate),
    })
}

/// The p99 up to which a step holds, in nanoseconds.
pub(super) fn p99_bound(first: &Step) -> u64 {
    let quick = u64::try_from(QUICK.as_nanos()).unwrap_or(u64::MAX);
    quick.max(SLOWER * first.response.value_at_quantile(0.99))
}

/// A step holds if its requests were answered, and quickly: those that wait in a queue which grows
/// as long as the step lasts are not.
fn holds(step: &Step, p99_bound: u64) -> bool {
    float(step.answered) >= KEPT * float(step.started)
        && step.response.value_at_quantile(0.99) <= p99_bound
}
