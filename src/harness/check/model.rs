//! What a server is, found from outside: hold clients that say nothing, count what they cost it in
//! processes and threads, and see whether one more is served.

use std::{
    collections::{BTreeSet, HashSet},
    fmt::{self, Display},
};

use super::{
    super::observe::{self, Holders, Process, State, Target},
    bench::{Bench, Running},
    client::{Client, send_all},
    finding::{Finding, Verdict},
};

/// So many clients show whether each gets a process or a thread of its own.
const FEW: usize = 9;

/// So many are more than a pool has workers, as a rule.
const MANY: usize = 64;

/// More than this are not held, however many threads there are.
const MOST: usize = 1000;

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One client at a time.
    Iterative,
    /// A process for each connection, made when that comes.
    ForkPerConnection,
    /// So many processes, each with one client at a time.
    Prefork(usize),
    /// A thread for each connection, made when that comes.
    ThreadPerConnection,
    /// So many threads, each with one client at a time.
    ThreadPool(usize),
    /// One thread waits for all clients.
    EventLoop,
    /// So many threads or processes, each of which waits for many clients.
    EventLoops(usize),
}

/// A kind, and what it was told by.
#[derive(Clone, Debug)]
pub struct Model {
    /// The kind.
    pub kind: Kind,
    /// What was counted.
    pub evidence: String,
    /// Its processes that listen have a parent that listens too, and could replace them.
    pub(super) has_master: bool,
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iterative => formatter.write_str("iterative"),
            Self::ForkPerConnection => formatter.write_str("fork per connection"),
            Self::Prefork(workers) => write!(formatter, "prefork ({workers})"),
            Self::ThreadPerConnection => formatter.write_str("thread per connection"),
            Self::ThreadPool(threads) => write!(formatter, "thread pool ({threads})"),
            Self::EventLoop => formatter.write_str("event loop"),
            Self::EventLoops(loops) => write!(formatter, "several event loops ({loops})"),
        }
    }
}

/// Processes and threads that live.
#[derive(Clone, Copy, Debug)]
struct Count {
    processes: usize,
    threads: usize,
}

impl Count {
    fn of(server: &Running<'_>) -> Self {
        let living = server.living();
        let threads = living.iter().map(|one| one.threads).sum::<u64>();
        Self { processes: living.len(), threads: usize::try_from(threads).unwrap_or(usize::MAX) }
    }

    /// How many of each came since.
    fn since(self, before: Self) -> Self {
        Self {
            processes: self.processes.saturating_sub(before.processes),
            threads: self.threads.saturating_sub(before.threads),
        }
    }
}

impl Model {
    pub(super) fn find(bench: &Bench<'_>) -> Result<Self, Finding> {
        let server = bench.start()?;
        let resting = server.settle();
        let own = Listening::of(&server, &resting)?;
        let rest = Count::of(&server);
        let mut clients = server.connect_many(FEW)?;
        let accepted = server.await_accepted(&mut clients);
        let few = Count::of(&server).since(rest);
        let found = |kind, evidence| Ok(Self { kind, evidence, has_master: own.has_master });
        if accepted > FEW / 2 && few.processes + 1 >= accepted {
            let evidence = format!("{accepted} silent clients, {} more processes", few.processes);
            return found(Kind::ForkPerConnection, evidence);
        }
        let is_one_at_a_time = bench.concurrent().verdict == Verdict::Fail;
        if bench.speaks_first.get() {
            let why = "it speaks first, so nobody can say nothing to it (concurrent)";
            return Err(Finding::unknown(why));
        }
        if is_one_at_a_time && own.workers.len() == 1 && !own.has_master {
            return found(Kind::Iterative, "one silent client, and nobody else is served".into());
        }
        // Who serves more clients at once than it has threads cannot have given each one its own.
        let mut held = Count::of(&server);
        while clients.len() < MOST {
            let more = MANY.max(2 * held.threads).min(MOST).saturating_sub(clients.len());
            clients.append(&mut server.connect_many(more.max(1))?);
            server.await_accepted(&mut clients);
            if server.is_deferring(&clients) {
                send_all(&mut clients, b"GET / HTTP/1.1\r\n");
                server.await_accepted(&mut clients);
            }
            let is_served = is_served(&server);
            let accepted = server.accepted(&clients);
            held = Count::of(&server);
            let grown = held.since(rest).threads;
            if !is_served {
                let (kind, by) = Listening::pool(&server, held, clients.len())?;
                return found(kind, by);
            }
            if held.processes <= rest.processes && grown > 0 && grown >= accepted - accepted / 4 {
                let evidence = format!("{accepted} silent clients, {grown} more threads");
                return found(Kind::ThreadPerConnection, evidence);
            }
            if held.threads < accepted {
                let threads = held.threads;
                let evidence =
                    format!("{accepted} silent clients, one more is served, threads: {threads}");
                return match own.loops(&server, &clients)? {
                    1 => found(Kind::EventLoop, evidence),
                    loops => found(Kind::EventLoops(loops), evidence),
                };
            }
        }
        let said = format!("{} threads, more than clients can be held", held.threads);
        Err(Finding::unknown(said))
    }
}

