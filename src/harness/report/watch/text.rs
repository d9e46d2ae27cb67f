//! A snapshot as a person reads it: the words, and the rows that the screen shows as well.

use super::super::{
    super::observe::{
        Connection, End, Event, Holder, Listener, Member, Snapshot, Sockets, State, remark,
    },
    ink::Ink,
    short,
    table::{Lean, table, text},
};
use comfy_table::Table;
use nix::sys::signal::Signal;
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

/// The columns of the processes.
pub const PROCESS_TITLES: [&str; 9] =
    ["pid", "name", "state", "thr", "fds", "PSS", "CPU", "ctxsw", "age"];

/// The columns of the listening sockets.
pub const LISTENER_TITLES: [&str; 4] = ["listening on", "queued", "backlog", HELD_BY];

/// The columns of the states in which connections are.
pub const STATE_TITLES: [&str; 4] = ["connections", "here", "other end", ""];

/// The columns of the connections.
pub const CONNECTION_TITLES: [&str; 4] = ["other end", "state", "unread", HELD_BY];

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
    if !snapshot.connections().is_empty() {
        said.push('\n');
        said.push_str(&states(snapshot.connections(), on_terminal));
        said.push('\n');
        said.push_str(&connections(snapshot.connections(), on_terminal));
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
    if snapshot.is_hidden {
        parts = vec!["? processes".to_owned()];
    }
    if zombies > 0 {
        parts.push(counted(zombies, "zombie", "zombies"));
    }
    if orphans > 0 {
        parts.push(counted(orphans, "orphan", "orphans"));
    }
    let connections = snapshot.connections().len();
    let is_known = connections > 0 || snapshot.is_open() && snapshot.sockets.is_ok();
    let said = counted(connections, "connection", "connections");
    parts.push(if is_known { said } else { "? connections".to_owned() });
    parts.push(format!("watched for {}", short::duration(snapshot.elapsed)));
    parts.join(", ")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn processes(snapshot: &Snapshot, on_terminal: bool, ink: Ink) -> String {
    if snapshot.is_hidden {
        let said = "its processes may not be known: another user's, or of another PID namespace\n";
        return said.to_owned();
    }
    if snapshot.is_over() {
        return ink.failure("no process is left\n");
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
    let Member { process, depth, is_orphan, age, cpu_now, pss, switches, .. } = member;
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
        format!("{branch}{}", plain(&process.name)),
        state_word(member),
        if lives { short::count(process.threads) } else { "–".to_owned() },
        of_living(member.descriptors(), short::count),
        of_living(*pss, short::memory),
        cpu_now.filter(|_| lives).map_or("–".to_owned(), short::share),
        of_living(*switches, short::count),
        short::duration(*age),
    ]
}

/// A name as a terminal may have it: a process may call itself anything (`PR_SET_NAME(2const)`).
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// The state in a word. Of a zombie also how it ended.
fn state_word(member: &Member) -> String {
    let process = &member.process;
    if process.is_zombie() {
        return process.end.map_or("ZOMBIE".to_owned(), |end| format!("ZOMBIE {}", ended(end)));
    }
    match process.state {
        'R' => "running".to_owned(),
        'S' => "sleeping".to_owned(),
        'D' => "in disk sleep".to_owned(),
        'T' => "stopped".to_owned(),
        't' => "traced".to_owned(),
        'I' => "idle".to_owned(),
        'Z' => "main ended".to_owned(),
        other => other.to_string(),
    }
}

/// How it ended: `exit 0`, `SIGKILL`.
pub(super) fn ended(end: End) -> String {
    match end {
        End::Exited(status) => format!("exit {status}"),
        End::Killed(signal) => Signal::try_from(signal)
            .map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string()),
    }
}

