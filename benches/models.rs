//! What one request costs each rung: on a connection of its own, and on a kept one where the server
//! keeps it; of one client, and of 64 at once.
//!
//! An iteration is one request for `/`, and the time is the load generator's, in a closed loop: from
//! the first request to the last answer, divided by the requests. So with 64 clients it is no
//! latency but what is left of a second when it is divided among the answers; criterion shows the
//! requests a second beside it. A request that is not answered ends the run. Each benchmark has a
//! server of its own; one that keeps something of every client gets a new one after 500 of them, and
//! its start is not timed. Rungs that cannot be timed so are named on stderr, with the reason.
//!
//! What it does not say:
//! - How one server compares with another. Each has its own seconds here, and so its own noise;
//!   `rungs compare` takes turns.
//! - What the server alone costs. The generator and the kernel work on the same processors, and with
//!   one client both mostly wait to be woken up.
//! - How long anybody waits. A mean has no slowest request; `rungs load` has percentiles.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::{
    io::{self, Write},
    sync::atomic::AtomicBool,
    time::Duration,
};

use assert_cmd::cargo::cargo_bin;
use criterion::{BenchmarkId, Criterion, Throughput};
use nix::sys::resource::{Resource, getrlimit};
use rungs::{
    harness::{
        load::{self, Outcome, Plan, Reuse},
        supervise::{Launch, Server},
    },
    ladder::{LADDER, Rung},
};

/// Rungs that cannot be timed, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("sleepserver", "it sleeps for a minute after each answer, which would be the time"),
    ("concurrentserver2", "it does not close, so its clients never see the end of an answer"),
    ("concurrentserver_eintr", "it dies of its first clients"),
];

/// How many clients ask at once.
const CLIENTS: [usize; 2] = [1, 64];

/// Requests to one server that keeps something of each for good.
const BOUND: u64 = 500;

/// Longer than any run takes: each ends when its requests do.
const LONG: Duration = Duration::from_secs(600);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut stderr = io::stderr();
    for (name, why) in LEFT_OUT {
        writeln!(stderr, "{name} is left out: {why}").unwrap();
    }
    let rungs: Vec<_> = LADDER.iter().filter(|rung| !is_left_out(rung)).collect();
    bench(&mut criterion, "per-request", &rungs, Reuse::PerRequest);
    let kept: Vec<_> = rungs.into_iter().filter(|rung| keeps_connections(rung)).collect();
    bench(&mut criterion, "keep-alive", &kept, Reuse::KeepAlive);
    criterion.final_summary();
}

fn is_left_out(rung: &Rung) -> bool {
    LEFT_OUT.iter().any(|&(name, _)| name == rung.name)
}

/// Asks it twice: whoever keeps the connection needs no second one.
fn keeps_connections(rung: &Rung) -> bool {
    load(&start(rung), Reuse::KeepAlive, 1, 2).connections_opened == 1
}

fn bench(criterion: &mut Criterion, name: &str, rungs: &[&Rung], reuse: Reuse) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    // A run through the kernel differs from the next by more than a computation does.
    group.sample_size(20).noise_threshold(0.05);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for rung in rungs {
        for clients in CLIENTS {
            let mut server = None;
            group.bench_function(BenchmarkId::new(rung.name, clients), |bencher| {
                bencher.iter_custom(|requests| {
                    if rung.accumulates {
                        return in_portions(rung, reuse, clients, requests);
                    }
                    let server = server.get_or_insert_with(|| start(rung));
                    load(server, reuse, clients, requests).elapsed
                });
            });
        }
    }
    group.finish();
}

/// Loads as many servers as it takes, one after the other.
fn in_portions(rung: &Rung, reuse: Reuse, clients: usize, requests: u64) -> Duration {
    let (whole, rest) = (requests / BOUND, requests % BOUND);
    let portions = (0..whole).map(|_| BOUND).chain((rest > 0).then_some(rest));
    portions.map(|portion| load(&start(rung), reuse, clients, portion).elapsed).sum()
}

fn start(rung: &Rung) -> Server {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let launch = Launch::new(cargo_bin(rung.name)).arguments(["--listen", "127.0.0.1:0"]);
    Server::start(&launch.descriptor_limit(hard)).unwrap()
}

/// Has so many requests answered, all of them with success.
fn load(server: &Server, reuse: Reuse, clients: usize, requests: u64) -> Outcome {
    let plan = Plan {
        connections: clients,
        reuse,
        requests: Some(requests),
        duration: LONG,
        ..Plan::new(server.address())
    };
    let outcome = load::run(&plan, &AtomicBool::new(false), &|_| ()).unwrap();
    let [_, succeeded, ..] = outcome.account.answered;
    let stderr = server.stderr();
    assert_eq!(succeeded, requests, "requests answered: {:?}\n{stderr}", outcome.account);
    outcome
}
