//! Connections that are held open, and one of them asked now and then.

use super::{
    Arrivals, Pace, Plan,
    account::End,
    alarm::{ALARM, Alarm},
    client::{Client, Io},
    connection::Connection,
    event_loop::{EVENTS, LOOK_UP, poll, wait},
    ledger::Ledger,
    outcome::{Held, Outcome, new_histogram},
    schedule::{Due, Queue, Schedule},
    shared::{Gauge, Shared, Times},
};
use anyhow::{Context, Result};
use fastrand::Rng;
use hdrhistogram::Histogram;
use mio::{Events, Poll, Token, event::Event, net::TcpStream};
use nix::errno::Errno;
use procfs::process::Process;
use std::{
    collections::{HashMap, VecDeque},
    io, mem,
    sync::PoisonError,
    time::{Duration, Instant},
};

/// How many connections are begun between two looks at the others.
const BATCH: usize = 64;

/// How many connections may be on their way at once.
const ON_THEIR_WAY: usize = 4096;

/// How long to wait for a server whose accept queue is full.
const BREATH: Duration = Duration::from_millis(2);

/// One thread's share of the held connections. One that is silent takes up four bytes here, its
/// descriptor; only while it is asked, it is a client.
#[derive(Debug)]
pub(super) struct IdleLoop<'a> {
    io: Io<'a>,
    times: Times,
    held: Vec<Option<TcpStream>>,
    /// The connections that are asked.
    asked: HashMap<usize, Client>,
    /// When a request would time out, and whose it is, if it is still under way then.
    deadlines: VecDeque<(Instant, usize)>,
    queue: Queue,
    alarm: Alarm,
    random: Rng,
    result: Held,
    ledger: Ledger<'a>,
}

