//! What a probe works with: fresh servers, clients, and what has been learned of the server so far.

use std::{
    cell::{Cell, OnceCell},
    collections::HashSet,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    super::{
        observe::{self, Process, Socket, State, Tree},
        supervise::{Claim, Launch, Server},
    },
    client::{Client, PATIENCE, pump, words},
    finding::{Exchange, Finding, Judged, Verdict},
    model::Model,
    probes::{concurrent, survives_child},
    target::{Target, last_words},
};

/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(10);

/// How long a handshake may take on loopback, if no SYN is lost.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(500);

/// How long it may take if one is lost, which is sent again after a second (RFC 6298 section 2).
const KNOCK: Duration = Duration::from_millis(2500);

/// So many lost SYNs, and the server is not waited for any more.
const LOST: usize = 4;

/// The pause between two clients of a server that has lost one.
const PACE: Duration = Duration::from_millis(2);

/// Who accepts fewer clients than this in half a second, and is at rest, accepts no more.
const HARDLY: usize = 5;

/// After so many such spells also who is not at rest.
const SPELLS: usize = 10;

/// How long a server may take to accept many clients, as long as it goes on: on a machine that is
/// very busy a thousand forks take half a minute.
const ACCEPTING: Duration = Duration::from_secs(120);

/// For how long a server at rest does nothing.
const QUIET: Duration = Duration::from_millis(100);

/// How long a server may take until it is at rest.
const SETTLING: Duration = Duration::from_secs(5);

/// All that the probes share.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) target: &'a Target,
    pub(super) stop: &'a AtomicBool,
    model: OnceCell<Result<Model, Finding>>,
    concurrent: OnceCell<Finding>,
    survives_child: OnceCell<Finding>,
    ends_with_first: OnceCell<bool>,
    /// It says something before its clients do.
    pub(super) speaks_first: Cell<bool>,
    /// The end of an answer that ends with its connection did not come.
    ends_late: Cell<bool>,
}

/// A server of this probe's own. It ends with all its children when this is dropped.
#[derive(Debug)]
pub(super) struct Running<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) server: Server,
    pub(super) address: SocketAddr,
    pub(super) claim: Claim,
}

/// A request that got no good answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) said: String,
    pub(super) exchange: Exchange,
}

impl<'a> Bench<'a> {
    pub(super) fn new(target: &'a Target, stop: &'a AtomicBool) -> Self {
        Self {
            target,
            stop,
            model: OnceCell::new(),
            concurrent: OnceCell::new(),
            survives_child: OnceCell::new(),
            ends_with_first: OnceCell::new(),
            speaks_first: Cell::new(false),
            ends_late: Cell::new(false),
        }
    }

    /// What the server is, as seen from outside.
    pub(super) fn model(&self) -> Result<&Model, Finding> {
        self.model
            .get_or_init(|| Model::find(self))
            .as_ref()
            .map_err(|why| Finding::unknown(format!("its model is not known: {}", why.evidence)))
    }

    /// Whether its model has been found already.
    pub(super) fn knows_model(&self) -> bool {
        self.model.get().is_some()
    }

    /// Whether it serves several clients at once; tried only once.
    pub(super) fn concurrent(&self) -> &Finding {
        let probe = || concurrent::probe(self).unwrap_or_else(|finding| finding);
        self.concurrent.get_or_init(probe)
    }

    /// Whether its accept loop outlives a child; tried only once.
    pub(super) fn survives_child(&self) -> &Finding {
        let probe = || survives_child::probe(self).unwrap_or_else(|finding| finding);
        self.survives_child.get_or_init(probe)
    }

    /// Whether it ends with its first client; tried only once.
    pub(super) fn ends_with_first(&self) -> bool {
        let look = || {
            let Ok(server) = self.start() else { return false };
            let is_served = server.ask().is_ok() && server.ask().is_ok();
            !is_served && self.await_true(PATIENCE, || server.has_ended())
        };
        *self.ends_with_first.get_or_init(look)
    }

