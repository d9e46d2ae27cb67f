//! What the event loops of one run share.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use super::{Plan, Reuse};

/// The plan in the form in which the event loops need it.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) target: SocketAddr,
    pub(super) message: Vec<u8>,
    pub(super) reuse: Reuse,
    pub(super) timeout: Duration,
    pub(super) begins: Instant,
    /// From here to `closes` is the counted window.
    pub(super) opens: Instant,
    pub(super) closes: Instant,
    limit: Option<u64>,
    /// How many requests were asked for; may pass the limit.
    claimed: AtomicU64,
    stop: &'a AtomicBool,
    /// An event loop failed, so the others need not go on.
    cancelled: AtomicBool,
}

impl<'a> Work<'a> {
    pub(super) fn new(plan: &Plan, stop: &'a AtomicBool) -> anyhow::Result<Work<'a>> {
        let begins = Instant::now();
        let opens = begins.checked_add(plan.warm_up);
        let closes = opens.and_then(|opens| opens.checked_add(plan.duration));
        // Any deadline of a request lies before this.
        let over = closes.and_then(|closes| closes.checked_add(plan.timeout));
        let (Some(opens), Some(closes), Some(_)) = (opens, closes, over) else {
            anyhow::bail!("load {}: warm-up, duration and timeout are too long", plan.target);
        };
        Ok(Work {
            target: plan.target,
            message: plan.message(),
            reuse: plan.reuse,
            timeout: plan.timeout,
            begins,
            opens,
            closes,
            limit: plan.requests,
            claimed: AtomicU64::new(0),
            stop,
            cancelled: AtomicBool::new(false),
        })
    }

    /// Takes one request of the number that the plan allows, if it allows one more.
    pub(super) fn claim(&self) -> bool {
        self.limit.is_none_or(|limit| self.claimed.fetch_add(1, Relaxed) < limit)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// The window is over, or somebody wants the end.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.closes || self.stop.load(Relaxed) || self.cancelled.load(Relaxed)
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
}

/// How far a run has come: the requests of the window so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Time since the run began, the warm-up included.
    pub elapsed: Duration,
    /// Requests started; 0 during the warm-up.
    pub started: u64,
    /// Requests answered, whatever the status.
    pub answered: u64,
    /// Requests that ended without an answer.
    pub failed: u64,
}

impl Gauge {
    pub(super) fn show(&self, started: u64, answered: u64, failed: u64) {
        self.started.store(started, Relaxed);
        self.answered.store(answered, Release);
        self.failed.store(failed, Release);
    }
}

impl Snapshot {
    /// The sum of the gauges. They are read while the loops go on, in the opposite order of their
    /// writing, so that never more requests have ended than were started.
    pub(super) fn take(begins: Instant, gauges: &[Gauge]) -> Snapshot {
        let sum = |pick: fn(&Gauge) -> &AtomicU64| {
            gauges.iter().map(|gauge| pick(gauge).load(Acquire)).sum()
        };
        let failed = sum(|gauge| &gauge.failed);
        let answered = sum(|gauge| &gauge.answered);
        let started = sum(|gauge| &gauge.started);
        Snapshot { elapsed: begins.elapsed(), started, answered, failed }
    }
}
