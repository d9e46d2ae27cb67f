//! What came of a run: counts and times.

use super::{
    Plan,
    account::Account,
    limit::{self, Limit},
    series::Second,
    shared::Times,
};
use hdrhistogram::{
    Histogram,
    errors::{AdditionError, CreationError},
};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// The longest time a histogram tells apart, one hour in nanoseconds; longer ones count as this.
pub(super) const LONGEST: u64 = 3_600_000_000_000;

/// A histogram of nanoseconds to three significant figures.
pub(super) fn new_histogram() -> Result<Histogram<u64>, CreationError> {
    Histogram::new_with_bounds(1, LONGEST, 3)
}

/// What came of the requests that were started in the counted window.
///
/// # The start of a request
/// In a **closed loop** a request starts when its client is free to make it. In an **open loop**
/// it starts at its place in the schedule, whether or not a connection is free then; one that was
/// due and had not been sent when the window closed counts as in flight. A request belongs to the
/// window in which it started: one of the warm-up is never counted, even if it ends later.
///
/// # The times
/// All are in nanoseconds, recorded to three significant figures. The times of an answer are of
/// complete answers only, so that `response`, `service` and `first_byte` have
/// `account.answered_total()` values each.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests started, successful or not.
    pub started: u64,
    /// Those of them that got hold of a client before the window closed: in a closed loop all.
    pub taken_up: u64,
    /// The requests that were started by the way they ended.
    pub account: Account,
    /// When the window opened, for dates in logs.
    pub opened_at: SystemTime,
    /// How long the window was: from the end of the warm-up until the last event loop stopped,
    /// which is sooner than planned if the requests ran out or the run was stopped.
    pub elapsed: Duration,
    /// Response time: from the (intended) start to the last byte. It includes what the request
    /// waited for a free client and for its connection.
    pub response: Histogram<u64>,
    /// How long those in flight had waited when the run ended, from the same moment: their response
    /// times would have been at least these. It has `account.in_flight` values.
    pub unanswered: Histogram<u64>,
    /// Service time: from the send of the request to the last byte of its answer (to the end of
    /// the stream, if that is what ends the answer). This is the time to the last byte.
    pub service: Histogram<u64>,
    /// From the send of the request to the first byte that came back, be it of an interim answer.
    pub first_byte: Histogram<u64>,
    /// From connect(2) until the connection was known to be established, for each of
    /// `connections_opened`.
    pub connect: Histogram<u64>,
    /// Scheduling lag of an open loop: how much later than its place in the schedule the
    /// generator turned to a request. That no connection was free is not its lag. Empty in a
    /// closed loop.
    pub lag: Histogram<u64>,
    /// The window second by second.
    pub seconds: Vec<Second>,
    /// The steps of an open loop; a steady rate has one, a closed loop none.
    pub steps: Vec<Step>,
    /// Kept connections that were there when the window opened: those of a warm-up, and those that
    /// an open loop opens before its clock starts.
    pub connections_held: u64,
    /// Connections that were established in the window, or to be held, before it.
    pub connections_opened: u64,
    /// Bytes received for these requests, heads and framing included.
    pub bytes_in: u64,
    /// Bytes of these requests that were sent.
    pub bytes_out: u64,
    /// Answers that were followed by bytes beyond their own length. They count as answered, and
    /// their connection was closed (RFC 9112 section 6.3).
    pub surplus: u64,
    /// Event loops that ran.
    pub threads: usize,
    /// CPU time that the event loops spent in the window.
    pub own_cpu: Duration,
    /// How much of `own_cpu` went into polls that found nothing to do: the price of `spin`, and
    /// of an open loop's last microseconds before a request is due.
    pub spun: Duration,
    /// Whether the plan asked to spin.
    pub spin: bool,
    /// Requests a second that an open loop was asked for, on average over its steps.
    pub rate_asked: Option<f64>,
    /// What held connections did, if the plan had them.
    pub idle: Option<Held>,
    /// What the machine refused, and what would mend it.
    pub limits: Vec<Limit>,
}

/// One step of an open loop: the requests that were due in it, however late they ended.
#[derive(Clone, Debug)]
pub struct Step {
    /// Requests a second that were asked for.
    pub rate: f64,
    /// How long the step was planned to be.
    pub length: Duration,
    /// Requests that were due in it.
    pub started: u64,
    /// Those that got hold of a client.
    pub taken_up: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that failed; the rest was in flight when the run ended.
    pub failed: u64,
    /// Response times of its answers, in nanoseconds.
    pub response: Histogram<u64>,
}

/// What came of connections that were held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Connections asked for.
    pub wanted: u64,
    /// Connections established.
    pub opened: u64,
    /// Connections that could not be established, by errno(3).
    pub failed: BTreeMap<i32, u64>,
    /// Established connections that the server ended.
    pub lost: u64,
    /// From the first connect(2) until every connection was established or had failed.
    pub set_up: Duration,
    /// How much the resident memory of this process grew meanwhile, in bytes; none of the
    /// kernel's.
    pub own_memory: Option<u64>,
}

