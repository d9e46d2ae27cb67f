//! What a server is, found from outside: hold clients that say nothing, count what they cost it in
//! processes and threads, and see whether one more is served.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
};

use super::{
    super::observe::{self, Holders, Process, State},
    bench::{Bench, Running},
    client::Client,
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
        if bench.concurrent().verdict == Verdict::Fail && own.workers.len() == 1 && !own.has_master
        {
            return found(Kind::Iterative, "one silent client, and nobody else is served".into());
        }
        let mut held = Count::of(&server);
        let mut count = accepted;
        while clients.len() < MANY || (held.threads >= clients.len() && clients.len() < MOST) {
            let more = MANY.max(2 * held.threads).min(MOST) - clients.len().min(MOST);
            clients.append(&mut server.connect_many(more.max(1))?);
            let (before, before_them) = (held, count);
            count = server.await_accepted(&mut clients);
            held = Count::of(&server);
            // Each has its own, and would have for ever; or no more are accepted.
            let more = count - before_them.min(count);
            if held.since(before).threads >= more - more / 4 {
                break;
            }
        }
        let grown = held.since(rest);
        let (processes, threads) = (grown.processes, grown.threads);
        if is_served(&server) {
            if threads > 0 && threads >= count - count / 4 {
                let evidence = format!("{count} silent clients, {threads} more threads");
                return found(Kind::ThreadPerConnection, evidence);
            }
            let evidence = format!(
                "{count} silent clients and one more that is served, {} threads",
                held.threads
            );
            return match own.loops() {
                1 => found(Kind::EventLoop, evidence),
                loops => found(Kind::EventLoops(loops), format!("{evidence}, {}", own.said())),
            };
        }
        let evidence = |workers: &str| format!("{count} silent clients hold all {workers}");
        let most = Listening::of(&server, &server.living())?;
        if most.has_master || most.workers.len() > 1 || processes > 1 {
            let workers = most.workers.len();
            return found(Kind::Prefork(workers), evidence(&format!("{workers} processes")));
        }
        if held.threads > 1 {
            let pool = held.threads - 1;
            return found(Kind::ThreadPool(pool), evidence(&format!("{pool} threads")));
        }
        found(Kind::Iterative, "one silent client, and nobody else is served".to_owned())
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
        let sockets = observe::sockets()
            .map_err(|error| Finding::unknown(format!("the sockets cannot be listed: {error}")))?;
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

    /// How many wait for clients: processes, or in one process a listening socket each
    /// (`SO_REUSEPORT`, socket(7)).
    fn loops(&self) -> usize {
        if self.workers.len() > 1 { self.workers.len() } else { self.sockets.max(1) }
    }

    fn said(&self) -> String {
        match self.workers.len() {
            1 => format!("{} listening sockets", self.sockets),
            workers => format!("{workers} processes that listen"),
        }
    }
}
