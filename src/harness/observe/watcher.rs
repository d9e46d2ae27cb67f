//! A server watched over time: what takes more than one look.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    iter::successors,
    mem,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};

use super::{
    Connection, Counters, Descriptor, Event, Holders, Listener, Member, Process, Snapshot, Socket,
    Sockets, State, every, process::NAME, snapshot::in_order, sockets,
};

/// Where the processes of a server are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// It is known by its port alone, for the descriptors of those who listen there may not be
    /// read.
    Hidden(u16),
    /// This process and its descendants. Those that outlive their parents are remembered.
    Process(u32),
    /// The descendants of a supervisor, to whom the kernel gives the orphans as well. `server` is
    /// the process that it has started.
    Supervised {
        /// The supervisor, which is no part of the server.
        keeper: u32,
        /// The process that it has started.
        server: u32,
    },
}

/// Takes one snapshot after another.
#[derive(Debug)]
pub struct Watcher {
    root: Root,
    began: Instant,
    /// When it looked last, if it ever did.
    looked: Option<Instant>,
    counted: Option<Counters>,
    known: BTreeMap<Id, Known>,
    /// The ports on which it has ever listened.
    ports: HashSet<u16>,
    /// Of whom the dear figures are read next.
    turn: Id,
}

/// What tells a process from all others there ever were: its pid, and when it was started.
type Id = (u32, Duration);

/// What is remembered of a process.
#[derive(Debug)]
struct Known {
    process: Process,
    is_orphan: bool,
    cpu_now: Option<f64>,
    figures: Figures,
}

/// What it takes long to read. `None` also as long as there was no time for it.
#[derive(Debug, Default)]
struct Figures {
    table: Option<Arc<[Descriptor]>>,
    pss: Option<u64>,
    switches: Option<u64>,
}

impl Watcher {
    /// Begins to watch.
    pub fn new(root: Root) -> Self {
        Self {
            root,
            began: Instant::now(),
            looked: None,
            counted: Counters::read().ok(),
            known: BTreeMap::new(),
            ports: HashSet::new(),
            turn: Id::default(),
        }
    }

    /// Looks once. Descriptors, memory and context switches are read for at most `patience`, if
    /// there is one, of one process after another: of ten thousand that takes seconds. Those for
    /// whom there was no time keep what was read before, and come first at the next look.
    pub fn look(&mut self, patience: Option<Duration>) -> Snapshot {
        let now = Instant::now();
        let there = Everybody::new(every());
        let kin = self.kin(&there);
        let events = self.enter(there, now);
        let deadline = patience.map(|patience| Instant::now() + patience);
        let are_current = self.read_figures(deadline);
        let mut holders = Holders::default();
        for one in kin.iter().take_while(|_| !is_past(deadline)) {
            holders.enter(one.pid, &one.table().unwrap_or_default());
        }
        Snapshot {
            elapsed: now.duration_since(self.began),
            is_hidden: matches!(self.root, Root::Hidden(_)),
            processes: self.members(),
            sockets: self.sockets(holders, are_current),
            events,
        }
    }

    /// Those outside who may hold the same sockets as a process that is watched by its pid: it may
    /// have them from its ancestors, and its siblings from there too. Of the first process of the
    /// system all are children.
    fn kin(&self, there: &Everybody) -> Vec<Process> {
        let Root::Process(root) = self.root else { return Vec::new() };
        let parent =
            |one: &Process| there.by_pid.get(&one.parent).filter(|parent| parent.pid > 1).cloned();
        let ancestors = successors(there.by_pid.get(&root).and_then(parent), parent);
        let mut kin: Vec<_> = ancestors.collect();
        let siblings = kin.first().and_then(|first| there.children.get(&first.pid));
        let siblings = siblings.into_iter().flatten().filter(|&&pid| pid != root);
        kin.extend(siblings.filter_map(|pid| there.by_pid.get(pid).cloned()));
        kin
    }

    /// The processes of the server among all, and whether they are orphans.
    fn processes(&self, mut there: Everybody) -> Vec<(Process, bool)> {
        match self.root {
            Root::Hidden(_) => Vec::new(),
            Root::Supervised { keeper, server } => {
                let below = there.take_family(keeper).into_iter().skip(1);
                let with_it = |one: Process| {
                    let is_orphan = one.parent == keeper && one.pid != server;
                    (one, is_orphan)
                };
                below.map(with_it).collect()
            }
            Root::Process(root) => {
                // The pid may have been given to a stranger.
                let is_it =
                    |one: &Process| self.looked.is_none() || self.known.contains_key(&id(one));
                let has_root = there.by_pid.get(&root).is_some_and(is_it);
                let family = if has_root { there.take_family(root) } else { Vec::new() };
                let mut found: Vec<_> = family.into_iter().map(|one| (one, false)).collect();
                // Parents first, which pids do not tell.
                let mut known: Vec<&Id> = self.known.keys().collect();
                known.sort_by_key(|(_, started)| started);
                for &&(pid, started) in &known {
                    if there.by_pid.get(&pid).is_some_and(|one| one.started == started) {
                        let family = there.take_family(pid).into_iter().enumerate();
                        found.extend(family.map(|(index, one)| (one, index == 0)));
                    }
                }
                found
            }
        }
    }

