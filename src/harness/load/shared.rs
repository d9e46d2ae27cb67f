//! What the event loops of one run share, and what they show while they run.

use super::{
    Plan, Work,
    outcome::Outcome,
    series::{Second, quantile_of, sum},
};
use anyhow::{Result, bail};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

/// The plan, with its times on the clock and with what the loops share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    /// The bytes of the request.
    pub(super) message: Vec<u8>,
    pub(super) begins: Instant,
    /// From here to `closes` is the counted window.
    pub(super) opens: Instant,
    pub(super) closes: Instant,
    /// How many requests were asked for; may pass the limit.
    claimed: AtomicU64,
    stop: &'a AtomicBool,
    /// An event loop failed, or the watcher did, so the others need not go on.
    cancelled: AtomicBool,
}

impl<'a> Shared<'a> {
    pub(super) fn new(plan: &'a Plan, stop: &'a AtomicBool) -> Result<Shared<'a>> {
        let begins = Instant::now();
        let opens = begins.checked_add(plan.warm_up);
        let closes = opens.and_then(|opens| opens.checked_add(plan.duration));
        // Any deadline of a request lies before this.
        let over = closes.and_then(|closes| closes.checked_add(plan.timeout));
        let (Some(opens), Some(closes), Some(_)) = (opens, closes, over) else {
            bail!("load: warm-up, duration and timeout are too long");
        };
        Ok(Shared {
            plan,
            message: message(plan),
            begins,
            opens,
            closes,
            claimed: AtomicU64::new(0),
            stop,
            cancelled: AtomicBool::new(false),
        })
    }

    /// Takes one request of the number that the plan allows, if it allows one more.
    pub(super) fn claim(&self) -> bool {
        self.plan.requests.is_none_or(|limit| self.claimed.fetch_add(1, Relaxed) < limit)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// The window is over, or somebody wants the end.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.closes || self.stop.load(Relaxed) || self.cancelled.load(Relaxed)
    }
}

fn message(plan: &Plan) -> Vec<u8> {
    match &plan.work {
        Work::Mix(mix) => mix[0].request.message(&plan.host, plan.reuse),
        Work::Raw(bytes) => bytes.clone(),
    }
}

/// Cancels the run when it is dropped: whoever leaves, by a panic too, leaves nobody running.
#[derive(Debug)]
pub(super) struct CancelGuard<'a>(pub(super) &'a Shared<'a>);

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// What one event loop shows of itself while it runs. Aligned, so that no two loops write to the
/// same cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Gauge {
    started: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    connections: AtomicU64,
    /// Written once a second.
    last: Mutex<Second>,
}

impl Gauge {
    pub(super) fn show(&self, outcome: &Outcome, connections: u64) {
        self.started.store(outcome.started, Relaxed);
        self.connections.store(connections, Relaxed);
        self.answered.store(outcome.account.answered_total(), Release);
        self.failed.store(outcome.account.failed(), Release);
    }

    pub(super) fn show_second(&self, second: &Second) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(second);
    }
}

/// How far a run has come: the requests of the window so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Time since the run began, the warm-up included.
    pub elapsed: Duration,
    /// Time until the window closes, unless the requests run out before.
    pub left: Duration,
    /// Requests started; 0 during the warm-up.
    pub started: u64,
    /// Requests answered, whatever the status.
    pub answered: u64,
    /// Requests that ended without an answer.
    pub failed: u64,
    /// Requests that have not ended, those of an open loop that wait for a client included.
    pub in_flight: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Answers in the last whole second of the window; 0 in its first.
    pub rate: u64,
    /// The 99th percentile of their response times, in nanoseconds.
    pub p99: Option<u64>,
}

impl Snapshot {
    /// The sum of the gauges. They are read while the loops go on, in the opposite order of their
    /// writing, so that never more requests have ended than were started.
    pub(super) fn take(shared: &Shared<'_>, gauges: &[Gauge]) -> Snapshot {
        let total = |pick: fn(&Gauge) -> &AtomicU64| {
            gauges.iter().map(|gauge| pick(gauge).load(Acquire)).sum::<u64>()
        };
        let failed = total(|gauge| &gauge.failed);
        let answered = total(|gauge| &gauge.answered);
        let started = total(|gauge| &gauge.started);
        let seconds: Vec<_> = gauges
            .iter()
            .map(|gauge| gauge.last.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect();
        let times: Vec<_> = seconds.iter().map(|second| &second.times[..]).collect();
        Snapshot {
            elapsed: shared.begins.elapsed(),
            left: shared.closes.saturating_duration_since(Instant::now()),
            started,
            answered,
            failed,
            in_flight: started.saturating_sub(answered + failed),
            connections: total(|gauge| &gauge.connections),
            rate: seconds.iter().map(|second| second.answered).sum(),
            p99: quantile_of(&sum(&times), 0.99),
        }
    }
}
