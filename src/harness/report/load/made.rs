//! Runs that never were, for the tests of their reports.

use super::{
    super::super::load::{Account, Outcome, Plan, Second, Step},
    LoadRun,
};
use hdrhistogram::Histogram;
use std::time::{Duration, SystemTime};

pub(super) const US: u64 = 1_000;
pub(super) const MS: u64 = 1_000_000;

/// A histogram of nanoseconds: each time as often as it says.
pub(super) fn times(times: &[(u64, u64)]) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
    for &(time, count) in times {
        histogram.record_n(time, count).expect("within the bounds");
    }
    histogram
}

pub(super) fn plan() -> Plan {
    Plan { connections: 10, ..Plan::new(([127, 0, 0, 1], 8888).into()) }
}

/// Four quiet seconds, 1,000 answers of 1 to 2 ms each.
pub(super) fn outcome() -> Outcome {
    let mut second = Second::default();
    (second.started, second.answered) = (1000, 1000);
    let answers = times(&[(MS, 3600), (2 * MS, 400)]);
    Outcome {
        started: 4000,
        taken_up: 4000,
        account: Account { answered: [0, 4000, 0, 0, 0], ..Account::default() },
        opened_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500_000_000_250),
        elapsed: Duration::from_secs(4),
        response: answers.clone(),
        unanswered: times(&[]),
        service: answers.clone(),
        first_byte: answers,
        connect: times(&[(50 * US, 10)]),
        lag: times(&[]),
        seconds: vec![second; 4],
        steps: Vec::new(),
        connections_held: 0,
        connections_opened: 10,
        bytes_in: 4 * 1024 * 100,
        bytes_out: 4 * 1024 * 50,
        surplus: 0,
        threads: 1,
        own_cpu: Duration::from_millis(400),
        spun: Duration::ZERO,
        spin: false,
        rate_asked: None,
        idle: None,
        limits: Vec::new(),
    }
}

/// A step of a second that asked for so many and got all, at this p99.
pub(super) fn step(rate: u32, p99: u64) -> Step {
    let started = u64::from(rate);
    Step {
        rate: rate.into(),
        length: Duration::from_secs(1),
        started,
        taken_up: started,
        answered: started,
        failed: 0,
        response: times(&[(p99, started)]),
    }
}

pub(super) fn run<'a>(plan: &'a Plan, outcome: &'a Outcome) -> LoadRun<'a> {
    LoadRun { url: "http://127.0.0.1:8888/", plan, outcome, interrupted: false, cores: 2 }
}
