//! What the figures say: whose they are, and where a ramp has its knee.

use super::{
    super::super::load::{Outcome, Reuse, Step},
    LoadRun,
    units::float,
};
use std::time::Duration;

/// The part of its CPU time from which on a generator is taken to be at its limit.
const BUSY: f64 = 0.9;

/// How late a generator may turn to one request in a hundred. A tenth of it is usual.
const LATE: Duration = Duration::from_millis(1);

/// Of fewer requests the slowest hundredth is a single one.
const FEW: u64 = 100;

/// The part of the requests that must be taken up, or answered, to say that the rate was kept.
const KEPT: f64 = 0.99;

/// The part that is nearly all.
const NEARLY: f64 = 0.9;

/// How many times the first step's p99 a step of a ramp may have.
const SLOWER: u64 = 10;

/// A p99 that is no sign of a queue, whatever the first step's was.
const QUICK: Duration = Duration::from_millis(10);

/// A reason not to take the times or the rate for the server's. A run has one at most: what is
/// certain of the generator may be the cause of all the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Concern {
    /// The event loops had next to no CPU time left: the part that they used.
    AtLimit(f64),
    /// They were late by more than this in one request of a hundred, in nanoseconds, and the rate
    /// was not kept.
    Behind(u64),
    /// They were as late, but the rate was kept.
    Late(u64),
    /// This part of the requests that were due found no free connection in time.
    NoneFree(f64),
}

impl Concern {
    /// Whether the figures are the generator's own, or partly so.
    pub(super) fn is_of_generator(self) -> bool {
        !matches!(self, Self::NoneFree(_))
    }
}

/// The concern about a run, if there is one.
pub(super) fn concern(run: &LoadRun<'_>) -> Option<Concern> {
    let outcome = run.outcome;
    // A ramp is meant to go where the rate is not kept; its table shows it.
    let is_steady = outcome.steps.len() < 2;
    let missed = float(outcome.not_taken_up()) / float(outcome.started.max(1));
    let is_missed = is_steady && missed > 1.0 - KEPT;
    match (at_limit(run), lateness(outcome)) {
        (Some(busy), _) => Some(Concern::AtLimit(busy)),
        (None, Some(lag)) if is_missed => Some(Concern::Behind(lag)),
        (None, Some(lag)) => Some(Concern::Late(lag)),
        (None, None) => is_missed.then_some(Concern::NoneFree(missed)),
    }
}

/// The part of their CPU time that the event loops used, if it was next to all.
pub(super) fn at_limit(run: &LoadRun<'_>) -> Option<f64> {
    let LoadRun { outcome, cores, .. } = *run;
    // Threads that share a core cannot be busy all the time, each of them.
    let threads = float(outcome.threads as u64);
    let busy = outcome.own_cpu_share() * (threads / float(cores as u64)).max(1.0);
    (busy > BUSY).then_some(busy.min(1.0))
}

/// The 99th percentile of the generator's lag in nanoseconds, if it is worth a word: more than
/// [`LATE`], and more than half of that of the service time. Beside a server that takes longer it
/// makes little of a difference.
pub(super) fn lateness(outcome: &Outcome) -> Option<u64> {
    let lag = outcome.lag.value_at_quantile(0.99);
    let service = outcome.service.value_at_quantile(0.99);
    let is_late = u128::from(lag) > LATE.as_nanos() && 2 * lag > service;
    (outcome.lag.len() >= FEW && is_late).then_some(lag)
}

/// What came in the place of the answers that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusual {
    /// Not one answer, be it a good one or an error.
    NoAnswer,
    /// Nearly all requests failed.
    Failures,
    /// Nearly all answers were errors: 4xx or 5xx.
    Errors,
}

pub(super) fn unusual(outcome: &Outcome) -> Option<Unusual> {
    let account = &outcome.account;
    let (answered, failed) = (account.answered_total(), account.failed());
    let [.., client_error, server_error] = account.answered;
    if answered == 0 {
        (outcome.started > 0).then_some(Unusual::NoAnswer)
    } else if failed > answered {
        Some(Unusual::Failures)
    } else {
        let errors = float(client_error + server_error);
        (errors >= NEARLY * float(answered)).then_some(Unusual::Errors)
    }
}

/// How many connections were opened in the place of others that the server had closed behind an
/// answer, where it was asked to keep them; if it did so behind half of its answers.
pub(super) fn not_kept(run: &LoadRun<'_>) -> Option<u64> {
    let LoadRun { plan, outcome, .. } = *run;
    if plan.reuse != Reuse::KeepAlive || plan.idle.is_some() {
        return None;
    }
    let needed = (plan.connections as u64).saturating_sub(outcome.connections_held);
    // A failure costs its connection too, and so does an answer with bytes behind its end.
    let explained = needed + outcome.account.failed() + outcome.surplus;
    let again = outcome.connections_opened.saturating_sub(explained);
    (again > 0 && 2 * again >= outcome.account.answered_total()).then_some(again)
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
