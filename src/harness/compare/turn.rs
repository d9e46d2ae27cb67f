//! One turn: a server of its own, a warm-up, a measured load, and a look at what is left.

use super::{
    super::{
        load::{self, Outcome},
        observe,
        supervise::{Cause, Exit, Server, StartError},
    },
    Plan, Subject,
    subject::Prepared,
};
use anyhow::{Context, Error, Result, anyhow};
use nix::sys::resource::{Resource, getrlimit};
use std::{
    cell::Cell,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Connections in a turn to a server that keeps something of each for good.
const BOUND: u64 = 500;
/// How long a client waits for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a second client waits while a first one says nothing, and that one when it has spoken.
const SILENCE: Duration = Duration::from_millis(450);
/// How long processes and descriptors may take to settle after the load.
const SETTLE: Duration = Duration::from_secs(1);

/// How long a server may take to stop by itself.
const GRACE: Duration = Duration::from_secs(1);

/// What one turn has shown.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) outcome: Outcome,
    pub(super) cpu: Duration,
    pub(super) peak_pss: Option<u64>,
    pub(super) descriptors_left: Option<u64>,
    pub(super) zombies_left: usize,
    /// The last thing the server said, and how it ended, if it did.
    pub(super) died: Option<String>,
}

impl Turn {
    /// Whether no request has ended in it.
    pub(super) fn is_empty(&self) -> bool {
        self.outcome.account.answered_total() + self.outcome.account.failed() == 0
    }
}

/// Starts the subject, loads it, looks at it and stops it.
pub(super) fn take(
    plan: &Plan,
    subject: &Subject,
    level: usize,
    stop: &AtomicBool,
) -> Result<Turn> {
    let prepared = subject.prepare()?;
    let server = start(subject, &prepared)?;
    // A server may go on starting after it has begun to listen: workers are made, files opened.
    let before = settle(&server, None);
    let load = load::Plan {
        connections: level,
        reuse: plan.reuse,
        duration: plan.warm_up,
        timeout: TIMEOUT,
        ..load::Plan::new(server.address())
    };
    // Who keeps something of every client has no warm state to get into, only a worse one.
    let bound = subject.accumulates().then_some(BOUND);
    if bound.is_none() {
        run_load(&load, &server, stop, None)?;
    }
    let load = load::Plan { duration: plan.duration, requests: bound, ..load };
    let cpu = observe::cpu(server.keeper());
    let peak_pss = Cell::new(None);
    let outcome = run_load(&load, &server, stop, Some(&peak_pss))?;
    let cpu = observe::cpu(server.keeper()).saturating_sub(cpu);
    note_pss(&server, &peak_pss);
    let left = settle(&server, Some(before)).since(before);
    let turn = Turn {
        outcome,
        cpu,
        peak_pss: peak_pss.get(),
        descriptors_left: left.descriptors,
        zombies_left: left.zombies,
        died: server.exited().map(|exit| last_words(exit, &server.stderr())),
    };
    server.stop(GRACE);
    Ok(turn)
}

/// What a client gets that comes after one that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BesideSilent {
    /// An answer.
    Answer,
    /// Nothing while the first is silent; but when that one speaks, it is answered at once: the
    /// server could answer, and let the second wait behind the first.
    Waits,
    /// Nothing, and the first gets none either.
    NoAnswer,
}

/// Connects a client that says nothing, then one that asks; if that has to wait, the silent one
/// asks too, to see whether it was what the server waited for.
pub(super) fn beside_silent(subject: &Subject) -> Result<BesideSilent> {
    let prepared = subject.prepare()?;
    let server = start(subject, &prepared)?;
    let silent = connect(server.address()).context("connect")?;
    let heard = connect(server.address()).and_then(ask).map_or(Heard::End, hear);
    let found = match heard {
        Heard::Answer => BesideSilent::Answer,
        Heard::End => BesideSilent::NoAnswer,
        Heard::Nothing => match ask(silent).map_or(Heard::End, hear) {
            Heard::Answer => BesideSilent::Waits,
            Heard::End | Heard::Nothing => BesideSilent::NoAnswer,
        },
    };
    server.stop(GRACE);
    Ok(found)
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect_timeout(&server, SILENCE)?;
    client.set_read_timeout(Some(SILENCE))?;
    Ok(client)
}

