//! What to ask, of whom, how often and for how long.

use super::{
    request::{Request, Weighted, Work},
    shared::Times,
};
use anyhow::{Result, bail, ensure};
use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// The highest rate: no machine asks so fast.
const MOST: f64 = 1e7;

/// What becomes of a connection when its answer is complete.
///
/// The two are different works and their figures never belong in one number: the first pays for
/// a connection with every request, the second once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Connection per request: each request opens one, says `Connection: close`, and closes it as
    /// soon as the answer is complete, even if the server would leave it open.
    PerRequest,
    /// Keep-alive: the next request goes out on the same connection, unless the server closed it
    /// or said that it would (RFC 9112 section 9.3); then on a new one.
    KeepAlive,
}

/// When requests start.
#[derive(Clone, Debug, PartialEq)]
pub enum Pace {
    /// Closed loop: a client is intended to start its next request at the moment when its last one
    /// ended. A server that stalls is asked less meanwhile, so the times of those who would have
    /// come are missing (coordinated omission).
    Closed,
    /// Open loop: requests are intended to start on a schedule, whatever the server does. One that
    /// finds no connection free waits for one, and that wait is part of its response time, not of
    /// its service time.
    Open {
        /// Requests a second, of all event loops together.
        rate: f64,
        /// How they follow each other.
        arrivals: Arrivals,
    },
    /// Open loop in steps: [`Plan::duration`] is divided evenly among the rates. The warm-up runs
    /// at the first of them.
    Ramp {
        /// Requests a second, one step each, in this order.
        rates: Vec<f64>,
        /// How they follow each other.
        arrivals: Arrivals,
    },
}

impl Pace {
    /// The rates, one a step; empty in a closed loop.
    pub fn rates(&self) -> &[f64] {
        match self {
            Pace::Closed => &[],
            Pace::Open { rate, .. } => std::slice::from_ref(rate),
            Pace::Ramp { rates, .. } => rates,
        }
    }

    /// How requests follow each other in an open loop.
    pub fn arrivals(&self) -> Option<Arrivals> {
        match self {
            Pace::Closed => None,
            Pace::Open { arrivals, .. } | Pace::Ramp { arrivals, .. } => Some(*arrivals),
        }
    }
}

/// How the requests of an open loop follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Request k of a step is due k / rate after the step began, the first (k = 0) at once. So a
    /// step of length D has as many as there are whole k with k / rate < D: 5/s over 12 s is 60.
    Constant,
    /// A Poisson process: independent users, with exponentially distributed times between them.
    Poisson,
}

/// Clients that are slow on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// How fast, for each connection: bytes a second.
    pub bytes_per_second: u64,
    /// What they are slow at.
    pub at: SlowAt,
}

/// What slow clients are slow at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowAt {
    /// They trickle their request.
    Sending,
    /// They read their answer slowly, with a small receive buffer, so that the server notices.
    Reading,
}

/// Connections that are held open and mostly silent: [`Plan::connections`] of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// How many requests a second, each on a connection picked at random; 0 asks none. They are
    /// on a constant schedule of their own, so their times are those of an open loop.
    pub rate: f64,
}

/// A run.
///
/// Make one with [`Plan::new`] and change what shall be otherwise.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens. Connections are spread evenly over several addresses.
    pub targets: Vec<SocketAddr>,
    /// The value of the Host field (RFC 9112 section 3.2), such as `localhost:8888`.
    pub host: String,
    /// What is asked.
    pub work: Work,
    /// Connection per request or keep-alive. Raw work is always a connection per request.
    pub reuse: Reuse,
    /// Concurrent clients, each with at most one connection.
    pub connections: usize,
    /// Event loops that share the clients. No more are started than there are clients; more are
    /// started if the connections need more descriptors than one table may hold.
    pub threads: usize,
    /// Requests that may be under way on one connection at a time (RFC 9112 section 9.3.2). More
    /// than 1 needs keep-alive.
    pub pipeline: usize,
    /// When requests start.
    pub pace: Pace,
    /// Poll without ever sleeping. It takes a whole core for each thread, and no wake-up.
    pub spin: bool,
    /// Slow clients; all of them are.
    pub slow: Option<Slow>,
    /// Hold the connections instead of loading them. Needs keep-alive and [`Pace::Closed`], and
    /// neither a pipeline nor slow clients.
    pub idle: Option<Idle>,
    /// The clients' own addresses, in turn. If empty, the kernel chooses; where that is too few
    /// for the connections and the target is in 127.0.0.0/8, they are spread over that network.
    pub sources: Vec<IpAddr>,
    /// How long to run before counting; zero counts from the first request.
    pub warm_up: Duration,
    /// How long to count.
    pub duration: Duration,
    /// Stop after so many requests were started, those of the warm-up included.
    pub requests: Option<u64>,
    /// How long one request may take, from when a client takes it up (with the connect, if it
    /// needs one) to the last byte of the answer. What an open loop's request waited for a client
    /// before does not count here.
    pub timeout: Duration,
    /// Where everything random begins; the same seed and threads give the same schedule and mix.
    pub seed: u64,
}

