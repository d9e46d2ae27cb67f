//! The open loop: requests start on a schedule, whatever the server does.

use super::support::{
    HELLO, HELLO_AND_CLOSE, Server, all, all_ok, classes, outcome_of, plan, reserve,
};
use super::waiting::await_until;
use hdrhistogram::Histogram;
use rungs::harness::load::{Arrivals, Outcome, Pace, Plan, Reuse, run};
use std::{
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

fn constant(rate: f64) -> Pace {
    Pace::Open { rate, arrivals: Arrivals::Constant }
}

/// A window of this length, without a limit on requests.
fn timed(plan: Plan, milliseconds: u64) -> Plan {
    Plan { requests: None, duration: Duration::from_millis(milliseconds), ..plan }
}

fn milliseconds(times: &Histogram<u64>, quantile: f64) -> u64 {
    times.value_at_quantile(quantile) / 1_000_000
}

#[test]
fn five_a_second_is_five_a_second() {
    thread::scope(|scope| {
        for reuse in [Reuse::KeepAlive, Reuse::PerRequest] {
            scope.spawn(move || five_a_second(reuse));
        }
    });
}

fn five_a_second(reuse: Reuse) {
    let server = Server::keeping(HELLO);
    let plan = Plan { pace: constant(5.0), ..timed(plan(server.address, reuse), 12_000) };
    let outcome = outcome_of(&plan);
    assert_eq!((outcome.started, outcome.taken_up), (60, 60));
    assert_eq!(server.state.requests(), 60);
    assert!(outcome.seconds.iter().all(|second| second.started == 5), "{:?}", outcome.seconds);
    assert_eq!((outcome.rate_asked, outcome.elapsed), (Some(5.0), plan.duration));
    assert!((outcome.rate_kept() - 5.0).abs() < 1e-9);
}

#[test]
fn requests_without_a_free_client_are_in_flight_at_the_deadline() {
    let server = Server::stalling(b"");
    let plan = Plan {
        pace: constant(500.0),
        connections: 2,
        ..timed(plan(server.address, Reuse::KeepAlive), 1000)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all(|account| account.in_flight = 500));
    assert_eq!((outcome.started, outcome.taken_up), (500, 2));
    // They were due every 2 ms, so half of them had waited for half of the second.
    let ages = &outcome.unanswered;
    assert_eq!(ages.len(), 500);
    let ages = [0.0, 0.5, 1.0].map(|quantile| milliseconds(ages, quantile));
    assert!(ages[0] <= 2 && (490..=510).contains(&ages[1]) && ages[2] >= 990, "{ages:?}");
}

#[test]
fn an_open_loop_ends_when_its_requests_have_run_out() {
    let server = Server::keeping(HELLO);
    let plan = Plan {
        pace: Pace::Open { rate: 1000.0, arrivals: Arrivals::Poisson },
        requests: Some(50),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all_ok(50));
    assert!(outcome.elapsed < plan.duration, "{:?}", outcome.elapsed);
}

#[test]
fn a_dead_server_refuses_every_place_in_the_schedule() {
    let (_bound, address) = reserve();
    let plan = Plan { pace: constant(200.0), ..timed(plan(address, Reuse::KeepAlive), 1000) };
    let outcome = outcome_of(&plan);
    // The last of them may have been due just before the end.
    let refused = 200 - outcome.account.in_flight;
    assert_eq!(outcome.started, 200);
    assert!(refused >= 150, "{:?}", outcome.account);
    let in_flight = outcome.account.in_flight;
    let expected = all(|account| (account.refused, account.in_flight) = (refused, in_flight));
    assert_eq!(classes(&outcome), expected);
}

#[test]
fn a_ramp_has_its_steps() {
    let server = Server::keeping(HELLO);
    let plan = Plan {
        pace: Pace::Ramp { rates: vec![50.0, 100.0, 20.0], arrivals: Arrivals::Constant },
        warm_up: Duration::from_millis(500),
        ..timed(plan(server.address, Reuse::KeepAlive), 3000)
    };
    let outcome = outcome_of(&plan);
    let started: Vec<_> = outcome.steps.iter().map(|step| (step.rate, step.started)).collect();
    assert_eq!(started, [(50.0, 50), (100.0, 100), (20.0, 20)]);
    for step in &outcome.steps {
        assert_eq!(step.response.len(), step.answered);
        assert!(step.answered + step.failed <= step.started);
    }
    let answered: u64 = outcome.steps.iter().map(|step| step.answered).sum();
    assert_eq!(answered, outcome.account.answered_total());
}

#[test]
fn connections_are_there_before_the_first_request_is_due() {
    let server = Server::keeping(HELLO);
    let plan = Plan {
        pace: constant(100.0),
        connections: 7,
        ..timed(plan(server.address, Reuse::KeepAlive), 500)
    };
    let outcome = outcome_of(&plan);
    assert_eq!((outcome.started, outcome.connections_opened), (50, 0), "all before the window");
}

#[test]
fn every_request_of_a_connection_each_waits_for_its_own() {
    let server = Server::saying(HELLO_AND_CLOSE);
    let plan =
        Plan { pace: constant(100.0), ..timed(plan(server.address, Reuse::PerRequest), 1000) };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.started, 100);
    assert_eq!(outcome.account.failed(), 0, "{:?}", outcome.account);
    assert!(outcome.connections_opened + outcome.account.in_flight >= 100);
    assert!(outcome.response.max() >= outcome.service.max(), "it includes the connect");
}