/// Whether a client that comes after all those who are held gets an answer.
fn is_served(server: &Running<'_>) -> bool {
    server.ask().as_ref().is_ok_and(Client::is_answered)
}

/// Who holds the sockets that listen on the server's port.
#[derive(Clone, Debug)]
pub(super) struct Listening {
    /// Those of the processes that have no child among them: the workers, where there are any, or
    /// the server itself.
    pub(super) workers: Vec<Process>,
    has_master: bool,
    /// How many such sockets there are.
    sockets: usize,
}

impl Listening {
    pub(super) fn of(server: &Running<'_>, processes: &[Process]) -> Result<Self, Finding> {
        let hidden = || Finding::unknown("the descriptors of its processes may not be read");
        let mut holders = Holders::default();
        for process in processes {
            holders.enter(process.pid, &process.table().ok_or_else(hidden)?);
        }
        let port = server.address.port();
        let listens =
            |one: &observe::Socket| one.state == State::Listen && one.local.port() == port;
        let sockets = sockets()?;
        let own: Vec<_> = sockets
            .iter()
            .filter(|one| listens(one) && !holders.of(one.inode).is_empty())
            .map(|one| one.inode)
            .collect();
        let holding: BTreeSet<u32> =
            own.iter().flat_map(|&inode| holders.of(inode)).map(|holder| holder.pid).collect();
        let parents: BTreeSet<u32> = processes
            .iter()
            .filter(|one| holding.contains(&one.pid))
            .map(|one| one.parent)
            .collect();
        let is_worker = |one: &&Process| holding.contains(&one.pid) && !parents.contains(&one.pid);
        Ok(Self {
            workers: processes.iter().filter(is_worker).cloned().collect(),
            has_master: parents.iter().any(|parent| holding.contains(parent)),
            sockets: own.len(),
        })
    }

    /// How many loops there are: processes that listen, or to which the one that listens hands its
    /// clients; or in one process a listening socket each (`SO_REUSEPORT`, socket(7)).
    fn loops(&self, server: &Running<'_>, clients: &[Client]) -> Result<usize, Finding> {
        let own: HashSet<_> = clients.iter().filter_map(Client::local).collect();
        let all = sockets()?;
        let held: HashSet<u64> =
            all.iter().filter(|one| own.contains(&one.peer)).map(|one| one.inode).collect();
        let holds = |process: &&Process| {
            let table = process.table().unwrap_or_default();
            table
                .iter()
                .any(|one| matches!(one.target, Target::Socket(inode) if held.contains(&inode)))
        };
        let serving = server.living().iter().filter(holds).count();
        let listening = if self.workers.len() > 1 { self.workers.len() } else { self.sockets };
        Ok(serving.max(listening).max(1))
    }

    /// What a server is that does not serve one client more, and how that was told.
    fn pool(server: &Running<'_>, held: Count, clients: usize) -> Result<(Kind, String), Finding> {
        let now = Self::of(server, &server.living())?;
        let by = |workers: String| format!("{clients} silent clients hold all {workers}");
        let workers = now.workers.len();
        // One thread of each may do nothing but accept.
        let threads: u64 = now.workers.iter().map(|worker| worker.threads.saturating_sub(1)).sum();
        let threads = usize::try_from(threads).unwrap_or(usize::MAX);
        if threads >= workers.max(1) {
            return Ok((Kind::ThreadPool(threads), by(format!("{threads} threads"))));
        }
        if workers <= 1 && !now.has_master && held.processes <= 1 {
            let evidence = "one silent client, and nobody else is served";
            return Ok((Kind::Iterative, evidence.to_owned()));
        }
        Ok((Kind::Prefork(workers), by(format!("{workers} processes"))))
    }
}

fn sockets() -> Result<Vec<observe::Socket>, Finding> {
    observe::sockets_but_time_wait()
        .map_err(|error| Finding::unknown(format!("the sockets cannot be listed: {error}")))
}
