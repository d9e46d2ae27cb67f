//! A snapshot of a server, as text and as JSON.

use super::{
    super::observe::{Connection, End, Event, Holder, Listener, Member, Snapshot, State},
    ink::Ink,
    short,
    table::{Lean, table, text},
};
use comfy_table::Table;
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    net::SocketAddr,
};

/// The columns of the processes.
pub const PROCESS_TITLES: [&str; 9] =
    ["pid", "name", "state", "thr", "fds", "PSS", "CPU", "switches", "age"];

/// The columns of the listening sockets.
pub const LISTENER_TITLES: [&str; 4] = ["listening on", "queued", "backlog", HELD_BY];

/// The columns of the states in which connections are.
pub const STATE_TITLES: [&str; 4] = ["connections", "here", "client's end", ""];

/// The columns of the connections.
pub const CONNECTION_TITLES: [&str; 4] = ["client", "state", "unread", HELD_BY];

const HELD_BY: &str = "held by (pid:fd)";

const LEFT: Lean = Lean::Left;
const RIGHT: Lean = Lean::Right;
const PROCESSES: [Lean; 9] = [RIGHT, LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT];
const SOCKETS: [Lean; 4] = [LEFT, RIGHT, RIGHT, Lean::Wrapped];
const STATES: [Lean; 4] = [LEFT, RIGHT, RIGHT, LEFT];
const CONNECTIONS: [Lean; 4] = [LEFT, LEFT, RIGHT, Lean::Wrapped];

/// So many zombies of one parent, connections, holders and events are shown; of the others it is
/// said how many there are.
const SHOWN: usize = 8;

/// The snapshot as a person reads it.
pub fn snapshot_text(snapshot: &Snapshot, on_terminal: bool, has_colours: bool) -> String {
    let ink = Ink::new(has_colours);
    let mut said = headline(snapshot);
    said.push_str("\n\n");
    said.push_str(&processes(snapshot, on_terminal, ink));
    said.push('\n');
    said.push_str(&listeners(snapshot, on_terminal));
    if !snapshot.connections.is_empty() {
        said.push('\n');
        said.push_str(&states(&snapshot.connections, on_terminal));
        said.push('\n');
        said.push_str(&connections(&snapshot.connections, on_terminal));
    }
    for event in event_lines(&snapshot.events) {
        // Writing into a String cannot fail.
        writeln!(said, "{event}").ok();
    }
    said
}

fn titled<const N: usize>(titles: [&str; N], leans: [Lean; N], on_terminal: bool) -> Table {
    let columns: Vec<_> = titles.into_iter().zip(leans).collect();
    table(&columns, on_terminal)
}

