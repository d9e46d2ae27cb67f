//! One thread's share of the clients, driven by one epoll instance.

use super::{
    account::End,
    client::{Client, Request, Step},
    deadlines::StartOrder,
    outcome::Outcome,
    series::Series,
    shared::{Gauge, Shared},
};
use anyhow::{Context, Result};
use mio::{Events, Poll};
use nix::time::{ClockId, clock_gettime};
use std::{
    collections::VecDeque,
    io::ErrorKind,
    time::{Duration, Instant},
};

/// How long a client rests that could not get a connection. A refused connect(2) takes some
/// microseconds: without a rest, a dead server would get, and the account would show, hundreds of
/// thousands of attempts a second.
pub(super) const REST: Duration = Duration::from_millis(10);

/// How often the stop flag is looked at when nothing else happens.
const LOOK_UP: Duration = Duration::from_millis(20);

/// How many events are taken at once. Few, because the last of them waits for all the others.
const EVENTS: usize = 128;

/// How many rested clients start in a row while events wait.
const STARTS_IN_A_ROW: usize = 64;

/// Large enough that a read seldom fills it, small enough to stay in the cache.
const BUFFER: usize = 64 * 1024;

/// An event loop and its clients.
#[derive(Debug)]
pub(super) struct EventLoop<'a> {
    shared: &'a Shared<'a>,
    gauge: &'a Gauge,
    poll: Poll,
    buffer: Box<[u8]>,
    clients: Vec<Client>,
    /// The clients that have a request under way.
    under_way: StartOrder,
    /// The clients that start their next request at a time to come, the soonest first.
    resting: VecDeque<(Instant, usize)>,
    outcome: Outcome,
    series: Series,
    /// This thread's CPU time when the window opened.
    cpu_at_opening: Option<Duration>,
}

impl<'a> EventLoop<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        gauge: &'a Gauge,
        poll: Poll,
        clients: usize,
    ) -> Result<EventLoop<'a>> {
        Ok(EventLoop {
            shared,
            gauge,
            poll,
            buffer: vec![0; BUFFER].into(),
            clients: (0..clients).map(|index| Client::new(index, shared.begins)).collect(),
            under_way: StartOrder::new(clients),
            resting: (0..clients).map(|index| (shared.begins, index)).collect(),
            outcome: Outcome::new().context("histogram")?,
            series: Series::new(shared.opens, shared.closes).context("histogram")?,
            cpu_at_opening: None,
        })
    }

    /// Runs until the window is over, or until the requests have run out and all have ended.
    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS);
        let mut now = Instant::now();
        while !self.shared.is_over(now) && !self.is_idle() {
            self.note_opening(now)?;
            self.start_rested(now);
            self.expire(now);
            self.wait(&mut events, now)?;
            for event in &events {
                let index = event.token().0;
                let (shared, registry) = (self.shared, self.poll.registry());
                let step = self.clients[index].ready(event, shared, registry, &mut self.buffer);
                self.proceed(index, step);
            }
            now = Instant::now();
            self.show(now);
        }
        self.finish(now)
    }

    fn is_idle(&self) -> bool {
        self.under_way.first().is_none() && self.resting.is_empty()
    }

    fn note_opening(&mut self, now: Instant) -> Result<()> {
        if self.cpu_at_opening.is_none() && now >= self.shared.opens {
            self.cpu_at_opening = Some(thread_cpu()?);
        }
        Ok(())
    }

    fn start_rested(&mut self, now: Instant) {
        for _ in 0..STARTS_IN_A_ROW {
            match self.resting.front() {
                Some(&(wakes, index)) if wakes <= now => {
                    self.resting.pop_front();
                    let step = self.start(index);
                    self.proceed(index, step);
                }
                _ => return,
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(index) = self.under_way.first() {
            if now < self.clients[index].request.started + self.shared.plan.timeout {
                return;
            }
            let step = self.clients[index].expire();
            self.proceed(index, step);
        }
    }

    /// Waits for events, but not beyond the next thing to do.
    fn wait(&mut self, events: &mut Events, now: Instant) -> Result<()> {
        let mut until = self.shared.closes.min(now + LOOK_UP);
        if self.cpu_at_opening.is_none() {
            until = until.min(self.shared.opens);
        }
        if let Some(&(wakes, _)) = self.resting.front() {
            until = until.min(wakes);
        }
        if let Some(first) = self.under_way.first() {
            until = until.min(self.clients[first].request.started + self.shared.plan.timeout);
        }
        match self.poll.poll(events, Some(until.saturating_duration_since(now))) {
            // A signal handler ran: as if nothing had happened (epoll_wait(2), EINTR).
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result.context("epoll_wait"),
        }
    }

    /// Starts the client's next request, if there is one to start.
    fn start(&mut self, index: usize) -> Step {
        let now = Instant::now();
        let client = &mut self.clients[index];
        if now >= self.shared.closes || !self.shared.claim() {
            // Nobody would read what comes on it from now on.
            client.close();
            return Step::Pending;
        }
        let counted = now >= self.shared.opens;
        if counted {
            self.outcome.started += 1;
            self.series.start(now);
        }
        self.under_way.push(index);
        client.start(Request::new(now, counted), self.shared, self.poll.registry())
    }

    /// Draws the conclusions of a step: the closed loop is closed here.
    fn proceed(&mut self, index: usize, mut step: Step) {
        while let Step::Ended(end) = step {
            self.note_end(index, end);
            step = self.start(index);
        }
        if let Step::Unreachable(end) = step {
            self.note_end(index, end);
            self.resting.push_back((Instant::now() + REST, index));
        }
    }

    fn note_end(&mut self, index: usize, end: End) {
        self.under_way.remove(index);
        self.outcome.record(&self.clients[index].request, end, &mut self.series);
    }

    fn show(&mut self, now: Instant) {
        if self.series.turn(now) {
            self.series.complete().into_iter().for_each(|second| self.gauge.show_second(second));
        }
        self.gauge.show(&self.outcome, 0);
    }

    /// Enters what is still under way, and closes all connections.
    fn finish(mut self, now: Instant) -> Result<Outcome> {
        while let Some(index) = self.under_way.first() {
            self.note_end(index, End::InFlight);
        }
        self.outcome.threads = 1;
        self.outcome.elapsed = now.saturating_duration_since(self.shared.opens);
        if let Some(before) = self.cpu_at_opening {
            self.outcome.own_cpu = thread_cpu()?.saturating_sub(before);
        }
        self.outcome.seconds = self.series.finish(now);
        Ok(self.outcome)
    }
}

/// CPU time of the calling thread, to the nanosecond (`clock_gettime(2)`).
fn thread_cpu() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("clock_gettime")?;
    Ok(time.into())
}