    /// An unknown verdict, if the server ends with its first client, or when one of its children
    /// does: what it does not do for many clients may be for that alone.
    pub(super) fn outlives_clients(&self) -> Result<(), Finding> {
        if self.ends_with_first() {
            return Err(Finding::unknown("the server ends with its first client (again)"));
        }
        self.outlives_children()
    }

    pub(super) fn outlives_children(&self) -> Result<(), Finding> {
        if self.survives_child().verdict == Verdict::Fail {
            return Err(Finding::unknown("a child's death stops the server (survives-child)"));
        }
        Ok(())
    }

    /// Starts a fresh server.
    pub(super) fn start(&self) -> Result<Running<'_>, Finding> {
        self.start_with(|launch| launch)
    }

    /// Starts a fresh server with changes to the launch.
    pub(super) fn start_with(
        &self,
        change: impl FnOnce(Launch) -> Launch,
    ) -> Result<Running<'_>, Finding> {
        let not_started = |why: String| Finding::unknown(format!("it did not start again: {why}"));
        let (address, claim) = self.target.address().map_err(|unfit| not_started(unfit.said))?;
        let launch = change(self.target.launch(address));
        let server = self
            .target
            .start(&launch, address, self.stop)
            .map_err(|unfit| not_started(unfit.said))?;
        Ok(Running { bench: self, server, address, claim })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits until something is there, for so long at most.
    pub(super) fn await_some<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + patience;
        loop {
            let seen = look();
            if seen.is_some() || Instant::now() >= deadline || self.is_stopped() {
                return seen;
            }
            thread::sleep(LOOK);
        }
    }

    pub(super) fn await_true(&self, patience: Duration, mut look: impl FnMut() -> bool) -> bool {
        self.await_some(patience, || look().then_some(())).is_some()
    }

    /// Lets clients work until all are done; says whether they are.
    pub(super) fn pump(
        &self,
        clients: &mut [Client],
        patience: Duration,
        done: impl Fn(&Client) -> bool,
    ) -> bool {
        pump(clients, Instant::now() + patience, self.stop, done)
    }
}