    /// Remembers who is there now, and says what has happened since the look before.
    fn enter(&mut self, there: Everybody, now: Instant) -> Vec<Event> {
        let since = self.looked.map(|before| now.duration_since(before));
        let processes = self.processes(there);
        let mut before = mem::take(&mut self.known);
        let pids: HashSet<u32> = before.keys().map(|&(pid, _)| pid).collect();
        let mut events = Vec::new();
        for (process, is_orphan) in processes {
            let old = before.remove(&id(&process));
            // The new parent may be of the server too (`PR_SET_CHILD_SUBREAPER(2const)`).
            let has_outlived = |old: &Known| {
                let parent = old.process.parent;
                old.is_orphan || parent != process.parent && pids.contains(&parent)
            };
            let is_orphan = is_orphan || old.as_ref().is_some_and(has_outlived);
            if since.is_some() {
                events.extend(event(old.as_ref(), &process, is_orphan));
            }
            let cpu_now = old.as_ref().zip(since).map(|(old, since)| {
                process.own_cpu.saturating_sub(old.process.own_cpu).as_secs_f64()
                    / since.as_secs_f64()
            });
            let figures = if process.is_zombie() {
                Figures { table: Some(Arc::default()), pss: Some(0), switches: Some(0) }
            } else {
                old.map(|old| old.figures).unwrap_or_default()
            };
            self.known.insert(id(&process), Known { process, is_orphan, cpu_now, figures });
        }
        events.extend(before.into_values().map(|gone| Event::Reaped { pid: gone.process.pid }));
        self.looked = Some(now);
        events
    }

    /// Says whether there was time for all.
    fn read_figures(&mut self, deadline: Option<Instant>) -> bool {
        let (first, last) = (self.known.range(..self.turn), self.known.range(self.turn..));
        let turns: Vec<Id> = last.chain(first).map(|(&id, _)| id).collect();
        for id in turns {
            if is_past(deadline) {
                self.turn = id;
                return false;
            }
            if let Some(known) = self.known.get_mut(&id) {
                known.figures = Figures {
                    table: known.process.table().map(Arc::from),
                    pss: known.process.pss(),
                    switches: known.process.switches(),
                };
            }
        }
        true
    }

    fn members(&self) -> Vec<Member> {
        let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
        let names: HashMap<u32, &str> =
            self.known.values().map(|one| (one.process.pid, one.process.name.as_str())).collect();
        // A zombie has no command line any more, and most bear the name of their parent.
        let full_name = |process: &Process| {
            let is_cut = process.is_zombie() && process.name.len() == NAME;
            let parent = names.get(&process.parent).filter(|_| is_cut);
            let full = parent.filter(|parent| parent.starts_with(&process.name));
            full.map_or(process.name.clone(), |&parent| parent.to_owned())
        };
        let members = self.known.values().map(|known| Member {
            process: Process { name: full_name(&known.process), ..known.process.clone() },
            depth: 0,
            is_orphan: known.is_orphan,
            age: boot.saturating_sub(known.process.started),
            cpu_now: known.cpu_now,
            table: known.figures.table.clone(),
            pss: known.figures.pss,
            switches: known.figures.switches,
        });
        in_order(members.collect())
    }

    /// The server's sockets, or why they cannot be known. `others` are those who hold them and are
    /// no part of it.
    fn sockets(&mut self, others: Holders, are_current: bool) -> Result<Sockets, String> {
        if self.known.values().any(|one| is_elsewhere(one.process.pid)) {
            return Err(
                "it is in a network namespace of its own (nsenter(1) goes there)".to_owned()
            );
        }
        let (mut own, mut holders) = (HashSet::new(), others);
        let mut are_known = are_current && !matches!(self.root, Root::Hidden(_));
        for known in self.known.values() {
            are_known &= known.figures.table.is_some();
            let table = known.figures.table.as_deref().unwrap_or_default();
            own.extend(table.iter().filter_map(|one| one.target.socket()));
            holders.enter(known.process.pid, table);
        }
        let all = sockets().map_err(|error| format!("the kernel does not list them: {error}"))?;
        let (listeners, connections) = self.own(all, &own, are_known, &holders);
        let since = self.counted.zip(Counters::read().ok()).map(|(before, now)| now.since(before));
        Ok(Sockets { listeners, connections, before: self.counted, since })
    }