impl<'a> IdleLoop<'a> {
    /// Makes the loop `index` of `loops` with all its connections, and waits for the other loops:
    /// then the clock starts.
    pub(super) fn new(
        shared: &'a Shared<'a>,
        gauge: &'a Gauge,
        (index, loops): (usize, usize),
    ) -> Result<IdleLoop<'a>> {
        let plan = shared.plan;
        let count = Plan::share(plan.connections, index, loops);
        let first = (0..index).map(|index| Plan::share(plan.connections, index, loops)).sum();
        let poll = Poll::new().context("epoll_create")?;
        let alarm = Alarm::new(&poll)?;
        shared.meet(1);
        let mut opening = Opening::new(Io::new(shared, poll, first), gauge, count)?;
        opening.run()?;
        let Opening { io, held, mut result, connects, .. } = opening;
        let times = shared.meet(2);
        if index == 0 {
            result.own_memory =
                resident().zip(shared.resident).map(|(now, before)| now.saturating_sub(before));
        }
        let mut ledger = Ledger::new(shared, times, gauge)?;
        ledger.outcome.connections_opened = connects.len();
        ledger.outcome.connect = connects;
        let mut random = Rng::with_seed(plan.seed.wrapping_add(index as u64));
        Ok(IdleLoop {
            queue: Queue::of(schedule(plan, times, (index, loops), random.fork())),
            io,
            times,
            held,
            asked: HashMap::new(),
            deadlines: VecDeque::new(),
            alarm,
            random,
            result,
            ledger,
        })
    }

    /// Holds the connections until the window is over.
    pub(super) fn run(mut self) -> Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS);
        let mut now = Instant::now();
        while !self.io.shared.is_over(now, self.times) {
            if self.ledger.tick(now)? {
                self.ledger.outcome.connections_held = self.open() as u64;
            }
            self.admit(now);
            self.expire(now);
            self.wait(&mut events, now)?;
            for event in &events {
                match event.token() {
                    ALARM => self.alarm.rang(Instant::now()),
                    Token(index) => self.ready(index, event),
                }
            }
            now = Instant::now();
            self.ledger.show(self.open());
        }
        self.finish(now)
    }

    fn open(&self) -> usize {
        let lost = usize::try_from(self.result.lost).unwrap_or(usize::MAX);
        usize::try_from(self.result.opened).unwrap_or(usize::MAX).saturating_sub(lost)
    }

    fn admit(&mut self, now: Instant) {
        self.ledger.admit(&mut self.queue, self.io.shared, now);
        while self.asked.len() < self.held.len() {
            let Some(due) = self.queue.take() else { return };
            self.ask(due);
        }
    }

    /// Asks a connection at random. If the server has ended it, the request opens a new one.
    fn ask(&mut self, due: Due) {
        let mut index = self.random.usize(..self.held.len());
        while self.asked.contains_key(&index) {
            index = (index + 1) % self.held.len();
        }
        let mut client = match self.held[index].take() {
            Some(stream) => Client::on(stream, index),
            None => Client::new(index),
        };
        let now = Instant::now();
        let message = self.io.shared.messages.pick(&mut self.random);
        client.take_up(due, message, now, 1);
        self.ledger.take_up(due);
        self.deadlines.push_back((now + self.io.shared.plan.timeout, index));
        client.push(now, usize::MAX, &mut self.io);
        self.settle(index, client);
    }

    fn ready(&mut self, index: usize, event: &Event) {
        if let Some(mut client) = self.asked.remove(&index) {
            client.ready(event, (usize::MAX, usize::MAX), &mut self.io);
            self.settle(index, client);
        } else if event.is_readable() && self.held[index].take().is_some() {
            // The end of the stream, or bytes that nobody asked for.
            self.result.lost += 1;
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, index)) = self.deadlines.front().filter(|(at, _)| *at <= now) {
            self.deadlines.pop_front();
            let timeout = self.io.shared.plan.timeout;
            let is_its = |client: &Client| client.expires(timeout) == Some(at);
            if self.asked.get(&index).is_some_and(is_its)
                && let Some(mut client) = self.asked.remove(&index)
            {
                client.expire(&mut self.io);
                self.settle(index, client);
            }
        }
    }

    /// Enters what a client did, and holds its connection again if it has no more to do.
    fn settle(&mut self, index: usize, mut client: Client) {
        let mut ended = mem::take(&mut self.io.ended);
        ended.drain(..).for_each(|one| self.ledger.end(&one));
        self.io.ended = ended;
        if let Some((began, took)) = client.take_connected() {
            self.result.opened += 1;
            self.ledger.connect(began, took);
        }
        if !client.is_empty() {
            self.asked.insert(index, client);
            return;
        }
        let is_lost = !client.is_unreachable;
        self.held[index] = client.into_stream();
        self.result.lost += u64::from(is_lost && self.held[index].is_none());
    }

    fn wait(&mut self, events: &mut Events, now: Instant) -> Result<()> {
        let mut until = self.times.closes.min(now + LOOK_UP);
        let others = [self.ledger.next_tick(), self.deadlines.front().map(|&(at, _)| at)];
        for other in others.into_iter().flatten() {
            until = until.min(other);
        }
        let due = self.queue.next_at().map(|due| (due, &mut self.alarm));
        wait(&mut self.io, events, (now, until), due)
    }

    fn finish(mut self, now: Instant) -> Result<Outcome> {
        for (_, mut client) in self.asked.drain() {
            client.end_all(End::InFlight, &mut self.io);
        }
        self.ledger.leave_all(&self.io.ended, &mut self.queue, self.io.shared, now);
        self.ledger.outcome.idle = Some(self.result);
        self.ledger.finish(now)
    }
}

fn schedule(plan: &Plan, times: Times, share: (usize, usize), random: Rng) -> Schedule {
    let rate = plan.idle.map_or(0.0, |idle| idle.rate);
    let pace = match rate {
        0.0 => Pace::Closed,
        rate => Pace::Open { rate, arrivals: Arrivals::Constant },
    };
    Schedule::new(&pace, (times.begins, times.opens, times.closes), share, random)
}

/// The resident memory of this process, in bytes (proc(5), `/proc/pid/statm`).
pub(super) fn resident() -> Option<u64> {
    let pages = Process::myself().ok()?.statm().ok()?.resident;
    Some(pages * procfs::page_size())
}

