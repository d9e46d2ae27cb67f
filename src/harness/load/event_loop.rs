//! One thread's share of the clients, driven by one epoll instance.

use super::{
    Pace, Plan, Reuse, Slow, SlowAt,
    account::End,
    alarm::{ALARM, Alarm},
    client::{Client, Io},
    deadlines::StartOrder,
    ledger::Ledger,
    outcome::Outcome,
    schedule::{Due, Queue, Schedule},
    shared::{Gauge, Shared, Times},
};
use anyhow::{Context, Result};
use fastrand::Rng;
use mio::{Events, Poll};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    io::ErrorKind,
    mem,
    time::{Duration, Instant},
};

/// How long a client rests that could not get a connection. A refused connect(2) takes some
/// microseconds: without a rest, a dead server would get, and the account would show, hundreds of
/// thousands of attempts a second.
pub(super) const REST: Duration = Duration::from_millis(10);

/// How often the stop flag is looked at when nothing else happens.
pub(super) const LOOK_UP: Duration = Duration::from_millis(20);

/// How many events are taken at once. Few, because the last of them waits for all the others.
pub(super) const EVENTS: usize = 128;

/// How many rested clients start in a row while events wait.
const STARTS_IN_A_ROW: usize = 64;

/// How often slow clients send or read a piece, at the most.
const SLOW_TICK: Duration = Duration::from_millis(10);

/// How long the connections of an open loop may take before its schedule begins.
const OPENING: Duration = Duration::from_secs(1);

/// An event loop and its clients.
#[derive(Debug)]
pub(super) struct EventLoop<'a> {
    io: Io<'a>,
    times: Times,
    clients: Vec<Client>,
    /// The requests that are under way.
    under_way: StartOrder,
    /// The clients of a closed loop that are to ask again.
    asking: VecDeque<usize>,
    /// The clients that start their next request at a time to come, the soonest first.
    resting: VecDeque<(Instant, usize)>,
    /// The clients that send or read their next piece at a time to come.
    ticking: BinaryHeap<Reverse<(Instant, usize)>>,
    is_ticking: Vec<bool>,
    /// An open loop's share of the schedule, with the requests that are due, and the clients that
    /// can take one, each once.
    queue: Queue,
    free: VecDeque<usize>,
    is_free: Vec<bool>,
    alarm: Option<Alarm>,
    random: Rng,
    /// Something was done since the last look.
    has_worked: bool,
    ledger: Ledger<'a>,
}

