//! The loads: what the clients of a turn do, work by work.

use super::{
    super::{
        load::{self, Arrivals, Idle, Outcome, Pace, Reuse, Slow, SlowAt},
        observe::{self, Process},
        supervise::Server,
    },
    Place, Plan, Work,
    turn::{descriptors, ended, settle, start},
};
use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use nix::time::{ClockId, clock_gettime};
use std::{
    borrow::Cow,
    cell::Cell,
    iter, panic,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long a client waits for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How fast: a request takes it three seconds and more, longer than a turn.
const TRICKLE: Slow = Slow { bytes_per_second: 20, at: SlowAt::Sending };

/// The clients beside held connections.
const BESIDE: usize = 16;

/// The clients with which it is found out what a server gives at most, and for how long of one that
/// has not sent a byte in the time that is usual.
const CROWD: usize = 64;
const PATIENCE: Duration = Duration::from_secs(2);

/// How many connections an open loop may have under way.
const UNDER_WAY: usize = 1000;

/// Longer than any turn: what goes on beside one ends with it.
const LONG: Duration = Duration::from_secs(3600);

/// How long connections may take to be made that are to be held: in all, or for each in microseconds,
/// and one after another, in which time the kernel tries a lost SYN again.
const HOLDING: Duration = Duration::from_secs(20);
const SLOWLY: u64 = 200;
const NO_MORE: Duration = Duration::from_secs(4);

/// Shorter ones are not judged: the kernel's clock of processor time goes by hundredths of a second.
const JUDGED: Duration = Duration::from_millis(100);

/// A look at the memory that takes longer is the last one in its turn.
const DEAR: Duration = Duration::from_millis(20);

/// A server needs some descriptors for other things than the connections it holds.
const RESERVE: usize = 500;

/// So many of a server hold connections at most.
const SERVERS: usize = 100;

/// How often it is looked how many there are.
const LOOK: Duration = Duration::from_millis(20);

/// The server of a turn, and who loads it.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) plan: &'a Plan,
    pub(super) place: Place,
    pub(super) server: &'a Server,
    pub(super) round: u32,
    /// How many requests it may get, if not any number.
    pub(super) bound: Option<u64>,
    pub(super) stop: &'a AtomicBool,
}

/// What a turn's window has shown.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) outcome: Outcome,
    /// Processor time of the server and all its children; none where the kernel drops theirs.
    pub(super) cpu: Option<Duration>,
    /// What others have had of the machine's processors meanwhile.
    pub(super) foreign: Option<f64>,
    pub(super) peak_pss: Option<u64>,
    /// Requests a second that were due, of an open loop.
    pub(super) offered: Option<f64>,
    /// How busy the load generator was when it was found out of what they are a share.
    pub(super) generator_at_capacity: Option<f64>,
    pub(super) held: Option<Held>,
}

/// What connections that are held cost the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) connections: u64,
    /// How many servers held them.
    pub(super) servers: usize,
    /// How much their memory has grown for all of them, in bytes.
    pub(super) memory: Option<u64>,
}

impl Measured {
    /// Of a turn in which nothing was measured.
    #[cfg(test)]
    pub(super) fn nothing() -> Self {
        Self {
            outcome: Outcome::new().unwrap(),
            cpu: None,
            foreign: None,
            peak_pss: None,
            offered: None,
            generator_at_capacity: None,
            held: None,
        }
    }

    /// In an open loop a server could else look the better the fewer it answers: who waits in vain there
    /// counts with the time so far. In a closed loop at most one request of each client is under way,
    /// whose time goes on: of these it is [counted](Self::overdue) how many make the p99 too small.
    pub(super) fn response_times(&self) -> Cow<'_, Histogram<u64>> {
        let Outcome { response, unanswered, .. } = &self.outcome;
        if self.offered.is_none() {
            return Cow::Borrowed(response);
        }
        let mut times = response.clone();
        times += unanswered;
        Cow::Owned(times)
    }

    /// How many clients of a closed loop were still waiting when the turn was over, and had waited for
    /// longer than 99 of 100 answers took, or than half of the turn: where that is little to them, no
    /// time can be seen to be longer.
    pub(super) fn overdue(&self) -> u64 {
        let Outcome { response, unanswered, elapsed, .. } = &self.outcome;
        if self.offered.is_some() || response.is_empty() {
            return 0;
        }
        let half = u64::try_from((*elapsed / 2).as_nanos()).unwrap_or(u64::MAX);
        let usual = response.value_at_quantile(0.99).min(half);
        unanswered.len() - unanswered.count_between(0, usual)
    }
}