fn ask(mut client: TcpStream) -> io::Result<TcpStream> {
    let server = client.peer_addr()?;
    // In one piece: who reads once would answer the first piece, and reset the rest.
    let request = format!("GET / HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes())?;
    Ok(client)
}

enum Heard {
    Answer,
    End,
    Nothing,
}

fn hear(mut client: TcpStream) -> Heard {
    // Not read(2) alone, which a signal ends early.
    match client.read_exact(&mut [0]) {
        Ok(()) => Heard::Answer,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
        Err(_) => Heard::End,
    }
}

/// Starts a server with as many descriptors as the system allows: the load generator takes as many
/// for itself when it needs them, and what it leaves to its children must not depend on the turn.
fn start(subject: &Subject, prepared: &Prepared) -> Result<Server> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    let launch = prepared.launch.clone().descriptor_limit(hard);
    Server::start(&launch).map_err(|error| not_started(subject, &error))
}

/// Why a server did not start, in one line and a hint.
fn not_started(subject: &Subject, error: &StartError) -> Error {
    let (command, hint) = (subject.command(), subject.hint());
    match error.cause() {
        Cause::Ended { exit, stderr, .. } => {
            let words = last_words(*exit, stderr);
            anyhow!("start {command}: it ended before it listened: {words}{hint}")
        }
        Cause::Silent { awaited, patience, stderr } => {
            let said = stderr.lines().next_back().map_or(String::new(), |line| format!(": {line}"));
            anyhow!("start {command}: await {awaited}: none came in {patience:?}{said}{hint}")
        }
        _ => anyhow!("{error}"),
    }
}

fn last_words(exit: Exit, stderr: &str) -> String {
    let last = stderr.lines().next_back().unwrap_or_default();
    if last.is_empty() { exit.to_string() } else { format!("{last} ({exit})") }
}

/// Loads the server until the plan or the server ends, or the user wants no more.
fn run_load(
    plan: &load::Plan,
    server: &Server,
    stop: &AtomicBool,
    peak_pss: Option<&Cell<Option<u64>>>,
) -> Result<Outcome> {
    let enough = AtomicBool::new(stop.load(Ordering::Relaxed));
    let ticks = Cell::new(0);
    load::run(plan, &enough, &|_| {
        if stop.load(Ordering::Relaxed) || server.exited().is_some() {
            enough.store(true, Ordering::Relaxed);
        }
        ticks.set(ticks.get() + 1);
        // The kernel walks page tables for it, at the server's cost: seldom, and not at first.
        if let Some(peak) = peak_pss.filter(|_| ticks.get() % 4 == 2) {
            note_pss(server, peak);
        }
    })
}

/// What a server has open, and what it has not reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    descriptors: Option<u64>,
    zombies: usize,
    /// Threads of all processes, zombies aside.
    threads: u64,
}

impl Left {
    fn behind(server: &Server) -> Self {
        let tree = observe::tree(server.keeper()).below_root();
        let live = tree.processes.iter().filter(|process| !process.is_zombie());
        let threads = live.map(|process| process.threads).sum();
        Self { descriptors: tree.descriptors(), zombies: tree.zombies(), threads }
    }

    /// What there is more than `before`. Descriptors of workers that came under load, be they
    /// processes or threads, cannot be told from those of a leak.
    fn since(self, before: Self) -> Self {
        let descriptors = self.descriptors.zip(before.descriptors);
        let descriptors = descriptors.filter(|_| self.threads <= before.threads);
        Self {
            descriptors: descriptors.map(|(now, before)| now.saturating_sub(before)),
            zombies: self.zombies.saturating_sub(before.zombies),
            ..self
        }
    }
}

/// Waits until the server does not change any more, or is as it was `before`.
fn settle(server: &Server, before: Option<Left>) -> Left {
    let deadline = Instant::now() + SETTLE;
    let mut now = Left::behind(server);
    let mut unchanged = 0;
    while Some(now) != before && unchanged < 20 && Instant::now() < deadline {
        if before.is_none() && unchanged >= 4 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
        let next = Left::behind(server);
        unchanged = if next == now { unchanged + 1 } else { 0 };
        now = next;
    }
    now
}

fn note_pss(server: &Server, peak: &Cell<Option<u64>>) {
    let tree = observe::tree(server.keeper()).below_root();
    // A server that is gone needs no memory, but that is not what was asked.
    if !tree.processes.is_empty() {
        peak.set(peak.get().max(tree.pss()));
    }
}