/// What there is, in a line.
pub fn headline(snapshot: &Snapshot) -> String {
    let zombies = snapshot.processes.iter().filter(|one| one.process.is_zombie()).count();
    let orphans = snapshot.processes.iter().filter(|one| one.is_orphan).count();
    let mut parts = vec![counted(snapshot.processes.len(), "process", "processes")];
    if zombies > 0 {
        parts.push(counted(zombies, "zombie", "zombies"));
    }
    if orphans > 0 {
        parts.push(counted(orphans, "orphan", "orphans"));
    }
    parts.push(counted(snapshot.connections.len(), "connection", "connections"));
    parts.push(format!("watched for {}", short::duration(snapshot.elapsed)));
    parts.join(", ")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn processes(snapshot: &Snapshot, on_terminal: bool, ink: Ink) -> String {
    if snapshot.is_over() {
        return ink.failure("no process is left\n");
    }
    if snapshot.processes.is_empty() {
        return "its processes may not be known: they are another user's\n".to_owned();
    }
    let mut table = titled(PROCESS_TITLES, PROCESSES, on_terminal);
    let mut zombies: HashMap<u32, usize> = HashMap::new();
    for member in &snapshot.processes {
        if member.process.is_zombie() {
            let of_parent = zombies.entry(member.process.parent).or_default();
            *of_parent += 1;
            if *of_parent > SHOWN {
                continue;
            }
        }
        table.add_row(process_cells(member));
    }
    let mut said = text(&table);
    let folded = zombies.into_iter().filter(|&(_, count)| count > SHOWN);
    for (parent, count) in folded.collect::<BTreeMap<_, _>>() {
        writeln!(said, "… and {} zombies more, children of {parent}", count - SHOWN).ok();
    }
    said
}

/// What stands in a process's row, below [`PROCESS_TITLES`].
pub fn process_cells(member: &Member) -> [String; 9] {
    let Member { process, depth, is_orphan, age, cpu_now, descriptors, pss, switches } = member;
    let lives = !process.is_zombie();
    let of_living = |figure: Option<u64>, words: fn(u64) -> String| match figure {
        _ if !lives => "–".to_owned(),
        Some(figure) => words(figure),
        None => "?".to_owned(),
    };
    let branch = match (depth, is_orphan) {
        (0, false) => String::new(),
        (0, true) => "orphan ".to_owned(),
        (deep, _) => format!("{}└ ", " ".repeat(deep.min(&8) - 1)),
    };
    [
        process.pid.to_string(),
        format!("{branch}{}", process.name),
        state_word(member),
        if lives { process.threads.to_string() } else { "–".to_owned() },
        of_living(*descriptors, short::count),
        of_living(*pss, short::memory),
        cpu_now.filter(|_| lives).map_or("–".to_owned(), short::share),
        of_living(*switches, short::count),
        short::duration(*age),
    ]
}

/// The state in a word. Of a zombie also how it ended.
fn state_word(member: &Member) -> String {
    let process = &member.process;
    if process.is_zombie() {
        return process.end.map_or("ZOMBIE".to_owned(), |end| format!("ZOMBIE, {}", ended(end)));
    }
    match process.state {
        'R' => "running".to_owned(),
        'S' => "sleeping".to_owned(),
        'D' => "in disk sleep".to_owned(),
        'T' => "stopped".to_owned(),
        't' => "traced".to_owned(),
        'I' => "idle".to_owned(),
        'Z' => "main thread ended".to_owned(),
        other => other.to_string(),
    }
}

fn ended(end: End) -> String {
    match end {
        End::Exited(status) => format!("exited {status}"),
        End::Killed(signal) => format!("signal {signal}"),
    }
}

fn listeners(snapshot: &Snapshot, on_terminal: bool) -> String {
    if snapshot.listeners.is_empty() {
        let is_known = snapshot.is_open() || snapshot.is_over();
        let said = if is_known { "it listens on no TCP port\n" } else { "where it listens: ?\n" };
        return said.to_owned();
    }
    let mut table = titled(LISTENER_TITLES, SOCKETS, on_terminal);
    for listener in &snapshot.listeners {
        table.add_row(listener_cells(listener));
    }
    let mut said = text(&table);
    let counted = match snapshot.counters {
        Some(counted) => format!(
            "{} full accept queues, {} SYNs and ACKs dropped: all servers here, since the start\n",
            counted.listen_overflows, counted.listen_drops
        ),
        None => "full accept queues: unknown\n".to_owned(),
    };
    said.push_str(&counted);
    said
}

/// What stands in a listening socket's row, below [`LISTENER_TITLES`].
pub fn listener_cells(listener: &Listener) -> [String; 4] {
    let Listener { address, queued, backlog, holders } = listener;
    [address.to_string(), queued.to_string(), backlog.to_string(), held_by(holders.as_deref())]
}

fn states(connections: &[Connection], on_terminal: bool) -> String {
    let mut table = titled(STATE_TITLES, STATES, on_terminal);
    table.add_rows(state_rows(connections));
    text(&table)
}

/// How many connections are in which state, at both ends, below [`STATE_TITLES`].
pub fn state_rows(connections: &[Connection]) -> Vec<[String; 4]> {
    let mut states: BTreeMap<State, (usize, usize, &str)> = BTreeMap::new();
    for connection in connections {
        let entry = states.entry(connection.state).or_default();
        entry.0 += 1;
        entry.2 = connection.remark().unwrap_or_default();
        if let Some(state) = connection.peer_state {
            states.entry(state).or_default().1 += 1;
        }
    }
    let number = |count: usize| if count == 0 { "–".to_owned() } else { count.to_string() };
    let row = |(state, (here, there, remark)): (State, (usize, usize, &str))| {
        [state.name().to_owned(), number(here), number(there), remark.to_owned()]
    };
    states.into_iter().map(row).collect()
}

/// Who holds what.
fn connections(connections: &[Connection], on_terminal: bool) -> String {
    let mut table = titled(CONNECTION_TITLES, CONNECTIONS, on_terminal);
    let mut sorted = connections.to_vec();
    sort_remarkable_first(&mut sorted);
    table.add_rows(sorted.iter().take(SHOWN).map(connection_cells));
    let mut said = text(&table);
    if connections.len() > SHOWN {
        let more = counted(connections.len() - SHOWN, "connection", "connections");
        writeln!(said, "… and {more} more").ok();
    }
    said
}

/// Puts those connections first whose state says that somebody has not closed.
pub fn sort_remarkable_first(connections: &mut [Connection]) {
    connections.sort_by_key(|one| {
        (one.remark().is_none(), one.state != State::Established, one.holders().first().copied())
    });
}

/// What stands in a connection's row, below [`CONNECTION_TITLES`].
pub fn connection_cells(connection: &Connection) -> [String; 4] {
    let Connection { peer, state, unread, holders, .. } = connection;
    [peer.to_string(), state.name().to_owned(), unread.to_string(), held_by(holders.as_deref())]
}

fn held_by(holders: Option<&[Holder]>) -> String {
    let Some(holders) = holders else { return "?".to_owned() };
    let shown = holders.iter().take(SHOWN);
    let mut said: Vec<_> = shown.map(|one| format!("{}:{}", one.pid, one.descriptor)).collect();
    match holders.len() {
        0 => return "nobody".to_owned(),
        many if many > SHOWN => said.push(format!("… {} more", many - SHOWN)),
        _ => {}
    }
    said.join(" ")
}

/// What has happened, a line a kind.
pub fn event_lines(events: &[Event]) -> Vec<String> {
    let mut kinds: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for &event in events {
        let (kind, pid) = match event {
            Event::Started { pid, parent } => (format!("started by {parent}"), pid),
            Event::Zombie { pid, end: Some(end) } => (format!("{}, not reaped", ended(end)), pid),
            Event::Zombie { pid, end: None } => ("ended, not reaped".to_owned(), pid),
            Event::Reaped { pid } => ("ended, and reaped".to_owned(), pid),
            Event::Orphaned { pid, parent } => (format!("lost their parent {parent}"), pid),
        };
        kinds.entry(kind).or_default().push(pid);
    }
    let line = |(kind, pids): (String, Vec<u32>)| {
        let shown: Vec<_> = pids.iter().take(SHOWN).map(u32::to_string).collect();
        let more = match pids.len() {
            many if many > SHOWN => format!(" and {} more", many - SHOWN),
            _ => String::new(),
        };
        format!("{}{more}: {kind}", shown.join(" "))
    };
    kinds.into_iter().map(line).collect()
}

// ---- JSON. ----

/// A snapshot as a line of JSON: an object with `schema` 1. Where something may not be known there
/// is `null`.
pub fn snapshot_json(snapshot: &Snapshot) -> serde_json::Result<String> {
    let frame = Frame {
        schema: 1,
        seconds: snapshot.elapsed.as_secs_f64(),
        processes: snapshot.processes.iter().map(ProcessView::of).collect(),
        listening: snapshot.listeners.iter().map(ListenerView::of).collect(),
        connections: snapshot.connections.iter().map(ConnectionView::of).collect(),
        connections_opened: snapshot.counters.map(|counted| counted.opened),
        full_accept_queues: snapshot.counters.map(|counted| counted.listen_overflows),
        dropped: snapshot.counters.map(|counted| counted.listen_drops),
        events: event_lines(&snapshot.events),
    };
    serde_json::to_string(&frame).map(|text| text + "\n")
}

#[derive(Serialize)]
struct Frame<'a> {
    schema: u32,
    /// Since the watch began.
    seconds: f64,
    processes: Vec<ProcessView<'a>>,
    listening: Vec<ListenerView>,
    connections: Vec<ConnectionView>,
    /// Of all servers of the network namespace, since the watch began.
    connections_opened: Option<u64>,
    full_accept_queues: Option<u64>,
    dropped: Option<u64>,
    events: Vec<String>,
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
    /// Of a zombie.
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
            descriptors: member.descriptors,
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
    server: SocketAddr,
    client: SocketAddr,
    /// By the name of RFC 9293, at the server's end, and at the client's if that is here.
    state: &'static str,
    client_state: Option<&'static str>,
    unread_bytes: u32,
    unacknowledged_bytes: u32,
    /// `null` if they may not be known.
    holders: Option<Vec<HolderView>>,
}

impl ConnectionView {
    fn of(connection: &Connection) -> Self {
        Self {
            server: connection.local,
            client: connection.peer,
            state: connection.state.name(),
            client_state: connection.peer_state.map(State::name),
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