impl Ground<'_> {
    /// Loads the server as the work has it.
    pub(super) fn measure(&self) -> Result<Measured> {
        let level = self.place.level;
        match self.place.work {
            Work::Slow => self.beside_slow(level),
            Work::Idle => self.beside_held(level),
            Work::Overload => self.on_schedule(level),
            _ => {
                self.warm_up(level)?;
                self.window(&self.closed(level))
            }
        }
    }

    /// A closed loop, for as long as a turn counts.
    fn closed(&self, clients: usize) -> load::Plan {
        let threads = self.plan.placement.as_ref().map_or(1, |one| one.generator.len());
        load::Plan {
            work: load::Request::get(self.place.work.path()).into(),
            reuse: self.place.work.reuse(),
            connections: clients,
            threads: threads.min(clients),
            duration: self.place.work.turn(clients, self.plan.duration),
            requests: self.bound,
            timeout: TIMEOUT,
            ..load::Plan::new(self.server.address())
        }
    }

    /// Who keeps something of every client has no warm state to get into, only a worse one. Of answers
    /// that take their time one client asks: what more of them had not got when the warm-up was over
    /// would still be worked at in the turn.
    fn warm_up(&self, clients: usize) -> Result<()> {
        let takes_time = !self.place.work.least().0.is_zero();
        let clients = if takes_time { 1 } else { clients };
        if self.bound.is_none() {
            let load = load::Plan { duration: self.plan.warm_up, ..self.closed(clients) };
            self.load(&load, None)?;
        }
        Ok(())
    }

    /// One client of ten sends a byte now and then, the others are measured; one of each at least.
    fn beside_slow(&self, clients: usize) -> Result<Measured> {
        let work = self.place.work;
        let (slow, others) = (work.trickling(clients), work.measured(clients));
        let trickling = load::Plan {
            connections: slow,
            threads: 1,
            slow: Some(TRICKLE),
            requests: None,
            duration: LONG,
            ..self.closed(slow)
        };
        beside(
            &trickling,
            |now| now.started,
            |begun| {
                await_made(slow as u64, begun, || self.is_over());
                self.warm_up(others)?;
                self.window(&self.closed(others))
            },
        )
    }

    /// Connections are held that say nothing, and a few clients are measured. Where one process may not
    /// have as many descriptors, as many servers hold them as must be; the clients are the first one's.
    fn beside_held(&self, connections: usize) -> Result<Measured> {
        let most = usize::try_from(descriptors()?).unwrap_or(usize::MAX);
        let share = most.saturating_sub(RESERVE).max(1);
        let count = connections.div_ceil(share).min(SERVERS);
        let connections = connections.min(share * count);
        let subject = &self.plan.subjects[self.place.subject];
        let mut more = Vec::new();
        while more.len() + 1 < count && !self.is_over() {
            let prepared = subject.prepare()?;
            let server = start(self.plan, subject, &prepared)?;
            settle(&server, None);
            more.push((server, prepared));
        }
        let servers: Vec<_> =
            iter::once(self.server).chain(more.iter().map(|(server, _)| server)).collect();
        let holding = load::Plan {
            targets: servers.iter().map(|server| server.address()).collect(),
            connections,
            threads: 1,
            reuse: Reuse::KeepAlive,
            idle: Some(Idle { rate: 0.0 }),
            requests: None,
            duration: LONG,
            ..self.closed(connections)
        };
        let before = occupied(&servers);
        beside(
            &holding,
            |now| now.connections,
            |made| {
                let connections = await_made(connections as u64, made, || self.is_over());
                // The kernel has made them; the servers have yet to accept some.
                for server in &servers {
                    settle(server, None);
                }
                if let Some(exit) = more.iter().find_map(|(server, _)| ended(server)) {
                    bail!("one of {count} servers ended while they were made: {exit}");
                }
                let memory =
                    occupied(&servers).zip(before).map(|(now, before)| now.saturating_sub(before));
                self.warm_up(BESIDE)?;
                let held = Some(Held { connections, servers: count, memory });
                Ok(Measured { held, ..self.window(&self.closed(BESIDE))? })
            },
        )
    }

    /// Requests come whether or not the last have been answered.
    fn on_schedule(&self, percent: usize) -> Result<Measured> {
        self.warm_up(CROWD)?;
        // A rate of small answers is known sooner than times of a queue.
        let crowd = |duration| self.window(&load::Plan { duration, ..self.closed(CROWD) });
        let mut most = crowd(self.plan.duration)?;
        if most.outcome.bytes_in == 0 && !self.is_over() {
            // A slow server has a capacity too, and on a machine with much else to do all are slow.
            most = crowd(PATIENCE.max(self.plan.duration))?;
        }
        let answered = most.outcome.account.answered_total();
        if answered == 0 {
            // There is nothing to take a share of, which is what the turn has shown.
            return Ok(most);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let rate = answered as f64 / most.outcome.elapsed.as_secs_f64() * (percent as f64 / 100.0);
        let load = load::Plan {
            pace: Pace::Open { rate, arrivals: Arrivals::Poisson },
            seed: seed_of_arrivals(self.plan.seed, self.round),
            ..self.closed(UNDER_WAY)
        };
        let generator_at_capacity = Some(most.outcome.own_cpu_share());
        Ok(Measured { offered: Some(rate), generator_at_capacity, ..self.window(&load)? })
    }

    /// Whether there is nobody to measure, or to measure for.
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || ended(self.server).is_some()
    }

    /// A load that counts.
    fn window(&self, load: &load::Plan) -> Result<Measured> {
        let peak_pss = Cell::new(None);
        let before = self.look();
        let outcome = self.load(load, Some(&peak_pss))?;
        let after = self.look();
        self.note_pss(&peak_pss);
        let drops = processes(self.server)
            .is_some_and(|tree| tree.processes.iter().any(Process::ignores_children));
        let spent = before.zip(after).filter(|_| !drops);
        Ok(Measured {
            outcome,
            cpu: spent.map(|(before, after)| after.server.saturating_sub(before.server)),
            foreign: spent.and_then(|(before, after)| after.foreign_since(before)),
            peak_pss: peak_pss.get(),
            offered: None,
            generator_at_capacity: None,
            held: None,
        })
    }

    /// Who has had how much so far.
    fn look(&self) -> Option<Look> {
        let (at, own) = (Instant::now(), clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok()?);
        let (idle, processors) = observe::idle()?;
        // Of thousands of processes it takes its time.
        let server = observe::cpu(self.server.keeper());
        Some(Look { at, idle, processors, own: own.into(), server })
    }

    /// Loads the server until the plan or the server ends, or the user wants no more.
    fn load(&self, plan: &load::Plan, peak_pss: Option<&Cell<Option<u64>>>) -> Result<Outcome> {
        let enough = AtomicBool::new(self.stop.load(Ordering::Relaxed));
        let (ticks, is_dear) = (Cell::new(0), Cell::new(false));
        load::run(plan, &enough, &|_| {
            if self.is_over() {
                enough.store(true, Ordering::Relaxed);
            }
            ticks.set(ticks.get() + 1);
            // The kernel walks page tables for it, at the server's cost: seldom, and not at first.
            // Who holds connections has its peak when the window is over, too.
            let is_due = ticks.get() % 4 == 2 && self.place.work != Work::Idle;
            if let Some(peak) = peak_pss.filter(|_| is_due && !is_dear.get()) {
                let begun = Instant::now();
                self.note_pss(peak);
                is_dear.set(begun.elapsed() > DEAR);
            }
        })
    }

    fn note_pss(&self, peak: &Cell<Option<u64>>) {
        peak.set(peak.get().max(processes(self.server).and_then(|tree| tree.pss())));
    }
}