impl<'a> EventLoop<'a> {
    /// Makes the loop `index` of `loops`, and waits with it until all have been made and an open
    /// loop has its connections: only then the clock starts.
    pub(super) fn new(
        shared: &'a Shared<'a>,
        gauge: &'a Gauge,
        (index, loops): (usize, usize),
    ) -> Result<EventLoop<'a>> {
        let plan = shared.plan;
        let count = Plan::share(plan.connections, index, loops);
        let first = (0..index).map(|index| Plan::share(plan.connections, index, loops)).sum();
        let is_open_loop = plan.pace != Pace::Closed;
        // Before the first client, for the clients may use up the descriptors.
        let poll = Poll::new().context("epoll_create")?;
        let alarm = is_open_loop.then(|| Alarm::new(&poll)).transpose()?;
        let mut io = Io::new(shared, poll, first);
        io.is_direct = plan.spin && plan.slow.is_none() && count == 1;
        let mut clients: Vec<_> = (0..count).map(Client::new).collect();
        shared.meet(1);
        if is_open_loop && plan.reuse == Reuse::KeepAlive {
            open_all(&mut clients, &mut io)?;
        }
        let times = shared.meet(2);
        let mut random = Rng::with_seed(plan.seed.wrapping_add(index as u64));
        let Times { begins, opens, closes } = times;
        let schedule =
            Schedule::new(&plan.pace, (begins, opens, closes), (index, loops), random.fork());
        let closed = if is_open_loop { 0 } else { count };
        Ok(EventLoop {
            io,
            times,
            clients,
            under_way: StartOrder::new(count * plan.pipeline),
            asking: VecDeque::with_capacity(count),
            resting: (0..closed).map(|client| (begins, client)).collect(),
            ticking: BinaryHeap::new(),
            is_ticking: vec![false; count],
            queue: Queue::of(schedule),
            free: (closed..count).collect(),
            is_free: vec![is_open_loop; count],
            alarm,
            random,
            has_worked: false,
            ledger: Ledger::new(shared, times, gauge)?,
        })
    }

    /// Runs until the window is over, or until the requests have run out and all have ended.
    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS);
        let mut now = Instant::now();
        while !self.io.shared.is_over(now, self.times) {
            if self.ledger.tick(now)? && self.io.shared.plan.reuse == Reuse::KeepAlive {
                let held = self.clients.iter().filter(|client| client.is_older(self.times.opens));
                self.ledger.outcome.connections_held = held.count() as u64;
            }
            self.start_rested(now);
            self.admit(now);
            self.expire(now);
            self.tick_slow(now);
            self.ask();
            if self.is_idle() {
                // Before it waits: the time of a wait for nothing would count as the run's.
                break;
            }
            if self.io.is_direct {
                self.poke();
            } else {
                self.wait(&mut events, now)?;
                self.handle(&events);
            }
            let after = Instant::now();
            if !mem::take(&mut self.has_worked) {
                self.note_spun(now, after);
            }
            now = after;
            self.ledger.show(self.clients.len());
        }
        self.finish(now)
    }

    fn is_idle(&self) -> bool {
        self.under_way.first().is_none()
            && self.asking.is_empty()
            && self.resting.is_empty()
            && self.queue.has_ended()
    }

    fn handle(&mut self, events: &Events) {
        let limits = self.limits_of_event();
        for event in events {
            self.has_worked = true;
            if event.token() == ALARM {
                let now = Instant::now();
                self.alarm.iter_mut().for_each(|alarm| alarm.rang(now));
            } else {
                let index = event.token().0;
                self.clients[index].ready(event, limits, &mut self.io);
                self.settle(index);
            }
            if self.alarm.is_some() {
                // The last events must not keep waiting those who are due.
                self.admit(Instant::now());
            }
        }
    }

    /// How many bytes a client may send and read on an event; the slow ones wait for their tick.
    fn limits_of_event(&self) -> (usize, usize) {
        match self.io.shared.plan.slow {
            None => (usize::MAX, usize::MAX),
            Some(Slow { at: SlowAt::Sending, .. }) => (0, usize::MAX),
            Some(Slow { at: SlowAt::Reading, .. }) => (usize::MAX, 0),
        }
    }

    fn poke(&mut self) {
        self.clients[0].poke((usize::MAX, usize::MAX), &mut self.io);
        self.settle(0);
    }

    fn start_rested(&mut self, now: Instant) {
        for _ in 0..STARTS_IN_A_ROW {
            match self.resting.front() {
                Some(&(wakes, index)) if wakes <= now => {
                    self.resting.pop_front();
                    self.asking.push_back(index);
                }
                _ => return,
            }
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(slot) = self.under_way.first() {
            let index = slot / self.io.shared.plan.pipeline;
            if self.clients[index].expires(self.io.shared.plan.timeout).is_none_or(|at| now < at) {
                return;
            }
            self.clients[index].expire(&mut self.io);
            self.settle(index);
        }
    }

    /// Gives those who are due a client each, as long as there are free ones.
    fn admit(&mut self, now: Instant) {
        self.ledger.admit(&mut self.queue, self.io.shared, now);
        while let Some(index) = self.free.front().copied().filter(|_| !self.queue.is_empty()) {
            let Some(due) = self.queue.take() else { return };
            self.free.pop_front();
            self.is_free[index] = false;
            let now = Instant::now();
            self.take_up(index, due, now);
            self.push(index, now);
            self.settle(index);
        }
    }

    fn take_up(&mut self, index: usize, due: Due, now: Instant) {
        let plan = self.io.shared.plan;
        let message = self.io.shared.messages.pick(&mut self.random);
        let slot = self.clients[index].take_up(due, message, now, plan.pipeline);
        self.under_way.push(slot);
        self.ledger.take_up(due);
        self.has_worked = true;
    }

    fn push(&mut self, index: usize, now: Instant) {
        let most = match self.io.shared.plan.slow {
            None => usize::MAX,
            Some(slow) => {
                let (pause, piece) = tick_of(slow);
                let is_first = !mem::replace(&mut self.is_ticking[index], true);
                if is_first {
                    self.ticking.push(Reverse((now + pause, index)));
                }
                match slow.at {
                    SlowAt::Reading => usize::MAX,
                    // Its last piece, of the request before, has just been sent.
                    SlowAt::Sending if !is_first => 0,
                    SlowAt::Sending => piece,
                }
            }
        };
        self.clients[index].push(now, most, &mut self.io);
    }

    /// Lets slow clients send or read their next piece.
    fn tick_slow(&mut self, now: Instant) {
        let Some(slow) = self.io.shared.plan.slow else { return };
        let (pause, piece) = tick_of(slow);
        let limits = match slow.at {
            SlowAt::Sending => (piece, 0),
            SlowAt::Reading => (usize::MAX, piece),
        };
        while let Some(&Reverse((at, index))) = self.ticking.peek().filter(|tick| tick.0.0 <= now) {
            self.ticking.pop();
            self.clients[index].poke(limits, &mut self.io);
            self.is_ticking[index] = !self.clients[index].is_empty();
            if self.is_ticking[index] {
                // From the moment when this one was due, so that the rate is kept.
                self.ticking.push(Reverse(((at + pause).max(now), index)));
            }
            self.settle(index);
        }
    }

    /// Draws the conclusions of whatever a client did: the closed loop is closed here.
    fn settle(&mut self, index: usize) {
        let mut ended = mem::take(&mut self.io.ended);
        let has_ended = !ended.is_empty();
        self.has_worked |= has_ended;
        for one in ended.drain(..) {
            self.under_way.remove(one.exchange.slot);
            self.ledger.end(&one);
        }
        self.io.ended = ended;
        if let Some((began, took)) = self.clients[index].take_connected() {
            self.ledger.connect(began, took);
        }
        let is_unreachable = mem::take(&mut self.clients[index].is_unreachable);
        if self.alarm.is_some() {
            self.set_free(index);
        } else if is_unreachable {
            self.resting.push_back((Instant::now() + REST, index));
        } else if has_ended {
            self.asking.push_back(index);
        }
    }

    /// Lets the clients of a closed loop ask again, once all answers that were there have been
    /// read: who asks in between has the other answers wait, and times that wait.
    fn ask(&mut self) {
        for _ in 0..self.asking.len() {
            let Some(index) = self.asking.pop_front() else { return };
            self.refill(index);
        }
    }

    fn set_free(&mut self, index: usize) {
        let has_room = self.clients[index].under_way() < self.io.shared.plan.pipeline;
        if has_room && !self.is_free[index] {
            self.is_free[index] = true;
            self.free.push_back(index);
        }
    }

    /// Starts as many requests as the client may have under way, and as there are to start.
    fn refill(&mut self, index: usize) {
        let depth = self.io.shared.plan.pipeline;
        if self.clients[index].under_way() == depth {
            return;
        }
        let now = Instant::now();
        let due = Due { at: now, counted: now >= self.times.opens, step: 0 };
        let mut is_new = false;
        while self.clients[index].under_way() < depth {
            if now >= self.times.closes || !self.io.shared.claim() {
                if self.clients[index].is_empty() {
                    // Nobody would read what comes on it from now on.
                    self.clients[index].close();
                }
                break;
            }
            self.ledger.start(due, now);
            self.take_up(index, due, now);
            is_new = true;
        }
        if is_new {
            self.push(index, now);
            self.settle(index);
        }
    }

    /// Waits for events, but not beyond the next thing to do.
    fn wait(&mut self, events: &mut Events, now: Instant) -> Result<()> {
        let mut until = self.times.closes.min(now + LOOK_UP);
        let others = [
            self.ledger.next_tick(),
            (!self.asking.is_empty()).then_some(now),
            self.resting.front().map(|&(wakes, _)| wakes),
            self.ticking.peek().map(|&Reverse((at, _))| at),
            self.under_way.first().and_then(|slot| {
                let plan = self.io.shared.plan;
                self.clients[slot / plan.pipeline].expires(plan.timeout)
            }),
        ];
        for other in others.into_iter().flatten() {
            until = until.min(other);
        }
        wait(&mut self.io, events, (now, until), self.queue.next_at().zip(self.alarm.as_mut()))
    }

    /// A round that neither slept nor found anything to do was spent waiting.
    fn note_spun(&mut self, before: Instant, after: Instant) {
        let is_soon = self.alarm.is_some() && after.duration_since(before) < LOOK_UP / 20;
        if self.io.shared.plan.spin || is_soon {
            self.ledger.spun(before, after);
        }
    }

    /// Enters what is still under way, and closes all connections.
    fn finish(mut self, now: Instant) -> Result<Outcome> {
        for client in &mut self.clients {
            client.end_all(End::InFlight, &mut self.io);
            client.take_connected().into_iter().for_each(|(began, took)| {
                self.ledger.connect(began, took);
            });
        }
        self.ledger.leave_all(&self.io.ended, &mut self.queue, self.io.shared, now);
        self.ledger.finish(now)
    }
}