fn listeners(snapshot: &Snapshot, on_terminal: bool) -> String {
    let sockets = match &snapshot.sockets {
        Ok(sockets) => sockets,
        Err(why) => return format!("its sockets: ?\n{why}\n"),
    };
    if sockets.listeners.is_empty() {
        let is_known = snapshot.is_open() || snapshot.is_over();
        let said = if is_known { "it listens on no TCP port\n" } else { "where it listens: ?\n" };
        return said.to_owned();
    }
    let mut table = titled(LISTENER_TITLES, SOCKETS, on_terminal);
    for listener in &sockets.listeners {
        table.add_row(listener_cells(listener));
    }
    text(&table) + &counters_line(sockets) + "\n"
}

/// What the kernel has counted for all servers.
pub fn counters_line(sockets: &Sockets) -> String {
    let Sockets { before: Some(before), since: Some(since), .. } = sockets else {
        return "overflows of the accept queue, drops: ?".to_owned();
    };
    let count = short::count;
    format!(
        "all servers: {} overflows, {} drops in this watch; {}, {} before",
        count(since.listen_overflows),
        count(since.listen_drops),
        count(before.listen_overflows),
        count(before.listen_drops)
    )
}

/// What stands in a listening socket's row, below [`LISTENER_TITLES`].
pub fn listener_cells(listener: &Listener) -> [String; 4] {
    let Listener { address, queued, backlog, holders, .. } = listener;
    [address.to_string(), queued.to_string(), backlog.to_string(), held_by(holders.as_deref())]
}

fn states(connections: &[Connection], on_terminal: bool) -> String {
    let mut table = titled(STATE_TITLES, STATES, on_terminal);
    table.add_rows(state_rows(connections));
    text(&table)
}

/// How many connections are in which state, at both ends, below [`STATE_TITLES`].
pub fn state_rows(connections: &[Connection]) -> Vec<[String; 4]> {
    let mut states: BTreeMap<State, (usize, usize, Option<bool>)> = BTreeMap::new();
    for connection in connections {
        let entry = states.entry(connection.state).or_default();
        let is_alike = entry.0 == 0 || entry.2 == connection.is_outgoing;
        entry.2 = connection.is_outgoing.filter(|_| is_alike);
        entry.0 += 1;
        if let Some(state) = connection.peer_state {
            states.entry(state).or_default().1 += 1;
        }
    }
    let number = |count: usize| if count == 0 { "–".to_owned() } else { count.to_string() };
    let row = |(state, (here, there, is_outgoing)): (State, (usize, usize, Option<bool>))| {
        let said = remark(state, is_outgoing).filter(|_| here > 0).unwrap_or_default();
        [state.name().to_owned(), number(here), number(there), said.to_owned()]
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

/// What has happened, a line a kind, the worst first.
pub fn event_lines(events: &[Event]) -> Vec<String> {
    let mut kinds: BTreeMap<(u8, String), Vec<u32>> = BTreeMap::new();
    for &event in events {
        let (rank, kind, pid) = match event {
            Event::Zombie { pid, end } => {
                let how = end.map_or_else(|| "ended".to_owned(), ended);
                (0, format!("{how}, not reaped"), pid)
            }
            Event::Orphaned { pid, parent: Some(parent) } => {
                (1, format!("outlived its parent {parent}"), pid)
            }
            Event::Orphaned { pid, parent: None } => (1, "outlived its parent".to_owned(), pid),
            Event::Reaped { pid } => (2, "ended, and was reaped".to_owned(), pid),
            Event::Started { pid, parent } => (3, format!("started by {parent}"), pid),
        };
        kinds.entry((rank, kind)).or_default().push(pid);
    }
    let line = |((_, kind), pids): ((u8, String), Vec<u32>)| {
        let shown: Vec<_> = pids.iter().take(SHOWN).map(u32::to_string).collect();
        let more = match pids.len() {
            many if many > SHOWN => format!(" and {} more", many - SHOWN),
            _ => String::new(),
        };
        format!("{kind}: {}{more}", shown.join(" "))
    };
    kinds.into_iter().map(line).collect()
}
