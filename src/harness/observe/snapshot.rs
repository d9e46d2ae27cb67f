//! A server at one moment, as plain data.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use super::{Counters, End, Holder, Holders, Process, Socket, State};

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
    /// How many descriptors it has open; `None` if they may not be counted.
    pub descriptors: Option<u64>,
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
    /// How many connections wait to be accepted.
    pub queued: u32,
    /// The backlog. One more than that may wait.
    pub backlog: u32,
    /// Who of the server holds it; `None` if that may not be known.
    pub holders: Option<Vec<Holder>>,
}

/// A connection, as this server's end has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// This end's address.
    pub local: SocketAddr,
    /// The other end's address.
    pub peer: SocketAddr,
    /// This server has opened it, as a client of somebody else.
    pub is_outgoing: bool,
    /// Where it stands at this end.
    pub state: State,
    /// Where it stands at the other end, if that is on this machine.
    pub peer_state: Option<State>,
    /// Bytes that have come and were not read.
    pub unread: u32,
    /// Bytes that the other end has not acknowledged.
    pub unacknowledged: u32,
    /// Who of the server holds it: nobody, if it waits in the accept queue, or is being closed;
    /// `None` if that may not be known.
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
        /// Who that was.
        parent: u32,
    },
}

impl Snapshot {
    /// Nothing of it is left: neither a process, nor a socket that listens.
    pub fn is_over(&self) -> bool {
        self.processes.is_empty() && self.listeners().is_empty()
    }

    /// Whether all its descriptors may be read, so that all its sockets are known.
    pub fn is_open(&self) -> bool {
        !self.is_hidden && self.processes.iter().all(|one| one.descriptors.is_some())
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

impl Listener {
    pub(super) fn of(socket: &Socket, holders: &Holders) -> Self {
        Self {
            address: socket.local,
            queued: socket.received,
            backlog: socket.unacknowledged,
            holders: holders.known_of(socket),
        }
    }
}

impl Connection {
    pub(super) fn of(
        socket: &Socket,
        is_outgoing: bool,
        peer_state: Option<State>,
        holders: &Holders,
    ) -> Self {
        Self {
            local: socket.local,
            peer: socket.peer,
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

    /// What is remarkable about the state, in words.
    pub fn remark(&self) -> Option<&'static str> {
        match (self.state, self.is_outgoing) {
            (State::CloseWait, false) => Some("the client has closed, this server has not"),
            (State::FinWait2, false) => Some("this server has closed, the client has not"),
            (State::CloseWait, true) => Some("the other server has closed, this client has not"),
            (State::FinWait2, true) => Some("this client has closed, the other server has not"),
            _ => None,
        }
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
