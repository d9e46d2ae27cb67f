//! One turn: a server of its own, a load, and a look at what is left.

use super::{
    super::{
        observe::{self, Process, Socket, State, Tree},
        supervise::{Cause, Exit, Server, StartError},
    },
    Place, Plan, Subject,
    loads::{Ground, Measured},
    peers::Prepared,
};
use anyhow::{Context, Error, Result, anyhow};
use nix::sys::resource::{Resource, getrlimit};
use std::{
    collections::HashSet,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

/// Connections in a turn to a server that keeps something of each for good.
pub(super) const BOUND: u64 = 500;

/// How long processes and descriptors may take to settle after the load.
const SETTLE: Duration = Duration::from_secs(5);

/// For how long nothing must change: after a load, and before, when nobody has come yet.
const QUIET: Duration = Duration::from_millis(200);
const BRIEF: Duration = Duration::from_millis(40);

/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(10);

/// How long a server may take to stop by itself.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The share of the machine's processors that others may have in a turn. The kernel's work outside of
/// any process is among it, such as leaving idle for a packet: up to 14 % were seen of two processors
/// that had nothing else to do.
const FOREIGN: f64 = 0.15;

/// What one turn has shown.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) measured: Measured,
    pub(super) descriptors_left: Option<u64>,
    pub(super) zombies_left: usize,
    /// The last thing the server said, and how it ended, if it did.
    pub(super) died: Option<String>,
}

impl Turn {
    /// Whether no request has ended in it.
    pub(super) fn is_empty(&self) -> bool {
        let account = &self.measured.outcome.account;
        account.answered_total() + account.failed() == 0
    }

    /// Whether others have had so much of the machine that its figures are not the server's alone.
    pub(super) fn is_disturbed(&self) -> bool {
        self.measured.foreign.is_some_and(|foreign| foreign > FOREIGN)
    }

    /// Whether others had less of the machine than in another turn, and it shows all that the other one
    /// has shown of the server.
    pub(super) fn is_better(&self, other: &Self) -> bool {
        let foreign = self.measured.foreign.zip(other.measured.foreign);
        let is_quieter = foreign.is_some_and(|(own, other)| own < other);
        is_quieter && self.shows().iter().zip(other.shows()).all(|(&own, other)| own || !other)
    }

    /// What a turn may show of a server, or not.
    fn shows(&self) -> [bool; 4] {
        let has_failed = self.measured.outcome.account.failed() > 0;
        let has_leaked = self.descriptors_left.is_some_and(|left| left > 0);
        [self.died.is_some(), self.zombies_left > 0, has_leaked, has_failed]
    }
}

/// Starts the subject, loads it, looks at it and stops it.
pub(super) fn take(plan: &Plan, place: Place, round: u32, stop: &AtomicBool) -> Result<Turn> {
    let subject = &plan.subjects[place.subject];
    let prepared = subject.prepare()?;
    let server = start(plan, subject, &prepared)?;
    // A server may go on starting after it has begun to listen: workers are made, files opened.
    let before = settle(&server, None);
    let bound = subject.accumulates().then_some(BOUND);
    let measured = Ground { plan, place, server: &server, round, bound, stop }.measure()?;
    let left = settle(&server, Some(before)).since(before);
    let turn = Turn {
        measured,
        descriptors_left: left.descriptors,
        zombies_left: left.zombies,
        died: ended(&server).map(|exit| last_words(exit, &server.stderr())),
    };
    server.stop(GRACE);
    Ok(turn)
}

/// Starts a server with as many descriptors as the system allows: the load generator takes as many
/// for itself when it needs them, and what it leaves to its children must not depend on the turn.
pub(super) fn start(plan: &Plan, subject: &Subject, prepared: &Prepared) -> Result<Server> {
    let processors = plan.placement.iter().flat_map(|one| one.server.iter().copied());
    let launch = prepared.launch.clone().descriptor_limit(descriptors()?).processors(processors);
    Server::start(&launch).map_err(|error| not_started(subject, &error))
}

/// How the server ended, if it did. Of one that runs in the background (daemon(3)) the process that
/// was started has ended well, and others live.
pub(super) fn ended(server: &Server) -> Option<Exit> {
    let lives = || {
        let tree = observe::tree(server.keeper()).below_root();
        tree.processes.iter().any(|process| !process.is_zombie())
    };
    server.exited().filter(|&exit| exit != Exit::Status(0) || !lives())
}

/// How many descriptors the system allows a process.
pub(super) fn descriptors() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
    Ok(hard)
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

