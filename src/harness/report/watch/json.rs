//! A snapshot as JSON.

use super::{
    super::super::observe::{Connection, Event, Holder, Listener, Member, Snapshot, State},
    text::ended,
};
use serde::Serialize;
use std::net::SocketAddr;

/// A snapshot as a line of JSON: an object with `schema` 1. Where something may not be known there
/// is `null`.
pub fn snapshot_json(snapshot: &Snapshot) -> serde_json::Result<String> {
    let sockets = snapshot.sockets.as_ref().ok();
    let counted = sockets.and_then(|sockets| sockets.since);
    let frame = Frame {
        schema: 1,
        seconds: snapshot.elapsed.as_secs_f64(),
        processes: (!snapshot.is_hidden)
            .then(|| snapshot.processes.iter().map(ProcessView::of).collect()),
        listening: sockets.map(|all| all.listeners.iter().map(ListenerView::of).collect()),
        connections: sockets.map(|all| all.connections.iter().map(ConnectionView::of).collect()),
        why_unknown: snapshot.sockets.as_ref().err().map(String::as_str),
        opened: counted.map(|counted| counted.opened),
        accept_queue_overflows: counted.map(|counted| counted.listen_overflows),
        accept_queue_drops: counted.map(|counted| counted.listen_drops),
        events: snapshot.events.iter().map(EventView::of).collect(),
    };
    serde_json::to_string(&frame).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Frame<'a> {
    schema: u32,
    /// Since the watch began.
    seconds: f64,
    processes: Option<Vec<ProcessView<'a>>>,
    listening: Option<Vec<ListenerView>>,
    connections: Option<Vec<ConnectionView>>,
    /// Why the sockets are not known.
    why_unknown: Option<&'a str>,
    /// Connections that clients have opened since the watch began, to all servers of the network
    /// namespace; so the other two.
    opened: Option<u64>,
    accept_queue_overflows: Option<u64>,
    accept_queue_drops: Option<u64>,
    events: Vec<EventView>,
}

/// What has happened to a process: `started`, `zombie`, `reaped`, `orphaned`.
#[derive(Serialize)]
struct EventView {
    event: &'static str,
    pid: u32,
    /// Who started it, or whom it has outlived.
    parent: Option<u32>,
    /// How it ended.
    end: Option<String>,
}

impl EventView {
    fn of(event: &Event) -> Self {
        let (event, pid, parent, end) = match *event {
            Event::Started { pid, parent } => ("started", pid, Some(parent), None),
            Event::Zombie { pid, end } => ("zombie", pid, None, end.map(ended)),
            Event::Reaped { pid } => ("reaped", pid, None, None),
            Event::Orphaned { pid, parent } => ("orphaned", pid, parent, None),
        };
        Self { event, pid, parent, end }
    }
}

#[derive(Serialize)]
struct ProcessView<'a> {
    pid: u32,
    parent: u32,
    name: &'a str,
    /// A letter of `proc_pid_stat(5)`.
    state: char,
    is_zombie: bool,
    is_orphan: bool,
    /// How a zombie ended: `exit 0`, `SIGKILL`.
    end: Option<String>,
    threads: u64,
    descriptors: Option<u64>,
    pss_bytes: Option<u64>,
    /// Processors in use now, and seconds of one in all.
    cpu_now: Option<f64>,
    cpu_seconds: f64,
    context_switches: Option<u64>,
    age_seconds: f64,
}

impl<'a> ProcessView<'a> {
    fn of(member: &'a Member) -> Self {
        let process = &member.process;
        Self {
            pid: process.pid,
            parent: process.parent,
            name: &process.name,
            state: process.state,
            is_zombie: process.is_zombie(),
            is_orphan: member.is_orphan,
            end: process.end.map(ended),
            threads: process.threads,
            descriptors: member.descriptors(),
            pss_bytes: member.pss,
            cpu_now: member.cpu_now,
            cpu_seconds: process.own_cpu.as_secs_f64(),
            context_switches: member.switches,
            age_seconds: member.age.as_secs_f64(),
        }
    }
}

#[derive(Serialize)]
struct ListenerView {
    address: SocketAddr,
    queued: u32,
    backlog: u32,
    /// `null` if they may not be known.
    holders: Option<Vec<HolderView>>,
}

impl ListenerView {
    fn of(listener: &Listener) -> Self {
        Self {
            address: listener.address,
            queued: listener.queued,
            backlog: listener.backlog,
            holders: listener.holders.as_deref().map(HolderView::all),
        }
    }
}

#[derive(Serialize)]
struct ConnectionView {
    /// This end, and the other.
    local: SocketAddr,
    peer: SocketAddr,
    /// Whether it is a client here, of another server; `null` if that cannot be told.
    is_outgoing: Option<bool>,
    /// By the name of RFC 9293, at this end, and at the other if that is on this machine.
    state: &'static str,
    peer_state: Option<&'static str>,
    unread_bytes: u32,
    unacknowledged_bytes: u32,
    /// `null` if they may not be known.
    holders: Option<Vec<HolderView>>,
}

impl ConnectionView {
    fn of(connection: &Connection) -> Self {
        Self {
            local: connection.local,
            peer: connection.peer,
            is_outgoing: connection.is_outgoing,
            state: connection.state.name(),
            peer_state: connection.peer_state.map(State::name),
            unread_bytes: connection.unread,
            unacknowledged_bytes: connection.unacknowledged,
            holders: connection.holders.as_deref().map(HolderView::all),
        }
    }
}

#[derive(Serialize)]
struct HolderView {
    pid: u32,
    descriptor: u32,
}

impl HolderView {
    fn all(holders: &[Holder]) -> Vec<Self> {
        let view = |&Holder { pid, descriptor }: &Holder| Self { pid, descriptor };
        holders.iter().map(view).collect()
    }
}
