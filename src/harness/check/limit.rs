//! Limits that are lowered under a running server.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::{
    super::observe::{self, Process},
    bench::Running,
};

/// For how long a server is watched that should have nothing to do.
const WINDOW: Duration = Duration::from_secs(1);

/// The share of a processor, in percent, from which on it spins. Who waits a little takes one or
/// two; who spins takes all that a busy machine has left.
const SPIN: f64 = 25.0;

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
    let (before, start) = (observe::cpu(server.server.keeper()), Instant::now());
    server.bench.await_true(WINDOW, || false);
    let worked = observe::cpu(server.server.keeper()).saturating_sub(before);
    let share = 100.0 * worked.as_secs_f64() / start.elapsed().as_secs_f64();
    (share >= SPIN).then_some(share)
}