/// What a server has open, and what it has not reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    descriptors: Option<u64>,
    /// Of who has more open than before, what its sockets' inodes add up to: with each connection that
    /// is closed for the next it is another, when their number is the same.
    sockets: u64,
    zombies: usize,
    /// Threads of all processes, zombies aside.
    threads: u64,
}

impl Left {
    /// Of a server's processes.
    fn of(tree: &Tree, before: Option<Self>) -> Self {
        let live = tree.processes.iter().filter(|process| !process.is_zombie());
        let threads = live.clone().map(|process| process.threads).sum();
        let descriptors = tree.descriptors();
        let is_more = before.is_some_and(|before| descriptors > before.descriptors);
        let tables = live.filter(|_| is_more).filter_map(Process::table).flatten();
        let sockets = tables.filter_map(|descriptor| descriptor.target.socket()).sum();
        Self { descriptors, sockets, zombies: tree.zombies(), threads }
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

/// Waits until the server does not change any more, and has nothing to do; or is as it was `before`.
/// Of one that goes on for longer than we wait it is not known which descriptors it will not close.
pub(super) fn settle(server: &Server, before: Option<Left>) -> Left {
    let look = || observe::tree(server.keeper()).below_root();
    let deadline = Instant::now() + SETTLE;
    let quiet = if before.is_none() { BRIEF } else { QUIET };
    let mut tree = look();
    let (mut now, mut since) = (Left::of(&tree, before), Instant::now());
    let is_settled = loop {
        if Some(now) == before {
            break true;
        }
        if since.elapsed() >= quiet {
            if before.is_none() || !has_unheard(&tree) {
                break true;
            }
            since = Instant::now();
        }
        if Instant::now() >= deadline {
            break false;
        }
        thread::sleep(LOOK);
        tree = look();
        let next = Left::of(&tree, before);
        // Who waits for a processor only has not come to it yet.
        let mut live = tree.processes.iter().filter(|process| !process.is_zombie());
        if next != now || live.any(Process::is_at_work) {
            (now, since) = (next, Instant::now());
        }
    };
    Left { descriptors: now.descriptors.filter(|_| is_settled), ..now }
}

/// Whether a server holds a connection that its client has closed without its having heard of it.
/// While an accept queue is full the kernel drops the ACK that ends a handshake, and the FIN behind
/// it, too; the client's end sends that again after a while, and then after twice as long (`tcp(7)`).
fn has_unheard(tree: &Tree) -> bool {
    let tables = tree.processes.iter().filter_map(Process::table).flatten();
    let held: HashSet<_> = tables.filter_map(|descriptor| descriptor.target.socket()).collect();
    // A kernel that does not tell has none to wait for.
    observe::sockets_but_time_wait().is_ok_and(|sockets| is_unheard(&held, &sockets))
}

/// Whether the other end of a socket that is held has sent a FIN that was not acknowledged.
fn is_unheard(held: &HashSet<u64>, sockets: &[Socket]) -> bool {
    let is_parting = |socket: &&Socket| matches!(socket.state, State::FinWait1 | State::Closing);
    let parting: HashSet<_> =
        sockets.iter().filter(is_parting).map(|socket| (socket.peer, socket.local)).collect();
    let mut own = sockets.iter().filter(|socket| held.contains(&socket.inode));
    own.any(|socket| parting.contains(&(socket.local, socket.peer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(foreign: Option<f64>, zombies_left: usize) -> Turn {
        let measured = Measured { foreign, ..Measured::nothing() };
        Turn { measured, descriptors_left: None, zombies_left, died: None }
    }

    #[test]
    fn a_quieter_turn_is_better_unless_it_hides_something() {
        let first = turn(Some(0.5), 1);
        assert!(turn(Some(0.1), 1).is_better(&first) && turn(Some(0.1), 7).is_better(&first));
        assert!(!turn(Some(0.1), 0).is_better(&first), "the zombie is gone");
        assert!(!turn(Some(0.6), 1).is_better(&first), "others had more");
        assert!(!turn(None, 1).is_better(&first), "too short to know");
    }

    #[test]
    fn a_connection_whose_client_has_closed_unheard_is_not_left_open() {
        let [server, client] = ["127.0.0.1:80", "127.0.0.1:4000"].map(|one| one.parse().unwrap());
        let socket = |local, peer, state, inode| Socket {
            local,
            peer,
            state,
            inode,
            received: 0,
            unacknowledged: 0,
        };
        let own = socket(server, client, State::Established, 7);
        let of = |held, other| {
            let other = socket(client, server, other, 0);
            is_unheard(&HashSet::from([held]), &[own.clone(), other])
        };
        assert!(of(7, State::FinWait1));
        // It has heard of it, and keeps the connection; or does not hold it.
        assert!(!of(7, State::FinWait2) && !of(8, State::FinWait1));
    }
}
