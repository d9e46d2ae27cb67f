//! What the event loops of one run share, and what they show while they run.

use super::{
    Plan,
    event_loop::LOOK_UP,
    idle::resident,
    outcome::Outcome,
    request::Messages,
    series::{Second, quantile_of, sum},
};
use anyhow::{Context, Result};
use std::{
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

/// How often the event loops meet before the clock starts.
const MEETINGS: usize = 2;

/// When a run's parts begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) begins: Instant,
    /// From here to `closes` is the counted window.
    pub(super) opens: Instant,
    pub(super) closes: Instant,
}

impl Times {
    /// `None` if some of them lie beyond what the clock can tell.
    pub(super) fn from(begins: Instant, plan: &Plan) -> Option<Times> {
        let opens = begins.checked_add(plan.warm_up)?;
        let closes = opens.checked_add(plan.duration)?;
        // Any deadline of a request lies before this.
        closes.checked_add(plan.timeout)?;
        Some(Times { begins, opens, closes })
    }
}

/// The plan, with what the event loops share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) plan: &'a Plan,
    pub(super) messages: Messages,
    made: Times,
    times: OnceLock<Times>,
    /// How many event loops there will be, and how often one of them has come to a meeting.
    loops: usize,
    met: Mutex<usize>,
    all_met: Condvar,
    /// Held by the loop whose turn it is to open held connections.
    pub(super) opening: Mutex<()>,
    /// The memory of this process before the loops began, in bytes.
    pub(super) resident: Option<u64>,
    /// How many requests were asked for; may pass the limit.
    claimed: AtomicU64,
    stop: &'a AtomicBool,
    /// An event loop failed, or the watcher did, so the others need not go on.
    cancelled: AtomicBool,
}

impl<'a> Shared<'a> {
    pub(super) fn new(plan: &'a Plan, loops: usize, stop: &'a AtomicBool) -> Result<Shared<'a>> {
        let made = Times::from(Instant::now(), plan)
            .context("load: warm-up, duration and timeout are too long")?;
        Ok(Shared {
            plan,
            messages: Messages::of(plan),
            made,
            times: OnceLock::new(),
            loops,
            met: Mutex::new(0),
            all_met: Condvar::new(),
            opening: Mutex::new(()),
            resident: plan.idle.and_then(|_| resident()),
            claimed: AtomicU64::new(0),
            stop,
            cancelled: AtomicBool::new(false),
        })
    }

    /// Waits until every event loop has come here for the `turn`th time, or the run is cancelled.
    /// The first that leaves starts the clock.
    pub(super) fn meet(&self, turn: usize) -> Times {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        *met += 1;
        self.all_met.notify_all();
        while *met < turn * self.loops && !self.cancelled.load(Relaxed) {
            let waited = self.all_met.wait_timeout(met, LOOK_UP);
            met = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(met);
        if turn < MEETINGS {
            return self.made;
        }
        *self.times.get_or_init(|| Times::from(Instant::now(), self.plan).unwrap_or(self.made))
    }

    /// When the window was or will be; a guess before the clock starts.
    pub(super) fn times(&self) -> Times {
        self.times.get().copied().unwrap_or(self.made)
    }

    /// Takes one request of the number that the plan allows, if it allows one more.
    pub(super) fn claim(&self) -> bool {
        self.plan.requests.is_none_or(|limit| self.claimed.fetch_add(1, Relaxed) < limit)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// The window is over, or somebody wants the end.
    pub(super) fn is_over(&self, now: Instant, times: Times) -> bool {
        now >= times.closes || self.is_stopped()
    }

    /// Somebody wants the end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed) || self.cancelled.load(Relaxed)
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

    pub(super) fn show_connections(&self, connections: u64) {
        self.connections.store(connections, Relaxed);
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
    /// Clients; or held connections that are open.
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
        let Times { begins, closes, .. } = shared.times();
        Snapshot {
            elapsed: begins.elapsed(),
            left: closes.saturating_duration_since(Instant::now()),
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
