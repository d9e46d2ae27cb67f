//! A server at one moment, as plain data.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use super::{Counters, Descriptor, End, Holder, Holders, Process, Socket, State};

/// What was seen of a server at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How long it has been watched.
    pub elapsed: Duration,
    /// Its processes may not be known.
    pub is_hidden: bool,
    /// Each process behind its parent, its own children right behind it; the orphans last.
    pub processes: Vec<Member>,
    /// Its sockets, or why they cannot be known.
    pub sockets: Result<Sockets, String>,
    /// What has happened since the snapshot before.
    pub events: Vec<Event>,
}

/// The sockets of a server.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    /// Those on which it listens.
    pub listeners: Vec<Listener>,
    /// The connections to those, and those that it has opened itself.
    pub connections: Vec<Connection>,
    /// What the kernel had counted before the watch began, for all servers of the network namespace;
    /// `None` if it may not be read.
    pub before: Option<Counters>,
    /// What it has counted since.
    pub since: Option<Counters>,
}

/// A process of the server.
#[derive(Clone, Debug)]
pub struct Member {
    /// The process.
    pub process: Process,
    /// How many of its ancestors are of the server.
    pub depth: usize,
    /// Its parent has ended, and was of the server.
    pub is_orphan: bool,
    /// How long ago it was started.
    pub age: Duration,
    /// The processor time that it has spent since the snapshot before, of each second; 2.0 are two
    /// processors. `None` in its first.
    pub cpu_now: Option<f64>,
    /// Its descriptors, in the order of the numbers; `None` if they may not be read.
    pub table: Option<Arc<[Descriptor]>>,
    /// Its proportional set size in bytes; `None` if it may not be read.
    pub pss: Option<u64>,
    /// The context switches of its threads so far; `None` if they may not be read.
    pub switches: Option<u64>,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    /// The number that its descriptors show.
    pub inode: u64,
    /// How many connections wait to be accepted.
    pub queued: u32,
    /// The backlog. One more than that may wait.
    pub backlog: u32,
    /// Who holds it, of the server, or of those from whom it may have it; `None` if that may not be
    /// known.
    pub holders: Option<Vec<Holder>>,
}

/// A connection, as this server's end has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// This end's address.
    pub local: SocketAddr,
    /// The other end's address.
    pub peer: SocketAddr,
    /// The number that its descriptors show; 0 if it has none.
    pub inode: u64,
    /// This server has opened it, as a client of somebody else; `None` if that cannot be told, for no
    /// socket that is seen here listens at either end.
    pub is_outgoing: Option<bool>,
    /// Where it stands at this end.
    pub state: State,
    /// Where it stands at the other end, if that is on this machine.
    pub peer_state: Option<State>,
    /// Bytes that have come and were not read.
    pub unread: u32,
    /// Bytes that the other end has not acknowledged.
    pub unacknowledged: u32,
    /// Who holds it, of the server, or of those from whom it may have it: nobody, if it waits in the
    /// accept queue, or is being closed; `None` if that may not be known.
    pub holders: Option<Vec<Holder>>,
}

/// Something that has happened to a process between two snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was started.
    Started {
        /// It.
        pid: u32,
        /// By this one.
        parent: u32,
    },
    /// It has ended, and its parent has not waited for it.
    Zombie {
        /// It.
        pid: u32,
        /// How it ended, if that may be known.
        end: Option<End>,
    },
    /// It is gone: it has ended, and somebody has waited for it.
    Reaped {
        /// It.
        pid: u32,
    },
    /// Its parent has ended before it.
    Orphaned {
        /// It.
        pid: u32,
        /// Who that was, if it was seen.
        parent: Option<u32>,
    },
}

impl Snapshot {
    /// Nothing of it is left: neither a process, nor a socket that listens.
    pub fn is_over(&self) -> bool {
        let is_known = !self.is_hidden || self.sockets.is_ok();
        self.processes.is_empty() && self.listeners().is_empty() && is_known
    }

    /// Whether all its descriptors may be read, so that all its sockets are known.
    pub fn is_open(&self) -> bool {
        !self.is_hidden && self.processes.iter().all(|one| one.table.is_some())
    }

    /// The listening sockets that are known.
    pub fn listeners(&self) -> &[Listener] {
        self.sockets.as_ref().map_or(&[], |sockets| &sockets.listeners)
    }

    /// The connections that are known.
    pub fn connections(&self) -> &[Connection] {
        self.sockets.as_ref().map_or(&[], |sockets| &sockets.connections)
    }
}

impl Member {
    /// How many descriptors it has open; `None` if they may not be counted.
    pub fn descriptors(&self) -> Option<u64> {
        self.table.as_ref().map(|table| table.len() as u64)
    }
}

impl Listener {
    pub(super) fn of(socket: &Socket, holders: &Holders) -> Self {
        Self {
            address: socket.local,
            inode: socket.inode,
            queued: socket.received,
            backlog: socket.unacknowledged,
            holders: holders.known_of(socket),
        }
    }
}

impl Connection {
    pub(super) fn of(
        socket: &Socket,
        is_outgoing: Option<bool>,
        peer_state: Option<State>,
        holders: &Holders,
    ) -> Self {
        Self {
            local: socket.local,
            peer: socket.peer,
            inode: socket.inode,
            is_outgoing,
            state: socket.state,
            peer_state,
            unread: socket.received,
            unacknowledged: socket.unacknowledged,
            holders: holders.known_of(socket),
        }
    }

    /// Those who are known to hold it.
    pub fn holders(&self) -> &[Holder] {
        self.holders.as_deref().unwrap_or_default()
    }

    /// What is remarkable about its state, in words.
    pub fn remark(&self) -> Option<&'static str> {
        remark(self.state, self.is_outgoing)
    }
}

/// What is remarkable about a state, in words; of a connection that this server has opened, or has
/// not, or that may be either.
pub fn remark(state: State, is_outgoing: Option<bool>) -> Option<&'static str> {
    match (state, is_outgoing) {
        (State::CloseWait, Some(false)) => Some("the client has closed, this server has not"),
        (State::FinWait2, Some(false)) => Some("this server has closed, the client has not"),
        (State::CloseWait, Some(true)) => Some("the other server has closed, this client has not"),
        (State::FinWait2, Some(true)) => Some("this client has closed, the other server has not"),
        (State::CloseWait, None) => Some("the other end has closed, this one has not"),
        (State::FinWait2, None) => Some("this end has closed, the other one has not"),
        _ => None,
    }
}

/// Each process behind its parent, the orphans and their families last; and how deep each is.
pub(super) fn in_order(members: Vec<Member>) -> Vec<Member> {
    let pids: BTreeSet<u32> = members.iter().map(|member| member.process.pid).collect();
    let mut children: BTreeMap<Option<u32>, Vec<Member>> = BTreeMap::new();
    for member in members {
        let parent = member.process.parent;
        let parent = Some(parent).filter(|parent| pids.contains(parent) && !member.is_orphan);
        children.entry(parent).or_default().push(member);
    }
    // A stack, so the first comes last.
    let mut waiting = children.remove(&None).unwrap_or_default();
    waiting.sort_by_key(|member| Reverse((member.is_orphan, member.process.started)));
    let mut ordered = Vec::with_capacity(pids.len());
    while let Some(member) = waiting.pop() {
        let depth = member.depth + 1;
        let own = children.remove(&Some(member.process.pid)).unwrap_or_default();
        waiting.extend(own.into_iter().rev().map(|child| Member { depth, ..child }));
        ordered.push(member);
    }
    ordered
}
