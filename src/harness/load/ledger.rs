//! Where one event loop enters what happens.

use super::{
    account::End,
    exchange::{Ended, Exchange},
    outcome::{LONGEST, Outcome, Step, new_histogram},
    schedule::{Due, Queue},
    series::Series,
    shared::{Gauge, Shared, Times},
};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use nix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The outcome of one event loop while it is being made. Nothing here takes a lock or allocates
/// for each request, but for the first request that fails with a certain errno.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    times: Times,
    gauge: &'a Gauge,
    pub(super) outcome: Outcome,
    series: Series,
    /// Response times of the answers whose service time and first byte are entered on their own.
    apart: Histogram<u64>,
    /// How many of its seconds have been shown.
    shown: usize,
    is_open_loop: bool,
    /// This thread's CPU time when the window opened.
    cpu_at_opening: Option<Duration>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(shared: &Shared<'_>, times: Times, gauge: &'a Gauge) -> Result<Ledger<'a>> {
        let plan = shared.plan;
        let mut outcome = Outcome::new().context("histogram")?;
        outcome.steps = steps(plan.pace.rates(), plan.duration).context("histogram")?;
        let series = Series::new(times.opens, times.closes).context("histogram")?;
        let is_open_loop = !outcome.steps.is_empty() || plan.idle.is_some();
        let apart = new_histogram().context("histogram")?;
        let (shown, cpu_at_opening) = (0, None);
        Ok(Ledger { times, gauge, outcome, series, apart, shown, is_open_loop, cpu_at_opening })
    }

    /// Looks at the clock of the window, and says whether it opened just now.
    pub(super) fn tick(&mut self, now: Instant) -> Result<bool> {
        let opens = self.cpu_at_opening.is_none() && now >= self.times.opens;
        if opens {
            self.cpu_at_opening = Some(thread_cpu()?);
        }
        self.series.turn(now);
        let complete = self.series.complete();
        // It may have turned before, when a request was entered.
        if let Some(last) = complete.last().filter(|_| complete.len() > self.shown) {
            self.gauge.show_second(last);
            self.shown = complete.len();
        }
        Ok(opens)
    }

    /// When it wants to look at the clock next, if that is not at the end.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.cpu_at_opening.is_none().then_some(self.times.opens)
    }

    pub(super) fn show(&self, connections: usize) {
        self.gauge.show(&self.outcome, connections as u64);
    }

    /// Enters all who are due by `now`, until the requests run out.
    pub(super) fn admit(&mut self, queue: &mut Queue, shared: &Shared<'_>, now: Instant) {
        while let Some(due) = queue.admit(now) {
            if !shared.claim() {
                queue.end();
                break;
            }
            self.start(due, now);
        }
    }

    /// Enters a request that starts, seen at `now`.
    pub(super) fn start(&mut self, due: Due, now: Instant) {
        if !due.counted {
            return;
        }
        self.outcome.started += 1;
        self.series.start(due.at);
        if self.is_open_loop {
            self.outcome.lag.saturating_record(nanoseconds(due.at, now));
        }
        if let Some(step) = self.outcome.steps.get_mut(due.step) {
            step.started += 1;
        }
    }

    /// Enters a request that got hold of a client.
    pub(super) fn take_up(&mut self, due: Due) {
        if !due.counted {
            return;
        }
        self.outcome.taken_up += 1;
        if let Some(step) = self.outcome.steps.get_mut(due.step) {
            step.taken_up += 1;
        }
    }

    /// Enters how long a connection took that was begun at `began`.
    pub(super) fn connect(&mut self, began: Instant, took: Duration) {
        if began >= self.times.opens {
            self.outcome.connections_opened += 1;
            self.outcome.connect.saturating_record(nanoseconds(began, began + took));
        }
    }

    /// Enters a request that ended.
    pub(super) fn end(&mut self, Ended { exchange, end }: &Ended) {
        if !exchange.due.counted {
            return;
        }
        self.outcome.account.count(*end);
        self.outcome.bytes_in += exchange.bytes_in;
        self.outcome.bytes_out += (exchange.length - exchange.unsent) as u64;
        match end {
            End::InFlight => {}
            End::Answered { surplus, .. } => {
                self.outcome.surplus += u64::from(*surplus);
                self.answer(exchange);
            }
            End::RawAnswered => self.answer(exchange),
            End::Failed(..) => {
                self.series.fail(Instant::now());
                if let Some(step) = self.outcome.steps.get_mut(exchange.due.step) {
                    step.failed += 1;
                }
            }
        }
    }

    fn answer(&mut self, exchange: &Exchange) {
        let Exchange { due, sent, first_byte, last_byte, .. } = *exchange;
        let response = nanoseconds(due.at, last_byte);
        self.series.answer(last_byte, response);
        // Most answers of a closed loop were asked for at once and came in one piece: then one time
        // is all three, and is entered once.
        if (due.at, first_byte) != (sent, last_byte) {
            self.outcome.service.saturating_record(nanoseconds(sent, last_byte));
            self.outcome.first_byte.saturating_record(nanoseconds(sent, first_byte));
            self.apart.saturating_record(response);
        }
        if let Some(step) = self.outcome.steps.get_mut(due.step) {
            step.answered += 1;
            step.response.saturating_record(response);
        }
    }

    /// Enters those who have no answer at the end of the run: who are under way, and who were due but
    /// never got hold of a client.
    pub(super) fn leave_all(
        &mut self,
        under_way: &[Ended],
        queue: &mut Queue,
        shared: &Shared<'_>,
        now: Instant,
    ) {
        let end = now.min(self.times.closes);
        for one in under_way {
            self.end(one);
            self.enter_age(one.exchange.due, end);
        }
        self.admit(queue, shared, end);
        while let Some(due) = queue.take() {
            if due.counted {
                self.outcome.account.count(End::InFlight);
            }
            self.enter_age(due, end);
        }
    }

    /// Enters how long a request has waited in vain.
    fn enter_age(&mut self, due: Due, end: Instant) {
        if due.counted {
            self.outcome.unanswered.saturating_record(nanoseconds(due.at, end));
        }
    }

    /// Enters time that was spent polling for nothing.
    pub(super) fn spun(&mut self, from: Instant, to: Instant) {
        self.outcome.spun += to.saturating_duration_since(from.max(self.times.opens));
    }

    pub(super) fn finish(mut self, now: Instant) -> Result<Outcome> {
        self.outcome.threads = 1;
        let end = now.min(self.times.closes);
        self.outcome.elapsed = end.saturating_duration_since(self.times.opens);
        if let Some(before) = self.cpu_at_opening {
            self.outcome.own_cpu = thread_cpu()?.saturating_sub(before);
        }
        self.outcome.seconds = self.series.finish(end);
        for second in &self.outcome.seconds {
            second.add_to(&mut self.outcome.response);
        }
        let mut alike = self.outcome.response.clone();
        alike.subtract(&self.apart).context("histogram")?;
        self.outcome.service.add(&alike).context("histogram")?;
        self.outcome.first_byte.add(&alike).context("histogram")?;
        Ok(self.outcome)
    }
}

fn steps(
    rates: &[f64],
    window: Duration,
) -> Result<Vec<Step>, hdrhistogram::errors::CreationError> {
    let length = window / u32::try_from(rates.len().max(1)).unwrap_or(u32::MAX);
    let step = |&rate| {
        let response = new_histogram()?;
        Ok(Step { rate, length, started: 0, taken_up: 0, answered: 0, failed: 0, response })
    };
    rates.iter().map(step).collect()
}

fn nanoseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(LONGEST)
}

/// CPU time of the calling thread, to the nanosecond (`clock_gettime(2)`).
fn thread_cpu() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("clock_gettime")?;
    Ok(time.into())
}
