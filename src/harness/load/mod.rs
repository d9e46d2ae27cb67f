//! The load generator: a plan in, numbers out.
//!
//! In an **open loop** requests start on a schedule and their response time counts from there, so
//! that a stall of the server is paid by all who would have come meanwhile. In a **closed loop**
//! each of the concurrent clients sends its next request when its last one has ended: a server that
//! stalls is asked less, and the times of those who would have come meanwhile are missing from the
//! histograms (coordinated omission). A server that stalls for one second of ten, asked 1,000 times
//! a second: the open loop's 99th percentile is 900 ms, the closed loop's is that of a good second.
//!
//! Its promise is the account: every request that was started ends in exactly one class, whatever
//! the server, the network or the user does.
//!
//! # Layout
//! - `plan`: what to ask, of whom, how often; `request`: as data and as bytes
//! - `schedule`: when the requests of an open loop are due; `alarm`: waking up for them in time
//! - `event_loop`: one thread, its clients and its epoll instance; `idle`: its held connections
//! - `client`: one client, a state machine; `connection`: its socket; `source`: its own address
//! - `exchange`: one request and its times; `answer`: one HTTP answer out of a byte stream
//! - `deadlines`: whose request is the oldest; `descriptors`: enough of them
//! - `shared`: what the event loops share, and what they show while they run
//! - `ledger`: where a loop enters what happens: `account`, how requests end, `series`, second by
//!   second, `outcome`, counts and times; `limit`: what stood in the way

mod account;
mod alarm;
mod answer;
mod client;
mod connection;
mod deadlines;
mod descriptors;
mod event_loop;
mod exchange;
mod idle;
mod ledger;
mod limit;
mod outcome;
mod plan;
mod request;
mod schedule;
mod series;
mod shared;
mod source;

use anyhow::{Context, Result};
use descriptors::{Tables, own_table};
use event_loop::EventLoop;
use idle::IdleLoop;
use shared::{CancelGuard, Gauge, Shared};
use std::{
    convert::Infallible,
    panic,
    sync::{
        atomic::AtomicBool,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, Scope, ScopedJoinHandle},
    time::Duration,
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

/// Runs the plan in threads of its own and waits for it, calling `watch` ten times a second.
///
/// The clock starts when all threads are ready: an open loop with kept connections opens these
/// before, so that its users are there already, and held connections are opened before. The run
/// ends when the window is over, when `stop` was set (seen within 20 ms), or when the plan's
/// requests have run out and all of them have ended. Requests still unanswered then are
/// `in_flight`, and their connections are closed.
///
/// A client of a closed loop that cannot get a connection counts its request under the cause and
/// rests 10 ms before the next one, so that a dead server does not turn the loop into a flood of
/// refused connects; an open loop keeps to its schedule. A connect to a port where nobody listens,
/// in the ephemeral range, can meet itself; that is found out and counted as refused.
///
/// A closed loop reads all answers that have come before it asks anew, so that none waits, and is
/// timed, while others are asked. A client starts its request when its turn to ask has come.
///
/// A request is never sent twice: if a kept connection turns out to be closed by the server
/// (which should have said `Connection: close`, RFC 9112 section 9.6), the request that finds out
/// counts as `closed_early` or `reset`, and the next one goes out on a new connection.
///
/// # Errors
/// A plan that makes no sense, and the system's refusal of threads, timers, descriptor tables or
/// epoll instances. What happens to requests, for want of descriptors or ports too, is in the
/// account instead.
pub fn run(plan: &Plan, stop: &AtomicBool, watch: &dyn Fn(&Snapshot)) -> Result<Outcome> {
    plan.check()?;
    let tables = Tables::prepare(plan)?;
    let gauges: Vec<_> = (0..tables.threads).map(|_| Gauge::default()).collect();
    let shared = Shared::new(plan, tables.threads, stop)?;
    let mut outcome = thread::scope(|scope| {
        // A panic in `watch` must not wait for the end of the window.
        let guard = CancelGuard(&shared);
        let (alive, all_ended) = mpsc::channel();
        let loops = start_all(scope, &shared, tables, &gauges, &alive)?;
        drop(alive);
        while all_ended.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
            watch(&Snapshot::take(&shared, &gauges));
        }
        drop(guard);
        collect(loops)
    })?;
    outcome.describe(plan, shared.times());
    Ok(outcome)
}

type Loop<'scope> = ScopedJoinHandle<'scope, Result<Outcome>>;

/// Starts an event loop for each gauge. Each holds a copy of `alive`, on which nothing is ever
/// sent: that the channel closes tells that all of them have ended.
fn start_all<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared<'_>,
    tables: Tables,
    gauges: &'scope [Gauge],
    alive: &mpsc::Sender<Infallible>,
) -> Result<Vec<Loop<'scope>>> {
    let start = |(index, gauge)| {
        let alive = alive.clone();
        thread::Builder::new().name(format!("load {index}")).spawn_scoped(scope, move || {
            let outcome = drive(shared, gauge, index, tables);
            if outcome.is_err() {
                shared.cancel();
            }
            drop(alive);
            outcome
        })
    };
    gauges.iter().enumerate().map(start).collect::<Result<_, _>>().context("start a load thread")
}

fn drive(shared: &Shared<'_>, gauge: &Gauge, index: usize, tables: Tables) -> Result<Outcome> {
    if tables.own {
        own_table()?;
    }
    let share = (index, tables.threads);
    match shared.plan.idle {
        Some(_) => IdleLoop::new(shared, gauge, share)?.run(),
        None => EventLoop::new(shared, gauge, share)?.run(),
    }
}

fn collect(loops: Vec<Loop<'_>>) -> Result<Outcome> {
    let mut sum = Outcome::new().context("histogram")?;
    for one in loops {
        let outcome = one.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        sum.merge(outcome).context("histogram")?;
    }
    Ok(sum)
}