impl Outcome {
    /// Of no request and no thread yet.
    pub(in super::super) fn new() -> Result<Outcome, CreationError> {
        let histogram = new_histogram()?;
        Ok(Outcome {
            started: 0,
            taken_up: 0,
            account: Account::default(),
            opened_at: SystemTime::UNIX_EPOCH,
            elapsed: Duration::ZERO,
            response: histogram.clone(),
            unanswered: histogram.clone(),
            service: histogram.clone(),
            first_byte: histogram.clone(),
            connect: histogram.clone(),
            lag: histogram,
            seconds: Vec::new(),
            steps: Vec::new(),
            connections_held: 0,
            connections_opened: 0,
            bytes_in: 0,
            bytes_out: 0,
            surplus: 0,
            threads: 0,
            own_cpu: Duration::ZERO,
            spun: Duration::ZERO,
            spin: false,
            rate_asked: None,
            idle: None,
            limits: Vec::new(),
        })
    }

    /// Adds what is known of the plan.
    pub(super) fn describe(&mut self, plan: &Plan, times: Times) {
        self.opened_at = SystemTime::now() - times.opens.elapsed();
        self.spin = plan.spin;
        self.limits = limit::of(plan, self);
        let rates = plan.pace.rates();
        #[expect(clippy::cast_precision_loss, reason = "few rates")]
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        self.rate_asked = plan.idle.map(|idle| idle.rate).or((!rates.is_empty()).then_some(mean));
    }

    /// The time to the last byte, from the send of the request: the service time by its other name.
    pub fn last_byte(&self) -> &Histogram<u64> {
        &self.service
    }

    /// Requests that were due but found no client free, and so no connection, before the window
    /// closed. They are in flight.
    pub fn not_taken_up(&self) -> u64 {
        self.started.saturating_sub(self.taken_up)
    }

    /// Requests a second that clients took up, on average over the window. In an open loop this is
    /// the rate that was kept; below `rate_asked` it says that too few connections were free, or
    /// that the generator fell behind, which `lag` tells apart.
    pub fn rate_kept(&self) -> f64 {
        per_second(self.taken_up, self.elapsed)
    }

    /// Complete answers a second, on average over the window.
    pub fn answer_rate(&self) -> f64 {
        per_second(self.account.answered_total(), self.elapsed)
    }

    /// The part of their time that the event loops were busy, 0 to 1; `spun` does not count. Near
    /// 1 the generator was the bottleneck, and its times say little of the server.
    pub fn own_cpu_share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "few threads")]
        let available = self.elapsed.as_secs_f64() * self.threads.max(1) as f64;
        let busy = self.own_cpu.saturating_sub(self.spun).as_secs_f64();
        if available > 0.0 { busy / available } else { 0.0 }
    }

    /// Adds what another event loop of the same run saw.
    pub(super) fn merge(&mut self, other: Outcome) -> Result<(), AdditionError> {
        self.started += other.started;
        self.taken_up += other.taken_up;
        self.account.add(&other.account);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.response.add(other.response)?;
        self.unanswered.add(other.unanswered)?;
        self.service.add(other.service)?;
        self.first_byte.add(other.first_byte)?;
        self.connect.add(other.connect)?;
        self.lag.add(other.lag)?;
        super::series::merge(&mut self.seconds, other.seconds);
        merge_steps(&mut self.steps, other.steps)?;
        self.connections_held += other.connections_held;
        self.connections_opened += other.connections_opened;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.surplus += other.surplus;
        self.threads += other.threads;
        self.own_cpu += other.own_cpu;
        self.spun += other.spun;
        if let Some(held) = other.idle {
            self.idle.get_or_insert_default().merge(held);
        }
        Ok(())
    }
}

fn merge_steps(steps: &mut Vec<Step>, others: Vec<Step>) -> Result<(), AdditionError> {
    if steps.is_empty() {
        *steps = others;
        return Ok(());
    }
    for (step, other) in steps.iter_mut().zip(others) {
        step.started += other.started;
        step.taken_up += other.taken_up;
        step.answered += other.answered;
        step.failed += other.failed;
        step.response.add(other.response)?;
    }
    Ok(())
}

impl Held {
    fn merge(&mut self, other: Held) {
        self.wanted += other.wanted;
        self.opened += other.opened;
        for (errno, count) in other.failed {
            *self.failed.entry(errno).or_default() += count;
        }
        self.lost += other.lost;
        self.set_up = self.set_up.max(other.set_up);
        self.own_memory = self.own_memory.or(other.own_memory);
    }
}

impl Step {
    /// Requests a second that clients took up in it.
    pub fn rate_kept(&self) -> f64 {
        per_second(self.taken_up, self.length)
    }

    /// Complete answers a second to the requests that were due in it.
    pub fn answer_rate(&self) -> f64 {
        per_second(self.answered, self.length)
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let count = count as f64;
    if time.is_zero() { 0.0 } else { count / time.as_secs_f64() }
}