/// The time before the clock starts: opening as many connections as are wanted.
#[derive(Debug)]
struct Opening<'a> {
    io: Io<'a>,
    gauge: &'a Gauge,
    held: Vec<Option<TcpStream>>,
    /// Connections that are on their way.
    pending: HashMap<usize, Connection>,
    result: Held,
    connects: Histogram<u64>,
}

impl<'a> Opening<'a> {
    fn new(io: Io<'a>, gauge: &'a Gauge, count: usize) -> Result<Opening<'a>> {
        Ok(Opening {
            io,
            gauge,
            held: (0..count).map(|_| None).collect(),
            pending: HashMap::new(),
            result: Held { wanted: count as u64, ..Held::default() },
            connects: new_histogram().context("histogram")?,
        })
    }

    /// Opens the connections in batches. One loop at a time does so: many would keep the server
    /// from its processor, and its accept queue full.
    fn run(&mut self) -> Result<()> {
        let shared = self.io.shared;
        let turn = shared.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let mut events = Events::with_capacity(EVENTS);
        let (mut next, mut before) = (0, 0);
        while next < self.held.len() && !shared.is_stopped() {
            let batch = BATCH.min(ON_THEIR_WAY.saturating_sub(self.pending.len()));
            let end = self.held.len().min(next + batch);
            for index in next..end {
                let begun = self.begin(index);
                self.note_failure(begun);
            }
            next = end;
            // On loopback a connection is there at once, unless the accept queue is full: then its
            // SYN is lost, and comes again in a second.
            let is_full = self.pending.len() > before;
            self.collect(&mut events, if is_full { BREATH } else { Duration::ZERO })?;
            before = self.pending.len();
            self.gauge.show_connections(self.result.opened);
        }
        drop(turn);
        while !self.pending.is_empty() && !shared.is_stopped() {
            self.collect(&mut events, LOOK_UP)?;
        }
        self.result.set_up = shared.times().begins.elapsed();
        Ok(())
    }

    fn begin(&mut self, index: usize) -> io::Result<()> {
        let client = self.io.first_client + index;
        let mut connection = Connection::begin(self.io.shared.plan, &mut self.io.sources, client)?;
        let is_there = connection.stream.peer_addr().is_ok();
        connection.register(self.io.poll.registry(), Token(index), !is_there)?;
        if is_there {
            self.hold(index, connection);
        } else {
            self.pending.insert(index, connection);
        }
        Ok(())
    }

    fn hold(&mut self, index: usize, connection: Connection) {
        let took = connection.began.elapsed().as_nanos();
        self.connects.saturating_record(u64::try_from(took).unwrap_or(u64::MAX));
        self.held[index] = Some(connection.stream);
        self.result.opened += 1;
    }

    /// Takes in the connections that have come about, or have failed.
    fn collect(&mut self, events: &mut Events, sleep: Duration) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        poll(&mut self.io.poll, events, sleep)?;
        for index in events.iter().map(|event| event.token().0) {
            if let Some(connection) = self.pending.remove(&index) {
                match connection.stream.take_error() {
                    Ok(None) => self.hold(index, connection),
                    Ok(Some(error)) | Err(error) => self.note_failure(Err(error)),
                }
            } else if self.held.get_mut(index).is_some_and(|held| held.take().is_some()) {
                self.result.lost += 1;
            }
        }
        self.give_up();
        Ok(())
    }

    fn give_up(&mut self) {
        let timeout = self.io.shared.plan.timeout;
        let before = self.pending.len();
        self.pending.retain(|_, connection| connection.began.elapsed() < timeout);
        let late = before - self.pending.len();
        for _ in 0..late {
            self.note_failure(Err(Errno::ETIMEDOUT.into()));
        }
    }

    fn note_failure(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            *self.result.failed.entry(error.raw_os_error().unwrap_or(0)).or_default() += 1;
        }
    }
}
