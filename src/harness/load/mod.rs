//! The load generator: a plan in, numbers out.
//!
//! It runs a **closed loop**: each of the concurrent clients sends its next request when its last
//! one has ended. So a server that stalls is asked less, and the times of the requests that
//! would have come meanwhile are missing from the histograms (coordinated omission).
//!
//! Its promise is the account: every request that was started ends in exactly one class, whatever
//! the server, the network or the user does.
//!
//! # Layout
//! - `plan`: what to ask, of whom, how often
//! - `client`: one client and its connection, a state machine
//! - `answer`: one HTTP answer out of a byte stream
//! - `event_loop`: one thread, its clients and its epoll instance
//! - `deadlines`: whose request is the oldest
//! - `work`: what the event loops share, and what they show while they run
//! - `account`: how requests end; `outcome`: counts and times

mod account;
mod answer;
mod client;
mod deadlines;
mod event_loop;
mod limit;
mod outcome;
mod plan;
mod request;
mod series;
mod shared;

use anyhow::{Context, Result, ensure};
use event_loop::EventLoop;
use mio::Poll;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shared::{CancelGuard, Gauge, Shared};
use std::{
    convert::Infallible,
    panic,
    sync::{
        atomic::AtomicBool,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::{Duration, SystemTime},
};

pub use self::{
    account::{Account, Failure},
    limit::{Limit, Limited},
    outcome::{Held, Outcome, Step},
    plan::{Arrivals, Idle, Pace, Plan, Reuse, Slow, SlowAt},
    request::{Request, Weighted, Work},
    series::Second,
    shared::Snapshot,
};

/// How often the watcher is told.
const WATCH: Duration = Duration::from_millis(100);

/// Descriptors that are not client connections: standard streams, epoll instances, what the
/// caller has open.
const OTHER_DESCRIPTORS: u64 = 64;

/// Runs the plan in threads of its own and waits for it, calling `watch` ten times a second.
///
/// The run ends when the window is over, when `stop` was set (seen within 20 ms), or when the
/// plan's requests have run out and all of them have ended. Requests still unanswered then are
/// `in_flight`, and their connections are closed.
///
/// A client that cannot get a connection counts its request under the cause and rests 10 ms
/// before the next one, so that a dead server does not turn the loop into a flood of refused
/// connects. A connect to a port where nobody listens, in the ephemeral range, can meet itself;
/// that is found out and counted as refused.
///
/// A request is never sent twice: if a kept connection turns out to be closed by the server
/// (which should have said `Connection: close`, RFC 9112 section 9.6), the request that finds out
/// counts as `closed_early` or `reset`, and the next one goes out on a new connection.
///
/// # Errors
/// A plan that makes no sense, and the system's refusal of threads or epoll instances. What
/// happens to requests, for want of descriptors or ports too, is in the account instead.
pub fn run(plan: &Plan, stop: &AtomicBool, watch: &dyn Fn(&Snapshot)) -> Result<Outcome> {
    plan.check()?;
    let is_plain = matches!(&plan.work, Work::Mix(mix) if mix.len() == 1)
        && plan.pace == Pace::Closed
        && (plan.pipeline, plan.spin, plan.slow, plan.idle) == (1, false, None, None)
        && plan.sources.is_empty()
        && plan.targets.len() == 1;
    ensure!(is_plain, "load: the engine cannot run this plan yet");
    allow_descriptors(plan.connections as u64)?;
    let threads = plan.threads.min(plan.connections);
    // Before the first client, for the clients may use up the descriptors.
    let polls: Vec<_> =
        (0..threads).map(|_| Poll::new()).collect::<Result<_, _>>().context("epoll_create")?;
    let gauges: Vec<_> = (0..threads).map(|_| Gauge::default()).collect();
    let shared = Shared::new(plan, stop)?;
    let opened_at = SystemTime::now() + plan.warm_up;
    let mut outcome = thread::scope(|scope| {
        // A panic in `watch` must not wait for the end of the window.
        let guard = CancelGuard(&shared);
        let (alive, all_ended) = mpsc::channel();
        let loops = start_all(scope, plan, &shared, polls, &gauges, &alive)?;
        drop(alive);
        while all_ended.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
            watch(&Snapshot::take(&shared, &gauges));
        }
        drop(guard);
        collect(loops)
    })?;
    outcome.opened_at = opened_at;
    Ok(outcome)
}

type Loop<'scope> = ScopedJoinHandle<'scope, Result<Outcome>>;

/// Starts an event loop for each epoll instance. Each holds a copy of `alive`, on which nothing
/// is ever sent: that the channel closes tells that all of them have ended.
fn start_all<'scope>(
    scope: &'scope Scope<'scope, '_>,
    plan: &Plan,
    shared: &'scope Shared<'_>,
    polls: Vec<Poll>,
    gauges: &'scope [Gauge],
    alive: &mpsc::Sender<Infallible>,
) -> Result<Vec<Loop<'scope>>> {
    let start = |(index, (poll, gauge))| {
        let (alive, clients) = (alive.clone(), Plan::share(plan.connections, index, gauges.len()));
        thread::Builder::new().name(format!("load {index}")).spawn_scoped(scope, move || {
            let outcome = EventLoop::new(shared, gauge, poll, clients).and_then(EventLoop::run);
            if outcome.is_err() {
                shared.cancel();
            }
            drop(alive);
            outcome
        })
    };
    let loops: Result<_, _> = polls.into_iter().zip(gauges).enumerate().map(start).collect();
    if loops.is_err() {
        shared.cancel();
    }
    loops.context("start a load thread")
}

fn collect(loops: Vec<Loop<'_>>) -> Result<Outcome> {
    let mut sum = Outcome::new().context("histogram")?;
    for one in loops {
        let outcome = one.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        sum.merge(outcome).context("histogram")?;
    }
    Ok(sum)
}

/// Raises the soft limit on descriptors to the hard one if the connections need it. If even that
/// is too low, the account will show how many found no descriptor.
fn allow_descriptors(connections: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    if soft < connections.saturating_add(OTHER_DESCRIPTORS) {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("setrlimit RLIMIT_NOFILE")?;
    }
    Ok(())
}