impl Plan {
    /// One client in a closed loop that asks for `/` on a kept connection, for ten seconds.
    pub fn new(target: SocketAddr) -> Plan {
        Plan {
            targets: vec![target],
            host: target.to_string(),
            work: Work::from(Request::get("/")),
            reuse: Reuse::KeepAlive,
            connections: 1,
            threads: 1,
            pipeline: 1,
            pace: Pace::Closed,
            spin: false,
            slow: None,
            idle: None,
            sources: Vec::new(),
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(10),
            requests: None,
            timeout: Duration::from_secs(10),
            seed: 0,
        }
    }

    /// Refuses what cannot be run or would not be one HTTP request.
    ///
    /// # Errors
    /// What is wrong with it. [`run`](super::run) gives the same.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.targets.is_empty(), "load: no address to connect to");
        ensure!(self.connections > 0, "load: no connections to make");
        ensure!(self.threads > 0, "load: no threads to run on");
        ensure!(self.pipeline > 0, "load: no request at a time on a connection");
        ensure!(!self.duration.is_zero(), "load: no time to count");
        ensure!(!self.timeout.is_zero(), "load: no time for an answer");
        let times = Times::from(Instant::now(), self);
        ensure!(times.is_some(), "load: warm-up, duration and timeout are too long");
        self.check_work()?;
        self.check_pace()?;
        self.check_sources()?;
        self.check_combination()
    }

    fn check_work(&self) -> Result<()> {
        // Anything else would end the field, and start another.
        ensure!(
            self.host.bytes().all(|byte| byte.is_ascii_graphic()),
            "host {:?}: not visible ASCII",
            self.host
        );
        match &self.work {
            Work::Mix(mix) => {
                ensure!(!mix.is_empty(), "load: no request to make");
                let weights = mix.iter().map(|one| u64::from(one.weight)).sum::<u64>();
                ensure!(weights > 0, "mix: all weights are zero");
                mix.iter().map(|Weighted { request, .. }| request).try_for_each(Request::check)
            }
            Work::Raw(bytes) => {
                ensure!(self.reuse == Reuse::PerRequest, "raw bytes need a connection per request");
                ensure!(!bytes.is_empty(), "raw bytes: there are none to send");
                Ok(())
            }
        }
    }

    fn check_pace(&self) -> Result<()> {
        if let Pace::Ramp { rates, .. } = &self.pace {
            ensure!(!rates.is_empty(), "ramp: no rates");
        }
        for &rate in self.pace.rates() {
            ensure!(rate.is_finite() && rate > 0.0, "rate {rate}: not above zero");
            ensure!(rate <= MOST, "rate {rate}: above ten million a second");
        }
        if let Some(Idle { rate }) = self.idle {
            ensure!(
                rate.is_finite() && (0.0..=1e9).contains(&rate),
                "idle rate {rate}: below zero"
            );
        }
        if let Some(Slow { bytes_per_second, .. }) = self.slow {
            ensure!(bytes_per_second > 0, "slow: no bytes a second");
        }
        Ok(())
    }

    fn check_sources(&self) -> Result<()> {
        for source in &self.sources {
            for target in &self.targets {
                ensure!(
                    source.is_ipv4() == target.is_ipv4(),
                    "source {source}: not of the same family as the target {target}"
                );
            }
        }
        Ok(())
    }

    fn check_combination(&self) -> Result<()> {
        if self.pipeline > 1 && self.reuse == Reuse::PerRequest {
            bail!("a pipeline needs keep-alive");
        }
        if self.idle.is_some() {
            ensure!(self.reuse == Reuse::KeepAlive, "idle connections need keep-alive");
            ensure!(self.pace == Pace::Closed, "idle connections have a rate of their own");
            ensure!(self.pipeline == 1, "idle connections take no pipeline");
            ensure!(self.slow.is_none(), "idle connections are not slow");
        }
        Ok(())
    }

    /// How many of `all` the event loop `index` of `threads` has.
    pub(super) fn share(all: usize, index: usize, threads: usize) -> usize {
        all / threads + usize::from(index < all % threads)
    }
}