impl Running<'_> {
    /// The request of the contract, for this server.
    pub(super) fn request(&self) -> Vec<u8> {
        self.request_for("/", "Connection: close\r\n")
    }

    pub(super) fn request_for(&self, path: &str, fields: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.address).into_bytes()
    }

    pub(super) fn connect(&self) -> Result<Client, Finding> {
        Client::connect(self.address).map_err(|errno| self.not_connected(errno))
    }

    /// Connects so many, one after another; where a short backlog has lost one, slowly, so that a
    /// server that accepts is not outrun. Where that does not help, the others just knock.
    pub(super) fn connect_many(&self, count: usize) -> Result<Vec<Client>, Finding> {
        self.connect_each(count, |_| {})
    }

    /// The same, of clients that have been prepared before anything comes on their connection.
    pub(super) fn connect_each(
        &self,
        count: usize,
        prepare: impl Fn(&mut Client),
    ) -> Result<Vec<Client>, Finding> {
        let mut lost = 0;
        let mut clients = Vec::with_capacity(count);
        while clients.len() < count && !self.bench.is_stopped() {
            let client = Client::begin(self.address).map_err(|errno| self.not_connected(errno));
            let mut client = [client?];
            prepare(&mut client[0]);
            if lost < LOST && !self.bench.pump(&mut client, HANDSHAKE, Client::is_connected) {
                lost += 1;
                self.bench.pump(&mut client, KNOCK, Client::is_connected);
            }
            clients.extend(client);
            if (1..LOST).contains(&lost) {
                thread::sleep(PACE);
            }
        }
        if self.bench.is_stopped() {
            return Err(Finding::unknown("stopped"));
        }
        Ok(clients)
    }

    fn not_connected(&self, errno: Errno) -> Finding {
        if let Some(own) = own_shortage(errno) {
            return own;
        }
        let said = format!("a client cannot connect: {}", words(errno));
        self.broken(Trouble { said, exchange: Exchange::default() })
    }

    /// One whole request of a client of its own, and its answer.
    pub(super) fn ask(&self) -> Result<Client, Trouble> {
        let trouble = |errno| Trouble { said: words(errno), exchange: Exchange::default() };
        let mut client = Client::connect(self.address).map_err(trouble)?;
        client.send(&self.request());
        self.await_answer(&mut client, PATIENCE)?;
        Ok(client)
    }

    pub(super) fn await_answer(
        &self,
        client: &mut Client,
        patience: Duration,
    ) -> Result<(), Trouble> {
        let one = std::slice::from_mut(client);
        self.bench.pump(one, patience, |one| one.is_over() || one.is_answered());
        if one[0].is_answered() {
            // Who hangs up in the middle of an answer is no polite client. Only its end tells that
            // it was whole, and where that did not come once it is not waited for again.
            if !one[0].is_over() && !self.bench.ends_late.get() {
                self.bench.ends_late.set(!self.bench.pump(one, patience, Client::is_over));
            }
            return Ok(());
        }
        Err(Trouble { said: client.trouble(), exchange: client.exchange() })
    }

    /// The finding that a request in trouble comes to, which says so if the server has ended.
    pub(super) fn broken(&self, trouble: Trouble) -> Finding {
        if self.bench.is_stopped() {
            return Finding::unknown("stopped");
        }
        let Trouble { said, exchange } = trouble;
        // The end of a process is seen a moment after that of its sockets.
        let ended = || self.server.exited().filter(|_| self.has_ended());
        let Some(exit) = self.bench.await_some(10 * LOOK, ended) else {
            return Finding::fail(said).with(exchange);
        };
        let last = last_words(&self.server);
        Finding::fail(format!("{said}: the server has ended, {exit}{last}")).with(exchange)
    }

    /// Whether nothing of it is left. Of one that runs in the background (daemon(3)) the process
    /// that was started has ended, and others live.
    pub(super) fn has_ended(&self) -> bool {
        self.server.exited().is_some() && self.living().is_empty()
    }

    /// Whether the server has read all that a client has sent.
    pub(super) fn has_read(client: &Client) -> bool {
        let is_its = |one: &Socket| Some(one.peer) == client.local();
        let sockets = observe::sockets_but_time_wait().unwrap_or_default();
        sockets.iter().find(|one| is_its(one)).is_none_or(|one| one.received == 0)
    }

    /// All its processes, zombies too.
    pub(super) fn tree(&self) -> Tree {
        observe::tree(self.server.keeper()).below_root()
    }

    /// Those that live.
    pub(super) fn living(&self) -> Vec<Process> {
        let processes = self.tree().processes.into_iter();
        processes.filter(|process| !process.is_zombie()).collect()
    }

    /// Waits until it has made all the processes that it begins with, and waits for clients: until
    /// it has needed next to no processor time for a while. Says which processes those are.
    pub(super) fn settle(&self) -> Vec<Process> {
        let deadline = Instant::now() + SETTLING;
        let mut before = self.tree();
        loop {
            thread::sleep(QUIET);
            let now = self.tree();
            if is_at_rest(&before, &now) || Instant::now() >= deadline || self.bench.is_stopped() {
                return now.processes.into_iter().filter(|one| !one.is_zombie()).collect();
            }
            before = now;
        }
    }

    /// Sends a signal to processes of this server, and to none that has got the pid of one since.
    pub(super) fn signal(processes: &[Process], signal: Signal) {
        for process in processes {
            let now = Process::find(process.pid);
            if now.is_some_and(|now| now.started == process.started) {
                // Who has ended needs no signal.
                let _ = kill(Pid::from_raw(process.pid.cast_signed()), signal);
            }
        }
    }

    /// How many of these clients' connections the server has taken out of its accept queue: those
    /// whose other end has a descriptor, or had one.
    pub(super) fn accepted(&self, clients: &[Client]) -> usize {
        // One that the server has closed has no descriptor either.
        self.count(clients, |one| match one.state {
            State::Established => one.inode != 0,
            State::SynReceived => false,
            _ => true,
        })
    }

    /// Whether the kernel keeps some of these clients from the server as long as they say nothing
    /// (tcp(7), `TCP_DEFER_ACCEPT`).
    pub(super) fn is_deferring(&self, clients: &[Client]) -> bool {
        self.count(clients, |one| one.state == State::SynReceived) > 0
    }

    /// How many clients have a connection whose other end is like that.
    fn count(&self, clients: &[Client], is_such: impl Fn(&Socket) -> bool) -> usize {
        let Ok(sockets) = observe::sockets_but_time_wait() else { return clients.len() };
        let ends = sockets.iter().filter(|one| one.local.port() == self.address.port());
        let peers: HashSet<_> = ends.filter(|one| is_such(one)).map(|one| one.peer).collect();
        let is_one = |client: &&Client| client.local().is_some_and(|one| peers.contains(&one));
        clients.iter().filter(is_one).count()
    }

    /// Waits until the server has accepted as many of these clients as it will: all, or hardly any
    /// more.
    pub(super) fn await_accepted(&self, clients: &mut [Client]) -> usize {
        let deadline = Instant::now() + ACCEPTING;
        let (mut before, mut tree, mut since) = (0, self.tree(), Instant::now());
        let mut idle = 0;
        loop {
            let count = self.accepted(clients);
            let mut is_stuck = false;
            if since.elapsed() >= 5 * QUIET {
                let now = self.tree();
                idle = if count < before + HARDLY { idle + 1 } else { 0 };
                // It may be the clients before whom it works for, or others may keep it from that.
                is_stuck = idle > 0 && (idle == SPELLS || is_at_rest(&tree, &now));
                (before, tree, since) = (count, now, Instant::now());
            }
            let is_over = count == clients.len() || is_stuck || Instant::now() >= deadline;
            if is_over || self.bench.is_stopped() {
                clients.iter_mut().for_each(Client::advance);
                return count;
            }
            thread::sleep(LOOK);
        }
    }

    /// Fails unless a new client is answered in the end; `when` says after what. The clients before
    /// it have just gone, which the server need not have noticed yet.
    pub(super) fn serves_again(&self, when: &str) -> Judged {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.still_serves(when) {
                Err(_) if Instant::now() < deadline && !self.has_ended() => {
                    thread::sleep(LOOK);
                }
                judged => return judged,
            }
        }
    }

    /// Fails unless a new client is answered; `when` says after what.
    pub(super) fn still_serves(&self, when: &str) -> Judged {
        match self.ask() {
            Ok(_) => Ok(Finding::pass(format!("it serves {when}"))),
            Err(Trouble { said, exchange }) => {
                Err(self.broken(Trouble { said: format!("{when}: {said}"), exchange }))
            }
        }
    }
}

/// Whether a server has done next to nothing between two looks, and that not for want of a
/// processor.
fn is_at_rest(before: &Tree, now: &Tree) -> bool {
    let pids = |tree: &Tree| tree.processes.iter().map(|one| one.pid).collect::<Vec<_>>();
    let worked = now.cpu().saturating_sub(before.cpu());
    pids(now) == pids(before)
        && worked < QUIET / 20
        && !now.processes.iter().any(Process::is_at_work)
}

/// An unknown verdict, if it is this process that lacks something (connect(2), socket(2)).
pub(super) fn own_shortage(errno: Errno) -> Option<Finding> {
    let hint = match errno {
        Errno::EMFILE => "raise `ulimit -n`",
        Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EADDRNOTAVAIL => {
            "try again when less is going on"
        }
        _ => return None,
    };
    Some(Finding::unknown(format!("no more clients can be made here, {}: {hint}", words(errno))))
}