    /// Those that its processes hold, `held`, and those that nobody holds but whose clients have
    /// come to where it listens. Others may listen there as well, or have listened there before:
    /// what they hold is not taken for the server's, if all that it holds is known.
    fn own(
        &mut self,
        all: Vec<Socket>,
        held: &HashSet<u64>,
        are_known: bool,
        holders: &Holders,
    ) -> (Vec<Listener>, Vec<Connection>) {
        let states: HashMap<_, _> =
            all.iter().map(|one| ((one.local, one.peer), one.state)).collect();
        let is_held = |one: &Socket| held.contains(&one.inode);
        let (listening, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|one| one.state == State::Listen);
        let is_its_port =
            |one: &Socket| matches!(self.root, Root::Hidden(port) if port == one.local.port());
        let places: Vec<_> = listening.iter().map(|one| one.local).collect();
        let listeners = listening.into_iter().filter(|one| is_held(one) || is_its_port(one));
        let mut listeners: Vec<_> = listeners.map(|one| Listener::of(&one, holders)).collect();
        listeners.sort_by_key(|one| (Reverse(one.queued), one.address));
        self.ports.extend(listeners.iter().map(|one| one.address.port()));
        let has_come = |one: &Socket| listeners.iter().any(|to| leads_to(one.local, to.address));
        let is_own = |one: &Socket| is_held(one) || (one.inode == 0 || !are_known) && has_come(one);
        let is_served = |place: SocketAddr| places.iter().any(|&to| leads_to(place, to));
        let connections = others.into_iter().filter(is_own).map(|one| {
            let peer_state = states.get(&(one.peer, one.local)).copied();
            let is_outgoing = if self.ports.contains(&one.local.port()) || is_served(one.local) {
                Some(false)
            } else {
                is_served(one.peer).then_some(true)
            };
            Connection::of(&one, is_outgoing, peer_state, holders)
        });
        let connections = connections.collect();
        (listeners, connections)
    }
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// Whether who connects to `place` gets to a socket that listens at `listener` (`ip(7)`,
/// `INADDR_ANY`).
fn leads_to(place: SocketAddr, listener: SocketAddr) -> bool {
    let is_there = listener.ip().is_unspecified() || listener.ip() == place.ip();
    is_there && listener.port() == place.port()
}

/// Whether a process has other sockets than this one can see (`network_namespaces(7)`).
fn is_elsewhere(pid: u32) -> bool {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net"));
    match (namespace(&pid.to_string()), namespace("thread-self")) {
        (Ok(its), Ok(own)) => its != own,
        // It has ended, or is another user's.
        _ => false,
    }
}

/// All processes that there are: to read them all is cheaper than to ask each for its children.
struct Everybody {
    by_pid: HashMap<u32, Process>,
    children: HashMap<u32, Vec<u32>>,
}

impl Everybody {
    fn new(processes: Vec<Process>) -> Self {
        let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
        for process in &processes {
            children.entry(process.parent).or_default().push(process.pid);
        }
        let by_pid = processes.into_iter().map(|process| (process.pid, process)).collect();
        Self { by_pid, children }
    }

    /// Takes out a process and all its descendants, it first.
    fn take_family(&mut self, root: u32) -> Vec<Process> {
        let mut family = Vec::new();
        let mut waiting = vec![root];
        while let Some(pid) = waiting.pop() {
            family.extend(self.by_pid.remove(&pid));
            waiting.extend(self.children.remove(&pid).unwrap_or_default());
        }
        family
    }
}

fn id(process: &Process) -> Id {
    (process.pid, process.started)
}

fn event(old: Option<&Known>, process: &Process, is_orphan: bool) -> Option<Event> {
    let &Process { pid, parent, end, .. } = process;
    // It may have started and ended since the look before: that it was not reaped says more.
    if process.is_zombie() && !old.is_some_and(|old| old.process.is_zombie()) {
        return Some(Event::Zombie { pid, end });
    }
    match old {
        // Who has started it was never seen.
        None if is_orphan => Some(Event::Orphaned { pid, parent: None }),
        None => Some(Event::Started { pid, parent }),
        Some(old) => {
            let is_new = is_orphan && !old.is_orphan;
            is_new.then_some(Event::Orphaned { pid, parent: Some(old.process.parent) })
        }
    }
}