/// Waits for events until `until`, but not beyond what is due before and has an alarm.
pub(super) fn wait(
    io: &mut Io<'_>,
    events: &mut Events,
    (now, until): (Instant, Instant),
    due: Option<(Instant, &mut Alarm)>,
) -> Result<()> {
    let mut sleeps = !io.shared.plan.spin;
    if let Some((due, alarm)) = due {
        sleeps = sleeps && alarm.set(due, now)?;
    }
    let sleep = if sleeps { until.saturating_duration_since(now) } else { Duration::ZERO };
    poll(&mut io.poll, events, sleep)
}

/// Waits for events; a signal handler that ran is as if nothing had happened
/// (`epoll_wait(2)`, EINTR).
pub(super) fn poll(poll: &mut Poll, events: &mut Events, sleep: Duration) -> Result<()> {
    match poll.poll(events, Some(sleep)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result.context("epoll_wait"),
    }
}

/// Opens all connections ahead of the requests, so that these need not wait for them: an open
/// loop's users are there already. One that fails now is tried again when a request needs it.
fn open_all(clients: &mut [Client], io: &mut Io<'_>) -> Result<()> {
    let mut events = Events::with_capacity(EVENTS);
    let deadline = Instant::now() + OPENING;
    for client in &mut *clients {
        client.open(io);
    }
    while clients.iter().any(Client::is_connecting) && Instant::now() < deadline {
        poll(&mut io.poll, &mut events, LOOK_UP)?;
        for event in &events {
            if let Some(client) = clients.get_mut(event.token().0) {
                client.ready(event, (0, 0), io);
            }
        }
        if io.is_direct {
            clients[0].poke((0, 0), io);
        }
    }
    for client in clients {
        client.is_unreachable = false;
    }
    Ok(())
}

/// How often a slow client gets to send or read, and how many bytes then.
fn tick_of(slow: Slow) -> (Duration, usize) {
    let rate = slow.bytes_per_second.max(1);
    let bytes = (rate / 100).max(1);
    let pause = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
    (pause.max(SLOW_TICK), usize::try_from(bytes).unwrap_or(usize::MAX))
}