/// The same for all servers of a round, and no other round's: chance has a part in each. The threads of the
/// load generator have the next few.
fn seed_of_arrivals(seed: u64, round: u32) -> u64 {
    seed.wrapping_add(u64::from(round) << 32)
}

/// The processes of a server; `None` where it is gone, which is not what was asked.
fn processes(server: &Server) -> Option<observe::Tree> {
    Some(observe::tree(server.keeper()).below_root()).filter(|tree| !tree.processes.is_empty())
}

/// The memory of some servers now, without the pages of files: others who run the same programs
/// meanwhile take a part of these, and that would be more than some connections add.
fn occupied(servers: &[&Server]) -> Option<u64> {
    servers.iter().map(|server| processes(server)?.anonymous_pss()).sum()
}

/// Measures something while another load goes on, of which it learns what is counted.
fn beside<T>(
    other: &load::Plan,
    count: fn(&load::Snapshot) -> u64,
    measure: impl FnOnce(&AtomicU64) -> Result<T>,
) -> Result<T> {
    let (over, counted) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let running = scope.spawn(|| {
            let watch = |now: &load::Snapshot| counted.store(count(now), Ordering::Relaxed);
            load::run(other, &over, &watch)
        });
        let raised = Raised(&over);
        let measured = measure(&counted);
        drop(raised);
        running.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        measured
    })
}