/// What requests took at least and at most by the server's clock, which a busy machine does not
/// falsify: it delays the moments that the server notes, and with them both bounds.
#[derive(Default)]
struct Bounds {
    least: Vec<Duration>,
    most: Vec<Duration>,
}

/// Waits 20 ms before each answer. A request was sent before it was read here, and after the answer
/// before it was written; its answer came after it was written, and before the next was asked.
fn waiting_twenty_milliseconds(bounds: &Arc<Mutex<Bounds>>) -> Server {
    let (bounds, begun) = (Arc::clone(bounds), Instant::now());
    Server::start(move |state, mut stream| {
        use std::io::Write;
        let (mut sent_after, mut written) = (None, begun);
        loop {
            let is_there = state.read_request(stream)?;
            let read = Instant::now();
            if let Some(sent_after) = sent_after.replace(written) {
                bounds.lock().expect("no panic in a server").most.push(read - sent_after);
            }
            if !is_there {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
            written = Instant::now();
            bounds.lock().expect("no panic in a server").least.push(written - read);
            stream.write_all(HELLO)?;
        }
    })
}

#[test]
fn twenty_milliseconds_are_twenty_milliseconds() {
    let cases = [
        (1, Pace::Closed, 50),
        (100, Pace::Closed, 5000),
        (1, constant(20.0), 20),
        (100, constant(500.0), 500),
    ];
    for (connections, pace, requests) in cases {
        let bounds = Arc::default();
        let server = waiting_twenty_milliseconds(&bounds);
        let plan = Plan {
            connections,
            pace: pace.clone(),
            requests: Some(requests),
            duration: Duration::from_secs(120),
            ..plan(server.address, Reuse::KeepAlive)
        };
        let Outcome { account, response, service, .. } = outcome_of(&plan);
        assert_eq!(account, all_ok(requests));
        // A connection's last answer is known to have come when it ends.
        await_until("the end of all connections", || {
            bounds.lock().expect("no panic in a server").most.len() as u64 == requests
        });
        let Bounds { least, most } = &mut *bounds.lock().expect("no panic in a server");
        least.sort();
        most.sort();
        for permille in [0_u32, 500, 900, 990, 999, 1000] {
            let rank = (u64::from(permille) * requests).div_ceil(1000).max(1) - 1;
            let rank = usize::try_from(rank).expect("few requests");
            // A histogram knows three digits.
            let (least, most) = (least[rank] * 999 / 1000, most[rank] * 1001 / 1000);
            let at = |times: &Histogram<u64>| {
                Duration::from_nanos(times.value_at_quantile(f64::from(permille) / 1000.0))
            };
            let (service, response) = (at(&service), at(&response));
            let said = format!("{connections} {pace:?} {permille}: {service:?}, {response:?}");
            assert!((least..=most).contains(&service), "{said}: not {least:?} to {most:?}");
            assert!(response >= least, "{said}: not {least:?} or more");
            // In an open loop it counts from the schedule, of which the server knows nothing.
            let is_known = pace == Pace::Closed;
            assert!(!is_known || response <= most, "{said}: not {most:?} or less");
        }
    }
}

/// A server that stops for one second, four seconds after its first request.
fn stalling_for_a_second() -> Server {
    let first = OnceLock::new();
    Server::start(move |state, mut stream| {
        use std::io::Write;
        while state.read_request(stream)? {
            let since = first.get_or_init(Instant::now).elapsed();
            if since.as_secs() == 4 {
                thread::sleep(Duration::from_secs(5).saturating_sub(since));
            }
            stream.write_all(HELLO)?;
        }
        Ok(())
    })
}

#[test]
fn a_stall_is_paid_by_all_who_would_have_come() {
    let server = stalling_for_a_second();
    let plan = Plan {
        pace: constant(1000.0),
        connections: 2,
        threads: 1,
        ..timed(plan(server.address, Reuse::KeepAlive), 10_000)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.started, 10_000);
    // By hand: who comes x after the stall began waits 1 s - x. A tenth of all come within it, so
    // the slowest hundredth waits from 900 ms on, the slowest twentieth from 500 ms on. And a
    // little more, until the server has made up for it.
    let p = |quantile| milliseconds(&outcome.response, quantile);
    assert!((880..1500).contains(&p(0.99)), "p99 {} ms", p(0.99));
    assert!((480..1100).contains(&p(0.95)), "p95 {} ms", p(0.95));
    assert!((980..1900).contains(&p(1.0)), "max {} ms", p(1.0));
    assert!(p(0.5) < 300, "p50 {} ms", p(0.5));
    // Two requests were on their way; all the others were not even sent.
    assert!(milliseconds(&outcome.service, 0.99) < 300, "service time does not show it");
    let stalled = outcome.seconds.iter().map(|second| second.in_flight).max();
    assert!(stalled >= Some(500), "the series shows it: {stalled:?}");
}

#[test]
fn a_closed_loop_hides_a_stall() {
    let server = stalling_for_a_second();
    let plan =
        Plan { connections: 2, threads: 1, ..timed(plan(server.address, Reuse::KeepAlive), 6000) };
    let outcome = outcome_of(&plan);
    assert!(milliseconds(&outcome.response, 1.0) >= 900, "the stall came");
    assert!(milliseconds(&outcome.response, 0.99) < 300, "two requests met it");
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    let server = Server::keeping(HELLO);
    let of = |seed| {
        let plan = Plan {
            pace: Pace::Open { rate: 300.0, arrivals: Arrivals::Poisson },
            seed,
            ..timed(plan(server.address, Reuse::KeepAlive), 1000)
        };
        outcome_of(&plan).started
    };
    let one = of(7);
    assert_eq!(of(7), one);
    // Four standard deviations.
    assert!((230..370).contains(&one), "{one} started");
}

#[test]
fn a_panic_in_the_watcher_does_not_wait_for_the_end() {
    let server = Server::keeping(HELLO);
    let plan =
        Plan { pace: constant(10.0), ..timed(plan(server.address, Reuse::KeepAlive), 60_000) };
    let begun = Instant::now();
    let result = std::panic::catch_unwind(|| {
        run(&plan, &AtomicBool::new(false), &|_| panic!("somebody's mistake"))
    });
    result.expect_err("the panic goes on");
    assert!(begun.elapsed() < plan.duration / 2);
}

#[test]
fn the_watcher_sees_rate_and_time_left() {
    let server = Server::keeping(HELLO);
    let plan =
        Plan { pace: constant(100.0), ..timed(plan(server.address, Reuse::KeepAlive), 2500) };
    let seen = Mutex::new(Vec::new());
    let stop = AtomicBool::new(false);
    run(&plan, &stop, &|snapshot| seen.lock().expect("one watcher").push(*snapshot))
        .expect("a run");
    let seen = seen.into_inner().expect("one watcher");
    let last = seen.last().expect("some snapshots");
    assert!(last.left < plan.duration && last.connections == 4, "{last:?}");
    assert!(seen.iter().any(|one| (61..140).contains(&one.rate) && one.p99.is_some()), "{last:?}");
    assert!(seen.is_sorted_by_key(|one| one.started));
}
