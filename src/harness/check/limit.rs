//! Limits that are lowered under a running server.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::{
    super::observe::Process,
    bench::Running,
    processor::{Time, tasks},
};

/// For how long a server is watched that should have nothing to do.
const WINDOW: Duration = Duration::from_secs(1);

/// The share of a processor, in percent, from which on it spins.
const SPIN: f64 = 50.0;

/// Lowers a soft limit of processes that run (prlimit(2)); their children will have it too. Says
/// whether that was allowed.
pub(super) fn lower(processes: &[Process], resource: Resource, limit: u64) -> bool {
    let limit = Rlimit { current: Some(limit), maximum: getrlimit(resource).maximum };
    let mut pids = processes.iter().map(|process| Pid::from_raw(process.pid.cast_signed()));
    pids.all(|pid| prlimit(pid, resource, limit).is_ok())
}

/// The percentage of a processor that a server takes which has nothing to do, if it spins.
pub(super) fn is_spinning(server: &Running<'_>) -> Option<f64> {
    // What it does for the clients who have just come is no spinning.
    server.settle();
    let (before, start) = (times(server), Instant::now());
    let cpu = server.tree().cpu();
    server.bench.await_true(WINDOW, || false);
    let (after, elapsed) = (times(server), start.elapsed().as_secs_f64());
    let share = |(task, now): (&u32, &Time)| {
        let before = before.get(task).copied().unwrap_or_default();
        let waited = now.waited.saturating_sub(before.waited).as_secs_f64();
        let ran = now.ran.saturating_sub(before.ran).as_secs_f64();
        // Of the time that it could have had: others may have kept it from running.
        ran / (elapsed - waited).max(ran).max(f64::EPSILON)
    };
    // A kernel without schedstats tells the processor time alone.
    let is_told = after.values().any(|time| !time.ran.is_zero());
    let share = if is_told {
        100.0 * after.iter().map(share).sum::<f64>()
    } else {
        100.0 * server.tree().cpu().saturating_sub(cpu).as_secs_f64() / elapsed
    };
    (share >= SPIN).then_some(share)
}

fn times(server: &Running<'_>) -> BTreeMap<u32, Time> {
    tasks(&server.living())
}