/// Processor time so far.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// Of no process, on so many processors.
    idle: Duration,
    processors: usize,
    /// Of this program.
    own: Duration,
    /// Of the server and all its children.
    server: Duration,
}

impl Look {
    /// The share of all processors that others than the server and this program had since an earlier
    /// look.
    fn foreign_since(self, earlier: Self) -> Option<f64> {
        let elapsed = self.at.duration_since(earlier.at);
        if elapsed < JUDGED {
            return None;
        }
        let all = elapsed.checked_mul(u32::try_from(self.processors).ok()?)?;
        let known = |look: Self| look.idle + look.server + look.own;
        // The clocks differ by some hundredths of a second.
        let others = all.saturating_sub(known(self).saturating_sub(known(earlier)));
        Some(others.div_duration_f64(all))
    }
}

/// Waits until connections are made, or no more are, or it is `over`; tells how many.
fn await_made(wanted: u64, made: &AtomicU64, over: impl Fn() -> bool) -> u64 {
    let (begun, mut last) = (Instant::now(), (0, Instant::now()));
    let holding = HOLDING.max(Duration::from_micros(wanted * SLOWLY));
    loop {
        let now = made.load(Ordering::Relaxed);
        if now > last.0 {
            last = (now, Instant::now());
        }
        let is_late = begun.elapsed() > holding || last.1.elapsed() > NO_MORE;
        if now >= wanted || is_late || over() {
            return now;
        }
        thread::sleep(LOOK);
    }
}

/// Raises a flag when it is dropped, so that a panic leaves nobody waiting.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn who_waits_in_vain_counts_in_an_open_loop() {
        let mut outcome = Outcome::new().unwrap();
        outcome.response.record_n(10, 99).unwrap();
        outcome.unanswered.record_n(1000, 101).unwrap();
        let mut measured = Measured { outcome, ..Measured::nothing() };
        let median = |measured: &Measured| measured.response_times().value_at_quantile(0.5);
        assert_eq!(median(&measured), 10);
        assert_eq!(measured.overdue(), 101);
        measured.offered = Some(200.0);
        assert_eq!((median(&measured), measured.overdue()), (1000, 0));
    }

    #[test]
    fn no_thread_of_a_round_has_the_arrivals_of_another() {
        let of_round = |round| (0..64).map(move |thread| seed_of_arrivals(7, round) + thread);
        let seeds: BTreeSet<u64> = (0..100).flat_map(of_round).collect();
        assert_eq!(seeds.len(), 100 * 64);
    }

    #[test]
    fn who_has_waited_no_longer_than_others_is_not_overdue() {
        let mut outcome = Outcome::new().unwrap();
        outcome.response.record_n(10, 989).unwrap();
        outcome.response.record_n(1000, 11).unwrap();
        outcome.unanswered.record_n(10, 64).unwrap();
        outcome.unanswered.record_n(11, 2).unwrap();
        outcome.elapsed = Duration::from_secs(1);
        let mut measured = Measured { outcome, ..Measured::nothing() };
        assert_eq!(measured.overdue(), 0);
        measured.outcome.unanswered.record_n(1100, 2).unwrap();
        assert_eq!(measured.overdue(), 2);
        // Hardly anybody had an answer.
        measured.outcome.elapsed = Duration::from_nanos(18);
        assert_eq!(measured.overdue(), 68);
    }
}
